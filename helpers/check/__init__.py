"""Checks of the exercises: a module for each chapter, on what is in `core`.

A check compares a student's answer with a computation of its own and says what is
wrong. It may use what the chapters have explained, and nothing but its exercises and
the tests use it. `clues` is for what a check finds by asking a function more.
"""
