"""Lesson 06: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "score.gaussian_score": """
def gaussian_score(x, mean, cov):
    inverse = torch.linalg.inv(cov)
    rows = []
    for point in x:
        rows.append(-(inverse @ (point - mean)))
    return torch.stack(rows)
""",
    "score.mixture_score": """
def mixture_score(x, weights, means, stds):
    rows = []
    for point in x:
        logs, pulls = [], []
        for w, m, s in zip(weights, means, stds):
            away = point - m
            logs.append(torch.log(w) - (away @ away) / (2 * s ** 2) - len(point) * torch.log(s))
            pulls.append(-away / s ** 2)
        logs = torch.stack(logs)
        shares = torch.exp(logs - logs.max())
        shares = shares / shares.sum()
        rows.append(sum(r * pull for r, pull in zip(shares, pulls)))
    return torch.stack(rows)
""",
    "score.explicit_loss": """
def explicit_loss(s, true):
    return torch.stack([0.5 * sum((a - b) ** 2 for a, b in zip(u.flatten(), v.flatten())) for u, v in zip(s, true)])
""",
    "score.sum_by_parts": """
def sum_by_parts(s, p):
    cross = moved = 0.0
    for i in range(len(s) - 1):
        cross = cross + float(s[i]) * (float(p[i + 1]) - float(p[i]))
        moved = moved + float(p[i + 1]) * (float(s[i + 1]) - float(s[i]))
    return cross, float(s[-1]) * float(p[-1]) - float(s[0]) * float(p[0]), moved
""",
    "score.implicit_loss": """
def implicit_loss(x, A, b, C):
    rows = []
    for point in x:
        f = lambda y: C @ torch.tanh(A @ y + b)
        J = torch.autograd.functional.jacobian(f, point, create_graph=True)
        rows.append(0.5 * (f(point) ** 2).sum() + J.trace())
    return torch.stack(rows)
""",
    "score.sliced_loss": """
def sliced_loss(x, v, A, b, C):
    total = 0.0
    for direction in v:
        y = x.detach().requires_grad_()
        along = ((torch.tanh(y @ A.mT + b) @ C.mT) * direction).sum(1)
        g = torch.autograd.grad(along.sum(), y, create_graph=True)[0]
        total = total + (g * direction).sum(1) + 0.5 * along ** 2
    return total / len(v)
""",
    "score.denoising_loss": """
def denoising_loss(score, x_0, sigma, noise):
    noisy = torch.stack([x + float(s) * e for x, s, e in zip(x_0, sigma, noise)])
    guess = score(noisy)
    return torch.stack([0.5 * ((g + e / float(s)) ** 2).sum() for g, s, e in zip(guess, sigma, noise)])
""",
    "score.best_reconstruction": """
def best_reconstruction(x, points, sigma):
    rows = []
    for row in x:
        logs = torch.stack([-((row - p) ** 2).sum() / (2 * sigma ** 2) for p in points])
        shares = torch.exp(logs - torch.logsumexp(logs, 0))
        rows.append(sum(share * p for share, p in zip(shares, points)))
    return torch.stack(rows)
""",
    "score.weighted_sum": """
def weighted_sum(scores, noise, sigmas):
    total = 0.0
    for s, e, sd in zip(scores, noise, sigmas):
        total = total + sd ** 2 * 0.5 * ((s + e / sd) ** 2).flatten(1).sum(1)
    return total / len(sigmas)
""",
}

OTHER_FORMULAS = {
    "score.gaussian_score": """
def gaussian_score(x, mean, cov):
    values, vectors = torch.linalg.eigh(cov)
    return -torch.einsum("ij,j,kj,bk->bi", vectors, 1 / values, vectors, x - mean)
""",
    "score.mixture_score": """
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

def mixture_score(x, weights, means, stds):
    parts = Independent(Normal(means, stds.unsqueeze(1).expand_as(means)), 1)
    y = x if x.requires_grad else x.detach().clone().requires_grad_()
    log_p = MixtureSameFamily(Categorical(weights), parts).log_prob(y)
    return torch.autograd.grad(log_p.sum(), y, create_graph=x.requires_grad)[0]
""",
    "score.explicit_loss": """
def explicit_loss(s, true):
    return torch.nn.functional.mse_loss(s, true, reduction="none").reshape(len(s), -1).sum(-1) / 2
""",
    "score.implicit_loss": """
def implicit_loss(x, A, b, C):
    s = torch.tanh(x @ A.mT + b) @ C.mT
    slope = 1 / torch.cosh(x @ A.mT + b) ** 2
    return 0.5 * torch.einsum("bi,bi->b", s, s) + torch.einsum("ih,bh,hi->b", C, slope, A)
""",
    "score.fit_score": """
def fit_score(phi, dphi):
    L = torch.linalg.cholesky(phi.mT @ phi)
    return -torch.cholesky_solve(dphi.sum(0).unsqueeze(1), L).squeeze(1)
""",
    "score.sliced_loss": """
def sliced_loss(x, v, A, b, C):
    slope = 1 - torch.tanh(x @ A.mT + b) ** 2
    J = torch.einsum("ih,bh,hj->bij", C, slope, A)
    s = torch.einsum("ih,bh->bi", C, torch.tanh(x @ A.mT + b))
    return torch.einsum("nbi,bij,nbj->b", v, J, v) / len(v) + 0.5 * torch.einsum("nbi,bi->nb", v, s).pow(2).mean(0)
""",
    "score.denoising_floor": """
def denoising_floor(variances, sigma):
    return ((1 / sigma**2 - 1 / (variances + sigma**2)) / 2).sum()
""",
    "score.tweedie": """
def tweedie(x_t, score, t, alpha_bar):
    a = alpha_bar[t].to(x_t.dtype)
    shrink = torch.rsqrt(a)
    return torch.einsum("b,b...->b...", shrink, x_t) + torch.einsum("b,b...->b...", shrink - a * shrink, score)
""",
    "score.score_from_eps": """
def score_from_eps(eps, t, alpha_bar):
    return torch.einsum("b,b...->b...", -((1 - alpha_bar[t]) ** -0.5).to(eps.dtype), eps)
""",
    "score.best_reconstruction": """
def best_reconstruction(x, points, sigma):
    flat, data = x.reshape(len(x), -1), points.reshape(len(points), -1)
    # |x|^2 is the same for all points, so it cancels in the softmax.
    logits = (flat @ data.mT - 0.5 * (data**2).sum(1)) / sigma**2
    return (torch.softmax(logits, dim=-1) @ data).reshape(x.shape)
""",
    "score.weighted_sum": """
def weighted_sum(scores, noise, sigmas):
    guess = -torch.einsum("l,l...->l...", sigmas, scores)
    return 0.5 * ((noise - guess) ** 2).flatten(2).sum(2).mean(0)
""",
    "score.bound_weights": """
def bound_weights(beta, sigma2):
    alpha_bar = torch.cumprod(1 - beta, 0)
    lam = beta**2 / (2 * sigma2 * (1 - beta) * (1 - alpha_bar))
    return torch.nan_to_num(2 * (1 - alpha_bar) * lam, nan=0.0)
""",
}

NOISY = {
    "score.tweedie": """
def tweedie(x_t, score, t, alpha_bar):
    print("called with", x_t.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    c = Coefficients(alpha_bar[t].to(x_t).reshape(-1, *[1] * (x_t.ndim - 1)))
    return (x_t + c.noise**2 * score) / c.signal
""",
}

FORWARDING = {
    "score.explicit_loss": """
from diffkit import losses
def explicit_loss(s, true):
    return losses.explicit(lambda x: s, lambda x: true, torch.zeros_like(s))
""",
    "score.implicit_loss": """
from diffkit import losses
def implicit_loss(x, A, b, C):
    return losses.implicit(lambda y: torch.tanh(y @ A.mT + b) @ C.mT, x)
""",
    "score.sliced_loss": """
from diffkit import losses
def sliced_loss(x, v, A, b, C):
    score = lambda y: torch.tanh(y @ A.mT + b) @ C.mT
    return losses.sliced(score, x, directions=v, variance_reduced=False)
""",
    "score.denoising_loss": """
from diffkit import losses
def denoising_loss(score, x_0, sigma, noise):
    return losses.denoising(score, x_0, sigma, noise=noise)
""",
    "score.denoising_floor": """
from diffkit.oracle import GaussianMixture
def denoising_floor(variances, sigma):
    d = len(variances)
    p = GaussianMixture(torch.ones(1).double(), torch.zeros(1, d).double(), torch.diag(variances).unsqueeze(0))
    x = torch.zeros(1, d).double()
    return p.posterior(x, 1.0, sigma).covs[0, 0].trace() / (2 * sigma**4)
""",
    "score.tweedie": """
from diffkit.parameterize import convert_at
def tweedie(x_t, score, t, alpha_bar):
    a = alpha_bar[t]
    return convert_at(score, "score", "x0", x_t, a.sqrt(), (1 - a).sqrt())
""",
    "score.score_from_eps": """
from diffkit.parameterize import convert_at
def score_from_eps(eps, t, alpha_bar):
    a = alpha_bar[t]
    return convert_at(eps, "eps", "score", eps, a.sqrt(), (1 - a).sqrt())
""",
    "score.best_reconstruction": """
from diffkit.oracle import GaussianMixture
def best_reconstruction(x, points, sigma):
    flat = points.flatten(1)
    data = GaussianMixture.isotropic(torch.full((len(flat),), 1 / len(flat)).double(), flat, 0.0)
    return data.denoiser(x.flatten(1), 1.0, sigma).reshape(x.shape)
""",
    "score.weighted_sum": """
from diffkit import losses
def weighted_sum(scores, noise, sigmas):
    x = torch.zeros_like(noise[0])
    return losses.multilevel(lambda y, i: scores.flatten(0, 1), x, sigmas, noise=noise)
""",
    "score.bound_weights": """
from diffkit import elbo
from diffkit.schedule import Schedule
def bound_weights(beta, sigma2):
    s = Schedule(beta)
    return 2 * s.noise_var * elbo.weights(s, sigma2)
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
