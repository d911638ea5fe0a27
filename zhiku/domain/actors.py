"""Who is at work: whoever changes rows is known to the audit without every function passing it on.

An actor is set around a request, a command or a background job, and read where events are noted. It decides nothing:
what somebody may do is asked of `zhiku.domain.permissions` with the account at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where."""

    #: None for a program: a command, the drainer.
    account_id: int | None
    #: Name shown in the audit, as it was at that time.
    name: str
    #: Value of `Role`, "token", "program" or "public".
    role: str
    #: Address of the network, as far as the proxies in front may be believed; "" for a program.
    address: str = ""
    #: The retiree (id of the profile) for whom a liaison acts at this moment.
    on_behalf_of: int | None = None
    #: What personal data is looked at for.
    purpose: str = ""


#: A command typed on the server, a background job.
PROGRAM = Actor(None, "程序", "program")

_CURRENT: ContextVar[Actor] = ContextVar("zhiku_actor", default=PROGRAM)


def current_actor() -> Actor:
    """Who is at work in this thread of work."""
    return _CURRENT.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[Actor]:
    """Let this actor be at work within."""
    token = _CURRENT.set(actor)
    try:
        yield actor
    finally:
        _CURRENT.reset(token)


@contextmanager
def acting_for(expert_id: int | None = None, purpose: str = "") -> Iterator[Actor]:
    """Let the actor at work act for somebody, or for a purpose, within."""
    actor = current_actor()
    changed = replace(
        actor, on_behalf_of=actor.on_behalf_of if expert_id is None else expert_id, purpose=purpose or actor.purpose
    )
    with acting_as(changed):
        yield changed
