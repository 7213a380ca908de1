"""One string in JavaScript: the networks of the book's pages, in Chromium.

python -m helpers.bench.by_browser      prints the row of the bench
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from helpers import ROOT
from helpers.bench.recording import spread
from helpers.bench.workloads import LR, WORKLOADS, Step, Workload
from helpers.browser import LAUNCH, chromium
from helpers.networks.elman import Elman
from helpers.results import console

LIBRARY = ROOT / "book/_static/explorables/networks.js"
CALLS = 2000  # steps a round
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
TIMED = """(calls) => {
    const begun = performance.now();
    for (let k = 0; k < calls; k++) run();
    return performance.now() - begun;
}"""


@contextmanager
def opened(workload: Workload) -> Iterator:
    """A page that makes steps on a string: one by `run()`, parameters by `values()`.

    Raises ValueError for what is no single string with sigmoid outputs, and
    RuntimeError where there is no Chromium.
    """
    x, y, weights = workload.examples
    if workload.cost != "sigmoid" or weights.ndim > 1:
        raise ValueError(
            f"workload must be one string with sigmoid outputs; got {workload.cost} "
            f"outputs and weights of shape {weights.shape}"
        )
    if not chromium():
        raise RuntimeError(
            "no Chromium: install it, or name one by the variable CHROME"
        )
    from playwright.sync_api import sync_playwright

    n_in, n_hid = workload.start.W_ih.shape
    given = {
        "sizes": {"n_in": n_in, "n_hid": n_hid, "n_out": y.shape[-1]},
        "start": {k: v.ravel().tolist() for k, v in workload.start._asdict().items()},
        "x": x.argmax(axis=1).tolist(),
        "y": y.ravel().tolist(),
        "weight": float(weights[0]),  # that of all predictions
        "lr": LR,
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        page = browser.new_page()
        page.add_script_tag(path=LIBRARY)
        page.evaluate(MAKE, given)
        yield page
        browser.close()


def step(page, workload: Workload) -> Step:
    """One step of SGD in the page, as the ways of the bench have it."""

    def values() -> Elman:
        parts = zip(page.evaluate("values()"), workload.start, strict=True)
        return Elman(*(np.reshape(now, old.shape) for now, old in parts))

    return Step(lambda: page.evaluate("run()"), values)


def row(rounds: int = 15) -> dict:
    """The page's row of the bench: "ms" a step and their range, by its own clock.

    It is no way of `helpers.bench.ways`: these are timed call by call from outside,
    and to ask a page costs a hundred times what a step takes.
    """
    with opened(WORKLOADS["reber"].make()) as page:
        page.evaluate(TIMED, 3 * CALLS)  # until it is compiled
        seconds = [page.evaluate(TIMED, CALLS) / 1000 / CALLS for _ in range(rounds)]
    named = {"workload": "reber", "way": "page", "title": "JavaScript, in a page"}
    return named | spread(seconds)


def main() -> None:
    """Print the row."""
    console.show_any_text()
    print(row())


if __name__ == "__main__":
    main()
