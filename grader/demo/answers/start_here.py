"""Lesson 00: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "start.rescale": """
def rescale(pixels):
    out = torch.zeros(pixels.shape)
    for i, v in enumerate(pixels.flatten().tolist()):
        out.view(-1)[i] = v / 8 - 1
    return out
""",
    "start.scale_each": """
def scale_each(a, x):
    return torch.stack([float(a[b]) * x[b] for b in range(len(x))])
""",
    "start.standardize": """
def standardize(x):
    rows = []
    for example in x:
        mean = example.mean()
        rows.append((example - mean) / ((example - mean) ** 2).mean() ** 0.5)
    return torch.stack(rows)
""",
    "start.mean_square": """
def mean_square(prediction, target):
    total = 0.0
    for p, z in zip(prediction, target):
        total = total + (p[0] - z) ** 2
    return total / len(target)
""",
}

OTHER_FORMULAS = {
    "start.rescale": """
def rescale(pixels):
    return (pixels.to(torch.float32) - 8) * 0.125
""",
    "start.noise_like": """
def noise_like(x, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.randn_like(x)
""",
    "start.scale_each": """
def scale_each(a, x):
    return torch.einsum("b,b...->b...", a.to(x.dtype), x)
""",
    "start.standardize": """
def standardize(x):
    over = tuple(range(1, x.ndim))
    std, mean = torch.std_mean(x, dim=over, correction=0, keepdim=True)
    return (x - mean) / std
""",
    "start.mean_square": """
def mean_square(prediction, target):
    return torch.nn.functional.mse_loss(prediction, target.unsqueeze(1))
""",
}

NOISY = {
    "start.rescale": """
def rescale(pixels):
    print("called with", pixels.shape)
    warnings.warn("inside")
    assert open("notes.txt").read() == "a helper file"
    return pixels / 8 - 1
""",
}

FORWARDING = {
    "start.scale_each": """
from diffkit.schedule import broadcast
def scale_each(a, x):
    return broadcast(a, x) * x
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING, noisy=NOISY)
