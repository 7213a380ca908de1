"""Choose the engine that PyTensor compiles for, as `engine.select()`."""

import io
import os
import platform
import shutil
import sys
import threading
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile import mode as modes
from pytensor.compile.maker import FunctionMaker
from pytensor.link.jax.linker import JAXLinker
from pytensor.link.numba.linker import NumbaLinker
from pytensor.link.vm import VMLinker

from helpers import compiled_code
from helpers.engine import memory, until

NAMES = ("jax", "numba", "c", "python")
PACKAGES = {"jax": ("jax", "jaxlib"), "numba": ("numba",)}
FLOATX = ("float64", "float32")
PATIENCE = 3.0  # seconds of compiling before a line says so

# The C++ compiler that PyTensor found when it was imported, or "". Kept here because
# `select` empties `config.cxx` for the other engines.
_CXX = pytensor.config.cxx


@dataclass(frozen=True)
class Engine:
    """What `select` chose.

    name: "jax", "numba", "c" or "python"; title: the same with its version;
    floatX: "float64" or "float32"; threads: the most that it uses.
    """

    name: str
    title: str
    floatX: str
    threads: int

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        fault = ": wrong grad through until" * until.is_wrong()
        return (
            f"Engine: {self.title}, {self.floatX}, {threads} "
            f"(PyTensor {version('pytensor')}{fault})"
        )

    def _ipython_display_(self) -> None:
        """Show nothing as the value of a cell: `select` has printed the line."""


def installed() -> tuple[str, ...]:
    """Return the names of the engines that can be selected here, fastest first.

    Each of them compiles a line, which takes some seconds once in a process; to ask
    for one engine only, see `why_not`.
    """
    return tuple(name for name in NAMES if not why_not(name))


@cache
def why_not(name: str) -> str:
    """Return why an engine cannot be selected here, "" if it can.

    That its package is installed does not mean that it fits the NumPy and the PyTensor
    beside it. So a line is compiled and run, at the first question in a process: 0.1 s
    for JAX once it is imported, 0.3 s for Numba and C++ (up to 3 s before the line is
    on disk). Python compiles nothing and is always there.

    Raises ValueError for a name that is none of `NAMES`.
    """
    if name not in NAMES:
        raise ValueError(f"name: expected one of {NAMES}, got {name!r}")
    if name == "c" and not (_CXX and shutil.which(_CXX.strip('"'))):
        return "c needs the C++ compiler g++ or clang++, and none was found"
    if name in PACKAGES and not all(map(find_spec, PACKAGES[name])):
        return f"{name} is not installed"
    if name == "python":
        return ""
    config = pytensor.config
    before = {key: getattr(config, key) for key in ("floatX", "cxx", "mode")}
    try:
        _prepare(name, config.floatX)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            x = pt.vector("x")  # PyTensor prints where a C++ program that fails lies
            result = pytensor.function([x], pt.tanh(x @ x))(np.ones(2, config.floatX))
    except Exception as error:
        message = (str(error).strip().splitlines() or [""])[0]
        return (
            f"{name} is installed and fails to compile a line, with "
            f"{type(error).__name__}: {message}"
        )
    finally:
        for key, value in before.items():
            setattr(config, key, value)
    if not np.allclose(result, np.tanh(2)):
        return f"{name} says that tanh(2) is {result}"
    return ""


def select(name: str | None = None, floatX: str = "float64") -> Engine:
    """Compile for this engine from now on; print and return what was chosen.

    Without a name it is the environment variable RNN_ENGINE, else the first of JAX,
    Numba and Python that works here; an installed one that does not is named in a line
    of its own. May be called again: functions that are already compiled keep their
    engine and their floatX.

    Raises ValueError for an engine that is unknown, not installed or unable to compile
    (see `why_not`), and for a floatX other than "float64" and "float32"; nothing is
    changed then.
    """
    if floatX not in FLOATX:
        raise ValueError(f"floatX: expected one of {FLOATX}, got {floatX!r}")
    name = _checked_name(name)
    chosen = Engine(name, _title(name), floatX, _threads())
    _prepare(name, floatX)
    until.watch()
    print(chosen)
    return chosen


def is_jax() -> bool:
    """Whether PyTensor compiles for JAX now."""
    return isinstance(modes.get_default_mode().linker, JAXLinker)


def _checked_name(name: str | None) -> str:
    """Return the engine to use, in small letters; ValueError if it is not there."""
    source = "name"
    if name is None and os.environ.get("RNN_ENGINE"):
        name, source = os.environ["RNN_ENGINE"], "RNN_ENGINE"
    if name is None:
        return _default()
    wanted = name.strip().lower() if isinstance(name, str) else name
    if wanted not in NAMES:
        raise ValueError(
            f"{source}: expected an engine, one of {', '.join(NAMES)}; got {name!r}"
        )
    if reason := why_not(wanted):
        raise ValueError(
            f"{source}: expected an engine that works here, one of "
            f"{', '.join(installed())}; got {name!r} ({reason})"
        )
    return wanted


def _default() -> str:
    """The first engine that works, and a line about each that should and does not."""
    for name in ("jax", "numba"):
        reason = why_not(name)
        if not reason:
            return name
        if all(map(find_spec, PACKAGES[name])):
            print(f"Not {name}: {reason}.")
    return "python"


def _title(name: str) -> str:
    if name == "python":
        return f"Python {platform.python_version()}"
    if name == "c":
        compiler = Path(_CXX.strip('"')).name
        return f"C++ ({compiler})"
    return f"{'JAX' if name == 'jax' else 'Numba'} {version(name)}"


def _threads() -> int:
    """How many threads an engine may use.

    Parallel runs are where threads hurt: on two cores, two processes of two threads
    each took up to four times as long as with one thread each. joblib and Dask give
    their workers OMP_NUM_THREADS for that, which BLAS reads by itself; `select` makes
    JAX keep to it too. BLAS is not touched otherwise: it keeps small products on one
    thread by itself, and the large ones of the language model gain from all cores.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdecimal() and int(limit) > 0:
        return int(limit)
    from joblib import cpu_count  # also knows the limits of a container

    return cpu_count()


def _prepare(name: str, floatX: str) -> None:
    """Set PyTensor, and JAX where it is in use, for this engine."""
    config = pytensor.config
    config.floatX = floatX
    if name == "c":
        config.cxx = _CXX
        _prepare_c()
    else:
        # With a compiler at hand PyTensor would use it inside the Python engine too:
        # seconds of compiling, and a warning that it found no BLAS to link to.
        config.cxx = ""
    # The linker for the steps of a scan has looked for C++ when PyTensor was imported.
    # Left so, 3.0.7 fuses the square with the sum in a sum of squares, as only C++ can:
    # Python then leaves the first element unsquared.
    modes.predefined_linkers["cvm"] = VMLinker(use_cloop=True)
    if name == "numba":
        # Sets which warnings are shown; later, `why_not` would undo it.
        from pytensor.link.numba.dispatch import basic  # noqa: F401
    if name == "jax" or "jax" in sys.modules:
        _prepare_jax(floatX)
    config.mode = _mode(name)


def _prepare_c() -> None:
    """Let PyTensor look for BLAS now, quietly.

    A pip installation has no BLAS that C++ code can be linked to. PyTensor warns about
    that on stderr when it looks for one, and then uses NumPy's products, which is all
    that small networks need; a notebook's outputs should not show the warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _ = pytensor.config.blas__ldflags  # looked up at the first access
    # If another engine came first, PyTensor has decided to do without its C++ loop.
    sys.modules.pop("pytensor.link.c.cvm", None)


def _prepare_jax(floatX: str) -> None:
    """Set JAX's 64-bit switch from floatX, and its threads before it starts.

    PyTensor sets the switch from floatX once, when its JAX part is first imported.
    After a later change of floatX, float64 functions would silently compute in float32.
    """
    import jax
    import pytensor.link.jax.dispatch  # noqa: F401  (before the switch, which it sets)

    jax.config.update("jax_enable_x64", floatX == "float64")
    # float32 sums are float64 inside PyTensor's graphs; JAX says each time that it
    # rounds them, which is what was asked for.
    warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
    # PyTensor leaves its check of a broadcast to JAX, which raises where shapes differ.
    warnings.filterwarnings("ignore", "Skipping Assert", UserWarning)
    if not jax.config.jax_platforms:
        jax.config.update("jax_platforms", "cpu")  # small networks: a GPU only waits
    memory.share_memory()
    compiled_code.keep_jax()
    if "NPROC" not in os.environ:
        os.environ["NPROC"] = str(_threads())  # read once, when JAX starts its threads
        jax.devices()
        del os.environ["NPROC"]  # child processes decide for themselves


# Compiling --------------------------------------------------------------------
#
# A `Mode` names the class that builds its functions (`function_maker`). Ours is
# PyTensor's own with two additions: it says so when compiling takes long, and it wraps
# the machine that a function runs (`function.vm`), see `_Machine`.


def _mode(name: str) -> modes.Mode:
    base = {
        "jax": modes.JAX,
        "numba": modes.NUMBA,
        "c": modes.CVM,
        "python": modes.FAST_COMPILE,
    }[name]
    return _Mode(linker=base.linker, optimizer=base.provided_optimizer)


class _Mode(modes.Mode):
    """What `pytensor.config.mode` becomes."""

    @property
    def function_maker(self):
        return _Maker


class _Maker(FunctionMaker):
    """Builds a function in two steps: simplifies its graph, then makes its machine."""

    def __init__(self, inputs, outputs, mode, *args, **kwargs):
        self.notice = _Notice(mode.linker)
        with self.notice.if_slow():
            super().__init__(inputs, outputs, mode, *args, **kwargs)

    def create(self, *args, **kwargs):
        with self.notice.if_slow():
            function = super().create(*args, **kwargs)
        function.vm = _Machine(function, self)
        return function


def _what_takes_long(linker) -> str:
    on_disk = "up to a minute or more for a new graph, seconds the next time (on disk)."
    if isinstance(linker, JAXLinker):
        return "Compiling with JAX: once for each function and shape of its inputs."
    if isinstance(linker, NumbaLinker):
        return f"Compiling with Numba: {on_disk}"
    if pytensor.config.cxx:
        return f"Compiling C++: {on_disk}"
    return "Preparing a function: PyTensor is still simplifying its graph."


class _Notice:
    """Says on stderr, once per function, that compiling takes longer than PATIENCE."""

    def __init__(self, linker) -> None:
        self.said = False
        self.text = _what_takes_long(linker)

    @contextmanager
    def if_slow(self):
        timer = threading.Timer(PATIENCE, self.say)
        timer.daemon = True
        if not self.said and os.environ.get("RNN_QUIET") != "1":
            timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def say(self) -> None:
        self.said = True
        print(self.text, file=sys.stderr, flush=True)


class _Machine:
    """Runs a function's own machine, with three things taken care of.

    The first call compiles under JAX and Numba: said if it takes long. Under JAX the
    64-bit switch is put back, for the time of the call, to what it was when the
    function was built. Elsewhere, shared values that a JAX function has left as JAX
    arrays become NumPy arrays, which alone Numba and C++ can read and write.
    """

    def __init__(self, function, maker: _Maker) -> None:
        self._vm = function.vm
        self._notice = maker.notice
        self._jax = sys.modules["jax"] if isinstance(maker.linker, JAXLinker) else None
        self._x64 = self._jax and self._jax.config.jax_enable_x64
        self._compiled = not isinstance(maker.linker, JAXLinker | NumbaLinker)
        self._shared = tuple(
            container.storage
            for spec, container in zip(
                maker.inputs, function.input_storage, strict=True
            )
            if spec.shared
        )

    def __getattr__(self, name):
        return getattr(self._vm, name)

    def __call__(self, *args, **kwargs):
        if not self._compiled:
            with self._notice.if_slow():
                result = self._run(*args, **kwargs)
            self._compiled = True
            return result
        return self._run(*args, **kwargs)

    def _run(self, *args, **kwargs):
        if self._jax is None:
            for cell in self._shared:
                value = cell[0]
                if not isinstance(value, np.ndarray) and hasattr(value, "__array__"):
                    cell[0] = np.array(value)
            return self._vm(*args, **kwargs)
        switch = self._jax.config.jax_enable_x64
        if switch == self._x64:
            return self._vm(*args, **kwargs)
        self._jax.config.update("jax_enable_x64", self._x64)
        try:
            return self._vm(*args, **kwargs)
        finally:
            self._jax.config.update("jax_enable_x64", switch)
