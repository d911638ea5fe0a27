"""`zhiku evaluate`: how good the search is, on a judged set."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from zhiku.bootstrap import Zhiku, evaluate_in, open_vectors
from zhiku.services.evaluation import read_judged_set


@click.command("evaluate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--details", is_flag=True, help="列出每个问题的 RR@10，低的在前。")
@click.pass_obj
def evaluate_command(app: Zhiku, folder: Path, details: bool) -> None:
    """在评测集上衡量检索质量。FOLDER 里要有 documents.jsonl、queries.tsv 和 qrels.txt。"""
    judged = read_judged_set(folder)
    with tempfile.TemporaryDirectory(prefix="zhiku-evaluate-") as temporary:
        # The same texts are evaluated again and again: where the product keeps vectors, theirs are kept until the next
        # rebuild. Where there is no installation, nothing is left behind.
        kept = app.settings.cache_dir
        vectors = open_vectors(app.settings.encoder, kept if kept.is_dir() else Path(temporary))
        evaluation = evaluate_in(Path(temporary), judged, app.settings.segmenter, vectors)
    if details:
        values = evaluation.by_query["RR@10"]
        for query in sorted(values, key=lambda key: (values[key], key)):
            click.echo(f"{values[query]:.3f} {query} {judged.queries[query]}")
    if evaluation.unanswered:
        click.echo(f"没有结果的问题：{len(evaluation.unanswered)} 个", err=True)
    click.echo(evaluation.line)
