"""Transcripts of a shell: command lines, each with exactly what it shows and its exit status.

A transcript is a text file. A line that starts with `$ ` is typed; below it stands what was shown, lines of standard
error behind `! `, and last `[1]`, say, if the exit status is not 0. Lines that start with `# ` above a command say what
it is about.
"""

import dataclasses
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

#: What differs from one time to the next. What stands in columns keeps its width.
_MASKS = tuple(
    (re.compile(pattern, re.MULTILINE), mask)
    for pattern, mask in (
        (r"\b20\d{6}T\d{6}Z-[0-9a-z]{16}\b", "20261122T163512Z-0123456789abcdef"),
        (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\b", "2026-11-22T16:35:12Z"),
        (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b", "2026-11-22 16:35:12"),
        (r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b", "2026-11-22 16:35"),
        (r"127\.0\.0\.1(:|%3A)\d+\b", r"127.0.0.1\g<1>48910"),
        (r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b", "5e0c4b1e-0000-4000-8000-000000000001"),
        # How fast a file is checked.
        (r"^(seconds +)\d+\.\d{3}$", r"\g<1>0.001"),
        (r"^(rows/s +)\d+$", r"\g<1>200000"),
        # Its digits decide how wide the numbers of the table are.
        (r"^(rows read|invalid|  [a-z_]+|duplicate|profiles|chunks|seconds) +([\d.]+)$(?=(\n.*){0,15}\nrows/s )", r"\g<1>  \g<2>"),
        (r"^(rows/s) +(\d+)$", r"\g<1>  \g<2>"),
        # How much the commands before have left there.
        (r"\bemptied the state bucket: \d+ objects\b", "emptied the state bucket: 42 objects"),
        # What somebody who watches saw on the way to the end.
        (
            r"^(\S+ 20261122T163512Z-0123456789abcdef) (?:staging|delivering): .*\n"
            r"(?=(?:.*\n)*?\1 (?:completed|partial|failed|cancelled): )",
            "",
        ),
        (r"\b(state|code_challenge)=[\w-]+", r"\g<1>=0123456789abcdef"),
        # CloudFormation's ends of names.
        (r"\b(segue-local-[A-Za-z]+-)[0-9A-F]{13}\b", r"\g<1>0123456789ABC"),
        (r"\b(segue-local-[a-z]+bucket-)[0-9a-f]{13}\b", r"\g<1>0123456789abc"),
    )
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One command line."""

    comment: tuple[str, ...]
    typed: str
    #: What it showed, and its exit status.
    shown: str

    @property
    def failed(self) -> bool:
        """Whether it ended with another exit status than 0."""
        return re.search(r"^\[\d+\]$", self.shown, re.MULTILINE) is not None


#: Comments, what is typed, and what is shown until the next comment or command.
_STEP = re.compile(r"((?:# .*\n)*)\$ (.*)\n((?:(?![#$] ).*\n)*)")


def read(text: str) -> list[Step]:
    """The steps of a transcript."""
    found = list(_STEP.finditer(text))
    assert "".join(step[0] for step in found) == text, "every line belongs to a command"
    return [Step(tuple(step[1].splitlines()), step[2], step[3].strip("\n")) for step in found]


def written(steps: list[Step]) -> str:
    """The transcript of these steps."""
    return "\n\n".join("\n".join([*step.comment, f"$ {step.typed}", step.shown]).rstrip() for step in steps) + "\n"


def masked(text: str) -> str:
    """A text without what differs from one time to the next."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def type_again(step: Step, folder: Path, environment: Mapping[str, str], extra: Mapping[str, str]) -> Step:
    """The step as it is today, typed in `folder`. `extra` are masks of that place: texts, and what stands for them."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", step.typed], env=dict(environment), cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False,
    )  # fmt: skip
    told = [f"! {line}".rstrip() for line in done.stderr.splitlines()]
    status = [f"[{done.returncode}]"] if done.returncode else []
    shown = "\n".join(line.rstrip() for line in [*done.stdout.splitlines(), *told, *status])
    for text, mask in extra.items():
        shown = shown.replace(text, mask)
    # What it shows must not look like the next command.
    shown = re.sub(r"^(?=[$#] )", r"\\", masked(shown), flags=re.MULTILINE)
    return dataclasses.replace(step, shown=shown.strip("\n"))


def to_write() -> bool:
    """Whether the files are to be written, and not compared."""
    return os.environ.get("SEGUE_WRITE_OUTPUTS", "") not in ("", "0")
