"""Every public function gives the same numbers on another device as on the CPU, and its answer stays there."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from diffkit import bugs, graph, metrics, quality
from tests.on_device import Place, S, bounds, distributions, learning, measures, net, sampling, tensors_in

pytest_plugins = ["tests.device_fixtures"]

HERE = Place(torch.device("cpu"))
CLAIMS = distributions.CLAIMS | bounds.CLAIMS | sampling.CLAIMS | learning.CLAIMS | measures.CLAIMS
NOT_ASKED = {
    "capture": "recording a graph is for CUDA alone",
    "data": "made on the CPU, with `.to(device)` where it is a batch or a mixture",
    "idx": "reads files",
    "errors": "no tensors",
    "figure": "no tensors",
    "hunt": "texts, for the CPU",
    "plots": "pictures, from the CPU",
    "explorers": "pictures, from the CPU",
    "equations": "on inputs of their own, on the CPU",
}
FOLDER = Path(bugs.__file__).parent
MODULES = {
    p.stem for p in FOLDER.iterdir() if (p.suffix == ".py" or (p / "__init__.py").is_file()) and p.stem[0] != "_"
}
RESULT = "what others return: a tuple of tensors"
NUMBERS = "takes and gives names or numbers, no tensors"
graph_tensors = {name.removeprefix("graph.") for name in CLAIMS if name.startswith("graph.")}
ELSEWHERE = {
    "graph": dict.fromkeys(set(graph.__all__) - {*graph_tensors, "imap", "independent"}, "names of nodes and arrows")
    | dict.fromkeys(["imap", "independent"], "asked with graph.Joint"),
    "gaussian": {"check_fit": "looks at shapes", "check_has_density": "looks at values, on the CPU alone"},
    "schedule": {"check_number_of_steps": NUMBERS},
    "elbo": dict.fromkeys(["Elbo", "Gap", "Levels", "RateDistortion", "Variance"], RESULT),
    "vae": {"Bound": RESULT},
    "sde": {"SDE": "its kinds are asked", "vp_of_linear": NUMBERS},
    "samplers": dict.fromkeys(["Affine", "Step"], RESULT)
    | dict.fromkeys(["ddim_kernel", "euler_maruyama_kernel", "reverse_kernel", "time_grid", "uniform_times"], NUMBERS),
    "likelihood": {"Likelihood": RESULT},
    "latent": {"JointBound": RESULT},
    "nets": {"Code": RESULT},
    "train": dict.fromkeys(["Loss", "Step", "State"], "a type; train.start and train.train are asked")
    | dict.fromkeys(["load", "load_weights", "until_stopped"], "asked with its counterpart")
    | {"distributed": "several processes, tests/test_train_distributed.py"},
    "metrics": dict.fromkeys(["Floor", "bootstrap_floor", "mode_floor", "noise_floor"], "gives numbers, below")
    | {"expected_coverage": NUMBERS},
    "quality": {"Race": RESULT, "most_steps": NUMBERS, "levels": "a few numbers, made on the CPU"}
    | dict.fromkeys(["distance", "noise_floor"], "gives numbers, below"),
    "inputs": dict.fromkeys(["check_batch", "check_like"], "gives back what it took"),
    "bugs": dict.fromkeys(["right", "Sampler", "run"], "asked below"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_the_numbers_are_those_of_the_cpu_and_stay_on_the_device(name, device):
    place = Place(device)
    here, there = (list(tensors_in(CLAIMS[name](p))) for p in (HERE, place))
    assert here
    assert [x.device for x in there] == [device] * len(here)
    if device.type == "cuda" and place.drew:
        return  # a GPU draws other numbers
    for a, b in zip(there, here, strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-9, atol=1e-11, equal_nan=True)


@pytest.mark.parametrize("module", sorted(MODULES - set(NOT_ASKED)))
def test_every_public_name_is_asked_or_has_a_reason(module):
    code = import_module(f"diffkit.{module}")
    own = [n for n, v in vars(code).items() if getattr(v, "__module__", "") == code.__name__ and callable(v)]
    names = {n for n in getattr(code, "__all__", own) if not n.startswith("_")} - {"Index"}
    asked = {name.split(".")[1] for name in CLAIMS if name.startswith(f"{module}.")}
    excused = set(ELSEWHERE.get(module, {}))
    assert names - asked - excused == set()
    assert excused & asked == set()
    assert excused <= names


def test_floors_and_distances_are_numbers_wherever_the_points_are(device):
    there = Place(device)
    x, w = there.randn(40, 2), there(torch.tensor([0.4, 0.6]))
    ways = [
        lambda g: metrics.noise_floor(metrics.energy_distance, x, repeats=3, generator=g),
        lambda g: metrics.bootstrap_floor(metrics.energy_distance, x, 9, 9, repeats=3, generator=g),
    ]
    floors = [way(g) for way in ways for g in (there.draw(), HERE.draw())]
    floors.append(metrics.mode_floor(w, 20, repeats=5, generator=HERE.draw()))
    assert all(floor.values.device.type == "cpu" and floor.p_value(floor.mean) > 0 for floor in floors)
    line = measures.on_the_line(there)
    points = quality.quantiles(line, 20)
    assert quality.distance(line, points) == 0
    assert quality.noise_floor(line, 20, repeats=5) > 0


def test_the_gallery_of_wrong_samplers_runs_where_its_points_are(device):
    made = [bugs.run(bugs.SAMPLERS, net, S, place.randn(4, 2), 0) for place in (HERE, Place(device))]
    stepped = bugs.SAMPLERS[0].step(net, S, Place(device).randn(4, 2), 3, Place(device).draw())
    assert made[1].device == stepped.device == device
    if device.type != "cuda":
        torch.testing.assert_close(made[1].cpu(), made[0], rtol=1e-9, atol=1e-11, equal_nan=True)
