"""helpers.networks.suspects and the experiment that trains with them."""

import inspect

import numpy as np
import pytest
from test_bptt import problem

from helpers.experiments import ch04_suspects_runs as experiment
from helpers.networks import bptt, elman, suspects
from helpers.networks.elman import Elman
from helpers.networks.gradients import relative_error
from helpers.networks.suspects import SUSPECTS

SMALL = {"length": 6, "hidden": 4, "lr": 0.05, "test": 50, "diverged": 10.0}


# Which gradients of each are right: the symptoms that the lab and its solution read.
FINE = {
    "suspect_1": {"W_ho", "b_o", "h0"},
    "suspect_2": {"W_ho", "b_o"},
    "suspect_3": {"W_ho", "b_o"},
    "suspect_4": {"W_ih", "W_hh", "b_h", "W_ho", "b_o"},
    "suspect_5": {"b_h", "W_ho", "b_o", "h0"},
    "suspect_6": {"W_ho", "b_o", "h0"},
    "suspect_7": set(),
}
FINE_IN_ONE_STEP = {
    "suspect_1": set(Elman._fields),
    "suspect_2": set(Elman._fields) - {"h0"},
    "suspect_3": {"W_ho", "b_o"},
    "suspect_4": set(Elman._fields) - {"h0"},
    "suspect_5": {"b_h", "W_ho", "b_o", "h0"},
    "suspect_6": {"W_ho", "b_o", "h0"},
    "suspect_7": set(Elman._fields),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SUSPECTS)
@pytest.mark.parametrize(("T", "fine"), [(7, FINE), (1, FINE_IN_ONE_STEP)])
def test_each_suspect_has_its_symptoms(T, fine, name, seed):
    x, y, params, h, d_o = problem(T, seed=seed)
    given = [array.copy() for array in (x, y, *params)]
    right = bptt.bptt(x, h, d_o, params)
    found = SUSPECTS[name](x, y, *params)
    errors = dict(zip(Elman._fields, map(relative_error, found, right), strict=True))
    assert {part for part, error in errors.items() if error < 1e-10} == fine[name]
    assert all(error > 1e-3 for part, error in errors.items() if part not in fine[name])
    for array, before in zip((x, y, *params), given, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("name", SUSPECTS)
def test_the_type_of_a_suspects_gradients_is_that_of_all_that_enters(name):
    x, y, params, *_ = problem(3)
    whole = params._replace(W_ih=np.ones((2, 4), int), h0=[0, 1, 0, 1])
    floats = whole._replace(
        **{k: np.array(v, float) for k, v in whole._asdict().items()}
    )
    for got, right in zip(
        SUSPECTS[name](x, y, *whole), SUSPECTS[name](x, y, *floats), strict=True
    ):
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, right)
    narrow = [value.astype(np.float32) for value in (x, y, *params)]
    assert {got.dtype for got in SUSPECTS[name](*narrow)} == {np.dtype(np.float32)}
    with pytest.raises(ValueError, match=r"y must have shape \(3, 3\); got \(2, 3\)"):
        SUSPECTS[name](x, y[:2], *params)


# What repairs each: its one mistake, and what should stand there.
REPAIRS = {
    "suspect_1": [("_t += ", "_t = ")],
    "suspect_2": [("d_a @ W_hh\n", "d_a @ W_hh.T\n")],
    "suspect_3": [("1 - a[t] ** 2", "1 - h[t] ** 2")],
    "suspect_4": [(", d_h0\n", ", from_later\n")],
    "suspect_5": [
        ("x[t] @ W_ih", "np.outer(x[t], d_a)"),
        ("(h[t - 1] if t > 0 else h0) @ W_hh", "np.outer(h[t - 1] if t else h0, d_a)"),
    ],
    "suspect_6": [
        ("d_a = from_later *", "d_a = (d_o[t] @ W_ho.T + from_later) *"),
        ("(d_a + d_o[t] @ W_ho.T * (1 - h[t] ** 2)) @ W_hh.T", "d_a @ W_hh.T"),
    ],
    "suspect_7": [("d_o[-1]", "d_o[t]")],
}


@pytest.mark.parametrize("T", [1, 2, 7])
@pytest.mark.parametrize("name", SUSPECTS)
def test_each_suspect_makes_one_mistake_and_no_other(T, name):
    code = inspect.getsource(SUSPECTS[name])
    for wrong, right in REPAIRS[name]:
        assert wrong in code
        code = code.replace(wrong, right)
    repaired = {**vars(suspects)}
    exec(code, repaired)
    x, y, params, h, d_o = problem(T)
    right = bptt.bptt(x, h, d_o, params)
    for got, expected in zip(repaired[name](x, y, *params), right, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


# The experiment -------------------------------------------------------------------


@pytest.mark.parametrize("n", [(), (5,)])
def test_the_tasks_are_an_echo_and_a_product_of_neighbours(n):
    x, y = experiment.example("echo", 7, np.random.default_rng(0), n)
    assert x.shape == y.shape == (7, *n, 1)
    assert not y[:2].any()
    np.testing.assert_array_equal(y[2:], x[:5])
    x, y = experiment.example("product", 7, np.random.default_rng(0), n)
    assert not y[0].any()
    np.testing.assert_allclose(y[1:], 2 * x[1:] * x[:6], rtol=1e-15)


def test_another_task_is_refused():
    with pytest.raises(ValueError, match="task must be 'echo' or 'product'; got 'sum'"):
        experiment.example("sum", 7, np.random.default_rng(0))


def test_frozen_leaves_all_but_the_readout():
    x, y, params, *_ = problem(7)
    right, frozen = experiment.right(x, y, *params), experiment.frozen(x, y, *params)
    for part, g in frozen._asdict().items():
        expected = getattr(right, part) * (part in ("W_ho", "b_o"))
        np.testing.assert_array_equal(g, expected)


def test_an_update_is_a_step_of_plain_sgd():
    _, (before, after) = experiment.learn(0, SMALL, "echo", "right", 1)
    rng = np.random.default_rng([0, 0])
    params = elman.initial_elman(1, 4, 1, rng, experiment.initialisation.uniform)
    x, y = experiment.example("echo", 6, np.random.default_rng([0, 1]))
    stepped = Elman(
        *(
            p - 0.05 * g
            for p, g in zip(params, experiment.right(x, y, *params), strict=True)
        )
    )
    x, y = experiment.example("echo", 6, np.random.default_rng([0, 2]), (50,))
    for error, values in ((before, params), (after, stepped)):
        o = elman.readout(elman.hidden_states_numpy(x, values), values)
        assert error == pytest.approx(np.mean((o - y) ** 2))


def test_the_right_gradient_learns_and_what_diverges_is_recorded_as_such():
    _, (before, after) = experiment.learn(0, SMALL, "echo", "right", 400)
    assert after < 0.2 * before
    wild = SMALL | {"lr": 50.0}
    trace, (_, after) = experiment.learn(0, wild, "product", "right", 100)
    assert after == 10
    assert trace == [10, 10]


@pytest.mark.parametrize("name", SUSPECTS)
def test_at_equal_length_the_direction_is_kept_and_the_length_is_the_right_one(name):
    x, y, params, *_ = problem(7)
    found = SUSPECTS[name](x, y, *params)
    rescaled = experiment.EQUAL[f"{name} equal"](x, y, *params)
    right = experiment.right(x, y, *params)
    for g, same, should in zip(found, rescaled, right, strict=True):
        if not g.any():
            np.testing.assert_array_equal(same, g)
            continue
        assert np.linalg.norm(same) == pytest.approx(np.linalg.norm(should))
        cosine = np.vdot(g, same) / np.linalg.norm(g) / np.linalg.norm(same)
        assert cosine == pytest.approx(1)
