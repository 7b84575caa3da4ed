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
    # Lesson 06, score matching.
    "x": (r"\mathbf{x}", "a point; from section 5 on a noisy one, x_0 + sigma eps"),
    "p": (r"p(\mathbf{x})", "density of the data"),
    "grad": (r"\nabla_{\mathbf{x}}", "gradient with respect to the point (not to parameters)"),
    "score": (r"\mathbf{s}(\mathbf{x})", "score: gradient of the log density, one arrow per point"),
    "s_theta": (r"\mathbf{s}_{\boldsymbol\theta}", "a model of the score"),
    "s_line": ("s(x)", "a score model on the line"),
    "theta": (r"\boldsymbol\theta", "parameters of a model"),
    "g": (r"\mathbf{g}", "short for the true score"),
    "p_tilde": (r"\tilde p(\mathbf{x})", "a density up to its normaliser"),
    "Z": ("Z", "normaliser: the integral of the unnormalised density"),
    "mu": (r"\boldsymbol\mu", "mean of a Gaussian"),
    "S": ("S", "covariance matrix of a Gaussian"),
    "responsibility": (r"r_k(\mathbf{x})", "share of component k in the density at x; the shares sum to 1"),
    "points": (r"\mathbf{a}, \mathbf{b}", "two points"),
    "u": ("u", "how far along the line from a to b, 0 to 1"),
    "ends": ("a, b", "ends of an interval"),
    "J_E": (r"J_{\mathrm{E}}", "explicit score matching loss; needs the true score"),
    "J_I": (r"J_{\mathrm{I}}", "implicit score matching loss; needs the trace of the Jacobian"),
    "J_S": (r"J_{\mathrm{S}}", "sliced score matching loss; needs products with random directions"),
    "J_D": (r"J_{\mathrm{D}}", "denoising score matching loss; needs the noise that was added"),
    "trace": (
        r"\operatorname{tr}\frac{\partial \mathbf{s}}{\partial \mathbf{x}}",
        "trace of the Jacobian: sum over i of the slope of s_i along x_i",
    ),
    "phi": (r"\boldsymbol\varphi(x)", "features: fixed functions that a model adds up"),
    "G": ("G", "matrix of mean products of features"),
    "h": (r"\mathbf{h}", "mean slopes of the features"),
    "A": ("A", "a square matrix"),
    "v": (r"\mathbf{v}", "a random direction with E[v v^T] = I, such as random signs"),
    "sigma": (r"\sigma", "standard deviation of the noise that is added to the data"),
    "q_sigma": (r"q_\sigma(\mathbf{x})", "density of the noisy data x_0 + sigma eps"),
    "C_sigma": (r"C_\sigma", "least value of the denoising loss, its floor"),
    "v_i": ("v_i", "variance of the data along axis i"),
    "u_i": (r"\mathbf{u}_i", "unit vector of axis i"),
    "eps_theta": (r"\boldsymbol\varepsilon_{\boldsymbol\theta}", "a model that guesses the noise"),
    "r": (r"\mathbf{r}(\mathbf{x})", "a denoising autoencoder: its guess of the clean point"),
    "R": ("R", "radius of a circle"),
    "kappa": (r"\kappa", "how sharply x points at one place of the circle"),
    "bessel": ("I_0, I_1", "modified Bessel functions; their ratio grows from 0 to 1"),
    "x_n": (r"\mathbf{x}^{(n)}", "data point number n of a data set"),
    "pi_n": (r"\pi_n(\mathbf{x})", "probability that the noisy x was made from data point n"),
    "N_data": ("N", "number of data points"),
    "sigma_t": (r"\sigma_t^2", "variance that a reverse step of DDPM adds"),
}


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use, in the order of SYMBOLS."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [f"| ${latex}$ | {meaning} |" for name, (latex, meaning) in SYMBOLS.items() if name in used]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])
