"""How fast zhiku is on this machine, side by side with its peers: `python3 scripts/bench.py [--json]`.

Indexes one corpus with zhiku's engine, stock Whoosh, flask-msearch, SQLite FTS5 and tantivy, checks that each returns
the ten documents that its formula says, then times all of them in turn; then times zhiku's whole path, from a roster
to a page under load. Everything is made in a temporary folder. Machines differ, and one machine differs from itself:
compare figures of one run, and ratios between runs. Times never fail a run; a wrong answer of zhiku's does (exit 1).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import _venv
from _old_python import refuse_old_python

if TYPE_CHECKING:
    from _bench.report import Report

#: The judged set that the figures of the design were taken on, where it lies beside the checkout.
CORPUS = _venv.CHECKOUT.parent / "shared" / "eval" / "similar"

ENGINES = ("zhiku", "whoosh", "msearch", "fts5", "tantivy")


def bench() -> int:
    """Parse, measure, print."""
    refuse_old_python()
    options = parse(sys.argv[1:])
    try:
        import zhiku  # noqa: F401
    except ImportError:
        return _venv.become([ready_python(), str(Path(__file__).resolve()), *sys.argv[1:]])
    from _bench.corpus import CorpusUnusable
    from _bench.race import EngineWrong

    with tempfile.TemporaryDirectory(prefix="zhiku-bench-", ignore_cleanup_errors=True) as folder:
        try:
            report = measure(Path(folder), options)
        except CorpusUnusable as error:
            print(error, file=sys.stderr)
            return 2
        except EngineWrong as error:
            print(error, file=sys.stderr)
            return 1
    print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1) if options.json else "\n".join(report.lines()))
    return 0


def ready_python() -> Path:
    """The checkout's own Python, with the peers where they can be installed."""
    try:
        return _venv.ready_python("bench")
    except _venv.SetupFailed:
        _venv.say("没有装上用来比较的程序，只测智库自己。 The peers could not be installed; going on without them.")
        return _venv.ready_python()


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options; leaves the program where one cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--corpus", type=Path, help="folder with documents.jsonl and queries.tsv (else a generated corpus)")
    add("--documents", type=natural, help="only so many of its texts, or so many generated ones")
    add("--times", type=sizes, default=(1, 5), help="repeat the corpus so many times, one race each (1,5)")
    add("--queries", type=natural, default=300, help="long queries, and short ones (300 each)")
    add("--engines", type=engines, default=ENGINES, help=f"which of {','.join(ENGINES)} (all)")
    add("--slow-queries", type=natural, default=20, help="of each length, for engines in plain Python (20)")
    add("--full", action="store_true", help="slow engines at every size; takes long")
    add("--people", type=natural, default=1000, help="people of the county on the whole path (1000)")
    add("--wrk", type=int, default=10, metavar="SECONDS", help="load on the pages, 0 for none (10)")
    add("--no-whole", action="store_true", help="only the race")
    add("--no-meaning", action="store_true", help="the whole path without sentence vectors")
    add("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def measure(folder: Path, options: argparse.Namespace) -> Report:
    """Everything that was asked for, in an empty folder. Raises `CorpusUnusable` and `EngineWrong`."""
    from _bench.corpus import TEXTS, generated_corpus, make_corpus, read_corpus
    from _bench.race import race
    from _bench.report import Report
    from _bench.timing import say, seconds
    from _bench.whole import Plan, measure_whole

    from zhiku.analysis.analyzer import make_analyzer
    from zhiku.analysis.lexicon import shipped_words

    analyzer = make_analyzer("auto", shipped_words(), folder / "cache")
    given = options.corpus or (CORPUS if CORPUS.is_dir() else None)
    if given:
        texts, titles = read_corpus(given)
        texts = texts[: options.documents]
    else:
        texts, titles = generated_corpus(options.documents or TEXTS, analyzer)
    say(f"cutting {len(texts)} texts into terms …")
    analysis = seconds(lambda: [analyzer.terms(text) for text in texts])
    corpus = make_corpus(given.name if given else "generated", texts, titles, options.queries, analyzer)
    report = Report(corpus, os.cpu_count() or 1)
    for times in options.times:
        results, notes = race(
            corpus, times, options.engines, folder / f"race-{times}", options.slow_queries, analysis, options.full
        )
        report.races[times] = results
        report.notes += [sentence for sentence in notes if sentence not in report.notes]
    if not options.no_whole:
        times = max(one for one in options.times if one <= 5 or one == min(options.times))
        plan = Plan(options.people, times, options.wrk, not options.no_meaning, options.queries)
        report.whole, notes = measure_whole(folder, corpus, plan)
        report.notes += notes
    return report


def natural(text: str) -> int:
    """A number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 1")
    return int(text)


def sizes(text: str) -> tuple[int, ...]:
    """Numbers of at least 1, each once, the smallest first."""
    return tuple(sorted({natural(part.strip()) for part in text.split(",")}))


def engines(text: str) -> tuple[str, ...]:
    """Names of engines."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in names if name not in ENGINES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(ENGINES)}")
    return names


if __name__ == "__main__":
    raise SystemExit(_venv.main(bench))
