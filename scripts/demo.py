"""The demo, from a fresh checkout to open pages: `python3 scripts/demo.py [--no-serve] [--host H] [--port N]`.

Makes `.venv`, installs, creates the database, loads the demo county, builds the index, answers one search, says with
which accounts to sign in and serves the pages. Running it again takes seconds and loses nothing. This file must parse
with any Python 3.
"""

import argparse

from _old_python import refuse_old_python

refuse_old_python()

import _venv  # noqa: E402

#: Exit code of `zhiku index maintain` when another rebuild is at work.
ANOTHER_REBUILD = 4

#: One problem in plain words, to show what zhiku answers.
PROBLEM = "懂柑橘黄龙病的人"


def demo() -> int:
    """Everything in its order; ends with the exit code of the first step that fails."""
    parser = argparse.ArgumentParser(description="安装并启动智库的演示。 Install zhiku and show its demo county.")
    parser.add_argument("--no-serve", action="store_true", help="只演示一次检索，不启动网页 / end after the search")
    parser.add_argument("--host", help="监听地址，默认 127.0.0.1 / address to listen on")
    parser.add_argument("--port", help="端口，默认 8000 / port, 8000 if not given")
    options = parser.parse_args()

    zhiku = [_venv.ready_python("semantic"), "-m", "zhiku.cli.main"]
    for step in (["db", "init"], ["demo", "load"]):
        code = _venv.run([*zhiku, *step])
        if code:
            return code
    # Rebuilds only an index that is missing, damaged or untrue.
    code = _venv.run([*zhiku, "index", "maintain"])
    if code not in (0, ANOTHER_REBUILD):
        return code
    _venv.say("\n$ zhiku search " + PROBLEM)
    code = _venv.run([*zhiku, "search", PROBLEM])
    if code or options.no_serve:
        return code
    _venv.say("")
    code = _venv.run([*zhiku, "demo", "accounts"])
    if code:
        return code
    given = [["--host", options.host], ["--port", options.port]]
    _venv.say("")
    return _venv.become([*zhiku, "serve", *sum((pair for pair in given if pair[1] is not None), [])])


if __name__ == "__main__":
    raise SystemExit(_venv.main(demo))
