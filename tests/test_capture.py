"""A recorded call gives the numbers of the call; without a GPU there is nothing to record."""

import pytest
import torch

from diffkit import schedule
from diffkit.capture import capture
from diffkit.errors import RangeError, ShapeError
from diffkit.nets import Mlp, UNet
from diffkit.samplers import ancestral

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def random_net(net):
    torch.manual_seed(0)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return net.cuda()


def test_a_cpu_has_nothing_to_record():
    with pytest.raises(RangeError, match="on cpu: recording needs CUDA tensors"):
        capture(lambda x: x, torch.zeros(2))
    with pytest.raises(RangeError, match="on float"):
        capture(lambda x: x, 1.0)
    with pytest.raises(ShapeError, match="no examples"):
        capture(lambda: torch.zeros(1))


@cuda
@pytest.mark.parametrize(("net", "shape"), [(Mlp(2), (64, 2)), (UNet(), (8, 1, 8, 8))], ids=["mlp", "unet"])
def test_a_recorded_network_gives_the_same_numbers(net, shape):
    net = random_net(net)
    x, t = torch.randn(shape, device="cuda"), torch.randint(1, 1000, shape[:1], device="cuda")
    recorded = capture(net, torch.zeros_like(x), torch.ones_like(t))
    with torch.no_grad():
        for k in range(3):
            torch.testing.assert_close(recorded(x + k, t), net(x + k, t), rtol=1e-4, atol=1e-5)
    first = recorded(x, t)
    recorded(x + 1, t)
    torch.testing.assert_close(first, recorded(x, t))  # a later replay leaves an earlier result alone


@cuda
def test_a_sampler_takes_a_recorded_network():
    net, s = random_net(Mlp(2)), schedule.linear(50, 1e-3, 0.2).to("cuda")
    x_T = torch.randn(64, 2, device="cuda")
    recorded = capture(net, x_T, torch.ones(64, dtype=torch.long, device="cuda"))

    def last(f):
        *_, step = ancestral(f, s, x_T, generator=torch.Generator("cuda").manual_seed(1))
        return step.x

    with torch.no_grad():
        torch.testing.assert_close(last(recorded), last(net), rtol=1e-3, atol=1e-4)


@cuda
def test_other_shapes_are_refused():
    recorded = capture(lambda x: x * 2, torch.zeros(4, 2, device="cuda"))
    with pytest.raises(ShapeError, match="record again"):
        recorded(torch.zeros(5, 2, device="cuda"))
    with pytest.raises(ShapeError, match="1"):
        recorded(torch.zeros(4, 2, device="cuda"), torch.zeros(4, device="cuda"))
