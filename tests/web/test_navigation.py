"""The ways of the header and of the home page: each role sees those that open for it, and every one of them opens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from zhiku.domain.permissions import Role

LABELS = {
    Role.DEPARTMENT: ["找专家", "看建议", "提建议", "查进度"],
    Role.RETIREE: ["我的", "提建议", "查进度"],
    Role.LIAISON: ["找专家", "看建议", "提建议", "查进度", "我联系的", "人员资料"],
    Role.BUREAU: ["找专家", "看建议", "提建议", "查进度", "人员资料", "检索用词", "联络员"],
    Role.LEADER: ["找专家", "看建议", "提建议", "查进度"],
    Role.ADMINISTRATOR: ["账号", "令牌", "审计"],
}


def ways(page: str) -> dict[str, str]:
    """Label -> address of the header's ways."""
    header = page[page.index('<nav class="site-nav') : page.index("</nav>")]
    return {label: address for address, label in re.findall(r'<a href="([^"]+)"[^>]*><i[^>]*></i>([^<]+)</a>', header)}


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_ways_and_all_of_them_open(signed_in_as: Callable[[Role], FlaskClient], role: Role) -> None:
    client = signed_in_as(role)
    home = client.get("/").text
    assert sorted(ways(home)) == sorted(LABELS[role])
    assert f"{role.label}账号" in home
    # A retiree has no password to come in again with: the button is on the page of their devices, behind their name.
    assert ("退出" in home) == role.is_staff
    for address in ways(home).values():
        assert client.get(address).status_code == 200, address
    for address in re.findall(r'<a class="door[^"]*" href="([^"]+)"', home):
        assert client.get(address).status_code == 200, address


def test_a_visitor_sees_what_is_public_and_where_to_sign_in(visitor: FlaskClient) -> None:
    home = visitor.get("/").text
    assert list(ways(home)) == ["提建议", "查进度"]
    assert 'href="/sign-in"' in home and 'href="/in"' in home and "退出" not in home
    assert 'name="q"' not in home and "按领域浏览" not in home
    for page in ("/", "/about", "/nowhere"):
        for address in re.findall(r'<a[^>]* href="(/[^"#]*)"', visitor.get(page).text):
            if not address.startswith("/static"):
                assert visitor.get(address).status_code == 200, (page, address)


def test_an_address_that_there_is_not_keeps_the_header_of_who_asks(signed_in_as: Callable[[Role], FlaskClient]) -> None:
    answer = signed_in_as(Role.LEADER).get("/nowhere")
    assert answer.status_code == 404 and "退出" in answer.text and "找专家" in ways(answer.text)


def test_signing_out_by_the_header_ends_it(signed_in_as: Callable[[Role], FlaskClient]) -> None:
    client = signed_in_as(Role.LEADER)
    home = client.get("/").text
    (token,) = re.findall(r'action="/sign-out">\s*<input type="hidden" name="csrf_token" value="([^"]+)"', home)
    assert client.post("/sign-out").status_code == 403, "a stranger's site cannot"
    assert client.get("/experts").status_code == 200
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert client.get("/experts").status_code == 303
