# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Explorers
#
# The pictures of this course that answer when you touch them. (In JupyterLab, first run all cells: in the menu *Run*, *Run
# All Cells*.) Every control works with the mouse and with the keyboard: *Tab* goes from control to control, arrow keys
# move a slider, *Home* and *End* go to its ends. In JupyterLab, *Escape* gives the keys back to the notebook.
#
# Each picture begins with two or three things to try. What they show is derived in the lesson that is named there.

# %%
import torch

from diffkit import explorers

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% [markdown] explorer="dag_editor"
# ## Which path is open?
#
# Choose the *collider* among the graphs and read the verdict: its two causes know nothing of each other. Now click the
# effect in the middle to observe it, and the path opens. Then try the *fork*, where observing does the opposite. You
# may draw graphs of your own. (Lesson 01)

# %% explorer="dag_editor"
explorers.dag_editor()

# %% [markdown] explorer="forward_process"
# ## From data to noise
#
# Move t slowly to the right. When do the three bumps melt into one? At which t can you no longer read the digit, and how
# large is the signal-to-noise ratio there? Press *New noise*: does that moment change? (Lesson 02)

# %% explorer="forward_process"
explorers.forward_process()

# %% [markdown] explorer="schedule_designer"
# ## Design a schedule
#
# Make T ten times smaller and leave the betas as they are: the end is far from noise now. Repair it with a larger last
# beta. Then choose the *cosine* schedule and compare where it spends its steps. (Lesson 02)

# %% explorer="schedule_designer"
explorers.schedule_designer()

# %% [markdown] explorer="elbo_gap"
# ## Why so many steps?
#
# Start at T = 1: one Gaussian has to fit three bumps, and half a nat is lost. Find the T from which the gap falls in
# proportion to 1/T. Then change the variance of the step: with which one can few steps do most? (Lesson 03)

# %% explorer="elbo_gap"
explorers.elbo_gap()

# %% [markdown] explorer="what_cancels"
# ## What cancels in the bound
#
# Move the stage from 1 to 4 and watch the factors being exchanged and struck out, while the sum at the bottom does not
# move. Stage 5 takes expectations: each difference becomes a divergence, which cannot be negative. (Lesson 04)

# %% explorer="what_cancels"
explorers.what_cancels(generator=torch.Generator().manual_seed(3))

# %% [markdown] explorer="elbo_terms"
# ## Where the nats are
#
# Make the prediction worse with its slider: at which t does it cost most? Change the variance, for T = 10 and for
# T = 200: when does it matter? What is left between the bound and the entropy of the data? (Lesson 04)

# %% explorer="elbo_terms"
explorers.elbo_terms()

# %% [markdown] explorer="trajectory"
# ## The way back
#
# Press *Play*, then walk back with the arrow keys. Below each image is what the network believes it will become. When is
# it decided which digit comes? When do the points choose their cluster? (Lesson 05)

# %% explorer="trajectory"
from itertools import pairwise

from diffkit import data, nets, parameterize, samplers, schedule, train

short, ring = schedule.linear(200, 5e-4, 0.1), data.ring_mixture()
g = torch.Generator().manual_seed(12)
network = nets.UNet()
train.load_weights(network, data.data_folder() / "ddpm_digits.safetensors")
walk = list(samplers.ancestral(network, short, torch.randn(8, 1, 8, 8, generator=g), generator=g))
believed = [
    parameterize.convert(after.out, "eps", "x0", short, now.x, now.t).clamp(-1, 1) for now, after in pairwise(walk)
]
cloud = samplers.ancestral(
    lambda x, t: ring.eps(x, short.alpha_bar[t].sqrt(), short.noise_var[t].sqrt()),
    short,
    torch.randn(400, 2, dtype=torch.float64, generator=g),
    generator=g,
)
explorers.trajectory(
    torch.stack([step.x for step in walk]),
    torch.stack([*believed, walk[-1].x]),
    torch.stack([step.x for step in cloud]),
    short,
)

# %% [markdown] explorer="bug_gallery"
# ## Would you notice?
#
# Thirteen samplers run on a ring of eight clusters; twelve have a mistake that people really make. Choose one, and first
# guess from the points alone whether it is wrong. Then read the table: which measurement gives it away? (Lesson 05)

# %% explorer="bug_gallery"
explorers.bug_gallery()

# %% [markdown] explorer="score_field"
# ## The score, true and learned by heart
#
# In the middle is the best score that a hundred examples can teach. At small σ follow its arrows: where do they lead?
# Make σ larger until the error is small everywhere. What has become of the two moons by then? (Lesson 06)

# %% explorer="score_field"
explorers.score_field()

# %% [markdown] explorer="langevin_particles"
# ## Particles that wander
#
# Press *Play*: the particles begin on the left, though most of the target is on the right. How many steps until they have
# crossed? Make the step η larger until the histogram no longer fits, then raise σ and see the valley fill. (Lesson 07)

# %% explorer="langevin_particles"
explorers.langevin_particles()
