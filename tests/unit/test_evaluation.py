"""`zhiku evaluate`: measures by hand, sets that cannot be used, and a folder that is left clean."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.indexes import memory_engine
from zhiku.bootstrap import evaluate_in
from zhiku.cli.main import main
from zhiku.search.port import Kind
from zhiku.services.evaluation import (
    JudgedSetUnusable,
    MeasuresMissing,
    evaluate,
    measure,
    rank,
    read_judged_set,
)

DOCUMENTS = (
    {"id": "d1", "owner": "P1", "kind": "profile", "name": "王德明", "group": "水利", "body": "主持过水库除险加固。"},
    {
        "id": "d2",
        "owner": "P2",
        "kind": "profile",
        "name": "李水生",
        "group": "水利",
        "body": "管过柑橘园，防治黄龙病。",
    },
    {"id": "d3", "owner": "P2", "kind": "evidence", "name": "看果树", "group": "", "body": "给橘园剪枝。"},
    {"id": "d4", "owner": "P3", "kind": "suggestion", "name": "", "group": "", "body": "老年人高血压要常量。"},
)
FILES = {
    "documents.jsonl": "\n".join(json.dumps(one, ensure_ascii=False) for one in DOCUMENTS),
    "queries.tsv": "Q1\t水库加固\nQ2\t柑橘剪枝\nQ3\t高血压\nQ4\tqqq\n",
    "qrels.txt": "Q1 0 P1 2\nQ2 0 P2 1\nQ3 0 P3 1\nQ3 0 P9 1\nQ4 0 P1 1\nQ99 0 P1 1\n",
}


def write(folder: Path, changed: Mapping[str, str | bytes | None] | None = None) -> Path:
    """A judged set; `changed` replaces files, None leaves one out."""
    folder.mkdir(exist_ok=True)
    for name, content in {**FILES, **(changed or {})}.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        elif content is not None:
            (folder / name).write_text(content, encoding="utf-8")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> int:
    """The exit code of the command as it is typed."""
    monkeypatch.setenv("ZHIKU_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["zhiku", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_measures_are_those_of_a_computation_by_hand() -> None:
    judgements = [("Q1", "A", 2), ("Q1", "B", 1), ("Q1", "X", 0), ("Q2", "C", 1), ("Q3", "D", 1)]
    answers = {"Q1": ["X", "B", "A"], "Q2": ["C"], "Q3": [], "Q4": ["A"]}
    found = measure(judgements, answers)
    # Q1: the first right one is second; Q2: first; Q3 has no answer and counts as nothing; Q4 was not judged.
    assert found.values["RR@10"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found.values["R@10"] == pytest.approx((1 + 1 + 0) / 3)
    assert found.values["P@1"] == pytest.approx((0 + 1 + 0) / 3)
    gain = 1 / math.log2(3) + 2 / math.log2(4)
    best = 2 / math.log2(2) + 1 / math.log2(3)
    assert found.values["nDCG@10"] == pytest.approx((gain / best + 1 + 0) / 3)
    assert found.by_query["RR@10"]["Q1"] == 0.5
    assert (found.queries, found.unanswered) == (3, ("Q3",))


def test_only_the_first_ten_people_count() -> None:
    others = [f"O{number}" for number in range(10)]
    found = measure([("Q1", "A", 1)], {"Q1": [*others[:9], "A"]})
    assert (found.values["RR@10"], found.values["R@10"]) == (pytest.approx(0.1), 1.0)
    assert measure([("Q1", "A", 1)], {"Q1": [*others, "A"]}).values["RR@10"] == 0.0


def test_judgements_may_come_one_by_one() -> None:
    assert measure(iter([("Q1", "A", 1)]), {"Q1": ["A"]}).queries == 1


def test_the_line_is_the_one_that_is_promised() -> None:
    found = measure([("Q1", "A", 1)], {"Q1": ["B", "A"]})
    assert found.line == "RR@10=0.500 R@10=1.000 nDCG@10=0.631 P@1=0.000"


def test_a_set_is_read_as_documents_of_people(tmp_path: Path) -> None:
    judged = read_judged_set(write(tmp_path))
    profile, other, service, suggestion = judged.documents
    assert (profile.kind, profile.name, profile.fields) == (Kind.PROFILE, "王德明", {"summary": "主持过水库除险加固。"})
    assert (service.kind, service.owner, service.name) == (Kind.SERVICE, "P2", "")
    assert service.fields == {"title": "看果树", "body": "给橘园剪枝。"}
    assert (suggestion.kind, suggestion.fields) == (Kind.SUGGESTION, {"body": "老年人高血压要常量。"})
    assert judged.queries["Q1"] == "水库加固"
    assert ("Q1", "P1", 2) in judged.judgements and len(judged.judgements) == 5, "Q99 is no query of the set"


def test_line_separators_inside_a_text_do_not_break_it(tmp_path: Path) -> None:
    body = "一\u2028二\x85三"
    document = json.dumps({**DOCUMENTS[0], "body": body}, ensure_ascii=False)
    judged = read_judged_set(write(tmp_path, {"documents.jsonl": f"\ufeff{document}\r\n\r\n"}))
    assert judged.documents[0].fields["summary"] == body


def test_people_are_ranked_as_the_product_ranks_them(tmp_path: Path) -> None:
    engine = memory_engine()
    found = evaluate(read_judged_set(write(tmp_path)), engine)
    assert rank(engine, "柑橘剪枝")[0] == "P2" and rank(engine, "王德明")[0] == "P1" and rank(engine, "？") == []
    assert found.unanswered == ("Q4",) and found.values["RR@10"] == pytest.approx(3 / 4)


def test_the_embedded_engine_gives_the_same_measures(tmp_path: Path) -> None:
    judged = read_judged_set(write(tmp_path / "set"))
    assert evaluate_in(tmp_path / "work", judged) == evaluate(judged, memory_engine())


def test_the_command_prints_one_line_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged, home, temporary = write(tmp_path / "set"), tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert run(monkeypatch, home, "evaluate", str(judged)) == 0
    printed = capsys.readouterr()
    assert printed.out == "RR@10=0.750 R@10=0.625 nDCG@10=0.653 P@1=0.750\n"
    assert printed.err == "没有结果的问题：1 个\n"
    assert list(temporary.iterdir()) == []
    assert not home.exists() or list(home.iterdir()) == [], "no index, no database, no cache"
    assert sorted(path.name for path in judged.iterdir()) == sorted(FILES)


def test_details_list_the_worst_questions_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "evaluate", str(write(tmp_path / "set")), "--details") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0.000 Q4 qqq" and lines[1:4] == ["1.000 Q1 水库加固", "1.000 Q2 柑橘剪枝", "1.000 Q3 高血压"]


@pytest.mark.parametrize(
    "changed, says",
    [
        ({"documents.jsonl": None}, "里没有 documents.jsonl"),
        ({"queries.tsv": None}, "里没有 queries.tsv"),
        ({"qrels.txt": None}, "里没有 qrels.txt"),
        ({"documents.jsonl": "{}"}, "documents.jsonl 第 1 行缺少字段"),
        ({"documents.jsonl": FILES["documents.jsonl"] + "\n[1]"}, "documents.jsonl 第 5 行不是 JSON 对象"),
        ({"documents.jsonl": FILES["documents.jsonl"] + "\n{"}, "documents.jsonl 第 5 行不是 JSON"),
        ({"documents.jsonl": FILES["documents.jsonl"] * 2}, "不是 JSON"),
        ({"documents.jsonl": "\n".join([FILES["documents.jsonl"]] * 2)}, "编号 d1 出现了不止一次"),
        ({"documents.jsonl": b"\xff\xfe{\x00"}, "documents.jsonl 不是 UTF-8 文本"),
        ({"documents.jsonl": ""}, "不是完整的评测集"),
        ({"queries.tsv": "Q1 没有制表符\n"}, "queries.tsv 第 1 行应有 2 列"),
        ({"queries.tsv": "\n\n"}, "不是完整的评测集"),
        ({"qrels.txt": "Q1 0 P1\n"}, "qrels.txt 第 1 行应有 4 列"),
        ({"qrels.txt": "Q1 0 P1 好\n"}, "qrels.txt 第 1 行的等级“好”不是整数"),
        ({"qrels.txt": "Q99 0 P1 1\n"}, "不是完整的评测集"),
    ],
)
def test_a_set_that_cannot_be_used_gives_one_clear_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: Mapping[str, str | bytes | None],
    says: str,
) -> None:
    folder = write(tmp_path / "set", changed)
    with pytest.raises(JudgedSetUnusable):
        read_judged_set(folder)
    assert run(monkeypatch, tmp_path, "evaluate", str(folder)) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("错误：") and printed.err.count("\n") == 1
    assert says in printed.err and printed.err.endswith("。\n")


@pytest.mark.parametrize("name", ["nothing-here", "qrels.txt"])
def test_a_folder_that_is_none_gives_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = write(tmp_path / "set")
    assert run(monkeypatch, tmp_path, "evaluate", str(folder / name)) == 1
    assert capsys.readouterr().err.startswith("错误：")


def test_without_the_package_that_measures_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(MeasuresMissing, match="pip install ir-measures"):
        measure([("Q1", "A", 1)], {"Q1": ["A"]})
