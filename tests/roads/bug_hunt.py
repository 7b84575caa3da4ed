"""Lesson 13 by another road."""


def mended_ddim__unscaled(x, eps, t, s, z, eta, alpha_bar):
    now, then = float(alpha_bar[t]), float(alpha_bar[s])
    sigma2 = eta**2 * (1 - then) * (1 - now / (1 - now) * (1 - then) / then)
    y = x / now**0.5 + (((1 - then - sigma2) / then) ** 0.5 - (1 / now - 1) ** 0.5) * eps
    return then**0.5 * y + sigma2**0.5 * z


def mended_loss__example_by_example(guess, eps, weight):
    losses = [w * ((g - e) ** 2).mean() for g, e, w in zip(guess, eps, weight.tolist(), strict=True)]
    return sum(losses) / len(losses)
