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
    "beta_tilde": (r"\tilde\beta_t", "variance of x_{t-1} when x_t and x_0 are both known"),
    "mu_tilde": (r"\tilde{\boldsymbol\mu}_t", "mean of x_{t-1} when x_t and x_0 are both known"),
    "p_theta": (r"p_\theta", "density of the learned process, from noise to data"),
    "mu_theta": (r"\boldsymbol\mu_\theta", "mean of a reverse step of the model"),
    "sigma": (r"\sigma_t", "standard deviation of a reverse step of the model; we choose it"),
    "eps_theta": (r"\boldsymbol\varepsilon_\theta", "the network's prediction of the noise in x_t"),
    "x_0_hat": (r"\hat{\mathbf{x}}_0", "the guess of x_0 that a noise prediction makes"),
    "v": (r"\mathbf{v}", "velocity, a mixture of noise and data that turns with t"),
    "lambda": (r"\lambda_t", "weight of the squared noise error in the bound"),
    "C": ("C_t", "the part of a term of the bound that no predictor can change"),
    "z": (r"\mathbf{z}", "fresh standard normal noise of a reverse step"),
    "tr": (r"\operatorname{tr}", "trace, the sum of the diagonal"),
    "train": (r"\mathbf{x}^{(i)}", "training example number i of N"),
    "w_i": ("w_i", "probability that x_t was made from training example i"),
    "theta": (r"\theta", "everything that is learned"),
    "eta": (r"\eta", "learning rate"),
    "B": ("B", "number of examples in a batch"),
    "emb": (r"\mathrm{emb}(t)", "embedding of the step t, a vector of 2h numbers"),
    "omega": (r"\omega_i", "frequency number i of the embedding"),
    "P": ("P", "ratio of the highest to the lowest frequency"),
    "h": ("h", "number of frequencies of the embedding"),
    "H": ("H", "entropy, in nats"),
    "rho": (r"\rho_t", "true variance of a reverse step over the variance that the model gives it"),
}


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use, in the order of SYMBOLS."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [f"| ${latex}$ | {meaning} |" for name, (latex, meaning) in SYMBOLS.items() if name in used]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])
