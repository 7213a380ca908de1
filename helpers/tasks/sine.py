"""The sine of chapter 7: windows over it, ways to split them, and the closed loop.

Time is axis 0, examples are axis 1, features last, as in `helpers.networks.elman`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from helpers import arguments
from helpers.tasks import sunspots

LENGTH = 50  # steps of a window


class Windows(NamedTuple):
    """Windows x (T, n, 1), oldest value first, and the value that follows, y (n, 1)."""

    x: np.ndarray
    y: np.ndarray

    def take(self, chosen) -> "Windows":
        """Some of the windows: `chosen` is a slice, a mask or a list of indices.

        Raises ValueError for a mask of another length, and for other indices than those
        from 0 to n - 1.
        """
        if not isinstance(chosen, slice):
            n = len(self.y)
            chosen = arguments.array("chosen", chosen, ("n",))
            if chosen.dtype != bool:
                chosen = arguments.indices("chosen", chosen, n)
            elif len(chosen) != n:
                raise ValueError(
                    f"chosen must be a mask of {n} windows; got one of {len(chosen)}"
                )
        return Windows(self.x[:, chosen], self.y[chosen])


def windows(series: np.ndarray, length: int = LENGTH) -> Windows:
    """All windows of a series (n,) that have a next value; ValueError if there is none.

    And for a length that is not a positive integer. The windows of
    `helpers.tasks.sunspots.windows`, in the shape of a batch of sequences.
    """
    arguments.integer("length", length)
    X, y = sunspots.windows(series, length)
    return Windows(X.T[:, :, None].copy(), y[:, None])


# What the waves of two splits are trained on, and what is held out: of the amplitudes,
# or of the steps in radians.
TRAINED_ON, HELD_OUT, LOUDER = ((0.5, 0.8), (1.2, 1.5)), ((0.9, 1.1),), ((1.6, 2.0),)


def _waves(steps, phases, amplitudes) -> Windows:
    """A window of each of n waves; steps or amplitudes may be one number for all.

    Value t of wave i is amplitudes[i] sin(phases[i] + t steps[i]).
    """
    t = np.arange(LENGTH + 1)[:, None]
    values = amplitudes * np.sin(phases + t * steps)
    return Windows(values[:-1, :, None].copy(), values[-1][:, None].copy())


def _spread(n: int, ranges: Sequence[tuple[float, float]]) -> np.ndarray:
    """n numbers (n,), as many in each of the ranges, spread evenly and in no order.

    They are the multiples of the golden ratio, without their whole parts.
    """
    place = np.arange(n) * (5**0.5 - 1) / 2 % 1 * len(ranges)
    low, high = np.array(ranges)[place.astype(int)].T
    return low + place % 1 * (high - low)


def split(how: str = "published") -> tuple[Windows, Windows]:
    """Training and validation windows of sin(0), sin(1), sin(2), ...

    "published": the first 100 windows over the first 200 values, and the next 50. Most
    values of the validation windows are also in training windows.
    "apart": the same training, and 50 windows over the values from 150 on: no value is
    in both. But sin(t + 44) is close to sin(t), because 44 steps are nearly 7 periods.
    "new half": of these, training on the windows whose next value is negative or zero,
    and validation on those whose next value is positive, so that no target is known.
    But 22 steps are nearly 7 half periods, and sin(t + 22) is close to -sin(t).
    "amplitude": 400 windows, each with an amplitude of its own, from 0.5 to 0.8 or from
    1.2 to 1.5, and 50 with amplitudes from 0.9 to 1.1.
    "louder": the same training, and 50 with amplitudes from 1.6 to 2.
    "frequency": 400 windows of waves of amplitude 1, each with a step of its own, from
    0.5 to 0.8 or from 1.2 to 1.5 radians, and 50 with steps from 0.9 to 1.1.

    Raises ValueError for another name.
    """
    phases = np.arange(450.0)
    first, last = phases[:400], phases[400:]
    if how in ("amplitude", "louder"):
        asked = HELD_OUT if how == "amplitude" else LOUDER
        return (
            _waves(1.0, first, _spread(400, TRAINED_ON)),
            _waves(1.0, last, _spread(50, asked)),
        )
    if how == "frequency":
        return (
            _waves(_spread(400, TRAINED_ON), first, 1.0),
            _waves(_spread(50, HELD_OUT), last, 1.0),
        )
    all_windows = windows(np.sin(np.arange(250)))
    training = all_windows.take(slice(0, 100))
    if how == "published":
        return training, all_windows.take(slice(100, 150))
    apart = all_windows.take(slice(150, 200))
    if how == "apart":
        return training, apart
    if how == "new half":
        return training.take(training.y[:, 0] <= 0), apart.take(apart.y[:, 0] > 0)
    raise ValueError(
        "how must be 'published', 'apart', 'new half', 'amplitude', 'louder' or "
        f"'frequency'; got {how!r}"
    )


def channels(phases: np.ndarray, steps: int = 32, step: float = 0.2) -> np.ndarray:
    """(sin, cos) of waves that start at `phases` (n,): shape (steps + 1, n, 2).

    One value more than `steps`, so that [:-1] are the inputs and [1:] the targets.
    Raises ValueError for phases that are not n real numbers, a number of steps that is
    no integer of at least 0, and a step that is not finite.
    """
    phases = arguments.array("phases", phases, ("n",))
    steps = arguments.integer("steps", steps, 0)
    step = arguments.number("step", step)
    angle = np.arange(steps + 1)[:, None] * step + phases
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def roll_out(forecast: Callable, start: np.ndarray, steps: int) -> np.ndarray:
    """Closed loop: the next `steps` values when each forecast becomes the last input.

    `start` (T,) holds the last known values. `forecast` maps a window (T, 1, 1) to the
    next value (1, 1). Returns (steps,), float64. Raises ValueError for a start that is
    not one or more real numbers, a number of steps that is no integer of at least 0,
    and a forecast of another shape.
    """
    arguments.function("forecast", forecast)
    steps = arguments.integer("steps", steps, 0)
    values = arguments.array("start", start, ("T",)).tolist()
    T = len(values)
    if not T:
        raise ValueError("start must hold at least one value; got none")
    for _ in range(steps):
        o = forecast(np.array(values[-T:], dtype=float)[:, None, None])
        values.append(float(arguments.array("forecast(window)", o, (1, 1))[0, 0]))
    return np.array(values[T:], dtype=float)


class Wave(NamedTuple):
    """Phase, in radians from -pi to pi, and amplitude at each step; shapes (n,)."""

    phase: np.ndarray
    amplitude: np.ndarray


def wave(values: np.ndarray, step: float = 1.0) -> Wave:
    """Phase and amplitude from neighbours, for values (n + 1,), from the second on.

    If o_t = A sin(p) and o_{t-1} = A sin(p - step), then
    A cos(p) = (o_t cos(step) - o_{t-1}) / sin(step). Exact for a wave of that step, and
    for what is close to one, a local fit. Raises ValueError for values that are not one
    or more real numbers, and for a step that is not finite or whose sine is 0.
    """
    values = arguments.floats({"values": values})["values"]
    arguments.fit({"values": values.shape}, {"values": (("n + 1",),)})
    if not len(values):
        raise ValueError("values must hold at least one value; got none")
    step = arguments.number("step", step)
    if abs(np.sin(step)) < 1e-9:
        raise ValueError(f"step must not be a multiple of pi; got {step}")
    before, now = values[:-1], values[1:]
    quadrature = (now * np.cos(step) - before) / np.sin(step)
    return Wave(np.arctan2(now, quadrature), np.hypot(now, quadrature))


def wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angle between -pi and pi: the shorter way round.

    Raises ValueError for what is not made of real numbers.
    """
    return np.angle(np.exp(1j * arguments.array("angle", angle)))
