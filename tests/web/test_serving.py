"""`zhiku serve` as it runs: several processes, their deaths, their ends, and what they share."""

from __future__ import annotations

import gc
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import factories
from tests.web.county import settings_in
from tests.web.signing_in import cookie_of
from zhiku.bootstrap import Zhiku
from zhiku.cli.serve import processes_of
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role
from zhiku.web.access import public
from zhiku.web.app import create_app
from zhiku.web.limits import SIMILAR_LOOKUPS
from zhiku.web.serving import PageServer, bind
from zhiku.web.workers import MAX_DEATHS

pytestmark = [pytest.mark.network, pytest.mark.slow]

#: How long a server may take to start on a busy machine, in seconds.
PATIENCE = 90

QUERIES = ("柑橘黄龙病", "水库大坝渗水", "邻里纠纷", "高血压", "李", "zengfangan", "溢洪道")

needs_kill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and SIGTERM")


class Service:
    """`zhiku serve` in processes of its own."""

    def __init__(self, home: Path, processes: int) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKU_")}
        env |= {
            "ZHIKU_HOME": str(home), "ZHIKU_ENCODER": "none", "PYTHONUTF8": "1", "ZHIKU_PAGE_SIZE": "3",
            # One clerk asks as fast as many, and shall not be told to wait.
            "ZHIKU_SEARCHES_PER_MINUTE": "0", "ZHIKU_API_CALLS_PER_MINUTE": "0",
        }  # fmt: skip
        zhiku = Zhiku.open(settings_in(home))
        #: Of a browser in which a clerk of the bureau is signed in.
        self.cookie = f"zhiku_session={cookie_of(create_app(zhiku), Role.BUREAU)}"
        zhiku.close()
        self._log = home / "serve.log"
        command = [sys.executable, "-m", "zhiku.cli.main", "serve", "--port", "0", "--processes", str(processes)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        eventually(lambda: "智库已启动" in self.log or self.process.poll() is not None, PATIENCE)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.log)
        assert found, self.log
        self.port = int(found[1])

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def workers(self) -> list[int]:
        """Process ids of all workers that were ever started, in order."""
        return [int(number) for number in re.findall(r"a process of the pages starts: (\d+)", self.log)]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body, by a connection of its own."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            headers = {"Cookie": self.cookie} | ({"Content-Type": "application/json"} if body else {})
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


@pytest.fixture
def home(county_home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(county_home, tmp_path / "home")


@pytest.fixture
def serve(home: Path) -> Iterator[Callable[[int], Service]]:
    """Starts services; none is left after the test."""
    started: list[Service] = []

    def start(processes: int) -> Service:
        started.append(Service(home, processes))
        return started[-1]

    yield start
    for service in started:
        service.process.kill()
        service.process.wait()
        # Workers end by themselves when their parent is gone.
        eventually(partial(_is_gone, service), 30)


def _is_gone(service: Service) -> bool:
    return not any(map(is_alive, service.workers))


def eventually(holds: Callable[[], bool], within: float) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - began


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # Who has ended and is waited for by nobody yet is none that serves.
    with suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


class Searchers:
    """People who search all the time, each answer noted."""

    def __init__(self, service: Service, count: int = 4, pause: float = 0.0) -> None:
        self._service = service
        self._pause = pause
        self._stopping = threading.Event()
        self.answers: list[tuple[float, bool]] = []
        self._threads = [threading.Thread(target=self._search, args=(place,)) for place in range(count)]

    def __enter__(self) -> Searchers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _search(self, turn: int) -> None:
        while not self._stopping.wait(self._pause):
            turn += 1
            began = time.monotonic()
            try:
                status, page = self._service.get(f"/experts?q={quote(QUERIES[turn % len(QUERIES)])}")
                self.answers.append((began, status == 200 and page.rstrip().endswith("</html>")))
            except (OSError, http.client.HTTPException):
                self.answers.append((began, False))

    def wait_for(self, more: int) -> None:
        """Until so many more answers have come."""
        wanted = len(self.answers) + more
        eventually(lambda: len(self.answers) >= wanted, PATIENCE)


@needs_kill
def test_a_worker_that_is_killed_is_replaced_and_the_pages_go_on(serve: Callable[[int], Service]) -> None:
    service = serve(2)
    victim = service.workers[0]
    with Searchers(service) as searchers:
        searchers.wait_for(20)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(service.workers) == 3, 10)
        killed_at = time.monotonic()
        # Also while the new one is getting ready, and when it has become so.
        searchers.wait_for(60)
        eventually(lambda: time.monotonic() - killed_at > 5, 10)
    assert all(is_right for began, is_right in searchers.answers if began > killed_at)
    assert sum(not is_right for _, is_right in searchers.answers) <= 4
    assert not is_alive(victim) and all(map(is_alive, service.workers[1:]))
    assert "ended with code -9 and is started again" in service.log


@needs_kill
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_within_seconds_and_leaves_nobody(
    serve: Callable[[int], Service], processes: int, number: signal.Signals
) -> None:
    service = serve(processes)
    assert len(service.workers) == (2 if processes == 2 else 0)
    with Searchers(service) as searchers:
        searchers.wait_for(10)
        service.process.send_signal(number)
        began = time.monotonic()
        assert service.process.wait(15) == 0
    assert time.monotonic() - began < 10
    assert not any(map(is_alive, service.workers))
    assert "Traceback" not in service.log and "Aborted" not in service.log


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, which only Linux has")
def test_open_connections_are_spread_over_the_processes(serve: Callable[[int], Service]) -> None:
    service = serve(2)
    before = [_sockets_of(worker) for worker in service.workers]
    kept = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=30) for _ in range(12)]
    try:
        for connection in kept:
            connection.connect()
        for connection in kept:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        now = [_sockets_of(worker) for worker in service.workers]
        assert sum(now) - sum(before) == 12
        assert min(after - earlier for after, earlier in zip(now, before, strict=True)) >= 3
    finally:
        for connection in kept:
            connection.close()


def _sockets_of(process_id: int) -> int:
    return sum(os.readlink(link).startswith("socket:") for link in Path(f"/proc/{process_id}/fd").iterdir())


@needs_kill
def test_workers_outlive_no_parent(serve: Callable[[int], Service]) -> None:
    service = serve(2)
    service.process.kill()
    service.process.wait()
    eventually(lambda: not any(map(is_alive, service.workers)), 10)


def _has_started(service: Service, count: int) -> bool:
    return len(service.workers) >= count or service.process.poll() is not None


@needs_kill
def test_workers_that_die_again_and_again_end_the_service_with_a_sentence(serve: Callable[[int], Service]) -> None:
    service = serve(2)
    for killed in range(MAX_DEATHS + 3):
        eventually(partial(_has_started, service, killed + 1), 10)
        if service.process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.kill(service.workers[killed], signal.SIGKILL)
    assert service.process.wait(15) == 1
    assert "错误：网页进程在一分钟内意外结束了" in service.log
    assert not any(map(is_alive, service.workers))


def test_what_one_process_commits_is_found_within_two_seconds_while_people_search(
    serve: Callable[[int], Service], home: Path
) -> None:
    service = serve(2)
    zhiku = Zhiku.open(settings_in(home))
    try:
        # 50 searches a second, as far as the machine goes.
        with Searchers(service, count=4, pause=0.08) as searchers:
            searchers.wait_for(20)
            for serial, word in enumerate(("蛟龙井", "望星坳", "石蛤蟆"), start=900):
                with zhiku.sessions() as session, session.begin():
                    begin_writing(session)
                    author = session.get_one(Expert, 1)
                    factories.a_suggestion(
                        session, f"{word}的路灯坏了", authors=(author,), serial=serial, situation=f"{word}没有灯。"
                    )
                took = eventually(partial(_is_found, service, word), 30)
                assert took < 2, f"{took:.1f} s"
        assert all(is_right for _, is_right in searchers.answers)
    finally:
        zhiku.close()


def _is_found(service: Service, word: str) -> bool:
    status, text = service.get(f"/api/v1/experts?q={quote(word)}")
    assert status == 200
    shown = [one["text"] for person in json.loads(text)["people"] for one in person["evidence"]]
    return any(f"{word}没有灯" in sentence for sentence in shown)


def test_limits_of_tries_hold_for_all_processes_together(serve: Callable[[int], Service]) -> None:
    service = serve(3)
    allowed = SIMILAR_LOOKUPS[0].amount
    asked = json.dumps({"subject": "苗圃", "text": ""})
    statuses: list[int] = []

    def ask() -> None:
        for _ in range(allowed // 3 + 10):
            statuses.append(service.ask("POST", "/api/similar", asked)[0])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == allowed
    assert statuses.count(429) == len(statuses) - allowed > 0


def test_who_is_being_answered_at_the_end_gets_the_whole_answer(zhiku: Zhiku) -> None:
    sockets = bind("127.0.0.1", 0)
    server = PageServer(zhiku, sockets)
    gc.unfreeze()
    is_asked, may_answer = threading.Event(), threading.Event()

    def slow() -> str:
        is_asked.set()
        may_answer.wait(30)
        return "完" * 100_000

    server.app.add_url_rule("/slow", view_func=public(slow))
    port = sockets[0].getsockname()[1]
    is_ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(is_ready.set,), daemon=True)
    thread.start()
    assert is_ready.wait(30)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        # Another one keeps a connection open and asks for nothing; nobody waits for it.
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as idle:
            idle.request("GET", "/healthz")
            assert idle.getresponse().read()
            connection.request("GET", "/slow")
            assert is_asked.wait(30)
            server.stop()
            eventually(lambda: not _accepts(port), 10)
            assert thread.is_alive()
            may_answer.set()
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read().decode() == "完" * 100_000
            thread.join(10)
            assert not thread.is_alive()
    for one in sockets:
        one.close()


def _accepts(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def test_as_many_processes_as_are_wanted_else_one_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes_of(7) == 7
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    assert processes_of(0) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert processes_of(0) == 4
    monkeypatch.setattr(sys, "platform", "win32")
    assert processes_of(0) == 1
