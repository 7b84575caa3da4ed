"""What a sampler costs beside its network: T = 1000 steps against T bare calls of the same network.

A 2-D MLP with 58k parameters and a batch of 256 is the hard case: the network is so cheap that the loop
shows.  All contenders run in one process, one thread, in turns, each right after the bare calls.  The first
figure is the median over rounds of time / time of the bare calls; the second compares the fastest round of
each, which other programs on the machine disturb least.  "bare calls, again" shows the noise.  Times are
processor time on a CPU, wall time on a GPU. Libraries that are not installed are left out.  Every contender
makes exactly T calls; nothing is clipped where that can be turned off.

python benchmarks/sampler_overhead.py [--rounds 9] [--steps 1000] [--device cpu]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffkit import sigmas
from diffkit.samplers import ancestral, annealed_langevin, ddim, dpm_solver_2m, last
from diffkit.schedule import linear

BATCH = 256
Contender = Callable[[], object]


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
    def run() -> None:
        for t in times:
            net(x, t)

    return run


def ours(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    s, g = linear(T), torch.Generator(x.device).manual_seed(0)
    ladder = sigmas.geometric(10, 0.01, 10.0)
    index = {level: torch.full((BATCH,), i, device=x.device) for i, level in enumerate(ladder.tolist())}

    def score(x: Tensor, sigma: float) -> Tensor:
        return net(x, index[sigma])

    return {
        "diffkit ancestral": lambda: last(ancestral(net, s, x, generator=g)),
        "diffkit DDIM": lambda: last(ddim(net, s, x)),
        "diffkit DDIM, eta = 1": lambda: last(ddim(net, s, x, eta=1.0, generator=g)),
        "diffkit DPM-Solver++ 2M": lambda: last(dpm_solver_2m(net, s, x)),
        "diffkit annealed Langevin": lambda: last(
            annealed_langevin(score, ladder, x, n_steps=T // 10, step_size=1e-6, generator=g)
        ),
    }


def diffusers(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    from diffusers import DDIMScheduler, DDPMScheduler

    def contender(scheduler: object) -> Contender:
        scheduler.set_timesteps(T)
        g = torch.Generator(x.device).manual_seed(0)

        @torch.no_grad()
        def run() -> Tensor:
            y = x
            for t in scheduler.timesteps:
                eps = net(y, t.expand(BATCH).to(x.device))
                y = scheduler.step(eps, t, y, generator=g).prev_sample
            return y

        return run

    return {
        "diffusers DDPM": contender(DDPMScheduler(T, clip_sample=False)),
        "diffusers DDIM": contender(DDIMScheduler(T, clip_sample=False)),
    }


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

    def run(mu: float) -> None:
        for _ in samples(model, levels, gam=1.0, mu=mu, batchsize=BATCH, xt=x, accelerator=accelerator):
            pass

    return {"smalldiffusion DDPM": lambda: run(0.5), "smalldiffusion DDIM": lambda: run(0.0)}


def denoising_diffusion_pytorch(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    from denoising_diffusion_pytorch import GaussianDiffusion
    from denoising_diffusion_pytorch import denoising_diffusion_pytorch as module

    class Model(nn.Module):
        """A point in the plane as an image of 1 x 1 pixel with two channels."""

        channels, out_dim, self_condition = 2, 2, False

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, y: Tensor, t: Tensor, _: object = None) -> Tensor:
            return self.net(y.flatten(1), t).reshape(y.shape)

    module.tqdm = lambda steps, **_: steps  # without the progress bar, as the others
    chain = GaussianDiffusion(Model(), image_size=1, timesteps=T, objective="pred_noise", beta_schedule="linear")
    chain = chain.to(x.device)
    return {"denoising-diffusion-pytorch DDPM": lambda: chain.p_sample_loop((BATCH, 2, 1, 1))}


def collect(net: nn.Module, x: Tensor, T: int) -> dict[str, Contender]:
    contenders = {"bare calls, again": bare(net, x, T), **ours(net, x, T)}
    for library in (diffusers, smalldiffusion, denoising_diffusion_pytorch):
        try:
            contenders |= library(net, x, T)
        except ImportError as error:
            print(f"{library.__name__} is left out: {error}")
    return contenders


def seconds(run: Contender, device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Mlp().to(args.device).eval()
    x = torch.randn(BATCH, 2, device=args.device)
    base, contenders = bare(net, x, args.steps), collect(net, x, args.steps)
    for run in (base, *contenders.values()):
        seconds(run, args.device)  # warm up
    times: dict[str, list[float]] = {name: [] for name in contenders}
    bases: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(args.rounds):
        for name, run in contenders.items():
            bases[name].append(seconds(base, args.device))
            times[name].append(seconds(run, args.device))
    report(net, args, times, bases)


def report(
    net: nn.Module, args: argparse.Namespace, times: dict[str, list[float]], bases: dict[str, list[float]]
) -> None:
    parameters = sum(p.numel() for p in net.parameters())
    fastest = min(min(values) for values in bases.values())
    print(f"{parameters} parameters, batch {BATCH}, T = {args.steps}, {args.device}, torch {torch.__version__}")
    print(f"bare call: {1e6 * fastest / args.steps:.0f} microseconds at its fastest\n")
    print(f"{'sampler':<34} {'median ratio':>13} {'range':>13} {'fastest / fastest':>18}")
    for name in times:
        ratios = [a / b for a, b in zip(times[name], bases[name], strict=True)]
        spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
        print(f"{name:<34} {statistics.median(ratios):>13.3f} {spread:>13} {min(times[name]) / fastest:>18.3f}")


if __name__ == "__main__":
    main()
