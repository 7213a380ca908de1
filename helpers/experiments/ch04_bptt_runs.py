"""The recorded experiments of chapter 4: gradients that vanish, explode and are cut.

Three of them train on the dot product of two streams
(`helpers.experiments.ch03_streams_runs`), the last on an echo: the network says at each
step what it heard some steps ago.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytensor

from helpers.experiments import ch03_streams_runs as streams
from helpers.experiments.runner import Experiment, traced
from helpers.experiments.trainer import Trainer
from helpers.networks import bptt
from helpers.networks.elman import (
    Elman,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.networks.initialisation import unit_singular_value
from helpers.networks.optimisers import adam
from helpers.results.tables import significant

# The gradient by lag, before and after training. --------------------------------

LAGS = {
    "length": 20,
    "hidden": 20,
    "inits": ["uniform", "unit", "orthogonal"],
    "setting": {"activation": "tanh", "optimiser": "adam", "batch": 32},
    "lr": 0.003,
    "updates": 5000,
    "test": 200,
}


def gradient_by_lag(params: Elman, x: np.ndarray) -> np.ndarray:
    """|do_T/dh_{T-k}| / |do_T/dh_T| for the lags k = 0, 1, ..., T - 1: shape (T,).

    Of a tanh network with one output. For x (T, n, n_in) the median of the n examples.
    """
    h = hidden_states_numpy(x, params)
    d_o = np.zeros((*h.shape[:2], 1))
    d_o[-1] = 1
    norms = np.linalg.norm(bptt.state_errors(h, d_o, params), axis=-1)[::-1]
    return np.median(norms / norms[0], axis=1)


def lags(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the gradient by lag for each initialisation, and what W_hh becomes.

    "curves": `gradient_by_lag` on the test examples, before and after; "metrics": R^2
    after training, the last entry of each curve, and the norm of W_hh.
    """
    length, hidden = parameters["length"], parameters["hidden"]
    x = streams.fresh(seed, parameters).x
    traces, curves, metrics = {}, {}, {}
    for init in parameters["inits"]:
        learned = streams.learn(
            seed,
            parameters,
            init=init,
            every=updates or parameters["updates"],
            lr=parameters["lr"],
            updates=updates or parameters["updates"],
            **parameters["setting"],
        )
        start = streams.first_values(seed, hidden, init)
        traces[init] = learned.trace
        metrics[f"R2 {init}"] = learned.curve[-1]
        for when, params in (("before", start), ("after", learned.params)):
            key = f"{init} {when}"
            curves[key] = [significant(g) for g in gradient_by_lag(params, x)]
            metrics[f"lag {length - 1} {key}"] = curves[key][-1]
            metrics[f"norm {key}"] = np.linalg.norm(params.W_hh, 2)
    return {"trace": traces, "metrics": metrics, "curves": curves}


# Clipping: R^2 by learning rate, without, by value and by norm. -------------------

CLIPPING = {
    "length": 20,
    "hidden": 20,
    "init": "unit",
    "batch": 32,
    "lr": [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0],
    "clips": [
        None,
        ["value", 0.03],
        ["value", 0.1],
        ["norm", 0.3],
        ["norm", 1.0],
    ],
    "updates": 2000,
    "test": 2000,
    # R^2 of a network with NaN or infinite weights, and the least that is recorded.
    "diverged": -1.0,
}


def clip_name(clip: list | None) -> str:
    """How a way to clip is called in the record: "none", "value 0.1", "norm 1"."""
    return f"{clip[0]} {clip[1]:g}" if clip else "none"


def clipping(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 after training for each way to clip and each learning rate.

    "clipped" holds for clipping by norm the share of updates in which the gradient was
    longer than the limit, estimated on fresh batches after every 20th. Only the
    smallest rate is traced: at the others a run without clipping amplifies rounding.
    """
    hidden, length = parameters["hidden"], parameters["length"]
    start = streams.first_values(seed, hidden, parameters["init"])
    test = streams.fresh(seed, parameters)
    others = np.random.default_rng([seed, 3])
    traces, metrics, clipped = {}, {}, {}
    for clip, lr in product(parameters["clips"], parameters["lr"]):
        traced_one = lr == min(parameters["lr"])
        if updates and not traced_one:
            continue
        net = streams.compiled(
            "tanh",
            "sgd",
            parameters["batch"],
            length=length,
            hidden=hidden,
            clip=tuple(clip) if clip else None,
        )
        lengths = []
        for k, loss in streams.train(
            net,
            start,
            np.random.default_rng([seed, 1]),
            lr=lr,
            updates=updates or parameters["updates"],
            look=lambda k: k % 20 == 0,
        ):
            if k and not np.isfinite(loss):
                break
            if clip and clip[0] == "norm":
                lengths.append(gradient_norm(net, others))
        key = f"{clip_name(clip)}.lr {lr:g}"
        if traced_one:
            traces[key] = net.trace
        params = net.now()
        r2 = parameters["diverged"]
        if all(np.all(np.isfinite(value)) for value in params):
            with np.errstate(over="ignore"):  # weights may be finite and yet too large
                o = streams.outputs(test.x, params, "tanh")
                r2 = max(r2, streams.r_squared(o, test.y))
        metrics[key] = r2
        if lengths:
            clipped[key] = np.mean(np.array(lengths) > clip[1])
    return {"trace": traces, "metrics": metrics | {"clipped": clipped}}


def gradient_norm(net: Trainer, rng: np.random.Generator) -> float:
    """The common norm of all six gradients on a fresh batch, as `net` is now."""
    params = net.now()
    length, batch, _ = net.inputs[0].type.shape
    x, y = streams.examples(length, batch, rng)
    h = hidden_states_numpy(x, params)
    d_o = np.zeros((length, batch, 1))
    d_o[-1] = 2 * (readout(h[-1], params) - y) / batch
    return np.sqrt(sum((g**2).sum() for g in bptt.bptt(x, h, d_o, params)))


# The last bit: two trainings that differ by one rounding error at the start. -------

LAST_BIT = {
    "length": 20,
    "hidden": 20,
    "batch": 32,
    "scales": [0.5, 1.0, 1.8],
    "lr": 0.02,
    "updates": 2000,
    "seen": [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000],
}


def twins(start: Elman) -> tuple[Elman, Elman]:
    """A network, and one whose first element of W_hh is the next larger float64."""
    W_hh = start.W_hh.copy()
    W_hh[0, 0] = np.nextafter(W_hh[0, 0], np.inf)
    return start, start._replace(W_hh=W_hh)


def watched(
    net: Trainer, start: Elman, seed: int, parameters: dict, updates: int
) -> tuple[np.ndarray, list[float]]:
    """One training: W_hh at the updates "seen" (seen, n_hid, n_hid), and all losses."""
    rng, lr = np.random.default_rng([seed, 1]), parameters["lr"]
    W_hh, losses = [], []
    for k, loss in streams.train(
        net, start, rng, lr=lr, updates=updates, look=lambda k: True
    ):
        if k in parameters["seen"]:
            W_hh.append(net.now().W_hh)
        losses.append(loss)
    return np.array(W_hh), losses[1:]  # the untrained network has no loss


def last_bit(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the relative difference of W_hh between two trainings, by update.

    Both start from an orthogonal W_hh times the scale, as `twins`, and see the same
    examples. "curves" holds the norm of the difference over the norm of W_hh at the
    updates "seen", and the loss of the first twin over the variance of the target, mean
    of the 50 updates that end there (of fewer at the beginning). The largest scale is
    traced no further than update 2: after that, engines differ as the twins do.
    """
    length, hidden = parameters["length"], parameters["hidden"]
    net = streams.compiled(
        "tanh", "sgd", parameters["batch"], length=length, hidden=hidden
    )
    traces, curves = {}, {}
    for scale in parameters["scales"]:
        start = streams.first_values(seed, hidden, "orthogonal")
        (one, losses), (other, _) = (
            watched(net, params, seed, parameters, updates or parameters["updates"])
            for params in twins(start._replace(W_hh=scale * start.W_hh))
        )
        apart = np.linalg.norm(other - one, axis=(1, 2))
        relative = apart / np.linalg.norm(one, axis=(1, 2))
        curves[f"{scale:g}"] = [significant(r, 3) for r in relative]
        variance = length / 9
        curves[f"loss {scale:g}"] = [
            round(float(np.mean(losses[max(0, k - 50) : k])) / variance, 3)
            for k in parameters["seen"][1:]
            if k <= len(losses)
        ]
        stable = scale < max(parameters["scales"])
        traces[f"scale {scale:g}"] = [
            losses[k - 1] for k in ((50, 100, 150, 200) if stable else (1, 2))
        ]
    return {
        "trace": traces,
        "metrics": {
            f"apart {scale:g}": curves[f"{scale:g}"][-1]
            for scale in parameters["scales"]
        },
        "curves": curves,
    }


# Truncation: an echo learned with gradients that are cut. --------------------------

TRUNCATION = {
    "delay": 6,
    "length": 30,
    "hidden": 20,
    "batch": 16,
    "k": [1, 3, 6, 7, 10],
    "ways": ["last_steps", "chunks", "windows"],
    "lr": 0.003,
    "updates": 1500,
    "test": 500,
}

WAYS: dict[str, Callable] = {
    "last_steps": bptt.last_steps,
    "chunks": bptt.chunks,
    "windows": bptt.windows,
}


def echo(length: int, n: int, delay: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Inputs x and targets y, both (T, n, 1): y_t = x_{t-delay}, and 0 before."""
    x = rng.uniform(-1, 1, (length, n, 1))
    y = np.zeros_like(x)
    y[delay:] = x[:-delay]
    return x, y


def truncation(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 on the echo by the way to truncate and by k, beside the whole.

    The gradients are made in NumPy by `helpers.networks.bptt`; Adam makes the steps.
    "memory" holds for each network, and for the untrained one, the R^2 of the best
    linear readout of its states: what it could say if its readout were made for it.
    """
    delay, length = parameters["delay"], parameters["length"]
    start = initial_elman(
        1,
        parameters["hidden"],
        1,
        np.random.default_rng([seed, 0]),
        unit_singular_value,
    )
    x_test, y_test = echo(
        length, parameters["test"], delay, np.random.default_rng([seed, 2])
    )
    params = shared(start)
    inputs = [p.type() for p in params]
    steps = adam(inputs, params, parameters["lr"])
    update = pytensor.function(inputs, updates=steps)
    settings = {"whole": (bptt.last_steps, length)}
    for way, k in product(parameters["ways"], parameters["k"]):
        settings[f"{way} {k}"] = (WAYS[way], k)
    traces, metrics = {}, {}
    memory = {"untrained": recalled(x_test, y_test, start, delay)}
    for key, (gradient, k) in settings.items():
        for variable, _ in steps:
            variable.set_value(np.zeros_like(variable.get_value()))
        for p, value in zip(params, start, strict=True):
            p.set_value(value)
        rng, trace, now = np.random.default_rng([seed, 1]), [], start
        for u in range(1, (updates or parameters["updates"]) + 1):
            x, y = echo(length, parameters["batch"], delay, rng)
            h = hidden_states_numpy(x, now)
            errors = readout(h, now) - y
            if traced(u):
                trace.append(float(np.mean(errors**2)))
            update(*gradient(x, h, 2 * errors / errors.size, now, k))
            now = Elman(*(np.asarray(p.get_value()) for p in params))
        traces[key] = trace
        o = readout(hidden_states_numpy(x_test, now), now)
        metrics[key] = streams.r_squared(o[delay:], y_test[delay:])
        memory[key] = recalled(x_test, y_test, now, delay)
    return {"trace": traces, "metrics": metrics | {"memory": memory}}


def recalled(x: np.ndarray, y: np.ndarray, params: Elman, delay: int) -> float:
    """R^2 of the echo read from the states by least squares, fitted on one half.

    x and y have shape (T, n, 1); the other half of the n examples is the test.
    """
    h = hidden_states_numpy(x, params)[delay:]
    h = np.concatenate([h, np.ones_like(h[:, :, :1])], axis=2)
    y, half = y[delay:], x.shape[1] // 2
    fitted, test = (
        (h[:, part].reshape(-1, h.shape[2]), y[:, part].reshape(-1, 1))
        for part in (slice(half), slice(half, None))
    )
    weights = np.linalg.lstsq(*fitted, rcond=None)[0]
    return streams.r_squared(test[0] @ weights, test[1])


EXPERIMENTS = (
    Experiment(
        name="bptt-lags",
        summary="The gradient by lag before and after training, by initialisation.",
        parameters=LAGS,
        run=lags,
        metrics=tuple(
            f"{what} {init}{when}"
            for init in LAGS["inits"]
            for what, when in (("R2", ""), (f"lag {LAGS['length'] - 1}", " after"))
        ),
    ),
    Experiment(
        name="bptt-clipping",
        summary="Two streams of 20 steps by learning rate, with and without clipping.",
        parameters=CLIPPING,
        run=clipping,
        metrics=tuple(
            f"{clip_name(clip)}.lr {lr:g}"
            for clip in CLIPPING["clips"]
            for lr in CLIPPING["lr"]
        ),
    ),
    Experiment(
        name="bptt-last-bit",
        summary="Two trainings that differ in the last bit of one weight at the start.",
        parameters=LAST_BIT,
        run=last_bit,
        metrics=tuple(f"apart {scale:g}" for scale in LAST_BIT["scales"]),
    ),
    Experiment(
        name="bptt-truncation",
        summary="An echo learned with whole and with truncated gradients.",
        parameters=TRUNCATION,
        run=truncation,
        metrics=(
            "whole",
            "memory.untrained",
            "memory.windows 1",
            "memory.windows 6",
            *(f"{way} {k}" for way in TRUNCATION["ways"] for k in TRUNCATION["k"]),
        ),
    ),
)
