# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6. The embedded Reber failure
#
# An Elman network learns the Reber grammar of chapter 5 almost perfectly. Put one more symbol in front of the string, which has to come back at its end, and the same network
# misses it. The classic tutorial says that this dependency "can not be trained" because the gradient vanishes, and shows one example. How often does it fail? At which distance? Why? And what
# repairs it?
#
# **After it you can** find a failure that a mean loss hides; turn "it cannot be learned" into a rate with an interval; measure how much of an error arrives at a symbol far
# back; write an LSTM and a GRU; and say what a gate holds, what it buys and what it costs.
#
# **It builds on** [chapter 4](04_bptt.ipynb) for the way back of an error and on [chapter 5](05_reber.ipynb) for the grammar, its targets and its loss.
# **It takes** about 90 minutes to read and run, and as much again for the exercises.

# %% tags=["setup"]
# set-up

# %% tags=["engine", "nbval-ignore-output"]
from helpers import engine

engine.select()

# %%
import matplotlib.pyplot as plt
import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit

from helpers import elman, gated, plots, results, trained
from helpers.experiments import embedded_reber
from helpers.optimisers import sgd
from helpers.reber import EMBEDDED, SYMBOLS, encode

plots.use()

# %% [markdown]
# ## What must be remembered?
#
# A string of the **embedded** grammar is a B, then T or P, then a whole Reber string, then the same T or P again, then E. Here are six of them; the last number will matter.

# %%
rng = np.random.default_rng(0)
for _ in range(6):
    s = EMBEDDED.sample(rng)
    print(f"{s[0]} {s[1]} {s[2:-2]:16} {s[-2]} {s[-1]}   lag {len(s) - 4}")

# %% [markdown]
# The part in the middle is the **inner string**. It is made in the same way whether a T or a P came before it, so it tells nothing about that symbol. Whoever wants to know how the string ends must have
# kept the second symbol all along. The **lag** is the number of steps from reading the second symbol to using it, and that is the length of the inner string.
#
# The automaton says it in another way: it needs two copies of the whole inner grammar. Which copy it is in is all that it remembers.

# %% mystnb={"figure": {"caption": "The automaton of the embedded grammar. The two inner grammars are the same; only which of them the automaton is in tells it how to end.", "name": "fig-embedded"}, "image": {"alt": "A diagram. From the start, B leads to a node with two ways on. T leads to an upper box that reads inner grammar, P to a lower box that reads the same. From the upper box only T leads on, from the lower box only P, to one node, and E leads from there to the end."}}
fig, ax = plt.subplots(figsize=(6.4, 2.2))
for x in (0, 1.1, 5.3, 6.4):
    ax.scatter(x, 0, s=160, color=plots.colour("hidden"), zorder=2)
for y in (0.7, -0.7):
    box = {"boxstyle": "round,pad=0.6", "fc": "white", "ec": "#888888"}
    ax.text(3.2, y, "inner grammar", ha="center", va="center", bbox=box)
for start, end, symbol, role in (
    ((0.1, 0), (1.0, 0), "B", "input"),
    ((1.2, 0.1), (2.35, 0.66), "T", "input"),
    ((1.2, -0.1), (2.35, -0.66), "P", "input"),
    ((4.05, 0.66), (5.2, 0.1), "T", "output"),
    ((4.05, -0.66), (5.2, -0.1), "P", "output"),
    ((5.4, 0), (6.3, 0), "E", "input"),
):
    arrow = {"arrowstyle": "-|>", "color": "#888888", "lw": 1.4}
    ax.annotate("", end, start, arrowprops=arrow)
    x, y = ((start[i] + end[i]) / 2 for i in (0, 1))
    above = -0.22 if y < 0 else 0.22
    plots.label(ax, x, y + above, symbol, role, ha="center", fontsize=11)
ax.set_xlim(-0.3, 6.7)
ax.set_ylim(-1.15, 1.15)
ax.axis("off");

# %% [markdown]
# How long are the lags? The grammar is known, so the answer is exact.

# %%
P = EMBEDDED.length_distribution()
lags = np.arange(len(P)) - 4
print(f"mean lag {P @ lags:.0f}, shortest {lags[P > 0].min()}")
for least in (10, 15, 20):
    share = P[lags >= least].sum()
    print(f"a lag of at least {least}: {100 * share:4.1f}% of the strings")

# %% [markdown]
# Most natural lags are short: half of all strings have a lag of 7 or less, and one string in four asks for a memory of ten steps. So "the network learned the embedded grammar" can mean two very different things. From here on the least lag is always stated:
# 5 means all strings as the grammar makes them, 10 and 20 only those with an inner string of at least that length.

# %%
median = lags[np.searchsorted(np.cumsum(P), 0.5)]
print(f"half of the strings have a lag of at most {median}")

# %% [markdown]
# ## What does it cost to have forgotten?
#
# As in chapter 5, the network has seven sigmoid outputs, the targets mark the legal next symbols, and the loss is the mean cross-entropy. The prefix determines what is legal, so the
# floor of this loss is 0. A network that has lost the second symbol can still be right everywhere else. At the one place where only T or only P is legal, the best that it can do is to give 1/2 to both. Two
# outputs at 1/2 cost $2 \ln 2$ there; in the mean over $T$ predictions and 7 outputs that is
#
# $$ L_\text{undecided} = \frac{2 \ln 2}{7\, T}. $$ (eq-undecided)
#
# We check it on a string: probabilities that are right everywhere, but undecided at that place.


# %%
def cross_entropy(p, y):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


string = "BTBPTVPSETE"
y = EMBEDDED.targets(string)
question = len(string) - 3  # the prediction of the last symbol but one
undecided = y.copy()
undecided[question, [SYMBOLS.index("T"), SYMBOLS.index("P")]] = 0.5

print(f"{len(y)} predictions: {cross_entropy(undecided, y).mean():.4f}")
print(f"by the formula: {2 * np.log(2) / (7 * len(y)):.4f}")

# %%
forgotten = 2 * np.log(2) / 7 * EMBEDDED.mean_inverse
print(f"over all strings, in the mean: {forgotten:.4f}")
print(f"an untrained network: {np.log(2):.4f}")
print(f"share of it: {100 * forgotten / np.log(2):.1f}%")

# %% [markdown]
# So a network may fail completely at the only thing that is new here, and its loss falls by 97% all the same. For longer strings the trace of the failure is fainter still. That is why we
# shall not judge by the mean loss. We ask one question, at one place, and call the answer right if of T and P the legal one has the larger output. Guessing is right in half of the strings.

# %% [markdown]
# ## What does the source's network do?
#
# The network of the [Reber notebook](bibliography.md#reber-notebook): 10 tanh units, weights with largest singular value 1, a learned $h_0$, SGD at rate 0.2, one string an update, 1,000 strings drawn again and
# again. The source showed what it says at the question in one string: 0.54 for T and 0.44 for P. We train it for 5,000 updates. Strings differ in length, so they are padded and the padded steps weigh nothing, as in chapter 5.

# %%
rng = np.random.default_rng(1)
params = elman.shared(elman.initial_elman(7, 10, 7, rng))
x = pt.matrix("x", shape=(32, 7))
y = pt.matrix("y", shape=(32, 7))
mask = pt.vector("mask", shape=(32,))
o = elman.readout(elman.hidden_states(x, params), params)
per_step = (pt.softplus(o) - y * o).mean(axis=1)
loss = (per_step * mask).sum() / mask.sum()
update = pytensor.function(
    [x, y, mask], loss, updates=sgd(loss, list(params), 0.2)
)


# %%
def strings(n, least, rng, longest=33):
    """n strings, those with more than 32 predictions drawn again."""
    drawn = []
    while len(drawn) < n:
        s = EMBEDDED.sample(rng, min_inner=least)
        if len(s) <= longest:
            drawn.append(s)
    return drawn


training = [EMBEDDED.batch([s], 32) for s in strings(1000, 5, rng)]
losses = []
for _ in range(5000):
    string = training[rng.integers(1000)]
    losses.append(float(update(*(part[:, 0] for part in string))))
for start in (0, 500, 2000, 4500):
    mean = np.mean(losses[start : start + 500])
    print(f"updates {start:4} to {start + 500:4}: mean loss {mean:.3f}")

# %% [markdown]
# The loss falls and settles near the 0.02 of a network that has forgotten. Is it that? We look at 1,000 fresh strings: the loss at the place of the question and elsewhere, summed over the seven outputs, and the share of
# right answers.

# %%
fresh = strings(1000, 5, np.random.default_rng(2))
batch = EMBEDDED.batch(fresh, 32)
values = elman.Elman(*(np.asarray(p.get_value()) for p in params))
o = elman.readout(elman.hidden_states_numpy(batch.x, values), values)
place = np.array([len(s) - 3 for s in fresh])
some = np.arange(1000)

lost = (np.logaddexp(0, o) - batch.y * o).sum(axis=2)
elsewhere = batch.mask.copy()
elsewhere[place, some] = 0
print(f"loss elsewhere:       {lost[elsewhere == 1].mean():.2f}")
print(f"loss at the question: {lost[place, some].mean():.2f}")
print(f"undecided, 2 ln 2:    {2 * np.log(2):.2f}")

T, P = SYMBOLS.index("T"), SYMBOLS.index("P")
says_T = o[place, some, T] > o[place, some, P]
right = says_T == np.array([s[1] == "T" for s in fresh])
print(f"answered right:       {right.mean():.2f}")

# %% [markdown]
# At the question the loss is that of a coin, and so is the share of right answers. Everything else is nearly learned.
#
# The recorded experiment went on to 50,000 updates with 20 seeds. It kept the loss at each position of strings of one length, so that we can watch the whole course of the training at once.

# %%
runs = results.load("embedded-reber-elman")
print(results.describe(runs))
moments = runs.parameters["moments"]

# %% mystnb={"figure": {"caption": "Loss at each prediction during training, summed over the outputs: median of 20 seeds, the source's network. Left, trained on all strings and shown for inner strings of 8 symbols; right, trained on inner strings of at least 10 and shown for 12. The row of the question is marked.", "name": "fig-positions"}, "image": {"alt": "PLACEHOLDER"}}
def heat(ax, record, least, setting, title):
    """Loss by position (down) and moment (across)."""
    loss = record.curve(f"curves.{least}.positions.{setting}")
    shown = ax.imshow(
        np.median(loss, axis=0).T,
        aspect="auto",
        cmap="magma_r",
        vmin=0,
        vmax=2,
    )
    positions = loss.shape[2]
    ax.set_xticks(range(len(moments)), [f"{m / 1000:g}" for m in moments])
    ax.set_yticks([0, positions - 2, positions - 1])
    ax.set_yticklabels(["1", "question", str(positions)])
    ax.set_xlabel("thousands of updates")
    ax.set_title(title)
    return shown


fig, axes = plt.subplots(1, 2, figsize=(8, 3.2))
heat(axes[0], runs, 5, "SGD", "all strings")
shown = heat(axes[1], runs, 10, "SGD", "lag of at least 10")
axes[0].set_ylabel("prediction")
fig.colorbar(shown, ax=axes, label="loss, nats");

# %% [markdown]
# Each row is one prediction of the string, each column a moment of the training. Within a few thousand updates all rows grow pale but one. The row of the question stays at the 1.39 nats of a coin: on the left, with all strings, until it begins to pale in the second half of the
# training; on the right, with lags of at least 10, to the very end. The mean over the rows would have shown a curve that falls nicely and flattens out.

# %% [markdown]
# ## How often does it fail, and at which lag?
#
# "Can not be trained" is a statement about all trainings. What can be measured is a rate. We fix the words before we look:
#
# - **solved**: right on at least 99% of 1,000 fresh strings, after 50,000 updates;
# - **chance**: right on at most 55% of them;
# - **between**: all others;
# - **ever solved**: at some of the looks, taken every 1,000 updates, at least 99% right on 200 strings and then on 1,000 others.

# %%
def verdicts(record, setting, least, metric="right"):
    """How many seeds are solved, between and at chance."""
    share = record.metric(f"{metric}.{least}.{setting}")
    solved, chance = np.sum(share >= 0.99), np.sum(share <= 0.55)
    return solved, len(share) - solved - chance, chance


rows = []
for setting in ("SGD", "Adam"):
    for least in (5, 10, 20):
        solved, between, chance = verdicts(runs, setting, least)
        rate = results.wilson(solved, len(runs.seeds))
        ever = int(runs.metric(f"ever.{least}.{setting}").sum())
        row = [setting, least, solved, between, chance, ever]
        rows.append([*row, f"{rate:.2f}"])
headers = ["", "least lag", "solved", "between", "chance", "ever"]
print(results.table(rows, [*headers, "rate solved"]))

# %% [markdown]
# RATE-TEXT

# %% mystnb={"figure": {"caption": "Share of right answers by the exact lag, for networks trained on all strings with the source's SGD and with Adam: median of 20 seeds and its 95% interval, 200 fresh strings for each lag.", "name": "fig-by-lag"}, "image": {"alt": "PLACEHOLDER"}}
fig, ax = plt.subplots(figsize=(6.4, 3.0))
lengths = runs.parameters["lengths"]
for setting, role, name in (
    ("SGD", "output", "SGD 0.2"),
    ("Adam", "hidden", "Adam 0.003"),
):
    share = runs.curve(f"curves.5.by length.{setting}")
    median = plots.band(ax, lengths, share, role, marker="o", ms=4)
    plots.label(ax, 25.6, median[-1], name, role)
ax.axhline(0.5, color=plots.colour("baseline"), lw=0.8, ls=":")
ax.set_xlim(right=31)
ax.set_ylim(0.4, 1.03)
ax.set_xlabel("lag")
ax.set_ylabel("share right");

# %% [markdown]
# The same networks, trained on all strings, asked at each lag by itself. Those trained by SGD know the answer at the shortest lag and guess more the longer it is. Those trained by Adam are right at lag 25, though only about one in a hundred of their training strings has a lag of 20 or more.
#
# That is worth a pause. **A network of ten tanh units can hold the symbol for 25 steps.** It is not too small, nor unable in principle. Yet no seed found these weights when the shortest lag was 10. With all strings in the training set, the short ones show the way: what is learned at lag 5 needs little more to serve at lag 10. Without them there
# is nothing to begin with. So the question is not what the network can represent, but what the gradient can find.

# %% [markdown]
# ## Why? How much of the error arrives?
#
# The error arises at the question, and what must be learned is to keep a symbol that was read long before. On its way back it passes, by chapter 4,
#
# $$ \delta a_{t-1} = \bigl( \delta a_t\, W_{hh}^\top \bigr) \odot \bigl( 1 - h_{t-1}^2 \bigr) $$ (eq-way-back)
#
# at each step, a matrix and a slope, and at last arrives at the symbol as $\delta x_2 = \delta a_2 W_{ih}^\top$. We measure the length of $\delta x_2$. All networks get the same error at the question, that of an undecided network, $+1/2$ on
# one of T and P and $-1/2$ on the other. So they differ only in the way back.

# %%
long_string = EMBEDDED.sample(np.random.default_rng(3), min_inner=20)
start = elman.initial_elman(7, 10, 7, np.random.default_rng(4))
z = pt.matrix("z", shape=(len(long_string) - 1, 7))
net = elman.shared(start)
o_z = elman.readout(elman.hidden_states(z, net), net)
undecided_error = (o_z[-2, T] - o_z[-2, P]) / 2
at_inputs = pytensor.function([z], pt.grad(undecided_error, z))

gradient = np.asarray(at_inputs(encode(long_string[:-1])))
norms = np.linalg.norm(gradient, axis=1)
print(f"the string {long_string}")
for back in (0, 5, 10, 15, 20):
    step = len(norms) - 2 - back
    print(f"{back:2} steps before the question: {norms[step]:.1e}")

# %% [markdown]
# Each step back costs about the same factor, so what arrives falls exponentially with the lag: by nearly four orders of magnitude over 15 steps here. The recorded runs did this for strings of each lag, at the start and three times during the training on lags of at least 10.

# %% mystnb={"figure": {"caption": "Norm of the gradient that arrives at the second symbol, by lag, for the source's network trained on inner strings of at least 10 symbols: median of 20 seeds and its 95% interval at four moments.", "name": "fig-reach"}, "image": {"alt": "PLACEHOLDER"}}
fig, axes = plt.subplots(
    2, 2, figsize=(7.6, 5.4), sharex=True, sharey=True
)
marks = runs.parameters["marks"]
for ax, setting, title in zip(
    axes.flat,
    ("SGD", "SGD, orthogonal", "Adam", "ReLU, Adam"),
    ("as published", "orthogonal start", "Adam", "ReLU from the identity"),
    strict=True,
):
    reach = runs.curve(f"curves.10.reach.{setting}")
    for k, role in ((0, "baseline"), (1, "input"), (3, "gradient")):
        plots.band(ax, lengths, reach[:, k], role)
    ax.set_yscale("log")
    ax.set_title(title)
for place, text, role in (
    (1e-6, "at the start", "baseline"),
    (1e-9, "1,000 updates", "input"),
    (1e-12, "50,000 updates", "gradient"),
):
    plots.label(axes[0, 0], 5, place / 10, text, role)
for ax in axes[1]:
    ax.set_xlabel("lag")
for ax in axes[:, 0]:
    ax.set_ylabel("gradient")

# %%
rows = []
for setting in ("SGD", "SGD, orthogonal", "Adam", "ReLU, Adam"):
    reach = runs.curve(f"curves.10.reach.{setting}")[:, :, 2]
    values_hh = runs.curve(f"curves.10.singular.{setting}")
    for k, mark in enumerate(marks):
        arrives = results.median_interval(reach[:, k])
        largest, middle = np.median(values_hh[:, k], axis=0)
        row = [setting, f"{mark:,}", f"{arrives:.1e}"]
        rows.append([*row, f"{largest:.2f}", f"{middle:.2f}"])
headers = ["", "updates", "arrives at lag 10", "largest", "median"]
print(results.table(rows, headers))

# %% [markdown]
# The two columns on the right are the largest and the median singular value of $W_{hh}$, the factors by which it stretches.
#
# - **As published**, the first weights lose the error at once. The largest singular value is 1, but the median one is not half of that, and at lag 20 less than a millionth arrives.
# - **From orthogonal weights** a hundredth still arrives at lag 20. At the start nothing vanishes. But training takes it away: after 50,000 updates what arrives at lag 20 is smaller by a factor of a thousand. The singular values have *grown*, to 5 at most and nearly 2 in the middle; by themselves they would make the error explode. What makes
#   it vanish is the other factor of {eq}`eq-way-back`, the slope $1 - h^2$: the units have gone into saturation. To follow the inner grammar the states must fall into few, well separated places, and a state that forgets how it got there is a good state for that. The network learns to forget, because that is what nearly all of its loss asks for.
# - **Adam** makes it worse. It learns the inner grammar faster and better.
# - **Rectified linear units** that begin with $W_{hh}$ the identity are another matter. What arrives at the start is tiny, a few millionths, since the weights into and out of the hidden layer begin tiny. But it is *the same at all lags*, and after training it is large at all lags. Not the size of the gradient decides, but how much of it a step takes away.

# %%
learned = trained.load("embedded-reber-elman", elman.Elman)
first = embedded_reber.first_values(
    "elman", 10, np.random.default_rng([0, 0]), "unit_singular_value"
)
batch = EMBEDDED.batch(strings(200, 10, np.random.default_rng(5)), 32)
for name, net in (("at the start", first), ("after 50,000", learned)):
    h = elman.hidden_states_numpy(batch.x, net)[batch.mask == 1]
    slopes = 1 - h**2
    low = 100 * np.mean(slopes < 0.1)
    print(f"{name}: median slope {np.median(slopes):.2f}, {low:.0f}% below 0.1")

# %% [markdown]
# That is the network of the first row, seed 0, before and after. Most of its units have a slope of nearly 0 at most steps: whatever they hold, no error gets past them.

# %% [markdown]
# ## What helps, and how much?
#
# Thirteen settings of the same network, 10 hidden units, the same strings in the same order and the same 50,000 updates.
#
# | setting | what is different from the source |
# |---|---|
# | sum | the loss is summed over the outputs, not averaged: for SGD, 7 times the rate |
# | clipped | the norm of the gradient is cut at 0.1 |
# | orthogonal, identity | the first $W_{hh}$; for the identity the other weights begin with standard deviation 0.001 |
# | Adam, slower | rate 0.003, and 0.001 |
# | ReLU | identity as before, and $\max(a, 0)$ in the place of tanh, gradient cut at 1 ([Le, Jaitly and Hinton 2015](bibliography.md#le2015)) |

# %%
def summary(record, setting):
    """A row of the table: solved (ever solved) and at chance, by lag."""
    row = [setting]
    for least in (5, 10, 20):
        solved, _, chance = verdicts(record, setting, least)
        ever = int(record.metric(f"ever.{least}.{setting}").sum())
        row += [f"{solved} ({ever})", chance]
    return row


headers = ["solved (ever)", "lag 5", "chance"]
headers += ["lag 10", "chance", "lag 20", "chance"]
rows = [summary(runs, s) for s in runs.parameters["settings"]]
print(results.table(rows, headers))

# %% [markdown]
# HELPS-TEXT

# %%
larger = results.load("embedded-reber-larger")
print(results.describe(larger))
rows = []
for record, units in ((runs, 10), (larger, 25)):
    for setting in record.parameters["settings"]:
        if setting.startswith("SGD,"):
            continue
        now = verdicts(record, setting, 10)
        later = verdicts(record, setting, 10, metric="longer")
        cells = [f"{v[0]} / {v[2]}" for v in (now, later)]
        rows.append([units, setting, *cells])
headers = ["units", "solved / chance", "50,000", "100,000"]
print(results.table(rows, headers))

# %% [markdown]
# LARGER-TEXT

# %% [markdown]
# ### How was this run?
#
# The networks are tiny, and most of the time of an update goes into calling it. So the thirteen settings of a seed are trained in one compiled function: every parameter gets one more axis in front, the networks, and `x_t @ W_ih + h_tm1 @ W_hh + b_h` works as it stands, since a product of stacks of matrices is a stack of products. The
# settings see the same string at each update, so that no padding is needed to fit one to another, and their comparison is paired. Each seed remains a job of its own, which can be interrupted and repeated. `helpers/experiments/embedded_reber.py` is the whole of it.

# %%
cost = results.load("embedded-reber-cost")
print(results.describe(cost))
rows = []
for n in (1, 4, 13, 40):
    us = cost.metric(f"us.elman 10 x {n}")
    each = results.median_interval(us / n)
    row = [n, f"{results.median_interval(us):.0f}", f"{each:.1f}"]
    gain = np.median(cost.metric("us.elman 10 x 1") / (us / n))
    rows.append([*row, f"{gain:.1f}"])
headers = ["networks", "one update, us", "a network, us", "gain"]
print(results.table(rows, headers))

# %% [markdown]
# GAIN-TEXT

# %% [markdown]
# ## What would a memory need?
#
# Each step of {eq}`eq-way-back` is a matrix and a slope. To keep an error over many steps their product must neither vanish nor explode, and nothing in the network sees to that. The idea of [Hochreiter and Schmidhuber 1997](bibliography.md#hochreiter1997) is to add a second state, the **cell** $c_t$, whose way from step to step is a plain
# sum. What was there stays, and something may be added. In the form of [Gers, Schmidhuber and Cummins 2000](bibliography.md#gers2000) the cell can also forget:
#
# $$ c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t) . $$ (eq-cell)
#
# The candidate $g_t = \tanh(\cdot)$ is what an Elman network would have as its new state. The three **gates**, $i_t$ for the input, $f_t$ for forgetting and $o_t$ for the output, are numbers between 0 and 1, each a sigmoid of the input and the
# last state with weights of its own. Along the cell, the error meets one factor a step, and no matrix:
#
# $$ \frac{\partial c_t}{\partial c_{t-1}} = f_t \quad\text{(and what goes through the gates)} . $$ (eq-carousel)
#
# If $f_t$ is 1 the error passes undiminished. And $f_t$ is learned, and may differ from unit to unit and from step to step. Here is the step, with the four blocks of weights side by side.


# %%
def lstm_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h):
    n = W_hh.shape[0]
    a_t = x_t @ W_ih + h_tm1 @ W_hh + b_h
    i_t = pt.sigmoid(a_t[..., :n])
    f_t = pt.sigmoid(a_t[..., n : 2 * n])
    o_t = pt.sigmoid(a_t[..., 2 * n : 3 * n])
    g_t = pt.tanh(a_t[..., 3 * n :])
    c_t = f_t * c_tm1 + i_t * g_t
    h_t = o_t * pt.tanh(c_t)
    return h_t, c_t


# %% [markdown]
# The **GRU** ([Cho et al. 2014](bibliography.md#cho2014)) has one state and two gates. The update gate $z_t$ says which share of the state is replaced, the reset gate $r_t$ what of the old state the candidate gets to see:
#
# $$ h_t = (1 - z_t) \odot h_{t-1} + z_t \odot g_t . $$ (eq-gru)


# %%
def gru_step(x_t, h_tm1, W_ih, W_hh, b_h):
    n = W_hh.shape[0]
    a_t = x_t @ W_ih + b_h
    gates = pt.sigmoid(a_t[..., : 2 * n] + h_tm1 @ W_hh[:, : 2 * n])
    r_t, z_t = gates[..., :n], gates[..., n:]
    g_t = pt.tanh(a_t[..., 2 * n :] + (r_t * h_tm1) @ W_hh[:, 2 * n :])
    return (1 - z_t) * h_tm1 + z_t * g_t


# %% [markdown]
# Scan takes the LSTM's two states as two entries of `outputs_info`. We compare with the NumPy loops of `helpers.gated`, which stand for these steps from now on.

# %%
rng = np.random.default_rng(5)
lstm = gated.initial_lstm(7, 15, 7, rng)
gru = gated.initial_gru(7, 15, 7, rng)
X = pt.constant(encode(long_string[:-1]))

h_lstm, c_lstm = pytensor.scan(
    lstm_step,
    sequences=X,
    outputs_info=[pt.constant(lstm.h0), pt.constant(lstm.c0)],
    non_sequences=[pt.constant(value) for value in lstm[:3]],
    return_updates=False,
)
h_gru = pytensor.scan(
    gru_step,
    sequences=X,
    outputs_info=pt.constant(gru.h0),
    non_sequences=[pt.constant(value) for value in gru[:3]],
    return_updates=False,
)
by_scan = pytensor.function([], [h_lstm, c_lstm, h_gru])()
by_loop = [
    *gated.lstm_states_numpy(X.data, lstm),
    gated.gru_states_numpy(X.data, gru),
]
for name, a, b in zip(
    ("h of the LSTM", "c of the LSTM", "h of the GRU"),
    by_scan,
    by_loop,
    strict=True,
):
    print(name, "equal to 1e-12:", np.abs(np.asarray(a) - b).max() < 1e-12)

# %% [markdown]
# ### A bias of 1
#
# Where does $f_t$ begin? With small weights and a bias of 0 it is near 1/2, and ten steps leave $2^{-10}$: the gate would make the gradient vanish as well. So the bias of the forget gate begins at 1 ([Gers, Schmidhuber and Cummins 2000](bibliography.md#gers2000),
# [Jozefowicz, Zaremba and Sutskever 2015](bibliography.md#jozefowicz2015)).

# %%
for bias in (0, 1, 3):
    f = expit(bias)
    print(f"bias {bias}: f = {f:.2f}, after 10 steps {f**10:.3f} is left")

# %% [markdown]
# We put all cells beside each other before any training: what arrives at the second symbol, as a share of what arrives at the shortest lag.

# %%
rng = np.random.default_rng(6)
probes = [
    string
    for lag in lengths
    for string in embedded_reber.strings_of_length(5, lag, rng)
]
asked = embedded_reber.questions(probes)
kinds = {
    "LSTM, bias 3": ("lstm", 15, {"init": "uniform", "forget_bias": 3.0}),
    "LSTM, bias 1": ("lstm", 15, {"init": "uniform"}),
    "GRU": ("gru", 15, {"init": "uniform"}),
    "LSTM, bias 0": ("lstm", 15, {"init": "uniform", "forget_bias": 0.0}),
    "Elman": ("elman", 10, {"init": "unit_singular_value"}),
}
left = {}
for name, (cell, units, options) in kinds.items():
    logs = []
    for seed in range(6):
        first = embedded_reber.first_values(
            cell, units, np.random.default_rng(seed), **options
        )
        arrives = embedded_reber.reach(asked, first, {})
        logs.append(np.log(arrives).reshape(len(lengths), 5).mean(axis=1))
    mean = np.mean(logs, axis=0)
    left[name] = np.exp(mean - mean[0])
    print(f"{name:12} at lag 20: {left[name][lengths.index(20)]:.0e}")

# %% mystnb={"figure": {"caption": "What arrives at the second symbol before training, relative to lag 5: geometric mean of 6 networks of each kind.", "name": "fig-fresh"}, "image": {"alt": "PLACEHOLDER"}}
fig, ax = plt.subplots(figsize=(6.4, 3.2))
for name, role, up in (
    ("LSTM, bias 3", "target", 1),
    ("LSTM, bias 1", "hidden", 1),
    ("GRU", "input", 1.5),
    ("LSTM, bias 0", "baseline", 0.6),
    ("Elman", "output", 1),
):
    ax.semilogy(
        lengths, left[name], color=plots.colour(role), marker="o", ms=4
    )
    plots.label(ax, 25.6, left[name][-1] * up, name, role)
ax.set_xlim(right=33)
ax.set_xlabel("lag")
ax.set_ylabel("share of lag 5");

# %% [markdown]
# The Elman network loses most, an LSTM whose forget gate begins at 1/2 hardly less, and the GRU likewise, whose update gate begins at 1/2. With a bias of 1 a good part is left at lag 20, and with a bias of 3 nearly all. A gate is no gain until it is open.

# %% [markdown]
# ## Does the gate solve it?
#
# LSTM and GRU with 15 units, the same strings, the same number of updates, the same question.

# %%
lstm_runs = results.load("embedded-reber-lstm")
gru_runs = results.load("embedded-reber-gru")
print(results.describe(lstm_runs))
print(results.describe(gru_runs))
rows = [
    [f"{cell}, {row[0]}", *row[1:]]
    for cell, record in (("LSTM", lstm_runs), ("GRU", gru_runs))
    for row in (summary(record, s) for s in record.parameters["settings"])
]
print(results.table(rows, headers))

# %% mystnb={"figure": {"caption": "Share of 20 seeds that solve the embedded grammar after 50,000 updates, by least lag, with Wilson's 95% interval.", "name": "fig-solved"}, "image": {"alt": "PLACEHOLDER"}}
fig, ax = plt.subplots(figsize=(6.4, 3.6))
for record, setting, role, name, shift in (
    (runs, "SGD", "output", "Elman, SGD", -0.45),
    (runs, "Adam", "gradient", "Elman, Adam", -0.15),
    (lstm_runs, "Adam", "hidden", "LSTM, Adam", 0.15),
    (gru_runs, "Adam", "input", "GRU, Adam", 0.45),
):
    for least in (5, 10, 20):
        solved = verdicts(record, setting, least)[0]
        rate = results.wilson(solved, len(record.seeds))
        place_x, color = least + shift, plots.colour(role)
        ax.plot([place_x] * 2, [rate.low, rate.high], color=color, lw=1.6)
        ax.plot(place_x, rate.value, "o", color=color, ms=5)
ax.set_xticks([5, 10, 20])
ax.set_ylim(-0.05, 1.05)
ax.set_xlabel("least lag")
ax.set_ylabel("share of seeds that solve it");

# %% [markdown]
# SOLVES-TEXT

# %% [markdown]
# ## What does the gate hold?
#
# We load an LSTM that has solved it, trained on lags of at least 10 (Adam, seed 0, 50,000 updates), and give it two strings that differ in nothing but the symbol.

# %%
lstm = trained.load("embedded-reber-lstm", gated.LSTM)
inner = EMBEDDED.sample(np.random.default_rng(8), min_inner=14)[2:-2]
pair = {symbol: f"B{symbol}{inner}{symbol}E" for symbol in "TP"}


def watch(string, params):
    """Outputs, cells, and the input and forget gates at each step."""
    x = encode(string[:-1])
    h, c = gated.lstm_states_numpy(x, params)
    before = np.vstack([params.h0, h[:-1]])
    n = len(params.h0)
    a = x @ params.W_ih + before @ params.W_hh + params.b_h
    p = expit(elman.readout(h, params))
    return p, c, expit(a[:, :n]), expit(a[:, n : 2 * n])


(p_T, c_T, i_T, f_T), (p_P, c_P, i_P, f_P) = (
    watch(string, lstm) for string in pair.values()
)
for symbol, p in (("T", p_T[-2]), ("P", p_P[-2])):
    print(f"after B{symbol}{inner}: T {p[T]:.2f}, P {p[P]:.2f}")

# %%
apart = np.abs(c_T - c_P)
unit = apart[4:].min(axis=0).argmax()
kept = slice(5, -1)  # after the third inner symbol, to the last
gates = [f_T, f_P], [i_T, i_P]
forget, let_in = (np.array(g)[:, kept, unit] for g in gates)
print(f"cell {unit} after the third inner symbol and at the question:")
print(f"T: {c_T[4, unit]:.1f} and {c_T[-2, unit]:.1f}")
print(f"P: {c_P[4, unit]:.1f} and {c_P[-2, unit]:.1f}")
print(f"forget gate on the way at least {forget.min():.2f}")
print(f"input gate on the way at most {let_in.max():.2f}")

# %% [markdown]
# Is that one cell enough to know the answer? We look at its value at the question in 200 other strings.

# %%
rng = np.random.default_rng(9)
ends = {"T": [], "P": []}
for s in strings(200, 10, rng):
    ends[s[1]].append(watch(s, lstm)[1][-2, unit])
for symbol, value in ends.items():
    low, high = min(value), max(value)
    print(f"{symbol}: {len(value)} strings, from {low:.1f} to {high:.1f}")

# %% mystnb={"figure": {"caption": "The cell that holds the symbol, for two strings that differ only in it, and its forget and input gates. Symbols read from left to right.", "name": "fig-gate"}, "image": {"alt": "PLACEHOLDER"}}
steps = np.arange(len(c_T))
fig, (top, bottom) = plt.subplots(
    2, 1, figsize=(7, 4.2), sharex=True, height_ratios=[1.3, 1]
)
for c, role, name in (
    (c_T, "input", "after T"),
    (c_P, "output", "after P"),
):
    color = plots.colour(role)
    top.plot(steps, c[:, unit], color=color, marker="o", ms=4)
    plots.label(top, steps[-1] + 0.3, c[-1, unit], name, role)
top.axhline(0, color=plots.colour("baseline"), lw=0.8, ls=":")
top.set_ylabel("cell $c_t$")
for gate, role, name in (
    (f_P, "hidden", "forget gate"),
    (i_P, "gradient", "input gate"),
):
    color = plots.colour(role)
    bottom.plot(steps, gate[:, unit], color=color, marker="o", ms=4)
    plots.label(bottom, steps[-1] + 0.3, gate[-1, unit], name, role)
labels = [*pair["T"][:-1]]
labels[1] = labels[-1] = "T|P"
bottom.set_xticks(steps, labels)
bottom.set_xlim(-0.5, steps[-1] + 4)
bottom.set_ylim(-0.05, 1.1)
bottom.set_ylabel("gates, after P")
bottom.set_xlabel("symbol read");

# %% [markdown]
# The cell is written in the first steps of the inner string: it ends up near 0 after T and near 5 after P. Then the input gate shuts and the forget gate stays open. What comes by, T and P among it, does not get in, and what is inside leaks out slowly, by a third over the whole inner string. In 200 other strings the values after T and after P do not even come near
# each other. Nobody told the network to use a gate in this way. The gradient found it, because along an open gate it arrives.

# %%
print("share right by lag, the network trained on lags of at least 10")
for name, kind, setting in (
    ("Elman, SGD", "elman", {}),
    ("LSTM, Adam", "lstm", {}),
):
    kind_of = {"elman": elman.Elman, "lstm": gated.LSTM}[kind]
    net = trained.load(f"embedded-reber-{kind}", kind_of)
    shares = []
    for lag in (5, 10, 20, 40):
        some_strings = embedded_reber.strings_of_length(
            200, lag, np.random.default_rng(lag)
        )
        asked = embedded_reber.questions(some_strings)
        shares.append(embedded_reber.share_right(asked, net, setting))
    print(name, *(f"{share:.2f}" for share in shares))

# %% [markdown]
# The LSTM was trained on lags of 10 and more, and is right at 5 and at 40 as well. It has learned to hold, not to count.

# %% [markdown]
# ## What does gating cost?

# %%
rows = []
for name in ("elman 10", "elman 15", "elman 25", "lstm 15", "gru 15"):
    us = results.median_interval(cost.metric(f"us.{name} x 1"))
    count = int(cost.metric(f"parameters.{name}")[0])
    rows.append([name, count, f"{us:.0f}", f"{us.value / 16:.1f}"])
headers = ["cell, units", "parameters", "an update, us", "a step, us"]
print(results.table(rows, headers))
print("16 predictions, float64,", cost.runs[0]["machine"])

# %% [markdown]
# COST-TEXT

# %% [markdown]
# ## Summary
#
# SUMMARY

# %% [markdown]
# ## Exercises
#
# Each exercise has a starter cell: replace its `...` by your own code and run the cell. The last line of the cell checks the answer and says what it finds.

# %%
from helpers.check import embedded_reber as check


# %% [markdown]
# ### Exercise 6.1: What a lost bit costs (easy, 5 minutes)
#
# A network is right everywhere, but at one place of the string two outputs remain at 1/2. Write `undecided_cost(predictions, outputs)`: its loss in nats, the mean over all predictions and all outputs.
#
# [Solution](solutions/06_embedded_reber.ipynb#exercise-61-what-a-lost-bit-costs)

# %% tags=["exercise"]
def undecided_cost(predictions, outputs):
    return ...


check.undecided_cost(undecided_cost)


# %% [markdown]
# ### Exercise 6.2: The one question (easy, 10 minutes)
#
# Write `share_right(o, place, is_T)`. `o` is an array of logits of shape `(T, n, 7)`, with the outputs in the order of `SYMBOLS`, `"BTPSXVE"`; `place` of shape `(n,)` holds the step at which each string is asked, `is_T` of shape `(n,)` whether T is the right answer there. The result is the share of strings for
# which the right one of T and P has the larger output.
#
# [Solution](solutions/06_embedded_reber.ipynb#exercise-62-the-one-question)

# %% tags=["exercise"]
def share_right(o, place, is_T):
    return ...


check.share_right(share_right)


# %% [markdown]
# ### Exercise 6.3: What the gates leave (medium, 15 minutes)
#
# Along the cell alone, $\partial c_T / \partial c_t$ is a product of forget gates. Write `carried(f)`: `f` of shape `(T, n)` holds the forget gates of $n$ cells at steps 1 to $T$, as they act in {eq}`eq-cell`. The result has the same shape; row $t$ says which share of $c_t$ is left in $c_T$. The last row is 1.
#
# [Solution](solutions/06_embedded_reber.ipynb#exercise-63-what-the-gates-leave)

# %% tags=["exercise"]
def carried(f):
    return ...


check.carried(carried)


# %% [markdown]
# ### Exercise 6.4: One gate for two (medium, 20 minutes)
#
# An LSTM that takes in only what it has made room for: the input gate is $1 - f_t$ ([Greff et al. 2017](bibliography.md#greff2017) call it CIFG, coupled input and forget gates). Write its step for scan, `coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h)`, which returns `h_t, c_t`. There are three blocks of columns, in the order forget
# gate, output gate, candidate. It must do for one example and for a batch.
#
# [Solution](solutions/06_embedded_reber.ipynb#exercise-64-one-gate-for-two)

# %% tags=["exercise"]
def coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h):
    return ...


check.coupled_step(coupled_step)


# %% [markdown]
# ### Exercise 6.5: Fifteen steps and more (hard, 60 minutes)
#
# The tables have no column for lags of at least 15. Fill it: train a network of your choice, from a recipe of this chapter or one of your own, on strings with inner strings of at least 15 symbols, so that it answers the question. Then write `memory(prefixes)`, which hands it to the check. It takes a list of strings, each cut off before the last symbol but one
# (`"BTBTXSE"` for `"BTBTXSETE"`), and returns an array with the probability of T for each of them.
#
# The check asks 500 fresh strings, of which 99% must be right. It also looks whether an answer depends on the other strings of the list, as it would if padding were read.
#
# If you have time: how many of five seeds does your recipe solve, and within how many updates?
#
# [Solution](solutions/06_embedded_reber.ipynb#exercise-65-fifteen-steps-and-more)

# %% tags=["exercise"]
# Train the network here.


def memory(prefixes):
    return ...


check.memory(memory)

# %% [markdown]
# ## Further reading
#
# - [Reber notebook](bibliography.md#reber-notebook): the tutorial whose last experiment this chapter repeats.
# - [Cleeremans, Servan-Schreiber and McClelland 1989](bibliography.md#cleeremans1989): the embedded grammar, and what an Elman network does with it when the inner strings do differ a little.
# - [Hochreiter 1991](bibliography.md#hochreiter1991) and [Bengio, Simard and Frasconi 1994](bibliography.md#bengio1994): the vanishing gradient, found twice.
# - [Hochreiter and Schmidhuber 1997](bibliography.md#hochreiter1997): the LSTM, whose first experiment is the embedded Reber grammar.
# - [Gers, Schmidhuber and Cummins 2000](bibliography.md#gers2000): the forget gate.
# - [Jozefowicz, Zaremba and Sutskever 2015](bibliography.md#jozefowicz2015): thousands of other cells, and the bias of 1.
# - [Le, Jaitly and Hinton 2015](bibliography.md#le2015): rectified linear units from the identity.
