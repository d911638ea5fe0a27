"""Scoring: BM25F over groups of terms, shared by every engine of ours so that all give the same order.

BM25F (Robertson, Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond, 2009, section 3.6): the frequencies
of a term are weighted and length-normalised per field and summed over fields *before* saturation:

    W(t, d) = sum over fields f of  boost_f * tf_f / (1 - b + b * len_f / avglen_f)
    score(t, d) = idf(t) * W * (k1 + 1) / (W + k1)

Boosts and lengths do not depend on the query, so W is computed when a document is indexed and stored as the posting's
weight (`fold`); the query adds idf and saturation. A document's score is the weighted sum of its groups' scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zhiku.analysis.analyzer import Analyzer
from zhiku.search.port import IndexDocument, TermGroup

K1 = 0.9
B = 0.8

#: Boost per field of `projections`. What a person says of their own skill counts most.
FIELD_BOOSTS: Mapping[str, float] = {
    "expertise": 2.5,
    "post": 1.2,
    "career": 0.8,
    "honours": 0.6,
    "summary": 1.5,
    "title": 1.5,
    "body": 1.0,
}

#: Weight of each group in a document's score (measured on the judged sets, docs/adr/0004).
GROUP_WEIGHTS: Mapping[TermGroup, float] = {
    TermGroup.WORDS: 1.0,
    TermGroup.GRAMS: 1.0,
    TermGroup.CHARS: 1.0,
    TermGroup.NAMES: 4.0,
}

#: Groups in which a term makes a document match. Single characters only add to what matched otherwise: almost every
#: text has one of a query's characters.
MATCHING_GROUPS = (TermGroup.WORDS, TermGroup.GRAMS, TermGroup.NAMES)


@dataclass(frozen=True, slots=True)
class FieldLengths:
    """Average length of each field over the documents that have it, in characters and Latin words.

    Fixed for the life of a generation (it is in the manifest), so that a document gets the same weights whenever it is
    indexed, and results do not depend on segments.
    """

    averages: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def measure(cls, documents: Iterable[IndexDocument], analyzer: Analyzer) -> FieldLengths:
        """The averages over these documents."""
        totals: dict[str, tuple[int, int]] = {}
        for document in documents:
            for name, text in document.fields.items():
                length = analyzer.length(text)
                if length:
                    total, count = totals.get(name, (0, 0))
                    totals[name] = (total + length, count + 1)
        return cls({name: total / count for name, (total, count) in sorted(totals.items())})


def fold(document: IndexDocument, analyzer: Analyzer, lengths: FieldLengths) -> dict[TermGroup, dict[str, float]]:
    """W(t, d) of every term of the document, by group."""
    folded: dict[TermGroup, dict[str, float]] = {group: {} for group in TermGroup}
    for name in sorted(document.fields):
        terms = analyzer.terms(document.fields[name])
        if not terms.length:
            continue
        norm = 1.0 - B + B * terms.length / lengths.averages.get(name, terms.length)
        boost = FIELD_BOOSTS.get(name, 1.0) / norm
        for group, counts in (
            (TermGroup.WORDS, terms.words), (TermGroup.GRAMS, terms.grams), (TermGroup.CHARS, terms.chars),
        ):  # fmt: skip
            weights = folded[group]
            for term, count in counts.items():
                weights[term] = weights.get(term, 0.0) + boost * count
    if document.name:
        folded[TermGroup.NAMES] = analyzer.name_terms(document.name)
    return folded


def normal_text(fields: Mapping[str, str], analyzer: Analyzer) -> str:
    """The text in which exact parts are looked for: normalised fields in the order of their names, a line each."""
    return "\n".join(analyzer.normal(fields[name]) for name in sorted(fields))


def idf(document_count: int, document_frequency: int) -> float:
    """Lucene's form of the Robertson-Sparck Jones weight, never negative."""
    return math.log(1.0 + (document_count - document_frequency + 0.5) / (document_frequency + 0.5))


def query_weight(count: float) -> float:
    """Weight of a term that stands `count` times in the query: repeated words count, with falling returns."""
    return 1.0 + math.log(count) if count > 1 else 1.0
