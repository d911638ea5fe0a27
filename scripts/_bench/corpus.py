"""The corpus of the benchmark: texts and queries, cut into terms once, so that every engine gets the same ones."""

from __future__ import annotations

import csv
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from zhiku.analysis.analyzer import Analyzer, Terms

#: Shape of the judged set that the figures of DESIGN were taken on: texts, their mean length, and that of their titles.
TEXTS, TEXT_LENGTH, TITLE_LENGTH = 4326, 350, 20

#: Short queries have so many characters.
SHORT = (2, 6)

#: Share of a generated text's words that hardly any other text has: names and numbers, the long tail of a vocabulary.
RARE_SHARE = 0.04


class CorpusUnusable(Exception):
    """A folder that has no corpus; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query as it is typed, and its distinct terms."""

    text: str
    words: tuple[str, ...]
    grams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts with their terms; document number n of a corpus repeated `times` is text n % len(texts)."""

    name: str
    texts: tuple[str, ...]
    terms: tuple[Terms, ...]
    #: Each text's words and grams joined by spaces, made beforehand: joining is no peer's work.
    spaced: tuple[tuple[str, str], ...]
    long: tuple[Query, ...]
    short: tuple[Query, ...]

    def documents(self, times: int) -> Iterator[tuple[int, str]]:
        """(number, text) of every document, the whole corpus again and again."""
        return enumerate(itertools.chain.from_iterable(itertools.repeat(self.texts, times)))

    def joined(self, times: int) -> Iterator[tuple[int, str, str]]:
        """(number, words, grams) of every document, terms joined by spaces."""
        for copy in range(times):
            for place, (words, grams) in enumerate(self.spaced):
                yield copy * len(self.texts) + place, words, grams


def make_corpus(name: str, texts: Sequence[str], titles: Sequence[str], queries: int, analyzer: Analyzer) -> Corpus:
    """Cut everything; at most so many queries of each length, the same ones each time."""
    dice = random.Random(3)
    long = _some([title for title in titles if len(title) > SHORT[1]], queries, dice)
    short = _some([word for word in short_queries() if SHORT[0] <= len(word) <= SHORT[1]], queries, dice)
    terms = tuple(map(analyzer.terms, texts))
    return Corpus(
        name,
        tuple(texts),
        terms,
        tuple((" ".join(one.words.elements()), " ".join(one.grams.elements())) for one in terms),
        tuple(query for text in long if (query := _query(text, analyzer)).words),
        tuple(query for text in short if (query := _query(text, analyzer)).words),
    )


def read_corpus(folder: Path) -> tuple[list[str], list[str]]:
    """Texts and titles of a folder with documents.jsonl (`body`) and queries.tsv (id TAB text).

    Raises `CorpusUnusable`.
    """
    try:
        records = (folder / "documents.jsonl").read_text(encoding="utf-8").split("\n")
        rows = (folder / "queries.tsv").read_text(encoding="utf-8").split("\n")
        texts = [str(json.loads(line)["body"]) for line in records if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusUnusable(
            f"{folder} is no corpus: it takes documents.jsonl with a body in each line, and queries.tsv ({error})"
        ) from error
    titles = [row.partition("\t")[2].strip() for row in rows if "\t" in row]
    if not texts or not titles:
        raise CorpusUnusable(f"{folder} is no corpus: documents.jsonl or queries.tsv is empty")
    return texts, titles


def generated_corpus(count: int, analyzer: Analyzer, seed: int = 1) -> tuple[list[str], list[str]]:
    """Texts and titles made of the demo county's words, each as often as it is there (which is Zipf's law), and of
    words that hardly any other text has. The same ones for the same seed."""
    dice = random.Random(seed)
    words, weights = _demo_words(analyzer)
    cumulated = list(itertools.accumulate(weights))
    characters = sorted({character for word in words for character in word})
    texts, titles = [], []
    for _ in range(count):
        # Lengths of what people write: many short ones, few long ones.
        target = min(2400.0, max(40.0, dice.lognormvariate(0.0, 0.75) * TEXT_LENGTH * 0.75))
        text: list[str] = []
        length = 0
        while length < target:
            rare = dice.random() < RARE_SHARE
            word = "".join(dice.choices(characters, k=2)) if rare else dice.choices(words, cum_weights=cumulated)[0]
            text.append(word)
            length += len(word)
            if dice.random() < 0.12:
                text.append("\uff0c")
                length += 1
        texts.append("".join(text) + "。")
        title = ""
        while len(title) < TITLE_LENGTH:
            title += dice.choice(text).strip("\uff0c")
        titles.append(title)
    return texts, titles


def short_queries() -> list[str]:
    """Fields of expertise and what people call them."""
    table = resources.files("zhiku.reference").joinpath("fields_of_expertise.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(table.splitlines()))
    names = [name for row in rows for name in (row["主领域"], row["领域"], *row["常用说法"].split())]
    return list(dict.fromkeys(names))


def _demo_words(analyzer: Analyzer) -> tuple[list[str], list[int]]:
    """The words of the demo county's texts with their frequencies."""
    counts: dict[str, int] = {}
    for kind, columns in (("suggestions", ("事由", "情况", "建议")), ("experts", ("简介", "履历", "专长"))):
        table = resources.files("zhiku.demo").joinpath(f"{kind}.csv").read_text(encoding="utf-8-sig")
        for row in csv.DictReader(table.splitlines()):
            for column in columns:
                for word, count in analyzer.terms(row[column]).words.items():
                    counts[word] = counts.get(word, 0) + count
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return ordered, [counts[word] for word in ordered]


def _query(text: str, analyzer: Analyzer) -> Query:
    analysis = analyzer.query(text)
    return Query(text, tuple(sorted(analysis.words)), tuple(sorted(analysis.grams)))


def _some(candidates: Sequence[str], count: int, dice: random.Random) -> list[str]:
    distinct = list(dict.fromkeys(candidates))
    return dice.sample(distinct, min(count, len(distinct)))
