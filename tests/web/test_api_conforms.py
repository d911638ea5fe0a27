"""schemathesis asks what the API's description allows, and much that it does not: never a 5xx, always as described."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.web.county import settings_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import FOR_TOKENS
from zhiku.web.app import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    unsupported_method,
    ignored_auth,
    negative_data_rejection,
]

#: Cases of each operation, as described and otherwise.
EXAMPLES = 50

OPERATIONS = [
    "GET /api/v1/experts",
    "GET /api/v1/experts/{expert_id}",
    "GET /api/v1/suggestions",
    "GET /api/v1/suggestions/{number}",
    "GET /api/v1/suggestions/{number}/departments",
    "POST /api/v1/departments",
]

#: Operation -> cases that were run, and status codes that came back.
RUN: Counter[str] = Counter()
ANSWERED: Counter[int] = Counter()


@pytest.fixture(scope="module")
def served(county_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    """The application of a county, and a token for all of its API."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(county_home, home)
    opened = Zhiku.open(settings_in(home))
    token = opened.api_tokens.issue("接口测试", sorted(FOR_TOKENS, key=lambda one: one.value), "430725").secret
    yield create_app(opened), token
    opened.close()


@pytest.fixture(scope="module")
def described(served: tuple[Flask, str]) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", served[0])


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_as_described(
    served: tuple[Flask, str], described: Any, operation: str, mode: GenerationMode
) -> None:
    method, path = operation.split()
    cases = described[path][method].as_strategy(generation_mode=mode)

    # Not by its plugin for pytest, which knows only some versions of it. The same cases each time: another one that
    # does not conform is found by whoever changes the number, not by who happens to run the tests.
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(cases)
    def ask(case: Case) -> None:
        headers = {"Authorization": f"Bearer {served[1]}"}
        response = case.call(headers=headers)
        RUN[operation] += 1
        ANSWERED[response.status_code] += 1
        # One of the checks asks once more with a token that is none.
        served[0].extensions["zhiku.tries"].forget()
        case.validate_response(response, checks=CHECKS, headers=headers)

    try:
        ask()
    except Unsatisfiable:
        # There is no wrong way to ask for what takes any text.
        assert mode is GenerationMode.NEGATIVE


@pytest.mark.slow
def test_some_hundred_cases_were_run_and_none_was_an_error_of_ours() -> None:
    print(f"\nschemathesis: {sum(RUN.values())} cases {dict(RUN)}, answers {dict(sorted(ANSWERED.items()))}")
    assert set(RUN) == set(OPERATIONS) and sum(RUN.values()) > 300
    assert ANSWERED[200] > 50 and not any(code >= 500 for code in ANSWERED)


def test_no_operation_is_left_out(described: Any) -> None:
    found = {one.ok() for one in described.get_all_operations()}
    assert {f"{one.method.upper()} {one.path}" for one in found} == set(OPERATIONS)
