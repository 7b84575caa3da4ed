r"""Linear inverse problems.  Equations (11.23) to (11.25)."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.equations.controllable_generation.common import labelled, level, normal, one_bell
from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import plane_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian


class Measured(NamedTuple):
    """Gaussian data N(m, S) in the plane, one measurement y = A x_0 + tau n of it, and noisy points."""

    data: FullGaussian
    A: Tensor
    tau: float
    y: Tensor
    x: Tensor
    a: float
    sd: float

    @property
    def guess(self) -> tuple[Tensor, Tensor]:
        """E[x_0 | x_t] (B, 2) and Cov[x_0 | x_t] (2, 2), by the Gaussian rules."""
        noisy = self.a**2 * self.data.cov + self.sd**2 * torch.eye(2, dtype=F64)
        gain = self.a * self.data.cov @ torch.linalg.inv(noisy)
        mean = self.data.mean + (self.x - self.a * self.data.mean) @ gain.T
        return mean, self.data.cov - self.a * gain @ self.data.cov


def _measured(g: torch.Generator) -> Measured:
    root = randn(g, 2, 2)
    data = FullGaussian(randn(g, 2), 0.5 * root @ root.T + 0.3 * torch.eye(2, dtype=F64))
    return Measured(data, randn(g, 1, 2), number(g, 0.3, 0.8), randn(g, 1), randn(g, 5, 2), *level(g))


@twin(
    "11.23",
    r"q(y \mid \mathbf{x}_t) = \mathcal{N}\!\left(y;\ A\hat{\mathbf{x}}_0,\ A\,C_t\,A^{\!\top} + \tau^2\mathbf{I}\right)",
    symbols="cg_qy N cg_A cg_x0_hat cg_C cg_tau I x_t",
    source="Song et al. 2023 (pseudoinverse guidance), section 3",
)
def measurement_given_noisy(g: torch.Generator) -> Sides:
    """Left: N(y; A x_0, tau^2) averaged over the clean plane by quadrature.  Right: the formula."""
    c = _measured(g)
    nodes, w = plane_nodes(14.0, 301)
    posterior = w * c.data.log_prob(nodes).exp() * normal(c.x.unsqueeze(1), c.a * nodes, c.sd**2).prod(2)
    left = (posterior @ normal(c.y, (nodes @ c.A.T)[:, 0], c.tau**2)) / posterior.sum(1)
    mean, cov = c.guess
    return Sides(left, normal(c.y, (mean @ c.A.T)[:, 0], (c.A @ cov @ c.A.T)[0, 0] + c.tau**2))


@twin(
    "11.23e",
    r"q(y \mid \mathbf{x}_t) = \mathcal{N}\!\left(y;\ A\hat{\mathbf{x}}_0,\ \tau^2\mathbf{I}\right)",
    symbols="cg_qy N cg_A cg_x0_hat cg_tau I x_t",
    source="the approximation of Chung et al. 2023 (diffusion posterior sampling)",
    erratum="It takes the guess of x_0 for certain. At large noise C_t is far larger than tau^2: the pull is too strong.",
)
def certain_guess(g: torch.Generator) -> Sides:
    """The exact density of the measurement, and the one that leaves C_t out."""
    c = _measured(g)
    mean, cov = c.guess
    at = (mean @ c.A.T)[:, 0]
    return Sides(normal(c.y, at, (c.A @ cov @ c.A.T)[0, 0] + c.tau**2), normal(c.y, at, c.tau**2))


@twin(
    "11.24",
    r"\nabla \log q(y \mid \mathbf{x}_t) = \left(\frac{\partial \hat{\mathbf{x}}_0}{\partial \mathbf{x}_t}\right)^{\!\top} A^{\!\top} \left(A\,C_t\,A^{\!\top} + \tau^2\mathbf{I}\right)^{-1} \left(y - A\hat{\mathbf{x}}_0\right)",
    symbols="grad cg_qy cg_x0_hat x_t cg_A cg_C cg_tau I",
)
def measurement_score(g: torch.Generator) -> Sides:
    """Left: score of noised p(x_0 | y), from conditioning the joint, minus that of noised p(x_0).  Right: formula."""
    c = _measured(g)
    joint = c.data.affine(
        torch.cat([torch.eye(2, dtype=F64), c.A]), noise=torch.diag(torch.tensor([0, 0, c.tau**2], dtype=F64))
    )
    given = joint.condition([2], c.y)
    scores = [one_bell(d.mean, d.cov).score(c.x, c.a, c.sd) for d in (given, c.data)]
    mean, cov = c.guess
    jacobian = c.a / c.sd**2 * cov
    residual = torch.linalg.solve(c.A @ cov @ c.A.T + c.tau**2 * torch.eye(1, dtype=F64), (c.y - mean @ c.A.T).T)
    return Sides(scores[0] - scores[1], (jacobian.T @ c.A.T @ residual).T)


@twin(
    "11.25",
    r"\frac{\partial \hat{\mathbf{x}}_0}{\partial \mathbf{x}_t} = \frac{\sqrt{\bar\alpha_t}}{1-\bar\alpha_t}\,C_t",
    symbols="cg_x0_hat x_t alpha_bar cg_C",
    source="Meng et al. 2021, section 3",
)
def jacobian_is_covariance(g: torch.Generator) -> Sides:
    """Left: automatic differentiation of a mixture's denoiser.  Right: covariance of x_0, by quadrature."""
    m, x, (a, sd) = labelled(g, 2), randn(g, 3, 2), level(g)
    rows = [torch.autograd.functional.jacobian(lambda v: m.data.denoiser(v.unsqueeze(0), a, sd)[0], p) for p in x]
    nodes, w = plane_nodes(9.0, 241)
    posterior = w * m.data.log_prob(nodes).exp() * normal(x.unsqueeze(1), a * nodes, sd**2).prod(2)
    posterior = posterior / posterior.sum(1, keepdim=True)
    mean = posterior @ nodes
    second = torch.einsum("bn,ni,nj->bij", posterior, nodes, nodes)
    return Sides(torch.stack(rows), a / sd**2 * (second - mean.unsqueeze(2) * mean.unsqueeze(1)))
