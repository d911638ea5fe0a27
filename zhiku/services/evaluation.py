"""Evaluation on judged sets: the product's own analysis, engine and ranking against graded judgements.

A set is a folder with `documents.jsonl` (id, owner, kind, name, group, body), `queries.tsv` (id TAB text) and
`qrels.txt` (TREC form; the judged target is an owner). Measures by the package ir-measures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhiku.domain.base import DomainError
from zhiku.search.ladder import find_people
from zhiku.search.port import Engine, IndexDocument, Kind, SearchRequest
from zhiku.search.query import parse
from zhiku.search.votes import reciprocal_rank_votes

MEASURES = ("RR@10", "R@10", "nDCG@10", "P@1")

#: People returned for a query; the measures look at ten.
DEPTH = 100

_FILES_NEEDED = " documents.jsonl、queries.tsv 和 qrels.txt "

_KINDS = {"profile": Kind.PROFILE, "suggestion": Kind.SUGGESTION, "evidence": Kind.SERVICE, "service": Kind.SERVICE}


class JudgedSetUnusable(DomainError):
    """The folder is no judged set; the message says which file and line."""


class MeasuresMissing(DomainError):
    """The package that measures is not installed; there is none for some machines."""


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Documents, queries by id, and judgements (query, owner, grade)."""

    documents: tuple[IndexDocument, ...]
    queries: Mapping[str, str]
    judgements: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over all queries, and the queries for which nothing was found."""

    values: Mapping[str, float]
    queries: int
    unanswered: tuple[str, ...]
    #: Measure -> query id -> value.
    by_query: Mapping[str, Mapping[str, float]]

    @property
    def line(self) -> str:
        """`RR@10=0.615 R@10=0.813 nDCG@10=0.654 P@1=0.505`."""
        return " ".join(f"{name}={self.values[name]:.3f}" for name in MEASURES)


def read_judged_set(folder: Path) -> JudgedSet:
    """Read a set; raises `JudgedSetUnusable`."""
    documents = tuple(_document(record, place) for record, place in _json_lines(folder / "documents.jsonl"))
    queries = {key: text for (key, text), _ in _rows(folder / "queries.tsv", "\t", 2)}
    judgements = tuple(
        (query, owner, _grade(grade, place))
        for (query, _, owner, grade), place in _rows(folder / "qrels.txt", None, 4)
        if query in queries
    )
    if not documents or not queries or not judgements:
        raise JudgedSetUnusable(f"{folder} 不是完整的评测集：{_FILES_NEEDED}里都要有内容，判断要针对其中的问题。")
    repeated = [key for key, count in Counter(document.id for document in documents).items() if count > 1]
    if repeated:
        raise JudgedSetUnusable(f"documents.jsonl 里编号 {repeated[0]} 出现了不止一次。")
    return JudgedSet(documents, queries, judgements)


def evaluate(judged: JudgedSet, engine: Engine) -> Evaluation:
    """Index the set's documents in an empty engine, ask every query, and measure."""
    generation = engine.begin_generation()
    generation.add(judged.documents)
    generation.finish()
    generation.publish()
    # People have a profile; what has none is ranked as the product ranks it.
    has_people = any(document.kind is Kind.PROFILE for document in judged.documents)
    answer = rank if has_people else vote
    answers = {key: answer(engine, text) for key, text in judged.queries.items()}
    return measure(judged.judgements, answers)


def rank(engine: Engine, text: str) -> list[str]:
    """Owners for one query, best first, as the product ranks them."""
    terms = parse(text, engine.analyzer, engine.encoder)
    if terms.is_empty:
        return []
    return [person.owner for person in find_people(engine, terms).people[:DEPTH]]


def vote(engine: Engine, text: str) -> list[str]:
    """Owners for one query, best first, by the votes of their documents: departments by what they answered before,
    and suggestions, each its own owner."""
    terms = parse(text, engine.analyzer, engine.encoder)
    if terms.is_empty:
        return []
    hits = engine.search(SearchRequest(terms, owned_only=True, limit=DEPTH, near_limit=DEPTH)).hits
    return [owner for owner, _ in reciprocal_rank_votes((hit.owner, hit.score) for hit in hits)]


def measure(judgements: Iterable[tuple[str, str, int]], answers: Mapping[str, Sequence[str]]) -> Evaluation:
    """Compare ranked owners with judgements. Queries without a judgement are left out, as TREC does."""
    # Imported here: it brings scipy, which nothing but an evaluation needs.
    try:
        import ir_measures
    except ImportError:
        raise MeasuresMissing(
            "衡量检索质量需要 ir-measures，这台电脑没有安装。请运行：pip install ir-measures"
        ) from None

    judgements = tuple(judgements)
    qrels = [ir_measures.Qrel(query, owner, grade) for query, owner, grade in judgements]
    run = [
        ir_measures.ScoredDoc(query, owner, float(len(owners) - position))
        for query, owners in answers.items()
        for position, owner in enumerate(owners)
    ]
    measures = {name: ir_measures.parse_measure(name) for name in MEASURES}
    values = ir_measures.calc_aggregate(measures.values(), qrels, run)
    by_query: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    names = {parsed: name for name, parsed in measures.items()}
    for metric in ir_measures.iter_calc(measures.values(), qrels, run):
        by_query[names[metric.measure]][metric.query_id] = metric.value
    judged = {query for query, _, _ in judgements}
    return Evaluation(
        {name: float(values[parsed]) for name, parsed in measures.items()},
        len(judged),
        tuple(sorted(query for query in judged if not answers.get(query))),
        by_query,
    )


def _document(record: Mapping[str, object], place: str) -> IndexDocument:
    try:
        kind = _KINDS.get(str(record["kind"]), Kind.PROFILE)
        owner, key = str(record["owner"]), str(record["id"])
        title, body = str(record.get("name") or ""), str(record["body"])
    except KeyError as error:
        raise JudgedSetUnusable(f"{place}缺少字段 {error}。") from None
    # On a profile the name is a person's; on anything else it is a title.
    fields = {"summary" if kind is Kind.PROFILE else "body": body}
    if kind is not Kind.PROFILE and title:
        fields["title"] = title
    return IndexDocument(
        id=key, source=key, owner=owner, kind=kind, fields=fields, name=title if kind is Kind.PROFILE else ""
    )


def _json_lines(path: Path) -> Iterator[tuple[Mapping[str, object], str]]:
    for number, line in enumerate(_lines(path), 1):
        place = f"{path.name} 第 {number} 行"
        try:
            record = json.loads(line)
        except ValueError:
            raise JudgedSetUnusable(f"{place}不是 JSON。") from None
        if not isinstance(record, dict):
            raise JudgedSetUnusable(f"{place}不是 JSON 对象。")
        yield record, place


def _rows(path: Path, separator: str | None, columns: int) -> Iterator[tuple[list[str], str]]:
    for number, line in enumerate(_lines(path), 1):
        place = f"{path.name} 第 {number} 行"
        row = line.split(separator, columns - 1)
        if len(row) != columns:
            raise JudgedSetUnusable(f"{place}应有 {columns} 列。")
        yield row, place


def _grade(text: str, place: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise JudgedSetUnusable(f"{place}的等级“{text.strip()}”不是整数。") from None


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise JudgedSetUnusable(f"{path.parent} 里没有 {path.name}。评测集需要{_FILES_NEEDED}。") from None
    except UnicodeDecodeError:
        raise JudgedSetUnusable(f"{path.name} 不是 UTF-8 文本。") from None
    except OSError as error:
        raise JudgedSetUnusable(f"读不出 {path}（{error.strerror}）。") from None
    # Not splitlines(): text may hold U+2028 and other characters that it takes for the end of a line.
    return [line for line in text.split("\n") if line.strip()]
