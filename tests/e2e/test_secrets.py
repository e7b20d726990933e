"""Somebody at a shell adds connections as the reference says: no secret stays anywhere but in Secrets Manager.

What is asked for at a terminal is looked at by test_terminal.py; logs, queues and records of all tests by
test_canaries.py.
"""

import json
import os
import re
from pathlib import Path

import pytest
from segue_local.build import program
from segue_local.terminal import Terminal
from system import SECRET_MARK, System
from test_connections import allow

CHAPTER = Path(__file__).resolve().parents[2] / "infra/docs/first-export.md"
_MARK = SECRET_MARK.encode()
#: Stands in for the browser: notes all that it was given, and stays for a while.
_BROWSER = '#!/bin/sh\n{ env; echo "$@"; } > "$HOME/opening"\nmv "$HOME/opening" "$HOME/opened"\nexec sleep 2\n'
#: What the chapter has pasted.
PASTED = {
    "SNAPCHAT_APP": {"client_id": "app-hush-s", "client_secret": f"s{SECRET_MARK}hush"},
    "MAILCHIMP_APP": {"client_id": "app-hush-m", "client_secret": f"m{SECRET_MARK}hush"},
    "KLAVIYO_KEY": f"pk_{SECRET_MARK}hush",
}


class Shell(Terminal):
    """An interactive shell that keeps a history, whose home is `home`."""

    def __init__(self, system: System, home: Path) -> None:
        programs = home / "bin"
        programs.mkdir()
        for name in ("xdg-open", "open"):
            (programs / name).write_text(_BROWSER)
            (programs / name).chmod(0o755)
        environment = {
            **system.stack.environment, "SEGUE_STACK": system.stack.name, "HOME": str(home), "TMPDIR": str(home),
            "PATH": f"{programs}:{program('segue').parent}:{os.environ['PATH']}", "DISPLAY": ":1",
            "HISTFILE": str(home / "history"), "PS1": r"[\#:$?]$ ", "TERM": "xterm-256color", "LANG": "C.UTF-8",
        }  # fmt: skip
        # Without line editing the terminal echoes as it does for `read`.
        shell = ["bash", "--noprofile", "--norc", "--noediting"]
        super().__init__(shell, environment, columns=200, rows=50, folder=home)
        self.home = home
        self._number = 1
        self.is_ready()

    def is_ready(self) -> None:
        """Waits until the command before has ended well."""
        ended = re.compile(rf"^\[{self._number}:(\d+)\]\$$")
        self.until("the prompt", lambda: self.lines and ended.match(self.lines[-1]))
        assert ended.match(self.lines[-1])[1] == "0", self.text
        self._number += 1

    def paste(self, line: str, secret: str) -> None:
        """Has a variable read, and pastes it."""
        self.type(f"{line}\n")
        self.until("it to be read", lambda: not self.echoes)
        self.type(f"{secret}\n")
        self.is_ready()

    def connect(self, line: str) -> None:
        """Signs in, in the browser that `segue` opens."""
        opened = self.home / "opened"
        # Any free port, since others may be testing on this machine.
        self.type(f"{line} --redirect-uri http://127.0.0.1:0/callback\n")
        self.until("the browser", opened.exists)
        given = opened.read_text()
        assert "HOME=" in given and SECRET_MARK not in given and "AWS_SECRET_ACCESS_KEY" not in given
        self._look_at_processes()
        allow(re.findall(r"http\S+", given.splitlines()[-1])[0], follow=True)
        opened.unlink()
        self.is_ready()

    def _look_at_processes(self) -> None:
        """Everybody may read the arguments of all processes; and what children were handed is theirs to lose."""
        names = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[3]) != self.process.pid:
                    continue
                name, arguments = (process / "comm").read_text().strip(), (process / "cmdline").read_bytes()
                environment = (process / "environ").read_bytes()
            except (OSError, IndexError):
                continue
            names.append(name)
            assert _MARK not in arguments, name
            # The shell has them because the chapter has them put there, and `segue` because it is to read them.
            assert name in ("bash", "segue") or _MARK not in environment, name
        assert "segue" in names or not Path("/proc/self").exists(), names


@pytest.fixture
def accounts(system: System) -> None:
    """What the pasted credentials open."""
    system.sandbox.seed(
        snapchat={"accounts": [{**PASTED["SNAPCHAT_APP"], "refresh_token": f"rt{SECRET_MARK}hush", "name": "Shop"}]},
        mailchimp={
            "accounts": [
                {**PASTED["MAILCHIMP_APP"], "account_id": "mc-hush", "account_name": "Shop",
                 "oauth_token": f"at{SECRET_MARK}hush"}
            ]
        },
        klaviyo={"accounts": [{"private_key": PASTED["KLAVIYO_KEY"], "account_id": "Hush01"}]},
    )  # fmt: skip


def _lines() -> list[str]:
    """The chapter's lines about connections, with names that no other test uses."""
    section = CHAPTER.read_text().split("\n## Connections\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line.replace("-main", "-hush") for block in blocks for line in block.splitlines()]


@pytest.mark.usefixtures("accounts")
def test_no_secret_is_left_on_the_screen_in_the_history_or_with_another_program(system: System, tmp_path: Path) -> None:
    with Shell(system, tmp_path) as shell:
        for line in _lines():
            if line.startswith("read "):
                pasted = PASTED[line.split()[2]]
                shell.paste(line, pasted if isinstance(pasted, str) else json.dumps(pasted))
            elif line.startswith("segue connection connect"):
                shell.connect(line)
            else:
                # Nobody is asked anything, and nobody signs in yet: where the browser comes back to is one fixed port.
                shell.type(f"{line} < /dev/null\n")
                shell.is_ready()
        shell.type('printf %s "$KLAVIYO_KEY" | segue connection connect klaviyo-hush --credentials-stdin\n')
        shell.is_ready()
        shell.type("exit\n")
        assert shell.end() == 0
        assert b"it leads to Shop" in shell.written and _MARK not in shell.written
    history = (tmp_path / "history").read_text()
    assert "read -rs KLAVIYO_KEY" in history and "segue connection add klaviyo-hush" in history
    left = [file for file in tmp_path.rglob("*") if file.is_file() and _MARK in file.read_bytes()]
    assert not left
    for key in system.keys(""):
        body = system.s3.get_object(Bucket=system.state_bucket, Key=key)["Body"].read()
        assert _MARK not in body and _MARK not in key.encode(), key
    for destination in ("snapchat", "mailchimp", "klaviyo"):
        secret = system.read(f"config/connections/{destination}-hush.json")["secret"]
        assert SECRET_MARK in system.secrets.get_secret_value(SecretId=secret)["SecretString"], destination
