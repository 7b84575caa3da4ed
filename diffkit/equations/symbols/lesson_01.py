"""Symbols of lesson 01, graphical models."""

SYMBOLS: dict[str, tuple[str, str]] = {
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
}
