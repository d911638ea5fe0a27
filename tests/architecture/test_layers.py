"""Data flows one way: the contracts of setup.cfg hold, and every package has its place in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, lines_of, settings

#: Top first, as it is drawn in docs/adr/0001.
LAYERS = ["web | cli", "bootstrap", "services | engines | persistence", "search", "domain | analysis", "config"]

#: Packages without a layer: data files, and the migrations, which bootstrap runs.
WITHOUT_LAYER = {"demo", "migrations", "reference", "static"}

CONTRACTS = {
    "Data flows one way",
    "Flask only in web",
    "Whoosh only in engines",
    "Chinese text is known in analysis only",
    "Contact data is read by its own service only",
    "Identity numbers, health and hardship are read by their own service only",
}


def test_every_contract_is_kept() -> None:
    # In a process of its own: import-linter sets up logging, which would silence the loggers of later tests.
    call = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports('setup.cfg', no_cache=True))"
    result = subprocess.run([sys.executable, "-c", call], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_layers_are_those_of_the_design() -> None:
    layers = [layer.replace("zhiku.", "") for layer in lines_of("importlinter:contract:layers", "layers")]
    assert layers == LAYERS


def test_no_contract_was_dropped() -> None:
    config = settings()
    names = {config[section]["name"] for section in config.sections() if section.startswith("importlinter:contract:")}
    assert names >= CONTRACTS


def test_every_package_has_a_layer() -> None:
    in_layers = {name.strip() for layer in LAYERS for name in layer.split("|")}
    assert top_level_names(PACKAGE) - WITHOUT_LAYER == in_layers


@pytest.mark.parametrize("contract", ["flask", "engine", "chinese"])
def test_a_forbidding_contract_names_every_other_layer(contract: str) -> None:
    allowed = {"flask": {"web"}, "engine": {"engines"}, "chinese": {"analysis"}}[contract]
    named = {name.removeprefix("zhiku.") for name in lines_of(f"importlinter:contract:{contract}", "source_modules")}
    # Flask may be reached from bootstrap only if somebody makes it so; cli starts the pages but knows no Flask either.
    missing = top_level_names(PACKAGE) - WITHOUT_LAYER - allowed - named
    assert missing <= {"bootstrap"} and named.isdisjoint(allowed)


def top_level_names(package: Path) -> set[str]:
    """Modules and packages directly in zhiku."""
    files = {path.stem for path in package.glob("*.py")} - {"__init__"}
    return files | {path.name for path in package.iterdir() if (path / "__init__.py").is_file()}
