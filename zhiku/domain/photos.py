"""Photos of experts: one each, as re-encoded by us (docs/adr/0014). The file that was sent is never kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from zhiku.domain.base import Base, UtcDateTime


class ExpertPhoto(Base):
    """The photo of a profile, in two sizes."""

    __tablename__ = "expert_photos"

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), primary_key=True)
    #: JPEG, upright, without anything but the picture.
    large: Mapped[bytes] = mapped_column(LargeBinary)
    #: The same as a square around the face, for lists.
    small: Mapped[bytes] = mapped_column(LargeBinary)
    #: First characters of the SHA-256 of `large`: part of its address, so that a new photo is never the old one.
    mark: Mapped[str] = mapped_column(String(16))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
