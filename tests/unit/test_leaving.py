"""Who withdraws, dies, takes a consent back or is erased leaves the search; who was erased leaves the files, too."""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests import factories
from tests.factories import NOW
from tests.unit.askers import an_asker
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.domain.accounts import Account, EntryCode, LiaisonAssignment, SignIn, SignInKind
from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Availability, Expert, ExpertStatus, ExpertStatusNotAllowed
from zhiku.domain.on_behalf import ActOnBehalf, Channel
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.permissions import Role, Scope
from zhiku.domain.photos import ExpertPhoto
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStatus
from zhiku.services import contacts, reveals
from zhiku.services.erasure import ERASED_NAME, NameNotTyped, RequestMissing
from zhiku.services.maintenance import Outcome, maintain
from zhiku.services.persons import PersonNotFound
from zhiku.services.reveals import PurposeMissing, RevealPurpose, TooManyReveals
from zhiku.services.sensitive import SensitiveKind
from zhiku.services.sign_ins import SignedIn
from zhiku.services.standing import ConsentWithdrawn, ReasonMissing, StandingStep, steps_from

NAME = "欧阳澧兰"
REASON = "本人来电要求"
NUMBER = "11010519491231002X"
#: Left with a suggestion of two: of the other one, and of nobody knows whom.
JOINT_CONTACT, UNCLEAR = "李水生 13899990001", "13899990002"
#: Words that stand in one person's records only.
SECRETS = (
    "溇澹灌渠",
    "沅芷闸门",
    "13755501234",
    "帕金森震颤",
    "欠债三万独居",
    "黔中堰塘",
    "辰溆水尺",
    NUMBER,
    "幺姑渡口",
)


def opened_in(home: Path) -> Zhiku:
    address = f"sqlite:///{(home / 'zhiku.db').as_posix()}"
    return Zhiku.open(Settings(home=home, database_url=address, index_dir=home / "index"))


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SignedIn, int]:
    """A county with somebody who has a row of everything; tests work on copies."""
    home = tmp_path_factory.mktemp("county")
    app = opened_in(home)
    app.prepare_database()
    with app.sessions.begin() as session:
        factories.reference(session)
    bureau = an_asker(app.sessions)
    expert_id = store_somebody(app, bureau)
    app.close()
    return home, bureau, expert_id


@pytest.fixture
def app(county: tuple[Path, SignedIn, int], tmp_path: Path) -> Iterator[Zhiku]:
    shutil.copytree(county[0], tmp_path / "home")
    opened = opened_in(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def bureau(county: tuple[Path, SignedIn, int]) -> SignedIn:
    return county[1]


@pytest.fixture
def expert_id(county: tuple[Path, SignedIn, int]) -> int:
    return county[2]


def store_somebody(app: Zhiku, bureau: SignedIn) -> int:
    """Somebody with a row of everything, and others beside."""
    with app.sessions.begin() as session:
        for name in ("李水生", "周堤安", "吴塘边"):
            factories.an_expert(session, name, summary="管过水库加固。")
        expert = factories.an_expert(
            session, NAME, summary=f"修过{SECRETS[0]}，会看坝。", keywords=[SECRETS[1]],
            career=(("1975", "1983", f"{SECRETS[6]}站技术员"),), honours=((1998, "省劳模"),),
        )  # fmt: skip
        factories.a_service_record(session, expert, subject=f"看{SECRETS[5]}漏水")
        for status in (SuggestionStatus.REPLIED, SuggestionStatus.IN_HAND):
            said = f"{NAME}说，{'渡口要修' if status is SuggestionStatus.REPLIED else SECRETS[8]}。"
            one = factories.a_suggestion(session, authors=(expert,), status=status, situation=said)
            contacts.add(session, contacts.SUGGESTION, one.id, SECRETS[2], NOW)
        joint = factories.a_suggestion(
            session, "两人联名", authors=(expert, "李水生"), situation=f"联名写的情况，{NAME}看过。"
        )
        for contact in (JOINT_CONTACT, UNCLEAR, SECRETS[2]):
            contacts.add(session, contacts.SUGGESTION, joint.id, contact, NOW)
        factories.a_suggestion(session, "同名的人", authors=(NAME,), situation="不知道是谁写的。")
        factories.a_suggestion(session, "提到的人", authors=("王大爷",), situation=f"请{NAME}来看看。")
        assert joint.id
        account = factories.an_account(session, Role.RETIREE, name=NAME, expert_id=expert.id)
        liaison = factories.an_account(session, Role.LIAISON)
        session.add_all(
            [
                SignIn(
                    account=account, kind=SignInKind.DEVICE, token_hash="a" * 64, began_at=NOW, seen_at=NOW,
                    expires_at=NOW,
                ),
                EntryCode(account=account, code_hash="b" * 64, issued_at=NOW, expires_at=NOW),
                LiaisonAssignment(account=liaison, expert=expert, began_at=NOW),
                ActOnBehalf(
                    account=liaison, liaison_name=liaison.name, expert=expert, what=f"提交建议《{SECRETS[8]}》",
                    subject_kind="suggestion", subject_id="1", why="不会用手机", channel=Channel.PHONE, acted_at=NOW,
                    expires_at=NOW,
                ),
                ExpertPhoto(expert_id=expert.id, large=b"JPEG-LARGE", small=b"JPEG-SMALL", mark="1", changed_at=NOW),
            ]
        )  # fmt: skip
        key = expert.id
    for purpose in ConsentPurpose:
        app.consents.grant(bureau, key, purpose, ConsentForm.PAPER, date(2026, 5, 4))
    for kind, value in ((SensitiveKind.CONTACT, SECRETS[2]), (SensitiveKind.IDENTITY, NUMBER),
                        (SensitiveKind.HEALTH, SECRETS[3]), (SensitiveKind.HARDSHIP, SECRETS[4])):  # fmt: skip
        app.sensitive.record(bureau, key, kind, value)
    app.indexing.rebuild()
    return key


def finds(app: Zhiku, query: str, expert_id: int) -> bool:
    return expert_id in [person.expert_id for person in app.expert_search.search(query).people if not person.is_near]


def documents(app: Zhiku, expert_id: int) -> list[str]:
    """What the index holds of a person, whatever the database says."""
    return [key for key in app.engine.fingerprints() if f"expert:{expert_id}" in key]


# -- standing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [StandingStep.WITHDRAW, StandingStep.DECEASED])
def test_who_leaves_is_out_of_search_and_index_with_the_next_drain_and_the_archive_stays(
    app: Zhiku, bureau: SignedIn, expert_id: int, step: StandingStep
) -> None:
    assert finds(app, NAME, expert_id) and finds(app, SECRETS[0], expert_id) and documents(app, expert_id)
    app.standing.change(bureau, expert_id, step, REASON)
    assert not finds(app, NAME, expert_id), "the database is asked again, before any drain"
    assert app.directory.profile(expert_id, Scope()) is None
    app.indexing.drain()
    assert documents(app, expert_id) == [] and app.indexing.verify().is_clean
    assert not finds(app, SECRETS[0], expert_id) and not finds(app, SECRETS[5], expert_id)
    assert app.sensitive.masked(bureau, expert_id)[SensitiveKind.CONTACT], "the archive stays for the bureau"
    with app.sessions() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.subject_id == str(expert_id), AuditEvent.purpose == REASON)
        ).first()
    assert event is not None and "status" in event.changes


def test_the_consent_to_the_profile_taken_back_acts_with_the_next_drain(
    app: Zhiku, bureau: SignedIn, expert_id: int
) -> None:
    app.consents.withdraw(bureau, expert_id, ConsentPurpose.PROFILE)
    app.indexing.drain()
    assert documents(app, expert_id) == [] and not finds(app, NAME, expert_id)
    app.standing.change(bureau, expert_id, StandingStep.BACK, REASON)
    with pytest.raises(ConsentWithdrawn):
        app.standing.change(bureau, expert_id, StandingStep.PUBLISH, REASON)
    app.consents.grant(
        bureau, expert_id, ConsentPurpose.PROFILE, ConsentForm.PAPER, app.clock().astimezone(app.settings.zone).date()
    )
    app.standing.change(bureau, expert_id, StandingStep.PUBLISH, REASON)
    app.indexing.drain()
    assert finds(app, NAME, expert_id)


def test_the_consent_to_be_shown_taken_back_takes_the_photo(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    app.consents.withdraw(bureau, expert_id, ConsentPurpose.PUBLICITY)
    with app.sessions() as session:
        assert session.get(ExpertPhoto, expert_id) is None


def test_nobody_comes_in_by_the_device_of_who_died(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    app.standing.change(bureau, expert_id, StandingStep.DECEASED, REASON)
    with app.sessions() as session:
        account = session.scalars(select(Account).where(Account.expert_id == expert_id)).one()
        assert not account.is_active
        assert session.scalars(select(SignIn).where(SignIn.account_id == account.id)).one().ended_at is not None
        assert session.scalars(select(EntryCode).where(EntryCode.account_id == account.id)).one().spent_at is not None
        assert session.scalars(select(LiaisonAssignment)).one().ended_at is not None
    app.standing.change(bureau, expert_id, StandingStep.BACK, "误登，本人健在")
    with app.sessions() as session:
        assert session.scalars(select(Account).where(Account.expert_id == expert_id)).one().is_active


def test_steps_that_make_no_sense_are_refused(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    for step in (StandingStep.BACK, StandingStep.PUBLISH):
        with pytest.raises(ExpertStatusNotAllowed):
            app.standing.change(bureau, expert_id, step, REASON)
    for step, reason in ((None, REASON), (StandingStep.WITHDRAW, ""), (StandingStep.WITHDRAW, "长" * 101),
                         (StandingStep.WITHDRAW, "打 13812341234 说的")):  # fmt: skip
        with pytest.raises(ReasonMissing):
            app.standing.change(bureau, expert_id, step, reason)
    for asker in (an_asker(app.sessions, Role.LIAISON, division_prefix="430725"), an_asker(app.sessions, Role.LEADER)):
        with pytest.raises(PersonNotFound):
            app.standing.change(asker, expert_id, StandingStep.WITHDRAW, REASON)


def test_every_step_that_is_offered_can_be_taken(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    for status in ExpertStatus:
        for step in steps_from(status):
            with app.sessions.begin() as session:
                begin_writing(session)
                expert = session.get_one(Expert, expert_id)
                expert.status, expert.availability = status, Availability.WITHDRAWN
            changed = app.standing.change(bureau, expert_id, step, REASON)
            assert changed.status is not status
            assert changed.is_searchable == (step is StandingStep.PUBLISH)


# -- export ------------------------------------------------------------------------------------------------------


def test_everything_held_on_a_person_is_in_one_file(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    app.sensitive.reveal(bureau, expert_id, SensitiveKind.CONTACT, RevealPurpose.VISIT, "重阳节走访")
    made = app.person_exports.export(bureau, expert_id, RevealPurpose.OTHER, "本人书面申请查阅")
    with app.sessions() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.EXPORTED.value)).one()
    assert event.subject_id == str(expert_id) and "书面申请" in event.purpose, "noted before the first byte"
    content = b"".join(made.chunks)
    assert NAME not in made.name and made.name.isascii()
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert set(archive.namelist()) == {"说明.txt", "个人资料.html", "data.json", "照片.jpg"}
    page, data = archive.read("个人资料.html").decode(), json.loads(archive.read("data.json"))
    for secret in (NAME, *SECRETS, "重阳节走访", "省劳模", "不会用手机", "本人书面申请查阅"):
        assert secret in page and secret in json.dumps(data, ensure_ascii=False), secret
    assert {len(data[key]) for key in ("suggestions", "consents")} == {3, len(ConsentPurpose)}
    assert len(data["sign_ins"]) == len(data["services"]) == len(data["acts_on_behalf"]) == 1
    assert any(one["用途"].startswith("走访慰问") for one in data["audit"])
    assert archive.read("照片.jpg") == b"JPEG-LARGE"


def test_what_people_wrote_is_text_in_the_page(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    with app.sessions.begin() as session:
        begin_writing(session)
        session.get_one(Expert, expert_id).summary = "<script>alert(1)</script>&"
    content = b"".join(app.person_exports.export(bureau, expert_id, RevealPurpose.OTHER, "本人申请查阅").chunks)
    page = zipfile.ZipFile(io.BytesIO(content)).read("个人资料.html").decode()
    assert "<script>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page


def test_the_export_is_for_the_bureau_and_needs_a_purpose(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    with pytest.raises(PurposeMissing):
        app.person_exports.export(bureau, expert_id, None, "本人申请查阅")
    for asker in (an_asker(app.sessions, division_prefix="430726"), an_asker(app.sessions, Role.ADMINISTRATOR)):
        with pytest.raises(PersonNotFound):
            app.person_exports.export(asker, expert_id, RevealPurpose.OTHER, "本人申请查阅")
    with app.sessions() as session:
        assert session.scalar(select(func.count()).where(AuditEvent.action == Action.EXPORTED.value)) == 0


# -- erasure -----------------------------------------------------------------------------------------------------


def held_in(home: Path, words: tuple[str, ...]) -> dict[str, list[str]]:
    """File -> those of the words that are in it, as text, as UTF-16 or as JSON writes them."""
    found: dict[str, list[str]] = {}
    for path in sorted(home.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        for word in words:
            forms = {word.encode(), word.encode("utf-16-le"), json.dumps(word)[1:-1].encode()}
            if any(form in content for form in forms):
                found.setdefault(path.relative_to(home).as_posix(), []).append(word)
    return found


def test_the_preview_counts_what_goes_and_what_stays(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    preview = app.erasures.preview(bureau, expert_id)
    gone = {one.label: one.count for one in preview.gone}
    assert (gone["联系方式"], gone["身份证号"], gone["照片"], gone["服务记录"], gone["还没有答复的建议"]) == (
        1,
        1,
        1,
        1,
        2,
    )
    assert gone["账号、进门码和登录过的设备"] == 3 and gone["本人的同意"] == len(ConsentPurpose)
    kept = {one.label: one.count for one in preview.kept}
    assert kept["县里已经答复的建议"] == 1 and kept["代办记录"] == 1 and kept["审计记录"] > 5
    assert len(preview.same_name) == len(preview.mentions) == 1
    assert preview.same_name != preview.mentions


def test_nobody_is_erased_by_mistake(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    with pytest.raises(NameNotTyped):
        app.erasures.erase(bureau, expert_id, "欧阳", REASON)
    with pytest.raises(RequestMissing):
        app.erasures.erase(bureau, expert_id, NAME, "  ")
    for asker in (an_asker(app.sessions, Role.LIAISON), an_asker(app.sessions, division_prefix="430726")):
        with pytest.raises(PersonNotFound):
            app.erasures.erase(asker, expert_id, NAME, REASON)
    assert finds(app, NAME, expert_id)


def test_who_was_erased_is_in_no_file_any_more(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    shown = tuple(word for word in SECRETS if word not in (SECRETS[2], SECRETS[3], SECRETS[4], NUMBER))
    before = held_in(app.settings.home, shown)
    assert any(name.startswith("index/") for name in before) and "zhiku.db" in " ".join(before), "the test can fail"
    assert held_in(app.settings.home, (SECRETS[2], SECRETS[3], SECRETS[4], NUMBER)) == {}, "encrypted from the start"

    app.erasures.erase(bureau, expert_id, " 欧阳 澧兰", REASON)
    assert not finds(app, NAME, expert_id) and app.directory.profile(expert_id, Scope()) is None
    assert not [name for name in held_in(app.settings.home, shown) if name.startswith("zhiku.db")]
    app.indexing.drain()
    assert documents(app, expert_id) == []
    assert "按要求删除" in app.why_rebuild()
    # A generation knows the second in which it was begun, no more: what was erased in the same one may be in it.
    time.sleep(1.1)
    assert maintain(app.indexing, app.engine, must_rebuild=app.why_rebuild()).outcome is Outcome.REBUILT
    app.scrub()
    assert held_in(app.settings.home, SECRETS) == {}
    assert app.why_rebuild() == "" and app.indexing.verify().is_clean
    # The name is in the audit, which nobody changes, and in what others wrote.
    assert set(held_in(app.settings.home, (NAME,))) <= {"zhiku.db", "zhiku.db-wal"} | {
        name for name in held_in(app.settings.home, (NAME,)) if name.startswith("index/")
    }


def test_what_the_law_wants_kept_stays_without_the_name(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    app.erasures.erase(bureau, expert_id, NAME, REASON)
    with app.sessions() as session:
        kept = session.scalars(select(Suggestion).where(Suggestion.status == SuggestionStatus.REPLIED)).one()
        assert kept.situation == f"{ERASED_NAME}说，渡口要修。" and [one.name for one in kept.authors] == [ERASED_NAME]
        joint = session.scalars(select(Suggestion).where(Suggestion.subject == "两人联名")).one()
        assert [one.name for one in joint.authors] == ["李水生"]
        assert session.scalar(select(func.count()).where(SuggestionAuthor.expert_id == expert_id)) == 0
        assert session.scalar(select(func.count()).select_from(Suggestion)) == 4
        for gone in (Consent, ActOnBehalf, SignIn, EntryCode, ExpertPhoto, LiaisonAssignment):
            assert session.scalar(select(func.count()).select_from(gone)) == 0, gone
        assert session.scalar(select(func.count()).where(Account.role == Role.RETIREE)) == 0
        assert joint.situation == f"联名写的情况，{ERASED_NAME}看过。"
        assert contacts.of(session, contacts.SUGGESTION, joint.id) == [JOINT_CONTACT, UNCLEAR]
        contacts.remove_all(session, contacts.SUGGESTION, [joint.id])
        session.flush()
        assert nothing_in_contacts(session)
        proofs = session.scalars(
            select(AuditEvent).where(AuditEvent.action == Action.ERASED.value).order_by(AuditEvent.id)
        ).all()
        assert [one.subject_kind for one in proofs] == ["act_on_behalf", "expert"]
        assert proofs[0].changes["channel"] == "phone" and proofs[1].purpose == REASON
        assert session.scalar(select(func.count()).select_from(OutboxEntry)), "the index hears of it"
    with pytest.raises(PersonNotFound):
        app.erasures.erase(bureau, expert_id, NAME, REASON)


def test_of_the_contacts_of_two_those_go_that_are_pointed_at(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    asked = app.erasures.preview(bureau, expert_id).joint_contacts
    assert [one.is_own for one in asked] == [False, False, True] and "13899990002" not in str(asked)
    app.erasures.erase(bureau, expert_id, NAME, REASON, [asked[1].id, 999])
    with app.sessions() as session:
        joint = session.scalars(select(Suggestion).where(Suggestion.subject == "两人联名")).one()
        assert contacts.of(session, contacts.SUGGESTION, joint.id) == [JOINT_CONTACT]


def test_the_file_of_a_person_has_no_contact_of_whom_they_signed_with(
    app: Zhiku, bureau: SignedIn, expert_id: int
) -> None:
    made = app.person_exports.export(bureau, expert_id, RevealPurpose.OTHER, "本人要一份")
    with zipfile.ZipFile(io.BytesIO(b"".join(made.chunks))) as archive:
        held = archive.read("data.json").decode()
    assert SECRETS[2] in held and "13899990001" not in held and UNCLEAR not in held


def test_files_that_are_taken_out_count_as_looks_and_are_stopped(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    def export() -> None:
        with acting_as(Actor(bureau.account_id, bureau.name, bureau.role.value)):
            app.person_exports.export(bureau, expert_id, RevealPurpose.OTHER, "本人要一份")

    def look() -> None:
        with acting_as(Actor(bureau.account_id, bureau.name, bureau.role.value)):
            app.sensitive.reveal(bureau, expert_id, SensitiveKind.CONTACT, RevealPurpose.OTHER, "本人要一份")

    for _ in range(reveals.MOST_AN_HOUR // reveals.EXPORT_COUNTS - 1):
        export()
    look()
    with pytest.raises(TooManyReveals):
        export()
    for _ in range(reveals.EXPORT_COUNTS - 1):
        look()
    with pytest.raises(TooManyReveals):
        look()
    (count,) = app.reveal_log.of_a_day(bureau)
    assert (count.times, count.people, count.refused) == (reveals.MOST_AN_HOUR, 1, 2)
    assert count.exports == reveals.MOST_AN_HOUR // reveals.EXPORT_COUNTS - 1
    kinds = [one.kind for one in app.reveal_log.of_person(bureau, expert_id)]
    assert kinds[0] == SensitiveKind.CONTACT.part and kinds[-1] == reveals.EVERYTHING


# -- authors without a profile -----------------------------------------------------------------------------------

STRANGER, STRANGERS_PHONE = "龚溇生", "13766660001"


@pytest.fixture
def stranger(app: Zhiku) -> dict[str, str]:
    """Somebody without a profile: numbers of their suggestions, and of one by somebody of the same name."""
    with app.sessions.begin() as session:
        made = {
            what: factories.a_suggestion(
                session, f"第{what}件", serial=serial, situation=f"{STRANGER}写的{what}。", **values
            )
            for serial, (what, values) in enumerate(
                {
                    "open": {"authors": (STRANGER,)},
                    "answered": {"authors": (STRANGER,), "status": SuggestionStatus.REPLIED},
                    "joint": {"authors": ("李水生", STRANGER)},
                    "other": {"authors": (STRANGER,)},
                }.items(),
                start=9000,
            )
        }  # fmt: skip
        for what, values in (
            ("open", [STRANGERS_PHONE]), ("answered", ["137-6666-0001"]), ("joint", [STRANGERS_PHONE, JOINT_CONTACT]),
            ("other", ["13766660009"]),
        ):  # fmt: skip
            for value in values:
                contacts.add(session, contacts.SUGGESTION, made[what].id, value, NOW)
        return {what: one.number for what, one in made.items()}


def test_an_author_without_a_profile_is_found_by_name_and_contact(
    app: Zhiku, bureau: SignedIn, stranger: dict[str, str]
) -> None:
    found = app.author_records.by_contact(bureau, "龚 溇生", "137 6666 0001")
    assert [one.number for one in found] == [stranger["joint"], stranger["answered"], stranger["open"]]
    assert [one.place for one in found] == [1, 0, 0]
    assert app.author_records.by_contact(bureau, STRANGER, "13766660002") == ()
    assert app.author_records.by_contact(bureau, "李水生", STRANGERS_PHONE)[0].number == stranger["joint"]
    for asker in (an_asker(app.sessions, Role.LIAISON), an_asker(app.sessions, division_prefix="430726")):
        assert app.author_records.by_contact(asker, STRANGER, STRANGERS_PHONE) == ()


def test_an_author_without_a_profile_has_everything_in_one_file(
    app: Zhiku, bureau: SignedIn, stranger: dict[str, str]
) -> None:
    made = app.person_exports.export_author(bureau, stranger["open"], 0, RevealPurpose.OTHER, "本人要一份")
    with zipfile.ZipFile(io.BytesIO(b"".join(made.chunks))) as archive:
        held = json.loads(archive.read("data.json"))
    assert [one["编号"] for one in held["suggestions"]] == [stranger[what] for what in ("open", "answered", "joint")]
    assert STRANGERS_PHONE in str(held) and JOINT_CONTACT not in str(held) and "13766660009" not in str(held)
    with app.sessions() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.EXPORTED.value)).one()
        assert event.subject_kind == "suggestion" and event.purpose.endswith("本人要一份")
    with pytest.raises(PersonNotFound):
        app.person_exports.export_author(
            an_asker(app.sessions, Role.LIAISON), stranger["open"], 0, RevealPurpose.OTHER, "本人要一份"
        )


def test_an_author_without_a_profile_is_erased_and_others_stay(
    app: Zhiku, bureau: SignedIn, stranger: dict[str, str]
) -> None:
    preview = app.erasures.preview_author(bureau, stranger["joint"], 1)
    assert preview.name == STRANGER and preview.same_name == (stranger["other"],)
    assert {one.label: one.count for one in preview.gone} == {"还没有答复的建议": 2, "提建议时留下的联系方式": 3}
    with pytest.raises(NameNotTyped):
        app.erasures.erase_author(bureau, stranger["joint"], 1, "李水生", REASON)
    app.erasures.erase_author(bureau, stranger["joint"], 1, STRANGER, REASON)
    with app.sessions() as session:
        rows = {one.number: one for one in session.scalars(select(Suggestion))}
        assert stranger["open"] not in rows
        answered, joint, other = (rows[stranger[what]] for what in ("answered", "joint", "other"))
        assert [one.name for one in answered.authors] == [ERASED_NAME]
        assert [one.name for one in joint.authors] == ["李水生"] and [one.name for one in other.authors] == [STRANGER]
        assert STRANGER not in answered.situation + joint.situation
        assert contacts.of(session, contacts.SUGGESTION, joint.id) == [JOINT_CONTACT]
        assert contacts.of(session, contacts.SUGGESTION, answered.id) == []
        assert contacts.of(session, contacts.SUGGESTION, other.id) == ["13766660009"]
    with pytest.raises(PersonNotFound):
        app.erasures.preview_author(bureau, stranger["answered"], 0)


def nothing_in_contacts(session: Session) -> bool:
    everybody = range(1, 50)
    return not any(contacts.of_many(session, kind, everybody) for kind in (contacts.EXPERT, contacts.SUGGESTION))


def test_a_lost_key_hinders_nobody_from_being_erased(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    with app.database.begin() as connection:
        for table in ("contact_details", "identity_numbers", "health_notes"):
            connection.execute(text(f"UPDATE {table} SET value = 'v1:k9:AAAA'"))
    gone = {one.label: one.count for one in app.erasures.preview(bureau, expert_id).gone}
    assert gone["联系方式"] == gone["身份证号"] == gone["健康情况"] == 1
    app.erasures.erase(bureau, expert_id, NAME, REASON)
    with pytest.raises(DomainError):
        app.erasures.preview(bureau, expert_id)


def test_erasing_says_nothing_of_values_in_the_audit(app: Zhiku, bureau: SignedIn, expert_id: int) -> None:
    with app.sessions() as session:
        last = session.scalar(select(func.max(AuditEvent.id))) or 0
    app.erasures.erase(bureau, expert_id, NAME, REASON)
    with app.sessions() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.id > last)).all()
        told = json.dumps([one.changes for one in events], ensure_ascii=False)
    assert len(events) > 3 and not [word for word in (NAME, *SECRETS) if word in told]
