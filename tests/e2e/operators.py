"""People and programs with the stack's policies, and no other right."""

import json
import subprocess

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from segue_local import LocalStack, environment
from segue_local.build import program
from segue_local.stack import STACK

#: The outputs with the policies of each role.
POLICIES = {
    "administrators": ["AdministratorsPolicyArn", "AdministratorsRunsPolicyArn"],
    "contributors": ["ContributorsPolicyArn"],
    "upstream": ["UpstreamPolicyArn"],
}
_DENIED = ("AccessDenied", "AccessDeniedException")


class Operator:
    """An IAM user of the local stack who has the stack's managed policies for a role.

    Args:
        stack: where.
        role: one of `POLICIES`.
        user: the user's name.
        policy: a policy of its own instead.
    """

    def __init__(self, stack: LocalStack, role: str, *, user: str | None = None, policy: dict | None = None) -> None:
        self.stack = stack
        self.role = role
        iam = stack.client("iam")
        user = user or f"{STACK}-{role}"
        iam.create_user(UserName=user)
        if policy:
            iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(policy))
        else:
            for output in POLICIES[role]:
                iam.attach_user_policy(UserName=user, PolicyArn=stack.outputs[output])
        key = iam.create_access_key(UserName=user)["AccessKey"]
        self._key, self._secret = key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, service: str):
        """A boto3 client as this operator."""
        session = boto3.session.Session(
            aws_access_key_id=self._key, aws_secret_access_key=self._secret, region_name=environment.REGION
        )
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=60)
        return session.client(service, endpoint_url=self.stack.endpoint, config=config)

    @property
    def environment(self) -> dict[str, str]:
        """What `segue` needs to run as this operator."""
        own = {"AWS_ACCESS_KEY_ID": self._key, "AWS_SECRET_ACCESS_KEY": self._secret}
        return {**self.stack.environment, **own}

    def cli(self, *arguments: str) -> subprocess.CompletedProcess:
        """Runs `segue` as this operator."""
        command = [str(program("segue")), "--stack", self.stack.name, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=90, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, output: str, request: dict, alias: str | None = None) -> object:
        """Invokes a function, or its alias, and gives its answer."""
        name = self.stack.outputs[output] + (f":{alias}" if alias else "")
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(request).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.loads(answer["Payload"].read())


def outcome(act) -> str:
    """What came of an operation: `allowed`, `denied` by IAM, or `refused` by a function."""
    try:
        answer = act()
    except ClientError as error:
        assert error.response["Error"]["Code"] in _DENIED, error
        return "denied"
    return "refused" if isinstance(answer, dict) and "refused" in answer else "allowed"
