"""A model: an opened bundle that has answered its golden rows and now answers yours."""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.bundle import archive, golden
from pilotboat.bundle.archive import Bundle
from pilotboat.engines import Answer, open_model
from pilotboat.errors import (
    BundleError,
    MissingExtraError,
    ModelFailedError,
    NotFiniteError,
    PilotboatError,
    RefusedError,
    UntrustedBundleError,
)
from pilotboat.prediction import One, Prediction
from pilotboat.rows import Reader, Rows
from pilotboat.schema import Schema, Value

SKEW_LIBRARY = "scikit-learn"
FEW = 32


class Model:
    """One version of one model, verified. Make it with `pilotboat.load`."""

    def __init__(self, bundle: Bundle, answer: Answer) -> None:
        self.bundle = bundle
        self.reader = Reader(bundle.schema)
        self._answer = answer

    def __repr__(self) -> str:
        return f"<Model {self.name} {self.version}, engine {self.engine}>"

    @property
    def name(self) -> str:
        return self.bundle.name

    @property
    def version(self) -> str:
        return self.bundle.version

    @property
    def engine(self) -> str:
        return self.bundle.engine

    @property
    def schema(self) -> Schema:
        return self.bundle.schema

    def predict(self, rows: Any) -> Prediction:
        """Predictions for records, a DataFrame, an array of shape (n, inputs) or a list of texts.

        Raises `RowsError` naming every fault of the rows; `RefusedError` where the model does not
        answer values that fit its schema; `NotFiniteError` where it answers NaN or infinity.
        """
        return self.answer(self.reader.any(rows))

    @property
    def one(self) -> One | None:
        """The cells of a checked row -> label and probabilities, where the engine has that way."""
        return getattr(self._answer, "one", None)

    def answer(self, rows: Rows) -> Prediction:
        """Predictions for checked rows."""
        try:
            labels, shares = self._answer(rows)
        except Exception as error:
            refused = isinstance(error, ValueError)
            raise (self._refusal(rows) if refused else self._failure()) from error
        for numbers in (labels, shares):
            if numbers is not None and numbers.dtype.kind == "f" and not _finite(numbers):
                finite = np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
                raise NotFiniteError(
                    "The model's answer to a row is not a finite number.",
                    row=int(np.argmin(finite)),
                )
        return Prediction(labels, shares, self.schema.classes, self.name, self.version)

    def _failure(self) -> ModelFailedError:
        return ModelFailedError(
            f"The model '{self.name}' failed on rows that fit its schema.",
            model=self.name,
            version=self.version,
        )

    def _refusal(self, rows: Rows) -> RefusedError | ModelFailedError:
        """Which row it is that the model refuses: found by halving, not by its message."""
        start, stop = 0, rows.count
        while stop - start > 1:
            middle = (start + stop) // 2
            start, stop = (start, middle) if self._refuses(rows, start, middle) else (middle, stop)
        if not self._refuses(rows, start, stop):
            return self._failure()  # each row alone is answered: it is not the values
        return RefusedError("The model refuses to answer the values of a row.", row=start)

    def _refuses(self, rows: Rows, start: int, stop: int) -> bool:
        try:
            self._answer(rows.take(start, stop))
        except Exception:  # noqa: BLE001 - a part may break otherwise than the whole did
            return True
        return False

    def examples(self, count: int) -> list[dict[str, Value]]:
        """The first `count` golden records: rows that the model is known to answer."""
        return list(golden.records(self.bundle.path, self.schema, count))


def _finite(numbers: NDArray[Any]) -> bool:
    """Whether all are finite. For a few numbers plain Python is quicker than NumPy."""
    if numbers.size <= FEW:
        return all(map(isfinite, numbers.ravel().tolist()))
    return bool(np.isfinite(numbers).all())


def load(
    path: str | os.PathLike[str], *, trust: Collection[str] = (), allow_version_skew: bool = False
) -> Model:
    """The model in the bundle directory `path`, or the newest version in a model's directory.

    trust: digests of bundles whose own code and types the caller vouches for.
    allow_version_skew: open a model although another scikit-learn packed it.
    Raises `BundleError`: damaged, not trusted, packed with other versions, or answering its golden
    rows otherwise than when it was packed.
    """
    bundle = archive.open_bundle(_newest(Path(path)))
    if bundle.manifest.untrusted and bundle.digest not in trust:
        raise UntrustedBundleError(
            f"The bundle brings what is not on Pilotboat's own list: "
            f"{', '.join(bundle.manifest.untrusted)}.",
            hint=f"If you vouch for it, name its digest: --trust {bundle.digest}",
            digest=bundle.digest,
        )
    if bundle.engine == "sklearn" and not allow_version_skew:
        check_versions(bundle)
    try:
        answer = open_model(
            bundle.engine, bundle.path, bundle.schema, trust=bool(bundle.manifest.untrusted)
        )
        golden.verify(bundle.path, bundle.schema, answer)
    except MissingExtraError as error:
        raise BundleError(
            f"'{bundle.name}' {bundle.version} is answered by {bundle.engine}, which is not installed "
            "here: only compiled models are served.",
            code="engine-missing",
            hint=f"{error.hint}. 'pilotboat inspect' says why the model is not compiled.",
        ) from error
    except PilotboatError:
        raise
    except Exception as error:
        raise BundleError(
            f"The model of '{bundle.name}' cannot be opened: {type(error).__name__}.",
            hint="The libraries here may differ from those it was packed with: pack it again.",
        ) from error
    return Model(bundle, answer)


def _newest(path: Path) -> Path:
    numbers = archive.versions(path)
    return path / str(numbers[-1]) if numbers else path


def check_versions(bundle: Bundle) -> None:
    """Refuse a bundle that another minor version of scikit-learn packed."""
    packed = bundle.manifest.written_with.get(SKEW_LIBRARY, "")
    try:
        running = version(SKEW_LIBRARY)
    except PackageNotFoundError:
        return  # opening it will say what to install
    if packed.split(".")[:2] != running.split(".")[:2]:
        raise BundleError(
            f"'{bundle.name}' {bundle.version} was packed with scikit-learn {packed}; "
            f"{running} is installed.",
            code="version-mismatch",
            hint=f'Install that one (pip install "scikit-learn=={packed}"), pack the model again, '
            "or set PILOTBOAT_ALLOW_VERSION_SKEW=true to try all the same.",
        )
