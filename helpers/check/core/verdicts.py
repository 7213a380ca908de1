"""What a check answers."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps


@dataclass(frozen=True)
class Verdict:
    """`ok` if right; `started` is False for an untouched starter; `message` says it."""

    ok: bool
    started: bool
    message: str

    def __str__(self) -> str:
        return self.message


def right(name: str) -> Verdict:
    """The verdict on a value or function `name` that is right."""
    return Verdict(True, True, f"{name}: right.")


def wrong(name: str, what: str) -> Verdict:
    """The verdict on a value or function `name` that is not right, and why."""
    return Verdict(False, True, f"{name}: {what}{'' if what.endswith('?') else '.'}")


def not_started(name: str) -> Verdict:
    """The verdict on a starter that nobody has touched."""
    return Verdict(False, False, f"Not started yet: replace the `...` in {name}.")


def conclude(verdicts: Iterable[Verdict], meaning: str) -> Verdict:
    """The answer to an exercise: the first verdict that is not ok, or "Right".

    `verdicts` may be a generator; what comes after the first failure is not computed.
    `meaning` is the sentence that a right answer has earned.
    """
    try:
        for verdict in verdicts:
            if not verdict.started:
                return verdict
            if not verdict.ok:
                return Verdict(False, True, f"Not yet. {verdict.message}")
    except Exception as error:
        # A student's object may misbehave wherever it is touched. Whatever that
        # is, the notebook shows a sentence, not a traceback through this package.
        return Verdict(
            False,
            True,
            f"Not yet. The answer cannot be judged: {type(error).__name__}.",
        )
    return Verdict(True, True, f"Right. {meaning}")


def exercise(meaning: str) -> Callable[[Callable[..., Iterable[Verdict]]], Callable]:
    """Makes a function that yields verdicts a check, which prints their conclusion.

    `meaning` is the sentence that a right answer has earned.
    """

    def decorate(verdicts: Callable[..., Iterable[Verdict]]) -> Callable[..., None]:
        @wraps(verdicts)
        def check(*args, **kwargs):
            print(conclude(verdicts(*args, **kwargs), meaning))

        signature = inspect.signature(verdicts)
        check.__signature__ = signature.replace(return_annotation=None)
        return check

    return decorate
