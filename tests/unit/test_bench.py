"""The benchmark: its county, its reference scorer, and a whole run over a tiny corpus."""

from __future__ import annotations

import csv
import http.server
import json
import math
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.unit.indexes import analyzer

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.append(str(SCRIPTS))

import _county  # noqa: E402
from _bench.corpus import Corpus, CorpusUnusable, generated_corpus, make_corpus, read_corpus  # noqa: E402
from _bench.load import ask  # noqa: E402
from _bench.musts import Must, judge  # noqa: E402
from _bench.race import Result, makers, race, ratio  # noqa: E402
from _bench.reference import Reference, saturated, zhiku_formula  # noqa: E402
from _bench.timing import Figure, quantile  # noqa: E402

#: A tiny run: one race of 60 documents, and a county of 30 people without load.
TINY = ["--documents", "30", "--times", "2", "--queries", "6", "--slow-queries", "2", "--people", "30", "--wrk", "0"]

#: The engines that need nothing but what zhiku itself needs.
ALWAYS_THERE = ["--engines", "zhiku,whoosh,fts5"]


def run(folder: Path, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the benchmark in a process of its own, after some statements."""
    script = SCRIPTS / "bench.py"
    code = (
        f"import runpy, sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{before}\n"
        f"sys.argv[0] = {str(script)!r}\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "--corpus", str(folder / "corpus"), *TINY, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a corpus in it."""
    texts, titles = generated_corpus(40, analyzer())
    (tmp_path / "corpus").mkdir()
    lines = [json.dumps({"id": f"t{number}", "body": text}) for number, text in enumerate(texts)]
    (tmp_path / "corpus" / "documents.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = [f"q{number}\t{title}" for number, title in enumerate(titles)]
    (tmp_path / "corpus" / "queries.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    texts, titles = generated_corpus(60, analyzer())
    return make_corpus("generated", texts, titles, 10, analyzer())


def test_a_generated_roster_is_the_same_each_time_and_names_everybody(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        _county.write_roster(tmp_path / name, 50)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    with (tmp_path / "one.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50 and all(row["姓名"] and row["简介"] and row["状态"] == "已发布" for row in rows)


def test_a_generated_corpus_is_the_same_each_time_and_of_the_shape_of_the_real_one() -> None:
    texts, titles = generated_corpus(300, analyzer())
    assert (texts, titles) == generated_corpus(300, analyzer())
    assert len(set(texts)) == 300
    assert 280 < sum(map(len, texts)) / 300 < 420
    assert 18 < sum(map(len, titles)) / 300 < 25
    # Zipf's law: the most frequent words are a large part of all, and most words stand in hardly any text.
    holders: dict[str, int] = {}
    for text in texts:
        for word in analyzer().terms(text).words:
            holders[word] = holders.get(word, 0) + 1
    ordered = sorted(holders.values(), reverse=True)
    assert ordered[0] > 250 and sum(1 for count in ordered if count <= 2) > len(ordered) / 3


def test_a_folder_that_is_no_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusUnusable, match="documents.jsonl"):
        read_corpus(tmp_path)


def test_the_reference_adds_what_the_formula_says(corpus: Corpus) -> None:
    # By hand, for one term of one text.
    query = corpus.long[0]
    reference = Reference(corpus, 3)
    formula = zhiku_formula(1.2, 0.75, (1.0, 0.0))
    scores = reference.scores(query, formula)
    lengths = [terms.length for terms in corpus.terms]
    place = max(range(len(scores)), key=lambda number: scores[number])
    expected = 0.0
    for word in query.words:
        holders = sum(3 for terms in corpus.terms if word in terms.words)
        frequency = corpus.terms[place].words[word]
        if frequency:
            norm = 0.25 + 0.75 * lengths[place] / (sum(lengths) / len(lengths))
            weight = frequency / norm
            expected += math.log(1 + (180 - holders + 0.5) / (holders + 0.5)) * weight * 2.2 / (weight + 1.2)
    assert scores[place] == pytest.approx(expected, rel=1e-6)


def test_any_of_several_equal_documents_is_right_and_a_worse_one_is_not(corpus: Corpus) -> None:
    reference = Reference(corpus, 5)
    formula = zhiku_formula(1.2, 0.75)
    query = corpus.long[0]
    scores = reference.scores(query, formula)
    first, second, third = sorted(range(len(scores)), key=lambda number: -scores[number])[:3]
    copies = [[place + len(scores) * copy for copy in range(5)] for place in (first, second, third)]
    right = copies[0][::-1] + copies[1]
    assert reference.compare(query, formula, right).is_exact
    wrong = reference.compare(query, formula, copies[0] + copies[1][:4] + copies[2][:1])
    assert not wrong.is_exact and wrong.overlap == 0.9
    assert not reference.compare(query, formula, right[:9]).is_exact
    assert not reference.compare(query, formula, right[:9] + right[:1]).is_exact


def test_saturation_is_that_of_the_textbook() -> None:
    one = np.ones(1)
    assert saturated(one, 100 * one, 100.0)[0] == pytest.approx(1.0)
    assert saturated(1e9 * one, 100 * one, 100.0)[0] == pytest.approx(2.2)


@pytest.mark.parametrize("name", sorted(makers()))
def test_each_engine_gives_the_ten_that_its_formula_says(name: str, corpus: Corpus, tmp_path: Path) -> None:
    results, notes = race(corpus, 3, [name], tmp_path / "race", 5, 0.1, is_full=False)
    if not results:
        # A peer that is not installed is left out with a sentence that says how to install it.
        assert name in {"msearch", "tantivy"} and any("Install it with" in note for note in notes)
        return
    assert all(result.exact >= 0.9 and result.overlap >= 0.95 for result in results)
    assert all(result.documents == 180 and result.size and result.p(0.95, "long") > 0 for result in results)


def test_a_must_is_met_at_its_limit() -> None:
    assert Must("a", 2.0, "×", 2.0).is_met and not Must("a", 2.1, "×", 2.0).is_met
    assert Must("a", 50.0, "×", 50.0, False).is_met and not Must("a", 49.0, "×", 50.0, False).is_met


def test_of_each_query_the_better_pass_counts() -> None:
    result = Result("zhiku", "BM25F", 1, warm={"long": [[0.001, 0.9], [0.002, 0.001], [0.003]]})
    assert result.p(0.95, "long") == pytest.approx(3.0) and result.p(0.5, "long") == pytest.approx(1.0)
    assert result.p_every_pass(0.95, "long") == pytest.approx(900.0)


def test_ratios_are_of_the_queries_that_both_were_asked() -> None:
    ours = Result("zhiku", "", 1, warm={"long": [[0.001], [0.002], [0.9]]})
    slow = Result("whoosh", "", 1, warm={"long": [[0.1], [0.2]]})
    assert ratio(slow, ours, "long") == pytest.approx(100.0)


def test_a_quantile_is_the_nearest_rank() -> None:
    assert quantile(range(1, 21), 0.95) == 19 and quantile(range(1, 301), 0.95) == 285
    assert quantile([7.0], 0.5) == 7.0 and quantile([], 0.95) == 0.0


def test_a_must_whose_condition_was_not_kept_is_not_called_met() -> None:
    found = Figure(0.7, "s")
    calm = judge({}, {"a commit is found after, longest": found, "searches meanwhile": Figure(10.0, "/s")})
    assert [(must.what, must.is_met) for must in calm] == [("searches meanwhile", False)]
    busy = judge({}, {"a commit is found after, longest": found, "searches meanwhile": Figure(49.0, "/s")})
    assert all(must.is_met for must in busy) and len(busy) == 2
    load = {"pages under load (wrk, 8 at once)": Figure(200.0, "/s"), "pages under load, for": Figure(10.0, "s")}
    assert "only 10 of 60 s" in judge({}, load)[0].what


class _OneOfThreeFails(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(500 if self.path == "/b" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.mark.network
def test_the_client_without_wrk_counts_pages_and_failures() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OneOfThreeFails) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        counted = ask(server.server_port, 0.5, 2, ["/a", "/b", "/c"])
        server.shutdown()
        thread.join()
    assert counted["requests"] > 3
    assert abs(counted["errors"] - counted["requests"] / 3) <= 2
    assert 0 < counted["p99"] <= 1e6


@pytest.mark.slow
def test_the_benchmark_measures_every_step(folder: Path) -> None:
    answer = run(folder, *ALWAYS_THERE, "--no-meaning", "--json")
    assert answer.returncode == 0, answer.stderr
    measured = json.loads(answer.stdout)
    engines = {one["engine"]: one for one in measured["engines"]["×2"]}
    assert set(engines) == {"zhiku", "whoosh", "fts5"}
    assert all(one["documents"] == 60 and one["documents/s"] > 0 and one["bytes"] > 0 for one in engines.values())
    assert engines["zhiku"]["exact"] == 1.0 and engines["zhiku"]["queries checked"] == 12
    figures = measured["figures"]
    for name in ("import, people", "rebuild, one process", "verify", "service call, p95", "page, p50"):
        assert figures[name]["value"] > 0
    assert 0 < figures["a commit is found after, longest"]["value"] < 30
    musts = {must["what"]: must for must in measured["musts"]}
    assert {"service call, p95", "×2: faster than stock Whoosh, long"} <= musts.keys()


@pytest.mark.slow
def test_pages_that_fail_are_not_timed(folder: Path) -> None:
    broken = "import zhiku.web.views.experts as v\nimport flask\nv.render_template = lambda *a, **k: flask.abort(500)"
    answer = run(folder, "--engines", "zhiku", "--no-meaning", "--json", before=broken)
    assert answer.returncode == 0, answer.stderr
    measured = json.loads(answer.stdout)
    assert not [name for name in measured["figures"] if name.startswith("page")]
    assert any("answers were errors" in note for note in measured["notes"])


def test_a_wrong_score_of_zhiku_fails_the_run(folder: Path) -> None:
    # Every term weighs the same: an engine that has lost its idf.
    broken = "import zhiku.search.scoring\nzhiku.search.scoring.idf = lambda documents, frequency: 1.0"
    answer = run(folder, "--engines", "zhiku", "--no-whole", before=broken)
    assert answer.returncode == 1 and "zhiku's engine is wrong" in answer.stderr
    assert "Traceback" not in answer.stderr and not answer.stdout.strip()


def test_a_table_says_what_is_missing_and_what_must_be(folder: Path) -> None:
    missing = "sys.modules['tantivy'] = None"
    answer = run(folder, "--engines", "zhiku,tantivy", "--no-whole", before=missing)
    assert answer.returncode == 0, answer.stderr
    assert "tantivy is left out" in answer.stdout and ".[bench]" in answer.stdout
    lines = answer.stdout.splitlines()
    assert any(line.startswith("zhiku ") and "100%" in line for line in lines)
    assert any("first touch, long" in line and line.endswith(("met", "missed")) for line in lines)


@pytest.mark.parametrize("arguments", [["--times", "0"], ["--engines", "solr"], ["--queries", "many"]])
def test_options_that_cannot_be_used_are_refused(folder: Path, arguments: Sequence[str]) -> None:
    answer = run(folder, *arguments)
    assert answer.returncode == 2 and arguments[0] in answer.stderr
