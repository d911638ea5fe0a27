"""Projections: which columns of which rows become index documents. An allow-list: nothing else reaches the index.

Pure functions over loaded rows; `zhiku.services.indexing` loads them. Contact data cannot be reached from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import Expert
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import Suggestion
from zhiku.search.port import IndexDocument, Kind

#: Facet name -> values, of one person.
Facets = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Owner:
    """What all documents of a person carry."""

    facets: Facets
    #: Code of the division that the person belongs to.
    division: str


def expert_key(expert_id: int) -> str:
    """Owner and source of an expert's profile."""
    return f"expert:{expert_id}"


def source_of(document_id: str) -> str:
    """The source of a document: "suggestion:5" of "suggestion:5/expert:12"."""
    return document_id.partition("/")[0]


def project_expert(expert: Expert, asked_on: date | None = None) -> tuple[IndexDocument, ...]:
    """A profile: none for a person whom a search must not name. `asked_on`: when the person last helped."""
    if not expert.is_searchable:
        return ()
    key = expert_key(expert.id)
    fields = {
        "expertise": " ".join([*field_names(expert), *expert.keywords]),
        "post": " ".join([expert.former_unit, expert.last_post, expert.professional_title, expert.division.name]),
        "career": "\n".join(entry.description for entry in expert.career),
        "honours": "\n".join(honour.title for honour in expert.honours),
        "summary": expert.summary,
    }
    owner = owner_of(expert)
    return (
        IndexDocument(
            id=key,
            source=key,
            owner=key,
            kind=Kind.PROFILE,
            fields=_redacted(fields),
            name=expert.name,
            facets=owner.facets,
            asked_on=asked_on,
            division=owner.division,
            owner_division=owner.division,
        ),
    )


def project_suggestion(
    suggestion: Suggestion, authors: Iterable[int | None], owners: Mapping[int, Owner]
) -> tuple[IndexDocument, ...]:
    """A document for each author who can be found, or one without an owner.

    `authors` are the experts among the authors by id, in order, None for who is not in the think tank; `owners` has all
    whom a search may name, by id.
    """
    if not suggestion.is_searchable:
        return ()
    key = f"suggestion:{suggestion.id}"
    fields = _redacted({"title": suggestion.subject, "body": suggestion.text})
    named = [author for author in dict.fromkeys(authors) if author is not None and author in owners]
    if not named:
        return (
            IndexDocument(
                id=key,
                source=key,
                owner="",
                kind=Kind.SUGGESTION,
                fields=fields,
                date=suggestion.submitted_on,
                division=suggestion.division_code,
            ),
        )
    return tuple(
        IndexDocument(
            id=f"{key}/{expert_key(owner)}",
            source=key,
            owner=expert_key(owner),
            kind=Kind.SUGGESTION,
            fields=fields,
            facets=owners[owner].facets,
            date=suggestion.submitted_on,
            division=suggestion.division_code,
            owner_division=owners[owner].division,
        )
        for owner in named
    )


def project_service(record: ServiceRecord, owners: Mapping[int, Owner]) -> tuple[IndexDocument, ...]:
    """A service record, as evidence for its expert; none where the expert is not among `owners`."""
    owner = owners.get(record.expert_id)
    if owner is None:
        return ()
    key = f"service:{record.id}"
    asked_by = record.department.name if record.department else record.requested_by
    return (
        IndexDocument(
            id=key,
            source=key,
            owner=expert_key(record.expert_id),
            kind=Kind.SERVICE,
            fields=_redacted({"title": record.subject, "body": f"{asked_by}\n{record.account}"}),
            facets=owner.facets,
            date=record.served_on,
            # One that does not say where it was belongs where its person does.
            division=record.division_code or owner.division,
            owner_division=owner.division,
        ),
    )


def field_names(expert: Expert) -> list[str]:
    """Names of a person's fields of expertise, each main field after its subfields, without repeats."""
    return list(dict.fromkeys(name for field in expert.fields for name in (field.name, field.main.name)))


def owner_of(expert: Expert) -> Owner:
    """What all documents of this person carry."""
    return Owner(facets_of(expert), expert.division_code)


def facets_of(expert: Expert) -> Facets:
    """The facets of a person, carried by all their documents (`search.port.FACETS`)."""
    facets = {
        "field": tuple(field_names(expert)),
        "township": (expert.division.name,),
        "unit": (expert.former_unit,),
        "title": (expert.professional_title,),
        "availability": (expert.availability.value,),
    }
    return {name: tuple(redact(value) for value in values if value) for name, values in facets.items()}


def _redacted(fields: dict[str, str]) -> dict[str, str]:
    return {name: redact(text) for name, text in fields.items() if text.strip()}
