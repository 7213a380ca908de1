"""What a check answers."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps

from helpers.check.core.domains import Domain

VALUES = "values"  # the rule of a verdict that has compared values and knows no more


@dataclass(frozen=True)
class Verdict:
    """`ok` if right; `started` is False for an untouched starter; `message` says it.

    `rule` names what a diagnosis rests on, such as "mistake" or "shape"; `VALUES`
    stands for none.
    """

    ok: bool
    started: bool
    message: str
    rule: str = ""

    def __str__(self) -> str:
        return self.message


def right(name: str) -> Verdict:
    """The verdict on a value or function `name` that is right."""
    return Verdict(True, True, f"{name}: right.")


def wrong(name: str, what: str, rule: str = "told") -> Verdict:
    """The verdict on a value or function `name` that is not right, and why."""
    stop = "" if what.endswith("?") else "."
    return Verdict(False, True, f"{name}: {what}{stop}", rule)


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
                said = f"Not yet. {verdict.message}"
                return Verdict(False, True, said, verdict.rule)
    except Exception as error:
        # A student's object may misbehave wherever it is touched. Whatever that
        # is, the notebook shows a sentence, not a traceback through this package.
        return Verdict(
            False,
            True,
            f"Not yet. The answer cannot be judged: {type(error).__name__}.",
            VALUES,
        )
    return Verdict(True, True, f"Right. {meaning}")


def exercise(meaning: str, domain: Domain | None = None) -> Callable:
    """Makes a function that yields verdicts a check, which prints their conclusion.

    `meaning` is the sentence that a right answer has earned. With a `domain` the
    function is given its probes after the student's function. The check has the
    domain, and `verdict(...)`, its conclusion without print.
    """

    def decorate(verdicts: Callable[..., Iterable[Verdict]]) -> Callable[..., None]:
        def verdict(student, *args, **kwargs) -> Verdict:
            drawn = (domain.probes(),) if domain else ()
            return conclude(verdicts(student, *drawn, *args, **kwargs), meaning)

        @wraps(verdicts)
        def check(student, *args, **kwargs):
            print(verdict(student, *args, **kwargs))

        signature = inspect.signature(verdicts)
        parameters = [p for p in signature.parameters.values() if p.name != "probes"]
        check.__signature__ = signature.replace(
            parameters=parameters, return_annotation=None
        )
        check.domain, check.verdict = domain, verdict
        return check

    return decorate
