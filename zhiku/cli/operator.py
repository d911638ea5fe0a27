"""Who types a command on the server, as the audit names them: by the operating system, which cannot be told otherwise.

No variable of the environment is asked (USER, LOGNAME, SUDO_USER): whoever types the command can set them.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from zhiku.domain.actors import Actor

#: Linux: the user who signed in to the machine, whom neither su nor sudo changes; not set for services and containers.
_LOGIN_UID = Path("/proc/self/loginuid")
_NOT_SET = 2**32 - 1


def operator() -> Actor:
    """The actor of a command: 命令行 zhiku, or 命令行 zhiku（wangli 登录） where somebody took that user's place."""
    user, signed_in = user_name(), login_name()
    who = f"{user}（{signed_in} 登录）" if signed_in and signed_in != user else user
    return Actor(None, f"命令行 {who}".strip(), "program")


def user_name() -> str:
    """The user whom this process belongs to."""
    if sys.platform == "win32":
        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):
            return ""
    return _name_of(os.getuid())


def login_name(source: Path = _LOGIN_UID) -> str:
    """The user who signed in to the machine; "" where the system does not say."""
    try:
        number = int(source.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    return "" if number == _NOT_SET else _name_of(number)


def _name_of(number: int) -> str:
    if sys.platform == "win32":
        return str(number)
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # Users of a container need no entry.
        return str(number)
