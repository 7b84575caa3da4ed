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
    "y": (r"\mathbf{y}", "the noisy point with the shrinking undone, x_t divided by the root of alpha_bar_t"),
    "theta": (r"\theta", "everything that is learned"),
    "p_theta": (r"p_\theta", "density of the model, which goes from noise to data"),
    "precision": (
        r"\Lambda_t, \mathbf{h}_t",
        "precision of x_{t-1} given x_t and x_0, and what pulls it to its mean",
    ),
    "mu_tilde": (r"\tilde{\boldsymbol\mu}_t", "mean of q(x_{t-1} | x_t, x_0)"),
    "beta_tilde": (r"\tilde\beta_t", "variance of q(x_{t-1} | x_t, x_0)"),
    "mu_theta": (r"\boldsymbol\mu_\theta", "mean of p(x_{t-1} | x_t), from the network"),
    "sigma": (r"\sigma_t^2", "variance of p(x_{t-1} | x_t), chosen"),
    "Sigma_theta": (r"\Sigma_\theta", "covariance of p(x_{t-1} | x_t) when a network chooses it"),
    "eps_theta": (r"\boldsymbol\varepsilon_\theta", "the network's guess of the noise in x_t"),
    "x_hat": (r"\hat{\mathbf{x}}_0", "the guess of x_0 that belongs to a guess of the noise"),
    "L_T": ("L_T", "how far the end of the chain is from the prior, in nats"),
    "L_t": ("L_{t-1}", "what the step back from t to t-1 costs, in nats"),
    "L_0": ("L_0", "what the last step costs: the data itself, given x_1"),
    "C_t": ("C_t", "the part of L_{t-1} that comes from the variances alone"),
    "lambda": (r"\lambda_t", "weight of the squared noise error in the bound"),
    "L_simple": (r"L_{\text{simple}}", "the loss with all weights set to 1"),
    "Phi": (r"\Phi", "distribution function of N(0, 1)"),
    "bin": (r"b_-(x), b_+(x)", "ends of the interval that belongs to the pixel value x"),
    "bits": ("b", "bits per dimension"),
    "P_bin": ("P", "probability of a discrete value; p is a density"),
    "w": ("w", "width of the interval of one pixel value"),
    "f_any": ("f", "any function of x_t"),
    "p_model": ("p", "density of a good model"),
    "n_model": ("n", "density of pure noise"),
    "c": ("c", "share of the good model in a mixture"),
    "R_t": ("R_t", "nats that it takes to send x_t"),
}


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use, in the order of SYMBOLS."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [f"| ${latex}$ | {meaning} |" for name, (latex, meaning) in SYMBOLS.items() if name in used]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])
