"""The recorded experiment of the lab in chapter 4: training with wrong gradients.

A small network learns by plain SGD from one sequence at a time, with the right
gradient, with that of each of `helpers.networks.suspects`, and with only its readout
trained. Every update draws a fresh sequence. There are two tasks: an echo,
o_t = x_{t-2}, which a linear readout of random states can nearly do, and a product of
neighbours, o_t = 2 x_{t-1} x_t, for which the recurrent weights must learn.
"""

from collections.abc import Callable

import numpy as np

from helpers.experiments.runner import Experiment, traced
from helpers.networks import bptt, initialisation
from helpers.networks.elman import Elman, hidden_states_numpy, initial_elman, readout
from helpers.networks.suspects import SUSPECTS

TRAINING = {
    "length": 10,
    "hidden": 10,
    "lr": 0.01,
    "updates": 3000,
    "tasks": ["echo", "product"],
    "equal": ["product"],  # tasks on which all are tried at equal length, too
    "test": 500,
    "diverged": 10.0,  # recorded in the place of larger errors
}


def example(task: str, length: int, rng, n: tuple = ()) -> tuple[np.ndarray, ...]:
    """Inputs uniform in [-1, 1] and targets, both (length, *n, 1).

    What lies before the sequence counts as zero. Raises ValueError for an unknown task.
    """
    x = rng.uniform(-1, 1, (length, *n, 1))
    y = np.zeros_like(x)
    if task == "echo":
        y[2:] = x[:-2]
    elif task == "product":
        y[1:] = 2 * x[:-1] * x[1:]
    else:
        raise ValueError(f"task must be 'echo' or 'product'; got {task!r}")
    return x, y


def right(x: np.ndarray, y: np.ndarray, *params: np.ndarray) -> Elman:
    """The gradients, called like a suspect."""
    params = Elman(*params)
    h = hidden_states_numpy(x, params)
    return bptt.bptt(x, h, readout(h, params) - y, params)


def frozen(x: np.ndarray, y: np.ndarray, *params: np.ndarray) -> Elman:
    """The gradients of W_ho and b_o, and zero for all that is recurrent."""
    zeros = Elman(*(np.zeros_like(p) for p in params))
    gradient = right(x, y, *params)
    return zeros._replace(W_ho=gradient.W_ho, b_o=gradient.b_o)


def at_equal_length(gradient: Callable) -> Callable:
    """The same, each of the six gradients scaled to the length of the right one.

    What is zero stays zero.
    """

    def rescaled(x: np.ndarray, y: np.ndarray, *params: np.ndarray) -> Elman:
        scaled = []
        found, wanted = gradient(x, y, *params), right(x, y, *params)
        for g, should in zip(found, wanted, strict=True):
            length = np.linalg.norm(g)
            scaled.append(g * (np.linalg.norm(should) / length) if length else g)
        return Elman(*scaled)

    return rescaled


METHODS: dict[str, Callable] = {"right": right, "frozen": frozen, **SUSPECTS}
EQUAL = {f"{name} equal": at_equal_length(SUSPECTS[name]) for name in SUSPECTS}
ALL = METHODS | EQUAL


def methods(task: str, parameters: dict) -> list[str]:
    """The names of the methods that are tried on a task."""
    return [*(ALL if task in parameters["equal"] else METHODS)]


def learn(
    seed: int, parameters: dict, task: str, method: str, updates: int
) -> tuple[list[float], list[float]]:
    """Train; the traced errors, and those before and after: mean squares, fresh data.

    All methods start from the same weights and see the same sequences.
    """
    length, hidden = parameters["length"], parameters["hidden"]
    init, largest = initialisation.uniform, parameters["diverged"]
    params = initial_elman(1, hidden, 1, np.random.default_rng([seed, 0]), init)
    rng = np.random.default_rng([seed, 1])
    test = (parameters["test"],)
    x_test, y_test = example(task, length, np.random.default_rng([seed, 2]), test)

    def error() -> float:
        o = readout(hidden_states_numpy(x_test, params), params)
        mean = float(np.mean((o - y_test) ** 2))
        return mean if mean < largest else largest  # largest in the place of nan, too

    trace, ends = [], [error()]
    with np.errstate(all="ignore"):  # some diverge
        for k in range(1, updates + 1):
            x, y = example(task, length, rng)
            gradients = ALL[method](x, y, *params)
            steps = (parameters["lr"] * gradient for gradient in gradients)
            params = Elman(*(p - s for p, s in zip(params, steps, strict=True)))
            if traced(k):
                trace.append(error())
        ends.append(error())
    return trace, ends


def training(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the error before training ("start"), and after it by each method.

    "equal" in the name of a method is that of `at_equal_length`.
    """
    traces: dict = {}
    metrics: dict = {}
    for task in parameters["tasks"]:
        for method in methods(task, parameters):
            trace, (before, after) = learn(
                seed, parameters, task, method, updates or parameters["updates"]
            )
            traces[f"{task} {method}"] = trace
            metrics[f"{task} start"] = before
            metrics[f"{task} {method}"] = after
    return {"trace": traces, "metrics": metrics}


EXPERIMENTS = (
    Experiment(
        name="bptt-suspects",
        summary="Test error of a small network trained with right and wrong gradients.",
        parameters=TRAINING,
        run=training,
        metrics=tuple(
            f"{task} {method}"
            for task in TRAINING["tasks"]
            for method in methods(task, TRAINING)
        ),
    ),
)
