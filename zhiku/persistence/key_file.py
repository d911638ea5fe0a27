"""The file with the keys of the sensitive data: one line a key, `id base64`; the last one encrypts.

    k1 3q2+7w…=
    k2 yv66vg…=

The file is readable by its owner only, is written whole and put in place in one step, and is never in the database's
folder backup by accident: docs/operations.md says how to keep it apart.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import secrets
import tempfile
from pathlib import Path

from zhiku.domain.encryption import KEY_BYTES, Keyring, KeysUnusable

log = logging.getLogger(__name__)

_LINE = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,20})\s+(?P<key>[A-Za-z0-9+/=]+)")


def read_keys(text: str, where: str) -> Keyring:
    """The keys of a file's text; `where` names it in the message. Raises `KeysUnusable`."""
    keys: dict[str, bytes] = {}
    current = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        key = _decoded(match["key"]) if match else b""
        if match is None or len(key) != KEY_BYTES:
            raise KeysUnusable(
                f"{where}的内容不对：每行应是“编号 密钥”，密钥是 {KEY_BYTES} 字节的 base64。请放回原来的密钥文件。"
            )
        current = match["id"]
        keys[current] = key
    if not keys:
        raise KeysUnusable(f"{where}里没有密钥。请放回原来的密钥文件。")
    return Keyring(current, keys)


def load_keys(path: Path, text: str = "") -> Keyring | None:
    """The keys: those of the variable's text where it is set, else of the file; None where there is no file.

    Raises `KeysUnusable`.
    """
    if text:
        return read_keys(text.replace(",", "\n"), "环境变量 ZHIKU_DATA_KEYS ")
    try:
        content = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise KeysUnusable(f"读不了密钥文件 {path}。请检查它的权限，或放回原来的文件。") from error
    _keep_private(path)
    return read_keys(content, f"密钥文件 {path} ")


def with_new_key(keyring: Keyring | None) -> Keyring:
    """The keys with one more, which encrypts from now on."""
    old = dict(keyring.keys) if keyring else {}
    numbers = [int(key[1:]) for key in old if re.fullmatch(r"k\d{1,9}", key)]
    fresh = f"k{max(numbers, default=0) + 1}"
    return Keyring(fresh, {**old, fresh: secrets.token_bytes(KEY_BYTES)})


def store_keys(path: Path, keyring: Keyring) -> None:
    """Write the file, readable by its owner only, in one step."""
    lines = [
        f"{key} {base64.b64encode(value).decode()}\n" for key, value in keyring.keys.items() if key != keyring.current
    ]
    lines.append(f"{keyring.current} {base64.b64encode(keyring.keys[keyring.current]).decode()}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _keep_private(path: Path) -> None:
    """A copy that was put back has the rights of whoever copied it: take them from others, or say so."""
    if os.name == "nt":
        return
    try:
        if path.stat().st_mode & 0o077:
            log.warning("the key file could be read by others: its permissions are 0600 from now on")
            path.chmod(0o600)
    except OSError as refused:
        log.warning("the permissions of the key file could not be changed to 0600: %s", refused.strerror)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
