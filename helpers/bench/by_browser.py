"""One string in JavaScript: the networks of the book's pages, in Chromium."""

import atexit
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import numpy as np

from helpers import ROOT
from helpers.bench.workloads import LR, Step, Workload
from helpers.browser import LAUNCH, chromium
from helpers.networks.elman import Elman

LIBRARY = ROOT / "book/_static/explorables/networks.js"
CALLS = 2000  # steps that are asked for at once
MAKE = """({ sizes, start, x, y, weight, lr }) => {
    const N = networks();
    const net = N.network("elman", sizes);
    for (const name in start) net.parameters[name].set(start[name]);
    const targets = Float64Array.from(y);
    const step = N.optimisers.sgd();
    window.run = () => {
        net.forward(x, x.length);
        const loss = N.sigmoidLoss(net, targets, x.length, weight);
        net.backward(x, x.length);
        step(net.theta, net.d_theta, lr);
        return loss;
    };
    window.values = () => Object.values(net.parameters).map((part) => [...part]);
}"""
MANY = "(calls) => { for (let k = 0; k < calls; k++) run(); }"


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


def opened(browser, workload: Workload):
    """A page that makes steps on a string: one by `run()`, parameters by `values()`.

    Raises ValueError for what is no single string with sigmoid outputs.
    """
    x, y, weights = workload.examples
    if workload.cost != "sigmoid" or weights.ndim > 1:
        raise ValueError(
            f"workload must be one string with sigmoid outputs; got {workload.cost} "
            f"outputs and weights of shape {weights.shape}"
        )
    n_in, n_hid = workload.start.W_ih.shape
    given = {
        "sizes": {"n_in": n_in, "n_hid": n_hid, "n_out": y.shape[-1]},
        "start": {k: v.ravel().tolist() for k, v in workload.start._asdict().items()},
        "x": x.argmax(axis=1).tolist(),
        "y": y.ravel().tolist(),
        "weight": float(weights[0]),  # that of all predictions
        "lr": LR,
    }
    page = browser.new_page()
    page.add_script_tag(path=LIBRARY)
    page.evaluate(MAKE, given)
    return page


def step(page, workload: Workload) -> Step:
    """One step of SGD in the page, as the ways of the bench have it."""

    def values() -> Elman:
        parts = zip(page.evaluate("values()"), workload.start, strict=True)
        return Elman(*(np.reshape(now, old.shape) for now, old in parts))

    return Step(lambda: page.evaluate("run()"), values)


def make(workload: Workload) -> Step:
    """The step in a page of this process's browser."""
    return step(opened(launch(), workload), workload)


def many(workload: Workload) -> Callable[[], None]:
    """A call that makes `CALLS` steps.

    To ask a page costs more than a step takes, and so it is asked for many.
    """
    page = opened(launch(), workload)
    return lambda: page.evaluate(MANY, CALLS)
