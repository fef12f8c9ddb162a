"""A plan on disk: `plan.json` and `arrays/*.npy`. Data only; nothing of it can be run.

To raise `FORMAT`: do it when a reader of the present format would misread the new one.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.errors import BundleError
from pilotboat.imports import resolve
from pilotboat.plan import Plan
from pilotboat.plan.step import NAN

FORMAT = 1
PLAN = "plan.json"
ARRAYS = "arrays"

STEPS = {
    "chain": "pilotboat.plan.step:Chain",
    "join": "pilotboat.plan.step:Join",
    "check": "pilotboat.plan.step:Check",
    "take": "pilotboat.plan.step:Take",
    "read": "pilotboat.plan.columns:Read",
    "pick": "pilotboat.plan.columns:Pick",
    "cells": "pilotboat.plan.columns:Cells",
    "replace": "pilotboat.plan.columns:Replace",
    "one-hot": "pilotboat.plan.columns:OneHot",
    "codes": "pilotboat.plan.columns:Codes",
    "impute": "pilotboat.plan.numbers:Impute",
    "standardise": "pilotboat.plan.numbers:Standardise",
    "stretch": "pilotboat.plan.numbers:Stretch",
    "weigh": "pilotboat.plan.numbers:Weigh",
    "products": "pilotboat.plan.numbers:Products",
    "project": "pilotboat.plan.numbers:Project",
    "elementwise": "pilotboat.plan.curves:Elementwise",
    "bins": "pilotboat.plan.curves:Bins",
    "quantiles": "pilotboat.plan.curves:Quantiles",
    "power": "pilotboat.plan.curves:Power",
    "normalise": "pilotboat.plan.curves:Normalise",
    "splines": "pilotboat.plan.splines:Splines",
    "gaps": "pilotboat.plan.gaps:Gaps",
    "neighbours": "pilotboat.plan.gaps:Neighbours",
    "rounds": "pilotboat.plan.gaps:Rounds",
    "quadratic": "pilotboat.plan.discriminant:Quadratic",
    "posterior": "pilotboat.plan.discriminant:Posterior",
    "network": "pilotboat.plan.network:Network",
    "centres": "pilotboat.plan.clusters:Centres",
    "probabilities": "pilotboat.plan.answers:Probabilities",
    "label": "pilotboat.plan.answers:Label",
    "average": "pilotboat.plan.meta:Average",
    "votes": "pilotboat.plan.meta:Votes",
    "rest": "pilotboat.plan.meta:Rest",
    "complement": "pilotboat.plan.meta:Complement",
    "pairs": "pilotboat.plan.meta:Pairs",
    "succession": "pilotboat.plan.meta:Succession",
    "unscale": "pilotboat.plan.meta:Unscale",
    "alike": "pilotboat.plan.meta:Alike",
    "sound": "pilotboat.plan.meta:Sound",
    "sigmoids": "pilotboat.plan.calibration:Sigmoids",
    "ramps": "pilotboat.plan.calibration:Ramps",
    "distribution": "pilotboat.plan.calibration:Distribution",
    "kernel": "pilotboat.plan.kernels:Kernel",
    "machines": "pilotboat.plan.kernels:Machines",
    "turned": "pilotboat.plan.kernels:Turned",
    "elected": "pilotboat.plan.kernels:Elected",
    "coupled": "pilotboat.plan.kernels:Coupled",
    "linear": "pilotboat.plan.linear:Linear",
    "tokens": "pilotboat.plan.text:Tokens",
    "count": "pilotboat.plan.text:Count",
    "hash": "pilotboat.plan.text:Hash",
    "reweigh": "pilotboat.plan.terms:Reweigh",
    "values": "pilotboat.plan.terms:Values",
    "keep": "pilotboat.plan.terms:Keep",
    "sparse": "pilotboat.plan.terms:Sparse",
    "dense": "pilotboat.plan.terms:Dense",
    "join-terms": "pilotboat.plan.terms:JoinTerms",
    "dot": "pilotboat.plan.terms:Dot",
    "binarise": "pilotboat.plan.bayes:Binarise",
    "gaussian": "pilotboat.plan.bayes:Gaussian",
    "log-shares": "pilotboat.plan.bayes:LogShares",
    "sigmoid": "pilotboat.plan.links:Sigmoid",
    "softmax": "pilotboat.plan.links:Softmax",
    "shares": "pilotboat.plan.links:Shares",
    "mirrored": "pilotboat.plan.links:Mirrored",
    "exponential": "pilotboat.plan.links:Exponential",
    "inclusive": "pilotboat.plan.links:Inclusive",
    "trees": "pilotboat.plan.trees:Trees",
    "rounded": "pilotboat.plan.trees:Rounded",
    "isolation": "pilotboat.plan.trees:Isolation",
}
"""Every kind of step, by the name that it has in `plan.json`."""


def save(plan: Plan, directory: Path) -> None:
    """Write `plan` into `directory`."""
    (directory / ARRAYS).mkdir()
    arrays: list[str] = []

    def put(array: NDArray[Any]) -> dict[str, str]:
        name = f"{len(arrays):04}.npy"
        arrays.append(name)
        np.save(directory / ARRAYS / name, array, allow_pickle=False)
        return {"array": name}

    plain = {"format": FORMAT, "plan": _plain(plan, put)}
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    (directory / PLAN).write_text(text, encoding="utf-8")


def remove(directory: Path) -> None:
    """Take a plan that is not to be used out of `directory`."""
    shutil.rmtree(directory / ARRAYS, ignore_errors=True)
    (directory / PLAN).unlink(missing_ok=True)


def load(directory: Path) -> Plan:
    """The plan in `directory`, its arrays mapped from the files, so that processes share them.

    Raises `BundleError` where there is none that this version can read.
    """
    try:
        plain = json.loads((directory / PLAN).read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            raise BundleError(
                f"The plan has format {plain['format']}; this version reads format {FORMAT}.",
                code="plan-format",
                hint="Install the version of Pilotboat that packed it, or pack the model again.",
            )
        made = _made(plain["plan"], lambda name: _mapped(directory / ARRAYS / name))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise _unreadable() from error
    if not isinstance(made, Plan):
        raise _unreadable()
    return made


def _unreadable() -> BundleError:
    return BundleError(
        "plan.json does not describe a plan.", code="plan-invalid", hint="Pack the model again."
    )


def _mapped(path: Path) -> NDArray[Any]:
    """A plain array over the mapped file: `numpy.memmap` itself is slower with each call."""
    mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped.view(np.ndarray)


def _plain(value: Any, put: Callable[[NDArray[Any]], dict[str, str]]) -> Any:
    if isinstance(value, np.ndarray):
        return put(value)
    if is_dataclass(value) and not isinstance(value, type):
        named = {one.name: _plain(getattr(value, one.name), put) for one in fields(value)}
        return named if isinstance(value, Plan) else {"step": _name(value)} | named
    if isinstance(value, tuple | list):
        return [_plain(one, put) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _name(step: Any) -> str:
    path = f"{type(step).__module__}:{type(step).__qualname__}"
    return next(name for name, reference in STEPS.items() if reference == path)


def _made(plain: Any, get: Callable[[str], NDArray[Any]]) -> Any:
    if isinstance(plain, list):
        return tuple(_made(one, get) for one in plain)
    if not isinstance(plain, dict):
        return plain
    if "array" in plain:
        return get(_file(plain["array"]))
    if "float" in plain:
        return NAN if plain["float"] == "nan" else float(plain["float"])
    named = {name: _made(one, get) for name, one in plain.items() if name != "step"}
    return resolve(STEPS[plain["step"]])(**named) if "step" in plain else Plan(**named)


def _file(name: Any) -> str:
    if not isinstance(name, str) or not name.removesuffix(".npy").isalnum():
        raise ValueError(name)
    return name
