"""What workers write into the spool is what the store reads."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pilotboat
from pilotboat.operations import segments
from pilotboat.operations.remember import PIECE, Memory, Policy, keep
from pilotboat.operations.spool import Spool
from pilotboat.operations.store import Query
from pilotboat.prediction import Call, Prediction
from tests.factories import RECORD, passengers

if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store


def test_a_real_model_s_answers_are_found(store: Store, titanic: Path, tmp_path: Path) -> None:
    model = pilotboat.load(titanic / "titanic")
    spool = Spool(tmp_path / "spool", 2**24)
    frame = passengers(PIECE + 20)[list(RECORD)].astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    call = Call(model.reader.records(rows), id="many", key="shop", references=["a", *[None] * 519])

    async def answer(call: Call) -> Prediction:
        return model.answer(call.rows)

    async def ask() -> Prediction:
        return await Memory(model, spool, Policy()).predict(answer)(call)

    made = asyncio.run(ask())
    told = {"id": "many", "row": 519, "reference": None, "model": "titanic", "time": None}
    keep(spool, [{**told, "actual": "yes"}], "shop")
    spool.close()
    records = [
        record
        for path in segments.names(spool.directory)
        for record in segments.read(path, 0, 2**30)[0]
    ]
    assert store.write(records) == PIECE + 21
    assert made.probabilities is not None
    assert made.classes is not None
    items = store.find(Query(id="many", limit=1000)).items[::-1]
    assert sorted(one["row"] for one in items) == list(range(PIECE + 20))
    for one in items:
        at = one["row"]
        assert one["inputs"] == rows[at]
        assert list(one["inputs"]) == list(model.schema.names)
        assert one["prediction"] == made.predictions[at]
        assert list(one["probabilities"]) == list(made.classes)
        assert list(one["probabilities"].values()) == made.probabilities[at].tolist()
        assert one["digest"] == model.bundle.digest
        assert (one["reference"], one["key"]) == ("a" if at == 0 else None, "shop")
        assert one["actual"] == ("yes" if at == 519 else None)
