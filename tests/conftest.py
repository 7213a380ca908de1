"""What all tests share: a quiet engine, and figures that are never shown."""

import os

import matplotlib

os.environ.setdefault("RNN_QUIET", "1")
# Not by MPLBACKEND: the kernels that run the notebooks would inherit it.
matplotlib.use("Agg")
