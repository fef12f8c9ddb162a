"""The child of `sandbox`: one task from standard input, under limits, its report as JSON lines."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

from pilotboat.bundle.source import Progress, Source
from pilotboat.errors import ArtifactError, LimitHitError, PilotboatError
from pilotboat.imports import resolve

if sys.platform != "win32":
    import resource


def main() -> None:
    """Do the task that standard input names."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as parent:
        os.dup2(2, 1)  # what the artifact's own code prints must not reach the parent as a report
        task = json.load(sys.stdin)
        _limit(task["limits"])

        def tell(**said: Any) -> None:
            _write(parent, said)

        try:
            done = TASKS[task["task"]](task, lambda step: tell(step=step))
        except PilotboatError as error:
            tell(error=error.report())
        except MemoryError:
            tell(error=_memory(task["limits"]["memory"]).report())
        except RecursionError:
            deep = ArtifactError("The artifact is nested too deeply.", code="artifact-limits")
            tell(error=deep.report())
        except BaseException as error:  # noqa: BLE001 - a bug here must not look like a bad file
            traceback.print_exc()
            tell(
                error=PilotboatError(f"{type(error).__name__} while packing.", code="bug").report()
            )
        else:
            tell(done=done)


def _write(parent: TextIO, said: dict[str, Any]) -> None:
    parent.write(json.dumps(said) + "\n")
    parent.flush()


def _memory(limit: int) -> LimitHitError:
    return LimitHitError(
        f"Reading the artifact needed more than {limit / 2**30:.3g} GiB of memory.",
        hint="If it is honest, allow more: --memory-limit.",
        limit="memory",
    )


def _limit(limits: dict[str, int]) -> None:
    if sys.platform == "win32":  # pragma: no cover
        return
    for what, value in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (soft, hard))


def _sniff(task: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    return asdict(resolve("pilotboat.formats:sniff")(Path(task["path"])))


def _pack(task: dict[str, Any], progress: Progress) -> dict[str, Any]:
    path = Path(task["path"])
    progress(f"looking into {path.name}")
    sniffed = resolve("pilotboat.formats:sniff")(path)
    plain = task["source"]
    source = Source(
        **plain
        | {
            "repository": Path(plain["repository"]),
            "code": tuple(Path(file) for file in plain["code"]),
            "artifact": {
                "file": path.name,
                "format": sniffed.format,
                "sha256": sniffed.sha256,
                "size": sniffed.size,
                "scikit-learn": list(sniffed.sklearn),
                "numpy": sniffed.numpy,
            },
        }
    )
    data, source = _data(task["data"], source, progress)
    progress(f"loading the {sniffed.format} file")
    model = resolve("pilotboat.formats:load")(
        path, trust=source.trust, code=source.code, allow_version_skew=source.allow_version_skew
    )
    library = "onnx" if sniffed.format == "onnx" else "sklearn"
    bundle, notes = resolve("pilotboat.bundle.pack:pack_loaded")(
        library, model, data, source, progress
    )
    return {"path": str(bundle.path), "notes": list(notes)}


def _data(given: dict[str, str] | None, source: Source, progress: Progress) -> tuple[Any, Source]:
    if given is None:
        return None, source
    if "frame" in given:
        return resolve("pandas:read_pickle")(given["frame"]), source
    path = Path(given["file"])
    progress(f"reading {path.name}")
    frame = resolve("pilotboat.bundle.data:read")(path)
    digest = resolve("pilotboat.bundle.archive:digest_of")(path)
    told = {"file": path.name, "sha256": digest.sha256, "rows": len(frame)}
    return frame, replace(source, data=told)


TASKS = {"sniff": _sniff, "pack": _pack}

if __name__ == "__main__":
    main()
