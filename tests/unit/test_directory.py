"""The directory: how authors are named to everybody."""

from __future__ import annotations

import pytest

from zhiku.domain.suggestions import Suggestion, SuggestionAuthor
from zhiku.services.directory import PublicAuthor, public_authors


@pytest.mark.parametrize(
    ("name", "shown"), [("王大爷", "王某某"), ("王明", "王某某"), ("欧阳春生", "欧阳某某"), ("司马光", "司马某某")]
)
def test_an_author_who_is_no_expert_is_shown_by_surname(name: str, shown: str) -> None:
    suggestion = Suggestion(authors=[SuggestionAuthor(position=0, name=name)])
    assert public_authors(suggestion) == (PublicAuthor(shown, None),)
