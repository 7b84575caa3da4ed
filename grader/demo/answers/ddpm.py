"""Lesson 05: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "ddpm.mean_from_eps": """
def mean_from_eps(x_t, eps, t, alpha, alpha_bar):
    rows = []
    for x, e, step in zip(x_t, eps, t.tolist()):
        a, ab = float(alpha[step]), float(alpha_bar[step])
        rows.append((x - (1 - a) / (1 - ab) ** 0.5 * e) / a ** 0.5)
    return torch.stack(rows)
""",
    "ddpm.vlb_weight": """
def vlb_weight(beta, sigma2):
    out, bar = [0.0], 1.0
    for b, v in zip(beta[1:].tolist(), sigma2[1:].tolist()):
        bar = bar * (1 - b)
        out.append(b ** 2 / (2 * v * (1 - b) * (1 - bar)))
    return torch.tensor(out, dtype=torch.float64)
""",
    "ddpm.simple_loss": """
def simple_loss(predict, x_0, t, noise, alpha_bar):
    noisy = []
    for x, e, step in zip(x_0, noise, t.tolist()):
        a = float(alpha_bar[step])
        noisy.append(a ** 0.5 * x + (1 - a) ** 0.5 * e)
    guess = predict(torch.stack(noisy), t)
    return torch.stack([((e - g) ** 2).sum() for e, g in zip(noise, guess)])
""",
    "ddpm.best_eps": """
def best_eps(x_t, t, data, alpha_bar):
    rows = []
    for x, step in zip(x_t, t.tolist()):
        a = float(alpha_bar[step])
        logs = [-float(((x - a ** 0.5 * y) ** 2).sum()) / (2 * (1 - a)) for y in data]
        top = max(logs)
        total, guess = 0.0, torch.zeros_like(x)
        for log_w, y in zip(logs, data):
            w = torch.exp(torch.tensor(log_w - top, dtype=torch.float64)).item()
            total, guess = total + w, guess + w * y
        rows.append((x - a ** 0.5 * guess / total) / (1 - a) ** 0.5)
    return torch.stack(rows)
""",
    "ddpm.draw_steps": """
def draw_steps(u, T):
    return torch.tensor([int(v * T) + 1 for v in u.tolist()])
""",
    "ddpm.train_step": """
def train_step(line, x_0, t, noise, alpha_bar, eta):
    out = line.clone()
    for x, step, e in zip(x_0.tolist(), t.tolist(), noise.tolist()):
        a = float(alpha_bar[step])
        y = a ** 0.5 * x + (1 - a) ** 0.5 * e
        error = float(line[step, 0]) * y + float(line[step, 1]) - e
        out[step, 0] -= eta * 2 * error * y / len(t)
        out[step, 1] -= eta * 2 * error / len(t)
    return out
""",
    "ddpm.timestep_embedding": """
def timestep_embedding(t, dim, period):
    import math
    h = dim // 2
    rows = []
    for s in t.tolist():
        angles = [s * period ** (-i / (h - 1)) for i in range(h)]
        rows.append([math.sin(a) for a in angles] + [math.cos(a) for a in angles])
    return torch.tensor(rows, dtype=torch.float64)
""",
    "ddpm.sigma_gap": """
def sigma_gap(beta, sigma2, var_0):
    import math
    var, gaps = var_0, [0.0]
    for b, s2 in zip(beta[1:].tolist(), sigma2[1:].tolist()):
        after = (1 - b) * var + b
        rho = b * var / (after * s2)
        gaps.append(0.5 * (rho - 1 - math.log(rho)))
        var = after
    return torch.tensor(gaps, dtype=torch.float64)
""",
    "ddpm.variance_left": """
def variance_left(beta, var_0):
    share, var = 1.0, var_0
    for b in beta[1:].tolist():
        var = (1 - b) * var + b
        share *= 1 - b / var
    return share
""",
}

OTHER_FORMULAS = {
    "ddpm.mean_from_eps": """
def mean_from_eps(x_t, eps, t, alpha, alpha_bar):
    shape = (-1, *[1] * (x_t.ndim - 1))
    ab, before, a = (v.to(x_t.dtype).reshape(shape) for v in (alpha_bar[t], alpha_bar[t - 1], alpha[t]))
    signal, sigma = ab.sqrt(), (1 - ab).sqrt()
    return (before.sqrt() * (x_t - sigma * eps) / signal * (1 - a) + a.sqrt() * (1 - before) * x_t) / (1 - ab)
""",
    "ddpm.convert": """
def convert(value, source, target, x_t, t, alpha_bar):
    ab = alpha_bar[t].to(x_t.dtype).reshape(-1, *[1] * (x_t.ndim - 1))
    a, b = ab.sqrt(), (1 - ab).sqrt()
    if source == target:
        return value
    if source == "eps":
        x_0 = (x_t - b * value) / a
    elif source == "score":
        x_0 = (x_t + (1 - ab) * value) / a
    elif source == "v":
        x_0 = a * x_t - b * value
    else:
        x_0 = value
    if target == "x0":
        return x_0
    if target == "score":
        return (a * x_0 - x_t) / (1 - ab)
    eps = (x_t - a * x_0) / b
    return eps if target == "eps" else (eps - b * x_t) / a
""",
    "ddpm.vlb_weight": """
def vlb_weight(beta, sigma2):
    alpha_bar = torch.exp(torch.cumsum(torch.log1p(-beta), 0))
    out = torch.zeros_like(beta)
    out[1:] = 0.5 / sigma2[1:] * (beta[1:] / torch.sqrt((1 - beta[1:]) * (1 - alpha_bar[1:]))) ** 2
    return out
""",
    "ddpm.simple_loss": """
def simple_loss(predict, x_0, t, noise, alpha_bar):
    angle = torch.acos(alpha_bar[t].sqrt())
    signal, sigma = torch.cos(angle).to(x_0.dtype), torch.sin(angle).to(x_0.dtype)
    x_t = torch.einsum("b,b...->b...", signal, x_0) + torch.einsum("b,b...->b...", sigma, noise)
    error = (predict(x_t, t) - noise).flatten(1)
    return torch.einsum("bi,bi->b", error, error)
""",
    "ddpm.best_eps": """
def best_eps(x_t, t, data, alpha_bar):
    x, points = x_t.flatten(1), data.flatten(1)
    x = x.detach().requires_grad_()
    a = alpha_bar[t]
    log_p = -torch.cdist(x[:, None], a.sqrt()[:, None, None] * points[None])[:, 0] ** 2 / (2 * (1 - a))[:, None]
    (slope,) = torch.autograd.grad(torch.logsumexp(log_p, 1).sum(), x)
    return (-(1 - a).sqrt()[:, None] * slope).reshape(x_t.shape)
""",
    "ddpm.draw_steps": """
def draw_steps(u, T):
    edges = torch.arange(1, T, dtype=torch.float64) / T
    return torch.bucketize(u.double(), edges, right=True) + 1
""",
    "ddpm.train_step": """
def train_step(line, x_0, t, noise, alpha_bar, eta):
    w = line.clone().requires_grad_()
    x_t = alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise
    loss = torch.nn.functional.mse_loss(w[t, 0] * x_t + w[t, 1], noise)
    loss.backward()
    return line - eta * w.grad
""",
    "ddpm.timestep_embedding": """
def timestep_embedding(t, dim, period):
    import math
    omega = torch.exp(-math.log(period) * torch.linspace(0, 1, dim // 2, dtype=torch.float64))
    angle = torch.outer(t.double(), omega)
    wave = torch.polar(torch.ones_like(angle), angle)
    return torch.cat([wave.imag, wave.real], 1)
""",
    "ddpm.ancestral_step": """
def ancestral_step(x_t, eps, t, noise, beta, sigma2):
    alpha_bar = torch.cumprod(1 - beta, 0)
    now, before = float(alpha_bar[t]), float(alpha_bar[t - 1])
    b = float(beta[t])
    x_0 = (x_t - (1 - now) ** 0.5 * eps) / now ** 0.5
    mean = before ** 0.5 * b / (1 - now) * x_0 + (1 - b) ** 0.5 * (1 - before) / (1 - now) * x_t
    size = float(sigma2[t]) ** 0.5 * (t > 1)
    return mean + size * noise
""",
    "ddpm.sample": """
def sample(predict, x_T, noises, beta, sigma2):
    x, bar = x_T, torch.cumprod(1 - beta, 0)
    t = len(beta) - 1
    while t > 0:
        eps = predict(x, torch.tensor([t] * len(x)))
        x = (x - float(beta[t] / (1 - bar[t]) ** 0.5) * eps) / float(1 - beta[t]) ** 0.5
        if t > 1:
            x = x + float(sigma2[t]) ** 0.5 * noises[t]
        t -= 1
    return x
""",
    "ddpm.variance_left": """
def variance_left(beta, var_0):
    bar = torch.cumprod(1 - beta, 0)
    var = 1 + bar * (var_0 - 1)
    return torch.exp(torch.log1p(-beta[1:] / var[1:]).sum()).item()
""",
    "ddpm.sigma_gap": """
from torch.distributions import Normal, kl_divergence

def sigma_gap(beta, sigma2, var_0):
    bar = torch.cumprod(1 - beta, 0)
    var = bar * var_0 + 1 - bar
    out = torch.zeros_like(beta)
    precise = 1 / var[:-1] + (1 - beta[1:]) / beta[1:]
    zero = torch.zeros_like(precise)
    out[1:] = kl_divergence(Normal(zero, precise ** -0.5), Normal(zero, sigma2[1:].sqrt()))
    return out
""",
}

NOISY = {
    "ddpm.ancestral_step": """
def ancestral_step(x_t, eps, t, noise, beta, sigma2):
    print("called at", t)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    c = Coefficients(1 - torch.cumprod(1 - beta, 0)[t])
    mean = (x_t - (beta[t] / c.signal).to(x_t) * eps) / (1 - beta[t]).sqrt().to(x_t)
    return mean + (sigma2[t].sqrt().to(x_t) * noise if t > 1 else 0)
""",
}

FORWARDING = {
    "ddpm.vlb_weight": """
from diffkit import elbo
from diffkit.schedule import Schedule
def vlb_weight(beta, sigma2):
    return elbo.weights(Schedule(beta), sigma2)
""",
    "ddpm.simple_loss": """
from diffkit import losses
from diffkit.schedule import from_alpha_bar
def simple_loss(predict, x_0, t, noise, alpha_bar):
    return losses.simple(predict, from_alpha_bar(alpha_bar), x_0, t, noise=noise)
""",
    "ddpm.best_eps": """
from diffkit.oracle import GaussianMixture
def best_eps(x_t, t, data, alpha_bar):
    points = data.flatten(1)
    mixture = GaussianMixture.isotropic(torch.full((len(points),), 1 / len(points)).double(), points, 0.0)
    a = alpha_bar[t]
    return mixture.eps(x_t.flatten(1), a.sqrt(), (1 - a).sqrt()).reshape(x_t.shape)
""",
    "ddpm.timestep_embedding": """
from diffkit import nets
def timestep_embedding(t, dim, period):
    return nets.SinusoidalEmbedding(dim, max_period=period)(t).double()
""",
    "ddpm.ancestral_step": """
from diffkit.samplers import reverse_kernel
from diffkit.schedule import Schedule
def ancestral_step(x_t, eps, t, noise, beta, sigma2):
    k = reverse_kernel(Schedule(beta), [t, t - 1], sigma2)
    return k.a[0] * x_t + k.b[0] * eps + k.c[0] * noise
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
