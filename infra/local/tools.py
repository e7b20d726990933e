"""Installs the pinned tools into `.local/venv` of the checkout; does nothing when they are there already.

Only the standard library is used, since this runs before anything is installed: `python3 infra/local/tools.py`.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / ".local" / "venv"
OLDEST = (3, 10)


def fingerprint() -> str:
    """What the installed tools depend on: the pins, the interpreter, and where the folder is (scripts name it)."""
    text = (HERE / "requirements.txt").read_text() + sys.version + sys.base_prefix + str(FOLDER)
    return hashlib.sha256(text.encode()).hexdigest()


def install() -> None:
    """Makes the folder anew. The stamp is written last, so that an interrupted installation counts for nothing."""
    print(f"installing the pinned tools into {FOLDER} (about a minute) ...", file=sys.stderr, flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv.create(FOLDER, with_pip=True)
    pip = [FOLDER / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # --no-deps: the file lists everything, and nothing else is to come in.
    subprocess.run([*pip, "--no-deps", "-r", HERE / "requirements.txt"], check=True)
    # The packages lie beside this file and are used from there.
    site = next((FOLDER / "lib").glob("python3*/site-packages"))
    (site / "segue_local.pth").write_text(f"{HERE}\n")


def main() -> int:
    """Installs if need be; the exit status says whether the tools are there."""
    if sys.version_info < OLDEST:
        print(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version}", file=sys.stderr)
        return 1
    stamp = FOLDER / "installed"
    wanted = fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    try:
        install()
    except subprocess.CalledProcessError as error:
        print(f"the tools could not be installed: {error}", file=sys.stderr)
        return 1
    stamp.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
