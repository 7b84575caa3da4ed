"""The twelve pipelines of the hunt, in the order of the lesson."""

from diffkit.hunt.objectives import LIKELIHOOD, LOSS, POSTERIOR
from diffkit.hunt.pipeline import Pipeline
from diffkit.hunt.processes import FORWARD, SCALING, SCHEDULE
from diffkit.hunt.sampling import DDIM, GUIDANCE, LANGEVIN, LOOP, REVERSE, STEP

PIPELINES: dict[str, Pipeline] = {
    "schedule": SCHEDULE,
    "forward": FORWARD,
    "scaling": SCALING,
    "posterior": POSTERIOR,
    "loss": LOSS,
    "step": STEP,
    "loop": LOOP,
    "ddim": DDIM,
    "langevin": LANGEVIN,
    "reverse": REVERSE,
    "guidance": GUIDANCE,
    "likelihood": LIKELIHOOD,
}
