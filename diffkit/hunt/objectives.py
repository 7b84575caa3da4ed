"""What training and evaluation compute: the posterior, the loss, a log-likelihood."""

from diffkit.hunt.pipeline import Pipeline

# x_0, x_t: numbers or tensors; t: a whole number from 1 on.  Tables: alpha_bar, beta (T+1,).  Returns mean, variance.
POSTERIOR = Pipeline(
    name="posterior",
    arguments="x_0, x_t, t",
    lines=(
        "before, now = alpha_bar[t - 1], alpha_bar[t]",
        "from_x_0 = before.sqrt() * beta[t] / (1 - now)",
        "from_x_t = (1 - beta[t]).sqrt() * (1 - before) / (1 - now)",
        "var = (1 - before) / (1 - now) * beta[t]",
        "return from_x_0 * x_0 + from_x_t * x_t, var",
    ),
    broken=(
        {2: "from_x_0 = now.sqrt() * beta[t] / (1 - now)"},
        {1: "before, now = alpha_bar[t], alpha_bar[t - 1]"},
        {2: "from_x_0 = before.sqrt() * beta[t].sqrt() / (1 - now)"},
        {3: "from_x_t = now.sqrt() * (1 - before) / (1 - now)"},
        {3: "from_x_t = (1 - beta[t]) * (1 - before) / (1 - now)"},
        {4: "var = beta[t]"},
        {4: "var = ((1 - before) / (1 - now) * beta[t]).sqrt()"},
        {5: "return from_x_0 * x_t + from_x_t * x_0, var"},
    ),
    right=(
        {3: "from_x_t = (before.sqrt() - from_x_0) / now.sqrt()"},
        {4: "var = (1 - before) - from_x_t ** 2 * (1 - now)"},
    ),
)

# guess, eps: (B, D); weight: (B,).  Returns a number.
LOSS = Pipeline(
    name="loss",
    arguments="guess, eps, weight",
    lines=(
        "error = guess - eps",
        "square = error ** 2",
        "each = square.flatten(1).mean(1)",
        "return (weight * each).mean()",
    ),
    broken=(
        {4: "return (weight.unsqueeze(1) * each).mean()"},
        {1: "error = guess + eps"},
        {1: "error = guess - eps[:1]"},
        {2: "square = error.abs()"},
        {2: "square = error"},
        {3: "each = square.flatten(1).sum(1)"},
        {4: "return (weight * each).sum()"},
        {4: "return (weight * each).sum() / weight.sum()"},
    ),
    right=(
        {1: "error = eps - guess", 2: "square = error * error"},
        {4: "return torch.dot(weight, each) / len(weight)"},
        {3: "each = square.mean(tuple(range(1, square.ndim)))"},
    ),
)

# x: (N, D); scale: (D,).  Log density of x = scale * z with z standard normal, (N,).
LIKELIHOOD = Pipeline(
    name="log_p",
    arguments="x, scale",
    lines=(
        "z = x / scale",
        "log_det = scale.log().sum()",
        "log_prior = -0.5 * (z ** 2 + math.log(2 * math.pi)).sum(1)",
        "return log_prior - log_det",
    ),
    broken=(
        {4: "return log_prior + log_det"},
        {1: "z = x * scale"},
        {2: "log_det = scale.log().mean()"},
        {2: "log_det = scale[0].log()"},
        {3: "log_prior = -0.5 * (z ** 2).sum(1)"},
        {3: "log_prior = -0.5 * (z ** 2).sum(1) - 0.5 * math.log(2 * math.pi)"},
        {3: "log_prior = -0.5 * (z ** 2 + math.log(2 * math.pi)).mean(1)"},
    ),
    right=(
        {3: "log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)"},
        {2: "log_det = torch.log(scale.prod())"},
        {4: "return log_prior + torch.log(1 / scale).sum()"},
    ),
)
