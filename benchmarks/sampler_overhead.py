"""What a sampler costs beside its network: T = 1000 steps against T bare calls of the same network.

A 2-D MLP with 58k parameters and a batch of 256 is the hard case: the network is so cheap that the loop shows.
Everything runs in one process and one thread.  Each contender runs in blocks of 20 steps, each right after a block of
20 bare calls; "per step" is the median over all pairs of time / time of the bare calls, so that a busy machine, which
changes by the second, disturbs both alike.  "in all" adds what happens once, before the first step.  The line "bare
calls, again" shows the noise of the figures.  Times are processor time on a CPU, wall time on a GPU.  Libraries that
are not installed are left out.  Every contender makes T calls; nothing is clipped where that can be turned off.

    python benchmarks/sampler_overhead.py [--rounds 3] [--steps 1000] [--block 20] [--device cpu]
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
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

    samplers = {
        "diffkit ancestral": lambda: ancestral(net, s, x, generator=g),
        "diffkit DDIM": lambda: ddim(net, s, x),
        "diffkit DDIM, eta = 1": lambda: ddim(net, s, x, eta=1.0, generator=g),
        "diffkit annealed Langevin": langevin,
        "diffkit DPM-Solver++ 2M": lambda: dpm_solver_2m(net, s, x),
    }
    return {name: in_blocks(lambda make=make: itertools.islice(make(), 1, None)) for name, make in samplers.items()}


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


def measure(base: Contender, contender: Contender, args: argparse.Namespace) -> tuple[list[float], float]:
    """The ratios of all blocks but the first, and the time of the first less that of a typical one."""
    clock = time.process_time if args.device == "cpu" else time.perf_counter

    def seconds(blocks: Iterator[None]) -> float:
        start = clock()
        next(blocks)
        if args.device != "cpu":
            torch.cuda.synchronize()
        return clock() - start

    pairs = []
    calls, steps = base(args.block), contender(args.block)
    for _ in range(args.steps // args.block):
        pairs.append((seconds(calls), seconds(steps)))
    once = pairs[0][1] - statistics.median(b for _, b in pairs)
    return [b / a for a, b in pairs[1:]], once / statistics.median(a for a, _ in pairs) * args.block / args.steps


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
    ratios: dict[str, list[float]] = {name: [] for name in contenders}
    once: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(args.rounds + 1):
        for name, contender in contenders.items():
            found, first = measure(base, contender, args)
            if turn > 0:  # the first round warms up
                ratios[name] += found
                once[name].append(first)
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{parameters} parameters, batch {BATCH}, T = {args.steps}, {args.device}, torch {torch.__version__}\n")
    print(f"{'sampler':<34} {'per step':>9} {'in all':>8}   middle half of the blocks")
    for name, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        total = middle + statistics.median(once[name])
        print(f"{name:<34} {middle:>9.3f} {total:>8.3f}   {low:.3f}-{high:.3f}")


if __name__ == "__main__":
    main()
