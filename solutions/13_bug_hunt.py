# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 13 Bug hunt
#
# **What you will be able to do.** You will see the thirteen lessons before this one as one map, and you will run every
# line that is drawn on it. Then you will hunt bugs: twelve pipelines that run without an error, most of them with a
# plausible plot, and each of them wrong in one line. For each you will name the line and write the check that proves
# it: a small experiment whose answer you know beforehand. You will leave with a list of such experiments for your own
# models.
#
# **What it needs.** Lessons 00 to 12. If one of them is still ahead of you, the map shows which parts of this one to
# put off.
#
# **Time.** About five hours: one to read and play, four for the fourteen exercises. They do not build on each other.
# You may take them in any order, and stop when you have had enough.
#
# A picture before anything else. Run the next cells.

# %%
import torch

from diffkit import data, explorers, plots
from diffkit.equations import equation, notation
from grader import check, hint, progress, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit import bugs, metrics, schedule
from diffkit.hunt import PIPELINES
from diffkit.samplers.ancestral import reverse_kernel
from diffkit.samplers.euler_maruyama import euler_maruyama_kernel
from diffkit.sde import VP


def draws(seed):
    return torch.Generator().manual_seed(seed)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


ring, chain = data.ring_mixture(), schedule.linear(200, 5e-4, 0.1)
truth = ring.sample(500, generator=draws(0)).float()


def exact_eps(x, t):
    """E[eps | x_t] for the ring, with no network that could be to blame."""
    return ring.eps(x.double(), chain.alpha_bar[t].sqrt(), chain.noise_var[t].sqrt()).to(x)


named = {sampler.name: sampler for sampler in bugs.SAMPLERS}
guests = ["start from rand", "right", "network told t - 1", "noise at t = 1", "mean as on a slide"]
lineup = bugs.run([named[name] for name in guests], exact_eps, chain, truth, seed=2)
plots.scatter(
    torch.stack([truth, *lineup]),
    ["the data", *"ABCDE"],
    alt="Six pictures of points in clusters on a ring: the data, and five samplers A to E. All five look like the data.",
)

# %% [markdown]
# On the left are the data. A to E are samples of five samplers that you know from the gallery of lesson 05. All of them
# had an exact noise prediction, so no training can be blamed. Four of the five are wrong. Which one is right? Decide
# before you read on.

# %% tags=["explore"]
for letter, name, x in zip("ABCDE", guests, lineup, strict=True):
    print(f"{letter}: {name:24s} distance to the data {float(metrics.sliced_wasserstein(x, truth)):.3f}")

# %% [markdown]
# It is B. The distances do not help: with 500 points right samples differ from the data by about as much. Of the twelve
# mistakes in the gallery, eight keep within the distance that two right sets of samples may have. **A plot of samples is
# never the proof.** Samples are the end of a long computation, in which many small steps make up for each other's
# faults. To find a fault you must ask a question closer to it.
#
# Where do such questions come from? From knowing the same thing in two ways. That is what the map is for.

# %% [markdown]
# ## The notation

# %% tags=["explore"]
notation("13")

# %% [markdown]
# ## 1. The map
#
# Choose a box with a click, or go there with the Tab and arrow keys and press Enter. You see what the thing is, in
# which lesson it stands, and which equations join it to its neighbours. The sign says how far you are: ○ not begun, ◐
# begun, ● done.

# %% tags=["explore"]
explorers.concept_map(progress.done())

# %% [markdown]
# Every line of the map is an equation. We walk along them now. Nothing here needs a new idea; each step says which
# lesson it takes up. Run each one: the left and the right side are computed in different ways.
#
# Two letters are used throughout. At level $t$ a noisy point is
# $\mathbf{x}_t = a_t\,\mathbf{x}_0 + \sigma_t\,\boldsymbol\varepsilon$. In the chain of lesson 02 that means
# $a_t = \sqrt{\bar\alpha_t}$ and $\sigma_t = \sqrt{1-\bar\alpha_t}$; other processes have other values, and most of
# what follows does not care.

# %% [markdown]
# ### Noise, score and denoiser are one function
#
# **Claim.** Whoever knows the best noise prediction knows the score, and the best guess of the data. *Why:* take the
# logarithm of $p_t(\mathbf{x}_t) = \int q(\mathbf{x}_t \mid \mathbf{x}_0)\,p(\mathbf{x}_0)\,d\mathbf{x}_0$ and
# differentiate. Under the integral stands the score of $q$, which is
# $-(\mathbf{x}_t - a_t\mathbf{x}_0)/\sigma_t^2 = -\boldsymbol\varepsilon/\sigma_t$. Dividing by $p_t$ turns the
# integral into a mean given $\mathbf{x}_t$ (lesson 06):
#
# $$\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] = -\,\sigma_t\,\mathbf{s}_t(\mathbf{x}_t) \tag{13.1}$$

# %% tags=["explore"]
equation("13.1")

# %% [markdown]
# Take the mean of $\mathbf{x}_t = a_t\mathbf{x}_0 + \sigma_t\boldsymbol\varepsilon$ given $\mathbf{x}_t$, put (13.1)
# in, and solve for the mean of $\mathbf{x}_0$:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \frac{\mathbf{x}_t + \sigma_t^2\,\mathbf{s}_t(\mathbf{x}_t)}{a_t} \tag{13.2}$$

# %% tags=["explore"]
equation("13.2")

# %% [markdown]
# ### So the losses are one loss
#
# Write a noise model as a score model, $\boldsymbol\varepsilon_\theta = -\sigma_t\,\mathbf{s}_\theta$. The noise itself
# is $-\sigma_t \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)$, as we just saw. Both carry the factor $-\sigma_t$; pull
# it out of the square. The loss of DDPM (lesson 05) is denoising score matching (lesson 06) with the weight
# $\sigma_t^2$:
#
# $$\mathbb{E}\,\|\boldsymbol\varepsilon_\theta(\mathbf{x}_t) - \boldsymbol\varepsilon\|^2 = \sigma_t^2\;\mathbb{E}\,\|\mathbf{s}_\theta(\mathbf{x}_t) - \nabla \log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 \qquad \text{with } \boldsymbol\varepsilon_\theta = -\sigma_t\,\mathbf{s}_\theta \tag{13.3}$$

# %% tags=["explore"]
equation("13.3")

# %% [markdown]
# The target of denoising score matching is not the score, and the loss is not zero at its best. But the two differ by a
# constant that no model can change. Compare two models, and the constant is gone:
#
# $$\mathbb{E}\,\|\mathbf{s}_\theta - \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 - \mathbb{E}\,\|\mathbf{s}' - \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 = \mathbb{E}\,\|\mathbf{s}_\theta - \mathbf{s}_t\|^2 - \mathbb{E}\,\|\mathbf{s}' - \mathbf{s}_t\|^2 \tag{13.4}$$
#
# Remember this when a right model looks wrong because its loss stops at 0.3. Only *differences* of this loss mean
# something.

# %% tags=["explore"]
equation("13.4")

# %% [markdown]
# ### The likelihood side: VAE, bound, denoising
#
# A variational autoencoder has a latent $\mathbf{z}$, an encoder $q(\mathbf{z} \mid \mathbf{x})$, and the bound:
# reconstruction minus divergence from the prior (lesson 03). Let the latent be the whole noisy path,
# $\mathbf{z} = \mathbf{x}_{1:T}$, and let the encoder be the forward process, in which nothing is learned. Split
# $\log p_\theta(\mathbf{x}_{0:T}) = \log p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1) + \log p_\theta(\mathbf{x}_{1:T})$,
# which is allowed because the reverse chain is Markov. What is left is the divergence. A diffusion model *is* a VAE:
#
# $$\mathbb{E}_{q}\Big[\log\frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\Big] = \mathbb{E}_{q}\big[\log p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1)\big] - D_{\mathrm{KL}}\big(q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\,\big\|\,p_\theta(\mathbf{x}_{1:T})\big) \tag{13.5}$$
#
# Latent diffusion (lesson 12) puts one more encoder in front, and the same split holds again.

# %% tags=["explore"]
equation("13.5")

# %% [markdown]
# That divergence fell apart into one term per step (lesson 04). If the model uses the posterior with a guess
# $\hat{\mathbf{x}}_0$ in the place of $\mathbf{x}_0$, then the two Gaussians of a term have one variance
# $\tilde\beta_t$, and their means differ by $c_0(\mathbf{x}_0 - \hat{\mathbf{x}}_0)$ with
# $c_0 = \sqrt{\bar\alpha_{t-1}}\,\beta_t/(1-\bar\alpha_t)$. The divergence is
# $c_0^2\|\mathbf{x}_0-\hat{\mathbf{x}}_0\|^2/(2\tilde\beta_t)$. Now
# $c_0^2/\tilde\beta_t = \bar\alpha_{t-1}\beta_t / \big((1-\bar\alpha_t)(1-\bar\alpha_{t-1})\big)$. Write
# $\beta_t\bar\alpha_{t-1} = \bar\alpha_{t-1} - \bar\alpha_t$, and it is a difference of two signal-to-noise ratios:
#
# $$L_{t-1} = \tfrac12\big(\mathrm{SNR}(t-1) - \mathrm{SNR}(t)\big)\,\|\mathbf{x}_0 - \hat{\mathbf{x}}_0\|^2 \qquad (t > 1) \tag{13.6}$$

# %% tags=["explore"]
equation("13.6")

# %% [markdown]
# Take ever finer steps. The sum over $t$ of (13.6) becomes an integral of the denoiser's error over the signal-to-noise
# ratio $\gamma$. The schedule has gone; only its two ends are left. With the best denoiser, the integral has a meaning
# of its own. It is the information that the noisy point $y_\gamma = \sqrt{\gamma}\,x_0 + \varepsilon$ has about the
# data, gained between the two ends:
#
# $$\frac12\int_{\gamma_0}^{\gamma_1} \mathbb{E}\big(x_0 - \mathbb{E}[x_0 \mid y_\gamma]\big)^2\, d\gamma = \mathrm{I}(x_0; y_{\gamma_1}) - \mathrm{I}(x_0; y_{\gamma_0}) \tag{13.7}$$
#
# To denoise well at every level is to know the density. The twin integrates the left side over 24 levels and takes two
# entropies for the right.

# %% tags=["explore"]
equation("13.7")

# %% [markdown]
# ### The time side: chain, SDE, flow
#
# **The DDPM step is a step of the reverse SDE.** With $\boldsymbol\varepsilon = -\sigma_t\mathbf{s}$ from (13.1), the
# mean of Algorithm 2 is $(\mathbf{x} + \beta\,\mathbf{s})/\sqrt{1-\beta}$. Lesson 08 takes Euler steps of the reverse
# VP equation: the mean is $\mathbf{x} + \frac{\beta}{2}\mathbf{x} + \beta\,\mathbf{s}$. Both add noise of variance
# $\beta$. Expand $(1-\beta)^{-1/2} = 1 + \frac{\beta}{2} + \frac38\beta^2 + \dots$ and multiply out: the terms of order
# $\beta$ agree, and the next ones are
#
# $$\lim_{\beta \to 0} \frac{1}{\beta^2} \Big[\frac{\mathbf{x} + \beta\,\mathbf{s}}{\sqrt{1-\beta}} - \Big(\mathbf{x} + \frac{\beta}{2}\,\mathbf{x} + \beta\,\mathbf{s}\Big)\Big] = \frac38\,\mathbf{x} + \frac12\,\mathbf{s} \tag{13.8}$$

# %% tags=["explore"]
equation("13.8")

# %% [markdown]
# The equation is about a limit. Here is the same with the library's two samplers: halve $\beta$, and the difference of
# the steps is divided by four.

# %% tags=["explore"]
sizes = torch.tensor([0.2 / 2**k for k in range(8)], dtype=torch.float64)
gaps = []
for beta in sizes:
    both = schedule.Schedule(torch.stack([torch.zeros_like(beta), beta, beta]))
    ddpm = reverse_kernel(both, [2, 1])
    euler = euler_maruyama_kernel(VP(1.0, 1.0), [0.5, 0.5 - float(beta)])  # beta(t) = 1: a step of length beta
    score, sigma = -0.7, float(both.noise_var[2].sqrt())
    gaps.append(abs(ddpm.a[0] - ddpm.b[0] * sigma * score - euler.a[0] - euler.b[0] * score))
gaps = torch.tensor(gaps)
print("ratio of neighbouring differences:", [round(float(r), 2) for r in gaps[:-1] / gaps[1:]])

# %% [markdown]
# **SDE and probability flow have the same densities.** Take points on a line, with the drift $f x$ and the diffusion
# $g$. In the equation that carries their density along (Fokker and Planck, lesson 08), noise enters as
# $\frac{g^2}{2}\partial_x^2 p_t$. But $\partial_x p_t = s_t\,p_t$. So $\partial_x^2 p_t = \partial_x(s_t\,p_t)$: the
# noise does to the density what a drift $-\frac{g^2}{2}s_t$ does. Any share of it may be moved from the noise to the
# drift. Let the share $\lambda^2$ stay:
#
# $$\partial_t\, p_t = -\,\partial_x\Big[\Big(f x - \frac{1-\lambda^2}{2}\,g^2\,s_t\Big)\, p_t\Big] + \frac{\lambda^2 g^2}{2}\,\partial_x^2\, p_t \qquad \text{for every } \lambda \tag{13.9}$$
#
# $\lambda = 1$ is the SDE, $\lambda = 0$ the probability flow of lesson 09, which has no noise at all.

# %% tags=["explore"]
equation("13.9")

# %% [markdown]
# **What the noise is for.** Split a reverse step of length $h$, with its fresh noise $\mathbf{z}$, in the same way. Half
# of the pull of the score belongs to the flow. The other half and the noise are just what Langevin needs (lesson 07),
# with the step size $\eta = g^2h/2$. It moves the points about without changing their density:
#
# $$\mathbf{x} - (f\mathbf{x} - g^2\mathbf{s}_t)\,h + g\sqrt{h}\,\mathbf{z} = \underbrace{\mathbf{x} - \Big(f\mathbf{x} - \frac{g^2}{2}\mathbf{s}_t\Big)h}_{\text{probability flow}} + \underbrace{\eta\,\mathbf{s}_t + \sqrt{2\eta}\,\mathbf{z}}_{\text{Langevin}}, \qquad \eta = \frac{g^2 h}{2} \tag{13.10}$$

# %% tags=["explore"]
equation("13.10")

# %% [markdown]
# **DDIM is Euler's method for the flow.** Undo the shrinking, $\mathbf{y} = \mathbf{x}_t/a_t$, and measure time by the
# noise level $r = \sigma_t/a_t$. Then $\mathbf{y} = \mathbf{x}_0 + r\,\boldsymbol\varepsilon$, and the flow becomes as
# simple as can be: its velocity is the noise prediction.
#
# $$\frac{d\mathbf{y}}{dr} = \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t], \qquad \mathbf{y} = \frac{\mathbf{x}_t}{a_t}, \quad r = \frac{\sigma_t}{a_t} \tag{13.11}$$

# %% tags=["explore"]
equation("13.11")

# %% [markdown]
# An Euler step from $r_t$ to $r_s$ goes straight on with the velocity of its start. Written in $\mathbf{x}$ again it is
# the DDIM step of lesson 10 without fresh noise, to the last digit:
#
# $$\mathbf{x}_s = a_s\Big(\frac{\mathbf{x}_t}{a_t} + \Big(\frac{\sigma_s}{a_s} - \frac{\sigma_t}{a_t}\Big)\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t)\Big) \tag{13.12}$$

# %% tags=["explore"]
equation("13.12")

# %% [markdown]
# **The flow is a normalizing flow.** Along a path of the flow the log density changes by how much the flow spreads
# there (lesson 09):
#
# $$\frac{d}{dt}\log p_t(\mathbf{x}(t)) = -\operatorname{div}\mathbf{v}(\mathbf{x}(t), t) \qquad \text{along } \frac{d\mathbf{x}}{dt} = \mathbf{v} \tag{13.13}$$

# %% tags=["explore"]
equation("13.13")

# %% [markdown]
# A normalizing flow stacks maps that can be undone, and adds up $\log|\det|$ of their Jacobians. One thin layer is
# $\mathbf{x} + h\,\mathbf{v}(\mathbf{x})$. Its Jacobian is $\mathbf{I} + hJ$, where $J$ is that of $\mathbf{v}$. Let
# $\kappa_i$ be the eigenvalues of $J$. The determinant is the product $\prod_i (1 + h\kappa_i)$. Its first order in $h$
# is $h\sum_i \kappa_i = h\operatorname{tr} J$, and the trace of $J$ is the divergence. Infinitely many thin layers are
# (13.13):
#
# $$\frac{d}{dh}\log\big|\det(\mathbf{I} + h J)\big|\,\Big|_{h=0} = \operatorname{tr} J \tag{13.14}$$
#
# This closes the map. From the VAE to the normalizing flow every line has been run.

# %% tags=["explore"]
equation("13.14")

# %% [markdown]
# ## 2. How to prove that code is wrong
#
# A good check of a pipeline has five properties.
#
# 1. **Its answer is known beforehand**, from another road: a line of the map, an exact case, a conservation law.
# 2. **It is close to the code.** One step instead of a thousand, a coefficient instead of a cloud of samples.
# 3. **It can fail.** If you break the code on purpose, it says so. A check that was never seen to fail is a decoration.
# 4. **It lets right things pass.** Another order of operations, `float32`, another allowed variance: all of these are
#    right, and a check that refuses them will be switched off by the next person.
# 5. **It is cheap**, so that it runs every day.
#
# You need no formula of the pipeline for it. These questions find nearly everything:
#
# | question | what it finds |
# | --- | --- |
# | **Ones and zeros.** What comes out if one input is 1 and the rest 0? | any wrong coefficient, if the code is linear in that input |
# | **Exact data.** What if the data are standard normal, or a single point? | wrong roots, tables, indices, losses |
# | **The end of the range.** $t = 1$, $t = T$, $w = 0$, $\eta = 0$, the darkest and brightest pixel | shifts by one, conventions, clamps |
# | **One example at a time.** Does the batch give what its examples give alone? | broadcasting, shared noise |
# | **A limit.** Does the error shrink with the step as it should? | wrong drift, wrong noise |
# | **A total.** Do the probabilities sum to 1, is the variance 1? | signs, constants, sums for means |
#
# **The rules of the hunt.** Each pipeline is shown with numbered lines, just as it runs. Exactly one line is broken.
# Your check is a function that is *given* a pipeline, the one of the text or another version of it, and asks it
# questions. It returns
#
# - `0` if the pipeline is sound, however it is written;
# - else **the number of the broken line**. Other versions have other broken lines.
#
# Half of your work is to see which line a measurement speaks about. To compare numbers, use this:

# %%
def same(a, b, tol=1e-4):
    """Equal up to rounding, also of float32; never true for NaN."""
    a, b = (torch.as_tensor(v, dtype=torch.float64) for v in (a, b))
    return float((a - b).abs().max()) <= tol

# %% [markdown]
# And this shows how your check does on all versions of a pipeline that are on your computer. It prints what it
# answered, and what should have come. (The versions are in `diffkit/hunt`. To read them is allowed, but you would spoil
# your own hunt.)

# %% tags=["explore"]
def trial(name, fault, *arguments, **tables):
    """Let a check judge every version of a pipeline."""
    pipeline = PIPELINES[name]
    versions = [({}, 0), *((e, next(iter(e))) for e in pipeline.broken), *((e, 0) for e in pipeline.right)]
    told = [(fault(pipeline.function(edits, **tables), *arguments), line, edits) for edits, line in versions]
    right = sum(answer == line for answer, line, _ in told)
    print(f"{name}: {right} of {len(told)} versions judged rightly")
    for answer, line, edits in told:
        if answer != line:
            print(f"  answered {answer}, should be {line}:", *edits.values())


beta = torch.cat([numbers(0.0), torch.linspace(0.1, 0.25, 5, dtype=torch.float64)])
bar = torch.cumprod(1 - beta, 0)

# %% [markdown]
# ## 3. Before the model: tables, noise, data
#
# ### Pipeline 1: the table
#
# A table of $\bar\alpha_0, \dots, \bar\alpha_T$ is made from $\beta_1, \dots, \beta_T$.
#
# ```
#    def table(beta):
# 1      alpha = 1 - beta
# 2      bar = torch.cumprod(alpha, 0)
# 3      first = torch.ones(1, dtype=bar.dtype)
# 4      return torch.cat([bar, bar[-1:]])
# ```
#
# With a thousand steps nobody would see anything on a plot:

# %% tags=["explore"]
thousand = schedule.linear(1000).beta[1:]
steps = torch.arange(1001)
plots.curves(
    steps,
    {
        "sound": PIPELINES["schedule"].function()(thousand),
        "as above": PIPELINES["schedule"].function(PIPELINES["schedule"].shown)(thousand),
    },
    alt="Two tables of alpha_bar against t from 0 to 1000. The two curves fall from 1 to 0 and lie on each other.",
    y_label="alpha_bar",
)

# %% [markdown]
# **What do we know about such a table?** Everything, from two facts (lesson 02). At the start nothing is lost, and each
# step keeps the share $1-\beta_t$ of what was there:
#
# $$\bar\alpha_0 = 1, \qquad \frac{\bar\alpha_t}{\bar\alpha_{t-1}} = 1 - \beta_t \tag{13.15}$$

# %% tags=["explore"]
equation("13.15")

# %% [markdown]
# ### Exercise 13.1: the table
#
# `hunt.schedule_fault` · difficulty 2 · core · 12 minutes · 4 points · equation (13.15)
#
# Which of the four lines can spoil the first entry? Which one spoils the first ratio, and which one only later ratios?

# %% exercise="hunt.schedule_fault"
def schedule_fault(table, beta):
    """Judge a table of alpha_bar.

    table: the pipeline, beta (T,) -> (T+1,); beta: (T,), of the steps 1 to T.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    bar, keep = table(beta), 1 - beta
    ratio = bar[1:] / bar[:-1]
    if not same(bar[0], 1):
        return 3 if same(ratio[1:], keep[1:]) else 4
    if not same(ratio[0], keep[0]):
        return 1
    return 0 if same(ratio, keep) else 2
    ### END SOLUTION

# %% check="hunt.schedule_fault" points=4
check("hunt.schedule_fault", schedule_fault)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one: the idea, the formula, the line.

# %% tags=["explore"]
hint("hunt.schedule_fault")

# %% tags=["explore"]
with when_written():
    trial("schedule", schedule_fault, beta[1:])

# %% [markdown]
# **Is it a serious mistake?** The sampler believes that at $t = 0$ there is still the noise of the first step, and
# leaves it in the samples:

# %% tags=["explore"]
for label, s in (("1000 linear steps", schedule.linear(1000)), ("50 cosine steps", schedule.cosine(50))):
    print(f"{label:18s} noise of size {float(s.beta[1].sqrt()):.3f} is left in the samples")

# %% [markdown]
# Nobody sees it. But whatever is computed from a density at $t = 0$ is wrong.
#
# ### Pipeline 2: the jump
#
# `alpha_bar` and `alpha` are right tables. `t` holds one level for each example of the batch.
#
# ```
#    def q_sample(x_0, t, eps):
# 1      a = alpha_bar[t].reshape(-1, 1)
# 2      signal = a.sqrt()
# 3      noise = 1 - a
# 4      return signal * x_0 + noise * eps
# ```

# %% tags=["explore"]
digit = data.digits().images[:1].reshape(1, -1).double()
levels = schedule.linear(200, 5e-4, 0.1)
rows = []
for edits in ({}, PIPELINES["forward"].shown):
    jump = PIPELINES["forward"].function(edits, alpha_bar=levels.alpha_bar, alpha=levels.alpha)
    eps = torch.randn(1, 64, generator=draws(3), dtype=torch.float64)
    rows.append(torch.stack([jump(digit, torch.tensor([t]), eps).reshape(8, 8) for t in (1, 30, 60, 100, 200)]))
plots.image_grid(
    torch.stack(rows),
    ["t = 1", "t = 30", "t = 60", "t = 100", "t = 200"],
    ["sound", "above"],
    alt="Two rows of a digit that drowns in noise from t = 1 to t = 200, the sound pipeline above and the broken one below. The "
    "broken one has less noise at t = 30 and t = 60; both end in noise.",
)

# %% [markdown]
# **What do we know?** The jump is linear in $\mathbf{x}_0$ and in $\boldsymbol\varepsilon$. So ones and zeros read off
# both coefficients, and lesson 02 says what their squares are:
#
# $$\mathbf{x}_t(\mathbf{x}_0 = \mathbf{1}, \boldsymbol\varepsilon = \mathbf{0})^2 = \bar\alpha_t, \qquad \mathbf{x}_t(\mathbf{x}_0 = \mathbf{0}, \boldsymbol\varepsilon = \mathbf{1})^2 = 1 - \bar\alpha_t \tag{13.16}$$
#
# Two traps lie here. First, the sum of the two squares alone is not enough: a pipeline that looks up $\bar\alpha_{t-1}$
# passes that. Second, a coefficient of shape (B,) goes well with one example, fails loudly with most shapes, and goes
# wrong *silently* when there are as many examples as coordinates. So ask about just that many.

# %% tags=["explore"]
equation("13.16")

# %% [markdown]
# ### Exercise 13.2: the jump
#
# `hunt.forward_fault` · difficulty 2 · core · 15 minutes · 4 points · equation (13.16)

# %% exercise="hunt.forward_fault"
def forward_fault(q_sample, alpha_bar):
    """Judge a jump to level t.

    q_sample: the pipeline, (x_0 (B, D), t (B,), eps (B, D)) -> (B, D); alpha_bar: (T+1,), right.
    Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    t = torch.tensor([1, 2, len(alpha_bar) - 1])
    ones, zeros = torch.ones(3, 3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    s, n = q_sample(ones, t, zeros), q_sample(zeros, t, ones)
    level = alpha_bar[t].unsqueeze(1)
    if not same(s**2, level):
        return 1 if same(s**2 + n**2, 1) else 2
    if not same(n**2, 1 - level):
        return 3
    return 0 if same(n, n.abs()) else 4
    ### END SOLUTION

# %% check="hunt.forward_fault" points=4
check("hunt.forward_fault", forward_fault)

# %% tags=["explore"]
with when_written():
    trial("forward", forward_fault, bar, alpha_bar=bar, alpha=1 - beta)

# %% [markdown]
# ### Pipeline 3: the scale of the data
#
# The model wants data in $[-1, 1]$. Pixels run from 0 to `white`, which is 16 for our digits. The sampler's output is
# $y$ plus whatever the sampler did to it, here called `drift`. It is turned into pixels again: whole numbers within the
# range.
#
# ```
#    def there_and_back(x, drift):
# 1      y = x / 255
# 2      y = 2 * y - 1
# 3      back = white * (y + drift + 1) / 2
# 4      back = back.round().clamp(0, white)
# 5      return y, back
# ```
#
# Most plotting functions stretch an image to its own range before they show it. So does the next cell, and you can
# judge for yourself what that is worth:

# %% tags=["explore"]
pixels = (data.digits().images[5].reshape(1, 64).double() + 1) * 8
ranges = []
for edits in ({}, PIPELINES["scaling"].shown):
    y, _ = PIPELINES["scaling"].function(edits, white=16)(pixels, torch.zeros(1, 64))
    ranges.append(y)
    print(f"{'sound' if not edits else 'as above':10s} from {float(y.min()):.3f} to {float(y.max()):.3f}")
stretched = [2 * (y - y.min()) / (y.max() - y.min()) - 1 for y in ranges]
plots.image_row(
    torch.stack(stretched).reshape(2, 8, 8),
    ["sound", "as above"],
    alt="Twice the same picture of a digit: stretched to their own ranges, the sound and the broken version look alike.",
)

# %% [markdown]
# **Why the scale matters.** Noise is added to the data without asking how large they are. Data that were multiplied by
# $c$ have $c^2$ times the variance, so at every level
#
# $$\frac{\operatorname{Var}[\sqrt{\bar\alpha_t}\; c\, x_0]}{1 - \bar\alpha_t} = c^2\;\mathrm{SNR}(t)\,\operatorname{Var}[x_0] \tag{13.17}$$
#
# Digits divided by 255 instead of 16 have $c = 16/255$, about $1/16$. At every level their signal is about 254 times too
# weak. The model learns to make noise into pictures that are black all over.

# %% tags=["explore"]
equation("13.17")

# %% [markdown]
# ### Exercise 13.3: the scale
#
# `hunt.scaling_fault` · difficulty 2 · core · 15 minutes · 4 points · equation (13.17)
#
# A straight line is known by its two ends. For the way back, choose drifts for which you know the result. A round trip
# without drift is not enough: why?

# %% exercise="hunt.scaling_fault"
def scaling_fault(there_and_back, white):
    """Judge the scaling of pixels.

    there_and_back: the pipeline, (x (N,), drift (N,)) -> (y, back); white: int, the largest pixel value.
    Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    unit = 2 / white
    x = torch.tensor([0.0, white, 2.0, 3.0], dtype=torch.float64)
    y, inside = there_and_back(x, torch.tensor([3.2, -2.8, 2.2, 3.2], dtype=torch.float64) * unit)
    if not same(y[0], -1):
        return 2
    if not same(y[1], 1):
        return 1
    if not same(inside, torch.tensor([3.0, white - 3.0, 4.0, 6.0], dtype=torch.float64), 0.4):
        return 3
    _, edge = there_and_back(x, torch.tensor([-1.0, 1.0, 0.3, 0.7], dtype=torch.float64) * unit)
    return 0 if same(edge, torch.tensor([0.0, white, 2.0, 4.0], dtype=torch.float64)) else 4
    ### END SOLUTION

# %% check="hunt.scaling_fault" points=4
check("hunt.scaling_fault", scaling_fault)

# %% tags=["explore"]
with when_written():
    trial("scaling", scaling_fault, 16, white=16)

# %% [markdown]
# ## 4. Training: posterior and loss
#
# ### Pipeline 4: the posterior
#
# You have met this one in lesson 04, on a slide of the lecture. It returns the mean and the variance of
# $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)$.
#
# ```
#    def posterior(x_0, x_t, t):
# 1      before, now = alpha_bar[t - 1], alpha_bar[t]
# 2      from_x_0 = now.sqrt() * beta[t] / (1 - now)
# 3      from_x_t = (1 - beta[t]).sqrt() * (1 - before) / (1 - now)
# 4      var = (1 - before) / (1 - now) * beta[t]
# 5      return from_x_0 * x_0 + from_x_t * x_t, var
# ```
#
# Samples do not show it: E in the first picture of this lesson was made with it. You know which line it is. But prove
# it, without using the right formula: whoever has it would not need a check.
#
# **What do we know?** Call the coefficients $c_0$ and $c_t$. Draw $\mathbf{x}_t$ from
# $q(\mathbf{x}_t \mid \mathbf{x}_0)$ and then $\mathbf{x}_{t-1}$ from the posterior. Then $\mathbf{x}_{t-1}$ must be
# distributed as in the forward process, *together with* $\mathbf{x}_t$. Take three moments of the pair, one coordinate,
# given $x_0$:
#
# - The covariance of $x_{t-1}$ and $x_t$. On the way back it is $c_t$ times the variance of $x_t$. On the way forward
#   it is $\sqrt{\alpha_t}$ times the variance of $x_{t-1}$.
# - The mean of $x_{t-1}$, where $x_t$ has the mean $\sqrt{\bar\alpha_t}\,x_0$.
# - The variance of $x_{t-1}$: that which comes from $x_t$, and that of the posterior.
#
# $$c_t\,(1-\bar\alpha_t) = \sqrt{\alpha_t}\,(1-\bar\alpha_{t-1}), \qquad c_0 + c_t\sqrt{\bar\alpha_t} = \sqrt{\bar\alpha_{t-1}}, \qquad c_t^2\,(1-\bar\alpha_t) + \tilde\beta_t = 1 - \bar\alpha_{t-1} \tag{13.18}$$
#
# The first gives $c_t$, the second then gives $c_0$, the third $\tilde\beta_t$.

# %% tags=["explore"]
equation("13.18")

# %% [markdown]
# ### Exercise 13.4: the posterior
#
# `hunt.posterior_fault` · difficulty 4 · core · 25 minutes · 4 points · equation (13.18)
#
# If all three numbers are wrong, the levels are (line 1). If only the two coefficients are wrong and the variance is
# right, then line 5 put them to the wrong points.

# %% exercise="hunt.posterior_fault"
def posterior_fault(posterior, alpha_bar, t):
    """Judge a posterior.

    posterior: the pipeline, (x_0, x_t, t) -> (mean, var), numbers go in as well as tensors; alpha_bar: (T+1,), right;
    t: int in 2..T, ask at this one.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    before, now = alpha_bar[t - 1], alpha_bar[t]
    (c_0, var), (c_t, _) = posterior(1.0, 0.0, t), posterior(0.0, 1.0, t)
    right_c_t = (now / before).sqrt() * (1 - before) / (1 - now)
    right_c_0 = before.sqrt() - right_c_t * now.sqrt()
    wrong_0, wrong_t = not same(c_0, right_c_0), not same(c_t, right_c_t)
    wrong_var = not same(var, 1 - before - right_c_t**2 * (1 - now))
    if wrong_0 and wrong_t:
        return 1 if wrong_var else 5
    if wrong_0:
        return 2
    if wrong_t:
        return 3
    return 4 if wrong_var else 0
    ### END SOLUTION

# %% check="hunt.posterior_fault" points=4
check("hunt.posterior_fault", posterior_fault)

# %% tags=["explore"]
with when_written():
    trial("posterior", posterior_fault, bar, 3, alpha_bar=bar, beta=beta)

# %% [markdown]
# ### Pipeline 5: the weighted loss
#
# Every example of a batch has its own weight $w_i$, for instance the weight of its $t$ in the bound.
#
# ```
#    def loss(guess, eps, weight):
# 1      error = guess - eps
# 2      square = error ** 2
# 3      each = square.flatten(1).mean(1)
# 4      return (weight.unsqueeze(1) * each).mean()
# ```
#
# Here is what the training curve would show. The model always finds 60% of the noise; the batches are random. Could you
# tell which curve is right?

# %% tags=["explore"]
curves = {"sound": [], "as above": []}
g = draws(4)
for _ in range(60):
    eps = torch.randn(64, 8, generator=g, dtype=torch.float64)
    guess, weight = 0.6 * eps, 0.2 + torch.rand(64, generator=g, dtype=torch.float64)
    for label, edits in (("sound", {}), ("as above", PIPELINES["loss"].shown)):
        curves[label].append(float(PIPELINES["loss"].function(edits)(guess, eps, weight)))
plots.curves(
    torch.arange(60),
    {label: numbers(*values) for label, values in curves.items()},
    alt="The two losses over 60 batches. Both jump about 0.11 and can hardly be told apart.",
    x_label="batch",
    y_label="loss",
)

# %% [markdown]
# **What do we know?** A weight must meet its own example and no other. In a formula: change one weight a little, and
# the loss changes by the error of that example alone:
#
# $$\frac{\partial L}{\partial w_i} = \frac{1}{B\,d}\,\|\boldsymbol\varepsilon_\theta(\mathbf{x}_t)_i - \boldsymbol\varepsilon_i\|^2 \tag{13.19}$$
#
# You need no derivative to test it. A guess is yours to make up. Let only example $i$ be wrong, by 1 in every
# coordinate. Then the loss is $w_i/B$.

# %% tags=["explore"]
equation("13.19")

# %% [markdown]
# ### Exercise 13.5: the loss
#
# `hunt.loss_fault` · difficulty 3 · core · 20 minutes · 4 points · equation (13.19)
#
# `B` and `D` say how large a batch to ask about. Make up noise, guesses and weights yourself.

# %% exercise="hunt.loss_fault"
def loss_fault(loss, B, D):
    """Judge a weighted loss.

    loss: the pipeline, (guess (B, D), eps (B, D), weight (B,)) -> number; B, D: int.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    eps, weight = torch.ones(B, D, dtype=torch.float64), torch.arange(1, B + 1, dtype=torch.float64)
    eps[0] = 3.0
    if not same(loss(eps, eps, weight), 0):
        return 1
    one, unit = eps[:1], torch.ones(1, dtype=torch.float64)
    if not same(loss(one + 1, one, unit), 1):
        return 3
    if not same(loss(one + 2, one, unit), 4):
        return 2
    for i in range(B):
        guess = eps.clone()
        guess[i] += 1
        if not same(loss(guess, eps, weight), weight[i] / B):
            return 4
    return 0
    ### END SOLUTION

# %% check="hunt.loss_fault" points=4
check("hunt.loss_fault", loss_fault)

# %% tags=["explore"]
with when_written():
    trial("loss", loss_fault, 4, 6)

# %% [markdown]
# ### Exercise 13.6: the loss, repaired
#
# `hunt.mended_loss` · difficulty 1 · core · 5 minutes · 4 points · equation (13.19)
#
# Now write the pipeline with its line mended. It should take images as well.

# %% exercise="hunt.mended_loss"
def mended_loss(guess, eps, weight):
    """The weighted noise loss.

    guess, eps: (B, *D); weight: (B,).  Returns a number, a tensor without axes.
    """
    ### BEGIN SOLUTION
    square = (guess - eps) ** 2
    return (weight.to(square) * square.flatten(1).mean(1)).mean()
    ### END SOLUTION

# %% check="hunt.mended_loss" points=4
check("hunt.mended_loss", mended_loss)

# %% [markdown]
# ## 5. Sampling
#
# ### Pipeline 6: one step back
#
# One step of Algorithm 2. `beta`, `alpha` and `alpha_bar` are right tables.
#
# ```
#    def step(x, eps, t, z):
# 1      shift = beta[t] / (1 - alpha[t]).sqrt()
# 2      mean = (x - shift * eps) / alpha[t].sqrt()
# 3      sigma = beta[t].sqrt()
# 4      fresh = z if t > 1 else 0 * z
# 5      return mean + sigma * fresh
# ```

# %% tags=["explore"]
def ring_samples(name, edits, n=500):
    """Samples of the ring by the step or the loop of a pipeline."""
    g = draws(5)
    x = torch.randn(n, 2, generator=g, dtype=torch.float64)
    tables = {"beta": chain.beta, "alpha": chain.alpha, "alpha_bar": chain.alpha_bar}

    def predict(y, t):
        t = max(t, 1)  # the exact prediction needs some noise; a network would not complain about t = 0
        return ring.eps(y, float(chain.alpha_bar[t].sqrt()), float(chain.noise_var[t].sqrt()))

    if name == "loop":
        z = torch.randn(chain.T + 1, n, 2, generator=g, dtype=torch.float64)
        return PIPELINES["loop"].function(edits, predict=predict, **tables)(x, z, chain.T).float()
    step = PIPELINES["step"].function(edits, **tables)
    for t in range(chain.T, 0, -1):
        x = step(x, predict(x, t), t, torch.randn(x.shape, generator=g, dtype=x.dtype))
    return x.float()


clouds = [truth, *(ring_samples("step", edits) for edits in ({}, PIPELINES["step"].shown))]
plots.scatter(
    torch.stack(clouds),
    ["the data", "sound", "as above"],
    alt="Points in clusters on a ring, three times: data, the sound sampler, the broken one. The broken one's clusters are a bit tighter.",
)

# %% [markdown]
# Are the clusters on the right a little too tight, or is it chance? With a learned network one would blame the network.
# On to a question that does not need eyes.
#
# **What do we know?** Take data for which everything is known: $\mathbf{x}_0 \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$.
# Then $\mathbf{x}_t$ is standard normal at every $t$, its score is $-\mathbf{x}$, and by (13.1) the exact noise
# prediction is $\sqrt{1-\bar\alpha_t}\,\mathbf{x}$. Put that into the step, and the roots cancel. With
# $1-\beta_t = \alpha_t$ what is left is
#
# $$\frac{1}{\sqrt{\alpha_t}}\Big(\mathbf{x} - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\sqrt{1-\bar\alpha_t}\;\mathbf{x}\Big) = \sqrt{\alpha_t}\,\mathbf{x} \tag{13.20}$$
#
# This settles the mean. For the noise recall lesson 05: any variance from $\tilde\beta_t$ to $\beta_t$ is allowed, and
# a check must let all of them pass. In the last step no noise is added.

# %% tags=["explore"]
equation("13.20")

# %% [markdown]
# ### Exercise 13.7: one step back
#
# `hunt.step_fault` · difficulty 3 · core · 20 minutes · 4 points · equation (13.20)

# %% exercise="hunt.step_fault"
def step_fault(step, beta, t):
    """Judge a reverse step.

    step: the pipeline, (x, eps, t, z) -> x_{t-1}, numbers go in as well as tensors; beta: (T+1,), right;
    t: int in 2..T-1, ask at this one and at 1.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    bar = torch.cumprod(1 - beta, 0)
    if not same(step(1.0, 0.0, t, 0.0), (1 - beta[t]) ** -0.5):
        return 2
    if not same(step(1.0, (1 - bar[t]).sqrt(), t, 0.0), (1 - beta[t]).sqrt()):
        return 1
    var = step(0.0, 0.0, t, 1.0) ** 2
    smallest = (1 - bar[t - 1]) / (1 - bar[t]) * beta[t]
    if not same(var, var.clamp(smallest, beta[t])):
        return 3
    return 0 if same(step(0.0, 0.0, 1, 1.0), 0) else 4
    ### END SOLUTION

# %% check="hunt.step_fault" points=4
check("hunt.step_fault", step_fault)

# %% tags=["explore"]
with when_written():
    trial("step", step_fault, beta, 3, beta=beta, alpha=1 - beta, alpha_bar=bar)

# %% [markdown]
# ### Pipeline 7: the loop
#
# The step is right this time, with $\sigma_t^2 = \beta_t$. Around it is the loop from level `start` down to 0. `z[t]`
# is the noise of step $t$.
#
# ```
#    def sample(x, z, start):
# 1      for t in range(start, 0, -1):
# 2          eps = predict(x, t - 1)
# 3          mean = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / alpha[t].sqrt()
# 4          x = mean + (beta[t].sqrt() * z[t] if t > 1 else 0)
# 5      return x
# ```

# %% tags=["explore"]
clouds = [truth, *(ring_samples("loop", edits) for edits in ({}, PIPELINES["loop"].shown))]
others = {"other data": ring.sample(500, generator=draws(6)).float(), "sound": clouds[1], "as above": clouds[2]}
for label, x in others.items():
    print(f"{label:12s} distance to the data {float(metrics.sliced_wasserstein(x, truth)):.3f}")
plots.scatter(
    torch.stack(clouds),
    ["the data", "sound", "as above"],
    alt="Points in clusters on a ring, three times: data, the sound loop, the broken loop. No difference can be seen.",
)

# %% [markdown]
# Nothing to see, and nothing to measure with 500 points either. Yet the mean of every step is a little off, so the
# bound of lesson 04 gets worse. With few steps, $t$ and $t - 1$ are far apart, and the samples suffer too.
#
# **What do we know?** Let the data be standard normal once more. Now `predict(x, t)` is exact, and by (13.20) each step
# multiplies $x$ by $\sqrt{\alpha_t}$ and adds $\sqrt{\beta_t}\,z_t$. So we know everything about the whole sampler. Of
# the start $\sqrt{\bar\alpha_T}$ arrives. Of the noise of step $s$ there arrives $\sqrt{\beta_s}$ times the factors of
# the steps after it, $\sqrt{\alpha_{s-1}\cdots\alpha_1} = \sqrt{\bar\alpha_{s-1}}$. Of $z_1$ nothing arrives. The
# squares sum to the variance of the samples:
#
# $$\bar\alpha_T + \sum_{s=2}^{T} \beta_s\,\bar\alpha_{s-1} = 1 - \beta_1 \tag{13.21}$$
#
# *Why $1-\beta_1$?* $\beta_s\bar\alpha_{s-1} = \bar\alpha_{s-1} - \bar\alpha_s$, so the sum telescopes to
# $\bar\alpha_1 - \bar\alpha_T$. What is missing to 1 is the noise that the last step leaves out.
#
# **A linear sampler has no secrets.** You need not draw a single random number: hand it a 1 in one place and zeros
# elsewhere, and read off what arrives. With `x = zeros(T+1)` and `z = eye(T+1)`, one call reads all noises at once.

# %% tags=["explore"]
equation("13.21")

# %% [markdown]
# ### Exercise 13.8: the loop
#
# `hunt.loop_fault` · difficulty 4 · core · 25 minutes · 4 points · equation (13.21)
#
# Start with a chain of a single step, `start = 1`. It tells the loop itself (line 1) and the time (line 2) apart. There
# $\bar\alpha_1 = \alpha_1$, so a wrong step (line 3) shows in longer chains only.

# %% exercise="hunt.loop_fault"
def loop_fault(sample, beta):
    """Judge a whole sampler, with sigma^2 = beta and an exact prediction for standard normal data.

    sample: the pipeline, (x (B,), z (T+1, B), start) -> (B,); beta: (T+1,), right.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    T, bar = len(beta) - 1, torch.cumprod(1 - beta, 0)
    one, silent = torch.ones(1, dtype=torch.float64), torch.zeros(T + 1, 1, dtype=torch.float64)
    last = sample(one, silent, 1)
    if same(last, 1):
        return 1
    if not same(last, bar[1].sqrt()):
        return 2
    if not same(sample(one, silent, T), bar[T].sqrt()):
        return 3
    from_noise = sample(torch.zeros(T + 1, dtype=torch.float64), torch.eye(T + 1, dtype=torch.float64), T)
    right = beta[2:] * bar[1:-1]
    return 0 if same(from_noise[:2], 0) and same(from_noise[2:] ** 2, right) else 4
    ### END SOLUTION

# %% check="hunt.loop_fault" points=4
check("hunt.loop_fault", loop_fault)

# %% tags=["explore"]
def normal_eps(x, t):
    """The exact prediction for standard normal data."""
    return (1 - bar[t]).sqrt() * x


with when_written():
    trial("loop", loop_fault, beta, beta=beta, alpha=1 - beta, alpha_bar=bar, predict=normal_eps)

# %% [markdown]
# ### Pipeline 8: DDIM with noise
#
# A step of lesson 10 from level $t$ to any earlier level $s$, with noise of size `eta`.
#
# ```
#    def ddim(x, eps, t, s, z, eta):
# 1      x_0 = (x - (1 - alpha_bar[t]).sqrt() * eps) / alpha_bar[t].sqrt()
# 2      sigma = eta * ((1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])).sqrt()
# 3      toward = (1 - alpha_bar[s]).sqrt()
# 4      return alpha_bar[s].sqrt() * x_0 + toward * eps + sigma * z
# ```
#
# With `eta = 0` it is right, and that is how most people test it. Here is the variance of the samples for standard
# normal data, for several `eta`, after 200 steps from each level to the one before. It should be 1, up to a few per
# cent that finite steps cost:

# %% tags=["explore"]
print(" eta    sound   as above")
for eta in (0.0, 0.2, 0.5, 1.0):
    found = []
    for edits in ({}, PIPELINES["ddim"].shown):
        step, var = PIPELINES["ddim"].function(edits, alpha_bar=levels.alpha_bar), 1.0
        for t in range(200, 0, -1):
            keep = step(1.0, float(levels.noise_var[t].sqrt()), t, t - 1, 0.0, eta)
            var = float(keep**2 * var + step(0.0, 0.0, t, t - 1, 1.0, eta) ** 2)
        found.append(var)
    print(f"{eta:4.1f} {found[0]:8.3f} {found[1]:10.3f}")

# %% [markdown]
# **What do we know?** The DDIM family was built to keep $q(\mathbf{x}_t \mid \mathbf{x}_0)$. Hand the step an
# $\mathbf{x}_t$ made of $\mathbf{x}_0$ and $\boldsymbol\varepsilon$, tell it that $\boldsymbol\varepsilon$, and what
# comes out must have the shares of level $s$: $\sqrt{\bar\alpha_s}$ of the data, and noise of variance $1-\bar\alpha_s$
# in all. Part of the noise is old (it arrives with a factor $c_\varepsilon$), part of it is new (with $c_z$).
# Independent parts add in their variances:
#
# $$c_\varepsilon^2 + c_z^2 = 1 - \bar\alpha_s, \qquad c_z^2 = \eta^2\,\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\Big(1 - \frac{\bar\alpha_t}{\bar\alpha_s}\Big) \tag{13.22}$$

# %% tags=["explore"]
equation("13.22")

# %% [markdown]
# ### Exercise 13.9: DDIM
#
# `hunt.ddim_fault` · difficulty 4 · core · 25 minutes · 4 points · equation (13.22)
#
# Follow the data first, then the old noise with `eta = 0`, then the new noise, then both noises together.

# %% exercise="hunt.ddim_fault"
def ddim_fault(ddim, alpha_bar, t, s, eta):
    """Judge a DDIM step.

    ddim: the pipeline, (x, eps, t, s, z, eta) -> x_s, numbers go in as well as tensors; alpha_bar: (T+1,), right;
    t, s: int, t > s > 0; eta: float, strictly between 0 and 1.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    now, then = alpha_bar[t], alpha_bar[s]
    signal = ddim(now.sqrt(), 0.0, t, s, 0.0, eta)
    if not same(signal, then.sqrt()):
        return 4 if same(signal, now.sqrt()) else 1
    if not same(ddim((1 - now).sqrt(), 1.0, t, s, 0.0, 0.0), (1 - then).sqrt()):
        return 1
    fresh = ddim(0.0, 0.0, t, s, 1.0, eta)
    if not same(fresh**2, eta**2 * (1 - then) / (1 - now) * (1 - now / then)):
        return 2
    kept = ddim((1 - now).sqrt(), 1.0, t, s, 0.0, eta)
    return 0 if same(kept**2 + fresh**2, 1 - then) else 3
    ### END SOLUTION

# %% check="hunt.ddim_fault" points=4
check("hunt.ddim_fault", ddim_fault)

# %% tags=["explore"]
with when_written():
    trial("ddim", ddim_fault, bar, 5, 2, 0.6, alpha_bar=bar)

# %% [markdown]
# ### Exercise 13.10: DDIM, repaired
#
# `hunt.mended_ddim` · difficulty 2 · core · 8 minutes · 4 points · equation (13.22)

# %% exercise="hunt.mended_ddim"
def mended_ddim(x, eps, t, s, z, eta, alpha_bar):
    """A DDIM step from level t to level s < t.

    x, eps, z: (B, *D); t, s: int; eta: float in 0..1; alpha_bar: (T+1,) float64.  Returns x_s in x's shape and dtype.
    """
    ### BEGIN SOLUTION
    now, then = alpha_bar[t].to(x), alpha_bar[s].to(x)
    x_0 = (x - (1 - now).sqrt() * eps) / now.sqrt()
    sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
    toward = (1 - then - sigma**2).sqrt()
    return then.sqrt() * x_0 + toward * eps + sigma * z
    ### END SOLUTION

# %% check="hunt.mended_ddim" points=4
check("hunt.mended_ddim", mended_ddim)

# %% [markdown]
# ### Pipeline 9: Langevin
#
# The step of lesson 07.
#
# ```
#    def move(x, score, eta, z):
# 1      drift = eta * score
# 2      size = eta ** 0.5
# 3      return x + drift + size * z
# ```

# %% tags=["explore"]
grid = torch.linspace(-3.5, 3.5, 240, dtype=torch.float64)
bumps, found = data.bumps(), {}
for label, edits in (("sound", {}), ("as above", PIPELINES["langevin"].shown)):
    move, g = PIPELINES["langevin"].function(edits), draws(7)
    x = bumps.sample(1500, generator=g)
    for _ in range(200):
        x = move(x, bumps.score(x), 0.01, torch.randn(x.shape, generator=g, dtype=x.dtype))
    bells = torch.exp(-0.5 * ((grid.unsqueeze(1) - x[:, 0]) / 0.08) ** 2).mean(1)
    found[label] = bells / (0.08 * (2 * torch.pi) ** 0.5)
plots.density(
    grid,
    {"density asked for": bumps.log_prob(grid.unsqueeze(1)).exp(), **found},
    alt="Three curves with the same three bumps. The sound chain follows the density asked for, but the narrow bump in the middle is "
    "lower. In the broken chain all bumps are narrower, and the two outer ones stand out higher.",
)

# %% [markdown]
# The bumps are where they belong. The outer ones are a little narrow and high. But the sound curve is off as well, in the
# middle. Is that the smoothing, chance, or the length of the step?
#
# **What do we know?** Let the target be $\mathcal{N}(0, 1)$, with the score $-x$. Let $d$ be the factor of the score in
# a step and $c$ that of the noise. (In this section $d$ counts no coordinates, and $c$ is not the scale of pipeline 3.)
# The step is $x \leftarrow (1-d)x + cz$. The variance that such a step does not change solves $v = (1-d)^2 v + c^2$, so
#
# $$v_\infty = \frac{c^2}{2d} \cdot \frac{1}{1 - d/2} \tag{13.23}$$
#
# The second factor is the price of a finite step, and goes to 1. The first is 1 if and only if $c^2 = 2d$. This is the
# whole law of Langevin, whatever the author calls the step size: $(\eta, \sqrt{2\eta})$ obeys it and so does
# $(\alpha/2, \sqrt{\alpha})$.

# %% tags=["explore"]
equation("13.23")

# %% [markdown]
# ### Exercise 13.11: Langevin
#
# `hunt.langevin_fault` · difficulty 3 · core · 20 minutes · 4 points · equation (13.23)
#
# A step that obeys $c^2 = 2d$ is sound, also if its drift is not `eta`. If it does not obey, blame the line that
# departs from $(\eta, \sqrt{2\eta})$. Line 3 also has to give every example its own noise.

# %% exercise="hunt.langevin_fault"
def langevin_fault(move, eta):
    """Judge a Langevin step.

    move: the pipeline, (x (B, D), score (B, D), eta, z (B, D)) -> (B, D); eta: float.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    zero, z = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    if not same(move(z, zero, eta, zero), z):
        return 3
    drift, noise = move(zero, zero + 1, eta, zero)[0, 0], move(zero, zero, eta, z)
    size = noise[0, 0]
    if not same(noise, size * z):
        return 3
    if drift > 0 and same(size**2 / drift, 2):
        return 0
    return 2 if same(drift, eta) else 1
    ### END SOLUTION

# %% check="hunt.langevin_fault" points=4
check("hunt.langevin_fault", langevin_fault)

# %% tags=["explore"]
with when_written():
    trial("langevin", langevin_fault, 0.2)

# %% [markdown]
# ### Pipeline 10: backwards in continuous time
#
# A step of length `dt` $> 0$ back in time, for the VP equation with a constant `beta` (lesson 08).
#
# ```
#    def back(x, score, dt, z):
# 1      grow = x + 0.5 * beta * x * dt
# 2      pull = 0.5 * beta * score * dt
# 3      kick = (beta * dt) ** 0.5 * z
# 4      return grow + pull + kick
# ```
#
# This mistake has an honest origin: half of the score is right *for the probability flow*, which has no noise. Somebody
# took one line from here and one from there.
#
# **What do we know?** An equation in $dt$ speaks about short steps. Let the data be standard normal, with the score
# $-\mathbf{x}$, and let $p$ be the pull of the score and $k^2$ the variance of the noise, per unit of time. One step
# multiplies $x$ by $1 + \frac{\beta}{2}h - p\,h$ and adds noise of variance $k^2 h$. The variance must stay 1. Its rate
# of change is
#
# $$\frac{d}{dh}\Big[\Big(1 + \frac{\beta}{2}h - p\,h\Big)^2 + k^2 h\Big]_{h=0} = \beta - 2p + k^2 \tag{13.24}$$
#
# So $2p = \beta + k^2$. With $k^2 = \beta$ that is the SDE, $p = \beta$. With $k = 0$ it is the flow, $p = \beta/2$.
# All that lies between is right too, by (13.9). The pipeline above has $p = \beta/2$ and $k^2 = \beta$: its variance
# grows by $\beta$ per unit of time.

# %% tags=["explore"]
equation("13.24")

# %% [markdown]
# ### Exercise 13.12: backwards in time
#
# `hunt.reverse_fault` · difficulty 4 · core · 25 minutes · 4 points · equation (13.24)
#
# Right pipelines differ from each other by terms of order $dt$: a DDPM step is one of them. So take $dt$ very small,
# divide by it, and allow a few per cent. If pull and noise do not fit together, and the noise is that of the SDE, blame
# the pull.

# %% exercise="hunt.reverse_fault"
def reverse_fault(back, beta):
    """Judge a reverse step in continuous time.

    back: the pipeline, (x, score, dt, z) -> number, numbers go in; beta: float.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    dt = 1e-4
    grow = (back(1.0, 0.0, dt, 0.0) - 1) / dt
    pull = back(0.0, 1.0, dt, 0.0) / dt
    kick = back(0.0, 0.0, dt, 1.0) ** 2 / dt
    if not same(grow, beta / 2, 0.05):
        return 1
    if same(2 * pull, beta + kick, 0.05):
        return 0
    if same(kick, beta, 0.05):
        return 2
    return 3 if kick > 0 else 4
    ### END SOLUTION

# %% check="hunt.reverse_fault" points=4
check("hunt.reverse_fault", reverse_fault)

# %% tags=["explore"]
with when_written():
    trial("reverse", reverse_fault, 0.8, beta=0.8)

# %% [markdown]
# ### Pipeline 11: guidance
#
# Two predictions, with the label and without it, are combined (lesson 11). In this code base $w = 0$ means *no
# guidance*, as in the paper of Ho and Salimans.
#
# ```
#    def guided(cond, uncond, w):
# 1      toward = cond - uncond
# 2      scale = w
# 3      return uncond + scale * toward
# ```
#
# It makes fine pictures. They are guided a little less than the author believes, and at $w = 0$ the label is ignored
# altogether.
#
# **What do we know?** Write $\ell$ for the label. (Lesson 11 called it $y$, which is a noisy point here.) Guidance
# follows, at each level, the score of a ratio of densities:
#
# $$\nabla \log \frac{p_t(\mathbf{x} \mid \ell)^{1+w}}{p_t(\mathbf{x})^{w}} = -\frac{(1+w)\,\boldsymbol\varepsilon_\theta(\mathbf{x}, \ell) - w\,\boldsymbol\varepsilon_\theta(\mathbf{x})}{\sigma_t} \tag{13.25}$$
#
# The factors are $1+w$ and $-w$. They sum to 1, and at $w = 0$ the conditional prediction comes back untouched. The
# other convention calls $1 + w$ the scale.

# %% tags=["explore"]
equation("13.25")

# %% [markdown]
# ### Exercise 13.13: guidance
#
# `hunt.guidance_fault` · difficulty 2 · core · 15 minutes · 4 points · equation (13.25)

# %% exercise="hunt.guidance_fault"
def guidance_fault(guided, w):
    """Judge classifier-free guidance in which w = 0 means none.

    guided: the pipeline, (cond, uncond, w) -> eps, numbers go in; w: float above 1.  Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    plain = guided(1.0, 0.0, 0.0)
    if same(plain, -1):
        return 1
    if same(plain, 2):
        return 3
    if not same(plain, 1):
        return 2
    cond, uncond = guided(1.0, 0.0, w), guided(0.0, 1.0, w)
    if not same(cond + uncond, 1):
        return 3
    return 0 if same(cond, 1 + w) else 2
    ### END SOLUTION

# %% check="hunt.guidance_fault" points=4
check("hunt.guidance_fault", guidance_fault)

# %% tags=["explore"]
with when_written():
    trial("guidance", guidance_fault, 2.5)

# %% [markdown]
# ## 6. Likelihood
#
# ### Pipeline 12: a log density
#
# The smallest normalizing flow there is: $\mathbf{x} = \text{scale} \cdot \mathbf{z}$, one scale for each coordinate,
# $\mathbf{z}$ standard normal. A probability flow is a long chain of such maps, and its code has the same four parts.
#
# ```
#    def log_p(x, scale):
# 1      z = x / scale
# 2      log_det = scale.log().sum()
# 3      log_prior = -0.5 * (z ** 2 + math.log(2 * math.pi)).sum(1)
# 4      return log_prior + log_det
# ```

# %% tags=["explore"]
scale = numbers(2.0, 3.0)
x = scale * torch.randn(1000, 2, generator=draws(8), dtype=torch.float64)
for label, edits in (("sound", {}), ("as above", PIPELINES["likelihood"].shown)):
    mean = float(PIPELINES["likelihood"].function(edits)(x, scale).mean())
    print(f"{label:10s} mean log-likelihood of 1000 points {mean:.3f}")

# %% [markdown]
# The broken one reports the *better* likelihood. It would win every comparison. Nobody hunts for a bug in a good
# result, and that is why this one lives long.
#
# **What do we know?** Let $F$ be the map from data to latent, here $F(x) = x/\text{scale}$, and $p_Z$ the density of the
# latent. The total of a density is 1, whatever the map:
#
# $$\int p_Z\big(F(x)\big)\,\Big|\frac{dF}{dx}\Big|\, dx = 1 \tag{13.26}$$
#
# On a fine grid that reaches far enough a sum is as good as an integral. A total of 1 is a hard thing to reach with a
# wrong sign, a forgotten constant, or a mean where a sum belongs. You only have to ask in situations where each of them
# shows itself: with scale 1 the volume is silent, and on the line a mean and a sum are the same.

# %% tags=["explore"]
equation("13.26")

# %% [markdown]
# ### Exercise 13.14: the log density
#
# `hunt.likelihood_fault` · difficulty 3 · core · 25 minutes · 4 points · equation (13.26)
#
# Ask four times: on the line with scale 1 and with `scale[:1]`, in the plane with scale (1, 1) and with `scale`.
# `torch.cartesian_prod(axis, axis)` makes a grid in the plane.

# %% exercise="hunt.likelihood_fault"
def likelihood_fault(log_p, scale):
    """Judge a log density.

    log_p: the pipeline, (x (N, D), scale (D,)) -> (N,), for D = 1 and D = 2; scale: (2,), each between 1 and 2.5.
    Returns 0, or the broken line.
    """
    ### BEGIN SOLUTION
    line = torch.linspace(-30, 30, 151, dtype=torch.float64).unsqueeze(1)
    plane = torch.cartesian_prod(*[torch.linspace(-20, 20, 71, dtype=torch.float64)] * 2)
    cell, square = 60 / 150, (40 / 70) ** 2
    if not same(log_p(line, torch.ones(1)).exp().sum() * cell, 1):
        return 3
    total = log_p(line, scale[:1]).exp().sum() * cell
    if not same(total, 1):
        return 4 if total > 1 else 1
    if not same(log_p(plane, torch.ones(2)).exp().sum() * square, 1):
        return 3
    return 0 if same(log_p(plane, scale).exp().sum() * square, 1) else 2
    ### END SOLUTION

# %% check="hunt.likelihood_fault" points=4
check("hunt.likelihood_fault", likelihood_fault)

# %% tags=["explore"]
with when_written():
    trial("likelihood", likelihood_fault, numbers(1.2, 2.0))

# %% [markdown]
# ## 7. Before you believe your own diffusion model
#
# Twelve pipelines, twelve small experiments. None of them needed a trained network, a large machine or a good eye. Run
# this list whenever you write or change a diffusion model, in this order, and do not train before the first six hold.
#
# | | ask | must hold | exercise |
# | --- | --- | --- | --- |
# | 1 | the table | $\bar\alpha_0 = 1$, ratios $1-\beta_t$, $\bar\alpha_T$ near 0 | 13.1 |
# | 2 | the data's scale | $[-1, 1]$ or variance 1 going in, range and rounding coming out | 13.3 |
# | 3 | the jump, ones and zeros, B = D | squares $\bar\alpha_t$ and $1-\bar\alpha_t$, row by row | 13.2 |
# | 4 | the loss of a made-up guess | 0 if perfect, $w_i/B$ if example $i$ is off by 1 | 13.5 |
# | 5 | the posterior | covariance, mean, variance of the pair | 13.4 |
# | 6 | a step on standard normal data | factor $\sqrt{\alpha_t}$, variance in $[\tilde\beta_t, \beta_t]$, none at $t = 1$ | 13.7 |
# | 7 | the whole sampler on standard normal data | variance $1-\beta_1$, no random numbers needed | 13.8 |
# | 8 | any other sampler | keeps $q(\mathbf{x}_t \mid \mathbf{x}_0)$; error falls with its order as steps shrink | 13.9, 13.12 |
# | 9 | Langevin or corrector | $c^2 = 2d$; leaves $p_t$ where it is | 13.11 |
# | 10 | guidance | $w = 0$ changes nothing; factors sum to 1 | 13.13 |
# | 11 | any likelihood | total 1; no better than the truth on data whose density you know | 13.14 |
# | 12 | the trained model on a mixture, against the exact score | the error at each $t$, not the loss, which has a floor (13.4) | lessons 05, 06 |
# | 13 | overfit one batch, then one image | the loss falls, and that image comes back | lesson 05 |
# | 14 | samples | only now look at them, beside the nearest training examples | lesson 05 |
#
# Three habits go with it. **Break it once**: change a line on purpose and see the check fail. **Swap in the oracle**:
# if samples are wrong with the exact score, the sampler is to blame; if they are right, the network is.
# **Keep the checks**: the bug that you fixed today will be written again.

# %% [markdown]
# ## Written question
#
# A colleague shows you a new sampler. Its samples of digits look sharp, its Fréchet distance is better than that of
# your DDPM, and the log-likelihood that it reports is better too, by 2 bits per dimension. "And it needs no noise, so
# it is the probability flow." You may look at the code for one hour.
#
# 1. Which of the three observations (sharp samples, better distance, better likelihood) proves that the sampler is
#    right? Give for each a mistake from this lesson that would produce it.
# 2. Choose three checks, in the order in which you would run them, and say for each what number must come out and which
#    mistake it would find.
# 3. Your colleague objects that one of your checks fails only because the sampler is "a different one, which is also
#    right". How do you find out who is right?
#
# Answer in a few sentences each, with formulas where they help. 6 points, graded by hand.

# %% [markdown] written="hunt.one_hour" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) None of them. Sharp samples: too little noise in the steps (variance used as deviation, noise
# left out while the pull of the SDE is kept) gathers samples on the peaks. A better distance: it compares means and
# covariances of features of finite samples and is below the resolution of most mistakes; a table shifted by one, a
# network told $t-1$ leave it unchanged, and less variety may even help it. Better likelihood: the sign of the log
# determinant, a mean for a sum, a forgotten constant (pipeline 12); 2 bits per dimension is far more than a sampler can
# gain on the same model.
# (2) For example: the likelihood's total on the line and in the plane must be 1 (finds sign, constants); the step on
# standard normal data for short $dt$: $2p = \beta + k^2$, with $k = 0$ the pull must be $\beta/2$ (finds the drift of
# the SDE without its noise); ones and zeros for one step with the share of data and noise of level $s$ (finds tables,
# indices, roots); halving the step must divide the error by $2^{\text{order}}$ (finds anything of first order). First
# those nearest to the suspicious claim and cheapest.
# (3) Ask for the marginal that the sampler claims to have at each level, and test that with an exact score: all right
# samplers of one family share $p_t$ (13.9) however their steps differ, in the limit of small steps. If at smaller steps
# the exact mixture comes out, the check was too narrow and must be widened ($k$ between 0 and $\sqrt{\beta}$); if a
# difference remains as steps shrink, the sampler is wrong.
#
# **Rubric.** (1) None proves it: 1; fitting mistakes for at least two: 1. (2) Three checks with the number that must
# come out: 2 (one if numbers are missing). (3) Marginals or limit of small steps with exact score: 1; a check may be
# too narrow, and how it shows: 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - Noise, score and denoiser are one function (13.1, 13.2); the losses of DDPM and of denoising score matching are one
#   loss (13.3), up to a constant the true one (13.4).
# - A diffusion model is a VAE with a fixed encoder (13.5). Its bound is a denoising error weighted by signal-to-noise
#   (13.6), and in the limit it is information (13.7).
# - The DDPM step is an Euler step of the reverse SDE up to order $\beta^2$ (13.8). SDE and flow share their densities
#   (13.9) and differ by a Langevin step (13.10).
# - DDIM is Euler's method for the flow in the noise level (13.11, 13.12). The flow carries its likelihood along
#   (13.13), as infinitely many layers of a normalizing flow (13.14).
# - Twelve checks whose answers are known beforehand: (13.15) to (13.26).
#
# **Where this is in the papers.**
#
# - Vincent 2011, *A Connection Between Score Matching and Denoising Autoencoders*: (13.1) to (13.4).
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: the link of noise and score, section 3.2.
# - Kingma et al. 2021, *Variational Diffusion Models*: the bound by signal-to-noise ratios, (13.6), and its limit.
# - Guo, Shamai and Verdú 2005, *Mutual Information and Minimum Mean-Square Error in Gaussian Channels*: (13.7).
# - Song et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*: (13.8) to (13.10),
#   (13.13).
# - Song, Meng and Ermon 2021, *Denoising Diffusion Implicit Models*: (13.11), (13.12), (13.22).
# - Chen et al. 2018, *Neural Ordinary Differential Equations*: (13.13), (13.14).
# - Karras et al. 2022, *Elucidating the Design Space of Diffusion-Based Generative Models*: one frame for samplers, and
#   a model of careful comparison.
# - Ho and Salimans 2022, *Classifier-Free Diffusion Guidance*: (13.25).
#
# **Where to go next.** You can now read these papers in any order. Three roads lead on from here. *Flow matching*
# starts from the velocity field of (13.13) and learns it directly, without a noising process. *Discrete diffusion*
# replaces Gaussian noise by random changes of tokens, and keeps the bound of lesson 04. *Distillation and consistency
# models* ask how the flow can be followed in one or two calls. Each of them is a new box on the map. Draw its lines
# first: find out with which of the old boxes it must agree, and in which limit. Then you have your checks before you
# have written a line of the code.
#
# This was the last lesson. Thank you for working through it.
