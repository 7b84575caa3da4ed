"""Lesson 02: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "forward.q_step": """
def q_step(x_prev, t, beta, noise):
    out = torch.empty_like(x_prev)
    b = float(beta[t])
    for i in range(len(x_prev)):
        out[i] = (1 - b) ** 0.5 * x_prev[i] + b ** 0.5 * noise[i]
    return out
""",
    "forward.alpha_bar_table": """
def alpha_bar_table(beta):
    values = [torch.ones_like(beta[0])]
    for b in beta[1:]:
        values.append(values[-1] * (1 - b))
    return torch.stack(values)
""",
    "forward.q_sample": """
def q_sample(x_0, t, alpha_bar, noise):
    rows = []
    for x, step, e in zip(x_0, t.tolist(), noise):
        a = float(alpha_bar[step])
        rows.append(a ** 0.5 * x + (1 - a) ** 0.5 * e)
    return torch.stack(rows)
""",
    "forward.collapse_noise": """
def collapse_noise(noises, t, beta):
    carried = torch.zeros_like(noises[0])
    kept = 1.0
    for s in range(1, t + 1):
        carried = (1 - beta[s]).sqrt().to(noises) * carried + beta[s].sqrt().to(noises) * noises[s]
        kept = kept * float(1 - beta[s])
    return carried / (1 - kept) ** 0.5
""",
    "forward.cosine_betas": """
def cosine_betas(T, s, beta_max):
    import math
    f = [math.cos(math.pi / 2 * (t / T + s) / (1 + s)) ** 2 for t in range(T + 1)]
    return torch.tensor([0.0] + [min(1 - f[t] / f[t - 1], beta_max) for t in range(1, T + 1)], dtype=torch.float64)
""",
    "forward.kl_to_prior": """
def kl_to_prior(x_0, t, alpha_bar):
    total = 0.0
    a = alpha_bar[t].to(x_0)
    for x in x_0.flatten(1).T:
        mean, var = a.sqrt() * x, 1 - a
        total = total + 0.5 * (mean ** 2 + var - 1 - torch.log(var))
    return total
""",
}

OTHER_FORMULAS = {
    "forward.q_sample_loop": """
def q_sample_loop(x_0, t, beta, noises):
    if t == 0:
        return x_0.clone()
    before = q_sample_loop(x_0, t - 1, beta, noises)
    return torch.sqrt(1 - beta[t]) * before + torch.sqrt(beta[t]) * noises[t]
""",
    "forward.alpha_bar_table": "alpha_bar_table = lambda beta: torch.exp(torch.cumsum(torch.log1p(-beta), 0))",
    "forward.q_sample": """
def q_sample(x_0, t, alpha_bar, noise):
    angle = torch.acos(alpha_bar[t].sqrt())
    signal, sigma = torch.cos(angle).to(x_0.dtype), torch.sin(angle).to(x_0.dtype)
    return torch.einsum("b,b...->b...", signal, x_0) + torch.einsum("b,b...->b...", sigma, noise)
""",
    "forward.compose": """
def compose(alpha_bar, s, t):
    log_ratio = torch.log(alpha_bar[t]) - torch.log(alpha_bar[s])
    return float(torch.exp(log_ratio / 2)), float(-torch.expm1(log_ratio))
""",
    "forward.linear_betas": """
def linear_betas(T, beta_1, beta_T):
    beta = torch.zeros(T + 1).double()
    for t in range(1, T + 1):
        beta[t] = beta_1 if T == 1 else beta_1 + (t - 1) * (beta_T - beta_1) / (T - 1)
    return beta
""",
    "forward.snr": "def snr(alpha_bar):\n    return 1 / (1 / alpha_bar - 1)",
    "forward.kl_to_prior": """
from torch.distributions import Normal, kl_divergence

def kl_to_prior(x_0, t, alpha_bar):
    a = alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1))
    q = Normal(a.sqrt() * x_0, (1 - a).sqrt().expand_as(x_0))
    return kl_divergence(q, Normal(torch.zeros_like(x_0), torch.ones_like(x_0))).flatten(1).sum(1)
""",
    "forward.smallest_T": """
def smallest_T(make_beta, x_0, kl_max):
    def distance(T):
        table = torch.cumprod(1 - make_beta(T), 0)
        return kl_to_prior(x_0, torch.tensor([T] * len(x_0)), table).mean().item()

    low, high = 0, 4096
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if distance(middle) <= kl_max else (middle, high)
    return high
""",
    "forward.noisy_mixture_log_density": """
from torch.distributions import Categorical, MixtureSameFamily, Normal

def noisy_mixture_log_density(x, t, alpha_bar, weights, means, stds):
    a = alpha_bar[t]
    parts = Normal(a.sqrt() * means, (a * stds**2 + 1 - a).sqrt())
    return MixtureSameFamily(Categorical(weights), parts).log_prob(x)
""",
}

NOISY = {
    "forward.q_sample": """
def q_sample(x_0, t, alpha_bar, noise):
    print("called with", x_0.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    c = Coefficients(alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1)))
    return c.signal * x_0 + c.noise * noise
""",
}

FORWARDING = {
    "forward.alpha_bar_table": """
from diffkit.schedule import Schedule
def alpha_bar_table(beta):
    return Schedule(beta).alpha_bar
""",
    "forward.q_sample": """
from diffkit import forward
from diffkit.schedule import from_alpha_bar
def q_sample(x_0, t, alpha_bar, noise):
    return forward.q_sample(from_alpha_bar(alpha_bar), x_0, t, noise=noise)
""",
    "forward.linear_betas": """
from diffkit import schedule
def linear_betas(T, beta_1, beta_T):
    return schedule.linear(T, beta_1, beta_T).beta
""",
    "forward.cosine_betas": """
def cosine_betas(T, s, beta_max):
    return schedule.cosine(T, s, beta_max).beta
""",
    "forward.kl_to_prior": """
def kl_to_prior(x_0, t, alpha_bar):
    return forward.kl_to_prior(from_alpha_bar(alpha_bar), x_0, t)
""",
    "forward.noisy_mixture_log_density": """
from diffkit.oracle import GaussianMixture
def noisy_mixture_log_density(x, t, alpha_bar, weights, means, stds):
    mixture = GaussianMixture.isotropic(weights, means.unsqueeze(1), stds**2)
    return mixture.log_prob(x.unsqueeze(1), alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt())
""",
    "forward.snr": """
from diffkit.schedule import from_alpha_bar
def snr(alpha_bar):
    return from_alpha_bar(alpha_bar).snr
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
