"""`sam deploy` onto the local stack, and what the stack then says about itself."""

from collections.abc import Mapping
from pathlib import Path

import boto3
from botocore.config import Config

from segue_local import environment, processes
from segue_local.failure import LocalStackError
from segue_local.places import tool

#: Where `sam deploy` puts the code; made here, since `--resolve-s3` would make a stack of its own for it.
_ARTIFACTS = "segue-local-artifacts"


def client(service: str, endpoint: str):
    """A boto3 client of the local stack, as its root."""
    session = boto3.session.Session(
        aws_access_key_id=environment.KEY, aws_secret_access_key=environment.KEY, region_name=environment.REGION
    )
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}, read_timeout=120)
    return session.client(service, endpoint_url=endpoint, config=config)


def deploy(template: Path, name: str, parameters: Mapping[str, str], *, endpoint: str, folder: Path) -> None:
    """Deploys the built template as stack `name`; a second time it updates that stack.

    Raises:
        LocalStackError: `sam deploy` failed; the text has the end of its log.
    """
    client("s3", endpoint).create_bucket(Bucket=_ARTIFACTS)
    # Quoted, or `sam` takes a value for two at its first space.
    overrides = [f'ParameterKey={key},ParameterValue="{value}"' for key, value in parameters.items()]
    command = [
        tool("sam"), "deploy",
        "--template-file", str(template),
        "--stack-name", name,
        "--s3-bucket", _ARTIFACTS,
        "--region", environment.REGION,
        "--capabilities", "CAPABILITY_IAM",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        "--parameter-overrides", *overrides,
    ]  # fmt: skip
    log = folder / f"deploy-{name}.log"
    processes.run(command, env=environment.sam(endpoint, folder), folder=folder, log=log)


def outputs(name: str, endpoint: str) -> dict[str, str]:
    """The outputs of stack `name`."""
    stacks = client("cloudformation", endpoint).describe_stacks(StackName=name)["Stacks"]
    found = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if not found:
        raise LocalStackError(f"stack {name} has no outputs: {stacks[0].get('StackStatus')}")
    return found
