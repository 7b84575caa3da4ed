"""The bound over all T = 1000 noise levels: batched over t, beside a plain loop of T calls.

    python benchmarks/elbo_all_t.py [--repeats 5] [--threads 1] [--device cpu]

The loop is written for this comparison after the manner of published codes: at every t it looks up its
coefficients, draws x_t, calls the network, forms both Gaussians, their KL divergence and the discretised
log-likelihood, and keeps one of the two.  Same network, same noise, same answer (checked before timing).  The
network has random weights: its cost is the same as a trained one's.  Beside both stand the bare calls of the
network that each makes, nothing else: no code around the network can be faster than those.  Each figure is
the best of the repeats, taken in turn; on a CPU it is processor time.

Where the package `guided_diffusion` is installed (OpenAI's code after improved-diffusion; on PyPI in
guided-diffusion-sdk, which needs `pip install --no-deps`), its own `calc_bpd_loop` runs beside them, on the same
noise and with the same result; it also returns the errors in x_0 and eps at every t.
"""

import argparse
import importlib
import math
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffkit import elbo, schedule
from diffkit.elbo.rows import chunk_of
from diffkit.schedule import Schedule

T = 1000


def embed(t: Tensor, dims: int) -> Tensor:
    """Sines and cosines of t, (B, dims)."""
    rates = torch.exp(-math.log(10_000) * torch.arange(dims // 2, device=t.device) / (dims // 2))
    angles = t.unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Mlp(nn.Module):
    """A noise predictor for points: depth hidden layers of this width."""

    def __init__(self, width: int, depth: int, dims: int = 2, time_dims: int = 32) -> None:
        super().__init__()
        self.time_dims = time_dims
        layers: list[nn.Module] = [nn.Linear(dims + time_dims, width), nn.SiLU()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, dims))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.layers(torch.cat([x, embed(t, self.time_dims)], 1))
        return out


class ConvNet(nn.Module):
    """A noise predictor for 8x8 images: three convolutions of 32 channels, shifted by the time."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.time = nn.Linear(64, width)
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.rest = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 1, 3, padding=1)
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        shift = self.time(embed(t, 64)).unflatten(1, (-1, 1, 1))
        out: Tensor = self.rest(self.first(x) + shift)
        return out


class Loop:
    """The bound by a loop over t, one network call each."""

    def __init__(self, s: Schedule) -> None:
        bar, before = s.alpha_bar.numpy(), s.alpha_bar[:-1].numpy()
        beta, noise_var = s.beta.numpy(), s.noise_var.numpy()
        self.signal, self.sigma = bar**0.5, noise_var**0.5
        self.recip, self.recipm1 = bar**-0.5, (noise_var / bar) ** 0.5
        self.mean_x0, self.mean_xt, self.posterior_log_var = (0 * beta for _ in range(3))
        self.mean_x0[1:] = beta[1:] * before**0.5 / noise_var[1:]
        self.mean_xt[1:] = noise_var[:-1] * (1 - beta[1:]) ** 0.5 / noise_var[1:]
        tilde = s.beta_tilde.clone()
        tilde[1] = tilde[2]
        self.posterior_log_var[1:] = tilde[1:].log().numpy()
        self.log_beta = 0 * beta
        self.log_beta[1:] = s.beta[1:].log().numpy()

    def evaluate(self, net: Callable[[Tensor, Tensor], Tensor], x_0: Tensor, noise: Tensor) -> Tensor:
        terms = []
        for t in range(T, 0, -1):
            level = torch.full((len(x_0),), t, device=x_0.device)
            terms.append(self.term(net, x_0, noise[t - 1], level))
        bar = self.look_up(self.signal, level * 0 + T, x_0)
        prior = normal_kl(bar * x_0, self.look_up(self.sigma, level * 0 + T, x_0).log() * 2, 0 * x_0, 0 * x_0)
        return torch.stack(terms).sum(0) + prior.flatten(1).sum(1)

    def term(self, net: Callable[[Tensor, Tensor], Tensor], x_0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        x_t = self.look_up(self.signal, t, x_0) * x_0 + self.look_up(self.sigma, t, x_0) * noise
        true_mean = self.posterior_mean(x_0, x_t, t)
        eps = net(x_t, t)
        guess = self.look_up(self.recip, t, x_0) * x_t - self.look_up(self.recipm1, t, x_0) * eps
        mean, log_var = self.posterior_mean(guess, x_t, t), self.look_up(self.log_beta, t, x_0)
        kl = normal_kl(true_mean, self.look_up(self.posterior_log_var, t, x_0), mean, log_var)
        nll = -log_bin(x_0, mean, log_var)
        return torch.where(t == 1, nll.flatten(1).sum(1), kl.flatten(1).sum(1))

    def posterior_mean(self, x_0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return self.look_up(self.mean_x0, t, x_0) * x_0 + self.look_up(self.mean_xt, t, x_0) * x_t

    def look_up(self, table, t: Tensor, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        out = torch.from_numpy(table).to(device=t.device)[t].float()
        while out.ndim < x.ndim:
            out = out[..., None]
        return out.expand(x.shape)


def normal_kl(mean_1: Tensor, log_var_1: Tensor, mean_2: Tensor, log_var_2: Tensor) -> Tensor:
    ratio = torch.exp(log_var_1 - log_var_2)
    return 0.5 * (-1 + log_var_2 - log_var_1 + ratio + (mean_1 - mean_2) ** 2 * torch.exp(-log_var_2))


def log_bin(x: Tensor, mean: Tensor, log_var: Tensor, bins: int = 256) -> Tensor:
    half, scale = 1 / (bins - 1), torch.exp(-0.5 * log_var)
    above = torch.special.ndtr(scale * (x - mean + half))
    below = torch.special.ndtr(scale * (x - mean - half))
    inner = torch.log((above - below).clamp(min=1e-12))
    first, last = torch.log(above.clamp(min=1e-12)), torch.log((1 - below).clamp(min=1e-12))
    return torch.where(x < -0.999, first, torch.where(x > 0.999, last, inner))


class Published:
    """`calc_bpd_loop` of OpenAI's guided_diffusion, in nats.  Raises ImportError where it is not installed."""

    def __init__(self, s: Schedule) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an older torch's names
            g = importlib.import_module("guided_diffusion.gaussian_diffusion")
        self.diffusion = g.GaussianDiffusion(
            betas=s.beta[1:].numpy(),
            model_mean_type=g.ModelMeanType.EPSILON,
            model_var_type=g.ModelVarType.FIXED_LARGE,
            loss_type=g.LossType.KL,
        )

    def evaluate(self, net: Callable[[Tensor, Tensor], Tensor], x_0: Tensor) -> elbo.Elbo:
        terms = self.diffusion.calc_bpd_loop(lambda x, t: net(x, t + 1), x_0, clip_denoised=False)
        nats = {name: terms[name] * math.log(2) * x_0[0].numel() for name in ("prior_bpd", "vb")}
        return elbo.Elbo(nats["prior_bpd"], nats["vb"][:, :-1].flip(1), nats["vb"][:, -1])


def published(s: Schedule) -> Published | None:
    try:
        return Published(s)
    except ImportError:
        return None


def check_published(theirs: Published, net: nn.Module, s: Schedule, x_0: Tensor) -> None:
    """Equal results on equal noise: it counts t from T down, and at t = 1 takes the variance beta_tilde_2."""
    torch.manual_seed(1)
    noise = torch.stack([torch.randn_like(x_0) for _ in range(T)]).flip(0)
    sigma = s.beta.clone()
    sigma[1] = s.beta_tilde[2]
    ours = elbo.evaluate(net, s, x_0, noise=noise, data="discrete", sigma=sigma)
    torch.manual_seed(1)
    found = theirs.evaluate(net, x_0)
    torch.testing.assert_close(found.L_T, ours.L_T, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.L_t, ours.L_t, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.L_0, ours.L_0, rtol=1e-2, atol=1e-2)  # its normal cdf is a fit


def measure(name: str, net: nn.Module, x_0: Tensor, repeats: int) -> None:
    """Check that both give the same bound, time both in turn, print one line."""
    s = schedule.linear(T)
    loop = Loop(s)
    s = s.to(x_0.device)
    noise = torch.randn(T, *x_0.shape, device=x_0.device)
    slow, fast = (
        lambda: loop.evaluate(net, x_0, noise),
        lambda: elbo.evaluate(net, s, x_0, noise=noise, data="discrete").total,
    )
    torch.testing.assert_close(slow(), fast(), rtol=1e-4, atol=1e-2)
    rows = noise.flatten(0, 1), torch.arange(T, device=x_0.device).repeat_interleave(len(x_0)) + 1
    theirs = published(s) if x_0.device.type == "cpu" else None
    if theirs is not None:
        check_published(theirs, net, s, x_0)
    yardstick = (lambda: theirs.evaluate(net, x_0)) if theirs else (lambda: None)
    size = chunk_of(x_0, None, len(rows[1]))
    jobs = yardstick, slow, lambda: bare(net, *rows, len(x_0)), fast, lambda: bare(net, *rows, size)
    times = [[seconds(job, x_0.device) * 1e3 for job in jobs] for _ in range(repeats)]
    theirs_ms, *loops, ours_ms, batched_ms = (min(column) for column in zip(*times, strict=True))
    columns = "".join(f"{ms:11.1f}" for ms in (*loops, ours_ms, batched_ms)) + f"{loops[0] / ours_ms:9.1f}"
    print(f"{name:32}{columns}" + (f"{theirs_ms:12.1f}{theirs_ms / ours_ms:9.1f}" if theirs else ""))


def bare(net: nn.Module, x: Tensor, t: Tensor, size: int) -> None:
    """The network's calls alone, so many rows each."""
    for a, b in zip(x.split(size), t.split(size), strict=True):
        net(a, b)


def seconds(job: Callable[[], object], device: torch.device) -> float:
    """Processor time on a CPU, which other people's work disturbs less; time on the wall for a GPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    job()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def size_of(net: nn.Module) -> str:
    return f"{sum(p.numel() for p in net.parameters()) / 1000:.1f}k"


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    shapes = [(16, 2), (16, 1, 8, 8)]
    points, images = ((torch.randint(0, 256, shape) / 127.5 - 1).to(args.device) for shape in shapes)
    small, large, conv = (net.to(args.device) for net in (Mlp(64, 2), Mlp(128, 4), ConvNet()))
    heads = f"{'T = 1000, ms':32}{'loop':>11}{'T calls':>11}{'ours':>11}{'batched':>11}{'ratio':>9}"
    print(heads + (f"{'published':>12}{'ratio':>9}" if published(schedule.linear(T)) else ""))
    measure(f"16 points, MLP of {size_of(small)}", small, points, args.repeats)
    measure(f"16 points, MLP of {size_of(large)}", large, points, args.repeats)
    measure(f"1 image 8x8, conv of {size_of(conv)}", conv, images[:1], args.repeats)
    measure(f"16 images 8x8, conv of {size_of(conv)}", conv, images, args.repeats)


if __name__ == "__main__":
    main()
