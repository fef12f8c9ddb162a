"""Answers that are kept: exactly those that the model gave, and nobody else's."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

import pilotboat
from pilotboat.bundle.archive import Bundle
from pilotboat.bundle.manifest import Manifest
from pilotboat.engines import sklearn
from pilotboat.errors import NotFiniteError
from pilotboat.operations import cache
from pilotboat.operations.cache import Answers, Local, Row, name, opened, reader, sealed
from pilotboat.prediction import Asked, Call, Prediction, Single
from pilotboat.rows import Rows
from pilotboat.runtime.model import Model
from pilotboat.schema import Field, Schema
from tests.poison import poisons
from tests.redis_server import Redis

MIB = 2**20


class Asking:
    """A model's way of answering, which remembers which rows it was asked."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.asked: list[Rows] = []

    async def __call__(self, call: Call) -> Prediction:
        self.asked.append(call.rows)
        return self.model.answer(call.rows)

    @property
    def counts(self) -> list[int]:
        return [rows.count for rows in self.asked]


FRAME = pd.DataFrame({"a": np.linspace(-2, 2, 60) / 3, "b": np.arange(60) % 9 / 1.0})
INPUTS = (Field("a", "number"), Field("b", "number"))
TARGETS: dict[str, Any] = {
    "truths": FRAME["a"] > 0,
    "digits": FRAME["b"].astype(int) % 3,
    "words": np.where(FRAME["a"] > 0, "yes", "perhaps"),
    "objects": np.where(FRAME["a"] > 0, "yes", "no").astype(object),
    "pairs": np.column_stack([np.where(FRAME["a"] > 0, "yes", "perhaps")] * 2),
    "number": FRAME["a"] / 7,
    "several": FRAME / 7,
}


def made_of(name: str, estimator: Any, outputs: tuple[Field, ...], **more: Any) -> Model:
    """A model that scikit-learn answers, without a bundle on disk."""
    schema = Schema(INPUTS, outputs, **more)
    manifest = Manifest(name, "1", "sklearn", {})
    digest = sha256(name.encode()).hexdigest()
    return Model(Bundle(Path(), manifest, schema, digest), sklearn.answer(estimator, schema))


def classifier(name: str) -> Model:
    target = np.asarray(TARGETS[name])
    estimator = RandomForestClassifier(n_estimators=3, random_state=0).fit(FRAME, target)
    if target.ndim == 2:
        return made_of(name, estimator, (Field("y", "category"), Field("z", "category")))
    output = Field("y", "category", categories=tuple(estimator.classes_.tolist()))
    return made_of(name, estimator, (output,), probabilities=True)


def regression(name: str) -> Model:
    target = np.asarray(TARGETS[name])
    outputs = tuple(Field(f"y{at}", "number") for at in range(target.ndim))
    # A tree: a product of matrices may differ in the last bit with the rows beside a row.
    return made_of(name, DecisionTreeRegressor(random_state=0).fit(FRAME, target), outputs)


@pytest.fixture(scope="module")
def models(titanic: Path) -> dict[str, Model]:
    """Models with answers of every kind. 'overflow' answers infinity to a large a."""
    growing = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp)
    growing.fit(FRAME, np.exp(FRAME["a"]))
    return {
        **{kind: classifier(kind) for kind in ("truths", "digits", "words", "objects", "pairs")},
        **{kind: regression(kind) for kind in ("number", "several")},
        "overflow": made_of("overflow", growing, (Field("y", "number"),)),
        "titanic": pilotboat.load(titanic / "titanic"),
    }


KINDS = [*TARGETS, "titanic"]


def examples(model: Model) -> Rows:
    """Eight rows, of which two are the same."""
    if model.name == "titanic":
        return model.reader.records(model.examples(7)).pick([0, 1, 2, 3, 0, 4, 5, 6])
    return model.reader.any(FRAME.iloc[[0, 7, 14, 29, 0, 33, 41, 59]])


def same(made: Prediction, wanted: Prediction) -> bool:
    """To the last bit, and to the type."""
    pairs = [(made.predictions, wanted.predictions)]
    assert (made.probabilities is None) == (wanted.probabilities is None)
    if made.probabilities is not None and wanted.probabilities is not None:
        pairs.append((made.probabilities, wanted.probabilities))
    return (made.classes, made.model, made.version) == (
        wanted.classes,
        wanted.model,
        wanted.version,
    ) and all(
        one.dtype == other.dtype
        and one.shape == other.shape
        and repr(one.tolist()) == repr(other.tolist())
        for one, other in pairs
    )


def single(model: Model, cells: list[Any]) -> Rows:
    return Rows(model.schema, tuple([cell] for cell in cells), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_that_of_the_model_to_the_last_bit(
    models: dict[str, Model], kind: str
) -> None:
    model = models[kind]
    rows, inner, local = examples(model), Asking(model), Local(MIB)
    predict = Answers(model, local, None, 60).predict(inner)
    wanted = model.answer(rows)
    assert same(asyncio.run(_ask(predict, rows)), wanted)
    assert same(asyncio.run(_ask(predict, rows)), wanted)
    for number in range(rows.count):
        row = rows.take(number, number + 1)
        assert asyncio.run(_ask(predict, row)).predictions.tolist() == [
            wanted.predictions.tolist()[number]
        ]
    assert inner.counts == [7], "the model was asked once"
    assert (local.hits, local.misses) == (8 + 8, 7)


async def _ask(predict: Any, rows: Rows, **more: Any) -> Prediction:
    made: Prediction = await predict(Call(rows, **more))
    return made


def test_only_what_is_not_known_is_computed_and_the_order_is_kept(
    models: dict[str, Model],
) -> None:
    model = models["number"]
    rows, inner = examples(model), Asking(model)
    predict = Answers(model, Local(MIB), None, 60).predict(inner)
    asyncio.run(_ask(predict, rows.pick([2, 5])))
    order = [5, 0, 2, 3, 4, 5, 7]
    made = asyncio.run(_ask(predict, rows.pick(order), id="x"))
    assert same(made, model.answer(rows.pick(order)))
    assert [one.columns for one in inner.asked] == [
        rows.pick([2, 5]).columns,
        rows.pick([0, 3, 7]).columns,
    ]


def test_a_call_of_many_rows_passes(models: dict[str, Model]) -> None:
    model = models["number"]
    inner, local = Asking(model), Local(MIB)
    predict = Answers(model, local, None, 60).predict(inner)
    many = examples(model).pick([0, 1] * 33)
    for _ in range(2):
        assert asyncio.run(_ask(predict, many)).predictions.shape == (66,)
    assert inner.counts == [66, 66]
    assert (local.bytes, local.hits, local.misses) == (0, 0, 0)


def test_a_row_that_is_refused_is_named_as_its_caller_counts(models: dict[str, Model]) -> None:
    model = models["overflow"]
    predict = Answers(model, Local(MIB), None, 60).predict(Asking(model))
    asyncio.run(_ask(predict, Rows(model.schema, ([1.0, 2.0], [0.0, 0.0]), 2)))
    with pytest.raises(NotFiniteError) as caught:
        asyncio.run(_ask(predict, Rows(model.schema, ([1.0, 3.0, 2.0, 1e4, 1e5], [0.0] * 5), 5)))
    assert caught.value.facts["row"] == 3
    assert caught.value.code == "model-output-not-finite"


def test_a_key_is_of_a_model_an_operation_and_typed_cells(models: dict[str, Model]) -> None:
    kept = [Answers(models[one], Local(0), None, 60) for one in ("number", "several")]
    rows: list[list[Any]] = [
        *([1, "a"], [1.0, "a"], [True, "a"], ["1", "a"], [None, "a"], ["null", "a"]),
        *([1.5, "a"], ["a", 1], [0.1], [0.1 + 2**-56], [0.0], [-0.0], ['a"', ""], ["a", '"']),
        *(["a,b"], ["a", "b"], [1e300], [2**62], [2**62 + 1], []),
    ]
    keys = [one.key(word, row) for one in kept for word in ("predict", "explain") for row in rows]
    assert None not in keys
    assert len(set(keys)) == len(rows) * 4
    assert all(key is not None and len(key) == 32 for key in keys)
    assert kept[0].key("predict", (1, "a")) == kept[0].key("predict", [1, "a"])


def test_a_row_that_has_no_json_is_not_kept(models: dict[str, Model]) -> None:
    model = models["titanic"]
    cells: list[Any] = [1, "fem\ud800ale", 22.0, 80.5, "C"]
    asked: list[Rows] = []

    async def inner(call: Call) -> Prediction:
        asked.append(call.rows)
        return model.answer(examples(model).take(0, 1))

    answers = Answers(model, Local(MIB), None, 60)
    for _ in range(2):
        asyncio.run(_ask(answers.predict(inner), single(model, cells)))
    assert len(asked) == 2
    assert told(answers, cells) == [None]


def told(answers: Answers, cells: list[Any]) -> list[Single | None]:
    made: list[Single | None] = []
    answers.soon(cells, Asked(), made.append)()
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_known_is_said_at_once(models: dict[str, Model], kind: str) -> None:
    model = models[kind]
    local = Local(MIB)
    answers = Answers(model, local, None, 60)
    row = examples(model).take(0, 1)
    cells = [column[0] for column in row.columns]
    assert told(answers, cells) == [None]
    made = asyncio.run(_ask(answers.predict(Asking(model)), row))
    shares = None if made.probabilities is None else made.probabilities.tolist()[0]
    assert told(answers, cells) == [(made.predictions.tolist()[0], shares)]
    assert (local.hits, local.misses) == (1, 1)


def test_what_was_used_last_is_kept_and_no_more_than_there_is_room_for() -> None:
    local = Local(10 * (cache.OVERHEAD + 100))
    for number in range(20):
        local.put(b"%d" % number, b"x" * 100)
        assert local.get(b"0") is not None
        assert local.bytes <= local.most
    assert [number for number in range(20) if local.get(b"%d" % number)] == [0, *range(11, 20)]
    local.put(b"0", b"y" * 50)
    assert local.bytes == local.most - 50
    local.put(b"huge", b"z" * 10_000)
    assert local.get(b"huge") is None
    assert local.get(b"0") == b"y" * 50
    for number in range(11, 25):
        local.put(b"%d" % number, b"y" * 50)
    assert local.get(b"11") is None


def plain(dtype: str) -> Schema:
    return Schema((Field("x", "number"),), (Field("y", "number"),), dtype=dtype)


EXTREMES: list[Any] = [
    np.array([5e-324, -0.0, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3, 1e22, 2**53 + 2.0]),
    np.array([1e-45, -0.0, 3.4028235e38, 0.1, 16777217], np.float32),
    np.array([6e-8, 65504, 0.1], np.float16),
    *(
        np.array([np.iinfo(kind).min, np.iinfo(kind).max], kind)
        for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64)
    ),
    np.array([True, False]),
    np.array(["", "a", 'say "no"', "\u00e9\u4e2d\U0001f6a2 \n\\", "longer than others"]),
    np.array(["a", 1, 1.0, True, -0.0, 2**62], dtype=object),
]


@pytest.mark.parametrize("labels", EXTREMES, ids=lambda one: str(one.dtype))
def test_every_label_comes_back(labels: Any) -> None:
    read = reader(plain(""))
    for at in range(len(labels)):
        row: Row = labels[at : at + 1], None
        text = cache._text(row)
        made = None if text is None else read(text)
        assert made is not None, labels[at]
        assert made[0].dtype == labels.dtype
        assert repr(made[0].tolist()) == repr(row[0].tolist())


@pytest.mark.parametrize(
    "labels",
    [
        np.array([np.nan]),
        np.array([np.inf]),
        np.array([1j]),
        np.array([np.datetime64("2026-01-01")]),
        np.array([b"bytes"]),
        np.array([np.float32(1)], dtype=object),
        np.array([np.nan], dtype=object),
        np.array([2**70], dtype=object),
        np.array([None], dtype=object),
        np.array([(1, 2)], dtype="i4,i4"),
        np.array(["\ud800"]),
        np.array([np.longdouble(1) / 3]),
    ],
    ids=lambda one: str(one.dtype),
)
def test_what_would_come_back_otherwise_is_not_kept(labels: Any) -> None:
    text = cache._text((labels, None))
    assert text is None or reader(plain(""))(text) is None


def test_every_probability_comes_back() -> None:
    classes = ("a", "b", "c")
    output = Field("y", "category", categories=classes)
    schema = Schema((Field("x", "number"),), (output,), probabilities=True)
    chance = np.random.default_rng(0)
    for _ in range(2000):
        bits = chance.integers(0, 2**64, 3, dtype=np.uint64).view(np.float64)
        shares = np.where(np.isfinite(bits), bits, chance.random(3))[np.newaxis]
        text = cache._text((np.array(["a"]), shares))
        made = None if text is None else reader(schema)(text)
        assert made is not None
        assert made[1] is not None
        assert made[1].tobytes() == shares.tobytes()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("kind", KINDS)
def test_what_one_server_has_computed_another_need_not(
    models: dict[str, Model], kind: str, redis: Redis
) -> None:
    model = models[kind]
    rows, inner, locals_ = examples(model), Asking(model), [Local(MIB), Local(MIB)]

    async def asked() -> list[Prediction]:
        made = []
        for local in locals_:
            async with linked(redis.url) as link:
                predict = Answers(model, local, link, 77).predict(inner)
                made += [await _ask(predict, rows), await _ask(predict, rows)]
        return made

    wanted = model.answer(rows)
    assert all(same(made, wanted) for made in asyncio.run(asked()))
    assert inner.counts == [7]
    assert [one.misses for one in locals_] == [7, 0]
    assert [one.shared for one in locals_] == [0, 7]
    found = redis.do("KEYS", "*")
    assert len(found) == 7
    assert 70 < redis.do("TTL", found[0]) <= 77
    assert all(one.rejected == 0 for one in locals_)


class linked:  # noqa: N801 - used as a function
    """A link that is up, closed in the end."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Any:
        module = pytest.importorskip("pilotboat.operations.shared", reason="needs redis")
        self.link = module.Link(self.url)
        self.link.start()
        async with asyncio.timeout(10):
            while not self.link.is_up:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.link

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()


@pytest.mark.usefixtures("patient")
def test_what_is_no_answer_has_never_been_there(
    models: dict[str, Model], redis: Redis, tmp_path: Path
) -> None:
    model, trap = models["number"], tmp_path / "trap"
    row, local = examples(model).take(0, 1), Local(0)
    answers = Answers(model, local, None, 60)
    key = answers.key("predict", [column[0] for column in row.columns])
    assert key is not None
    wanted = model.answer(row)

    async def asked() -> None:
        async with linked(redis.url) as link:
            predict = Answers(model, local, link, 60).predict(Asking(model))
            for number, (why, value) in enumerate(poisons(key, answers._digest, trap).items(), 1):
                redis.do("SET", name(key), value)
                assert same(await _ask(predict, row), wanted), why
                assert (local.rejected, local.misses, local.shared) == (number, number, 0), why
            redis.do("DEL", name(key))
            redis.do("LPUSH", name(key), "x")
            assert same(await _ask(predict, row), wanted)
            assert local.rejected == number + 1
            while redis.do("TYPE", name(key)) != b"string":  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            assert same(await _ask(predict, row), wanted)
            assert (local.rejected, local.shared) == (number + 1, 1), "it was replaced"
            assert (link.errors, link.opened) == (0, 0)

    asyncio.run(asked())
    assert not trap.exists()


@pytest.mark.usefixtures("patient")
def test_a_good_value_under_a_good_name_is_an_answer(
    models: dict[str, Model], redis: Redis
) -> None:
    """The test before this one rejects for the reasons that it names, and for no other."""
    model, local = models["number"], Local(0)
    row = examples(model).take(0, 1)
    answers = Answers(model, local, None, 60)
    key = answers.key("predict", [column[0] for column in row.columns])
    assert key is not None
    text = orjson.dumps(["<f8", 666.0, None])
    redis.do("SET", name(key), sealed(text, key, answers._digest))
    assert opened(sealed(text, key, answers._digest), key, answers._digest) == text

    async def asked() -> list[float]:
        async with linked(redis.url) as link:
            predict = Answers(model, local, link, 60).predict(Asking(model))
            return list((await _ask(predict, row)).predictions)

    assert asyncio.run(asked()) == [666.0]


def test_ten_megabytes_are_not_read(models: dict[str, Model], redis: Redis) -> None:
    model, local = models["number"], Local(0)
    row = examples(model).take(0, 1)
    answers = Answers(model, local, None, 60)
    key = answers.key("predict", [column[0] for column in row.columns])
    assert key is not None
    redis.do("SET", name(key), bytes(10 * MIB))

    async def asked() -> int:
        async with linked(redis.url) as link:
            before = redis.do("INFO", "stats")["total_net_output_bytes"]
            await _ask(Answers(model, local, link, 60).predict(Asking(model)), row)
            return int(redis.do("INFO", "stats")["total_net_output_bytes"] - before)

    assert asyncio.run(asked()) < 2 * cache.LARGEST
    assert local.rejected == 1


def test_a_long_answer_is_not_kept(models: dict[str, Model], redis: Redis) -> None:
    model, local = models["titanic"], Local(MIB)
    row = examples(model).take(0, 1)

    async def long(_: Call) -> Prediction:
        label = np.array(["x" * cache.LARGEST])
        return Prediction(label, np.array([[0.5, 0.5]]), ("no", "yes"), "titanic", "1")

    async def asked() -> None:
        async with linked(redis.url) as link:
            await _ask(Answers(model, local, link, 60).predict(long), row)

    asyncio.run(asked())
    assert local.bytes == 0
    assert redis.do("DBSIZE") == 0


def test_without_redis_there_is_the_process_and_the_model(models: dict[str, Model]) -> None:
    model = models["number"]
    rows, inner = examples(model), Asking(model)

    async def asked(own: Redis) -> None:
        async with linked(own.url) as link:
            own.kill()
            predict = Answers(model, Local(MIB), link, 60).predict(inner)
            for _ in range(2):
                for number in range(rows.count):
                    row = rows.take(number, number + 1)
                    assert same(await _ask(predict, row), model.answer(row))
            assert not link.is_up

    with Redis() as own:
        asyncio.run(asked(own))
    assert inner.counts == [1] * 7
