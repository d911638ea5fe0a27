"""The JSON API: the same people in the same order as the page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from zhiku.domain.permissions import Permission
from zhiku.services.answers import Answer, Facet, PersonFound
from zhiku.services.evidence import Evidence
from zhiku.services.reasons import Reasons
from zhiku.web.access import permission, searches
from zhiku.web.search_address import BadPage, SearchAddress

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/experts")
@permission(Permission.SEARCH_EXPERTS, by_token=True)
def experts() -> ResponseReturnValue:
    """`?q=` and the page's filters (field, township, unit, title, availability; each may repeat), `page` from 1.

    `as_typed=1`: the query is not answered by another spelling, even if it finds nobody. `by=name` or `by=topic`: what
    it is to be taken for. `kw=`, which may repeat: the key words by which a pasted problem is to be searched.
    """
    asked = SearchAddress.read(request.args, is_strict=True)
    answer = asked.answered_by(searches().experts)
    return jsonify(answer_json(answer))


@blueprint.errorhandler(BadPage)
def refuse_page(error: BadPage) -> ResponseReturnValue:
    """A page number that is none."""
    return jsonify({"error": {"status": 400, "message": str(error)}}), 400


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as the API gives it."""
    return {
        "query": answer.query,
        "filters": {name: list(values) for name, values in answer.filters.items()},
        "step": answer.step.value,
        "sentence": answer.sentence,
        "notes": list(answer.notes),
        "did_you_mean": answer.did_you_mean or None,
        "answered_as": answer.answered_as or None,
        "by": answer.intent.value,
        "total_by_name": answer.by_name,
        "total_by_topic": answer.by_topic,
        "phrases": list(answer.phrases),
        "excluded": list(answer.excluded),
        "is_problem": answer.is_problem,
        "keywords": list(answer.keywords),
        "total": answer.total,
        "total_all_words": answer.total_all_words,
        "page": answer.page,
        "pages": answer.pages,
        "people": [person_json(person) for person in answer.people],
        "facets": [facet_json(facet) for facet in answer.facets],
        "fields": [
            {
                "name": field.name,
                "count": field.count,
                "subfields": [{"name": name, "count": count} for name, count in field.subfields],
            }
            for field in answer.fields
        ],
    }


def person_json(person: PersonFound) -> dict[str, Any]:
    """One person found."""
    return {
        "id": person.expert_id,
        "name": person.name,
        "former_unit": person.former_unit,
        "last_post": person.last_post,
        "professional_title": person.professional_title,
        "township": person.township,
        "fields": list(person.fields),
        "availability": {"value": person.availability, "label": person.availability_label},
        "ways_of_helping": list(person.ways_of_helping),
        "score": round(person.score, 6),
        "words_found": list(person.words_found),
        "words_missing": list(person.words_missing),
        "is_near": person.is_near,
        "is_near_in_meaning": person.is_near_in_meaning,
        "evidence": [evidence_json(evidence) for evidence in person.evidence],
        "why": why_json(person.why),
        "page": url_for("experts.profile", expert_id=person.expert_id),
    }


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """One sentence of evidence, whole and in its fragments."""
    return {
        "text": "".join(fragment.text for fragment in evidence.fragments),
        "fragments": [{"text": fragment.text, "is_match": fragment.is_match} for fragment in evidence.fragments],
        "kind": evidence.kind,
        "source": evidence.source,
        "date": evidence.date.isoformat() if evidence.date else None,
        "suggestion_number": evidence.suggestion_number or None,
        "is_near_in_meaning": evidence.is_near_in_meaning,
    }


def why_json(why: Reasons) -> dict[str, Any]:
    """Why a person is in the answer: words with where they stand, and the documents with their part of the score."""
    return {
        "words": [
            {"word": one.word, "by": one.by.value, "synonym": one.synonym or None, "parts": list(one.parts)}
            for one in why.words
        ],
        "is_named": why.is_named,
        "is_near_in_meaning": why.is_near_in_meaning,
        "votes": [
            {
                "kind": vote.kind,
                "title": vote.title,
                "date": vote.date.isoformat() if vote.date else None,
                "points": round(vote.points, 6),
                "share": round(vote.share, 4),
            }
            for vote in why.votes
        ],
        "further_documents": why.further,
        "further_share": round(why.further_share, 4),
    }


def facet_json(facet: Facet) -> dict[str, Any]:
    """One facet with its counts."""
    return {
        "name": facet.name,
        "label": facet.label,
        "values": [
            {"value": value.value, "label": value.label, "count": value.count, "is_selected": value.is_selected}
            for value in facet.values
        ],
    }
