"""Who may do what: every line of the table is tried for real, as users who have the stack's policies and nothing else.

IAM is enforced here, by the policies as they are deployed. Only AWS itself can show that its services check what the
table relies on: that EventBridge Scheduler runs a schedule as the role that was passed with it, and that it takes over
such a role only for the stack's own groups.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import pytest
from operators import POLICIES, Operator, outcome
from system import DESTINATIONS, System

FILE = b"email,first_name,last_name\nqx.%s@example.com,A,B\n"
ROW = {"A": "allowed", "-": "denied", "R": "refused"}


class World:
    """What the operations of the table are done to."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.outputs = system.stack.outputs
        self.state = self.outputs["StateBucket"]
        self.drops = self.outputs["SegmentBucket"]
        self.segment = system.segment("roles")
        self.shared = {
            name: system.export(name, self.segment, role="contributors", connection={"shared_with": "contributors"},
                                triggers={"upload": False, "schedule": False})
            for name in DESTINATIONS
        }  # fmt: skip
        self.own = {
            name: system.export(name, self.segment, triggers={"upload": False, "schedule": False})
            for name in DESTINATIONS
        }  # fmt: skip
        self.unshared = system.export("klaviyo", self.segment, role="contributors",
                                      triggers={"upload": False, "schedule": False})  # fmt: skip
        self.dropped = system.drop(self.segment, FILE % b"one")
        system.put("chunks/roles/run/attempt/0", {"people": "here"})
        system.put("runs/roles/run/summary.json", {"version": 1})
        system.put("health/roles.json", {"version": 1})
        for group in ("ScheduleGroup", "ContributorsScheduleGroup"):
            self.schedule(system.stack, group, "Administrators", "kept")

    def schedule(self, operator, group: str, role: str, name: str | None = None, how: str = "create_schedule") -> dict:
        """Makes or changes a schedule in one of the stack's groups that is never due, or in the group `group`."""
        alias = ":contributors" if role == "Contributors" else ""
        arn = self.outputs[f"{role}SchedulerRoleArn"]
        account = arn.split(":")[4]
        scheduler = operator.client("scheduler")
        return getattr(scheduler, how)(
            Name=name or f"s-{uuid.uuid4().hex}",
            GroupName=self.outputs.get(group, group),
            ScheduleExpression="at(2099-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": f"arn:aws:lambda:us-east-1:{account}:function:{self.outputs['FanOutFunction']}{alias}",
                "RoleArn": arn,
                "Input": "{}",
            },
        )


@pytest.fixture(scope="module")
def world(system: System) -> Iterator[World]:
    made = World(system)
    yield made
    # Other tests find nothing that is no real run's.
    for prefix in ("chunks/roles/", "runs/roles/", "open/roles", "exports/roles/", "health/roles", "config/applied/"):
        for key in system.keys(prefix):
            system.s3.delete_object(Bucket=made.state, Key=key)


@pytest.fixture(scope="module")
def operators(system: System) -> Iterator[dict[str, Operator]]:
    yield {role: Operator(system.stack, role) for role in POLICIES}


def _get(key: str) -> Callable:
    return lambda it, world: it.client("s3").get_object(Bucket=world.state, Key=key.format(world=world))


def _put(key: str) -> Callable:
    def act(it: Operator, world: World) -> dict:
        named = key.format(world=world)
        # As it was, where it was there: what is tried changes nothing.
        body = world.system.read(named) or {"version": 1}
        return it.client("s3").put_object(Bucket=world.state, Key=named, Body=json.dumps(body).encode())

    return act


def _delete(key: str) -> Callable:
    return lambda it, world: it.client("s3").delete_object(Bucket=world.state, Key=f"{key}{uuid.uuid4()}.json")


def _list(prefix: str) -> Callable:
    return lambda it, world: it.client("s3").list_objects_v2(Bucket=world.state, Prefix=prefix)


def _drop(key: str) -> Callable:
    return lambda it, world: it.client("s3").put_object(Bucket=world.drops, Key=key, Body=b"x")


def _secret(name: str, how: str, **more: object) -> Callable:
    def act(it: Operator, world: World) -> dict:
        named = name.format(world=world, new=uuid.uuid4())
        argument = "Name" if how == "create_secret" else "SecretId"
        return getattr(it.client("secretsmanager"), how)(**{argument: named}, **more)

    return act


def _ask(output: str, request: Callable[[World], dict], alias: str | None = None) -> Callable:
    return lambda it, world: it.ask(output, request(world), alias)


def _run(*exports: Callable[[World], str]) -> Callable[[World], dict]:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return lambda world: {
        "request": "run", "exports": [export(world) for export in exports], "id": str(uuid.uuid4()),
        "requested_at": now, "trigger": "on_demand",
    }  # fmt: skip


def _audiences(destination: str, whose: str) -> Callable[[World], dict]:
    return lambda world: {"request": "audiences", "connection": getattr(world, whose)[destination].connection}


def _schedule(group: str, role: str, **more: str) -> Callable:
    return lambda it, world: world.schedule(it, group, role, **more)


def _remove_schedule(group: str) -> Callable:
    def act(it: Operator, world: World) -> dict:
        name = f"gone-{uuid.uuid4().hex}"
        world.schedule(world.system.stack, group, "Administrators", name)
        return it.client("scheduler").delete_schedule(Name=name, GroupName=world.outputs[group])

    return act


def _queue(how: str, output: str = "KlaviyoDeadLetterQueueUrl", **more: object) -> Callable:
    return lambda it, world: getattr(it.client("sqs"), how)(QueueUrl=world.outputs[output], **more)


SEND = {"MessageBody": "{}", "MessageGroupId": "roles", "MessageDeduplicationId": "roles"}
ALIAS = "contributors"
HANDED_IN = {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]}
UPLOAD = {"source": "aws.s3", "detail-type": "Object Created", "time": "2026-11-22T16:35:12Z",
          "detail": {"bucket": {"name": "x"}, "object": {"key": "x"}}}  # fmt: skip

#: Operation; what comes of it for administrators, contributors and upstream: Allowed, - denied, Refused by a function.
TABLE: list[tuple[str, str, Callable]] = [
    ("find the stack", "AA-", lambda it, world: it.client("cloudformation").describe_stacks(StackName=world.outputs["StackName"])),
    # Configuration.
    ("list connections", "AA-", _list("config/connections/")),
    ("read a connection", "AA-", _get("config/connections/{world.own[klaviyo].connection}.json")),
    ("change a connection", "A--", _put("config/connections/{world.own[klaviyo].connection}.json")),
    ("share a connection", "A--", _put("config/connections/{world.unshared.connection}.json")),
    ("remove a connection", "A--", _delete("config/connections/")),
    ("read an administrators' export", "AA-", _get("config/exports/administrators/{world.own[klaviyo].id}.json")),
    ("change an administrators' export", "A--", _put("config/exports/administrators/{world.own[klaviyo].id}.json")),
    ("remove an administrators' export", "A--", _delete("config/exports/administrators/")),
    ("read a contributors' export", "AA-", _get("config/exports/contributors/{world.shared[klaviyo].id}.json")),
    ("change a contributors' export", "AA-", _put("config/exports/contributors/{world.shared[klaviyo].id}.json")),
    ("remove a contributors' export", "AA-", _delete("config/exports/contributors/")),
    ("note what a file of contributors' said", "AA-", _put("config/applied/contributors.json")),
    ("note what a file of administrators' said", "A--", _put("config/applied/administrators.json")),
    # Runs.
    ("list runs", "AA-", _list("runs/")),
    ("see what is not finished", "AA-", _list("open/")),
    ("read a run's summary", "AA-", _get("runs/roles/run/summary.json")),
    ("read what is wrong with a connection", "AA-", _get("health/roles.json")),
    ("cancel a run", "A--", _put("runs/roles/run/cancel.json")),
    ("note that a run is retried", "A--", _put("open/roles")),
    ("change a receipt", "---", _put("runs/roles/run/receipts/0.json")),
    ("change a run's summary", "---", _put("runs/roles/run/summary.json")),
    ("change what a run does", "---", _put("runs/roles/run/run.json")),
    ("change what was sealed last", "---", _put("exports/roles/head.json")),
    ("queue a chunk again", "A--", _queue("send_message", "KlaviyoQueueUrl", **SEND)),
    ("read logs", "A--", lambda it, world: it.client("logs").filter_log_events(logGroupName=world.outputs["FanOutLogGroup"])),
    # People.
    ("read a chunk", "---", _get("chunks/roles/run/attempt/0")),
    ("write a chunk", "---", _put("chunks/roles/run/attempt/1")),
    ("list chunks", "A--", _list("chunks/")),
    ("list all that there is, chunks too", "A--", lambda it, world: it.client("s3").list_objects_v2(Bucket=world.state)),
    ("list all that there is by an empty prefix", "A--", _list("")),
    ("list accounts", "A--", _list("lanes/")),
    ("delete a chunk", "A--", _delete("chunks/roles/")),
    ("list drops", "A--", lambda it, world: it.client("s3").list_objects_v2(Bucket=world.drops, Prefix="segments/")),
    ("read a drop", "A--", lambda it, world: it.client("s3").get_object(Bucket=world.drops, Key=world.dropped)),
    ("drop a segment", "A-A", _drop("segments/roles-upstream/x.csv")),
    ("drop elsewhere", "---", _drop("elsewhere/x.csv")),
    ("delete a drop", "---", lambda it, world: it.client("s3").delete_object(Bucket=world.drops, Key="segments/x/y")),
    # Secrets.
    ("read a secret", "A--", _secret("{world.own[klaviyo].secret}", "get_secret_value")),
    ("read a shared connection's secret", "A--", _secret("{world.shared[klaviyo].secret}", "get_secret_value")),
    ("store a secret", "A--", _secret("segue-local/klaviyo/{new}", "create_secret", SecretString="{{}}")),
    ("store another's secret", "---", _secret("elsewhere/{new}", "create_secret", SecretString="{{}}")),
    # Queues.
    ("look how long a queue is", "A--", _queue("get_queue_attributes", AttributeNames=["ApproximateNumberOfMessages"])),
    ("take a message", "---", _queue("receive_message", "KlaviyoQueueUrl")),
    ("take a dead letter", "---", _queue("receive_message")),
    ("empty a queue", "---", _queue("purge_queue")),
    # fan-out.
    ("ask for segments", "A--", _ask("FanOutFunction", lambda _: {"request": "segments"})),
    ("ask for segments as contributor", "-A-", _ask("FanOutFunction", lambda _: {"request": "segments"}, ALIAS)),
    ("ask for columns as contributor", "-A-",
     _ask("FanOutFunction", lambda world: {"request": "columns", "segment": world.segment}, ALIAS)),
    ("try an own export as contributor", "-A-",
     _ask("FanOutFunction", lambda world: {"request": "preview", "exports": [world.shared["klaviyo"].id]}, ALIAS)),
    ("try an administrators' export as contributor", "-R-",
     _ask("FanOutFunction", lambda world: {"request": "preview", "exports": [world.own["klaviyo"].id]}, ALIAS)),
    ("run an export", "A--", _ask("FanOutFunction", _run(lambda world: world.own["klaviyo"].id))),
    ("run an own export as contributor", "-A-",
     _ask("FanOutFunction", _run(lambda world: world.shared["klaviyo"].id), ALIAS)),
    ("run an administrators' export as contributor", "-R-",
     _ask("FanOutFunction", _run(lambda world: world.shared["klaviyo"].id, lambda world: world.own["klaviyo"].id), ALIAS)),
    ("resume", "A--", _ask("FanOutFunction", lambda _: {"request": "resume"})),
    ("resume as contributor", "-R-", _ask("FanOutFunction", lambda _: {"request": "resume"}, ALIAS)),
    ("refresh as contributor", "-R-",
     _ask("FanOutFunction", lambda _: {"request": "refresh", "scheduled_time": "2026-11-22T16:00:00Z"}, ALIAS)),
    ("stage a run again as contributor", "-R-",
     _ask("FanOutFunction", lambda _: {"request": "restage", "export": "x", "run": "20261122T163512Z-00"}, ALIAS)),
    ("hand an upload in as contributor", "-R-", _ask("FanOutFunction", lambda _: UPLOAD, ALIAS)),
    # Destinations.
    *((f"ask for audiences at {name}", "A--", _ask(f"{name.capitalize()}Function", _audiences(name, "own")))
      for name in DESTINATIONS),
    *((f"ask for audiences at {name} as contributor", "-A-",
       _ask(f"{name.capitalize()}Function", _audiences(name, "shared"), ALIAS)) for name in DESTINATIONS),
    *((f"ask for audiences at {name} over what is not shared", "-R-",
       _ask(f"{name.capitalize()}Function", _audiences(name, "own"), ALIAS)) for name in DESTINATIONS),
    *((f"hand a message in at {name} as contributor", "-R-",
       _ask(f"{name.capitalize()}Function", lambda _: HANDED_IN, ALIAS)) for name in DESTINATIONS),
    # Schedules.
    ("list schedules", "AA-", lambda it, world: it.client("scheduler").list_schedules()),
    ("see an administrators' schedule", "AA-",
     lambda it, world: it.client("scheduler").get_schedule(Name="kept", GroupName=world.outputs["ScheduleGroup"])),
    ("schedule an administrators' export", "A--", _schedule("ScheduleGroup", "Administrators")),
    ("schedule a contributors' export", "AA-", _schedule("ContributorsScheduleGroup", "Contributors")),
    ("schedule with the administrators' role", "A--", _schedule("ContributorsScheduleGroup", "Administrators")),
    ("schedule elsewhere", "---", _schedule("default", "Contributors")),
    ("change an administrators' schedule", "A--",
     _schedule("ScheduleGroup", "Administrators", name="kept", how="update_schedule")),
    ("put the contributors' role into an administrators' schedule", "A--",
     _schedule("ScheduleGroup", "Contributors", name="kept", how="update_schedule")),
    ("change a contributors' schedule", "AA-",
     _schedule("ContributorsScheduleGroup", "Contributors", name="kept", how="update_schedule")),
    ("put the administrators' role into a contributors' schedule", "A--",
     _schedule("ContributorsScheduleGroup", "Administrators", name="kept", how="update_schedule")),
    ("remove an administrators' schedule", "A--", _remove_schedule("ScheduleGroup")),
    ("remove a contributors' schedule", "AA-", _remove_schedule("ContributorsScheduleGroup")),
    # The stack itself.
    ("point the alias elsewhere", "---",
     lambda it, world: it.client("lambda").update_alias(
         FunctionName=world.outputs["FanOutFunction"], Name=ALIAS, FunctionVersion="$LATEST")),
    ("change a function", "---",
     lambda it, world: it.client("lambda").update_function_configuration(
         FunctionName=world.outputs["FanOutFunction"], Timeout=900)),
    ("give oneself another policy", "---",
     lambda it, world: it.client("iam").attach_user_policy(
         UserName=f"segue-local-{it.role}", PolicyArn=world.outputs["AdministratorsPolicyArn"])),
    ("take the scheduler's role", "---",
     lambda it, world: it.client("sts").assume_role(
         RoleArn=world.outputs["AdministratorsSchedulerRoleArn"], RoleSessionName="roles")),
]  # fmt: skip

LINES = [
    pytest.param(role, act, ROW[letters[place]], id=f"{role}: {operation}")
    for operation, letters, act in TABLE
    for place, role in enumerate(POLICIES)
]


@pytest.mark.parametrize(("role", "act", "expected"), LINES)
def test_each_line_of_the_table(
    world: World, operators: dict[str, Operator], role: str, act: Callable, expected: str
) -> None:
    it = operators[role]
    assert outcome(lambda: act(it, world)) == expected


def test_audiences_are_names_ids_and_counts(world: World, operators: dict[str, Operator]) -> None:
    for name in DESTINATIONS:
        export = world.shared[name]
        answer = operators["contributors"].ask(
            f"{name.capitalize()}Function", {"request": "audiences", "connection": export.connection}, ALIAS
        )
        # Klaviyo's accounts have their audience seeded only under the name that the sandbox gives it.
        assert export.audience in [audience["id"] for audience in answer["audiences"]], answer
        assert all(set(audience) == {"id", "name", "kind", "profiles"} for audience in answer["audiences"])
        assert set(answer) == {"account", "audiences", "complete", "notes"} and answer["complete"]
        assert all(value not in json.dumps(answer) for value in export.credentials.values()), "a secret was told"


def test_a_contributors_run_sends_and_an_unshared_connections_never_does(
    world: World, operators: dict[str, Operator]
) -> None:
    cleo = operators["contributors"]
    shared, unshared = world.shared["mailchimp"], world.unshared
    for export in (shared, unshared):
        assert cleo.ask("FanOutFunction", _run(lambda _, export=export: export.id)(world), ALIAS) is None
    assert world.system.one(shared)["status"] == "completed"
    summary = world.system.one(unshared)
    assert summary["status"] == "refused"
    assert "not shared with contributors" in summary["message"]


@pytest.mark.parametrize("theirs", [True, False], ids=["own export", "administrators' export"])
def test_a_contributors_schedule_does_what_a_contributor_may(
    world: World, operators: dict[str, Operator], theirs: bool
) -> None:
    system = world.system
    export = world.shared["snapchat"] if theirs else world.own["snapchat"]
    arn = world.outputs["ContributorsSchedulerRoleArn"]
    at = "<aws.scheduler.scheduled-time>"
    request = {"request": "run", "exports": [export.id], "id": f"schedule/{at}", "requested_at": at, "trigger": "schedule"}
    operators["contributors"].client("scheduler").create_schedule(
        Name=export.id,
        GroupName=world.outputs["ContributorsScheduleGroup"],
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:lambda:us-east-1:{arn.split(':')[4]}:function:{world.outputs['FanOutFunction']}:{ALIAS}",
            "RoleArn": arn,
            "Input": json.dumps(request),
        },
    )
    if theirs:
        summary = system.one(export)
        assert (summary["status"], summary["trigger"]) == ("completed", "schedule")
    else:
        told = f"the export `{export.id}` is the administrators'"
        # It fails, since nobody reads what it answers: that raises the alarm.
        system.wait_for("the refusal", lambda: system.logged("FanOut", "a schedule's run is refused", told))
        assert system.runs(export) == []


def test_what_a_schedules_role_may_do(system: System, world: World) -> None:
    """The policies of the roles, as users would have them: the contributors' reaches the alias and nothing else."""
    iam = system.stack.client("iam")
    expected = {"Administrators": ("allowed", "denied"), "Contributors": ("denied", "allowed")}
    for role, (function, alias) in expected.items():
        name = world.outputs[f"{role}SchedulerRoleArn"].split("/")[-1]
        policy = iam.get_role_policy(RoleName=name, PolicyName="scheduler")["PolicyDocument"]
        it = Operator(system.stack, "upstream", user=f"as-{role}", policy=policy)
        segments = {"request": "segments"}
        assert outcome(lambda it=it: it.ask("FanOutFunction", segments)) == function, role
        assert outcome(lambda it=it: it.ask("FanOutFunction", segments, ALIAS)) == alias, role
        assert outcome(lambda it=it: it.ask("KlaviyoFunction", segments, ALIAS)) == "denied", role


def test_the_command_line_serves_contributors(world: World, operators: dict[str, Operator]) -> None:
    cleo, system = operators["contributors"], world.system
    segment = system.segment("roles")
    theirs, own = (
        system.export("klaviyo", segment, role=role, connection={"shared_with": "contributors"},
                      triggers={"upload": False, "schedule": False})
        for role in ("contributors", "administrators")
    )  # fmt: skip
    system.drop(segment, FILE % b"two")
    listed = cleo.cli("audience", "list", theirs.connection, "--output", "json")
    assert listed.returncode == 0, listed.stderr
    assert theirs.audience in [audience["id"] for audience in json.loads(listed.stdout)["audiences"]]
    ran = cleo.cli("run", "start", theirs.id, "--wait", "--output", "json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)[0]["status"] == "completed"
    refused = cleo.cli("run", "start", theirs.id, own.id)
    assert refused.returncode == 1
    assert f"the export `{own.id}` is the administrators'" in refused.stderr
    assert system.runs(own) == [] and len(system.runs(theirs)) == 1
    denied = cleo.cli("connection", "disable", theirs.connection)
    assert denied.returncode == 1
    assert "AWS denies to write" in denied.stderr
    assert system.read(f"config/connections/{theirs.connection}.json").get("enabled", True)


def test_the_command_line_tells_who_may_nothing_what_to_ask_for(operators: dict[str, Operator]) -> None:
    asked = operators["upstream"].cli("run", "start", "any")
    assert asked.returncode == 1
    assert "AccessDenied" in asked.stderr and "may not do that" in asked.stderr
