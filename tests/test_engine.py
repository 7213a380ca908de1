"""The engine line, the traps that it takes care of, and the advice on errors."""

import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor import function
from pytensor.scan.utils import until

from helpers import ROOT, engine
from helpers.engine import selection
from helpers.engine import until as engine_until
from helpers.engine.advice import RULES, failure_of
from helpers.networks.bptt import bptt
from helpers.networks.elman import Elman, hidden_states_numpy
from helpers.networks.gradients import numerical_gradient

# Cheap questions, since this is read before any test: `installed` compiles.
needs_jax = pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
needs_c = pytest.mark.skipif(not selection._CXX, reason="there is no C++ compiler")
ENGINES = [
    pytest.param("jax", marks=needs_jax),
    "python",
    pytest.param("numba", marks=pytest.mark.nightly),  # each compiles for a minute
    pytest.param("c", marks=[pytest.mark.nightly, needs_c]),
]
FAST_ENGINES = ENGINES[:2]


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Each test starts without RNN_ENGINE and leaves the engine as it found it."""
    monkeypatch.delenv("RNN_ENGINE", raising=False)
    before = {key: getattr(pytensor.config, key) for key in ("mode", "floatX", "cxx")}
    yield
    for key, value in before.items():
        setattr(pytensor.config, key, value)
    if "jax" in sys.modules:
        wide = pytensor.config.floatX == "float64"
        sys.modules["jax"].config.update("jax_enable_x64", wide)


def run(code: str, **environment: str) -> str:
    """What code prints in a fresh Python in which every warning is an error.

    It has to succeed and must not write to stderr.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


# Graphs ------------------------------------------------------------------------

T, N_IN, N_HIDDEN = 5, 2, 3
scan = partial(pytensor.scan, return_updates=False)


def weights(*shape: int, seed: int = 0, name: str | None = None, static: bool = False):
    value = np.random.default_rng(seed).normal(0, 0.5, size=shape)
    value = value.astype(pytensor.config.floatX)
    return pytensor.shared(value, name=name, shape=shape if static else None)


def elman(steps: int | None = T):
    """Input, states (steps, N_HIDDEN) and the two weight matrices of a network."""
    W_ih = weights(N_IN, N_HIDDEN, seed=1, name="W_ih")
    W_hh = weights(N_HIDDEN, N_HIDDEN, seed=2, name="W_hh")
    x = pt.matrix("x", shape=(steps, N_IN))
    h = scan(
        lambda x_t, h: pt.tanh(x_t @ W_ih + h @ W_hh),
        sequences=x,
        outputs_info=pt.zeros(N_HIDDEN),
    )
    return x, h, (W_ih, W_hh)


def gradients(steps: int | None = T):
    """A function from x (T, N_IN) to the loss and its two gradients."""
    x, h, parameters = elman(steps)
    assert h.type.shape[1] in (None, N_HIDDEN)
    loss = (h**2).mean()
    return function([x], [loss, *pt.grad(loss, parameters)])


@cache
def gradients_on(name: str):
    """The function of `gradients` on this engine, compiled once."""
    engine.select(name)
    return gradients()


def inputs() -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(T, N_IN))
    return x.astype(pytensor.config.floatX)


def by_hand() -> tuple[float, np.ndarray, np.ndarray]:
    """The same loss and gradients in NumPy, float64, without PyTensor."""
    W_ih, W_hh = (
        np.random.default_rng(seed).normal(0, 0.5, size=(n, N_HIDDEN))
        for seed, n in ((1, N_IN), (2, N_HIDDEN))
    )
    x = np.random.default_rng(0).normal(size=(T, N_IN))
    none, said = np.zeros(N_HIDDEN), np.eye(N_HIDDEN)  # what it says are its states
    params = Elman(W_ih, W_hh, none, said, none, none)
    h = hidden_states_numpy(x, params)
    d = bptt(x, h, 2 * h / h.size, params)
    return (h**2).mean(), d.W_ih, d.W_hh


def mean_squared_error():
    """A function from x (n, 2) and targets (n, 2) to the loss and two gradients."""
    x, y = pt.matrices("xy")
    W, b = weights(2, 2), weights(2)
    loss = ((x @ W + b - y) ** 2).mean()
    return function([x, y], [loss, *pt.grad(loss, [W, b])])


def nested(readout_inside: bool):
    """A function from x (2, T, N_IN) to the gradients of a scan within a scan."""
    W_ih = weights(N_IN, N_HIDDEN, seed=1, static=True)
    W_hh = weights(N_HIDDEN, N_HIDDEN, seed=2, static=True)
    W_ho = weights(N_HIDDEN, 1, seed=3, static=True)
    x = pt.tensor3("x", shape=(2, T, N_IN))
    h0 = pt.zeros(N_HIDDEN)

    def step(x_t, h):
        h = pt.tanh(x_t @ W_ih + h @ W_hh)
        return [h, h @ W_ho] if readout_inside else h

    def sequence(x):
        info = [h0, None] if readout_inside else h0
        result = scan(step, sequences=x, outputs_info=info)
        return result[1] if readout_inside else result

    result = scan(sequence, sequences=x, outputs_info=None)
    o = result if readout_inside else result @ W_ho
    loss = (o**2).sum()
    return function([x], [loss, *pt.grad(loss, [W_ih, W_hh, W_ho])])


def doubling(mode: str | None = None):
    """A function that doubles a number until it is over 100."""
    x = pt.scalar("x")
    doubled = scan(lambda x: (2 * x, until(2 * x > 100)), outputs_info=x, n_steps=50)
    return function([x], doubled, mode=mode)


# Choosing ------------------------------------------------------------------------


def test_the_line_says_what_was_chosen(capsys):
    chosen = engine.select("python")
    line = capsys.readouterr().out
    pattern = (
        r"Engine: Python 3\.\d+\.\d+, float64, \d+ threads? \(PyTensor 3\.[^)]+\)\n"
    )
    assert re.fullmatch(pattern, line)
    assert f"{chosen}\n" == line
    assert (chosen.name, chosen.floatX) == ("python", "float64")


@needs_jax
def test_jax_is_the_default(capsys):
    assert engine.select().name == "jax"
    assert re.match(r"Engine: JAX \d+\.\d+\S*, float64, ", capsys.readouterr().out)


@pytest.fixture
def asked_anew():
    """What an engine can do is found out again, in this test and after it."""
    selection.why_not.cache_clear()
    yield
    selection.why_not.cache_clear()


@pytest.mark.skipif(not shutil.which("false"), reason="no program that always fails")
def test_a_compiler_that_fails_is_the_reason_and_prints_nothing(
    monkeypatch, asked_anew, capsys
):
    monkeypatch.setattr(selection, "_CXX", shutil.which("false"))
    assert "fails to compile a line" in engine.why_not("c")
    assert capsys.readouterr() == ("", "")


@pytest.mark.nightly
def test_numba_is_the_default_without_jax(monkeypatch, asked_anew, capsys):
    monkeypatch.setattr(
        selection, "find_spec", lambda package: None if package == "jax" else True
    )
    assert "jax" not in engine.installed()
    assert engine.select().name == "numba"
    assert capsys.readouterr().out.count("\n") == 1  # nobody expected JAX
    with pytest.raises(ValueError, match=r"numba, .*python; got 'jax' \(jax is not in"):
        engine.select("jax")


class TypingError(Exception):
    """What Numba raises where it does not fit the NumPy beside it."""


def broken(*args, **kwargs):
    raise TypingError("Failed in nopython mode pipeline\nand so on")


def wrong(*args, **kwargs):
    return lambda *inputs: [np.zeros(())]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            broken,
            "fails to compile a line, with TypingError: Failed in nopython mode pi",
        ),
        (wrong, r"says that tanh\(2\) is 0"),
    ],
)
def test_an_engine_that_cannot_compile_a_line_is_not_there(
    fault, said, monkeypatch, asked_anew, capsys
):
    """As where the NumPy and the Numba of a machine do not fit its PyTensor."""
    engine.select("python")
    before = {key: getattr(pytensor.config, key) for key in ("mode", "floatX", "cxx")}
    monkeypatch.setattr(selection.NumbaLinker, "fgraph_convert", fault)
    if fault is wrong:
        monkeypatch.setattr(selection.NumbaLinker, "jit_compile", lambda self, f: f)
    with pytest.raises(ValueError, match=said) as caught:
        engine.select("numba")
    assert "one of " in str(caught.value)
    assert "numba," not in str(caught.value)
    assert "numba" not in engine.installed()
    after = {key: getattr(pytensor.config, key) for key in before}
    assert after == before
    capsys.readouterr()

    monkeypatch.setattr(  # without a name the next engine is taken, and it is said why
        selection, "find_spec", lambda package: None if package == "jax" else True
    )
    selection.why_not.cache_clear()
    assert engine.select().name == "python"
    first, second = capsys.readouterr().out.splitlines()
    assert re.match(r"Not numba: numba (is installed and )?" + said, first)
    assert second.startswith("Engine: Python")


def test_an_engine_is_asked_once_in_a_process(monkeypatch, asked_anew):
    asked = []
    monkeypatch.setattr(selection, "_prepare", lambda *args: asked.append(args))
    monkeypatch.setattr(selection.pytensor, "function", broken)
    for _ in range(3):
        assert "TypingError" in engine.why_not("numba")
    assert len(asked) == 1


def test_why_not_knows_its_engines():
    assert engine.why_not("python") == ""
    with pytest.raises(ValueError, match=r"^name: expected one of .*, got 'steam'"):
        engine.why_not("steam")


def test_names_are_case_insensitive_and_the_environment_counts(monkeypatch):
    monkeypatch.setenv("RNN_ENGINE", "NumBa")
    assert engine.select().name == "numba"
    assert engine.select(" Python ").name == "python"  # the argument comes first


@pytest.mark.parametrize("name", ["theano", 3, ""])
def test_an_unknown_engine_lists_those_that_are_installed(name, capsys, monkeypatch):
    engine.select("python")
    before = pytensor.config.mode
    with pytest.raises(ValueError, match=r"^name: expected .*python; got") as caught:
        engine.select(name, floatX="float32")
    assert all(known in str(caught.value) for known in engine.installed())
    assert repr(name) in str(caught.value)
    assert (pytensor.config.mode, pytensor.config.floatX) == (before, "float64")
    assert capsys.readouterr().out.count("Engine:") == 1
    monkeypatch.setenv("RNN_ENGINE", "steam")
    with pytest.raises(ValueError, match=r"^RNN_ENGINE: expected .* got 'steam'"):
        engine.select()


@pytest.mark.parametrize("floatX", ["float16", 64, None])
def test_an_unknown_floatX(floatX):
    with pytest.raises(ValueError, match=r"^floatX: expected .*'float32'.*, got"):
        engine.select("python", floatX=floatX)


def test_importing_is_cheap_and_silent():
    code = "import sys, helpers.engine; assert not {'jax', 'numba'} & {*sys.modules}"
    assert run(code) == ""


def test_the_value_of_the_cell_is_not_shown_again():
    formatters = pytest.importorskip("IPython.core.formatters")
    assert formatters.DisplayFormatter().format(engine.select("python")) == ({}, {})


@pytest.mark.nightly
def test_the_compiler_is_used_by_c_only():
    """Where there is one, the Python engine would use it, and warn about BLAS."""
    code = """
import numpy as np, pytensor, pytensor.tensor as pt
from helpers import engine
for name in engine.installed():
    engine.select(name)
    assert bool(pytensor.config.cxx) == (name == "c"), name
engine.select("python")
x = pt.matrix("x")
pytensor.function([x], x @ x)(np.ones((2, 2)))
pytensor.function([x], x @ x, mode="FAST_COMPILE")(np.ones((2, 2)))
"""
    run(code)


def test_c_without_a_compiler():
    code = r"""
import pytest
from helpers import engine
assert "c" not in engine.installed()
with pytest.raises(ValueError, match=r"^name: .*; got 'c' .c needs the C\+\+ compiler"):
    engine.select("c")
"""
    run(code, PYTENSOR_FLAGS="cxx=")


@needs_jax
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("limit", [1, 3])
def test_jax_keeps_to_the_threads_that_a_parallel_run_gives_it(limit):
    """joblib and Dask limit their workers by OMP_NUM_THREADS, which JAX ignores."""
    code = """
import os
from pathlib import Path
from helpers import engine
before = dict(os.environ)
print(engine.select("jax").threads)
assert dict(os.environ) == before
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
print(sum(name.startswith("tf_XLAEigen") for name in names))
"""
    line, threads, started = run(code, OMP_NUM_THREADS=str(limit)).splitlines()
    assert f" {limit} thread{'s' if limit > 1 else ''} (" in line
    assert (threads, started) == (str(limit), str(limit))


# The traps -------------------------------------------------------------------------
#
# What JAX refuses is among the failures that are explained, below.


@pytest.mark.parametrize("name", ENGINES)
def test_all_engines_give_the_numbers_of_numpy(name):
    results = [np.asarray(result) for result in gradients_on(name)(inputs())]
    for result, expected in zip(results, by_hand(), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FAST_ENGINES)
@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
def test_a_reduction_in_a_scan_has_its_first_element(name, mode):
    """PyTensor 3.0.7 fuses x**2 and sum for C++; without it x[0] stayed unsquared."""
    engine.select(name)
    v = pt.matrix("v", shape=(4, 3))
    reductions = [
        pytensor.scan(each, sequences=[v], return_updates=False)
        for each in (
            lambda row: (row**2).sum(),
            lambda row: pt.exp(row).prod(),
            lambda row: pt.abs(row).max(),
        )
    ]
    values = np.random.default_rng(0).normal(size=(4, 3))
    squares, exponentials, sizes = pytensor.function([v], reductions, mode=mode)(values)
    np.testing.assert_allclose(squares, (values**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(exponentials, np.exp(values).prod(axis=1), rtol=1e-12)
    np.testing.assert_allclose(sizes, np.abs(values).max(axis=1), rtol=1e-12)


@pytest.mark.parametrize("name", FAST_ENGINES)
def test_both_precisions_in_one_process_and_in_silence(name, recwarn, capsys):
    """JAX's 64-bit switch does not follow floatX by itself; the numbers show it.

    JAX would say that it rounds the float64 inside PyTensor's float32 sums, and
    PyTensor's JAX part that it drops the check of a broadcast, as in the usual loss.
    """
    functions = {}
    for floatX in ("float32", "float64", "float32"):
        engine.select(name, floatX=floatX)
        mean_squared_error()(*np.ones((2, 4, 2), floatX))
        functions[floatX] = gradients()
        results = [np.asarray(result) for result in functions[floatX](inputs())]
        assert {str(result.dtype) for result in results} == {floatX}
        tolerance = 1e-12 if floatX == "float64" else 1e-5
        for result, expected in zip(results, by_hand(), strict=True):
            np.testing.assert_allclose(result, expected, rtol=tolerance)
    # Still float32, and a function keeps the precision that it was compiled with, also
    # when JAX compiles it anew.
    loss, *_ = functions["float64"](inputs().astype("float64"))
    assert np.asarray(loss).dtype == "float64"
    engine.select(name)
    loss, *_ = functions["float32"](inputs().astype("float32"))
    assert np.asarray(loss).dtype == "float32"
    assert [str(warning.message) for warning in recwarn] == []
    assert capsys.readouterr().err == ""


@needs_jax
def test_a_function_keeps_its_precision_for_new_shapes():
    engine.select("jax")
    x = pt.vector("x")
    f = function([x], x / 3)
    engine.select("jax", floatX="float32")
    np.testing.assert_array_equal(np.asarray(f(np.ones(2))), np.ones(2) / 3)
    np.testing.assert_array_equal(np.asarray(f(np.ones(4))), np.ones(4) / 3)


@needs_jax
def test_results_are_jax_arrays():
    import jax

    loss, gradient, _ = gradients_on("jax")(inputs())
    assert isinstance(gradient, jax.Array)
    assert isinstance(np.asarray(gradient), np.ndarray)
    assert f"{float(loss):.6f}" == f"{by_hand()[0]:.6f}"


@needs_jax
@pytest.mark.parametrize("name", ENGINES[1:])
def test_what_jax_has_updated_can_be_used_elsewhere(name):
    """A JAX function leaves JAX arrays in shared variables; others need NumPy's."""
    W = weights(2, 2, name="W")
    start = W.get_value()
    x = pt.matrix("x")
    double = {"updates": {W: 2 * W}}
    engine.select("jax")
    on_jax = function([x], x @ W, **double)
    engine.select(name)
    elsewhere = function([x], x @ W, **double)
    for i, f in enumerate([on_jax, elsewhere, on_jax, elsewhere]):
        np.testing.assert_allclose(f(np.eye(2)), start * 2**i, rtol=1e-12)
    read = function([x], x @ W)
    on_jax(np.eye(2))
    np.testing.assert_allclose(read(np.eye(2)), start * 2**5, rtol=1e-12)
    assert type(W.get_value(borrow=True)) is np.ndarray


@needs_jax
def test_the_gradient_of_a_scan_needs_a_static_length_on_jax():
    engine.select("jax")
    x, h, _ = elman(None)
    assert np.asarray(function([x], h)(inputs())).shape == (T, N_HIDDEN)
    engine.select("python")
    np.testing.assert_allclose(gradients(None)(inputs())[2], by_hand()[2], rtol=1e-10)


@needs_jax
def test_until_needs_the_python_engine():
    engine.select("jax")
    powers = [2.0, 4, 8, 16, 32, 64, 128]
    np.testing.assert_array_equal(doubling("FAST_COMPILE")(1.0), powers)
    engine.select("python")
    np.testing.assert_array_equal(doubling()(1.0), powers)


# The gradient through `until` ---------------------------------------------------------


def stopped_sum(x, limit: float = 3.0):
    """The sum of x, one after another, until it is over the limit."""

    def step(x_t, total):
        return total + x_t, until(total + x_t > limit)

    return scan(step, sequences=x, outputs_info=pt.zeros(()))[-1]


def in_this_version(numbers: str) -> bool:
    return tuple(map(int, pytensor.__version__.split(".")[:3])) >= tuple(
        map(int, numbers.split("."))
    )


@pytest.mark.filterwarnings("ignore:PyTensor")
@pytest.mark.parametrize("name", ["python", *ENGINES[2:]])  # JAX has no until
def test_the_gradient_through_until_is_what_is_said_of_this_version(name):
    """Right from PyTensor 3.1.1, one step late before it, where the loop ends early."""
    engine.select(name)
    x = pt.vector("x")
    value = np.array([1, 2.5, 9, 9])
    total = function([x], stopped_sum(x))
    right = numerical_gradient(lambda value: total(value), [value])[0]
    np.testing.assert_allclose(right, [1, 1, 0, 0], atol=1e-8)
    found = function([x], pt.grad(stopped_sum(x), x))(value)
    late = [0, 1, 1, 0]
    mended = in_this_version("3.1.1")
    np.testing.assert_allclose(found, right if mended else late, atol=1e-8)
    assert engine_until.is_wrong() == (not mended)


@pytest.mark.filterwarnings("ignore:PyTensor")
def test_input_weights_are_wrong_and_recurrent_ones_right_before_the_mend():
    """An Elman network that stops by itself, against central differences."""
    engine.select("python")
    start = [np.random.default_rng(seed).normal(0, 0.5, (2, 2)) for seed in (1, 2)]
    x = np.random.default_rng(3).normal(size=(6, 2))
    weights = [pt.matrix(name) for name in ("W_ih", "W_hh")]

    def step(x_t, h, W_ih, W_hh):
        h = pt.tanh(x_t @ W_ih + h @ W_hh)
        return h, until(abs(h[0]) > 0.4)

    h = scan(
        step, sequences=pt.constant(x), outputs_info=pt.zeros(2), non_sequences=weights
    )
    loss = (h[-1] ** 2).sum()
    forward = function(weights, [loss, h.shape[0]])
    assert 1 < forward(*start)[1] < len(x)
    right = numerical_gradient(lambda *values: forward(*values)[0], start)
    found = function(weights, pt.grad(loss, weights))(*start)
    np.testing.assert_allclose(found[1], right[1], atol=1e-8)
    is_right = np.isclose(found[0], right[0], atol=1e-8)
    assert is_right.all() if in_this_version("3.1.1") else not is_right.any()


def test_the_engine_line_warns_of_the_installed_version(monkeypatch, capsys):
    for version, wrong in (("3.0.7", True), ("3.1.0", True), ("3.1.1", False)):
        monkeypatch.setattr(engine_until, "version", lambda _, version=version: version)
        engine.select("python")
        line = capsys.readouterr().out
        assert (": wrong grad through until)\n" in line) == wrong
    monkeypatch.setattr(engine_until, "version", lambda _: "4.0.0rc1")
    assert not engine_until.is_wrong()


def test_a_version_with_the_fault_warns_where_it_is_met(monkeypatch):
    """In that graph, once for each, and nowhere else."""
    pullback = engine_until.Scan.pullback
    original = getattr(pullback, "__wrapped__", pullback)
    monkeypatch.setattr(engine_until.Scan, "pullback", original)
    monkeypatch.setattr(engine_until, "version", lambda _: "3.1.1")
    engine_until.watch()
    assert engine_until.Scan.pullback is original
    monkeypatch.setattr(engine_until, "version", lambda _: "3.1.0")
    engine_until.watch()
    engine_until.watch()
    x = pt.vector("x")
    with pytest.warns(UserWarning, match=r"3.1.0 takes a wrong .* PyTensor 3.1.1 or"):
        pt.grad(stopped_sum(x), x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pt.grad(scan(lambda x_t, s: x_t + s, x, pt.zeros(()))[-1], x)
        squares = scan(lambda x_t: (x_t**2, until(x_t > 3)), sequences=x)
        pt.grad(squares.sum(), x)  # no state: right in all versions
        start = pt.scalar("start")
        doubled = scan(
            lambda x: (2 * x, until(2 * x > 100)), outputs_info=start, n_steps=50
        )
        pt.grad(doubled[-1], start)  # no sequence: right in all versions


@needs_jax
def test_the_gradient_of_a_nested_scan_needs_the_readout_outside_on_jax():
    x = np.random.default_rng(4).normal(size=(2, T, N_IN))
    engine.select("jax")
    outside = [np.asarray(result) for result in nested(readout_inside=False)(x)]
    engine.select("python")
    for result, same in zip(outside, nested(readout_inside=True)(x), strict=True):
        np.testing.assert_allclose(result, same, rtol=1e-10)


@pytest.mark.filterwarnings("error")
def test_random_numbers_in_a_graph():
    """The Python engine draws what NumPy draws, and goes on at the next call."""
    engine.select("python")
    rng = pytensor.shared(np.random.default_rng(5), name="rng")

    def step(rng):
        return pt.random.normal(rng=rng, return_next_rng=True)

    end, drawn = scan(step, outputs_info=[rng, None], n_steps=3)
    draw = function([], drawn, updates={rng: end})
    same = np.random.default_rng(5)
    for _ in range(2):
        np.testing.assert_array_equal(draw(), same.normal(size=3))


@needs_c
def test_c_is_silent_about_blas_and_used_after_another_engine():
    code = """
import numpy as np, pytensor, pytensor.tensor as pt
from helpers import engine
x = pt.matrix("x")
for name in ("python", "c"):
    engine.select(name)
    f = pytensor.function([x], x @ x + 1)
    assert (f(np.ones((2, 2))) == 3).all()
print(f.vm.nodes[0].op, type(f.vm._vm).__name__)
"""
    assert run(code, RNN_QUIET="1").rstrip().endswith(" CVM")


@pytest.mark.nightly
def test_numba_keeps_what_it_has_compiled_on_disk(tmp_path):
    code = """
import numpy as np, pytensor, pytensor.tensor as pt
from helpers import engine
engine.select("numba")
x = pt.vector("x")
assert pytensor.function([x], pt.tanh(x).sum())(np.zeros(3)) == 0
"""
    kept = []
    for _ in range(2):
        run(code, PYTENSOR_FLAGS=f"base_compiledir={tmp_path}", RNN_QUIET="1")
        kept.append({path.name for path in tmp_path.rglob("*.nbc")})
    assert kept[0]
    assert kept[0] == kept[1]


# Long compiles ---------------------------------------------------------------------


def no_timer_is_left() -> bool:
    timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
    for timer in timers:
        timer.join(5)
    return not any(timer.is_alive() for timer in timers)


@pytest.fixture
def impatient(monkeypatch):
    """Every compile takes long, and may be spoken of."""
    monkeypatch.delenv("RNN_QUIET", raising=False)
    monkeypatch.setattr(selection, "PATIENCE", 0)


def norm():
    x = pt.vector("x")
    return function([x], pt.tanh(x).sum())


def test_a_long_compile_says_so_once(impatient, capsys):
    engine.select()
    f = norm()
    f(np.ones(2))
    f(np.ones(2))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("Compiling")
    assert no_timer_is_left()


@needs_jax
def test_the_first_call_compiles_and_says_so(impatient, monkeypatch, capsys):
    engine.select("jax")
    with monkeypatch.context() as patient:
        patient.setattr(selection, "PATIENCE", 600)
        f = norm()
    assert capsys.readouterr().err == ""
    f(np.ones(2))
    assert capsys.readouterr().err.startswith("Compiling with JAX")


def test_numba_says_that_it_takes_a_minute_once(impatient, capsys):
    engine.select("numba")
    norm()  # not called: nothing is compiled
    said = capsys.readouterr().err
    assert re.match(r"Compiling with Numba: .*minute.*on disk.*\n$", said)


@pytest.mark.parametrize("name", FAST_ENGINES)
def test_short_compiles_and_quiet_ones_say_nothing(
    name, impatient, monkeypatch, capsys
):
    engine.select(name)
    for key, value in (("RNN_QUIET", "1"), ("RNN_QUIET", "")):
        monkeypatch.setenv(key, value)
        norm()(np.ones(2))
        monkeypatch.setattr(selection, "PATIENCE", 600)
    assert capsys.readouterr().err == ""
    assert no_timer_is_left()


def test_an_error_at_the_first_call_leaves_the_function_usable():
    engine.select("python")
    x, y = pt.matrices("xy")
    f = function([x, y], x @ y)
    with pytest.raises(ValueError, match="not aligned"):
        f(np.ones((2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(f(np.eye(2), np.eye(2)), np.eye(2))
    np.testing.assert_array_equal(f.copy()(np.eye(2), np.eye(2)), np.eye(2))


# Advice ----------------------------------------------------------------------------

x, y = pt.vectors("xy")
X, Y = pt.matrices("XY")
batch, declared = pt.tensor3("batch"), pt.matrix("declared", shape=(5, 2))
n, words, single = pt.iscalar("n"), pt.lvector("words"), pt.fvector("single")

# Programs that fail: the engine (* where it takes long), the code, and words that its
# advice must hold. The first stand as they are in `happened` of one piece of advice.
PROGRAMS = """
jax gradients(None)(inputs())
    number of steps | x = pt.matrix( | shape=(T, n_in)
jax s = scan(lambda x_t, y_t: x_t * y_t, sequences=[x, y], outputs_info=None)
function([x, y], s)(np.ones(3), np.ones(3))
    number of steps | several sequences
jax function([n], pt.zeros(n) + 1)(3)
    number of steps | plain Python number
jax function([n], pt.arange(n) + 1)(3)
    number of steps | plain Python number
jax function([n, x], x[:n] + 1)(2, np.ones(3))
    number of steps | x[:n]
jax doubling()
    A scan that may end early | mode="FAST_COMPILE"
jax nested(readout_inside=True)(np.ones((2, T, N_IN)))
    scan within a scan | compute the readout from them outside
jax function([x], x[x > 0])(np.ones(3))
    The size of x[mask] | pt.switch(mask, x, 0.0)
jax absolute = pytensor.wrap_jax(lambda x: x if x.sum() > 0 else -x)
x = pt.vector("x", shape=(3,))
function([x], absolute(x))(np.ones(3))
    placeholders (tracers) | jnp.where
jax function([x], pytensor.printing.Print("x")(x))
    has no translation for JAX | The operation Print | mode="FAST_COMPILE"
jax function([x], 2 * x)(np.ones(3))[0] = 1
    cannot be changed in place | np.array(f(x))
jax np.asarray(function([x], 2 * x)(np.ones(3)))[0] = 1
    cannot be changed in place | np.array(f(x))
jax W = weights(3)
function([x], [], updates={W: W + x})(np.ones(3))
function([x], W + x, mode="NUMBA")(np.ones(3))
    Numba found a JAX array | W.set_value(np.array(W.get_value()))
numba function([x], 2 * x, trust_input=True)(None)
    Numba could not work out the types | trust_input
python function([x], 2 * x, mode="C")
    compiled as C++ | engine.select("c")
python w = pytensor.shared(np.zeros(3, "float32"), name="w")
function([x], [], updates={w: w - x})
    its update computes | w has the type Vector(float32 | computes Vector(float64
python w = pytensor.shared(np.zeros(3), name="w")
function([x], [], updates={w: x.sum()})
    its update computes | w has the type Vector(float64 | computes Scalar(
jax function([single], 2 * single)(np.ones(3) / 3)
    does not round | takes float32 and got float64 | np.asarray(value, dtype="float32")
python function([words], 2 * words)(np.ones(3) / 3)
    does not round | takes int64 and got float64
python scan(lambda x, h: x + h, sequences=X, outputs_info=single)
    starts from a state of type | float32, and its step returns float64
python scan(lambda x_t, h: x_t + h, sequences=batch, outputs_info=x)
    another number of dimensions | h0 = pt.zeros((B, n_hidden))
jax,python h = scan(lambda x_t, h: pt.concatenate([h, h]), X, outputs_info=x)
function([x, X], h)(np.ones(2), np.ones((3, 2)))
    a state of another shape | outputs_info
python function([x], 2 * x)(np.ones((2, 2)))
    takes an array of | of 1 dimensions and got one of 2
python function([declared], 2 * declared)(np.ones((3, 2)))
    is declared with shape | (5, 2), and the data have shape (3, 2)
python function([X, Y], X + Y)(np.ones((3, 2)), np.ones((1, 2)))
    length 1 where the other is longer | shape=(1, n)
jax,python,numba,c function([X, Y], X @ Y)(np.ones((3, 2)), np.ones((3, 2)))
    A product x @ W needs | data come first
python declared @ declared
    A product x @ W needs
python function([batch, Y], batch @ Y)(np.ones((4, 3, 2)), np.ones((3, 2)))
    A product x @ W needs
jax,python,numba,c function([X, Y], X + Y)(np.ones((3, 2)), np.ones((4, 2)))
    meet element by element | from the last axis
jax,python mean_squared_error()(np.ones((4, 2)), np.ones((3, 2)))
    meet element by element
python declared + pt.matrix("Y", shape=(4, 2))
    meet element by element
python function([x], x[7])(np.ones(3))
    does not exist on an axis | Index 7 | length 3 | vocabulary
jax function([x, y], x + y)(np.ones(3))
    called without its input | its input y.
jax function([x], 2 * x)(np.ones(3), np.ones(3))
    an input that it was not built with
jax function([x], 2 * x)(np.ones(3), z=1)
    an input that it was not built with
python function([x], x + y)
    neither an input nor shared | depend on y | Add y to the list
python function([x, x], 2 * x)
    stands twice | The variable x
python function([x, y], 2 * x)
    the outputs do not depend on it | The variable y is an input
python function(x, 2 * x)
    not in a list | pytensor.function([x], y)
python function([x], [], updates={y: x})
    for a variable that is not shared
python pt.grad(x.sum(), y)
    gradient was asked for a variable that the cost does not depend on
python pt.grad(2 * x, x)
    taken of one number | loss.mean()
python 1 if x.sum() > 0 else 0
    no value while the graph is built | pt.switch
python float(x.sum())
    no value while the graph is built
python [2 * x_t for x_t in x]
    no value while the graph is built | pytensor.scan instead of `for`
python x[0] = 1
    changes none of them | y = x[0].set(value)
python function([x], pt.log(x), mode="NanGuardMode")(-np.ones(3))
    not a number (NaN) | logarithm
jax W, V = weights(2, 2), weights(2, 2)
step, h0 = lambda p, h: pt.tanh(p + h @ V), pt.zeros(2)
h = scan(step, declared @ W, h0, truncate_gradient=3)
function([declared], pt.grad((h**2).sum(), W))(np.ones((5, 2)))
    A gradient with truncate_gradient | product inside the step | mode="FAST_COMPILE"
jax h = scan(lambda x_t, h: x_t + h, declared, pt.zeros(2), truncate_gradient=3)
function([declared], pt.grad(h.sum(), declared))(np.ones((5, 2)))
    A gradient with truncate_gradient | product inside the step | mode="FAST_COMPILE"
jax function([n], scan(lambda h: 2 * h, outputs_info=pt.ones(()), n_steps=n))(3)
    number of steps | plain Python number
jax function([x], x.nonzero()[0])(np.ones(3))
    How many elements are not zero
jax function([x], pt.unique(x))(np.ones(3))
    JAX, or PyTensor's translation for it, stopped | mode="FAST_COMPILE"
jax,python function([X, Y], pt.concatenate([X, Y]))(np.ones((2, 3)), np.ones((2, 4)))
    Arrays that are joined | pt.stack
python pt.concatenate([X, x])
    Arrays that are joined | pt.stack
jax,python function([x], x.reshape((2, 3)))(np.ones(5))
    An array was to be reshaped | -1
python x[0, 0]
    more indices than the array has | pt.vector has 1
python x.sum(axis=1)
    An axis is named | counted from 0
python x(np.ones(3))
    was called like a function | pytensor.function
python function([x], 2 * x)(y)
    was given a symbolic variable | get_value
jax,python function([x], 2 * x)(None)
    What was passed is no array of numbers | mask
python function([x], 2 * x)("abc")
    What was passed is no array of numbers
jax,python function([X], 2 * X)([[1.0, 2.0], [3.0]])
    What was passed is no array of numbers | unequal length
python pt.tanh(None)
    What was passed is no array of numbers
python scan(lambda x_t: x_t, x, pt.zeros(()))
    takes another number of arguments | in this order
python scan(lambda x_t, h, W: x_t, x, pt.zeros(()))
    takes another number of arguments | non_sequences
python scan(lambda x_t, h: (h, x_t), x, pt.zeros(()))
    does not match outputs_info | None
python scan(lambda x_t, h: None, x, pt.zeros(()))
    something that is no symbolic variable | return
python scan(lambda h: 2 * h, outputs_info=pt.zeros(()))
    how many steps to make | n_steps
python long = scan(lambda x_t: x_t, x[:3], n_steps=5)
function([x], long)(np.ones(3))
    how many steps to make | shorter
python w = weights(3)
w.set_value(np.ones((3, 3)))
    takes an array of | of 1 dimensions and got one of 2
python function([x], pt.zeros((10**7, 10**7)) + x[0])(np.ones(3))
    do not fit into the memory | float32
python pt.grad(abs(pt.zvector("z")).sum(), x)
    gradient was asked for a variable that the cost does not depend on
python z = pt.zvector("z")
pt.grad((abs(z) ** 2).sum(), z)
    leads through complex numbers | two real arrays
python pt.grad(pt.linalg.svd(X)[1].max(), X)
    There is no gradient here | pytensor.dprint
"""
# From public questions: what people met, as a program of today.
# https://github.com/pymc-devs/pytensor/issues/1062: where(x > 0) on JAX
# https://github.com/pymc-devs/pytensor/issues/2296: the gradient of a trace on JAX
# https://github.com/aesara-devs/aesara/issues/924: the number of steps is an input
# https://github.com/pymc-devs/pymc/issues/7088: no JAX conversion
# https://github.com/keras-team/keras/issues/599: a weight that the loss does not use
# https://github.com/kelvinxu/arctic-captions/issues/3: an input that is not listed
# https://github.com/pymc-devs/pymc/issues/1209: `if` on a symbolic comparison
# https://stackoverflow.com/questions/41347780: a column times a matrix, as in NumPy
# https://github.com/pymc-devs/pymc/issues/3337: a shared row that is not declared
# https://github.com/Theano/Theano/issues/1581: a condition of Python over a graph
# https://github.com/numba/numba/issues/8028: an index beyond the end
# The blog of Sadaf Noor (2015): expected 2 dimensions, got 1 with shape (2,)
PUBLIC = """
jax function([x], pt.where(x > 0)[0])(np.ones(3))
    How many elements are not zero
jax function([X], pt.grad(pt.trace(X @ X.T), X) + pt.unique(X).sum())(np.eye(200))
    JAX, or PyTensor's translation for it, stopped
jax A = pt.vector("A")
ones = pt.ones_like(A)
power = scan(lambda p, A: p * A, outputs_info=ones, non_sequences=A, n_steps=n)
function([A, n], power[-1])(np.arange(3.0), 2)
    number of steps | plain Python number
jax function([x], pytensor.printing.Print("x")(x))
    has no translation for JAX
python pt.grad((X @ weights(2, 2)).sum(), weights(2, 2))
    gradient was asked for a variable that the cost does not depend on
python function([X], X @ weights(2, 2) + x)
    neither an input nor shared | depend on x
python a = pt.scalar("a")
if a > 1: print("bingo")
    no value while the graph is built | pt.switch
python function([X], weights(5, 3) + X)(np.ones((5, 1)))
    length 1 where the other is longer | Declare it
python function([X], X + weights(1, 3))(np.ones((2, 3)))
    length 1 where the other is longer | Declare it
python assert abs(x.mean() - 0.5) < 0.1
    no value while the graph is built
python function([x, n], x[n])(np.zeros(5), 10)
    an axis | from 0 | vocabulary
numba function([x, n], x[n])(np.zeros(5), 10)
    its axis | from 0 | vocabulary
python function([X, Y], X @ Y)(np.eye(2), np.ones(2))
    takes an array of | of 2 dimensions and got one of 1 | value[None]
"""
MARKS = {"jax": [needs_jax], "c": [needs_c]}
FAILURES = [
    pytest.param(
        name,
        program,
        said.split(" | "),
        marks=MARKS.get(name, ()),
        id=f"{name}-{program}",
    )
    for names, program, said in re.findall(
        r"(?ms)^([a-z,]+) (.+?)\n    (.+?)$", PROGRAMS + PUBLIC
    )
    for name in names.split(",")
]


if sys.version_info < (3, 12):  # later ones have room for all that deep
    DEEP = "total = pt.zeros(())\nfor i in range(20000): total = total + x[i]\n"
    DEEP += "function([x], total)"
    said = ["nested too deeply", "pytensor.scan"]
    FAILURES += [
        pytest.param("python", DEEP, said, id="deep", marks=pytest.mark.nightly)
    ]


@pytest.mark.parametrize(("name", "program", "words"), FAILURES)
@pytest.mark.filterwarnings("ignore")
def test_advice(name, program, words):
    """Each program fails on its engine, and is explained in the right words."""
    engine.select(name)
    with pytest.raises(Exception) as caught:  # noqa: PT011  (all kinds of errors)
        exec(program, {**globals()})
    told = engine.explain(caught.value)
    flat = " ".join(told.split())
    for word in words:
        assert word in flat, f"{caught.value!r}\n{told}"
    assert flat.startswith("What happened: ")
    assert " What to do: " in flat
    assert "{" not in flat
    prose = [line for line in told.splitlines() if not line.startswith("    ")]
    assert max(map(len, prose)) <= 75


def test_every_piece_of_advice_is_reached_by_a_real_failure():
    reached = set()
    for case in FAILURES:
        first_words = case.values[2][0]
        meant = [rule for rule in RULES if first_words in rule.happened]
        assert len(meant) == 1, first_words
        reached.update(meant)
    # Those that only some versions reach, or that another test below reaches.
    rest = {rule.happened[:20] for rule in set(RULES) - reached}
    if sys.version_info >= (3, 12):
        rest.remove("The graph is nested ")
    assert rest == {
        "This PyTensor takes ",
        "JAX cannot scan over",
        "Numba, or PyTensor's",
    }


# Errors that use the words of another and arise elsewhere: nothing is known of them.
ELSEWHERE = """
1 / 0
assert False
np.ones(3) + np.ones(4)
np.ones((3, 2)) @ np.ones((3, 2))
np.ones(3)[7]
np.zeros(-1)
raise AssertionError("NaN detected")
raise TypeError("Missing input: y")
raise IndexError("Slice entries must be static integers")
raise NotImplementedError("While Scan cannot yet be converted to JAX")
__import__("numba").njit(lambda x: x + None)(1)
scan(lambda x_t, h: h + int("three"), x, pt.zeros(()))
scan(lambda x_t, h: weights(3, 4, 5, one_more=True), x, pt.zeros(()))
scan(lambda x_t, h: (lambda: h)(x_t), x, pt.zeros(()))
"""


@pytest.mark.parametrize("program", ELSEWHERE.strip().splitlines())
def test_an_error_of_ones_own_is_not_taken_for_one_of_an_engine(program):
    engine.select("python")
    with pytest.raises(Exception) as caught:  # noqa: PT011  (all kinds of errors)
        exec(program, {**globals()})
    told = " ".join(engine.explain(caught.value).split())
    assert f"not known here, {type(caught.value).__name__}: " in told


def test_other_errors_are_named():
    assert "KeyboardInterrupt" in engine.explain(KeyboardInterrupt())


def test_an_error_is_known_without_its_text():
    """By its kind, where it arose and what was computed; the text is taken away."""
    engine.select("python")
    for program, words in (
        ("pt.grad(x.sum(), y)", "the cost does not depend on"),
        ("function([x], pt.zeros((10**7, 10**7)) + x[0])(np.ones(3))", "memory"),
        ("function([x], x[7])(np.ones(3))", "an index that does not exist"),
        ("x.sum(axis=1)", "An axis is named"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            exec(program, {**globals()})
        kind = type(caught.value)
        mute = type(kind.__name__, (kind,), {"__str__": lambda self: ""})
        error = mute.__new__(mute).with_traceback(caught.value.__traceback__)
        assert words in " ".join(engine.explain(error).split())


def test_a_numba_that_does_not_fit_is_not_blamed_on_the_reader(monkeypatch):
    engine.select("python")
    monkeypatch.setattr(selection.NumbaLinker, "fgraph_convert", broken)
    with pytest.raises(TypingError) as caught:
        function([x], 2 * x, mode="NUMBA")
    told = " ".join(engine.explain(caught.value).split())
    assert "Failed in nopython mode pipeline" in told
    assert "the versions of NumPy, Numba and PyTensor do not fit" in told


def test_a_wrapped_error_is_explained_by_its_cause():
    engine.select("python")
    with pytest.raises(ValueError, match="Backtrace") as caught:
        pt.grad(x.sum(), y)
    error = RuntimeError("training failed")
    error.__cause__ = caught.value
    assert "does not depend on" in " ".join(engine.explain(error).split())


@pytest.mark.filterwarnings("ignore:PyTensor")
def test_a_loop_that_does_not_end_early_is_explained_where_its_gradient_is_wrong():
    engine.select("python")
    f = function([x], pt.grad(stopped_sum(x, 100.0), x))
    value = np.array([1, 2.5, 9, 9])
    if in_this_version("3.1.1"):
        np.testing.assert_array_equal(f(value), np.ones(4))
        return
    with pytest.raises(ValueError, match="negative dimensions") as caught:
        f(value)
    assert failure_of(caught.value).where == "call"
    assert "PyTensor 3.1.1 or later" in " ".join(engine.explain(caught.value).split())


def test_explain_wants_an_exception():
    with pytest.raises(ValueError, match="error: expected an exception, got str"):
        engine.explain("division by zero")
