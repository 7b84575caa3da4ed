r"""How the density flows.  Equations (8.20) to (8.24)."""

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.limits import divergence, laplacian
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.equations.stochastic_differential_equations.common import (
    SONG,
    density_of,
    in_the_plane,
    mixture,
    rate_of,
    score,
    three_sdes,
)
from diffkit.oracle import GaussianMixture
from diffkit.sde import SDE


def _on_the_line(g: torch.Generator) -> tuple[GaussianMixture, SDE, float, Tensor, Tensor]:
    """Data, an equation, a time, and the frequency and phase of five waves."""
    a, b = 0.5 + 1.5 * torch.rand(5, generator=g, dtype=F64), randn(g, 5)
    return mixture(g), three_sdes(g)[1], number(g, 0.2, 0.8), a, b


@twin(
    "8.20",
    r"\int p_t\;\mathbf{f}\cdot\nabla\varphi\;d\mathbf{x} = -\int \varphi\;\nabla\cdot(\mathbf{f}\,p_t)\;d\mathbf{x}",
    symbols="sde_p sde_f sde_phi sde_x",
)
def by_parts_once(g: torch.Generator) -> Sides:
    """Both integrals by quadrature for five waves phi; (f p)' by automatic differentiation."""
    data, sde, t, a, b = _on_the_line(g)

    def p(x: Tensor) -> Tensor:
        return density_of(data, sde, t, x)

    def left(x: Tensor) -> Tensor:
        column = x.unsqueeze(1)
        return (p(column) * sde.drift(x, t)).unsqueeze(1) * a * torch.cos(a * column + b)

    def right(x: Tensor) -> Tensor:
        column = x.unsqueeze(1)
        slope = divergence(lambda y: sde.drift(y, t) * p(y).unsqueeze(1), column)
        return -torch.sin(a * column + b) * slope.unsqueeze(1)

    return Sides(integrate(left, -16, 16, 4001), integrate(right, -16, 16, 4001))


@twin(
    "8.21",
    r"\int p_t\,\nabla^2\varphi\;d\mathbf{x} = \int \varphi\,\nabla^2 p_t\;d\mathbf{x}",
    symbols="sde_p sde_phi sde_x",
)
def by_parts_twice(g: torch.Generator) -> Sides:
    """Both integrals by quadrature for five waves phi; p'' by automatic differentiation."""
    data, sde, t, a, b = _on_the_line(g)

    def p(x: Tensor) -> Tensor:
        return density_of(data, sde, t, x)

    def left(x: Tensor) -> Tensor:
        return -p(x.unsqueeze(1)).unsqueeze(1) * a**2 * torch.sin(a * x.unsqueeze(1) + b)

    def right(x: Tensor) -> Tensor:
        return laplacian(p, x.unsqueeze(1)).unsqueeze(1) * torch.sin(a * x.unsqueeze(1) + b)

    return Sides(integrate(left, -16, 16, 4001), integrate(right, -16, 16, 4001))


@twin(
    "8.22",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot(\mathbf{f}\,p_t) + \tfrac12\,g(t)^2\,\nabla^2 p_t",
    symbols="sde_p sde_t sde_f sde_g",
    source=f"Fokker 1914, Planck 1917; {SONG}, appendix D",
)
def fokker_planck(g: torch.Generator) -> Sides:
    """A mixture in the plane under VP, sub-VP, VE: derivative of the exact density in time; its derivatives in space."""
    data, sdes, t, x = in_the_plane(g)
    left, right = [], []
    for sde in sdes:

        def p(y: Tensor, sde: SDE = sde) -> Tensor:
            return density_of(data, sde, t, y)

        flow = divergence(lambda y, sde=sde, p=p: sde.drift(y, t) * p(y).unsqueeze(1), x)  # type: ignore[misc]
        left.append(rate_of(data, sde, t, x))
        right.append(-flow + 0.5 * sde.diffusion(t) ** 2 * laplacian(p, x))
    return Sides(torch.cat(left), torch.cat(right))


@twin(
    "8.23",
    r"\frac{\partial \log p_t}{\partial t} = -\nabla\cdot\mathbf{f} - \mathbf{f}\cdot\mathbf{s} + \tfrac12\,g(t)^2\,\big(\nabla\cdot\mathbf{s} + \|\mathbf{s}\|^2\big)",
    symbols="sde_p sde_t sde_f sde_score sde_g",
)
def log_fokker_planck(g: torch.Generator) -> Sides:
    """The exact log density differentiated in time, and the right side from the library's score and its Jacobian."""
    data, sdes, t, x = in_the_plane(g)
    left, right = [], []
    for sde in sdes:
        level = [float(c) for c in sde.marginal(t)]
        s, spread = data.score(x, *level), data.score_jacobian(x, *level).diagonal(dim1=1, dim2=2).sum(1)
        f = sde.drift(x, t)
        left.append(rate_of(data, sde, t, x, log=True))
        right.append(
            -2 * sde.rate(t) - (f * s).sum(1) + 0.5 * sde.diffusion(t) ** 2 * (spread + (s**2).sum(1))
        )  # the divergence of f(t) x in the plane is 2 f(t)
    return Sides(torch.cat(left), torch.cat(right))


@twin(
    "8.24",
    r"\nabla^2 p_t = \nabla\cdot(\mathbf{s}\,p_t)",
    symbols="sde_p sde_score",
)
def spreading_is_a_flow(g: torch.Generator) -> Sides:
    """Second derivatives of the exact density, and the divergence of the library's score times the density."""
    data, (sde, *_), t, x = in_the_plane(g)

    def p(y: Tensor) -> Tensor:
        return density_of(data, sde, t, y)

    return Sides(laplacian(p, x), divergence(lambda y: score(data, sde, t, y) * p(y).unsqueeze(1), x))
