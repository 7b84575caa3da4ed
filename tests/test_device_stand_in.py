"""The stand-in for a GPU refuses what CUDA refuses, counts what CUDA waits for, and leaves nothing behind."""

import copy

import pytest
import torch
from torch import nn

from tests.other_device import DEVICE, HostGenerator, OnDevice, counted, optimizer, other_device


@pytest.fixture
def x():
    with other_device() as device:
        yield torch.arange(6.0, device=device).reshape(2, 3)


HOST = torch.ones(2, 3)
NUMBER = torch.tensor(2.0)  # without axes, on the CPU


def here(x):
    """An index on the CPU and one on the device."""
    return torch.tensor([0]), torch.zeros(1, dtype=torch.long, device=x.device)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x + HOST,
        lambda x: HOST.clone().add_(x),
        lambda x: NUMBER.clone().add_(x.sum()),
        lambda x: x @ HOST.T,
        lambda x: torch.cat([x, HOST]),
        lambda x: torch.stack([x.sum(), NUMBER]),
        lambda x: torch.where(HOST > 0, x, 0.0),
        lambda x: torch.addcmul(x, x, NUMBER),
        lambda x: torch.add(x, x, out=torch.zeros(2, 3)),
        lambda x: HOST[here(x)[1]],
        lambda x: x.__setitem__(here(x)[1], HOST[:1]),
        lambda x: nn.functional.mse_loss(x, HOST),
        lambda x: nn.Linear(3, 1)(x),
        lambda x: x.clone().normal_(generator=torch.Generator()),
        lambda x: torch.randn(3, generator=torch.Generator(), device=x.device),
        lambda x: torch.randn(3, generator=torch.Generator(x.device)),
    ],
)
def test_two_devices_do_not_mix(mix, x):
    with pytest.raises(RuntimeError, match=r"same device|either on cpu|for generator"):
        mix(x)


@pytest.mark.parametrize(
    "allowed",
    [
        lambda x: x * NUMBER,
        lambda x: NUMBER - x,
        lambda x: torch.where(x > 1, NUMBER, x),
        lambda x: x.masked_fill(x > 1, NUMBER),
        lambda x: x[here(x)[0]],
        lambda x: x[[0, 1]],
        lambda x: torch.randn(3, generator=torch.Generator(x.device), device=x.device),
        lambda x: x.new_tensor([1.0]) + torch.tensor([1.0], device=x.device),
        lambda x: torch.func.vmap(torch.func.grad(lambda v: v.square().sum()))(x),
        lambda x: copy.deepcopy(x) + x.data,
    ],
)
def test_what_cuda_allows_stays_on_the_device(allowed, x):
    assert type(allowed(x)) is OnDevice
    assert allowed(x).device == DEVICE


@pytest.mark.parametrize("read", [lambda x: x.numpy(), lambda x: torch.from_numpy(x.__array__())])
def test_numpy_is_refused(read, x):
    with pytest.raises(TypeError, match=r"use Tensor\.cpu|Use Tensor\.cpu"):
        read(x)


@pytest.mark.parametrize(
    ("times", "waits"),
    [
        (1, lambda x: float(x.sum())),
        (1, lambda x: x.max().item()),
        (1, lambda x: bool((x > 1).all())),
        (1, lambda x: x.tolist()),
        (1, lambda x: x.cpu()),
        (1, lambda x: HOST.to(x)),
        (1, lambda x: HOST.clone().copy_(x)),
        (1, lambda x: torch.tensor([1.0], device=x.device)),
        (1, lambda x: x[x > 1]),
        (1, lambda x: x[here(x)[0]]),
        (1, lambda x: f"{x.sum():.3g}"),
        (1, lambda x: torch.linalg.cholesky_ex(x[:1, 1:2], check_errors=True)),
        (0, lambda x: torch.linalg.cholesky_ex(x[:1, 1:2])),
        (0, lambda x: HOST.to(x.device, non_blocking=True)),
        (0, lambda x: torch.zeros(3, device=x.device) + x[0].double() * NUMBER),
        (0, lambda x: x[:, here(x)[1]]),
        (0, lambda x: x.masked_fill_(x > 1, 0.0)),
    ],
)
def test_waits_are_counted(times, waits, x):
    with counted() as seen:
        waits(x)
    assert len(seen) == times


def test_the_numbers_are_those_of_the_cpu(x):
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    drawn = [torch.randn(3, generator=torch.Generator(d).manual_seed(1), device=d).cpu() for d in ("cpu", x.device)]
    assert torch.equal(*drawn)


def test_writing_in_place_reaches_every_view(x):
    row = x[0]
    row.add_(1)
    x[:, 1] = 7
    assert x.tolist() == [[1, 7, 3], [3, 7, 5]]
    weight = nn.Parameter(torch.zeros(2, device=x.device))
    weight.data = x[0, :2]
    x.zero_()
    assert weight.tolist() == [0, 0]


def test_a_network_learns_there_as_on_the_cpu():
    def trained(device):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(device)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1, fused=True)
        for _ in range(3):
            optimizer.zero_grad()
            net(HOST.to(device)).square().mean().backward()
            optimizer.step()
        return [p.detach() for p in net.parameters()]

    with other_device() as device:
        there = trained(device)
        assert all(p.device == device for p in there)
        there = [p.cpu() for p in there]
    assert all(torch.equal(a, b) for a, b in zip(there, trained("cpu"), strict=True))


def test_afterwards_torch_is_as_it_was():
    with other_device():
        assert torch.Generator is not HostGenerator
    assert torch.Generator is HostGenerator
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
    assert torch.overrides._get_current_function_mode() is None
    assert not torch.accelerator.is_available() or torch.accelerator.current_accelerator().type != DEVICE.type
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.zeros(3, device=DEVICE)
    assert DEVICE.type not in optimizer._get_fused_kernels_supported_devices()
