# ruff: noqa: INP001
"""Makes an environment small to ship and quick to start: trims, strips and byte-compiles it.

    python compile.py ENVIRONMENT STDLIB

Run by the environment's own Python. The byte code of the standard library goes into the directory
STDLIB, at the path where it belongs, because base images come without it.
"""

from __future__ import annotations

import ast
import marshal
import shutil
import subprocess
import sys
import sysconfig
from importlib import import_module
from importlib.util import MAGIC_NUMBER, cache_from_source, find_spec, source_hash
from pathlib import Path

# What a server imports: the web side, the parts of scikit-learn that pipelines are made of, and what
# speaks to the database and to Redis.
# Other modules work as well; they are compiled in memory, each time anew.
MODULES = """
click fastapi fastapi.responses gunicorn.app.base gunicorn.arbiter httptools orjson prometheus_client
prometheus_client.mmap_dict prometheus_client.openmetrics.exposition pydantic_settings
starlette.responses starlette.routing uvicorn uvicorn.lifespan.on uvicorn.logging
uvicorn.loops.auto uvicorn.loops.uvloop uvicorn.protocols.http.auto
uvicorn.protocols.http.httptools_impl uvicorn_worker uvloop fastapi.telemetry._runtime
numpy numpy.random pandas scipy.sparse scipy.special scipy.stats joblib skops.io
sklearn.calibration sklearn.compose sklearn.decomposition sklearn.discriminant_analysis
sklearn.dummy sklearn.ensemble sklearn.feature_extraction.text sklearn.feature_selection
sklearn.impute sklearn.isotonic sklearn.kernel_approximation sklearn.linear_model
sklearn.multiclass sklearn.naive_bayes sklearn.neighbors sklearn.neural_network sklearn.pipeline
sklearn.preprocessing sklearn.svm sklearn.tree
alembic.command psycopg redis.asyncio sqlalchemy sqlalchemy.dialects.postgresql.psycopg
sqlalchemy.dialects.sqlite.pysqlite sqlalchemy.ext.compiler sqlite3 tomllib
argparse asyncio bz2 csv difflib gzip http.client importlib.metadata importlib.resources inspect
json lzma multiprocessing.resource_tracker platform resource shutil signal socket ssl subprocess
tempfile threading traceback unittest.mock urllib.request uuid zipfile
encodings.cp437 encodings.idna importlib.metadata._adapters importlib.readers
importlib.resources._adapters importlib.resources.readers stringprep
onnxruntime
"""

DIRECTORIES = {"include", "test", "tests"}
PATHS = ["alembic/templates", "alembic/testing", "mako/testing", "sqlalchemy/testing"]
SUFFIXES = {".a", ".c", ".cc", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx", ".tp"}

# Docstrings are a third of these packages' byte code, and these do without. NumPy does not.
WITHOUT_DOCSTRINGS = {"pandas", "redis", "scipy", "sklearn", "sqlalchemy"}

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: the source is never looked at again


def trim(packages: Path) -> None:
    """Remove what nothing imports: test suites, headers, sources of compiled modules, stubs."""
    for name in PATHS:
        shutil.rmtree(packages / name, ignore_errors=True)
    for path in sorted(packages.rglob("*"), reverse=True):
        if path.is_dir() and path.name in DIRECTORIES:
            shutil.rmtree(path)
        elif path.suffix in SUFFIXES and path.is_file():
            path.unlink()


def strip(packages: Path) -> None:
    """Drop symbols from compiled modules. Bundled libraries (*.libs) do not survive it."""
    modules = [
        path
        for path in packages.rglob("*.so")
        if not any(parent.name.endswith(".libs") for parent in path.parents)
    ]
    subprocess.run(["strip", "--strip-unneeded", *modules], check=True)  # noqa: S603, S607


def installed() -> list[str]:
    """Those of MODULES that are here: extras may be left out."""
    return [name for name in MODULES.split() if find_spec(name.partition(".")[0])]


def compile_loaded(packages: Path, out: Path) -> None:
    """Write the byte code of every module loaded by now; that of the standard library to `out`."""
    standard = Path(sysconfig.get_path("stdlib"))
    for module in list(sys.modules.values()):
        source = Path(getattr(module, "__file__", None) or "")
        if source.suffix != ".py":
            continue
        cached = Path(cache_from_source(str(source)))
        if source.is_relative_to(standard):
            cached = out / cached.relative_to("/")
        elif not source.is_relative_to(packages):
            continue
        cached.parent.mkdir(parents=True, exist_ok=True)
        package = module.__name__.partition(".")[0]
        cached.write_bytes(byte_code(source, docstrings=package not in WITHOUT_DOCSTRINGS))


def byte_code(path: Path, *, docstrings: bool) -> bytes:
    """The contents of a .pyc file."""
    source = path.read_bytes()
    tree = ast.parse(source, path)
    if not docstrings:
        for node in ast.walk(tree):
            if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                node.body[:1] = [] if node.body[1:] else [ast.Pass(lineno=1, col_offset=0)]
        ast.fix_missing_locations(tree)
    code = compile(tree, path, "exec", dont_inherit=True)
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)


def main() -> None:
    """Do it all, and import everything once more as a server will find it."""
    environment, out = map(Path, sys.argv[1:])
    packages = next(environment.glob("lib/python*/site-packages"))
    trim(packages)
    strip(packages)
    names = installed()
    for name in names:
        import_module(name)
    compile_loaded(packages, out)
    again = [sys.executable, "-B", "-c", f"import {', '.join(names)}"]
    subprocess.run(again, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
