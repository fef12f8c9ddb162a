"""The servers that are measured, as one table: Pilotboat, its peers and two ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import answers
from benchmarks.answers import Route

HERE = Path(__file__).parent
WORKERS = 2


@dataclass(frozen=True)
class Server:
    """How one server is installed, started and talked to.

    command, prepare, environment: with places for {python}, {bin} (of its environment), {port},
    {spare} (another free port), {model} (the joblib file), {bundle}, {prepared} (where `prepare`,
    run once a model, leaves what the server reads), {scratch}, {home} (an empty folder each),
    {answer} (a constant).
    one: where a row alone is sent. many: where many are; None where it has no form for that.
    package: whose version stands beside its title; None where it runs in the project's own
    environment. constant: answers the same to everything.
    """

    name: str
    title: str
    command: tuple[str, ...]
    one: Route
    many: Route | None = None
    package: str | None = None
    prepare: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    constant: bool = False

    @property
    def folder(self) -> Path:
        """Where its service file and its requirements lie, and where it is started."""
        return HERE / "peers" / self.name if self.package else HERE.parent

    @property
    def requirements(self) -> Path:
        """What its environment is made from."""
        return self.folder / "requirements.txt"


BASELINE = "fastapi"
"""the tutorial service: every ratio is to it"""

_NAMED = Route("/predict", answers.first, answers.named)
_WORKERS = ("--workers", f"{WORKERS}")
_SERVE = ("models", "serve", "--model-uri", "{prepared}", "--env-manager", "local")
_HERE = ("--host", "127.0.0.1", "--port", "{port}")
_BIND = (*_WORKERS, "--bind", "127.0.0.1:{port}", "--worker-class")
_CEILING = (*_BIND, "benchmarks.bare.Worker")
_MODEL = {"MODEL": "{model}", "PORT": "{port}"}

_ALL = (
    Server(
        "pilotboat",
        "Pilotboat",
        ("{python}", "-m", "pilotboat", "serve", "{bundle}", *_HERE, *_WORKERS),
        one=_NAMED,
        many=Route("/predict", answers.instances, answers.many),
        environment={
            "PILOTBOAT_CACHE_BYTES": "0"
        },  # the model is measured, not what was kept of it
    ),
    Server(
        "fastapi",
        "tutorial (FastAPI, DataFrame)",
        ("{bin}/gunicorn", "service:app", *_BIND, "uvicorn_worker.UvicornWorker"),
        one=_NAMED,
        many=Route("/batch", list, answers.many),
        package="fastapi",
        environment=_MODEL,
    ),
    Server(
        "bentoml",
        "BentoML, adaptive batching",
        ("{bin}/bentoml", "serve", "service:Classifier", *_HERE),
        one=Route("/predict", answers.listed, answers.sequence),
        many=Route("/batch", answers.listed, answers.sequence),
        package="bentoml",
        environment=_MODEL | {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{scratch}"},
    ),
    Server(
        "litserve",
        "LitServe, batching",
        ("{python}", "service.py"),
        one=_NAMED,
        package="litserve",
        environment=_MODEL,
    ),
    Server(
        "mlserver",
        "MLServer, 2 parallel workers",
        ("{bin}/mlserver", "start", "."),
        one=Route("/v2/models/m/infer", answers.tensors, answers.outputs),
        many=Route("/v2/models/m/infer", answers.tensors, answers.outputs),
        package="mlserver",
        environment={
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{spare}",
            "MLSERVER_MODEL_NAME": "m",
            "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
            "MLSERVER_MODEL_URI": "{model}",
        },
    ),
    Server(
        "mlflow",
        "MLflow",
        ("{bin}/mlflow", *_SERVE, *_HERE, *_WORKERS),
        one=Route("/invocations", answers.split, answers.predictions),
        many=Route("/invocations", answers.split, answers.predictions),
        package="mlflow",
        prepare=("{python}", "prepare.py"),
        environment={
            "MODEL": "{model}",
            "PREPARED": "{prepared}",
            "PATH": "{bin}:/usr/bin:/bin",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
    ),
    Server(
        "ray",
        "Ray Serve, 2 replicas, batching",
        ("{python}", "service.py"),
        one=_NAMED,
        many=Route("/", answers.instances, answers.sequence),
        package="ray",
        environment=_MODEL
        | {
            "SCRATCH": "{scratch}",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        },
    ),
    Server(
        "constant",
        "ceiling: a constant, raw ASGI",
        ("{python}", "-m", "gunicorn", "benchmarks.constant:app", *_CEILING),
        one=_NAMED,
        environment={"ANSWER": "{answer}"},
        constant=True,
    ),
    Server(
        "router",
        "ceiling: a constant, through FastAPI",
        ("{python}", "-m", "gunicorn", "benchmarks.routed:app", *_CEILING),
        one=_NAMED,
        environment={"ANSWER": "{answer}"},
        constant=True,
    ),
)
SERVERS = {server.name: server for server in _ALL}
