"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import metadata

import pytest

from tests.architecture.source import PACKAGE, ROOT, TEMPLATES, modules, name_of, parsed, texts, tracked_files
from zhiku.persistence.outbox import WATCHED

#: A file that is longer holds two subjects.
MAX_BYTES = 24_000

_RAW_WRITE = re.compile(r"\s*(insert\s+into|update\s+\w+\s+set|delete\s+from|replace\s+into)\b", re.IGNORECASE)
_RAW_SQL = {"text", "exec_driver_sql"}
_CORE_WRITES = {"insert", "update", "delete"}


def test_only_whoosh3_gives_the_module_whoosh() -> None:
    # Three distributions give it (docs/adr/0002); a second one would overwrite files of the first.
    assert set(metadata.packages_distributions()["whoosh"]) == {"whoosh3"}


def test_no_file_holds_two_subjects() -> None:
    assert {name_of(path): path.stat().st_size for path in modules() if path.stat().st_size > MAX_BYTES} == {}


def test_only_config_reads_the_environment() -> None:
    readers = {name_of(path) for path in modules() if reads_environment(parsed(path))}
    assert readers == {"zhiku/config.py"}


def test_only_the_command_prints() -> None:
    printing = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules()
        if (PACKAGE / "cli") not in path.parents
        for node in calls_of(parsed(path), {"print", "pprint"})
    ]
    assert printing == []


def test_indexed_tables_are_written_row_by_row_only() -> None:
    names = {model.__name__ for model in WATCHED}
    found = [
        f"{name_of(path)}:{line}"
        for path in modules()
        if (PACKAGE / "migrations") not in path.parents
        for line in core_writes(parsed(path), names)
    ]
    assert found == [], "the outbox listener cannot see these writes: change rows through the session"


@pytest.mark.parametrize(
    "source",
    [
        "session.execute(update(Expert).values(name=''))",
        "session.execute(sqlalchemy.delete(Expert.__table__))",
        "connection.execute(Suggestion.__table__.insert())",
        "session.execute(text('UPDATE experts SET name = 1'))",
        "connection.exec_driver_sql('delete from honours')",
        "session.query(Expert).delete()",
        "session.bulk_insert_mappings(Expert, rows)",
    ],
)
def test_the_rule_on_indexed_tables_sees(source: str) -> None:
    assert list(core_writes(ast.parse(source), {"Expert", "Suggestion"})) == [1]


def test_pages_have_no_inline_script_or_style() -> None:
    # The Content-Security-Policy forbids them: the browser would leave them out without a word.
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)|<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE
    )
    found = [
        f"{name_of(path)}:{number}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if inline.search(line)
    ]
    assert found == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    # Put together here, so that this file does not hold what it looks for.
    homes = [r"/ho" r"me/\w", r"/ro" r"ot/", r"/Us" r"ers/\w", r"[A-Z]:\\+Us" r"ers", r"/wo" r"rk/(?!flows)"]
    hosts = ["py" r"pi\.org", "pythonhos" r"ted\.org", "registry" r"\.npm", "npm" r"mirror\.", "crates" r"\.io"]
    hosts += ["maven" r"\.org", "tuna" r"\.tsinghua", "mirrors" r"\.\w+\.(com|cn|edu)", "deb" r"\.debian\.org"]
    forbidden = re.compile("|".join([*homes, *hosts]))
    found = [
        f"{name}:{number}: {match.group()}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if (match := forbidden.search(line))
    ]
    assert found == []


def test_there_is_no_lock_file() -> None:
    locks = {
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "poetry.lock",
        "uv.lock",
        "Pipfile.lock",
        "pdm.lock",
    }
    assert [name_of(path) for path in tracked_files() if path.name in locks] == []


def test_scripts_parse_before_they_have_looked_at_the_version() -> None:
    for name in ("demo.py", "test.py", "_old_python.py"):
        text = (ROOT / "scripts" / name).read_text(encoding="utf-8")
        ast.parse(text, name, feature_version=(3, 6))
        assert "from __future__" not in text, f"{name}: Python 3.6 refuses some of these"


def reads_environment(tree: ast.Module) -> bool:
    """Whether it uses os.environ, os.getenv and the like."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names and getattr(node.value, "id", "") == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(tree)
    )


def calls_of(tree: ast.Module, names: set[str]) -> Iterator[ast.Call]:
    """Calls of a function or method of one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in names:
            yield node


def core_writes(tree: ast.Module, watched: set[str]) -> Iterator[int]:
    """Lines that write to watched models or tables past the unit of work, or that write by raw SQL at all."""
    for call in calls_of(tree, _RAW_SQL):
        if call.args and isinstance(call.args[0], ast.Constant) and _RAW_WRITE.match(str(call.args[0].value)):
            yield call.lineno
    for call in calls_of(tree, {"bulk_insert_mappings", "bulk_update_mappings", "bulk_save_objects"}):
        yield call.lineno
    for call in calls_of(tree, _CORE_WRITES):
        # update(Expert), Expert.__table__.insert(), query(Expert).delete(); a dict's update() names none of them.
        parts = [*call.args, call.func]
        if any(getattr(node, "id", "") in watched for part in parts for node in ast.walk(part)):
            yield call.lineno
