"""The lines of chapter 3 for JAX and PyTorch give the numbers that its page prints."""

import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

from helpers.networks import elman
from helpers.networks.gradients import numerical_gradient, relative_error
from helpers.press import notebooks

BLOCK = re.compile(r"^> ```python\n(.*?)^> ```$", re.MULTILINE | re.DOTALL)
VALUES = elman.initial_elman(2, 5, 1, np.random.default_rng(0))
X = np.random.default_rng(1).standard_normal((12, 2))

# What stands before the lines, and after them; "torch" is not in the environment.
BEFORE = """
import sys, numpy as np
x, W_ih, W_hh, b_h, W_ho, b_o, h0 = np.load(sys.argv[1]).values()
"""
AFTER = "\nnp.savez(sys.argv[1], value=float(value), slope=np.array(slope))\n"


@cache
def page():
    [chapter] = [p for p in notebooks.chapters() if p.stem.startswith("03")]
    return notebooks.read(chapter).cells


def lines(library):
    """The one block of the page that imports the library."""
    cells = [c.source for c in page() if c.cell_type == "markdown"]
    blocks = [block for cell in cells for block in BLOCK.findall(cell)]
    [block] = [block for block in blocks if f"import {library}\n" in block]
    return re.sub(r"^> ?", "", block, flags=re.MULTILINE)


def by_numpy(W_hh):
    h = elman.hidden_states_numpy(X, VALUES._replace(W_hh=W_hh))
    return (h[-1] ** 2).sum()


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_the_lines_give_the_value_and_the_gradient_by_numpy(library, tmp_path):
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    file = tmp_path / "values.npz"
    np.savez(file, x=X, **VALUES._asdict())
    code = BEFORE + lines(library) + AFTER
    subprocess.run([sys.executable, "-c", code, file], check=True)
    with np.load(file) as found:
        value, slope = found["value"], found["slope"]
    np.testing.assert_allclose(value, by_numpy(VALUES.W_hh), rtol=1e-12)
    [slopes] = numerical_gradient(by_numpy, [VALUES.W_hh])
    assert relative_error(slope, slopes) < 1e-8


def test_the_page_prints_these_numbers():
    printed = [
        output.text
        for cell in page()
        if cell.cell_type == "code"
        for output in cell.outputs
        if "gradient norm" in output.get("text", "")
    ]
    [(value, norm)] = [re.findall(r"\d\.\d{10}", text) for text in printed]
    assert value == f"{by_numpy(VALUES.W_hh):.10f}"
    [slopes] = numerical_gradient(by_numpy, [VALUES.W_hh])
    assert float(norm) == pytest.approx(np.linalg.norm(slopes), rel=1e-7)
