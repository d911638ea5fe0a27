"""Fields of expertise by name: 果树柑橘, 农业农村, 农业农村-果树柑橘, 柑橘类."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.analysis.normalize import normalize
from zhiku.domain.expertise import FieldOfExpertise

_SUFFIX = re.compile("(类|领域|专业|行业|方面|工作|系统)$")


class FieldNames:
    """The county's two-level list. Names are unique over both levels."""

    def __init__(self, fields: Iterable[FieldOfExpertise]) -> None:
        self._by_name = {_comparable(field.name): field for field in fields}

    @classmethod
    def load(cls, session: Session) -> FieldNames:
        """All fields."""
        return cls(session.scalars(select(FieldOfExpertise)))

    def find(self, name: str) -> FieldOfExpertise | None:
        """The field that a name means, None if there is none."""
        # Main field and subfield in one: the subfield says it all.
        for part in (name, *reversed(re.split(r"[-—–>→:：·\s]+|[((]|[))]", name))):
            wanted = _comparable(part)
            found = self._by_name.get(wanted) or self._by_name.get(_SUFFIX.sub("", wanted))
            if found is not None:
                return found
        return None


def _comparable(name: str) -> str:
    return re.sub(r"[\s与和及、,，/&·]+", "", normalize(name))
