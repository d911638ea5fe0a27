"""Generations on disk: what is ours, what is damaged, and that a rebuild mends it without touching anything else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.variants import rebuild
from zhiku.analysis.analyzer import make_analyzer
from zhiku.engines.whoosh import generations
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.engines.whoosh.generations import CURRENT, MANIFEST, MARKER, WORDS
from zhiku.engines.whoosh.segment import Segment
from zhiku.search.port import NO_TERMS, Change, IndexDocument, IndexProblem, Kind, SearchRequest
from zhiku.search.query import parse

REBUILD = "zhiku index rebuild"
A_NAME = "g20260101-000000-abcdef"


def profile(number: int, summary: str = "修水库") -> IndexDocument:
    key = f"expert:{number}"
    return IndexDocument(key, key, key, Kind.PROFILE, {"summary": summary}, name="张水生")


DOCUMENTS = [profile(number) for number in range(1, 6)]


def ids(engine: WhooshEngine, query: str = "") -> list[str]:
    terms = parse(query, engine.analyzer) if query else NO_TERMS
    return sorted(hit.id for hit in engine.search(SearchRequest(terms)).hits)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def engine(root: Path) -> Iterator[WhooshEngine]:
    engine = new_engine(root)
    rebuild(engine, DOCUMENTS)
    yield engine
    engine.close()


def new_engine(root: Path) -> WhooshEngine:
    """What another process would open: it shares nothing with other engines but the files."""
    return WhooshEngine(root, lambda name, words: make_analyzer(name, words), own_words=lambda: ("除险加固", "黄龙病"))


def current(root: Path) -> Path:
    return root / (root / CURRENT).read_text(encoding="ascii").strip()


def generation_names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def assert_problem_and_mended_by_rebuild(root: Path) -> None:
    """A new process is told in one sentence what to run, and running it mends the index."""
    engine = new_engine(root)
    for ask in (lambda: engine.search(SearchRequest(NO_TERMS)), engine.fingerprints, lambda: engine.apply(one_change)):
        with pytest.raises(IndexProblem) as refused:
            ask()
        assert_one_sentence(str(refused.value))
    assert_one_sentence(engine.status().problem)
    rebuild(engine, DOCUMENTS)
    assert ids(engine, "修水库") == [document.id for document in DOCUMENTS]
    assert engine.status().problem == ""
    engine.close()


def one_change() -> list[Change]:
    return [Change("expert:1", (profile(1, "种柑橘"),))]


def assert_one_sentence(message: str) -> None:
    assert message.endswith(REBUILD) and "\n" not in message and "Traceback" not in message
    assert any("\u4e00" <= character <= "\u9fff" for character in message)


# -- damage ------------------------------------------------------------------------------------------------------


def test_a_missing_folder_names_the_command_that_makes_it(root: Path) -> None:
    assert_problem_and_mended_by_rebuild(root)


def test_an_empty_folder_names_the_command(root: Path) -> None:
    root.mkdir()
    assert_problem_and_mended_by_rebuild(root)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"../../etc\n", b"/etc\n", b"..\n", b"my notes, do not delete\n", b"\xff\xfe\x00", b"x" * 5000,
     "g２0260101-000000-abcdef".encode(), A_NAME.encode() + b"/.."],
)  # fmt: skip
def test_a_current_that_is_no_name_of_ours_is_refused_and_mended(
    root: Path, engine: WhooshEngine, content: bytes
) -> None:
    (root / CURRENT).write_bytes(content)
    assert_problem_and_mended_by_rebuild(root)
    assert (root / "CURRENT.not-zhiku-1").read_bytes() == content


def test_a_current_that_names_no_generation_is_refused_and_mended(root: Path, engine: WhooshEngine) -> None:
    (root / CURRENT).write_text(f"{A_NAME}\n", encoding="ascii")
    assert_problem_and_mended_by_rebuild(root)


def test_what_lies_outside_is_never_opened(root: Path, engine: WhooshEngine, tmp_path: Path) -> None:
    # A whole index of ours, with marker and all, but outside of the folder.
    outside = tmp_path / A_NAME
    shutil.copytree(current(root), outside)
    (root / CURRENT).write_text(f"../{A_NAME}\n", encoding="ascii")
    with pytest.raises(IndexProblem, match=REBUILD):
        ids(engine)


def test_a_folder_under_the_name_of_current_is_moved_aside_with_all_it_has(root: Path) -> None:
    (root / CURRENT).mkdir(parents=True)
    (root / CURRENT / "letter.txt").write_text("kept", encoding="utf-8")
    assert_problem_and_mended_by_rebuild(root)
    assert (root / "CURRENT.not-zhiku-1" / "letter.txt").read_text(encoding="utf-8") == "kept"


def test_an_engine_that_is_searching_notices_that_current_is_gone(root: Path, engine: WhooshEngine) -> None:
    assert ids(engine)
    (root / CURRENT).unlink()
    engine._checked_at = 0.0  # what 50 ms do
    with pytest.raises(IndexProblem, match=REBUILD):
        ids(engine)


@pytest.mark.parametrize("missing", [MARKER, MANIFEST, WORDS])
def test_a_generation_without_one_of_its_files_is_refused_and_mended(
    root: Path, engine: WhooshEngine, missing: str
) -> None:
    (current(root) / missing).unlink()
    assert_problem_and_mended_by_rebuild(root)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"schema_version": ', '"schema_version": 99'),
        ('"analysis_version"', '"analysis_versions"'),
        ('"field_lengths": {', '"field_lengths": 3, "x": {'),
        ('"built_at": "', '"built_at": "yesterday '),
        ("{", "["),
        ('"dictionary_hash": "', '"dictionary_hash": "0'),
    ],
)
def test_a_manifest_of_another_version_or_shape_is_refused_and_mended(
    root: Path, engine: WhooshEngine, old: str, new: str
) -> None:
    path = current(root) / MANIFEST
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert_problem_and_mended_by_rebuild(root)


def test_a_manifest_of_a_newer_program_that_says_more_says_it_is_another_version(
    root: Path, engine: WhooshEngine
) -> None:
    path = current(root) / MANIFEST
    text = path.read_text(encoding="utf-8").replace('"schema_version": ', '"compressed": true, "schema_version": 9')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IndexProblem, match="另一个版本"):
        ids(new_engine(root))


def test_a_manifest_of_the_next_analysis_says_it_is_another_version(
    root: Path, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "ANALYSIS_VERSION", generations.ANALYSIS_VERSION + 1)
    with pytest.raises(IndexProblem, match="另一个版本"):
        ids(new_engine(root))


def test_a_segmenter_that_is_not_installed_is_named(
    root: Path, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = current(root) / MANIFEST
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace(engine.analyzer.segmenter.name, "rjieba"), encoding="utf-8"
    )
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(IndexProblem, match=r"pip install rjieba.*zhiku index rebuild"):
        ids(new_engine(root))
    with pytest.raises(IndexProblem, match="ZHIKU_SEGMENTER"):
        WhooshEngine(root, lambda name, words: make_analyzer(name, words), segmenter="rjieba").begin_generation()


# Whoosh leaves the closing of files in which it failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kept", [0, 1, 7, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("pattern", ["*.seg", "*.toc", MANIFEST, WORDS])
def test_a_truncated_file_never_gives_a_wrong_answer(
    root: Path, engine: WhooshEngine, pattern: str, kept: int | float
) -> None:
    expected, fingerprints = ids(engine, "修水库"), engine.fingerprints()
    engine.close()
    (path,) = current(root).glob(pattern)
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    other = new_engine(root)
    try:
        assert (ids(other, "修水库"), other.fingerprints()) == (expected, fingerprints)
    except IndexProblem as problem:
        assert_one_sentence(str(problem))
    other.close()
    rebuild(other, DOCUMENTS)
    assert ids(other, "修水库") == expected
    other.close()


def test_a_missing_segment_is_refused_and_mended(root: Path, engine: WhooshEngine) -> None:
    for path in current(root).glob("*.seg"):
        path.unlink()
    assert_problem_and_mended_by_rebuild(root)


# -- what is not ours --------------------------------------------------------------------------------------------


def test_foreign_files_and_folders_are_never_touched(root: Path, engine: WhooshEngine, tmp_path: Path) -> None:
    unmarked = root / A_NAME
    unmarked.mkdir()
    (unmarked / "thesis.txt").write_text("years of work", encoding="utf-8")
    marked_but_misnamed = root / "photos"
    marked_but_misnamed.mkdir()
    (marked_but_misnamed / MARKER).write_text("", encoding="utf-8")
    (marked_but_misnamed / "cat.jpg").write_bytes(b"cat")
    (root / "README.md").write_text("read me", encoding="utf-8")
    (root / ".CURRENT.abcd1234").write_text("somebody's", encoding="utf-8")
    before = snapshot_of(root)
    for _ in range(4):
        rebuild(engine, DOCUMENTS)
        engine.apply(one_change)
    after = snapshot_of(root)
    foreign = {path for path in before if not path.startswith("g2") or path.startswith(A_NAME)} - {CURRENT}
    assert {"README.md", "photos/cat.jpg", f"{A_NAME}/thesis.txt", ".CURRENT.abcd1234"} <= foreign
    assert {path: after.get(path) for path in foreign} == {path: before[path] for path in foreign}


def snapshot_of(root: Path) -> dict[str, bytes]:
    """Contents of all files, by path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_a_symbolic_link_is_neither_opened_nor_followed_when_deleting(
    root: Path, engine: WhooshEngine, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(current(root), elsewhere)
    (elsewhere / MANIFEST).unlink()
    (root / A_NAME).symlink_to(elsewhere, target_is_directory=True)
    inside = root / "g20250101-000000-abcdef"
    inside.mkdir()
    (inside / MARKER).write_text("", encoding="utf-8")
    (inside / "link").symlink_to(elsewhere, target_is_directory=True)
    kept = sorted(path.name for path in elsewhere.iterdir())
    for _ in range(3):
        rebuild(engine, DOCUMENTS)
    assert (root / A_NAME).is_symlink()
    assert sorted(path.name for path in elsewhere.iterdir()) == kept
    assert not inside.exists(), "an unfinished generation of ours goes, with the link in it but not what that leads to"
    (root / CURRENT).write_text(f"{A_NAME}\n", encoding="ascii")
    with pytest.raises(IndexProblem, match="不是本程序建立的"):
        ids(new_engine(root))


def test_an_index_folder_that_is_a_file_is_left_alone(root: Path) -> None:
    root.write_text("a file", encoding="utf-8")
    engine = new_engine(root)
    for ask in (engine.begin_generation, lambda: engine.apply(one_change), lambda: ids(engine)):
        with pytest.raises(IndexProblem) as refused:
            ask()
        assert_one_sentence(str(refused.value))
    assert root.read_text(encoding="utf-8") == "a file"


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead of modes")
def test_the_index_folder_is_for_its_owner_only(root: Path, engine: WhooshEngine) -> None:
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE(current(root).stat().st_mode) == 0o700


# -- old ones, half-built ones, two at once ----------------------------------------------------------------------


def test_only_the_current_generation_and_one_older_are_kept(root: Path, engine: WhooshEngine) -> None:
    for _ in range(4):
        before = current(root).name
        rebuild(engine, DOCUMENTS)
        assert generation_names(root) == sorted([before, current(root).name])


def test_leftovers_of_a_killed_rebuild_go_with_the_next_one_even_if_that_fails(
    root: Path, engine: WhooshEngine
) -> None:
    for name in (A_NAME, "g20991231-235959-abcdef"):
        (root / name / "spool").mkdir(parents=True)
        (root / name / "spool" / "000000").write_bytes(b"half")
        (root / name / MARKER).write_text("", encoding="utf-8")
    answering = current(root).name
    engine.begin_generation().discard()
    assert generation_names(root) == [answering]


def test_a_generation_that_answers_is_never_discarded(root: Path, engine: WhooshEngine) -> None:
    generation = engine.begin_generation()
    generation.add(DOCUMENTS)
    generation.finish()

    def fail(previous: str) -> None:
        raise OSError("a defect after the switch")

    engine.folder.remove_old = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="after the switch"):
        generation.publish()
    generation.discard()
    assert current(root).name == generation.name
    assert ids(engine, "修水库") == [document.id for document in DOCUMENTS]


def test_a_second_rebuild_in_another_process_is_refused_clearly(root: Path, engine: WhooshEngine) -> None:
    generation = engine.begin_generation()
    code = (
        "from zhiku.bootstrap import open_engine; from pathlib import Path; import sys\n"
        "try: open_engine(Path(sys.argv[1]), Path(sys.argv[2])).begin_generation()\n"
        "except Exception as error: sys.stdout.buffer.write(f'{type(error).__name__} {error}'.encode())"
    )
    command = [sys.executable, "-c", code, str(root), str(root.parent / "cache")]
    said = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode()
    assert said.startswith("RebuildAtWork 另一个重建索引的任务正在运行")
    generation.discard()
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == b""


def test_a_reader_that_a_commit_overtakes_reads_the_next_one(
    root: Path, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading which segments there are and opening them, a writer merges them and removes their files."""
    reader = new_engine(root)
    real, segments = reader._open_segment, sorted(current(root).glob("*.seg"))
    overtaken: list[str] = []

    def late(*args: Any) -> Segment:
        if not overtaken:
            while segments[0].exists():
                overtaken.append("by a commit")
                engine.apply(lambda: [Change(document.source, (document,)) for document in DOCUMENTS])
        return real(*args)

    monkeypatch.setattr(reader, "_open_segment", late)
    assert ids(reader, "修水库") == [document.id for document in DOCUMENTS]
    assert overtaken
    reader.close()


def test_a_reader_that_two_rebuilds_overtake_reads_the_newest_generation(
    root: Path, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading CURRENT and opening what it names, that generation is replaced, and then removed."""
    reader = new_engine(root)
    real, before = reader.folder.words, current(root)
    overtaken: list[str] = []

    def late(name: str) -> tuple[str, ...]:
        if not overtaken:
            for _ in range(3):
                rebuild(engine, DOCUMENTS)
            assert not before.exists()
            overtaken.append("by rebuilds")
        return real(name)

    monkeypatch.setattr(reader.folder, "words", late)
    assert ids(reader, "修水库") == [document.id for document in DOCUMENTS]
    assert overtaken
    reader.close()


# -- disks that are full or closed -------------------------------------------------------------------------------

#: Runs in a process of its own, because the limit is the whole process's.
FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.unit.test_generations import DOCUMENTS, new_engine, profile, one_change
from tests.contract.variants import rebuild
from zhiku.search.port import IndexProblem
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
root, limit = Path(sys.argv[1]), int(sys.argv[2])
engine = new_engine(root)
engine.fingerprints()
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
said = []
generation = engine.begin_generation()
try:
    generation.add([profile(n, f"修水库{n}" * 50) for n in range(2000)])
    generation.finish()
    generation.publish()
except IndexProblem as problem:
    said.append(str(problem))
    generation.discard()
try:
    engine.apply(lambda: [c for n in range(2000) for c in one_change()] and
                 [type(one_change()[0])(f"expert:{n}", (profile(n, f"种柑橘{n}" * 50),)) for n in range(2000)])
except IndexProblem as problem:
    said.append(str(problem))
engine.forget_snapshot()
said.append(" ".join(sorted(engine.fingerprints())))
sys.stdout.buffer.write("\\n".join(said).encode())
"""


@pytest.mark.skipif(os.name == "nt", reason="a limit on the size of files is a POSIX thing")
@pytest.mark.parametrize("limit", [1_000, 100_000])
def test_a_full_disk_leaves_the_old_generation_answering_and_nothing_behind(
    root: Path, engine: WhooshEngine, limit: int
) -> None:
    before = set(snapshot_of(root))
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(root), str(limit)], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    rebuilt, drained, found = done.stdout.decode().split("\n")
    assert rebuilt.startswith("不能写入索引目录") and rebuilt.endswith("zhiku index rebuild")
    assert drained.startswith("不能写入索引目录") and drained.endswith("zhiku index drain")
    assert found.split() == [document.id for document in DOCUMENTS]
    engine.forget_snapshot()
    assert ids(engine, "修水库") == [document.id for document in DOCUMENTS]
    engine.apply(one_change)
    assert ids(engine, "种柑橘") == ["expert:1"]
    left = {Path(path).suffix for path in set(snapshot_of(root)) - before}
    assert left <= {".seg", ".toc"}, "the commit after it cleans up what the failed one left"


READ_ONLY = """
import os, sys
from pathlib import Path
from tests.unit.test_generations import ids, new_engine, one_change
from zhiku.search.port import IndexProblem
engine = new_engine(Path(sys.argv[1]))
ids(engine, "修水库")  # imports what an unprivileged user may not read in the home of root
engine.forget_snapshot()
os.setgroups([]); os.setgid(65534); os.setuid(65534)
said = [" ".join(ids(engine, "修水库"))]
for ask in (engine.begin_generation, lambda: engine.apply(one_change)):
    try:
        ask()
    except IndexProblem as problem:
        said.append(str(problem))
sys.stdout.buffer.write("\\n".join(said).encode())
"""


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_folder_that_may_be_read_but_not_written_still_answers(root: Path, engine: WhooshEngine) -> None:
    # pytest closes its own folders to everybody else.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(root, Path(folder) / "index")
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        command = [sys.executable, "-c", READ_ONLY, str(Path(folder) / "index")]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found, rebuilt, drained = done.stdout.decode().split("\n")
    assert found.split() == [document.id for document in DOCUMENTS]
    assert rebuilt.startswith("不能写入索引目录") and rebuilt.endswith("zhiku index rebuild")
    assert drained.startswith("不能写入索引目录") and drained.endswith("zhiku index drain")


def test_files_are_on_the_disk_before_the_commit_has_a_name(
    root: Path, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noting_fsync(descriptor: int) -> None:
        steps.append("fsync")
        fsync(descriptor)

    def noting_rename(source: str, target: str) -> None:
        steps.append(Path(target).suffix)
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "rename", noting_rename)
    engine.apply(one_change)
    named = steps.index(".toc")
    assert "fsync" in steps[:named], "segments and TOC first"
    assert os.name == "nt" or "fsync" in steps[named:], "then the folder"


def test_current_is_replaced_when_a_reader_let_go_of_it(
    root: Path, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a file cannot be replaced in the moment in which another process reads it."""
    tries: list[Path] = []
    replace: Callable[[Path, Path], None] = os.replace

    def busy(source: Path, target: Path) -> None:
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(13, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(generations, "_is_windows", lambda: True)
    monkeypatch.setattr(os, "replace", busy)
    before = current(root).name
    engine.folder.set_current(before)
    assert tries == [root / CURRENT] * 3


def test_where_the_current_generation_is_cut_the_one_before_answers_and_status_says_so(tmp_path: Path) -> None:
    engine = new_engine(tmp_path)
    rebuild(engine, [profile(1, "修水库")])
    rebuild(engine, [profile(2, "种柑橘")])
    engine.close()
    current = tmp_path / (tmp_path / "CURRENT").read_text().strip()
    for file in current.glob("*.seg"):
        os.truncate(file, file.stat().st_size // 2)
    engine = new_engine(tmp_path)
    assert ids(engine) == ["expert:1"]
    status = engine.status()
    assert "zhiku index rebuild" in status.problem and status.is_stale
    with pytest.raises(IndexProblem):
        engine.fingerprints()
    rebuild(engine, [profile(3, "调解")])
    assert ids(engine) == ["expert:3"] and engine.status().problem == ""
    engine.close()
