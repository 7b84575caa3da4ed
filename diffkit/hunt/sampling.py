"""From noise to data: single steps, the loop around them, guidance."""

from diffkit.hunt.pipeline import Pipeline

# x, eps, z: numbers or tensors; t: a whole number.  Tables: beta, alpha, alpha_bar (T+1,).
STEP = Pipeline(
    name="step",
    arguments="x, eps, t, z",
    lines=(
        "shift = beta[t] / (1 - alpha_bar[t]).sqrt()",
        "mean = (x - shift * eps) / alpha[t].sqrt()",
        "sigma = beta[t].sqrt()",
        "fresh = z if t > 1 else 0 * z",
        "return mean + sigma * fresh",
    ),
    broken=(
        {1: "shift = beta[t] / (1 - alpha[t]).sqrt()"},
        {3: "sigma = beta[t]"},
        {1: "shift = beta[t] / (1 - alpha_bar[t])"},
        {2: "mean = (x - shift * eps) / alpha_bar[t].sqrt()"},
        {3: "sigma = beta[min(t + 1, len(beta) - 1)].sqrt()"},
        {3: "sigma = 0 * beta[t]"},
        {3: "sigma = (beta[t - 1] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])).sqrt()"},
        {4: "fresh = z if t > 0 else 0 * z"},
    ),
    right=(
        {3: "sigma = (beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])).sqrt()"},
        {3: "sigma = beta[t].sqrt() * ((1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])) ** 0.25"},
        {1: "shift = (1 - alpha[t]) / (1 - alpha_bar[t]) ** 0.5", 2: "mean = alpha[t] ** -0.5 * (x - shift * eps)"},
    ),
)

# x: (B,), at level start; z: (T+1, B).  predict(x, t) is exact for standard normal data; sigma^2 = beta.
LOOP = Pipeline(
    name="sample",
    arguments="x, z, start",
    lines=(
        "for t in range(start, 0, -1):",
        "    eps = predict(x, t)",
        "    mean = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / alpha[t].sqrt()",
        "    x = mean + (beta[t].sqrt() * z[t] if t > 1 else 0)",
        "return x",
    ),
    broken=(
        {2: "    eps = predict(x, t - 1)"},
        {1: "for t in range(start, 1, -1):"},
        {1: "for t in range(start - 1, 0, -1):"},
        {3: "    mean = (x - beta[t] / (1 - alpha[t]).sqrt() * eps) / alpha[t].sqrt()"},
        {3: "    mean = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / alpha_bar[t].sqrt()"},
        {4: "    x = mean + beta[t].sqrt() * z[t]"},
        {4: "    x = mean + (beta[t].sqrt() * z[start] if t > 1 else 0)"},
        {4: "    x = mean + (beta[t] * z[t] if t > 1 else 0)"},
    ),
    right=(
        {4: "    x = mean + (t > 1) * beta[t] ** 0.5 * z[t]"},
        {3: "    mean = alpha[t] ** -0.5 * x - beta[t] / (alpha[t] * (1 - alpha_bar[t])) ** 0.5 * eps"},
        {1: "for t in reversed(range(1, start + 1)):"},
    ),
)

# From level t to an earlier level s; eta from 0 (no noise) to 1.  Table: alpha_bar (T+1,).
DDIM = Pipeline(
    name="ddim",
    arguments="x, eps, t, s, z, eta",
    lines=(
        "x_0 = (x - (1 - alpha_bar[t]).sqrt() * eps) / alpha_bar[t].sqrt()",
        "sigma = eta * ((1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])).sqrt()",
        "toward = (1 - alpha_bar[s] - sigma ** 2).clamp(min=0).sqrt()",
        "return alpha_bar[s].sqrt() * x_0 + toward * eps + sigma * z",
    ),
    broken=(
        {3: "toward = (1 - alpha_bar[s]).sqrt()"},
        {1: "x_0 = (x - (1 - alpha_bar[t]).sqrt() * eps) / alpha_bar[t]"},
        {1: "x_0 = (x - (1 - alpha_bar[t]) * eps) / alpha_bar[t].sqrt()"},
        {2: "sigma = eta * ((1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s]))"},
        {2: "sigma = eta * ((1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t])).sqrt()"},
        {2: "sigma = eta ** 2 * ((1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])).sqrt()"},
        {3: "toward = (1 - alpha_bar[s] - sigma).clamp(min=0).sqrt()"},
        {4: "return alpha_bar[t].sqrt() * x_0 + toward * eps + sigma * z"},
    ),
    right=(
        {2: "sigma = eta * (alpha_bar[t] / (alpha_bar[s] - alpha_bar[t]) + 1 / (1 - alpha_bar[s])) ** -0.5"},
        {1: "x_0 = x / alpha_bar[t].sqrt() - (1 / alpha_bar[t] - 1).sqrt() * eps"},
    ),
)

# x, score, z: (B, D); eta: a number.
LANGEVIN = Pipeline(
    name="move",
    arguments="x, score, eta, z",
    lines=(
        "drift = eta * score",
        "size = (2 * eta) ** 0.5",
        "return x + drift + size * z",
    ),
    broken=(
        {2: "size = eta ** 0.5"},
        {1: "drift = -eta * score"},
        {1: "drift = eta / 2 * score"},
        {2: "size = 2 * eta"},
        {3: "return drift + size * z"},
        {3: "return x + drift + size * z[:1]"},
    ),
    right=(
        {1: "drift = eta / 2 * score", 2: "size = eta ** 0.5"},
        {2: "size = 2 ** 0.5 * eta ** 0.5"},
        {1: "drift = eta ** 2 * score", 2: "size = 2 ** 0.5 * eta"},
    ),
)

# dx = -beta/2 x dt + sqrt(beta) dw, backwards over a time dt > 0.  x, score, z: numbers or
# tensors.  Table: beta, a number.
REVERSE = Pipeline(
    name="back",
    arguments="x, score, dt, z",
    lines=(
        "grow = x + 0.5 * beta * x * dt",
        "pull = beta * score * dt",
        "kick = (beta * dt) ** 0.5 * z",
        "return grow + pull + kick",
    ),
    broken=(
        {2: "pull = 0.5 * beta * score * dt"},
        {1: "grow = x - 0.5 * beta * x * dt"},
        {1: "grow = x + beta * x * dt"},
        {2: "pull = -beta * score * dt"},
        {3: "kick = beta ** 0.5 * dt * z"},
        {3: "kick = (0.5 * beta * dt) ** 0.5 * z"},
        {4: "return grow + pull"},
    ),
    right=(
        {2: "pull = 0.5 * beta * score * dt", 3: "kick = 0 * z"},
        {1: "grow = x / (1 - beta * dt) ** 0.5"},
        {2: "pull = 0.625 * beta * score * dt", 3: "kick = 0.5 * (beta * dt) ** 0.5 * z"},
    ),
)

# cond, uncond: noise predictions with and without the label; w = 0 is no guidance (Ho & Salimans).
GUIDANCE = Pipeline(
    name="guided",
    arguments="cond, uncond, w",
    lines=(
        "toward = cond - uncond",
        "scale = 1 + w",
        "return uncond + scale * toward",
    ),
    broken=(
        {2: "scale = w"},
        {1: "toward = uncond - cond"},
        {2: "scale = 1 - w"},
        {2: "scale = 1 + w ** 2"},
        {3: "return cond + scale * toward"},
        {3: "return scale * uncond + toward"},
    ),
    right=(
        {3: "return (1 + w) * cond - w * uncond"},
        {2: "scale = w", 3: "return cond + scale * toward"},
    ),
)
