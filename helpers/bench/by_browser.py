"""One string in JavaScript: the networks of the book's pages, in Chromium."""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import numpy as np

from helpers import ROOT
from helpers.bench.workloads import LR, Step, Workload
from helpers.browser import LAUNCH, chromium
from helpers.networks.elman import Elman

LIBRARY = ROOT / "book/_static/explorables/networks.js"
STEPS = 2000  # asked for at once: to ask a page costs more than a step takes
MAKE = """({ sizes, start, x, y, weight, lr }) => {
    const N = networks();
    const net = N.network("elman", sizes);
    for (const name in start) net.parameters[name].set(start[name]);
    const targets = Float64Array.from(y);
    const step = N.optimisers.sgd();
    window.run = (steps) => {
        let loss;
        for (let k = 0; k < steps; k++) {
            net.forward(x, x.length);
            loss = N.sigmoidLoss(net, targets, x.length, weight);
            net.backward(x, x.length);
            step(net.theta, net.d_theta, lr);
        }
        return loss;
    };
    window.values = () => Object.values(net.parameters).map((part) => [...part]);
}"""


@contextmanager
def browser() -> Iterator:
    """A Chromium while the block runs. Raises RuntimeError where there is none."""
    if not chromium():
        raise RuntimeError(
            "no Chromium: install it, or name one by the variable CHROME"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        yield launched
        launched.close()


@cache
def launch():
    """The browser of this process, a worker of the bench, until it ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(browser())


def fits(workload: Workload) -> bool:
    """Whether the page can do it: one string with sigmoid outputs, in float64."""
    double = workload.dtype == np.float64
    return workload.cost == "sigmoid" and workload.single and double


def make(workload: Workload, steps: int = STEPS, browser=None) -> Step:
    """So many steps a call, in a page of `browser`, or of that of this process.

    Raises ValueError where `fits` says no.
    """
    if not fits(workload):
        raise ValueError(
            "workload must be one string with sigmoid outputs, in float64; got "
            f"{workload.cost} outputs and weights of shape {workload.weights.shape}"
        )
    x, y, weights = workload.examples
    n_in, n_hid = workload.start.W_ih.shape
    given = {
        "sizes": {"n_in": n_in, "n_hid": n_hid, "n_out": y.shape[-1]},
        "start": {k: v.ravel().tolist() for k, v in workload.start._asdict().items()},
        "x": x.argmax(axis=1).tolist(),
        "y": y.ravel().tolist(),
        "weight": float(weights[0]),  # that of all predictions
        "lr": LR,
    }
    page = (browser or launch()).new_page()
    page.add_script_tag(path=LIBRARY)
    page.evaluate(MAKE, given)

    def values() -> Elman:
        parts = zip(page.evaluate("values()"), workload.start, strict=True)
        return Elman(*(np.reshape(now, old.shape) for now, old in parts))

    return Step(lambda: page.evaluate(f"run({steps})"), values, steps)
