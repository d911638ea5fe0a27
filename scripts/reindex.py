#!/usr/bin/env python3
"""Keeps the index true; for cron, a systemd timer or the Task Scheduler (samples: docs/operations.md).

    python3 scripts/reindex.py

Runs `zhiku index maintain`: brings waiting changes into the index, compares it with the database, repairs what differs,
and rebuilds where nothing else helps (no usable index, another dictionary). Searches go on meanwhile.

Exit codes: 0 the index is true (it was, or it is now); 1 it could not be made so, the reason is on standard error;
4 another rebuild is at work and does it. Safe to start at any time, also twice at once. Installs nothing: it uses the
Python it was started with if zhiku is installed there, else the checkout's `.venv`.
"""

import sys

from _old_python import refuse_old_python

refuse_old_python()

import importlib.util  # noqa: E402

from _venv import VENV, SetupFailed, main, python_in, run  # noqa: E402


def work() -> int:
    return run([installed_python(), "-m", "zhiku.cli.main", "index", "maintain"])


def installed_python() -> str:
    """A Python that has zhiku: this one, or that of `.venv`."""
    if importlib.util.find_spec("zhiku") and importlib.util.find_spec("whoosh"):
        return sys.executable
    if python_in(VENV).exists():
        return str(python_in(VENV))
    raise SetupFailed(
        "智库还没有安装。请先运行：python3 scripts/demo.py --no-serve\n"
        "zhiku is not installed yet; first run: python3 scripts/demo.py --no-serve"
    )


if __name__ == "__main__":
    sys.exit(main(work))
