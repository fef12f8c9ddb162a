"""Real parts for tests: data, fitted models, bundles, server processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import pilotboat
from pilotboat.formats.code import import_code

PILOTBOAT = [sys.executable, "-m", "pilotboat"]
SHARED_TITANIC = Path(__file__).parents[2] / "shared" / "data" / "titanic.csv"


def passengers(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Made-up passengers: numbers with gaps, categories of text and of integers, a label."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "pclass": random.integers(1, 4, rows),
            "sex": random.choice(["female", "male"], rows),
            "age": np.round(random.uniform(0.5, 80, rows), 1),
            "fare": np.round(random.gamma(2, 16, rows), 4),
            "embarked": random.choice(["C", "Q", "S"], rows),
            "alive": random.choice(["no", "yes"], rows),
        }
    )
    frame.loc[::7, "age"] = np.nan
    odds = (frame["sex"] == "female") * 2.5 - frame["pclass"] * 0.8 + frame["fare"] / 50
    frame["survived"] = np.where(odds + random.normal(0, 1, rows) > 0, "yes", "no")
    return frame


def mixed_pipeline(head: Any = None, handle_unknown: str = "ignore") -> Any:
    """An unfitted pipeline over the columns of `passengers`."""
    columns = ColumnTransformer(
        [
            ("num", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fare"]),
            ("cat", OneHotEncoder(handle_unknown=handle_unknown), ["sex", "embarked", "pclass"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000) if head is None else head)


def fitted(head: Any = None, handle_unknown: str = "ignore", seed: int = 0) -> Any:
    """That pipeline, fitted on every column, read or not."""
    frame = passengers(seed=seed)
    return mixed_pipeline(head, handle_unknown).fit(
        frame.drop(columns="survived"), frame["survived"]
    )


def pack_titanic(repository: Path, name: str = "titanic", **options: Any) -> pilotboat.Bundle:
    """A bundle of the fitted pipeline; closed categories for sex, embarked and pclass."""
    options.setdefault("data", passengers())
    return pilotboat.pack(
        fitted(handle_unknown=options.pop("handle_unknown", "error")),
        target="survived",
        name=name,
        repository=repository,
        **options,
    )


def pack_house(repository: Path) -> pilotboat.Bundle:
    """A regression that computes in float32: a number, an integer, a boolean."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"area": np.round(random.uniform(20, 300, 200), 1)})
    frame["rooms"] = random.integers(1, 9, 200)
    frame["garden"] = random.choice([True, False], 200)
    price = frame["area"] * 3 + frame["rooms"] * 10 + frame["garden"] * 50.0
    model = RandomForestRegressor(n_estimators=3, max_depth=4, random_state=0).fit(frame, price)
    types = {"rooms": "integer"}
    return pilotboat.pack(model, frame, name="house", repository=repository, types=types)


def pack_reviews(repository: Path) -> pilotboat.Bundle:
    """A classifier of texts, whose labels are integers."""
    texts = ["good and very fine", "bad and awful", "a fine day", "an awful day"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0] * 5)
    return pilotboat.pack(model, texts, name="reviews", repository=repository)


def pack_overflow(repository: Path) -> pilotboat.Bundle:
    """A regression on the logarithm of its target: far from its data it answers infinity."""
    frame = pd.DataFrame({"x": np.linspace(0, 10, 50)})
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp)
    model.fit(frame, np.exp(frame["x"]))
    return pilotboat.pack(model, frame, name="overflow", repository=repository)


BRITTLE = Path(__file__).with_name("brittle.py")


def pack_brittle(repository: Path) -> pilotboat.Bundle:
    """A model with code of its own, which breaks on certain rows."""
    kind = import_code([BRITTLE])["brittle"].Brittle
    frame = pd.DataFrame({"x": np.linspace(0, 10, 50)})
    model = kind().fit(frame, frame["x"])
    return pilotboat.pack(
        model, frame, name="brittle", repository=repository, code=[BRITTLE], trust=True
    )


def damaged(bundle: Path, home: Path) -> Path:
    """A copy of a bundle under another name, with one byte more in a file."""
    copy = Path(shutil.copytree(bundle, home / bundle.name))
    with (copy / "golden.jsonl").open("a") as file:
        file.write(" ")
    return copy


RECORD: dict[str, Any] = {"pclass": 1, "sex": "female", "age": 22.0, "fare": 80.5, "embarked": "C"}
"""A row that the model of `pack_titanic` answers."""


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings of Pilotboat, one process a server; with `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PILOTBOAT_")}
    # PYTHONUNBUFFERED is the image's, and few users'.
    for name in ("WEB_CONCURRENCY", "LOG_LEVEL", "PYTHONUNBUFFERED"):
        kept.pop(name, None)
    return kept | {"PILOTBOAT_WORKERS": "1"} | more


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """`pilotboat ARGUMENTS` as a process of its own."""
    options.setdefault("env", clean_environment())
    return subprocess.run(
        [*PILOTBOAT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


class Server:
    """`pilotboat serve PATH` as a process of its own, ready when entered."""

    def __init__(
        self,
        path: Path,
        *options: str,
        wait_for: str = "/readyz",
        stdout: Any = subprocess.DEVNULL,
        **env: str,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [*PILOTBOAT, "serve", str(path), "--port", str(self.port), *options]
        self.env = clean_environment(**env)
        self.wait_for = wait_for
        self.stdout = stdout

    def __enter__(self) -> Self:
        self.log = tempfile.TemporaryFile("a+")  # a pipe would fill up
        self.process = subprocess.Popen(
            self.command, env=self.env, stderr=self.log, stdout=self.stdout
        )
        self.client = httpx.Client(base_url=self.url, timeout=30)
        for _ in range(600):
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.stop()}")
            try:
                if self.client.get(self.wait_for).status_code == httpx.codes.OK:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the server is not ready: {self.stop()}")

    def logged(self) -> str:
        """What it has logged."""
        self.log.seek(0)
        return self.log.read()

    def stop(self) -> str:
        """End the process; what it logged."""
        self.client.close()
        self.process.terminate()
        self.process.wait(timeout=60)
        return self.logged()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        self.client.close()
        self.log.close()
