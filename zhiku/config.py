"""Settings: everything that can be configured, read once from ZHIKU_* variables and validated.

This is the only module that reads the environment. Everything else takes a `Settings` (or a part of it) as an argument.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_data_path

T = TypeVar("T")

PACKAGE_DIR = Path(__file__).resolve().parent


class SettingsError(ValueError):
    """A ZHIKU_* variable has a value that cannot be used; the message names it and says what it takes."""


def default_home() -> Path:
    """The checkout's `var/` when running from a checkout, else the user's data folder (a wheel has no checkout)."""
    checkout = PACKAGE_DIR.parent
    if (checkout / "setup.cfg").is_file() and (checkout / "templates").is_dir():
        return checkout / "var"
    return user_data_path("zhiku", appauthor=False)


def default_index_dir(home: Path) -> Path:
    """`index/` of the checkout when home is the checkout's own `var/`, else a folder in home."""
    checkout = PACKAGE_DIR.parent
    if home == checkout / "var":
        return checkout / "index"
    return home / "index"


@dataclass(frozen=True, slots=True)
class Settings:
    """What one running zhiku needs to know. Paths are absolute; times are seconds; sizes are bytes unless named."""

    home: Path
    database_url: str
    index_dir: Path
    #: GB/T 2260 code of the county (or prefecture, or province) this installation serves.
    division: str = "430725"
    timezone: str = "Asia/Shanghai"
    #: "auto" takes rjieba where it is installed. The index's manifest records the choice; queries follow the manifest.
    segmenter: str = "auto"
    #: What makes the sentence vectors: "auto" takes the encoder that is installed, "none" does without.
    encoder: str = "auto"
    host: str = "127.0.0.1"
    port: int = 8000
    #: Where the pages live below the host, for a reverse proxy that serves zhiku in a sub-path: "" or "/zhiku".
    url_prefix: str = ""
    #: How a retiree's phone reaches the pages, for printed slips: "https://zhiku.example.gov.cn"; "" for the address by
    #: which whoever prints it came.
    public_url: str = ""
    #: How many proxies in front may be believed about the client's address; 0 trusts none.
    trusted_proxies: int = 0
    #: Hosts that are answered for: "zhiku.example.gov.cn", ".example.gov.cn" with all below; none for every one.
    trusted_hosts: tuple[str, ...] = ()
    #: Searches and profiles that one account may ask for a minute, an address five times as many; 0 for no limit.
    searches_per_minute: int = 120
    #: The same for the API and its tokens.
    api_calls_per_minute: int = 300
    #: Processes that serve the pages; 0: one for each core, four at most (one on Windows).
    processes: int = 0
    #: Requests that each of them answers at once.
    threads: int = 8
    page_size: int = 10
    drain_interval: float = 0.5
    posting_cache_mb: int = 256
    #: Processes that build a large index; 0: two where there are two cores.
    build_processes: int = 0
    max_import_mb: int = 50
    log_level: str = "INFO"
    #: Keys of the sensitive data as text, `id base64` separated by commas; "" to read them from `data_keys_file`.
    data_keys: str = field(default="", repr=False)
    #: None for `data-keys` in the home folder.
    data_keys_path: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read ZHIKU_* variables.

        Raises `SettingsError` for the first value that cannot be used.
        """
        env = os.environ if environ is None else environ
        home = Path(env.get("ZHIKU_HOME") or default_home()).expanduser().resolve()
        index_dir = Path(env.get("ZHIKU_INDEX_DIR") or default_index_dir(home)).expanduser().resolve()
        return cls(
            home=home,
            database_url=env.get("ZHIKU_DATABASE_URL") or f"sqlite:///{(home / 'zhiku.db').as_posix()}",
            index_dir=index_dir,
            division=_read(env, "ZHIKU_DIVISION", "430725", _division),
            timezone=_read(env, "ZHIKU_TIMEZONE", "Asia/Shanghai", _timezone),
            segmenter=_read(env, "ZHIKU_SEGMENTER", "auto", _one_of("auto", "jieba", "rjieba")),
            encoder=_read(env, "ZHIKU_ENCODER", "auto", _one_of("auto", "none", "use-multilingual-v3")),
            host=env.get("ZHIKU_HOST") or "127.0.0.1",
            port=_read(env, "ZHIKU_PORT", "8000", _integer(0, 65535)),
            url_prefix=_read(env, "ZHIKU_URL_PREFIX", "", _prefix),
            public_url=_read(env, "ZHIKU_PUBLIC_URL", "", _site),
            trusted_proxies=_read(env, "ZHIKU_TRUSTED_PROXIES", "0", _integer(0, 10)),
            trusted_hosts=_read(env, "ZHIKU_TRUSTED_HOSTS", "", _hosts),
            searches_per_minute=_read(env, "ZHIKU_SEARCHES_PER_MINUTE", "120", _integer(0, 100_000)),
            api_calls_per_minute=_read(env, "ZHIKU_API_CALLS_PER_MINUTE", "300", _integer(0, 100_000)),
            processes=_read(env, "ZHIKU_PROCESSES", "0", _integer(0, 64)),
            threads=_read(env, "ZHIKU_THREADS", "8", _integer(1, 256)),
            page_size=_read(env, "ZHIKU_PAGE_SIZE", "10", _integer(1, 100)),
            drain_interval=_read(env, "ZHIKU_DRAIN_INTERVAL", "0.5", _seconds(0.05, 3600)),
            posting_cache_mb=_read(env, "ZHIKU_POSTING_CACHE_MB", "256", _integer(0, 1 << 20)),
            build_processes=_read(env, "ZHIKU_BUILD_PROCESSES", "0", _integer(0, 64)),
            max_import_mb=_read(env, "ZHIKU_MAX_IMPORT_MB", "50", _integer(1, 4096)),
            data_keys=env.get("ZHIKU_DATA_KEYS") or "",
            data_keys_path=_path(env.get("ZHIKU_DATA_KEYS_FILE") or ""),
            log_level=_read(env, "ZHIKU_LOG_LEVEL", "INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR")),
        )

    @property
    def cache_dir(self) -> Path:
        """What is kept to save time and can be made again: the segmenter's dictionary, vectors of clauses."""
        return self.home / "cache"

    @property
    def data_keys_file(self) -> Path:
        """Where the keys of the sensitive data lie; made by `zhiku db init` where there are none."""
        return self.data_keys_path or self.home / "data-keys"

    @property
    def zone(self) -> ZoneInfo:
        """The county's time zone; what users see and the year of a suggestion's number follow it."""
        return ZoneInfo(self.timezone)


def _read(env: Mapping[str, str], name: str, default: str, convert: Callable[[str], T]) -> T:
    value = env.get(name) or default
    try:
        return convert(value)
    except ValueError as error:
        raise SettingsError(f"环境变量 {name} 的值“{value}”不能使用：{error}") from None


def _path(value: str) -> Path | None:
    return Path(value).expanduser().resolve() if value else None


def _integer(low: int, high: int) -> Callable[[str], int]:
    def convert(value: str) -> int:
        if not value.strip().isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"请填写 {low} 到 {high} 之间的整数")
        return int(value)

    return convert


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def convert(value: str) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not low <= seconds <= high:
            raise ValueError(f"请填写 {low} 到 {high} 之间的秒数")
        return seconds

    return convert


def _one_of(*allowed: str) -> Callable[[str], str]:
    def convert(value: str) -> str:
        if value not in allowed:
            raise ValueError("请填写 " + "、".join(allowed) + " 之一")
        return value

    return convert


def _division(value: str) -> str:
    if not value.isdecimal() or len(value) not in (2, 4, 6):
        raise ValueError("请填写 GB/T 2260 区划代码，例如 430725")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("请填写时区名称，例如 Asia/Shanghai") from None
    return value


def _site(value: str) -> str:
    if value and not re.fullmatch(
        r"https?://(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", value
    ):
        raise ValueError("请以 http:// 或 https:// 开头，只写主机名和端口，例如 https://zhiku.example.gov.cn")
    return value


def _hosts(value: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in value.replace("，", ",").split(",") if host.strip())
    for host in hosts:
        if not re.fullmatch(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", host):
            raise ValueError("请填写网站的主机名，不带 http:// 和端口，几个用逗号隔开，例如 zhiku.example.gov.cn")
    return hosts


def _prefix(value: str) -> str:
    if value and (not value.startswith("/") or value.endswith("/")):
        raise ValueError("请以 / 开头、不以 / 结尾，例如 /zhiku")
    return value
