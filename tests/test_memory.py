"""What is asked of the C library."""

import pytest

from helpers.engine import memory


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_where_the_c_library_is_another_nothing_is_asked_of_it(error, monkeypatch):
    def missing(name):
        raise error

    monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    assert memory.keep_memory() is None
    assert memory.share_memory() is None
