"""`segue uninstall` on a stack of its own: nothing is left of it, and nothing of upstream's is lost."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError
from breaking_off import Guillotine, Point, Request
from make_segment import Recipe, make
from sandbox_control import Sandbox
from segue_local import LocalStack
from segue_local.build import program
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


def _assert_gone(system: System, key: str, file: bytes) -> None:
    """Nothing is left but what upstream delivered."""
    assert _left(system) == {name: [] for name in _left(system)}
    with pytest.raises(ClientError, match="does not exist"):
        system.stack.client("cloudformation").describe_stacks(StackName=system.stack.name)
    buckets = [found["Name"] for found in system.s3.list_buckets()["Buckets"]]
    assert system.state_bucket not in buckets and system.segment_bucket in buckets
    assert system.s3.get_object(Bucket=system.segment_bucket, Key=key)["Body"].read() == file


def test_nothing_is_left_but_what_upstream_delivered(doomed: System) -> None:
    segment = doomed.segment("last")
    exports = doomed.exports(segment)
    file = make(Recipe(rows=100, invalid=0, duplicate=0, seed=91))
    key = doomed.drop(segment, file)
    for export in exports.values():
        assert doomed.one(export)["status"] == "completed"
    kept = sorted(export.id for export in exports.values())
    refused = doomed.cli("uninstall")
    assert refused.returncode == 2 and "--force" in refused.stderr, refused.stderr
    assert all(doomed.keys(f"config/exports/administrators/{name}.json") for name in kept)

    # CloudFormation could not delete the stack: nothing is begun.
    iam = doomed.stack.client("iam")
    iam.create_user(UserName="ann")
    policy = {"UserName": "ann", "PolicyArn": doomed.stack.outputs["ContributorsPolicyArn"]}
    iam.attach_user_policy(**policy)
    refused = doomed.cli("uninstall", "--force")
    assert refused.returncode == 1 and "aws iam detach-user-policy --user-name ann" in refused.stderr, refused.stderr
    listed = json.loads(doomed.cli("export", "list", "--output", "json").stdout)
    assert {found["status"] for found in listed} == {"active"}, listed
    iam.detach_user_policy(**policy)

    _stop_deliveries(doomed)
    doomed.drop(segment, file, "again.csv")
    doomed.wait_for("three more seals", lambda: _sealed(doomed) == 6)
    done = doomed.cli("uninstall", "--yes", "--secrets", "delete", "--timeout", "1", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["runs_cancelled"], len(told["secrets_deleted"]), told["secrets_kept"]) == (3, 3, [])

    _assert_gone(doomed, key, file)
    gone = doomed.cli("run", "list")
    assert gone.returncode == 1 and "there is no stack" in gone.stderr, gone.stderr


def _deletes(part: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "DELETE" and part in request.path


def _deletes_a_bucket(request: Request) -> bool:
    return request.method == "DELETE" and re.fullmatch(r"/[^/?]+/?(\?.*)?", request.path) is not None


def _pauses_an_export(request: Request) -> bool:
    return request.method == "PUT" and "/config/exports/" in request.path


#: Where uninstalling is killed, in the order in which it gets there.
POINTS = [
    Point("one of two schedules is removed", _deletes("/schedules/")),
    Point("one export is paused", _pauses_an_export, number=2, done=False),
    Point("one of three runs is cancelled", lambda request: request.path.endswith("/cancel.json?x-id=PutObject")),
    Point("deleting the stack has begun", lambda request: b"Action=DeleteStack" in request.body),
    Point("one secret is deleted", lambda request: request.target.endswith(".DeleteSecret")),
    Point("a part of the state is deleted", _deletes("/runs/"), number=3),
    Point("the bucket alone is left", _deletes_a_bucket, done=False),
]  # fmt: skip


def test_what_is_broken_off_anywhere_is_finished_by_doing_it_again(doomed: System) -> None:
    segment = doomed.segment("broken")
    exports = doomed.exports(segment)
    _stop_deliveries(doomed)
    file = make(Recipe(rows=100, invalid=0, duplicate=0, seed=92))
    key = doomed.drop(segment, file)
    doomed.wait_for("three seals", lambda: _sealed(doomed) == 3)
    for export in list(exports.values())[:2]:
        assert doomed.cli("export", "schedule", "set", export.id, "--rate", "6 hours").returncode == 0
    doing = ["uninstall", "--yes", "--secrets", "delete", "--timeout", "0"]
    command = [str(program("segue")), "--stack", doomed.stack.name, *doing]
    for point in POINTS:
        status = Guillotine(doomed.stack.endpoint, point).run(command, doomed.stack.environment)
        assert status == -signal.SIGKILL, f"it was not killed when {point.name}: {status}"
    last = doomed.cli(*doing, "--output", "json")
    assert last.returncode == 0, last.stdout + last.stderr
    _assert_gone(doomed, key, file)
    again = doomed.cli(*doing)
    assert again.returncode == 1 and "there is no stack" in again.stderr, again.stderr
