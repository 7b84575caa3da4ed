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
    "abc": ("a, b, c", "three random variables; c is the one between the other two"),
    "x_i": ("x_i", "variable number i of a graph, i = 1 .. n"),
    "n": ("n", "number of variables"),
    "pa": (r"\mathrm{pa}_i", "the parents of x_i: the variables with an arrow into it"),
    "prob": (r"p(a \mid b)", "probability, or density, of a once b is known; without a bar, nothing is known"),
    "gain": ("g", "how strongly a follows c; 5 in the example of the lecture"),
    "var_abc": (r"\sigma_a^2, \sigma_b^2, \sigma_c^2", "variances of the own noise of a, b and c"),
    "rho": (r"\rho", "correlation coefficient of a and b, between -1 and 1"),
    "MI": (r"\mathrm{I}(a;\, b \mid c)", "mutual information in nats: what a tells about b beyond what c tells"),
    "state": ("s_t, a_t", "state and action at time t"),
    "policy": (r"\pi(a \mid s)", "policy: probability of an action in a state"),
    "affine": (r"A, \mathbf{b}, R", "matrix and shift of an affine map, covariance of the noise added to it"),
    "mu_Sigma": (r"\boldsymbol\mu, \Sigma", "mean and covariance matrix of a Gaussian, in blocks where indexed"),
    "lambda_eta": (r"\lambda, \eta", "coefficients of a quadratic exponent; lambda is the precision, 1/variance"),
    "m_v": ("m, v", "mean and variance of a Gaussian on the line"),
    "y": (r"\mathbf{y}", "the noisy point with the shrinking undone, x_t divided by the root of alpha_bar_t"),
}


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use, in the order of SYMBOLS."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [f"| ${latex}$ | {meaning} |" for name, (latex, meaning) in SYMBOLS.items() if name in used]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])
