"""The virtual environment of the checkout: made, mended, and the project installed into it. Standard library only.

`scripts/demo.py` and `scripts/test.py` share it. What pip is told by its own variables (PIP_NO_INDEX, PIP_FIND_LINKS …)
holds here too, so that a machine without internet installs from a folder (docs/operations.md).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"

#: Written into `.venv` before anything else: a folder that carries it, or pyvenv.cfg, is ours to make anew.
MARKER = "zhiku-venv.json"

#: How long a child may take to end by itself after Ctrl+C, in seconds.
PATIENCE = 15

#: What a shell reports for a command ended by Ctrl+C.
INTERRUPTED = 130


class SetupFailed(Exception):
    """Something that the user must mend first; `str(error)` says what, in Chinese and in English."""


def main(work: Callable[[], int]) -> int:
    """Run a script's work and give its exit code; one clear sentence for what the user can mend."""
    use_utf8()
    try:
        return work()
    except SetupFailed as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\n已中断，再运行一次会接着做。 Interrupted; run again to go on.", file=sys.stderr, flush=True)
        return INTERRUPTED


def ready_python(extra: str = "") -> Path:
    """The Python of `.venv`, with the project and an extra of it ("test") installed. Takes no time when all is there.

    Raises `SetupFailed`.
    """
    python = python_in(VENV)
    is_sound = is_sound_venv(VENV)
    installed = read_marker(VENV) if is_sound else {}
    extras = set(installed.get("extras", ()))
    wanted = digest()
    if is_sound and installed.get("digest") == wanted and extra in extras:
        return python
    if not is_sound:
        make_venv(VENV)
        extras = set()
    extras |= {"", extra}
    names = ",".join(sorted(filter(None, extras)))
    say(f"正在安装智库和它需要的程序包…… Installing zhiku{f'[{names}]' if names else ''} into .venv …")
    # Left blank until pip is through: what an interrupted installation left must be looked at again.
    write_marker(VENV, {})
    requirement = f"{CHECKOUT}[{names}]" if names else str(CHECKOUT)
    # Verbose pip is long; a quiet one looks dead. Its own progress bars show where there is a terminal.
    code = run([python, "-m", "pip", "install", "--disable-pip-version-check", "--editable", requirement])
    if code:
        raise SetupFailed(
            "安装没有成功，原因见上。没有互联网的电脑请先准备程序包，见 docs/operations.md“没有互联网的安装”。\n"
            "pip could not install; its reason stands above. Without internet: docs/operations.md, "
            '"Installing without internet".'
        )
    write_marker(VENV, {"digest": wanted, "extras": sorted(extras)})
    return python


def digest() -> str:
    """Changes when what has to be installed changes: the requirements, this Python, or the place of the checkout."""
    content = hashlib.sha256()
    for name in ("setup.cfg", "pyproject.toml"):
        content.update((CHECKOUT / name).read_bytes())
    content.update(f"{sys.version} {CHECKOUT}".encode())
    return content.hexdigest()


def make_venv(venv: Path) -> None:
    """Make the virtual environment, in the place of a broken one."""
    if Path(sys.prefix).resolve() == venv.resolve():
        raise SetupFailed(
            "这个 .venv 已经损坏，不能用它自己的 Python 修复。请退出它（deactivate），用系统的 Python 再运行。\n"
            "This .venv is broken and cannot mend itself: deactivate it and run again with the system's Python."
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupFailed(
            "这个 Python 缺少 venv 或 ensurepip。Debian、Ubuntu 请先运行：sudo apt install python3-venv\n"
            "This Python lacks venv or ensurepip. On Debian or Ubuntu first run: sudo apt install python3-venv"
        )
    if venv.exists() or venv.is_symlink():
        clear(venv)
    say("正在建立虚拟环境 .venv…… Making the virtual environment .venv …")
    venv.mkdir()
    write_marker(venv, {})
    if run([sys.executable, "-m", "venv", venv]) or not is_sound_venv(venv):
        raise SetupFailed(
            "没有建成虚拟环境，原因见上。请检查磁盘空间和这个文件夹的权限，再运行一次。\n"
            "The virtual environment could not be made; the reason stands above. Check disk space and permissions."
        )


def clear(venv: Path) -> None:
    """Delete an environment that is broken or another Python's; refuses a folder that is none."""
    is_ours = (venv / MARKER).is_file() or (venv / "pyvenv.cfg").is_file()
    if venv.is_symlink() or not venv.is_dir() or not (is_ours or not any(venv.iterdir())):
        raise SetupFailed(
            f"{venv} 不是虚拟环境，没有动它。请把它移走或改名，再运行一次。\n"
            f"{venv} is no virtual environment and was left alone. Move it away and run again."
        )
    say(
        "原来的 .venv 不完整，或属于另一个 Python，重新建立。 Replacing .venv, which is unfinished or another Python's."
    )
    try:
        shutil.rmtree(venv)
    except OSError as error:
        raise SetupFailed(
            f"不能删除原来的 .venv（{error.strerror}）。请关闭正在使用它的程序（例如另一个窗口里的演示），再运行一次。\n"
            f"The old .venv cannot be deleted ({error.strerror}). Close what is using it and run again."
        ) from error


def python_in(venv: Path) -> Path:
    """Where a virtual environment has its Python: bin/python, or Scripts\\python.exe on Windows."""
    scripts = sysconfig.get_path("scripts", "venv", {"base": str(venv)})
    return Path(scripts) / ("python.exe" if os.name == "nt" else "python")


def is_sound_venv(venv: Path) -> bool:
    """Whether it is whole, and of the Python that runs this script."""
    python = python_in(venv)
    if not (venv / "pyvenv.cfg").is_file() or not python.exists():
        return False
    # `pip --version` imports what an interrupted ensurepip would have left out.
    check = "import sys, pip._internal.cli.main; print(sys.version); print(sys.prefix)"
    try:
        answer = subprocess.run(
            [python, "-c", check], capture_output=True, encoding="utf-8", errors="replace", timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    version, _, prefix = answer.stdout.strip().rpartition("\n")
    return answer.returncode == 0 and version == sys.version and Path(prefix).resolve() == venv.resolve()


def read_marker(venv: Path) -> dict[str, object]:
    """What was installed; nothing when that is not known."""
    try:
        content = json.loads((venv / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_marker(venv: Path, content: dict[str, object]) -> None:
    """Keep what was installed; {} for an environment at work on."""
    (venv / MARKER).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def run(command: Sequence[str | Path]) -> int:
    """Run a command in the checkout, its output going where ours goes; its exit code.

    On Ctrl+C the child, which got it too, ends by itself first; then `KeyboardInterrupt` is raised here.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with subprocess.Popen([str(part) for part in command], cwd=CHECKOUT, env=environment()) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            try:
                child.wait(PATIENCE)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                child.terminate()
            raise


def become(command: Sequence[str | Path]) -> int:
    """Run the last command of a script, so that signals to the script reach it. Returns its exit code, if at all."""
    if os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(CHECKOUT)
        os.execve(command[0], [str(part) for part in command], environment())
    return run(command)


def environment() -> dict[str, str]:
    """Our environment for a child: UTF-8 whatever the console, and no modules of another Python."""
    env = dict(os.environ, PYTHONUTF8="1")
    env.pop("PYTHONHOME", None)
    env.pop("__PYVENV_LAUNCHER__", None)
    return env


def say(sentence: str) -> None:
    """Tell what is going on, at once."""
    print(sentence, flush=True)


def use_utf8() -> None:
    """A Windows console or a job without a locale would otherwise fail on the first Chinese character."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
