"""What a query without an answer may mean: fields of expertise and known groups of synonyms that share wording."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.normalize import normalize
from zhiku.analysis.synonyms import NO_SYNONYMS, Synonyms
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
    """Offers what a query may mean."""

    def __init__(self, sessions: sessionmaker[Session], live: LiveSynonyms) -> None:
        self._sessions = sessions
        self._live = live
        #: The groups of the moment with the bigrams of each: thousands of phrases, made again when a group changed.
        self._groups: tuple[Synonyms, list[tuple[tuple[str, ...], set[str]]]] = (NO_SYNONYMS, [])

    def for_queries(self, queries: Sequence[str], limit: int = 3) -> list[tuple[Hint, ...]]:
        """The best hints for each of the queries; none where nothing shares two neighbouring characters with it."""
        offers: list[tuple[Hint, set[str]]] = []
        queries = [normalize(query) for query in queries]
        with self._sessions() as session:
            for name, words in session.execute(select(FieldOfExpertise.name, FieldOfExpertise.everyday_words)):
                offers.append((Hint(name, "领域"), _bigrams([name, *words.split()])))
        asked_whole = set(queries)
        for group, bigrams in self._bigrams_of_groups():
            if asked_whole.isdisjoint(group):  # else it has the query already, and nobody was found by it
                offers.append((Hint("、".join(group[:MEMBERS_SHOWN]), "同义词"), bigrams))
        holders: dict[str, list[int]] = {}
        wanted = [_bigrams([query]) for query in queries]
        asked = set().union(*wanted) if wanted else set()
        for number, (_, bigrams) in enumerate(offers):
            for bigram in bigrams & asked:
                holders.setdefault(bigram, []).append(number)
        return [self._best(query, offers, holders, limit) for query in wanted]

    def _bigrams_of_groups(self) -> list[tuple[tuple[str, ...], set[str]]]:
        synonyms = self._live.current()
        if self._groups[0] is not synonyms:
            self._groups = (synonyms, [(group, _bigrams(group)) for group in synonyms.groups])
        return self._groups[1]

    @staticmethod
    def _best(
        query: set[str],
        offers: Sequence[tuple[Hint, set[str]]],
        holders: dict[str, list[int]],
        limit: int,
    ) -> tuple[Hint, ...]:
        scores: dict[int, float] = {}
        for bigram in sorted(query):
            found_in = holders.get(bigram, [])
            rarity = math.log(1 + len(offers) / len(found_in)) if found_in else 0.0
            for number in found_in:
                # A group with many members meets any query by accident.
                scores[number] = scores.get(number, 0.0) + rarity / math.sqrt(len(offers[number][1]))
        best = sorted(scores, key=lambda number: (-scores[number], number))[:limit]
        return tuple(offers[number][0] for number in best)


def _bigrams(texts: Iterable[str]) -> set[str]:
    return {text[place : place + 2] for text in texts for place in range(len(text) - 1)}
