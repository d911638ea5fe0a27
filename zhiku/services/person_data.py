"""Everything that is held on one person, as a file for them (个人信息保护法, article 45): one zip with JSON for machines
and a page in Chinese for people. Sensitive values are in it, because they are theirs."""

from __future__ import annotations

import html
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker

from zhiku.domain.accounts import Account, LiaisonAssignment, SignIn
from zhiku.domain.actors import acting_for
from zhiku.domain.audit import Action, AuditEvent, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.consents import Consent
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import Expert, ExpertField, WayOfHelping
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.permissions import Permission, Role
from zhiku.domain.photos import ExpertPhoto
from zhiku.domain.suggestions import Suggestion
from zhiku.services.authors import find_author
from zhiku.services.erasure import signature_of, signed_by
from zhiku.services.persons import Asker, find_person
from zhiku.services.reveals import (
    EXPORT_COUNTS,
    RevealPurpose,
    TooManyReveals,
    note_stopped,
    purpose_text,
    require_allowed,
)
from zhiku.services.sensitive import SensitiveKind, values_of
from zhiku.services.signatures import Signature, own_contacts

#: The form of data.json; raised when a reader would have to know.
FORMAT = "zhiku person 1"

#: Audit events read at once.
_EVENTS = 500

_STYLE = (
    "body{font:18px/1.7 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1c2a2e}"
    "table{border-collapse:collapse;width:100%;margin:.5em 0 2em}"
    "th,td{border:1px solid #bbb;padding:.4em .6em;text-align:left;vertical-align:top}th{background:#edf5f4}"
)


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file."""

    #: Its name in data.json.
    key: str
    title: str
    headings: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class PersonFile:
    """The file, to be sent as it is made. Its name has nothing personal in it."""

    name: str
    chunks: Iterator[bytes]


class PersonExports:
    """Makes the file, for somebody who may and says what for; that they did is an event."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime], zone: tzinfo) -> None:
        self._sessions = sessions
        self._clock = clock
        self._zone = zone

    def export(self, asker: Asker, expert_id: int, purpose: RevealPurpose | None, words: str) -> PersonFile:
        """Everything held on a person. The event is stored before the first byte is given.

        Raises `PersonNotFound`, `PurposeMissing`, `TooManyReveals`: it opens more than any look, and counts so.
        """
        now = self._clock()

        def find(session: Session) -> int:
            return find_person(session, asker, expert_id, Permission.EXPORT_PERSON).id

        self._note(asker, "expert", find, purpose_text(purpose, words), now)
        return self._file(
            f"person-{expert_id}", lambda session: collect(session, expert_id, self._zone), now, expert_id
        )

    def export_author(
        self, asker: Asker, number: str, place: int, purpose: RevealPurpose | None, words: str
    ) -> PersonFile:
        """As `export`, of an author who has no profile: who signed the suggestion with this number, at this place.

        Raises `PersonNotFound`, `PurposeMissing`, `TooManyReveals`.
        """
        now = self._clock()

        def find(session: Session) -> int:
            return find_author(session, asker, number, place, Permission.EXPORT_PERSON).suggestion_id

        key = self._note(asker, "suggestion", find, purpose_text(purpose, words), now)

        def sections(session: Session) -> list[Section]:
            found = find_author(session, asker, number, place, Permission.EXPORT_PERSON)
            return collect_author(session, found.signature, found.suggestions, self._zone)

        return self._file(f"author-{key}", sections, now)

    def _note(
        self, asker: Asker, subject_kind: str, find: Callable[[Session], int], purpose: str, now: datetime
    ) -> int:
        """Note that a file is taken out of the subject that `find` gives the id of, if it may be; gives the id."""
        stopped: TooManyReveals | None = None
        with acting_for(purpose=purpose), self._sessions.begin() as session:
            begin_writing(session)
            key = find(session)
            try:
                require_allowed(session, asker, now, EXPORT_COUNTS)
            except TooManyReveals as refused:
                # The event that says so must stay: so no exception ends this transaction.
                note_stopped(session, subject_kind, str(key), "", now)
                stopped = refused
            else:
                append(session, [Note(Action.EXPORTED, subject_kind, str(key))], now)
        if stopped is not None:
            raise stopped
        return key

    def _file(
        self, whose: str, collected: Callable[[Session], list[Section]], now: datetime, photo_of: int | None = None
    ) -> PersonFile:
        name = f"zhiku-{whose}-{now.astimezone(self._zone):%Y%m%d}.zip"
        return PersonFile(name, self._zipped(collected, now, photo_of))

    def _zipped(
        self, collected: Callable[[Session], list[Section]], now: datetime, photo_of: int | None
    ) -> Iterator[bytes]:
        pipe = _Pipe()
        with self._sessions() as session, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            sections = collected(session)
            made_at = _time(now, self._zone)
            for name, content in (
                ("说明.txt", _README.format(at=made_at).encode("utf-8-sig")),
                ("个人资料.html", as_page(sections, made_at).encode()),
                ("data.json", as_json(sections, made_at).encode()),
            ):
                archive.writestr(name, content)
                yield from pipe.taken()
            photo = None if photo_of is None else session.get(ExpertPhoto, photo_of)
            if photo is not None:
                archive.writestr("照片.jpg", photo.large)
                yield from pipe.taken()
        # The list of contents, which zipfile writes at its end.
        yield from pipe.taken()


class _Pipe(io.RawIOBase):
    """What is written can be taken at once; zipfile needs no more of a file that it cannot seek in."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        """What was written since."""
        yield b"".join(self._waiting)
        self._waiting.clear()


_README = (
    "这是离退休干部人才智库中关于您本人的全部资料，导出时间：{at}。\r\n"
    "个人资料.html 可以用浏览器打开和打印；data.json 供其他系统读取。\r\n"
    "里面有身份证号、联系方式等敏感内容，请妥善保管，不要转发。\r\n"
    "有错的地方，请告诉您的联络员或县委老干部局更正。\r\n"
)


def collect(session: Session, expert_id: int, zone: tzinfo) -> list[Section]:
    """All tables of the file, in the order of a reader's interest; empty ones too: nothing held is an answer."""
    expert = session.scalars(
        select(Expert)
        .where(Expert.id == expert_id)
        .options(
            joinedload(Expert.division),
            selectinload(Expert.field_links).joinedload(ExpertField.field),
            selectinload(Expert.career),
            selectinload(Expert.honours),
        )
    ).one()
    account = session.scalar(select(Account).where(Account.expert_id == expert_id))
    suggestions = signed_by(session, expert_id)
    signature = signature_of(session, expert)
    return [
        Section("profile", "基本情况", ("项目", "内容"), _profile(expert, zone)),
        Section(
            "sensitive",
            "联系方式、身份证号、健康和困难情况",
            ("项目", "内容"),
            [(kind.label, value) for kind in SensitiveKind for value in values_of(session, expert_id, kind)],
        ),
        Section(
            "career",
            "履历",
            ("开始", "结束", "经历"),
            [(one.began, one.ended, one.description) for one in expert.career],
        ),
        Section("honours", "荣誉", ("年份", "荣誉"), [(_text(one.year), one.title) for one in expert.honours]),
        Section(
            "consents",
            "本人的同意",
            ("内容", "方式", "同意日期", "撤回日期", "登记人"),
            [
                (one.purpose.label, one.form.label, _text(one.granted_on), _text(one.withdrawn_on), one.recorded_by)
                for one in session.scalars(select(Consent).where(Consent.expert_id == expert_id).order_by(Consent.id))
            ],
        ),
        *_suggestion_sections(session, signature, suggestions),
        Section(
            "services",
            "服务记录",
            ("日期", "方式", "邀请方", "事项", "经过"),
            [
                (_text(one.served_on), one.way.label, one.requested_by, one.subject, one.account)
                for one in session.scalars(
                    select(ServiceRecord).where(ServiceRecord.expert_id == expert_id).order_by(ServiceRecord.served_on)
                )
            ],
        ),
        Section("acts_on_behalf", "别人代办的事项", _ACT_HEADINGS, list(_acts(session, expert_id, zone))),
        Section(
            "liaisons",
            "联络员",
            ("姓名", "从", "到"),
            [
                (one.account.name, _time(one.began_at, zone), _time(one.ended_at, zone))
                for one in session.scalars(
                    select(LiaisonAssignment)
                    .where(LiaisonAssignment.expert_id == expert_id)
                    .options(joinedload(LiaisonAssignment.account))
                    .order_by(LiaisonAssignment.id)
                )
            ],
        ),
        Section(
            "sign_ins",
            "登录",
            ("方式", "开始", "最近使用", "结束", "设备", "网络地址"),
            _sign_ins(session, account, zone),
        ),
        _audit_section(session, expert_id, account, suggestions, zone),
    ]


def collect_author(
    session: Session, signature: Signature, suggestions: Sequence[Suggestion], zone: tzinfo
) -> list[Section]:
    """As `collect`, of an author who has no profile."""
    return [
        Section("profile", "基本情况", ("项目", "内容"), [("姓名", signature.name)]),
        *_suggestion_sections(session, signature, suggestions),
        _audit_section(session, None, None, suggestions, zone),
    ]


def _suggestion_sections(
    session: Session, signature: Signature, suggestions: Sequence[Suggestion]
) -> tuple[Section, Section]:
    return (
        Section(
            "suggestions",
            "提出的建议",
            ("编号", "提交日期", "事由", "情况", "建议", "状态", "承办部门", "答复结果"),
            [_suggestion(one) for one in suggestions],
        ),
        Section(
            "suggestion_contacts",
            "提建议时留下的联系方式",
            ("编号", "联系方式"),
            [(one.number, value) for one in suggestions for value in own_contacts(session, signature, one)],
        ),
    )


def _audit_section(
    session: Session, expert_id: int | None, account: Account | None, suggestions: Sequence[Suggestion], zone: tzinfo
) -> Section:
    return Section(
        "audit",
        "审计记录：谁对这些资料做过什么",
        ("时间", "谁", "身份", "做了什么", "对象", "用途"),
        list(_events(session, expert_id, account, suggestions, zone)),
    )


def as_json(sections: Iterable[Section], made_at: str) -> str:
    """The tables as JSON: each a list of objects with the Chinese headings as names."""
    content: dict[str, Any] = {"format": FORMAT, "made_at": made_at}
    for section in sections:
        content[section.key] = [dict(zip(section.headings, row, strict=True)) for row in section.rows]
    return json.dumps(content, ensure_ascii=False, indent=1)


def as_page(sections: Iterable[Section], made_at: str) -> str:
    """The tables as one page that needs nothing from outside."""
    parts = [
        "<!doctype html><html lang='zh-Hans'><meta charset='utf-8'><title>个人资料</title>",
        f"<style>{_STYLE}</style><h1>个人资料</h1><p>导出时间：{html.escape(made_at)}</p>",
    ]
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        if not section.rows:
            parts.append("<p>没有记录。</p>")
            continue
        parts.append(f"<table><tr>{_cells('th', section.headings)}</tr>")
        parts += [f"<tr>{_cells('td', row)}</tr>" for row in section.rows]
        parts.append("</table>")
    return "\n".join((*parts, "</html>"))


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{html.escape(text).replace(chr(10), '<br>')}</{tag}>" for text in texts)


def _profile(expert: Expert, zone: tzinfo) -> list[tuple[str, str]]:
    ways = {way.value: way.label for way in WayOfHelping}
    return [
        ("姓名", expert.name),
        ("性别", expert.sex.label if expert.sex else ""),
        ("出生日期", _text(expert.birth_date)),
        ("出生日期精确到", expert.birth_precision.label if expert.birth_precision else ""),
        ("所在地", f"{expert.division.name}（{expert.division_code}）"),
        ("原工作单位", expert.former_unit),
        ("退休前职务", expert.last_post),
        ("职称", expert.professional_title),
        ("专长领域", "、".join(field.name for field in expert.fields)),
        ("擅长", "、".join(expert.keywords)),
        ("简介", expert.summary),
        ("愿意提供的帮助", "、".join(ways.get(value, value) for value in expert.ways_of_helping)),
        ("能否联系", expert.availability.label),
        ("名册上的联络员", expert.liaison_name),
        ("档案状态", expert.status.label),
        ("建档时间", _time(expert.created_at, zone)),
        ("最近修改", _time(expert.updated_at, zone)),
    ]


def _suggestion(one: Suggestion) -> tuple[str, ...]:
    return (
        one.number,
        _text(one.submitted_on),
        one.subject,
        one.situation,
        one.proposal,
        one.status.label,
        one.lead_department.name if one.lead_department else "",
        one.result_class.label if one.result_class else "",
    )


_ACT_HEADINGS = ("时间", "代办人", "事项", "原因", "途径", "本人确认", "本人异议", "处理结果")


def _acts(session: Session, expert_id: int, zone: tzinfo) -> Iterator[tuple[str, ...]]:
    for one in session.scalars(select(ActOnBehalf).where(ActOnBehalf.expert_id == expert_id).order_by(ActOnBehalf.id)):
        yield (
            _time(one.acted_at, zone),
            one.liaison_name,
            one.what,
            one.why,
            one.channel.label,
            _time(one.confirmed_at, zone),
            " ".join(filter(None, (_time(one.objected_at, zone), one.objection))),
            one.settlement,
        )


def _sign_ins(session: Session, account: Account | None, zone: tzinfo) -> list[tuple[str, ...]]:
    if account is None:
        return []
    rows = session.scalars(select(SignIn).where(SignIn.account_id == account.id).order_by(SignIn.id))
    return [
        (
            one.kind.label,
            _time(one.began_at, zone),
            _time(one.seen_at, zone),
            _time(one.ended_at, zone),
            one.device,
            one.address,
        )
        for one in rows
    ]


def _events(
    session: Session, expert_id: int | None, account: Account | None, suggestions: Sequence[Suggestion], zone: tzinfo
) -> Iterator[tuple[str, ...]]:
    """Everything about the person, for the person, and by the person."""
    about: list[ColumnElement[bool]] = [
        (AuditEvent.subject_kind == "suggestion") & AuditEvent.subject_id.in_([str(one.id) for one in suggestions]),
    ]
    if expert_id is not None:
        about += [
            (AuditEvent.subject_kind == "expert") & (AuditEvent.subject_id == str(expert_id)),
            AuditEvent.on_behalf_of == expert_id,
        ]
    if account is not None:
        about += [
            (AuditEvent.subject_kind == "account") & (AuditEvent.subject_id == str(account.id)),
            AuditEvent.actor_id == account.id,
        ]
    actions = {action.value: action.label for action in Action}
    roles = {role.value: role.label for role in Role}
    last = 0
    while True:
        rows = session.scalars(
            select(AuditEvent).where(or_(*about), AuditEvent.id > last).order_by(AuditEvent.id).limit(_EVENTS)
        ).all()
        if not rows:
            return
        last = rows[-1].id
        for one in rows:
            yield (
                _time(one.at, zone),
                one.actor_name,
                roles.get(one.actor_role, one.actor_role),
                actions.get(one.action, one.action),
                " ".join(filter(None, (one.subject_kind, one.subject_id, str(one.changes.get("", ""))))),
                one.purpose,
            )


def _text(value: date | int | None) -> str:
    return "" if value is None else str(value)


def _time(value: datetime | None, zone: tzinfo) -> str:
    return "" if value is None else value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
