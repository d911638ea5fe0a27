"""Templates and address rules compiled once in a process: every test makes an application, and compiling would take
longer than most tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class CompiledTemplates(BytecodeCache):
    """Each template as the first application compiled it; Jinja compiles another content anew."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


@contextmanager
def compiled_once() -> Iterator[None]:
    """While it lasts, applications share what they compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, "bytecode_cache", CompiledTemplates())
        # Werkzeug writes and compiles two functions for each rule, nine tenths of the time that an application takes.
        # They are made of nothing but this, and get the rule as an argument.
        compile_builder, builders = getattr(Rule, "_compile_builder", None), dict[Any, Builder]()

        def builder(rule: Rule, append_unknown: bool = True) -> Builder:
            key = (rule.rule, repr(rule.defaults), tuple(rule._trace), append_unknown)
            if key not in builders:
                builders[key] = compile_builder(rule, append_unknown)
            return builders[key]

        if compile_builder is not None:
            patch.setattr(Rule, "_compile_builder", builder)
        yield
