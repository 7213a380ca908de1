"""The figure style keeps its promises."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.figures import plots


def relative_luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("role", plots.COLOURS)
def test_labels_are_legible_on_white(role):
    # WCAG 2.1, success criterion 1.4.3
    assert 1.05 / (relative_luminance(plots.colour(role)) + 0.05) >= 4.5


def test_an_unknown_role_is_refused():
    with pytest.raises(ValueError, match="role must be one of input, hidden"):
        plots.colour("light")


def test_band_draws_the_median_and_its_interval():
    fig, ax = plt.subplots()
    samples = np.random.default_rng(0).standard_normal((20, 4))
    median = plots.band(ax, np.arange(4), samples, "output")
    assert np.array_equal(median, np.median(samples, axis=0))
    assert np.array_equal(ax.lines[0].get_ydata(), median)
    ordered = np.sort(samples, axis=0)
    vertices = ax.collections[0].get_paths()[0].vertices
    # for 20 seeds the interval runs from the 6th smallest to the 6th largest value
    assert vertices[:, 1].min() == ordered[5].min()
    assert vertices[:, 1].max() == ordered[14].max()
    plt.close(fig)


@pytest.mark.parametrize("shape", [(20, 3), (4,), (4, 20)])
def test_band_refuses_other_shapes(shape):
    fig, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"samples must have shape \(seeds, 4\)"):
        plots.band(ax, np.arange(4), np.zeros(shape), "output")
    plt.close(fig)
