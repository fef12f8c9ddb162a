"""A model's signature: named, typed inputs and outputs. Pure values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from pilotboat.errors import BundleError, UsageError

Value = float | int | bool | str | None
"""One cell of a row, as JSON writes it. None is a gap."""

FieldType = Literal["number", "integer", "boolean", "category", "text"]
Gap = Literal["nan", "none", "na"]
Layout = Literal["frame", "array", "texts"]

TYPES: tuple[FieldType, ...] = get_args(FieldType)


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    type: what a cell holds. `category` keeps the type of its values (text, integer, number).
    nullable: whether a gap (JSON null) is answered.
    categories: the values that training saw, for a category; None where they are not known.
    closed: whether a value outside `categories` is refused.
    largest: the largest magnitude of a number that the model answers; None: any float64.
    minimum, maximum: the range that training saw. It describes; it is never enforced.
    examples: up to three values from real rows.
    dtype: the column's NumPy or pandas dtype at training, which serving rebuilds; None: not known.
    gap: what stood for a missing value at training: NaN, None or pandas.NA.
    """

    name: str
    type: FieldType
    nullable: bool = False
    categories: tuple[Value, ...] | None = None
    closed: bool = False
    largest: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    examples: tuple[Value, ...] = ()
    dtype: str | None = None
    gap: Gap = "nan"


@dataclass(frozen=True, slots=True)
class Schema:
    """The inputs in the order the model takes them, and what it answers.

    outputs: one field a target; its `categories` are the class labels of a classifier.
    probabilities: whether a probability is answered for each class.
    layout: how the estimator takes its rows: a DataFrame, a 2-d array or a sequence of texts.
    dtype: the dtype of that array; only with layout "array".
    ignored: names of columns that no step reads: they may be sent and change nothing.
    """

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    probabilities: bool = False
    layout: Layout = "frame"
    dtype: str | None = None
    ignored: tuple[str, ...] = ()
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(field.name for field in self.inputs))

    @property
    def classes(self) -> tuple[Value, ...] | None:
        """The class labels of a classifier with one target, in the order of its probabilities."""
        return self.outputs[0].categories if len(self.outputs) == 1 else None

    def to_json(self) -> dict[str, Any]:
        """Plain values for `schema.json`. `from_json` is the way back."""
        plain = asdict(self)
        del plain["names"]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Schema:
        """The schema that `plain` describes. Raises `BundleError` where it describes none."""
        try:
            if plain["layout"] not in get_args(Layout):
                raise ValueError(plain["layout"])
            return cls(
                inputs=tuple(_field(item) for item in plain["inputs"]),
                outputs=tuple(_field(item) for item in plain["outputs"]),
                probabilities=bool(plain["probabilities"]),
                layout=plain["layout"],
                dtype=plain["dtype"],
                ignored=tuple(plain["ignored"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "schema.json does not describe a schema.", code="schema-invalid"
            ) from error


def _field(plain: dict[str, Any]) -> Field:
    made = Field(**plain)
    if made.type not in TYPES or made.gap not in get_args(Gap):
        raise ValueError(made.name)
    categories = None if made.categories is None else tuple(made.categories)
    return replace(made, categories=categories, examples=tuple(made.examples))


def with_types(schema: Schema, types: dict[str, str]) -> Schema:
    """`schema` with the types that a user states for single columns.

    Raises `UsageError` for a name that is no input and for a type that does not exist.
    """
    for name, kind in types.items():
        if name not in schema.names:
            raise UsageError(
                f"--types names '{name}', which is not an input of this model.",
                hint=f"Its inputs are: {', '.join(schema.names)}.",
            )
        if kind not in TYPES:
            raise UsageError(
                f"--types gives '{name}' the type '{kind}', which does not exist.",
                hint=f"Types are: {', '.join(TYPES)}.",
            )
    return replace(
        schema, inputs=tuple(_typed(item, types.get(item.name)) for item in schema.inputs)
    )


def _typed(field: Field, kind: str | None) -> Field:
    if kind is None or kind == field.type:
        return field
    return _field(asdict(field) | {"type": kind, "categories": None, "closed": False})
