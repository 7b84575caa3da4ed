"""Lesson 12: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "latent.encoder_entropy": """
def encoder_entropy(log_var):
    import math
    out = []
    for row in log_var.flatten(1):
        total = 0.0
        for v in row:
            total = total + 0.5 * (v + 1 + math.log(2 * math.pi))
        out.append(total)
    return torch.stack(out)
""",
    "latent.latent_scale": """
def latent_scale(z):
    means, stds = [], []
    for c in range(z.shape[1]):
        values = z[:, c].reshape(-1)
        m = sum(values) / len(values)
        means.append(m)
        stds.append((sum((v - m) ** 2 for v in values) / len(values)) ** 0.5)
    return torch.stack(means), torch.stack(stds)
""",
    "latent.sampling_cost": """
def sampling_cost(T, height, width, layers, f, decoder):
    pixel = latent = 0
    for inside, outside, k in layers.tolist():
        pixel += T * height * width * k * k * inside * outside
        latent += T * (height // f) * (width // f) * k * k * inside * outside
    return pixel, latent + decoder
""",
    "latent.token_posterior": """
def token_posterior(z, table, std, log_p):
    scores = []
    for e, p in zip(table, log_p):
        scores.append(p - ((z - e) ** 2).sum(-1) / (2 * std * std))
    scores = torch.stack(scores, -1)
    return scores - torch.logsumexp(scores, -1, keepdim=True)
""",
    "latent.rounding_term": """
def rounding_term(tokens, log_posterior):
    B, L, K = log_posterior.shape
    rounded, cost = torch.zeros(B, L, dtype=torch.long), torch.zeros(B, dtype=log_posterior.dtype)
    for b in range(B):
        for i in range(L):
            row = log_posterior[b, i].tolist()
            rounded[b, i] = row.index(max(row))
            cost[b] -= row[int(tokens[b, i])]
    return rounded, cost
""",
    "latent.vdm_weights": """
def vdm_weights(log_snr):
    import math
    if log_snr.requires_grad:
        return torch.stack([torch.expm1(a - b) / 2 for a, b in zip(log_snr[:-1], log_snr[1:])])
    values = [math.expm1(float(a - b)) / 2 for a, b in zip(log_snr[:-1], log_snr[1:])]
    return torch.tensor(values, dtype=log_snr.dtype)
""",
    "latent.path_moments": """
def path_moments(log_snr, error):
    n = len(log_snr) - 1
    values = []
    for i in range(n):
        slope = (log_snr[i + 1] - log_snr[i]) * n
        values.append(-0.5 * slope * 0.5 * (error[i] + error[i + 1]))
    mean = sum(values) / n
    return mean, sum((v - mean) ** 2 for v in values) / n
""",
    "latent.best_path": """
def best_path(log_snr, error, n):
    ratios, h = log_snr.tolist(), error.tolist()
    areas = [0.0]
    for i in range(1, len(h)):
        areas.append(areas[-1] + (ratios[i - 1] - ratios[i]) * (h[i - 1] + h[i]) / 2)
    out = [ratios[0]]
    for k in range(1, n):
        goal, i = areas[-1] * k / n, 1
        while areas[i] < goal:
            i += 1
        share = (goal - areas[i - 1]) / (areas[i] - areas[i - 1])
        out.append(ratios[i - 1] + share * (ratios[i] - ratios[i - 1]))
    return torch.tensor([*out, ratios[-1]], dtype=log_snr.dtype)
""",
}

OTHER_FORMULAS = {
    "latent.encoder_entropy": """
def encoder_entropy(log_var):
    std = torch.exp(log_var / 2)
    return torch.distributions.Normal(torch.zeros_like(std), std).entropy().flatten(1).sum(1)
""",
    "latent.vae_terms": """
from torch.distributions import Normal

def vae_terms(x, mean_z, log_var_z, noise, decode, var_x, log_prior):
    q = Normal(mean_z, torch.exp(log_var_z).sqrt())
    z = torch.addcmul(q.loc, q.scale, noise)
    likelihood = Normal(decode(z), var_x ** 0.5).log_prob(x)
    return -likelihood.flatten(1).sum(1), q.log_prob(z).flatten(1).sum(1), log_prior(z).neg()
""",
    "latent.exact_terms": """
def exact_terms(x, w, b, var_x, m, v):
    nodes = torch.tensor([-(3 ** 0.5), 0.0, 3 ** 0.5], dtype=x.dtype)
    weights = torch.tensor([1 / 6, 2 / 3, 1 / 6], dtype=x.dtype)
    z = m + v.sqrt() * nodes.unsqueeze(1)
    def log_p(value, mean, var):
        return torch.distributions.Normal(mean, torch.as_tensor(var, dtype=x.dtype).sqrt()).log_prob(value)
    return weights @ -log_p(x, w * z + b, var_x), weights @ log_p(z, m, v), weights @ -log_p(z, 0.0, 1.0)
""",
    "latent.latent_scale": """
def latent_scale(z):
    axes = [i for i in range(z.ndim) if i != 1]
    mean = z.mean(axes)
    return mean, ((z * z).mean(axes) - mean ** 2).sqrt() if z.dtype == torch.float64 else z.std(axes, correction=0)
""",
    "latent.joint_bound": """
from torch.distributions import Normal

def joint_bound(x, mean_z, log_var_z, noise, decode, var_x, shift, std, chain_bound):
    # everything in scaled codes: the encoder's density of u needs no extra volume
    q = Normal((mean_z - shift) / std, torch.exp(log_var_z / 2) / std)
    u = q.loc + q.scale * noise
    likelihood = Normal(decode(u * std + shift), var_x ** 0.5).log_prob(x)
    return q.log_prob(u).flatten(1).sum(1) - likelihood.flatten(1).sum(1) + chain_bound(u)
""",
    "latent.in_order": """
def in_order(cards, left, right):
    wanted = (4, 7, 2, 9, 5)
    return sorted((int(c) for c in cards if int(c) in wanted), key=wanted.index)
""",
    "latent.decode_sample": """
def decode_sample(u, shift, std, shape, decode):
    z = u.unflatten(1, shape)
    z = torch.einsum("bc...,c->bc...", z, std) + torch.stack([torch.full_like(z[:, 0], float(s)) for s in shift], 1)
    return torch.minimum(torch.maximum(decode(z), torch.tensor(-1.0).to(z)), torch.tensor(1.0).to(z))
""",
    "latent.token_posterior": """
def token_posterior(z, table, std, log_p):
    # |z - e|^2 = |z|^2 - 2 z.e + |e|^2, and |z|^2 is the same for every token
    scores = log_p + (z @ table.T - (table ** 2).sum(1) / 2) / std ** 2
    return torch.log_softmax(scores - scores.amax(-1, keepdim=True), -1)
""",
    "latent.rounding_term": """
def rounding_term(tokens, log_posterior):
    B, L, K = log_posterior.shape
    flat = torch.nn.functional.nll_loss(log_posterior.reshape(-1, K), tokens.reshape(-1), reduction="none")
    return torch.max(log_posterior, dim=2).indices, flat.reshape(B, L).sum(1)
""",
    "latent.monotone_log_snr": """
def monotone_log_snr(u, slope, middle, steepness, height, highest, lowest):
    def plus(x):
        return torch.logaddexp(x, torch.zeros_like(x))
    def g(times):
        total = plus(slope) * times
        for m, w, h in zip(middle, steepness, height):
            total = total + plus(h) / (1 + torch.exp(-plus(w) * (times - m)))
        return total
    zero, one = g(torch.zeros_like(u[:1])), g(torch.ones_like(u[:1]))
    share = (g(u) - zero) / (one - zero)
    return highest * (1 - share) + lowest * share
""",
    "latent.path_moments": """
def path_moments(log_snr, error):
    n = len(log_snr) - 1
    areas = (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:]) / 4
    return areas.sum(), n * ((areas - areas.mean()) ** 2).sum()
""",
    "latent.best_path": """
def best_path(log_snr, error, n):
    import numpy as np
    area = torch.cat([torch.zeros(1, dtype=error.dtype), torch.cumulative_trapezoid(error, -log_snr)])
    goal = np.linspace(0, 1, n + 1) * float(area[-1])
    return torch.from_numpy(np.interp(goal, area.numpy(), log_snr.numpy()))
""",
    "latent.cold_step": """
def cold_step(x_t, x_0_hat, t, degrade):
    more, less = degrade(x_0_hat, t), degrade(x_0_hat, t - 1)
    return x_t + (less - more)
""",
}

NOISY = {
    "latent.latent_scale": """
def latent_scale(z):
    print("called with", z.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    rows = z.transpose(0, 1).flatten(1)
    return rows.mean(1), rows.std(1, correction=0)
""",
}

FORWARDING = {
    "latent.latent_scale": """
def latent_scale(z):
    from diffkit.latent import fit_scale
    scale = fit_scale(z)
    return scale.mean.flatten(), scale.std.flatten()
""",
    "latent.token_posterior": """
def token_posterior(z, table, std, log_p):
    from diffkit.oracle import GaussianMixture
    mixture = GaussianMixture.isotropic(log_p.exp(), table, torch.as_tensor(std**2).to(table))
    return mixture.responsibilities(z.flatten(0, 1)).log().unflatten(0, z.shape[:2])
""",
    "latent.vdm_weights": """
def vdm_weights(log_snr):
    from diffkit import elbo
    from diffkit.schedule import from_log_snr
    return elbo.weights(from_log_snr(log_snr), "beta_tilde")[2:].to(log_snr)
""",
    "latent.monotone_log_snr": """
def monotone_log_snr(u, slope, middle, steepness, height, highest, lowest):
    from diffkit.nets import LogSnr
    net = LogSnr(highest, lowest, width=len(middle)).to(u)
    with torch.no_grad():
        for name, value in (("slope", slope), ("middle", middle), ("steepness", steepness), ("height", height)):
            getattr(net, name).copy_(value)
    return net(u)
""",
    "latent.cold_step": """
def cold_step(x_t, x_0_hat, t, degrade):
    from diffkit.samplers import cold
    steps = cold(lambda x, s: x_0_hat, lambda x, s: degrade(x, s), x_t, t)
    next(steps)
    return next(steps).x
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
