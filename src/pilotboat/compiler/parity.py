"""The proof: a plan beside the estimator that it was made of, on rows made to break it.

Labels are identical and numbers equal to the last bit, or, where a plan adds products, within
1e-12 of the sum of the magnitudes that are added; scikit-learn adds one row and many rows in
different orders itself. What scikit-learn refuses the plan refuses, and nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.compiler.given import Part, plan_of
from pilotboat.compiler.suspects import (
    edges_of,
    gaps_allowed,
    led,
    led_numbers,
    neighbours,
    suspects,
)
from pilotboat.errors import CompileError
from pilotboat.plan import Answers, Plan, array
from pilotboat.plan.step import Numbers, magnitude
from pilotboat.rows import Rows

RULE = 1e-12
LAST_BITS = 1e-15
"""What a probability may differ by beyond that: the last bits of 1."""
BATCHES = (1, 2, 17, 1000)
ALONE, SOME = 4, 8
"""Of each batch, one row in `SOME` that scikit-learn is asked alone, too, and at most so many: it is slow
to start."""
MATRIX = 3_000

Ask = Callable[[Any], Answers]
Decide = Callable[[Any], NDArray[np.float64]]


@dataclass(slots=True)
class Proof:
    """What was compared.

    rows: how many, each both ways through the plan. refused: of them, those that both refuse.
    exact: the plan adds no products and must be equal to the last bit. largest_difference: of any
    number from scikit-learn's. own_difference: of scikit-learn's for a row alone from its own for
    the same row among others.
    """

    rows: int = 0
    refused: int = 0
    labels_wrong: int = 0
    exact: bool = True
    largest_difference: float = 0.0
    own_difference: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values for `parity.json`."""
        return asdict(self)


def prove(
    plan: Plan, rows: Rows, ask: Ask, decide: Decide | None = None, parts: list[Part] | None = None
) -> Proof:
    """Compare `plan` with scikit-learn.

    rows: rows that the model answers, of its training if possible. ask, decide: the model's answers
    to rows, and its `decision_function`. parts: the models in the plan, which are also compared by
    themselves, at their own thresholds.
    Raises `CompileError` with the first difference.
    """
    proof = Proof()
    rows, parts = gaps_allowed(rows), parts or []
    direct = [part.estimator for part in parts if not part.numeric]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        sides = _Sides(proof, plan, ask, decide if plan.decides else None)
        for size in BATCHES:
            sides.agree(rows.pick(np.resize(np.arange(rows.count), size).tolist()))
        for batch in suspects(rows, _edges(direct)):
            sides.agree(batch)
        for batch in (batch for one in direct for batch in led(rows, one)):
            sides.agree(batch)
        for part in parts:
            if part.numeric and (edges := edges_of(part.estimator)):
                _prove_part(proof, part, edges)
    return proof


def _edges(estimators: list[Any]) -> dict[int, NDArray[np.float64]]:
    found: dict[int, NDArray[np.float64]] = {}
    for place, some in (pair for one in estimators for pair in edges_of(one).items()):
        found[place] = np.union1d(found[place], some) if place in found else some
    return found


def _prove_part(proof: Proof, part: Part, edges: dict[int, NDArray[np.float64]]) -> None:
    """Compare a model with its estimator on numbers at and around every threshold."""
    random = np.random.default_rng(0)
    table = np.zeros((MATRIX, part.estimator.n_features_in_))
    for place, some in edges.items():
        table[:, place] = random.choice(neighbours(some), MATRIX)
    sides = _Sides(proof, plan_of(part.head), lambda given: _answers(part.estimator, given.columns))
    sides.agree(_Matrix(table))
    gappy = table[::3].copy()
    gappy[np.arange(len(gappy)), random.integers(0, table.shape[1], len(gappy))] = np.nan
    sides.agree(_Matrix(gappy))
    for numbers in led_numbers(table, part.estimator):
        sides.agree(_Matrix(numbers))


def _answers(estimator: Any, table: Numbers) -> Answers:
    labels = np.asarray(estimator.predict(table))
    return labels, estimator.predict_proba(table) if hasattr(estimator, "predict_proba") else None


@dataclass(frozen=True, slots=True)
class _Matrix:
    """Numbers in the place of rows."""

    columns: Numbers

    @property
    def count(self) -> int:
        return len(self.columns)

    def take(self, start: int, stop: int) -> _Matrix:
        return _Matrix(self.columns[start:stop])

    def pick(self, numbers: list[int]) -> _Matrix:
        return _Matrix(self.columns[numbers])


class _Sides:
    """Both sides of the comparison."""

    def __init__(self, proof: Proof, plan: Plan, ask: Ask, decide: Decide | None = None) -> None:
        self.proof, self.plan, self.ask, self.decide = proof, plan, ask, decide
        self.many, self.one = plan.many(), plan.one()

    def agree(self, rows: Any) -> None:
        """Compare a batch; where both refuse it, what the plan refuses alone, and the rest together."""
        wanted = _try(lambda: self.ask(rows), Exception)  # scikit-learn refuses with anything
        got = _try(lambda: self.many(rows.columns))
        if (wanted is None) != (got is None):
            if rows.count > 1:
                self._halves(rows)
            who = "refuses" if wanted is None else "answers"
            raise CompileError(f"scikit-learn {who} {_described(rows)}, and the plan does not")
        if wanted is not None and got is not None:
            self._compare(rows, wanted, got)
        elif rows.count > 1:
            self._apart(rows)
        else:
            self.proof.rows += 1
            self.proof.refused += 1
            if self._alone(rows) is not None:
                raise CompileError(
                    f"the plan answers {_described(rows)}, which it refuses in a batch"
                )

    def _apart(self, rows: Any) -> None:
        """Compare rows of a batch that is refused."""
        taken = [_try(partial(self.one, cells)) is not None for cells in _singles(rows)]
        if all(taken):
            self._halves(rows)
            return
        if any(taken):
            self.agree(rows.pick(np.flatnonzero(taken).tolist()))
        for number in np.flatnonzero(np.logical_not(taken)).tolist():
            self.agree(rows.take(number, number + 1))

    def _halves(self, rows: Any) -> None:
        self.agree(rows.take(0, rows.count // 2))
        self.agree(rows.take(rows.count // 2, rows.count))

    def _compare(self, rows: Any, wanted: Answers, got: Answers) -> None:
        scores, sizes = magnitude(self.plan.scores, rows.columns, None)
        rule = _Rule(scores, sizes, got[1] is not None)
        self.proof.rows += rows.count
        self.proof.exact &= sizes is None
        self._note(rule.held(wanted, got, self.plan))
        alone = self._alone(rows)
        if alone is None:
            raise CompileError("the plan refuses a row alone that it answers among others")
        self._note(rule.held(wanted, alone, self.plan, own=self._own(rows, wanted, alone, rule)))
        if self.decide is not None:
            decided = self.decide(rows).reshape(rows.count, -1)
            limit = np.zeros(()) if sizes is None else RULE * sizes
            self._note(_largest(decided, scores, limit))

    def _own(self, rows: Any, wanted: Answers, alone: Answers, rule: _Rule) -> Numbers:
        """Compare some rows that scikit-learn is asked alone; what it differs by from itself."""
        largest = np.zeros(())
        some = 0 if rows.count == 1 else min(ALONE, 1 + rows.count // SOME)
        for number in np.linspace(0, rows.count - 1, some).astype(int).tolist():
            row = slice(number, number + 1)
            own = self.ask(rows.take(number, number + 1))
            self._note(rule.of(row).held(own, _cut(alone, row), self.plan))
            first, second = _numbers(own), _numbers(_cut(wanted, row))
            if first is not None and second is not None:
                difference = np.nan_to_num(np.abs(first - second), nan=0.0, posinf=0.0)
                largest = np.maximum(largest, difference.max(initial=0.0))
        self.proof.own_difference = max(self.proof.own_difference, float(largest))
        return largest

    def _alone(self, rows: Any) -> Answers | None:
        """The plan's answers to the rows one by one."""
        made = _try(lambda: [self.one(cells) for cells in _singles(rows)])
        if made is None:
            return None
        shares = None if made[0][1] is None else np.array([one[1] for one in made])
        if self.plan.classes is None:
            return np.array([one[0] for one in made]), None
        return array([one[0] for one in made], self.plan.dtype), shares

    def _note(self, difference: float) -> None:
        self.proof.largest_difference = max(self.proof.largest_difference, difference)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the numbers of a batch may differ by. sizes: None where nothing is allowed."""

    scores: Numbers
    sizes: Numbers | None
    linked: bool

    def of(self, row: slice) -> _Rule:
        sizes = None if self.sizes is None else self.sizes[row]
        return _Rule(self.scores[row], sizes, self.linked)

    def held(self, wanted: Answers, got: Answers, plan: Plan, own: Any = 0.0) -> float:
        """The largest difference. Raises `CompileError` where one is larger than allowed."""
        limit: Any = np.zeros(())
        if self.sizes is not None:
            limit = RULE * self.sizes
        if self.sizes is not None and self.linked:
            # A link moves by no more than its scores do.
            limit = limit.max(axis=1, keepdims=True) + LAST_BITS
        first, second, largest = _numbers(wanted), _numbers(got), 0.0
        if first is not None and second is not None:
            largest = _largest(
                first.reshape(len(first), -1),
                second.reshape(len(second), -1),
                np.maximum(limit, own),
            )
        if plan.classes is not None:
            self._labels(wanted, got)
        return largest

    def _labels(self, wanted: Answers, got: Answers) -> None:
        pairs = zip(wanted[0].tolist(), got[0].tolist(), strict=True)
        wrong = np.array([a != b or type(a) is not type(b) for a, b in pairs])
        if wrong.any() and self.sizes is not None:
            # Two classes nearer to each other than the rule: in scikit-learn, too, the batch decides.
            wrong &= _margin(self.scores) > 2 * RULE * self.sizes.max(axis=1)
        if wrong.any():
            raise CompileError(f"{int(wrong.sum())} of {len(wrong)} labels differ")


def _margin(scores: Numbers) -> Numbers:
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0])
    ordered = np.sort(scores, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def _largest(wanted: Numbers, got: Numbers, limit: Any) -> float:
    if wanted.shape != got.shape:
        raise CompileError(f"the answer has the shape {got.shape}, not {wanted.shape}")
    same = (wanted == got) | (np.isnan(wanted) & np.isnan(got))
    differences = np.where(same, 0.0, np.abs(wanted - got))
    # Of a sum whose magnitudes overflow nothing can be said: its order makes it infinite, or NaN.
    wrong = ~((differences <= limit) | np.isposinf(limit))
    if wrong.any():
        raise CompileError(f"a number differs by {differences.max(initial=0.0, where=wrong):.3g}")
    return float(differences.max(initial=0.0, where=np.isfinite(differences)))


def _try(ask: Callable[[], Any], refusal: type[Exception] = ValueError) -> Any:
    """What `ask` answers, or None where it refuses."""
    try:
        return ask()
    except refusal:
        return None


def _singles(rows: Any) -> list[Any]:
    """The cells of each row."""
    singles: list[Any]
    if isinstance(rows, _Matrix):
        singles = rows.columns.tolist()
    else:
        singles = list(zip(*rows.columns, strict=True))
    return singles


def _numbers(answers: Answers) -> NDArray[np.float64] | None:
    labels, shares = answers
    if shares is not None:
        return shares
    return labels if labels.dtype.kind == "f" else None


def _cut(answers: Answers, row: slice) -> Answers:
    return answers[0][row], None if answers[1] is None else answers[1][row]


def _described(rows: Any) -> str:
    """One row in words, short; it is made up, or known to who packs it."""
    if isinstance(rows, _Matrix):
        return f"numbers {rows.columns[0].tolist()!r:.200}"
    return f"the row {[column[0] for column in rows.columns]!r:.200}"
