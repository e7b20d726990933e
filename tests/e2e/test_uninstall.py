"""`segue uninstall` on a stack of its own: nothing is left of it, and nothing of upstream's is lost."""

import json
import os
import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from make_segment import Recipe, make
from sandbox_control import Sandbox
from segue_local import LocalStack
from system import System


@pytest.fixture
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A stack that may be taken away."""
    record = tmp_path_factory.mktemp("doomed")
    label = f"{os.environ.get('SEGUE_E2E_LABEL', 'e2e')}-doomed"
    compile_first = "SEGUE_E2E_NO_BUILD" not in os.environ
    with LocalStack(label, requests=record, compile=compile_first) as stack:
        yield System(stack, Sandbox(stack.sandbox_url, record))


def _left(system: System) -> dict[str, list[str]]:
    """What there is in the account that stacks are made of, besides buckets."""
    client = system.stack.client
    return {
        "functions": [found["FunctionName"] for found in client("lambda").list_functions()["Functions"]],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "secrets": [found["Name"] for found in client("secretsmanager").list_secrets()["SecretList"]],
        "rules": [found["Name"] for found in client("events").list_rules()["Rules"]],
        "schedules": [found["Name"] for found in client("scheduler").list_schedules()["Schedules"]],
        "roles": [found["RoleName"] for found in client("iam").list_roles()["Roles"]],
        "policies": [found["PolicyName"] for found in client("iam").list_policies(Scope="Local")["Policies"]],
        "alarms": [found["AlarmName"] for found in client("cloudwatch").describe_alarms()["MetricAlarms"]],
    }


def _stop_deliveries(system: System) -> None:
    """No function gets a message any more: runs stay unfinished."""
    functions = system.stack.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    # A poll that has begun is over by then.
    time.sleep(1.5)


def _sealed(system: System) -> int:
    return sum(key.endswith("/sealed.json") for key in system.keys("runs/"))


def test_nothing_is_left_but_what_upstream_delivered(doomed: System) -> None:
    segment = doomed.segment("last")
    exports = doomed.exports(segment)
    file = make(Recipe(rows=100, invalid=0, duplicate=0, seed=91))
    key = doomed.drop(segment, file)
    for export in exports.values():
        assert doomed.one(export)["status"] == "completed"
    kept = sorted(export.id for export in exports.values())
    refused = doomed.cli("uninstall")
    assert refused.returncode == 2 and "--yes" in refused.stderr, refused.stderr
    assert all(doomed.keys(f"config/exports/administrators/{name}.json") for name in kept)

    _stop_deliveries(doomed)
    doomed.drop(segment, file, "again.csv")
    doomed.wait_for("three more seals", lambda: _sealed(doomed) == 6)
    done = doomed.cli("uninstall", "--yes", "--secrets", "delete", "--timeout", "1", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["runs_cancelled"], len(told["secrets_deleted"]), told["secrets_kept"]) == (3, 3, [])

    assert _left(doomed) == {name: [] for name in _left(doomed)}
    with pytest.raises(ClientError, match="does not exist"):
        doomed.stack.client("cloudformation").describe_stacks(StackName=doomed.stack.name)
    buckets = [found["Name"] for found in doomed.s3.list_buckets()["Buckets"]]
    assert doomed.state_bucket not in buckets and doomed.segment_bucket in buckets
    assert doomed.s3.get_object(Bucket=doomed.segment_bucket, Key=key)["Body"].read() == file
    gone = doomed.cli("run", "list")
    assert gone.returncode == 1 and "there is no stack" in gone.stderr, gone.stderr
