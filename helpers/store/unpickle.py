"""Read a pickle of strings, numbers and NumPy arrays without running anything that is in it.

A pickle is a program that may import any function and call it. The first gate reads its instructions
and refuses every one that the authors' files do not need, and too many: nothing that is built is deep,
and no tuple is used twice, since hashing a tuple of tuples of the same tuples takes for ever. The
second replaces imports: the three names a NumPy array is written with stand for inert objects of this
module, which build the array from checked numbers; every other name is refused.

The format: Python's `pickle`, protocol 4, https://docs.python.org/3/library/pickletools.html.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools

import numpy as np

from helpers.methods.errors import Mendable

MAX_BYTES = 16 * 2**20  # the largest released matrix is under 1 MB
MAX_INSTRUCTIONS = 200_000  # some thousands of tokens, two each
MAX_BUILT = 40  # containers and arrays; one prompt's dictionary with its matrix has 13
STRINGS = set("SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8".split())
BUILT = set("EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 REDUCE BUILD".split())
# What may be used twice. Only the instruction before says what is kept: others may leave a tuple.
KEPT = STRINGS | {"STACK_GLOBAL", "REDUCE", "EMPTY_DICT", "EMPTY_LIST"}
PLAIN = (STRINGS | BUILT | KEPT).union(
    "PROTO FRAME STOP MARK MEMOIZE BINGET LONG_BINGET NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 "
    "LONG1 BINFLOAT SETITEM SETITEMS APPEND APPENDS".split()
)
NUMBERS = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)) | {"f2", "f4", "f8"}


class RefusedPickle(Mendable):
    """The content is not a pickle of plain values and arrays; nothing of it was run."""


class _Inert:
    """Stands for an imported name. Has no attributes, so that nothing can be set on it."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise RefusedPickle(f"it sets the state of {type(self).__name__.strip('_')}")


class _NdarrayName(_Inert):
    __slots__ = ()


class _Dtype(_Inert):
    """A number type; its state says only in which order the bytes lie."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "|"

    def __setstate__(self, state: object) -> None:
        fits = isinstance(state, tuple) and len(state) == 8 and type(state[1]) is str
        if not fits or state[1] not in ("<", ">", "|", "="):
            raise RefusedPickle(f"the state {_short(state)} of the number type {self.code!r}")
        if any(part is not None for part in state[2:5]):
            raise RefusedPickle(f"the number type {self.code!r} has fields")
        self.order = state[1]


class _DtypeName(_Inert):
    __slots__ = ()

    def __call__(self, code: object = None, *flags: object) -> _Dtype:
        known = type(code) is str and code in NUMBERS
        if not (known and all(isinstance(flag, bool) for flag in flags)):
            raise RefusedPickle(f"an array of type {_short(code)}, which is not one of numbers")
        return _Dtype(code)


class _Array(_Inert):
    """An array that its state fills."""

    __slots__ = ("values",)

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise RefusedPickle(f"the array state {_short(state)}")
        _, shape, dtype, by_columns, content = state
        if not (isinstance(dtype, _Dtype) and type(content) is bytes):
            raise RefusedPickle("an array whose values are not the bytes of numbers")
        if not (isinstance(shape, tuple) and len(shape) <= 4 and all(map(_is_length, shape))):
            raise RefusedPickle(f"the array shape {_short(shape)}")
        number = np.dtype(dtype.order + dtype.code)
        if math.prod(shape) * number.itemsize != len(content):
            raise RefusedPickle(
                f"an array of shape {_short(shape)} and type {dtype.code} in {len(content)} bytes"
            )
        flat = np.frombuffer(content, dtype=number)
        # A copy, in this machine's byte order, that does not hold on to the file's content.
        order = "F" if by_columns else "C"
        self.values = flat.reshape(shape, order=order).astype(number.newbyteorder("="), order="C")


class _ReconstructName(_Inert):
    __slots__ = ()

    def __call__(self, kind: object = None, *placeholder: object) -> _Array:
        if not isinstance(kind, _NdarrayName):
            raise RefusedPickle(f"an array of the class {_short(kind)}")
        return _Array()


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _ReconstructName,
    ("numpy._core.multiarray", "_reconstruct"): _ReconstructName,
    ("numpy", "ndarray"): _NdarrayName,
    ("numpy", "dtype"): _DtypeName,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _Inert:
        if (module, name) not in _NAMES:
            raise RefusedPickle(f"it asks for {module}.{name}")
        return _NAMES[module, name]()

    def persistent_load(self, pid: object) -> None:
        raise RefusedPickle(f"it asks for the outside object {_short(pid)}")


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_BYTES


def _short(value: object) -> str:
    """A value for an error message: never long, never anything that a pickle could have defined."""
    text = repr(value) if isinstance(value, str | bytes | int | float) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def check_instructions(content: bytes) -> None:
    """Refuse a pickle with an instruction that plain values and arrays do not need, or too many."""
    if len(content) > MAX_BYTES:
        raise RefusedPickle(f"it has {len(content)} bytes, more than {MAX_BYTES}")
    end, before, built, kept = 0, "", 0, []
    try:
        for count, (instruction, argument, position) in enumerate(pickletools.genops(content)):
            name = instruction.name
            if name not in PLAIN:
                asked = f" {_short(argument)}" if argument is not None else ""
                raise RefusedPickle(f"it holds the instruction {name}{asked}")
            if name == "FRAME" and argument > len(content) - position:
                raise RefusedPickle("it is cut short: a frame ends after the file does")
            built += name in BUILT
            if count > MAX_INSTRUCTIONS or built > MAX_BUILT:
                raise RefusedPickle("it builds more than a released file holds")
            if name == "MEMOIZE":
                kept.append(before in KEPT)
            if name in ("BINGET", "LONG_BINGET") and not kept[argument]:
                raise RefusedPickle("it uses a tuple twice")
            before, end = before if name == "FRAME" else name, position + 1
    except RefusedPickle:
        raise
    except Exception as error:  # whatever the bytes are, they are no pickle
        raise RefusedPickle(f"it is cut short or no pickle ({_short(str(error))})") from None
    if end != len(content):
        raise RefusedPickle("bytes follow its end")


def _plain(value: object) -> object:
    """An array for its stand-in; lists of strings and numbers as they are; nothing else."""
    if isinstance(value, _Array) and hasattr(value, "values"):
        return value.values
    items = value if isinstance(value, list | tuple) else (value,)
    if all(item is None or type(item) in (str, bytes, int, float, bool) for item in items):
        return value
    raise RefusedPickle(f"a value of it is {_short(value)} and not plain")


def loads(content: bytes) -> dict[str, object]:
    """The dictionary in `content`: names -> strings, numbers, lists of these, arrays of numbers.

    Raises RefusedPickle, naming what was asked for, on everything else.
    """
    check_instructions(content)
    try:
        found = _Reader(io.BytesIO(content)).load()
    except RefusedPickle:
        raise
    except Exception as error:  # instructions in an order that makes no sense
        raise RefusedPickle(f"its instructions fail ({_short(str(error))})") from None
    if type(found) is not dict or not all(type(key) is str for key in found):
        raise RefusedPickle(f"it holds {_short(found)} instead of a dictionary of names")
    return {key: _plain(value) for key, value in found.items()}
