"""Analyzers are dear to make (a dictionary of 350,000 words each), so all contract tests share them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.contract.variants import Analyzers
from zhiku.analysis.analyzer import Analyzer, make_analyzer


@pytest.fixture(scope="session")
def analyzers(tmp_path_factory: pytest.TempPathFactory) -> Analyzers:
    made: dict[tuple[str, tuple[str, ...]], Analyzer] = {}
    cache = tmp_path_factory.mktemp("jieba")

    def analyzer_for(segmenter: str, words: Sequence[str]) -> Analyzer:
        key = (segmenter, tuple(words))
        if key not in made:
            made[key] = make_analyzer(segmenter, words, cache)
        return made[key]

    return analyzer_for
