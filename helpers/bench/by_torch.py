"""The workloads in PyTorch: the loop written out, and nn.RNN with an optimiser."""

import numpy as np

from helpers.bench.workloads import LR, Step, Workload
from helpers.networks.elman import Elman


def written_out(workload: Workload, compiled: bool = False) -> Step:
    """A loop over the steps, autograd, and SGD in place.

    `compiled`: forwards and backwards by torch.compile, which writes the loop out.
    """
    import torch

    x, y, weights = _examples(workload)
    p = Elman(*(torch.tensor(value, requires_grad=True) for value in workload.start))

    def loss_of(p: Elman):
        if workload.words:
            rows = torch.nn.functional.embedding(x, p.W_ih, sparse=True)
        else:
            rows = x @ p.W_ih
        h_t, h = p.h0, []
        for row in (rows + p.b_h).unbind():
            h_t = torch.tanh(row + h_t @ p.W_hh)
            h.append(h_t)
        o = torch.stack(h[-len(y) :]) @ p.W_ho + p.b_o
        return (weights * _costs(workload.cost, o, y)).sum()

    cost = torch.compile(loss_of) if compiled else loss_of

    def run() -> float:
        loss = cost(p)
        loss.backward()
        with torch.no_grad():
            for value in p:
                value.add_(value.grad, alpha=-LR)
                value.grad = None
        return loss.item()

    return Step(run, lambda: Elman(*(value.detach().numpy() for value in p)))


def module(workload: Workload) -> Step:
    """nn.RNN, nn.Linear, for words nn.Embedding, and torch.optim.SGD."""
    import torch

    x, y, weights = _examples(workload)
    network = network_of(workload.start, workload.words)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=LR)

    def run() -> float:
        optimiser.zero_grad()
        o = network(x)[-len(y) :]
        loss = (weights * _costs(workload.cost, o, y)).sum()
        loss.backward()
        optimiser.step()
        return loss.item()

    return Step(run, lambda: values_of(network))


def network_of(start: Elman, words: bool):
    """The network with these first values as a module of PyTorch."""
    import torch

    n_hid, n_out = start.W_ho.shape

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if words:
                self.rows = torch.nn.Embedding(*start.W_ih.shape, sparse=True)
            n_in = n_hid if words else len(start.W_ih)
            self.rnn = torch.nn.RNN(n_in, n_hid)
            self.out = torch.nn.Linear(n_hid, n_out)
            self.h0 = torch.nn.Parameter(torch.zeros(n_hid))

        def forward(self, x):
            rows = self.rows(x) if words else x
            h0 = self.h0.expand(1, *rows.shape[1:-1], n_hid).contiguous()
            return self.out(self.rnn(rows, h0)[0])

    network = Network().to(getattr(torch, str(start.W_hh.dtype)))
    # nn.RNN multiplies its input by a matrix and adds two biases: words, whose rows
    # are looked up before, get the identity, and one bias stays zero.
    W_ih = np.eye(n_hid, dtype=start.W_hh.dtype) if words else start.W_ih
    given = {
        "rnn.weight_ih_l0": W_ih.T,
        "rnn.bias_ih_l0": 0 * start.b_h,
        "rnn.weight_hh_l0": start.W_hh.T,
        "rnn.bias_hh_l0": start.b_h,
        "out.weight": start.W_ho.T,
        "out.bias": start.b_o,
        "h0": start.h0,
    }
    if words:
        given["rows.weight"] = start.W_ih
        network.rnn.weight_ih_l0.requires_grad_(False)
    network.load_state_dict({k: torch.tensor(v.copy()) for k, v in given.items()})
    network.rnn.bias_ih_l0.requires_grad_(False)
    return network


def values_of(network) -> Elman:
    """The present values of what `network_of` made."""
    values = {k: v.numpy().copy() for k, v in network.state_dict().items()}
    return Elman(
        W_ih=values.get("rows.weight", values["rnn.weight_ih_l0"].T),
        W_hh=values["rnn.weight_hh_l0"].T,
        b_h=values["rnn.bias_hh_l0"],
        W_ho=values["out.weight"].T,
        b_o=values["out.bias"],
        h0=values["h0"],
    )


def _examples(workload: Workload):
    import torch

    x, y, weights = (torch.from_numpy(part.copy()) for part in workload.examples)
    return (x.long(), y.long(), weights) if workload.words else (x, y, weights)


def _costs(cost: str, o, y):
    import torch.nn.functional as F

    if cost == "sigmoid":
        each = F.binary_cross_entropy_with_logits(o, y, reduction="none")
        return each.sum(dim=-1)
    if cost == "squared":
        return ((o - y) ** 2).sum(dim=-1)
    flat = F.cross_entropy(o.flatten(0, -2), y.flatten(), reduction="none")
    return flat.reshape(y.shape)
