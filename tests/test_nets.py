"""The networks: shapes, one example never touches another, time and class are heard, wrong input is named."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import guidance, nets
from diffkit.errors import DiffkitError, RangeError, ShapeError
from diffkit.nets.unet import Attention
from tests import properties  # noqa: F401  # no time limit

F64 = torch.float64
SHAPES = {"mlp": (3,), "unet": (1, 8, 8), "deep unet": (2, 28, 12), "classifier": (1, 8, 8)}


def make(name, classes=0):
    """A network in float64 whose weights are all random: as made, the last layers are 0 and hide the rest."""
    torch.manual_seed(0)
    net = {
        "mlp": lambda: nets.Mlp(3, width=16, depth=2, classes=classes),
        "unet": lambda: nets.UNet(1, (8, 16), classes=classes),
        "deep unet": lambda: nets.UNet(2, (8, 8, 16), classes=classes),
        "classifier": lambda: nets.Classifier(channels=8, width=16),
    }[name]()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return net.to(F64)


def batch(name, n=4):
    g = torch.Generator().manual_seed(1)
    return torch.randn(n, *SHAPES[name], dtype=F64, generator=g), torch.tensor([1, 40, 300, 1000])[:n]


def test_a_sinusoidal_embedding_is_its_formula():
    t = torch.tensor([0, 1, 731])
    out = nets.SinusoidalEmbedding(6, max_period=100.0)(t)
    rows = [[math.sin(k * f) for f in (1, 0.1, 0.01)] + [math.cos(k * f) for f in (1, 0.1, 0.01)] for k in t.tolist()]
    torch.testing.assert_close(out, torch.tensor(rows), rtol=0, atol=1e-4)  # float32: angles up to 731


def test_a_sinusoidal_embedding_tells_every_step_from_its_neighbour():
    out = nets.SinusoidalEmbedding(32)(torch.arange(1001))
    assert (out[1:] - out[:-1]).norm(dim=1).min() > 0.5


def test_a_fourier_embedding_repeats_with_its_generator_and_has_unit_pairs():
    a, b = (nets.FourierEmbedding(16, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    out = a(torch.tensor([0.2, 0.9]))
    assert torch.equal(out, b(torch.tensor([0.2, 0.9])))
    torch.testing.assert_close(out[:, :8] ** 2 + out[:, 8:] ** 2, torch.ones(2, 8))


def test_a_fourier_embedding_has_normal_frequencies():
    """E cos(2 pi w t) = exp(-2 (pi std t)^2) for w ~ N(0, std^2).  6 standard errors of 20,000 frequencies."""
    net = nets.FourierEmbedding(40_000, std=2.0, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.05, 0.1, 0.2])
    mean = net(t)[:, 20_000:].mean(1)
    torch.testing.assert_close(mean, torch.exp(-2 * (2 * math.pi * t) ** 2), rtol=0, atol=6 * 20_000**-0.5)


@pytest.mark.parametrize("name", SHAPES)
def test_examples_of_a_batch_do_not_touch_each_other(name):
    net, (x, t) = make(name), batch(name)
    whole = net(x, t)
    each = torch.cat([net(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(whole, each, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SHAPES)
def test_every_parameter_learns_and_the_time_is_heard(name):
    net, (x, t) = make(name), batch(name)
    out = net(x, t)
    out.square().sum().backward()
    silent = [k for k, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not silent
    assert not torch.allclose(out, net(x, t + 5))


@pytest.mark.parametrize("name", ["mlp", "unet", "deep unet"])
def test_a_predictor_keeps_the_shape_and_starts_at_zero(name):
    x, t = batch(name)
    fresh = {"mlp": nets.Mlp(3), "unet": nets.UNet(), "deep unet": nets.UNet(2, (8, 8, 16))}[name]
    assert torch.equal(fresh(x.float(), t), torch.zeros(x.shape))
    assert make(name)(x, t).shape == x.shape


@pytest.mark.parametrize("name", ["mlp", "unet"])
def test_the_class_is_heard_and_no_class_is_the_null_class(name):
    net, (x, t) = make(name, classes=3), batch(name)
    y = torch.tensor([0, 1, 2, 3])
    out = net(x, t, y)
    assert torch.equal(net(x, t), net(x, t, torch.full((4,), net.label.null)))
    other = net(x, t, torch.tensor([1, 1, 2, 3]))
    assert not torch.allclose(out[0], other[0])
    torch.testing.assert_close(out[1:], other[1:], rtol=1e-12, atol=1e-12)


def test_a_conditional_network_fits_classifier_free_guidance():
    net, (x, t) = make("unet", classes=3), batch("unet")
    y, null = torch.tensor([0, 1, 2, 0]), torch.full((4,), 3)
    guided = guidance.classifier_free(net, y, null, w=2.0)(x, t)
    torch.testing.assert_close(guided, 3 * net(x, t, y) - 2 * net(x, t), rtol=1e-9, atol=1e-9)


def test_attention_is_a_softmax_average_over_places():
    layer = make_attention()
    x = torch.randn(2, 64, 3, 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    q, k, v = layer.qkv(layer.norm(x)).reshape(2, 3, 2, 32, 15).unbind(1)  # two heads of 32 channels
    weight = torch.softmax(torch.einsum("bhci,bhcj->bhij", q, k) / math.sqrt(32), dim=-1)
    h = torch.einsum("bhij,bhcj->bhci", weight, v).reshape(x.shape)
    torch.testing.assert_close(layer(x), x + layer.out(h), rtol=1e-9, atol=1e-9)


def make_attention():
    torch.manual_seed(0)
    layer = Attention(64)
    torch.nn.init.normal_(layer.out.weight)
    return layer.to(F64)


def test_a_custom_embedding_is_used():
    net = nets.Mlp(2, embedding=nets.FourierEmbedding(8, std=1.0))
    torch.nn.init.normal_(net.last.weight)
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(net(x, torch.zeros(3)), net(x, torch.full((3,), 0.5)))


def test_dropped_labels_become_null_at_the_asked_rate():
    y, g = torch.arange(10).repeat(2000), torch.Generator().manual_seed(0)
    out = nets.drop_labels(y, 10, 0.2, generator=g)
    assert torch.equal(out[out != 10], y[out != 10])
    assert abs((out == 10).double().mean().item() - 0.2) < 6 * math.sqrt(0.16 / 20000)  # error rate below 1e-8
    assert torch.equal(nets.drop_labels(y, 10, 0.0, generator=g), y)
    assert bool((nets.drop_labels(y, 10, 1.0, generator=g) == 10).all())


def test_the_classifier_gives_normalised_log_probabilities():
    net, (x, t) = make("classifier"), batch("classifier")
    log_p = torch.stack([net.log_prob(x, torch.full((4,), k), t) for k in range(10)], 1)
    torch.testing.assert_close(torch.logsumexp(log_p, 1), torch.zeros(4, dtype=F64), rtol=0, atol=1e-9)
    assert net.features(x).shape == (4, 16)


def test_the_autoencoder_halves_and_restores_the_shape_within_its_variances():
    torch.manual_seed(0)
    net = nets.AutoEncoder(1, 3, channels=8, levels=2)
    code = net.encode(1e4 * torch.randn(2, 1, 8, 12))
    assert code.mean.shape == code.var.shape == (2, 3, 2, 3)
    assert math.exp(-12.001) < code.var.min() <= code.var.max() < math.exp(2.001)
    assert net.decode(code.mean).shape == net(torch.randn(2, 1, 8, 12)).shape == (2, 1, 8, 12)


WRONG = [
    (lambda: nets.Mlp(2)(torch.zeros(3, 5), torch.zeros(3)), "takes"),
    (lambda: nets.Mlp(2)(torch.zeros(3, 2), torch.zeros(4)), "one t for each"),
    (lambda: nets.Mlp(2)(torch.zeros(3, 2), 5), "one t per example"),
    (lambda: nets.Mlp(2)(torch.zeros(3, 2), torch.zeros(3, 1)), "one t per example"),
    (lambda: nets.Mlp(2)(torch.zeros(3, 2, dtype=F64), torch.zeros(3)), "float64"),
    (lambda: nets.Mlp(2)(torch.zeros(3, 2), torch.zeros(3), torch.zeros(3).long()), "no classes"),
    (lambda: nets.Mlp(0), "at least"),
    (lambda: nets.UNet()(torch.zeros(2, 1, 7, 8), torch.zeros(2)), "multiples of 2"),
    (lambda: nets.UNet()(torch.zeros(2, 3, 8, 8), torch.zeros(2)), "takes"),
    (lambda: nets.UNet(channels=(12,)), "multiple of 8"),
    (lambda: nets.UNet(classes=2)(torch.zeros(1, 1, 8, 8), torch.zeros(1), torch.tensor([3])), "pass 0..2"),
    (lambda: nets.UNet(classes=2)(torch.zeros(1, 1, 8, 8), torch.zeros(1), torch.zeros(1)), "long"),
    (lambda: nets.UNet(classes=2)(torch.zeros(1, 1, 8, 8), torch.zeros(1), torch.zeros(2).long()), "one label"),
    (lambda: nets.AutoEncoder().encode(torch.zeros(1, 1, 7, 8)), "multiples of 2"),
    (lambda: nets.UNet()(torch.zeros(0, 1, 8, 8), torch.zeros(0)), "at least one image"),
    (lambda: nets.AutoEncoder(channels=12), "a multiple of 8"),
    (lambda: nets.AutoEncoder(channels=0), "a multiple of 8"),
    (lambda: nets.AutoEncoder(levels=0), "at least 1"),
    (lambda: nets.AutoEncoder().encode([0.0]), "takes a tensor"),  # type: ignore[arg-type]
    (lambda: nets.AutoEncoder().decode(None), "takes a tensor"),  # type: ignore[arg-type]
    (lambda: nets.Classifier()(torch.zeros(2, 3, 8, 8)), "takes"),
    (lambda: nets.Classifier()([0.0]), "takes a tensor"),
    (lambda: nets.Classifier()(torch.zeros(2, 1, 4, 1)), "at least 4"),
    (lambda: nets.Classifier(classes=1), "two classes"),
    (lambda: nets.SinusoidalEmbedding(5), "even"),
    (lambda: nets.FourierEmbedding(8, std=0.0), "positive"),
    (lambda: nets.drop_labels(torch.zeros(3).long(), 10, 1.5), "probability"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_input_is_named(call, words):
    with pytest.raises((RangeError, ShapeError), match=words):
        call()


NET = nets.UNet(1, (8, 8), classes=2, attention=False)
sizes = st.lists(st.integers(0, 4), max_size=4)


@given(x=sizes, t=sizes, y=st.none() | sizes, integer=st.booleans())
def test_any_shape_gives_an_answer_of_its_shape_or_an_error_of_ours(x, t, y, integer):
    image = torch.zeros(x, dtype=torch.int64 if integer else torch.float32)
    try:
        out = NET(image, torch.zeros(t), None if y is None else torch.zeros(y, dtype=torch.int64))
    except DiffkitError:
        return
    assert out.shape == image.shape
    assert len(x) == 4
    assert list(t) == [x[0]]
    assert y is None or list(y) == [x[0]]
