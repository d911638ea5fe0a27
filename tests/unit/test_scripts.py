"""The scripts: the virtual environment they share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.append(str(SCRIPTS))

import _old_python  # noqa: E402
import _venv  # noqa: E402


class Checkout:
    """A checkout whose commands are noted and, but for pip's, carried out."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.venv = folder / ".venv"
        self.installed: list[str] = []
        self.pip_exit_code = 0
        for name in ("setup.cfg", "pyproject.toml"):
            (folder / name).write_text("", encoding="utf-8")
        monkeypatch.setattr(_venv, "CHECKOUT", folder)
        monkeypatch.setattr(_venv, "VENV", self.venv)
        monkeypatch.setattr(_venv, "run", self.run)

    def run(self, command: Sequence[str | Path]) -> int:
        if "pip" in map(str, command):
            self.installed.append(str(command[-1]).rpartition(os.sep)[2])
            return self.pip_exit_code
        return subprocess.run([str(part) for part in command], check=False).returncode


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, monkeypatch)


@pytest.mark.slow
def test_the_first_run_makes_and_installs_and_the_second_does_nothing(checkout: Checkout) -> None:
    python = _venv.ready_python()
    answer = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, encoding="utf-8")
    assert Path(answer.stdout.strip()).resolve() == checkout.venv.resolve()
    assert _venv.ready_python() == python
    assert len(checkout.installed) == 1
    # What tests need comes on top; the demo needs nothing new after that.
    _venv.ready_python("test")
    _venv.ready_python()
    assert len(checkout.installed) == 2 and checkout.installed[1].endswith("[test]")
    # Other requirements, another installation, with the tests' extras again.
    (_venv.CHECKOUT / "setup.cfg").write_text("[options]", encoding="utf-8")
    _venv.ready_python()
    assert len(checkout.installed) == 3 and checkout.installed[2].endswith("[test]")


@pytest.mark.slow
def test_a_failed_or_interrupted_installation_is_done_again(checkout: Checkout) -> None:
    checkout.pip_exit_code = 1
    with pytest.raises(_venv.SetupFailed, match="without internet|Without internet"):
        _venv.ready_python()
    checkout.pip_exit_code = 0
    _venv.ready_python()
    assert len(checkout.installed) == 2


@pytest.mark.slow
def test_a_half_made_environment_is_made_anew(checkout: Checkout) -> None:
    # Killed after the folders, before ensurepip: venv has written pyvenv.cfg and the links.
    venv.create(checkout.venv, with_pip=False)
    assert not _venv.is_sound_venv(checkout.venv)
    _venv.ready_python()
    assert _venv.is_sound_venv(checkout.venv)


@pytest.mark.slow
def test_an_environment_killed_at_its_first_step_is_made_anew(checkout: Checkout) -> None:
    checkout.venv.mkdir()
    _venv.write_marker(checkout.venv, {})
    (checkout.venv / "bin").mkdir()
    _venv.ready_python()
    assert _venv.is_sound_venv(checkout.venv)


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    checkout.venv.mkdir()
    (checkout.venv / "thesis.docx").write_text("years of work", encoding="utf-8")
    with pytest.raises(_venv.SetupFailed, match="没有动它"):
        _venv.ready_python()
    assert (checkout.venv / "thesis.docx").read_text(encoding="utf-8") == "years of work"


@pytest.mark.slow
def test_an_environment_of_another_python_is_not_sound(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(checkout.venv, with_pip=True)
    assert _venv.is_sound_venv(checkout.venv)
    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")
    assert not _venv.is_sound_venv(checkout.venv)


def test_a_python_without_venv_is_told_what_to_install(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_venv.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
    with pytest.raises(_venv.SetupFailed, match="apt install python3-venv"):
        _venv.ready_python()
    assert not checkout.venv.exists()


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(SystemExit) as ended:
        _old_python.refuse_old_python()
    assert ended.value.code == 2
    said = capsysbinary.readouterr().err.decode()
    assert "智库需要 Python 3.11" in said and "this is 3.8" in said


def test_the_oldest_python_is_the_same_everywhere() -> None:
    settings = (SCRIPTS.parent / "setup.cfg").read_text(encoding="utf-8")
    assert "python_requires = >={}.{}".format(*_old_python.OLDEST) in settings


def test_a_childs_exit_code_is_handed_on() -> None:
    assert _venv.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals to send")
def test_ctrl_c_lets_the_child_end_by_itself_and_says_so(tmp_path: Path) -> None:
    child = (
        "import pathlib, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.3); pathlib.Path('ended').touch()"
    )
    parent = (
        f"import sys; sys.path.append({str(SCRIPTS)!r})\n"
        "import _venv; from pathlib import Path; _venv.CHECKOUT = Path('.')\n"
        f"sys.exit(_venv.main(lambda: _venv.run([sys.executable, '-c', {child!r}])))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == _venv.INTERRUPTED
    assert (tmp_path / "ended").exists()
    assert "已中断" in said and "Traceback" not in said
