"""A pickle read with inert stubs in place of everything it names: described, never executed.

The instructions are followed as the real unpickler follows them, except that looking up a name,
calling it and restoring its state only leave a note. joblib's files have the raw bytes of arrays
between the instructions; those are skipped.
"""

from __future__ import annotations

import math
import pickle
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotboat.formats.limits import MAX_NESTING, MAX_OPCODES, exceeded
from pilotboat.formats.names import modern

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotboat.formats.streams import Stream

ARRAY = "joblib.numpy_pickle.NumpyArrayWrapper"
DTYPE = "numpy.dtype"
RECONSTRUCT = "copyreg._reconstructor"
PARTIAL = "functools.partial"
CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Named:
    """Something that the file refers to by name."""

    name: str


@dataclass(eq=False, slots=True)
class Made:
    """What calling or instantiating `maker` would have made."""

    maker: Named | None
    args: tuple[Any, ...] = ()
    state: Any = None


@dataclass(slots=True)
class Notes:
    """What a scan finds.

    names: everything looked up. called: what is called with arguments of the file's choice.
    wrapped: what `functools.partial` is given. odd: instructions no fitted pipeline needs.
    """

    root: str | None = None
    names: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    wrapped: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    arrays: bool = False


def scan(stream: Stream) -> Notes:
    """What the pickle in `stream` names and calls.

    Raises `ArtifactError` for a limit, and whatever the unpickler raises on damaged input.
    """
    notes = Notes()
    root = Scanner(stream, notes).load()
    if isinstance(root, Made):
        notes.root = root.maker.name if root.maker else None
    elif isinstance(root, Named):
        notes.root = root.name
    else:
        notes.root = f"builtins.{type(root).__name__}"
    return notes


class Counted(dict[int, Any]):
    """A dispatch table that counts how often it is used."""

    used = 0

    def __getitem__(self, opcode: int) -> Any:
        self.used += 1
        if self.used > MAX_OPCODES:
            raise exceeded("pickle instructions", MAX_OPCODES)
        if opcode not in self:
            raise pickle.UnpicklingError(f"no pickle instruction {opcode}")
        return super().__getitem__(opcode)


class Scanner(pickle._Unpickler):  # noqa: SLF001 - the C one cannot be stopped between instructions
    """The unpickler of the standard library with every effect taken out."""

    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    pop_mark: Callable[[], list[Any]]
    proto: int

    def __init__(self, stream: Stream, notes: Notes, depth: int = 0) -> None:
        super().__init__(stream)
        self.stream, self.notes, self.depth = stream, notes, depth
        self.dispatch = Counted(OPCODES)  # type: ignore[misc]

    def find_class(self, module: str, name: str) -> Named:
        if self.proto < 3:  # noqa: PLR2004 - protocols 0 to 2 may use the names of Python 2
            module, name = modern(module, name)
        # a dotted name walks attributes; spelled apart so that no entry of the list matches it
        full = f"{module}.{name}" if "." not in name else f"{module}:{name}"
        self.notes.names.add(full)
        return Named(full)

    def persistent_load(self, _pid: Any) -> Made:
        self.notes.odd.add("(persistent id)")
        return Made(None)

    def get_extension(self, _code: int) -> None:
        self.notes.odd.add("(extension code)")
        self.append(Made(None))

    def make(self, maker: Any, args: Any) -> Made:
        """Notes a call of `maker`."""
        args = args if isinstance(args, tuple) else ()
        if not isinstance(maker, Named):
            self.notes.odd.add("(call of a computed object)")
            return Made(None, args)
        if maker.name == RECONSTRUCT and args and isinstance(args[0], Named):
            return Made(args[0])
        self.notes.called.add(maker.name)
        if maker.name == PARTIAL:
            first = args[0] if args else None
            self.notes.wrapped.add(first.name if isinstance(first, Named) else "(computed object)")
        return Made(maker, args)

    def build(self, target: Any, state: Any) -> Any:
        """Notes a restored state; an array of joblib's is read past."""
        if not isinstance(target, Made):
            self.notes.odd.add("(state of a name)")
            return target
        target.state = state
        if isinstance(state, dict):
            version = state.get("_sklearn_version")
            if isinstance(version, str):
                self.notes.versions.add(version[:40])
        if self.depth == 0 and target.maker == Named(ARRAY) and isinstance(state, dict):
            self.pass_array(state)
        return target

    def pass_bytes(self, size: int) -> None:
        """Reads past `size` bytes of a frame or of the stream; an empty string stands for them."""
        while size:
            data = self.read(min(size, CHUNK))
            if not data:
                raise EOFError
            size -= len(data)
        self.append(b"")

    def pass_array(self, state: dict[str, Any]) -> None:
        self.notes.arrays = True
        dtype, shape = state.get("dtype"), state.get("shape")
        width, objects = measure(dtype)
        if objects:
            Scanner(self.stream, self.notes, self.depth + 1).load()
            return
        if not isinstance(shape, tuple) or not all(is_count(side) for side in shape):
            raise pickle.UnpicklingError("an array without a shape")
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.skip(self.stream.read(1)[0])
        self.stream.skip(math.prod(shape) * width)


def is_count(side: Any) -> bool:
    """Whether `side` is a length; NumPy integers are what scalar() makes of them."""
    return type(side) is int and side >= 0


def measure(dtype: Any, depth: int = 0) -> tuple[int, bool]:
    """The bytes of one item of a stubbed dtype, and whether it holds Python objects."""
    if depth > MAX_NESTING or not (isinstance(dtype, Made) and dtype.maker == Named(DTYPE)):
        raise pickle.UnpicklingError("an array without a dtype")
    code = dtype.args[0] if dtype.args else None
    if not isinstance(code, str) or not code:
        raise pickle.UnpicklingError("an array without a dtype")
    code = code.lstrip("<>|=")
    digits = code[1:]
    width = int(digits) if digits.isdigit() else 1
    if code[0] == "U":
        width *= 4
    return width, code[0] == "O" or holds_objects(dtype.state, depth)


def holds_objects(state: Any, depth: int) -> bool:
    """Whether the restored state of a structured dtype names an object field."""
    if not isinstance(state, tuple) or len(state) < 5:  # noqa: PLR2004 - version to fields
        return False
    base, fields = state[2], state[4]
    inner = [base[0]] if isinstance(base, tuple) and base else []
    if isinstance(fields, dict):
        inner += [value[0] for value in fields.values() if isinstance(value, tuple) and value]
    return any(measure(dtype, depth + 1)[1] for dtype in inner if isinstance(dtype, Made))


def _reduce(self: Scanner) -> None:
    args = self.stack.pop()
    self.stack[-1] = self.make(self.stack[-1], args)


def _newobj(self: Scanner) -> None:
    self.stack.pop()
    _instance(self, self.stack.pop())


def _newobj_ex(self: Scanner) -> None:
    self.stack.pop()
    _newobj(self)


def _instance(self: Scanner, maker: Any) -> None:
    if not isinstance(maker, Named):
        self.notes.odd.add("(call of a computed object)")
        maker = None
    self.append(Made(maker))


def _inst(self: Scanner) -> None:
    module, name = (self.readline()[:-1].decode() for _ in range(2))
    self.pop_mark()
    self.append(self.make(self.find_class(module, name), ()))
    self.notes.odd.add("(old-style instance)")


def _obj(self: Scanner) -> None:
    maker = self.pop_mark()[0]
    self.append(self.make(maker, ()))
    self.notes.odd.add("(old-style instance)")


def _build(self: Scanner) -> None:
    state = self.stack.pop()
    self.stack[-1] = self.build(self.stack[-1], state)


def _append(self: Scanner) -> None:
    self.stack.pop()


def _appends(self: Scanner) -> None:
    self.pop_mark()


def _setitem(self: Scanner) -> None:
    value, key = self.stack.pop(), self.stack.pop()
    _store(self.stack[-1], [key, value])


def _setitems(self: Scanner) -> None:
    items = self.pop_mark()
    _store(self.stack[-1], items)


def _dict(self: Scanner) -> None:
    made: dict[str, Any] = {}
    _store(made, self.pop_mark())
    self.append(made)


def _store(target: Any, items: list[Any]) -> None:
    # only text keys: hashing a tuple of tuples of tuples may take for ever
    if isinstance(target, dict):
        pairs = zip(items[::2], items[1::2], strict=True)
        target.update({key: value for key, value in pairs if type(key) is str})


def _frozenset(self: Scanner) -> None:
    self.pop_mark()
    self.append(frozenset())


def _bytes(width: str) -> Callable[[Scanner], None]:
    def load(self: Scanner) -> None:
        (size,) = struct.unpack(width, self.read(struct.calcsize(width)))
        self.pass_bytes(size)

    return load


OPCODES: dict[int, Any] = pickle._Unpickler.dispatch | {  # noqa: SLF001
    opcode[0]: load
    for opcode, load in (
        (pickle.REDUCE, _reduce),
        (pickle.NEWOBJ, _newobj),
        (pickle.NEWOBJ_EX, _newobj_ex),
        (pickle.INST, _inst),
        (pickle.OBJ, _obj),
        (pickle.BUILD, _build),
        (pickle.APPEND, _append),
        (pickle.APPENDS, _appends),
        (pickle.ADDITEMS, _appends),
        (pickle.SETITEM, _setitem),
        (pickle.SETITEMS, _setitems),
        (pickle.DICT, _dict),
        (pickle.FROZENSET, _frozenset),
        (pickle.BINBYTES, _bytes("<I")),
        (pickle.BINBYTES8, _bytes("<Q")),
        (pickle.BYTEARRAY8, _bytes("<Q")),
    )
}
