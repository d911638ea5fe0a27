"""Generations on disk: one folder each, `CURRENT` names the one that answers, a manifest says how it was built.

index/
  CURRENT                        "g20261123-061700-1a2b3c\\n", replaced atomically
  g20261123-061700-1a2b3c/
    .zhiku-generation            the marker: only folders that carry it are ever deleted
    manifest.json                written last; a folder without it was never finished
    words.txt                    the words of ours that the segmenter knew
    zhiku_*.seg, _zhiku_*.toc    Whoosh's files
  .write.lock .rebuild.lock      held while writing into CURRENT, while building aside
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from zhiku.analysis.analyzer import ANALYSIS_VERSION
from zhiku.engines.whoosh.schema import SCHEMA_VERSION
from zhiku.engines.whoosh.writing import flush_folder
from zhiku.search.port import IndexProblem

MARKER = ".zhiku-generation"
MANIFEST = "manifest.json"
WORDS = "words.txt"
CURRENT = "CURRENT"

#: Generations that stay beside the current one, so that a bad build can be taken back by hand.
KEPT_BESIDE_CURRENT = 1

_NAME = re.compile(r"g\d{8}-\d{6}-[0-9a-f]{6}")

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
        """Make the folder, for its owner's eyes only: postings are pickles, so nobody else may write here."""
        if self.root.exists() and not self.root.is_dir():
            raise IndexProblem(
                f"索引目录 {self.root} 是一个文件，不是目录。请移走它，或用 ZHIKU_INDEX_DIR 指定别的目录，"
                "再运行：zhiku index rebuild"
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IndexProblem(
                f"不能建立索引目录 {self.root}({error.strerror})。请检查权限和磁盘空间，再运行：zhiku index rebuild"
            ) from error

    def current_name(self) -> str:
        """The name in CURRENT; "" when there is none."""
        try:
            return (self.root / CURRENT).read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise IndexProblem(f"读不出索引目录里的 CURRENT 文件（{error}）。{REBUILD_HINT}") from error

    def usable_current(self) -> tuple[str, Manifest]:
        """Name and manifest of the current generation; raises `IndexProblem` when it cannot be used."""
        name = self.current_name()
        if not name:
            raise IndexProblem(f"还没有建立索引。{REBUILD_HINT}")
        if not _NAME.fullmatch(name) or not (self.root / name / MARKER).is_file():
            raise IndexProblem(f"CURRENT 文件指向的索引“{name[:60]}”不存在，或不是本程序建立的。{REBUILD_HINT}")
        manifest = self.manifest(name)
        if manifest.problem:
            raise IndexProblem(manifest.problem)
        return name, manifest

    def manifest(self, name: str) -> Manifest:
        """The manifest of a generation; raises `IndexProblem`."""
        try:
            return Manifest(**json.loads((self.root / name / MANIFEST).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
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
        """Let another generation answer, in one atomic step."""
        _write_durably(self.root / CURRENT, f"{name}\n")

    def remove(self, folder: Path) -> None:
        """Delete a generation. Refuses anything that is not directly in the index folder or lacks the marker."""
        if folder.parent != self.root or not _NAME.fullmatch(folder.name) or not (folder / MARKER).is_file():
            return
        # The marker goes last, so that an interrupted removal is found again.
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MARKER:
                path.unlink(missing_ok=True)
        (folder / MARKER).unlink(missing_ok=True)
        folder.rmdir()

    def remove_old(self) -> None:
        """Delete finished generations beyond those kept, and unfinished ones; the caller holds both locks."""
        current = self.current_name()
        finished = [name for name in self.names() if (self.root / name / MANIFEST).is_file() and name != current]
        kept = {current, *sorted(finished)[-KEPT_BESIDE_CURRENT:]}
        for name in self.names():
            if name not in kept:
                try:
                    self.remove(self.root / name)
                except OSError:
                    # A reader of another process holds a file open (Windows); the next rebuild tries again.
                    continue

    def names(self) -> list[str]:
        """Names of all generation folders that carry the marker, oldest first."""
        return sorted(self._marked())

    def _marked(self) -> Iterator[str]:
        if self.root.is_dir():
            for path in self.root.iterdir():
                if _NAME.fullmatch(path.name) and (path / MARKER).is_file():
                    yield path.name


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    flush_folder(path.parent)
