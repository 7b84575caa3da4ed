"""Lesson 07: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "langevin.ula_step": """
def ula_step(score, x, eta, noise):
    uphill = score(x)
    out = torch.empty_like(x)
    for i in range(len(x)):
        out[i] = x[i] + eta * uphill[i] + math.sqrt(2 * eta) * noise[i]
    return out

import math
""",
    "langevin.chain_variance": """
def chain_variance(v_0, v, eta, k):
    rows = []
    for a, b in zip(v_0, v):
        for _ in range(k):
            a = (b - eta) ** 2 / b ** 2 * a + 2 * eta
        rows.append(a)
    return torch.stack(rows)
""",
    "langevin.stationary_variance": """
def stationary_variance(v, eta):
    out = []
    for one in v:
        out.append(2 * one**2 / (2 * one - eta) if eta < 2 * one else torch.tensor(float("inf")).to(v))
    return torch.stack(out)
""",
    "langevin.mode_weights": """
def mode_weights(x, means):
    found = [0] * len(means)
    for point in x:
        distances = [float((point - m).norm()) for m in means]
        found[distances.index(min(distances))] += 1
    return torch.tensor([n / len(x) for n in found])
""",
    "langevin.crossing_time": """
def crossing_time(log_p, x, start, goal):
    p = [math.exp(v - float(log_p.max())) for v in log_p.tolist()]
    x = x.tolist()
    below, total = 0.0, 0.0
    for i in range(1, goal + 1):
        before = below / p[i - 1]
        below += (x[i] - x[i - 1]) * (p[i] + p[i - 1]) / 2
        if i > start:
            total += (x[i] - x[i - 1]) * (before + below / p[i]) / 2
    return total

import math
""",
    "langevin.sigma_ladder": """
def sigma_ladder(n, sigma_min, sigma_max):
    ratio = (sigma_max / sigma_min) ** (1 / (n - 1))
    levels = [0.0, sigma_min]
    for _ in range(n - 1):
        levels.append(levels[-1] * ratio)
    return torch.tensor(levels, dtype=torch.float64)
""",
    "langevin.ladder_step": """
def ladder_step(y, sigma, sigma_prev, score_y, noise):
    rows = []
    for i in range(len(y)):
        a, b = float(sigma[i]), float(sigma_prev[i])
        rows.append(y[i] + (a + b) * (a - b) * score_y[i] + b / a * ((a + b) * (a - b)) ** 0.5 * noise[i])
    return torch.stack(rows)
""",
    "langevin.mala_step": """
def mala_step(log_prob, score, x, eta, noise, u):
    s = score(x)
    y = x + eta * s + (2 * eta) ** 0.5 * noise
    s_y, p_x, p_y = score(y), log_prob(x), log_prob(y)
    out = x.clone()
    for i in range(len(x)):
        there = float(((y[i] - x[i] - eta * s[i]) ** 2).sum())
        back = float(((x[i] - y[i] - eta * s_y[i]) ** 2).sum())
        if torch.log(u[i]) < p_y[i] - p_x[i] + (there - back) / (4 * eta):
            out[i] = y[i]
    return out
""",
}

OTHER_FORMULAS = {
    "langevin.ula_step": """
def ula_step(score, x, eta, noise):
    alpha = 2 * eta
    return x + alpha / 2 * score(x) + noise * alpha ** 0.5
""",
    "langevin.chain_variance": """
def chain_variance(v_0, v, eta, k):
    limit = v / (1 - eta / (2 * v))
    return limit + (1 - eta / v) ** (2 * k) * (v_0 - limit)
""",
    "langevin.to_alpha": """
def to_alpha(eta):
    return eta + eta, eta.clone(), torch.sqrt(eta) * 2 ** 0.5
""",
    "langevin.mode_weights": """
def mode_weights(x, means):
    nearest = (x @ means.T - (means ** 2).sum(1) / 2).argmax(dim=1)
    return torch.nn.functional.one_hot(nearest, len(means)).double().mean(0)
""",
    "langevin.crossing_time": """
def crossing_time(log_p, x, start, goal):
    p = torch.softmax(log_p, 0)
    widths = torch.diff(x)
    pieces = widths * (p[1:] + p[:-1]) / 2
    ratio = torch.cat([torch.zeros(1, dtype=p.dtype), torch.cumsum(pieces, 0)]) / p
    return (widths * (ratio[1:] + ratio[:-1]) / 2)[start:goal].sum()
""",
    "langevin.sigma_ladder": """
def sigma_ladder(n, sigma_min, sigma_max):
    ends = torch.tensor([sigma_min, sigma_max], dtype=torch.float64).log()
    return torch.cat([torch.zeros(1).double(), torch.linspace(ends[0], ends[1], n, dtype=torch.float64).exp()])
""",
    "langevin.step_sizes": """
def step_sizes(sigmas, h):
    c = h / sigmas[1] ** 2
    return c * sigmas.square()
""",
    "langevin.annealed_langevin": """
def annealed_langevin(score, sigmas, x, h, noises):
    levels = list(enumerate(sigmas.tolist()))[1:]
    for i, sigma in reversed(levels):
        eta = h * sigma ** 2 / levels[0][1] ** 2 / 2
        for z in noises[i]:
            x = x + eta * score(x, sigma) + (2 * eta) ** 0.5 * z
    return x
""",
    "langevin.mala_log_ratio": """
def mala_log_ratio(x, y, log_p_x, log_p_y, score_x, score_y, eta):
    step, total = (y - x).flatten(1), (score_x + score_y).flatten(1)
    squares = (score_x ** 2 - score_y ** 2).flatten(1).sum(1)
    return log_p_y - log_p_x - (step * total).sum(1) / 2 + eta / 4 * squares
""",
    "langevin.mala_step": """
def mala_step(log_prob, score, x, eta, noise, u):
    from torch.distributions import Normal
    def q(to, start):
        return Normal(start + eta * score(start), (2 * eta) ** 0.5).log_prob(to).flatten(1).sum(1)
    y = x + eta * score(x) + (2 * eta) ** 0.5 * noise
    ratio = torch.exp(log_prob(y) + q(x, y) - log_prob(x) - q(y, x))
    keep = (u < ratio).to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    return keep * y + (1 - keep) * x
""",
}

NOISY = {
    "langevin.ladder_step": """
def ladder_step(y, sigma, sigma_prev, score_y, noise):
    print("called with", y.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    shape = (-1,) + (1,) * (y.ndim - 1)
    delta = (sigma ** 2 - sigma_prev ** 2)
    factor = (sigma_prev / sigma * delta.sqrt()).to(y).reshape(shape)
    return y + delta.to(y).reshape(shape) * score_y + factor * noise
""",
}

FORWARDING = {
    "langevin.sigma_ladder": """
from diffkit import sigmas
def sigma_ladder(n, sigma_min, sigma_max):
    return sigmas.geometric(n, sigma_min, sigma_max)
""",
    "langevin.annealed_langevin": """
def annealed_langevin(score, sigmas, x, h, noises):
    from diffkit.samplers import annealed_langevin as sample, last
    return last(sample(score, sigmas, x, n_steps=noises.shape[1], step_size=h))
""",
    "langevin.mala_log_ratio": """
def mala_log_ratio(x, y, log_p_x, log_p_y, score_x, score_y, eta):
    from diffkit.samplers.langevin import log_proposal
    return log_p_y + log_proposal(x, y, score_y, eta) - log_p_x - log_proposal(y, x, score_x, eta)
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
