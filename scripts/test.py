"""All tests and checks: `python3 scripts/test.py`, or some tests: `python3 scripts/test.py tests/web -k search`.

Makes `.venv` and installs what the tests need. Arguments are pytest's; without any, the checks of style, types and
layers run first, then all tests on all cores. pytest's closing line comes last. This file must parse with any Python 3.
"""

import sys

from _old_python import refuse_old_python

refuse_old_python()

import _venv  # noqa: E402

FOLDERS = ["zhiku", "tests", "scripts"]

#: Name -> module and arguments.
CHECKS = {
    "flake8": ["flake8", *FOLDERS],
    "isort": ["isort", "--check-only", "--diff", *FOLDERS],
    "mypy": ["mypy"],
}

#: A process for each core, eight at most: each takes some hundred megabytes. The tests of a file stay together, since
#: they share what is dear to make, and files begin in their order: those that drive a browser take longest.
ON_ALL_CORES = ["-n", "logical", "--maxprocesses", "8", "--dist", "loadfile", "--no-loadscope-reorder"]


def test() -> int:
    """Run everything; 0 when nothing failed, else the first failing exit code."""
    python = _venv.ready_python("test")
    arguments = sys.argv[1:]
    if arguments:
        return _venv.run([python, "-m", "pytest", *arguments])
    failed = {}
    for name, module in CHECKS.items():
        _venv.say("== " + name)
        code = _venv.run([python, "-m", *module])
        if code:
            failed[name] = code
    # import-linter's contracts are among the tests (tests/architecture/test_layers.py).
    _venv.say("== pytest")
    code = _venv.run([python, "-m", "pytest", *ON_ALL_CORES])
    if code:
        failed["pytest"] = code
    if failed:
        # After pytest's closing line only when something is wrong.
        _venv.say("\n没有通过 Failed: " + ", ".join(failed))
    return next(iter(failed.values()), 0)


if __name__ == "__main__":
    raise SystemExit(_venv.main(test))
