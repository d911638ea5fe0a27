"""The county's own synonyms and words: what may be stored, what acts at once, what waits for a rebuild."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests import factories
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.domain.base import begin_writing
from zhiku.domain.lexicon import EntryNotAcceptable, LexiconFull
from zhiku.services import lexicon as lexicon_service
from zhiku.services import lexicon_files
from zhiku.services.importing import UnusableFile
from zhiku.services.lexicon import GroupChanged, GroupGone, LexiconBusy, split_members
from zhiku.services.lexicon_files import NotExported, export_lexicon, import_groups, import_words
from zhiku.services.live_lexicon import FRESH_SECONDS, LiveSynonyms


def opened_in(home: Path) -> Zhiku:
    return Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home)}))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who files say strengthened reservoirs, and an index; tests work on copies."""
    home = tmp_path_factory.mktemp("prepared")
    opened = opened_in(home)
    opened.prepare_database()
    with opened.sessions() as session, session.begin():
        begin_writing(session)
        factories.reference(session)
        factories.an_expert(session, "张水生", summary="主持过黄石水库除险加固。", keywords=())
        factories.an_expert(session, "李阳春", summary="养了一辈子鸡。", keywords=())
    opened.indexing.rebuild()
    opened.close()
    return home


@pytest.fixture
def zhiku(prepared: Path, tmp_path: Path) -> Iterator[Zhiku]:
    opened = opened_in(shutil.copytree(prepared, tmp_path / "home"))
    yield opened
    opened.close()


def alternatives(zhiku: Zhiku, query: str) -> dict[str, tuple[str, ...]]:
    """What the analyzer of the current index would look for besides, by the words it stands for."""
    return {"".join(one.words): one.phrases for one in zhiku.engine.analyzer.query(query).alternatives}


# -- synonyms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "filed"),
    [("修水库", "水库除险加固"), ("打官司", "诉讼"), ("种橘子", "柑橘栽培"), ("看病报销", "医疗保险")],
)
def test_the_shipped_groups_have_what_people_say(zhiku: Zhiku, said: str, filed: str) -> None:
    assert any(filed in phrases for phrases in alternatives(zhiku, said).values())


def test_a_new_group_finds_people_at_once_and_a_deleted_one_no_more(zhiku: Zhiku) -> None:
    assert not alternatives(zhiku, "补坝")
    group = zhiku.lexicon.add_group(["补坝", "水库除险加固"], "", "测试")
    answer = zhiku.expert_search.search("补坝")
    assert [person.name for person in answer.people if not person.is_near] == ["张水生"]
    zhiku.lexicon.delete_group(group.id)
    assert not alternatives(zhiku, "补坝")
    with pytest.raises(GroupGone):
        zhiku.lexicon.group(group.id)


def test_a_changed_group_acts_with_its_new_members(zhiku: Zhiku) -> None:
    group = zhiku.lexicon.add_group(["补坝", "养鸡"], "写错了", "测试")
    changed = zhiku.lexicon.change_group(group.id, ["补坝", "水库除险加固"], "", "测试", group.version)
    assert (changed.members, changed.note, changed.version) == (("补坝", "水库除险加固"), "", 2)
    assert list(alternatives(zhiku, "补坝").values()) == [("水库除险加固",)]


def test_two_who_edit_one_group_do_not_overwrite_each_other(zhiku: Zhiku) -> None:
    group = zhiku.lexicon.add_group(["补坝", "筑坝"], "", "测试")
    zhiku.lexicon.change_group(group.id, ["补坝", "修坝"], "", "甲", group.version)
    with pytest.raises(GroupChanged):
        zhiku.lexicon.change_group(group.id, ["补坝", "拦河"], "", "乙", group.version)
    assert zhiku.lexicon.group(group.id).members == ("补坝", "修坝")


def test_groups_that_lead_in_circles_expand_one_step_only(zhiku: Zhiku) -> None:
    for pair in (("补坝", "筑坝"), ("筑坝", "拦河坝"), ("拦河坝", "补坝")):
        zhiku.lexicon.add_group(pair, "", "测试")
    analysis = zhiku.engine.analyzer.query("补坝")
    (found,) = analysis.alternatives
    assert sorted(found.phrases) == ["拦河坝", "筑坝"]
    assert not any(other.alternatives for other in found.analyses)
    assert [group.members for group in zhiku.lexicon.groups_with(["筑坝"])] == [("补坝", "筑坝"), ("筑坝", "拦河坝")]


def test_joining_adds_the_members_that_are_new(zhiku: Zhiku) -> None:
    group = zhiku.lexicon.add_group(["补坝", "筑坝"], "记得", "测试")
    joined = zhiku.lexicon.join_group(group.id, ["筑坝", "修坝"], "测试")
    assert (joined.members, joined.note) == (("补坝", "筑坝", "修坝"), "记得")


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([], "两种不同的说法"),
        (["补坝"], "两种不同的说法"),
        (["補壩", "补坝", " 补坝 "], "两种不同的说法"),
        (["补坝", "，。！"], "没有字"),
        (["补坝", "坝" * 21], "最多 20 个字"),
        (["补坝", "坝" * 500], "太长"),
        (["补坝", "的"], "只有一个字"),
        (["张三", "13812345678"], "电话号码"),
        (["补坝", "-水库"], "符号"),
        (["补坝", "领域:水利"], "符号"),
        ([f"补坝{number}" for number in range(21)], "最多 20 种"),
    ],
)
def test_a_group_that_is_none_is_refused_in_one_sentence(zhiku: Zhiku, members: list[str], told: str) -> None:
    with pytest.raises(EntryNotAcceptable, match=told):
        zhiku.lexicon.add_group(members, "", "测试")
    with pytest.raises(EntryNotAcceptable, match="备注最多"):
        zhiku.lexicon.add_group(["补坝", "筑坝"], "长" * 201, "测试")
    assert zhiku.lexicon.groups().total == 0


def test_a_local_word_of_two_characters_that_no_dictionary_has_is_found_in_a_query(zhiku: Zhiku) -> None:
    zhiku.lexicon.add_group(["坼坝", "水库除险加固"], "", "测试")
    assert not zhiku.lexicon.is_known("坼坝")
    assert list(alternatives(zhiku, "坼坝找哪个").values()) == [("水库除险加固",)]


def test_latin_members_are_whole_words(zhiku: Zhiku) -> None:
    zhiku.lexicon.add_group(["cad制图", "cad", "建筑制图"], "", "测试")
    assert alternatives(zhiku, "会CAD的人") and not alternatives(zhiku, "cascade")


def test_more_groups_than_the_search_carries_are_refused(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon_service, "MAX_GROUPS", 1)
    zhiku.lexicon.add_group(["补坝", "筑坝"], "", "测试")
    with pytest.raises(LexiconFull):
        zhiku.lexicon.add_group(["甲地", "乙地"], "", "测试")


def test_a_busy_database_is_said_and_nothing_is_half_stored(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhiku.persistence.session.SQLITE_BUSY_TIMEOUT_MS", 50)
    impatient = Zhiku.open(zhiku.settings)
    try:
        with zhiku.sessions() as other, other.begin():
            begin_writing(other)
            with pytest.raises(LexiconBusy):
                impatient.lexicon.add_group(["补坝", "筑坝"], "", "测试")
    finally:
        impatient.close()
    assert zhiku.lexicon.groups().total == 0


def test_groups_are_found_by_any_part_of_a_member(zhiku: Zhiku) -> None:
    zhiku.lexicon.add_group(["补坝", "水库除险加固"], "", "测试")
    zhiku.lexicon.add_group(["100%", "满分"], "", "测试")
    assert [group.members[0] for group in zhiku.lexicon.groups("除險").items] == ["补坝"]
    assert zhiku.lexicon.groups("%").total == 1 and zhiku.lexicon.groups("没有").total == 0
    assert zhiku.lexicon.groups("", page=99).page == 1


# -- several processes -------------------------------------------------------------------------------------------


def test_another_process_sees_an_edit_within_two_seconds(zhiku: Zhiku) -> None:
    """The other one has read the groups before the edit, and is told nothing."""
    source = (
        "import sys, time\n"
        "from zhiku.bootstrap import Zhiku\n"
        "from zhiku.config import Settings\n"
        "zhiku = Zhiku.open(Settings.from_env({'ZHIKU_HOME': sys.argv[1]}))\n"
        "def found(): return [p.name for p in zhiku.expert_search.search('补坝').people if not p.is_near]\n"
        "print(found(), flush=True)\n"
        "sys.stdin.readline()\n"
        "started = time.monotonic()\n"
        "while not found() and time.monotonic() - started < 20: time.sleep(0.02)\n"
        "print(time.monotonic() - started, found(), flush=True)\n"
        "zhiku.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, str(zhiku.settings.home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment(),
    ) as other:  # fmt: skip
        assert other.stdin and other.stdout
        assert other.stdout.readline().strip() == "[]"
        zhiku.lexicon.add_group(["补坝", "水库除险加固"], "", "测试")
        other.stdin.write("edited\n")
        other.stdin.flush()
        seconds, _, names = other.stdout.readline().strip().partition(" ")
    assert names == "['张水生']" and float(seconds) <= 2


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONIOENCODING": "utf-8"}


def test_the_number_is_read_once_a_second_and_the_groups_only_when_it_changed(
    zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveSynonyms(zhiku.sessions)
    first = live.current()
    clock = [time.monotonic()]
    monkeypatch.setattr("zhiku.services.live_lexicon.time.monotonic", lambda: clock[0])
    zhiku.lexicon.add_group(["补坝", "筑坝"], "", "测试")
    assert live.current() is first
    clock[0] += FRESH_SECONDS + 0.01
    second = live.current()
    assert len(second) == len(first) + 1
    clock[0] += FRESH_SECONDS + 0.01
    assert live.current() is second


def test_without_a_database_the_groups_that_were_known_go_on_acting(
    zhiku: Zhiku, caplog: pytest.LogCaptureFixture
) -> None:
    zhiku.lexicon.add_group(["补坝", "水库除险加固"], "", "测试")
    with zhiku.sessions() as session, session.begin():
        session.execute(text("ALTER TABLE lexicon_revisions RENAME TO gone"))
    zhiku.lexicon._live.reload()
    zhiku.lexicon._live.reload()
    assert alternatives(zhiku, "补坝")
    assert [record.message for record in caplog.records if "synonyms" in record.message] == [
        "the county's synonyms cannot be read: OperationalError"
    ]


# -- words -------------------------------------------------------------------------------------------------------


def test_a_word_acts_after_the_next_rebuild_and_the_status_says_so(zhiku: Zhiku) -> None:
    report = zhiku.lexicon.add_words(["坼坝岭", "坼壩嶺", "黄龙病"], "测试")
    assert (report.added, report.known) == (("坼坝岭",), ("黄龙病",))
    assert not zhiku.lexicon.words().items[0].is_in_effect
    assert (zhiku.lexicon.words_waiting().to_come, zhiku.engine.status().is_stale) == (1, True)
    assert "坼坝岭" not in zhiku.engine.analyzer.own_words
    zhiku.indexing.rebuild()
    assert zhiku.lexicon.words().items[0].is_in_effect
    assert not zhiku.lexicon.words_waiting().is_any and not zhiku.engine.status().is_stale
    assert zhiku.engine.analyzer.segmenter.cut("住在坼坝岭") == ["住", "在", "坼坝岭"]


def test_a_deleted_word_goes_with_the_next_rebuild(zhiku: Zhiku) -> None:
    zhiku.lexicon.add_words(["坼坝岭"], "测试")
    zhiku.indexing.rebuild()
    assert zhiku.lexicon.delete_words(["坼壩嶺"]) == 1
    assert zhiku.lexicon.words_waiting().to_go == 1
    zhiku.indexing.rebuild()
    assert "坼坝岭" not in zhiku.engine.analyzer.own_words and not zhiku.lexicon.words_waiting().is_any


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("", "空"), ("  ", "空"), ("，。", "标点"), ("cad", "字母"), ("3号坝", "数字"), ("坝 岭", "空格"), ("坝", "一个字"),
        ("坝" * 21, "最多 20 个字"),
    ],
)  # fmt: skip
def test_what_a_segmenter_would_cut_badly_is_refused_with_a_reason(zhiku: Zhiku, word: str, why: str) -> None:
    report = zhiku.lexicon.add_words([word, "坼坝岭"], "测试")
    assert report.added == ("坼坝岭",)
    ((_, reason),) = report.refused
    assert why in reason


def test_dictionaries_that_are_no_longer_used_leave_the_memory(zhiku: Zhiku) -> None:
    for word in ("坼坝岭", "野茶王岭", "鸡公垭", "牛角坳"):
        zhiku.lexicon.add_words([word], "测试")
        zhiku.engine.new_analyzer()
    assert len(zhiku.engine._analyzers) <= 3


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "补坝 筑坝",
        "补坝=筑坝",
        "补坝＝筑坝",
        "补坝、筑坝",
        "补坝，筑坝",
        '"补坝","筑坝"',
        "补坝\t筑坝 # 土话",
        "補壩;筑壩",
    ],
)
def test_members_of_a_line_may_be_separated_in_any_usual_way(zhiku: Zhiku, tmp_path: Path, line: str) -> None:
    path = tmp_path / "groups.txt"
    path.write_text(f"# 说明\n\n{line}\n", encoding="utf-8")
    assert import_groups(zhiku.lexicon, path, 50, "测试", True).added == 1
    assert zhiku.lexicon.groups().items[0].members == ("补坝", "筑坝")


def test_white_space_between_latin_words_does_not_separate() -> None:
    assert split_members("visual basic 编程") == ["visual basic", "编程"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_dry_run_stores_nothing_and_a_second_import_changes_nothing(
    zhiku: Zhiku, tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "groups.txt"
    path.write_text("补坝 筑坝\r\n只有一个\r\n筑坝 补坝\r\n", encoding=encoding, newline="")
    report = import_groups(zhiku.lexicon, path, 50, "测试", False)
    assert (report.good, report.added, report.refused, zhiku.lexicon.groups().total) == (2, 0, 1, 0)
    assert report.reasons[0][0] == "第 2 行"
    assert import_groups(zhiku.lexicon, path, 50, "测试", True).added == 1
    assert import_groups(zhiku.lexicon, path, 50, "测试", True).added == 0


@pytest.mark.parametrize("suffix", [".xlsx", ".txt"])
@pytest.mark.parametrize("is_words", [False, True])
def test_what_is_exported_can_be_imported_again(zhiku: Zhiku, tmp_path: Path, suffix: str, is_words: bool) -> None:
    zhiku.lexicon.add_group(["补坝", "=筑坝"], "水利局说的", "测试")
    zhiku.lexicon.add_words(["坼坝岭"], "测试")
    path = tmp_path / f"out{suffix}"
    assert export_lexicon(zhiku.lexicon, path, is_words=is_words) == 1
    with pytest.raises(NotExported, match="已经存在"):
        export_lexicon(zhiku.lexicon, path, is_words=is_words)
    zhiku.lexicon.delete_group(zhiku.lexicon.groups().items[0].id)
    zhiku.lexicon.delete_words(["坼坝岭"])
    if is_words:
        assert import_words(zhiku.lexicon, path, 50, "测试", True).added == 1
        assert zhiku.lexicon.all_words() == ["坼坝岭"]
    else:
        assert import_groups(zhiku.lexicon, path, 50, "测试", True).added == 1
        group = zhiku.lexicon.groups().items[0]
        assert (group.members, group.note) == (("补坝", "筑坝"), "水利局说的" if suffix == ".xlsx" else "")


def test_a_dictionary_above_the_limit_is_given_up_and_nothing_is_stored(
    zhiku: Zhiku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicon_files, "MAX_WORDS", 100)
    path = tmp_path / "million.txt"
    words = (chr(0x4E00 + number // 5000) + chr(0x4E00 + number % 5000) for number in range(1_000_000))
    path.write_text("\n".join(words), encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(LexiconFull, match="本县特有"):
        import_words(zhiku.lexicon, path, 50, "测试", True)
    assert time.monotonic() - started < 5
    assert zhiku.lexicon.all_words() == []


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\x00\x01\x02 words", "不是文字"), ("坝".encode() * 10_000, "太长"), (b"\xff\xff\xff", "不是文字")],
)
def test_a_file_that_is_no_list_is_refused_in_one_sentence(
    zhiku: Zhiku, tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(UnusableFile, match=told):
        import_words(zhiku.lexicon, path, 50, "测试", True)
    with pytest.raises(UnusableFile, match="上限"):
        path.write_bytes(b"a" * (1 << 20) + b"\n")
        import_words(zhiku.lexicon, path, 0, "测试", True)
    with pytest.raises(UnusableFile, match="找不到"):
        import_words(zhiku.lexicon, tmp_path / "nowhere.txt", 50, "测试", True)


# -- hints -------------------------------------------------------------------------------------------------------


def test_hints_share_wording_with_the_query(zhiku: Zhiku) -> None:
    (hints,) = zhiku.lexicon_hints.for_queries(["水库漏了一个眼"])
    assert hints and any("水库" in hint.text for hint in hints)
    assert zhiku.lexicon_hints.for_queries(["qqqxyz", ""]) == [(), ()]


def test_a_group_that_has_the_query_is_no_hint(zhiku: Zhiku) -> None:
    zhiku.lexicon.add_group(["坼坝", "坼坝垮坝"], "", "测试")
    (hints,) = zhiku.lexicon_hints.for_queries(["坼坝"])
    assert not any("坼坝" in hint.text for hint in hints)
