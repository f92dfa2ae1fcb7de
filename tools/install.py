"""Set up .venv: the packages pinned in constraints.txt, with a CPU build of PyTorch.

Run by `make`; by hand: `python3 tools/install.py`. Standard library only. A second run does nothing until
pyproject.toml, constraints.txt or this file changes.

Why torch comes first: on Linux the default `torch` of PyPI brings several gigabytes of CUDA packages. A torch
that is already in .venv and matches the pin is kept, so a GPU build can be put there by hand.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

MIN_PYTHON, MAX_PYTHON = (3, 11), (3, 12)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed"
CONSTRAINTS = ROOT / "constraints.txt"
STAMPED = (ROOT / "pyproject.toml", CONSTRAINTS, Path(__file__).resolve())

PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

NO_CPU_TORCH = """no CPU build of torch {version} was found: not where pip looks by default, not at {index}.
Choose one, then run the same command again:
  1. You have the wheel: {python} -m pip install /path/to/torch-{version}-PLATFORM.whl
  2. A mirror has it: set PIP_FIND_LINKS (a folder or page with the wheel) or PIP_EXTRA_INDEX_URL (an index).
  3. You want the CUDA build (several GB): {python} -m pip install torch=={version}"""


def say(message: str) -> None:
    """Print one progress line."""
    print(f"install: {message}", flush=True)


def fail(message: str) -> NoReturn:
    """Print why the set-up stops and exit with 1."""
    sys.exit(f"install: error: {message}")


def pip(*args: str, log: Path | None = None) -> int:
    """Run the virtual environment's pip and return its status. With `log`, its messages go to that file."""
    command = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", *args]
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}  # setuptools has a long one for every editable install
    with (log or Path(os.devnull)).open("wb") as sink:
        output = sink if log else None
        return subprocess.run(
            command, check=False, cwd=str(ROOT), env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ).returncode


def attempt(*args: str) -> bool:
    """Run pip where failure is an answer: True if it worked, else print its last error and return False."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        status = pip(*args, log=log)
        if status:
            errors = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR")]
            say(f"no: {errors[-1] if errors else f'pip ended with status {status}'}")
    return status == 0


def torch_version() -> str:
    """Return the version of torch that constraints.txt pins, like 2.13.0."""
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        match = re.match(r"torch==([\w.]+)$", line)
        if match:
            return match.group(1)
    fail("constraints.txt has no line like torch==2.13.0")


def cpu_torch(version: str) -> str:
    """Return the requirement that only a CPU build meets.

    On Linux these builds carry +cpu in their version. Asking pip for a dry run of the plain version and looking for
    nvidia packages in its report is no way: it downloads them all, 2.8 GB, from an index without PEP 658 metadata.
    Elsewhere the plain version has no CUDA.
    """
    return f"torch=={version}+cpu" if sys.platform == "linux" else f"torch=={version}"


def install_torch(version: str) -> None:
    """Install a CPU build of torch from wherever there is one, or stop with advice."""
    requirement = cpu_torch(version)
    for label, source in (("pip's own sources", ()), (PYTORCH_CPU_INDEX, ("--index-url", PYTORCH_CPU_INDEX))):
        say(f"looking for {requirement} in {label}")
        # Without its dependencies: they come with the rest, pinned.
        if attempt("install", "--no-deps", *source, requirement):
            return
    fail(NO_CPU_TORCH.format(version=version, index=PYTORCH_CPU_INDEX, python=VENV_PYTHON.relative_to(ROOT)))


def venv_status(code: str) -> int:
    """Run a line of Python in .venv and return its exit status."""
    return subprocess.run([str(VENV_PYTHON), "-c", code], check=False, stderr=subprocess.DEVNULL).returncode


def create_venv() -> None:
    """Create .venv with the running Python unless a usable one is there."""
    if VENV_PYTHON.exists():
        if venv_status(f"import sys; sys.exit(not {MIN_PYTHON} <= sys.version_info[:2] <= {MAX_PYTHON})"):
            fail(".venv holds a Python that does not run or is not 3.11 or 3.12; remove .venv and try again.")
        if venv_status("import pip") == 0:
            return
    try:
        import ensurepip  # noqa: F401  # pyright: ignore[reportUnusedImport]  (Debian ships venv without it)
        import venv
    except ImportError:
        fail("this Python has no venv module. On Debian or Ubuntu: sudo apt install python3-venv")
    say(f"creating .venv with Python {'.'.join(map(str, sys.version_info[:3]))}")
    venv.create(str(VENV), clear=True, with_pip=True, symlinks=os.name != "nt")


def digest() -> str:
    """Return a hash of everything that decides what is installed."""
    sha = hashlib.sha256()
    for path in STAMPED:
        sha.update(path.read_bytes())
    # The scripts in .venv/bin and the editable install know the repository by its path.
    sha.update(str(ROOT).encode())
    return sha.hexdigest()


def main() -> None:
    """Bring .venv up to date."""
    if not MIN_PYTHON <= sys.version_info[:2] <= MAX_PYTHON:
        version = ".".join(map(str, sys.version_info[:2]))
        fail(f"Python 3.11 or 3.12 is needed, {sys.executable} is {version}. Name another: make PYTHON=python3.12 ...")
    wanted = digest()
    if VENV_PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    start = time.monotonic()
    create_venv()
    say("upgrading pip")
    attempt("install", "--upgrade", "pip")  # if not, the one that is there will do
    version = torch_version()
    if venv_status(f"from importlib.metadata import version; assert version('torch').split('+')[0] == {version!r}"):
        install_torch(version)
    else:
        say(f"keeping the torch {version} that is in .venv")
    say("installing analytics-platform and what it needs (minutes the first time)")
    status = pip("install", "--quiet", "-c", CONSTRAINTS.name, "-e", ".[dev]")
    if status:
        fail(f"pip ended with status {status}; its message is above.")
    STAMP.write_text(wanted, encoding="utf-8")
    say(f"done in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
