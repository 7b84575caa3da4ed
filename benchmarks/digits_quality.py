"""How good the 8x8 digits get, against minutes of training: Fréchet distance and bits per dimension.

A U-Net learns v on the training digits.  At each mark it draws as many digits as are held out, from its averaged
weights, and the Fréchet distance to the held-out digits is taken in the features of a classifier that saw training
digits only.  The floor is the same with real training digits in place of the drawn ones; uniform noise is the other
end.  Bits/dim is the variational bound on held-out digits (17 grey levels).  Minutes are processor minutes on a CPU,
wall minutes on a GPU; drawing and measuring are not counted.

python benchmarks/digits_quality.py [--seconds 15 30 60 120] [--device cpu] [--picture digits_quality.png]
"""

import argparse
import time
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit import data, elbo, metrics, nets, train
from diffkit.parameterize import predicting
from diffkit.samplers import dpm_solver_2m, last, uniform_times
from diffkit.schedule import Schedule, cosine

HELD_OUT = 500
BOUND_ON = 64  # held-out digits for the bound, which asks for T predictions each
SAMPLER_STEPS = 30


class Row(NamedTuple):
    """One line of the table."""

    minutes: float
    steps: int
    frechet: float
    bits: float


class Ruler(NamedTuple):
    """The features that are compared, the real digits to compare with, and what real digits score."""

    classifier: nets.Classifier
    held_out: Tensor
    floor: metrics.Floor

    def __call__(self, images: Tensor) -> float:
        return float(metrics.frechet_distance(images, self.held_out, self.classifier.features))


def make_ruler(images: Tensor, labels: Tensor, held_out: Tensor, g: torch.Generator) -> Ruler:
    state = train.start(nets.Classifier(), device=images.device, lr=3e-3, ema_decay=0.99)
    for _ in train.train(state, train.classification(images, labels, 64), steps=300):
        pass
    classifier = state.ema
    assert isinstance(classifier, nets.Classifier)
    values = []
    for _ in range(20):
        chosen = images[torch.randperm(len(images), generator=g, device=g.device)[: len(held_out)]]
        values.append(metrics.frechet_distance(chosen, held_out, classifier.features))
    return Ruler(classifier, held_out, metrics.Floor(torch.stack(values).cpu()))


def measure(state: train.State, s: Schedule, ruler: Ruler) -> tuple[float, float]:
    """Fréchet distance of drawn digits, and bits/dim of held-out ones."""
    eps = predicting("eps", state.ema, "v", s)
    g = torch.Generator(state.device).manual_seed(0)
    x_T = torch.randn(ruler.held_out.shape, generator=g, device=state.device)
    drawn = last(dpm_solver_2m(eps, s, x_T, times=uniform_times(s.T, SAMPLER_STEPS))).clamp(-1, 1)
    with torch.no_grad():
        bound = elbo.evaluate(eps, s, ruler.held_out[:BOUND_ON], data="discrete", bins=17, generator=g)
    return ruler(drawn), float(elbo.bits_per_dim(bound.total, 64).mean())


def learn(images: Tensor, ruler: Ruler, marks: list[float], device: str) -> list[Row]:
    clock = time.process_time if device == "cpu" else time.perf_counter
    s, rows, spent = cosine(200, device=device), [], 0.0
    state = train.start(nets.UNet(), device=device, lr=2e-3, ema_decay=0.995)
    steps = train.train(
        state, train.prediction(s, images, 64, target="v"), lr=lambda n: 2e-3 * min(1, n / 100), clip_norm=1.0
    )
    for mark in sorted(marks):
        start = clock() - spent
        while (spent := clock() - start) < mark:
            next(steps)
        if device != "cpu":
            torch.cuda.synchronize()
        rows.append(Row(spent / 60, state.step, *measure(state, s, ruler)))
        print(f"{rows[-1].minutes:>8.2f} {state.step:>7} {rows[-1].frechet:>9.2f} "
              f"{rows[-1].frechet / ruler.floor.mean:>8.2f} {rows[-1].bits:>9.3f}", flush=True)  # fmt: skip
    return rows


def draw_picture(path: str, rows: list[Row], floor: metrics.Floor) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot([r.minutes for r in rows], [r.frechet for r in rows], "o-", label="drawn digits")
    axes.axhspan(floor.mean - 2 * floor.sd, floor.mean + 2 * floor.sd, alpha=0.3, label="real digits (mean, 2 sd)")
    axes.set(xlabel="minutes of training", ylabel="Fréchet distance to held-out digits", xlim=0, ylim=0)
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[15, 30, 60, 120])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--picture", help="file for a picture of the table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, labels = data.digits(args.device)
    g = torch.Generator(args.device).manual_seed(0)
    order = torch.randperm(len(images), generator=g, device=args.device)
    held, rest = order[:HELD_OUT], order[HELD_OUT:]
    ruler = make_ruler(images[rest], labels[rest], images[held], g)
    with torch.no_grad():
        right = float((ruler.classifier(images[held]).argmax(1) == labels[held]).double().mean())
    noise = ruler(2 * torch.rand(ruler.held_out.shape, generator=g, device=args.device) - 1)
    print(f"{args.device}, torch {torch.__version__}; {len(rest)} digits to learn from, {HELD_OUT} held out")
    print(f"classifier: {right:.1%} right; real digits {ruler.floor.mean:.2f} (sd {ruler.floor.sd:.2f}), "
          f"uniform noise {noise:.0f}\n")  # fmt: skip
    print(f"{'minutes':>8} {'steps':>7} {'Fréchet':>9} {'/ floor':>8} {'bits/dim':>9}", flush=True)
    rows = learn(images[rest], ruler, args.seconds, args.device)
    if args.picture:
        draw_picture(args.picture, rows, ruler.floor)


if __name__ == "__main__":
    main()
