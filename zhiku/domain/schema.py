"""Every table in one metadata: import this where the whole schema is needed (migrations, tests)."""

from __future__ import annotations

from zhiku.domain import (
    accounts,
    audit,
    consents,
    contacts,
    departments,
    divisions,
    encryption,
    engagements,
    expertise,
    experts,
    lexicon,
    on_behalf,
    outbox,
    photos,
    sensitive,
    suggestions,
)
from zhiku.domain.base import Base

__all__ = [
    "accounts",
    "audit",
    "consents",
    "contacts",
    "departments",
    "divisions",
    "encryption",
    "engagements",
    "experts",
    "expertise",
    "lexicon",
    "metadata",
    "on_behalf",
    "outbox",
    "photos",
    "sensitive",
    "suggestions",
]

metadata = Base.metadata
