"""Pickles that try to do harm, written instruction by instruction. Each would touch a canary."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import joblib
import numpy as np


def text(value: str, protocol: int = 0) -> bytes:
    if protocol == 0:
        return b"V" + value.encode("raw-unicode-escape") + b"\n"
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def name(module: str, attribute: str, protocol: int = 0) -> bytes:
    """The instructions that look `module.attribute` up."""
    if protocol < 4:
        return f"c{module}\n{attribute}\n".encode()
    return text(module, protocol) + text(attribute, protocol) + b"\x93"


def call(module: str, attribute: str, *arguments: Any, protocol: int = 0) -> bytes:
    """A pickle of `module.attribute(*arguments)`."""
    header = b"" if protocol == 0 else b"\x80" + bytes([protocol])
    return (
        header
        + name(module, attribute, protocol)
        + b"("
        + b"".join(
            argument if isinstance(argument, bytes) else text(argument, protocol)
            for argument in arguments
        )
        + b"tR."
    )


def inner(pickled: bytes) -> bytes:
    """The instructions of a pickle without its end, to be put into another one."""
    return pickled.removesuffix(b".")


def calls(canary: Path) -> dict[str, bytes]:
    """One call each of what scanners have missed, with arguments that would touch `canary`."""
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w')"
    where = str(canary)
    one, none, empty = b"K\x01", b"N", b"}"
    shell = b"(" + text("touch") + text(where) + b"l"
    return {
        "os.system": call("os", "system", touch),
        "posix.system": call("posix", "system", touch),
        "posix.system by stack": call("posix", "system", touch, protocol=4),
        "nt.system": call("nt", "system", touch),
        "os.popen": call("os", "popen", touch),
        "os.mkdir": call("os", "mkdir", where),
        "os.open": call("os", "open", where, b"I577\n"),
        "builtins.eval": call("builtins", "eval", code),
        "__builtin__.eval": call("__builtin__", "eval", code),
        "builtins.exec": call("builtins", "exec", code, protocol=4),
        "builtins.open": call("builtins", "open", where, "w"),
        "builtins.__import__": call("builtins", "__import__", "antigravity"),
        "builtins.compile": call("builtins", "compile", code, "x", "exec"),
        "builtins.map": call("builtins", "map", name("os", "mkdir"), shell),
        "builtins.getattr": call("builtins", "getattr", name("os", "path"), "os"),
        "builtins.type": call("builtins", "type", "x", b")", empty),
        "io.open": call("io", "open", where, "w"),
        "_io.FileIO": call("_io", "FileIO", where, "w"),
        "_io.open_code": call("_io", "open_code", where),
        "importlib.import_module": call("importlib", "import_module", "antigravity"),
        "runpy.run_path": call("runpy", "run_path", where),
        "runpy._run_code": call("runpy", "_run_code", code, empty),
        "pty.spawn": call("pty", "spawn", shell),
        "subprocess.Popen": call("subprocess", "Popen", shell),
        "subprocess.check_output": call("subprocess", "check_output", shell, protocol=2),
        "subprocess.getoutput": call("subprocess", "getoutput", touch, protocol=4),
        "_posixsubprocess.fork_exec": call("_posixsubprocess", "fork_exec", shell),
        "multiprocessing.util.spawnv_passfds": call(
            "multiprocessing.util", "spawnv_passfds", b"\x8c\x0a/bin/touch", shell, b")"
        ),
        "webbrowser.open": call("webbrowser", "open", where),
        "ctypes.CDLL": call("ctypes", "CDLL", where),
        "shutil.copy": call("shutil", "copy", "/etc/hostname", where),
        "pathlib.Path.touch": call("pathlib", "Path.touch", where, protocol=4),
        "operator.attrgetter": call("operator", "attrgetter", "system"),
        "operator.methodcaller": call("operator", "methodcaller", "system", touch),
        "_operator.methodcaller": call("_operator", "methodcaller", "system", touch),
        "functools.reduce": call("functools", "reduce", name("os", "mkdir"), shell),
        "functools.partial": call("functools", "partial", name("os", "system"), touch),
        "types.FunctionType": call("types", "FunctionType", none, empty),
        "types.CodeType": call("types", "CodeType", one),
        "marshal.loads": call("marshal", "loads", b"C\x01N"),
        "pickle.loads": call("pickle", "loads", b"C\x01N"),
        "_pickle.loads": call("_pickle", "loads", b"C\x01N", protocol=4),
        "timeit.timeit": call("timeit", "timeit", code),
        "timeit.main": call("timeit", "main", shell),
        "code.interact": call("code", "interact", "x"),
        "codeop.compile_command": call("codeop", "compile_command", code),
        "cProfile.run": call("cProfile", "run", code),
        "cProfile.runctx": call("cProfile", "runctx", code, empty, empty),
        "profile.run": call("profile", "run", code),
        "pdb.run": call("pdb", "run", code),
        "bdb.Bdb.run": call("bdb", "Bdb.run", code, protocol=4),
        "doctest.debug_script": call("doctest", "debug_script", code),
        "trace.main": call("trace", "main"),
        "site.addsitedir": call("site", "addsitedir", where),
        "venv.create": call("venv", "create", where),
        "ensurepip.bootstrap": call("ensurepip", "bootstrap"),
        "lib2to3.pgen2.grammar.Grammar.loads": call(
            "lib2to3.pgen2.grammar", "Grammar.loads", b"C\x01N", protocol=4
        ),
        "logging.FileHandler": call("logging", "FileHandler", where),
        "tempfile.mkdtemp": call("tempfile", "mkdtemp"),
        "sqlite3.connect": call("sqlite3", "connect", where),
        "dbm.dumb.open": call("dbm.dumb", "open", where, "c"),
        "shelve.open": call("shelve", "open", where),
        "zipfile.ZipFile": call("zipfile", "ZipFile", where, "w"),
        "socket.create_connection": call("socket", "create_connection", b")"),
        "urllib.request.urlretrieve": call(
            "urllib.request", "urlretrieve", "file:///etc/hostname", where
        ),
        "smtplib.SMTP": call("smtplib", "SMTP", "localhost"),
        "threading.Thread": call("threading", "Thread"),
        "numpy.load": call("numpy", "load", where),
        "numpy.save": call("numpy", "save", where, b"]"),
        "numpy.savetxt": call("numpy", "savetxt", where, b"]"),
        "numpy.fromfile": call("numpy", "fromfile", where),
        "numpy.memmap": call("numpy", "memmap", where, "uint8", "w+", b"K\x00", b"K\x08"),
        "numpy.testing._private.utils.runstring": call(
            "numpy.testing._private.utils", "runstring", code, empty
        ),
        "numpy.f2py.crackfortran.getlincoef": call(
            "numpy.f2py.crackfortran", "getlincoef", code, empty
        ),
        "numpy.f2py.capi_maps.getinit": call("numpy.f2py.capi_maps", "getinit", code, empty),
        "numpy.core._ufunc_reconstruct": call(
            "numpy.core", "_ufunc_reconstruct", "antigravity", "x"
        ),
        "numpy.vectorize": call("numpy", "vectorize", name("os", "mkdir")),
        "pandas.read_pickle": call("pandas", "read_pickle", where),
        "pandas.eval": call("pandas", "eval", code),
        "pandas.core.computation.eval.eval": call("pandas.core.computation.eval", "eval", code),
        "pandas.DataFrame.to_csv": call("pandas", "DataFrame.to_csv", b"}", where, protocol=4),
        "joblib.load": call("joblib", "load", where),
        "joblib.numpy_pickle.load": call("joblib.numpy_pickle", "load", where),
        "joblib.numpy_pickle_compat.NDArrayWrapper": call(
            "joblib.numpy_pickle_compat", "NDArrayWrapper", where, none
        ),
        "joblib.Memory": call("joblib", "Memory", where),
        "joblib.memory.Memory": call("joblib.memory", "Memory", where),
        "joblib.Parallel": call("joblib", "Parallel"),
        "joblib.dump": call("joblib", "dump", none, where),
        "cloudpickle.loads": call("cloudpickle", "loads", b"C\x01N"),
        "sklearn.datasets.load_files": call("sklearn.datasets", "load_files", where),
        "sklearn.utils._testing.set_random_state": call(
            "sklearn.utils._testing", "set_random_state", none
        ),
        "sklearn.utils.fixes.os.system": call(
            "sklearn.utils.fixes", "os.system", touch, protocol=4
        ),
        "scipy.io.savemat": call("scipy.io", "savemat", where, empty),
        "scipy.stats._distn_infrastructure.rv_frozen": call(
            "scipy.stats._distn_infrastructure", "rv_frozen", none
        ),
        "skops.io.load": call("skops.io", "load", where),
        "torch.load": call("torch", "load", where),
        "torch.utils.collect_env.run": call("torch.utils.collect_env", "run", touch),
        "pip.main": call("pip", "main", b"(Vdownload\nVx\nl"),
        "pip._internal.main": call("pip._internal", "main", b"(Vdownload\nVx\nl"),
        "setuptools.sandbox.run_setup": call("setuptools.sandbox", "run_setup", where, none),
        "pilotboat.formats.code.import_code": call(
            "pilotboat.formats.code", "import_code", b"(V" + where.encode() + b"\nl"
        ),
    }


def combinations(canary: Path) -> dict[str, bytes]:
    """Harmless names put together in harmful ways."""
    pipeline = name("sklearn.pipeline", "Pipeline")
    scaler = name("sklearn.pipeline", "Pipeline") + b")\x81"
    plain = name("sklearn.calibration", "_CalibratedClassifier") + b")\x81"
    where = text(str(canary))
    opened = b"(" + where + b"Vuint8\nVw+\ntR"
    smuggled = b"}(V%b\n" + name("numpy", "log1p") + b"u"
    index = (
        name("pandas.core.indexes.base", "_new_Index")
        + b"("
        + name("numpy", "memmap")
        + b"}(Vfilename\n"
        + where
        + b"Vmode\nVw+\nVdtype\nVu1\nVshape\nK\x08utR."
    )
    return {
        "a named function is called": call("numpy", "log1p", b"K\x01"),
        "a class that is only made is called": call("sklearn.pipeline", "Pipeline", b"]"),
        "a class that opens files": name("numpy", "memmap") + opened + b".",
        "a class that opens files, made": (
            b"\x80\x02" + name("numpy", "memmap") + b"(" + where + b"Vu1\nVw+\nt\x81."
        ),
        "a class that opens files, as an index": index,
        "a function as a callback": call(
            "numpy.random._pickle", "__randomstate_ctor", "MT19937", name("numpy", "array")
        ),
        "state into a class": b"\x80\x02" + pipeline + b"(N}Vpredict\nNst" + b"b.",
        "state into a function": (
            b"\x80\x02" + name("sklearn.metrics.pairwise", "rbf_kernel") + b"}Vx\nNsb."
        ),
        "a smuggled __setstate__": (b"\x80\x02" + plain + smuggled % b"__setstate__" + b"bK\x01b."),
        "a smuggled append": b"\x80\x02" + plain + smuggled % b"append" + b"bK\x01a.",
        "a smuggled extend": b"\x80\x02" + plain + smuggled % b"extend" + b"b(K\x01e.",
        "a smuggled add": b"\x80\x04" + plain + smuggled % b"add" + b"b(K\x01\x90.",
        "items for an estimator": b"\x80\x02" + scaler + b"K\x01K\x02s.",
        "more items for an estimator": b"\x80\x02" + scaler + b"(K\x01K\x02u.",
        "a partial of something called": call(
            "functools", "partial", name("numpy.core.multiarray", "scalar")
        ),
        "a partial of an instance": call("functools", "partial", scaler),
        "a partial that changes its mind": (
            inner(call("functools", "partial", name("numpy", "log1p")))
            + b"("
            + name("numpy.core.multiarray", "scalar")
            + b")}Ntb."
        ),
        "reconstruction from another base": call(
            "copyreg",
            "_reconstructor",
            pipeline,
            name("sklearn.linear_model._ridge", "Ridge"),
            b"N",
        ),
        "reconstruction of a function": call(
            "copyreg", "_reconstructor", name("numpy", "log1p"), name("builtins", "object"), b"N"
        ),
        "another encoding": call("_codecs", "encode", "x", "rot13"),
        "a type that does not fit": call(
            "pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked", pipeline, b"K\x01", b"N"
        ),
        "arguments that are a list": name("collections", "OrderedDict") + b"]R.",
        "a call of what was made": b"\x80\x02" + scaler + b")R.",
        "an instance as a class": b"\x80\x02" + scaler + b")\x81.",
        "a function as a class": b"\x80\x02" + name("numpy", "log1p") + b")\x81.",
        "a class with keywords": (b"\x80\x04" + name("numpy", "dtype", 4) + b"(Vf8\nt}\x92."),
        "an old-style instance": b"(isklearn.pipeline\nPipeline\n.",
        "an old-style object": b"(" + pipeline + b"o.",
        "a persistent id": b"Pcanary\n.",
        "a binary persistent id": b"K\x01Q.",
        "an extension code": b"\x80\x02\x82\x01.",
        "an array with too few objects": pickle.dumps(
            np.array([b"a", b"b", b"c"], dtype=object), 2
        ).replace(b"K\x03\x85", b"K\x09\x85"),
        "a dtype that hides its objects": dtype_lie(),
        "a dtype with fields outside": dtype_outside(),
    }


def dtype_lie() -> bytes:
    """A record with an object field, whose flags deny it: its bytes would become pointers."""
    honest = np.dtype([("a", "O"), ("b", "f8")])
    reduced: Any = honest.__reduce__()
    _, arguments, state = reduced
    return _restored(arguments, (*state[:-1], 0))


def dtype_outside() -> bytes:
    """A record whose field lies far behind its end."""
    reduced: Any = np.dtype([("a", "f8")]).__reduce__()
    _, arguments, state = reduced
    fields = {"a": (np.dtype("f8"), 4096)}
    return _restored(arguments, (*state[:4], fields, *state[5:]))


def _restored(arguments: tuple[Any, ...], state: tuple[Any, ...]) -> bytes:
    return (
        b"\x80\x02cnumpy\ndtype\n"
        + pickle.dumps(arguments, 2)[2:-1]
        + b"R"
        + pickle.dumps(state, 2)[2:-1]
        + b"b."
    )


def in_object_array(pickled: bytes) -> bytes:
    """A joblib file whose array of objects is `pickled`: a second pickle within the first."""
    buffer = io.BytesIO()
    joblib.dump({"a": np.array([None], dtype=object)}, buffer)
    honest = pickle.dumps(np.array([None], dtype=object), 5)
    assert honest in buffer.getvalue()
    return buffer.getvalue().replace(honest, pickled)


def bombs() -> dict[str, bytes]:
    """Small files that want to become large."""
    doubled = b"]" + b"q\x00" + b"".join(b"(h\x00h\x00lq\x00" for _ in range(60)) + b"."
    hashed = b")q\x00" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(80))
    return {
        "lists of lists": doubled,
        "a key that takes for ever": b"}" + hashed + b"Ns.",
        "a frame of nothing": b"\x80\x04\x95" + struct.pack("<Q", 2**50) + b"N.",
        "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**40),
        "a bytearray that is not there": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
        "text that is not there": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b".",
        "a huge integer": b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b".",
        "an integer of digits": b"L" + b"9" * 100_000 + b"L\n.",
        "a far memo": b"\x80\x02Nr\xff\xff\xff\x7fj\xff\xff\xff\x7e.",
        "marks": b"(" * 100_000,
        "nothing to take": b"\x80\x020.",
        "out-of-band data": b"\x80\x05\x97.",
        "an unknown instruction": b"\x80\x04\xff.",
        "an array larger than the file": _array(2**40),
        "an array of a negative size": _array(-1),
    }


def _array(side: int) -> bytes:
    """A joblib file whose array claims to have `side` items."""
    buffer = io.BytesIO()
    joblib.dump(np.zeros(77), buffer, protocol=2)
    shape = pickle.dumps(77, 2)[2:-1]
    assert buffer.getvalue().count(shape) == 1
    return buffer.getvalue().replace(shape, pickle.dumps(side, 2)[2:-1])
