"""`pilotboat inspect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pilotboat.bundle import archive, sandbox
from pilotboat.bundle.archive import Bundle
from pilotboat.bundle.manifest import PARITY
from pilotboat.errors import BundleError
from pilotboat.schema import Field

SHOWN = 6


@click.command(
    epilog="\b\nExamples:\n  pilotboat inspect model.joblib\n  pilotboat inspect models/titanic/1"
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def inspect(path: Path, *, as_json: bool) -> None:
    """Show what PATH holds: an artifact that training left, or a bundle. Nothing in it is run."""
    if path.is_dir():
        numbers = archive.versions(path)
        bundle = archive.open_bundle(path / str(numbers[-1]) if numbers else path)
        told, lines = of_bundle(bundle), bundle_lines(bundle)
    else:
        told = sandbox.sniff(path)
        lines = artifact_lines(path, told)
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines))


def of_bundle(bundle: Bundle) -> dict[str, Any]:
    """Everything that a bundle says of itself."""
    return bundle.manifest.to_json() | {
        "digest": bundle.digest,
        "schema": bundle.schema.to_json(),
        "proof": proof(bundle),
    }


def proof(bundle: Bundle) -> dict[str, Any]:
    """`parity.json`: how the engine's answers compared with the model's own."""
    try:
        read: dict[str, Any] = json.loads((bundle.path / PARITY).read_bytes())
    except (OSError, ValueError) as error:
        raise BundleError("parity.json cannot be read.", code="artifact-missing") from error
    return read


def bundle_lines(bundle: Bundle) -> Iterator[str]:
    """A bundle for people to read."""
    manifest, schema = bundle.manifest, bundle.schema
    yield f"{bundle.name} {bundle.version}"
    yield f"  engine       {bundle.engine}"
    yield f"  digest       {bundle.digest}"
    told = proof(bundle)
    yield (
        f"  proof        {told['rows']} golden rows answered alike; "
        f"largest difference {told['largest_difference']:g}"
    )
    yield from _plan_lines(told)
    yield f"  packed       {manifest.provenance.get('created')}"
    for kind in ("artifact", "data"):
        source = manifest.provenance.get(kind) or {}
        if source.get("file"):
            yield f"  {kind:<12} {source['file']}  sha256 {source['sha256'][:12]}…"
    versions = ", ".join(f"{name} {number}" for name, number in manifest.written_with.items())
    yield f"  with         {versions}"
    if manifest.untrusted:
        yield f"  needs trust  {', '.join(manifest.untrusted)}"
    yield "  inputs"
    width = max(len(field.name) for field in schema.inputs)
    yield from (f"    {field.name:<{width}}  {_described(field)}" for field in schema.inputs)
    yield "  outputs"
    yield from (f"    {field.name:<{width}}  {_described(field)}" for field in schema.outputs)
    if schema.ignored:
        yield f"  not read     {', '.join(schema.ignored)}"
    yield "  files"
    for name, digest in manifest.files.items():
        yield f"    {digest.sha256[:12]}…  {digest.size:>12,}  {name}"


def _plan_lines(told: dict[str, Any]) -> Iterator[str]:
    """How a plan was compared with scikit-learn, or why there is none."""
    if plan := told.get("plan"):
        yield (
            f"  plan         {plan['rows']:,} rows made to break it, {plan['refused']:,} of them refused "
            f"by both; no label differs; largest difference {plan['largest_difference']:g}"
        )
    if "not_compiled" in told:
        yield f"  not compiled {told['not_compiled']}"


def _described(field: Field) -> str:
    parts: list[str] = [field.type]
    if field.categories is not None:
        more = ", …" if len(field.categories) > SHOWN else ""
        known = ", ".join(str(value) for value in field.categories[:SHOWN])
        parts.append(f"{'one of' if field.closed else 'such as'} {known}{more}")
    if field.minimum is not None:
        parts.append(f"{field.minimum:g} to {field.maximum:g} in training")
    if field.nullable:
        parts.append("may be null")
    return "; ".join(parts)


def artifact_lines(path: Path, told: dict[str, Any]) -> Iterator[str]:
    """An artifact for people to read."""
    yield path.name
    yield f"  format        {told['format']}" + (
        f", {told['compression']}" if told["compression"] else ""
    )
    yield f"  holds         {told['root'] or 'unknown'}"
    yield f"  scikit-learn  {', '.join(told['sklearn']) or 'not stated'}"
    yield f"  numpy         {told['numpy'] or 'not stated'}"
    yield f"  size          {told['size']:,} bytes"
    yield f"  sha256        {told['sha256']}"
    for title, names in (("names", told["globals"]), ("NOT ON OUR LIST", told["untrusted"])):
        if names:
            yield f"  {title}"
            yield from (f"    {name}" for name in names)
    if not told["untrusted"] and told["format"] != "onnx":
        yield "  Everything that it names is on Pilotboat's own list: it loads without --trust."
