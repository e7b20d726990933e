"""Each function can do its work with its own policy, and with any one statement taken out something of it fails.

Policies are swapped while the stack runs. A statement that nothing needs could be left out of the template; one that is
missing would show here. What only AWS itself can show stands in `ONLY_AWS`.
"""

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone

import pytest
from segue_local.failure import LocalStackError
from system import DESTINATIONS, Export, System

FUNCTIONS = {"fan-out": "FanOutFunction", **{name: f"{name.capitalize()}Function" for name in DESTINATIONS}}
#: The local stack polls queues, keeps logs and failed events as itself, and does not ask the function's role.
ONLY_AWS = {"WritesItsLog", "KeepsFailedEvents"}
#: How long something is waited for that has to come.
LONG = 60.0
HIDING_FAILED = "a message's visibility stays as it is"


class Policies:
    """The inline policies of the functions' roles."""

    def __init__(self, system: System) -> None:
        self._iam = system.stack.client("iam")
        functions = system.stack.client("lambda")
        self._roles = {
            name: functions.get_function_configuration(FunctionName=system.stack.outputs[output])["Role"].split("/")[-1]
            for name, output in FUNCTIONS.items()
        }

    def of(self, function: str) -> dict[str, dict]:
        """A function's policies by name."""
        role = self._roles[function]
        names = self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {
            name: self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
        }

    def statements(self, function: str) -> set[str]:
        """The names of all that a function may do."""
        return {statement["Sid"] for policy in self.of(function).values() for statement in policy["Statement"]}

    @contextmanager
    def without(self, function: str, sid: str) -> Iterator[None]:
        """Takes a statement out for a while."""
        role = self._roles[function]
        [(name, policy)] = [
            (name, policy)
            for name, policy in self.of(function).items()
            if any(statement["Sid"] == sid for statement in policy["Statement"])
        ]
        rest = copy.deepcopy(policy)
        rest["Statement"] = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
        if rest["Statement"]:
            self._put(role, name, rest)
        else:
            self._iam.delete_role_policy(RoleName=role, PolicyName=name)
        try:
            yield
        finally:
            self._put(role, name, policy)

    def _put(self, role: str, name: str, policy: dict) -> None:
        self._iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


@pytest.fixture(scope="module")
def policies(system: System) -> Policies:
    return Policies(system)


@pytest.fixture(scope="module", autouse=True)
def _all_comes_to_its_end(system: System) -> Iterator[None]:
    """What broke off without a statement is taken up again once the policies are whole, and every run comes to its end.
    What failed runs keep for a retry is taken away, as the lifecycle does in the end."""
    yield
    queues = [system.stack.outputs["KlaviyoTimerQueueUrl"], *(system.queue(name) for name in DESTINATIONS)]

    def over() -> bool:
        return not system.keys("open/") and not system.waiting(queues)

    for _ in range(8):
        system.resume()
        if _came_true(system, over, 15):
            break
    assert over(), f"not ended: {system.keys('open/')}, {system.waiting(queues)} messages"
    progress = [key for key in system.keys("runs/policies-") if "/progress/" in key]
    for key in [*system.keys("chunks/policies-"), *progress]:
        system.s3.delete_object(Bucket=system.state_bucket, Key=key)


@pytest.fixture(scope="module")
def patience(system: System) -> float:
    """How long something is waited for that must not come: several times what it takes on this machine, today."""
    began = time.monotonic()
    assert delivers(system, *DESTINATIONS, within=LONG) == set(DESTINATIONS)
    return max(6.0, 3 * (time.monotonic() - began))


def _came_true(system: System, look: Callable[[], object], within: float) -> bool:
    try:
        system.wait_for("a function's work", look, within)
    except LocalStackError:
        return False
    return True


# ---------------------------------------------------------------------- what functions do


def _people(tag: str, count: int = 3, invalid: int = 0) -> bytes:
    good = [f"{tag}{number}@example.com,A,B" for number in range(count)]
    return "\n".join(["email,first_name,last_name", *good, *["nobody,A,B"] * invalid, ""]).encode()


def _ended(system: System, export: Export) -> bool:
    """Whether the export's one run has completed, and nothing is left of it but its record."""
    runs = system.runs(export)
    summary = system.summary(export, runs[0]) if runs else None
    left = system.keys(f"chunks/{export.id}/") + system.keys(f"open/{export.id}/")
    return bool(summary) and summary["status"] == "completed" and not left


def _ask_for(system: System, *exports: Export) -> None:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = [export.id for export in exports]
    system.ask({"request": "run", "exports": names, "id": str(uuid.uuid4()), "requested_at": now, "trigger": "on_demand"})


def delivers(system: System, *destinations: str, within: float) -> set[str]:
    """Has fan-out run an export to each destination; gives those where everything came to its end."""
    segment = system.segment("policies")
    asked = {name: system.export(name, segment, triggers={"upload": False, "schedule": False})
             for name in destinations}  # fmt: skip
    system.drop(segment, _people(segment))
    try:
        _ask_for(system, *asked.values())
    except LocalStackError:
        return set()
    done: set[str] = set()

    def look() -> bool:
        done.update(name for name, export in asked.items() if _ended(system, export))
        return len(done) == len(asked)

    _came_true(system, look, within)
    return done


def cleans_up(system: System, within: float) -> bool:
    """Has fan-out refuse a run after it staged chunks: none of them may stay."""
    segment = system.segment("policies")
    export = system.export("klaviyo", segment, triggers={"upload": False, "schedule": False})
    system.drop(segment, _people(segment, count=3, invalid=3))
    try:
        _ask_for(system, export)
    except LocalStackError:
        return False
    summary = system.one(export)
    assert summary["status"] == "refused", summary
    return _came_true(
        system, lambda: not system.keys(f"chunks/{export.id}/") + system.keys(f"open/{export.id}/"), within
    )


def splits_a_request(system: System, within: float) -> bool:
    """Has fan-out run two exports over different segments, for which it invokes itself."""
    exports = []
    for _ in range(2):
        segment = system.segment("policies")
        exports.append(system.export("klaviyo", segment, triggers={"upload": False, "schedule": False}))
        system.drop(segment, _people(segment))
    try:
        _ask_for(system, *exports)
    except LocalStackError:
        return False
    return _came_true(system, lambda: all(_ended(system, export) for export in exports), within)


def sets_aside(system: System, destination: str, within: float) -> bool:
    """Gives a function a message that nobody understands."""
    mark = str(uuid.uuid4())
    system.send(destination, json.dumps({"nonsense": mark}), group=f"policies-{mark}")
    url = system.queue(destination, "DeadLetterQueue")
    return _came_true(system, lambda: any(mark in body for body in system.peek(url)), within)


def hides_its_message(system: System, destination: str, _within: float) -> bool:
    """Has a function work on a chunk, for which it keeps the message from coming again."""
    log = f"{destination.capitalize()}LogGroup"
    before = sum(HIDING_FAILED in line for line in system.stack.log_lines(log))
    assert delivers(system, destination, within=LONG) == {destination}
    return sum(HIDING_FAILED in line for line in system.stack.log_lines(log)) == before


def keeps_a_new_token(system: System, _within: float) -> bool:
    """Has Snapchat hand out a new refresh token, which must be kept: the old one is worth nothing then."""
    segment = system.segment("policies")
    export = system.export("snapchat", segment, triggers={"upload": False, "schedule": False})
    system.sandbox.seed(snapchat={"rotation": True})
    try:
        system.drop(segment, _people(segment))
        _ask_for(system, export)
        system.one(export)
    finally:
        system.sandbox.seed(snapchat={"rotation": False})
    kept = json.loads(system.secrets.get_secret_value(SecretId=export.secret)["SecretString"])
    return kept["refresh_token"] != export.credentials["refresh_token"]


# ---------------------------------------------------------------------- with all statements, and without each

DELIVERING = ("ListsState", "ReadsState", "WritesState", "CleansUp", "ReadsItsCredentials")
FAN_OUT = {
    **dict.fromkeys(
        ("ReadsSegments", "ListsSegments", "ListsState", "ReadsState", "WritesState", "QueuesChunks"),
        lambda system, within: delivers(system, "mailchimp", within=within) == {"mailchimp"},
    ),
    "CleansUp": cleans_up,
    "InvokesItself": splits_a_request,
}
DESTINATION: dict[tuple[str, str], Callable[[System, float], bool]] = {
    **{(name, "SetsMessagesAside"): lambda system, within, name=name: sets_aside(system, name, within) for name in DESTINATIONS},
    **{
        (name, "WorksItsQueues" if name == "klaviyo" else "WorksItsQueue"):
            lambda system, within, name=name: hides_its_message(system, name, within)
        for name in DESTINATIONS
    },
    ("snapchat", "StoresRefreshedTokens"): keeps_a_new_token,
    ("klaviyo", "QueuesFollowUps"): lambda system, within: delivers(system, "klaviyo", within=within) == {"klaviyo"},
}  # fmt: skip


def test_every_statement_is_tried(policies: Policies) -> None:
    assert policies.statements("fan-out") == {*FAN_OUT, *ONLY_AWS}
    for name in DESTINATIONS:
        own = {sid for destination, sid in DESTINATION if destination == name}
        assert policies.statements(name) == {*DELIVERING, *own, *(ONLY_AWS - {"KeepsFailedEvents"})}, name


def test_with_all_statements_everything_works(system: System) -> None:
    assert delivers(system, *DESTINATIONS, within=LONG) == set(DESTINATIONS)
    assert cleans_up(system, LONG)
    assert splits_a_request(system, LONG)
    assert keeps_a_new_token(system, LONG)
    for name in DESTINATIONS:
        assert sets_aside(system, name, LONG), name
        assert hides_its_message(system, name, LONG), name


@pytest.mark.parametrize("sid", FAN_OUT)
def test_fan_out_needs_each_of_its_statements(system: System, policies: Policies, patience: float, sid: str) -> None:
    with policies.without("fan-out", sid):
        assert not FAN_OUT[sid](system, patience)


@pytest.mark.parametrize("sid", DELIVERING)
def test_a_delivery_needs_each_of_its_statements(
    system: System, policies: Policies, patience: float, sid: str
) -> None:
    with ExitStack() as swapped:
        for name in DESTINATIONS:
            swapped.enter_context(policies.without(name, sid))
        assert delivers(system, *DESTINATIONS, within=patience) == set()


@pytest.mark.parametrize(("destination", "sid"), DESTINATION)
def test_a_destination_needs_its_other_statements(
    system: System, policies: Policies, patience: float, destination: str, sid: str
) -> None:
    with policies.without(destination, sid):
        assert not DESTINATION[destination, sid](system, patience)
