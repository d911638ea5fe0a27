"""Everything that searches, for each scope: people, suggestions, completions, corrections, routing of one division.

What is made ready for a scope (its words, its speller) is kept for the scopes that were used last. A county has one or
two of them, a province a hundred; each takes as much memory as its own county's words do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.permissions import Scope
from zhiku.search.port import Searcher
from zhiku.search.scope import within
from zhiku.services.completion import Completer
from zhiku.services.county_words import CountyWordsReader
from zhiku.services.department_routing import DepartmentRouting
from zhiku.services.did_you_mean import DidYouMean
from zhiku.services.expert_search import ExpertSearch
from zhiku.services.problem_words import ProblemWords
from zhiku.services.similar_suggestions import SimilarSuggestions
from zhiku.services.suggestion_search import SuggestionSearch

#: Scopes that are kept ready, beside that of everything.
SCOPES_KEPT = 32


@dataclass(frozen=True, slots=True)
class Searches:
    """What searches within one division; nothing of it speaks of rows elsewhere."""

    #: Prefix of codes; "" for everything.
    division: str
    experts: ExpertSearch
    suggestions: SuggestionSearch
    similar: SimilarSuggestions
    routing: DepartmentRouting
    completer: Completer
    did_you_mean: DidYouMean
    problem_words: ProblemWords

    def of_department(self, department_id: int) -> Searches:
        """The same for an account of a department: what is made ready is shared, what is shown is theirs to read."""
        return replace(
            self,
            experts=self.experts.of_department(department_id),
            suggestions=self.suggestions.of_department(department_id),
        )

    def start(self) -> None:
        """Begin to make ready what is needed while somebody types, in the background."""
        self.completer.start()
        self.did_you_mean.start()
        self.problem_words.start()

    def close(self, is_waiting: bool = True) -> None:
        """Nothing is made ready any more."""
        self.completer.close(is_waiting)
        self.did_you_mean.close(is_waiting)
        self.problem_words.close(is_waiting)


class ScopedSearches:
    """Gives the searches of a scope. Safe for threads."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        engine: Searcher,
        synonyms: Callable[[], Iterable[Sequence[str]]],
        page_size: int,
        division: str,
    ) -> None:
        """`division` is the GB/T 2260 code of the county that is served; `synonyms()` gives the groups of the moment,
        in normal form."""
        self._sessions = sessions
        self._engine = engine
        self._synonyms = synonyms
        self._page_size = page_size
        self._division = division
        self._lock = threading.Lock()
        self._everything = self._make("")
        #: By division, the last used last.
        self._kept: dict[str, Searches] = {}

    def of_scope(self, scope: Scope) -> Searches:
        """The searches of a scope: of its division, and for a department what that department may read."""
        searches = self.within(scope.division)
        return searches if scope.department_id is None else searches.of_department(scope.department_id)

    def within(self, division: str) -> Searches:
        """The searches of a division, given by a prefix of codes; "" for everything."""
        if not division:
            return self._everything
        with self._lock:
            searches = self._kept.pop(division, None) or self._make(division)
            self._kept[division] = searches
            oldest = self._kept.pop(next(iter(self._kept))) if len(self._kept) > SCOPES_KEPT else None
        if oldest is not None:
            # Somebody may be searching with it; it only stops to keep itself ready.
            oldest.close(is_waiting=False)
        return searches

    def close(self) -> None:
        """To be called before database and index are closed."""
        with self._lock:
            kept = [self._everything, *self._kept.values()]
        for searches in kept:
            searches.close()

    def _make(self, division: str) -> Searches:
        sessions, engine = self._sessions, within(self._engine, division)
        words = CountyWordsReader(sessions, engine, division)
        did_you_mean = DidYouMean(engine, words, self._synonyms)
        problem_words = ProblemWords(engine, words, self._synonyms)
        return Searches(
            division=division,
            experts=ExpertSearch(
                sessions, engine, self._page_size, did_you_mean.suggest, problem_words.get, division=division
            ),
            suggestions=SuggestionSearch(sessions, engine, self._page_size, division),
            similar=SimilarSuggestions(sessions, engine, division),
            routing=DepartmentRouting(sessions, engine, self._division, division),
            completer=Completer(sessions, words, division),
            did_you_mean=did_you_mean,
            problem_words=problem_words,
        )
