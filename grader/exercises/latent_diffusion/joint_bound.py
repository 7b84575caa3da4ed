"""Encoder, chain and decoder in one number: `joint_bound`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.latent_diffusion.common import F64, UNTOUCHED, WITHHOLDS, criteria, log_normal, summed

Map = Callable[[Tensor], Tensor]


def joint_bound(
    x: Tensor,
    mean_z: Tensor,
    log_var_z: Tensor,
    noise: Tensor,
    decode: Map,
    var_x: float,
    shift: Tensor,
    std: Tensor,
    chain_bound: Map,
) -> Tensor:
    """Equation (12.7) for one draw of the code, with the chain on scaled codes: (12.11)."""
    z = mean_z + torch.exp(0.5 * log_var_z) * noise
    volume = torch.log(std).expand(z.shape[1:]).sum()
    code = log_normal(z, mean_z, torch.exp(log_var_z))
    return -log_normal(x, decode(z), var_x) + code + volume + chain_bound((z - shift) / std)


def _with(
    *,
    volume: Callable[[Tensor, Tensor], Tensor | float] = lambda std, z: torch.log(std).expand(z.shape[1:]).sum(),
    to_chain: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda z, shift, std: (z - shift) / std,
    to_decoder: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda z, shift, std: z,
    sign: float = 1.0,
    root: float = 0.5,
) -> Callable[..., Tensor]:
    def wrong(
        x: Tensor,
        m: Tensor,
        lv: Tensor,
        noise: Tensor,
        decode: Map,
        var_x: float,
        shift: Tensor,
        std: Tensor,
        chain: Map,
    ) -> Tensor:
        z = m + torch.exp(root * lv) * noise
        code = sign * log_normal(z, m, torch.exp(lv))
        rec = -log_normal(x, decode(to_decoder(z, shift, std)), var_x)
        return rec + code + volume(std, z) + chain(to_chain(z, shift, std))

    return wrong


def _draw_bound(d: Draw) -> Iterator[Case]:
    def question(B: int, *code: int, dtype: torch.dtype = F64) -> tuple[object, ...]:
        n = int(torch.tensor(code).prod())
        mix, slope = d.randn(n, 5, dtype=dtype), d.uniform(0.5, 1.5)

        def decode(z: Tensor) -> Tensor:
            return torch.tanh(z.flatten(1) @ mix.to(z))

        def chain_bound(u: Tensor) -> Tensor:
            return summed(u**2 + torch.cos(slope * u))

        column = code[0], *[1] * (len(code) - 1)
        scale = d.randn(*column, dtype=dtype), 1.5 + d.randn(*column, dtype=dtype).abs()
        drawn = d.randn(B, *code, dtype=dtype), d.randn(B, *code, dtype=dtype) - 1, d.randn(B, *code, dtype=dtype)
        var_x = d.uniform(0.2, 0.7)
        return d.randn(B, 5, dtype=dtype), *drawn, Served(decode), var_x, *scale, Served(chain_bound)

    asked = question(3, 2, 2, 2)
    yield Case("codes of two channels", asked)
    yield Case("codes as vectors", question(2, 3))
    yield Case("one example", question(1, 2, 1, 3), "edges")
    yield Case("as many examples as places", question(2, 2, 2, 2), "edges")
    yield Case("float32 stays float32", question(3, 2, 2, 2, dtype=torch.float32), "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")
    yield Case("one call of the decoder and one of the chain", asked, "clean", max_calls=2)


EXERCISE = Exercise(
    name="latent.joint_bound",
    prompt="Add up the joint bound for one draw of the code, with the chain on scaled codes.",
    signature=(
        "joint_bound(x (B, *D), mean_z, log_var_z, noise (B, C, *E), decode: z -> (B, *D), var_x float, "
        "shift, std (C, 1, ..), chain_bound: u -> (B,)) -> (B,) nats"
    ),
    reference=joint_bound,
    draw=_draw_bound,
    criteria=criteria(3, 1, 1, at="one example, B = W, float32", clean_text=UNTOUCHED + ", one call of each"),
    equation="12.7",
    difficulty=3,
    minutes=15,
    hints=(
        "The decoder speaks of z, the chain of u = (z - shift)/std. Who changes the variable pays for the change of volume.",
        "-log p(x|z) + log q(z|x) + sum of log std over all numbers of one code + chain_bound(u).",
        "volume = torch.log(std).expand(z.shape[1:]).sum(): std has one entry per channel, the code has many places.",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "volume forgotten",
            _with(volume=lambda std, z: 0.0),
            "the sum of log std is missing: -log p(z) = -log p(u) + sum of log std. Without it a larger scale looks better.",
        ),
        Misconception(
            "volume with the wrong sign",
            _with(volume=lambda std, z: -torch.log(std).expand(z.shape[1:]).sum()),
            "you subtract the sum of log std. Codes that are squeezed by std are denser by it, so -log p(z) is larger.",
        ),
        Misconception(
            "volume once per channel",
            _with(volume=lambda std, z: torch.log(std).sum()),
            "log std was added once per channel. Each place of a channel is scaled: expand it to the whole code before summing.",
        ),
        Misconception(
            "chain on unscaled codes",
            _with(to_chain=lambda z, shift, std: z),
            "the chain was given z. It was made for scaled codes, u = (z - shift)/std.",
        ),
        Misconception(
            "scaled by multiplying",
            _with(to_chain=lambda z, shift, std: (z - shift) * std),
            "the codes were multiplied by std. Divide: then they have variance 1.",
        ),
        Misconception(
            "shift forgotten",
            _with(to_chain=lambda z, shift, std: z / std),
            "the shift is missing: u = (z - shift)/std.",
        ),
        Misconception(
            "decoder on scaled codes",
            _with(to_decoder=lambda z, shift, std: (z - shift) / std),
            "the decoder was given u. It has learned from z: give it the code as the encoder made it.",
        ),
        Misconception(
            "log q with a minus",
            _with(sign=-1.0),
            "log q(z | x) is subtracted. It is added: it is the cost of a code that is too sure.",
        ),
        Misconception(
            "code not paid",
            _with(sign=0.0),
            "log q(z | x) is missing: without it a code without any noise would be free.",
        ),
        Misconception(
            "noise times variance",
            _with(root=1.0),
            "the noise is multiplied by the variance. It takes the standard deviation, exp(log_var_z / 2).",
        ),
        Misconception(
            "mean over the batch",
            lambda *args: joint_bound(*args).mean(),
            "you averaged over the batch. One number per example is asked for.",
        ),
    ),
)
