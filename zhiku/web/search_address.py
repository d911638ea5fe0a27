"""A search as it stands in the address: reading its parameters, and the addresses that differ from it by one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from zhiku.search.intent import Intent
from zhiku.search.keywords import MAX_CHOSEN, MAX_KEYWORD_LENGTH
from zhiku.search.port import FACETS
from zhiku.search.query import MAX_QUERY
from zhiku.search.query_language import PartKind, read
from zhiku.services.answers import Answer
from zhiku.services.expert_search import ExpertSearch

#: Most values of a facet that an address may name; each becomes a condition of the search.
MAX_FILTER_VALUES = 20
MAX_PAGE = 100_000
#: From here on, in characters, a query is a pasted problem rather than some words.
LONG_QUERY = 60


class BadPage(ValueError):
    """The page of an address is no page number; the message is a Chinese sentence."""


@dataclass(frozen=True, slots=True)
class SearchAddress:
    """Query, filters and page of one search."""

    query: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page: int = 1
    #: Whether the query is to be answered as it stands, even if that finds nobody and another spelling would.
    is_as_typed: bool = False
    #: What the query is to be taken for.
    intent: Intent = Intent.AUTO
    #: Key words of a pasted problem that the reader kept or added; none for those that the search finds.
    keywords: tuple[str, ...] = ()

    @classmethod
    def read(cls, args: MultiDict[str, str], *, is_strict: bool = False) -> SearchAddress:
        """The search of these parameters.

        A page that is no number is page 1, or, when strict, raises `BadPage`.
        """
        filters: dict[str, tuple[str, ...]] = {}
        for name in FACETS:
            values = tuple(dict.fromkeys(value for value in args.getlist(name) if value.strip()))[:MAX_FILTER_VALUES]
            if values:
                filters[name] = values
        page = read_page(args, is_strict=is_strict)
        intent = Intent(by) if (by := args.get("by", "")) in (Intent.NAME, Intent.TOPIC) else Intent.AUTO
        given = (word.strip()[:MAX_KEYWORD_LENGTH] for word in args.getlist("kw"))
        keywords = tuple(dict.fromkeys(word for word in given if word))[:MAX_CHOSEN]
        # Forms send two characters for each line break.
        query = args.get("q", "").replace("\r\n", "\n")
        if len(query.strip()) > MAX_QUERY:
            # A mark more than is looked at, so that the search can say that it dropped something.
            query = query.strip()[:MAX_QUERY] + "…"
        return cls(query, filters, page, args.get("as_typed", "") == "1", intent, keywords)

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a query nor a filter."""
        return not self.query.strip() and not self.filters

    @property
    def is_long(self) -> bool:
        """Whether the query is too long to stand in hundreds of links of one page."""
        return len(self.query) > LONG_QUERY

    def answered_by(self, search: ExpertSearch) -> Answer:
        """The answer, for the page and the API alike. Raises `IndexProblem`."""
        return search.search(
            self.query,
            filters=self.filters,
            page=self.page,
            is_as_typed=self.is_as_typed,
            intent=self.intent,
            keywords=self.keywords,
        )

    def parameters(self) -> dict[str, Any]:
        """What `url_for` takes: only what is not the default."""
        parameters: dict[str, Any] = {}
        if self.query:
            parameters["q"] = self.query
        parameters.update({name: list(values) for name, values in self.filters.items()})
        if self.page > 1:
            parameters["page"] = self.page
        if self.is_as_typed:
            parameters["as_typed"] = "1"
        if self.intent is not Intent.AUTO:
            parameters["by"] = self.intent.value
        if self.keywords:
            parameters["kw"] = list(self.keywords)
        return parameters

    def carried(self, *left_out: str) -> list[tuple[str, str]]:
        """The parameters as pairs, without the page and those named: the hidden fields of a form on this page."""
        return [
            (name, value)
            for name, values in self.parameters().items()
            if name not in ("page", *left_out)
            for value in (values if isinstance(values, list) else [values])
        ]

    def toggle(self, name: str, value: str) -> str:
        """The address with this value of a facet added, or taken away where it is there; from page 1."""
        chosen = self.filters.get(name, ())
        kept = tuple(other for other in chosen if other != value) if value in chosen else (*chosen, value)
        filters = {key: values for key, values in {**self.filters, name: kept}.items() if values}
        return self._address(replace(self, filters=filters, page=1))

    def adding(self, name: str) -> str:
        """How the addresses begin that have one more value of a facet: the value, encoded, is their end.

        A page has hundreds of them, and `url_for` for each would take longer than the search.
        """
        start = self._address(replace(self, page=1))
        return f"{start}{'&' if '?' in start else '?'}{name}="

    def without_filters(self) -> str:
        """The address of the query alone, its exact and unwanted parts no longer demanded."""
        asked = read(self.query).without(lambda part: part.kind is PartKind.EXCLUDED)
        query = asked.as_plain(lambda part: part.kind is PartKind.PHRASE).typed
        return self._address(replace(self, query=query, filters={}, page=1))

    def without_phrase(self, phrase: str) -> str:
        """The address of the query in which an exact part is plain words."""
        asked = read(self.query).as_plain(lambda part: part.kind is PartKind.PHRASE and part.text == phrase)
        return self._address(replace(self, query=asked.typed, page=1))

    def without_excluded(self, word: str) -> str:
        """The address of the query in which a word may be there again."""
        asked = read(self.query).without(lambda part: part.kind is PartKind.EXCLUDED and part.text == word)
        return self._address(replace(self, query=asked.typed, page=1))

    def with_query(self, query: str) -> str:
        """The address of another query with the same filters, from page 1."""
        return self._address(replace(self, query=query, page=1, is_as_typed=False, intent=Intent.AUTO, keywords=()))

    def with_intent(self, intent: str) -> str:
        """The address of the same query taken for a name, or a topic; from page 1."""
        return self._address(replace(self, intent=Intent(intent), page=1))

    def with_keywords(self, keywords: Sequence[str]) -> str:
        """The address of the same problem searched by these key words, from page 1."""
        return self._address(replace(self, keywords=tuple(dict.fromkeys(keywords)), page=1))

    def as_typed(self) -> str:
        """The address of the query as it stands, whatever may be wrong with it; from page 1."""
        return self._address(replace(self, page=1, is_as_typed=True))

    def with_page(self, page: int) -> str:
        """The address of another page of the same search."""
        return self._address(replace(self, page=page))

    def people(self) -> tuple[str, str]:
        """What stands before and behind a person's id in the address of their page, which knows the way back to this
        search: made once for all people of a page."""
        path, mark, parameters = url_for("experts.profile", expert_id=0, **self.parameters()).partition("?")
        return path.removesuffix("0"), mark + parameters

    def back(self) -> str:
        """The address of this very search."""
        return self._address(self)

    @staticmethod
    def _address(search: SearchAddress) -> str:
        return url_for("experts.search", **search.parameters())


def read_page(args: MultiDict[str, str], *, is_strict: bool = False) -> int:
    """The page number of these parameters, from 1; as `SearchAddress.read`."""
    given = args.get("page", "")
    if given.isascii() and given.isdecimal() and len(given) <= 9 and 1 <= int(given) <= MAX_PAGE:
        return int(given)
    if is_strict and "page" in args:
        raise BadPage(f"page 应是 1 到 {MAX_PAGE} 之间的整数，例如 page=2。")
    return 1
