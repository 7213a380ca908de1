"""What all checks are made of: to call, to compare, to say what is wrong.

An exercise's check calls the student's function, compares what comes back with a
computation of its own, and prints one answer: "Right" and what that means, "Not
yet" and what is wrong, or "Not started yet". It survives whatever the student's
code returns or raises.

The pieces, each usable alone:

    call(name, function, *arguments)       the result, or the Verdict on its failure
    unpack(name, result, parts)            several results as a dict, or a Verdict
    run_updates(name, updates, params, n)  PyTensor updates run n times, or a Verdict
    compare(name, got, expected, ...)      the Verdict on one value
    compare_parts(got, expected, ...)      the Verdict on several values by name
    conclude(verdicts, meaning)            the first that is not ok, or "Right"
    Domain(signature, says, draw, ...)     the inputs that are valid, and the probes
    judge(student, probes, answer, ...)    the Verdict on a function, on all its probes
    exercise(meaning, domain)              makes a generator of verdicts a check

A function that cannot give its result gives the Verdict that says why, and all of
them hand on a Verdict that they receive. So a check reads from top to bottom,
without a branch for each failure. The exercises of a chapter are in a module of
their own, such as `helpers.check.ch01_feedforward_checks`.
"""

from helpers.check.core.calls import call, unpack
from helpers.check.core.diagnosis import compare, compare_parts
from helpers.check.core.domains import Domain, Probe
from helpers.check.core.graphs import run_updates
from helpers.check.core.judging import judge
from helpers.check.core.verdicts import Verdict, conclude, exercise

__all__ = [
    "Domain",
    "Probe",
    "Verdict",
    "call",
    "compare",
    "compare_parts",
    "conclude",
    "exercise",
    "judge",
    "run_updates",
    "unpack",
]
