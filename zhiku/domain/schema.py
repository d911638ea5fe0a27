"""Every table in one metadata: import this where the whole schema is needed (migrations, tests)."""

from __future__ import annotations

from zhiku.domain import (
    contacts,
    departments,
    divisions,
    engagements,
    expertise,
    experts,
    lexicon,
    outbox,
    suggestions,
)
from zhiku.domain.base import Base

__all__ = [
    "contacts",
    "departments",
    "divisions",
    "engagements",
    "experts",
    "expertise",
    "lexicon",
    "metadata",
    "outbox",
    "suggestions",
]

metadata = Base.metadata
