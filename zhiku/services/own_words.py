"""Words that must not make up somebody's password: their name, their department, the places of the county."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.analysis.pinyin import readings
from zhiku.domain.accounts import Account
from zhiku.domain.divisions import Division

#: What ends the name of a place, longest first.
_PLACE_KINDS = ("街道", "省", "市", "县", "区", "镇", "乡")


def own_words(session: Session, account: Account) -> frozenset[str]:
    """Words in Chinese and as they sound, with initials, in lower case; none shorter than two characters."""
    words = {account.name, account.name[1:], account.sign_in_name or ""}
    if account.department is not None:
        words |= {account.department.name, account.department.short_name}
    for place in session.scalars(select(Division.name)):
        words.add(place)
        words.update(place.removesuffix(kind) for kind in _PLACE_KINDS if place.endswith(kind))
    return frozenset(form.casefold() for word in words if word for form in _forms(word) if len(form) > 1)


def _forms(word: str) -> Iterator[str]:
    yield word
    syllables = [syllable for syllable in readings(word) if syllable]
    if syllables:
        yield "".join(syllables)
        yield "".join(syllable[0] for syllable in syllables)
