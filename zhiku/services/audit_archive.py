"""Sealed archives of the audit: the chain as lines of JSON with its hashes, to lie elsewhere and to be compared later.

Each line is an event as canonical JSON (RFC 8785) and its hash: whoever takes `,"hash":"…"` out of a line again and
makes SHA-256 of the rest gets that hash, with any program. The last line is the seal: how many events there are, and
the last one's hash. A chain that was written anew, or cut off together with its head, is whole in itself; it differs
from the archive.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.audit import AuditEvent, canonical
from zhiku.domain.base import DomainError
from zhiku.services.audit_chain import UNREADABLE, BrokenLink, ChainReport, Fault, Links, Progress, stored_events
from zhiku.services.audit_export import note_export, written
from zhiku.services.audit_log import AuditFilter
from zhiku.services.exporting import ExportRefused

#: What the last line begins with.
_SEAL = "zhiku audit"
#: Between an event's content and the end of its line.
_HASH = ',"hash":"'
_HASH_LENGTH = 64

#: Longest line that is read: an event is bounded, whatever somebody put into a file.
_MAX_LINE = 1 << 20

#: Events compared with the database at once.
_BATCH = 500


class ArchiveUnusable(DomainError):
    """The file is no archive of the audit."""


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What verifying an archive found: in itself, and then against the database."""

    archive: ChainReport
    #: None where the archive itself is broken.
    against: BrokenLink | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.archive.is_whole and self.against is None


def write_archive(
    sessions: sessionmaker[Session],
    clock: Callable[[], datetime],
    zone: ZoneInfo,
    path: Path,
    until: date | None = None,
    progress: Progress | None = None,
) -> ChainReport:
    """Write the chain from its first event to the last one of a day (of the county; None: to the end), and verify it.

    `path` ends with .jsonl, or .jsonl.gz. Raises `ExportRefused`, also where the chain is broken: a broken chain is not
    sealed.
    """
    if not is_archive(path):
        raise ExportRefused("存档的文件名要以 .jsonl 或 .jsonl.gz 结尾，例如 审计存档.jsonl.gz。")
    links = Links()
    now = clock()
    with written(path) as temporary:
        with sessions() as session, _open(temporary, path, "wt") as stream:
            last = _last_until(session, until, zone)
            for event in stored_events(session):
                is_unreadable = event is UNREADABLE
                if not is_unreadable and event["id"] > last:
                    break
                broken = BrokenLink(Fault.CHANGED, links.last_id + 1) if is_unreadable else links.follow(event)
                if broken is not None:
                    raise ExportRefused(f"审计记录不完整，没有存档。{broken.sentence}请先运行：zhiku audit verify")
                stream.write(f'{canonical(event)[:-1]}{_HASH}{event["hash"]}"}}\n')
                if progress is not None and links.last_id % _BATCH == 0:
                    progress(links.last_id, last)
            seal = {
                "archive": _SEAL,
                "events": links.last_id,
                "last_hash": links.last_hash,
                "sealed_at": now.isoformat(),
            }
            stream.write(f"{json.dumps(seal, ensure_ascii=False)}\n")
        note_export(sessions, now, AuditFilter(until=until), links.last_id, ".jsonl")
    if progress is not None:
        progress(last, last)
    return links.report()


def verify_archive(sessions: sessionmaker[Session], path: Path, progress: Progress | None = None) -> ArchiveReport:
    """Verify an archive in itself, and that the database still has the same events. Raises `ArchiveUnusable`."""
    links = Links()
    seal: dict[str, Any] | None = None
    first_difference: BrokenLink | None = None
    waiting: dict[int, str] = {}
    try:
        with sessions() as session, _open(path, path, "rt") as stream:
            for line in _lines(stream):
                if seal is not None:
                    return ArchiveReport(links.report(BrokenLink(Fault.BEYOND, links.last_id + 1)), None)
                seal = _seal(line)
                if seal is not None:
                    continue
                broken = _follow(links, line)
                if broken is not None:
                    return ArchiveReport(links.report(broken), None)
                waiting[links.last_id] = links.last_hash
                if len(waiting) == _BATCH:
                    first_difference = first_difference or _difference(session, waiting)
                    waiting.clear()
                    if progress is not None:
                        progress(links.last_id, links.last_id)
            first_difference = first_difference or _difference(session, waiting)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            raise ArchiveUnusable(f"找不到文件“{path.name}”。") from None
        raise ArchiveUnusable(f"文件“{path.name}”读不出来，可能不完整，或者不是审计存档。") from None
    if seal is None or seal.get("events") != links.last_id or seal.get("last_hash") != links.last_hash:
        return ArchiveReport(links.report(BrokenLink(Fault.CUT_OFF, links.last_id + 1)), None)
    return ArchiveReport(links.report(), first_difference)


def is_archive(path: Path) -> bool:
    """Whether a file is called like one."""
    return path.name.lower().endswith((".jsonl", ".jsonl.gz"))


def _open(path: Path, called: Path, mode: str) -> IO[str]:
    if called.name.lower().endswith(".gz"):
        return gzip.open(path, mode, encoding="utf-8", newline="\n")  # type: ignore[return-value]
    return path.open(mode, encoding="utf-8", newline="\n")


def _last_until(session: Session, until: date | None, zone: ZoneInfo) -> int:
    newest = select(func.coalesce(func.max(AuditEvent.id), 0))
    if until is not None and until.year < 9000:
        newest = newest.where(AuditEvent.at < datetime.combine(until + timedelta(days=1), time.min, zone))
    return session.scalars(newest).one()


def _lines(stream: IO[str]) -> Iterator[str]:
    while line := stream.readline(_MAX_LINE):
        yield line.removesuffix("\n")


def _seal(line: str) -> dict[str, Any] | None:
    if not line.startswith(f'{{"archive": "{_SEAL}"'):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _follow(links: Links, line: str) -> BrokenLink | None:
    """What is wrong with a line. It is its text that was hashed."""
    tail = len(_HASH) + _HASH_LENGTH + len('"}')
    content, stored = f"{line[:-tail]}}}", line[-_HASH_LENGTH - 2 : -2]
    try:
        event = json.loads(content)
        number, previous = event["id"], event["previous_hash"]
    except (ValueError, TypeError, KeyError, RecursionError):
        if not links.last_id:
            raise ArchiveUnusable(
                "这个文件不是审计存档：应当是 zhiku audit export 写出的 .jsonl 或 .jsonl.gz 文件。"
            ) from None
        return BrokenLink(Fault.CHANGED, links.last_id + 1)
    if line[-tail : -_HASH_LENGTH - 2] != _HASH:
        return BrokenLink(Fault.CHANGED, links.last_id + 1)
    return links.step(number, previous, stored, hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest())


def _difference(session: Session, hashes: dict[int, str]) -> BrokenLink | None:
    """The first event of these (in order) that the database has otherwise, or no more."""
    found: dict[int, str] = {}
    if hashes:
        between = AuditEvent.id.between(min(hashes), max(hashes))
        found = {
            number: digest for number, digest in session.execute(select(AuditEvent.id, AuditEvent.hash).where(between))
        }
    for number, digest in hashes.items():
        if found.get(number) != digest:
            return BrokenLink(Fault.DIFFERS if number in found else Fault.MISSING, number)
    return None
