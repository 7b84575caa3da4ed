"""Ways to run a network on a GPU, side by side: as it is, recorded as a CUDA graph, compiled, in bfloat16.

T = 1000 ancestral steps with a 2-D MLP, bound by the starting of kernels, and 100 with a U-Net on 8x8
images.  Same network, same noise.  Prints milliseconds a step, the ratio to the plain network, the largest
difference of the samples from the plain ones, and the most memory that was in use.

    python benchmarks/gpu_paths.py [--rounds 3]
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffkit.capture import capture
from diffkit.nets import Mlp, UNet
from diffkit.samplers import ancestral
from diffkit.schedule import linear

Model = Callable[[Tensor, Tensor], Tensor]
BATCH = 256


def half(net: nn.Module) -> Model:
    """The network's products in bfloat16, its result in float32 again."""

    def call(x: Tensor, t: Tensor) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16):
            out: Tensor = net(x, t)
        return out.float()

    return call


def ways(net: nn.Module, x: Tensor) -> dict[str, Model]:
    t = torch.ones(len(x), dtype=torch.long, device=x.device)
    return {
        "plain": net,
        "recorded": capture(net, x, t),
        "compiled": torch.compile(net, mode="reduce-overhead"),
        "bfloat16": half(net),
        "bfloat16, recorded": capture(half(net), x, t),
    }


def sample(model: Model, x: Tensor, T: int) -> Tensor:
    g = torch.Generator(x.device).manual_seed(1)
    for step in ancestral(model, linear(T, 1e-4 * 1000 / T, 0.02 * 1000 / T).to(x.device), x, generator=g):
        last = step.x
    return last


def measure(name: str, net: nn.Module, shape: tuple[int, ...], T: int, rounds: int) -> None:
    torch.manual_seed(0)
    for p in net.parameters():
        nn.init.normal_(p, std=0.05)
    net, x = net.cuda(), torch.randn(BATCH, *shape, device="cuda")
    models = ways(net, x)
    truth, best, memory = sample(net, x, T), dict.fromkeys(models, float("inf")), {}
    gaps = {way: float((sample(model, x, T) - truth).abs().max()) for way, model in models.items()}  # and warm up
    for _ in range(rounds):
        for way, model in models.items():
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
            start = time.perf_counter()
            sample(model, x, T)
            torch.cuda.synchronize()
            best[way] = min(best[way], (time.perf_counter() - start) / T * 1e3)
            memory[way] = torch.cuda.max_memory_allocated() / 2**20
    print(f"{name}, {T} steps, batch {BATCH}")
    for way, ms in best.items():
        gain, gap = best["plain"] / ms, gaps[way]
        print(f"  {way:<20}{ms:9.3f} ms/step{gain:8.2f} x  difference {gap:.1e}  {memory[way]:8.1f} MiB")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("needs a CUDA device: nothing to measure here")
        return
    print(torch.cuda.get_device_name(), f"torch {torch.__version__}")
    measure("MLP, 2-D", Mlp(2), (2,), 1000, options.rounds)
    measure("U-Net, 8x8", UNet(), (1, 8, 8), 100, options.rounds)


if __name__ == "__main__":
    main()
