"""From data to noise: the table of alpha_bar, the jump to level t, and the scale of the data."""

from diffkit.hunt.pipeline import Pipeline

# beta: (T,), the steps 1 to T.
SCHEDULE = Pipeline(
    name="table",
    arguments="beta",
    lines=(
        "alpha = 1 - beta",
        "bar = torch.cumprod(alpha, 0)",
        "first = torch.ones(1, dtype=bar.dtype)",
        "return torch.cat([first, bar])",
    ),
    broken=(
        {4: "return torch.cat([bar, bar[-1:]])"},
        {1: "alpha = torch.exp(-beta)"},
        {1: "alpha = (1 - beta).sqrt()"},
        {2: "bar = alpha ** torch.arange(1, len(alpha) + 1)"},
        {2: "bar = 1 - torch.cumsum(beta, 0)"},
        {3: "first = alpha[:1]"},
    ),
    right=(
        {2: "bar = torch.exp(torch.cumsum(torch.log(alpha), 0))"},
        {1: "alpha = (1 - beta).float()"},
    ),
)

# x_0, eps: (B, D); t: (B,).  Tables: alpha_bar (T+1,), alpha (T+1,).
FORWARD = Pipeline(
    name="q_sample",
    arguments="x_0, t, eps",
    lines=(
        "a = alpha_bar[t].reshape(-1, 1)",
        "signal = a.sqrt()",
        "noise = (1 - a).sqrt()",
        "return signal * x_0 + noise * eps",
    ),
    broken=(
        {3: "noise = 1 - a"},
        {1: "a = alpha_bar[t - 1].reshape(-1, 1)"},
        {1: "a = alpha_bar[t]"},
        {1: "a = alpha[t].reshape(-1, 1)"},
        {2: "signal = a"},
        {3: "noise = (1 - a ** 2).sqrt()"},
        {4: "return signal * x_0 - noise * eps"},
    ),
    right=(
        {2: "signal = torch.cos(torch.asin((1 - a).sqrt()))"},
        {1: "a = alpha_bar[t].float().reshape(-1, 1)"},
        {4: "return signal * (x_0 + noise / signal * eps)"},
    ),
)

# x: pixels 0..white; drift: what a sampler added to y.  Returns what the model sees, and the pixels again.
SCALING = Pipeline(
    name="there_and_back",
    arguments="x, drift",
    lines=(
        "y = x / white",
        "y = 2 * y - 1",
        "back = white * (y + drift + 1) / 2",
        "back = back.round().clamp(0, white)",
        "return y, back",
    ),
    broken=(
        {1: "y = x / 255"},
        {1: "y = x / (white + 1)"},
        {2: "y = 2 * y"},
        {2: "y = y - 0.5"},
        {3: "back = white * (y + drift) / 2 + 1"},
        {3: "back = white * (y + 1) / 2 + drift"},
        {3: "back = white * (y + drift + 1) / 2 + 1"},
        {4: "back = back.clamp(0, white)"},
        {4: "back = back.floor().clamp(0, white)"},
        {4: "back = back.round()"},
    ),
    right=(
        {1: "y = x / (white / 2)", 2: "y = y - 1"},
        {3: "back = x + white / 2 * drift"},
        {4: "back = (back.clamp(0, white) + 0.5).floor()"},
    ),
)
