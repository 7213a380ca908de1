"""The language model of chapter 8: `python -m helpers.lm --help`."""
