"""The checks of chapter 7's exercises: right answers, near-misses, garbage."""

import numpy as np
from check_answers import (
    CHANGED,
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    off_a_little,
    slips,
    spoiling,
)
from scipy.spatial import KDTree

from helpers.check import ch07_sine_checks as check


def next_value(before, now, step):
    return 2 * np.cos(step) * now - before


def split_apart(n_values, length, n_training):
    first = n_training + length
    return np.arange(n_training), np.arange(first, n_values - length)


def exact_rule(steps):
    product = np.ones(1)
    for step in steps:
        product = np.convolve(product, [1, -2 * np.cos(step), 1])
    return -product[:0:-1]


def roll_on(start, n, W_ih, W_hh, b_h, W_ho, b_o, h0):
    h, values = h0, []
    for x in start:
        h = np.tanh(x * W_ih[0] + h @ W_hh + b_h)
    for _ in range(n):
        values.append((h @ W_ho + b_o)[0])
        h = np.tanh(values[-1] * W_ih[0] + h @ W_hh + b_h)
    return np.array(values)


def forecast(x, error=0.01):
    """The next value from three, by a formula, with an error like a network's."""
    a, b, c = x[-3:, :, 0]
    cosine = np.clip(((a + c) * b) / (2 * np.maximum(b**2, 1e-12)), -1, 1)
    return 2 * cosine * c - b + error * np.cos(50 * c)


def scaled_look_up(x, y, x_new):
    factors = x_new.T @ x / (x**2).sum(axis=0)
    distances = ((x_new[:, :, None] - factors * x[:, None]) ** 2).sum(axis=0)
    nearest = distances.argmin(axis=1)
    return factors[np.arange(len(nearest)), nearest] * y[nearest]


SOLUTIONS = {
    check.next_value: next_value,
    check.split_apart: split_apart,
    check.exact_rule: exact_rule,
    check.roll_on: roll_on,
    check.forecast: forecast,
    check.scaled_look_up: scaled_look_up,
}


def one_window_after_another(x, y, x_new):
    answers = []
    for w in x_new.T:
        fits = [np.linalg.lstsq(v[:, None], w, rcond=None) for v in x.T]
        nearest = min(
            range(len(y)), key=lambda i: np.sum((w - fits[i][0] * x[:, i]) ** 2)
        )
        answers.append(fits[nearest][0].item() * y[nearest])
    return answers


def by_cosines(x, y, x_new):
    """The smallest distance is the largest cosine, whatever its sign."""
    product, length = x_new.T @ x, np.linalg.norm(x, axis=0)
    nearest = np.abs(product / length).argmax(axis=1)
    return (product / length**2 * y)[np.arange(x_new.shape[1]), nearest]


def said_one_by_one(*arguments):
    yield from roll_on(*arguments)


OTHER_WAYS = {
    "one of an array": (check.next_value, lambda *a: np.array([next_value(*a)])),
    "a generator": (check.roll_on, said_one_by_one),
    "two of a map": (check.split_apart, lambda *a: map(list, split_apart(*a))),
    "ranges": (
        check.split_apart,
        lambda n, length, k: (range(k), range(k + length, n - length)),
    ),
    "a list": (check.split_apart, lambda *a: [list(part) for part in split_apart(*a)]),
    "the roots of the polynomial": (
        check.exact_rule,
        lambda steps: (
            -np.poly(np.exp(1j * np.append(steps, np.negative(steps)))).real[:0:-1]
        ),
    ),
    "a rule in floats": (
        check.exact_rule,
        lambda steps: list(map(float, exact_rule(steps))),
    ),
    "a loop on rows": (
        check.roll_on,
        lambda start, n, *p: roll_on(start.reshape(-1), n, *p).tolist(),
    ),
    "float32": (check.forecast, lambda x: forecast(x).astype(np.float32)),
    "least squares one by one": (check.scaled_look_up, one_window_after_another),
    "the largest cosine of either sign": (check.scaled_look_up, by_cosines),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


def by_the_phase(before, now, step):
    cosine = (now * np.cos(step) - before) / np.sin(step)
    return np.sin(np.arctan2(now, cosine) + step)


NEAR_VALUE = slips(
    next_value,
    {
        "the step is taken as 1": {"cos(step)": "cos(1)"},
        "the factor 2 is missing": {"2 * ": ""},
        "expected subtracted": {"- before": "+ before"},
        "before and now are exchanged": {"(before, now,": "(now, before,"},
        "the straight line on": {"np.cos(step)": "1"},
        "2 sin(step)": {"cos": "sin"},
        "in radians already": {"cos(step)": "cos(np.radians(step))"},
        "the best guess from one value": {"2 * ": "", " - before": ""},
        "the value before is missing": {" - before": ""},
        "this is the present value": {"2 * np.cos(step) * now - before": "now"},
        "both terms have the wrong sign": {"2 * np": "-2 * np", "- before": "+ before"},
        "The value before has the weight -0.7": {"- before": "- before * 0.7"},
        "The present value has the weight": {"2 * np.cos": "2 * np.tanh"},
        "Two zeros are followed by 0.3": {"- before": "- before + 0.3"},
    },
) | {
    "the phase is right, but the amplitude is taken as 1": by_the_phase,
    "the amplitude is taken as 1": lambda before, now, step: np.sin(
        np.arcsin(np.clip(now, -1, 1)) + step
    ),
}
KNOWN, STARTS = "np.arange(n_training)", "np.arange(first, n_values - length)"
NEAR_SPLIT = slips(
    split_apart,
    {
        "the windows overlap": {"n_training + length": "n_training"},
        "begins with the last training target": {"+ length": "+ length - 1"},
        "one window at the start is missing": {"+ length": "+ length + 1"},
        "twice the length": {"+ length": "+ 2 * length"},
        "the last window has no next value": {"- length": "- length + 1"},
        "that has a next value is missing": {"- length": "- length - 1"},
        "these are all values from there on": {" - length": ""},
        "these are the targets": {KNOWN: "np.arange(length, first)"},
        "these are the values of the windows": {KNOWN: "np.arange(first)"},
        "that from 99 is missing: it is one of the first 100": {
            KNOWN: "np.arange(n_training - 1)"
        },
        "belongs to the training windows, whose": {
            STARTS: "np.arange(first - 3, n_values - length)"
        },
        "each once, in order, is expected": {KNOWN: "np.arange(n_training)[::-1]"},
        "expected 2 results: training, validation": {f"{KNOWN}, {STARTS}": KNOWN},
    },
)
NEAR_RULE = slips(
    exact_rule,
    {
        "the newest value comes first": {"[:0:-1]": "[1:]"},
        "all signs are wrong": {"-product": "product"},
        "this is the whole polynomial; ": {"-product[:0:-1]": "product"},
        "the whole polynomial with its signs changed": {"[:0:-1]": ""},
        "in radians already": {"cos(step)": "cos(np.radians(step))"},
        "cos(step) has the wrong sign": {"-2 *": "2 *"},
    },
) | {
    "this is the rule of the last wave": lambda steps: exact_rule(steps[-1:]),
    "the first wave is left out": lambda steps: exact_rule(steps[1:]),
    "does not continue a wave of step 1": lambda steps: exact_rule(steps) ** 3,
    "one after another": lambda steps: np.concatenate([exact_rule([w]) for w in steps]),
    "are added": lambda steps: np.sum([exact_rule([w]) for w in steps], axis=0),
    "are averaged": lambda steps: np.mean([exact_rule([w]) for w in steps], axis=0),
}


def one_by_one(read):
    """Each value by a new run from h0, which reads some of the values so far."""

    def student(start, n, *params):
        values = list(start)
        for _ in range(n):
            values.append(roll_on(read(values, start), 1, *params)[0])
        return np.array(values[len(start) :])

    return student


def state(start, W_ih, W_hh, b_h, h):
    for x in start:
        h = np.tanh(x * W_ih[0] + h @ W_hh + b_h)
    return h


HEARD = "values[-1] *"
NEAR_ROLL = slips(
    roll_on,
    {
        "the inputs after the start are 0": {HEARD: "0 *"},
        "heard again and again": {HEARD: "start[-1] *"},
        "the last known value is heard twice": {"in start": "in [*start, start[-1]]"},
        "is not heard before the first forecast": {"in start": "in start[:-1]"},
        "only the last value of the start": {"in start": "in start[-1:]"},
        "the start is read backwards": {"in start": "in start[::-1]"},
        "the state begins at zero": {"= h0": "= 0 * h0"},
        "b_o is missing": {" + b_o": ""},
        "one value too many": {"range(n)": "range(n + 1)"},
    },
) | {
    "the window is read anew": one_by_one(lambda values, start: values[-len(start) :]),
    "the state is forgotten": one_by_one(lambda values, start: values[-1:]),
    "the start is among the values": lambda start, *a: np.append(
        start, roll_on(start, *a)
    ),
    "b_h is missing": lambda s, n, W_ih, W_hh, b_h, *a: roll_on(
        s, n, W_ih, W_hh, 0 * b_h, *a
    ),
    "W_hh is transposed": lambda s, n, W_ih, W_hh, *a: roll_on(s, n, W_ih, W_hh.T, *a),
    "the first forecast is missing": lambda s, n, *a: roll_on(s, n + 1, *a)[1:],
    "the numbers are right, the shape is not": lambda *a: roll_on(*a)[:, None],
    "all values should be b_o, and are not": lambda *a: roll_on(*a) ** 3 + 1,
    "The first forecast is right, and the next ones are not": lambda *a: (
        roll_on(*a) + 0.1 * np.arange(a[1]) * a[2].sum()
    ),
    "W_hh is transposed, in the loop over the forecasts": (
        lambda start, n, W_ih, W_hh, b_h, W_ho, b_o, h0: roll_on(
            *(np.zeros(0), n, W_ih, W_hh.T, b_h, W_ho, b_o),
            state(start, W_ih, W_hh, b_h, h0),
        )
    ),
}


def narrow(x):
    """Good for steps about 1 only."""
    a, b, c = x[-3:, :, 0]
    cosine = np.clip(((a + c) * b) / (2 * np.maximum(b**2, 1e-12)), -1, 1)
    near = np.abs(np.arccos(cosine) - 1) < 0.35
    return forecast(x) + np.where(near, 0.0, 0.4)


NEAR_FORECAST = {
    "take [:, 0]": lambda x: forecast(x)[:, None],
    "one forecast a wave": lambda x: x[:, :, 0],
    "That is a formula": lambda x: forecast(x, error=0.0),
    "the last value of each wave": lambda x: x[-1, :, 0],
    "the rule for the step 1": lambda x: next_value(x[-2, :, 0], x[-1, :, 0], 1.0),
    "the forecast is always about 0.2": lambda x: np.full(x.shape[1], 0.2),
    "the wrong sign": lambda x: -forecast(x),
    "it needs more training": lambda x: 0.9 * forecast(x),
    "always 0 would do about as well": lambda x: np.sin(7 * x[0, :, 0]),
    "other waves of the batch": lambda x: forecast(x) + x[-1, :, 0].mean(),
    "nan or infinite": lambda x: forecast(x) * np.nan,
    "for steps from 0.7 to 1.3": narrow,
}


NEAR_TABLE = slips(
    scaled_look_up,
    {
        "this is the plain table": {
            "x_new.T @ x / (x**2).sum(axis=0)": "1 + 0 * x_new.T @ x"
        },
        "the table that changes signs": {
            "x_new.T @ x / (x**2).sum(axis=0)": "np.sign(x_new.T @ x)"
        },
        "the target is not multiplied": {
            "factors[np.arange(len(nearest)), nearest] * y": "y"
        },
        "the largest distance is taken": {"argmin": "argmax"},
        "the factor has the wrong sign": {"x_new.T @ x": "-x_new.T @ x"},
        "the factor is never negative": {"x_new.T @ x": "np.abs(x_new.T @ x)"},
        "is not divided by the square": {" / (x**2).sum(axis=0)": ""},
        "by the length of the known window": {
            "(x**2).sum(axis=0)": "np.linalg.norm(x, axis=0)"
        },
        "these are the factors": {" * y[nearest]": ""},
        "the window is chosen before it is multiplied": {"- factors * x": "- x"},
        "the square of the new window": {
            "(x**2).sum(axis=0)": "(x_new**2).sum(axis=0)[:, None]"
        },
    },
) | {
    "the numbers are right, the shape is not": lambda *a: scaled_look_up(*a)[:, None],
    "are averaged": lambda x, y, x_new: (x_new.T @ x / (x**2).sum(axis=0) * y).mean(
        axis=1
    ),
}


@each_near_miss(
    SOLUTIONS,
    (NEAR_VALUE, NEAR_SPLIT, NEAR_RULE, NEAR_ROLL, NEAR_FORECAST, NEAR_TABLE),
)
def test_a_near_miss_is_named(checked, sentence, student):
    check_tells(checked, sentence, student)


# A forecast is judged by its RMSE, so a small error is right there.
EXACT = [checked for checked in SOLUTIONS if checked is not check.forecast]


@each_near_miss(EXACT, ({"": off_a_little(SOLUTIONS[c])} for c in EXACT))
def test_a_small_error_is_never_right(checked, sentence, student):
    check_tells(checked, sentence, student)


SPOILED = [check.exact_rule, check.roll_on, check.forecast, check.scaled_look_up]


@each_near_miss(SPOILED, ({CHANGED: spoiling(SOLUTIONS[c])} for c in SPOILED))
def test_an_answer_that_changes_its_inputs_is_told_so(checked, sentence, student):
    check_tells(checked, sentence, student)


def linear_rule(k):
    """Least squares on the last k values of 5,000 waves."""
    x, y, _ = check.waves(5000, np.random.default_rng(1))
    rule, *_ = np.linalg.lstsq(x[-k:, :, 0].T, y)
    return lambda x: x[-k:, :, 0].T @ rule


def nearest_wave(n):
    """What came after the nearest of n known waves."""
    x, y, _ = check.waves(n, np.random.default_rng(1))
    tree = KDTree(x[:, :, 0].T)
    return lambda x: y[tree.query(x[:, :, 0].T)[1]]


RULES = {
    "constant": ("the forecast is always about 0", lambda x: np.zeros(x.shape[1])),
    "rule for the step 1": (
        "this is the rule for the step 1",
        lambda x: next_value(x[-2, :, 0], x[-1, :, 0], 1.0),
    ),
    "linear rule on 2": ("are a linear rule of the 8 values", linear_rule(2)),
    "linear rule on 8": ("are a linear rule of the 8 values", linear_rule(8)),
    "look-up": ("expected at most 0.05", nearest_wave(20_000)),
}


@each_near_miss([check.forecast] * len(RULES), ({s: f} for s, f in RULES.values()))
def test_no_rule_without_training_is_called_right(checked, sentence, student):
    check_tells(checked, sentence, student)


def test_the_baselines_are_as_the_exercise_says():
    x, y, _ = check.waves(500, np.random.default_rng(7))
    said = {name: round(rmse(student(x), y), 2) for name, (_, student) in RULES.items()}
    assert said == {
        "constant": said["constant"],
        "rule for the step 1": 0.69,
        "linear rule on 2": 0.53,
        "linear rule on 8": 0.16,
        "look-up": 0.07,
    }


def rmse(o, y):
    return float(np.sqrt(np.mean((o - y) ** 2)))


def test_a_long_table_that_may_multiply_has_what_the_exercise_says():
    x, y, _ = check.waves(20_000, np.random.default_rng(1))
    x_new, y_new, _ = check.waves(500, np.random.default_rng(7))
    known, new = x[:, :, 0].T, x_new[:, :, 0].T
    lengths = np.linalg.norm(known, axis=1)
    unit = known / lengths[:, None]
    tree = KDTree(np.concatenate([unit, -unit]))
    new_lengths = np.linalg.norm(new, axis=1)
    nearest = tree.query(new / new_lengths[:, None])[1]
    told = np.concatenate([y / lengths, -y / lengths])[nearest] * new_lengths
    assert round(rmse(told, y_new), 3) == 0.015
