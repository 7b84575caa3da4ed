"""Who may import whom.  An arrow that is not here is a decision: make it on purpose, in this table.

The arrows of `diffkit` are transitive: a module may also import what the modules it imports may import.
"""

# Every module may import these.
DIFFKIT_COMMON = {"errors"}

DIFFKIT = {
    "errors": "",
    "figure": "",  # a drawing as data, without matplotlib
    "gaussian": "",
    "schedule": "",
    "sigmas": "",
    "inputs": "gaussian",
    "graph": "gaussian schedule",
    "oracle": "gaussian schedule",
    "forward": "gaussian schedule",
    "parameterize": "inputs schedule",
    "elbo": "forward oracle parameterize",  # the exact gap, for data whose densities are known
    "losses": "elbo forward parameterize",  # a weighted noise loss is a term of the bound
    "sde": "gaussian schedule",
    # A sampler takes a function, so an exact score fits as well as a network: never `nets`.
    "samplers": "forward parameterize sde sigmas",
    "guidance": "samplers",
    "likelihood": "samplers sde",  # the ODE solvers are samplers too
    "vae": "forward inputs",  # chains of latents; the fixed encoder is the forward process
    "idx": "",
    "capture": "",
    "nets": "schedule",  # the learned log SNR gives one
    "train": "losses",
    "data": "idx oracle",
    "metrics": "",
    "latent": "elbo inputs",
    "quality": "oracle samplers",  # exact samples against exact data, on the line
    "hunt": "",  # broken pipelines as text: exercises and the lesson read them, nothing else
    "bugs": "gaussian schedule",  # wrong samplers on purpose: no other module may use them but the explorers
    "equations": "data elbo graph guidance latent likelihood losses metrics nets quality vae",
    "plots": "figure",
    "explorers": "bugs equations plots quality",
}

# Not transitive: the trust border runs through this package. `diffkit` stands for the whole library.
GRADER = {
    "exercise": "",
    "exercises": "exercise diffkit",
    "wire": "",
    "compare": "",
    "answer": "exercise when_written",
    "text": "",
    "verdict": "answer compare exercise text",
    "message": "verdict diffkit",
    "learner": "exercise exercises",  # what is kept of a student's own work
    "check": "answer exercises learner message verdict",
    "when_written": "",
    "naming": "",
    "strip": "",
    # What runs beside hostile code knows neither answers nor verdicts.
    "sandbox": "wire",
    "notebook_file": "",
    "intake": "notebook_file",
    "defang": "",
    "restored": "defang",
    "remote": "answer exercise sandbox when_written",
    "definitions": "",
    "judge": "answer definitions exercise exercises message remote sandbox verdict wire",
    "build": "diffkit naming",  # the gallery shows what the registry of explorers holds
}
# These drive the modules above and may import any of them; nothing above may import these.
GRADER_DRIVERS = {
    "book", "cli", "cluster", "collect", "commands", "config", "converting", "demo", "desk", "doctor", "entry",
    "errors", "executors", "exports", "feedback", "graded", "handed_in", "job", "key", "late", "meter", "people",
    "plugin", "records", "regrade", "report", "rows", "run", "versions", "warm", "workplace",
}  # fmt: skip

NBGRADER = (
    "build", "commands", "converting", "entry", "executors", "exports", "feedback", "graded", "handed_in", "key",
    "late", "plugin", "regrade", "rows", "run", "warm",
)  # fmt: skip
# Libraries that only some modules may import: {library: who}.
RESERVED = {
    "matplotlib": {
        "diffkit.plots",
        "diffkit.explorers",
        "grader.sandbox",
    },  # the sandbox loads it before the fork
    "ipywidgets": {"diffkit.plots", "diffkit.explorers"},
    "anywidget": {"diffkit.explorers"},
    "networkx": {"diffkit.graph"},
    "nbgrader": {f"grader.{name}" for name in NBGRADER},
    "jupytext": {"grader.build"},
    "msgpack": {"grader.wire"},
    "distributed": {"grader.cluster"},
}
# Reading any of these formats runs code of whoever wrote it.
FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
