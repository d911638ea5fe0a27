"""Who may read which suggestions: the one rule, for a row in hand and as a condition for lists.

Answered ones are everybody's, and everybody reads their own. The others are for who may search suggestions, within
their scope: an account of a department reads those that its department handles, and none that nobody handles yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, or_

from zhiku.domain.divisions import is_within
from zhiku.domain.permissions import Scope
from zhiku.domain.suggestions import ANSWERED, UNSEARCHABLE, Suggestion, SuggestionAuthor


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads suggestions; without anything a visitor."""

    scope: Scope = Scope()
    #: Whether they may search suggestions (`Permission.SEARCH_SUGGESTIONS`), within their scope.
    is_searching: bool = False

    def may_read(self, suggestion: Suggestion) -> bool:
        """Whether this one is theirs to read. `condition` says the same of rows of the database."""
        if suggestion.is_public:
            return True
        oneself = self.scope.expert_id
        if oneself is not None and any(author.expert_id == oneself for author in suggestion.authors):
            return True
        return (
            self.is_searching
            and suggestion.is_searchable
            and self.scope.holds_division(suggestion.division_code)
            and self.scope.covers_department(*suggestion.department_ids)
        )

    def condition(self) -> ColumnElement[bool]:
        """The condition on `Suggestion` that they may read it."""
        is_public = Suggestion.status.in_(ANSWERED)
        is_own: ColumnElement[bool] = false()
        if self.scope.expert_id is not None:
            is_own = Suggestion.authors.any(SuggestionAuthor.expert_id == self.scope.expert_id)
        is_found: ColumnElement[bool] = false()
        if self.is_searching:
            is_found = and_(
                Suggestion.status.not_in(UNSEARCHABLE), is_within(Suggestion.division_code, self.scope.division)
            )
            if self.scope.department_id is not None:
                is_found &= Suggestion.lead_department_id == self.scope.department_id
        return or_(is_public, is_own, is_found)
