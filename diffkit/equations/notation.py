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
    # Lesson 00.
    "start_pixel": ("x", "a pixel as stored in the file, a whole number from 0 (paper) to 16 (ink)"),
    "start_gray": ("y", "the same pixel in the range that the course uses, from -1 to 1"),
    "start_a": ("a_b", "one number for example b of a batch"),
    "start_x": (r"\mathbf{x}_b", "example b of a batch of B: all its numbers"),
    "start_y": (r"\mathbf{y}_b, y_{b,j}", "what is made of example b, or of its number j"),
    "start_d": (r"x_{b,j}", "number j of example b"),
    "start_m": ("m_b, v_b", "mean and variance of the numbers of example b"),
    "start_E": ("E", "mean squared error"),
    "start_p": ("p_n, z_n", "a prediction and the target that belongs to it"),
    "start_N": ("N", "how many pairs there are"),
    # Lesson 07.
    "x_k": (r"\mathbf{x}_k, \mathbf{x}", "a particle after k steps of a sampler, or at any moment"),
    "lang_y": (r"\mathbf{y}", "a proposed place for the particle; y_t is x_t with the shrinking undone"),
    "lang_p": ("p", "the density from which samples are wanted (the target)"),
    "p_sigma": (r"p_\sigma", "the target after noise of standard deviation sigma"),
    "lang_score": (
        r"\mathbf{s}(\mathbf{x}), \mathbf{s}(\mathbf{x}, \sigma)",
        "score: gradient of log p, or of log p_sigma",
    ),
    "lang_score_t": (r"\mathbf{s}_t", "score of the distribution of x_t in the forward process"),
    "eta": (r"\eta", "step size: drift eta, noise of variance 2 eta"),
    "lang_alpha": (r"\alpha, \alpha_i", "step size in the other convention: drift alpha/2, noise of variance alpha"),
    "lang_ab": ("a, b", "drift and noise variance of a step, chosen freely"),
    "lang_f": ("f", "any smooth function whose mean we watch"),
    "lang_m": ("m", "mean of a Gaussian target"),
    "lang_v": ("v", "variance of a Gaussian target"),
    "m_k": ("m_k, v_k", "mean and variance of the particles after k steps"),
    "v_inf": (r"v_\infty", "variance at which the particles settle"),
    "lang_q": (r"q \propto p^{\,2a/b}", "the distribution that a step (a, b) keeps in place, to first order"),
    "lang_r": ("r_k", "share of component k in the density at x (its responsibility)"),
    "lang_w_hat": (r"\hat w_k", "share of N particles that is nearest to the mean of component k"),
    "lang_tau": (r"\tau", "mean time to go from a to b for the first time, in steps times eta"),
    "lang_ends": (r"\int_a^b", "from the start a to the goal b, a < b"),
    "lang_n": ("n", "number of noise levels"),
    "lang_K": ("K", "number of steps at each noise level"),
    "lang_sigma": (
        r"\sigma_i",
        "noise level i: standard deviation of the noise; level 0 is 0, level n is the noisiest",
    ),
    "lang_r_i": ("r_i", "length of the noise at level i"),
    "lang_h": ("h", "step size alpha at the cleanest level"),
    "lang_beta_tilde": (r"\tilde\beta_t", "variance of q(x_{t-1} | x_t, x_0), lesson 04"),
    "lang_delta": (r"\Delta_t", "how much noise variance the step from t to t-1 has to remove"),
    "lang_proposal": (r"q(\mathbf{y} \mid \mathbf{x})", "density with which a Langevin step from x proposes y"),
    "lang_accept": (r"a(\mathbf{x}, \mathbf{y})", "probability with which the move from x to y is accepted"),
}


def table(lesson: str) -> str:
    """Markdown table of the symbols that the equations of a lesson ("2") use, in the order of SYMBOLS."""
    used = {name for tag, e in EQUATIONS.items() if tag.split(".")[0] == lesson for name in e.symbols}
    if not used:
        raise KeyError(f"lesson {lesson!r} has no numbered equations")
    rows = [f"| ${latex}$ | {meaning} |" for name, (latex, meaning) in SYMBOLS.items() if name in used]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])
