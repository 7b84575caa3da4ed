"""Lesson 03: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "bound.log_joint": """
def log_joint(x, means, var):
    import math
    totals = []
    for i in range(x.shape[1]):
        total = (-0.5 * (x[-1, i] ** 2 + math.log(2 * math.pi))).sum()
        for t in range(len(x) - 1, 0, -1):
            v = float(var[t])
            total = total + (-0.5 * ((x[t - 1, i] - means[t, i]) ** 2 / v + math.log(2 * math.pi * v))).sum()
        totals.append(total)
    return torch.stack(totals)
""",
    "bound.chain_log_likelihood": """
def chain_log_likelihood(x_0, a, b, var):
    m, v = 0.0, 1.0
    for t in reversed(range(1, len(a))):
        m = a[t] * m + b[t]
        v = a[t] * v * a[t] + var[t]
    m, v = m.to(x_0), v.to(x_0)
    return torch.stack([(-0.5 * ((x - m) ** 2 / v + torch.log(2 * torch.pi * v))).sum() for x in x_0])
""",
    "bound.gap": """
def gap(x_0, q_mean, q_cov, p_mean, p_cov):
    out = []
    for x, m in zip(x_0, q_mean):
        k = p_cov[1:, 0] / p_cov[0, 0]
        mean = p_mean[1:] + k * (x - p_mean[0])
        S = p_cov[1:, 1:] - k[:, None] * p_cov[None, 0, 1:]
        P = torch.linalg.inv(S)
        e = mean - m
        total = -len(S) + torch.log(torch.linalg.det(S) / torch.linalg.det(q_cov)) + e @ P @ e
        for i in range(len(S)):
            total = total + P[i] @ q_cov[:, i]
        out.append(total / 2)
    return torch.stack(out)
""",
    "bound.importance_weighted": """
def importance_weighted(log_w):
    total = log_w[0]
    for row in log_w[1:]:
        total = torch.logaddexp(total, row)
    return total - torch.log(torch.tensor(float(len(log_w)), dtype=log_w.dtype))
""",
    "bound.gaussian_reverse": """
def gaussian_reverse(m, v, alpha_bar):
    a, b, var = (torch.zeros_like(alpha_bar) for _ in range(3))
    for t in range(1, len(alpha_bar)):
        before, now = float(alpha_bar[t - 1]), float(alpha_bar[t])
        cov = torch.tensor([[before * v + 1 - before, 0.0], [0.0, now * v + 1 - now]]).double()
        cross = (now / before) ** 0.5 * (before * v + 1 - before)
        a[t] = cross / (now * v + 1 - now)
        b[t] = before ** 0.5 * m - float(a[t]) * now ** 0.5 * m
        var[t] = before * v + 1 - before - cross ** 2 / (now * v + 1 - now)
    return a, b, var
""",
    "bound.in_order": """
def in_order(cards, left, right):
    chain = []
    for card in (4, 2, 6, 7, 1):
        for other in cards.tolist():
            if other == card:
                chain.append(other)
    return chain
""",
}

OTHER_FORMULAS = {
    "bound.log_joint": """
from torch.distributions import Normal

def log_joint(x, means, var):
    std = var[1:].sqrt().to(x).reshape(-1, *[1] * (x.ndim - 1))
    steps = Normal(means[1:], std).log_prob(x[:-1]).flatten(2).sum((0, 2))
    return Normal(0.0, 1.0).log_prob(x[-1]).flatten(1).sum(1) + steps
""",
    "bound.chain_log_likelihood": """
def chain_log_likelihood(x_0, a, b, var):
    # from the data's end: what each shift and each variance has become when it reaches x_0
    reach = torch.cumprod(torch.cat([torch.ones(1).double(), a[1:]]), 0)
    mean = (reach[:-1] * b[1:]).sum()
    variance = (reach[:-1] ** 2 * var[1:]).sum() + reach[-1] ** 2
    return torch.distributions.Normal(mean.to(x_0), variance.sqrt().to(x_0)).log_prob(x_0).flatten(1).sum(1)
""",
    "bound.log_q": """
def log_q(x, beta):
    shape = (-1, *[1] * (x.ndim - 1))
    b = beta[1:].to(x).reshape(shape)
    z = (x[1:] - (1 - b).sqrt() * x[:-1]) ** 2 / b + torch.log(2 * torch.pi * b)
    return -0.5 * torch.einsum("tbd->b", z.flatten(2))
""",
    "bound.integrand": """
from torch.distributions import Normal

def integrand(x, means, var, beta):
    total = Normal(0.0, 1.0).log_prob(x[-1])
    for t in range(1, len(x)):
        back = Normal(means[t], var[t].sqrt()).log_prob(x[t - 1])
        forth = Normal((1 - beta[t]).sqrt() * x[t - 1], beta[t].sqrt()).log_prob(x[t])
        total = total + back - forth
    return total.flatten(1).sum(1)
""",
    "bound.in_order": """
def in_order(cards, left, right):
    good = [int(c) for c, l, r in zip(cards, left, right) if abs(float(l - r)) < 1e-9 or int(c) == 1]
    return sorted(good, key=[4, 2, 6, 7, 1].index)
""",
    "bound.gap": """
from torch.distributions import MultivariateNormal, kl_divergence

def gap(x_0, q_mean, q_cov, p_mean, p_cov):
    precision = torch.linalg.inv(p_cov)
    S = torch.linalg.inv(precision[1:, 1:])
    shift = (S @ precision[1:, 0])[None] * (x_0 - p_mean[0])[:, None]
    S = (S + S.mT) / 2
    return kl_divergence(MultivariateNormal(q_mean, q_cov), MultivariateNormal(p_mean[1:] - shift, S))
""",
    "bound.reparameterize": """
def reparameterize(mean, log_var, noise):
    return torch.addcmul(mean, torch.exp(log_var).sqrt(), noise)
""",
    "bound.vae_loss": """
from torch.distributions import Normal, kl_divergence

def vae_loss(x, mean_z, log_var_z, mean_x, var_x):
    fit = -Normal(mean_x, var_x ** 0.5).log_prob(x).flatten(1).sum(1)
    code = Normal(mean_z, (log_var_z / 2).exp())
    return fit + kl_divergence(code, Normal(torch.zeros_like(mean_z), torch.ones_like(mean_z))).sum(1)
""",
    "bound.reverse_log_density": """
from torch.distributions import Categorical, MixtureSameFamily, Normal

def reverse_log_density(x_prev, x_t, t, alpha_bar, weights, means, stds):
    before, alpha = alpha_bar[t - 1], alpha_bar[t] / alpha_bar[t - 1]
    m, v = before.sqrt() * means, before * stds**2 + 1 - before
    total = alpha * v + 1 - alpha
    here = x_t[:, None] - alpha.sqrt() * m
    r = torch.log(weights) - 0.5 * (here**2 / total + torch.log(total))
    parts = Normal(m + alpha.sqrt() * v / total * here, ((1 - alpha) * v / total).sqrt())
    return MixtureSameFamily(Categorical(logits=r), parts).log_prob(x_prev)
""",
}

FORWARDING = {
    "bound.log_q": """
from diffkit import forward
from diffkit.schedule import Schedule
def log_q(x, beta):
    s = Schedule(beta)
    return sum(forward.q_step(s, x[t - 1], t).log_prob(x[t]) for t in range(1, len(x)))
""",
    "bound.integrand": """
def integrand(x, means, var, beta):
    from diffkit.elbo import log_weight
    from diffkit.schedule import Schedule
    return log_weight(lambda y, t: means[t], Schedule(beta), x, sigma=var)
""",
    "bound.importance_weighted": """
def importance_weighted(log_w):
    from diffkit.elbo.importance import importance_weighted as library
    return library(log_w)
""",
    "bound.gap": """
from diffkit.gaussian import FullGaussian, kl
def gap(x_0, q_mean, q_cov, p_mean, p_cov):
    posterior = FullGaussian(p_mean, p_cov).condition([0], x_0.unsqueeze(1))
    both = FullGaussian(q_mean, q_cov), FullGaussian(posterior.mean, posterior.cov)
    return kl(*(FullGaussian(g.mean, g.cov.expand(len(x_0), *q_cov.shape)) for g in both))
""",
    "bound.reparameterize": """
from diffkit.gaussian import Gaussian
def reparameterize(mean, log_var, noise):
    return Gaussian(mean, log_var.exp()).sample(noise=noise)
""",
    "bound.vae_loss": """
from diffkit.gaussian import Gaussian, kl
def vae_loss(x, mean_z, log_var_z, mean_x, var_x):
    prior = Gaussian(torch.zeros_like(mean_z), torch.ones_like(mean_z))
    return -log_normal(x, mean_x, var_x) + kl(Gaussian(mean_z, log_var_z.exp()), prior)
""",
    "bound.reverse_log_density": """
from diffkit.oracle import GaussianMixture
def reverse_log_density(x_prev, x_t, t, alpha_bar, weights, means, stds):
    mixture = GaussianMixture.isotropic(weights, means.unsqueeze(1), stds**2)
    levels = [(float(alpha_bar[u].sqrt()), float((1 - alpha_bar[u]).sqrt())) for u in (t - 1, t)]
    return mixture.reverse(x_t.unsqueeze(1), *levels).log_prob(x_prev.unsqueeze(1))
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING)
