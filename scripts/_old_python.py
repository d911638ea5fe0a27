"""Says so when Python is too old, rather than failing on syntax. Everything here must parse with Python 3.6."""

import sys

#: As python_requires in setup.cfg.
OLDEST = (3, 11)


def refuse_old_python():
    """End with one clear sentence unless this Python is new enough."""
    if sys.version_info >= OLDEST:
        return
    sentence = (
        "智库需要 Python {0}.{1} 或更新的版本，这里是 {2}.{3}。请安装新版后再运行，例如：python3.13 {4}\n"
        "zhiku needs Python {0}.{1} or newer; this is {2}.{3}. Install one and run again: python3.13 {4}\n"
    ).format(OLDEST[0], OLDEST[1], sys.version_info[0], sys.version_info[1], sys.argv[0])
    # A terminal of another encoding shall still show the English half.
    getattr(sys.stderr, "buffer", sys.stderr).write(sentence.encode("utf-8"))
    sys.exit(2)
