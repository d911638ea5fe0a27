"""docs/security.md stays true: every file and test that it names is there, and every row says what meets it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.architecture.source import ROOT
from zhiku.web.security import MAX_UPLOAD_BODY

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))
FILES = sorted(set(re.findall(r"`((?:zhiku|tests|templates|docs|scripts)/[\w./-]+\.\w+)(?:::\w+)?`", TEXT)))

#: Sections whose rows name the code and the test that meet them.
TABLES = ("Threats and what stops each", "GB/T 22239-2019 level 2", "Personal Information Protection Law")


def rows(heading: str) -> Iterator[list[str]]:
    """The rows of a section's table, as cells."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", FILES)
def test_every_file_that_it_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), TESTS, ids=lambda value: str(value))
def test_every_test_that_it_names_is_there(path: str, name: str) -> None:
    assert (ROOT / path).is_file() and name in names_in(path)


@pytest.mark.parametrize("heading", TABLES)
def test_every_row_names_what_meets_it_or_whose_duty_it_is(heading: str) -> None:
    found = list(rows(heading))
    assert len(found) >= 15
    for row in found:
        assert len(row) == 4, row
        code, test = row[2], row[3]
        if "operator" in test and "::" not in test:
            continue
        assert "`" in code and "::" in test, row


def test_it_speaks_of_the_clauses_and_articles_that_software_can_meet() -> None:
    clauses = " ".join(row[0] for row in rows(TABLES[1]))
    assert all(f"7.1.4.{number}" in clauses for number in range(1, 11))
    articles = {
        number for row in rows(TABLES[2]) for number in re.findall(r"\d+", re.split("[\u4e00-\u9fff]", row[0])[0])
    }
    assert {"6", "13", "15", "28", "29", "44", "45", "47", "51", "55", "56"} <= articles


def test_the_sample_of_nginx_sets_every_header_that_is_believed_and_adds_none() -> None:
    sample = OPERATIONS.split("```nginx", 1)[1].split("```", 1)[0]
    assert "X-Forwarded-For $proxy_add_x_forwarded_for" in sample and "X-Forwarded-Proto $scheme" in sample
    assert "X-Forwarded-Host $host" in sample and "Host $host" in sample and 'Forwarded ""' in sample
    assert "server_tokens off" in sample and "ssl_protocols TLSv1.2 TLSv1.3" in sample
    assert "add_header" not in sample and "return 301 https://" in sample
    (size,) = re.findall(r"client_max_body_size (\d+)m", sample)
    assert int(size) << 20 == MAX_UPLOAD_BODY
