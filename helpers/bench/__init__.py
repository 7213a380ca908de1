"""The bench: all that is timed, one implementation beside another (`make bench`).

Here are the ways to compute a network, the processes in which each is timed, and what
chapters 3, 4, 6 and 8 say about time and memory. `python -m helpers.bench --list` names
the recordings. What is measured without a clock is in `helpers.experiments`.
"""
