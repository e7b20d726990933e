"""Which command of `segue` works with which role's policies, and no other right: each is run for real, IAM enforced.

What a command does is tested where the command is. Here it is enough that AWS let it do its work, or that the command
says that AWS did not.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from operators import Operator
from segue_local.build import program
from system import System

FILE = b"email,first_name,last_name\nqx.one@example.com,A,B\nnobody,A,B\n"
#: These do without AWS, but for the last: whoever deploys a stack may take it away, and no operator.
NEEDS_NO_ROLE = {"completions", "config schema", "segment check", "uninstall"}
#: What IAM's refusal becomes.
DENIED = re.compile(r"AWS denies|AccessDenied|not authorized")
UNSENT = "20261122T163513Z-0123456789ab"


class Desk:
    """What somebody of a role works on: exports that contributors may change too, on shared connections."""

    def __init__(self, system: System, role: str, folder: Path) -> None:
        self.system = system
        self.it = Operator(system.stack, role, user=f"segue-local-commands-{role}")
        segment = system.segment(f"commands-{role}")
        self.kept, self.other, self.gone, self.off = (
            system.export(
                "klaviyo", segment, role="contributors",
                connection={"shared_with": "contributors", "enabled": name != "off"},
                triggers={"upload": False, "schedule": False}, limits={"invalid_share": 1.0},
            )
            for name in ("kept", "other", "gone", "off")
        )  # fmt: skip
        system.drop(segment, FILE)
        system.ask({
            "request": "run", "exports": [self.kept.id], "id": f"commands-{role}", "trigger": "on_demand",
            "requested_at": "2026-11-22T16:35:12Z",
        })  # fmt: skip
        self.run = system.one(self.kept)["run"]
        self.sent = folder / "segment.csv"
        self.sent.write_bytes(FILE)
        self.file = folder / "segue.yaml"
        self.words = {
            "role": role, "segment": segment, "sent": self.sent, "file": self.file, "run": self.run, "unsent": UNSENT,
            **{name: getattr(self, name).id for name in ("kept", "other", "gone")},
            **{f"{name}_over": getattr(self, name).connection for name in ("kept", "other", "gone", "off")},
            "audience": self.kept.audience,
        }  # fmt: skip
        self._write_file()
        self._leave_unsent()

    def _write_file(self) -> None:
        """A file that changes an export."""
        written = self.system.cli("config", "export", "--output", "json")
        assert written.returncode == 0, written.stderr
        [export] = [found for found in json.loads(written.stdout)["exports"] if found["id"] == self.kept.id]
        self.file.write_text(json.dumps({"exports": [{**export, "display_name": "Out of a file"}]}))

    def _leave_unsent(self) -> None:
        """A run that was sealed, and of which nothing was sent yet."""
        here, there = (f"runs/{self.kept.id}/{run}" for run in (self.run, UNSENT))
        self.system.put(f"{there}/run.json", {**self.system.read(f"{here}/run.json"), "run": UNSENT})
        self.system.put(f"{there}/sealed.json", self.system.read(f"{here}/sealed.json"))

    def fail(self) -> None:
        """Makes of the run that was sent one that failed."""
        run = f"{self.kept.id}/{self.run}"
        attempt = self.system.read(f"runs/{run}/sealed.json")["attempt"]
        for key in self.system.keys(f"runs/{run}/receipts/"):
            all_of_it = self.system.read(key)["profiles"]
            self.system.change(key, outcome="failed", failed=all_of_it, accepted=0, rejected=0, unknown=0)
            # What is delivered is not kept; what failed is, and this fails once more.
            chunk = f"chunks/{run}/{attempt}/{key.rsplit('/', 1)[1].removesuffix('.json')}"
            self.system.s3.put_object(Bucket=self.system.state_bucket, Key=chunk, Body=b"")

    def type(self, line: str) -> subprocess.CompletedProcess:
        """Runs a command as this person, who has the key of an account."""
        words = [word.format(**self.words) for word in shlex.split(line)]
        command = [str(program("segue")), "--stack", self.system.stack.name, *words]
        key = self.kept.credentials["private_key"]
        return subprocess.run(
            command, env={**self.it.environment, "KLAVIYO_KEY": key}, capture_output=True, text=True, timeout=90,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def clear(self) -> None:
        """Leaves nothing that is no real run's, and no people."""
        for key in self.system.keys(f"runs/{self.kept.id}/{UNSENT}/"):
            self.system.s3.delete_object(Bucket=self.system.state_bucket, Key=key)
        self.system.wait_for("the retried run to end", lambda: not self.system.keys(f"open/{self.kept.id}/"))
        self.system.expire(self.kept)


@pytest.fixture(scope="module")
def desks(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Desk]]:
    made = {role: Desk(system, role, tmp_path_factory.mktemp(role)) for role in ("administrators", "contributors")}
    yield made
    for desk in made.values():
        desk.clear()


#: Command line, and whether it works for administrators and contributors: Allowed, or - denied. In this order.
TABLE = [
    ("config export", "AA"),
    ("plan -f {file}", "AA"),
    ("apply -f {file}", "AA"),
    ("connection list", "AA"),
    ("connection show {kept_over}", "AA"),
    ("connection add new-{role} --destination klaviyo --display-name New --agree --credentials-env KLAVIYO_KEY", "A-"),
    ("connection connect {kept_over} --credentials-env KLAVIYO_KEY", "A-"),
    ("connection test {kept_over}", "A-"),
    ("connection edit {kept_over} --display-name Other", "A-"),
    ("connection enable {off_over}", "A-"),
    ("connection disable {gone_over}", "A-"),
    ("connection remove {gone_over} --force", "A-"),
    ("audience list {kept_over}", "AA"),
    ("export add new-{role} --connection {kept_over} --audience {audience} --segment {segment} --email email", "AA"),
    ("export list", "AA"),
    ("export show {kept}", "AA"),
    ("export edit {kept} --max-profiles 5000", "AA"),
    ("export duplicate {kept} copy-{role}", "AA"),
    ("export pause {kept}", "AA"),
    ("export resume {kept}", "AA"),
    ("export detach {other} --force", "AA"),
    ("export attach {other} {other_over}", "AA"),
    ("export schedule set {kept} --cron '0 6 1 1 ? 2099'", "AA"),
    ("export schedule show", "AA"),
    ("export schedule off {kept}", "AA"),
    ("export schedule on {kept}", "AA"),
    ("export schedule remove {kept}", "AA"),
    ("export remove {gone} --force", "AA"),
    ("segment put {segment} {sent}", "A-"),
    ("segment list", "AA"),
    ("run start {kept} --dry-run", "AA"),
    ("run start {kept} --wait", "AA"),
    ("run list", "AA"),
    ("run show {kept} {run}", "AA"),
    ("run watch {kept} {run}", "AA"),
    ("run rejected {kept} {run}", "AA"),
    ("run rejected {kept} {run} --with-source", "A-"),
    ("run logs {kept} {run}", "A-"),
    ("run cancel {kept} {unsent}", "A-"),
    ("run retry {kept} {run} --force", "A-"),
    ("doctor --offline --output json", "AA"),
]


@pytest.mark.parametrize(
    ("role", "line", "allowed"),
    [
        pytest.param(role, line, letters[place] == "A", id=f"{role}: {line}")
        for line, letters in TABLE
        for place, role in enumerate(("administrators", "contributors"))
    ],
)
def test_each_line_of_the_table(desks: dict[str, Desk], role: str, line: str, allowed: bool) -> None:
    desk = desks[role]
    if line.startswith("run retry"):
        desk.fail()
    done = desk.type(line)
    said = done.stdout + done.stderr
    if line.startswith("doctor"):
        # Other tests may leave something to be seen to.
        assert done.returncode in (0, 1), said
        findings = json.loads(done.stdout)
        assert {"stack", "identity", "rights", "queues", "runs"} <= {finding["about"] for finding in findings}
        problems = [finding for finding in findings if finding["level"] == "problem"]
        assert not DENIED.search(json.dumps(problems)), problems
    elif allowed:
        assert done.returncode == 0, said
    else:
        assert done.returncode == 1 and DENIED.search(done.stderr), said


def _commands(*path: str) -> Iterator[str]:
    """The commands of `segue` that do something, by its own help."""
    told = subprocess.run([str(program("segue")), *path, "--help"], capture_output=True, text=True, check=True).stdout
    listed = re.search(r"^Commands:\n((?:  .*\n|\n(?=  ))+)", told, re.MULTILINE)
    if not listed:
        yield " ".join(path)
        return
    for name in re.findall(r"^  ([a-z-]+)", listed[1], re.MULTILINE):
        if name != "help":
            yield from _commands(*path, name)


def test_every_command_is_in_the_table() -> None:
    tried = {command for command in _commands() if any(f"{line} ".startswith(f"{command} ") for line, _ in TABLE)}
    assert {*_commands()} - tried == NEEDS_NO_ROLE
