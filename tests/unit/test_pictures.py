"""Pictures: any file becomes a plain JPEG of ours or a sentence; nothing of the file that was sent is kept."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.web.pictures import (
    a_bomb,
    a_document,
    a_photo,
    a_polyglot,
    a_portrait,
    a_sideways_photo,
    an_animation,
    encoded,
)
from zhiku.services.pictures import (
    LARGE,
    MAX_BYTES,
    MIN_SIDE,
    SMALL,
    Picture,
    PictureNotAcceptable,
    take_picture,
)


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def is_red(image: Image.Image, x: float, y: float) -> bool:
    point = image.convert("RGB").getpixel((int(image.width * x), int(image.height * y)))
    assert isinstance(point, tuple)
    return point[0] > 120 and max(point[1:]) < 120


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_good_photo_becomes_a_bounded_jpeg_and_a_small_square(kind: str) -> None:
    picture = take_picture(a_photo(kind))
    large, small = opened(picture.large), opened(picture.small)
    assert large.format == small.format == "JPEG"
    assert large.size == (picture.width, picture.height) == LARGE
    assert small.size == SMALL
    assert is_red(large, 0.5, 0.3) and is_red(small, 0.5, 0.4) and not is_red(large, 0.5, 0.9)


def test_a_small_photo_is_not_blown_up() -> None:
    assert opened(take_picture(encoded(a_portrait(150, 200))).large).size == (150, 200)


def test_a_photo_on_its_side_is_turned_upright_and_forgets_where_it_was_taken() -> None:
    picture = take_picture(a_sideways_photo())
    large = opened(picture.large)
    assert large.height > large.width and is_red(large, 0.5, 0.3)
    assert not large.getexif() and "comment" not in large.info and "icc_profile" not in large.info
    assert b"PLANTED" not in picture.large + picture.small


def test_what_hides_behind_a_picture_is_gone() -> None:
    sent = a_polyglot()
    assert b"<script>" in sent and b"PK\x03\x04" in sent
    picture = take_picture(sent)
    for data in (picture.large, picture.small):
        assert b"<script>" not in data and b"PK\x03\x04" not in data and data.endswith(b"\xff\xd9")


def test_what_is_transparent_becomes_white() -> None:
    image = a_portrait().convert("RGBA")
    image.putalpha(0)
    assert opened(take_picture(encoded(image, "PNG")).large).getpixel((5, 5)) == (255, 255, 255)


def test_a_grey_picture_of_sixteen_bits_keeps_its_greys() -> None:
    image = Image.new("I;16", (300, 400), 0x8000)
    level = opened(take_picture(encoded(image, "PNG")).large).getpixel((150, 200))
    assert isinstance(level, tuple) and 120 <= level[0] <= 136


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA", "RGBA"])
def test_every_way_to_store_colours_is_read(mode: str) -> None:
    image = a_portrait().convert(mode)
    assert opened(take_picture(encoded(image, "JPEG" if mode == "CMYK" else "PNG")).large).mode == "RGB"


REFUSED = {
    "nothing": (b"", "还没有选照片"),
    "a file of 30 MB": (a_photo() + bytes(30 << 20), "最多能收 10 MB"),
    "a document named .jpg": (a_document(), "这是文档或压缩包"),
    "an old document": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "这是文档或压缩包"),
    "a truncated JPEG": (a_photo()[:-2000], "不完整或已经损坏"),
    "a truncated PNG": (a_photo("PNG")[:-2000], "不完整或已经损坏"),
    "an animated PNG": (an_animation("PNG"), "会动的图片"),
    "an animated WebP": (an_animation("WEBP"), "会动的图片"),
    "a GIF": (an_animation("GIF"), "GIF 动图"),
    "a bomb": (a_bomb(), "尺寸太大"),
    "a smaller bomb": (a_bomb(8000), "尺寸太大"),
    "a HEIC photo": (b"\x00\x00\x00\x18ftypheic" + bytes(100), "兼容性最佳"),
    "a video": (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "这是视频"),
    "a PDF": (b"%PDF-1.7\n" + bytes(100), "这是 PDF"),
    "a bitmap": (a_photo("BMP"), "BMP"),
    "a TIFF": (a_photo("TIFF"), "BMP"),
    "a page": (b"<html><script>alert(1)</script></html>", "不是照片"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "不是照片"),
    "a stamp": (encoded(a_portrait(40, 60)), f"不少于 {MIN_SIDE} 像素"),
    "a strip": (encoded(a_portrait(2000, 150)), "又细又长"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_photo_is_told_what_it_is_and_what_to_do(what: str) -> None:
    data, said = REFUSED[what]
    with pytest.raises(PictureNotAcceptable, match=said) as refused:
        take_picture(data)
    assert "请" in str(refused.value) and str(refused.value).endswith(("。", "）。"))


def test_the_limit_of_bytes_is_the_one_that_is_said() -> None:
    photo = a_photo()
    assert isinstance(take_picture(photo + bytes(MAX_BYTES - len(photo))), Picture)
    with pytest.raises(PictureNotAcceptable, match="10 MB"):
        take_picture(photo + bytes(MAX_BYTES - len(photo) + 1))


_SEEDS = [encoded(a_portrait(160, 160), kind) for kind in ("JPEG", "PNG", "WEBP")]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_SEEDS), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12))
def test_any_damage_gives_a_photo_or_a_sentence(seed: bytes, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(seed)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    try:
        assert opened(take_picture(bytes(damaged)).large).format == "JPEG"
    except PictureNotAcceptable:
        pass
