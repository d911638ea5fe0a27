"""Load on the pages from another process: wrk where it is installed, else the small client in this file.

`python -m _bench.load PORT SECONDS CLIENTS [COOKIE] < paths` is that client; it prints JSON. Both only ever ask
127.0.0.1.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from _bench.clerk import cookie_header
from _bench.timing import Figure, Figures, quantile

#: Connections that ask all the time: two offices of eight.
CLIENTS = 16
HOST = "127.0.0.1"

#: How long a server may take to start, in seconds.
PATIENCE = 60

#: wrk asks these in turn, and prints what it counted as one line of JSON.
_SCRIPT = """
local paths = {}
for line in io.lines(os.getenv("BENCH_PATHS")) do paths[#paths + 1] = line end
local turn = 0
request = function() turn = turn % #paths + 1; return wrk.format("GET", paths[turn]) end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50.0), latency:percentile(99.0),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def measure_load(home: Path, paths: Sequence[str], duration: int, folder: Path) -> Figures:
    """Serve an installation by `zhiku serve`, with as many processes as it takes by itself, and ask it for pages for so
    many seconds."""
    cookie = cookie_header(home)
    with serving(home) as port:
        listed = folder / "paths.txt"
        listed.write_text("\n".join(paths) + "\n", encoding="utf-8")
        # A process accepts nobody before it has read dictionary and index; the rest comes with the first pages.
        for path in paths[:10]:
            with closing(http.client.HTTPConnection(HOST, port, timeout=PATIENCE)) as connection:
                _get(connection, path, cookie)
        wrk = shutil.which("wrk")
        if wrk:
            script = folder / "pages.lua"
            script.write_text(_SCRIPT, encoding="utf-8")
            command = [
                wrk,
                "-t1",
                f"-c{CLIENTS}",
                f"-d{duration}s",
                "-H",
                f"Cookie: {cookie}",
                "-s",
                str(script),
                f"http://{HOST}:{port}",
            ]
        else:
            command = [sys.executable, "-m", "_bench.load", str(port), str(duration), str(CLIENTS), cookie]
        with listed.open(encoding="utf-8") as lines:
            answer = subprocess.run(
                command,
                stdin=lines,
                capture_output=True,
                encoding="utf-8",
                cwd=Path(__file__).resolve().parents[1],
                env=dict(os.environ, BENCH_PATHS=str(listed)),
                timeout=duration + 2 * PATIENCE,
                check=True,
            )
    counted = json.loads(answer.stdout.strip().splitlines()[-1])
    took = counted["microseconds"] / 1e6
    client = "wrk" if wrk else "client"
    return {
        f"pages under load ({client}, {CLIENTS} at once)": Figure(counted["requests"] / took, "/s"),
        "pages under load, p50": Figure(counted["p50"] / 1000, "ms"),
        "pages under load, p99": Figure(counted["p99"] / 1000, "ms"),
        "pages under load, errors": Figure(counted["errors"], ""),
        "pages under load, for": Figure(took, "s"),
    }


@contextmanager
def serving(home: Path) -> Iterator[int]:
    """`zhiku serve` for a home, on a free port of this machine; ended afterwards."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    env = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKU_")}
    # Load asks as fast as it can, and shall not be told to wait.
    env |= {"ZHIKU_HOME": str(home), "ZHIKU_ENCODER": "none", "ZHIKU_SEARCHES_PER_MINUTE": "0", "PYTHONUTF8": "1"}
    log = home / "serve.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "zhiku.cli.main", "serve", "--host", HOST, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
        )
    try:
        _wait(port, server, log)
        yield port
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
                if _get(connection, "/healthz"):
                    return
        except OSError:
            time.sleep(0.1)
    said = re.sub(r"\s+", " ", log.read_text(encoding="utf-8", errors="replace"))[-500:]
    raise RuntimeError(f"the pages did not start: {said}")


def _get(connection: http.client.HTTPConnection, path: str, cookie: str = "") -> bool:
    """Whether the whole answer came and was 200."""
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def ask(port: int, duration: float, clients: int, paths: Sequence[str], cookie: str = "") -> dict[str, float]:
    """Ask with so many connections at once until the time is over; what wrk would count."""
    times: list[float] = []
    errors = 0
    lock = threading.Lock()
    began = time.monotonic()

    def client(first: int) -> None:
        nonlocal errors
        turn = first
        with closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
            while time.monotonic() - began < duration:
                start = time.perf_counter()
                try:
                    is_right = _get(connection, paths[turn % len(paths)], cookie)
                except (OSError, http.client.HTTPException):
                    is_right = False
                    # The next request connects anew.
                    connection.close()
                took = time.perf_counter() - start
                turn += clients
                with lock:
                    times.append(took)
                    errors += not is_right

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "requests": len(times),
        "microseconds": (time.monotonic() - began) * 1e6,
        "p50": quantile(times, 0.5) * 1e6,
        "p99": quantile(times, 0.99) * 1e6,
        "errors": errors,
    }


if __name__ == "__main__":
    _port, _duration, _clients, *_cookie = sys.argv[1:]
    print(json.dumps(ask(int(_port), float(_duration), int(_clients), sys.stdin.read().splitlines(), *_cookie)))
