"""The real unpickler, held to the allow-list while it runs.

The scan before it (`stubs`) says what a file needs; this holds even where the two should read a
file differently. Beyond names it closes the ways in which harmless names can be combined: calling
what is only meant to be mentioned, restoring state into a class, a method smuggled in as an
attribute. joblib's unpickler underneath reads the arrays of both kinds of files.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

from pilotboat.formats.allowlist import allowlist
from pilotboat.formats.gate import untrusted
from pilotboat.formats.names import MAIN, home, modern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from pilotboat.formats.streams import Stream

BUILDERS = (list, dict, tuple, set, frozenset, str, int, float, complex, bytes)
"""The bases whose __new__ the oldest protocols may call with a value."""
SPREAD = "ensure_native_byte_order" in inspect.signature(NumpyUnpickler.__init__).parameters


def unpickle(
    stream: Stream, *, trust: bool = False, code: Mapping[str, ModuleType] | None = None
) -> object:
    """The object that the pickle in `stream` describes.

    trust: whether it may name and call anything. code: modules that stand in for `__main__`.
    Raises `UntrustedError`, and whatever reading a damaged or foreign file raises.
    """
    kind = Reader if trust else Guard
    return kind(stream, code or {}).load()


class Array(NumpyArrayWrapper):  # type: ignore[misc]
    """joblib's note that the bytes of an array follow, with its fields checked.

    An array of objects is a pickle of its own; it is read by the same rules as the one around it.
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        known = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
        shape, alignment = state["shape"], state.get("numpy_array_alignment_bytes")
        if (
            not set(state) <= known
            or not isinstance(state["dtype"], np.dtype)
            or not isinstance(shape, tuple)
            or not all(type(side) is int and side >= 0 for side in shape)
            or not isinstance(alignment, int | None)
        ):
            raise pickle.UnpicklingError("not an array of joblib's")
        self.__dict__.update(state, subclass=np.ndarray, allow_mmap=False)

    def read_array(self, unpickler: Reader, *rest: Any) -> Any:
        if self.dtype.hasobject:
            return unpickler.inner().load()
        unpickler.stream.expect(int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize)
        return super().read_array(unpickler, *rest)


class Reader(NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler with our look-up of names. It trusts the file."""

    dispatch: ClassVar[dict[int, Any]] = dict(NumpyUnpickler.dispatch)
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, stream: Stream, code: Mapping[str, ModuleType], depth: int = 0) -> None:
        extra = {"ensure_native_byte_order": True} if SPREAD else {}
        super().__init__("", stream, **extra)
        self.stream, self.code, self.depth = stream, code, depth

    def inner(self) -> Reader:
        """A reader for a pickle within this one."""
        return type(self)(self.stream, self.code, 1)

    def find_class(self, module: str, name: str) -> Any:
        if self.proto < 3:  # noqa: PLR2004 - protocols 0 to 2 may use the names of Python 2
            module, name = modern(module, name)
        if module == MAIN:
            for candidate in self.code.values():
                if hasattr(candidate, name):
                    return getattr(candidate, name)
        return self.look_up(module, name)

    def look_up(self, module: str, name: str) -> Any:
        """The object that is called `module.name` today."""
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            if self.depth:
                raise pickle.UnpicklingError("an array of joblib's within an array of objects")
            return Array
        found: Any = import_module(home(module))
        for part in name.split("."):
            found = getattr(found, part)
        return found


class Guard(Reader):
    """The same, where nobody vouches for the file."""

    dispatch: ClassVar[dict[int, Any]] = dict(Reader.dispatch)

    def __init__(self, stream: Stream, code: Mapping[str, ModuleType], depth: int = 0) -> None:
        super().__init__(stream, code, depth)
        self.named: dict[int, tuple[str, Any]] = {}

    def look_up(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if "." in name or full not in allowlist():
            raise untrusted([full])
        stand_in = STAND_INS.get(full)
        found = super().look_up(module, name) if stand_in is None else stand_in
        self.named[id(found)] = (full, found)
        return found

    def persistent_load(self, _pid: Any) -> Any:
        raise untrusted(["(persistent id)"])

    def get_extension(self, _code: int) -> Any:
        raise untrusted(["(extension code)"])

    def within(self, found: Any, section: str) -> str | None:
        """The name under which the file looked `found` up, if that is in `section`."""
        name, _ = self.named.get(id(found), ("", None))
        return name if name in getattr(allowlist(), section) else None

    def load_reduce(self) -> None:
        function, arguments = self.stack[-2:]
        name = self.within(function, "called")
        if name is None:
            raise untrusted([self.describe(function)])
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("arguments that are no tuple")
        if function is not partial:
            for argument in arguments:
                if self.within(argument, "named") and inspect.isroutine(argument):
                    raise untrusted([self.describe(argument)])
        self.check_arguments(name, function, arguments)
        super().load_reduce()

    def check_arguments(self, name: str, function: Any, arguments: tuple[Any, ...]) -> None:
        """Raises for a class that a function must not get: they do not all check it themselves."""
        last = name.rpartition(".")[2]
        if function is partial and not self.within(arguments[0] if arguments else None, "named"):
            raise untrusted(["functools.partial()"])
        if function is reconstruct and not (
            self.within(arguments[0], "made") and arguments[1] in (object, *BUILDERS)
        ):
            raise untrusted([self.describe(arguments[0])])
        if last.startswith("__pyx_unpickle_"):
            owner = getattr(sys.modules[function.__module__], last.removeprefix("__pyx_unpickle_"))
            if not (isinstance(arguments[0], type) and issubclass(arguments[0], owner)):
                raise untrusted([self.describe(function)])

    def load_newobj(self) -> None:
        self.check_class(self.stack[-2])
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        self.check_class(self.stack[-3])
        super().load_newobj_ex()

    def check_class(self, found: Any) -> None:
        if not (isinstance(found, type) and (found is Array or self.within(found, "made"))):
            raise untrusted([self.describe(found)])

    def load_build(self) -> None:
        target, state = self.stack[-2:]
        if id(target) in self.named or isinstance(target, type) or inspect.isroutine(target):
            raise untrusted([self.describe(target)])
        # the unpickler would take a method of this name out of the instance
        if "__setstate__" in getattr(target, "__dict__", {}):
            raise untrusted([self.describe(target)])
        if isinstance(target, functools.partial) and state[0] is not target.func:
            raise untrusted(["functools.partial()"])
        if isinstance(target, np.ndarray):
            check_length(state)
        super().load_build()
        if isinstance(target, np.dtype):
            check_dtype(target)

    def load_append(self) -> None:
        self.check_container(self.stack[-2], list)
        super().load_append()

    def load_appends(self) -> None:
        self.check_container(self.metastack[-1][-1], list)
        super().load_appends()

    def load_additems(self) -> None:
        self.check_container(self.metastack[-1][-1], set)
        super().load_additems()

    def load_setitem(self) -> None:
        self.check_container(self.stack[-3], dict)
        super().load_setitem()

    def load_setitems(self) -> None:
        self.check_container(self.metastack[-1][-1], dict)
        super().load_setitems()

    def check_container(self, found: Any, kind: type) -> None:
        # append() and extend() are taken from the instance, where the file may have put anything
        if type(found) is not kind and not (kind is dict and isinstance(found, dict)):
            raise untrusted([self.describe(found)])

    def load_inst(self) -> None:
        raise untrusted(["(old-style instance)"])

    def describe(self, found: Any) -> str:
        """What to call `found` in an error: a name and that it was used."""
        name, _ = self.named.get(id(found), (None, None))
        if name is None:
            kind = found if isinstance(found, type) else type(found)
            name = f"{kind.__module__}.{kind.__qualname__}"
        return f"{name}()"


for _opcode, _load in (
    (pickle.REDUCE, Guard.load_reduce),
    (pickle.NEWOBJ, Guard.load_newobj),
    (pickle.NEWOBJ_EX, Guard.load_newobj_ex),
    (pickle.BUILD, Guard.load_build),
    (pickle.APPEND, Guard.load_append),
    (pickle.APPENDS, Guard.load_appends),
    (pickle.ADDITEMS, Guard.load_additems),
    (pickle.SETITEM, Guard.load_setitem),
    (pickle.SETITEMS, Guard.load_setitems),
    (pickle.INST, Guard.load_inst),
    (pickle.OBJ, Guard.load_inst),
):
    Guard.dispatch[_opcode[0]] = _load


def check_length(state: Any) -> None:
    """Raises for an array of objects with fewer objects than its shape says: NumPy would crash."""
    shape, objects = state[-4], state[-1]
    if isinstance(objects, list) and math.prod(operator.index(side) for side in shape) != len(
        objects
    ):
        raise pickle.UnpicklingError("an array with another number of objects than it says")


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Raises for a restored dtype whose layout or flags are a lie: NumPy would believe them."""
    if dtype.subdtype is not None:
        check_dtype(dtype.subdtype[0])
        return
    honest: Any = dtype.str
    if dtype.fields is not None:
        fields = [dtype.fields[name] for name in dtype.names or ()]
        for field in fields:
            check_dtype(field[0])
        honest = {
            "names": dtype.names,
            "formats": [field[0] for field in fields],
            "offsets": [field[1] for field in fields],
            "itemsize": dtype.itemsize,
        }
    # NumPy itself refuses fields that lie outside
    if np.dtype(honest).flags != dtype.flags:
        raise pickle.UnpicklingError("a dtype whose flags are not those of its kind")


def reconstruct(cls: type, base: type, state: Any) -> Any:
    """What copyreg._reconstructor does for classes without an __init__ of their base's."""
    return object.__new__(cls) if base is object else base.__new__(cls, state)


def encode(text: str, encoding: str) -> bytes:
    """What _codecs.encode does for bytes in the oldest protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError("bytes in another encoding than latin1")
    return text.encode("latin1")


def partial(function: Any) -> functools.partial[Any]:
    """A functools.partial; its arguments arrive as state."""
    return functools.partial(function)


STAND_INS: dict[str, Any] = {
    "copyreg._reconstructor": reconstruct,
    "_codecs.encode": encode,
    "functools.partial": partial,
    # an array that lay in a mapped file comes with its bytes; the class itself opens files
    "numpy.memmap": np.ndarray,
}
