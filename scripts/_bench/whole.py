"""zhiku's whole path: import, rebuild, verify, the service call, the page, load, freshness and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import _county
from _bench.clerk import cookie_for
from _bench.corpus import Corpus
from _bench.county_rows import fill
from _bench.freshness import measure_freshness
from _bench.load import measure_load
from _bench.timing import Figure, Figures, say, seconds, summarise

from zhiku.analysis.encoder import make_encoder
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.services.importing import import_file
from zhiku.services.reference_data import load_reference_data
from zhiku.web.app import create_app
from zhiku.web.security import COOKIE

#: Settings that a measurement turns; a version without one is measured as it is.
_ENCODER, _PROCESSES = "encoder", "build_processes"

#: What a page that is there answers.
OK = 200

#: Commits whose way into the index is timed.
COMMITS = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured of the whole path."""

    people: int
    times: int
    #: Seconds of load on the pages; 0 for none.
    load: int
    has_meaning: bool
    #: Queries asked of the service and the pages; half of them long.
    queries: int


def measure_whole(folder: Path, corpus: Corpus, plan: Plan) -> tuple[Figures, list[str]]:
    """All figures of one county in an empty folder, and a sentence for what could not be measured."""
    figures: Figures = {}
    notes: list[str] = []
    half = plan.queries // 2
    queries = [query.text for query in (*corpus.long[:half], *corpus.short[:half])]
    home = folder / "home"
    with opened(home, {_ENCODER: "none", _PROCESSES: "1"}) as app:
        documents = _fill(app, folder, corpus, plan, figures)
        figures["documents of the county"] = Figure(documents, "")
        _rebuild(app, figures, "rebuild, one process", documents)
        took = seconds(app.indexing.verify)
        if not app.indexing.verify().is_clean:
            raise AssertionError("index and database differ")
        figures["verify"] = Figure(took, "s")
        figures["index size a document"] = Figure(app.engine.status().size / documents / 1000, "kB")
        _searches(app, figures, notes, queries, "")
        figures |= measure_freshness(app, queries, COMMITS)
    if has_setting(_PROCESSES):
        with opened(home, {_ENCODER: "none", _PROCESSES: "2"}) as app:
            _rebuild(app, figures, "rebuild, two processes", documents)
    if plan.load:
        say(f"pages under load for {plan.load} s …")
        figures |= measure_load(home, [f"/experts?q={quote(text)}" for text in queries], plan.load, folder)
    _memory(folder, home, queries, documents, figures)
    if plan.has_meaning and not _has_encoder():
        notes.append("meaning is left out: no encoder. Install it with: python3 -m pip install -e '.[semantic]'")
    elif plan.has_meaning:
        _with_meaning(home, figures, notes, queries, documents)
    return figures, notes


def _with_meaning(home: Path, figures: Figures, notes: list[str], queries: Sequence[str], documents: int) -> None:
    """The same with sentence vectors. Figures of an index without vectors would be those of no meaning, misnamed."""
    with opened(home, {_ENCODER: "auto", _PROCESSES: "1"}) as app:
        taken: Figures = {}
        _rebuild(app, taken, "rebuild with meaning, first", documents)
        if app.engine.encoder is None:
            notes.append("meaning is left out: an encoder is installed, but the rebuilt index has no vectors")
            return
        figures |= taken
        _rebuild(app, figures, "rebuild with meaning, vectors cached", documents)
        _searches(app, figures, notes, queries, " with meaning")
    if has_setting(_PROCESSES):
        with opened(home, {_ENCODER: "auto", _PROCESSES: "2"}) as app:
            _rebuild(app, figures, "rebuild with meaning, vectors cached, two processes", documents)


@contextmanager
def opened(home: Path, wanted: Mapping[str, str]) -> Iterator[Zhiku]:
    """An installation in a folder, with those of the settings that this version has."""
    env = {f"ZHIKU_{name.upper()}": value for name, value in wanted.items() if has_setting(name)}
    app = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home), **env}))
    try:
        yield app
    finally:
        app.close()


def has_setting(name: str) -> bool:
    """Whether this version of zhiku can be told."""
    return name in {field.name for field in fields(Settings)}


def _has_encoder() -> bool:
    return make_encoder("auto") is not None


def _fill(app: Zhiku, folder: Path, corpus: Corpus, plan: Plan, figures: Figures) -> int:
    say(f"a county of {plan.people} people with {len(corpus.texts) * plan.times} suggestions …")
    roster = folder / "roster.csv"
    _county.write_roster(roster, plan.people)
    app.prepare_database()
    load_reference_data(app.sessions)
    reports = []
    importing = partial(import_file, app.sessions, "experts", roster, app.clock(), division=app.settings.division)
    took = seconds(lambda: reports.append(importing()))
    if len(reports[0].rows) != plan.people:
        raise AssertionError(f"{len(reports[0].rows)} of {plan.people} rows were imported")
    figures["import, people"] = Figure(plan.people / took, "/s")
    return plan.people + fill(app, corpus, plan.times)


def _rebuild(app: Zhiku, figures: Figures, name: str, documents: int) -> None:
    say(f"{name} …")
    figures[name] = Figure(documents / seconds(app.indexing.rebuild), "documents/s")


def _searches(app: Zhiku, figures: Figures, notes: list[str], queries: Sequence[str], suffix: str) -> None:
    say(f"service call and page{suffix} …")
    search = app.searches.within(app.settings.division).experts.search
    summarise(figures, f"service call{suffix}, first time", [seconds(partial(search, text)) for text in queries])
    summarise(figures, f"service call{suffix}", [seconds(partial(search, text)) for _ in "12" for text in queries])
    # Nobody asks as fast as this, and shall not be told to wait.
    pages_app = create_app(replace(app, settings=replace(app.settings, searches_per_minute=0)))
    client = pages_app.test_client()
    client.set_cookie(COOKIE, cookie_for(pages_app, app))
    statuses: list[int] = []

    def ask(text: str) -> None:
        statuses.append(client.get("/experts", query_string={"q": text}).status_code)

    ask(queries[0])
    pages = [seconds(partial(ask, text)) for _ in "12" for text in queries]
    if failed := sum(status != OK for status in statuses):
        # The time of an error is not the time of a page.
        notes.append(f"page{suffix} is left out: {failed} of {len(statuses)} answers were errors")
        return
    summarise(figures, f"page{suffix}", pages)


def _memory(folder: Path, home: Path, queries: Sequence[str], documents: int, figures: Figures) -> None:
    """Resident memory after all queries, less that of the same process on a county of ten people."""
    small = folder / "small"
    with opened(small, {_ENCODER: "none"}) as app:
        app.prepare_database()
        load_reference_data(app.sessions)
        roster = folder / "ten.csv"
        _county.write_roster(roster, 10)
        import_file(app.sessions, "experts", roster, app.clock(), division=app.settings.division)
        app.indexing.rebuild()
    used = [_resident(place / "index", home / "cache", queries) for place in (small, home)]
    if all(used):
        figures["memory, this county"] = Figure(used[1] / 1e6, "MB")
        figures["memory per 10,000 documents"] = Figure(max(0, used[1] - used[0]) / documents * 10_000 / 1e6, "MB")


def _resident(index: Path, cache: Path, queries: Sequence[str]) -> int:
    answer = subprocess.run(
        [sys.executable, "-m", "_bench.memory", str(index), str(cache)],
        input="\n".join(queries),
        capture_output=True,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parents[1],
        env=dict(os.environ, PYTHONUTF8="1"),
        check=True,
    )
    return int(answer.stdout.split()[-1])
