"""The slips that a browser may show: kept in its signed session from the press that made them until they are put away.

A printer jams, and the slip is wanted once more. So for half an hour whoever issued it can open it again, in the same
sign-in and nowhere else: the database has a hash of the code only. It is gone once it was put away, used or withdrawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import segno
from flask import request, session, url_for
from markupsafe import Markup

from zhiku.domain.masking import masked_name
from zhiku.services.entry_codes import CodeUnusable, Slip, grouped, new_code
from zhiku.services.on_behalf import Act
from zhiku.services.persons import PersonNotFound
from zhiku.web.access import signed_in
from zhiku.web.current import current_zhiku

#: How long a slip can be shown again.
SLIP_SHOWN_FOR = timedelta(minutes=30)

#: The slips, in the session: [person, code, issued, expires (both in seconds), issuer's account, act to confirm or 0].
_SLIPS = "slips"
#: Codes that the forms of this browser propose: [person, code].
_PROPOSED = "slip_codes"
#: Most that are kept of either, newest last: a session is a cookie of 4 kB. A sheet has as many at most.
MOST_SLIPS = 20
_MOST_PROPOSED = 5


@dataclass(frozen=True, slots=True)
class ShownSlip:
    """A slip as its page shows it."""

    expert_id: int
    code: str
    name: str
    #: Where several lie on one sheet: 曾*柑.
    masked_name: str
    township: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    #: For how many minutes more it can be opened again.
    minutes_left: int
    #: Where the code is typed, and where the QR code leads.
    typed_at: str
    qr: Markup
    #: What was done for them and waits for their answer, the oldest first; of a slip for one act that one.
    acts: tuple[Act, ...]


def keep(slips: Iterable[Slip], act_id: int = 0) -> None:
    """Let this browser show these slips; one of the same person before gives way."""
    for slip in slips:
        others = [one for one in session.get(_SLIPS, []) if one[0] != slip.expert_id]
        fresh = [
            slip.expert_id,
            slip.code,
            int(slip.issued_at.timestamp()),
            int(slip.expires_at.timestamp()),
            signed_in().account_id,
            act_id,
        ]
        session[_SLIPS] = [*others, fresh][-MOST_SLIPS:]


def shown(expert_id: int) -> ShownSlip | None:
    """The slip of a person, while whoever issued it may see it again and its code opens. Raises `PersonNotFound`."""
    row = next((one for one in session.get(_SLIPS, []) if one[0] == expert_id), None)
    return None if row is None else _shown(row)


def count() -> int:
    """How many slips this browser may show again; one that was used meanwhile is still among them."""
    now, here = current_zhiku().clock().timestamp(), signed_in().account_id
    return sum(row[4] == here and now - row[2] < SLIP_SHOWN_FOR.total_seconds() for row in session.get(_SLIPS, []))


def all_shown() -> tuple[ShownSlip, ...]:
    """All slips that this browser may still show, in the order in which they were made."""
    found = []
    for row in session.get(_SLIPS, []):
        try:
            slip = _shown(row)
        except PersonNotFound:
            # Somebody else looks after them since.
            continue
        if slip is not None:
            found.append(slip)
    return tuple(found)


def forget(expert_id: int) -> None:
    """No slip and no proposed code of this person stays in this browser."""
    for key in (_SLIPS, _PROPOSED):
        session[key] = [one for one in session.get(key, []) if one[0] != expert_id]


def forget_all() -> None:
    """No slip stays in this browser."""
    for key in (_SLIPS, _PROPOSED):
        session.pop(key, None)


def propose_code(expert_id: int) -> str:
    """The code that the next press of the button will make for a person, whatever number of times it is pressed. It is
    kept in the session from the moment the page is opened; its slip once put away, the next one is another."""
    proposed: list[list[int | str]] = session.get(_PROPOSED, [])
    for known, code in proposed:
        if known == expert_id:
            return str(code)
    code = new_code()
    session[_PROPOSED] = [*proposed, [expert_id, code]][-_MOST_PROPOSED:]
    return code


def outside_address(path: str) -> str:
    """The full address of a page of ours, as a retiree's phone can reach it."""
    public = current_zhiku().settings.public_url
    return f"{public or request.host_url.rstrip('/')}{path}"


def _shown(row: list[int | str]) -> ShownSlip | None:
    expert_id, code, issued, expires, issuer, act_id = int(row[0]), str(row[1]), *map(int, row[2:])
    zhiku, here = current_zhiku(), signed_in()
    issued_at = datetime.fromtimestamp(issued, UTC)
    left = SLIP_SHOWN_FOR - (zhiku.clock() - issued_at)
    if issuer != here.account_id or left <= timedelta(0):
        return None
    retiree = zhiku.liaisons.retiree(expert_id, here)
    try:
        zhiku.entry_codes.look_up(code)
    except CodeUnusable:
        # Used, withdrawn, or replaced by a newer one: a paper that opens nothing helps nobody.
        return None
    acts = zhiku.on_behalf.waiting_for(expert_id)
    return ShownSlip(
        expert_id=expert_id,
        code=grouped(code),
        name=retiree.name,
        masked_name=masked_name(retiree.name),
        township=retiree.township,
        issued_by=here.name,
        issued_at=issued_at,
        expires_at=datetime.fromtimestamp(expires, UTC),
        minutes_left=math.ceil(left / timedelta(minutes=1)),
        typed_at=outside_address(url_for("entry.enter")),
        qr=_drawn(outside_address(url_for("entry.show", code=code))),
        acts=tuple(act for act in acts if act.id == act_id) if act_id else acts,
    )


def _drawn(address: str) -> Markup:
    # An SVG without a style of its own; its module colours are attributes, which the content security policy lets be.
    qr = segno.make(address, error="m", micro=False)
    return Markup(
        qr.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    )
