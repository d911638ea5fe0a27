"""The installation's secret: one file of random bytes, made on the first start, for its owner's eyes only.

It signs cookies, and keys derived from it stand in for it elsewhere, so that none of them tells of another.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_KEY_FILE = "secret-key"
_SECRET_KEY_BYTES = 32


def secret_key(home: Path) -> bytes:
    """The key that signs cookies, from `home/secret-key`; made on the first start, readable by its owner only."""
    fresh = secrets.token_bytes(_SECRET_KEY_BYTES)
    return keep_secret_file(home / SECRET_KEY_FILE, fresh, lambda content: len(content) == _SECRET_KEY_BYTES)


def derived_key(home: Path, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from the secret of this installation (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret_key(home))


def keep_secret_file(path: Path, fresh: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
    """The content of a file that only its owner may read; with `fresh` in it where it is missing or not whole."""
    is_damaged = path.exists() and not is_whole(path.read_bytes())
    if path.exists() and not is_damaged:
        return path.read_bytes()
    # Written aside (mkstemp gives 0600) and put in place in one step. If another process was faster, `link` fails and
    # its content is the one: two processes must never sign with different keys.
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(Path(name), path, is_damaged)
    finally:
        Path(name).unlink(missing_ok=True)
    return path.read_bytes()


def _put_in_place(fresh: Path, path: Path, is_damaged: bool) -> None:
    if is_damaged:
        os.replace(fresh, path)
        return
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        os.replace(fresh, path)
