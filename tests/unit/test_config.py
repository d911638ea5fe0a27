"""Settings from ZHIKU_* variables: defaults, values, and what is said of those that cannot be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from zhiku import config
from zhiku.config import Settings, SettingsError


def read(tmp_path: Path, **variables: str) -> Settings:
    return Settings.from_env({"ZHIKU_HOME": str(tmp_path), **variables})


def test_an_empty_environment_gives_the_checkouts_own_folders() -> None:
    settings = Settings.from_env({})
    checkout = Path(config.__file__).resolve().parents[1]
    assert settings.home == checkout / "var"
    assert settings.index_dir == checkout / "index"
    assert settings.database_url == f"sqlite:///{(checkout / 'var' / 'zhiku.db').as_posix()}"


def test_another_home_takes_database_and_index_with_it(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.index_dir == tmp_path / "index"
    assert settings.database_url == f"sqlite:///{(tmp_path / 'zhiku.db').as_posix()}"


def test_a_package_without_a_checkout_uses_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "PACKAGE_DIR", tmp_path / "site-packages" / "zhiku")
    settings = Settings.from_env({})
    assert tmp_path not in settings.home.parents
    assert settings.home.name == "zhiku"
    assert settings.index_dir == settings.home / "index"


def test_empty_variables_are_as_none(tmp_path: Path) -> None:
    names = ("DIVISION", "PORT", "SEGMENTER", "ENCODER", "URL_PREFIX", "LOG_LEVEL", "HOST", "DATABASE_URL", "INDEX_DIR")
    assert read(tmp_path, **{f"ZHIKU_{name}": "" for name in names}) == read(tmp_path)


def test_a_tilde_and_a_relative_folder_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({"ZHIKU_HOME": "here", "ZHIKU_INDEX_DIR": "~/index"})
    assert settings.home == tmp_path.resolve() / "here"
    assert settings.index_dir == Path("~/index").expanduser().resolve()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "postgresql://db/zhiku", "postgresql://db/zhiku"),
        ("DIVISION", "4307", "4307"),
        ("TIMEZONE", "Asia/Urumqi", "Asia/Urumqi"),
        ("SEGMENTER", "jieba", "jieba"),
        ("ENCODER", "none", "none"),
        ("HOST", "0.0.0.0", "0.0.0.0"),
        ("PORT", "65535", 65535),
        ("URL_PREFIX", "/zhiku", "/zhiku"),
        ("TRUSTED_PROXIES", "1", 1),
        ("THREADS", "1", 1),
        ("PAGE_SIZE", "100", 100),
        ("DRAIN_INTERVAL", "0.05", 0.05),
        ("POSTING_CACHE_MB", "0", 0),
        ("MAX_IMPORT_MB", "4096", 4096),
        ("LOG_LEVEL", "DEBUG", "DEBUG"),
    ],
)
def test_a_variable_sets_its_setting(tmp_path: Path, name: str, value: str, expected: object) -> None:
    assert getattr(read(tmp_path, **{f"ZHIKU_{name}": value}), name.lower()) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIVISION", "43072"),
        ("DIVISION", "桃源县"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "../../etc/passwd"),
        ("SEGMENTER", "ik"),
        ("ENCODER", "bert"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "８０００x"),
        ("URL_PREFIX", "zhiku"),
        ("URL_PREFIX", "/zhiku/"),
        ("TRUSTED_PROXIES", "yes"),
        ("THREADS", "0"),
        ("PAGE_SIZE", "101"),
        ("DRAIN_INTERVAL", "0"),
        ("DRAIN_INTERVAL", "nan"),
        ("POSTING_CACHE_MB", "1.5"),
        ("MAX_IMPORT_MB", "0"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_it_takes(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, **{f"ZHIKU_{name}": value})
    assert f"ZHIKU_{name}" in str(refused.value)
    assert f"“{value}”" in str(refused.value)
    assert "请填写" in str(refused.value) or "请以" in str(refused.value)


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = read(tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


def test_the_zone_is_the_named_one(tmp_path: Path) -> None:
    assert read(tmp_path, ZHIKU_TIMEZONE="Asia/Urumqi").zone == ZoneInfo("Asia/Urumqi")


def test_the_address_for_phones_is_a_site_without_a_path() -> None:
    for good in ("", "https://zhiku.example.gov.cn", "http://10.1.2.3:8000", "http://[fd00::1]:80"):
        assert Settings.from_env({"ZHIKU_PUBLIC_URL": good}).public_url == good
    for bad in ("zhiku.example.gov.cn", "https://a/b", "https://a/", "javascript:x", "https://a b", "https://a@b"):
        with pytest.raises(SettingsError, match="ZHIKU_PUBLIC_URL"):
            Settings.from_env({"ZHIKU_PUBLIC_URL": bad})
