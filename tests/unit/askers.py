"""Members of staff who ask for somebody's records, as if they were signed in."""

from __future__ import annotations

from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.factories import NOW
from zhiku.domain.accounts import Account, LiaisonAssignment, SignInKind
from zhiku.domain.permissions import Role
from zhiku.services.sign_ins import SignedIn


def signed_in(account: Account) -> SignedIn:
    """As `SignIns.find` gives it."""
    return SignedIn(
        0, account.id, account.name, account.sign_in_name or "", account.role, account.scope, SignInKind.PASSWORD, False
    )


def an_asker(sessions: sessionmaker[Session], role: Role = Role.BUREAU, *expert_ids: int, **values: str) -> SignedIn:
    """A member of staff; a liaison looks after these people."""
    with sessions.begin() as session:
        account = factories.an_account(session, role, **values)
        for expert_id in expert_ids:
            session.add(LiaisonAssignment(account_id=account.id, expert_id=expert_id, began_at=NOW))
        return signed_in(account)
