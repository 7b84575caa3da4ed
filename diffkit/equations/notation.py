r"""The symbols of the course, each defined once.  A lesson's notation table is made of the symbols its equations use."""

from diffkit.equations.registry import EQUATIONS

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
    "p": ("p", "density of the model, which goes from noise to data"),
    "theta": (r"\theta", "everything that is learned in the model p"),
    "mu_theta": (r"\boldsymbol\mu_\theta(\mathbf{x}_t, t)", "mean of the model's step, a network's output"),
    "sigma": (r"\sigma_t^2", "variance of the model's step p(x_{t-1} | x_t)"),
    "ab": ("a_t, b_t", "scale and shift of a step whose mean is a straight line, a_t x_t + b_t"),
    "mv": ("m_t, v_t", "mean and variance of x_t under such a model"),
    "bound": (r"\mathcal{L}", "the bound: an upper bound on -log p, in nats; the ELBO is minus it"),
    "w": ("w", "weight of a path: p of it over q of it"),
    "K": ("K", "number of paths that are averaged inside the logarithm"),
    "H": ("H", "entropy, in nats"),
    "x": (r"\mathbf{x}", "a data point, where there is no time"),
    "z": (r"\mathbf{z}, \mathbf{z}_1, \mathbf{z}_2", "latent variables: never observed; z where there is one number"),
    "q_phi": (r"q_\phi", "a learned encoder, with everything learned in it called phi"),
    "musig": (r"\mu, \sigma^2", "mean and variance of the encoder's Gaussian"),
    "rk": ("r_k(x_t)", "chance that component k made x_t"),
    "mkvk": ("m_k, v_k", "mean and variance of component k of q(x_{t-1}), on the line"),
    "gaussdata": (r"\mathbf{m}, v", "mean and variance (per coordinate) of Gaussian data"),
    "nu": (r"\nu_t", "variance of a coordinate of x_t for that data"),
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


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use, in the order of SYMBOLS."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [f"| ${latex}$ | {meaning} |" for name, (latex, meaning) in SYMBOLS.items() if name in used]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])
