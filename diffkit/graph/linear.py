"""Linear-Gaussian networks: every node is a weighted sum of its parents plus its own Gaussian noise.

    node = bias + sum over parents of weight * parent + noise,    noise ~ N(0, var)

All variables together are then one Gaussian, and every question has a closed form.  The diffusion chain is
such a network, with weight sqrt(1 - beta_t) and noise variance beta_t.

Source: Bishop 2006, section 8.1.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian
from diffkit.graph.dag import GraphError, Nodes, order, same_names
from diffkit.graph.names import as_names, check_names, positions

Coefficient = float | Tensor


@dataclass(frozen=True, eq=False)
class GaussianJoint:
    """A Gaussian whose coordinates have names.  names: n of them; gaussian: mean (n,), cov (n, n)."""

    names: tuple[str, ...]
    gaussian: FullGaussian

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", check_names(self.names))
        if tuple(self.gaussian.mean.shape) != (len(self.names),):
            raise ShapeError(f"mean has shape {tuple(self.gaussian.mean.shape)}, the names are {self.names}")

    def marginal(self, keep: Nodes) -> "GaussianJoint":
        """Distribution of the variables in keep, in that order."""
        names = as_names(keep)
        return GaussianJoint(names, self.gaussian.marginal(positions(self.names, names)))

    def condition(self, values: Mapping[str, Coefficient]) -> "GaussianJoint":
        """Distribution of the other variables, once these are seen."""
        on = positions(self.names, values)
        if not on:
            return self
        rest = tuple(n for n in self.names if n not in values)
        seen = torch.stack([_number(v, self.gaussian.mean.device) for v in values.values()])
        return GaussianJoint(rest, self.gaussian.condition(on, seen))

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """log density at one value per variable, in nats; values of shape (B,) give (B,)."""
        same_names("values", values, self.names)
        return self.gaussian.log_prob(torch.stack([values[n] for n in self.names], -1))

    def information(self, a: Nodes, b: Nodes, given: Nodes = ()) -> Tensor:
        """Conditional mutual information H(a) + H(b) - H(a, b), each given the rest, in nats, a scalar."""
        both = self._given(a, b, given)
        h_a, h_b = (both.marginal(as_names(n)).gaussian.entropy() for n in (a, b))
        return (h_a + h_b - both.gaussian.entropy()).clamp(min=0)

    def deviation(self, a: Nodes, b: Nodes, given: Nodes = ()) -> Tensor:
        """Largest partial correlation between a and b given the others, in absolute value, a scalar."""
        both = self._given(a, b, given)
        cov, n = both.gaussian.cov, len(as_names(a))
        scale = torch.diagonal(cov).sqrt()
        return (cov / torch.outer(scale, scale))[:n, n:].abs().amax()

    def _given(self, a: Nodes, b: Nodes, given: Nodes) -> "GaussianJoint":
        names = check_names(as_names(a) + as_names(b) + as_names(given))
        part = self.marginal(names)
        # The covariance given some values does not depend on the values, so zeros will do.
        return part.condition(dict.fromkeys(as_names(given), 0.0))


def linear_gaussian(
    graph: nx.DiGraph,
    weights: Mapping[tuple[str, str], Coefficient],
    var: Mapping[str, Coefficient] | float = 1.0,
    bias: Mapping[str, Coefficient] | None = None,
) -> GaussianJoint:
    """The joint Gaussian of a linear network, names in the graph's order, float64.  Bishop 2006, eq. 8.15-8.16.

    weights[(parent, child)]: one per arrow; var: noise variance > 0 per node, or one number for all; bias: 0 if absent.
    With x = W x + bias + noise: mean = (I - W)^-1 bias and cov = (I - W)^-1 diag(var) (I - W)^-T.
    """
    names = order(graph)
    if set(weights) != set(graph.edges):
        wrong = sorted(map(str, set(weights) ^ set(graph.edges)))
        raise GraphError(f"weights and arrows differ at {', '.join(wrong)}: give one weight per arrow (parent, child)")
    variances = dict.fromkeys(names, var) if isinstance(var, int | float) else var
    same_names("var", variances, names)
    shifts = {name: (bias or {}).get(name, 0.0) for name in names}
    same_names("bias", {**shifts, **(bias or {})}, names)
    device = _device_of(*weights.values(), *variances.values(), *shifts.values())
    noise, shift = (torch.stack([_number(v[n], device) for n in names]) for v in (variances, shifts))
    W = noise.new_zeros(len(names), len(names))
    for (parent, child), weight in weights.items():
        place = torch.tensor(names.index(child)), torch.tensor(names.index(parent))
        W = W.index_put(place, _number(weight, device))
    if not all(bool(torch.isfinite(a).all()) for a in (noise, shift, W)) or bool((noise <= 0).any()):
        raise RangeError("weights, biases and variances must be finite, and every variance must be > 0")
    eye = torch.eye(len(names)).to(noise)
    # Parents come first, so I - W is lower triangular with ones on its diagonal.
    mix = torch.linalg.solve_triangular(eye - W, eye, upper=False, unitriangular=True)
    return GaussianJoint(names, FullGaussian(mix @ shift, (mix * noise) @ mix.mT))


def _device_of(*values: Coefficient) -> torch.device:
    """The first device that is not the CPU: plain numbers follow the tensors."""
    devices = [v.device for v in values if isinstance(v, Tensor)]
    return next((d for d in devices if d.type != "cpu"), torch.device("cpu"))


def _number(value: Coefficient, device: torch.device) -> Tensor:
    """A number as a float64 tensor; as_tensor(0.1).double() would round it to float32 on the way."""
    number = torch.as_tensor(value, dtype=torch.float64, device=device)
    if number.ndim:
        raise ShapeError(f"a weight, bias or variance is {tuple(number.shape)}: one number per arrow or node")
    return number
