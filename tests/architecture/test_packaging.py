"""The wheel and the sdist: whole, built without a warning, and running where there is no checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, TEMPLATES, lines_of, name_of, tracked_files

#: What a build needs of the checkout.
SOURCES = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE")
FOLDERS = ("zhiku", "templates", "docs", "scripts", "tests", "index")

#: Where a wheel has the folder of the checkout.
IN_WHEEL = {"templates/": "zhiku/templates/"}

PROBLEM = "水库大坝渗水"


@dataclass(frozen=True)
class Built:
    """What one build made, and what it said."""

    wheel: Path
    sdist: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel built from it, as a publisher would make them."""
    folder = tmp_path_factory.mktemp("build")
    copy_sources(folder / "source")
    said = build(folder / "source", folder / "dist")
    return Built(next((folder / "dist").glob("*.whl")), next((folder / "dist").glob("*.tar.gz")), said)


def copy_sources(target: Path) -> None:
    """The files of the checkout without what is generated; building in the checkout would leave a build/ there."""
    for path in tracked_files():
        name = path.relative_to(ROOT)
        if name.parts[0] in FOLDERS or name.as_posix() in SOURCES:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def build(source: Path, out: Path, *arguments: str) -> str:
    """Build without isolation, so that no network is needed; everything it printed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-W", "default", "-m", "build", "--no-isolation", "--outdir", str(out), *arguments]
    result = subprocess.run(
        [*command, str(source)], capture_output=True, encoding="utf-8", errors="replace", env=env, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_every_package_directory_is_listed() -> None:
    found = {name_of(path.parent).replace("/", ".") for path in PACKAGE.rglob("*.py")}
    assert set(lines_of("options", "packages")) == found | {"zhiku.templates"}


def test_every_package_directory_says_what_it_is_for() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), name_of(folder)


@pytest.mark.slow
def test_everything_of_the_checkout_is_in_the_wheel(built: Built) -> None:
    ours = {name_of(path) for path in tracked_files() if PACKAGE in path.parents or TEMPLATES in path.parents}
    hidden = {name for name in ours if name.rpartition("/")[2].startswith(".")}
    expected = {
        name.replace("templates/", "zhiku/templates/", 1) if name.startswith("templates/") else name
        for name in ours - hidden
    }
    shipped = {name for name in names_in(built.wheel) if ".dist-info/" not in name}
    assert expected - shipped == set(), "not in the wheel: see [options.package_data] in setup.cfg"
    assert shipped - expected == set(), "in the wheel, but not ours"


@pytest.mark.slow
def test_the_licences_are_in_the_wheel(built: Built) -> None:
    licences = {name.partition("/licenses/")[2] for name in names_in(built.wheel) if "/licenses/" in name}
    assert licences == {"LICENSE"} | {name_of(path) for path in (PACKAGE / "static/vendor").rglob("LICENSE")}


@pytest.mark.slow
def test_the_build_has_nothing_to_complain_about(built: Built) -> None:
    complaints = [line for line in built.said.splitlines() if re.search(r"warning|deprecat|!!", line, re.IGNORECASE)]
    assert complaints == []


@pytest.mark.slow
def test_the_sdist_is_whole_and_gives_the_same_wheel(built: Built, tmp_path: Path) -> None:
    copy_sources(tmp_path / "source")
    ours = {
        path.relative_to(tmp_path / "source").as_posix() for path in (tmp_path / "source").rglob("*") if path.is_file()
    }
    build(tmp_path / "source", tmp_path / "direct", "--wheel")
    direct = next((tmp_path / "direct").glob("*.whl"))
    with zipfile.ZipFile(direct) as one, zipfile.ZipFile(built.wheel) as other:
        assert {info.filename: info.CRC for info in one.infolist()} == {
            info.filename: info.CRC for info in other.infolist()
        }
    with tarfile.open(built.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in ours - inside if "/." not in name} == set()


@pytest.mark.slow
def test_the_wheel_runs_outside_the_checkout(built: Built, tmp_path: Path) -> None:
    python = install(built.wheel, tmp_path / "venv")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ZHIKU_", "PYTHON"))}
    env |= {"ZHIKU_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1"}

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [str(python), *arguments], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    where = run("-c", "import zhiku; print(zhiku.__file__)")
    assert (tmp_path / "venv").resolve() in Path(where.strip()).resolve().parents
    zhiku = ("-m", "zhiku.cli.main")
    run(*zhiku, "db", "init")
    run(*zhiku, "demo", "load")
    run(*zhiku, "index", "rebuild")
    assert "1. " in run(*zhiku, "search", PROBLEM)
    assert (tmp_path / "home" / "index" / "CURRENT").is_file()
    page = run("-c", PAGE, PROBLEM)
    assert page.splitlines()[0] == "200 200 200"
    assert "专家" in page


#: Signs somebody in, and asks for a page of results, and for a style sheet that it links to.
PAGE = """
import sys
from zhiku.domain.base import begin_writing
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.domain.accounts import Account, SignInKind
from zhiku.domain.permissions import Role
from zhiku.web import sessions
from zhiku.web.app import create_app
zhiku = Zhiku.open(Settings.from_env())
with zhiku.sessions.begin() as session:
    begin_writing(session)
    now = zhiku.clock()
    account = Account(name="clerk", role=Role.BUREAU, division_prefix="", created_at=now, updated_at=now)
    session.add(account)
    session.flush()
    number = account.id
with_pages = create_app(zhiku).test_client()
with with_pages.session_transaction() as cookie:
    cookie[sessions.TOKEN] = zhiku.sign_ins.begin(number, SignInKind.PASSWORD)
home = with_pages.get("/")
page = with_pages.get("/experts", query_string={"q": sys.argv[1]})
style = with_pages.get("/static/vendor/bootstrap/bootstrap.min.css")
print(home.status_code, page.status_code, style.status_code)
print(page.get_data(as_text=True))
"""


def install(wheel: Path, folder: Path) -> Path:
    """A new environment with the wheel, and with the dependencies of this one: no network, and no checkout.

    A folder named in a .pth file is searched for modules, but its own .pth files, such as that of the editable
    installation, are not read.
    """
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    python = Path(sysconfig.get_path("scripts", "venv", paths)) / ("python.exe" if os.name == "nt" else "python")
    library = Path(sysconfig.get_path("purelib", "venv", paths))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            str(wheel),
        ],
        check=True,
    )
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python
