# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["setup"]
# set-up

# %% [markdown]
# # Solutions to chapter 6
#
# These are the solutions to the exercises of [chapter 6, the embedded Reber failure](../06_embedded_reber.ipynb). Each is one way among several; what counts is that the check agrees. We try an exercise first and look here afterwards.

# %% tags=["engine", "nbval-ignore-output"]
from helpers import engine

engine.select()

# %%
import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit

from helpers import elman
from helpers.check import embedded_reber as check
from helpers.optimisers import adam, clip_by_norm
from helpers.reber import EMBEDDED, SYMBOLS, encode


# %% [markdown]
# ## Exercise 6.1: What a lost bit costs
#
# The task: the mean loss of a network that is undecided at one place. [Back to the exercise](../06_embedded_reber.ipynb#exercise-61-what-a-lost-bit-costs-easy-5-minutes)
#
# An output of 1/2 costs $-\ln \frac12 = \ln 2$, whatever its target. There are two of them, in a sum over all predictions and outputs that the mean divides by their number.

# %%
def undecided_cost(predictions, outputs):
    return 2 * np.log(2) / (predictions * outputs)


check.undecided_cost(undecided_cost)


# %% [markdown]
# ## Exercise 6.2: The one question
#
# The task: the share of strings for which the right one of T and P has the larger output. [Back to the exercise](../06_embedded_reber.ipynb#exercise-62-the-one-question-easy-10-minutes)
#
# Two arrays of indices pick one step for each string: element $i$ of the result is `o[place[i], i]`. A slice `o[place]` would pick all strings at each of these steps.

# %%
T, P = SYMBOLS.index("T"), SYMBOLS.index("P")


def share_right(o, place, is_T):
    at = o[place, np.arange(len(place))]
    return np.mean((at[:, T] > at[:, P]) == is_T)


check.share_right(share_right)


# %% [markdown]
# ## Exercise 6.3: What the gates leave
#
# The task: which share of each $c_t$ is left in $c_T$. [Back to the exercise](../06_embedded_reber.ipynb#exercise-63-what-the-gates-leave-medium-15-minutes)
#
# All of $c_T$ is in $c_T$. One step earlier, $f_T$ of it is left, one more step earlier $f_{T-1} f_T$. The gate $f_t$ itself does not act on $c_t$ but on the cell before it. So we run backwards, as an error does.

# %%
def carried(f):
    share = np.ones_like(f)
    for t in reversed(range(len(f) - 1)):
        share[t] = share[t + 1] * f[t + 1]
    return share


check.carried(carried)


# %% [markdown]
# ## Exercise 6.4: One gate for two
#
# The task: an LSTM whose input gate is one minus its forget gate. [Back to the exercise](../06_embedded_reber.ipynb#exercise-64-one-gate-for-two-medium-20-minutes)
#
# The blocks are columns, so they are cut along the last axis, which is there with and without a batch.

# %%
def coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h):
    n = W_hh.shape[0]
    a_t = x_t @ W_ih + h_tm1 @ W_hh + b_h
    f_t = pt.sigmoid(a_t[..., :n])
    o_t = pt.sigmoid(a_t[..., n : 2 * n])
    g_t = pt.tanh(a_t[..., 2 * n :])
    c_t = f_t * c_tm1 + (1 - f_t) * g_t
    return o_t * pt.tanh(c_t), c_t


check.coupled_step(coupled_step)

# %% [markdown]
# ## Exercise 6.5: Fifteen steps and more
#
# The task: a network that carries the second symbol through inner strings of at least 15 symbols. [Back to the exercise](../06_embedded_reber.ipynb#exercise-65-fifteen-steps-and-more-hard-60-minutes)
#
# We take the simplest cell that reached far in the table, rectified linear units that begin at the identity, with Adam and the gradient cut at 1, and give it 20 units and batches of 16 strings. An LSTM with a forget bias of 3 would do as well, with more patience.

# %%
LONGEST, BATCH, UNITS = 40, 16, 20
rng = np.random.default_rng(0)


def relu(a):
    return pt.maximum(a, 0)


start = elman.initial_elman(7, UNITS, 7, rng)._replace(
    W_ih=rng.normal(0, 0.001, (7, UNITS)),
    W_hh=np.eye(UNITS),
    W_ho=rng.normal(0, 0.001, (UNITS, 7)),
)
net = elman.shared(start)
x = pt.tensor3("x", shape=(LONGEST, BATCH, 7))
y = pt.tensor3("y", shape=(LONGEST, BATCH, 7))
mask = pt.matrix("mask", shape=(LONGEST, BATCH))
o = elman.readout(elman.hidden_states(x, net, g=relu), net)
per_step = (pt.softplus(o) - y * o).mean(axis=2)
loss = (per_step * mask).sum() / mask.sum()
gradients = clip_by_norm(pt.grad(loss, list(net)), 1.0)
update = pytensor.function(
    [x, y, mask], loss, updates=adam(gradients, list(net), lr=0.003)
)

# %%
training = []
while len(training) < 1000:
    string = EMBEDDED.sample(rng, min_inner=15)
    if len(string) - 1 <= LONGEST:
        training.append(string)
batch = EMBEDDED.batch(training, LONGEST)

for _ in range(4000):
    i = rng.integers(0, len(training), BATCH)
    update(batch.x[:, i], batch.y[:, i], batch.mask[:, i])


# %% [markdown]
# To answer, each prefix is run by itself and the state after its last symbol is read. Nothing is padded, so nothing can leak.

# %%
def memory(prefixes):
    values = elman.Elman(*(np.asarray(p.get_value()) for p in net))
    answers = []
    for prefix in prefixes:
        h = elman.hidden_states_numpy(
            encode(prefix), values, g=lambda a: np.maximum(a, 0)
        )
        o_T, o_P = elman.readout(h[-1], values)[[T, P]]
        answers.append(expit(o_T - o_P))
    return np.array(answers)


check.memory(memory)
