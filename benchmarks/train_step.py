"""What a training step costs beside its bare work: with checks, a generator of steps and averaged weights.

Two yardsticks, both forward, mean squared error, backward and fused Adam.  "Bare" draws its batch, times and noise and
makes x_t anew at every step, as any training must; "network only" sees one ready batch again and again.  Ours is a step
of `train.train` with the ready loss: it draws the same, checks the loss, and averages the weights.
All take turns, in one process, one thread, a few steps at a time.  Each cell has two figures: the median over rounds of
the ratio, and the ratio of the fastest rounds, which other programs on the machine disturb least.  "bare, again" shows
the noise of the measurement.  Times are processor time on a CPU, wall time on a GPU.

python benchmarks/train_step.py [--rounds 41] [--steps 25] [--device cpu]
"""

import argparse
import copy
import itertools
import random
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffkit import data, train
from diffkit.nets import Mlp, UNet
from diffkit.schedule import linear

Run = Callable[[int], None]


def network_only(net: nn.Module, x: Tensor, size: int) -> Run:
    """Nothing but the network's own work, on a batch that is ready."""
    net = copy.deepcopy(net).to(x.device)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    x_t, noise = x[:size].clone(), torch.randn_like(x[:size])
    t = torch.randint(1, 1000, (size,), device=x.device)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            F.mse_loss(net(x_t, t), noise).backward()
            optimizer.step()

    return run


def bare(net: nn.Module, x: Tensor, size: int) -> Run:
    """The work of a training step, written out: no checks, no average, no generator of steps."""
    net = copy.deepcopy(net).to(x.device)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    s, column = linear(1000), (-1, *[1] * (x.ndim - 1))
    alpha, sigma = (v.sqrt().to(x).reshape(column) for v in (s.alpha_bar, s.noise_var))

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            x_0 = x.index_select(0, torch.randint(len(x), (size,), device=x.device))
            t, noise = torch.randint(1, 1001, (size,), device=x.device), torch.randn_like(x_0)
            x_t = torch.addcmul(alpha.index_select(0, t) * x_0, sigma.index_select(0, t), noise)
            F.mse_loss(net(x_t, t), noise).backward()
            optimizer.step()

    return run


def ours(net: nn.Module, x: Tensor, size: int, ema_every: int = 1) -> Run:
    """A step of the library, all of it."""
    state = train.start(copy.deepcopy(net), device=x.device, ema_every=ema_every)
    steps_of = train.train(state, train.prediction(linear(1000), x, size))

    def run(steps: int) -> None:
        for _ in itertools.islice(steps_of, steps):
            pass

    return run


def plain(net: nn.Module, x: Tensor, size: int) -> Run:
    """The usual loop, for comparison: weights averaged one by one, the loss read at every step."""
    s, net = linear(1000).to(x.device), copy.deepcopy(net).to(x.device)
    averaged, optimizer = copy.deepcopy(net), torch.optim.Adam(net.parameters())

    def run(steps: int) -> None:
        for _ in range(steps):
            x_0 = x[torch.randint(len(x), (size,), device=x.device)]
            t, noise = torch.randint(1, 1001, (size,), device=x.device), torch.randn_like(x_0)
            x_t = s.at(s.alpha_bar.sqrt(), t, x_0) * x_0 + s.at(s.noise_var.sqrt(), t, x_0) * noise
            loss = (net(x_t, t) - noise).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for a, p in zip(averaged.parameters(), net.parameters(), strict=True):
                    a.mul_(0.999).add_(p, alpha=0.001)
            loss.item()

    return run


def seconds(run: Run, steps: int, device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    run(steps)
    if device != "cpu":
        torch.cuda.synchronize()
    return (clock() - start) / steps


def compare(name: str, net: nn.Module, x: Tensor, size: int, args: argparse.Namespace, steps: int) -> None:
    yardsticks = {"bare": bare(net, x, size), "network only": network_only(net, x, size)}
    others = {
        "bare, again": bare(net, x, size),
        "diffkit": ours(net, x, size),
        "diffkit, average at every 10th": ours(net, x, size, ema_every=10),
        "usual loop": plain(net, x, size),
    }
    runs = yardsticks | others
    times: dict[str, list[float]] = {run: [] for run in runs}
    for _ in range(args.rounds):
        for run in random.sample(list(runs), len(runs)):  # no run always follows the same one
            seconds(runs[run], 2, args.device)  # its weights come back into the cache
            times[run].append(seconds(runs[run], steps, args.device))
    parameters = sum(p.numel() for p in net.parameters())
    fastest = ", ".join(f"{run} {1e6 * min(times[run]):.0f}" for run in yardsticks)
    print(f"{name}: {parameters} parameters, batch {size}; microseconds a step at the fastest: {fastest}")
    for other in others:
        print(f"  {other:<31}" + "".join(f"  over {y}: {ratios(times[other], times[y])}" for y in yardsticks))


def ratios(mine: list[float], theirs: list[float]) -> str:
    median = statistics.median(m / t for m, t in zip(mine, theirs, strict=True))
    return f"median {median:.3f}, fastest {min(mine) / min(theirs):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{args.device}, torch {torch.__version__}, one thread")
    points = data.two_moons(10_000).to(args.device)
    compare("MLP, 2-D", Mlp(2), points, 256, args, args.steps)
    compare("U-Net, 8x8", UNet(), data.digits(args.device).images, 64, args, max(args.steps // 20, 2))


if __name__ == "__main__":
    main()
