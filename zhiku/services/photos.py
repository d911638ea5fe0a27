"""Photos of profiles: put in by whoever looks after a person, shown to whoever may find them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Scope
from zhiku.domain.photos import ExpertPhoto
from zhiku.services.liaisons import MAX_ID, require_kept
from zhiku.services.persons import Asker, PersonNotFound
from zhiku.services.pictures import take_picture

_MARK = 16


class PhotoSize(Enum):
    """Which of the two."""

    LARGE = "large"
    SMALL = "small"


@dataclass(frozen=True, slots=True)
class PhotoSubject:
    """Whose photo it is, for the page that changes it."""

    expert_id: int
    name: str
    #: Of the photo there is; "" for none.
    mark: str


#: On every page of results, so without the ORM, which takes longer than the query.
_MARKS = select(ExpertPhoto.expert_id, ExpertPhoto.mark).where(
    ExpertPhoto.expert_id.in_(bindparam("ids", expanding=True))
)


class Photos:
    """Reads and changes photos. Every change is an event of the audit, by the listener of the sessions."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def marks(self, expert_ids: Collection[int]) -> dict[int, str]:
        """The marks of those of these people who have a photo."""
        if not expert_ids:
            return {}
        with self._sessions() as session:
            rows = session.connection().execute(_MARKS, {"ids": sorted(expert_ids)})
            return {expert_id: mark for expert_id, mark in rows.all()}

    def photo(self, expert_id: int, size: PhotoSize, scope: Scope) -> bytes | None:
        """The photo of a person whom a search by this scope may name, as JPEG; None where there is none to show."""
        if not 0 < expert_id <= MAX_ID:
            return None
        column = ExpertPhoto.large if size is PhotoSize.LARGE else ExpertPhoto.small
        with self._sessions() as session:
            row = session.execute(
                select(column, Expert)
                .join(Expert, Expert.id == ExpertPhoto.expert_id)
                .where(ExpertPhoto.expert_id == expert_id)
            ).one_or_none()
        if row is None or not row[1].is_searchable or not scope.holds_division(row[1].division_code):
            return None
        picture: bytes = row[0]
        return picture

    def may_change(self, expert_id: int, keeper: Asker) -> bool:
        """Whether this is a person whom the keeper looks after."""
        try:
            self.subject(expert_id, keeper)
        except PersonNotFound:
            return False
        return True

    def subject(self, expert_id: int, keeper: Asker) -> PhotoSubject:
        """A person whom the keeper looks after. Raises `PersonNotFound`."""
        with self._sessions() as session:
            expert = require_kept(session, expert_id, keeper)
            mark = session.scalar(select(ExpertPhoto.mark).where(ExpertPhoto.expert_id == expert_id))
            return PhotoSubject(expert.id, expert.name, mark or "")

    def change(self, expert_id: int, keeper: Asker, data: bytes) -> None:
        """Take a file in as the photo of a person. Raises `PersonNotFound`, `PictureNotAcceptable`."""
        # Whose photo it is comes first, and the lock of the database last: drawing takes a second.
        self.subject(expert_id, keeper)
        picture = take_picture(data)
        mark = hashlib.sha256(picture.large).hexdigest()[:_MARK]
        with self._sessions.begin() as session:
            begin_writing(session)
            require_kept(session, expert_id, keeper)
            photo = session.get(ExpertPhoto, expert_id)
            if photo is None:
                photo = ExpertPhoto(expert_id=expert_id)
                session.add(photo)
            photo.large, photo.small, photo.mark = picture.large, picture.small, mark
            photo.changed_at = self._clock()

    def remove(self, expert_id: int, keeper: Asker) -> None:
        """Take the photo away, if there is one. Raises `PersonNotFound`."""
        with self._sessions.begin() as session:
            begin_writing(session)
            require_kept(session, expert_id, keeper)
            photo = session.get(ExpertPhoto, expert_id)
            if photo is not None:
                session.delete(photo)
