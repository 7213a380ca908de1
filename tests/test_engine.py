"""The engine line, the traps that it takes care of, and the advice on errors."""

import os
import re
import subprocess
import sys
import threading
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor import function
from pytensor.scan.utils import until

from helpers import ROOT, engine
from helpers.engine import selection
from helpers.engine.advice import ADVICE
from helpers.networks.bptt import bptt
from helpers.networks.elman import Elman, hidden_states_numpy

HERE = engine.installed()
needs_jax = pytest.mark.skipif("jax" not in HERE, reason="JAX is not installed")
needs_c = pytest.mark.skipif("c" not in HERE, reason="there is no C++ compiler")
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
    pattern = r"Engine: Python 3\.\d+\.\d+, float64, \d+ threads? \(PyTensor 3\.\S+\)\n"
    assert re.fullmatch(pattern, line)
    assert f"{chosen}\n" == line
    assert (chosen.name, chosen.floatX) == ("python", "float64")


@needs_jax
def test_jax_is_the_default(capsys):
    assert engine.select().name == "jax"
    assert re.match(r"Engine: JAX \d+\.\d+\S*, float64, ", capsys.readouterr().out)


def test_numba_is_the_default_without_jax(monkeypatch):
    monkeypatch.setattr(
        selection, "find_spec", lambda package: None if package == "jax" else True
    )
    assert "jax" not in engine.installed()
    assert engine.select().name == "numba"
    with pytest.raises(ValueError, match=r"numba, .*python; got 'jax' \(jax is not in"):
        engine.select("jax")


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
    assert all(known in str(caught.value) for known in HERE)
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
@pytest.mark.slow
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


@pytest.mark.slow
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
jax,python,numba*,c* function([X, Y], X @ Y)(np.ones((3, 2)), np.ones((3, 2)))
    A product x @ W needs | data come first
python declared @ declared
    A product x @ W needs
python function([batch, Y], batch @ Y)(np.ones((4, 3, 2)), np.ones((3, 2)))
    A product x @ W needs
jax,python,numba*,c* function([X, Y], X + Y)(np.ones((3, 2)), np.ones((4, 2)))
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
"""
MARKS = {"jax": [needs_jax], "c": [needs_c]}
FAILURES = [
    pytest.param(
        name.rstrip("*"),
        program,
        said.split(" | "),
        marks=[*MARKS.get(name.rstrip("*"), []), *[pytest.mark.slow] * ("*" in name)],
        id=f"{name}-{program}",
    )
    for names, program, said in re.findall(
        r"(?ms)^([a-z,*]+) (.+?)\n    (.+?)$", PROGRAMS
    )
    for name in names.split(",")
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
        meant = [advice for advice in ADVICE if first_words in advice.happened]
        assert len(meant) == 1, first_words
        reached.update(meant)
    assert reached == set(ADVICE)


def test_other_errors_are_named():
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        told = " ".join(engine.explain(error).split())
    assert "not known here, ZeroDivisionError: division by zero" in told
    assert "KeyboardInterrupt" in engine.explain(KeyboardInterrupt())


def test_explain_wants_an_exception():
    with pytest.raises(ValueError, match="error: expected an exception, got str"):
        engine.explain("division by zero")
