"""Files that people send as photos: good ones, and everything else."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw


def a_portrait(width: int = 900, height: int = 1200) -> Image.Image:
    """A red head on a blue ground, in the upper half."""
    image = Image.new("RGB", (width, height), (30, 60, 160))
    box = [width // 3, height // 8, 2 * width // 3, height // 2]
    ImageDraw.Draw(image).ellipse(box, fill=(200, 40, 40))
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The image as a file."""
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def a_photo(kind: str = "JPEG", **options: Any) -> bytes:
    """A good file of a kind."""
    return encoded(a_portrait(), kind, **options)


def a_sideways_photo() -> bytes:
    """As phones take it: lying on its side, with the way up, the place and a comment in its metadata."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right
    exif[0x010F] = "PLANTED-MAKER"
    exif.get_ifd(0x8825)[1] = "N"
    upright = a_portrait().transpose(Image.Transpose.ROTATE_90)
    return encoded(upright, "JPEG", exif=exif, comment=b"PLANTED-COMMENT")


def a_polyglot() -> bytes:
    """A picture that is an archive with a page in it, too."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("evil.html", "<script>alert(1)</script>")
    return encoded(a_portrait(), "JPEG", comment=b"<script>alert(1)</script>") + archive.getvalue()


def a_document() -> bytes:
    """A .docx, whatever its name."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("word/document.xml", "<w:document/>")
    return archive.getvalue()


def an_animation(kind: str = "PNG") -> bytes:
    """Two pictures in one file."""
    frames = [a_portrait(200, 200), Image.new("RGB", (200, 200), "green")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def a_bomb(side: int = 30_000) -> bytes:
    """A PNG of some kilobytes that says it is `side` times `side` points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )
