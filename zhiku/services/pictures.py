"""Pictures that people send: looked at by content, and drawn anew. Nothing of the file that was sent is kept.

A file is whatever its first bytes and Pillow say, never what its name or the browser says. It is decoded, turned
upright, drawn on white, made smaller and encoded as JPEG: metadata (the place of the photo, the phone), comments,
colour profiles and whatever was hidden behind the picture are gone with the old bytes.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from zhiku.domain.base import DomainError

#: Longest file, in bytes. Phones make 3 to 8 MB.
MAX_BYTES = 10 << 20
#: Most picture points, width times height. Decoding takes four bytes for each.
MAX_PIXELS = 50_000_000
#: Shortest side, in picture points: less shows nobody.
MIN_SIDE = 120
#: How much longer one side may be than the other: a strip is a slip of the hand, or a trick.
MAX_RATIO = 4

#: What a photo becomes, in picture points: within these, and a square around the face.
LARGE = (720, 960)
SMALL = (192, 192)
_QUALITY = 85
#: Portraits have the face in the upper half: where the square is cut, as shares of what is cut off.
_FACE = (0.5, 0.25)

#: Whose decoders may see the file at all: Pillow knows forty more, each of them a door.
FORMATS = ("JPEG", "PNG", "WEBP")

#: What files begin with that people send instead of a photo, and what to say of each.
_OTHERS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (
        lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1"),
        "这是苹果手机的 HEIC 照片，这里还不能用。请把照片用微信发给自己、存下来再传，或者在手机“设置—相机—格式”里选“兼容性最佳”后重拍。",
    ),
    (
        lambda head: head[:4] == b"PK\x03\x04" or head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "这是文档或压缩包，不是照片。请在文档里把照片另存为图片，再选那个图片文件。",
    ),
    (lambda head: head[:5] == b"%PDF-", "这是 PDF 文件，不是照片。请把照片存成 JPG 图片再传。"),
    (
        lambda head: head[:6] in (b"GIF87a", b"GIF89a"),
        "这是 GIF 动图，这里只收静止的照片。请换一张 JPG 或 PNG 格式的。",
    ),
    (
        lambda head: head[:2] == b"BM" or head[:4] in (b"II*\x00", b"MM\x00*"),
        "这种图片格式（BMP 或 TIFF）这里不收。请用画图等程序另存为 JPG 再传。",
    ),
    (lambda head: head[4:8] == b"ftyp", "这是视频，不是照片。请从里面截一张图，存成 JPG 再传。"),
)  # fmt: skip

_NOT_A_PICTURE = "这个文件不是照片，只是名字像。请选一张 JPG、PNG 或 WebP 格式的照片。"
_BROKEN = "这张照片不完整或已经损坏，可能没有传完。请重新保存一次，或者换一张。"
_TOO_MANY_PIXELS = f"这张图片的尺寸太大，超过了 {MAX_PIXELS // 10_000} 万像素。请缩小以后再传。"

#: What Pillow raises for files that are not what they say, beside `UnidentifiedImageError`.
_DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError,
    AssertionError, struct.error, zlib.error,
)  # fmt: skip

#: One large picture at a time in a process: each may take 200 MB while it is decoded.
_decoding = threading.Lock()


class PictureNotAcceptable(DomainError):
    """A file that does not become a photo; the message says what it is, and what to do."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo as it is kept: two JPEG files."""

    large: bytes
    small: bytes
    #: Of `large`.
    width: int
    height: int


def take_picture(data: bytes) -> Picture:
    """The photo that a file holds, drawn anew. Raises `PictureNotAcceptable`."""
    if not data:
        raise PictureNotAcceptable("还没有选照片，或者选的文件是空的。请选一张 JPG、PNG 或 WebP 格式的照片。")
    if len(data) > MAX_BYTES:
        raise PictureNotAcceptable(
            f"这张照片有 {len(data) / (1 << 20):.0f} MB，最多能收 {MAX_BYTES >> 20} MB。"
            "请用手机或电脑把它缩小，或者用微信发给自己再存下来（会自动压缩）。"
        )
    for is_it, sentence in _OTHERS:
        if is_it(data[:16]):
            raise PictureNotAcceptable(sentence)
    with _decoding:
        return _encode(_decode(data))


def _decode(data: bytes) -> Image.Image:
    """Upright, of RGB. Raises `PictureNotAcceptable`."""
    try:
        # The first look reads the head only, and refuses by it.
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check(image)
            # A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough.
            image.draft("RGB", (LARGE[0] * 2, LARGE[1] * 2))
            # Reads to the end: a file that was cut off shows here.
            image.load()
            return _on_white(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureNotAcceptable(_TOO_MANY_PIXELS) from error
    except UnidentifiedImageError as error:
        raise PictureNotAcceptable(_NOT_A_PICTURE) from error
    except _DECODING_ERRORS as error:
        raise PictureNotAcceptable(_BROKEN) from error


def _check(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureNotAcceptable(_TOO_MANY_PIXELS)
    # Of a JPEG several pictures are one moment seen by several lenses (MPO); the first is the photo.
    if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise PictureNotAcceptable("这是会动的图片，这里只收静止的照片。请换一张。")
    if min(width, height) < MIN_SIDE:
        raise PictureNotAcceptable(
            f"这张图片太小（{width}×{height}），看不清人。请换一张宽和高都不少于 {MIN_SIDE} 像素的。"
        )
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PictureNotAcceptable("这张图片又细又长，不像照片。请先裁剪一下，只留上半身。")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Sixteen bits of grey: `convert` would cut all of them off at 255.
        image = image.point(lambda value: value / 256, "L") if image.mode == "I;16" else image.convert("I")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", layer.size, "white")
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")


def _encode(image: Image.Image) -> Picture:
    large = ImageOps.contain(image, LARGE) if _is_larger(image) else image
    small = ImageOps.fit(image, SMALL, centering=_FACE)
    return Picture(_jpeg(large), _jpeg(small), *large.size)


def _is_larger(image: Image.Image) -> bool:
    return image.width > LARGE[0] or image.height > LARGE[1]


def _jpeg(image: Image.Image) -> bytes:
    # Of the points alone, so that nothing that came with them is written.
    plain = Image.frombytes("RGB", image.size, image.tobytes())
    written = BytesIO()
    plain.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()
