"""What is known of the county's words when key words are taken from a pasted problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from zhiku.analysis.normalize import normalize
from zhiku.analysis.synonyms import shipped_synonyms
from zhiku.analysis.word_classes import informativeness
from zhiku.search.keywords import KnownWords
from zhiku.search.port import NO_TERMS, Searcher, SearchRequest
from zhiku.services.county_words import CountyWordsReader
from zhiku.services.prepared import Prepared

#: How long a pasted problem waits for the words after a start, in seconds: without them its key words would be others.
WAIT = 10.0


class ProblemWords:
    """Holds the words, made ready in the background. Safe for threads."""

    def __init__(
        self,
        engine: Searcher,
        words: CountyWordsReader,
        synonyms: Callable[[], Iterable[Sequence[str]]] = lambda: shipped_synonyms().groups,
    ) -> None:
        """`synonyms()` gives the groups of the moment, in normal form."""
        self._engine = engine
        self._words = words
        self._synonyms = synonyms
        self._known = Prepared(self._make, words.version)

    def start(self) -> None:
        """Begin to make them ready, in the background."""
        self._known.start()

    def get(self) -> KnownWords | None:
        """The words, perhaps of some seconds ago; None when they cannot be read."""
        return self._known.get(WAIT)

    def close(self, is_waiting: bool = True) -> None:
        """Nothing is made ready any more; to be called before database and index are closed."""
        self._known.close(is_waiting)

    def _make(self) -> KnownWords:
        informativeness("")  # reads the dictionary
        words = self._words.words()
        topics = {normalize(name) for names in (words.fields, words.keywords, words.everyday_words) for name in names}
        topics.update(member for group in self._synonyms() for member in group)
        return KnownWords(
            documents=words.words,
            total=self._engine.search(SearchRequest(NO_TERMS, limit=0)).total_documents,
            topics=frozenset(topics),
            of_topics=words.words_of_expertise,
            names=frozenset(normalize(name) for name in (*words.people, *words.townships)),
        )
