"""What is in the spool comes into the store, each record once, whatever stands in the way."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pilotboat.errors import StoreUnavailableError
from pilotboat.operations import parking, progress, segments
from pilotboat.operations.parking import DEAD
from pilotboat.operations.segments import OUTCOME, PREDICTION
from pilotboat.operations.shipper import LOCK, TURN, Shipper, Store, alone
from pilotboat.operations.spool import Spool
from pilotboat.operations.store import open_store
from pilotboat.operations.tail import RECORDS
from tests.spooled import SMALL, abandon, fill, outcome, prediction, requests


class Place:
    """A spool and a store in a file; what ships from the one to the other."""

    def __init__(self, home: Path) -> None:
        self.spool, self.file = home / "spool", home / "predictions.db"
        self.spool.mkdir()
        self.stores: list[Any] = []
        self.url = f"sqlite:///{self.file}"

    def shipper(self) -> Shipper:
        return Shipper(self.spool, self.opened)

    def opened(self) -> Store:
        """The store, as the command opens it."""
        store = open_store(self.url)
        self.stores.append(store)
        store.check()
        return store

    def ship(self) -> Shipper:
        """Ship all that there is."""
        shipper = self.shipper()
        shipper.finish(60)
        return shipper

    def query(self, sql: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.file)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def stored(self) -> Counter[str]:
        """How often each request is there."""
        return Counter(
            dict(self.query("SELECT request, count(*) FROM predictions GROUP BY request"))  # type: ignore[arg-type]
        )

    @property
    def left(self) -> list[str]:
        return [path.name for path in segments.names(self.spool)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for store in made.stores:
        store.close()


def names(first: int, count: int) -> Counter[str]:
    return Counter(f"r-{number}" for number in range(first, first + count))


def test_everything_is_stored_once_and_the_spool_is_empty(place: Place) -> None:
    fill(place.spool, requests(0, 3 * RECORDS), most=SMALL * 4)
    fill(place.spool, [prediction("many", *range(500))])
    assert fill(place.spool, []) == []
    shipper = place.ship()
    stored = place.stored()
    assert stored.pop("many") == 500
    assert stored == names(0, 3 * RECORDS)
    assert place.left == []
    assert shipper.progress.stored_rows == 3 * RECORDS + 500


def test_outcomes_are_stored_too(place: Place) -> None:
    spool = Spool(place.spool, SMALL)
    spool.append(OUTCOME, 2, outcome({"id": "a", "actual": 1}, {"id": "b", "actual": "no"}))
    spool.close()
    place.ship()
    assert sorted(place.query("SELECT request, actual FROM outcomes")) == [
        ("a", "1"),
        ("b", '"no"'),
    ]


def test_a_segment_that_is_being_written_stays_until_its_writer_is_done_or_dead(
    place: Place,
) -> None:
    spool = Spool(place.spool, SMALL)
    shipper = place.shipper()
    for number in range(5):
        spool.append(PREDICTION, 1, prediction(f"r-{number}", 1))
        shipper.turn()
        assert place.stored() == names(0, number + 1)
        assert len(place.left) == 1
    spool.close()
    shipper.turn()
    assert place.left == []
    abandon(place.spool, requests(5, 5))
    shipper.finish()
    assert (place.stored(), place.left) == (names(0, 10), [])


def test_what_is_sent_twice_is_stored_once(place: Place) -> None:
    """A shipper that was killed after the commit has told nobody how far it was."""
    spool = Spool(place.spool, SMALL)
    for payload in requests(0, 50):
        spool.append(PREDICTION, 1, payload)
    for _ in range(3):
        place.shipper().turn()
    assert place.stored() == names(0, 50)
    spool.close()


def test_what_is_known_to_be_stored_is_not_read_again(place: Place) -> None:
    spool = Spool(place.spool, SMALL)
    for payload in requests(0, 50):
        spool.append(PREDICTION, 1, payload)
    place.ship()
    told = progress.read(place.spool)
    [(name, offset)] = told["offsets"].items()
    assert [name] == place.left
    assert offset > 50 * 100
    place.file.unlink()
    spool.append(PREDICTION, 1, prediction("new", 1))
    shipper = place.ship()
    assert place.stored() == Counter({"new": 1})
    assert shipper.progress.stored_rows == 51
    spool.close()
    place.ship()
    assert progress.read(place.spool)["offsets"] == {}


@pytest.mark.parametrize("offset", [3, 2**40, 8])
def test_an_offset_that_cannot_be_loses_nothing(place: Place, offset: int) -> None:
    [path] = fill(place.spool, requests(0, 50))
    told = progress.Progress(offsets={path.name: offset})
    told.write(place.spool)
    place.ship()
    lost = 1 if offset == 8 else 0  # into the first record: it is passed over, and a copy is kept
    assert place.stored() == names(lost, 50 - lost)
    assert place.left == []


def test_a_torn_record_is_told_counted_and_gone(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    path = abandon(place.spool, requests(0, 3))
    whole = path.read_bytes().rstrip(b"\0")
    path.write_bytes(whole[:-9] + bytes(999))
    shipper = place.ship()
    assert (place.stored(), place.left) == (names(0, 2), [])
    assert (shipper.progress.torn, shipper.progress.damaged) == (1, 0)
    [said] = [one for one in caplog.messages if path.name in one]
    assert "ends with" in said
    assert "bytes of a record that is not whole" in said
    assert not (place.spool / DEAD).exists()


def test_a_damaged_record_is_told_counted_and_copied_and_those_behind_it_are_stored(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    [path] = fill(place.spool, requests(0, 30))
    whole = path.read_bytes()
    begin = [segments.read(path, 0, most)[1] for most in (1, 4000)]
    hit = [slice(begin[0], begin[0] + 60), slice(begin[1] + 50, begin[1] + 60)]
    broken = bytearray(whole)
    for one in hit:
        broken[one] = b"\xff" * (one.stop - one.start)
    path.write_bytes(bytes(broken))
    shipper = place.ship()
    gone = [number for number in range(30) if f"r-{number}" not in place.stored()]
    assert len(gone) == 2
    assert gone[0] == 1
    assert place.stored().total() == 28
    assert (shipper.progress.damaged, shipper.progress.torn, place.left) == (2, 0, [])
    assert sum("are damaged" in one for one in caplog.messages) == 2
    copies = sorted((place.spool / DEAD).iterdir(), key=lambda one: one.stat().st_mtime_ns)
    assert copies[0].read_bytes() == bytes(
        broken[begin[0] : begin[0] + len(copies[0].read_bytes())]
    )
    assert (copies[0].stat().st_mode & 0o777) == 0o600


def poison(number: int) -> bytes:
    """What no release of Pilotboat writes."""
    return prediction(f"r-{number}", 1).replace(b'"yes"', b'"yes", 3', 1)


def test_what_the_store_refuses_is_parked_and_all_else_is_stored(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """T30"""
    count = RECORDS + 500
    bad = set(range(7, count, 100))
    fill(place.spool, [poison(n) if n in bad else prediction(f"r-{n}", n) for n in range(count)])
    shipper = place.ship()
    assert place.stored() == Counter(f"r-{n}" for n in range(count) if n not in bad)
    assert place.left == []
    told = shipper.progress
    assert (told.parked_rows, told.stored_rows) == (len(bad), count - len(bad))
    kept = [json.loads(path.read_text()) for path in (place.spool / DEAD).iterdir()]
    assert {one["payload"].encode() for one in kept} == {poison(n) for n in bad}
    assert all(one["reason"] for one in kept)
    assert sum("refuses" in one for one in caplog.messages) == 1


def test_of_a_record_with_many_rows_only_those_at_fault_are_parked(place: Place) -> None:
    spool = Spool(place.spool, SMALL)
    head, _, body = prediction("many", *range(300)).partition(b"\n")
    told = json.loads(body)
    told[7] = ["ref-%d" % n if n != 123 else 123 for n in range(300)]  # noqa: UP031
    spool.append(PREDICTION, 300, head + b"\n" + json.dumps(told).encode())
    items: list[dict[str, Any]] = [{"id": name, "actual": 1} for name in ("a", None, "c")]
    spool.append(OUTCOME, 3, outcome(*items))
    for _ in range(2):  # and as often as it is sent
        shipper = place.ship()
        (place.spool / progress.STATUS).unlink()
    rows = [row for (row,) in place.query("SELECT row FROM predictions WHERE request = 'many'")]
    assert sorted(rows) == [n for n in range(300) if n != 123]  # type: ignore[type-var]
    assert place.query("SELECT request FROM outcomes ORDER BY 1") == [("a",), ("c",)]
    assert len(list((place.spool / DEAD).iterdir())) == 2
    assert shipper.progress.parked_rows == 0
    spool.close()


def test_where_nothing_can_be_parked_the_rest_is_stored(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (place.spool / DEAD).touch()  # no directory
    fill(place.spool, [poison(0), *requests(1, 3)])
    shipper = place.ship()
    assert (place.stored(), place.left) == (names(1, 3), [])
    assert (shipper.progress.parked_rows, shipper.progress.lost_rows) == (1, 1)
    assert any("are lost" in one for one in caplog.messages)


def test_parked_rows_that_make_room_are_counted(place: Place) -> None:
    shipper = place.shipper()
    shipper.parking.most = 4 * parking.BLOCK
    fill(place.spool, [poison(number) for number in range(6)])
    shipper.finish()
    left = len(list((place.spool / DEAD).iterdir()))
    assert shipper.progress.parked_rows == 6
    assert shipper.progress.lost_rows == 6 - left
    assert 0 < left <= 4


def test_without_a_store_everything_waits_and_then_is_stored(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    fill(place.spool, requests(0, 20))
    aside = place.file.with_suffix(".aside")
    place.file.mkdir()
    tries: list[float] = []

    def wait(_seconds: float) -> bool:
        tries.append(time.monotonic())
        time.sleep(0.01)
        if place.file.is_dir() and tries[-1] - tries[0] > 1.5:
            assert told()["error"]
            assert (told()["waiting_rows"], told()["stored_rows"]) == (20, 0)
            assert told()["lag_seconds"] > 0.4  # type: ignore[operator]
            place.file.rename(aside)
        return bool(told().get("stored_rows")) or tries[-1] - tries[0] > 15

    def told() -> dict[str, object]:
        return progress.read(place.spool)

    shipper = place.shipper()
    shipper.run(wait)
    assert (place.stored(), place.left) == (names(0, 20), [])
    assert (told()["error"], told()["waiting_rows"], told()["lag_seconds"]) == ("", 0, 0)
    complaints = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(complaints) == 1
    assert "SQLite" in complaints[0].message
    assert sum("stored again after" in one for one in caplog.messages) == 1


def test_a_store_that_fails_meanwhile_is_opened_anew(place: Place) -> None:
    """Each error costs the connection: what is left of it cannot be known."""
    opened: list[Store] = []

    class Failing:
        """A store that has its day, now and then."""

        def __init__(self, store: Store) -> None:
            self.store, self.is_open = store, True

        def write(self, records: Sequence[segments.Record], /) -> int:
            assert self.is_open
            if len(opened) < 4:
                raise StoreUnavailableError("It is gone.")
            return self.store.write(records)

        def close(self) -> None:
            self.is_open = False
            self.store.close()

    def again() -> Store:
        opened.append(Failing(place.opened()))
        return opened[-1]

    fill(place.spool, requests(0, 20))
    shipper = Shipper(place.spool, again)
    end = time.monotonic() + 20
    shipper.run(lambda _: bool(place.stored()) or time.monotonic() > end)
    assert place.stored() == names(0, 20)
    assert len(opened) == 4
    assert not any(one.is_open for one in opened)  # type: ignore[attr-defined]


def test_what_made_room_meanwhile_is_no_fault(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (fill(place.spool, requests(10 * n, 10))[0] for n in range(2))
    shipper = place.shipper()
    shipper._list()
    first.unlink()
    shipper.turn()
    assert (place.stored(), place.left) == (names(10, 10), [])
    del second
    assert not caplog.records


def test_a_segment_that_cannot_be_read_is_named_and_keeps_nothing_from_the_store(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (place.spool / "0-0.seg").mkdir()
    fill(place.spool, requests(0, 10))
    shipper = place.shipper()
    for _ in range(5):
        shipper.turn()
    assert (place.stored(), place.left) == (names(0, 10), ["0-0.seg"])
    assert sum("cannot be read" in one for one in caplog.messages) == 1
    assert [tail.path.name for tail in shipper.left()] == ["0-0.seg"]


def test_counters_go_on_after_a_restart(place: Place) -> None:
    for number in range(3):
        fill(place.spool, [*requests(number * 10, 10), poison(100 + number)])
        place.ship()
    told = progress.read(place.spool)
    assert (told["stored_rows"], told["parked_rows"]) == (30, 3)


def test_the_status_is_written_when_it_changes_and_now_and_then(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shipper = place.shipper()
    written: list[int] = []
    looks = 0

    def wait(seconds: float) -> bool:
        nonlocal looks
        now[0] += max(seconds, 0.001)
        looks += 1
        written.append((place.spool / progress.STATUS).stat().st_ino)
        return now[0] > 1030

    shipper.run(wait)
    assert looks >= 30 / TURN
    assert len(set(written)) <= 5


def test_one_ships_at_a_time(place: Place) -> None:
    with alone(place.spool) as first, alone(place.spool) as second:
        assert (first, second) == (True, False)
        asked: list[float] = []

        def waits(seconds: float) -> bool:
            asked.append(seconds)
            return len(asked) > 3

        with alone(place.spool, waits=waits) as third:
            assert not third
        assert len(asked) == 4
    with alone(place.spool, waits=lambda _: True) as fourth:
        assert fourth
    assert (place.spool / LOCK).exists()


def test_the_last_drain_ends_in_time(place: Place) -> None:
    fill(place.spool, requests(0, 3 * RECORDS), most=SMALL * 4)
    shipper = place.shipper()
    shipper.finish(0)
    assert place.left
    began = time.monotonic()
    shipper.finish(0.001)
    assert time.monotonic() - began < 10
    assert place.stored().total() in (0, RECORDS)
    shipper.finish(60)
    assert place.stored().total() == 3 * RECORDS
