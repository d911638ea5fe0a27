"""Fields of expertise: the county's two-level list (领域)."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base


class FieldOfExpertise(Base):
    """A main field (parent is None) or a subfield. Names are unique over both levels, so a roster can name either."""

    __tablename__ = "fields_of_expertise"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("fields_of_expertise.id"))
    #: Everyday words for the field, space-separated; the last step of the search ladder finds the field by them.
    everyday_words: Mapped[str] = mapped_column(String(400), default="")
    position: Mapped[int] = mapped_column(default=0)

    parent: Mapped[FieldOfExpertise | None] = relationship(remote_side=[id], back_populates="subfields")
    subfields: Mapped[list[FieldOfExpertise]] = relationship(back_populates="parent", order_by=position)

    @property
    def main(self) -> FieldOfExpertise:
        """The main field this belongs to: itself on the first level."""
        return self.parent or self
