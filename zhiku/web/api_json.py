"""Answers of the services as the API gives them. Whatever somebody wrote is redacted, as on the pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from flask import url_for

from zhiku.domain.base import LabelledEnum
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import Suggestion
from zhiku.services.answers import Answer, Facet, PersonFound
from zhiku.services.department_routing import LikelyDepartment
from zhiku.services.directory import Profile, public_authors
from zhiku.services.evidence import Evidence, Fragment
from zhiku.services.reasons import Reasons
from zhiku.services.suggestion_search import SuggestionAnswer as Found
from zhiku.services.suggestion_search import SuggestionFound
from zhiku.web import api_answers as given


def experts(answer: Answer, links: given.Links) -> given.ExpertsAnswer:
    """People for a query."""
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
        "people": [_person(person) for person in answer.people],
        "facets": [_facet(facet) for facet in answer.facets],
        "fields": [
            {
                "name": field.name,
                "count": field.count,
                "subfields": [{"name": name, "count": count} for name, count in field.subfields],
            }
            for field in answer.fields
        ],
        "links": links,
    }


def expert(profile: Profile) -> given.ExpertAnswer:
    """One person's public profile."""
    person = profile.expert
    return {
        "id": person.id,
        "name": person.name,
        "former_unit": redact(person.former_unit),
        "last_post": redact(person.last_post),
        "professional_title": redact(person.professional_title),
        "township": person.division.name,
        "division_code": person.division_code,
        "fields": [field.name for field in person.fields],
        "keywords": [redact(keyword) for keyword in person.keywords],
        "summary": redact(person.summary),
        "availability": _choice(person.availability),
        "ways_of_helping": list(profile.ways_of_helping),
        "liaison": person.liaison_name,
        "career": [
            {"began": entry.began, "ended": entry.ended, "description": redact(entry.description)}
            for entry in person.career
        ],
        "honours": [{"year": honour.year, "title": redact(honour.title)} for honour in person.honours],
        "services": [
            {
                "served_on": record.served_on.isoformat(),
                "way": _choice(record.way),
                "requested_by": redact(record.requested_by),
                "subject": redact(record.subject),
                "account": redact(record.account),
            }
            for record in profile.service_records
        ],
        "suggestions": [
            {
                "number": suggestion.number,
                "subject": redact(suggestion.subject),
                "status": _choice(suggestion.status),
                "submitted_on": suggestion.submitted_on.isoformat(),
            }
            for suggestion in profile.suggestions
        ],
        "updated_on": person.updated_at.date().isoformat(),
        "page": url_for("experts.profile", expert_id=person.id),
    }


def suggestions(answer: Found, links: given.Links) -> given.SuggestionsAnswer:
    """Suggestions for a query."""
    return {
        "query": answer.query,
        "sentence": answer.sentence,
        "total": answer.total,
        "page": answer.page,
        "pages": answer.pages,
        "suggestions": [_suggestion_found(one) for one in answer.suggestions],
        "links": links,
    }


def suggestion(row: Suggestion, division: str) -> given.SuggestionAnswer:
    """One suggestion, with its authors as those of a division may see them."""
    return {
        "number": row.number,
        "subject": redact(row.subject),
        "situation": redact(row.situation),
        "proposal": redact(row.proposal),
        "authors": [{"name": author.name, "expert_id": author.expert_id} for author in public_authors(row, division)],
        "field": row.field.name if row.field else None,
        "department": row.lead_department.name if row.lead_department else None,
        "status": _choice(row.status),
        "submitted_on": row.submitted_on.isoformat(),
        "steps": [{"status": _choice(step.status), "on": step.on.isoformat()} for step in row.steps],
        "result": _choice(row.result_class) if row.result_class else None,
        "replied_on": row.replied_on.isoformat() if row.replied_on else None,
        "page": url_for("suggestions.page", number=row.number),
    }


def departments(found: Iterable[LikelyDepartment], number: str | None) -> given.DepartmentsAnswer:
    """The likeliest departments."""
    return {
        "number": number or None,
        "departments": [
            {
                "id": one.department_id,
                "name": one.name,
                "share": round(one.share, 4),
                "reasons": list(one.reasons),
            }
            for one in found
        ],
    }


def _choice(value: LabelledEnum) -> given.Choice:
    return {"value": value.value, "label": value.label}


def _person(person: PersonFound) -> given.PersonAnswer:
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
        "evidence": [_evidence(evidence) for evidence in person.evidence],
        "why": _why(person.why),
        "page": url_for("experts.profile", expert_id=person.expert_id),
    }


def _evidence(evidence: Evidence) -> given.EvidenceAnswer:
    return {
        "text": "".join(fragment.text for fragment in evidence.fragments),
        "fragments": _fragments(evidence.fragments),
        "kind": cast(given.Kind, evidence.kind),
        "source": evidence.source,
        "date": evidence.date.isoformat() if evidence.date else None,
        "suggestion_number": evidence.suggestion_number or None,
        "is_near_in_meaning": evidence.is_near_in_meaning,
    }


def _fragments(fragments: Iterable[Fragment]) -> list[given.Fragment]:
    return [{"text": fragment.text, "is_match": fragment.is_match} for fragment in fragments]


def _why(why: Reasons) -> given.WhyAnswer:
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


def _facet(facet: Facet) -> given.FacetAnswer:
    return {
        "name": cast(given.FacetName, facet.name),
        "label": facet.label,
        "values": [
            {"value": value.value, "label": value.label, "count": value.count, "is_selected": value.is_selected}
            for value in facet.values
        ],
    }


def _suggestion_found(found: SuggestionFound) -> given.SuggestionFoundAnswer:
    return {
        "number": found.number,
        "subject": found.subject,
        "authors": list(found.authors),
        "field": found.field or None,
        "department": found.department or None,
        "status": {"value": found.status, "label": found.status_label},
        "submitted_on": found.submitted_on.isoformat(),
        "snippets": [_fragments(snippet) for snippet in found.snippets],
        "page": url_for("suggestions.page", number=found.number),
    }
