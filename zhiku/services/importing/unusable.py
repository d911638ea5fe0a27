"""The error for a file from which nothing can be imported."""

from __future__ import annotations

from zhiku.domain.base import DomainError


class UnusableFile(DomainError):
    """The file is no table we can read, or not one of the kind that was asked for. Nothing was stored."""
