"""The county of the web tests: a few people of different fields, suggestions in every status, service records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.domain.accounts import Account
from zhiku.domain.base import begin_writing
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
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
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStatus, SuggestionStep
from zhiku.services import contacts
from zhiku.services.reference_data import load_into

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


def settings_in(home: Path) -> Settings:
    """Settings for an installation in this folder, with three people on a page."""
    return Settings(
        home=home,
        database_url=f"sqlite:///{(home / 'zhiku.db').as_posix()}",
        index_dir=home / "index",
        page_size=3,
        drain_interval=0.05,
        # Tests ask faster than anybody; those of the limits set their own.
        searches_per_minute=0,
        api_calls_per_minute=0,
    )


def prepare(home: Path) -> None:
    """Make the installation in this folder: the county and its accounts, stored and indexed."""
    zhiku = Zhiku.open(settings_in(home))
    zhiku.prepare_database()
    store_county(zhiku.sessions)
    store_accounts(zhiku.sessions)
    zhiku.indexing.rebuild()
    zhiku.close()


def store_accounts(sessions: sessionmaker[Session]) -> None:
    """An account of each role, signed in by its role's name: staff of the county, and 曾繁柑 as the retiree."""
    with sessions.begin() as session:
        begin_writing(session)
        office = session.scalars(select(Department)).one()
        zeng = session.scalars(select(Expert).where(Expert.name == "曾繁柑")).one()
        for role in Role:
            session.add(
                Account(
                    sign_in_name=role.value if role.is_staff else None, name=f"{role.label}账号", role=role,
                    division_prefix="430725", department_id=office.id if role is Role.DEPARTMENT else None,
                    expert_id=zeng.id if role is Role.RETIREE else None, created_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip


def store_lexicon(sessions: sessionmaker[Session]) -> None:
    """A group of synonyms (1), a word (1), and four queries without an answer, the last of them dealt with."""
    with sessions.begin() as session:
        begin_writing(session)
        members = [SynonymMember(position=0, text="拦河坝", normal="拦河坝")]
        members.append(SynonymMember(position=1, text="筑坝", normal="筑坝"))
        session.add(SynonymGroup(note="水利局说的", added_by="测试", created_at=NOW, updated_at=NOW, members=members))
        session.add(CountyWord(word="野茶王岭", added_by="测试", created_at=NOW))
        session.add(LexiconRevision(name="synonyms", number=1))
        session.add(LexiconRevision(name="words", number=1))
        long = "后山的堰塘一下雨就冒浑水想请人来看看怎么办"
        for times, text in ((7, "打坝"), (4, "鱼翻肚皮"), (2, long), (1, "天灵灵")):
            session.add(
                UnansweredQuery(
                    normal=text, division_prefix="430725", text=text, times=times, first_asked_at=NOW,
                    last_asked_at=NOW, answered_by=AnsweredBy.NEAR, resolved_at=NOW if times == 1 else None,
                )
            )  # fmt: skip


def store_county(sessions: sessionmaker[Session]) -> None:
    """Reference data, experts, suggestions and service records."""
    with sessions.begin() as session:
        begin_writing(session)
        load_into(session)
        fields = {field.name: field for field in session.scalars(select(FieldOfExpertise))}
        townships = {place.name: place.code for place in session.scalars(select(Division))}
        office = Department(division_code="430725", name="桃源县农业农村局", short_name="农业农村局")
        session.add(office)

        zeng = Expert(
            name="曾繁柑", sex=Sex.MALE, birth_date=date(1952, 3, 14), birth_precision=DatePrecision.DAY,
            division_code=townships["漆河镇"], former_unit="桃源县农业局经作站", last_post="原站长",
            professional_title="高级农艺师", keywords=["柑橘黄龙病", "高接换种"],
            summary="从事柑橘栽培三十八年，主持过全县柑橘黄龙病普查，提出先查苗、后砍树、再治虫的办法。",
            ways_of_helping=["advice", "on_site"], availability=Availability.AVAILABLE, liaison_name="刘小燕",
            status=ExpertStatus.PUBLISHED, created_at=NOW, updated_at=NOW,
            field_links=[ExpertField(field=fields["果树柑橘"], position=0)],
            career=[CareerEntry(position=0, began="1975.03", ended="1983.07", description="漆河公社农技站技术员")],
            honours=[Honour(position=0, year=1998, title="湖南省科技进步三等奖")],
        )  # fmt: skip
        session.add(zeng)
        for place, (name, township, unit, title, availability, summary) in enumerate(
            [
                (
                    "李水生",
                    "漆河镇",
                    "桃源县水利局",
                    "高级工程师",
                    Availability.AVAILABLE,
                    "主持过三座水库的除险加固，会看大坝渗水。",
                ),
                (
                    "李长河",
                    "陬市镇",
                    "桃源县水利局",
                    "工程师",
                    Availability.PHONE_ONLY,
                    "管过水库调度，防汛抗旱熟门熟路。",
                ),
                (
                    "周堤安",
                    "热市镇",
                    "桃源县水利局",
                    "",
                    Availability.AVAILABLE,
                    "在水库工地干了一辈子，懂溢洪道和启闭机。",
                ),
                (
                    "吴塘边",
                    "漆河镇",
                    "漆河镇水管站",
                    "工程师",
                    Availability.UNAVAILABLE,
                    "修过山塘水库和渠道，会算水账。",
                ),
                (
                    "单佩兰",
                    "漳江街道",
                    "桃源县人民医院",
                    "主任医师",
                    Availability.AVAILABLE,
                    "老年人高血压、糖尿病的日常管理。",
                ),
                ("解正明", "漳江街道", "桃源县司法局", "", Availability.AVAILABLE, "调解邻里纠纷三十年，讲情也讲法。"),
            ]
        ):
            field = fields["水库堤防"] if "水" in summary else fields["内科与老年病" if "医" in title else "人民调解"]
            session.add(
                Expert(
                    name=name, division_code=townships[township], former_unit=unit, last_post="原职工",
                    professional_title=title, summary=summary, availability=availability,
                    birth_date=date(1950 + place, 1, 1), birth_precision=DatePrecision.YEAR,
                    ways_of_helping=["advice"], status=ExpertStatus.PUBLISHED, created_at=NOW, updated_at=NOW,
                    field_links=[ExpertField(field=field, position=0)],
                )
            )  # fmt: skip
        session.add(
            Expert(
                name="隐名氏", division_code=townships["漆河镇"], summary="没有发布的水库专家。",
                status=ExpertStatus.DRAFT, created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        contacts.add(session, contacts.EXPERT, zeng.id, "13907361111")
        session.add(
            ServiceRecord(
                expert_id=zeng.id, served_on=date(2026, 4, 12), way=WayOfHelping.ON_SITE, requested_by="漆河镇人民政府",
                subject="漆河镇柑橘园黄龙病诊断", account="指出病树四十余株，教农户辨认木虱。", created_at=NOW,
            )
        )  # fmt: skip
        for serial, status in enumerate(SuggestionStatus, start=1):
            session.add(
                Suggestion(
                    year=2026, serial=serial, number=Suggestion.format_number(2026, serial), division_code="430725",
                    subject=f"统一供苗防住黄龙病（{serial}）" if serial < 4 else f"修好第{serial}组的水渠",
                    situation="各乡镇自己从外地买苗，带病的多。" if serial < 4 else "渠道年久失修，田里放不进水。",
                    proposal="由县里建一个无病毒苗圃，统一供苗。" if serial < 4 else "先修渗漏最重的三百米。",
                    status=status, lead_department=office if serial > 2 else None, submitted_on=date(2026, 3, serial),
                    created_at=NOW, updated_at=NOW,
                    authors=[SuggestionAuthor(position=0, name="曾繁柑", expert=zeng if serial < 4 else None)],
                    steps=[SuggestionStep(status=SuggestionStatus.SUBMITTED, on=date(2026, 3, serial))],
                )
            )  # fmt: skip
