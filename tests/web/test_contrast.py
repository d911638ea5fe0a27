"""Contrast of every pair of text and ground, computed from the design tokens (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import zhiku

CSS = Path(zhiku.__file__).parent / "static" / "css"
TOKENS = dict(re.findall(r"--zk-([a-z0-9-]+):\s*(#[0-9a-f]{6});", (CSS / "tokens.css").read_text(encoding="utf-8")))

#: Text on ground, as zhiku.css puts them together.
TEXT_PAIRS = [
    *[
        (ink, ground)
        for ink in ("ink", "ink-soft", "teal-700", "teal-900", "bad")
        for ground in ("paper", "card", "sunk")
    ],
    *[("ink", ground) for ground in ("mark", "teal-50", "teal-100")],
    ("ink-soft", "teal-50"),
    ("ink-soft", "teal-100"),
    *[("teal-800", ground) for ground in ("card", "paper", "teal-50", "teal-100")],
    ("persimmon-700", "card"),
    ("persimmon-700", "paper"),
    ("persimmon-700", "persimmon-100"),
    *[("on-teal", ground) for ground in ("teal-700", "teal-800", "teal-900")],
    *[("on-teal-soft", ground) for ground in ("teal-700", "teal-800", "teal-900")],
    ("gold", "teal-700"),
    ("teal-900", "on-teal"),
    ("on-persimmon", "persimmon-600"),
    ("on-persimmon", "persimmon-700"),
    ("good", "good-ground"),
    ("caution", "caution-ground"),
    ("quiet", "quiet-ground"),
    ("bad", "bad-ground"),
]

#: Outlines, borders of fields and icons that carry meaning, against their ground.
SHAPE_PAIRS = [
    ("line-strong", "card"),
    ("teal-600", "card"),
    ("teal-600", "paper"),
    ("focus", "card"),
    ("focus", "paper"),
    ("focus", "sunk"),
    ("focus-on-teal", "teal-900"),
    ("focus-on-teal", "teal-700"),
    ("bad", "card"),
    ("good", "card"),
    ("caution", "card"),
    ("gold", "teal-900"),
]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(TOKENS[one]), _luminance(TOKENS[other])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_can_be_read(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize(("shape", "ground"), SHAPE_PAIRS)
def test_shapes_can_be_seen(shape: str, ground: str) -> None:
    assert contrast(shape, ground) >= 3.0


def test_colours_are_named_in_the_tokens_only() -> None:
    style = (CSS / "zhiku.css").read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", style) == []


def test_every_token_that_is_used_exists_and_every_colour_is_used() -> None:
    style = (CSS / "zhiku.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--zk-([a-z0-9-]+)\)", style))
    defined = set(re.findall(r"--zk-([a-z0-9-]+):", (CSS / "tokens.css").read_text(encoding="utf-8")))
    assert used - defined == set()
    assert set(TOKENS) - used == set()


def test_text_pairs_cover_every_text_colour() -> None:
    style = (CSS / "zhiku.css").read_text(encoding="utf-8")
    inks = set(re.findall(r"(?<![-a-z])color: var\(--zk-([a-z0-9-]+)\)", style))
    assert inks - {pair[0] for pair in TEXT_PAIRS} - {pair[0] for pair in SHAPE_PAIRS} == set()
