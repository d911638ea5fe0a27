"""The composition root: from Settings to database sessions, search engine and services."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import inspect
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import Session, sessionmaker

from zhiku import migrations
from zhiku.analysis.analyzer import Analyzer, make_analyzer
from zhiku.analysis.encoder import make_encoder
from zhiku.analysis.lexicon import shipped_words
from zhiku.analysis.synonyms import SynonymSource
from zhiku.analysis.vector_cache import VectorCache
from zhiku.config import Settings
from zhiku.domain.base import DomainError
from zhiku.domain.consents import ConsentPurpose
from zhiku.engines.whoosh.build import Processes
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.persistence.data_keys import key_ids, register_key, require_keys
from zhiku.persistence.installed_keys import InstalledKeys, follow_key_file
from zhiku.persistence.key_file import load_keys, store_keys, with_new_key
from zhiku.persistence.scrubbing import compact, scrub
from zhiku.persistence.secret_file import derived_key
from zhiku.persistence.session import engine_keys, make_engine, make_sessions, use_keys, utc_now
from zhiku.search.port import Engine
from zhiku.services.accounts import Accounts
from zhiku.services.api_tokens import ApiTokens
from zhiku.services.audit_log import AuditLog
from zhiku.services.authors import AuthorRecords
from zhiku.services.completion import Completer
from zhiku.services.consents import Consents, Removal, remove_photo
from zhiku.services.department_routing import DepartmentRouting
from zhiku.services.did_you_mean import DidYouMean
from zhiku.services.directory import Directory
from zhiku.services.drainer import Drainer
from zhiku.services.entry_codes import EntryCodes
from zhiku.services.erasure import Erasures
from zhiku.services.evaluation import Evaluation, JudgedSet, evaluate
from zhiku.services.expert_search import ExpertSearch
from zhiku.services.indexing import Indexing
from zhiku.services.key_rotation import KeyRotation
from zhiku.services.lexicon import Lexicon
from zhiku.services.lexicon_hints import LexiconHints
from zhiku.services.liaisons import Liaisons
from zhiku.services.live_lexicon import DictionaryWords, LiveSynonyms
from zhiku.services.on_behalf import OnBehalf
from zhiku.services.own_records import OwnRecords
from zhiku.services.passwords import Passwords
from zhiku.services.person_data import PersonExports
from zhiku.services.persons import PersonRecords
from zhiku.services.photos import Photos
from zhiku.services.problem_words import ProblemWords
from zhiku.services.reveals import RevealLog
from zhiku.services.searches import ScopedSearches
from zhiku.services.second_factors import SecondFactors
from zhiku.services.sensitive import SensitiveData, SensitiveKind, removing
from zhiku.services.sign_in import StaffSignIn
from zhiku.services.sign_ins import SignIns
from zhiku.services.similar_suggestions import SimilarSuggestions
from zhiku.services.standing import Standing
from zhiku.services.suggestion_intake import SuggestionIntake
from zhiku.services.suggestion_search import SuggestionSearch
from zhiku.services.unanswered import UnansweredQueries


class DatabaseNotReady(DomainError):
    """The database is missing, unreachable or of another version; the message has the command that mends it."""


@dataclass(frozen=True)
class Zhiku:
    """One opened installation. Opening touches neither database nor index; both are used when they are needed."""

    settings: Settings
    database: DatabaseEngine
    sessions: sessionmaker[Session]
    engine: WhooshEngine
    accounts: Accounts
    api_tokens: ApiTokens
    author_records: AuthorRecords
    audit_log: AuditLog
    consents: Consents
    erasures: Erasures
    key_rotation: KeyRotation
    person_exports: PersonExports
    person_records: PersonRecords
    reveal_log: RevealLog
    sensitive: SensitiveData
    standing: Standing
    photos: Photos
    suggestion_intake: SuggestionIntake
    entry_codes: EntryCodes
    liaisons: Liaisons
    on_behalf: OnBehalf
    own_records: OwnRecords
    searches: ScopedSearches
    second_factors: SecondFactors
    sign_ins: SignIns
    staff_sign_in: StaffSignIn
    directory: Directory
    indexing: Indexing
    lexicon: Lexicon
    lexicon_hints: LexiconHints
    unanswered: UnansweredQueries

    @classmethod
    def open(cls, settings: Settings) -> Zhiku:
        """Wire everything for these settings."""
        try:
            database = make_engine(settings.database_url, load_keys(settings.data_keys_file, settings.data_keys))
        except (ArgumentError, NoSuchModuleError, ImportError, OSError) as error:
            raise DatabaseNotReady(
                f"数据库地址不能使用（{type(error).__name__}）。请检查 ZHIKU_DATABASE_URL 和 ZHIKU_HOME。"
            ) from error
        if not settings.data_keys:
            follow_key_file(database, settings.data_keys_file)
        sessions = make_sessions(database)
        synonyms = LiveSynonyms(sessions)
        vectors = open_vectors(settings.encoder, settings.cache_dir)
        engine = open_engine(
            settings.index_dir,
            settings.cache_dir,
            settings.segmenter,
            settings.posting_cache_mb << 20,
            own_words=DictionaryWords(sessions, shipped_words()),
            synonyms=synonyms,
            vectors=vectors,
            processes=Processes(settings.build_processes, settings.cache_dir, settings.encoder),
        )
        intake = SuggestionIntake(sessions, utc_now, settings.zone, settings.division)
        passwords, sign_ins = Passwords(), SignIns(sessions, utc_now)
        second_factors = SecondFactors(sessions, utc_now)
        erasures = Erasures(sessions, utc_now, lambda: scrub(database))
        return cls(
            settings=settings,
            database=database,
            sessions=sessions,
            engine=engine,
            accounts=Accounts(sessions, utc_now, passwords, sign_ins),
            api_tokens=ApiTokens(sessions, utc_now),
            author_records=AuthorRecords(sessions),
            audit_log=AuditLog(sessions, settings.zone),
            consents=Consents(sessions, utc_now, settings.zone, _removals()),
            erasures=erasures,
            key_rotation=KeyRotation(
                sessions, utc_now, InstalledKeys(database, settings.data_keys_file, settings.data_keys, utc_now)
            ),
            person_exports=PersonExports(sessions, utc_now, settings.zone),
            person_records=PersonRecords(sessions),
            reveal_log=RevealLog(sessions, utc_now),
            sensitive=SensitiveData(sessions, utc_now, settings.zone),
            standing=Standing(sessions, utc_now),
            photos=Photos(sessions, utc_now, settings.zone),
            suggestion_intake=intake,
            entry_codes=EntryCodes(sessions, utc_now, lambda: derived_key(settings.home, "zhiku entry codes")),
            liaisons=Liaisons(sessions, utc_now),
            on_behalf=OnBehalf(sessions, utc_now, intake),
            own_records=OwnRecords(sessions),
            searches=ScopedSearches(
                sessions, engine, lambda: synonyms.current().groups, settings.page_size, settings.division
            ),
            second_factors=second_factors,
            sign_ins=sign_ins,
            staff_sign_in=StaffSignIn(sessions, utc_now, passwords, second_factors),
            directory=Directory(sessions, settings.division),
            indexing=Indexing(sessions, engine, utc_now, _forgetting(engine, vectors, erasures)),
            lexicon=Lexicon(sessions, engine, utc_now, synonyms),
            lexicon_hints=LexiconHints(sessions, synonyms),
            unanswered=UnansweredQueries(sessions, engine, utc_now, settings.division),
        )

    def close(self) -> None:
        """Close files and connections."""
        self.unanswered.close()
        self.searches.close()
        self.engine.close()
        self.database.dispose()

    # What searches everything: for the command line, whose user has the whole database anyway.

    @property
    def expert_search(self) -> ExpertSearch:
        return self.searches.within("").experts

    @property
    def suggestion_search(self) -> SuggestionSearch:
        return self.searches.within("").suggestions

    @property
    def similar_suggestions(self) -> SimilarSuggestions:
        return self.searches.within("").similar

    @property
    def department_routing(self) -> DepartmentRouting:
        return self.searches.within("").routing

    @property
    def completer(self) -> Completer:
        return self.searches.within("").completer

    @property
    def did_you_mean(self) -> DidYouMean:
        return self.searches.within("").did_you_mean

    @property
    def problem_words(self) -> ProblemWords:
        return self.searches.within("").problem_words

    def clock(self) -> datetime:
        """Now, aware, in UTC."""
        return utc_now()

    def require_database(self, may_be_old: bool = False, may_rotate: bool = False) -> None:
        """Raise `DatabaseNotReady` unless the database can be reached and has the schema of this version, and
        `KeysUnusable` unless its keys are here.

        `may_be_old` lets one pass that `zhiku db init` can bring up to date, `may_rotate` one whose newest key is still
        to be registered by `zhiku keys rotate`.
        """
        try:
            if migrations.is_newer(self.database):
                raise DatabaseNotReady("数据库由更新版本的程序建立，这个版本不能使用。请安装新版程序。")
            is_current = may_be_old or migrations.is_current(self.database)
        except DatabaseError as error:
            raise DatabaseNotReady(f"打不开数据库（{error.orig}）。请检查 ZHIKU_DATABASE_URL 和磁盘权限。") from error
        if not is_current:
            raise DatabaseNotReady("数据库还没有建立，或版本不同。请运行：zhiku db init")
        if not may_be_old:
            require_keys(self.database, engine_keys(self.database), self.where_keys_lie, may_rotate)

    def prepare_database(self) -> None:
        """Make the database, or bring it up to date, with keys for its sensitive data. Can be done again at any time.

        Raises `DatabaseNotReady`, and `KeysUnusable` where the keys of a database that has some are missing or wrong.
        """
        self.require_database(may_be_old=True)
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with FileLock(str(self.settings.home / ".prepare.lock"), is_singleton=False):
            keyring = load_keys(self.settings.data_keys_file, self.settings.data_keys)
            known = key_ids(self.database)
            if keyring is None and not known:
                keyring = with_new_key(None)
                store_keys(self.settings.data_keys_file, keyring)
            use_keys(self.database, keyring)
            if known:
                require_keys(self.database, keyring, self.where_keys_lie)
            is_older = not known and inspect(self.database).has_table("contact_details")
            migrations.upgrade(self.database)
            if keyring is not None and not known:
                register_key(self.database, keyring, self.clock())
            if is_older:
                # Contact data lay there in the clear: not in free pages and not in the log either, from now on.
                compact(self.database)

    def why_rebuild(self) -> str:
        """Why the index must be built anew though it is true to the database; "" where it need not be."""
        erased_at, begun_at = self.erasures.last_at(), self.engine.begun_at()
        if erased_at is None or begun_at is None or begun_at > erased_at:
            return ""
        return "有按要求删除的资料，它们的文字还在索引的旧文件里。"

    @contextmanager
    def changing_keys(self) -> Iterator[None]:
        """One process at a time changes the keys."""
        with FileLock(str(self.settings.home / ".prepare.lock"), is_singleton=False):
            yield

    def scrub(self) -> None:
        """Let what was deleted be gone from the database's files, too."""
        scrub(self.database)

    @property
    def where_keys_lie(self) -> str:
        """The file or variable with the keys, as messages name it."""
        if self.settings.data_keys:
            return "环境变量 ZHIKU_DATA_KEYS "
        return f"密钥文件 {self.settings.data_keys_file} "

    def drainer(self) -> Drainer:
        """A drainer for this installation, not started."""
        return Drainer(self.indexing, self.settings.drain_interval)


def configure_logging(level: str) -> None:
    """What every process of zhiku writes to standard error, and how."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Alembic tells of every connection it looks at.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def open_engine(
    root: Path,
    cache_dir: Path,
    segmenter: str = "auto",
    cache_bytes: int = 256 << 20,
    own_words: Callable[[], Sequence[str]] = shipped_words,
    synonyms: SynonymSource | None = None,
    vectors: VectorCache | None = None,
    processes: Processes | None = None,
) -> WhooshEngine:
    """The embedded engine in a folder; new generations get `own_words` and vectors, queries the synonyms (the shipped
    ones)."""

    def analyzer_for(name: str, words: Sequence[str]) -> Analyzer:
        return make_analyzer(name, words, cache_dir, synonyms)

    return WhooshEngine(root, analyzer_for, segmenter, own_words, cache_bytes, vectors, processes)


def _removals() -> dict[ConsentPurpose, Removal]:
    """What goes when a consent is taken back."""
    return {
        ConsentPurpose.CONTACT: removing(SensitiveKind.CONTACT),
        ConsentPurpose.IDENTITY: removing(SensitiveKind.IDENTITY),
        ConsentPurpose.CARE: removing(SensitiveKind.HEALTH, SensitiveKind.HARDSHIP),
        ConsentPurpose.PUBLICITY: remove_photo,
    }


def open_vectors(encoder: str, cache_dir: Path) -> VectorCache | None:
    """The encoder that a setting names, with what it encoded before; None for "none", or where "auto" finds none.

    Raises `EncoderMissing`.
    """
    made = make_encoder(encoder)
    return VectorCache(cache_dir, made) if made else None


def _forgetting(engine: WhooshEngine, vectors: VectorCache | None, erasures: Erasures) -> Callable[[], None]:
    """After a rebuild: what was withdrawn is not kept for ever, not even as vectors, and what was erased is not kept in
    the generation that answered before."""

    def forget() -> None:
        if vectors is not None:
            vectors.forget_unused(engine.clause_keys().tolist())
        erased_at = erasures.last_at()
        if erased_at is not None:
            engine.forget_begun_before(erased_at)

    return forget


def evaluate_in(
    folder: Path, judged: JudgedSet, segmenter: str = "auto", vectors: VectorCache | None = None
) -> Evaluation:
    """Evaluate a judged set with the product's own engine in a (temporary) folder."""
    engine = open_engine(folder / "index", folder / "cache", segmenter, vectors=vectors)
    try:
        return evaluate(judged, engine)
    finally:
        engine.close()


__all__ = ["DatabaseNotReady", "Engine", "Zhiku", "configure_logging", "evaluate_in", "open_engine", "open_vectors"]
