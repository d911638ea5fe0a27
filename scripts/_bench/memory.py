"""Memory of a process that has searched an index: `python -m _bench.memory INDEX CACHE < queries` prints bytes.

A process of its own, because memory that others used before does not go back to the system.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Ask every query, then say how much memory is resident."""
    from zhiku.bootstrap import open_engine
    from zhiku.search.port import SearchRequest
    from zhiku.search.query import parse

    engine = open_engine(Path(sys.argv[1]), Path(sys.argv[2]))
    for text in sys.stdin.read().splitlines():
        engine.search(SearchRequest(parse(text, engine.analyzer), limit=10))
    print(resident())
    engine.close()


def resident() -> int:
    """Bytes in memory now; the most there ever were where the system does not say; 0 where it says neither."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()
    except ImportError:
        return 0
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main()
