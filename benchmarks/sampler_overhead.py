"""What a sampler costs beside its network: T = 1000 steps against T bare calls of the same network.

A 2-D MLP with 58k parameters and a batch of 256 is the hard case: the network is so cheap that the loop shows.
Everything runs in one process and one thread, and every contender makes T calls.  Each runs in blocks of 20 steps, each
right after a block of 20 bare calls, so that a busy machine, which changes by the second, disturbs both alike.

per step: time / time of the bare calls, the median over all pairs of blocks.  middle half: its quartiles.
fastest: the fastest block / the fastest block of bare calls, as on an idle machine.
start: what happens once, before the first step, as a share of T bare calls.

"bare calls, again" shows the noise of these figures.  Times are processor time on a CPU, wall time on a GPU.
Libraries that are not installed are left out; nothing is clipped where that can be turned off.

    python benchmarks/sampler_overhead.py [--rounds 3] [--steps 1000] [--block 20] [--device cpu]
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from diffkit import sigmas
from diffkit.samplers import Step, ancestral, annealed_langevin, ddim, dpm_solver_2m
from diffkit.schedule import linear

BATCH = 256
Contender = Callable[[int], Iterator[None]]  # n -> an iterator that makes n calls of the network at each next()


class Mlp(nn.Module):
    """eps(x, t) for points in the plane: sinusoidal time embedding, three hidden layers of 128."""

    freq: Tensor

    def __init__(self, width: int = 128, frequencies: int = 32) -> None:
        super().__init__()
        self.register_buffer("freq", torch.exp(torch.linspace(0, -8, frequencies)))
        self.time, self.space = nn.Linear(2 * frequencies, width), nn.Linear(2, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angle = t.unsqueeze(1).to(x) * self.freq
        h = self.space(x) + self.time(torch.cat([angle.sin(), angle.cos()], 1))
        for layer in self.hidden:
            h = nn.functional.silu(layer(h))
        return self.out(h)


def bare(net: nn.Module, x: Tensor, T: int) -> Contender:
    times = [torch.full((BATCH,), t, device=x.device) for t in range(T, 0, -1)]

    @torch.no_grad()
    def calls(block: list[Tensor]) -> None:
        for t in block:
            net(x, t)

    return lambda n: (calls(times[i : i + n]) for i in itertools.count(0, n))


def in_blocks(make: Callable[[], Iterator[object]]) -> Contender:
    """From an iterator over steps to one over blocks of n steps."""

    def run(n: int) -> Iterator[None]:
        steps = make()
        while True:
            for _ in range(n):
                next(steps)
            yield

    return run


def ours(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    s, g = linear(T), torch.Generator(x.device).manual_seed(0)
    ladder = sigmas.geometric(10, 0.01, 10.0)
    index = {level: torch.full((BATCH,), i, device=x.device) for i, level in enumerate(ladder.tolist())}

    def score(x: Tensor, sigma: float) -> Tensor:
        return net(x, index[sigma])

    def langevin() -> Iterator[Step]:
        return annealed_langevin(score, ladder, x, n_steps=T // 10, step_size=1e-6, generator=g)

    samplers: dict[str, Callable[[], Iterator[Step]]] = {
        "diffkit ancestral": lambda: ancestral(net, s, x, generator=g),
        "diffkit DDIM": lambda: ddim(net, s, x),
        "diffkit DDIM, eta = 1": lambda: ddim(net, s, x, eta=1.0, generator=g),
        "diffkit annealed Langevin": langevin,
        "diffkit DPM-Solver++ 2M": lambda: dpm_solver_2m(net, s, x),
    }
    return {name: in_blocks(partial(after_the_start, make)) for name, make in samplers.items()}


def after_the_start(make: Callable[[], Iterator[Step]]) -> Iterator[Step]:
    """The steps but the first, which only says where the sampler begins."""
    return itertools.islice(make(), 1, None)


def diffusers(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    from diffusers import DDIMScheduler, DDPMScheduler

    def contender(make: Callable[..., Any]) -> Contender:
        @torch.no_grad()
        def steps() -> Iterator[Tensor]:
            scheduler, y, g = make(T, clip_sample=False), x, torch.Generator(x.device).manual_seed(0)
            scheduler.set_timesteps(T)
            for t in scheduler.timesteps:
                y = scheduler.step(net(y, t.expand(BATCH).to(x.device)), t, y, generator=g).prev_sample
                yield y

        return in_blocks(steps)

    return {"diffusers DDPM": contender(DDPMScheduler), "diffusers DDIM": contender(DDIMScheduler)}


def smalldiffusion(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    from accelerate import Accelerator
    from smalldiffusion import ModelMixin, ScheduleDDPM, samples

    class Model(nn.Module, ModelMixin):
        """Conditioned on sigma; the same network at one t, so that the work is the same."""

        input_dims = (2,)

        def __init__(self) -> None:
            super().__init__()
            self.net, self.t = net, torch.full((BATCH,), 5, device=x.device)

        def forward(self, y: Tensor, sigma: Tensor, cond: object = None) -> Tensor:
            return self.net(y, self.t)

    model, levels = Model(), ScheduleDDPM(T).sample_sigmas(T)
    accelerator = Accelerator(cpu=x.device.type == "cpu")

    def contender(mu: float) -> Contender:
        return in_blocks(lambda: samples(model, levels, gam=1.0, mu=mu, batchsize=BATCH, xt=x, accelerator=accelerator))

    return {"smalldiffusion DDPM": contender(0.5), "smalldiffusion DDIM": contender(0.0)}


def denoising_diffusion_pytorch(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    from denoising_diffusion_pytorch import GaussianDiffusion

    class Model(nn.Module):
        """A point in the plane as an image of 1 x 1 pixel with two channels."""

        channels, out_dim, self_condition = 2, 2, False

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, y: Tensor, t: Tensor, _: object = None) -> Tensor:
            return self.net(y.flatten(1), t).reshape(y.shape)

    chain = GaussianDiffusion(Model(), image_size=1, timesteps=T, objective="pred_noise", beta_schedule="linear")
    chain = chain.to(x.device)

    def steps() -> Iterator[Tensor]:  # its p_sample_loop, without the progress bar and the list of all images
        y = x.reshape(BATCH, 2, 1, 1)
        for t in reversed(range(T)):
            y, _ = chain.p_sample(y, t)
            yield y

    return {"denoising-diffusion-pytorch DDPM": in_blocks(steps)}


def collect(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    contenders = {"bare calls, again": bare(net, x, T), **ours(net, x, T)}
    for library in (diffusers, smalldiffusion, denoising_diffusion_pytorch):
        try:
            contenders |= library(net, x, T)
        except ImportError as error:
            print(f"{library.__name__} is left out: {error}")
    return contenders


def measure(base: Contender, contender: Contender, args: argparse.Namespace) -> list[tuple[float, float]]:
    """Seconds of each block of bare calls, and of the contender's block after it."""
    clock = time.process_time if args.device == "cpu" else time.perf_counter

    def seconds(blocks: Iterator[None]) -> float:
        start = clock()
        next(blocks)
        if args.device != "cpu":
            torch.cuda.synchronize()
        return clock() - start

    calls, steps = base(args.block), contender(args.block)
    return [(seconds(calls), seconds(steps)) for _ in range(args.steps // args.block)]


def line(name: str, runs: list[list[tuple[float, float]]]) -> str:
    """Of several runs, each a list of (bare, contender): the first block holds what happens only once."""
    ratios = [theirs / bare for run in runs for bare, theirs in run[1:]]
    low, middle, high = statistics.quantiles(ratios, n=4)
    fastest = min(theirs for run in runs for _, theirs in run[1:]) / min(bare for run in runs for bare, _ in run[1:])
    once = statistics.median(run[0][1] - statistics.median(b for _, b in run) for run in runs)
    share = once / statistics.median(sum(bare for bare, _ in run) for run in runs)
    return f"{name:<34} {middle:>8.3f}  {low:.3f}-{high:.3f} {fastest:>9.3f} {share:>+8.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--block", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Mlp().to(args.device).eval()
    x = torch.randn(BATCH, 2, device=args.device)
    base, contenders = bare(net, x, args.steps), collect(net, x, args.steps)
    runs: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in contenders}
    for _ in range(args.rounds + 1):
        for name, contender in contenders.items():
            runs[name].append(measure(base, contender, args))
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{parameters} parameters, batch {BATCH}, T = {args.steps}, {args.device}, torch {torch.__version__}\n")
    print(f"{'sampler':<34} {'per step':>8}  {'middle half':<11} {'fastest':>9} {'start':>8}")
    for name in contenders:
        print(line(name, runs[name][1:]))  # the first round warms up


if __name__ == "__main__":
    main()
