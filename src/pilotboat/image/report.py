"""An image looked into: `inspect` does it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pilotboat.image import checks, docker, layers
from pilotboat.image.checks import Check, Config, Image
from pilotboat.image.contents import Contents, stack
from pilotboat.image.layers import Saved

BIGGEST = 10
"""How many wasted files are named."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in an image. size: the bytes in all layers."""

    name: str
    id: str
    platform: str
    saved: Saved
    contents: Contents
    checks: tuple[Check, ...]

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.saved.layers)

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(not check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        wasted = self.contents.wasted
        return {
            "image": self.name,
            "id": self.id,
            "platform": self.platform,
            "size": self.size,
            "files": len(self.contents.files),
            "layers": [
                {
                    "number": number,
                    "size": layer.size,
                    "files": len(layer.entries),
                    "made_by": layer.made_by,
                }
                for number, layer in enumerate(self.saved.layers, 1)
            ],
            "wasted": {
                "bytes": self.contents.wasted_bytes,
                "files": len(wasted),
                "biggest": [asdict(one) for one in wasted[:BIGGEST]],
            },
            "checks": [asdict(check) for check in self.checks],
            "failed": self.failed,
        }


def inspect(tag: str, client: str = "docker") -> Report:
    """Look into an image of the local engine."""
    told = docker.inspect(tag, client)
    with docker.saved(tag, client) as stream:
        saved = layers.read(stream)
    return report(tag, told, saved)


def report(tag: str, told: Mapping[str, Any], saved: Saved) -> Report:
    """The report on an image: what `docker image inspect` told of it, and what was saved."""
    contents = stack(saved.layers)
    image = Image(Config.of(told.get("Config") or {}), saved, contents)
    return Report(
        name=tag,
        id=str(told.get("Id") or ""),
        platform=f"{told.get('Os')}/{told.get('Architecture')}",
        saved=saved,
        contents=contents,
        checks=checks.run(image),
    )
