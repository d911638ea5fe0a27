"""The people of a page of results: their rows, the evidence for each, and why they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache, cached
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.analyzer import Analyzer
from zhiku.domain.experts import WayOfHelping
from zhiku.domain.readership import Reader
from zhiku.search.port import Hit, QueryTerms
from zhiku.search.ranking import RankedOwner
from zhiku.services.answers import PersonFound
from zhiku.services.evidence import (
    DocumentTexts,
    EvidenceFinder,
    load_texts,
    nearest_clause,
    profile_texts,
    redacted,
)
from zhiku.services.profiles import REMEMBERED_CHARACTERS, Profile, load_profiles
from zhiku.services.reasons import reasons_for

#: Documents of a person whose texts are looked through for evidence.
EVIDENCE_DOCUMENTS = 3

#: Sentences of evidence shown for a person.
EVIDENCE_SENTENCES = 3


def found_people(
    sessions: sessionmaker[Session],
    ranked: Sequence[RankedOwner],
    terms: QueryTerms,
    analyzer: Analyzer,
    division: str = "",
    reader: Reader | None = None,
) -> tuple[PersonFound, ...]:
    """The people of a page, who were found by these terms, in their order; `division` is the reader's scope.

    Of suggestions that a given `reader` may not read no sentence is shown.
    """
    ids = [int(one.owner.partition(":")[2]) for one in ranked]
    shown = [tuple(one.hits[:EVIDENCE_DOCUMENTS]) for one in ranked]
    with sessions() as session:
        # The index may lag behind by a moment: who was withdrawn or has moved away is not shown, whatever it says.
        profiles = load_profiles(session, ids)
        texts = load_texts([hit for hits in shown for hit in hits], session, reader)
    finder = EvidenceFinder(terms, analyzer)
    return tuple(
        [
            _person(_prepared(profiles[expert_id]), one, hits, terms, texts, finder, analyzer)
            for expert_id, one, hits in zip(ids, ranked, shown, strict=True)
            if expert_id in profiles and profiles[expert_id].division.startswith(division)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is the same of a person in every answer."""

    profile: Profile
    texts: DocumentTexts
    former_unit: str
    last_post: str
    professional_title: str
    ways_of_helping: tuple[str, ...]


@cached(LRUCache(REMEMBERED_CHARACTERS, getsizeof=lambda prepared: prepared.profile.size), lock=Lock())
def _prepared(profile: Profile) -> _Prepared:
    return _Prepared(
        profile,
        profile_texts(profile),
        redacted(profile.former_unit),
        redacted(profile.last_post),
        redacted(profile.professional_title),
        tuple(WayOfHelping.from_value(way).label for way in profile.ways_of_helping),
    )


def _person(
    prepared: _Prepared,
    ranked: RankedOwner,
    hits: Sequence[Hit],
    terms: QueryTerms,
    texts: Mapping[str, DocumentTexts],
    finder: EvidenceFinder,
    analyzer: Analyzer,
) -> PersonFound:
    """A person with the evidence in their profile and in the `texts` of these hits."""
    expert = prepared.profile
    documents = [prepared.texts, *[texts[hit.source] for hit in hits if hit.source in texts]]
    nearest = nearest_clause(documents, hits) if terms.meaning else None
    is_found = [(required.word, ranked.words_found >> bit & 1) for bit, required in enumerate(terms.required)]
    return PersonFound(
        expert_id=expert.expert_id,
        name=expert.name,
        former_unit=prepared.former_unit,
        last_post=prepared.last_post,
        professional_title=prepared.professional_title,
        township=expert.township,
        fields=expert.fields,
        availability=expert.availability.value,
        availability_label=expert.availability.label,
        ways_of_helping=prepared.ways_of_helping,
        score=ranked.score,
        words_found=tuple([word for word, is_there in is_found if is_there]),
        words_missing=tuple([word for word, is_there in is_found if not is_there]),
        evidence=finder.find(documents, EVIDENCE_SENTENCES, nearest),
        is_near=ranked.is_near,
        is_near_in_meaning=nearest is not None,
        why=reasons_for(ranked, hits, terms, prepared.texts, texts, analyzer, nearest is not None),
    )
