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
# may draw graphs of your own; *Reset* brings the chosen one back. (Lesson 01)

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

# %% [markdown] explorer="sde_paths"
# ## Paths there and back
#
# Press *Play* and watch the particles follow their density from data to noise. Then turn the direction round and make the
# step longer: how few steps will do? Leave out the score, and see that the way back is lost. (Lesson 08)

# %% explorer="sde_paths"
explorers.sde_paths()

# %% [markdown] explorer="flow_paths"
# ## One noise, two ways back
#
# Both panels begin with the same noise. Turn λ down and the paths of the SDE become those of the flow, which never cross.
# Then choose few steps: where does the likelihood on the right go wrong first? (Lesson 09)

# %% explorer="flow_paths"
explorers.flow_paths()

# %% [markdown] explorer="quality_calls"
# ## Which sampler for ten calls?
#
# Choose two samplers and a budget, and compare what they make. From how many calls on does the second order pay? Switch the
# spacing of the levels and try three calls again. (Lesson 10)

# %% explorer="quality_calls"
explorers.quality_calls()

# %% [markdown] explorer="guidance_strength"
# ## To insist
#
# Move w from -1, where nobody asks for anything, to the right. When are the digits what was asked for, and when do they
# all look alike? Compare the points with the lines, which enclose what *should* be drawn at this w. (Lesson 11)

# %% explorer="guidance_strength"
from diffkit import data, guidance, nets, samplers, schedule, train

short = schedule.linear(200, 5e-4, 0.1)
guided_net = nets.UNet(classes=10).eval().requires_grad_(False)
train.load_weights(guided_net, data.data_folder() / "conditional_digits.safetensors")
asked = torch.arange(10).repeat_interleave(6)
x_T = torch.randn(len(asked), 1, 8, 8, generator=torch.Generator().manual_seed(3))
times = samplers.uniform_times(short.T, 20)
strengths = (-1.0, 0.0, 1.0, 2.0, 4.0, 8.0)
drawn = []
for w in strengths:
    eps = guidance.classifier_free(guided_net, asked, torch.full_like(asked, 10), scale=1 + w)
    drawn.append(samplers.last(samplers.ddim(eps, short, x_T, times=times)))
explorers.guidance_strength(torch.stack(drawn).reshape(len(strengths), 10, 6, 1, 8, 8), strengths)

# %% [markdown] explorer="latent_space"
# ## Pixels and codes
#
# Mix two digits half and half: pixels are a double exposure. What are codes? Then go back to one digit and add noise, and
# compare with the numbers below how far each picture is from a real digit. (Lesson 12)

# %% explorer="latent_space"
from diffkit import data, latent, nets, schedule, train

pictures = data.digits().images
parts = torch.nn.ModuleDict({"autoencoder": nets.AutoEncoder(1, 2, channels=16), "prior": nets.Mlp(32, width=192)})
train.load_weights(parts, data.data_folder() / "latent_digits.safetensors")
autoencoder = parts["autoencoder"].requires_grad_(False)
seen = autoencoder.encode(pictures)
g = torch.Generator().manual_seed(1)
scale = latent.fit_scale(seen.mean + seen.var.sqrt() * torch.randn(seen.mean.shape, generator=g))
explorers.latent_space(
    pictures[[0, 6, 1, 4, 3, 8, 7, 9]],
    lambda x: scale.scale(autoencoder.encode(x).mean),
    lambda u: autoencoder.decode(scale.unscale(u)),
    schedule.linear(200, 5e-4, 0.1),
    pictures,
    names=["0 and 6", "1 and 4", "3 and 8", "7 and 9"],
    generator=g,
)

# %% [markdown] explorer="concept_map"
# ## The map
#
# Go from box to box, and read which equation joins a thing to its neighbours and in which lesson it stands. Your own
# progress is marked: ○ not begun, ◐ begun, ● done. (Lesson 13)

# %% explorer="concept_map"
from grader import progress

explorers.concept_map(progress.done())
