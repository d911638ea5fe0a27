"""Which keys a database was written with, and whether those at hand are the same ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from zhiku.domain.encryption import DataKey, FormatUnknown, Keyring, KeysUnusable, place_of

#: What is encrypted to tell keys apart; nothing secret.
_KNOWN_TEXT = "zhiku"
_COLUMN = "data_keys.check"


def _place(key_id: str) -> str:
    return place_of(_COLUMN, [key_id])


def key_ids(engine: Engine) -> set[str]:
    """Ids of the keys that the database was written with; none for one without tables."""
    if not inspect(engine).has_table(DataKey.__tablename__):
        return set()
    with engine.connect() as connection:
        return set(connection.scalars(select(DataKey.id)))


def require_keys(engine: Engine, keyring: Keyring | None, where: str, may_be_new: bool = False) -> None:
    """Raise `KeysUnusable` unless every key that the database was written with is here, and is the right one; `where`
    says in the message where the keys should lie. `may_be_new` lets pass a newest key that is still to be registered.
    """
    with engine.connect() as connection:
        known = connection.execute(select(DataKey.id, DataKey.check)).all()
    if not known:
        raise KeysUnusable("数据库还没有登记敏感资料的密钥。请运行：zhiku db init")
    if keyring is None:
        raise KeysUnusable(
            f"找不到敏感资料的密钥：{where}。没有它，联系方式等资料打不开，所以不能启动。请放回原来的密钥文件，不要新建。"
        )
    for key_id, check in known:
        if key_id not in keyring.keys:
            raise KeysUnusable(f"{where}里缺少编号为 {key_id} 的密钥，所以不能启动。请放回原来的密钥文件。")
        try:
            keyring.decrypt(check, _place(key_id))
        except FormatUnknown:
            raise
        except KeysUnusable as error:
            raise KeysUnusable(
                f"{where}里编号为 {key_id} 的密钥不是这个数据库的密钥，所以不能启动。请放回原来的密钥文件。"
            ) from error
    if not may_be_new and keyring.current not in {key_id for key_id, _ in known}:
        raise KeysUnusable(f"编号为 {keyring.current} 的密钥还没有登记。请运行：zhiku keys rotate")


def fits(connection: Connection, keyring: Keyring) -> bool:
    """Whether these are the keys of the database; any are those of one without tables."""
    if not inspect(connection).has_table(DataKey.__tablename__):
        return True
    for key_id, check in connection.execute(select(DataKey.id, DataKey.check)).all():
        try:
            keyring.decrypt(check, _place(key_id))
        except KeysUnusable:
            return False
    return True


def register_key(engine: Engine, keyring: Keyring, at: datetime) -> None:
    """Remember the key that encrypts; one that is registered already stays as it is."""
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    values = {"id": keyring.current, "check": keyring.encrypt(_KNOWN_TEXT, _place(keyring.current)), "created_at": at}
    with engine.connect().execution_options(is_writing=True) as connection, connection.begin():
        connection.execute(insert(DataKey).values(values).on_conflict_do_nothing())
