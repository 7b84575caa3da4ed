"""The graphs of the lectures, by name."""

import networkx as nx

from diffkit.errors import RangeError
from diffkit.graph.dag import dag
from diffkit.graph.linear import GaussianJoint, linear_gaussian
from diffkit.schedule import Schedule


def fork() -> nx.DiGraph:
    """a <- c -> b: dependent, and independent once c is seen."""
    return dag("c -> a, c -> b")


def chain() -> nx.DiGraph:
    """a -> c -> b: dependent, and independent once c is seen."""
    return dag("a -> c -> b")


def collider() -> nx.DiGraph:
    """a -> c <- b: independent, and dependent once c is seen (explaining away)."""
    return dag("a, b, a -> c <- b")


def five_nodes() -> nx.DiGraph:
    """p(x1) p(x2) p(x3) p(x4|x1,x2,x3) p(x5|x1,x3)."""
    return dag("x1, x2, x3, x1 -> x4, x2 -> x4, x3 -> x4, x1 -> x5, x3 -> x5")


def diffusion_chain(T: int = 4) -> nx.DiGraph:
    """x0 -> x1 -> .. -> xT: the forward process, q(x0) q(x1|x0) .. q(xT|x_{T-1})."""
    if T < 1:
        raise RangeError(f"T = {T}: the chain needs at least one step")
    return dag(" -> ".join(f"x{t}" for t in range(T + 1)))


def reinforcement_chain(T: int = 2) -> nx.DiGraph:
    """States s0 .. sT and actions a0 .. a_{T-1}: an action depends on its state, the next state on both."""
    if T < 1:
        raise RangeError(f"T = {T}: the chain needs at least one step")
    return dag(", ".join(f"s{t} -> a{t}, s{t} -> s{t + 1}, a{t} -> s{t + 1}" for t in range(T)))


def noisy_copies(gain: float = 5.0, var_c: float = 1.0, var_noise: float = 1.0) -> GaussianJoint:
    """The fork in numbers: a = gain c + noise, b = c + noise."""
    var = {"c": var_c, "a": var_noise, "b": var_noise}
    return linear_gaussian(fork(), {("c", "a"): gain, ("c", "b"): 1.0}, var)


def forward_process(s: Schedule, var_0: float = 1.0) -> GaussianJoint:
    """The diffusion chain in numbers, for Gaussian data x0 ~ N(0, var_0): one Gaussian over x0 .. xT."""
    graph = diffusion_chain(s.T)
    weights = {(f"x{t - 1}", f"x{t}"): s.alpha[t].sqrt() for t in range(1, s.T + 1)}
    var = {"x0": var_0} | {f"x{t}": s.beta[t] for t in range(1, s.T + 1)}
    return linear_gaussian(graph, weights, var)
