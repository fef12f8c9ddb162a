# ruff: noqa: INP001
"""Builds the project's wheel and installs it into a tree of its own, byte code included.

    python wheel.py ENVIRONMENT TREE

Run by Poetry's Python, in the project. `TREE/ENVIRONMENT/…` is what would be in ENVIRONMENT; as a
tree it is a layer of a few hundred kilobytes, ready in a second after an edit.
"""

from __future__ import annotations

import compileall
import sys
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
from poetry.core.masonry.api import build_wheel


def main() -> None:
    """Do it all."""
    environment, tree = sys.argv[1:]
    packages = str(next(Path(environment).glob("lib/python*/site-packages")))
    places = {"purelib": packages, "platlib": packages, "scripts": f"{environment}/bin"}
    destination = SchemeDictionaryDestination(
        places | {"data": environment, "headers": f"{environment}/include"},
        interpreter=f"{environment}/bin/python",
        script_kind="posix",
        destdir=tree,
    )
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder, build_wheel(folder))
        with WheelFile.open(wheel) as source:
            install(source, destination, {"INSTALLER": b"pip"})
    compileall.compile_dir(
        f"{tree}{packages}",
        stripdir=tree,
        quiet=1,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main()
