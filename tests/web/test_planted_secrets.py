"""Unique values in every sensitive field, and then none of them anywhere: no page of any role, no answer of the API, no
export, no log, no file of the index, the cache or the database."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.routing.converters import AnyConverter, NumberConverter, PathConverter

from tests.unit.askers import signed_in
from tests.web.county import settings_in
from tests.web.signing_in import account_of, browser_of
from zhiku.bootstrap import Zhiku, configure_logging
from zhiku.cli.audit import audit_group
from zhiku.cli.export import export_group
from zhiku.cli.search import search_command
from zhiku.domain.accounts import Account, LiaisonAssignment, SignInKind
from zhiku.domain.base import begin_writing
from zhiku.domain.consents import ConsentForm, ConsentPurpose
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import FOR_TOKENS, Role
from zhiku.services import contacts
from zhiku.services.passwords import Passwords
from zhiku.services.reveals import RevealPurpose
from zhiku.services.sensitive import SensitiveKind
from zhiku.services.suggestion_intake import SuggestionDraft, new_submission_key
from zhiku.web.app import create_app

#: Field -> what is planted there.
TYPED = {
    "contact of an expert": "13755508801",
    "contact of an author": "13755508802",
    "identity number": "11010519491231002X",
    "health": "帕金森震颤三期",
    "hardship": "欠债三万独居无依",
    "second factor": "JBSWY3DPEHPK3PXQ",
    "password": "correct-horse-zeugma-9",
}

#: What somebody searches for must not be in a log, either.
SEARCHED = "坼坝岭漏水找谁"


@dataclass
class Planted:
    """An installation with secrets in it."""

    zhiku: Zhiku
    app: Flask
    #: What was logged from the start on, at DEBUG.
    log: io.StringIO
    #: Field -> value, those that the program made among them.
    secrets: dict[str, str] = field(default_factory=dict)

    def in_clear(self, place: str, content: bytes) -> set[str]:
        """The fields whose values stand in a content, in any form in which a program would write them."""
        return {
            f"{name} in {place}"
            for name, value in self.secrets.items()
            if any(form in content for form in forms_of(value))
        }


def forms_of(value: str) -> set[bytes]:
    """A value as text, in UTF-16, in JSON, HTML, an address, Base64."""
    written = {value, json.dumps(value)[1:-1], html.escape(value), quote(value)}
    coded = {base64.b64encode(value.encode()).rstrip(b"="), value.encode("utf-16-le"), value.encode("utf-16-be")}
    return {one.encode() for one in written} | coded


@pytest.fixture
def planted(county_home: Path, tmp_path: Path) -> Iterator[Planted]:
    home = tmp_path / "home"
    shutil.copytree(county_home, home)
    level_of_alembic = logging.getLogger("alembic").level
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    configure_logging("DEBUG")
    zhiku = Zhiku.open(settings_in(home))
    made = Planted(zhiku, create_app(zhiku), log, dict(TYPED))
    plant(made)
    zhiku.indexing.drain()
    zhiku.indexing.rebuild()
    yield made
    zhiku.close()
    root.removeHandler(handler)
    root.setLevel(before)
    logging.getLogger("alembic").setLevel(level_of_alembic)


def plant(made: Planted) -> None:
    """Write every sensitive field, by the services wherever there is one, and look at what can be looked at."""
    zhiku, secrets = made.zhiku, made.secrets
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        liaison = session.get_one(Account, account_of(zhiku, Role.LIAISON))
        bureau = session.get_one(Account, account_of(zhiku, Role.BUREAU))
        bureau.totp_secret = secrets["second factor"]
        bureau.password_hash = Passwords().hash(secrets["password"])
        session.add(LiaisonAssignment(account_id=liaison.id, expert_id=1, began_at=zhiku.clock()))
        contacts.add(session, contacts.SUGGESTION, 1, secrets["contact of an author"], zhiku.clock())
        clerk, officer = signed_in(bureau), signed_in(liaison)
    for purpose in ConsentPurpose:
        zhiku.consents.grant(clerk, 1, purpose, ConsentForm.PAPER, date(2026, 5, 4))
    for kind, name in (
        (SensitiveKind.CONTACT, "contact of an expert"),
        (SensitiveKind.IDENTITY, "identity number"),
        (SensitiveKind.HEALTH, "health"),
        (SensitiveKind.HARDSHIP, "hardship"),
    ):
        zhiku.sensitive.record(clerk, 1, kind, secrets[name])
        assert secrets[name] in zhiku.sensitive.reveal(clerk, 1, kind, RevealPurpose.VISIT, "重阳节走访慰问").values
    assert list(zhiku.person_exports.export(clerk, 1, RevealPurpose.OTHER, "本人书面申请").chunks)
    secrets["entry code"] = zhiku.entry_codes.issue(1, officer).code
    secrets["token of the API"] = zhiku.api_tokens.issue("别的系统", FOR_TOKENS, "430725").secret
    secrets["token of a sign-in"] = zhiku.sign_ins.begin(clerk.account_id, SignInKind.PASSWORD, "10.0.0.9", "Firefox")
    draft = SuggestionDraft(
        "王大爷", "13755508803", "村口要装路灯", "夜里摔过三个人了。", "先装十盏太阳能路灯。", new_submission_key()
    )
    secrets["contact with a suggestion"] = draft.contact
    secrets["code of a suggestion"] = zhiku.suggestion_intake.submit(draft).code or ""
    assert all(len(value) > 5 for value in secrets.values())


def addresses(app: Flask, rule: Rule) -> Iterator[str]:
    """Addresses of a rule that lead to the person, the suggestions and the accounts with secrets."""
    choices: list[tuple[str, list[object]]] = []
    for name, converter in rule._converters.items():
        if isinstance(converter, NumberConverter):
            choices.append((name, [1, 2, 5]))
        elif isinstance(converter, AnyConverter):
            choices.append((name, sorted(converter.items)))
        elif isinstance(converter, PathConverter):
            choices.append((name, ["css/zhiku.css"]))
        else:
            choices.append((name, ["2026-0001", "2026-0009"]))
    combined: list[dict[str, object]] = [{}]
    for name, values in choices:
        combined = [known | {name: value} for known in combined for value in values]
    with app.test_request_context():
        for values in combined:
            yield app.url_for(rule.endpoint, **values)


def all_pages(app: Flask) -> list[str]:
    """Every address that can be read, and searches for what is planted."""
    found = [
        address
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set()) and rule.endpoint != "static"
        for address in addresses(app, rule)
    ]
    words = ("曾繁柑", "黄龙病", "路灯", "水库", SEARCHED)
    return found + [
        f"{path}?q={quote(word)}"
        for path in ("/experts", "/suggestions", "/api/v1/experts", "/api/complete", "/experts/records")
        for word in words
    ]


def pages_of(made: Planted, client: FlaskClient, who: str, headers: Mapping[str, str] | None = None) -> set[str]:
    found: set[str] = set()
    for address in all_pages(made.app):
        answer = client.get(address, headers=headers)
        assert answer.status_code < 500, f"{address} for {who}"
        found |= made.in_clear(f"{address} for {who}", answer.data + str(answer.headers).encode())
    return found


def files_of(made: Planted) -> set[str]:
    found: set[str] = set()
    for path in sorted(made.zhiku.settings.home.rglob("*")):
        if path.is_file() and path != made.zhiku.settings.data_keys_file:
            found |= made.in_clear(path.relative_to(made.zhiku.settings.home).as_posix(), path.read_bytes())
    return found


def exports_of(made: Planted, folder: Path) -> set[str]:
    found: set[str] = set()
    runner = CliRunner()
    for kind in ("experts", "suggestions", "services", "departments"):
        result = runner.invoke(export_group, [kind, str(folder / f"{kind}.xlsx")], obj=made.zhiku)
        assert result.exit_code == 0, result.output
        found |= made.in_clear(f"export {kind} on the screen", result.output.encode())
    for name in ("audit.csv", "audit.xlsx"):
        result = runner.invoke(audit_group, ["export", str(folder / name)], obj=made.zhiku)
        assert result.exit_code == 0, result.output
    written = sorted(path for path in folder.iterdir() if path.is_file())
    assert len(written) == 6
    for path in written:
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            archive = zipfile.ZipFile(path)
            content = b"".join(archive.read(name) for name in archive.namelist())
            # Where lxml is installed, what is no ASCII stands there as &#29420;.
            content += html.unescape(content.decode("utf-8", "replace")).encode()
        assert len(content) > 100
        found |= made.in_clear(path.name, content)
    return found


def commands_of(made: Planted) -> set[str]:
    found: set[str] = set()
    for query in ("曾繁柑", "黄龙病", "水库", "13755508801", "帕金森震颤三期"):
        output = CliRunner().invoke(search_command, [query], obj=made.zhiku, catch_exceptions=False).output
        # What was asked for is said again.
        found |= made.in_clear(f"zhiku search {query}", output.replace(query, "").encode())
    return found


@pytest.mark.slow
def test_no_secret_is_anywhere_but_in_its_encrypted_column(planted: Planted, tmp_path: Path) -> None:
    found: set[str] = set()
    token = planted.secrets["token of the API"]
    askers: list[tuple[str, FlaskClient, dict[str, str]]] = [("a visitor", planted.app.test_client(), {})]
    askers += [(role.value, browser_of(planted.app, role), {}) for role in Role]
    askers.append(("a program", planted.app.test_client(), {"Authorization": f"Bearer {token}"}))
    for who, client, headers in askers:
        found |= pages_of(planted, client, who, headers)
    (tmp_path / "exports").mkdir()
    found |= exports_of(planted, tmp_path / "exports")
    found |= commands_of(planted)
    found |= files_of(planted)
    logged = planted.log.getvalue()
    assert "rebuilt the index" in logged and "DEBUG" in logging.getLevelName(logging.getLogger().level)
    found |= planted.in_clear("the log", logged.encode())
    assert found == set()
    assert SEARCHED not in logged and "曾繁柑" not in logged


def test_a_secret_in_an_ordinary_text_would_be_found(planted: Planted, tmp_path: Path) -> None:
    """The test above can fail: the same value, planted in a summary, is on pages, in exports, in files."""
    secret = planted.secrets["hardship"]
    with planted.zhiku.sessions.begin() as session:
        begin_writing(session)
        expert = session.get_one(Expert, 1)
        expert.summary = f"{expert.summary}家里{secret}。"
    planted.zhiku.indexing.rebuild()
    (tmp_path / "exports").mkdir()
    client = browser_of(planted.app, Role.DEPARTMENT)
    assert planted.in_clear("", client.get("/experts/1").data) == {"hardship in "}
    assert "hardship in experts.xlsx" in exports_of(planted, tmp_path / "exports")
    places = {place.split(" in ")[1].split("/")[0] for place in files_of(planted)}
    assert "index" in places and any(place.startswith("zhiku.db") for place in places)
    output = CliRunner().invoke(search_command, ["独居无依"], obj=planted.zhiku, catch_exceptions=False).output
    assert "曾繁柑" in output


def test_nobody_is_found_by_what_is_planted(planted: Planted) -> None:
    for name, value in planted.secrets.items():
        for query in {value, value[-4:]}:
            people = [one for one in planted.zhiku.expert_search.search(query).people if not one.is_near]
            assert people == [], name
            suggestions = planted.zhiku.suggestion_search.search(query)
            assert not [hit for hit in suggestions.suggestions if value in str(hit)], name
