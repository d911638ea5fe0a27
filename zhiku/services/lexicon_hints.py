"""What a query without an answer may mean: fields of expertise and known groups of synonyms that share wording."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.normalize import normalize
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.services.live_lexicon import LiveSynonyms

#: Members of a group that a hint shows and takes over.
MEMBERS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Hint:
    """One offer: `text` is what the group would get beside the query."""

    text: str
    #: "领域" or "同义词".
    source: str


class LexiconHints:
    """Offers what a query may mean. Reads the fields and builds its tables anew for every page: 5,000 phrases take some
    milliseconds, and nothing can be out of date."""

    def __init__(self, sessions: sessionmaker[Session], live: LiveSynonyms) -> None:
        self._sessions = sessions
        self._live = live

    def for_queries(self, queries: Sequence[str], limit: int = 3) -> list[tuple[Hint, ...]]:
        """The best hints for each of the queries; none where nothing shares two neighbouring characters with it."""
        offers: list[tuple[Hint, set[str]]] = []
        with self._sessions() as session:
            for name, words in session.execute(select(FieldOfExpertise.name, FieldOfExpertise.everyday_words)):
                offers.append((Hint(name, "领域"), _bigrams([name, *words.split()])))
        for group in self._live.current().groups:
            offers.append((Hint("、".join(group[:MEMBERS_SHOWN]), "同义词"), _bigrams(group)))
        found_in = Counter(bigram for _, bigrams in offers for bigram in bigrams)
        holders: dict[str, list[int]] = {}
        wanted = [_bigrams([normalize(query)]) for query in queries]
        asked = set().union(*wanted) if wanted else set()
        for number, (_, bigrams) in enumerate(offers):
            for bigram in bigrams & asked:
                holders.setdefault(bigram, []).append(number)
        return [self._best(query, offers, holders, found_in, limit) for query in wanted]

    @staticmethod
    def _best(
        query: set[str],
        offers: Sequence[tuple[Hint, set[str]]],
        holders: dict[str, list[int]],
        found_in: Counter[str],
        limit: int,
    ) -> tuple[Hint, ...]:
        scores: dict[int, float] = {}
        for bigram in sorted(query):
            rarity = math.log(1 + len(offers) / found_in[bigram]) if bigram in holders else 0.0
            for number in holders.get(bigram, ()):
                # A group with many members meets any query by accident.
                scores[number] = scores.get(number, 0.0) + rarity / math.sqrt(len(offers[number][1]))
        best = sorted(scores, key=lambda number: (-scores[number], number))[:limit]
        return tuple(offers[number][0] for number in best)


def _bigrams(texts: Iterable[str]) -> set[str]:
    return {text[place : place + 2] for text in texts for place in range(len(text) - 1)}
