"""From the workspace to something `sam deploy` takes: one `cargo build`, then the template with built code in it.

`sam build` does the same for AWS, one function after another, through cargo-lambda. That always builds with
`--target`, so that nothing of it can be shared with `cargo build` and `cargo test`: on a developer's machine the
AWS SDK would be compiled twice. Hence the same step by hand: the binaries of the dev profile, one folder each
with a `bootstrap`, and template.yaml with nothing but its `CodeUri`s replaced.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from segue_local import processes
from segue_local.failure import LocalStackError
from segue_local.places import CHECKOUT, target_folder

TEMPLATE = CHECKOUT / "template.yaml"
_CODE = re.compile(r"^(\s+CodeUri: )functions/(\S+)$", re.MULTILINE)
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """This machine's, as the template's parameter wants it: functions run here as they are."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise LocalStackError(f"there is no Lambda for {machine}")
    return _ARCHITECTURES[machine]


def cargo() -> None:
    """Builds every program of the workspace in one go, so that features are resolved once, as for the tests."""
    command = ["cargo", "build", "--workspace", "--bins"]
    try:
        processes.run(command, env=os.environ, folder=CHECKOUT)
    except FileNotFoundError as error:
        raise LocalStackError("cargo is not on the PATH; a Rust toolchain is needed") from error


def program(name: str) -> Path:
    """A program of the workspace, as the dev profile leaves it."""
    return target_folder() / "debug" / name


def _place(binary: Path, bootstrap: Path) -> None:
    """Puts `binary` in place without its debug information: a tenth is left to be zipped and unzipped."""
    if not binary.is_file():
        raise LocalStackError(f"{binary} is not built")
    if bootstrap.exists() and bootstrap.stat().st_mtime_ns >= binary.stat().st_mtime_ns:
        return
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    stripper = shutil.which("strip")
    stripped = stripper and not subprocess.run(
        [stripper, "--strip-debug", "-o", str(bootstrap), str(binary)], capture_output=True, check=False
    ).returncode
    if not stripped:
        shutil.copyfile(binary, bootstrap)
    bootstrap.chmod(0o755)


def lay_out(folder: Path, binaries: Mapping[str, Path]) -> Path:
    """Makes `folder` what `sam build` would have made it; gives the template in it.

    `binaries` overrides a function's program, by function name.
    """
    text = TEMPLATE.read_text()
    names = [name for _, name in _CODE.findall(text)]
    if len(names) != text.count("AWS::Serverless::Function") or not names:
        raise LocalStackError("every function in template.yaml needs a line `CodeUri: functions/<name>`")
    for name in names:
        _place(binaries.get(name, program(name)), folder / name / "bootstrap")
    built = folder / "template.yaml"
    built.write_text(_CODE.sub(lambda found: f"{found[1]}{folder / found[2]}", text))
    return built
