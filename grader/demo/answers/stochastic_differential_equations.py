"""Lesson 08: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "sde.wiener_path": """
def wiener_path(times, noise):
    rows = [torch.zeros_like(noise[0])]
    for i in range(len(noise)):
        rows.append(rows[i] + float(times[i + 1] - times[i]) ** 0.5 * noise[i])
    return torch.stack(rows)
""",
    "sde.em_step": """
def em_step(x, drift, g, dt, noise):
    rows = []
    for i in range(len(x)):
        rows.append(x[i] + dt * drift[i] + float(g[i]) * math.sqrt(abs(dt)) * noise[i])
    return torch.stack(rows)

import math
""",
    "sde.vp_coefficients": """
def vp_coefficients(t, beta_min, beta_max):
    f, g = torch.empty_like(t), torch.empty_like(t)
    for i in range(len(t)):
        beta = (1 - t[i]) * beta_min + t[i] * beta_max
        f[i], g[i] = -beta / 2, beta ** 0.5
    return f, g
""",
    "sde.coarser_noise": """
def coarser_noise(noise, k):
    out = []
    for start in range(0, len(noise), k):
        total = torch.zeros_like(noise[0])
        for i in range(start, start + k):
            total = total + noise[i]
        out.append(total / k ** 0.5)
    return torch.stack(out)
""",
    "sde.in_order": """
def in_order(cards, left, right):
    place = {6: 0, 3: 1, 8: 2, 1: 3, 5: 4}
    return sorted([c for c in cards.tolist() if c in place], key=place.get)
""",
    "sde.fp_residual": """
def fp_residual(p, f, g, dx, dt):
    out = []
    for i in range(1, p.shape[1] - 1):
        rate = (p[2, i] - p[0, i]) / dt / 2
        flow_right, flow_left = f[i + 1] * p[1, i + 1], f[i - 1] * p[1, i - 1]
        bend = (p[1, i + 1] - p[1, i]) / dx - (p[1, i] - p[1, i - 1]) / dx
        out.append(rate + (flow_right - flow_left) / dx / 2 - g * g / 2 * bend / dx)
    return torch.stack(out)
""",
    "sde.reverse_drift": """
def reverse_drift(drift, g, score):
    return torch.stack([drift[i] - float(g[i]) ** 2 * score[i] for i in range(len(score))])
""",
    "sde.reverse_sample": """
def reverse_sample(score, x, times, noises, beta_min, beta_max):
    for i, z in enumerate(noises):
        t, after = times[i].item(), times[i + 1].item()
        beta, length = beta_min * (1 - t) + beta_max * t, t - after
        x = x + beta * length * (x / 2 + score(x, t)) + math.sqrt(beta * length) * z
    return x

import math
""",
    "sde.density_after": """
def density_after(p, x, mean, var):
    p, places, mean, out = p.tolist(), x.tolist(), mean.tolist(), []
    for y in places:
        there = [q * math.exp(-(y - m) ** 2 / (2 * var)) / (2 * math.pi * var) ** 0.5 for q, m in zip(p, mean)]
        total = 0.0
        for j in range(1, len(places)):
            total += (places[j] - places[j - 1]) * (there[j] + there[j - 1]) / 2
        out.append(total)
    return torch.tensor(out, dtype=x.dtype)

import math
""",
    "sde.corrector_step": """
def corrector_step(x, score, z, rho):
    longs, steeps = 0.0, 0.0
    for i in range(len(x)):
        longs += float((z[i] ** 2).sum()) ** 0.5
        steeps += float((score[i] ** 2).sum()) ** 0.5
    root = rho * longs / steeps
    return x + 2 * root ** 2 * score + 2 * root * z
""",
    "sde.pc_sample": """
def pc_sample(score, x, times, z_pred, z_corr, rho, ends):
    low, high = ends
    for i in range(len(z_pred)):
        t, after = float(times[i]), float(times[i + 1])
        b = (low + t * (high - low)) * (t - after)
        x = x + b / 2 * x + b * score(x, t) + b ** 0.5 * z_pred[i]
        for k in range(z_corr.shape[1]):
            s, z = score(x, after), z_corr[i, k]
            root = rho * z.flatten(1).norm(dim=1).sum() / s.flatten(1).norm(dim=1).sum()
            x = x + 2 * root ** 2 * s + 2 * root * z
    return x
""",
}

OTHER_FORMULAS = {
    "sde.wiener_path": """
def wiener_path(times, noise):
    n = len(noise)
    adds = torch.tril(torch.ones(n + 1, n, dtype=torch.float64), -1) * times.diff().sqrt()
    return (adds @ noise.double().reshape(n, -1)).reshape(n + 1, *noise.shape[1:]).to(noise)
""",
    "sde.em_step": """
def em_step(x, drift, g, dt, noise):
    size = (g ** 2 * abs(dt)).sqrt().to(x)
    return torch.add(x, drift, alpha=dt) + torch.einsum("b,b...->b...", size, noise)
""",
    "sde.em_path": """
def em_path(drift, diffusion, x, times, noises):
    path, grid = [x], times.tolist()
    for z, t, after in zip(noises, grid[:-1], grid[1:]):
        f, g = drift(x, t), diffusion(x, t)
        x = x + (after - t) * f + g * z * abs(after - t) ** 0.5
        path.append(x)
    return torch.stack(path)
""",
    "sde.ve_coefficients": """
def ve_coefficients(t, sigma_min, sigma_max):
    rate = math.log(sigma_max) - math.log(sigma_min)
    return t * 0, (2 * rate * sigma_min ** 2 * torch.exp(2 * rate * t)).sqrt()

import math
""",
    "sde.moment_rates": """
def moment_rates(m, v, f, g):
    return m * f, f * v + v * f + g * g
""",
    "sde.sub_vp_diffusion": """
def sub_vp_diffusion(t, beta_min, beta_max):
    beta = beta_min + t * (beta_max - beta_min)
    B = t * (beta_min + beta) / 2
    return torch.sqrt(-beta * torch.expm1(-2 * B))
""",
    "sde.ddpm_minus_em": """
def ddpm_minus_em(x, score, b):
    b, dtype = b.reshape(-1, *[1] * (x.ndim - 1)), x.dtype
    x, score = x.double(), score.double()
    ddpm = (x + b * score) / torch.sqrt(1 - b)
    return (ddpm - (x + b / 2 * x + b * score)).to(dtype)
""",
    "sde.density_after": """
def density_after(p, x, mean, var):
    from torch.distributions import Normal
    kernel = Normal(mean.unsqueeze(0), var ** 0.5).log_prob(x.unsqueeze(1)).exp()
    half = torch.diff(x) / 2
    weights = torch.nn.functional.pad(half, (0, 1)) + torch.nn.functional.pad(half, (1, 0))
    return kernel @ (weights * p)
""",
    "sde.corrector_step": """
def corrector_step(x, score, z, rho):
    long = z.reshape(len(z), -1).square().sum(1).sqrt().mean()
    steep = score.reshape(len(z), -1).square().sum(1).sqrt().mean()
    eta = 2 * rho ** 2 * long ** 2 / steep ** 2
    return torch.lerp(x, x + score, eta) + torch.sqrt(2 * eta) * z
""",
}

NOISY = {
    "sde.moment_rates": """
def moment_rates(m, v, f, g):
    print("called with", m.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    return f * m, 2 * (f * v) + g * g
""",
}

FORWARDING = {
    "sde.vp_coefficients": """
def vp_coefficients(t, beta_min, beta_max):
    from diffkit.sde import VP
    sde = VP(beta_min, beta_max)
    return sde.rate(t), sde.diffusion(t)
""",
    "sde.sub_vp_diffusion": """
from diffkit import sde
def sub_vp_diffusion(t, beta_min, beta_max):
    return sde.SubVP(beta_min, beta_max).diffusion(t)
""",
    "sde.corrector_step": """
def corrector_step(x, score, z, rho):
    from diffkit.samplers import corrector_step as step
    return step(x, score, z, rho)
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
