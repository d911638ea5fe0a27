"""Photos of profiles: put in by whoever looks after a person, shown to whoever may find them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import Enum

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Scope
from zhiku.domain.photos import ExpertPhoto
from zhiku.services.consents import is_withdrawn, note_consent
from zhiku.services.liaisons import MAX_ID, require_kept
from zhiku.services.persons import Asker, PersonNotFound
from zhiku.services.pictures import take_picture

_MARK = 16


class PhotoConsentMissing(DomainError):
    """Nobody is shown who has not agreed to it, or who has taken it back; nothing was stored."""


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
    #: The consent to be shown that holds; None where it is still to be asked for.
    consent: Consent | None = None
    #: Whether it was given and taken back: then no photo is taken.
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class PhotoConsent:
    """How and when a person agreed to be shown."""

    form: ConsentForm
    on: date | None


#: On every page of results, so without the ORM, which takes longer than the query.
_MARKS = (
    select(ExpertPhoto.expert_id, ExpertPhoto.mark)
    .join(Expert, Expert.id == ExpertPhoto.expert_id)
    .where(ExpertPhoto.expert_id.in_(bindparam("ids", expanding=True)), ~is_withdrawn(ConsentPurpose.PUBLICITY))
)


class Photos:
    """Reads and changes photos. Every change is an event of the audit, by the listener of the sessions.

    A photo is there by the consent of its subject to be shown (`ConsentPurpose.PUBLICITY`): whoever puts one in notes
    it, and nobody is shown who took it back.
    """

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime], zone: tzinfo) -> None:
        self._sessions = sessions
        self._clock = clock
        self._zone = zone

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
                .where(ExpertPhoto.expert_id == expert_id, ~is_withdrawn(ConsentPurpose.PUBLICITY))
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
            consent, is_taken_back = _consent(session, expert_id)
            return PhotoSubject(expert.id, expert.name, mark or "", consent, is_taken_back)

    def change(self, expert_id: int, keeper: Asker, data: bytes, consent: PhotoConsent | None = None) -> None:
        """Take a file in as the photo of a person, and note the `consent` to be shown where none is noted yet.

        Raises `PersonNotFound`, `PictureNotAcceptable`, `ConsentNotAcceptable`, and `PhotoConsentMissing` where there
        is none or it was taken back.
        """
        # Whose photo it is comes first, and the lock of the database last: drawing takes a second.
        subject = self.subject(expert_id, keeper)
        _require_consent(subject.consent, subject.is_withdrawn, consent)
        picture = take_picture(data)
        mark = hashlib.sha256(picture.large).hexdigest()[:_MARK]
        with self._sessions.begin() as session:
            begin_writing(session)
            require_kept(session, expert_id, keeper)
            # Somebody may have taken it back while the picture was drawn.
            held, is_taken_back = _consent(session, expert_id)
            _require_consent(held, is_taken_back, consent)
            if held is None and consent is not None:
                note_consent(
                    session, expert_id, ConsentPurpose.PUBLICITY, consent.form, consent.on, keeper.name, self._clock(),
                    self._zone,
                )  # fmt: skip
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


def _consent(session: Session, expert_id: int) -> tuple[Consent | None, bool]:
    """The consent to be shown that holds, and whether there was one that was taken back."""
    noted = session.scalars(
        select(Consent)
        .where(Consent.expert_id == expert_id, Consent.purpose == ConsentPurpose.PUBLICITY)
        .order_by(Consent.id)
    ).all()
    held = next((one for one in noted if one.holds), None)
    return held, held is None and bool(noted)


def _require_consent(held: Consent | None, is_taken_back: bool, given: PhotoConsent | None) -> None:
    if is_taken_back:
        # What was taken back is given again with the person, not in passing with a photo.
        raise PhotoConsentMissing(
            "本人撤回了公开照片的同意，不能放照片。本人重新同意的，请先在“本人的同意”里登记，再来放照片。"
        )
    if held is None and given is None:
        raise PhotoConsentMissing("还没有登记本人对公开照片的同意。请先征求本人的同意，再放照片。")
