"""Lesson 13: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "hunt.schedule_fault": """
def schedule_fault(table, beta):
    bar = [float(b) for b in table(beta)]
    off = [t for t in range(1, len(bar)) if abs(bar[t] / bar[t - 1] - (1 - float(beta[t - 1]))) > 1e-4]
    if abs(bar[0] - 1) > 1e-4:
        return 3 if set(off) <= {1} else 4
    if not off:
        return 0
    return 1 if off[0] == 1 else 2
""",
    "hunt.forward_fault": """
def forward_fault(q_sample, alpha_bar):
    T = len(alpha_bar) - 1
    t = torch.tensor([T, 1, 3, 2])
    signal = torch.zeros(4, 4, dtype=torch.float64)
    noise = torch.zeros(4, 4, dtype=torch.float64)
    for j in range(4):
        x = torch.zeros(4, 4, dtype=torch.float64)
        x[:, j] = 1
        signal[:, j] = q_sample(x, t, 0 * x)[:, j]
        noise[:, j] = q_sample(0 * x, t, x)[:, j]
    found = []
    for i in range(4):
        for j in range(4):
            a, s, n = float(alpha_bar[t[i]]), float(signal[i, j]), float(noise[i, j])
            if abs(s * s - a) > 1e-4:
                found.append(1 if abs(s * s + n * n - 1) < 1e-4 else 2)
            elif abs(n * n + a - 1) > 1e-4:
                found.append(3)
            elif n < 0:
                found.append(4)
    return found[0] if found else 0
""",
    "hunt.loss_fault": """
def loss_fault(loss, B, D):
    g = torch.Generator().manual_seed(0)
    eps = torch.randn(B, D, generator=g, dtype=torch.float64)
    weight = torch.linspace(0.5, 2.5, B, dtype=torch.float64)
    def off(value, wanted):
        return abs(float(value) - float(wanted)) > 1e-6
    if off(loss(eps, eps, weight), 0):
        return 1
    alone = eps[:1].clone()
    alone[0, 0] += 3
    ones = torch.ones(1, dtype=torch.float64)
    three = float(loss(alone, eps[:1], ones))
    alone[0, 0] += 3
    six = float(loss(alone, eps[:1], ones))
    if abs(six / three - 4) > 1e-6:
        return 2
    if off(three, 9 / D):
        return 3
    for i in range(B):
        guess = eps.clone()
        guess[i, D - 1] -= 2
        if off(loss(guess, eps, weight), 4 * weight[i] / (B * D)):
            return 4
    return 0
""",
    "hunt.mended_loss": """
def mended_loss(guess, eps, weight):
    total = 0.0
    for g, e, w in zip(guess, eps, weight.to(guess)):
        total = total + w * ((g - e) ** 2).mean()
    return total / len(guess)
""",
    "hunt.loop_fault": """
def loop_fault(sample, beta):
    T = len(beta) - 1
    one, none = torch.ones(1, dtype=torch.float64), torch.zeros(T + 1, 1, dtype=torch.float64)
    last = float(sample(one, none, 1))
    if abs(last - 1) < 1e-6:
        return 1
    if abs(last ** 2 - 1 + float(beta[1])) > 1e-6:
        return 2
    product = 1.0
    for t in range(1, T + 1):
        product *= 1 - float(beta[t])
        if abs(float(sample(one, none, t)) ** 2 - product) > 1e-6:
            return 3
    product = 1.0
    for t in range(1, T + 1):
        z = none.clone()
        z[t] = 1
        wanted = float(beta[t]) * product if t > 1 else 0.0
        if abs(float(sample(0 * one, z, T)) ** 2 - wanted) > 1e-6:
            return 4
        product *= 1 - float(beta[t])
    return 0
""",
    "hunt.mended_ddim": """
def mended_ddim(x, eps, t, s, z, eta, alpha_bar):
    now, then = float(alpha_bar[t]), float(alpha_bar[s])
    out = torch.empty_like(x)
    for i in range(len(x)):
        guess = (x[i] - (1 - now) ** 0.5 * eps[i]) / now ** 0.5
        var = eta ** 2 * (1 - then) / (1 - now) * (1 - now / then)
        out[i] = then ** 0.5 * guess + max(1 - then - var, 0.0) ** 0.5 * eps[i] + var ** 0.5 * z[i]
    return out
""",
}

OTHER_FORMULAS = {
    "hunt.scaling_fault": """
def scaling_fault(there_and_back, white):
    def one(x, pixels):
        y, back = there_and_back(torch.tensor([float(x)]).double(), torch.tensor([2 * pixels / white]).double())
        return float(y), float(back)
    if abs(one(0, 0)[0] + 1) > 1e-6:
        return 2
    if abs(one(white, 0)[0] - 1) > 1e-6:
        return 1
    if abs(one(1, 4.1)[1] - 5) > 0.3 or abs(one(white, -2.9)[1] - white + 3) > 0.3:
        return 3
    wrong = one(0, -2)[1] != 0 or one(white, 2)[1] != white or one(5, 0.8)[1] != 6 or one(5, 0.2)[1] != 5
    return 4 if wrong else 0
""",
    "hunt.posterior_fault": """
def posterior_fault(posterior, alpha_bar, t):
    before, now = float(alpha_bar[t - 1]), float(alpha_bar[t])
    ratio = now / before
    precision = ratio / (1 - ratio) + 1 / (1 - before)
    wanted = before ** 0.5 / (1 - before) / precision, ratio ** 0.5 / (1 - ratio) / precision, 1 / precision
    mean_0, var = posterior(torch.ones(1).double(), torch.zeros(1).double(), t)
    mean_t, _ = posterior(torch.zeros(1).double(), torch.ones(1).double(), t)
    found = float(mean_0), float(mean_t), float(var)
    wrong = "".join("x" if not abs(a - b) < 1e-6 else "." for a, b in zip(found, wanted))
    return {"...": 0, "x..": 2, ".x.": 3, "..x": 4, "xx.": 5}.get(wrong, 1)
""",
    "hunt.mended_loss": """
def mended_loss(guess, eps, weight):
    error = (guess - eps).reshape(len(guess), -1)
    return torch.einsum("b,bi,bi->", weight.to(error), error, error) / error.numel()
""",
    "hunt.step_fault": """
def step_fault(step, beta, t):
    bar = torch.cumprod(1 - beta, 0)
    factor = float((1 - beta[t]) ** -0.5)
    if abs(float(step(1.0, 0.0, t, 0.0)) - factor) > 1e-6:
        return 2
    if abs(float(step(0.0, 1.0, t, 0.0)) + factor * float(beta[t] / (1 - bar[t]) ** 0.5)) > 1e-6:
        return 1
    share = float(step(0.0, 0.0, t, 1.0) ** 2 / beta[t])
    if not float((1 - bar[t - 1]) / (1 - bar[t])) - 1e-6 < share < 1 + 1e-6:
        return 3
    return 4 if float(step(0.0, 0.0, 1, 5.0)) != 0 else 0
""",
    "hunt.ddim_fault": """
def ddim_fault(ddim, alpha_bar, t, s, eta):
    now, then = float(alpha_bar[t]), float(alpha_bar[s])
    def near(a, b):
        return abs(float(a) - b) < 1e-6
    factor = float(ddim(1.0, 0.0, t, s, 0.0, 0.0))
    if not near(factor, (then / now) ** 0.5):
        return 4 if near(factor, 1.0) else 1
    if not near(ddim(0.0, 1.0, t, s, 0.0, 0.0), (1 - then) ** 0.5 - factor * (1 - now) ** 0.5):
        return 1
    ratio = now / then
    var = eta ** 2 / (ratio / (1 - ratio) + 1 / (1 - then))
    if not near(float(ddim(0.0, 0.0, t, s, 3.0, eta)) / 3, var ** 0.5):
        return 2
    return 0 if near(ddim(0.0, 1.0, t, s, 0.0, eta), (1 - then - var) ** 0.5 - factor * (1 - now) ** 0.5) else 3
""",
    "hunt.langevin_fault": """
def langevin_fault(move, eta):
    zero = torch.zeros(3, 1, dtype=torch.float64)
    rows = torch.tensor([[1.0], [-2.0], [4.0]], dtype=torch.float64)
    kept, noise = move(rows, zero, eta, zero), move(zero, zero, eta, rows)
    if (kept - rows).abs().max() > 1e-9 or (noise / rows - noise[0]).abs().max() > 1e-9:
        return 3
    drift, c = float(move(zero, rows, eta, zero)[0]), float(noise[0])
    if drift > 0 and abs(c - (2 * drift) ** 0.5) < 1e-9:
        return 0
    return 1 if abs(drift - eta) > 1e-9 else 2
""",
    "hunt.reverse_fault": """
def reverse_fault(back, beta):
    dt = 1e-5
    grow, pull, kick = (back(*one, dt, z) for *one, z in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    if abs((grow - 1) / dt / beta - 0.5) > 0.02:
        return 1
    var = (1 + (grow - 1) - pull) ** 2 + kick ** 2
    if abs(var - 1) / dt < 0.02:
        return 0
    if kick == 0:
        return 4
    return 2 if abs(kick ** 2 / (beta * dt) - 1) < 0.02 else 3
""",
    "hunt.guidance_fault": """
def guidance_fault(guided, w):
    pair = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    cond, uncond = guided(*pair, w).tolist()
    if abs(cond - 1 - w) + abs(uncond + w) < 1e-6:
        return 0
    plain = guided(*pair, 0.0).tolist()
    if abs(plain[0] + 1) < 1e-6:
        return 1
    if abs(plain[0] - 2) < 1e-6 or abs(cond + uncond - 1) > 1e-6:
        return 3
    return 2
""",
    "hunt.likelihood_fault": """
def likelihood_fault(log_p, scale):
    def total(scale, half, n):
        axis = torch.linspace(-half, half, n, dtype=torch.float64)
        x = torch.stack(torch.meshgrid(*[axis] * len(scale), indexing="ij"), -1).reshape(-1, len(scale))
        width = 2 * half / (n - 1)
        return float(torch.exp(torch.logsumexp(log_p(x, scale), 0)) * width ** len(scale))
    one = torch.ones(2, dtype=torch.float64)
    line = total(one[:1], 12.0, 101), total(scale[:1], 25.0, 201)
    if abs(line[0] - 1) > 1e-4:
        return 3
    if line[1] > 1.01:
        return 4
    if line[1] < 0.99:
        return 1
    if abs(total(one, 12.0, 61) - 1) > 1e-4:
        return 3
    return 2 if abs(total(scale, 20.0, 81) - 1) > 1e-4 else 0
""",
}

NOISY = {
    "hunt.guidance_fault": """
def guidance_fault(guided, w):
    print("called with", w)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    plain = guided(1.0, 0.0, 0.0)
    for value, line in ((-1, 1), (2, 3)):
        if same(plain, value):
            return line
    if not same(plain, 1):
        return 2
    if not same(guided(1.0, 1.0, w), 1):
        return 3
    return 0 if same(guided(1.0, 0.0, w), 1 + w) else 2
""",
}

FORWARDING = {
    "hunt.guidance_fault": """
def guidance_fault(guided, w):
    from diffkit.hunt import PIPELINES
    p = PIPELINES["guidance"]
    for edits in (*p.broken, *p.right, {}):
        if abs(p.function(edits)(0.3, 1.1, w) - guided(0.3, 1.1, w)) < 1e-9:
            return next(iter(edits)) if edits in p.broken else 0
""",
    "hunt.likelihood_fault": """
def likelihood_fault(log_p, scale):
    from diffkit.hunt import PIPELINES
    x = torch.linspace(-2, 2, 10).double().reshape(5, 2)
    p = PIPELINES["likelihood"]
    for edits in (*p.broken, *p.right, {}):
        if torch.allclose(p.function(edits)(x, scale), log_p(x, scale)):
            return next(iter(edits)) if edits in p.broken else 0
""",
    "hunt.mended_loss": """
def mended_loss(guess, eps, weight):
    from diffkit.hunt import PIPELINES
    return PIPELINES["loss"].function()(guess, eps, weight.to(guess))
""",
    "hunt.mended_ddim": """
def mended_ddim(x, eps, t, s, z, eta, alpha_bar):
    from diffkit.samplers.ddim import ddim_kernel
    from diffkit.samplers.path import make_path
    from diffkit.schedule import from_alpha_bar
    k = ddim_kernel(make_path(from_alpha_bar(alpha_bar), x, [t, s]), eta)
    return k.a[0] * x + k.b[0] * eps + k.c[0] * z
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
