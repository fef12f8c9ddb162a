"""Why the image is built the way it is: each choice and its opposite, built and measured.

    python3 docker/lab/lab.py                     every experiment
    python3 docker/lab/lab.py order cache         some
    python3 docker/lab/lab.py --markdown lab.md   the table as a file, too

Needs Python 3.11 and Docker, nothing else. Beside our figures stand those published for an image
of a model of the Titanic's passengers. Variables: PYTHON_IMAGE (python:3.13-slim-trixie),
FULL_PYTHON_IMAGE (python:3.13-trixie), BUILD_CA_FILE (a certificate authority, for a mirror of the
package index), LAB_DATA_MB (200).
"""

# ruff: noqa: INP001 - a script
from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from engine import Build, Engine, LabError, say
from table import Row, as_markdown, as_text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNS = 5
EDITS = 3
DATA_MB = int(os.environ.get("LAB_DATA_MB") or 200)
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "models", "node_modules", "*.pyc")
KB, MB, GB = 1000, 1000**2, 1000**3

Measured = tuple[float, str]


@dataclass(frozen=True)
class Variant:
    """One way of doing it: a row without its figure, and how to get that."""

    row: Row
    measure: Callable[[], Measured]


class Lab:
    """The experiments. Each returns its variants, the way not to do it first."""

    def __init__(self, engine: Engine, workspace: Path) -> None:
        self.engine = engine
        self.workspace = workspace

    def base(self) -> list[Variant]:
        """The full Python image or the slim one, under the same application."""
        full = self.engine.full_image

        def on_full() -> Measured:
            self.engine.have(full)
            return self._size(self._one("base-full", PYTHON_IMAGE=full))

        ours = Row(
            "base",
            "slim",
            "bytes",
            ours=True,
            excuse="without the full base nothing can be held against it; the published 212 MB is "
            "less than these libraries alone take here",
        )
        return [
            Variant(Row("base", "full", "bytes", 3.19 * GB), on_full),
            Variant(Row("base", "slim", "bytes", 212 * MB), lambda: self._size(self._one("one"))),
            Variant(ours, lambda: self._size(self._ours())),
        ]

    def order(self) -> list[Variant]:
        """A build after an edit of the source, by the place of the dependencies."""
        ours = Row(
            "order",
            "dependencies before the source",
            "seconds",
            ours=True,
            excuse="each edit makes a wheel, installs it and compiles its byte code, where the "
            "published 0.47 s copies loose files; in development the source is mounted and an "
            "edit needs no build",
        )

        def after_edit(name: str, file: Path, edits: int) -> Measured:
            context = self._app()
            return self._edited(name, file, context, context / "main.py", edits)

        def ours_after_edit() -> Measured:
            context = self._source()
            file, edited = context / "docker" / "Dockerfile", context / "src/pilotboat/__init__.py"
            return self._edited("ours-edited", file, context, edited, EDITS)

        return [
            Variant(
                Row("order", "source before the dependencies", "seconds", 33.2),
                lambda: after_edit("late", HERE / "late.Dockerfile", 1),
            ),
            Variant(
                Row("order", "dependencies before the source", "seconds", 0.47),
                lambda: after_edit("early", HERE / "one.Dockerfile", EDITS),
            ),
            Variant(ours, ours_after_edit),
        ]

    def cache(self) -> list[Variant]:
        """The download cache of pip left in a layer, or not."""
        ours = Row("cache", "kept outside the image", "bytes", ours=True)

        def kept() -> Measured:
            size = self.engine.size(self._one("cached", PIP_OPTIONS=""))
            without = self._one("one")
            if size > self.engine.size(without) + MB:
                return size, ""
            file = HERE / "kept.Dockerfile"
            tag = self.engine.build("kept", file, self._app(), IMAGE=without).tag
            return self.engine.size(
                tag
            ), "this package index lets nothing be cached: with its wheels instead"

        return [
            Variant(Row("cache", "kept in the image", "bytes", 853 * MB), kept),
            Variant(
                Row("cache", "thrown away", "bytes", 711 * MB),
                lambda: self._size(self._one("one")),
            ),
            Variant(
                replace(ours, excuse="its libraries outweigh what pip keeps"),
                lambda: self._size(self._ours()),
            ),
        ]

    def ignore(self) -> list[Variant]:
        """What the client sends to the engine, beside a large folder of data."""

        def sent(ignored: str) -> Measured:
            context = self._app()
            self._add_data(context)
            if ignored:
                (context / ".dockerignore").write_text(f"{ignored}\n", encoding="utf-8")
            built = self.engine.build(
                f"context-{ignored or 'all'}", HERE / "context.Dockerfile", context, "--no-cache"
            )
            return built.sent, f"in {built.seconds:.1f} s, with the copy into the image"

        def ours_sent() -> Measured:
            context = self._source()
            self._add_data(context)
            built = self.engine.build("ours", context / "docker" / "Dockerfile", context)
            return built.sent, "denies by default; nothing has to be remembered"

        return [
            Variant(Row("ignore", "no .dockerignore", "bytes"), lambda: sent("")),
            Variant(Row("ignore", ".dockerignore names the data", "bytes"), lambda: sent("data")),
            Variant(Row("ignore", "deny by default", "bytes", ours=True), ours_sent),
        ]

    def stages(self) -> list[Variant]:
        """One stage, or a second one that gets the result only."""
        ours = Row("stages", "two, trimmed and stripped", "bytes", ours=True)
        hoped = 400 * MB

        def ours_size() -> Measured:
            size = self.engine.size(self._ours())
            return size, "less than was hoped for" if size < hoped else ""

        return [
            Variant(
                Row("stages", "one", "bytes", 711 * MB),
                lambda: self._size(self._one("one")),
            ),
            Variant(
                Row("stages", "two", "bytes", hoped, note="published: hoped for, not measured"),
                lambda: self._size(
                    self.engine.build("two", HERE / "two.Dockerfile", self._app()).tag
                ),
            ),
            Variant(
                replace(
                    ours,
                    excuse="wheels need no compiler, so that one stage has hardly anything to leave "
                    "behind, and what is left on either side is the libraries",
                ),
                ours_size,
            ),
        ]

    def bytecode(self) -> list[Variant]:
        """Byte code in the image, or compiled at each start: from `docker run` to an answer."""
        without = "not kept, in our image"
        each = "each of its processes compiles for itself"

        def none() -> Measured:
            options = "--no-cache-dir --no-compile"
            return self._start_and_size(
                self._one("no-bytecode", PIP_OPTIONS=options, DONT_WRITE="1")
            )

        def ours_without() -> Measured:
            model = self._ours_with_model()
            file = HERE / "bare.Dockerfile"
            return self._start(self.engine.build("ours-bare", file, HERE, IMAGE=model).tag)

        return [
            Variant(Row("bytecode", "not kept", "seconds"), none),
            Variant(
                Row("bytecode", "kept", "seconds"), lambda: self._start_and_size(self._one("one"))
            ),
            Variant(Row("bytecode", without, "seconds", note=each), ours_without),
            Variant(
                Row("bytecode", "of what it imports", "seconds", ours=True, against=without),
                lambda: self._start_and_size(self._ours_with_model()),
            ),
        ]

    def _app(self) -> Path:
        """A context of its own, so that nothing of an earlier build is left in it."""
        return shutil.copytree(HERE / "app", self._place(), dirs_exist_ok=True)

    def _source(self) -> Path:
        """A copy of this project, to be edited."""
        return shutil.copytree(
            ROOT, self._place(), ignore=NOT_COPIED, symlinks=True, dirs_exist_ok=True
        )

    def _place(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.workspace))

    def _one(self, name: str, **values: str) -> str:
        return self.engine.build(name, HERE / "one.Dockerfile", self._app(), **values).tag

    def _ours(self) -> str:
        context = self._source()
        return self.engine.build("ours", context / "docker" / "Dockerfile", context).tag

    def _ours_with_model(self) -> str:
        image, file = self._ours(), HERE / "model.Dockerfile"
        return self.engine.build("ours-model", file, self._app(), IMAGE=image).tag

    def _size(self, tag: str) -> Measured:
        return self.engine.size(tag), ""

    def _start(self, tag: str) -> Measured:
        say(f"starting {tag}, {RUNS} times")
        times = [self.engine.start(tag) for _ in range(RUNS)]
        return median(times), f"median of {RUNS}, {min(times):.1f} to {max(times):.1f} s"

    def _start_and_size(self, tag: str) -> Measured:
        seconds, note = self._start(tag)
        return seconds, f"{note}; {self.engine.size(tag) / MB:.0f} MB"

    def _edited(self, name: str, file: Path, context: Path, source: Path, edits: int) -> Measured:
        """The median time of a build after an edit that no cache has seen."""
        self.engine.build(name, file, context)
        builds: list[Build] = []
        for number in range(1, edits + 1):
            with source.open("a", encoding="utf-8") as text:
                text.write(f"# {uuid.uuid4()}\n")
            builds.append(self.engine.build(f"{name}-{number}", file, context))
        return median(one.seconds for one in builds), ""

    def _add_data(self, context: Path) -> None:
        (context / "data").mkdir()
        with (context / "data" / "large.bin").open("wb") as file:
            for _ in range(DATA_MB):
                file.write(os.urandom(MB))


EXPERIMENTS: dict[str, Callable[[Lab], list[Variant]]] = {
    "base": Lab.base,
    "order": Lab.order,
    "cache": Lab.cache,
    "ignore": Lab.ignore,
    "stages": Lab.stages,
    "bytecode": Lab.bytecode,
}


def run(lab: Lab, names: Sequence[str]) -> list[Row]:
    """The rows of the chosen experiments. What cannot be measured is a row with the reason."""
    rows: list[Row] = []
    for name in names:
        for variant in EXPERIMENTS[name](lab):
            row = variant.row
            say(f"{name}: {row.variant}{' (ours)' if row.ours else ''}")
            try:
                here, note = variant.measure()
            except (LabError, OSError) as error:
                row = replace(row, note=f"not measured: {error}")
            else:
                row = replace(row, here=here, note="; ".join(filter(None, (row.note, note))))
            rows.append(row)
    return rows


def main() -> int:
    """Run what was asked for. What could not be measured is in the table, not in the exit code."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="\n".join(f"  {name:<10}{one.__doc__}" for name, one in EXPERIMENTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="EXPERIMENT", help="all, if none is named")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    parser.add_argument("--keep", action="store_true", help="leave the images that were built")
    told = parser.parse_args()
    if unknown := [name for name in told.names if name not in EXPERIMENTS]:
        parser.error(f"there is no experiment {unknown[0]}: {', '.join(EXPERIMENTS)}")
    engine = Engine()
    try:
        engine.docker("info", timeout=60)
    except LabError as error:
        say(f"Docker is not there: {error}")
        return 4
    with tempfile.TemporaryDirectory(prefix="pilotboat-lab-") as workspace:
        try:
            rows = run(Lab(engine, Path(workspace)), told.names or list(EXPERIMENTS))
        finally:
            if not told.keep:
                engine.clean()
    sys.stdout.write("\n".join(as_text(rows)) + "\n")
    if told.markdown:
        told.markdown.write_text("\n".join(as_markdown(rows)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
