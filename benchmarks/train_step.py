"""What a training step costs beside its network: with batch, times, noise, loss and averaged weights.

Bare is forward, mean squared error, backward and fused Adam on a batch that is ready.  Ours is a step of
`train.train` with the ready loss: it draws the batch, the times and the noise, makes x_t, and averages the weights.
The two take turns, in one process, one thread, a few steps at a time.  The first figure is the median over rounds of
ours / bare; the second compares the fastest round of each, which other programs on the machine disturb least.
"bare, again" shows the noise of the measurement.  Times are processor time on a CPU, wall time on a GPU.

python benchmarks/train_step.py [--rounds 41] [--steps 25] [--device cpu]
"""

import argparse
import copy
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffkit import data, train
from diffkit.nets import Mlp, UNet
from diffkit.schedule import linear

Run = Callable[[int], None]


def bare(net: nn.Module, x: Tensor, size: int) -> Run:
    """Nothing but the network's own work."""
    net = copy.deepcopy(net).to(x.device)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    x_t, noise = x[:size].clone(), torch.randn_like(x[:size])
    t = torch.randint(1, 1000, (size,), device=x.device)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            (net(x_t, t) - noise).square().mean().backward()
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
    base = bare(net, x, size)
    others = {
        "bare, again": bare(net, x, size),
        "diffkit": ours(net, x, size),
        "diffkit, average at every 10th": ours(net, x, size, ema_every=10),
        "usual loop": plain(net, x, size),
    }
    for run in (base, *others.values()):
        seconds(run, max(steps // 4, 2), args.device)  # warm up
    times: dict[str, list[tuple[float, float]]] = {other: [] for other in others}
    for _ in range(args.rounds):
        for other, run in others.items():
            times[other].append((seconds(base, steps, args.device), seconds(run, steps, args.device)))
    fastest = min(b for pairs in times.values() for b, _ in pairs)
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{name}: {parameters} parameters, batch {size}, bare step {1e6 * fastest:.0f} microseconds at its fastest")
    for other, pairs in times.items():
        ratios = [mine / b for b, mine in pairs]
        best = min(mine for _, mine in pairs) / fastest
        spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
        print(f"  {other:<31} median ratio {statistics.median(ratios):.3f} ({spread}), fastest {best:.3f}")


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
