r"""The diffusion chain, what may be dropped in it, and the chain with actions.  Equations (1.21) to (1.25)."""

import torch
from torch import Tensor

from diffkit.equations.draws import randn
from diffkit.equations.graphical_models.common import log_normal, rand
from diffkit.equations.registry import Sides, twin
from diffkit.graph import GaussianJoint, examples, joint, random_tables
from diffkit.schedule import Schedule


def _diffusion(g: torch.Generator, T: int = 4) -> tuple[Schedule, float, GaussianJoint]:
    """A random schedule, the variance of x_0, and x_0 .. x_T as one Gaussian."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.1 + 0.5 * rand(g, T)
    s, var_0 = Schedule(beta), 0.5 + float(rand(g, 1))
    return s, var_0, examples.forward_process(s, var_0)


def _log_given(path: GaussianJoint, of: str, given: str, x: Tensor) -> Tensor:
    """log q(of | given) by conditioning the big Gaussian, at the rows of x: (B, T+1).  given: names with blanks."""
    names = given.split()
    return torch.stack(
        [path.condition({n: row[int(n[1:])] for n in names}).marginal(of).log_prob({of: row[int(of[1:])]}) for row in x]
    )


@twin(
    "1.21",
    r"q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_1, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2)",
    symbols="q x_t x_0",
)
def markov(g: torch.Generator) -> Sides:
    """The diffusion chain as one Gaussian, conditioned on three points, and the single step."""
    s, _, path = _diffusion(g)
    x = randn(g, 6, 5)
    step = log_normal(x[:, 3], s.alpha[3].sqrt() * x[:, 2], s.beta[3])
    return Sides(_log_given(path, "x3", "x2 x1 x0", x), step)


@twin(
    "1.22",
    r"q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2)",
    symbols="q x_t x_0",
)
def drop_x0(g: torch.Generator) -> Sides:
    """The same with x_1 unknown: summed out of the big Gaussian, not conditioned on."""
    s, _, path = _diffusion(g)
    x = randn(g, 6, 5)
    step = log_normal(x[:, 3], s.alpha[3].sqrt() * x[:, 2], s.beta[3])
    return Sides(_log_given(path, "x3", "x2 x0", x), step)


@twin(
    "1.23",
    r"q(\mathbf{x}_2 \mid \mathbf{x}_3, \mathbf{x}_0) = \frac{q(\mathbf{x}_3 \mid \mathbf{x}_2)\,q(\mathbf{x}_2 \mid \mathbf{x}_0)}{q(\mathbf{x}_3 \mid \mathbf{x}_0)}",
    symbols="q x_t x_0",
)
def keep_x0(g: torch.Generator) -> Sides:
    """The big Gaussian conditioned on x_3 and x_0, and three forward densities."""
    s, _, path = _diffusion(g)
    x = randn(g, 6, 5)
    jump = lambda t: log_normal(x[:, t], s.alpha_bar[t].sqrt() * x[:, 0], s.noise_var[t])  # noqa: E731
    step = log_normal(x[:, 3], s.alpha[3].sqrt() * x[:, 2], s.beta[3])
    return Sides(_log_given(path, "x2", "x3 x0", x), step + jump(2) - jump(3))


@twin(
    "1.24",
    r"q(\mathbf{x}_{0:T}) = q(\mathbf{x}_T) \prod_{t=1}^{T} q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)",
    symbols="q x_t T t",
)
def backwards(g: torch.Generator) -> Sides:
    """The density of whole paths, forward step by step, and read from the end, each step by conditioning."""
    s, var_0, path = _diffusion(g)
    x = randn(g, 6, 5)
    forward = log_normal(x[:, 0], torch.zeros(()), torch.tensor(var_0, dtype=torch.float64))
    for t in range(1, 5):
        forward = forward + log_normal(x[:, t], s.alpha[t].sqrt() * x[:, t - 1], s.beta[t])
    back = path.marginal("x4").log_prob({"x4": x[:, 4]})
    for t in range(1, 5):
        back = back + _log_given(path, f"x{t - 1}", f"x{t}", x)
    return Sides(forward, back)


@twin(
    "1.24e",
    r"q(\mathbf{x}_{0:T}) = q(\mathbf{x}_T)\,q(\mathbf{x}_{T-1} \mid \mathbf{x}_T) \prod_{t=2}^{T} q(\mathbf{x}_{t-2} \mid \mathbf{x}_t)",
    symbols="q x_t T t",
    source="said in a lecture on diffusion models",
    erratum="Read from the end, each factor must look one step back: x_{t-2} needs x_{t-1} behind the bar, not x_t.",
)
def backwards_two_apart(g: torch.Generator) -> Sides:
    """The density of whole paths, and the product whose factors reach two steps back."""
    _, _, path = _diffusion(g)
    x = randn(g, 6, 5)
    whole = path.log_prob({f"x{t}": x[:, t] for t in range(5)})
    back = path.marginal("x4").log_prob({"x4": x[:, 4]}) + _log_given(path, "x3", "x4", x)
    for t in range(2, 5):
        back = back + _log_given(path, f"x{t - 2}", f"x{t}", x)
    return Sides(whole, back)


@twin(
    "1.25",
    r"p(s_{t+1} \mid s_t) = \sum_{a_t} \pi(a_t \mid s_t)\,p(s_{t+1} \mid s_t, a_t)",
    symbols="prob state policy t",
)
def rollout(g: torch.Generator) -> Sides:
    """p(s_2 | s_1) from the joint table of two decisions, and the sum over the second action."""
    graph = examples.reinforcement_chain(2)
    tables = random_tables(graph, {"s0": 3, "a0": 2, "s1": 3, "a1": 2, "s2": 3}, generator=g)
    left = joint(graph, tables).conditional("s2", "s1")
    return Sides(left, torch.einsum("sa,san->sn", tables["a1"], tables["s2"]))
