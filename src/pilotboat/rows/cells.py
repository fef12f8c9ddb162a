"""One column: what its cells may hold, how they are checked and how text is parsed into them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from pilotboat.schema import Field, Value

Column = list[Value]

INT64 = 2**63
FLOAT64 = float(np.finfo(np.float64).max)
KNOWN_SHOWN = 10
GAP_WORDS = frozenset(
    "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>"  # noqa: SIM905
    "|N/A|NA|NULL|NaN|None|n/a|nan|null".split("|")
)
"""What stands for a gap in a text file: the words that pandas.read_csv takes for one."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class BadCellError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def describe(value: object) -> str:
    """What kind of JSON value `value` is, in words; never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple | np.ndarray):
        return "a list"
    return f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class Cell:
    """How one column is checked: `whole` takes a clean column at once, else `one` every cell.

    quick: the same as `one` for the usual cells, and `MISS` for those that need a closer look.
    """

    field: Field
    one: Callable[[Any], Value]
    whole: Callable[[Column], Column | None]
    quick: Callable[[Any], Any]


MISS: Any = object()


def cell_of(field: Field, max_text: int) -> Cell:
    typed, whole = _KINDS[field.type](field, max_text)

    def one(value: Any) -> Value:
        if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
            value = value.item()
        if is_gap(value):
            if field.nullable:
                return None
            raise BadCellError(
                "null-not-allowed",
                f"expected {expected(field)}, got null: this model was fitted without gaps here",
            )
        return typed(value)

    return Cell(field, one, whole, _quick(field, max_text))


def _quick(field: Field, max_text: int) -> Callable[[Any], Any]:
    gap = None if field.nullable else MISS
    if field.type == "number":
        return _quick_number(min(field.largest or FLOAT64, FLOAT64), gap)
    known = frozenset(field.categories or ()) if field.type == "category" else frozenset()
    kinds = set(map(_kind, known))
    if field.type == "text" or (field.type == "category" and kinds <= {str}):
        longest = -1 if field.closed else max_text
        return _quick_text(known, longest, gap)
    if field.type == "category":
        plain = kinds.pop() if len(kinds) == 1 else None
        return lambda value: value if type(value) is plain and value in known else MISS
    plain = int if field.type == "integer" else bool
    return lambda value: value if type(value) is plain and -INT64 <= value < INT64 else MISS


def _quick_number(largest: float, gap: Any) -> Callable[[Any], Any]:
    def quick(value: Any) -> Any:
        if type(value) is float or type(value) is int:
            return float(value) if -largest <= value <= largest else MISS
        return gap if value is None else MISS

    return quick


def _quick_text(known: frozenset[Value], longest: int, gap: Any) -> Callable[[Any], Any]:
    def quick(value: Any) -> Any:
        if type(value) is str:
            fits = value in known or (len(value) <= longest and "\0" not in value)
            return value if fits else MISS
        return gap if value is None else MISS

    return quick


def is_gap(value: object) -> bool:
    """Whether `value` stands for a missing value: None, NaN or pandas.NA."""
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - NaN
    return value is None or type(value).__name__ == "NAType"


def _wrong(field: Field, value: object) -> BadCellError:
    return BadCellError("wrong-type", f"expected {expected(field)}, got {describe(value)}")


def expected(field: Field) -> str:
    if field.type == "category" and field.categories:
        first = field.categories[0]
        return "text" if isinstance(first, str) else "a number"
    names = {"number": "a number", "integer": "an integer", "boolean": "true or false"}
    return names.get(field.type, "text")


Kind = tuple[Callable[[Any], Value], Callable[[Column], Column | None]]


def _number(field: Field, _max_text: int) -> Kind:
    largest = field.largest or float("inf")

    def one(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(field, value)
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if not isfinite(number) or abs(number) > largest:
            limit = largest if isfinite(largest) else FLOAT64
            raise BadCellError(
                "number-out-of-range", f"expected a number between -{limit:g} and {limit:g}"
            )
        return number

    def whole(column: Column) -> Column | None:
        kinds = set(map(type, column))
        gaps = type(None) in kinds
        if not column or not kinds <= {float, int, type(None)} or (gaps and not field.nullable):
            return None
        present: Any = [cell for cell in column if cell is not None] if gaps else column
        try:
            numbers = present if int not in kinds else list(map(float, present))
        except OverflowError:
            return None
        if not all(map(isfinite, numbers)) or max(map(abs, numbers), default=0) > largest:
            return None
        if gaps and numbers is not present:
            return [None if cell is None else float(cell) for cell in column]
        return column if gaps else numbers

    return one, whole


def _integer(field: Field, _max_text: int) -> Kind:
    def one(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(field, value)
        if isinstance(value, float) and isfinite(value) and not value.is_integer():
            raise BadCellError("wrong-type", "expected an integer, got a fraction")
        if not _fits(value):
            raise BadCellError("number-out-of-range", "expected an integer of 64 bits")
        return int(value)

    def whole(column: Column) -> Column | None:
        if set(map(type, column)) != {int}:
            return None
        inside = min(column) >= -INT64 and max(column) < INT64  # type: ignore[type-var,operator]
        return column if inside else None

    return one, whole


def _fits(value: float) -> bool:
    """Whether a number has 64 bits. A float at the very edge may be a longer one, rounded."""
    return -INT64 < value < INT64 or (value == -INT64 and isinstance(value, int))


def _boolean(field: Field, _max_text: int) -> Kind:
    def one(value: Any) -> bool:
        if not isinstance(value, bool):
            raise _wrong(field, value)
        return value

    return one, lambda column: column if set(map(type, column)) == {bool} else None


def _text(field: Field, max_text: int) -> Kind:
    def one(value: Any) -> str:
        if not isinstance(value, str):
            raise _wrong(field, value)
        return _fit(value, max_text)

    def whole(column: Column) -> Column | None:
        fine = set(map(type, column)) == {str} and _all_fit(column, max_text)
        return column if fine else None

    return one, whole


def _category(field: Field, max_text: int) -> Kind:
    categories = field.categories or ()
    known = {(_kind(value), value): value for value in categories}
    kinds = {kind for kind, _ in known} or {str}
    members = frozenset(categories)
    allowed = {str, type(None)} if field.nullable else {str}

    def one(value: Any) -> Value:
        value = _as_one_of(kinds, value)
        kind = _kind(value)
        if kind not in kinds and not (kind is float and int in kinds):
            raise _wrong(field, value)
        if (kind, value) in known:
            return known[kind, value]
        if field.closed:
            shown = ", ".join(_shown(item) for item in categories[:KNOWN_SHOWN])
            more = ", …" if len(known) > KNOWN_SHOWN else ""
            raise BadCellError("unknown-category", f"expected one of {shown}{more}")
        if kind is str:
            return _fit(value, max_text)
        if kind is not bool and not _fits(value):
            raise BadCellError("number-out-of-range", "expected a number of 64 bits")
        return value  # type: ignore[no-any-return]

    def whole(column: Column) -> Column | None:
        found = set(map(type, column))
        if len(kinds) == 1 and found == kinds and members.issuperset(column):
            return column
        if kinds != {str} or not found <= allowed:
            return None
        present: Column = [cell for cell in column if cell is not None]
        fine = members.issuperset(present) or (not field.closed and _all_fit(present, max_text))
        return column if fine else None

    return one, whole


def _as_one_of(kinds: set[type], value: Any) -> Any:
    """3.0 where categories are integers is 3, and 3 where they are floats is 3.0."""
    kind = _kind(value)
    whole = kind is float and value.is_integer() and _fits(value)
    if whole and float not in kinds and int in kinds:
        return int(value)
    if kind is int and int not in kinds and float in kinds and abs(value) < INT64:
        return float(value)
    return value


_KINDS: dict[str, Callable[[Field, int], Kind]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "text": _text,
    "category": _category,
}


def _kind(value: object) -> type:
    return next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), object)


def _shown(value: Value) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _all_fit(column: Column, max_text: int) -> bool:
    return max(map(len, column)) <= max_text and not any("\0" in text for text in column)  # type: ignore[arg-type,operator]


def _fit(text: str, max_text: int) -> str:
    if len(text) > max_text:
        raise BadCellError("string-too-long", f"expected at most {max_text:,} characters")
    if "\0" in text:
        raise BadCellError("control-character", "expected text without the character U+0000")
    return text


def parser_of(field: Field) -> Callable[[str], Value]:
    """Text as a CSV file holds it -> the value that it stands for; `_check` judges that value."""
    words = {str(value): value for value in field.categories or ()}
    kinds = {_kind(value) for value in field.categories or ()} or {str}
    textual = field.type == "text" or (field.type == "category" and str in kinds)

    def parse(text: str) -> Value:
        if text in words:
            return words[text]
        if text in GAP_WORDS and (field.nullable or not textual):
            return None
        if field.type == "boolean" or (field.type == "category" and kinds == {bool}):
            return {"true": True, "false": False}.get(text.lower(), text)
        if textual:
            return text
        if not _NUMBER.fullmatch(text):
            raise BadCellError(
                "wrong-type", "expected a number with a decimal point and no other separators"
            )
        return int(text) if text.lstrip("+-").isdigit() and len(text) < 20 else float(text)  # noqa: PLR2004

    return parse
