"""The Fréchet distance: the W_2 of two Gaussians with the means and covariances of the samples.

It is as good as the features it looks at, and sees only their first two moments.

Source: Dowson & Landau 1982; Heusel et al. 2017, eq. 6 (with the features of a classifier: FID).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.metrics.points import pair


def frechet_distance(x: Tensor, y: Tensor, features: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """||m_x - m_y||^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2)), () float64, squared units of the features.

    x: (N, *D), y: (M, *D), N, M >= 2; features: (n, *D) to (n, F), such as `nets.Classifier().features`, else the
    values themselves.  Covariances divide by N - 1.  The value falls with N and M: compare at equal sizes only.
    """
    if features is not None:
        pair(x, y, least=2)
        with torch.no_grad():
            x, y = features(x), features(y)
    a, b = pair(x, y, least=2)
    between = (a.mean(0) - b.mean(0)).square().sum()
    root_a, root_b = _root(a), _root(b)
    # tr (S_x S_y)^(1/2) with S = R^T R is the sum of singular values of R_x R_y^T: no square root of a matrix that
    # rounding has made indefinite, also with fewer examples than features.
    shared = torch.linalg.svdvals(root_a @ root_b.T).sum()
    return (between + root_a.square().sum() + root_b.square().sum() - 2 * shared).clamp(min=0)


def frechet_gaussian(mean_x: Tensor, cov_x: Tensor, mean_y: Tensor, cov_y: Tensor) -> Tensor:
    """The same for given moments.  means: (F,); covs: (F, F), symmetric, without negative eigenvalues."""
    f = len(mean_x) if mean_x.ndim == 1 else -1
    if mean_y.shape != mean_x.shape or cov_x.shape != (f, f) or cov_y.shape != (f, f):
        shapes = [tuple(v.shape) for v in (mean_x, cov_x, mean_y, cov_y)]
        raise ShapeError(f"got shapes {shapes}: pass (F,), (F, F), (F,), (F, F)")
    roots = [_cov_root(c.double()) for c in (cov_x, cov_y)]
    shared = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    between = (mean_x.double() - mean_y.double()).square().sum()
    return (between + roots[0].square().sum() + roots[1].square().sum() - 2 * shared).clamp(min=0)


def _root(x: Tensor) -> Tensor:
    """R with R^T R = the covariance of x, at most (F, F)."""
    centred = (x - x.mean(0)) / (len(x) - 1) ** 0.5
    return torch.linalg.qr(centred, mode="r").R if len(x) > x.shape[1] else centred


def _cov_root(cov: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(cov)
    if not torch.allclose(cov, cov.T, rtol=1e-9) or bool(values[0] < -1e-9 * values[-1].abs()):
        raise RangeError("a covariance must be symmetric, without negative eigenvalues")
    return values.clamp(min=0).sqrt().unsqueeze(1) * vectors.T
