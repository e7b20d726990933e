"""Starts MiniStack such that its policy checks (`AUTH=true`) see requests as AWS' own would.

Some things differ otherwise. The template refuses requests without TLS, as it should in AWS, and MiniStack is on
loopback, in plain HTTP. AWS checks a batch of SQS under the action of the single message (`sqs:SendMessage`,
`sqs:DeleteMessage`, `sqs:ChangeMessageVisibility`: the service authorization reference has no actions for batches),
while MiniStack asks for an action named like the operation. It takes every schedule for one of the default group, asks
nobody whether they may pass the role of a schedule, forgets the alias that a schedule names, checks what reads a log
group on the group itself, and tells everybody who may read an object that it does not exist, while S3 tells it those
only who may list its bucket.
"""

import json
from contextvars import ContextVar
from functools import partial

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.services import eventbridge, lambda_svc, s3

#: The role that the request under way passes to EventBridge Scheduler.
_passed: ContextVar[str | None] = ContextVar("passed", default=None)


def main() -> None:
    """MiniStack's own `main`, with those answers changed."""
    pin = ministack.pin_request_origin
    ministack.pin_request_origin = lambda source_ip, _secure_transport: pin(source_ip, True)
    action = iam_actions._action_from_target
    iam_actions._action_from_target = lambda headers: single(action(headers))
    resource = iam_actions.extract_resource_arn
    iam_actions.extract_resource_arn = lambda *request: as_checked(resource(*request), *request)
    enforce = iam_evaluator.enforce
    passing = partial(with_passed_role, enforce)
    iam_evaluator.enforce = lambda *check, **more: with_missing_objects(passing, is_missing, *check, **more)
    record = lambda_svc._get_func_record_for_ref
    lambda_svc._get_func_record_for_ref = lambda ref, *more: as_invoked(record(ref, *more), ref)
    ministack.main()


def single(action: str | None) -> str | None:
    """The action that AWS checks for an operation of SQS on a batch."""
    batched = {"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
    return action.removesuffix("Batch") if action in batched else action


def as_checked(
    arn: str, service: str, _method: str, _path: str, _headers: dict, body: bytes, query: dict, *_more: object
) -> str:
    """The ARN that AWS checks: a schedule's has its group in it, which the body or the query names, and what reads a log
    group is checked on its streams."""
    _passed.set(None)
    if service == "logs" and arn.count(":") == 6:
        return f"{arn}:log-stream:"
    if service != "scheduler" or ":schedule/default/" not in arn:
        return arn
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return arn
    named = query.get("groupName", "default")
    group = asked.get("GroupName") or (named[0] if isinstance(named, list) else named)
    _passed.set(asked.get("Target", {}).get("RoleArn"))
    return arn.replace(":schedule/default/", f":schedule/{group}/")


def with_passed_role(enforce, access_key: str, action: str, service: str, region: str, **more):
    """What denies a request, if anything does: who makes a schedule must be allowed to pass its role, too."""
    denied = enforce(access_key, action, service, region, **more)
    role = _passed.get()
    if denied or not role or action not in {"scheduler:CreateSchedule", "scheduler:UpdateSchedule"}:
        return denied
    context = {"iam:PassedToService": "scheduler.amazonaws.com"}
    return enforce(access_key, "iam:PassRole", "iam", region, resource_arn=role, service_context=context)


def is_missing(bucket: str, key: str) -> bool:
    """Whether a bucket of MiniStack's has no such object."""
    return key not in (s3._buckets.get(bucket) or {}).get("objects", {})


def with_missing_objects(enforce, missing, access_key: str, action: str, service: str, region: str, **more):
    """What denies a request, if anything does: that an object is not there learns who may list the bucket, whatever
    the prefix; reading has none that a policy could compare."""
    denied = enforce(access_key, action, service, region, **more)
    bucket, _, key = more.get("resource_arn", "").removeprefix("arn:aws:s3:::").partition("/")
    if denied or action != "s3:GetObject" or not missing(bucket, key):
        return denied
    arn = f"arn:aws:s3:::{bucket}"
    return enforce(access_key, "s3:ListBucket", service, region, resource_arn=arn, service_context={})


def as_invoked(found: tuple, ref: str) -> tuple:
    """A function as it is found by `ref`, which it is told as the ARN that it was invoked as."""
    record, config, name = found
    if config and isinstance(ref, str) and ref.startswith("arn:") and ref.count(":") == 7:
        config = {**config, "FunctionArn": ref}
    return record, config, name


if __name__ == "__main__":
    main()
