"""The exercises of the course, by name.  One package or module per lesson."""

from difflib import get_close_matches
from types import ModuleType

from grader.exercise import Exercise
from grader.exercises import (
    bug_hunt,
    controllable_generation,
    ddpm,
    decomposing_the_elbo,
    fast_sampling,
    forward_process,
    graphical_models,
    langevin_dynamics,
    latent_diffusion,
    likelihood_to_elbo,
    probability_flow,
    score_matching,
    start_here,
    stochastic_differential_equations,
)

PACKAGES: dict[str, ModuleType] = {
    "00_start_here": start_here,
    "01_graphical_models": graphical_models,
    "02_forward_process": forward_process,
    "03_likelihood_to_elbo": likelihood_to_elbo,
    "04_decomposing_the_elbo": decomposing_the_elbo,
    "05_ddpm": ddpm,
    "06_score_matching": score_matching,
    "07_langevin_dynamics": langevin_dynamics,
    "08_stochastic_differential_equations": stochastic_differential_equations,
    "09_probability_flow": probability_flow,
    "10_fast_sampling": fast_sampling,
    "11_controllable_generation": controllable_generation,
    "12_latent_diffusion": latent_diffusion,
    "13_bug_hunt": bug_hunt,
}
LESSONS: dict[str, tuple[Exercise, ...]] = {lesson: package.EXERCISES for lesson, package in PACKAGES.items()}
# What a lesson's sandbox may import from diffkit; everything else of it is absent while grading.
MODULES: dict[str, tuple[str, ...]] = {lesson: package.MAY_IMPORT for lesson, package in PACKAGES.items()}
EXERCISES: dict[str, Exercise] = {e.name: e for lesson in LESSONS.values() for e in lesson}


def find(name: str) -> Exercise:
    """The exercise with this name.  Raises KeyError that tells which name may have been meant."""
    if name not in EXERCISES:
        raise KeyError(f"there is no exercise {name!r}; {_meant(str(name))}")
    return EXERCISES[name]


def _meant(name: str) -> str:
    lesson, _, own = name.rpartition(".")
    beside = {e.partition(".")[2]: e for e in EXERCISES if e.partition(".")[0] == lesson}
    known = beside or {part: e for e in EXERCISES for part in (e, e.partition(".")[2])}
    if near := get_close_matches(own if beside else name, known, cutoff=0.7):
        return f"did you mean {' or '.join(dict.fromkeys(known[n] for n in near))}?"
    return f"there are: {', '.join(beside.values())}" if beside else "each stands in the line under its title"


def withheld(lesson: str) -> frozenset[str]:
    """Dotted names in diffkit that must not work while this lesson is graded: each would be an answer."""
    return frozenset(name for e in LESSONS[lesson] for name in e.withholds)
