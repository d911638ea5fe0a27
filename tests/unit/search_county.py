"""A county to search in: a real database and a real index with people whose texts are known to the tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.databases import database_in
from tests.keys import TEST_KEYS
from tests.unit.indexes import engine_in
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Availability, ExpertStatus
from zhiku.domain.suggestions import SuggestionStatus
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.persistence.session import make_engine, make_sessions
from zhiku.services.expert_search import ExpertSearch
from zhiku.services.indexing import Indexing
from zhiku.services.suggestion_search import SuggestionSearch

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

TOWNSHIPS = ("430725105", "430725101", "430725103")
FIELDS = ("水库堤防", "灌溉排水", "果树柑橘", "人民调解")
TITLES = ("高级工程师", "工程师", "")
AVAILABILITIES = (Availability.AVAILABLE, Availability.PHONE_ONLY, Availability.UNAVAILABLE)

#: People whose texts share one word, for pages and counts.
TUNNEL_DIGGERS = 25


@dataclass(frozen=True)
class County:
    """An opened county; ids of people by name."""

    sessions: sessionmaker[Session]
    engine: WhooshEngine
    indexing: Indexing
    people: dict[str, int]

    def experts(self, page_size: int = 10) -> ExpertSearch:
        return ExpertSearch(self.sessions, self.engine, page_size)

    def suggestions(self, page_size: int = 10) -> SuggestionSearch:
        return SuggestionSearch(self.sessions, self.engine, page_size)


@contextmanager
def county_in(folder: Path) -> Iterator[County]:
    """Open a copy of the county in this folder, stored and indexed."""
    stored, people = _stored()
    shutil.copytree(stored, folder, dirs_exist_ok=True)
    with _opened(folder) as (sessions, engine, indexing):
        yield County(sessions, engine, indexing, dict(people))


@cache
def _stored() -> tuple[Path, dict[str, int]]:
    """The county's folder, made once in a process, and the ids of people by name."""
    folder = Path(tempfile.mkdtemp(prefix="zhiku-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database_in(folder / "zhiku.db").dispose()
    with _opened(folder) as (sessions, _, indexing):
        with sessions() as session, session.begin():
            begin_writing(session)
            people = _store(session)
        indexing.rebuild()
    return folder, people


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[sessionmaker[Session], WhooshEngine, Indexing]]:
    database = make_engine(f"sqlite:///{(folder / 'zhiku.db').as_posix()}", TEST_KEYS)
    sessions = make_sessions(database, clock=lambda: NOW)
    engine = engine_in(folder / "index")
    yield sessions, engine, Indexing(sessions, engine, lambda: NOW)
    engine.close()
    database.dispose()


def _store(session: Session) -> dict[str, int]:
    factories.reference(session)
    office = factories.a_department(session, "县水利局")
    water = factories.an_expert(
        session, "罗慎之", fields=("水库堤防",), keywords=["修水库", "找管涌"],
        summary="主持过黄石水库除险加固。大坝渗水他看一眼就晓得出在哪里。有事打13907361111。",
        career=(("1975.03", "1983.07", "黄石水库管理所技术员"),), honours=((1998, "全省水利先进个人"),),
        former_unit="县水利局", last_post="总工程师", professional_title="高级工程师",
    )  # fmt: skip
    citrus = factories.an_expert(
        session, "曾繁柑", fields=("果树柑橘",), keywords=["柑橘黄龙病"], division_code="430725101",
        summary="三十八年没离开橘园。先查苗、后砍树、再治木虱。", former_unit="县农业局", last_post="站长",
        professional_title="高级农艺师", availability=Availability.PHONE_ONLY,
    )  # fmt: skip
    mediator = factories.an_expert(
        session, "李建设", fields=("人民调解",), keywords=["劝架"], division_code="430725103",
        summary="邻里纠纷劝了三十年，讲情也讲法。", former_unit="县司法局", last_post="调解员", professional_title="",
        availability=Availability.UNAVAILABLE,
    )  # fmt: skip
    factories.an_expert(session, "草稿人", summary="还没有发布的水库专家。", status=ExpertStatus.DRAFT, keywords=[])
    factories.an_expert(
        session, "退出人", summary="已经退出的水库专家。", availability=Availability.WITHDRAWN, keywords=[]
    )
    for number in range(TUNNEL_DIGGERS):
        factories.an_expert(
            session, f"钟{chr(0x4E00 + 31 * number)}", fields=(FIELDS[number % 4],), keywords=[],
            division_code=TOWNSHIPS[number % 3], summary="挖过隧洞。" * (1 + number % 5), former_unit="县隧洞队",
            last_post="", professional_title=TITLES[number % 3 - 1], availability=AVAILABILITIES[number % 3],
        )  # fmt: skip
    factories.a_suggestion(
        session, "给黄石水库装水位报警", authors=(water, citrus, "李阳春"), field="水库堤防", serial=1,
        situation="夜里涨水全靠人看。我的电话是139 0736 2222，随时可以问。", proposal="装一套自动报警的浮筒。",
        submitted_on=date(2026, 5, 4), lead_department_id=office.id,
    )  # fmt: skip
    factories.a_suggestion(
        session, "桥头装太阳能路灯", authors=("李阳春",), serial=2, situation="从桥头到卫生院没有一盏灯。",
        proposal="先在学校门口装十盏。", submitted_on=date(2026, 6, 1), status=SuggestionStatus.CLOSED,
    )  # fmt: skip
    for serial, status in enumerate((SuggestionStatus.NOT_ACCEPTED, SuggestionStatus.WITHDRAWN), 3):
        factories.a_suggestion(
            session, "水库边上建浮筒码头", authors=(water,), serial=serial, status=status, submitted_on=date(2026, 7, 1)
        )
    factories.a_service_record(
        session, water, subject="看山塘涵管漏水", account="到场看了涵管接头，教村里用黏土和石灰堵漏。",
        served_on=date(2025, 6, 7),
    )  # fmt: skip
    factories.a_service_record(
        session, mediator, subject="劝和两户争水沟", account="两户各让四寸。", served_on=date(2024, 3, 2)
    )
    return {"罗慎之": water.id, "曾繁柑": citrus.id, "李建设": mediator.id}
