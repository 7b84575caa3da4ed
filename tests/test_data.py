"""The data: what comes out is what the docstrings say, and a missing file says what to do."""

import pytest
import torch

from diffkit import data
from diffkit.errors import DataError, RangeError


def test_digits_are_1797_images_in_range():
    images, labels = data.digits()
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == torch.float32
    assert float(images.min()) == -1
    assert float(images.max()) == 1
    assert torch.equal((images + 1) * 8, ((images + 1) * 8).round())
    assert torch.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_a_missing_or_damaged_file_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="restore data/"):
        data.digits()
    (tmp_path / "digits.npz").write_bytes(b"PK damaged")
    with pytest.raises(DataError, match="restore data/"):
        data.digits()


@pytest.mark.parametrize("make", [data.two_moons, data.rings, data.checkerboard])
def test_toy_sets_repeat_with_the_generator_and_refuse_negative_counts(make):
    a, b = (make(50, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.shape == (50, 2)
    assert make(0).shape == (0, 2)
    with pytest.raises(RangeError, match="negative"):
        make(-1)


def test_the_checkerboard_is_dark_on_every_second_square(g):
    square = torch.floor(data.checkerboard(4000, generator=g)) + 2
    assert set((square.sum(1) % 2).tolist()) == {0.0}
    assert set(square.flatten().tolist()) == {0.0, 1.0, 2.0, 3.0}
    assert len(torch.unique(square, dim=0)) == 8


def test_rings_and_ring_mixture_have_their_radii(g):
    radius = data.rings(4000, noise=0.0, generator=g).norm(dim=1)
    assert torch.allclose(torch.minimum((radius - 0.7).abs(), (radius - 1.6).abs()), torch.zeros(4000), atol=1e-5)
    x = data.rings(4000, noise=0.0, generator=g)
    x = x / x.norm(dim=1, keepdim=True)  # all round: as much each way, within 6 standard errors
    for part in (x[:, 0], x[:, 1], x[:, 0] ** 2 - 0.5, x[:, 0] * x[:, 1]):
        assert abs(float(part.mean())) < 6 * 8000**-0.5
    assert torch.allclose(data.ring_mixture(6, radius=2.0).means.norm(dim=1), torch.full((6,), 2.0).double())


def test_the_moons_mixture_is_the_law_of_two_moons():
    mixture, n = data.moons_mixture(), 20_000
    x = data.two_moons(n, generator=torch.Generator().manual_seed(0)).double()
    mean = mixture.weights @ mixture.means
    away = mixture.means - mean
    cov = away.mT @ away / len(away) + mixture.covs[0]
    # 6 standard errors: wrong by chance less than once in 1e7 runs.
    assert bool(((x.mean(0) - mean).abs() < 6 * x.std(0) / n**0.5).all())
    assert float((x.mT.cov() - cov).abs().max()) < 6 * 2 * float(x.var(0).max()) / n**0.5
    # Compared where it matters too: the density gives its own samples and those of two_moons the same mean logarithm.
    own = mixture.log_prob(mixture.sample(n, generator=torch.Generator().manual_seed(1)))
    theirs = mixture.log_prob(x)
    assert abs(float(own.mean() - theirs.mean())) < 6 * float(own.std() + theirs.std()) / n**0.5


@pytest.mark.parametrize("K", [0, 1, 7])
def test_a_moons_mixture_needs_an_even_number(K):
    with pytest.raises(RangeError, match="even"):
        data.moons_mixture(K)


def test_of_the_hills_one_of_class_0_is_alone_and_one_is_not():
    mixture, labels = data.hills()
    assert labels.tolist() == [0, 0, 1, 2, 1]
    others = 1 - mixture.responsibilities(mixture.sample(4000, generator=torch.Generator().manual_seed(0)))[:, :2].sum(
        1
    )
    assert 0.4 < float((others > 0.5).double().mean()) < 0.75
    at_the_tops = mixture.responsibilities(mixture.means[:2])[:, labels == 0].sum(1)
    assert float(at_the_tops[0]) > 0.999
    assert float(at_the_tops[1]) < 0.99
