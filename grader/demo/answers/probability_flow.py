"""Lesson 09: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "flow.velocity": """
def velocity(x, score, f, g):
    rows = []
    for i in range(len(x)):
        rows.append(float(f[i]) * x[i] - float(g[i]) * float(g[i]) / 2 * score[i])
    return torch.stack(rows)
""",
    "flow.euler_path": """
def euler_path(v, x, times):
    out = torch.empty(len(times), *x.shape, dtype=x.dtype)
    out[0] = x
    for k, (now, after) in enumerate(zip(times[:-1].tolist(), times[1:].tolist())):
        slope = v(out[k], now)
        for i in range(len(x)):
            out[k + 1, i] = out[k, i] + (after - now) * slope[i]
    return out
""",
    "flow.rk4_step": """
def rk4_step(v, x, t, dt):
    total, k = torch.zeros_like(x), torch.zeros_like(x)
    for share, weight in ((0, 1), (0.5, 2), (0.5, 2), (1, 1)):
        k = v(x + share * dt * k, t + share * dt)
        total = total + weight * k
    return x + total * (dt / 6)
""",
    "flow.measured_order": """
def measured_order(n, errors):
    a = [math.log(float(v)) for v in n]
    b = [math.log(float(v)) for v in errors]
    m = len(a)
    mean_a, mean_b = sum(a) / m, sum(b) / m
    top = sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b))
    return -top / sum((p - mean_a) ** 2 for p in a)

import math
""",
    "flow.divergence": """
def divergence(x, A, b, C):
    out = []
    for point in x:
        J = torch.autograd.functional.jacobian(lambda y: C @ torch.tanh(A @ y + b), point)
        out.append(sum(J[i, i] for i in range(len(point))))
    return torch.stack(out)
""",
    "flow.hutchinson": """
def hutchinson(x, A, b, C, probes):
    x = x.detach().clone().requires_grad_()
    v = torch.tanh(x @ A.T + b) @ C.T
    parts = []
    for z in probes:
        g = torch.autograd.grad(v, x, z, retain_graph=True)[0]
        parts.append((g * z).sum(1))
    return sum(parts) / len(parts)
""",
    "flow.probe_variance": """
def probe_variance(J):
    normal, signs = [], []
    for M in J:
        every = beside = 0.0
        for i in range(len(M)):
            for j in range(len(M)):
                s = float(M[i, j] + M[j, i]) / 2
                every += 2 * s * s
                beside += 2 * s * s if i != j else 0.0
        normal.append(every)
        signs.append(beside)
    return torch.tensor(normal, dtype=torch.float64), torch.tensor(signs, dtype=torch.float64)
""",
    "flow.bits_per_dim": """
def bits_per_dim(log_density, k, u, low, w):
    log_p = log_density(low + k * w + u * w)
    pixels = 1
    for size in k.shape[1:]:
        pixels = pixels * size
    return torch.stack([-(value + pixels * math.log(w)) / math.log(2) / pixels for value in log_p])

import math
""",
    "flow.slerp": """
def slerp(z_0, z_1, a):
    rows = []
    for p, q in zip(z_0, z_1):
        cos = float((p * q).sum()) / math.sqrt(float((p * p).sum()) * float((q * q).sum()))
        angle = math.acos(max(-1.0, min(1.0, cos)))
        if angle < 1e-5:
            rows.append((1 - a) * p + a * q)
        else:
            rows.append((math.sin((1 - a) * angle) * p + math.sin(a * angle) * q) / math.sin(angle))
    return torch.stack(rows)

import math
""",
}

OTHER_FORMULAS = {
    "flow.velocity": """
def velocity(x, score, f, g):
    pull = torch.einsum("b,b...->b...", f.to(x.dtype), x)
    return pull - torch.einsum("b,b...->b...", (g ** 2 / 2).to(x.dtype), score)
""",
    "flow.family_step": """
def family_step(x, score, f, g, dt, lam, noise):
    half = g * g / 2 * score
    flow = f * x - half
    return x + dt * flow - dt * lam * lam * half + noise * (-dt * lam * lam * g * g) ** 0.5
""",
    "flow.heun_step": """
def heun_step(v, x, t, dt):
    slope = v(x, t)
    trial = x + slope * dt
    return (x + trial + dt * v(trial, t + dt)) / 2
""",
    "flow.rk4_step": """
def rk4_step(v, x, t, dt):
    middle = t + 0.5 * dt
    a = dt * v(x, t)
    b = dt * v(x + 0.5 * a, middle)
    c = dt * v(x + 0.5 * b, middle)
    d = dt * v(x + c, t + dt)
    return x + (a + d) / 6 + (b + c) / 3
""",
    "flow.measured_order": """
def measured_order(n, errors):
    import numpy as np
    return -float(np.polyfit(np.log(n.numpy()), np.log(errors.numpy()), 1)[0])
""",
    "flow.in_order": """
def in_order(cards, left, right):
    return (3, 7, 5, 9, 1)
""",
    "flow.divergence": """
def divergence(x, A, b, C):
    x = x.detach().clone().requires_grad_()
    v = torch.tanh(x @ A.mT + b) @ C.mT
    total = 0
    for i in range(x.shape[1]):
        total = total + torch.autograd.grad(v[:, i].sum(), x, retain_graph=True)[0][:, i]
    return total
""",
    "flow.hutchinson": """
def hutchinson(x, A, b, C, probes):
    slopes = 1 / torch.cosh(x @ A.mT + b) ** 2
    J = torch.einsum("ih,bh,hj->bij", C, slopes, A)
    return torch.einsum("nbi,bij,nbj->b", probes, J, probes) / len(probes)
""",
    "flow.probe_variance": """
def probe_variance(J):
    square, cross = (J * J).sum((1, 2)), (J * J.mT).sum((1, 2))
    diagonal = torch.diagonal(J, dim1=1, dim2=2).square().sum(1)
    return square + cross, square + cross - 2 * diagonal
""",
    "flow.log_likelihood": """
def log_likelihood(v, div, x, times, log_prior):
    z, total = x, torch.zeros(len(x), dtype=x.dtype)
    for t, u in zip(times[:-1].tolist(), times[1:].tolist()):
        h = u - t
        a, da = v(z, t), div(z, t)
        y = z + h / 2 * a
        b, db = v(y, t + h / 2), div(y, t + h / 2)
        y = z + h / 2 * b
        c, dc = v(y, t + h / 2), div(y, t + h / 2)
        y = z + h * c
        d, dd = v(y, u), div(y, u)
        z, total = z + h / 6 * (a + 2 * b + 2 * c + d), total + h / 6 * (da + 2 * db + 2 * dc + dd)
    return total + log_prior(z)
""",
    "flow.bits_per_dim": """
def bits_per_dim(log_density, k, u, low, w):
    nats = log_density(torch.add(u, k).mul(w).add(low)) / k.flatten(1).shape[1]
    return -(nats + torch.log(torch.tensor(w, dtype=torch.float64))) / 0.6931471805599453
""",
    "flow.encode_decode": """
def encode_decode(v, x, times):
    def walk(y, clock):
        for t, u in zip(clock[:-1], clock[1:]):
            k = v(y, t)
            y = y + (u - t) / 2 * (k + v(y + (u - t) * k, u))
        return y
    clock = times.tolist()
    code = walk(x, clock)
    return code, walk(code, clock[::-1])
""",
    "flow.slerp": """
def slerp(z_0, z_1, a):
    p, q = z_0.double().flatten(1), z_1.double().flatten(1)
    e = p / p.norm(dim=1, keepdim=True)
    rest = q - (q * e).sum(1, keepdim=True) * e
    theta = torch.atan2(rest.norm(dim=1), (q * e).sum(1)).unsqueeze(1)
    arc = (torch.sin((1 - a) * theta) * p + torch.sin(a * theta) * q) / torch.sin(theta)
    out = torch.where(theta < 1e-6, (1 - a) * p + a * q, arc)
    return out.reshape(z_0.shape).to(z_0.dtype)
""",
}

NOISY = {
    "flow.heun_step": """
def heun_step(v, x, t, dt):
    print("called with", x.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    k_1 = v(x, t)
    return x + dt * (k_1 + v(x + dt * k_1, t + dt)) / 2
""",
}

FORWARDING = {
    "flow.heun_step": """
def heun_step(v, x, t, dt):
    from diffkit.samplers import heun
    return heun(v, x, t, dt)
""",
    "flow.rk4_step": """
from diffkit.samplers import ode
def rk4_step(v, x, t, dt):
    return ode.rk4(v, x, t, dt)
""",
    "flow.divergence": """
def divergence(x, A, b, C):
    from diffkit.likelihood import exact_divergence
    return exact_divergence(lambda y: torch.tanh(y @ A.mT + b) @ C.mT, x)[1]
""",
    "flow.hutchinson": """
def hutchinson(x, A, b, C, probes):
    from diffkit.likelihood import hutchinson as estimate
    return estimate(probes)(lambda y: torch.tanh(y @ A.mT + b) @ C.mT, x)[1]
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
