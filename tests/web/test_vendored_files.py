"""What is served from static/vendor/ is what npm published."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
from pathlib import Path

import zhiku

VENDOR = Path(zhiku.__file__).parent / "static" / "vendor"
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "vendor_static.py"


def test_every_vendored_file_has_the_digest_of_the_manifest() -> None:
    packages = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["packages"]
    listed = {
        f"{name}/{path}": digest for name, package in packages.items() for path, digest in package["sha256"].items()
    }
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == listed


def test_the_manifest_has_the_versions_that_the_script_takes() -> None:
    packages = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["packages"]
    script = runpy.run_path(str(SCRIPT))
    taken = {package.name: (package.version, package.integrity) for package in script["PACKAGES"]}
    assert {name: (package["version"], package["integrity"]) for name, package in packages.items()} == taken


def test_every_vendored_package_carries_its_licence() -> None:
    for folder in (path for path in VENDOR.iterdir() if path.is_dir()):
        assert "MIT" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_icons_that_templates_name_exist() -> None:
    style = (VENDOR / "bootstrap-icons" / "bootstrap-icons.min.css").read_text(encoding="utf-8")
    templates = SCRIPT.parents[1] / "templates"
    text = "\n".join(path.read_text(encoding="utf-8") for path in templates.rglob("*.html"))
    named = set(re.findall(r"\bbi-([a-z][a-z0-9-]*[a-z0-9])", text))
    assert named and [name for name in sorted(named) if f".bi-{name}::before" not in style] == []
