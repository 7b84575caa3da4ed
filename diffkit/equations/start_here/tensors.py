r"""From files to tensors: scaling, seeds, shapes.  Equations (0.1) to (0.5)."""

import statistics

import numpy as np
import torch

from diffkit import data
from diffkit.equations.draws import randn
from diffkit.equations.registry import Sides, twin


@twin("0.1", r"y = \frac{x}{8} - 1", symbols="start_pixel start_gray")
def rescaled(g: torch.Generator) -> Sides:
    """Three random digits as the library gives them, and from the file's whole numbers 0..16 by the formula."""
    which = torch.randint(1797, (3,), generator=g)
    with np.load(data.data_folder() / "digits.npz", allow_pickle=False) as file:
        pixels = torch.from_numpy(file["images"].astype("f8"))[which]
    return Sides(data.digits().images[which, 0].double(), pixels / 8 - 1)


@twin(
    "0.2",
    r"\boldsymbol\varepsilon(\text{seed}) = \boldsymbol\varepsilon(\text{seed}), \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="eps N I",
)
def same_seed(g: torch.Generator) -> Sides:
    """Noise from a generator of its own, and from torch's global one after the same seed was set there."""
    seed = int(torch.randint(10_000, (1,), generator=g))
    own = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):  # leaves the global generator as it was
        torch.manual_seed(seed)
        shared = torch.randn(4, 3, dtype=torch.float64)
    return Sides(own, shared)


@twin("0.3", r"\mathbf{y}_b = a_b\,\mathbf{x}_b, \qquad b = 1, \dots, B", symbols="start_y start_a start_x")
def scaled(g: torch.Generator) -> Sides:
    """A loop over every number of every example, and one product of tensors whose axes were lined up."""
    a, x = randn(g, 3), randn(g, 3, 2, 4)
    slow = [[[float(a[b]) * float(v) for v in row] for row in x[b]] for b in range(3)]
    return Sides(torch.tensor(slow, dtype=torch.float64), a.reshape(3, 1, 1) * x)


@twin(
    "0.4",
    r"y_{b,j} = \frac{x_{b,j} - m_b}{\sqrt{v_b}}, \qquad m_b = \frac{1}{d} \sum_j x_{b,j}, \quad v_b = \frac{1}{d} \sum_j (x_{b,j} - m_b)^2",
    symbols="start_y start_d start_m d",
)
def standardised(g: torch.Generator) -> Sides:
    """Python's own `statistics`, example by example, and the formula for the whole batch."""
    x = 2 * randn(g, 3, 10) + 5
    slow = []
    for row in x.tolist():
        mean, std = statistics.fmean(row), statistics.pstdev(row)
        slow.append([(v - mean) / std for v in row])
    centred = x - x.mean(1, keepdim=True)
    return Sides(torch.tensor(slow, dtype=torch.float64), centred / (centred**2).mean(1, keepdim=True).sqrt())


@twin("0.5", r"E = \frac{1}{N} \sum_{n=1}^{N} (p_n - z_n)^2", symbols="start_E start_p start_N")
def mean_square(g: torch.Generator) -> Sides:
    """A loop over the pairs, and the formula on tensors of the same shape."""
    p, z = randn(g, 7), randn(g, 7)
    slow = sum((u - v) ** 2 for u, v in zip(p.tolist(), z.tolist(), strict=True)) / 7
    return Sides(torch.tensor([slow], dtype=torch.float64), ((p - z) ** 2).mean().reshape(1))


@twin(
    "0.5e",
    r"E = \frac{1}{N^2} \sum_{n=1}^{N} \sum_{m=1}^{N} (p_n - z_m)^2",
    symbols="start_E start_p start_N",
    source="what torch computes, without a word, for shapes (N, 1) and (N,)",
    erratum="Every prediction is compared with every target, not with its own. Bring both to one shape first.",
)
def every_pair(g: torch.Generator) -> Sides:
    """Predictions near their targets: a loop over the pairs, and the mean that shapes (N, 1) and (N,) give."""
    z = randn(g, 7)
    p = z + 0.1 * randn(g, 7)
    slow = sum((u - v) ** 2 for u, v in zip(p.tolist(), z.tolist(), strict=True)) / 7
    return Sides(torch.tensor([slow], dtype=torch.float64), ((p.unsqueeze(1) - z) ** 2).mean().reshape(1))
