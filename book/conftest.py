"""How nbval runs the chapters: quietly, and as Jupyter would."""

import os
import tempfile

from nbval.kernel import RunningKernel

os.environ.setdefault("RNN_QUIET", "1")
# Neither the settings nor the history of whoever runs the tests take part.
SETTINGS = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.environ["IPYTHONDIR"] = SETTINGS.name


def execute_cell_input(kernel, source, allow_stdin=None):
    """Run a cell and keep it in the kernel's history, as Jupyter does.

    nbval does not, and then a final semicolon silences no value.
    """
    return kernel.kc.execute(
        source, allow_stdin=allow_stdin, stop_on_error=False
    )


RunningKernel.execute_cell_input = execute_cell_input
