"""What a user reads in Chinese has Chinese punctuation."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.source import TEMPLATES, modules, name_of, parsed, shown_strings

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
#: Half-width punctuation next to a Chinese character, or to Chinese quotes. A full stop may be a file's extension.
_HALF_WIDTH = re.compile(rf"[{_HAN}”》）][,:;!?()]|[,:;!?()][{_HAN}“《（]")
#: A colon of Chinese where a machine reads: between host and port, in an address, in a time.
_IN_ADDRESS = re.compile(r"https?：|\d：\d|\ufffc：\ufffc/")

_JINJA = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def problems(text: str) -> list[str]:
    """The places that are wrong, with a little of what stands around them."""
    return [
        text[max(0, match.start() - 8) : match.end() + 8]
        for pattern in (_HALF_WIDTH, _IN_ADDRESS)
        for match in pattern.finditer(text)
    ]


def test_strings_in_the_code() -> None:
    found = [
        f"{name_of(path)}:{line}: {place}"
        for path in modules()
        for line, text in shown_strings(parsed(path))
        for place in problems(text)
    ]
    assert found == []


def test_pages() -> None:
    found = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = _JINJA.sub("\ufffc", path.read_text(encoding="utf-8"))
        attributes = re.findall(r"=\"([^\"]*)\"", text)
        found += [
            f"{name_of(path)}: {place}" for part in (_TAG.sub("\ufffc", text), *attributes) for place in problems(part)
        ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["一致时为 0,不一致为 3", "姓名(必填)", "请看(附件)", "用时:三秒", "http：//127.0.0.1", "在 127：8000"]
)
def test_the_rule_sees(text: str) -> None:
    assert problems(text)


def test_the_rule_reads_what_click_shows_and_not_what_engineers_read() -> None:
    tree = ast.parse('"""错,误"""\n@command\ndef f():\n    """对，的"""\ndef g():\n    """不,看"""\nx = f"共 {n} 位"\n')
    assert {text for _, text in shown_strings(tree)} == {"对，的", "共 \ufffc 位"}
