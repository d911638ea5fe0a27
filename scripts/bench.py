"""How fast zhiku is on this machine: `python3 scripts/bench.py [--people N] [--queries N] [--repeat N] [--json]`.

Generates a county, then times import, rebuild, verify, search (cold and warm) and a page, all in one run in a temporary
folder. Machines differ, and one machine differs from itself: compare figures of one run, and ratios between runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import _venv
from _old_python import refuse_old_python

#: Name -> value, and its unit.
Figures = dict[str, tuple[float, str]]


def bench() -> int:
    """Parse, measure, print."""
    refuse_old_python()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=1000, help="people in the county (1000)")
    parser.add_argument("--queries", type=int, default=100, help="different queries (100, at most 400)")
    parser.add_argument("--repeat", type=int, default=3, help="passes over the queries when warm (3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        import zhiku  # noqa: F401
    except ImportError:
        return _venv.become([_venv.ready_python(), str(Path(__file__).resolve()), *sys.argv[1:]])
    with tempfile.TemporaryDirectory(prefix="zhiku-bench-") as folder:
        figures = measure(Path(folder), options.people, options.queries, options.repeat)
    show(figures, options.people, options.queries, options.json)
    return 0


def measure(folder: Path, people: int, queries: int, repeat: int) -> Figures:
    """All figures of one county in an empty folder."""
    import _county

    from zhiku import migrations
    from zhiku.bootstrap import Zhiku
    from zhiku.config import Settings
    from zhiku.services.importing import import_file
    from zhiku.services.reference_data import load_reference_data
    from zhiku.web.app import create_app

    figures: Figures = {}
    roster = folder / "roster.csv"
    _county.write_roster(roster, people)
    asked = _county.problems(queries)
    app = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(folder / "home")}))
    try:
        migrations.upgrade(app.database)
        load_reference_data(app.sessions)
        with timed(figures, "import", people):
            report = import_file(app.sessions, "experts", roster, app.clock(), division=app.settings.division)
        if len(report.rows) != people:
            raise AssertionError(f"{len(report.rows)} of {people} rows were imported")
        with timed(figures, "rebuild", people):
            app.indexing.rebuild()
        with timed(figures, "verify", people):
            if not app.indexing.verify().is_clean:
                raise AssertionError("index and database differ")
        size = app.engine.status().size
        figures["index size a document"] = (size / people / 1000, "kB")
        summarise(figures, "search, first time", [seconds(partial(app.expert_search.search, text)) for text in asked])
        again = [seconds(partial(app.expert_search.search, text)) for _ in range(repeat) for text in asked]
        summarise(figures, "search, again", again)
        client = create_app(app).test_client()
        pages = [seconds(partial(client.get, "/experts", query_string={"q": text})) for text in asked]
        summarise(figures, "page", pages)
    finally:
        app.close()
    return figures


@contextmanager
def timed(figures: Figures, name: str, count: int) -> Iterator[None]:
    """Time a job over so many things."""
    start = time.perf_counter()
    yield
    took = time.perf_counter() - start
    figures[name] = (took, "s")
    figures[f"{name}, rate"] = (count / took, "/s")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def summarise(figures: Figures, name: str, times: list[float]) -> None:
    """Median and 95th percentile, in milliseconds."""
    figures[f"{name}, median"] = (statistics.median(times) * 1000, "ms")
    figures[f"{name}, p95"] = (statistics.quantiles(times, n=20)[-1] * 1000, "ms")


def show(figures: Figures, people: int, queries: int, is_json: bool) -> None:
    """Print a table, or JSON."""
    if is_json:
        values = {name: {"value": round(value, 4), "unit": unit} for name, (value, unit) in figures.items()}
        print(json.dumps({"people": people, "queries": queries, "figures": values}, ensure_ascii=False, indent=1))
        return
    print(f"{people} people, {queries} queries")
    for name, (value, unit) in figures.items():
        print(f"{name:<28}{value:>12.2f} {unit}")


if __name__ == "__main__":
    raise SystemExit(_venv.main(bench))
