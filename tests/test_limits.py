"""The table of limits: each row as it is said, on the engines that are installed."""

import io
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor import function
from pytensor.scan.utils import until

from helpers import ROOT, engine
from helpers.engine.limits import ALL, LIMITS

# Of the gradient through until, and of Numba about its object mode.
pytestmark = pytest.mark.filterwarnings("ignore")

x, y = pt.vectors("xy")
X, Y = pt.matrices("XY")
n = pt.iscalar("n")
V = np.diag([0.3, 0.2])
SHEAR = np.array([[0.3, 0.1], [0.0, 0.2]])  # not diagonal: that is no product


def scan(step, *args, **kwargs):
    return pytensor.scan(step, *args, return_updates=False, **kwargs)


def add(x_t, total):
    return total + x_t


def gradient_through_until():
    def step(x_t, total):
        return total + x_t, until(total + x_t > 3)

    total = scan(step, x, pt.zeros(()))[-1]
    return function([x], pt.grad(total, x))(np.array([1, 2.5, 9, 9]))


def beyond_the_end():
    return function([x, n], x[n])(np.ones(3), 7)


def indices_beyond_the_end():
    rows = pt.lvector("rows")
    values = np.arange(6.0).reshape(3, 2)
    result = function([X, rows], X[rows])(values, np.array([0, 3]))
    # JAX gives the nearest row, which is another row of the table.
    if np.array_equal(result, values[[0, 2]]):
        raise IndexError
    return result


def one_row_backwards():
    declared = pt.tensor3("declared", shape=(3, 2, 2))
    last = function([declared], declared[::-1][:1] @ SHEAR)
    return last(np.arange(12.0).reshape(3, 2, 2))


def too_many_steps():
    declared = pt.vector("declared", shape=(3,))
    doubled = scan(lambda x_t: 2 * x_t, declared, n_steps=5)
    return function([declared], doubled)(np.ones(3))


def short_start():
    start = {"initial": pt.ones(1), "taps": [-2, -1]}
    result = scan(lambda e, y2, y1: y2 + 10 * y1 + e, x, start)
    return function([x], result)(np.zeros(3))


def gradient_of_length_1():
    slope = pt.grad((X * Y).sum(), Y)
    return function([X, Y], slope)(np.ones((3, 2)), np.ones((1, 2)))


def far_from_0():
    return function([x], pt.log(pt.sigmoid(x)))(np.array([-800.0]))


def maximum_with_nan():
    return function([x], x.max())(np.array([1, np.nan, 0]))


def random_numbers():
    rng = pytensor.shared(np.random.default_rng(5))
    return function([], pt.random.normal(rng=rng, size=(3,)))()


def until_alone():
    a = pt.scalar("a")
    doubled = scan(lambda a: (2 * a, until(2 * a > 5)), outputs_info=a, n_steps=9)
    return function([a], doubled)(1.0)


def undeclared_length():
    return function([x], pt.grad(scan(add, x, pt.zeros(()))[-1], x))(np.ones(3))


def several_sequences():
    product = scan(lambda a, b: a * b, [x, y])
    return function([x, y], product)(np.ones(3), np.ones(3))


def size_as_input():
    return function([n], pt.zeros(n) + 1)(3)


def size_by_values():
    return function([x], x[x > 0])(np.array([1.0, -1, 2]))


def readout_inside():
    batch = pt.tensor3("batch", shape=(2, 3, 2))
    W = pytensor.shared(V, shape=V.shape)

    def step(x_t, h):
        h = pt.tanh(x_t + h @ W)
        return h, h.sum()

    def sequence(x):
        return scan(step, x, [pt.zeros(2), None])[1]

    loss = (scan(sequence, batch) ** 2).sum()
    slope = function([batch], [loss, pt.grad(loss, W)])
    value = np.linspace(-1, 1, 12).reshape(2, 3, 2)
    found = slope(value)[1]
    shift = np.array([[1e-6, 0], [0, 0]])
    W.set_value(V + shift)
    above = slope(value)[0]
    W.set_value(V - shift)
    return np.isclose(found[0, 0], (above - slope(value)[0]) / 2e-6, rtol=1e-6)


def truncated():
    declared = pt.matrix("declared", shape=(5, 2))
    W = pytensor.shared(np.eye(2))
    h = scan(lambda p, h: p + h @ V, declared @ W, pt.zeros(2), truncate_gradient=2)
    return function([declared], pt.grad(h[-1].sum(), W))(np.ones((5, 2)))


def without_translation():
    with redirect_stdout(io.StringIO()):
        return function([x], pytensor.printing.Print("x")(x))(np.ones(2))


def in_place():
    result = function([x], 2 * x)(np.ones(2))
    result[0] = 1
    return result


def through_complex_numbers():
    a = pt.vector("a")
    loss = (abs(pt.exp(1j * a) * a) ** 2).sum()
    return function([a], pt.grad(loss, a))(np.array([0.5]))


def length_1():
    return function([X, Y], X + Y)(np.ones((3, 2)), np.ones((1, 2)))


def empty_sequence():
    """In a process of its own, which may not survive it."""
    code = (
        "import numpy as np, pytensor, pytensor.tensor as pt\n"
        "from helpers import engine\n"
        f"engine.select({selected()!r})\n"
        "x = pt.vector('x')\n"
        "s = pytensor.scan(lambda x, s: s + x, x, pt.zeros(()), return_updates=False)\n"
        "assert np.shape(pytensor.function([x], s)(np.zeros(0))) == (0,)\n"
    )
    run = [sys.executable, "-c", code]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, check=False)
    return result.returncode


def two_precisions():
    """In a process of its own: the switch is set when JAX is first used."""
    mode = {"jax": "JAX", "numba": "NUMBA", "c": "CVM", "python": "FAST_COMPILE"}
    code = (
        "import numpy as np, pytensor, pytensor.tensor as pt\n"
        f"pytensor.config.cxx = {pytensor.config.cxx!r}\n"
        f"mode = {mode[selected()]!r}\n"
        "for floatX in ('float32', 'float64'):\n"
        "    pytensor.config.floatX = floatX\n"
        "    x = pt.vector('x')\n"
        "    third = pytensor.function([x], x / 3, mode=mode)(np.ones(1, floatX))\n"
        "assert np.asarray(third).dtype == 'float64'\n"
    )
    run = [sys.executable, "-c", code]
    return subprocess.run(run, cwd=ROOT, capture_output=True, check=False).returncode


def selected() -> str:
    linker = type(pytensor.config.mode.linker).__name__
    return {"JAXLinker": "jax", "NumbaLinker": "numba", "PerformLinker": "python"}.get(
        linker, "c" if pytensor.config.cxx else "python"
    )


# For each row of the table, in its order: the program, and the right answer; None where
# the right answer is an error.
PROGRAMS = (
    (gradient_through_until, [1, 1, 0, 0]),
    (beyond_the_end, None),
    (indices_beyond_the_end, None),
    (one_row_backwards, np.array([[[8, 9], [10, 11]]]) @ SHEAR),
    (too_many_steps, None),
    (short_start, None),
    (gradient_of_length_1, [[3, 3]]),
    (far_from_0, [-800]),
    (maximum_with_nan, np.nan),
    (random_numbers, np.random.default_rng(5).normal(size=3)),
    (two_precisions, 0),
    (until_alone, [2, 4, 8]),
    (undeclared_length, [1, 1, 1]),
    (several_sequences, [1, 1, 1]),
    (size_as_input, [1, 1, 1]),
    (size_by_values, [1, 2]),
    (readout_inside, True),
    (truncated, np.ones((2, 1)) * (1 + np.diag(V))),
    (empty_sequence, 0),
    (without_translation, [1, 1]),
    (in_place, [1, 2]),
    (through_complex_numbers, [1]),
    (length_1, np.full((3, 2), 2)),
)
ROWS = [
    pytest.param(limit, program, right, id=program.__name__)
    for limit, (program, right) in zip(LIMITS, PROGRAMS, strict=True)
]
ENGINES = [
    "jax",
    "python",
    pytest.param("numba", marks=pytest.mark.nightly),  # compiles for long
    pytest.param("c", marks=pytest.mark.nightly),
]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:3]))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("limit", "program", "right"), ROWS)
def test_the_engines_named_have_the_limit_and_the_others_are_right(
    limit, program, right, name
):
    if why := engine.why_not(name):
        pytest.skip(why)
    if program is gradient_through_until and name == "jax":
        pytest.skip("JAX has no until at all, which is a row of its own")
    engine.select(name)
    here = numbers(pytensor.__version__)
    limited = name in limit.engines
    limited &= not limit.since or here >= numbers(limit.since)
    limited &= not limit.before or here < numbers(limit.before)
    try:
        result = np.asarray(program())
    except Exception as error:
        assert limited or right is None
        assert not (limited and limit.silent)
        told = engine.explain(error)
        assert limit.silent or right is None or "not known here" not in told
        return
    is_right = right is not None and (
        result.shape == np.shape(right)
        and np.allclose(result, right, rtol=1e-10, equal_nan=True)
    )
    assert is_right == (not limited)


def test_rows_are_told_apart_and_fit_a_cell():
    assert len({limit.program for limit in LIMITS}) == len(LIMITS)
    silent = [limit.silent for limit in LIMITS]
    assert silent == sorted(silent, reverse=True)  # what is wrong in silence first
    for limit in LIMITS:
        assert set(limit.engines) <= set(ALL)
        assert max(map(len, str(limit).splitlines())) <= 75
