"""The project's own files, as the architecture tests read them."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "zhiku"
TEMPLATES = ROOT / "templates"

#: What only a regular expression has.
_PATTERN_CLASS = re.compile(r"\\[sdwSDW]")

#: Folders that a checkout has and git has not; for a copy without git.
_NOT_OURS = {".git", ".venv", "var", "build", "dist", "reports", "node_modules"}


def modules() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """The path from the root of the checkout, with slashes."""
    return path.relative_to(ROOT).as_posix()


def settings() -> configparser.ConfigParser:
    """setup.cfg."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines_of(section: str, option: str) -> list[str]:
    """A list in setup.cfg, one value a line."""
    return [line.strip() for line in settings()[section][option].splitlines() if line.strip()]


def tracked_files() -> list[Path]:
    """The files that are committed or are about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout
        found = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        found = [path for path in ROOT.rglob("*") if not _NOT_OURS & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def texts() -> Iterator[tuple[str, str]]:
    """`(path, content)` of every committed text file but the vendored ones, which are other people's."""
    for path in tracked_files():
        if "vendor" in path.relative_to(ROOT).parts:
            continue
        try:
            yield name_of(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def shown_strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """`(line, text)` of string literals a user may see: no docstrings, no (parts of) regular expressions.

    An f-string comes as one text, its replaced parts as U+FFFC each.
    """
    hidden = {id(node) for node in _docstrings_and_patterns(tree)}
    for line, text in _literals(tree, hidden):
        if not _PATTERN_CLASS.search(text):
            yield line, text


def _literals(tree: ast.Module, hidden: set[int]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            hidden.update(id(value) for value in node.values)
            if id(node) not in hidden:
                yield node.lineno, "".join(
                    str(value.value) if isinstance(value, ast.Constant) else "\ufffc" for value in node.values
                )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            yield node.lineno, node.value


def _docstrings_and_patterns(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # A function of click shows its docstring to the user (`--help`), so only the others' are hidden.
            if not getattr(node, "decorator_list", None) and node.body and isinstance(node.body[0], ast.Expr):
                yield node.body[0].value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
                for argument in node.args[:1]:
                    yield argument
                    yield from ast.walk(argument)
