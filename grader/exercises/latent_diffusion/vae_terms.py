"""The three terms of the bound for one draw of the code: `vae_terms`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.latent_diffusion.common import F64, UNTOUCHED, WITHHOLDS, criteria, log_normal, summed

Map = Callable[[Tensor], Tensor]
Terms = tuple[Tensor, Tensor, Tensor]


def vae_terms(
    x: Tensor, mean_z: Tensor, log_var_z: Tensor, noise: Tensor, decode: Map, var_x: float, log_prior: Map
) -> Terms:
    """Equation (12.1), its three expectations with one draw."""
    z = mean_z + torch.exp(0.5 * log_var_z) * noise
    return -log_normal(x, decode(z), var_x), log_normal(z, mean_z, torch.exp(log_var_z)), -log_prior(z)


Change = Callable[[Terms], Terms]


def _then(change: Change) -> Callable[..., Terms]:
    return lambda *args: change(vae_terms(*args))


def _drawn(code: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Terms]:
    """The terms with another recipe for the code: code(mean, log_var, noise)."""

    def wrong(
        x: Tensor, mean_z: Tensor, log_var_z: Tensor, noise: Tensor, decode: Map, var_x: float, log_prior: Map
    ) -> Terms:
        z = code(mean_z, log_var_z, noise)
        return -log_normal(x, decode(z), var_x), log_normal(z, mean_z, torch.exp(log_var_z)), -log_prior(z)

    return wrong


def _decoded_mean(x: Tensor, m: Tensor, lv: Tensor, noise: Tensor, decode: Map, var_x: float, log_prior: Map) -> Terms:
    _, code, prior = vae_terms(x, m, lv, noise, decode, var_x, log_prior)
    return -log_normal(x, decode(m), var_x), code, prior


def _square_alone(x: Tensor, m: Tensor, lv: Tensor, noise: Tensor, decode: Map, var_x: float, log_prior: Map) -> Terms:
    z = m + torch.exp(0.5 * lv) * noise
    _, code, prior = vae_terms(x, m, lv, noise, decode, var_x, log_prior)
    return summed((x - decode(z)) ** 2), code, prior


def _entropy(x: Tensor, m: Tensor, lv: Tensor, noise: Tensor, decode: Map, var_x: float, log_prior: Map) -> Terms:
    rec, _, prior = vae_terms(x, m, lv, noise, decode, var_x, log_prior)
    return rec, -summed(0.5 * (lv + 1 + torch.log(torch.tensor(2 * torch.pi)).to(lv))), prior


def _squared_var(x: Tensor, m: Tensor, lv: Tensor, noise: Tensor, decode: Map, var_x: float, log_prior: Map) -> Terms:
    return vae_terms(x, m, lv, noise, decode, var_x**2, log_prior)


def _draw_terms(d: Draw) -> Iterator[Case]:
    def question(B: int, k: int, *D: int, dtype: torch.dtype = F64) -> tuple[object, ...]:
        n = int(torch.tensor(D).prod())
        mix, slope = d.randn(k, n, dtype=dtype), d.uniform(0.5, 1.5)

        def decode(z: Tensor) -> Tensor:
            return torch.tanh(z.flatten(1) @ mix.to(z)).reshape(-1, *D)

        def log_prior(z: Tensor) -> Tensor:
            return summed(torch.cos(slope * z) - z**2) - 4

        code = d.randn(B, k, dtype=dtype), d.randn(B, k, dtype=dtype) - 1, d.randn(B, k, dtype=dtype)
        return d.randn(B, *D, dtype=dtype), *code, Served(decode), d.uniform(0.2, 0.7), Served(log_prior)

    asked = question(3, 2, 5)
    yield Case("vectors", asked)
    yield Case("images", question(2, 4, 1, 3, 3))
    yield Case("one example", question(1, 2, 5), "edges")
    yield Case("equal sizes", question(4, 4, 4), "edges")
    yield Case("float32 stays float32", question(4, 3, 6, dtype=torch.float32), "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")
    yield Case("one call of the decoder and one of the prior", asked, "clean", max_calls=2)


EXERCISE = Exercise(
    name="latent.vae_terms",
    prompt="Give the three terms of the bound, for one draw of the code.",
    signature=(
        "vae_terms(x (B, *D), mean_z, log_var_z, noise (B, k), decode: z -> (B, *D), var_x float, log_prior: z -> (B,)) "
        "-> (reconstruction, code, prior), each (B,)"
    ),
    reference=vae_terms,
    draw=_draw_terms,
    criteria=criteria(3, 1, 1, at="one example, equal sizes, float32", clean_text=UNTOUCHED + ", one call of each"),
    equation="12.1",
    difficulty=2,
    minutes=12,
    hints=(
        "First draw the code: mean plus standard deviation times noise. All three terms are then log densities at it.",
        "-log N(x; decode(z), var_x I), + log N(z; mean_z, exp(log_var_z)), - log_prior(z).",
        "z = mean_z + torch.exp(0.5 * log_var_z) * noise; return -log_normal(x, decode(z), var_x), "
        "log_normal(z, mean_z, torch.exp(log_var_z)), -log_prior(z)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "log q with a minus",
            _then(lambda t: (t[0], -t[1], t[2])),
            "the second term is + log q(z | x): it is the cost of a code that is too sure. Yours has the other sign.",
        ),
        Misconception(
            "prior with the wrong sign",
            _then(lambda t: (t[0], t[1], -t[2])),
            "the third term is minus log_prior: a likely code must be cheap.",
        ),
        Misconception(
            "reconstruction with the wrong sign",
            _then(lambda t: (-t[0], t[1], t[2])),
            "the first term is minus a log density: a good description must make it small.",
        ),
        Misconception(
            "noise times variance",
            _drawn(lambda m, lv, e: m + torch.exp(lv) * e),
            "the noise is multiplied by the variance. It takes the standard deviation, exp(log_var_z / 2).",
        ),
        Misconception(
            "noise times log variance",
            _drawn(lambda m, lv, e: m + lv * e),
            "the noise is multiplied by the logarithm of the variance. It takes exp(log_var_z / 2).",
        ),
        Misconception(
            "no noise in the code",
            _drawn(lambda m, lv, e: m.clone()),
            "you took the mean of the code. The bound asks for a draw from q(z | x): without noise the decoder never learns "
            "to live with it.",
        ),
        Misconception(
            "noise alone",
            _drawn(lambda m, lv, e: e.clone()),
            "you took the noise for the code: that is a draw from N(0, I), not from q(z | x).",
        ),
        Misconception(
            "mean decoded",
            _decoded_mean,
            "the decoder was given the mean of the code, the other terms a draw. All three belong to the same z.",
        ),
        Misconception(
            "squared error for the density",
            _square_alone,
            "the squared error alone is no log density: use log_normal with var_x.",
        ),
        Misconception(
            "entropy for log q",
            _entropy,
            "you put in the mean of log q(z | x), minus the entropy. That is right on average; asked for is log q at the drawn z.",
        ),
        Misconception(
            "var_x squared",
            _squared_var,
            "var_x is a variance already; you square it once more.",
        ),
        Misconception(
            "three terms in one",
            lambda *args: sum(vae_terms(*args)),
            "this is their sum. Return the three terms, so that one can see which of them moves.",
        ),
    ),
)
