"""`pilotboat pack`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pilotboat.bundle.pack import pack as pack_model
from pilotboat.bundle.sandbox import Limits
from pilotboat.errors import UsageError

EPILOG = """\b
Examples:
  pilotboat pack model.joblib
  pilotboat pack model.joblib --data train.csv --target survived --name titanic
  pilotboat pack model.pkl --trust --code features.py
"""


@click.command(epilog=EPILOG)
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Rows it was trained on: .csv, .jsonl, .parquet.",
)
@click.option("--target", metavar="COLUMN", help="The column of the data that is predicted.")
@click.option("--name", help="The model's name.  [default: the file's]")
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default="models",
    envvar="PILOTBOAT_REPOSITORY",
    show_default=True,
    help="The directory of models; the bundle goes to NAME/VERSION/ in it.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "plan", "sklearn"]),
    default="auto",
    show_default=True,
    help="What answers: a compiled plan, scikit-learn, or the plan where it is proved (auto).",
)
@click.option(
    "--types",
    metavar="a=TYPE,…",
    help="Types of single columns: number, integer, boolean, category, text.",
)
@click.option(
    "--trust", is_flag=True, help="Load it although it names code outside Pilotboat's own list."
)
@click.option(
    "--code",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A Python file with classes that it needs; goes with --trust.",
)
@click.option(
    "--allow-version-skew", is_flag=True, help="Load it although another scikit-learn wrote it."
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(min=0.1),
    default=64,
    show_default=True,
    metavar="GIB",
    help="Address space for reading it.",
)
@click.option(
    "--cpu-limit",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Processor time for reading it.",
)
@click.option(
    "--time-limit",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Time for reading it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def pack(
    artifact: Path,
    *,
    types: str | None,
    memory_limit: float,
    cpu_limit: int,
    time_limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Turn ARTIFACT, a trained model in a file, into the next version of a bundle.

    ARTIFACT is a .joblib, .pkl, .skops or .onnx file. It is read in a process of its own, and a
    pickle is looked into before it is loaded.
    """
    limits = Limits(memory=int(memory_limit * 2**30), cpu=cpu_limit, time=time_limit)
    notes: list[str] = []
    bundle = pack_model(
        artifact,
        types=parse_types(types),
        limits=limits,
        progress=lambda step: None if as_json else click.echo(f"  {step} …", err=True),
        notes=notes.append,
        **options,
    )
    untrusted = list(bundle.manifest.untrusted)
    if as_json:
        told = {"path": str(bundle.path), "name": bundle.name, "version": bundle.version}
        more = {"engine": bundle.engine, "digest": bundle.digest, "untrusted": untrusted}
        click.echo(json.dumps(told | more | {"notes": notes}, indent=2))
        return
    for note in notes:
        click.echo(f"  note: {note}", err=True)
    click.echo(f"{bundle.path}  ({bundle.name} {bundle.version}, engine {bundle.engine})")
    if untrusted:
        click.echo(f"It brings {', '.join(untrusted)}. Whoever vouches for that serves it with:")
        click.echo(f"  pilotboat serve --trust {bundle.digest}")


def parse_types(text: str | None) -> dict[str, str]:
    """`a=integer,b=text` -> {"a": "integer", "b": "text"}. Raises `UsageError`."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise UsageError("--types takes pairs, as in: --types age=integer,note=text")
    return {name.strip(): kind.strip() for name, _, kind in pairs}
