"""Ready losses for `train`: they draw a batch, the times and the noise, and compare.

Noise and time are drawn on the data's device, by the generator alone, so a run can be repeated and resumed.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import randn_like
from diffkit.inputs import check_batch, check_like
from diffkit.schedule import Schedule
from diffkit.train.loop import Loss

Target = Literal["eps", "x0", "v"]


def minibatch(generator: torch.Generator, size: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The same `size` rows of every tensor, drawn with replacement."""
    i = torch.randint(len(tensors[0]), (size,), generator=generator, device=tensors[0].device)
    return tuple(x.index_select(0, i) for x in tensors)


def prediction(
    s: Schedule,
    x_0: Tensor,
    batch_size: int,
    *,
    target: Target = "eps",
    y: Tensor | None = None,
    change: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Loss:
    """Mean over batch and dimensions of (target - net(x_t, t))^2, t uniform on 1..T.  For eps: Ho et al. 2020, eq. 14.

    x_0: (N, *D), all data; the loss draws batches of batch_size from it.  target: eps, x0, or v = alpha eps - sigma
    x_0 (Salimans & Ho 2022), whose size is alike at all t.  y: (N,) labels, passed on as net(x_t, t, y).
    change(y, generator): applied to the labels of a batch, e.g. `nets.drop_labels`.
    """
    if target not in ("eps", "x0", "v"):
        raise RangeError(f"target = {target!r}: choose eps, x0 or v")
    if change is not None and y is None:
        raise RangeError("change is for labels, and there are none: pass y, or leave change out")
    if batch_size < 1 or (y is not None and len(y) != len(x_0)):
        raise ShapeError(f"batch_size = {batch_size} (at least 1); x_0 and y must have one row per example")
    column = (-1, *[1] * (check_batch(x_0).ndim - 1))
    # Once, not at every step: coefficients (T+1, 1, .., 1), whose rows are ready to multiply a batch.
    alpha, sigma = (v.sqrt().to(x_0).reshape(column) for v in (s.alpha_bar, s.noise_var))

    def loss(net: nn.Module, g: torch.Generator) -> Tensor:
        x, *labels = minibatch(g, batch_size, x_0) if y is None else minibatch(g, batch_size, x_0, y)
        t = torch.randint(1, s.T + 1, (batch_size,), generator=g, device=x.device)
        noise, a, sd = randn_like(x, g), alpha.index_select(0, t), sigma.index_select(0, t)
        if labels and change is not None:
            labels = [change(labels[0], g)]
        wanted = noise if target == "eps" else x if target == "x0" else a * noise - sd * x
        out = net(torch.addcmul(a * x, sd, noise), t, *labels)
        return F.mse_loss(check_like(out, x, "the prediction"), wanted)

    return loss


def classification(x: Tensor, y: Tensor, batch_size: int, s: Schedule | None = None) -> Loss:
    """Cross entropy of net(x) against labels y, (B,) nats.  x: (N, *D); y: (N,) long.

    With a schedule, of net(x_t, t), t uniform on 0..T: the noise-aware classifier of Dhariwal & Nichol 2021.
    """
    if batch_size < 1 or len(x) != len(y):
        raise ShapeError(f"batch_size = {batch_size} (at least 1), {len(x)} examples, {len(y)} labels")
    check_batch(x, "x")

    def loss(net: nn.Module, g: torch.Generator) -> Tensor:
        batch, labels = minibatch(g, batch_size, x, y)
        if s is None:
            return F.cross_entropy(net(batch), labels, reduction="none")
        t = torch.randint(s.T + 1, (batch_size,), generator=g, device=x.device)
        a, sd = s.at(s.alpha_bar.sqrt(), t, batch), s.at(s.noise_var.sqrt(), t, batch)
        return F.cross_entropy(net(a * batch + sd * randn_like(batch, g), t), labels, reduction="none")

    return loss
