"""What the common errors of PyTensor, JAX and Numba mean, and what to do about them.

Use it as `engine.explain(error)`. An error is known by four things, of which its text
is only one: its kind, the place where it arises, what was being compiled or computed
there, and the text. So a rule for JAX is never read out for an error of one's own
program that uses the same words, and an AssertionError without a word can be known.
"""

import re
import textwrap
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.link.basic import JITLinker, Linker
from pytensor.scan.op import Scan

WIDTH = 75  # of a line in a notebook


class Failure(NamedTuple):
    """What can be found out about an error.

    kind: the names of its class and of the classes above it.
    where: "build", "build scan", "build step" (of a scan), "gradient", "compile" or
        "call" (of PyTensor), or "outside", and the engine at work, if any: "call jax".
    compiled: the operations on the way to it, the last is where it arose, and after a
        bar the scans of the whole graph: "Scan{gradient} > Subtensor | Scan{until}".
    message: its text.
    """

    kind: str
    where: str
    compiled: str
    message: str


class Rule(NamedTuple):
    """Advice for the failures in which all four patterns are found.

    The patterns are regular expressions; named groups of that for the message fill the
    texts; {op} is the operation where it arose, {at} says so. code: lines that are
    shown as they are.
    """

    message: str
    happened: str
    do: str
    code: str = ""
    kind: str = ""
    where: str = "build|gradient|compile|call"
    compiled: str = ""


PYTHON_ENGINE = 'pytensor.function(inputs, outputs, mode="FAST_COMPILE")'
NUMBERS = "np.asarray(x, dtype=pytensor.config.floatX)"

# What JAX and its translation of PyTensor say when a size is not known at compile time.
_SIZE = (
    r"Shapes must be 1D sequences of concrete values|Slice entries must be static"
    r"|slice indices must have static"
    r"|arguments of `jax.numpy.arange` to be constants"
)
_INDEX = (
    "Look where the index comes from: the number of a word, for instance, must be "
    "smaller than the vocabulary. JAX does not notice: it takes the nearest one."
)
_JAX = "(compile|call) jax"
_NUMBA = "(compile|call) numba"

# The first that fits counts.
RULES = (
    # A fault of a version, see helpers.engine.until
    Rule(
        r"negative dimensions|alloc failed",
        "This PyTensor takes a wrong gradient through a scan that goes over a sequence "
        "and may end early (`until`). Here the scan has gone on to the end, and the "
        "fault shows as an error; if it ends early the gradient is wrong in silence.",
        "Use PyTensor 3.1.1 or later, which needs Python 3.12 or later; or scan a "
        "fixed number of steps and mask what comes after the end.",
        compiled=r"Scan\{until\}.*Scan\{gradient|Scan\{gradient.*Scan\{until",
    ),
    # JAX
    Rule(
        "",
        "A scan that may end early (`until`) cannot be translated for JAX.",
        "Compile this one function for the Python engine, or scan a fixed number of "
        "steps and mask what comes after the end.",
        PYTHON_ENGINE,
        kind="NotImplementedError",
        where=_JAX,
        compiled=r"Scan\{until\} \|",
    ),
    Rule(
        "",
        "A gradient with truncate_gradient, with respect to a sequence of the scan: "
        "JAX keeps a slope for each step of it, and the truncated way back has fewer. "
        "A product taken outside the step, x @ W_ih, is such a sequence.",
        "Take the product inside the step, x_t @ W_ih, if it is the weights whose "
        "gradient is asked for, or compile this one function for the Python engine.",
        PYTHON_ENGINE,
        kind="AssertionError",
        where=_JAX,
        compiled=r"Scan\{gradient,truncated\} \|",
    ),
    Rule(
        _SIZE,
        "JAX needs every size while it compiles, and inside the step of a scan one is "
        "not known. This is usually the gradient of a scan within a scan.",
        "Let the inner scan return only its states h, compute the readout from them "
        "outside, and declare all shapes, those of the shared weights too.",
        'x = pt.tensor3("x", shape=(S, T, n_in))\n'
        "W_hh = pytensor.shared(value, shape=value.shape)",
        where=_JAX,
        compiled=r"Scan\S* .*> \w+ \|",
    ),
    Rule(
        _SIZE,
        "JAX needs every size while it compiles, and here one is known only when the "
        "function runs. In a scan it is the number of steps: the gradient through a "
        "scan needs it, and so does a scan over several sequences.",
        "Declare the time length. A size that is an input, as in pt.zeros(n) or x[:n], "
        "becomes a plain Python number, or this one function is compiled with "
        'mode="FAST_COMPILE".',
        'x = pt.matrix("x", shape=(T, n_in))',
        where=_JAX,
    ),
    Rule(
        "",
        "The size of x[mask] depends on the values in the mask, and JAX needs every "
        "size while it compiles.",
        "Keep the size and blank out the rest, or compile this one function with "
        'mode="FAST_COMPILE".',
        "pt.switch(mask, x, 0.0)",
        kind="NonConcreteBooleanIndexError",
        where=_JAX,
    ),
    Rule(
        "",
        "How many elements are not zero, or differ, depends on values, and JAX needs "
        "every size while it compiles.",
        "Keep the size and blank out the rest, or compile this one function with "
        'mode="FAST_COMPILE".',
        "pt.switch(mask, x, 0.0)",
        where=_JAX,
        compiled=r"Nonzero \|",
    ),
    Rule(
        "SmallVector",
        "JAX cannot scan over an empty sequence.",
        "Leave empty sequences out, or compile this function for the Python engine.",
        PYTHON_ENGINE,
        where=_JAX,
        compiled=r"Scan\S* \|",
    ),
    Rule(
        "",
        "While JAX compiles, values are placeholders (tracers) without numbers, and "
        "here the program asks for a number: an `if`, int(), float() or NumPy on one.",
        "Use operations that work on placeholders: pt.switch and pt.tanh in a graph, "
        "jnp.where and jnp.tanh in a function wrapped for JAX.",
        kind=r"Tracer\w*ConversionError|ConcretizationTypeError",
        where="jax",
    ),
    Rule(
        r"No JAX conversion for the given `Op`: (?P<op>\w+)",
        "The operation {op} has no translation for JAX.",
        "Compile this one function for the Python engine, which runs every operation.",
        PYTHON_ENGINE,
        kind="NotImplementedError",
        where=_JAX,
    ),
    Rule(
        r"JAX arrays are immutable|assignment destination is read-only",
        "What a function compiled for JAX returns cannot be changed in place.",
        "Take a copy, which can.",
        "h = np.array(f(x))",
        where="outside",
    ),
    # Numba and C
    Rule(
        r"readonly buffer",
        "Numba found a JAX array: a shared variable that a function compiled for JAX "
        "has updated.",
        'Let engine.select("numba") choose the engine, which takes care of it, or give '
        "the variable its value back as a NumPy array.",
        "W.set_value(np.array(W.get_value()))",
        kind="TypingError",
        where=_NUMBA,
    ),
    Rule(
        r"non-precise type|\bnone\b|NoneType|pyobject",
        "Numba could not work out the types of this program: an argument is not an "
        "array of numbers (None, a list, objects).",
        "Pass arrays of numbers and leave trust_input alone, or compile this one "
        'function with mode="FAST_COMPILE".',
        NUMBERS,
        kind="TypingError",
        where=_NUMBA,
    ),
    Rule(
        "",
        "This function is to be compiled as C++, and PyTensor has no compiler here or "
        "is told not to use it.",
        'Select an engine that needs none ("jax", "numba"), or install g++ (clang++ on '
        "macOS), start Python again and select this one.",
        'engine.select("c")',
        kind="MissingGXX",
    ),
    # Types
    Rule(
        r"An update must have the same type as the original shared variable "
        r"\(shared_var=(?P<name>[^,]*), shared_var.type=(?P<old>.*?), "
        r"update_val=.*, update_val.type=(?P<new>.*)\)",
        "The shared variable {name} has the type {old} and keeps it, but its update "
        "computes {new}.",
        "If the precision differs, a float64 array or input stands in a float32 graph: "
        "convert it. If the number of dimensions differs, the update has a sum or a "
        "broadcast too many.",
        "np.asarray(value, dtype=pytensor.config.floatX)",
        where="compile",
    ),
    Rule(
        r"cannot store a value of dtype (?P<came>\w+) without risking loss of precision"
        r".*cast your data to (?P<wanted>\w+)",
        "The variable takes {wanted} and got {came}; PyTensor does not round silently.",
        "Convert the data, or give the variable their type. engine.select(floatX=...) "
        "decides what pt.matrix and its like take: call it before building the graph.",
        'np.asarray(value, dtype="{wanted}")',
    ),
    Rule(
        r"Expected an array-like object, but found a Variable",
        "A compiled function was given a symbolic variable, which has no value.",
        "Pass numbers. The value of a shared variable is W.get_value().",
        "f(np.ones(3))",
        where="call",
    ),
    Rule(
        r"dtype object|could not convert string|inhomogeneous shape"
        r"|'isnan' not supported|Cannot convert .* to a tensor variable",
        "What was passed is no array of numbers: None, text, lists of unequal length.",
        "Make it an array of numbers; pad sequences of unequal length and use a mask.",
        NUMBERS,
        where="call|build",
    ),
    Rule(
        r"outputs_info.*has dtype (?P<wanted>\w+), while .* has dtype (?P<came>\w+)",
        "The scan starts from a state of type {wanted}, and its step returns {came}.",
        "Give inputs, weights and initial states one type, floatX.",
        "h0 = pt.zeros(n_hidden, dtype=pytensor.config.floatX)",
        where="build",
    ),
    Rule(
        r"outputs_info.*has \d+ dimension\(s\), while the corresponding",
        "The step of the scan returns a state with another number of dimensions than "
        "the state it starts from.",
        "Look at one step on its own: from a vector h comes a vector h @ W_hh. With a "
        "batch of B, the initial state needs the batch too.",
        "h0 = pt.zeros((B, n_hidden))",
        where="build",
    ),
    Rule(
        r"carry input and carry output must have equal types"
        r"|could not broadcast input array from shape",
        "The step of the scan returns a state of another shape than the state it got.",
        "Every state must have the shape of the initial state in outputs_info. Most "
        "often that one has the wrong length, or a weight matrix is not square.",
        compiled=r"Scan\S* \|",
    ),
    Rule(
        r"positional argument",
        "The step of the scan takes another number of arguments than scan hands over.",
        "It receives, in this order: one element of each sequence, the states of "
        "outputs_info (none for an entry None), and the non_sequences.",
        "step(x_t, h_tm1, W_ih, W_hh)",
        kind="TypeError",
        where="build scan",
    ),
    Rule(
        r"output(_info|s_info)|number of outputs|outputs? of the inner function"
        r"|Please provide None as outputs_info",
        "What the step of the scan returns does not match outputs_info.",
        "outputs_info needs one entry for each output of the step: the initial state, "
        "or None for an output that is not fed back.",
        "outputs_info=[h0, None]",
        where="build scan",
    ),
    Rule(
        r"return value of your scan lambda",
        "The step of the scan returns something that is no symbolic variable.",
        "Does it end with `return`? A constant becomes a variable by pt.constant.",
        where="build scan",
    ),
    Rule(
        r"No information about the number of steps|[Nn]umber of steps",
        "The scan does not know how many steps to make, or has too short a sequence.",
        "Give it a sequence, or n_steps; with both, no sequence may be shorter.",
        "pytensor.scan(step, outputs_info=h0, n_steps=10)",
    ),
    Rule(
        r"Wrong number of dimensions: expected (?P<wanted>\d+), got (?P<came>\d+)",
        "The variable takes an array of {wanted} dimensions and got one of {came}.",
        "Reshape the data (value[None] adds an axis), or declare another variable: "
        "pt.scalar, pt.vector, pt.matrix and pt.tensor3 have 0, 1, 2 and 3 dimensions.",
    ),
    Rule(
        r"The type's shape \((?P<wanted>\(.*?\))\) is not compatible with the data's "
        r"\((?P<came>\(.*?\))\)",
        "The variable is declared with shape {wanted}, and the data have shape {came}.",
        "Pass data of the declared shape, or declare another; None is any length.",
        'x = pt.matrix("x", shape=(None, n_in))',
    ),
    # Shapes
    Rule(
        r"Runtime broadcasting not allowed|is not statically known to have",
        "One array has length 1 where the other is longer. PyTensor repeats it only if "
        "the graph says beforehand that the length is 1.",
        "Declare it.",
        'b = pt.matrix("b", shape=(1, n))',
        where="call",
    ),
    Rule(
        r"contracting dimensions to have the same shape|\bnot aligned\b"
        r"|incompatible array sizes for np.dot|operands have mismatched"
        r"|Incompatible shared dimension|mismatch in its core dimension"
        r"|^Shape mismatch: x has",
        "A product x @ W needs as many columns in x as W has rows; here they differ.",
        "Print both shapes. In this course the data come first, x of shape (T, n_in) "
        "or (T, B, n_in), the weights second, W_ih of shape (n_in, n_hidden).",
    ),
    Rule(
        r"[Ii]ncompatible (shapes|types) for broadcasting"
        r"|could not be broadcast together|Could not broadcast dimensions"
        r"|Incompatible Elemwise input shapes|has an incompatible shape in axis"
        r"|Input dimension mismatch",
        "Two arrays meet element by element, and their shapes do not fit.",
        "Print both shapes. Counted from the last axis, the lengths must be equal, or "
        "one of them declared to be 1.",
    ),
    Rule(
        r"[Cc]oncatena|can be joined|must match exactly",
        "Arrays that are joined differ in a dimension other than the one they are "
        "joined along.",
        "Print their shapes. pt.concatenate joins along an axis that is there, "
        "pt.stack along a new one, and wants equal shapes.",
        kind="ValueError|TypeError",
    ),
    Rule(
        r"reshape",
        "An array was to be reshaped to a shape with another number of elements.",
        "Print its shape. One length may be -1: it is what is left over.",
        "x.reshape((T, -1))",
        kind="ValueError|TypeError",
        where="call",
    ),
    Rule(
        r"index (?P<index>-?\d+) is out of bounds for axis \d+ with size (?P<size>\d+)",
        "Index {index} does not exist on an axis of length {size}; they start from 0.",
        _INDEX,
        where="call",
    ),
    Rule(
        "",
        "There is an index that does not exist on its axis; they start from 0.",
        _INDEX,
        kind="IndexError",
        where="call",
    ),
    Rule(
        r"index list is longer|[Tt]oo many indices",
        "There are more indices than the array has dimensions.",
        "Print x.ndim: pt.vector has 1 dimension, pt.matrix 2, pt.tensor3 3.",
        kind="IndexError",
        where="build",
    ),
    Rule(
        "",
        "An axis is named that the array does not have.",
        "Print x.ndim. Axes are counted from 0, and -1 is the last.",
        kind="AxisError",
        where="build",
    ),
    # Functions
    Rule(
        r"Missing input: (?P<name>.*)",
        "The function was called without its input {name}.",
        "Pass one value for each variable in the list of inputs, in their order.",
        where="call",
    ),
    Rule(
        r"Too many parameter passed|Unknown input: ",
        "The function was called with an input that it was not built with.",
        "Pass one value for each variable in the list of inputs, in their order. "
        "Shared variables are not passed.",
        where="call",
    ),
    Rule(
        r"Input \d+ \((?P<name>.*?)\) of the graph",
        "The outputs depend on {name}, which is neither an input nor shared.",
        "Add {name} to the list of inputs. If it stands there, it was created anew "
        "after the graph was built: run the cells again from the top.",
        kind="MissingInputError",
    ),
    Rule(
        r"Variable (?P<name>.*) is used twice",
        "The variable {name} stands twice in the list of inputs.",
        "List each variable once.",
        kind="UnusedInputError",
    ),
    Rule(
        r" to compute the outputs: (?P<name>[^.\n]*)\.",
        "The variable {name} is an input, but the outputs do not depend on it.",
        "Take it out, or look for the place where the graph should use it. A variable "
        "created anew in a later cell is another variable, even under the same name.",
        kind="UnusedInputError",
    ),
    Rule(
        r"Input variables of a PyTensor function should be contained in a list",
        "The inputs of pytensor.function are not in a list.",
        "Write a list, also for one input.",
        "pytensor.function([x], y)",
        where="compile",
    ),
    Rule(
        r"update target must be a SharedVariable",
        "An update is given for a variable that is not shared, so keeps no value.",
        "Make it a shared variable.",
        'W = pytensor.shared(value, name="W")',
        where="compile",
    ),
    Rule(
        r"'\w*Variable' object is not callable",
        "A symbolic variable was called like a function.",
        "Compile a function and call that, or ask the variable for its value.",
        "f = pytensor.function([x], y)",
        kind="TypeError",
        where="outside",
    ),
    # Gradients
    Rule(
        "",
        "The gradient was asked for a variable that the cost does not depend on.",
        "Look for the place where the graph should use it. A variable created anew in "
        "a later cell is another variable, and so is an expression such as W.T.",
        kind="DisconnectedInputError",
    ),
    Rule(
        r"Cost must be a scalar",
        "A gradient is taken of one number, and the cost is an array.",
        "Reduce it first.",
        "loss.mean()",
        where="gradient",
    ),
    Rule(
        r"complex",
        "The way back from the cost leads through complex numbers, and PyTensor takes "
        "no gradient through them.",
        "Write the real and the imaginary part as two real arrays.",
        where="gradient",
    ),
    Rule(
        r"not implemented|not (defined|differentiable)|undefined|Unimplemented"
        r"|NullType|integer|discrete",
        "There is no gradient here: an operation on the way has none, or a variable or "
        "the cost is made of whole numbers.",
        "Find the operation by pytensor.dprint(cost), and write it from others that "
        "have one. Words and indices are no variables to derive by.",
        where="gradient",
    ),
    # Symbols
    Rule(
        r"TensorVariables? cannot be converted to Python"
        r"|Length of .* cannot be determined",
        "A symbolic variable has no value while the graph is built: Python cannot test "
        "it, loop over it or turn it into a number.",
        "Use pt.switch instead of `if`, pytensor.scan instead of `for`, and call a "
        "compiled function to get numbers.",
    ),
    Rule(
        r"TensorVariable does not support item assignment",
        "A graph describes values and changes none of them.",
        "Make a new variable: the array with one part replaced.",
        "y = x[0].set(value)",
    ),
    # Numbers
    Rule(
        r"\b(NaN|Inf) detected",
        "A result is infinite or not a number (NaN).",
        "Look for a logarithm or a division of 0, and for weights that grow without "
        "bound: a smaller learning rate or clipped gradients help there.",
        where="call",
    ),
    Rule(
        "",
        "The arrays of this program do not fit into the memory.",
        "Use smaller batches, shorter sequences or float32, which takes half of it.",
        'engine.select(floatX="float32")',
        kind="MemoryError|OutOfMemory",
    ),
    Rule(
        "",
        "The graph is nested too deeply for Python: a loop has built it step by step.",
        "Use pytensor.scan instead of the loop: one step, whatever their number.",
        kind="RecursionError",
    ),
    # What no rule above knows, by the engine at work
    Rule(
        r"(?P<text>[^\n]*)",
        "JAX, or PyTensor's translation for it, stopped{at}: {text}",
        "Compile this one function for the Python engine. It runs every operation, or "
        "says in the words of NumPy what is wrong.",
        PYTHON_ENGINE,
        where=_JAX,
    ),
    Rule(
        r"(?P<text>[^\n]*)",
        "Numba, or PyTensor's translation for it, could not compile this: {text}",
        "Compile this one function for the Python engine. If engine.select() cannot "
        "choose Numba either, the versions of NumPy, Numba and PyTensor do not fit.",
        PYTHON_ENGINE,
        kind=r"Typing|Lowering|Unsupported|NotImplemented|Numba",
        where=_NUMBA,
    ),
)


def explain(error: BaseException) -> str:
    """Say in plain words what an error of PyTensor or an engine means and what to do.

        try:
            f(x)
        except Exception as error:
            print(engine.explain(error))

    An error that was raised from another is explained by that one if it says nothing by
    itself. Raises ValueError for something that is not an exception.
    """
    if not isinstance(error, BaseException):
        raise ValueError(f"error: expected an exception, got {type(error).__name__}")
    seen = []
    cause = error
    while cause is not None and cause not in seen:
        failure = failure_of(cause)
        for rule in RULES:
            if told := _told(rule, failure):
                return told
        seen.append(cause)
        cause = cause.__cause__
    first = (str(error).strip().splitlines() or [""])[0]
    return _text(
        f"an error that is not known here, {type(error).__name__}: {first}",
        "Read the last line of the traceback that is yours: it says where.",
    )


def _told(rule: Rule, failure: Failure) -> str:
    """The rule's advice, "" if it does not fit."""
    found = re.search(rule.message, failure.message, re.DOTALL)
    fits = all(
        re.search(getattr(rule, part), getattr(failure, part), re.MULTILINE)
        for part in ("kind", "where", "compiled")
    )
    if not (found and fits):
        return ""
    op = failure.compiled.partition(" |")[0].rpartition("> ")[2]
    names = {"op": op, "at": f" at the operation {op}" * bool(op)}
    names |= {key: value or "" for key, value in found.groupdict().items()}
    parts = (rule.happened, rule.do, rule.code)
    return _text(*(part.format(**names) for part in parts))


# What is found out about an error -----------------------------------------------------


def failure_of(error: BaseException) -> Failure:
    """The four things that `RULES` look at."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return Failure(
        kind=" ".join(kind.__name__ for kind in type(error).__mro__),
        where=_where(frames),
        compiled=_compiled(frames),
        message=str(error).strip(),
    )


# The stages of a graph, by the modules and functions that begin them; the last that is
# found counts, since `eval` compiles and then calls, and `grad` builds.
_STAGES = {
    "build scan": r"^pytensor\.scan\.basic:scan$",
    "gradient": r"^pytensor\.gradient:",
    "compile": r"^pytensor\.compile\.(maker|rebuild|mode|builders|aliasing)",
    "call": r"^pytensor\.compile\.executor:__call__",
}
_ENGINES = {
    "jax": r"^(jax|jaxlib|pytensor\.link\.jax)\b|:jax_funcified_fgraph$",
    "numba": r"^(numba|pytensor\.link\.numba)\b|:numba_funcified_fgraph$",
}


def _where(frames: list[FrameType]) -> str:
    places = [
        f"{frame.f_globals.get('__name__')}:{frame.f_code.co_name}" for frame in frames
    ]
    # Compiled code leaves no frames of its own, but the linker stands in that above it.
    linkers = {
        type(value).__name__.lower()
        for frame in _of_pytensor(frames)
        for value in frame.f_locals.values()
        if isinstance(value, Linker)
    }
    stage = "build" if any(p.startswith("pytensor.") for p in places) else "outside"
    for place in places:
        for name, pattern in _STAGES.items():
            if re.search(pattern, place):
                stage = name
    if stage == "build scan" and not places[-1].startswith("pytensor."):
        stage = "build step"  # it arises in the step itself, which scan has called
    for name, pattern in _ENGINES.items():
        at_work = any(re.search(pattern, place) for place in places)
        if at_work or f"{name}linker" in linkers:
            return f"{stage} {name}"
    return stage


def _compiled(frames: list[FrameType]) -> str:
    way, whole = [], []
    jit = any(
        isinstance(value, JITLinker)
        for frame in _of_pytensor(frames)
        for value in frame.f_locals.values()
    )
    for frame in _of_pytensor(frames):
        # For JAX and Numba it names the first output, wherever the error arose.
        named = frame.f_code.co_name != "raise_with_op" or not jit
        for value in frame.f_locals.values():
            graph = value if isinstance(value, FunctionGraph) else None
            if isinstance(value, Linker):
                graph = getattr(value, "fgraph", None)
            if graph is not None:
                whole += [
                    _name(node.op)
                    for node in graph.apply_nodes
                    if isinstance(node.op, Scan)
                ]
            op = value.op if isinstance(value, Apply) else value
            if isinstance(op, Op) and named and way[-1:] != [_name(op)]:
                way.append(_name(op))
    return f"{' > '.join(way)} | {' '.join(sorted(set(whole)))}"


def _of_pytensor(frames: list[FrameType]) -> Iterator[FrameType]:
    for frame in frames:
        if str(frame.f_globals.get("__name__")).startswith("pytensor."):
            yield frame


def _name(op: Op) -> str:
    """Its class, and for a scan what makes it hard to compile: "Scan{until}"."""
    if not isinstance(op, Scan):
        return type(op).__name__
    marks = {
        "gradient": str(op.name).startswith("grad_of"),
        "until": op.info.as_while,
        "truncated": op.truncate_gradient not in (-1, None),
    }
    return f"Scan{{{','.join(mark for mark, is_so in marks.items() if is_so)}}}"


def _text(happened: str, do: str, code: str = "") -> str:
    paragraphs = [f"What happened: {happened}", f"What to do: {do}"]
    lines = [textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs]
    return "\n".join([*lines, *(f"    {line}" for line in code.splitlines())])
