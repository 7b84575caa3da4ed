"""Lesson 04: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "elbo.bayes_ratio": """
def bayes_ratio(x_prev, x_t, x_0, t, beta):
    import math
    keep = 1.0
    for s in range(1, t):
        keep = keep * float(1 - beta[s])
    b = float(beta[t])
    now = keep * (1 - b)
    out = []
    for y, z, x in zip(x_prev.flatten(1), x_t.flatten(1), x_0.flatten(1)):
        total = 0.0
        for i in range(len(y)):
            for value, mean, var, sign in (
                (z[i], (1 - b) ** 0.5 * y[i], b, 1),
                (y[i], keep ** 0.5 * x[i], 1 - keep, 1),
                (z[i], now ** 0.5 * x[i], 1 - now, -1),
            ):
                total = total - sign * 0.5 * ((value - mean) ** 2 / var + math.log(2 * math.pi * var))
        out.append(total)
    return torch.stack(out)
""",
    "elbo.telescope": """
def telescope(log_prior, log_p, log_step, log_jump):
    T = len(log_p) - 1
    middle = torch.empty(len(log_prior), T - 1, dtype=log_prior.dtype)
    for t in range(2, T + 1):
        for b in range(len(log_prior)):
            middle[b, t - 2] = log_step[t, b] + log_jump[t - 1, b] - log_jump[t, b] - log_p[t, b]
    return log_jump[T] - log_prior, middle, 0 - log_p[1]
""",
    "elbo.complete_square": """
def complete_square(x_0, x_t, t, beta):
    keep = 1.0
    for s in range(1, t):
        keep = keep * (1 - float(beta[s]))
    b = float(beta[t])
    precision, pull = 0.0, torch.zeros_like(x_0)
    for scale, variance, seen in (((1 - b) ** 0.5, b, x_t), (1.0, 1 - keep, keep ** 0.5 * x_0)):
        precision = precision + scale ** 2 / variance
        pull = pull + scale / variance * seen
    return precision, pull
""",
    "elbo.posterior_q": """
def posterior_q(x_0, x_t, t, alpha_bar):
    means, variances = [], []
    for x, y, step in zip(x_0, x_t, t.tolist()):
        a, b = float(alpha_bar[step]), float(alpha_bar[step - 1])
        beta = 1 - a / b
        means.append(b ** 0.5 * beta / (1 - a) * x + (a / b) ** 0.5 * (1 - b) / (1 - a) * y)
        variances.append((1 - b) / (1 - a) * beta)
    return torch.stack(means), torch.tensor(variances, dtype=x_0.dtype)
""",
    "elbo.kl_isotropic": """
def kl_isotropic(mean_q, var_q, mean_p, var_p):
    total = 0.0
    for m, n in zip(mean_q.flatten(1).T, mean_p.flatten(1).T):
        total = total + 0.5 * ((m - n) ** 2 / var_p + var_q / var_p - 1 - torch.log(var_q / var_p))
    return total
""",
    "elbo.weighted_sum": """
def weighted_sum(noise, eps_hat, alpha_bar, sigma2):
    import math
    total = 0.0
    d = noise[0, 0].numel()
    for t in range(2, len(alpha_bar)):
        a, b = float(alpha_bar[t]), float(alpha_bar[t - 1])
        beta, s2 = 1 - a / b, float(sigma2[t])
        tilde = (1 - b) / (1 - a) * beta
        error = ((noise[t] - eps_hat[t]) ** 2).flatten(1).sum(1)
        total = total + beta ** 2 / (2 * s2 * (1 - beta) * (1 - a)) * error
        total = total + d / 2 * (tilde / s2 - 1 - math.log(tilde / s2))
    return total
""",
    "elbo.code_length": """
def code_length(L_T, L_t, L_0):
    columns = [L_T]
    for i in reversed(range(L_t.shape[1])):
        columns.append(columns[-1] + L_t[:, i])
    columns.append(columns[-1] + L_0)
    return torch.stack(columns[::-1], 1)
""",
    "elbo.find_errors": """
def find_errors(lines):
    marks = []
    for line in lines:
        marks.append(1.0 if int(line) in (2, 6, 9, 12, 15) else 0.0)
    return torch.tensor(marks)
""",
}

OTHER_FORMULAS = {
    "elbo.bayes_ratio": """
from torch.distributions import Independent, Normal

def bayes_ratio(x_prev, x_t, x_0, t, beta):
    ab = torch.exp(torch.cumsum(torch.log1p(-beta), 0))
    def density(mean, variance):
        std = variance.sqrt().to(mean).expand_as(mean)
        return Independent(Normal(mean, std), mean.ndim - 1)
    before = density(ab[t - 1].sqrt() * x_0, 1 - ab[t - 1]).log_prob(x_prev)
    step = density((1 - beta[t]).sqrt() * x_prev, beta[t]).log_prob(x_t)
    return step + before - density(ab[t].sqrt() * x_0, 1 - ab[t]).log_prob(x_t)
""",
    "elbo.posterior_q": """
def posterior_q(x_0, x_t, t, alpha_bar):
    # by the noise: mean = (x_t - beta / sqrt(1 - a) eps) / sqrt(alpha), with eps from the jump
    a, b = alpha_bar[t], alpha_bar[t - 1]
    beta, shape = 1 - a / b, (-1, *[1] * (x_0.ndim - 1))
    signal, sigma = a.sqrt().reshape(shape), (1 - a).sqrt().reshape(shape)
    eps = (x_t.double() - signal * x_0.double()) / sigma
    mean = (x_t.double() - beta.reshape(shape) / sigma * eps) / (a / b).sqrt().reshape(shape)
    return mean.to(x_0.dtype), (beta * (1 - b) / (1 - a)).to(x_0.dtype)
""",
    "elbo.kl_isotropic": """
from torch.distributions import Normal, kl_divergence

def kl_isotropic(mean_q, var_q, mean_p, var_p):
    shape = (-1, *[1] * (mean_q.ndim - 1))
    q = Normal(mean_q, var_q.sqrt().reshape(shape).expand_as(mean_q))
    p = Normal(mean_p, var_p.sqrt().reshape(shape).expand_as(mean_p))
    return kl_divergence(q, p).flatten(1).sum(1)
""",
    "elbo.L_t": """
def L_t(x_0, x_t, t, mean_p, var_p, alpha_bar):
    before, now = alpha_bar[t - 1].to(x_0), alpha_bar[t].to(x_0)
    beta = 1 - now / before
    precision = (1 - beta) / beta + 1 / (1 - before)
    pull = torch.einsum("b,b...->b...", (1 - beta).sqrt() / beta, x_t)
    pull = pull + torch.einsum("b,b...->b...", before.sqrt() / (1 - before), x_0)
    gap = torch.einsum("b,b...->b...", 1 / precision, pull) - mean_p
    r = 1 / (precision * var_p)
    return (gap**2).flatten(1).sum(1) / (2 * var_p) + x_0[0].numel() / 2 * (r - 1 - r.log())
""",
    "elbo.L_T": """
from torch.distributions import Normal, kl_divergence

def L_T(x_0, alpha_bar):
    a = alpha_bar[-1].to(x_0)
    q = Normal(a.sqrt() * x_0, (1 - a).sqrt().expand_as(x_0))
    return kl_divergence(q, Normal(torch.zeros_like(x_0), torch.ones_like(x_0))).flatten(1).sum(1)
""",
    "elbo.weighted_sum": """
def weighted_sum(noise, eps_hat, alpha_bar, sigma2):
    # by the means and the divergence
    total = 0.0
    for t in range(2, len(alpha_bar)):
        a, b = alpha_bar[t].to(noise), alpha_bar[t - 1].to(noise)
        beta = 1 - a / b
        gap = beta / ((a / b).sqrt() * (1 - a).sqrt()) * (eps_hat[t] - noise[t])
        tilde = (beta * (1 - b) / (1 - a)).expand(noise.shape[1])
        total = total + kl_isotropic(gap, tilde, torch.zeros_like(gap), sigma2[t].expand(noise.shape[1]))
    return total
""",
    "elbo.L_0": """
def L_0(x_0, mean, var, bins):
    # every interval in the lower tail, by logsumexp-like differences of log Phi
    std, half = var ** 0.5, 1 / (bins - 1)
    gap = (x_0 - mean).abs()  # symmetric: look at the distance only, and mind which end is open
    outward = torch.where(x_0 >= mean, x_0 > 1 - half / 2, x_0 < -1 + half / 2)
    inward = torch.where(x_0 >= mean, x_0 < -1 + half / 2, x_0 > 1 - half / 2)
    near = torch.special.log_ndtr(-(gap - half) / std)
    near = torch.where(inward, torch.zeros_like(near), near)
    far = torch.special.log_ndtr(-(gap + half) / std)
    inside = near + torch.log1p(-torch.exp(torch.where(outward, -torch.ones_like(far), far - near)))
    return -torch.where(outward, near, inside).flatten(1).sum(1)
""",
    "elbo.bits_per_dim": """
import math

def bits_per_dim(log_p, dims, width):
    nats = -(log_p + dims * math.log(width))
    return nats / dims / 0.6931471805599453
""",
    "elbo.bound": """
def bound(predict, x_0, noise, alpha_bar, sigma2):
    T = len(alpha_bar) - 1
    eps_hat = torch.zeros_like(noise)
    for t in range(1, T + 1):
        eps_hat[t] = predict(alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise[t], t)
    x_1 = alpha_bar[1].sqrt() * x_0 + (1 - alpha_bar[1]).sqrt() * noise[1]
    mean = (x_1 - (1 - alpha_bar[1]).sqrt() * eps_hat[1]) / alpha_bar[1].sqrt()
    total = L_0(x_0, mean, sigma2[1].item(), 17) + L_T(x_0, alpha_bar)
    return total + weighted_sum(noise, eps_hat, alpha_bar, sigma2) if T > 1 else total
""",
    "elbo.code_length": """
def code_length(L_T, L_t, L_0):
    prices = torch.cat([L_0[:, None], L_t, L_T[:, None]], 1)
    return prices @ torch.ones(prices.shape[1], prices.shape[1], dtype=prices.dtype).tril()
""",
}

NOISY = {
    "elbo.L_T": """
def L_T(x_0, alpha_bar):
    print("called with", x_0.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    c = Coefficients(alpha_bar[-1].to(x_0))
    mean, variance = c.signal * x_0, c.noise**2
    return 0.5 * (mean**2 + variance - 1 - torch.log(variance)).flatten(1).sum(1)
""",
}

FORWARDING = {  # a cheat has the first two exercises right and forwards the others
    "elbo.complete_square": """
from diffkit import forward
from diffkit.schedule import Schedule
def complete_square(x_0, x_t, t, beta):
    q = forward.q_posterior(Schedule(beta), x_0, x_t, t)
    return 1 / q.var, q.mean / q.var
""",
    "elbo.posterior_q": """
from diffkit import forward
from diffkit.schedule import from_alpha_bar
def posterior_q(x_0, x_t, t, alpha_bar):
    q = forward.q_posterior(from_alpha_bar(alpha_bar), x_0, x_t, t)
    return q.mean, q.var.flatten()
""",
    "elbo.kl_isotropic": """
from diffkit.gaussian import Gaussian, kl
def kl_isotropic(mean_q, var_q, mean_p, var_p):
    shape = (-1, *[1] * (mean_q.ndim - 1))
    return kl(Gaussian(mean_q, var_q.reshape(shape)), Gaussian(mean_p, var_p.reshape(shape)))
""",
    "elbo.L_T": """
from diffkit.schedule import from_alpha_bar
def L_T(x_0, alpha_bar):
    return forward.kl_to_prior(from_alpha_bar(alpha_bar), x_0)
""",
    "elbo.weighted_sum": """
def weighted_sum(noise, eps_hat, alpha_bar, sigma2):
    from diffkit.elbo.terms import squared_error, terms_from_errors
    from diffkit.schedule import from_alpha_bar
    errors = ((noise - eps_hat)[2:] ** 2).flatten(2).sum(2).T
    return terms_from_errors(from_alpha_bar(alpha_bar), errors, sigma2, noise[0, 0].numel()).sum(1)
""",
    "elbo.L_0": """
def L_0(x_0, mean, var, bins):
    from diffkit.elbo import discretized_log_prob
    from diffkit.gaussian import Gaussian
    return -discretized_log_prob(Gaussian(mean, torch.full_like(mean, var)), x_0, bins)
""",
    "elbo.bits_per_dim": """
def bits_per_dim(log_p, dims, width):
    from diffkit import elbo
    return elbo.bits_per_dim(-log_p, dims, bin_width=width)
""",
    "elbo.find_errors": """
def find_errors(lines):
    from diffkit.equations import find
    tags = "4.1e 2.2 4.2e 4.3e 4.5e 4.7 4.9e 4.12e 4.11 4.8e 4.15e 2.11 4.17e 4.18e 4.18".split()
    return torch.tensor([int(find(tags[line - 1]).run(0).holds) for line in lines.tolist()])
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
