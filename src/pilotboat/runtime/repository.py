"""Versions on disk -> live versions.

A repository is a directory `NAME/VERSION/`; it is only ever read. Every version that verifies is
served; one that does not is named with its reason, and the others serve.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pilotboat.bundle import archive
from pilotboat.bundle.manifest import MANIFEST, NAME
from pilotboat.errors import (
    BundleError,
    EnvironmentFault,
    ModelNotReadyError,
    PilotboatError,
    UnknownModelError,
)
from pilotboat.prediction import Predict, Soon
from pilotboat.rows import Reader
from pilotboat.runtime.backlog import Backlog
from pilotboat.runtime.model import Model, load

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Live:
    """A version that answers: the model, what reads rows for it, and the stack that predicts.

    soon: the answer to one row without a task, where the model is quick enough for that.
    backlog: what waits for the model. remembers: whether who asks is of interest. is_slow: single rows
    wait for the model too.
    """

    model: Model
    reader: Reader
    predict: Predict
    soon: Soon | None = None
    backlog: Backlog | None = None
    remembers: bool = False
    is_slow: bool = False


Wrap = Callable[[Model], Live]


@dataclass(frozen=True, slots=True)
class Refused:
    """A version on disk that is not served, and why."""

    name: str
    version: str
    error: PilotboatError


class Repository:
    """The versions in a directory: a repository, one model's directory or one bundle.

    wrap: builds what surrounds a version, once, when it is loaded. default: the model that answers requests
    which name none; without it the only one does. trust, allow_version_skew: see `load`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        wrap: Wrap,
        *,
        default: str | None = None,
        trust: Collection[str] = (),
        allow_version_skew: bool = False,
    ) -> None:
        self.path = Path(path)
        self.default = default
        self.refused: tuple[Refused, ...] = ()
        self._wrap = wrap
        self._trust = trust
        self._allow_version_skew = allow_version_skew
        self._live: dict[str, dict[str, Live]] = {}
        self._known: set[str] = set()
        self.leaving = False

    def leave(self) -> None:
        """Be ready no more, because the server is about to stop; what is asked is still answered."""
        self.leaving = True

    def open(self, told: Callable[[str], None] = lambda _: None) -> None:
        """Load and verify every version. told: hears of each before it is loaded.

        Raises `EnvironmentFault` for an unreadable directory.
        """
        live: dict[str, dict[str, Live]] = {}
        refused: list[Refused] = []
        for name, version, path in bundles(self.path):
            self._known.add(name)
            told(f"loading '{name}' {version}")
            try:
                model = self._load(name, version, path)
            except PilotboatError as error:
                logger.error("%s %s is not served: %s", name, version, error)  # noqa: TRY400 - one line
                refused.append(Refused(name, version, error))
                continue
            live.setdefault(name, {})[version] = self._wrap(model)
        self._live, self.refused = live, tuple(refused)

    def _load(self, name: str, version: str, path: Path) -> Model:
        model = load(path, trust=self._trust, allow_version_skew=self._allow_version_skew)
        if (name and model.name != name) or model.version != version:
            raise BundleError(
                f"The bundle says that it is '{model.name}' {model.version}, but lies elsewhere.",
                code="manifest-invalid",
                hint=f"Put it into {model.name}/{model.version}/.",
            )
        return model

    @property
    def names(self) -> list[str]:
        """The models that have a live version."""
        return sorted(self._live)

    @property
    def not_ready(self) -> dict[str, str]:
        """Model -> why it has no live version. Empty, and `names` not: ready."""
        reasons = {one.name: str(one.error) for one in self.refused if one.name not in self._live}
        if self.default is not None and self.default not in self._known:
            reasons[self.default] = f"There is no model '{self.default}' here."
        return reasons

    @property
    def is_ready(self) -> bool:
        """Whether every model has a verified version, and there is one at all."""
        return bool(self._live) and not self.not_ready and not self.leaving

    def versions(self, name: str) -> list[Live]:
        """The live versions of a model, the newest first."""
        return sorted(
            self._live.get(name, {}).values(), key=lambda one: int(one.model.version), reverse=True
        )

    @property
    def default_name(self) -> str | None:
        """The model that answers requests which name none."""
        if self.default is not None:
            return self.default
        return next(iter(self._known)) if len(self._known) == 1 else None

    def choose(self, name: str | None, version: str | None = None) -> Live:
        """The live version that answers: the newest, unless one is named.

        Raises `UnknownModelError`, or `ModelNotReadyError` for a model that failed to load.
        """
        name = self._named() if name is None else name
        live = self._live.get(name)
        if live is None:
            raise self._absent(name)
        if version is None:
            return live[max(live, key=int)]
        if version in live:
            return live[version]
        if any((one.name, one.version) == (name, version) for one in self.refused):
            raise ModelNotReadyError(f"'{name}' {version} did not load.", model=name)
        raise UnknownModelError(
            "This model has no such version.",
            code="unknown-version",
            hint=f"Its versions are: {', '.join(sorted(live, key=int))}.",
            versions=sorted(live, key=int),
        )

    def _named(self) -> str:
        name = self.default_name
        if name is None and not self._known:
            raise ModelNotReadyError("There is no model here yet.")
        if name is None:
            raise UnknownModelError(
                "There are several models here and none is the default.",
                hint=f"Name one: {', '.join(f'/v1/models/{one}:predict' for one in self.names)}.",
                models=self.names,
            )
        return name

    def _absent(self, name: str) -> PilotboatError:
        if name in self._known:
            return ModelNotReadyError(f"The model '{name}' did not load.", model=name)
        return UnknownModelError(
            "There is no model of that name here.",
            hint=f"Models here are: {', '.join(self.names) or 'none'}.",
            models=self.names,
        )


def bundles(path: Path) -> Iterator[tuple[str, str, Path]]:
    """(name, version, directory) of every bundle under `path`, whichever kind of directory it is.

    Raises `EnvironmentFault` where the directory is missing or cannot be read.
    """
    try:
        entries = sorted(entry.name for entry in path.iterdir())
    except NotADirectoryError as error:
        raise EnvironmentFault(
            f"'{path}' is a file; what is served is a directory of bundles.",
            code="repository-unreadable",
            hint=f"Pack it first: pilotboat pack {path}",
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            f"The models' directory '{path}' cannot be read: {error.strerror}.",
            code="repository-unreadable",
            hint="Pack a model into it (pilotboat pack), or name another directory.",
        ) from error
    if MANIFEST in entries:
        yield *archive.told(path), path
    elif numbers := archive.versions(path):
        # The directory may be mounted under another name: the newest bundle knows its model's.
        name, _ = archive.told(path / str(numbers[-1]))
        yield from ((name, str(n), path / str(n)) for n in numbers)
    else:
        for name in filter(NAME.fullmatch, entries):
            yield from ((name, str(n), path / name / str(n)) for n in archive.versions(path / name))
