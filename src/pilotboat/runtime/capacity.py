"""Whether the models of a repository fit into the memory that there is, told before any is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pilotboat.bundle.manifest import MANIFEST
from pilotboat.errors import EnvironmentFault

MIB = 2**20
WORKER = {"plan": 40 * MIB, "onnx": 70 * MIB, "sklearn": 150 * MIB}
"""What a worker needs before any model, by the engine that it imports; measured."""
SUPERVISOR = 40 * MIB
SHIPPER = 60 * MIB
"""What the process needs that brings predictions to the database; measured."""


@dataclass(frozen=True, slots=True)
class Need:
    """About how many bytes the models of a repository need.

    worker: each process, before any model. models: what each process has of its own of them.
    shared: what all processes have together, because it is mapped. beside: other processes.
    """

    worker: int
    models: int
    shared: int
    beside: int = 0

    def of(self, workers: int, *, supervised: bool) -> int:
        """Of so many workers, and of the process that starts them where there is one."""
        supervisor = SUPERVISOR if supervised else 0
        return supervisor + workers * (self.worker + self.models) + self.shared + self.beside


def need(repository: Path, *, remembers: bool = False) -> Need:
    """What the bundles in `repository` need. One that cannot be read needs nothing.

    remembers: whether predictions are kept, which takes a process of its own.
    """
    engines, shared, models = {"plan"}, 0, 0
    for manifest in repository.glob(f"**/{MANIFEST}"):
        try:
            told = json.loads(manifest.read_bytes())
            engines.add(told["engine"])
            files = told["files"].items()
            for name, digest in files:
                shared += digest["size"] if name.startswith("arrays/") else 0
                models += digest["size"] if name.startswith(("model.", "plan.")) else 0
        except (OSError, ValueError, KeyError, TypeError):
            continue  # opening it will say what is wrong with it
    worker = max(WORKER.get(engine, 0) for engine in engines)
    return Need(worker, models, shared, SHIPPER if remembers else 0)


def check(needed: int, workers: int, limit: int | None) -> None:
    """Raise `EnvironmentFault` where `limit` bytes cannot hold the models in `workers` processes.

    Without it, the kernel would end each worker while it loads, for ever and without a word.
    """
    if limit is not None and needed > limit:
        raise EnvironmentFault(
            f"There are {limit // MIB} MiB of memory here; serving these models with {workers} "
            f"worker{'s' if workers > 1 else ''} needs about {needed // MIB} MiB.",
            code="memory-too-small",
            hint="Allow more (docker run --memory 512m), or serve with fewer workers.",
        )
