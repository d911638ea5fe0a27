"""The keys of one installation: the file (or variable) they lie in, the database they were registered with, and the
running program, which follows the file when another process changes it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from zhiku.domain.encryption import Keyring, KeysUnusable
from zhiku.persistence.data_keys import fits, register_key, require_keys
from zhiku.persistence.key_file import load_keys, store_keys, with_new_key
from zhiku.persistence.session import engine_keys, use_keys

log = logging.getLogger(__name__)


class InstalledKeys:
    """Reads, adds and drops keys. One process at a time may change them: the caller holds the lock."""

    def __init__(self, engine: Engine, path: Path, text: str, clock: Callable[[], datetime]) -> None:
        """`text` is what the variable holds, "" where the keys lie in the file `path`."""
        self._engine = engine
        self._path = path
        self._text = text
        self._clock = clock

    @property
    def where(self) -> str:
        """Where they lie, for messages."""
        return "环境变量 ZHIKU_DATA_KEYS " if self._text else f"密钥文件 {self._path} "

    def checked(self) -> Keyring:
        """The keys as they lie there now, right for this database; the newest may still have to be registered.

        Raises `KeysUnusable`.
        """
        keyring = load_keys(self._path, self._text)
        require_keys(self._engine, keyring, self.where, may_be_new=True)
        if keyring is None:
            raise KeysUnusable(f"找不到{self.where}。")
        use_keys(self._engine, keyring)
        return keyring

    def add(self) -> Keyring:
        """One more key, in the file before anything is encrypted with it. Raises `KeysUnusable`."""
        if self._text:
            raise KeysUnusable(
                "密钥写在环境变量 ZHIKU_DATA_KEYS 里，程序改不了它。请在它的末尾加一个逗号和一个新密钥"
                "（新编号、空格、32 个随机字节的 base64），所有服务用新的值重新启动，再运行：zhiku keys rotate"
            )
        keyring = with_new_key(load_keys(self._path))
        store_keys(self._path, keyring)
        use_keys(self._engine, keyring)
        return keyring

    def register(self, keyring: Keyring) -> None:
        """Remember in the database that the newest key is one of its own."""
        register_key(self._engine, keyring, self._clock())

    def drop(self, key_id: str) -> str:
        """Take a key out of the file; gives what is left to do by hand, "" where nothing is. Raises `KeysUnusable`."""
        if self._text:
            return f"请从环境变量 ZHIKU_DATA_KEYS 里去掉编号为 {key_id} 的密钥。"
        keyring = load_keys(self._path)
        if keyring is not None and key_id in keyring.keys and key_id != keyring.current:
            left = {name: key for name, key in keyring.keys.items() if name != key_id}
            keyring = Keyring(keyring.current, left)
            store_keys(self._path, keyring)
            use_keys(self._engine, keyring)
        return ""


def follow_key_file(engine: Engine, path: Path) -> None:
    """Let every transaction begin with the keys as they lie in the file.

    `zhiku keys rotate` runs beside the service: without this the service could not read what was encrypted anew, and
    would go on writing with the old key. Costs one `stat` a transaction.
    """
    seen = _look(path)

    def look_again(connection: Connection) -> None:
        nonlocal seen
        now = _look(path)
        if now == seen or now is None:
            return
        try:
            fresh = load_keys(path)
        except KeysUnusable:
            fresh = None
        if fresh is not None and (fresh == engine_keys(engine) or fits(connection, fresh)):
            use_keys(engine, fresh)
        else:
            log.error("the key file changed and has not the keys of the database: going on with those there were")
        # Last: another thread goes on with the old keys until the new ones are in use.
        seen = now

    event.listen(engine, "begin", look_again)


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
