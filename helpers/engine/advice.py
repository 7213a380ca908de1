"""What the common errors of PyTensor, JAX and Numba mean, and what to do about them.

Use it as `engine.explain(error)`.
"""

import re
import textwrap
import traceback
from typing import NamedTuple

WIDTH = 75  # of a line in a notebook


class Advice(NamedTuple):
    """Advice for the errors that `pattern` finds; named groups fill the texts.

    pattern: a regular expression, looked for in "ErrorType: message", a line break, and
    the names of the functions on the error's way; code: lines shown as they are.
    """

    pattern: str
    happened: str
    do: str
    code: str = ""


PYTHON_ENGINE = 'pytensor.function(inputs, outputs, mode="FAST_COMPILE")'

# What JAX and its translation of PyTensor say when a size is not known at compile time.
_SIZE = (
    r"Shapes must be 1D sequences of concrete values|Slice entries must be static"
    r"|slice indices must have static"
    r"|arguments of `jax.numpy.arange` to be constants"
)

# The first that matches counts.
ADVICE = (
    # JAX
    Advice(
        r"While Scan cannot yet be converted to JAX",
        "A scan that may end early (`until`) cannot be translated for JAX.",
        "Compile this one function for the Python engine, or scan a fixed number of "
        "steps and mask what comes after the end.",
        PYTHON_ENGINE,
    ),
    Advice(
        rf"(?s)({_SIZE}).*\bjax_inner_func\b",
        "JAX needs every size while it compiles, and inside the step of a scan one is "
        "not known. This is usually the gradient of a scan within a scan.",
        "Let the inner scan return only its states h, compute the readout from them "
        "outside, and declare all shapes, those of the shared weights too.",
        'x = pt.tensor3("x", shape=(S, T, n_in))\n'
        "W_hh = pytensor.shared(value, shape=value.shape)",
    ),
    Advice(
        _SIZE,
        "JAX needs every size while it compiles, and here one is known only when the "
        "function runs. In a scan it is the number of steps: the gradient through a "
        "scan needs it, and so does a scan over several sequences.",
        "Declare the time length. A size that is an input, as in pt.zeros(n) or x[:n], "
        "becomes a plain Python number, or this one function is compiled with "
        'mode="FAST_COMPILE".',
        'x = pt.matrix("x", shape=(T, n_in))',
    ),
    Advice(
        r"NonConcreteBooleanIndexError",
        "The size of x[mask] depends on the values in the mask, and JAX needs every "
        "size while it compiles.",
        "Keep the size and blank out the rest, or compile this one function with "
        'mode="FAST_COMPILE".',
        "pt.switch(mask, x, 0.0)",
    ),
    Advice(
        r"Tracer\w*ConversionError|ConcretizationTypeError",
        "While JAX compiles, values are placeholders (tracers) without numbers, and "
        "here the program asks for a number: an `if`, int(), float() or NumPy on one.",
        "Use operations that work on placeholders: pt.switch and pt.tanh in a graph, "
        "jnp.where and jnp.tanh in a function wrapped for JAX.",
    ),
    Advice(
        r"No JAX conversion for the given `Op`: (?P<op>\w+)",
        "The operation {op} has no translation for JAX.",
        "Compile this one function for the Python engine, which runs every operation.",
        PYTHON_ENGINE,
    ),
    Advice(
        r"JAX arrays are immutable|assignment destination is read-only",
        "What a function compiled for JAX returns cannot be changed in place.",
        "Take a copy, which can.",
        "h = np.array(f(x))",
    ),
    # Numba and C
    Advice(
        r"(?s)TypingError.*readonly buffer",
        "Numba found a JAX array: a shared variable that a function compiled for JAX "
        "has updated.",
        'Let engine.select("numba") choose the engine, which takes care of it, or give '
        "the variable its value back as a NumPy array.",
        "W.set_value(np.array(W.get_value()))",
    ),
    Advice(
        r"TypingError",
        "Numba could not work out the types of this program: an argument is not an "
        "array of numbers (None, a list, objects), or an operation is unknown to it.",
        "Pass arrays of numbers and leave trust_input alone, or compile this one "
        'function with mode="FAST_COMPILE".',
        "np.asarray(x, dtype=pytensor.config.floatX)",
    ),
    Advice(
        r"MissingGXX",
        "This function is to be compiled as C++, and PyTensor has no compiler here or "
        "is told not to use it.",
        'Select an engine that needs none ("jax", "numba"), or install g++ (clang++ on '
        "macOS), start Python again and select this one.",
        'engine.select("c")',
    ),
    # Types
    Advice(
        r"An update must have the same type as the original shared variable "
        r"\(shared_var=(?P<name>[^,]*), shared_var.type=(?P<old>.*?), "
        r"update_val=.*, update_val.type=(?P<new>.*)\)",
        "The shared variable {name} has the type {old} and keeps it, but its update "
        "computes {new}.",
        "If the precision differs, a float64 array or input stands in a float32 graph: "
        "convert it. If the number of dimensions differs, the update has a sum or a "
        "broadcast too many.",
        "np.asarray(value, dtype=pytensor.config.floatX)",
    ),
    Advice(
        r"cannot store a value of dtype (?P<came>\w+) without risking loss of precision"
        r".*cast your data to (?P<wanted>\w+)",
        "The variable takes {wanted} and got {came}; PyTensor does not round silently.",
        "Convert the data, or give the variable their type. engine.select(floatX=...) "
        "decides what pt.matrix and its like take: call it before building the graph.",
        'np.asarray(value, dtype="{wanted}")',
    ),
    Advice(
        r"outputs_info.*has dtype (?P<wanted>\w+), while .* has dtype (?P<came>\w+)",
        "The scan starts from a state of type {wanted}, and its step returns {came}.",
        "Give inputs, weights and initial states one type, floatX.",
        "h0 = pt.zeros(n_hidden, dtype=pytensor.config.floatX)",
    ),
    Advice(
        r"outputs_info.*has \d+ dimension\(s\), while the corresponding",
        "The step of the scan returns a state with another number of dimensions than "
        "the state it starts from.",
        "Look at one step on its own: from a vector h comes a vector h @ W_hh. With a "
        "batch of B, the initial state needs the batch too.",
        "h0 = pt.zeros((B, n_hidden))",
    ),
    Advice(
        r"carry input and carry output must have equal types"
        r"|could not broadcast input array from shape",
        "The step of the scan returns a state of another shape than the state it got.",
        "Every state must have the shape of the initial state in outputs_info. Most "
        "often that one has the wrong length, or a weight matrix is not square.",
    ),
    Advice(
        r"Wrong number of dimensions: expected (?P<wanted>\d+), got (?P<came>\d+)",
        "The variable takes an array of {wanted} dimensions and got one of {came}.",
        "Reshape the data (value[None] adds an axis), or declare another variable: "
        "pt.scalar, pt.vector, pt.matrix and pt.tensor3 have 0, 1, 2 and 3 dimensions.",
    ),
    Advice(
        r"The type's shape \((?P<wanted>\(.*?\))\) is not compatible with the data's "
        r"\((?P<came>\(.*?\))\)",
        "The variable is declared with shape {wanted}, and the data have shape {came}.",
        "Pass data of the declared shape, or declare another; None is any length.",
        'x = pt.matrix("x", shape=(None, n_in))',
    ),
    # Shapes
    Advice(
        r"Runtime broadcasting not allowed",
        "One array has length 1 where the other is longer. PyTensor repeats it only if "
        "the graph says beforehand that the length is 1.",
        "Declare it.",
        'b = pt.matrix("b", shape=(1, n))',
    ),
    Advice(
        r"contracting dimensions to have the same shape|\bnot aligned\b"
        r"|incompatible array sizes for np.dot|operands have mismatched"
        r"|Incompatible shared dimension|mismatch in its core dimension"
        r"|^ValueError: Shape mismatch: x has",
        "A product x @ W needs as many columns in x as W has rows; here they differ.",
        "Print both shapes. In this course the data come first, x of shape (T, n_in) "
        "or (T, B, n_in), the weights second, W_ih of shape (n_in, n_hidden).",
    ),
    Advice(
        r"[Ii]ncompatible (shapes|types) for broadcasting"
        r"|could not be broadcast together|Could not broadcast dimensions"
        r"|Incompatible Elemwise input shapes|has an incompatible shape in axis"
        r"|Input dimension mismatch",
        "Two arrays meet element by element, and their shapes do not fit.",
        "Print both shapes. Counted from the last axis, the lengths must be equal, or "
        "one of them declared to be 1.",
    ),
    Advice(
        r"index (?P<index>-?\d+) is out of bounds for axis \d+ with size (?P<size>\d+)",
        "Index {index} does not exist on an axis of length {size}; they start from 0.",
        "Look where the index comes from: the number of a word, for instance, must be "
        "smaller than the vocabulary. JAX does not notice: it takes the nearest one.",
    ),
    # Functions
    Advice(
        r"TypeError: Missing input: (?P<name>.*)",
        "The function was called without its input {name}.",
        "Pass one value for each variable in the list of inputs, in their order.",
    ),
    Advice(
        r"Too many parameter passed|Unknown input: ",
        "The function was called with an input that it was not built with.",
        "Pass one value for each variable in the list of inputs, in their order. "
        "Shared variables are not passed.",
    ),
    Advice(
        r"MissingInputError: Input \d+ \((?P<name>.*?)\) of the graph",
        "The outputs depend on {name}, which is neither an input nor shared.",
        "Add {name} to the list of inputs. If it stands there, it was created anew "
        "after the graph was built: run the cells again from the top.",
    ),
    Advice(
        r"UnusedInputError: Variable (?P<name>.*) is used twice",
        "The variable {name} stands twice in the list of inputs.",
        "List each variable once.",
    ),
    Advice(
        r"UnusedInputError: .* to compute the outputs: (?P<name>.*)\.",
        "The variable {name} is an input, but the outputs do not depend on it.",
        "Take it out, or look for the place where the graph should use it. A variable "
        "created anew in a later cell is another variable, even under the same name.",
    ),
    Advice(
        r"Input variables of a PyTensor function should be contained in a list",
        "The inputs of pytensor.function are not in a list.",
        "Write a list, also for one input.",
        "pytensor.function([x], y)",
    ),
    Advice(
        r"update target must be a SharedVariable",
        "An update is given for a variable that is not shared, so keeps no value.",
        "Make it a shared variable.",
        'W = pytensor.shared(value, name="W")',
    ),
    # Gradients
    Advice(
        r"DisconnectedInputError",
        "The gradient was asked for a variable that the cost does not depend on.",
        "Look for the place where the graph should use it. A variable created anew in "
        "a later cell is another variable, and so is an expression such as W.T.",
    ),
    Advice(
        r"Cost must be a scalar",
        "A gradient is taken of one number, and the cost is an array.",
        "Reduce it first.",
        "loss.mean()",
    ),
    # Symbols
    Advice(
        r"TensorVariables? cannot be converted to Python"
        r"|Length of .* cannot be determined",
        "A symbolic variable has no value while the graph is built: Python cannot test "
        "it, loop over it or turn it into a number.",
        "Use pt.switch instead of `if`, pytensor.scan instead of `for`, and call a "
        "compiled function to get numbers.",
    ),
    Advice(
        r"TensorVariable does not support item assignment",
        "A graph describes values and changes none of them.",
        "Make a new variable: the array with one part replaced.",
        "y = x[0].set(value)",
    ),
    # Numbers
    Advice(
        r"\b(NaN|Inf) detected",
        "A result is infinite or not a number (NaN).",
        "Look for a logarithm or a division of 0, and for weights that grow without "
        "bound: a smaller learning rate or clipped gradients help there.",
    ),
)


def explain(error: BaseException) -> str:
    """Say in plain words what an error of PyTensor or an engine means and what to do.

        try:
            f(x)
        except Exception as error:
            print(engine.explain(error))

    Raises ValueError for something that is not an exception.
    """
    if not isinstance(error, BaseException):
        raise ValueError(f"error: expected an exception, got {type(error).__name__}")
    message = f"{type(error).__name__}: {error}"
    way = " ".join(frame.name for frame in traceback.extract_tb(error.__traceback__))
    for advice in ADVICE:
        if found := re.search(advice.pattern, f"{message}\n{way}"):
            return _text(*(part.format(**found.groupdict()) for part in advice[1:]))
    return _text(
        f"an error that is not known here, {message.strip().splitlines()[0]}",
        "Read the last line of the traceback that is yours: it says where.",
    )


def _text(happened: str, do: str, code: str = "") -> str:
    paragraphs = [f"What happened: {happened}", f"What to do: {do}"]
    lines = [textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs]
    return "\n".join([*lines, *(f"    {line}" for line in code.splitlines())])
