"""Lesson 10: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "fast.keep": """
def keep(bar_t, bar_s, sigma2):
    a, b = [], []
    for t, s, v in zip(bar_t.tolist(), bar_s.tolist(), sigma2.tolist()):
        a.append(((1 - s - v) / (1 - t)) ** 0.5)
        b.append(s ** 0.5 - a[-1] * t ** 0.5)
    return torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
""",
    "fast.ddim_sigma": """
def ddim_sigma(bar_t, bar_s, eta):
    out = []
    for t, s in zip(bar_t.tolist(), bar_s.tolist()):
        out.append(eta * ((1 - s) / (1 - t)) ** 0.5 * (1 - t / s) ** 0.5)
    return torch.tensor(out, dtype=torch.float64)
""",
    "fast.ddim_step": """
def ddim_step(x_t, eps, bar_t, bar_s, eta, noise):
    rows = []
    for x, e, z, t, s in zip(x_t, eps, noise, bar_t.tolist(), bar_s.tolist()):
        sigma = eta * ((1 - s) / (1 - t) * (1 - t / s)) ** 0.5
        guess = (x - (1 - t) ** 0.5 * e) / t ** 0.5
        rows.append(s ** 0.5 * guess + (1 - s - sigma ** 2) ** 0.5 * e + sigma * z)
    return torch.stack(rows)
""",
    "fast.eta_of": """
def eta_of(beta, sigma2):
    bar, out = 1.0, []
    for t, (b, v) in enumerate(zip(beta.tolist(), sigma2.tolist())):
        before, bar = bar, bar * (1 - b)
        out.append(0.0 if t < 2 else (v * (1 - bar) / ((1 - before) * b)) ** 0.5)
    return torch.tensor(out, dtype=torch.float64)
""",
    "fast.subsequence": """
def subsequence(T, n):
    return torch.tensor([int(T * k / n + 0.5) for k in range(n, -1, -1)])
""",
    "fast.invert_step": """
def invert_step(predict, x_s, bar_s, bar_t, rounds):
    guess = x_s
    u_s, u_t = (1 / bar_s - 1) ** 0.5, (1 / bar_t - 1) ** 0.5
    while rounds > 0:
        guess = bar_t ** 0.5 * (x_s / bar_s ** 0.5 + (u_t - u_s) * predict(guess))
        rounds -= 1
    return guess
""",
    "fast.order": """
def order(n, errors):
    import math
    x, y = [math.log(v) for v in n.tolist()], [math.log(v) for v in errors.tolist()]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mx) * (b - my) for a, b in zip(x, y))
    return -above / sum((a - mx) ** 2 for a in x)
""",
    "fast.karras_levels": """
def karras_levels(n, u_min, u_max, rho):
    out = [0.0]
    for i in range(n):
        part = i / (n - 1)
        out.append(((1 - part) * u_min ** (1 / rho) + part * u_max ** (1 / rho)) ** rho)
    return torch.tensor(out, dtype=torch.float64)
""",
    "fast.network_calls": """
def network_calls(method, u):
    calls = 0
    for end in u[1:].tolist():
        calls += 1
        if method in ("heun", "dpm-2") and end > 0:
            calls += 1
    return calls
""",
    "fast.in_order": """
def in_order(cards, left, right):
    lie = {}
    for card, a, b in zip(cards.tolist(), left.tolist(), right.tolist()):
        lie[card] = abs(a - b) > 1e-6
    return [card for card in (3, 5, 8, 1, 6) if not lie[card]]
""",
}

OTHER_FORMULAS = {
    "fast.keep": """
def keep(bar_t, bar_s, sigma2):
    ratio = torch.sqrt(1 - bar_s - sigma2) * torch.rsqrt(1 - bar_t)
    return ratio, torch.sqrt(bar_s) - torch.sqrt(bar_t * (1 - bar_s - sigma2) / (1 - bar_t))
""",
    "fast.ddim_sigma": """
def ddim_sigma(bar_t, bar_s, eta):
    return eta * torch.sqrt((1 - bar_s) * (bar_s - bar_t) / (bar_s * (1 - bar_t)))
""",
    "fast.ddim_step": """
def ddim_step(x_t, eps, bar_t, bar_s, eta, noise):
    sigma2 = eta ** 2 * (1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)
    a = torch.sqrt(bar_s / bar_t)
    b = torch.sqrt(1 - bar_s - sigma2) - a * torch.sqrt(1 - bar_t)
    parts = ((a, x_t), (b, eps), (torch.sqrt(sigma2), noise))
    return sum(torch.einsum("b,b...->b...", c.to(x_t.dtype), v) for c, v in parts)
""",
    "fast.eta_of": """
def eta_of(beta, sigma2):
    left = -torch.expm1(torch.cumsum(torch.log1p(-beta), 0))
    eta = (sigma2 * left / (left.roll(1) * beta)).sqrt()
    return torch.where(torch.arange(len(beta)) < 2, torch.zeros_like(eta), eta)
""",
    "fast.subsequence": """
def subsequence(T, n):
    return torch.linspace(T, 0, n + 1, dtype=torch.float64).round().long()
""",
    "fast.euler_flow": """
def euler_flow(predict, y, u):
    levels = u.tolist()
    for here, there in zip(levels, levels[1:]):
        y = torch.lerp(y, y - predict(y, here), here - there)
    return y
""",
    "fast.order": """
def order(n, errors):
    A = torch.stack([torch.ones_like(n), n.log()], 1)
    return -torch.linalg.lstsq(A, errors.log().unsqueeze(1)).solution[1].item()
""",
    "fast.heun_step": """
def heun_step(predict, y, u, u_next):
    h = u_next - u
    k1 = predict(y, u)
    if u_next == 0.0:
        return y - u * k1
    k2 = predict(y + h * k1, u_next)
    return y + h * k1 + h * (k2 - k1) / 2
""",
    "fast.dpm_step": """
def dpm_step(predict, x, lam, lam_next):
    import math
    u, v = math.exp(-lam), math.exp(-lam_next)
    half = math.sqrt(u * v)
    root = lambda w: 1 / math.sqrt(1 + w * w)
    y = x / root(u)
    middle = y + (half - u) * predict(x, lam)
    return root(v) * (y + (v - u) * predict(root(half) * middle, -math.log(half)))
""",
    "fast.multistep": """
def multistep(x, x_0, before, lams):
    import math
    one, two, three = lams
    if three == math.inf:
        return x_0 + 0.0 * x
    slope = (x_0 - before) / (two - one)
    guess = x_0 + slope * (three - two) / 2
    u, v = math.exp(-two), math.exp(-three)
    y = x * math.sqrt(1 + u * u)
    return (guess + v / u * (y - guess)) / math.sqrt(1 + v * v)
""",
    "fast.karras_levels": """
def karras_levels(n, u_min, u_max, rho):
    ends = torch.tensor([u_min, u_max], dtype=torch.float64) ** (1 / rho)
    return torch.nn.functional.pad(torch.linspace(ends[0], ends[1], n, dtype=torch.float64) ** rho, (1, 0))
""",
}

NOISY = {
    "fast.heun_step": """
def heun_step(predict, y, u, u_next):
    print("called at", u)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    slope = predict(y, u)
    ahead = y + (u_next - u) * slope
    return ahead if u_next == 0 else y + (u_next - u) / 2 * (slope + predict(ahead, u_next))
""",
}

FORWARDING = {
    "fast.eta_of": """
from diffkit.schedule import Schedule
def eta_of(beta, sigma2):
    eta = torch.zeros_like(beta)
    eta[2:] = (sigma2[2:] / Schedule(beta).beta_tilde[2:]).sqrt()
    return eta
""",
    "fast.subsequence": """
def subsequence(T, n):
    from diffkit.samplers import uniform_times
    return torch.tensor(uniform_times(T, n))
""",
    "fast.ddim_step": """
def ddim_step(x_t, eps, bar_t, bar_s, eta, noise):
    from diffkit.samplers.ddim import transfer
    from diffkit.samplers.path import posterior_std
    sigma = eta * posterior_std(torch.stack([bar_t, bar_s]).sqrt(), 1 - torch.stack([bar_t, bar_s]).sqrt())
    a, b = transfer(bar_t.sqrt(), (1 - bar_t).sqrt(), bar_s.sqrt(), (1 - bar_s - sigma ** 2).sqrt())
    return a * x_t + b * eps + sigma * noise
""",
    "fast.heun_step": """
def heun_step(predict, y, u, u_next):
    from diffkit.samplers import heun
    return heun(predict, y, u, u_next - u)
""",
    "fast.karras_levels": """
from diffkit import sigmas
def karras_levels(n, u_min, u_max, rho):
    return sigmas.karras(n, u_min, u_max, rho)
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
