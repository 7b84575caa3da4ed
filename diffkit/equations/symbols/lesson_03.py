"""Symbols of lesson 03, from likelihood to the bound."""

SYMBOLS: dict[str, tuple[str, str]] = {
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
}
