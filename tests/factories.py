"""Rows for tests: small functions that add one row, flush it and give it back. Everything has a default."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.domain.accounts import (
    Account,
    ApiToken,
    EntryCode,
    LiaisonAssignment,
    RecoveryCode,
    SignIn,
    SignInKind,
)
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.departments import Department
from zhiku.domain.encryption import DataKey
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import (
    Availability,
    CareerEntry,
    DatePrecision,
    Expert,
    ExpertField,
    ExpertStatus,
    Honour,
    Sex,
    WayOfHelping,
)
from zhiku.domain.lexicon import (
    AnsweredBy,
    CountyWord,
    LexiconRevision,
    SynonymGroup,
    SynonymMember,
    UnansweredQuery,
)
from zhiku.domain.on_behalf import ActOnBehalf, Channel
from zhiku.domain.permissions import Role
from zhiku.domain.photos import ExpertPhoto
from zhiku.domain.sensitive import HardshipNote, HealthNote, IdentityNumber
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStatus, SuggestionStep
from zhiku.services.reference_data import load_into

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
COUNTY = "430725"
QIHE = "430725105"

_serials = count(1)


def reference(session: Session) -> None:
    """The divisions and fields that every installation has."""
    load_into(session)


def a_field(session: Session, name: str) -> FieldOfExpertise:
    """A field of the county's list, which `reference` must have loaded."""
    return session.scalars(select(FieldOfExpertise).where(FieldOfExpertise.name == name)).one()


def a_department(session: Session, name: str = "县水利局", **values: Any) -> Department:
    department = Department(**{"division_code": COUNTY, "name": name, **values})
    session.add(department)
    session.flush()
    return department


def an_expert(
    session: Session,
    name: str = "张水生",
    *,
    fields: tuple[str, ...] = (),
    career: tuple[tuple[str, str, str], ...] = (),
    honours: tuple[tuple[int | None, str], ...] = (),
    **values: Any,
) -> Expert:
    """A published expert of 漆河镇; `fields` by name, `career` as (began, ended, description)."""
    defaults: dict[str, Any] = {
        "sex": Sex.MALE,
        "birth_date": date(1950, 3, 1),
        "birth_precision": DatePrecision.MONTH,
        "division_code": QIHE,
        "former_unit": "县水利局",
        "last_post": "副局长",
        "professional_title": "高级工程师",
        "keywords": ["修水库"],
        "summary": "管过黄石水库的加固。",
        "ways_of_helping": [WayOfHelping.ADVICE.value],
        "availability": Availability.AVAILABLE,
        "liaison_name": "周子涵",
        "status": ExpertStatus.PUBLISHED,
        "created_at": NOW,
        "updated_at": NOW,
    }
    expert = Expert(name=name, **{**defaults, **values})
    expert.field_links = [
        ExpertField(field=a_field(session, field), position=position) for position, field in enumerate(fields)
    ]
    expert.career = [
        CareerEntry(position=position, began=began, ended=ended, description=description)
        for position, (began, ended, description) in enumerate(career)
    ]
    expert.honours = [
        Honour(position=position, year=year, title=title) for position, (year, title) in enumerate(honours)
    ]
    session.add(expert)
    session.flush()
    return expert


def a_suggestion(
    session: Session,
    subject: str = "给黄石水库装水位自动报警",
    *,
    authors: tuple[Expert | str, ...] = ("李阳春",),
    field: str = "",
    **values: Any,
) -> Suggestion:
    """A suggestion of this year; `authors` are experts or, of others, names."""
    serial = values.pop("serial", None) or next(_serials)
    submitted_on = values.pop("submitted_on", date(2026, 5, 4))
    suggestion = Suggestion(
        **{
            "year": submitted_on.year,
            "serial": serial,
            "number": Suggestion.format_number(submitted_on.year, serial),
            "division_code": COUNTY,
            "subject": subject,
            "situation": "夜里涨水全靠人看，守坝的人一夜跑三趟。",
            "proposal": "装一套自动报警，连到值班手机上。",
            "field": a_field(session, field) if field else None,
            "status": SuggestionStatus.SUBMITTED,
            "submitted_on": submitted_on,
            "created_at": NOW,
            "updated_at": NOW,
            **values,
        }
    )
    suggestion.authors = [
        SuggestionAuthor(
            position=position,
            name=author if isinstance(author, str) else author.name,
            expert_id=None if isinstance(author, str) else author.id,
        )
        for position, author in enumerate(authors)
    ]
    suggestion.steps = [SuggestionStep(status=SuggestionStatus.SUBMITTED, on=submitted_on)]
    session.add(suggestion)
    session.flush()
    return suggestion


def a_service_record(session: Session, expert: Expert, **values: Any) -> ServiceRecord:
    record = ServiceRecord(
        **{
            "expert_id": expert.id,
            "served_on": date(2025, 6, 7),
            "way": WayOfHelping.ON_SITE,
            "requested_by": "漆河镇人民政府",
            "division_code": QIHE,
            "subject": "看山塘涵管漏水",
            "account": "到场看了涵管接头，教村里用黏土和石灰堵漏，第二天不再冒水。",
            "created_at": NOW,
            **values,
        }
    )
    session.add(record)
    session.flush()
    return record


def an_account(session: Session, role: Role = Role.BUREAU, **values: Any) -> Account:
    """A member of staff of the county, or with `expert_id` a retiree; without a password."""
    serial = next(_serials)
    name = None if role is Role.RETIREE else f"{role.value}{serial}"
    account = Account(
        **{
            "sign_in_name": name,
            "name": f"{role.label}{serial}",
            "role": role,
            "division_prefix": COUNTY,
            "created_at": NOW,
            "updated_at": NOW,
            **values,
        }
    )
    session.add(account)
    session.flush()
    return account


def everything_about_access(session: Session, expert: Expert, department: Department) -> None:
    """A row of every table about accounts, consent and sensitive data."""
    later = NOW + timedelta(days=1)
    an_account(session, Role.DEPARTMENT, department_id=department.id)
    liaison = an_account(session, Role.LIAISON)
    retiree = an_account(session, Role.RETIREE, expert_id=expert.id)
    session.add_all(
        [
            SignIn(
                account=liaison, kind=SignInKind.PASSWORD, token_hash="0" * 64, began_at=NOW, seen_at=NOW,
                expires_at=later,
            ),
            EntryCode(account=retiree, code_hash="1" * 64, issued_by_id=liaison.id, issued_at=NOW, expires_at=later),
            LiaisonAssignment(account=liaison, expert=expert, began_at=NOW),
            RecoveryCode(account_id=liaison.id, code_hash="3" * 64, created_at=NOW),
            ApiToken(
                name="协同办公", hint="zk_abcd", token_hash="2" * 64, permissions="search_experts", created_at=NOW,
                expires_at=later,
            ),
            ActOnBehalf(
                account=liaison, liaison_name=liaison.name, expert=expert, what="提交建议", subject_kind="suggestion",
                subject_id="1", why="不会用手机", channel=Channel.PHONE, acted_at=NOW, expires_at=later,
            ),
            Consent(
                expert_id=expert.id, purpose=ConsentPurpose.PROFILE, form=ConsentForm.PAPER, granted_on=NOW.date(),
                recorded_by="刘小燕", created_at=NOW,
            ),
            IdentityNumber(expert_id=expert.id, value="430725195001010012", recorded_at=NOW),
            HealthNote(expert_id=expert.id, value="听力不好", recorded_at=NOW),
            HardshipNote(expert_id=expert.id, value="独居", recorded_at=NOW),
            ExpertPhoto(expert_id=expert.id, large=b"large", small=b"small", mark="0" * 16, changed_at=NOW),
            DataKey(id="k1", check="v1:k1:", created_at=NOW),
        ]
    )  # fmt: skip
    session.flush()


def a_lexicon(session: Session) -> SynonymGroup:
    """A word, a group of synonyms, and the query that it was made for."""
    members = [SynonymMember(position=place, text=text, normal=text) for place, text in enumerate(("打坝", "筑坝"))]
    group = SynonymGroup(note="水利局", added_by="测试", created_at=NOW, updated_at=NOW, members=members)
    session.add_all([group, CountyWord(word="野茶王", added_by="测试", created_at=NOW)])
    session.add(LexiconRevision(name="synonyms", number=1))
    session.flush()
    session.add(
        UnansweredQuery(
            normal="打坝", division_prefix=COUNTY, text="打坝", times=3, first_asked_at=NOW, last_asked_at=NOW,
            answered_by=AnsweredBy.NOTHING, resolved_at=NOW, group_id=group.id,
        )
    )  # fmt: skip
    session.flush()
    return group
