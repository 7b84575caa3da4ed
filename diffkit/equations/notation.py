r"""The symbols of the course.  A lesson's notation table is made of the symbols its equations use.

Those below keep their meaning throughout.  What a lesson adds stands in a module of its own in `symbols/`: the same
letter may mean something else there, as it does in the papers.
"""

from diffkit.equations.registry import EQUATIONS
from diffkit.equations.symbols import OWN

SYMBOLS: dict[str, tuple[str, str]] = {
    "T": ("T", "number of steps of the forward process"),
    "t": ("t", "step, an integer from 0 (clean data) to T (noise)"),
    "s": ("s", "an earlier step, 0 <= s <= t"),
    "d": ("d", "number of coordinates of a data point (64 for an 8x8 image)"),
    "x_0": (r"\mathbf{x}_0", "a data point, shape (B, *D) for a batch of B"),
    "x_t": (r"\mathbf{x}_t", "the data point after t noising steps, same shape"),
    "beta": (r"\beta_t", "variance of the noise that step t adds, between 0 and 1"),
    "alpha": (r"\alpha_t", "1 - beta_t, the share of variance that step t keeps"),
    "alpha_bar": (
        r"\bar\alpha_t",
        "running product of alpha_1 .. alpha_t, the share of variance that is still data",
    ),
    "eps": (r"\boldsymbol\varepsilon", "standard normal noise, same shape as the data"),
    "q": ("q", "density of the forward process (fixed, nothing is learned in it)"),
    "N": (r"\mathcal{N}(\mathbf{x}; \mathbf{m}, S)", "normal density at x with mean m and covariance S"),
    "I": (r"\mathbf{I}", "identity matrix"),
    "E": (r"\mathbb{E}", "expected value"),
    "Cov": (r"\operatorname{Cov}", "covariance matrix"),
    "Var": (r"\operatorname{Var}", "variance of one coordinate"),
    "snr": (r"\mathrm{SNR}(t)", "signal-to-noise ratio: variance from data over variance from noise"),
    "KL": (r"D_{\mathrm{KL}}", "Kullback-Leibler divergence, in nats"),
    "mix": (
        r"w_k, \boldsymbol\mu_k, S_k",
        "weight, mean and covariance of component k of a Gaussian mixture",
    ),
    "f": ("f(t)", "the cosine curve that the cosine schedule follows"),
    "tau": (r"\tau", "diffusion time, the inverse of the signal-to-noise ratio"),
    "y": (r"\mathbf{y}", "the noisy point with the shrinking undone, x_t divided by the root of alpha_bar_t"),
}


def symbols_of(lesson: str) -> dict[str, tuple[str, str]]:
    """{name: (LaTeX, meaning)} as a lesson ("2") understands them."""
    return SYMBOLS | OWN.get(lesson, {})


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use: the common ones, then its own."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [
        f"| ${latex}$ | {_cell(meaning)} |" for name, (latex, meaning) in symbols_of(lesson).items() if name in used
    ]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])


def _cell(text: str) -> str:
    """The bar of "x_t given x_0" would end the cell, and what stands behind it would not be shown."""
    return text.replace("|", r"\|")
