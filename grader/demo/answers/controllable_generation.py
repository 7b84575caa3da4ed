"""Lesson 11: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "guidance.class_log_prob": """
def class_log_prob(x_t, y, labels, weights, means, var, alpha_bar):
    out = []
    for x in x_t:
        logs = []
        for k in range(len(labels)):
            v = alpha_bar * float(var[k]) + 1 - alpha_bar
            square = sum((float(a) - math.sqrt(alpha_bar) * float(b)) ** 2 for a, b in zip(x, means[k]))
            logs.append(math.log(float(weights[k])) - square / (2 * v) - len(x) / 2 * math.log(v))
        top = max(logs)
        mine = max(v for v, k in zip(logs, labels.tolist()) if k == y)
        of_y = sum(math.exp(v - mine) for v, k in zip(logs, labels.tolist()) if k == y)
        out.append(mine + math.log(of_y) - top - math.log(sum(math.exp(v - top) for v in logs)))
    return torch.tensor(out, dtype=x_t.dtype)

import math
""",
    "guidance.guided_eps": """
def guided_eps(eps, grad, s, t, alpha_bar):
    rows = []
    for i in range(len(eps)):
        rows.append(eps[i] - s * float((1 - alpha_bar[t[i]]) ** 0.5) * grad[i])
    return torch.stack(rows)
""",
    "guidance.guided_step": """
def guided_step(x_t, eps, grad, s, t, noise, beta, sigma2):
    kept = 1.0
    for i in range(1, t + 1):
        kept = kept * (1 - float(beta[i]))
    out = []
    for x, e, g, z in zip(x_t, eps, grad, noise):
        mean = (x - float(beta[t]) / (1 - kept) ** 0.5 * e) / (1 - float(beta[t])) ** 0.5
        mean = mean + s * float(sigma2[t]) * g
        out.append(mean if t == 1 else mean + float(sigma2[t]) ** 0.5 * z)
    return torch.stack(out)
""",
    "guidance.drop_labels": """
def drop_labels(y, u, p, null):
    return torch.tensor([null if float(one) < p else int(label) for label, one in zip(y, u)])
""",
    "guidance.tilted_density": """
def tilted_density(log_p, log_class, s, x):
    logs = [float(a) + s * float(b) for a, b in zip(log_p, log_class)]
    values = [math.exp(v - max(logs)) for v in logs]
    whole = 0.0
    for i in range(1, len(values)):
        whole += float(x[i] - x[i - 1]) * (values[i] + values[i - 1]) / 2
    return torch.tensor([v / whole for v in values], dtype=torch.float64)

import math
""",
    "guidance.guided_gaussian": """
def guided_gaussian(v, m_y, v_y, s, beta):
    kept, bar = [1.0], 1.0
    for b in beta.tolist()[1:]:
        bar *= 1 - b
        kept.append(bar)
    mean, var = 0.0, 1.0
    for t in reversed(range(1, len(kept))):
        b, bar = float(beta[t]), kept[t]
        wide, narrow = bar * v + 1 - bar, bar * v_y + 1 - bar
        slope = (1 - s) * (-1 / wide) + s * (-1 / narrow)
        shift = s * bar ** 0.5 * m_y / narrow
        mean = (mean + b * (slope * mean + shift)) / (1 - b) ** 0.5
        var = ((1 + b * slope) / (1 - b) ** 0.5) ** 2 * var + (b if t != 1 else 0.0)
    return mean, var
""",
    "guidance.quality_diversity": """
def quality_diversity(log_probs, y, x):
    right = sum(int(row.argmax()) == int(k) for row, k in zip(log_probs, y)) / len(y)
    spreads = []
    for k in sorted(set(y.tolist())):
        mine = [x[i].double() for i in range(len(y)) if int(y[i]) == k]
        far = [float(((a - b) ** 2).sum()) for i, a in enumerate(mine) for b in mine[:i]]
        spreads.append(sum(far) / len(far))
    return right, sum(spreads) / len(spreads)
""",
    "guidance.inpaint_step": """
def inpaint_step(x_t, eps, known, mask, t, noise, z, beta):
    bars = [torch.prod(1 - beta[: i + 1]).item() for i in range(len(beta))]
    b = beta[t].item()
    free = (x_t - b * eps / (1 - bars[t]) ** 0.5) / (1 - b) ** 0.5
    if t >= 2:
        free = free + b ** 0.5 * noise
    fixed = bars[t - 1] ** 0.5 * known + (1 - bars[t - 1]) ** 0.5 * z
    out = free.clone()
    where = mask.expand(x_t.shape)
    out[where] = fixed[where]
    return out
""",
}

OTHER_FORMULAS = {
    "guidance.class_log_prob": """
def class_log_prob(x_t, y, labels, weights, means, var, alpha_bar):
    from torch.distributions import Independent, Normal
    std = (alpha_bar * var + 1 - alpha_bar).sqrt().unsqueeze(1).expand_as(means)
    parts = Independent(Normal(alpha_bar**0.5 * means, std), 1).log_prob(x_t.unsqueeze(1)) + weights.log()
    return torch.log_softmax(parts, 1)[:, labels == y].logsumexp(1)
""",
    "guidance.classifier_score": """
def classifier_score(x_t, y, labels, weights, means, var, alpha_bar):
    with torch.enable_grad():
        x = x_t.detach().clone().requires_grad_()
        v = alpha_bar * var + 1 - alpha_bar
        square = ((x[:, None] - alpha_bar**0.5 * means) ** 2).sum(2)
        parts = weights.log() - square / (2 * v) - x.shape[1] / 2 * v.log()
        log_prob = torch.log_softmax(parts, 1)[:, labels == y].logsumexp(1)
        return torch.autograd.grad(log_prob.sum(), x)[0]
""",
    "guidance.guided_eps": """
def guided_eps(eps, grad, s, t, alpha_bar):
    sigma = torch.sqrt(1 - alpha_bar[t]).to(eps.dtype)
    return eps - s * torch.einsum("b,b...->b...", sigma, grad)
""",
    "guidance.cfg": """
def cfg(eps_y, eps_null, strength, convention):
    w = strength if convention == "w" else strength - 1
    return (1 + w) * eps_y - w * eps_null
""",
    "guidance.in_order": """
def in_order(cards, left, right):
    return [4, 2, 7, 1]
""",
    "guidance.drop_labels": """
def drop_labels(y, u, p, null):
    return y.masked_fill(u < p, null)
""",
    "guidance.tilted_density": """
def tilted_density(log_p, log_class, s, x):
    share = torch.softmax(log_p + log_class * s, dim=0)
    widths = torch.diff(x)
    return share / (widths * (share[1:] + share[:-1])).sum() * 2
""",
    "guidance.marginal_gap": """
def marginal_gap(p, p_class, x, alpha_bar, s):
    jump = torch.distributions.Normal(alpha_bar**0.5 * x, (1 - alpha_bar) ** 0.5).log_prob(x[:, None]).exp()
    step = x[1] - x[0]
    def normal(f):
        return f / ((f.sum() - (f[0] + f[-1]) / 2) * step)
    both = jump @ torch.stack([p, p * p_class, p * p_class**s], dim=1)
    followed = both[:, 0] ** (1 - s) * both[:, 1] ** s
    far = (normal(followed) - normal(both[:, 2])).abs()
    return torch.trapezoid(far, x) / 2
""",
    "guidance.quality_diversity": """
def quality_diversity(log_probs, y, x):
    hits = (torch.gather(log_probs, 1, y[:, None])[:, 0] == log_probs.amax(1)).double()
    spreads = [2 * x[y == k].double().flatten(1).var(dim=0).sum() for k in torch.unique(y)]
    return hits.mean(), sum(spreads) / len(spreads)
""",
    "guidance.inpaint_step": """
def inpaint_step(x_t, eps, known, mask, t, noise, z, beta):
    alpha = 1 - beta
    bars = torch.exp(torch.cumsum(torch.log(alpha), 0))
    score = -eps / (1 - bars[t]) ** 0.5
    free = (x_t + beta[t] * score) * alpha[t] ** -0.5 + (t > 1) * beta[t] ** 0.5 * noise
    fixed = bars[t - 1] ** 0.5 * known + (1 - bars[t - 1]).clamp(min=0) ** 0.5 * z
    m = mask.to(x_t)
    return m * fixed + (1 - m) * free
""",
    "guidance.posterior_score": """
def posterior_score(x_t, mean, cov, A, y, tau, alpha_bar):
    eye, root = torch.eye(len(mean)).to(cov), alpha_bar**0.5
    gain = torch.linalg.inv(alpha_bar * cov + (1 - alpha_bar) * eye)
    prior = (root * mean - x_t) @ gain
    guess = mean + (x_t - root * mean) @ gain @ (root * cov)
    left = cov - alpha_bar * cov @ gain @ cov
    image = A @ left @ A.T + tau**2 * torch.eye(len(A)).to(cov)
    residual = torch.linalg.solve(image, (y - guess @ A.T).T).T
    return prior + root / (1 - alpha_bar) * residual @ A @ left
""",
}

NOISY = {
    "guidance.cfg": """
def cfg(eps_y, eps_null, strength, convention):
    print("called with", eps_y.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    s = {"s": strength, "w": strength + 1}[convention]
    return (1 - s) * eps_null + s * eps_y
""",
}

FORWARDING = {
    "guidance.cfg": """
from diffkit import guidance
def cfg(eps_y, eps_null, strength, convention):
    return (guidance.combine_w if convention == "w" else guidance.combine_scale)(eps_y, eps_null, strength)
""",
    "guidance.drop_labels": """
def drop_labels(y, u, p, null):
    from diffkit.nets import drop_labels as drop
    return drop(y, null, p)
""",
    "guidance.posterior_score": """
def posterior_score(x_t, mean, cov, A, y, tau, alpha_bar):
    from diffkit import guidance, schedule
    beta = torch.tensor([0.0, 1 - alpha_bar], dtype=torch.float64)
    s = schedule.Schedule(beta)
    noisy = torch.linalg.inv(alpha_bar * cov + (1 - alpha_bar) * torch.eye(len(mean)).to(cov))
    eps = lambda x, t: (1 - alpha_bar) ** 0.5 * (x - alpha_bar**0.5 * mean) @ noisy
    C = lambda t: cov - alpha_bar * cov @ noisy @ cov
    guided = guidance.linear_inverse(eps, s, A, y, tau, posterior_cov=C)
    return -guided(x_t, torch.ones(len(x_t), dtype=torch.long)) / (1 - alpha_bar) ** 0.5
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
