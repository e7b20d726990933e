"""Starts MiniStack such that its policy checks (`AUTH=true`) see requests as AWS' own would.

Two things differ otherwise. The template refuses requests without TLS, as it should in AWS, and MiniStack is on
loopback, in plain HTTP. And AWS checks a batch of SQS under the action of the single message
(`sqs:SendMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility`: the service authorization reference has no
actions for batches), while MiniStack asks for an action named like the operation.
"""

from ministack import app as ministack
from ministack.core import iam_actions


def main() -> None:
    """MiniStack's own `main`, with those two answers changed."""
    pin = ministack.pin_request_origin
    ministack.pin_request_origin = lambda source_ip, _secure_transport: pin(source_ip, True)
    action = iam_actions._action_from_target
    iam_actions._action_from_target = lambda headers: single(action(headers))
    ministack.main()


def single(action: str | None) -> str | None:
    """The action that AWS checks for an operation of SQS on a batch."""
    batched = {"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
    return action.removesuffix("Batch") if action in batched else action


if __name__ == "__main__":
    main()
