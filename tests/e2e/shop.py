"""The shop that the transcripts are typed in: a stack of its own with three connections, five exports and some runs.
Everything that a command changes there can be put back, so that each transcript starts with the same shop.
"""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

from make_segment import Recipe, make
from operators import Operator
from sandbox_control import Sandbox
from segue_local import LocalStack, environment
from segue_local.build import program
from system import SECRET_MARK, System

_CREDENTIALS = {
    "SNAPCHAT_APP": {"client_id": "app-s", "client_secret": f"s{SECRET_MARK}"},
    "SNAPCHAT_CREDENTIALS": {
        "client_id": "app-s",
        "client_secret": f"s{SECRET_MARK}",
        "refresh_token": f"rt{SECRET_MARK}",
    },
    "MAILCHIMP_CREDENTIALS": {"api_key": f"key{SECRET_MARK}-us19"},
    "KLAVIYO_CREDENTIALS": {"private_key": f"pk_{SECRET_MARK}"},
}
_PLAIN = {
    "KLAVIYO_KEY": f"pk_{SECRET_MARK}",
    # What a hurried person copies.
    "HALF_A_KEY": "pk_",
    "REVOKED_KEY": f"pk_revoked{SECRET_MARK}",
    "MAILCHIMP_KEY": f"key{SECRET_MARK}",
}
_AD_ACCOUNT = "5e0c4b1e-0000-4000-8000-000000000001"
CONFIGURATION = """\
connections:
  - id: snapchat-main
    display_name: Snapchat, shop
    destination: snapchat
    credentials: { env: SNAPCHAT_CREDENTIALS }
  - id: mailchimp-main
    display_name: Mailchimp, shop
    destination: mailchimp
    credentials: { env: MAILCHIMP_CREDENTIALS }
  - id: klaviyo-main
    display_name: Klaviyo, shop
    destination: klaviyo
    shared_with: contributors
    credentials: { env: KLAVIYO_CREDENTIALS }

exports:
  - id: vip-to-snapchat
    display_name: VIPs to Snapchat
    connection: snapchat-main
    audience_id: "5600000000000001"
    segments: [vip]
    fields: { email: email }
  - id: vip-to-mailchimp
    display_name: VIPs to Mailchimp
    connection: mailchimp-main
    audience_id: 1a2b3c4d5e
    segments: [vip]
    fields: { email: email, first_name: first_name, last_name: last_name }
    new_contacts: subscribed
  - id: vip-to-klaviyo
    display_name: VIPs to Klaviyo
    connection: klaviyo-main
    audience_id: VipLst
    segments: [vip]
    fields: { email: email, first_name: first_name, last_name: last_name }
  - id: winter-to-mailchimp
    display_name: Winter buyers to Mailchimp
    connection: mailchimp-main
    audience_id: 2b3c4d5e6f
    segments: [winter]
    fields: { email: email }
    new_contacts: pending
  - id: news-to-klaviyo
    display_name: Newsletter readers to Klaviyo
    role: contributors
    connection: klaviyo-main
    audience_id: NewsLs
    segments: [news]
    fields: { email: email }
"""
#: Somebody at a browser, for a command that waits for one: opens the address that it says, and lets the app in.
_WITH_A_BROWSER = """\
#!{python}
import subprocess, sys, urllib.parse, urllib.request
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)
for line in process.stderr:
    sys.stderr.write(line)
    if line.strip().startswith("http"):
        address = line.strip()
    if line.startswith("Waiting"):
        urllib.request.urlopen(address, data=urllib.parse.urlencode({{"decision": "allow"}}).encode()).read()
sys.exit(process.wait())
"""


#: Somebody who may change IAM: takes a user's policies away.
_DETACH_POLICIES = """\
#!{python}
import sys, boto3
iam = boto3.client("iam")
for user in sys.argv[1:]:
    for policy in iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=user, PolicyArn=policy["PolicyArn"])
"""


class Shop(System):
    """The stack, what is on the desk of somebody who types there, and how everything was at first."""

    def __init__(self, stack: LocalStack, sandbox: Sandbox, desk: Path) -> None:
        super().__init__(stack, sandbox)
        self.desk = desk
        self._scheduler = stack.client("scheduler")
        self._seed()
        self._lay_out()
        self._fill()
        self._documents = self._state()
        self._open = set(self.keys("open/"))
        self._stored = self._secrets()
        self._timed = self._schedules()
        self._dropped = set(self._drops())

    # ------------------------------------------------------------------ who types, and where

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the shell that everything is typed in."""
        surroundings = {
            name: value
            for name, value in self.stack.environment.items()
            # These would win over a profile.
            if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NO_COLOR", "COLUMNS")
        }
        tools = self.desk.parent / "tools"
        return {
            **surroundings,
            **{name: json.dumps(value) for name, value in _CREDENTIALS.items()},
            **_PLAIN,
            "AWS_CONFIG_FILE": str(tools / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tools / "credentials"),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{tools}:{program('segue').parent}:{environment.TOOLS}:{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            "SEGUE_STACK": self.stack.name,
            "TERM": "xterm-256color",
        }

    def _seed(self) -> None:
        key = {"private_key": _PLAIN["KLAVIYO_KEY"], "account_id": "Shop01"}
        self.sandbox.seed(
            snapchat={
                "accounts": [
                    {**_CREDENTIALS["SNAPCHAT_CREDENTIALS"], "ad_account_id": _AD_ACCOUNT, "name": "Shop"}
                ],
            },
            mailchimp={
                "accounts": [
                    {**_CREDENTIALS["MAILCHIMP_CREDENTIALS"], "account_id": "mc-shop", "account_name": "Shop"}
                ],
                "lists": [
                    {"id": "1a2b3c4d5e", "account_id": "mc-shop", "name": "VIPs"},
                    {"id": "2b3c4d5e6f", "account_id": "mc-shop", "name": "Winter"},
                ],
            },
            klaviyo={
                "accounts": [key],
                "lists": [
                    {"id": "VipLst", "account_id": "Shop01", "name": "VIPs"},
                    {"id": "NewsLs", "account_id": "Shop01", "name": "Newsletter"},
                ],
            },
        )

    def _seed_audience(self) -> None:
        audience = {"id": "5600000000000001", "ad_account_id": _AD_ACCOUNT, "name": "VIPs"}
        self.sandbox.seed(snapchat={"segments": [audience]})

    def _lay_out(self) -> None:
        """The tools of whoever types, and the identities that they have."""
        tools = self.desk.parent / "tools"
        tools.mkdir()
        for name, text in {"with-a-browser": _WITH_A_BROWSER, "detach-policies": _DETACH_POLICIES}.items():
            tool = tools / name
            tool.write_text(text.format(python=sys.executable))
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
        people = {
            "contributor": Operator(self.stack, "contributors", user="bob"),
            "stranger": Operator(self.stack, "nobody", user="mallory", policy=nothing),
        }
        keys = {"default": (environment.KEY, environment.KEY)}
        for name, person in people.items():
            own = person.environment
            keys[name] = (own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"])
        (tools / "config").write_text("")
        (tools / "credentials").write_text(
            "".join(
                f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
                for name, (key, secret) in keys.items()
            )
        )
        self.desk.mkdir()
        self.tidy()

    def tidy(self) -> None:
        """The desk as it was at first."""
        for file in self.desk.iterdir():
            file.unlink()
        files = {
            "segue.yaml": CONFIGURATION.encode(),
            "vip.csv": make(Recipe(rows=200, invalid=15, duplicate=5, seed=501)),
            "winter.csv": make(Recipe(rows=60, invalid=0, duplicate=0, seed=502)),
            "news.csv": make(Recipe(rows=40, invalid=2, duplicate=1, seed=503)),
            "bad.csv": make(Recipe(rows=100, invalid=40, duplicate=5, seed=504)),
            "empty.csv": b"",
        }
        for name, body in files.items():
            (self.desk / name).write_bytes(body)

    def _segue(self, line: str) -> None:
        done = self.cli_as_typed(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def cli_as_typed(self, line: str) -> subprocess.CompletedProcess:
        """Types a line of `segue` in the shop's shell."""
        return subprocess.run(
            ["bash", "-c", line], env=self.environment, cwd=self.desk, capture_output=True, text=True, timeout=90,
            check=False,
        )  # fmt: skip

    # ------------------------------------------------------------------ what there is at first

    def _fill(self) -> None:
        """Configures the shop, and has it export: one run completed with refused rows, one completed, one that failed,
        and one that is under way and stays so."""
        self.drop("vip", (self.desk / "vip.csv").read_bytes(), "vip.csv")
        self.drop("winter", (self.desk / "winter.csv").read_bytes(), "winter.csv")
        # Nothing wants them yet: fan-out has seen them before there are exports.
        for segment in ("vip", "winter"):
            seen = ("FanOut", "no export wants", f'"{segment}"')
            self.wait_for(f"fan-out to see {segment}", lambda seen=seen: self.logged(*seen))
        self._segue("segue apply -f segue.yaml --agree")
        self._segue("segue export schedule set vip-to-snapchat --rate '6 hours'")
        for export in ("vip-to-snapchat", "vip-to-mailchimp", "vip-to-klaviyo"):
            self.cli_as_typed(f"segue run start {export} --wait")
            # Runs are listed by the second that they began in.
            time.sleep(1)
        # Somebody made the audience only then.
        self._seed_audience()
        self._stop_mailchimp()
        self._segue("segue run start winter-to-mailchimp")
        self.wait_for("the last run's seal", lambda: self._sealed("winter-to-mailchimp"))

    def _stop_mailchimp(self) -> None:
        functions = self.stack.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            if "Mailchimp" in mapping["EventSourceArn"]:
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        # A poll that has begun is over by then.
        time.sleep(1.5)

    def _sealed(self, export: str) -> bool:
        return any(key.endswith("/sealed.json") for key in self.keys(f"runs/{export}/"))

    # ------------------------------------------------------------------ as it was

    def restore(self) -> None:
        """Puts back what commands have changed."""
        self.wait_for("runs to end", lambda: set(self.keys("open/")) <= self._open)
        now = self._listed()
        for key in now.keys() - self._documents.keys():
            self.s3.delete_object(Bucket=self.state_bucket, Key=key)
        for key, (etag, body) in self._documents.items():
            if now.get(key) != etag:
                self.s3.put_object(Bucket=self.state_bucket, Key=key, Body=body)
        self._restore_secrets()
        self._restore_schedules()
        for key in set(self._drops()) - self._dropped:
            self.s3.delete_object(Bucket=self.segment_bucket, Key=key)
        self.tidy()

    def _listed(self) -> dict[str, str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.state_bucket)
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}

    def _state(self) -> dict[str, tuple[str, bytes]]:
        found = self._listed()
        return {
            key: (etag, self.s3.get_object(Bucket=self.state_bucket, Key=key)["Body"].read())
            for key, etag in found.items()
        }

    def _drops(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.segment_bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _secrets(self) -> dict[str, str]:
        names = [found["Name"] for found in self.secrets.list_secrets()["SecretList"]]
        return {name: self.secrets.get_secret_value(SecretId=name)["SecretString"] for name in names}

    def _restore_secrets(self) -> None:
        now = self._secrets()
        for name in now.keys() - self._stored.keys():
            self.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        for name, value in self._stored.items():
            if name not in now:
                self.secrets.create_secret(Name=name, SecretString=value)
            elif now[name] != value:
                self.secrets.put_secret_value(SecretId=name, SecretString=value)

    def _schedules(self) -> dict[tuple[str, str], dict]:
        found = self._scheduler.list_schedules()["Schedules"]
        places = [(one["GroupName"], one["Name"]) for one in found]
        return {place: self._schedule(*place) for place in places}

    def _schedule(self, group: str, name: str) -> dict:
        found = self._scheduler.get_schedule(GroupName=group, Name=name)
        own = ("GroupName", "Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State", "Description")
        own += ("ScheduleExpressionTimezone",)
        return {field: found[field] for field in own if found.get(field)}

    def _restore_schedules(self) -> None:
        now = self._schedules()
        for group, name in now.keys() - self._timed.keys():
            self._scheduler.delete_schedule(GroupName=group, Name=name)
        for place, schedule in self._timed.items():
            if place not in now:
                self._scheduler.create_schedule(**schedule)
            elif now[place] != schedule:
                self._scheduler.update_schedule(**schedule)
