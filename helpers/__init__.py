"""RNNs, Unrolled: what a chapter has explained, for the chapters that follow.

Each folder is a room for one trade, and its first lines say what belongs there. Below
all rooms, `arguments.py` holds what they ask of their arguments, and `compiled_code.py`
keeps what engines compile. Who may import whom stands in pyproject.toml.
`environment.py` stands alone.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the folder of the course
