"""Generations on disk: one folder each, `CURRENT` names the one that answers, a manifest says how it was built.

index/
  CURRENT                        "g20261123-061700-1a2b3c\\n", replaced atomically
  g20261123-061700-1a2b3c/
    .zhiku-generation            the marker: only folders that carry it are ever deleted
    manifest.json                written last; a folder without it was never finished
    words.txt                    the words of ours that the segmenter knew
    zhiku_*.seg, _zhiku_*.toc    Whoosh's files
  .write.lock .rebuild.lock      held while writing into CURRENT, while building aside
  CURRENT.not-zhiku-1            what was found under the name CURRENT and was not ours

Whatever else lies in the folder is never touched.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from zhiku.analysis.analyzer import ANALYSIS_VERSION
from zhiku.engines.whoosh.schema import SCHEMA_VERSION
from zhiku.engines.whoosh.writing import flush_folder
from zhiku.search.port import IndexProblem

MARKER = ".zhiku-generation"
MANIFEST = "manifest.json"
WORDS = "words.txt"
CURRENT = "CURRENT"

_NAME = re.compile(r"g[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")

#: On Windows a file cannot be replaced while another process reads it, nor read then: tries, and seconds between.
_TRIES, _WAIT = 40, 0.025

T = TypeVar("T")

REBUILD_HINT = "请运行：zhiku index rebuild"


@dataclass(frozen=True, slots=True)
class Manifest:
    """How a generation was built."""

    schema_version: int
    analysis_version: int
    segmenter: str
    dictionary_hash: str
    documents: int
    built_at: str
    #: Average field lengths (`scoring.FieldLengths`).
    field_lengths: Mapping[str, float]
    #: Name and version of the encoder of its vectors; "" where it has none.
    encoder: str = ""

    @classmethod
    def read(cls, text: str) -> Manifest:
        """From JSON; raises `ValueError`, `TypeError` or `AttributeError` when it is not a manifest."""
        # A newer program may say more; its version number then says the rest.
        known = {one.name for one in fields(cls)}
        manifest = cls(**{name: value for name, value in json.loads(text).items() if name in known})
        averages = manifest.field_lengths
        if not isinstance(averages, dict) or not all(isinstance(length, int | float) for length in averages.values()):
            raise ValueError("field_lengths")
        if not isinstance(manifest.segmenter, str) or datetime.fromisoformat(manifest.built_at).tzinfo is None:
            raise ValueError("segmenter or built_at")
        return manifest

    @property
    def problem(self) -> str:
        """Why the running code cannot use this generation, in Chinese; "" when it can."""
        if (self.schema_version, self.analysis_version) != (SCHEMA_VERSION, ANALYSIS_VERSION):
            return f"索引由另一个版本的程序建立，不能使用。{REBUILD_HINT}"
        return ""


class GenerationFolder:
    """The index folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, for its owner's eyes only: the list of segments is a pickle, so nobody else may write."""
        if self.root.exists() and not self.root.is_dir():
            raise IndexProblem(
                f"索引目录 {self.root} 是一个文件，不是目录。请移走它，或用 ZHIKU_INDEX_DIR 指定别的目录，"
                "再运行：zhiku index rebuild"
            )
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise IndexProblem(
                f"不能建立索引目录 {self.root}({error.strerror})。请检查权限和磁盘空间，再运行：zhiku index rebuild"
            ) from error

    def current_name(self) -> str:
        """The name in CURRENT; "" when there is none. Raises `IndexProblem` when it is not a name that we give.

        So no name leads out of the index folder, and nothing there is opened before it is known to be ours.
        """
        try:
            content = _patiently((self.root / CURRENT).read_bytes)[:200]
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise IndexProblem(f"读不出索引目录里的 CURRENT({error.strerror})。{REBUILD_HINT}") from error
        name = content.decode("ascii", "replace").strip()
        if not _NAME.fullmatch(name):
            raise IndexProblem(f"索引目录里的 CURRENT 文件损坏，或不是本程序写的。{REBUILD_HINT}")
        return name

    def usable_current(self) -> tuple[str, Manifest]:
        """Name and manifest of the current generation; raises `IndexProblem` when it cannot be used."""
        name = self.current_name()
        if not name:
            raise IndexProblem(f"还没有建立索引。{REBUILD_HINT}")
        if not self._is_ours(self.root / name):
            raise IndexProblem(f"CURRENT 文件指向的索引“{name}”不存在，或不是本程序建立的。{REBUILD_HINT}")
        manifest = self.manifest(name)
        if manifest.problem:
            raise IndexProblem(manifest.problem)
        return name, manifest

    def manifest(self, name: str) -> Manifest:
        """The manifest of a generation; raises `IndexProblem`."""
        try:
            return Manifest.read((self.root / name / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise IndexProblem(f"索引“{name}”的说明文件缺失或损坏。{REBUILD_HINT}") from error

    def words(self, name: str) -> tuple[str, ...]:
        """Words of ours that the generation's segmenter knew; raises `IndexProblem`."""
        try:
            return tuple((self.root / name / WORDS).read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise IndexProblem(f"索引“{name}”的词表缺失或损坏。{REBUILD_HINT}") from error

    def begin(self) -> Path:
        """A new, marked, empty generation folder."""
        self.prepare()
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = self.root / f"g{now}-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o700)
        (folder / MARKER).write_text("Made by zhiku; may be deleted when CURRENT names another.\n", encoding="utf-8")
        return folder

    def finish(self, folder: Path, manifest: Manifest, words: Sequence[str]) -> None:
        """Write words and manifest, which make the folder a whole generation."""
        (folder / WORDS).write_text("\n".join(words), encoding="utf-8")
        _write_durably(folder / MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n")

    def set_current(self, name: str) -> None:
        """Let another generation answer, in one atomic step; the caller holds the write lock."""
        self._keep_foreign_current()
        _write_durably(self.root / CURRENT, f"{name}\n")

    def _keep_foreign_current(self) -> None:
        """Rename what is called CURRENT and is not ours, rather than write over it."""
        current = self.root / CURRENT
        try:
            if not current.is_symlink() and (not current.exists() or self.current_name()):
                return
        except IndexProblem:
            pass
        number = 1
        while (aside := self.root / f"{CURRENT}.not-zhiku-{number}").exists() or aside.is_symlink():
            number += 1
        current.rename(aside)

    def remove(self, folder: Path) -> None:
        """Delete a generation. Refuses what is not directly in the index folder, lacks the marker, or answers now."""
        if folder.parent != self.root or not self._is_ours(folder) or folder.name == self.answering():
            return
        # The manifest goes first and the marker last, so that an interrupted removal is known as one and found again.
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MARKER:
                path.unlink(missing_ok=True)
        (folder / MARKER).unlink(missing_ok=True)
        folder.rmdir()

    def answering(self) -> str:
        """The name in CURRENT; "" when there is none, or none of ours."""
        try:
            return self.current_name()
        except IndexProblem:
            return ""

    def _is_ours(self, folder: Path) -> bool:
        # A symbolic link is somebody's own arrangement, and may lead anywhere.
        return bool(_NAME.fullmatch(folder.name)) and not folder.is_symlink() and (folder / MARKER).is_file()

    def remove_unfinished(self) -> None:
        """Delete what killed rebuilds left; the caller holds the rebuild lock, so nobody builds these."""
        for name in self.names():
            if not (self.root / name / MANIFEST).is_file():
                self._try_to_remove(name)
        for path in self.root.iterdir():
            # Killed between making a folder and its marker, or between the last two steps of a removal.
            if _NAME.fullmatch(path.name) and not path.is_symlink() and path.name != self.answering():
                with suppress(OSError):
                    path.rmdir()  # which only an empty one can be

    def remove_old(self, previous: str) -> None:
        """Delete all generations but the current one and the one that answered before it, by which a bad build can be
        taken back by hand; the caller holds both locks."""
        for name in self.names():
            if name not in (self.answering(), previous):
                self._try_to_remove(name)

    def remove_begun_before(self, moment: datetime) -> None:
        """Delete the generations that were begun before a moment, but the current one; the caller holds both locks."""
        for name in self.names():
            if begun_at(name) <= moment and name != self.answering():
                self._try_to_remove(name)

    def _try_to_remove(self, name: str) -> None:
        # A reader of another process may hold a file open (Windows); the next rebuild tries again.
        with suppress(OSError):
            self.remove(self.root / name)

    def names(self) -> list[str]:
        """Names of all generation folders that carry the marker, oldest first."""
        return sorted(self._marked())

    def _marked(self) -> Iterator[str]:
        if self.root.is_dir():
            for path in self.root.iterdir():
                if self._is_ours(path):
                    yield path.name


def begun_at(name: str) -> datetime:
    """When a generation was begun, to the second: nothing that was gone by then was ever in it."""
    try:
        return datetime.strptime(name[1:16], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # "g20269999-…", which no program of ours has made
        return datetime.min.replace(tzinfo=UTC)


def _write_durably(path: Path, text: str) -> None:
    # Always the same name beside it: one that a killed process left is written over by the next.
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _patiently(lambda: os.replace(temporary, path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def _patiently(work: Callable[[], T]) -> T:
    for _ in range(_TRIES):
        try:
            return work()
        except PermissionError:
            if not _is_windows():
                raise
            time.sleep(_WAIT)
    return work()


def _is_windows() -> bool:
    return os.name == "nt"
