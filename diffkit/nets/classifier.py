"""A small classifier of images: its features are the ruler of the Fréchet distance, its gradient can guide."""

from torch import Tensor, nn
from torch.nn import functional as F

from diffkit.errors import RangeError, ShapeError
from diffkit.nets.checks import check_data, check_one_each
from diffkit.nets.embeddings import SinusoidalEmbedding


class Classifier(nn.Module):
    """Class scores (logits) of images: (B, in_channels, H, W) to (B, classes).

    H, W >= 4.  With t, (B,), it reads noisy images: classifier guidance needs log p(y | x_t, t).  `features` is the
    layer before the last, (B, width), at t = 0.
    """

    def __init__(self, in_channels: int = 1, classes: int = 10, *, channels: int = 32, width: int = 64) -> None:
        super().__init__()
        if min(in_channels, channels, width) < 1 or channels % 8 or classes < 2:
            raise RangeError(f"channels = {channels}: a multiple of 8, and at least two classes")
        self.in_channels = in_channels
        self.first = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1), nn.GroupNorm(8, channels))
        self.time = nn.Sequential(SinusoidalEmbedding(channels), nn.Linear(channels, channels))
        self.second = nn.Sequential(nn.SiLU(), nn.Conv2d(channels, 2 * channels, 3, padding=1))
        self.third = nn.Sequential(nn.GroupNorm(8, 2 * channels), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.features_layer = nn.Linear(8 * channels, width)
        self.last = nn.Linear(width, classes)

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        return self.last(F.silu(self.features(x, t)))

    def features(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        """(B, width): what the classifier knows about an image before it decides."""
        check_data(x, (self.in_channels, None, None), self.last.weight)
        if min(x.shape[2:]) < 4:
            raise ShapeError(f"x is {tuple(x.shape)}: height and width must be at least 4; pad the image")
        t = x.new_zeros(len(x)) if t is None else t
        check_one_each(t, x)
        h = self.first(x) + self.time(t)[:, :, None, None]  # after the norm, which would take the time out again
        h = F.avg_pool2d(self.second(h), 2)
        return self.features_layer(self.third(h))

    def log_prob(self, x: Tensor, y: Tensor, t: Tensor | None = None) -> Tensor:
        """log p(y | x) in nats, (B,): what `guidance.classifier_guided` asks for.  y: (B,) long."""
        return -F.cross_entropy(self(x, t), y, reduction="none")
