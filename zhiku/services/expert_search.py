"""Expert search: from plain words to people with reasons. The page, the API and the command all answer from here."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, selectinload, sessionmaker

from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.permissions import Scope
from zhiku.domain.readership import Reader
from zhiku.search.intent import Intent
from zhiku.search.keywords import KnownWords
from zhiku.search.ladder import DOCUMENT_LIMIT, NEAR_PLACES, Found, find_people
from zhiku.search.meaning import NEAR_FLOOR
from zhiku.search.port import FACETS, NO_TERMS, ExactPart, Kind, QueryTerms, Searcher, SearchRequest, TermGroup
from zhiku.search.ranking import RankedOwner, rank_owners
from zhiku.services.answers import (
    Answer,
    FieldToBrowse,
    PersonFound,
    Step,
    facets_of,
    sentence_of,
)
from zhiku.services.found_people import found_people
from zhiku.services.questions import Question, QuestionReader

#: For how long the list of fields may be remembered, in seconds.
MAINS_KEPT = 2.0

#: Fields that are looked at for people, nearest first.
NEAREST_FIELDS = 5


class ExpertSearch:
    """Answers queries for people. Reads the index through the port and the rows it names from the database."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        engine: Searcher,
        page_size: int = 10,
        did_you_mean: Callable[[str], str] = lambda query: "",
        known_words: Callable[[], KnownWords | None] = lambda: None,
        division: str = "",
    ) -> None:
        """`did_you_mean(query)` is the query without its slips of the pen, or ""; `known_words()` are the county's.

        `division` is the scope (a prefix of codes) that `engine` answers for.
        """
        self._questions = QuestionReader(engine, known_words)
        self._did_you_mean = did_you_mean
        self._sessions = sessions
        self._engine = engine
        self._page_size = page_size
        self._division = division
        self._reader: Reader | None = None
        self._mains: Mapping[str, str] | None = None
        self._mains_read_at = 0.0

    def of_department(self, department_id: int) -> ExpertSearch:
        """The same people in the same order for a department; sentences of suggestions that are not theirs to read are
        no evidence for them."""
        theirs = copy.copy(self)
        theirs._reader = Reader(Scope(self._division, department_id), is_searching=True)
        return theirs

    def search(
        self,
        query: str,
        *,
        filters: Mapping[str, tuple[str, ...]] | None = None,
        page: int = 1,
        is_as_typed: bool = False,
        intent: Intent = Intent.AUTO,
        keywords: Sequence[str] | None = None,
    ) -> Answer:
        """The people for a query, `page` counting from 1. Any string is a query; unknown facets in `filters` are
        left out.

        A query that finds nobody is answered as what it was probably meant to say, unless it shall be taken as typed.
        `intent` says whether it is a name or a topic, where that is known. `keywords` are those of a pasted problem
        that the reader kept or added.

        Raises `IndexProblem` when there is no usable index.
        """
        asked = self._questions.read(query, filters or {}, page, intent, keywords)
        if asked.text and intent is Intent.NAME and asked.terms.is_empty:
            asked = self._questions.as_topic(asked)
        if asked.terms.is_empty:
            return self._browse(asked)
        found = self._find(asked)
        if not found.matched and asked.phrases:
            asked = asked.without_phrases()
            found = self._find(asked)
        if not found.matched and asked.intent is Intent.NAME:
            # Nobody is called so, and the page shall not be empty.
            asked = self._questions.as_topic(asked)
            found = self._find(asked)
        is_plain = not (asked.phrases or asked.excluded or asked.is_problem)
        meant = self._did_you_mean(asked.text) if is_plain and not found.by_name else ""
        if not found.matched:
            if meant and not is_as_typed and (answer := self._answer_as(meant, asked)):
                return answer
            answer = self._nearest_field(asked, found)
        else:
            answer = self._answer(asked, _step(found), _sentence(asked, found), found)
        return self._with_intent(replace(answer, did_you_mean=meant), asked, found, intent)

    def fields_to_browse(self) -> tuple[FieldToBrowse, ...]:
        """The two-level list with the number of people who can be found in each."""
        with self._sessions() as session:
            mains = session.scalars(
                select(FieldOfExpertise)
                .where(FieldOfExpertise.parent_id.is_(None))
                .options(selectinload(FieldOfExpertise.subfields))
                .order_by(FieldOfExpertise.position)
            ).all()
        counts = self._engine.search(SearchRequest(NO_TERMS, owned_only=True, facets=("field",), limit=0)).facets[
            "field"
        ]
        return tuple(
            FieldToBrowse(
                main.name,
                counts.get(main.name, 0),
                tuple((sub.name, counts.get(sub.name, 0)) for sub in main.subfields),
            )
            for main in mains
        )

    # -- steps of the ladder -------------------------------------------------------------------------------------

    def _find(self, asked: Question) -> Found:
        return find_people(self._engine, asked.terms, asked.filters, FACETS, asked.exact, asked.unwanted, asked.names)

    def _with_intent(self, answer: Answer, asked: Question, found: Found, wanted: Intent) -> Answer:
        """The answer with what its query was taken for, and how many people it would find the other way."""
        if asked.is_problem:
            return answer
        by_name = found.result.named_owners
        if wanted is Intent.NAME and not found.by_name:
            sentence = f"没有姓名是“{asked.text}”的专家，已按专长查找。{answer.sentence}"
            return replace(answer, sentence=sentence, intent=Intent.TOPIC)
        if not (by_name or found.by_name):
            return answer
        taken = Intent.NAME if found.by_name else Intent.TOPIC
        by_topic = self._questions.count_by_topic(asked)
        if wanted is Intent.AUTO and not found.by_name and any(one.is_named for one in found.people[:1]):
            taken = Intent.BOTH if by_topic else Intent.NAME
        return replace(answer, intent=taken, by_name=by_name, by_topic=by_topic)

    def _browse(self, asked: Question) -> Answer:
        fields = self.fields_to_browse()
        if not asked.filters:
            if asked.excluded:
                unwanted = "、".join(f"“{word}”" for word in asked.excluded)
                sentence = f"只写了不要{unwanted}，还没有写要找什么。请加上要找的词语，或从下面的领域开始浏览。"
            elif asked.query:
                sentence = "没有看到可以检索的文字。请换一种说法，或从下面的领域开始浏览。"
            else:
                sentence = "请输入要解决的问题，或从下面的领域开始浏览。"
            return Answer(
                asked.query, Step.BROWSE, sentence, (), 0, 0, 1, 1, (), {}, fields, asked.notes, excluded=asked.excluded
            )
        found = self._profiles(asked.filters, asked.unwanted)
        sentence = (
            f"按条件筛选，共有 {found.result.total_owners} 位专家。"
            if found.people
            else "没有符合这些条件的专家，请放宽条件。"
        )
        return self._answer(asked, Step.BROWSE, sentence, found, fields, NO_TERMS)

    def _answer_as(self, meant: str, asked: Question) -> Answer | None:
        """The answer to what was meant, which says so; None where that finds nobody either."""
        answer = self.search(meant, filters=asked.filters, page=asked.page, is_as_typed=True, intent=asked.intent)
        if answer.step not in (Step.NAME, Step.ALL_WORDS, Step.ANY_WORD, Step.SYNONYM):
            return None
        sentence = f"没有找到“{asked.text}”，已按“{meant}”检索。{answer.sentence}"
        return replace(
            answer, query=asked.query, sentence=sentence, answered_as=meant, did_you_mean="", notes=asked.notes
        )

    def _nearest_field(self, asked: Question, near: Found) -> Answer:
        """No word was found: people near in meaning, else those of the field that shares a word with the query, else
        people near in wording, else those of a field that shares at least a character (坝, but also 接 of 嫁接)."""
        fields = self.fields_to_browse()
        if any(_is_near_in_meaning(one) for one in near.people[:NEAR_PLACES]):
            sentence = f"没有找到一样的说法，列出意思相近的 {len(near.people)} 位，供参考。"
            return self._answer(asked, Step.MEANING, sentence, near, fields)
        by_word, by_character = self._fields_near(asked.terms)
        if answer := self._people_of_a_field(asked, by_word, fields):
            return answer
        if near.people:
            sentence = f"没有找到一样的说法，列出字词相近的 {len(near.people)} 位，供参考。"
            return self._answer(asked, Step.NEAR, sentence, near, fields)
        if answer := self._people_of_a_field(asked, by_character, fields):
            return answer
        sentence = "没有找到符合的专家。请换一种说法，少用几个词，去掉筛选条件，或从下面的领域开始浏览。"
        return Answer(
            asked.query, Step.NOTHING, sentence, (), 0, 0, 1, 1, (), asked.filters, fields, asked.notes,
            phrases=asked.phrases, excluded=asked.excluded, is_problem=asked.is_problem, keywords=asked.keywords,
        )  # fmt: skip

    def _people_of_a_field(
        self, asked: Question, names: Sequence[str], fields: tuple[FieldToBrowse, ...]
    ) -> Answer | None:
        """The people of the first of these fields that has any; none where the reader chose a field."""
        if "field" in asked.filters:
            return None
        for name in names:
            found = self._profiles({**asked.filters, "field": (name,)}, asked.unwanted)
            if found.people:
                sentence = (
                    f"没有找到一样的说法。最接近的领域是“{name}”，列出这个领域的 {found.result.total_owners} 位专家。"
                )
                return self._answer(asked, Step.NEAREST_FIELD, sentence, found, fields, NO_TERMS)
        return None

    def _profiles(self, filters: Mapping[str, tuple[str, ...]], unwanted: tuple[ExactPart, ...]) -> Found:
        """Everybody whom the filters and what is not wanted leave."""
        result = self._engine.search(
            SearchRequest(
                NO_TERMS, filters, kinds=(Kind.PROFILE,), owned_only=True, facets=FACETS, limit=DOCUMENT_LIMIT,
                excluded=unwanted,
            )  # fmt: skip
        )
        people = rank_owners(result.hits)
        return Found(people, len(people), 0, False, False, result)

    def _fields_near(self, terms: QueryTerms) -> tuple[list[str], list[str]]:
        """Names of fields whose name or everyday words share most with the query, nearest first: those that share a
        word or a bigram, and those that share only characters."""
        analyzer = self._engine.analyzer
        scores: dict[str, tuple[float, float]] = {}
        with self._sessions() as session:
            for known in session.scalars(select(FieldOfExpertise).order_by(FieldOfExpertise.id)):
                found = analyzer.terms(f"{known.name} {known.everyday_words}")
                by_words = _shared(terms, TermGroup.WORDS, found.words) + _shared(terms, TermGroup.GRAMS, found.grams)
                scores[known.name] = by_words, _shared(terms, TermGroup.CHARS, found.chars)
        nearest = sorted(scores, key=lambda name: (*(-score for score in scores[name]), name))
        by_word = [name for name in nearest if scores[name][0]]
        by_character = [name for name in nearest if scores[name][1] and not scores[name][0]]
        return by_word[:NEAREST_FIELDS], by_character[:NEAREST_FIELDS]

    # -- making the answer ---------------------------------------------------------------------------------------

    def _answer(
        self,
        asked: Question,
        step: Step,
        sentence: str,
        found: Found,
        fields: tuple[FieldToBrowse, ...] = (),
        terms: QueryTerms | None = None,
    ) -> Answer:
        """The answer of a step; `terms` are those that its people are found by, if not those of the question."""
        terms = asked.terms if terms is None else terms
        pages = max(1, math.ceil(len(found.people) / self._page_size))
        page = min(asked.page, pages)
        first = (page - 1) * self._page_size
        notes = asked.notes
        if found.matched < found.result.total_owners:
            notes += (f"只列出最相关的 {found.matched} 位。",)
        return Answer(
            query=asked.query,
            step=step,
            sentence=sentence,
            people=self._people(found.people[first : first + self._page_size], NO_TERMS if found.by_name else terms),
            total_all_words=found.with_all_words,
            total=found.result.total_owners,
            page=page,
            pages=pages,
            facets=facets_of(found.result, asked.filters, self._main_of()),
            filters=asked.filters,
            fields=fields,
            notes=notes,
            intent=Intent.NAME if found.by_name else Intent.TOPIC,
            phrases=asked.phrases,
            excluded=asked.excluded,
            is_problem=asked.is_problem,
            keywords=asked.keywords,
        )

    def _main_of(self) -> Mapping[str, str]:
        """Subfield -> its main field, as it was a moment ago."""
        now = time.monotonic()
        if self._mains is None or now - self._mains_read_at > MAINS_KEPT:
            self._mains, self._mains_read_at = self._read_mains(), now
        return self._mains

    def _read_mains(self) -> dict[str, str]:
        main = aliased(FieldOfExpertise)
        with self._sessions() as session:
            rows = session.execute(
                select(FieldOfExpertise.name, main.name).join(main, FieldOfExpertise.parent_id == main.id)
            )
            return {name: main_name for name, main_name in rows}

    def _people(self, ranked: Sequence[RankedOwner], terms: QueryTerms) -> tuple[PersonFound, ...]:
        """The people of a page."""
        return found_people(self._sessions, ranked, terms, self._engine.analyzer, self._division, self._reader)


def _shared(terms: QueryTerms, group: TermGroup, counts: Mapping[str, int]) -> float:
    """Weight of the query's terms that are among these."""
    return sum(weight for term, weight in terms.groups.get(group, {}).items() if term in counts)


def _sentence(asked: Question, found: Found) -> str:
    if asked.is_problem:
        return f"从这段情况里取出 {len(asked.keywords)} 个关键词，按它们列出 {found.result.total_owners} 位专家，最相关的在前。"
    return sentence_of(found, asked.terms)


def _step(found: Found) -> Step:
    if found.by_name:
        return Step.NAME
    if found.is_by_synonym:
        return Step.SYNONYM
    return Step.ALL_WORDS if found.with_all_words else Step.ANY_WORD


def _is_near_in_meaning(ranked: RankedOwner) -> bool:
    return any(hit.closeness >= NEAR_FLOOR for hit in ranked.hits)
