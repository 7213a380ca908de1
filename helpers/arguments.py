"""What functions ask of their arguments, and the errors that say it.

A public function checks its arguments at its door, by a line or two from here; its
loops and formulas take them as they are. A check returns the argument in one form, and
for what cannot be meant it raises ValueError with the argument's name, what was
expected and what came. NaN and infinity among the values of an array are let in: they
come out of a computation as NaN or infinity, where everybody sees them.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping

import numpy as np

FLOAT64 = np.dtype(np.float64)
WORDS = 2**31  # indices of words are int32, and below this


def wrong(name: str, expected: str, value) -> ValueError:
    """The error to raise where `value` is not what was expected."""
    if isinstance(value, np.ndarray) and value.ndim:
        return ValueError(
            f"{name} must be {expected}; got an array of {value.dtype} of shape "
            f"{value.shape}"
        )
    got = repr(value)
    got = got if len(got) <= 80 else f"{got[:77]}..."
    return ValueError(f"{name} must be {expected}; got {got}")


# Single values ----------------------------------------------------------------


def integer(
    name: str, value, least: int = 1, most: float = math.inf, expected: str = ""
) -> int:
    """An integer from `least` to `most`, as an int; 2.0 and True are none.

    `expected` says in an error what it should be, where that needs words of its own.
    """
    found = value
    if type(value) is not int:
        try:
            found = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            found = None
    if found is not None and least <= found <= most:
        return found
    if not expected:
        if most < math.inf:
            expected = f"an integer from {least} to {most}"
        else:
            expected = f"an integer of at least {least}"
            expected = "a positive integer" if least == 1 else expected
    raise wrong(name, expected, value)


def number(
    name: str,
    value,
    expected: str = "a finite number",
    fits: Callable[[float], bool] = math.isfinite,
) -> float:
    """A real number of which `fits` is true, as a float; text and True are none."""
    found = math.nan
    if not isinstance(value, str | bytes | bool | complex | np.ndarray | list | tuple):
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            raise wrong(name, expected, value) from None
    elif isinstance(value, np.ndarray) and value.ndim == 0:
        return number(name, value[()], expected, fits)
    else:
        raise wrong(name, expected, value)
    if fits(found):
        return found
    raise wrong(name, expected, value)


def positive(name: str, value) -> float:
    """A positive number below infinity, as a float."""
    return number(name, value, "positive", lambda found: 0 < found < math.inf)


def not_negative(name: str, value) -> float:
    """A number from 0 to below infinity, as a float."""
    expected = "a number of at least 0"
    return number(name, value, expected, lambda found: 0 <= found < math.inf)


def generator(rng) -> np.random.Generator:
    """The argument `rng`, a generator of NumPy; a seed is none."""
    if not isinstance(rng, np.random.Generator):
        raise wrong("rng", "a generator such as numpy.random.default_rng(0)", rng)
    return rng


def function(name: str, value) -> Callable:
    """What can be called."""
    if not callable(value):
        raise wrong(name, "a function", value)
    return value


def of_kind(name: str, value, *kinds: type):
    """An instance of one of the kinds."""
    if not isinstance(value, kinds):
        said = " or ".join(kind.__name__ for kind in kinds)
        raise wrong(name, f"of the kind {said}", value)
    return value


def listed(name: str, value, expected: str) -> list:
    """What can be gone through, as a list; a text is none."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise wrong(name, expected, value)
    try:
        return list(value)
    except TypeError:  # an array without an axis
        raise wrong(name, expected, value) from None


def tokens(value, name: str = "a sentence") -> list[str]:
    """A list of texts; a text alone would be taken for a list of letters."""
    if isinstance(value, str):
        raise ValueError(f"{name} must be a list of tokens; got the text {value!r}")
    found = listed(name, value, "a list of tokens")
    for token in found:
        if not isinstance(token, str):
            raise wrong(f"tokens of {name}", "texts", token)
    return found


# Arrays -----------------------------------------------------------------------


def array(name: str, value, *shapes: tuple) -> np.ndarray:
    """Real numbers as an array of one of the shapes, of any if none is given.

    An axis of a shape is its length, or a name for any length: ("T", 7).
    """
    if isinstance(value, np.ma.MaskedArray):
        raise wrong(name, "an array without a mask, which would be forgotten", value)
    try:
        found = np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths
        raise wrong(name, "an array of real numbers", value) from None
    if found.dtype.kind not in "fiub" and found.size:
        raise wrong(name, "an array of real numbers", value)
    if shapes:
        fit({name: found.shape}, {name: shapes})
    return found


def floats(values: Mapping) -> Mapping:
    """Arrays of real numbers by name, all of the type of everything that enters.

    In float64 where they are all integers. No value is rounded to the type of another.
    """
    if all(type(v) is np.ndarray and v.dtype is FLOAT64 for v in values.values()):
        return values
    arrays = {name: array(name, value) for name, value in values.items()}
    common = np.result_type(*arrays.values())
    common = common if common.kind == "f" else FLOAT64
    return {name: value.astype(common, copy=False) for name, value in arrays.items()}


def indices(name: str, value, n: int, *shapes: tuple) -> np.ndarray:
    """Integers from 0 to n - 1 as an array of one of the shapes, see `array`.

    NumPy would count negative ones from the end.
    """
    found = array(name, value, *shapes)
    if found.size and (found.dtype.kind not in "iu" or not _within(found, n)):
        raise wrong(name, f"made of integers from 0 to {n - 1}", value)
    return found.astype(np.int64) if found.dtype.kind not in "iu" else found


def _within(found: np.ndarray, n: int) -> bool:
    return found.min() >= 0 and found.max() < n


def sequences(name: str, value, n: int = WORDS) -> list[np.ndarray]:
    """Arrays (T,) of integers from 0 to n - 1, each of its own length, as a list."""
    found = listed(name, value, "a list of arrays of indices of words")
    try:
        whole = np.concatenate([*found, np.empty(0, np.int32)])
        plain = all(type(one) is np.ndarray and one.dtype.kind in "iu" for one in found)
    except ValueError:
        plain = False
    if plain and (not whole.size or _within(whole, n)):
        return found
    # One by one, for those of other types, and for the name of the wrong one.
    return [indices(f"{name}[{i}]", one, n, ("T",)) for i, one in enumerate(found)]


def log_p(name: str, value, known: bool = False) -> list[np.ndarray]:
    """Arrays (T,) of log-probabilities, none above 0 but for rounding, as a list.

    Where they must be `known`, NaN and infinity are refused too.
    """
    found = listed(name, value, "a list of arrays of log P")
    found = [array(f"{name}[{i}]", row, ("T",)) for i, row in enumerate(found)]
    whole = np.concatenate([*found, np.empty(0)])
    if np.any(whole > 1e-6):
        raise ValueError(f"{name} must be at most 0; got {np.nanmax(whole):g}")
    if known and not np.isfinite(whole).all():
        raise ValueError(f"{name} must be finite; got NaN or infinity among them")
    return found


# Shapes, of arrays and of PyTensor's variables ----------------------------------


def form(name: str, value) -> tuple[tuple, np.dtype]:
    """Shape, with None for a length that is not known yet, and type of the elements.

    `value` is an array of numbers or a variable of PyTensor.
    """
    kind = getattr(value, "type", None)
    if hasattr(kind, "shape") and hasattr(kind, "dtype"):
        return kind.shape, np.dtype(kind.dtype)
    found = array(name, value)
    return found.shape, found.dtype


def fit(shapes: Mapping[str, tuple], expected: Mapping[str, tuple]) -> dict[str, int]:
    """The lengths of the axes by their names, where all shapes fit the expected ones.

    For each name `expected` has one or more shapes, which differ in how many axes they
    have; which of them fits the first argument is that of the others too. What is not
    there is not missed. An axis is a length, a name, or a pair (k, name) for k times
    that length. The first shape in which a name occurs says its length.
    """
    lengths: dict[str, int] = {}
    chosen = None
    for name, alternatives in expected.items():
        if name not in shapes:
            continue
        shape, known = shapes[name], lengths.copy()
        if chosen is not None and len(alternatives) > 1:
            alternatives = alternatives[chosen : chosen + 1]
        axes = next((a for a in alternatives if len(a) == len(shape)), None)
        if axes is None or not _fits(shape, axes, lengths):
            wanted = " or ".join(
                f"({', '.join(_said(a, known) for a in axes)}{',' * (len(axes) == 1)})"
                for axes in alternatives
            )
            raise ValueError(f"{name} must have shape {wanted}; got {shape}")
        if len(alternatives) > 1:
            chosen = alternatives.index(axes)
    return lengths


def _fits(shape: tuple, axes: tuple, lengths: dict) -> bool:
    """Whether a shape has these axes; adds the lengths that it is the first to say."""
    for length, axis in zip(shape, axes, strict=True):
        k, axis = axis if type(axis) is tuple else (1, axis)
        if length is None:
            continue
        if type(axis) is str:
            axis = lengths.setdefault(axis, length // k)
        if k * axis != length:
            return False
    return True


def _said(axis, lengths: dict) -> str:
    k, axis = axis if type(axis) is tuple else (1, axis)
    length = lengths.get(axis, axis)
    return str(k * length) if type(length) is int else f"{k} {axis}" * (k > 1) or axis


# Graphs ---------------------------------------------------------------------------


def check_graph(expected: Mapping, integers: bool = False, **values) -> None:
    """Raises ValueError for variables whose shapes, as far as known, do not fit.

    And for types that are no real numbers, or not `integers`. A list is checked item by
    item, under names like params[0].
    """
    flat = {}
    for name, value in values.items():
        several = isinstance(value, list | tuple)
        flat |= (
            {f"{name}[{i}]": v for i, v in enumerate(value)}
            if several
            else {name: value}
        )
    forms = {name: form(name, value) for name, value in flat.items()}
    for name, (_, dtype) in forms.items():
        if dtype.kind not in ("iu" if integers else "fiub"):
            kind = "an integer" if integers else "a real"
            raise ValueError(f"{name} must be of {kind} type; got {dtype}")
    fit({name: shape for name, (shape, _) in forms.items()}, expected)


def check_shape(name: str, value, other: str, model) -> None:
    """Raises ValueError where value and model differ in shape, as far as known.

    And where one of them is not of a real type.
    """
    (shape, dtype), (wanted, kept) = form(name, value), form(other, model)
    for which, found in {name: dtype, other: kept}.items():
        if found.kind not in "fiub":
            raise ValueError(f"{which} must be of a real type; got {found}")
    known = [p for p in zip(shape, wanted, strict=False) if None not in p]
    if len(shape) != len(wanted) or any(a != b for a, b in known):
        raise ValueError(
            f"{name} must have the shape of {other}, {wanted}; got {shape}"
        )


def check_like(name: str, value, other: str, model) -> None:
    """The same, also where the type of `value` would change that of the model."""
    check_shape(name, value, other, model)
    check_broadcast(name, value, other, model)


def check_broadcast(name: str, value, other: str, model) -> None:
    """Raises ValueError where a sum with `value` would not be like `model`."""
    (shape, dtype), (wanted, kept) = form(name, value), form(other, model)
    if dtype.kind not in "fiub" or np.result_type(dtype, kept) != kept:
        raise ValueError(f"{name} must be of the type of {other}, {kept}; got {dtype}")
    fits = all(
        a == 1 or a is None or b is None or a == b
        for a, b in zip(shape[::-1], wanted[::-1], strict=False)
    )
    if len(shape) > len(wanted) or not fits:
        raise ValueError(
            f"{name} must be one number or of the shape of {other}, {wanted}; got "
            f"{shape}"
        )


# Networks: NamedTuples of arrays, and the sequences that they read ---------------


def shapes_of(kind: type, blocks: int = 1, **sequences: str) -> dict[str, tuple]:
    """The shapes of a cell's parameters and of sequences, for `fit`.

    W_ih, W_hh and b_h have so many blocks of n_hid columns. For each sequence is said
    what its number of features is called: x="n_in".
    """
    columns = (blocks, "n_hid")
    weights = {"W_hh": ("n_hid", columns), "W_ih": ("n_in", columns), "b_h": (columns,)}
    readout = {"W_ho": ("n_hid", "n_out"), "b_o": ("n_out",)}
    start = dict.fromkeys(kind._fields[5:], ("n_hid",))  # h0, and c0 of the LSTM
    both = {s: (("T", n), ("T", "batch", n)) for s, n in sequences.items()}
    return {n: (shape,) for n, shape in (weights | readout | start).items()} | both


def arrays(shapes: Mapping, kind: type, params, **sequences) -> tuple:
    """The sequences, then `params`, as arrays of one floating-point type.

    It is the type of everything that enters, so that nothing is rounded to the type of
    another. Raises ValueError for parameters that are not a `kind`, for what is no
    array of real numbers, and for shapes that do not fit the expected ones (`fit`).
    """
    of_kind("params", params, kind)
    values = floats({**params._asdict(), **sequences})
    lengths = fit({name: value.shape for name, value in values.items()}, shapes)
    if not lengths["n_in"] * lengths["n_hid"] * lengths["n_out"]:
        raise ValueError(f"params must have units in every layer; got {lengths}")
    given = [values[name] for name in sequences]
    return *given, kind(*(values[name] for name in kind._fields))


def check_variables(shapes: Mapping, kind: type, params, x=None) -> None:
    """As `arrays`, for PyTensor's variables when a graph is built; changes no type.

    All parameters may have one more axis in front, of networks side by side. Raises
    ValueError also for parameters that are not floating-point, which have no gradient,
    and for types with which the states would not be of the type of h0.
    """
    of_kind("params", params, kind)
    values = params._asdict()
    if x is not None or "x" in shapes:
        check_time(x)
        values["x"] = x
    forms = {name: form(name, value) for name, value in values.items()}
    of_state = forms["h0"][1]
    for name, (_, dtype) in forms.items():
        if dtype.kind not in ("f" if name in kind._fields else "fiub"):
            raise ValueError(f"{name} must be of a floating-point type; got {dtype}")
        if np.result_type(dtype, of_state) != of_state:
            raise ValueError(
                f"{name} must be of a type that {of_state}, the type of h0, can hold; "
                f"got {dtype}"
            )
    found = {name: shape for name, (shape, _) in forms.items()}
    if len(found["W_hh"]) == 3:
        stacked = [name for name in kind._fields if len(found[name]) == 3]
        # One network of the stack, whose vectors are rows.
        found |= {n: found[n][1 if n[0] == "W" else 2 :] for n in stacked}
    fit(found, shapes)


def of_readout(h, params) -> tuple:
    """h, W_ho and b_o, as arrays of one type where none is a variable of a graph.

    Raises ValueError where h (..., n_hid) and the parameters do not fit.
    """
    if not hasattr(params, "W_ho"):
        raise wrong("params", "those of a network", params)
    values = {"h": h, "W_ho": params.W_ho, "b_o": params.b_o}
    forms = {name: form(name, value) for name, value in values.items()}
    for name, (_, dtype) in forms.items():
        if dtype.kind not in "fiub":
            raise ValueError(f"{name} must be of a real type; got {dtype}")
    shapes = {name: shape for name, (shape, _) in forms.items()}
    stacked = len(shapes["W_ho"]) == len(shapes["b_o"]) == 3
    last = {"h": 1, "W_ho": 2, "b_o": 1} if stacked else {"h": 1}
    shapes |= {name: shapes[name][-n:] for name, n in last.items()}
    wanted = {"W_ho": ("n_hid", "n_out"), "b_o": ("n_out",), "h": ("n_hid",)}
    fit(shapes, {name: (shape,) for name, shape in wanted.items()})
    if not any(hasattr(value, "type") for value in values.values()):
        values = floats(values)
    return tuple(values.values())


def check_time(x) -> None:
    """Raises ValueError for a sequence of other than 2 or 3 axes."""
    ndim = getattr(x, "ndim", None)
    if ndim not in (2, 3):
        raise ValueError(
            f"x must have 2 axes (time, features) or 3 (time, batch, features); "
            f"got {repr(x) if ndim is None else ndim}"
        )
