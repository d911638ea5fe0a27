"""Take Bootstrap and its icons from npm into zhiku/static/vendor/, for a new version of them.

Needs `npm`; only who changes the versions below runs this. The files it writes are committed, since a user's machine
has only Python. Each package is refused unless it has exactly the digest written here.

    python scripts/vendor_static.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR_DIR = Path(__file__).resolve().parents[1] / "zhiku" / "static" / "vendor"
MANIFEST = VENDOR_DIR / "manifest.json"


@dataclass(frozen=True)
class VendoredPackage:
    """An npm package, the digest its archive must have (as `npm view NAME dist.integrity` says) and what we take."""

    name: str
    version: str
    integrity: str
    #: Path in the archive, below `package/` -> path below vendor/<name>/.
    files: dict[str, str]


PACKAGES = (
    VendoredPackage(
        "bootstrap",
        "5.3.9",
        "sha512-20cU0rcfw8WdxtVbmfU+xT2EjvVTw9Ror/h1Qvd7DXCujRg8OO9mdBCsmTHdJFf3BuadmBNJtgIuUXsBqSkk/w==",
        {"dist/css/bootstrap.min.css": "bootstrap.min.css", "LICENSE": "LICENSE"},
    ),
    VendoredPackage(
        "bootstrap-icons",
        "1.13.2",
        "sha512-fAU1Ly3dH7hwRg+CB8EZ0Vl0fF80zgXHeUVJyfUOKzoURr+TbwISbCW5tKUoQLERaWYG2emTCybcPbD96hdD1A==",
        {
            "font/bootstrap-icons.min.css": "bootstrap-icons.min.css",
            # Every browser of the last ten years reads woff2; the woff file is twice as big.
            "font/fonts/bootstrap-icons.woff2": "fonts/bootstrap-icons.woff2",
            "LICENSE": "LICENSE",
        },
    ),
)


def main() -> int:
    """Fetch, check and copy; the old vendor folder is replaced only when every package is right."""
    npm = shutil.which("npm")
    if npm is None:
        print("vendor_static: npm is not installed here", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "vendor"
        packages = {package.name: take(package, npm, Path(folder), fresh) for package in PACKAGES}
        if VENDOR_DIR.exists():
            shutil.rmtree(VENDOR_DIR)
        shutil.copytree(fresh, VENDOR_DIR)
    MANIFEST.write_text(json.dumps({"packages": packages}, indent=2) + "\n", encoding="utf-8", newline="\n")
    print(f"{MANIFEST} written")
    return 0


def take(package: VendoredPackage, npm: str, folder: Path, target: Path) -> dict[str, object]:
    """Fetch one package and copy its files to `target/<name>`; returns its entry of the manifest."""
    subprocess.run([npm, "pack", "--silent", f"{package.name}@{package.version}"], cwd=folder, check=True)
    archive = folder / f"{package.name}-{package.version}.tgz"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if integrity != package.integrity:
        raise SystemExit(f"vendor_static: {archive.name} is {integrity}, expected {package.integrity}")
    digests: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for source, name in package.files.items():
            member = tar.extractfile(f"package/{source}")
            if member is None:
                raise SystemExit(f"vendor_static: {archive.name} has no file {source}")
            content = member.read()
            path = target / package.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            digests[name] = hashlib.sha256(content).hexdigest()
    return {"version": package.version, "integrity": integrity, "sha256": digests}


if __name__ == "__main__":
    raise SystemExit(main())
