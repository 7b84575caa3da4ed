"""The map of the course: concepts, the equations that join them, and how far the reader has come in each.

A state is told by its sign and its words, and by the border and a bar; colour only repeats it.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from traitlets import Unicode, validate

from diffkit import plots
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, script
from diffkit.figure import Figure


class Concept(NamedTuple):
    """name: as on the map; lesson: where it is taught; place: (right, up); words: what it is, in one sentence."""

    name: str
    lesson: str
    place: tuple[float, float]
    words: str


class Arrow(NamedTuple):
    """Two concepts, the tag of the equation that joins them, and that equation in plain signs."""

    ends: tuple[str, str]
    tag: str
    says: str


CONCEPTS: dict[str, Concept] = {
    "graph": Concept("graphical model", "01", (0, 3), "Which variables depend on which, and what cancels."),
    "forward": Concept("forward process", "02", (0, 2), "Data become noise in small known steps."),
    "vae": Concept("VAE", "03", (1, 3), "A model with a latent, trained by a bound on its likelihood."),
    "elbo": Concept("ELBO", "04", (2, 3), "The bound as a sum of one cost per step."),
    "ddpm": Concept("DDPM", "05", (0, 1), "Predict the noise, then walk back with noise added."),
    "denoising": Concept("denoising", "06", (2, 2), "The best guess of the data behind a noisy point."),
    "score": Concept("score", "06", (1, 1), "The direction in which the log density grows."),
    "langevin": Concept("Langevin", "07", (2, 1), "A step uphill and a step at random."),
    "sde": Concept("SDE", "08", (1, 0), "The chain with infinitely many small steps."),
    "ode": Concept("probability flow", "09", (2, 0), "The same densities without any noise on the way."),
    "flow": Concept("normalizing flow", "09", (3, 1), "A map that can be undone, with an exact likelihood."),
    "ddim": Concept("DDIM", "10", (3, 0), "Few large steps, as little noise as one likes."),
    "guidance": Concept("guidance", "11", (1, 2), "Scores added to steer towards a label."),
    "latent": Concept("latent diffusion", "12", (3, 3), "A diffusion model as the prior of an autoencoder."),
    "hunt": Concept("checks", "13", (3, 2), "Small experiments whose answer is known beforehand."),
}
ARROWS: tuple[Arrow, ...] = (
    Arrow(("graph", "vae"), "3.1", "p(x₀..x_T) = p(x_T) ∏ p(xₜ₋₁ | xₜ): the reverse chain is a graph"),
    Arrow(("graph", "forward"), "2.1", "q(x₀..x_T) = q(x₀) ∏ q(xₜ | xₜ₋₁): so is the forward chain"),
    Arrow(("vae", "elbo"), "13.5", "E log p/q = E log p(x₀ | x₁) − KL: the encoder is the forward process"),
    Arrow(
        ("elbo", "denoising"), "13.6", "Lₜ₋₁ = ½ (SNR(t−1) − SNR(t)) ‖x₀ − x̂₀‖², with finer steps an integral (13.7)"
    ),
    Arrow(("forward", "ddpm"), "13.18", "q(xₜ₋₁ | xₜ, x₀) has the mean c₀ x₀ + cₜ xₜ"),
    Arrow(("ddpm", "score"), "13.1", "E[ε | xₜ] = −σₜ s(xₜ), and so its loss is denoising score matching (13.3)"),
    Arrow(("ddpm", "sde"), "13.8", "one step = one reverse Euler step + order β²"),
    Arrow(("denoising", "score"), "13.2", "E[x₀ | xₜ] = (xₜ + σₜ² s) / aₜ"),
    Arrow(("score", "langevin"), "13.23", "drift d and noise variance c² = 2 d"),
    Arrow(("langevin", "sde"), "13.10", "reverse SDE step = flow step + Langevin step"),
    Arrow(("sde", "ode"), "13.9", "drift f x − ½(1 − λ²) g² s and noise λ g: one density for every λ"),
    Arrow(("ode", "ddim"), "13.12", "DDIM = Euler steps of dy/dr = ε (13.11)"),
    Arrow(("ode", "flow"), "13.13", "d log p / dt = −div v, the limit of many thin layers (13.14)"),
    Arrow(("score", "guidance"), "13.25", "∇ log p(x | ℓ)^(1+w) / p(x)^w = (1 + w) s_ℓ − w s"),
    Arrow(("elbo", "latent"), "13.5", "the VAE's bound, with a diffusion model for the prior"),
    Arrow(("flow", "hunt"), "13.26", "∫ p = 1: a check of any likelihood"),
    Arrow(("denoising", "hunt"), "13.4", "the loss is not 0 at its best: compare two models"),
)
SIGNS = {"done": "●", "begun": "◐", "not begun": "○"}  # full, half, empty


class ConceptMap(Explorer):
    """chosen: the concept that is explained, a key of `CONCEPTS`.  Python may set it too."""

    _esm = script("concept_map.js")

    chosen = Unicode("score").tag(sync=True)
    concepts = Unicode().tag(sync=True)  # JSON: {key: {name, lesson, place, words, share, state, sign}}
    arrows = Unicode().tag(sync=True)  # JSON: [{ends, tag, says}]

    def __init__(self, done: Mapping[str, float]) -> None:
        self.shown = {key: _described(concept, done.get(concept.lesson, 0.0)) for key, concept in CONCEPTS.items()}
        super().__init__(
            concepts=json.dumps(self.shown),
            arrows=json.dumps([arrow._asdict() for arrow in ARROWS]),
        )

    @validate("chosen")
    def _check_chosen(self, proposal: dict[str, str]) -> str:
        if proposal["value"] not in CONCEPTS:
            raise RangeError(f"no concept is called {proposal['value']!r}; there are: {', '.join(CONCEPTS)}")
        return proposal["value"]

    def picture(self) -> Figure:
        """The whole map; the chosen concept and its neighbours in words."""
        boxes = {
            key: plots.Box(f"{c['sign']} {c['name']}", f"lesson {c['lesson']}, {c['state']}", c["place"], c["share"])
            for key, c in self.shown.items()
        }
        joined = [arrow for arrow in ARROWS if self.chosen in arrow.ends]
        chosen = self.shown[self.chosen]
        near = "; ".join(f"{self._other(arrow)}: {arrow.says} ({arrow.tag})" for arrow in joined)
        states = ", ".join(f"{c['name']} {c['state']}" for c in self.shown.values())
        alt = (
            f"Map of {len(boxes)} concepts and {len(ARROWS)} equations. Chosen: {chosen['name']}, lesson "
            f"{chosen['lesson']}. {chosen['words']} It is joined to {near}. Progress: {states}."
        )
        return plots.concept_map(boxes, [(a.ends, a.tag) for a in ARROWS], self.chosen, alt)

    def _other(self, arrow: Arrow) -> str:
        key = arrow.ends[1] if arrow.ends[0] == self.chosen else arrow.ends[0]
        return CONCEPTS[key].name


def concept_map(done: Mapping[str, float] | None = None) -> ConceptMap:
    """The map of the course, marked with the reader's progress.

    done: number of a lesson, "05", to the share of its exercises that are passed, 0 to 1; a lesson that is not there
    counts as not begun.
    """
    done = dict(done or {})
    lessons = {f"{n:02d}" for n in range(14)}
    if unknown := sorted(set(done) - lessons):
        raise RangeError(f"there is no lesson {unknown[0]!r}: write its number with two digits, '00' to '13'")
    for lesson, share in done.items():
        if not (isinstance(share, int | float) and math.isfinite(share) and 0 <= share <= 1):
            raise RangeError(f"lesson {lesson} has the share {share!r}: pass a number from 0 to 1")
    return ConceptMap(done)


def _described(concept: Concept, share: float) -> dict[str, Any]:
    state = "done" if share >= 1 else "begun" if share > 0 else "not begun"
    said = f"begun, {min(max(round(100 * share), 1), 99)} %" if state == "begun" else state
    return {**concept._asdict(), "share": float(share), "state": said, "sign": SIGNS[state]}
