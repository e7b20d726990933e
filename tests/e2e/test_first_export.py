"""The chapter "from nothing to a running export", typed line by line on a new stack, and what came of it there."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import truth
from accounting import assert_audience, assert_completed
from make_segment import Recipe, make
from sandbox_control import Sandbox
from segue_local import LocalStack
from segue_local.build import program
from system import SECRET_MARK, Export, System
from test_connections import allow, asked_for

CHAPTER = Path(__file__).resolve().parents[2] / "infra/docs/first-export.md"
APPS = {
    "SNAPCHAT_APP": {"client_id": "app-s", "client_secret": f"s{SECRET_MARK}"},
    "MAILCHIMP_APP": {"client_id": "app-m", "client_secret": f"m{SECRET_MARK}"},
}
KEY = f"pk_{SECRET_MARK}"
AUDIENCES = {"snapchat": "5600000000000001", "mailchimp": "1a2b3c4d5e", "klaviyo": "VipLst"}


@pytest.fixture
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A stack that nothing is configured in, and accounts at the destinations."""
    record = tmp_path_factory.mktemp("first")
    label = f"{os.environ.get('SEGUE_E2E_LABEL', 'e2e')}-first"
    with LocalStack(label, requests=record, compile="SEGUE_E2E_NO_BUILD" not in os.environ) as stack:
        system = System(stack, Sandbox(stack.sandbox_url, record))
        ad_account = {"ad_account_id": "5e0c4b1e-0000-4000-8000-000000000001", "name": "Shop"}
        shop = {"account_id": "mc-shop", "account_name": "Shop", "oauth_token": f"at{SECRET_MARK}"}
        snapchat = {**APPS["SNAPCHAT_APP"], **ad_account, "refresh_token": f"rt{SECRET_MARK}"}
        system.sandbox.seed(
            snapchat={
                "accounts": [snapchat],
                "segments": [{"id": AUDIENCES["snapchat"], "ad_account_id": ad_account["ad_account_id"]}],
            },
            mailchimp={
                "accounts": [{**APPS["MAILCHIMP_APP"], **shop}],
                "lists": [{"id": AUDIENCES["mailchimp"], "account_id": "mc-shop"}],
            },
            klaviyo={
                "accounts": [{"private_key": KEY, "account_id": "Shop01"}],
                "lists": [{"id": AUDIENCES["klaviyo"], "account_id": "Shop01"}],
            },
        )
        yield system


class Typist:
    """Types lines, as somebody at a shell whose environment is that of `system`, in the folder `here`."""

    def __init__(self, system: System, here: Path) -> None:
        self.here = here
        self.environment = {**system.stack.environment, "SEGUE_STACK": system.stack.name}
        self.environment["PATH"] = f"{program('segue').parent}:{os.environ['PATH']}"

    def type(self, line: str) -> str:
        """What a command said; it must have ended well, and said nothing secret."""
        words = shlex.split(line)
        if words[0] == "read":
            name = words[2]
            self.environment[name] = json.dumps(APPS[name]) if name in APPS else KEY
            return ""
        if words[:3] == ["segue", "connection", "connect"]:
            # Any free port, since others may be testing on this machine.
            words += ["--redirect-uri", "http://127.0.0.1:0/callback"]
        process = subprocess.Popen(
            words, env=self.environment, cwd=self.here, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        heard = ""
        if "connect" in words:
            address, heard = asked_for(process, "Waiting")
            allow(address, follow=True)
        out, told = process.communicate(timeout=90)
        said = heard + told + out
        assert process.returncode == 0, f"{line}\n{said}"
        assert SECRET_MARK not in said, line
        return said


def test_every_line_of_the_chapter_does_what_it_says(new: System, tmp_path: Path) -> None:
    file = make(Recipe(rows=900, invalid=40, duplicate=60, seed=77))
    right = truth.of(file)
    (tmp_path / "vip.csv").write_bytes(file)
    typist = Typist(new, tmp_path)
    blocks = re.findall(r"^```sh\n(.*?)^```", CHAPTER.read_text(), re.MULTILINE | re.DOTALL)
    said = {line: typist.type(line) for block in blocks for line in block.splitlines()}
    lines = list(said)
    assert len(lines) > 25, "the chapter was read"

    def after(start: str) -> str:
        return next(text for line, text in said.items() if line.startswith(start))

    for destination, audience in AUDIENCES.items():
        assert audience in after(f"segue audience list {destination}-main")
    assert "no enabled export wants `vip`" in after("segue segment put")
    assert "invalid" in after("segue segment check")
    exports = {
        destination: Export(
            f"vip-to-{destination}", destination, f"{destination}-main", "", audience, {}, "", ("vip",)
        )
        for destination, audience in AUDIENCES.items()
    }  # fmt: skip
    for export in exports.values():
        runs = new.ended(export, count=2)
        for summary in runs:
            assert_completed(summary, right)
        assert [summary["trigger"] for summary in runs] == ["on_demand", "upload"]
        assert_audience(new, export, right)
    assert " completed" in after("segue run watch") and "next.csv" in after("segue segment list")
    rejected = after("segue run rejected")
    assert all(email not in rejected for email in right.people), "no value, only rows"
    schedules = new.stack.client("scheduler").list_schedules()["Schedules"]
    assert {"vip-to-snapchat", "vip-to-klaviyo"} <= {schedule["Name"] for schedule in schedules}
    assert new.read("config/exports/administrators/vip-to-mailchimp.json")["enabled"] is False
    assert new.read("config/exports/administrators/vip-to-snapchat.json")["connection"] == ""
    assert new.read("config/connections/snapchat-main.json") is None
    written = (tmp_path / "segue.yaml").read_text()
    assert "vip-to-klaviyo" in written and SECRET_MARK not in written
    # Nothing that was stored but the secrets themselves holds one.
    for key in new.keys(""):
        body = new.s3.get_object(Bucket=new.state_bucket, Key=key)["Body"].read()
        assert SECRET_MARK.encode() not in body, key
