"""The cache of vectors: nothing is encoded twice, and whatever happens to the file harms nobody."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from zhiku.analysis import vector_cache
from zhiku.analysis.clauses import clause_key
from zhiku.analysis.encoder import quantise
from zhiku.analysis.vector_cache import VectorCache

TEXTS = ["修水库", "打官司", "种柑橘", "看病报销", "修水库", "调解邻里纠纷"]


class DigestEncoder:
    """A small real encoder: bits of the text's key. Remembers what it was asked."""

    name = "digest"
    dimensions = 63

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        bits = [[clause_key(text) >> bit & 1 for bit in range(self.dimensions)] for text in texts]
        vectors = np.array(bits, dtype=np.float32).reshape(len(texts), self.dimensions)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def warm_up(self) -> None:
        """Nothing to load."""


def cache_in(folder: Path, version: str = "1") -> tuple[VectorCache, DigestEncoder]:
    encoder = DigestEncoder(version)
    return VectorCache(folder, encoder), encoder


def assert_right(cache: VectorCache, texts: Sequence[str]) -> None:
    """The cache gives what the encoder would give."""
    vectors, scales = cache.vectors(texts)
    expected_vectors, expected_scales = quantise(DigestEncoder().encode(texts))
    assert np.array_equal(vectors, expected_vectors) and np.array_equal(scales, expected_scales)
    assert vectors.dtype == np.int8 and scales.dtype == np.float32


def test_every_text_is_encoded_once(tmp_path: Path) -> None:
    cache, encoder = cache_in(tmp_path)
    assert_right(cache, TEXTS)
    assert sorted(encoder.asked) == sorted(set(TEXTS))
    assert_right(cache, list(reversed(TEXTS)))
    later, later_encoder = cache_in(tmp_path)
    assert_right(later, [*TEXTS, "新来的句子"])
    assert later_encoder.asked == ["新来的句子"]


def test_texts_of_one_normal_form_are_one(tmp_path: Path) -> None:
    cache, encoder = cache_in(tmp_path)
    vectors, _ = cache.vectors(["發(fā)揮餘熱", "发挥余热"])
    assert len(encoder.asked) == 1 and np.array_equal(vectors[0], vectors[1])


def test_no_text_gives_no_vector(tmp_path: Path) -> None:
    cache, _ = cache_in(tmp_path)
    vectors, scales = cache.vectors([])
    assert vectors.shape == (0, cache.dimensions) and scales.shape == (0,)


def test_keys_that_are_known_already_are_used(tmp_path: Path) -> None:
    cache, encoder = cache_in(tmp_path)
    cache.vectors(TEXTS, [clause_key(text) for text in TEXTS])
    encoder.asked.clear()
    assert_right(cache, TEXTS)
    assert encoder.asked == []
    with pytest.raises(ValueError, match="1 keys for 2 texts"):
        cache.vectors(["修水库", "打官司"], [5])


def test_progress_counts_what_is_new_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "BLOCK", 2)
    cache, _ = cache_in(tmp_path)
    told: list[tuple[int, int]] = []
    cache.vectors(TEXTS, progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]
    cache.vectors(TEXTS, progress=lambda done, total: told.append((done, total)))
    assert len(told) == 3


def test_what_was_encoded_before_an_interruption_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "BLOCK", 2)
    cache, _ = cache_in(tmp_path)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.vectors(TEXTS, progress=interrupt)
    again, encoder = cache_in(tmp_path)
    assert_right(again, TEXTS)
    assert len(encoder.asked) == 3


def test_another_version_of_the_encoder_has_its_own_vectors(tmp_path: Path) -> None:
    cache_in(tmp_path)[0].vectors(TEXTS)
    newer, encoder = cache_in(tmp_path, "2")
    newer.vectors(TEXTS)
    assert sorted(encoder.asked) == sorted(set(TEXTS))


def test_vectors_of_what_was_withdrawn_are_forgotten(tmp_path: Path) -> None:
    old, _ = cache_in(tmp_path, "0")
    old.vectors(["王德明的专长"])
    cache, encoder = cache_in(tmp_path)
    cache.vectors([*TEXTS, "王德明的专长"])
    (tmp_path / "vectors-of-the-bureau.txt").write_text("not ours")
    withdrawn = cache.encoder.encode(["王德明的专长"])
    assert quantise(withdrawn)[0].tobytes() in cache.path.read_bytes() + wal_of(cache)

    assert cache.forget_unused(clause_key(text) for text in TEXTS) == 1

    assert quantise(withdrawn)[0].tobytes() not in cache.path.read_bytes() + wal_of(cache)
    assert not old.path.exists() and (tmp_path / "vectors-of-the-bureau.txt").exists()
    encoder.asked.clear()
    assert_right(cache, TEXTS)
    assert encoder.asked == []
    assert cache.forget_unused([]) == len(set(TEXTS))


def wal_of(cache: VectorCache) -> bytes:
    log = cache.path.with_name(cache.path.name + "-wal")
    return log.read_bytes() if log.exists() else b""


@pytest.mark.skipif(os.name == "nt", reason="only on Windows there are no permission bits")
def test_only_the_services_user_may_read_it(tmp_path: Path) -> None:
    cache, _ = cache_in(tmp_path / "new")
    cache.vectors(TEXTS)
    with closing(sqlite3.connect(cache.path)) as reader:
        reader.execute("SELECT count(*) FROM vectors").fetchall()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in cache.path.parent.iterdir()}
    assert len(modes) == 3 and set(modes.values()) == {0o600}


# -- what happens to files ---------------------------------------------------------------------------------------


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database" * 5000)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_table(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE vectors (word TEXT)")


@pytest.mark.parametrize("damage", [overwrite, cut_short, another_table])
def test_a_damaged_file_is_moved_aside_and_begun_anew(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    cache, encoder = cache_in(tmp_path)
    many = [f"第{number}座水库" for number in range(2000)]
    cache.vectors(many)
    assert callable(damage)
    damage(cache.path)
    encoder.asked.clear()
    with caplog.at_level(logging.WARNING):
        assert_right(cache, many)
    assert "moved aside" in caplog.text and encoder.asked
    assert cache.path.with_name(cache.path.name + ".damaged").exists()
    # And then it is used again.
    encoder.asked.clear()
    assert_right(cache, many)
    assert encoder.asked == []
    # What was moved aside is not kept for ever either.
    cache.forget_unused(clause_key(text) for text in many)
    assert [path.name for path in tmp_path.glob("*.damaged")] == []


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    cache, encoder = cache_in(tmp_path)
    cache.vectors(TEXTS)
    row = quantise(encoder.encode(["打官司"]))[0].tobytes()
    content = cache.path.read_bytes()
    assert content.count(row) == 1
    cache.path.write_bytes(content.replace(row, bytes([row[0] ^ 4]) + row[1:]))
    encoder.asked.clear()
    assert_right(cache, TEXTS)
    assert encoder.asked == ["打官司"]
    assert_right(cache, TEXTS)
    assert encoder.asked == ["打官司"]


def test_a_row_of_another_size_is_encoded_again(tmp_path: Path) -> None:
    cache, encoder = cache_in(tmp_path)
    cache.vectors(TEXTS)
    with closing(sqlite3.connect(cache.path)) as connection:
        connection.execute("UPDATE vectors SET row = x'00' WHERE key = ?", (clause_key("打官司"),))
        connection.execute("UPDATE vectors SET row = 'text' WHERE key = ?", (clause_key("种柑橘"),))
        connection.commit()
    encoder.asked.clear()
    assert_right(cache, TEXTS)
    assert sorted(encoder.asked) == sorted(["打官司", "种柑橘"])


def test_a_folder_that_cannot_be_used_costs_time_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache, encoder = cache_in(tmp_path / "cache")
    with caplog.at_level(logging.WARNING):
        assert_right(cache, TEXTS)
        assert_right(cache, TEXTS)
        assert cache.forget_unused([]) == 0
    assert len(encoder.asked) == 2 * len(set(TEXTS)) and "vector cache not used" in caplog.text
    assert not any(text in caplog.text for text in TEXTS)


def test_a_locked_file_is_waited_for_and_then_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vector_cache, "_PATIENCE", 0.05)
    cache, encoder = cache_in(tmp_path)
    cache.vectors(TEXTS)
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING):
            assert_right(cache, [*TEXTS, "新来的句子"])
        other.execute("ROLLBACK")
    assert "locked" in caplog.text
    encoder.asked.clear()
    assert_right(cache, [*TEXTS, "新来的句子"])
    assert encoder.asked == ["新来的句子"]


@pytest.mark.skipif(os.name == "nt", reason="only on Windows a process has no limit of file sizes")
def test_a_full_disk_stops_keeping_and_not_encoding(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from tests.unit.test_vector_cache import assert_right, cache_in
cache, _ = cache_in(Path(sys.argv[1]))
cache.vectors(["修水库"])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
assert_right(cache, [f"第{number}座水库" for number in range(2000)])
"""
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code, str(tmp_path)], capture_output=True, encoding="utf-8", check=False
    )
    assert result.returncode == 0, result.stderr
    assert "vector cache not used for writing" in result.stderr
    cache, encoder = cache_in(tmp_path)
    assert_right(cache, ["修水库", "第1座水库"])
    assert "修水库" not in encoder.asked


# -- several at once ---------------------------------------------------------------------------------------------


def fill(folder: Path, start: int) -> None:
    """What one of several processes does."""
    cache, _ = cache_in(folder)
    for turn in range(5):
        first = start + 40 * turn
        assert_right(cache, [f"第{number}座水库" for number in range(first, first + 200)])


def test_processes_share_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(tmp_path, start)) for start in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    cache, encoder = cache_in(tmp_path)
    assert_right(cache, [f"第{number}座水库" for number in range(560)])
    assert encoder.asked == []


def test_threads_share_it(tmp_path: Path) -> None:
    cache, _ = cache_in(tmp_path)
    batches = [[f"第{number}座水库" for number in range(start, start + 100)] for start in range(0, 400, 20)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda batch: assert_right(cache, batch), batches))


@pytest.mark.skipif(os.name == "nt", reason="only on Windows there is no SIGKILL")
def test_a_process_that_is_killed_leaves_a_sound_file(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from tests.unit.test_vector_cache import cache_in
from zhiku.analysis import vector_cache
vector_cache.BLOCK = 50
cache, _ = cache_in(Path(sys.argv[1]))
def kill(done, total):
    if done >= 150:
        os.kill(os.getpid(), signal.SIGKILL)
cache.vectors([f"第{number}座水库" for number in range(1000)], progress=kill)
"""
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False)
    assert result.returncode == -9, result.stderr
    cache, encoder = cache_in(tmp_path)
    assert_right(cache, [f"第{number}座水库" for number in range(1000)])
    assert len(encoder.asked) == 850
