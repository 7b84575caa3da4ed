# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 12 Latent diffusion and other corruptions
#
# **What you will be able to do.** You will put a diffusion model behind an autoencoder, derive the one bound that
# holds for both together, and say what the size of the codes has to do with the noise schedule. You will let the same
# machine speak discrete data, learn its noise schedule, and take the noise away from it altogether, to see which
# parts of the theory were about noise and which were not.
#
# **What it needs.** Lesson 03: the variational autoencoder and its bound. Lesson 04: the bound of the chain. Lesson
# 05: training and sampling with a noise predictor. Lesson 02: the signal-to-noise ratio.
#
# **Time.** About four hours: one and a half to read and play, two and a half for the fifteen exercises. What is
# marked *stretch* or *proof* may be skipped. The machine needs about ten seconds for the whole notebook, on one
# processor core.
#
# A picture before anything else. Run the next two cells.

# %%
import math

import torch

from diffkit import data, explorers, plots, schedule
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit import latent, nets, samplers, train

short = schedule.linear(200, 5e-4, 0.1)  # the 200 steps of lesson 05
pictures = data.digits().images
order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
held_out, training = pictures[order[:300]], pictures[order[300:]]

kept = torch.nn.ModuleDict({"autoencoder": nets.AutoEncoder(1, 2, channels=16), "prior": nets.Mlp(32, width=192)})
train.load_weights(kept, data.data_folder() / "latent_digits.safetensors")
autoencoder, prior = kept["autoencoder"].requires_grad_(False), kept["prior"].requires_grad_(False)

g = torch.Generator().manual_seed(1)
seen = autoencoder.encode(training)  # for each digit a Gaussian over codes of 2 x 4 x 4 numbers
scale = latent.fit_scale(seen.mean + seen.var.sqrt() * torch.randn(seen.mean.shape, generator=g))
alone = autoencoder.decode(torch.randn(10, 2, 4, 4, generator=g))
ends = samplers.last(samplers.ancestral(prior, short, torch.randn(10, 32, generator=g), generator=g))
together = autoencoder.decode(scale.unscale(ends.reshape(10, 2, 4, 4)))
plots.image_grid(
    torch.stack([alone, together, held_out[:10]]),
    [""] * 10,
    ["decoder alone", "with a chain", "real"],
    alt="Three rows of ten small gray images. The first row, decoded from plain normal noise, shows blotches. The "
    "second row, decoded from codes that a diffusion model has drawn, shows digits, most of them readable. The third "
    "row shows real digits.",
)

# %% [markdown]
# All three rows have 64 pixels per image. In the first row, an autoencoder was asked to decode random codes: it
# cannot draw. In the second row, the *same* decoder gets its codes from a diffusion model that has never seen a
# pixel: it was trained on codes of 32 numbers, by a network without any convolution, in a quarter of a minute.
#
# Two thoughts stand behind this. An autoencoder is good at details and bad at inventing. A diffusion model is good at
# inventing, and wasteful at details: lesson 04 showed that most of its nats go into the last specks of noise. So let
# each do what it can.

# %% tags=["explore"]
notation("12")

# %% [markdown]
# ## 1. Three terms
#
# Here are the parts. An *encoder* $q_\phi(\mathbf{z} \mid \mathbf{x})$ turns a data point into a Gaussian over codes
# $\mathbf{z}$. A *decoder* $p_\theta(\mathbf{x} \mid \mathbf{z})$ turns a code into a Gaussian over data points. A
# *prior* $p_\psi(\mathbf{z})$ says which codes there are. All three are learned. Lesson 03 had the first two, with
# $\mathcal{N}(\mathbf{0}, \mathbf{I})$ for a prior. Now the prior will be a diffusion model.
#
# In the lecture somebody asked the question behind this lesson: would it not be easier if the encoder were learned
# too? The answer there was that a learned encoder gives better bounds but blurry samples, if the encoders of *all* levels
# learn (lesson 03 stacked $T$ of them). Here is the compromise that works. **One** learned level gets rid of the details.
# Above it, a chain with a fixed encoder gets the rest right.
#
# **Step 1: the bound.** *Claim:* the loss $-\log p(\mathbf{x})$ is at most a sum of three expectations. *Why it is
# true:* it is the bound of lesson 03 with $\mathbf{z}$ as hidden variable,
# $-\log p(\mathbf{x}) \le \mathbb{E}_{q_\phi}[\log q_\phi(\mathbf{z} \mid \mathbf{x}) - \log p(\mathbf{x}, \mathbf{z})]$.
# The joint density is prior times decoder, and the logarithm of a product is a sum:
#
# $$-\log p(\mathbf{x}) \le \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z})\right] + \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log q_\phi(\mathbf{z} \mid \mathbf{x})\right] + \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\psi(\mathbf{z})\right] \tag{12.1}$$
#
# Lesson 03 took the last two terms together, as a divergence. *Why we keep them apart:* the divergence had a closed
# form because the prior was a Gaussian. A diffusion model has no density that could be written down. But we can treat
# each term by itself.

# %% tags=["explore"]
equation("12.1")

# %% [markdown]
# **Step 2: the second term** belongs to the encoder alone. It is the mean of a log density under itself, which is
# minus an entropy. For independent normal coordinates, $\log q = -\frac12\sum_i [(z_i-\mu_i)^2/\sigma_i^2 +
# \log(2\pi\sigma_i^2)]$. The mean of $(z_i-\mu_i)^2/\sigma_i^2$ is 1, and $1 = \log e$:
#
# $$\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log q_\phi(\mathbf{z} \mid \mathbf{x})\right] = -H\!\left[q_\phi(\mathbf{z} \mid \mathbf{x})\right] = -\tfrac12 \sum_i \log\!\left(2\pi e\,\sigma_i^2\right) \tag{12.2}$$
#
# The bound *rewards* a wide code. A code with tiny $\sigma_i$ says its numbers to many digits, and digits cost nats.

# %% tags=["explore"]
equation("12.2")

# %% [markdown]
# ### Exercise 12.1: the entropy of a code
#
# `latent.encoder_entropy` · difficulty 1 · core · 5 minutes · 4 points · equation (12.2)

# %% exercise="latent.encoder_entropy"
def encoder_entropy(log_var):
    """The entropy of N(mean, exp(log_var)), whatever the mean.  log_var: (B, *D).  Returns (B,) nats."""
    ### BEGIN SOLUTION
    return 0.5 * (log_var + math.log(2 * math.pi * math.e)).flatten(1).sum(1)
    ### END SOLUTION

# %% check="latent.encoder_entropy" points=4
check("latent.encoder_entropy", encoder_entropy)

# %% tags=["explore"]
hint("latent.encoder_entropy")

# %% [markdown]
# You will need the density of a Gaussian. This cell is given, as in lesson 03; do not change it.

# %% given="latent-log_normal"
def log_normal(x, mean, var):
    """log N(x; mean, var I) of each example, in nats.

    x: (B, *D); mean: a number or (B, *D); var: a number or (B, *D).  Returns (B,): the sum over all axes but the first.
    """
    var = torch.as_tensor(var, dtype=x.dtype)
    z = (x - mean) ** 2 / var + torch.log(2 * math.pi * var)
    return -0.5 * z.flatten(1).sum(1)

# %% [markdown]
# ### Exercise 12.2: the three terms, drawn
#
# `latent.vae_terms` · difficulty 2 · core · 12 minutes · 5 points · equation (12.1)
#
# One draw of the code for each example, by reparameterization: mean plus standard deviation times the given noise.
# All three terms are evaluated at this draw. `decode` and `log_prior` are functions; call each once.

# %% exercise="latent.vae_terms"
def vae_terms(x, mean_z, log_var_z, noise, decode, var_x, log_prior):
    """-log p(x | z), log q(z | x) and -log p(z) at one drawn code.

    x: (B, *D); mean_z, log_var_z, noise: (B, *E); decode: z -> mean of x, (B, *D); var_x: float, variance of a pixel;
    log_prior: z -> (B,).  Returns three tensors (B,) in nats.
    """
    ### BEGIN SOLUTION
    z = mean_z + torch.exp(0.5 * log_var_z) * noise
    return -log_normal(x, decode(z), var_x), log_normal(z, mean_z, torch.exp(log_var_z)), -log_prior(z)
    ### END SOLUTION

# %% check="latent.vae_terms" points=5
check("latent.vae_terms", vae_terms)

# %% [markdown]
# ## 2. A case where everything is known
#
# Before networks, an exact witness. Let code and data be single numbers, and the decoder a straight line with noise:
# $p(x \mid z) = \mathcal{N}(x;\ wz + b,\ s^2)$, with $p(z) = \mathcal{N}(0, 1)$ for now and the encoder
# $\mathcal{N}(z;\ m, v)$. Each term is the mean of a square, and the mean of a square is the squared mean plus the
# variance. In the first term the number squared is $x - wz - b$. Its mean is $x - wm - b$. Its variance is $w^2 v$,
# because the slope multiplies the spread of the code:
#
# $$\mathbb{E}_{\mathcal{N}(z;\, m, v)}\!\left[-\log \mathcal{N}(x;\ w z + b,\ s^2)\right] = \tfrac12\left[\frac{(x - w m - b)^2 + w^2 v}{s^2} + \log(2\pi s^2)\right] \tag{12.3}$$
#
# In the third term the number squared is $z$ itself:
#
# $$\mathbb{E}_{\mathcal{N}(z;\, m, v)}\!\left[-\log \mathcal{N}(z;\ 0, 1)\right] = \tfrac12\left[m^2 + v + \log(2\pi)\right] \tag{12.4}$$
#
# Look at what $v$ does. A wide code is punished by (12.3) and (12.4), in proportion to $v$, and rewarded by (12.2),
# in proportion to $\log v$. Somewhere between lies the best width.

# %% tags=["explore"]
equation("12.3")

# %% tags=["explore"]
equation("12.4")

# %% [markdown]
# ### Exercise 12.3: the three terms, exactly
#
# `latent.exact_terms` · difficulty 3 · core · 15 minutes · 5 points · equation (12.3)

# %% exercise="latent.exact_terms"
def exact_terms(x, w, b, var_x, m, v):
    """The three expectations of (12.1) when p(z) = N(0, 1), p(x | z) = N(w z + b, var_x) and q(z | x) = N(m, v).

    x, m, v: (B,); w, b, var_x: floats.  Returns (reconstruction, code, prior), three tensors (B,) in nats.
    """
    ### BEGIN SOLUTION
    square = (x - w * m - b) ** 2 + w**2 * v
    reconstruction = 0.5 * (square / var_x + math.log(2 * math.pi * var_x))
    code = -0.5 * torch.log(2 * math.pi * math.e * v)
    return reconstruction, code, 0.5 * (m**2 + v + math.log(2 * math.pi))
    ### END SOLUTION

# %% check="latent.exact_terms" points=5
check("latent.exact_terms", exact_terms)

# %% [markdown]
# Now watch the terms trade. The next cell keeps the mean of the code at its best and moves the variance. The dashed
# line is the truth, $-\log p(x)$, which is known here.

# %% tags=["explore"]
with when_written():
    x, w, b, s2 = torch.tensor([1.6]).double(), 1.0, 0.0, 0.3
    widths = torch.linspace(0.03, 0.9, 100).double()
    best_mean, best_var = w * (x - b) / (w**2 + s2), s2 / (w**2 + s2)
    terms = exact_terms(x.expand(100), w, b, s2, best_mean.expand(100), widths)
    truth = -log_normal(x.unsqueeze(1), b, w**2 + s2)
    picture = plots.curves(
        widths,
        {
            "the bound": sum(terms),
            "the truth": truth.expand(100),
            "reconstruction": terms[0],
            "code, minus its entropy": terms[1],
            "prior": terms[2],
        },
        alt="Nats against the variance of the code. The reconstruction and the prior term rise on straight lines; the "
        "negative entropy falls steeply at first, then flatter. Their sum falls, touches the horizontal line of the true "
        "value at a variance of about 0.23, and rises again.",
        x_label="variance v of the code",
        y_label="nats",
    )
    display(picture)
    found = widths[sum(terms).argmin()]
    print(f"best variance {float(found):.3f}; of the true posterior {best_var:.3f}")

# %% [markdown]
# The bound touches the truth where the encoder is the true posterior, as lesson 03 promised. No decoder that gives
# exact copies, no code without noise: the best code is as blurred as the data allow.
#
# ## 3. What the prior is there for
#
# Averaged over the data, the third term tells what a good prior is. Call $q_\phi(\mathbf{z})$ the distribution of the
# codes of *all* data together: draw a data point, then a code for it. Then the average of the third term is a cross
# entropy, and a cross entropy is an entropy plus a divergence:
#
# $$\mathbb{E}_{q(\mathbf{x})}\,\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\psi(\mathbf{z})\right] = H\!\left[q_\phi(\mathbf{z})\right] + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z})\,\|\,p_\psi(\mathbf{z})\right), \qquad q_\phi(\mathbf{z}) = \mathbb{E}_{q(\mathbf{x})}\!\left[q_\phi(\mathbf{z} \mid \mathbf{x})\right] \tag{12.5}$$
#
# (The average over both draws is an average over $q_\phi(\mathbf{z})$; add and subtract $\log q_\phi(\mathbf{z})$.)
#
# *Read it.* The entropy is the encoder's doing. The divergence is the prior's failure: **the prior must be the
# distribution of the codes.** With $\mathcal{N}(\mathbf{0}, \mathbf{I})$ for a prior, the codes of digits would have
# to fill a round cloud evenly, which they do not. A sample from the round cloud then lands where no code ever was, and
# the decoder has never been told what to do there. That is the first row of the first picture. The remedy is a prior
# that can learn any distribution. We have one.

# %% tags=["explore"]
equation("12.5")

# %% [markdown]
# **Step 3: the chain.** A diffusion model on codes bounds its own $-\log p_\psi(\mathbf{z})$. Nothing is new in it:
# lesson 04 with $\mathbf{z}$ in the place of $\mathbf{x}_0$.
#
# $$-\log p_\psi(\mathbf{z}) \le \mathcal{L}(\mathbf{z}) = \mathbb{E}_{q}\!\left[L_T + \sum_{t=2}^{T} L_{t-1} + L_0\right] \tag{12.6}$$
#
# Here $q$ is the noising of the code, $\mathbf{z} \to \mathbf{z}_1 \to \dots \to \mathbf{z}_T$. The last term is
# $L_0 = -\log p_\psi(\mathbf{z} \mid \mathbf{z}_1)$, a density, because codes are real numbers and no pixels.
#
# **Step 4: together.** Put (12.6) into (12.1). The bound of a part, inside an expectation, keeps the whole a bound:
#
# $$-\log p(\mathbf{x}) \le \mathcal{J}(\mathbf{x}) = \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z}) + \log q_\phi(\mathbf{z} \mid \mathbf{x}) + \mathcal{L}(\mathbf{z})\right] \tag{12.7}$$
#
# This is the *joint bound*. Every term can be drawn, and a gradient reaches all three networks. So one could train
# encoder, decoder and chain together on it. Many train in two stages instead: first the autoencoder, then the chain on
# codes that no longer move. The bound holds either way, since it holds for *any* encoder.

# %% tags=["explore"]
equation("12.6")

# %% tags=["explore"]
equation("12.7")

# %% [markdown]
# **What was lost?** Twice something was left out, and each is a divergence that we know. Step 1 lost how far the
# encoder is from the true posterior. Step 3 lost, for each code, how far noise is from the chain's own idea of the
# path (lesson 03). So
#
# $$\mathcal{J}(\mathbf{x}) + \log p(\mathbf{x}) = D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z} \mid \mathbf{x})\,\|\,p(\mathbf{z} \mid \mathbf{x})\right) + \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{z}_{1:T} \mid \mathbf{z})\,\|\,p_\psi(\mathbf{z}_{1:T} \mid \mathbf{z})\right)\right] \tag{12.8}$$
#
# The twin of this equation runs the whole machine, encoder, chain of four steps and decoder, on the line, where both
# sides are known exactly.

# %% tags=["explore"]
equation("12.8")

# %% [markdown]
# ## 4. The size of the codes
#
# Pixels were scaled to $[-1, 1]$ before we began. So their size is not far from 1: the mean square of a pixel of our digits
# is 0.72. Codes have whatever size the encoder likes. Does the chain care? Let one coordinate of the codes have the standard deviation $c$. The jump of lesson 02
# shrinks it by $\sqrt{\bar\alpha_t}$ and adds noise of variance $1 - \bar\alpha_t$. So the ratio of what is code to
# what is noise is
#
# $$\frac{\operatorname{Var}\!\left[\sqrt{\bar\alpha_t}\,z\right]}{\operatorname{Var}\!\left[\sqrt{1-\bar\alpha_t}\,\varepsilon\right]} = c^2\,\mathrm{SNR}(t) \qquad \text{for } \operatorname{Var}[z] = c^2 \tag{12.9}$$
#
# A schedule is a promise about ratios: "at $t = 100$, so much is left". For codes of size $c$ every ratio of the promise
# is multiplied by $c^2$. Large codes are still readable when the schedule believes that all is noise. Small codes drown
# in the first steps, and most of the schedule noises noise.
#
# One consequence can be computed right away. The end of the chain should be $\mathcal{N}(\mathbf{0}, \mathbf{I})$. Put
# $\mathbb{E}\|\mathbf{z}\|^2 = d\,c^2$ (mean 0) into the divergence of lesson 02:
#
# $$\mathbb{E}\!\left[L_T\right] = \tfrac{d}{2}\left[\bar\alpha_T\,(c^2 - 1) - \log(1-\bar\alpha_T)\right] \tag{12.10}$$

# %% tags=["explore"]
equation("12.9")

# %% tags=["explore"]
equation("12.10")

# %% [markdown]
# The other consequence needs all the steps. The three bumps of lesson 02 serve as codes, stretched to size $c$, with
# 100 steps and the best mean that a network could learn. The gap of the bound is then an integral that `elbo.gap`
# computes exactly (lesson 03). What remains is only what the size does.

# %% tags=["explore"]
from diffkit import elbo
from diffkit.oracle import GaussianMixture

bumps = data.bumps()  # mean 0, variance 1
hundred = schedule.linear(100, 1e-3, 0.06)  # 4 % of the variance are left at its end
sizes = torch.logspace(-1, 1, 21).double()
parts = []
for c in sizes:
    stretched = GaussianMixture(bumps.weights, c * bumps.means, c**2 * bumps.covs)
    gap = elbo.gap(hundred, elbo.levels(stretched, hundred), "beta")
    parts.append(torch.stack([gap.prior, gap.steps.sum()]))
prices = torch.stack(parts)
display(
    plots.curves(
        sizes.log10(),
        {"start of the way back": prices[:, 0], "its 100 steps": prices[:, 1], "together": prices.sum(1)},
        alt="The gap in nats, on a logarithmic scale, against the logarithm of the size of the codes. The part of the steps "
        "is largest for codes of size 0.1, falls until the size is about 2, and stays. The part of the start is tiny up to "
        "size 1 and rises steeply beyond. Their sum is smallest for sizes from 1 to 2.",
        x_label=r"$\log_{10} c$, size of the codes",
        y_label="nats",
        y_scale="log",
    )
)
for c, (start, way) in zip(sizes.tolist()[::5], prices.tolist()[::5], strict=True):
    print(f"c = {c:5.2f}   start {start:.4f}   steps {way:.4f}   together {start + way:.4f} nats")

# %% [markdown]
# Too small: the modes are told apart in the last few steps of the way back, which are not fine enough for it. Too large:
# at its end the chain is not $\mathcal{N}(0, 1)$, and the model starts in the wrong place. Nothing is magic about exactly
# 1: these narrow bumps would like to be a little larger still. But a tenth or ten times the size costs more than ten times
# as many nats. A schedule can be made for any size, of course. But schedules are copied from paper to paper, and they are
# made for variance 1. It is easier to move the codes.
#
# **So scale them.** Subtract the mean and divide by the standard deviation, $\mathbf{u} = (\mathbf{z} - m)/s$, one pair
# for each channel, measured once on the codes of the training data. The chain then lives on $\mathbf{u}$. What becomes
# of the bound? A density is per unit of volume. If a coordinate is squeezed by $s_i$, the same probability sits in a
# volume that is $s_i$ times smaller:
#
# $$u_i = \frac{z_i - m_i}{s_i} \quad\Longrightarrow\quad \log p(\mathbf{z}) = \log p(\mathbf{u}) - \sum_i \log s_i \tag{12.11}$$
#
# The sum runs over *all* numbers of a code. One $s$ per channel counts once for each place of that channel.

# %% tags=["explore"]
equation("12.11")

# %% [markdown]
# Whoever forgets the sum gets a bound that can be made as small as one likes, by choosing another scale:

# %% tags=["explore"]
erratum("12.11e")

# %% [markdown]
# ### Exercise 12.4: how large are the codes?
#
# `latent.latent_scale` · difficulty 2 · core · 8 minutes · 4 points · equation (12.11)
#
# Divide by the number of entries, not by one less: then the scaled codes have the variance 1 exactly.

# %% exercise="latent.latent_scale"
def latent_scale(z):
    """Mean and standard deviation of each channel, over all codes and all places.

    z: (N, C, *D).  Returns (mean, std), both (C,).
    """
    ### BEGIN SOLUTION
    rows = z.transpose(0, 1).flatten(1)
    return rows.mean(1), rows.std(1, correction=0)
    ### END SOLUTION

# %% check="latent.latent_scale" points=4
check("latent.latent_scale", latent_scale)

# %% [markdown]
# ### Exercise 12.5: the joint bound
#
# `latent.joint_bound` · difficulty 3 · core · 15 minutes · 5 points · equation (12.7)
#
# Encoder, decoder, scale and chain. `chain_bound` gives $\mathcal{L}(\mathbf{u})$ for scaled codes; the decoder wants
# codes as the encoder made them.

# %% exercise="latent.joint_bound"
def joint_bound(x, mean_z, log_var_z, noise, decode, var_x, shift, std, chain_bound):
    """One draw of the joint bound on -log p(x), with the chain on u = (z - shift)/std.

    x: (B, *D); mean_z, log_var_z, noise: (B, C, *E); decode: z -> (B, *D); var_x: float;
    shift, std: (C, 1, .., 1), ready to broadcast to a code; chain_bound: u -> (B,).  Returns (B,) nats.
    """
    ### BEGIN SOLUTION
    z = mean_z + torch.exp(0.5 * log_var_z) * noise
    volume = torch.log(std).expand(z.shape[1:]).sum()
    code = log_normal(z, mean_z, torch.exp(log_var_z))
    return -log_normal(x, decode(z), var_x) + code + volume + chain_bound((z - shift) / std)
    ### END SOLUTION

# %% check="latent.joint_bound" points=5
check("latent.joint_bound", joint_bound)

# %% [markdown]
# ### Exercise 12.6: put the derivation in order
#
# `latent.in_order` · difficulty 3 · proof · 15 minutes · 5 points · equation (12.7)
#
# Ten cards, each with a left and a right line. Cards 4 and 9 claim "at most", all others "equal". Five of them lead from
# $-\log p(\mathbf{x})$ to the joint bound for scaled codes, with the entropy written as such. Five are false. $\mathbb{E}$
# is over $q_\phi(\mathbf{z} \mid \mathbf{x})$, $R$ is short for $\mathbb{E}[-\log p(\mathbf{x} \mid \mathbf{z})]$, and $S$ for
# $\sum_i \log s_i$.
#
# | card | left | | right |
# | --- | --- | --- | --- |
# | 1 | $R + \mathbb{E}[\log q] + \mathbb{E}[-\log p(\mathbf{z})]$ | $=$ | $R + \mathbb{E}[\log q] - S + \mathbb{E}[-\log p(\mathbf{u})]$ |
# | 2 | $R + \mathbb{E}[\log q] + \mathbb{E}[-\log p(\mathbf{z})]$ | $=$ | $R + \mathbb{E}[\log q] + S + \mathbb{E}[-\log p(\mathbf{u})]$ |
# | 3 | $R + \mathbb{E}[\log q] + S + \mathbb{E}[\mathcal{L}(\mathbf{u})]$ | $=$ | $R + H[q] + S + \mathbb{E}[\mathcal{L}(\mathbf{u})]$ |
# | 4 | $-\log p(\mathbf{x})$ | $\le$ | $\mathbb{E}[\log \frac{q(\mathbf{z} \mid \mathbf{x})}{p(\mathbf{x}, \mathbf{z})}]$ |
# | 5 | $R + \mathbb{E}[\log q] + S + \mathbb{E}[\mathcal{L}(\mathbf{u})]$ | $=$ | $R - H[q] + S + \mathbb{E}[\mathcal{L}(\mathbf{u})]$ |
# | 6 | $-\log p(\mathbf{x})$ | $=$ | $R$ |
# | 7 | $\mathbb{E}[\log \frac{q(\mathbf{z} \mid \mathbf{x})}{p(\mathbf{x}, \mathbf{z})}]$ | $=$ | $R + \mathbb{E}[\log q] + \mathbb{E}[-\log p(\mathbf{z})]$ |
# | 8 | $R + \mathbb{E}[\log q] + S + \mathbb{E}[-\log p(\mathbf{u})]$ | $=$ | $R + \mathbb{E}[\log q] + S + \mathbb{E}[\mathcal{L}(\mathbf{u})]$ |
# | 9 | $R + \mathbb{E}[\log q] + S + \mathbb{E}[-\log p(\mathbf{u})]$ | $\le$ | $R + \mathbb{E}[\log q] + S + \mathbb{E}[\mathcal{L}(\mathbf{u})]$ |
# | 10 | $R + \mathbb{E}[\log q] + \mathbb{E}[-\log p(\mathbf{z})]$ | $=$ | $R + \mathbb{E}[\log q] + \mathbb{E}[\mathcal{L}(\mathbf{z})]$ |
#
# As in lesson 03, your function is dealt these cards (sometimes without some of the false ones), together with the
# values of both lines on a random model. The judge believes nothing but these numbers. You do not need them.

# %% exercise="latent.in_order"
def in_order(cards, left, right):
    """The cards that lead from -log p(x) to the joint bound, in order.

    cards: (n,) int64, numbers of the dealt cards; left, right: (n,) float64, the values of their two lines.
    Returns a list of five card numbers.
    """
    ### BEGIN SOLUTION
    return [4, 7, 2, 9, 5]
    ### END SOLUTION

# %% check="latent.in_order" points=5
check("latent.in_order", in_order)

# %% [markdown]
# ## 5. Digits: train both, then look
#
# **First the autoencoder.** Convolutions turn an 8x8 digit into a code of $2 \times 4 \times 4$ numbers and back. The
# loss is your `vae_terms` with the prior $\mathcal{N}(\mathbf{0}, \mathbf{I})$, and with one change: `code` and `prior`
# count only a fifth. A weak pull is enough to keep the codes from running away. A full pull would blur them, in order
# to please a prior that we shall throw away. The variance of a pixel is fixed at 0.02.
#
# **Then the chain.** The codes are scaled with your `latent_scale` and flattened to 32 numbers. A plain perceptron
# predicts their noise, with the loss of lesson 05.
#
# Both together take about half a minute on one processor core. The next two cells run the first steps only, and the
# lesson goes on with the kept weights, which these same cells have made with `RETRAIN = True`. Set that yourself and run
# both again, if you like. You may press stop: the lesson goes on with what has been learned so far.

# %% tags=["explore"]
RETRAIN = False  # True: about half a minute of processor time, in this cell and the next
PIXEL_VAR = 0.02


def round_cloud(z):
    """log N(z; 0, I) of each code."""
    return log_normal(z, 0.0, 1.0)


def autoencoder_loss(images):
    """The loss of one training step: a batch of the images, and fresh noise for its codes."""

    def loss(net, g):
        (x,) = train.minibatch(g, 64, images)
        q = net.encode(x)
        noise = torch.randn(q.mean.shape, generator=g)
        reconstruction, code, cloud = vae_terms(x, q.mean, q.var.log(), noise, net.decode, PIXEL_VAR, round_cloud)
        return reconstruction + 0.2 * (code + cloud)

    return loss


with when_written():
    torch.manual_seed(0)
    state = train.start(nets.AutoEncoder(1, 2, channels=16), lr=3e-3, ema_decay=0.99)
    count = 2000 if RETRAIN else 60
    steps = train.train(state, autoencoder_loss(training), steps=count, lr=lambda n: 3e-3 * (1 - n / 2001))
    losses = [float(step.loss) for step in train.progress(train.until_stopped(steps), count)]
    print(f"autoencoder: loss of the first 10 steps {sum(losses[:10]) / 10:.1f}, of the last 10 {sum(losses[-10:]) / 10:.1f}")
    if RETRAIN:
        autoencoder = state.ema.requires_grad_(False)

# %% tags=["explore"]
def encoded(net, images):
    """Mean and standard deviation of the code of every image, (N, C, H, W) each.  In pieces: there may be many."""
    with torch.no_grad():
        pieces = [net.encode(x) for x in images.split(500)]
    return torch.cat([q.mean for q in pieces]), torch.cat([q.var.sqrt() for q in pieces])


def chain_loss(centre, width):
    """The simple loss of lesson 05 on codes centre + width * eps, of any shape, with a fresh eps each time."""
    shape = centre.shape[1:]

    def loss(net, g):
        i = torch.randint(len(centre), (128,), generator=g)
        noise = torch.randn(2, 128, *shape, generator=g)
        u = centre[i] + width[i] * noise[0]
        t = torch.randint(1, short.T + 1, (128,), generator=g)
        bar = short.alpha_bar[t].float().reshape(-1, *[1] * len(shape))
        x_t = bar.sqrt() * u + (1 - bar).sqrt() * noise[1]
        return ((net(x_t, t) - noise[1]) ** 2).flatten(1).mean(1)

    return loss


shift, std = scale.mean, scale.std  # the library's, until yours are measured
with when_written():
    mean, sd = encoded(autoencoder, training)
    codes = mean + sd * torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
    shift, std = (v.reshape(2, 1, 1) for v in latent_scale(codes))
    print("mean and size of the two channels:", shift.flatten().tolist(), std.flatten().tolist())
    state = train.start(nets.Mlp(32, width=192), lr=2e-3, ema_decay=0.995)
    count = 4000 if RETRAIN else 200
    rate = lambda n: 2e-3 * min(1, n / 100) * (1 - 0.95 * n / 4000)
    loss = chain_loss(((mean - shift) / std).flatten(1), (sd / std).flatten(1))
    steps = train.train(state, loss, steps=count, lr=rate, clip_norm=1.0)
    losses = [float(step.loss) for step in train.progress(train.until_stopped(steps), count)]
    print(f"chain: loss of the first 20 steps {sum(losses[:20]) / 20:.3f}, of the last 20 {sum(losses[-20:]) / 20:.3f}")
    if RETRAIN:
        prior = state.ema.requires_grad_(False)

# %% [markdown]
# **What the code can hold.** What the encoder leaves out cannot come back. Compare digits with their reconstruction,
# from the mean of their code. They are held out: neither network has seen them.

# %% tags=["explore"]
with torch.no_grad():
    q = autoencoder.encode(held_out)
    copies = autoencoder.decode(q.mean)
display(
    plots.image_grid(
        torch.stack([held_out[:10], copies[:10]]),
        [""] * 10,
        ["digit", "decoded"],
        alt="Ten handwritten digits and, below each, its copy after encoding and decoding. The copies are the same digits "
        "with slightly other grays.",
    )
)
print(f"root mean square error of a pixel {float(((copies - held_out) ** 2).mean().sqrt()):.3f}, range -1 to 1")

# %% [markdown]
# **What the prior is worth.** Now your `joint_bound`, on held-out digits, with three priors: the round cloud on codes
# as they are, the round cloud on scaled codes, and the chain. Encoder and decoder are the same each time, and so are
# the draws.

# %% tags=["explore"]
def chain_total(u):
    """The bound of the chain at scaled codes, (B,)."""
    return elbo.evaluate(prior, short, u.flatten(1), generator=torch.Generator().manual_seed(4)).total


with when_written(), torch.no_grad():
    some = held_out[:100]
    q = autoencoder.encode(some)
    noise = torch.randn(q.mean.shape, generator=torch.Generator().manual_seed(3))
    coded = some, q.mean, q.var.log(), noise, autoencoder.decode, PIXEL_VAR
    nothing = torch.zeros(2, 1, 1), torch.ones(2, 1, 1)
    rows = {
        "N(0, I) on the codes": joint_bound(*coded, *nothing, lambda z: -round_cloud(z)),
        "N(0, I) on scaled codes": joint_bound(*coded, shift, std, lambda u: -round_cloud(u)),
        "the chain on scaled codes": joint_bound(*coded, shift, std, chain_total),
    }
    for name, values in rows.items():
        print(f"{name:26s} bound {float(values.mean()):6.1f} +- {float(values.std()) / 10:.1f} nats per digit")
    print(f"entropy of a code {float(encoder_entropy(q.var.log()).mean()):.1f} nats")

# %% [markdown]
# The chain is worth more than 25 nats per digit. By (12.5), that is how much the divergence between the codes and the
# prior has shrunk, at least: the chain's own gap (12.8) is still in it. (These are densities of pixels, not
# probabilities of gray levels, so compare them with each other only.)
#
# **Draw.** One thing is missing: the way from the chain's sample to an image.
#
# ### Exercise 12.7: from a sample to an image
#
# `latent.decode_sample` · difficulty 2 · core · 8 minutes · 4 points · equation (12.11)
#
# The chain works on flat vectors. Channels come first in them, as `flatten(1)` has left them.

# %% exercise="latent.decode_sample"
def decode_sample(u, shift, std, shape, decode):
    """Scaled, flat codes to images.

    u: (B, C*H*W); shift, std: (C,); shape: (C, H, W); decode: (B, C, H, W) -> images.  Returns images in [-1, 1].
    """
    ### BEGIN SOLUTION
    column = (-1, *[1] * (len(shape) - 1))
    z = u.reshape(-1, *shape) * std.reshape(column) + shift.reshape(column)
    return decode(z).clamp(-1, 1)
    ### END SOLUTION

# %% check="latent.decode_sample" points=4
check("latent.decode_sample", decode_sample)

# %% tags=["explore"]
drawn = together  # from the first picture, until your function is written
with when_written(), torch.no_grad():
    g = torch.Generator().manual_seed(5)
    ends = samplers.last(samplers.ancestral(prior, short, torch.randn(300, 32, generator=g), generator=g))
    drawn = decode_sample(ends, shift.flatten(), std.flatten(), (2, 4, 4), autoencoder.decode)
    picture = plots.image_grid(
        drawn[:20].reshape(2, 10, 1, 8, 8),
        [""] * 10,
        ["", ""],
        alt="Twenty small gray images decoded from codes that the chain has drawn. Most can be read as handwritten digits.",
    )
    display(picture)
    print(f"variance of a pixel: drawn {float(drawn.var(0).mean()):.3f}, real {float(pictures.var(0).mean()):.3f}")

# %% [markdown]
# Not every one is a digit, and none is as crisp as the best of lesson 05. That network had three times as many weights
# and was trained several times as long. Both errors of latent diffusion are in the picture: soft grays are the decoder's
# (the pixels vary less than they should), wrong shapes the chain's.
#
# **Side by side.** In the explorer, the left picture mixes and noises two digits as *pixels*. The right one does the
# same to their *codes* and decodes the result. First move the upper slider, without noise: half way between two digits,
# pixels are a double exposure. What are codes? Then go back and move the noise. The two numbers below tell how far each
# picture is from the nearest real digit.

# %% tags=["explore"]
chosen = pictures[[0, 6, 1, 4, 3, 8, 7, 9]]
explorers.latent_space(
    chosen,
    lambda x: scale.scale(autoencoder.encode(x).mean),
    lambda u: autoencoder.decode(scale.unscale(u)),
    short,
    pictures,
    ["0 and 6", "1 and 4", "3 and 8", "7 and 9"],
    generator=torch.Generator().manual_seed(2),
)

# %% [markdown]
# Two things to take from it. A mixture of codes is no digit either: half way, the decoded picture is hardly nearer to a
# real digit than the double exposure of pixels. An autoencoder does not make the space between codes a space of digits,
# and whoever shows smooth interpolations has chosen them. It takes the chain to know which codes are digits. And with
# noise, the decoded picture looks like *strokes* that come and go, where the pixels look like snow, and it stays much
# nearer to the digits. The decoder only knows things that look like parts of digits. So the chain spends its effort on
# which strokes, and none on snow.
#
# **Larger images.** Everything in this section is written for any size. If you have the MNIST files (digits of 28x28
# pixels), put their folder into the next cell; `data.idx.download("mnist", "data/mnist")` fetches them. The 10,000 images
# of the test set are enough here. Three things change. The images are padded to 32x32, because the autoencoder halves
# height and width twice. The codes are $2 \times 8 \times 8$, eight times fewer numbers than pixels. And the chain is the
# U-Net of lesson 05. It looks at places side by side, where a perceptron would have to learn what a neighbour is. With a
# folder the cell takes four and a half minutes on one processor core; without one it does nothing.

# %% tags=["explore"]
FOLDER = None  # such as "data/mnist": about four and a half minutes of processor time

if FOLDER is not None:
    with when_written():
        large = torch.nn.functional.pad(data.idx.load(FOLDER, "test").images, (2, 2, 2, 2), value=-1.0)
        order = torch.randperm(len(large), generator=torch.Generator().manual_seed(0))
        unseen, large = large[order[:1000]], large[order[1000:]]
        torch.manual_seed(0)
        state = train.start(nets.AutoEncoder(1, 2, channels=16, levels=2), lr=3e-3, ema_decay=0.99)
        steps = train.train(state, autoencoder_loss(large), steps=1500, lr=lambda n: 3e-3 * (1 - n / 1501))
        for _ in train.progress(train.until_stopped(steps), 1500):
            pass
        wide = state.ema.requires_grad_(False)
        copies = wide.decode(encoded(wide, unseen)[0])

        mean, sd = encoded(wide, large)
        codes = mean + sd * torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
        shift_w, std_w = (v.reshape(2, 1, 1) for v in latent_scale(codes))
        state = train.start(nets.UNet(2), lr=2e-3, ema_decay=0.995)
        rate = lambda n: 2e-3 * min(1, n / 100) * (1 - 0.95 * n / 3000)
        loss = chain_loss((mean - shift_w) / std_w, sd / std_w)
        steps = train.train(state, loss, steps=3000, lr=rate, clip_norm=1.0)
        for _ in train.progress(train.until_stopped(steps), 3000):
            pass
        g = torch.Generator().manual_seed(5)
        ends = samplers.last(samplers.ancestral(state.ema, short, torch.randn(100, 2, 8, 8, generator=g), generator=g))
        drawn_w = wide.decode(ends * std_w + shift_w).clamp(-1, 1)
        picture = plots.image_grid(
            torch.stack([unseen[:10], copies[:10], drawn_w[:10], drawn_w[10:20]]),
            [""] * 10,
            ["digit", "decoded", "drawn", ""],
            alt="Four rows of ten MNIST digits: unseen ones; their copies after encoding and decoding, a little softer; and "
            "two rows that the chain and the decoder have drawn, most of which can be read as a digit.",
        )
        display(picture)
        print(f"root mean square error of a pixel of unseen digits {float(((copies - unseen) ** 2).mean().sqrt()):.3f}")
        print(f"variance of a pixel: drawn {float(drawn_w.var(0).mean()):.3f}, real {float(large.var(0).mean()):.3f}")

# %% [markdown]
# When this was written, a pixel of an unseen digit came back with a root mean square error of 0.105, in the range -1 to 1:
# the copies are the same digits, a little softer, and small holes are filled. Of twenty drawn digits about sixteen could
# be read. The pixels of the drawn ones vary less than those of the real ones, 0.177 against 0.206. So both errors are
# the same as with the small digits: soft strokes are the decoder's, wrong shapes the chain's.

# %% [markdown]
# ## 6. What it costs
#
# A convolution computes, at each of $H \cdot W$ places and for each output channel, a sum over $k \cdot k$ neighbours
# and all input channels. So it takes
#
# $$M = H\,W\,k^2\,C_{\mathrm{in}}\,C_{\mathrm{out}} \tag{12.12}$$
#
# multiplications. An encoder that shrinks height and width by $f$ leaves $f^2$ times fewer places. The chain calls its
# network $T$ times. The decoder, with its $M_D$ multiplications, runs *once*, at the end. Take the same network in both
# worlds. The cost among pixels, divided by the cost among codes, is then, for more and more steps,
#
# $$\frac{T\,M}{T\,M / f^2 + M_D} = \frac{f^2}{1 + f^2 M_D / (T\,M)} \;\longrightarrow\; f^2 \tag{12.13}$$
#
# The more steps, the less the decoder matters. Attention gains even more: it compares every place with every other, so
# it takes in the order of $(HW)^2$ multiplications and gains $f^4$. The authors of latent diffusion tried $f$ from 1 to
# 32 on large images and found 4 to 16 a good balance: with less, too little is saved; with more, the code cannot hold
# the image.

# %% tags=["explore"]
equation("12.12")

# %% tags=["explore"]
equation("12.13")

# %% [markdown]
# ### Exercise 12.8: the bill
#
# `latent.sampling_cost` · difficulty 2 · core · 10 minutes · 4 points · equation (12.13)
#
# The network is a list of convolutions, all at full resolution. Height and width are multiples of `f`.

# %% exercise="latent.sampling_cost"
def sampling_cost(T, height, width, layers, f, decoder):
    """Multiplications of one sample, drawn among pixels and drawn among codes.

    layers: (n, 3) int64, rows (C_in, C_out, k), the same network in both worlds; f: shrinking of height and width;
    decoder: multiplications of one decoding.  Returns (pixel, latent), whole numbers.
    """
    ### BEGIN SOLUTION
    per_place = (layers[:, 0] * layers[:, 1] * layers[:, 2] ** 2).sum()
    pixel = T * height * width * per_place
    return pixel, pixel // f**2 + decoder
    ### END SOLUTION

# %% check="latent.sampling_cost" points=4
check("latent.sampling_cost", sampling_cost)

# %% [markdown]
# Counted and measured on real networks. The cell counts the multiplications of every layer while the network runs, and
# takes the time of a call with four examples. The compact U-Net of lesson 05 works on pixels of three sizes; the same
# U-Net works on the codes of an autoencoder with $f = 4$.

# %% tags=["explore"]
import time


def measured(net, *inputs):
    """Multiplications per example in convolutions and linear layers, and seconds of one call."""
    total = 0

    def add(layer, given, out):
        nonlocal total
        up = isinstance(layer, torch.nn.ConvTranspose2d)
        total += (given[0] if up else out).numel() * layer.weight[0].numel() // len(inputs[0])

    kinds = torch.nn.Conv2d, torch.nn.Linear, torch.nn.ConvTranspose2d
    hooks = [layer.register_forward_hook(add) for layer in net.modules() if isinstance(layer, kinds)]
    with torch.no_grad():
        net(*inputs)
        for h in hooks:
            h.remove()
        start = time.perf_counter()
        for _ in range(3):
            net(*inputs)
    return total, (time.perf_counter() - start) / 3


clock = torch.full((4,), 5)
print("image    U-Net on pixels            U-Net on codes, f = 4     decoder          ratio: counted, measured")
for side in (16, 32, 64):
    coder = nets.AutoEncoder(1, 2, channels=16, levels=2)
    small = torch.zeros(4, 2, side // 4, side // 4)
    pixel, t_pixel = measured(nets.UNet(), torch.zeros(4, 1, side, side), clock)
    code, t_code = measured(nets.UNet(2), small, clock)
    decoding, t_decoding = measured(coder.decoder, small)
    ratio = short.T * pixel / (short.T * code + decoding)
    t_ratio = short.T * t_pixel / (short.T * t_code + t_decoding)
    print(
        f"{side}x{side}   {pixel / 1e6:7.1f} million, {1e3 * t_pixel:6.1f} ms   {code / 1e6:6.1f} million, {1e3 * t_code:5.1f} ms"
        f"   {decoding / 1e6:5.1f} million   {ratio:6.1f}, {t_ratio:6.1f}"
    )

# %% [markdown]
# The count comes close to $f^2 = 16$. (It stays below: the layers that read the clock $t$ do not shrink.) The clock on
# the wall gains less on small images, where a call costs time whatever it computes, and reaches the count only when the
# images are large. For digits of 8x8 the gain is a toy. It was the gain at 512x512 that brought these models onto
# everybody's desk.

# %% [markdown]
# ## 7. Codes for what has no pixels
#
# In the lecture, data had to be continuous, with a remark that discrete data can be embedded too, and that it would
# "all fall out pretty naturally". Here is how. Let a data point be a *token* $w$, one of $K$ symbols: a letter, a word,
# a gray level. Give each token a vector $\mathbf{e}_w$, its *embedding*. The encoder is the table of these vectors, with
# a little noise. If the token $w$ occurs with the probability $p(w)$, then
#
# $$q(\mathbf{z} \mid w) = \mathcal{N}\!\left(\mathbf{z};\ \mathbf{e}_w,\ \sigma^2 \mathbf{I}\right), \qquad q(\mathbf{z}) = \sum_{w} p(w)\, \mathcal{N}\!\left(\mathbf{z};\ \mathbf{e}_w,\ \sigma^2 \mathbf{I}\right) \tag{12.14}$$
#
# The codes are a Gaussian mixture: our oldest friend. All of sections 1 to 4 holds, with $w$ in the place of
# $\mathbf{x}$. What does the decoder look like? It must say which token a code means. With a table for an encoder,
# nothing has to be learned. Bayes' rule, and in the ratio everything cancels that is the same for all tokens:
#
# $$p(w \mid \mathbf{z}) = \frac{p(w)\, q(\mathbf{z} \mid w)}{q(\mathbf{z})} = \operatorname{softmax}_w\!\left(\log p(w) - \frac{\|\mathbf{z} - \mathbf{e}_w\|^2}{2\sigma^2}\right) \tag{12.15}$$
#
# A softmax of distances. This is the *rounding* step: after sampling, each code is rounded to its likeliest token.

# %% tags=["explore"]
equation("12.14")

# %% tags=["explore"]
equation("12.15")

# %% [markdown]
# ### Exercise 12.9: which token was it?
#
# `latent.token_posterior` · difficulty 2 · core · 12 minutes · 5 points · equation (12.15)

# %% exercise="latent.token_posterior"
def token_posterior(z, table, std, log_p):
    """log p(w | z) for every token at every place.

    z: (B, L, n), codes of L places; table: (K, n), the embeddings; std: float; log_p: (K,), log frequencies.
    Returns (B, L, K) nats.
    """
    ### BEGIN SOLUTION
    square = ((z.unsqueeze(-2) - table) ** 2).sum(-1)
    return torch.log_softmax(log_p - square / (2 * std**2), -1)
    ### END SOLUTION

# %% check="latent.token_posterior" points=5
check("latent.token_posterior", token_posterior)

# %% [markdown]
# **Is anything lost?** Take the logarithm of Bayes' rule and sort:
#
# $$-\log p(w) = -\log p(w \mid \mathbf{z}) + \log q(\mathbf{z} \mid w) - \log q(\mathbf{z}) \qquad \text{for every } \mathbf{z} \tag{12.16}$$
#
# On the right stand the three terms of (12.1): reconstruction, code, prior. With the Bayes decoder and the right prior
# their sum is exact, and not only on average: it is the *same number for every draw*. The first term is the one that
# plays the part of $L_0$ here. It is a probability of tokens, in nats, and not a density. So a diffusion model of text
# can report a true log-likelihood bound, although inside it knows nothing but real numbers.

# %% tags=["explore"]
equation("12.16")

# %% [markdown]
# ### Exercise 12.10: round, and pay
#
# `latent.rounding_term` · difficulty 2 · core · 8 minutes · 4 points · equation (12.16)

# %% exercise="latent.rounding_term"
def rounding_term(tokens, log_posterior):
    """The likeliest token at each place, and what the true tokens cost.

    tokens: (B, L) int64, the truth; log_posterior: (B, L, K), from `token_posterior`.
    Returns (rounded (B, L), cost (B,)): cost is -log p(tokens | z), summed over the places.
    """
    ### BEGIN SOLUTION
    said = log_posterior.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return log_posterior.argmax(-1), -said.sum(-1)
    ### END SOLUTION

# %% check="latent.rounding_term" points=4
check("latent.rounding_term", rounding_term)

# %% [markdown]
# **How far apart must embeddings be?** Take two tokens that are equally frequent. The code of $w$ is rounded to $w'$ when
# it lies beyond the middle of the two embeddings. Only the direction from one to the other matters, and along it the
# noise is normal with standard deviation $\sigma$:
#
# $$P\!\left(\text{nearer to } \mathbf{e}_{w'} \mid \mathbf{z} \sim q(\mathbf{z} \mid w)\right) = \Phi\!\left(-\frac{\|\mathbf{e}_w - \mathbf{e}_{w'}\|}{2\sigma}\right) \tag{12.17}$$
#
# At a distance of $8\sigma$ the error is 3 in 100,000. The next cell measures both terms for eight letters on a circle,
# while $\sigma$ grows: what rounding costs, and how much the prior has to know.

# %% tags=["explore"]
equation("12.17")

# %% tags=["explore"]
letters = "einostwx"
angle = torch.arange(8).double() * (2 * math.pi / 8)
circle = 2**0.5 * torch.stack([angle.cos(), angle.sin()], 1)  # variance 1 in each coordinate
evenly = torch.full((8,), -math.log(8), dtype=torch.float64)
with when_written():
    g = torch.Generator().manual_seed(0)
    written = torch.arange(8).repeat(250).unsqueeze(1)  # 2000 words of one letter
    sigmas = torch.linspace(0.05, 1.2, 24).double()
    curves = {"rounding": [], "code and prior": []}
    for s in sigmas.tolist():
        z = circle[written] + s * torch.randn(2000, 1, 2, generator=g, dtype=torch.float64)
        _, cost = rounding_term(written, token_posterior(z, circle, s, evenly))
        codes = GaussianMixture.isotropic(evenly.exp(), circle, torch.tensor(s**2, dtype=torch.float64))
        told = log_normal(z[:, 0], circle[written[:, 0]], s**2) - codes.log_prob(z[:, 0])
        curves["rounding"].append(cost.mean())
        curves["code and prior"].append(told.mean())
    lines = {name: torch.stack(values) for name, values in curves.items()}
    lines["their sum"] = lines["rounding"] + lines["code and prior"]
    picture = plots.curves(
        sigmas,
        lines,
        alt="Nats against the noise around the embeddings. The cost of rounding is zero up to a noise of about 0.2 and then "
        "rises; the part of code and prior falls by the same amount. Their sum is a horizontal line at the logarithm of 8.",
        x_label=r"$\sigma$, noise around an embedding",
        y_label="nats per letter",
    )
    display(picture)
    print(f"the sum at every sigma: {float(lines['their sum'].min()):.12f} to {float(lines['their sum'].max()):.12f}")
    print(f"log 8                   {math.log(8):.12f}")

# %% [markdown]
# The sum never moves: (12.16). With little noise all the work is the prior's, and rounding is free. With much noise the
# codes tell nothing, the prior has nothing to learn, and the decoder pays. For sampling we want the left end, because a
# decoder that rounds place by place cannot know which letters go together. Only the prior can.
#
# *May the embeddings be learned?* Yes, by the same bound. But the rounding term must stay in the loss. Without it the
# best table is the one with all vectors in one place: its codes are trivial to predict, and mean nothing.
#
# **A model of words.** Four words of three letters, with different frequencies. Each letter gets its place on the
# circle, so a word is six numbers, and the codes of words are a mixture of four Gaussians in six dimensions. The exact
# predictor is known. The chain of lesson 05, with nothing changed, starts from noise; your decoder reads.

# %% tags=["explore"]
words = ["one", "two", "six", "ten"]
frequency = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
spelled = torch.tensor([[letters.index(c) for c in word] for word in words])
word_codes = GaussianMixture.isotropic(frequency, circle[spelled].flatten(1), torch.tensor(0.15**2, dtype=torch.float64))


def word_eps(x, t):
    """The exact noise predictor of the codes of words."""
    return word_codes.eps(x, short.alpha_bar[t].sqrt(), short.noise_var[t].sqrt())


def read(x):
    """Six numbers each to words, letter by letter."""
    found = token_posterior(x.reshape(-1, 3, 2), circle, 0.15, evenly).argmax(-1)
    return ["".join(letters[i] for i in row) for row in found.tolist()]


with when_written():
    g = torch.Generator().manual_seed(6)
    start = torch.randn(2000, 6, generator=g, dtype=torch.float64)
    states = [step.x for step in samplers.ancestral(word_eps, short, start, generator=g)]
    for t in (200, 100, 60, 40, 20, 0):
        print(f"t = {t:3d}   " + "  ".join(read(states[short.T - t][:10])))
    said = read(states[-1])
    for word, p in zip(words, frequency.tolist(), strict=True):
        print(f"{word}: drawn {said.count(word) / 2000:.3f}, in the data {p}")
    print(f"no word: {sum(word not in words for word in said)} of 2000")

# %% [markdown]
# From nonsense, letter by letter, to words, with the right frequencies. Nowhere was a letter *chosen* until the very
# end. That is what is attractive in it, and what is not: each step moves all letters at once, but every step has to
# carry real numbers for what is at heart a choice. Models of long texts are mostly built otherwise.
#
# ## 8. A schedule that is learned
#
# "Can one learn how much noise is added?" was asked in the lecture, and the answer was: yes, if you take the bound as
# the goal. Let us see what can be gained by it.
#
# Write $\lambda = \log \mathrm{SNR}$. Then a schedule is a table $\lambda_1 > \lambda_2 > \dots > \lambda_T$. (Take care
# with the letter: $\lambda$ in lesson 10 was half of this logarithm, and $\lambda_t$ in lesson 05 was a weight. Here the
# weights are $w_t$.) Lesson 05 found the weight of a step in the bound for $\sigma_t^2 = \tilde\beta_t$. It is the growth of
# the signal-to-noise ratio, halved. And a ratio of ratios is the exponential of a difference of logarithms:
#
# $$\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad w_t = \tfrac12\left(\frac{\mathrm{SNR}(t-1)}{\mathrm{SNR}(t)} - 1\right) = \tfrac12\left(e^{\lambda_{t-1} - \lambda_t} - 1\right) \tag{12.18}$$
#
# So the schedule enters the bound through $\lambda$ and through nothing else.

# %% tags=["explore"]
equation("12.18")

# %% [markdown]
# ### Exercise 12.11: weights from log ratios
#
# `latent.vdm_weights` · difficulty 2 · core · 8 minutes · 4 points · equation (12.18)
#
# One point is for steps so small that $e^x$ and 1 agree in nearly all digits.

# %% exercise="latent.vdm_weights"
def vdm_weights(log_snr):
    """The weights w_t of ||eps - eps_hat||^2 for t = 2..T.

    log_snr: (T,), falling; entry i belongs to t = i + 1.  Returns (T-1,).
    """
    ### BEGIN SOLUTION
    return 0.5 * torch.expm1(log_snr[:-1] - log_snr[1:])
    ### END SOLUTION

# %% check="latent.vdm_weights" points=4
check("latent.vdm_weights", vdm_weights)

# %% [markdown]
# **Infinitely many steps.** Let $\lambda(u)$ be a falling curve over the time $u \in [0, 1]$, a number, not the scaled code
# $\mathbf{u}$ of section 4. Cut it into more and more steps. A step of width $1/T$ changes $\lambda$ by about $\lambda'(u)/T$, and $e^x - 1$ is about $x$. The sum becomes
# an integral, and an integral over $[0, 1]$ is a mean over a uniform $u$:
#
# $$\lim_{T \to \infty} \sum_{t=2}^{T} w_t\, \mathbb{E}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2 = \tfrac12\,\mathbb{E}_{u \sim \mathcal{U}(0,1)}\!\left[-\lambda'(u)\, \mathbb{E}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2\right] \tag{12.19}$$
#
# **What the schedule does to the value.** The expected error of the noise depends on the level alone. Call it
# $h(\lambda)$. Substitute $\lambda = \lambda(u)$, $d\lambda = \lambda'(u)\,du$:
#
# $$\tfrac12\,\mathbb{E}_{u \sim \mathcal{U}(0,1)}\!\left[-\lambda'(u)\, h(\lambda(u))\right] = \tfrac12 \int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda \tag{12.20}$$
#
# The path is gone. **In continuous time the bound depends on the two ends of the schedule, and on nothing between
# them.** Linear, cosine, learned: with the same ends and the same network, the same bound. There is nothing to gain.

# %% tags=["explore"]
equation("12.19")

# %% tags=["explore"]
equation("12.20")

# %% [markdown]
# **What it does change.** The mean on the left of (12.20) is never computed; it is *estimated*, with one random $u$ for
# each example. The path decides how much one draw differs from the next. If $-\lambda'(u)\,h(\lambda(u))$ is large in one
# place and small in another, most draws tell little and a few tell much. The mean of a square is at least the square of
# the mean:
#
# $$\left(\int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda\right)^{2} \le \mathbb{E}_{u \sim \mathcal{U}(0,1)}\!\left[\left(\lambda'(u)\, h(\lambda(u))\right)^2\right] \tag{12.21}$$
#
# with equality if all $u$ weigh the same. So a schedule can be learned: keep the ends, and let the path between them
# make this *second moment* small. It makes training smoother. It does not make the model better by itself.

# %% tags=["explore"]
equation("12.21")

# %% [markdown]
# ### Exercise 12.12: mean and variance of a path
#
# `latent.path_moments` · difficulty 3 · core · 12 minutes · 5 points · equation (12.21)
#
# Cut $[0, 1]$ into $n$ equal cells. In each cell take the slope from its two ends and the mean of the two errors.

# %% exercise="latent.path_moments"
def path_moments(log_snr, error):
    """Mean and variance over u of the estimate -lambda'(u) h(lambda(u)) / 2.

    log_snr, error: (n+1,), lambda and h at u = 0, 1/n, .., 1.  Returns two numbers.
    """
    ### BEGIN SOLUTION
    cells = len(log_snr) - 1
    value = 0.5 * cells * (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:]) / 2
    return value.mean(), value.var(correction=0)
    ### END SOLUTION

# %% check="latent.path_moments" points=5
check("latent.path_moments", path_moments)

# %% [markdown]
# **A network that can only fall.** To learn $\lambda(u)$ we need a function that falls *for every value of its weights*,
# or a gradient step might make it rise, and then the weights (12.18) turn negative. Build it from rising parts: a straight
# line with a positive slope, and sigmoids $S(x) = 1/(1 + e^{-x})$ with positive steepness and height. Positive numbers come
# from *softplus*, $\zeta(x) = \log(1 + e^x)$, which makes a positive number of any number. So the weights may be any
# numbers: $a$ for the slope, and for the sigmoid number $j$ its middle $a_j$, its steepness $w_j$ and its height $h_j$. (These
# $w_j$ and $h_j$ are weights of the network, not the $w_t$ and $h(\lambda)$ from before.) A sum of rising functions rises.
# Call it $g$ and stretch it to its ends:
#
# $$\lambda(u) = \lambda(0) + \left(\lambda(1) - \lambda(0)\right) \frac{g(u) - g(0)}{g(1) - g(0)}, \qquad g(u) = \zeta(a)\,u + \sum_j \zeta(h_j)\, S\!\left(\zeta(w_j)\,(u - a_j)\right) \tag{12.22}$$

# %% tags=["explore"]
equation("12.22")

# %% [markdown]
# ### Exercise 12.13: it can only fall
#
# `latent.monotone_log_snr` · difficulty 3 · core · 15 minutes · 5 points · equation (12.22)

# %% exercise="latent.monotone_log_snr"
def monotone_log_snr(u, slope, middle, steepness, height, highest, lowest):
    """log SNR at the times u: falls from `highest` at u = 0 to `lowest` at u = 1, whatever the weights are.

    u: (B,) in [0, 1]; slope: (); middle, steepness, height: (n,), any real numbers; softplus makes slope, steepness
    and height positive.  Returns (B,).
    """
    ### BEGIN SOLUTION
    softplus = torch.nn.functional.softplus

    def rise(times):
        hidden = torch.sigmoid(softplus(steepness) * (times.unsqueeze(1) - middle))
        return softplus(slope) * times + (softplus(height) * hidden).sum(1)

    start, end = rise(torch.zeros_like(u[:1])), rise(torch.ones_like(u[:1]))
    return highest + (lowest - highest) * (rise(u) - start) / (end - start)
    ### END SOLUTION

# %% check="latent.monotone_log_snr" points=5
check("latent.monotone_log_snr", monotone_log_snr)

# %% [markdown]
# **The best path** has no variance in $u$ at all: $-\lambda'(u)\,h(\lambda(u))$ is constant. That says: go through the
# area under $h$ at constant speed. At time $u$ the share $u$ of the area lies behind:
#
# $$\int_{\lambda(u)}^{\lambda(0)} h(\lambda)\, d\lambda = u \int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda \quad\Longrightarrow\quad -\lambda'(u)\, h(\lambda(u)) = \int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda \quad \text{for every } u \tag{12.23}$$
#
# (Differentiate the left equation by $u$.) Where the error is large, the path is slow.

# %% tags=["explore"]
equation("12.23")

# %% [markdown]
# ### Exercise 12.14: the best path
#
# `latent.best_path` · difficulty 4 · stretch · 20 minutes · 4 points · equation (12.23)
#
# The error is given at some levels, not evenly spaced. Areas by the trapezoidal rule, and linear interpolation between
# the levels.

# %% exercise="latent.best_path"
def best_path(log_snr, error, n):
    """The path on which every time weighs the same.

    log_snr: (m,), falling, m >= 3; error: (m,) > 0, the error h at these levels; n: int.
    Returns (n+1,), the log ratio at u = 0, 1/n, .., 1.
    """
    ### BEGIN SOLUTION
    pieces = (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:])
    area = torch.cat([pieces.new_zeros(1), torch.cumsum(pieces, 0)])
    goal = area[-1] * torch.linspace(0, 1, n + 1, dtype=area.dtype)
    right = torch.searchsorted(area[1:-1].contiguous(), goal) + 1
    share = (goal - area[right - 1]) / (area[right] - area[right - 1])
    return log_snr[right - 1] + share * (log_snr[right] - log_snr[right - 1])
    ### END SOLUTION

# %% check="latent.best_path" points=4
check("latent.best_path", best_path)

# %% [markdown]
# **Run it.** The data are the three bumps, whose best error $h(\lambda)$ is an integral over the line. Four paths with
# the same ends: a straight line, the cosine schedule, your network after 300 steps of learning on the second moment, and
# the best one.

# %% tags=["explore"]
line = torch.linspace(-9, 9, 1201).double().unsqueeze(1)
levels = torch.linspace(8, -6, 141).double()
best_error = []
for level in levels:
    a, s = torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()
    noisy = bumps.log_prob(line, a, s).exp()
    guess = bumps.eps(line, a, s)[:, 0]  # E[eps | x]; its mean square is what can be known of the noise
    best_error.append(1 - torch.trapezoid(noisy * guess**2, line[:, 0]))
best_error = torch.stack(best_error).clamp(min=1e-9)


def error_at(log_snr):
    """h at any levels between 8 and -6, by linear interpolation; differentiable."""
    place = (8 - log_snr) / 0.1
    left = place.detach().floor().long().clamp(0, 139)
    return best_error[left] + (place - left) * (best_error[left + 1] - best_error[left])


u = torch.linspace(0, 1, 401).double()
with when_written():
    weights = [torch.zeros(()), torch.linspace(0, 1, 12), torch.full((12,), 10.0), torch.full((12,), -2.0)]
    weights = [w.double().requires_grad_() for w in weights]
    optimizer = torch.optim.Adam(weights, lr=0.05)
    for _ in range(300):
        path = monotone_log_snr(u, *weights, 8.0, -6.0)
        mean, variance = path_moments(path, error_at(path))
        optimizer.zero_grad()
        variance.backward()
        optimizer.step()
    cosine = -2 * torch.log(torch.tan(math.pi / 2 * u.clamp(1e-6, 1 - 1e-6)))
    paths = {
        "straight": 8 - 14 * u,
        "cosine": cosine.clamp(-6, 8),
        "learned": monotone_log_snr(u, *weights, 8.0, -6.0).detach(),
        "best": best_path(levels, best_error, 400),
    }
    for name, path in paths.items():
        mean, variance = path_moments(path, error_at(path))
        print(f"{name:9s} mean {float(mean):.4f} nats, variance over u {float(variance):8.4f}")
    middle = (u[1:] + u[:-1]) / 2
    speeds = {n: (p, 200 * (p[:-1] - p[1:]) * (error_at(p)[1:] + error_at(p)[:-1]) / 2) for n, p in paths.items()}
    picture = plots.curve_panels(
        {
            "the path": {name: (u, p) for name, (p, _) in speeds.items()},
            "what a draw of u returns": {name: (middle, v) for name, (_, v) in speeds.items()},
        },
        alt="Two panels. Left, the log signal-to-noise ratio against u for four paths from 8 to minus 6: a straight line, a "
        "cosine path that is steep at its ends, and two curves, learned and best, that nearly lie on each other. Right, "
        "the value that a draw of u returns: for the first two it changes strongly with u, for the learned path little, "
        "for the best not at all.",
        x_label="u",
    )
    display(picture)

# %% [markdown]
# All four means agree (to the width of the cells), as (12.20) says. The variance over $u$ is a different story, and
# learning has found what the area rule gives at once. *Is that all the variance there is?* No. Each draw also has its own
# data point and its own noise, and no schedule removes those:

# %% tags=["explore"]
def bump_eps(x, log_snr):
    """The exact predictor, asked by log ratio, as `elbo.continuous` wants it."""
    return bumps.eps(x, torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt())


with when_written():
    frozen = [w.detach() for w in weights]
    for name, path in {
        "straight": lambda time: 8 - 14 * time,
        "learned": lambda time: monotone_log_snr(time, *frozen, 8.0, -6.0),
    }.items():
        g = torch.Generator().manual_seed(0)
        x_0 = bumps.sample(20_000, generator=g)
        times = torch.rand(20_000, generator=g, dtype=torch.float64)
        with torch.no_grad():
            draws = elbo.continuous(bump_eps, path, x_0, times, generator=g)
        print(f"{name:9s} mean of 20,000 draws {float(draws.mean()):.3f}, variance of one draw {float(draws.var()):.2f}")

# %% [markdown]
# And with a *finite* number of steps, or with weights set to 1 instead of those of the bound (lesson 05), the path matters
# for the samples too. Then it is a choice of where to spend steps and effort, and no theorem makes it.
#
# ## 9. No noise at all
#
# The lecture ends on a tempting thought: why noise? If structure were destroyed in a more orderly way, perhaps it would
# be easier to restore. *Cold diffusion* tries it. Take any damage $D(\mathbf{x}_0, t)$ without randomness, such as blur or
# masking, with $D(\mathbf{x}_0, 0) = \mathbf{x}_0$. Train a network $R$ to restore: $R(\mathbf{x}_t, t) \approx
# \mathbf{x}_0$. Then walk back.
#
# The obvious way back is: restore, then damage the result again, one step less:
# $\mathbf{x}_{t-1} = D(\hat{\mathbf{x}}_0, t-1)$. It works badly. Bansal and others, who tried all this in 2022, found a
# better one:
#
# $$\mathbf{x}_{t-1} = \mathbf{x}_t - D(\hat{\mathbf{x}}_0, t) + D(\hat{\mathbf{x}}_0, t-1), \qquad \hat{\mathbf{x}}_0 = R(\mathbf{x}_t, t) \tag{12.24}$$
#
# If the restorer is perfect, $D(\hat{\mathbf{x}}_0, t) = \mathbf{x}_t$, and both ways are the same. They differ in what
# they do with an *error* of the restorer. Let the damage be linear, $D(\mathbf{x}, t) = D_t\mathbf{x}$ with a matrix $D_t$
# (blur is), and let $\mathbf{x}_t = D_t \mathbf{x}_0$ be right so far. Put in and sort:
#
# $$\mathbf{x}_t = D_t \mathbf{x}_0 \quad\Longrightarrow\quad \mathbf{x}_{t-1} - D_{t-1}\mathbf{x}_0 = \begin{cases} D_{t-1}\,(\hat{\mathbf{x}}_0 - \mathbf{x}_0) & \text{naive} \\ (D_{t-1} - D_t)\,(\hat{\mathbf{x}}_0 - \mathbf{x}_0) & \text{improved} \end{cases} \tag{12.25}$$
#
# The naive step takes over the whole error, damaged. The improved step takes over only what *one step of damage* makes of
# it. If there are many small steps, $D_{t-1} - D_t$ is small, and the error hardly enters.

# %% tags=["explore"]
equation("12.24")

# %% tags=["explore"]
equation("12.25")

# %% [markdown]
# ### Exercise 12.15: a cold step
#
# `latent.cold_step` · difficulty 2 · core · 6 minutes · 4 points · equation (12.24)

# %% exercise="latent.cold_step"
def cold_step(x_t, x_0_hat, t, degrade):
    """One improved step of cold diffusion, from x_t to x_{t-1}.

    x_t, x_0_hat: (B, *D); t: int in 1..T; degrade: (x, t) -> D(x, t), with D(x, 0) = x.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    return x_t - degrade(x_0_hat, t) + degrade(x_0_hat, t - 1)
    ### END SOLUTION

# %% check="latent.cold_step" points=4
check("latent.cold_step", cold_step)

# %% [markdown]
# **What works: restoring.** The damage is blur: gray spreads from pixel to pixel like heat, in 20 steps. The restorer of
# each step is the best *linear* one, found by least squares on the training digits, so that nothing depends on how well
# we train. Held-out digits are blurred all the way and brought back: by a single call of the restorer, by the naive
# sampler, and by yours.

# %% tags=["explore"]
k = torch.arange(8).double()
waves = torch.cos(math.pi * k.unsqueeze(1) * (k + 0.5) / 8) * 0.5
waves[0] /= 2**0.5  # rows: an orthonormal basis of waves on 8 pixels with walls
decay = 2 - 2 * torch.cos(math.pi * k / 8)
heat = 4 * torch.linspace(0, 1, 21).double() ** 2  # how long the heat has spread after t steps


def blur(x, t):
    """Heat that spreads from pixel to pixel.  x: (B, 1, 8, 8); t: 0..20."""
    fade = torch.exp(-0.5 * (decay.unsqueeze(1) + decay) * heat[t])
    return waves.T @ (fade * (waves @ x @ waves.T)) @ waves


def linear_restorer(t):
    """The best affine map from blurred to clean training digits, with a little ridge."""
    x, y = training.double().flatten(1), blur(training.double(), t).flatten(1)
    x_mean, y_mean = x.mean(0), y.mean(0)
    square = (y - y_mean).T @ (y - y_mean) / len(y) + 1e-3 * torch.eye(64).double()
    A = torch.linalg.solve(square, (y - y_mean).T @ (x - x_mean) / len(y))
    return lambda z: ((z.flatten(1) - y_mean) @ A + x_mean).reshape(z.shape)


restorers = [None, *(linear_restorer(t) for t in range(1, 21))]


def walk_back(x, improved):
    """From t = 20 to 0 with the restorers."""
    for t in range(20, 0, -1):
        guess = restorers[t](x)
        x = cold_step(x, guess, t, blur) if improved else blur(guess, t - 1)
    return x


with when_written():
    clean = held_out.double()
    blurred = blur(clean, 20)
    rows = {
        "digit": clean,
        "blurred": blurred,
        "one call": restorers[20](blurred),
        "naive": walk_back(blurred, improved=False),
        "improved": walk_back(blurred, improved=True),
    }
    picture = plots.image_grid(
        torch.stack([images[:8] for images in rows.values()]),
        [""] * 8,
        list(rows),
        alt="Five rows of eight images: digits; the same blurred until only a bright spot is left; restored in one call, soft; "
        "restored by the naive sampler, softer still; restored by the improved sampler, the sharpest of the three.",
    )
    display(picture)
    for name, images in rows.items():
        print(f"{name:9s} root mean square error {float(((images - clean) ** 2).mean().sqrt()):.3f}")

# %% [markdown]
# The improved sampler beats a single call of the same restorer. The naive one loses even to that: it pays for the error
# of every step.
#
# **What does not work: drawing.** To draw, we need a start. With noise, the end of the forward process is
# $\mathcal{N}(\mathbf{0}, \mathbf{I})$, whatever the data. With blur, all images end as flat gray, and what is left of
# them is one number. A restorer that is trained by squared error returns the mean of all that could have been there,
# $\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_T]$. Split the spread of the data by the law of total variance:
#
# $$\operatorname{tr}\operatorname{Cov}\!\left[\mathbf{x}_0\right] = \mathbb{E}\left\|\mathbf{x}_0 - \mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_T]\right\|^2 + \operatorname{tr}\operatorname{Cov}\!\left[\,\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_T]\,\right] \tag{12.26}$$
#
# The left side is what a sampler has to reproduce. The last term is what the restored images have. The term between them
# is lost, and it is large when the damage is. A *stochastic* sampler fills it with fresh noise, step by step (lesson 05
# showed what happens without). A deterministic walk cannot: one start, one image.

# %% tags=["explore"]
equation("12.26")

# %% tags=["explore"]
with when_written():
    heat = 60 * torch.linspace(0, 1, 21).double() ** 2  # now until nearly flat
    restorers = [None, *(linear_restorer(t) for t in range(1, 21))]
    gray = training.double().mean((1, 2, 3))
    g = torch.Generator().manual_seed(0)
    level = gray.mean() + gray.std() * torch.randn(300, generator=g, dtype=torch.float64)
    cold_drawn = walk_back(level.reshape(-1, 1, 1, 1).expand(300, 1, 8, 8), improved=True)
    picture = plots.image_grid(
        torch.stack([cold_drawn[:8], drawn[:8].double(), clean[:8]]),
        [""] * 8,
        ["cold", "with noise", "real"],
        alt="Three rows of eight images. Cold diffusion from flat gray: eight times nearly the same soft blot. Latent "
        "diffusion from noise: eight different digits. Real digits.",
    )
    display(picture)
    total = float(pictures.var(0).sum())
    for name, images in {"cold": cold_drawn, "with noise": drawn, "real": clean}.items():
        print(f"{name:10s} spread of the images {float(images.var(0).sum()):6.2f}, of the data {total:.2f}")

# %% [markdown]
# *Why not a likelihood?* Try to write down the bound. It needs the divergence between where the damage leads and where
# the model expects to be. Give both a little noise of variance $\sigma^2$, so that they have densities at all, and take
# it away again:
#
# $$D_{\mathrm{KL}}\!\left(\mathcal{N}(D_t \mathbf{x}_0, \sigma^2 \mathbf{I})\,\|\,\mathcal{N}(D_t \hat{\mathbf{x}}_0, \sigma^2 \mathbf{I})\right) = \frac{\|D_t(\mathbf{x}_0 - \hat{\mathbf{x}}_0)\|^2}{2\sigma^2} \;\longrightarrow\; \infty \quad (\sigma \to 0) \tag{12.27}$$
#
# Unless the restorer is perfect, the bound is infinite. Two points that are not the same are infinitely far apart in nats.
# Squared error remains as a loss, but it bounds nothing. (With a small $\sigma$ that stays, the bound is finite, and what
# one has is a diffusion model again, with noise and blur together.)

# %% tags=["explore"]
equation("12.27")

# %% [markdown]
# **Why Gaussian noise is still the rule.** Go through the course and mark what was used of it.
#
# | what we used | Gaussian noise | damage without noise |
# | --- | --- | --- |
# | one jump to any level, so that training is cheap (02) | closed form | yes, if the damage has one |
# | an end that is known and easy to draw (02) | $\mathcal{N}(\mathbf{0}, \mathbf{I})$ for any data | must be fitted to the data |
# | densities everywhere, so a bound (03, 04) | yes | no: (12.27) |
# | a way back whose form is known for small steps (03) | Gaussian | a point, if anything |
# | the best restorer is also the slope of a log density (06) | yes, Tweedie | no |
# | samples with the spread of the data (05) | yes, noise is added back | no: (12.26) |
#
# The first line alone survives in general. Noise is not in the way of restoring. It is what makes restoring into drawing.

# %% [markdown]
# ## Written question
#
# A colleague builds an image model: "Blur is smoother than noise, so my network has an easier task. Restored digits are
# excellent: error 0.29 from a blurred one. So I have a generative model, and its bound is the mean squared error."
#
# 1. Which distribution would your colleague have to draw $\mathbf{x}_T$ from, and how many numbers does it describe, if
#    the blur goes on for ever? What do all samples look like, and which equation says so?
# 2. What is wrong with "its bound is the mean squared error"?
# 3. Your colleague adds noise of small variance $\sigma^2$ in every step. Which of the two objections does that meet, and
#    what must be done with the noise on the way back?
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="latent.blur_for_noise" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) From the distribution of what is left of the data at $T$: for endless blur the mean gray of an image,
# one number, whose distribution must be estimated from the data. The walk back is a function of it, so the samples form a
# curve. A restorer trained by squared error returns $\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_T]$, nearly the mean image for
# every gray: by (12.26) the spread within the same $\mathbf{x}_T$ is missing from the samples. (2) A bound on $-\log p$ needs
# densities. Without noise $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)$ and the model's step are points, and their
# divergence is $\|D(\mathbf{x}_0 - \hat{\mathbf{x}}_0)\|^2/2\sigma^2$ with $\sigma \to 0$, infinite for any error (12.27). A small
# squared error says that restoring works; it says nothing about the probability of the data. (3) Both, if it is done
# throughout: with $\sigma > 0$ the divergences are finite, so there is a bound; and the reverse step must *draw*, that is add
# noise of the right variance back, or the spread is still lost. Then it is a diffusion model with blur and noise.
#
# **Rubric.** (1) start must be fitted, one number 1; samples alike, (12.26) 1. (2) no densities 1; infinite divergence 1.
# (3) finite bound 1; noise added back on the way back 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - The bound has three terms, reconstruction, minus entropy of the code, prior (12.1), (12.2), exact in the linear case
#   (12.3), (12.4). The best prior is the distribution of all codes (12.5).
# - With a chain for a prior it is the joint bound (12.7). It loses two divergences (12.8).
# - A schedule is made for variance 1: codes of size $c$ multiply every signal-to-noise ratio by $c^2$ (12.9). Scale them,
#   and pay for the volume (12.11).
# - The saving is $f^2$ (12.13), because the decoder runs once.
# - Discrete data are embedded (12.14) and rounded by Bayes' rule (12.15). Nothing is lost (12.16).
# - In continuous time the bound knows only the ends of the schedule (12.20). Learning the path, with a network that can
#   only fall (12.22), lowers the variance of the estimate (12.21), down to (12.23).
# - Without noise one can restore, best with (12.24), because errors nearly cancel (12.25). One cannot draw (12.26), and
#   there is no bound (12.27).
#
# **Where this is in the papers.**
#
# - Rombach et al. 2022, *High-Resolution Image Synthesis with Latent Diffusion Models*: two stages, section 3; how much to
#   shrink, section 4.1; scaling the codes, appendix G.
# - Vahdat et al. 2021, *Score-based Generative Modeling in Latent Space*: the joint bound, eq. 1, and training all parts
#   together.
# - Kingma et al. 2021, *Variational Diffusion Models*: the learned schedule; the loss in continuous time, eq. 17, and that
#   only its ends matter, eq. 18; the monotone network, appendix H.
# - Li et al. 2022, *Diffusion-LM Improves Controllable Text Generation*: embedding and rounding. Chen et al. 2022, *Analog
#   Bits*: discrete data as bits that are real numbers.
# - Bansal et al. 2022, *Cold Diffusion*: both samplers, algorithms 1 and 2.
# - Kingma and Welling 2014, *Auto-Encoding Variational Bayes*.
#
# Next, lesson 13 breaks ten pipelines and asks you to find out where.
