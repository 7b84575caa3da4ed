# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 03 From likelihood to the ELBO
#
# **What you will be able to do.** You will say what a diffusion model should maximise, why that cannot be computed, and
# what is maximised instead. You will prove the bound line by line, compute exactly what it loses, make it tighter, and
# recognise a diffusion model as a variational autoencoder of many levels whose encoder is fixed.
#
# **What it needs.** Lesson 01: factorization along a graph, the chain rule of probability, conditioning a Gaussian, the
# Kullback-Leibler divergence. Lesson 02: the forward process and the noisy mixture.
#
# **Time.** About three and a half hours: one and a half to read and play, two for the eleven exercises. You may skip
# what is marked *stretch* or *proof*; nothing later depends on its code.
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
from diffkit import vae
from diffkit.gaussian import Gaussian, kl

one = torch.ones(1, 1, dtype=torch.float64)
tiny = vae.LinearModel(one, 0 * one[0], 0.5)  # z is standard normal, x is z plus noise of variance 0.5
seen = 1.2 * one
truth = tiny.posterior(seen)  # what the model believes about z, once it has seen x
centres = torch.linspace(-0.8, 2.4, 200, dtype=torch.float64).unsqueeze(1)
posterior = Gaussian(truth.mean.expand_as(centres), truth.cov[0, :, 0].expand_as(centres))
height = tiny.marginal.log_prob(seen)
plots.curves(
    centres[:, 0],
    {
        "log p(x)": height.expand(200),
        "bound, q as wide as the truth": height - kl(Gaussian(centres, posterior.var), posterior),
        "bound, q twice as wide": height - kl(Gaussian(centres, 4 * posterior.var), posterior),
    },
    alt="A horizontal line, the log-likelihood of one data point, and two hills below it. One hill touches the line at "
    "one place. The other, made with a q that is too wide, stays below it everywhere.",
    x_label="mean of q",
    y_label="nats",
)

# %% [markdown]
# The horizontal line is what we want: $\log p(x)$, how likely a model finds a data point. Below it are two hills. Each is
# a *lower bound* that we can compute without knowing the line. A hill depends on a helper distribution $q$ that we
# choose. Choose $q$ well, and the hill touches the line. Choose it badly, and the hill is too low, but it is never too
# high. So whoever pushes the hill up pushes against the line from below.
#
# That is the plan of this lesson. The line cannot be computed for a diffusion model. The hill can. It is called the
# *evidence lower bound*, ELBO for short: "evidence" is an old name for $p(x)$.

# %% [markdown]
# ## The notation
#
# As always, the table is for coming back to.

# %% tags=["explore"]
notation("3")

# %% [markdown]
# ## 1. A model that goes from noise to data
#
# Lesson 02 went from data to noise and called that process $q$. Now we define a second process, $p_\theta$, that goes the
# other way. It starts with pure noise $\mathbf{x}_T$ and makes $\mathbf{x}_{T-1}$ from it, then $\mathbf{x}_{T-2}$, and so
# on, down to $\mathbf{x}_0$. As a graph it is the chain $\mathbf{x}_T \to \mathbf{x}_{T-1} \to \dots \to \mathbf{x}_0$:
# the same nodes as before, all arrows turned round. One factor for each node given its parent:
#
# $$p_\theta(\mathbf{x}_{0:T}) = p(\mathbf{x}_T) \prod_{t=1}^{T} p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t) \tag{3.1}$$
#
# The first factor is ours to choose, and we choose $p(\mathbf{x}_T) = \mathcal{N}(\mathbf{0}, \mathbf{I})$, since that is
# where the forward process ends. The letter $\theta$ stands for everything that will be learned: the weights of a neural
# network.
#
# *What is the difference between $q$ and $p$?* $q$ is given: nature draws $\mathbf{x}_0$, and we add noise by a rule
# that we wrote down. Nothing in it is learned. $p_\theta$ is the model. It never sees nature's $\mathbf{x}_0$; it makes
# its own. If we learn well, the two joint distributions $q(\mathbf{x}_{0:T})$ and $p_\theta(\mathbf{x}_{0:T})$ become alike.

# %% tags=["explore"]
equation("3.1")

# %% [markdown]
# In a chain every factor looks just *one* step back. When this formula is said aloud in a hurry, the second factor easily
# becomes $p(\mathbf{x}_{T-2} \mid \mathbf{x}_T)$. That is another distribution, and the product is wrong:

# %% tags=["explore"]
erratum("3.1e")

# %% [markdown]
# **What does one step look like?** We have to give $p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$ some form. The choice
# is a Gaussian whose mean is made by a network from $\mathbf{x}_t$ and $t$:
#
# $$p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \boldsymbol\mu_\theta(\mathbf{x}_t, t),\ \sigma_t^2 \mathbf{I}\right) \tag{3.2}$$
#
# The variance can be made by a network too. We keep it a plain table of numbers $\sigma_t^2$, as most people do.
#
# *Why a Gaussian?* There are three reasons, and only the third is a good one. It is easy to draw from and its density is
# easy to write. The steps of $q$ are Gaussian, so divergences between the two will have closed forms. And if the steps
# are small, the true way back *is* nearly Gaussian. The third reason is often left to a course on stochastic processes.
# Sections 9 and 10 show it, with exact numbers.

# %% tags=["explore"]
equation("3.2")

# %% [markdown]
# You will need the density of a Gaussian often, so here it is. This cell is given; do not change it.

# %% given="bound-log_normal"
def log_normal(x, mean, var):
    """log N(x; mean, var I) of each example, in nats.

    x: (B, *D); mean: a number or (B, *D); var: a number.  Returns (B,): the sum over all axes but the first.
    """
    var = torch.as_tensor(var, dtype=x.dtype)
    z = (x - mean) ** 2 / var + torch.log(2 * math.pi * var)
    return -0.5 * z.flatten(1).sum(1)

# %% [markdown]
# ### Exercise 3.1: the joint density of the model
#
# `bound.log_joint` · difficulty 2 · core · 10 minutes · 4 points · equation (3.1)
#
# `x` is a whole path, `x[t]` a batch at step `t`. The network has already been asked: `means[t]` is
# $\boldsymbol\mu_\theta(\mathbf{x}_t, t)$, the mean of the step *from* $\mathbf{x}_t$ *to* $\mathbf{x}_{t-1}$. Entry 0 of
# `means` and of `var` belongs to no step; it is there to keep the index straight.

# %% exercise="bound.log_joint"
def log_joint(x, means, var):
    """log p(x_{0:T}) of each path.

    x, means: (T+1, B, *D); var: (T+1,) float64, the sigma_t^2.  Returns (B,) nats, in x's dtype.
    """
    ### BEGIN SOLUTION
    out = log_normal(x[-1], 0.0, 1.0)
    for t in range(1, len(x)):
        out = out + log_normal(x[t - 1], means[t], var[t])
    return out
    ### END SOLUTION

# %% check="bound.log_joint" points=4
check("bound.log_joint", log_joint)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one. There are three for each exercise: the idea, the formula, the line.

# %% tags=["explore"]
hint("bound.log_joint")

# %% [markdown]
# ## 2. What we want, and why we cannot have it
#
# A good model finds real images likely. So take a real image $\mathbf{x}_0$ and ask the model for its density. The joint
# density (3.1) speaks of a whole path. The image is only its last point, so everything else is integrated out:
#
# $$p_\theta(\mathbf{x}_0) = \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T} \tag{3.3}$$
#
# This is the law of total probability of lesson 01, with an integral for the sum. Training by *maximum likelihood* means:
# change $\theta$ until $\log p_\theta(\mathbf{x}_0)$ is large, on average over the images. Since we like to minimise
# things, the loss is $-\log p_\theta(\mathbf{x}_0)$, the *negative log-likelihood*.

# %% tags=["explore"]
equation("3.3")

# %% [markdown]
# For 8x8 images and $T = 1000$, the integral in (3.3) has 64,000 dimensions, and the function in it is made of a thousand
# neural networks stacked on each other. Nobody can do that integral. But there is one kind of model where everybody
# can, and it will be our witness: a model whose means are *straight lines*,
# $\boldsymbol\mu_\theta(\mathbf{x}_t, t) = a_t \mathbf{x}_t + b_t$, with plain numbers $a_t$ and $b_t$.
#
# Then each step scales a Gaussian, shifts it and adds independent noise. So every $\mathbf{x}_t$ is Gaussian, and its
# mean $m_t$ and variance $v_t$ (the same for each coordinate) follow from those of the step before. Scaling multiplies a
# mean by $a_t$ and a variance by $a_t^2$. Shifting moves the mean only. Independent noise adds its variance.
#
# $$m_{t-1} = a_t\, m_t + b_t, \qquad v_{t-1} = a_t^2\, v_t + \sigma_t^2, \qquad m_T = 0,\quad v_T = 1 \tag{3.4}$$
#
# After $T$ steps we hold $m_0$ and $v_0$, and $p(\mathbf{x}_0)$ is one normal density.

# %% tags=["explore"]
equation("3.4")

# %% [markdown]
# ### Exercise 3.2: the one likelihood that can be computed
#
# `bound.chain_log_likelihood` · difficulty 3 · core · 15 minutes · 5 points · equation (3.4)

# %% exercise="bound.chain_log_likelihood"
def chain_log_likelihood(x_0, a, b, var):
    """The exact log p(x_0) of a model with steps N(a_t x_t + b_t, var_t I).

    x_0: (B, *D); a, b, var: (T+1,) float64, entry t belongs to the step from x_t.  Returns (B,) in x_0's dtype.
    """
    ### BEGIN SOLUTION
    m, v = torch.zeros(()).double(), torch.ones(()).double()
    for t in range(len(a) - 1, 0, -1):
        m, v = a[t] * m + b[t], a[t] ** 2 * v + var[t]
    return log_normal(x_0, m.to(x_0), v.to(x_0))
    ### END SOLUTION

# %% check="bound.chain_log_likelihood" points=5
check("bound.chain_log_likelihood", chain_log_likelihood)

# %% [markdown]
# *Can we not simply try it out?* The integral is an average: $p_\theta(\mathbf{x}_0)$ is the mean of
# $p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1)$ over all $\mathbf{x}_1$ that the model makes. So let the model run ten thousand
# times and average. The next cell does it for a model of ten steps, with data points of 1, 4, 16 and 64 numbers, and
# compares with the truth.

# %% tags=["explore"]
T = 10
toy = schedule.Schedule(torch.tensor([0.0] + [0.19] * T))
a, b, var = torch.full((T + 1,), 0.9).double(), torch.full((T + 1,), 0.05).double(), torch.full((T + 1,), 0.19).double()


def run_model(n, d, generator):
    """n draws of x_1, (n, d): the model runs from x_T down to x_1."""
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    for t in range(T, 1, -1):
        x = a[t] * x + b[t] + var[t].sqrt() * torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x


with when_written():
    generator = torch.Generator().manual_seed(0)
    for d in (1, 4, 16, 64):
        x_0 = torch.randn(1, d, generator=generator, dtype=torch.float64)
        exact = float(chain_log_likelihood(x_0, a, b, var))
        x_1 = run_model(10_000, d, generator)
        tries = log_normal(x_0.expand(10_000, d), a[1] * x_1 + b[1], var[1])
        guess = float(torch.logsumexp(tries, 0)) - math.log(10_000)
        print(f"{d:2d} numbers: exact {exact:8.2f} nats, average of 10,000 runs {guess:8.2f} nats")

# %% [markdown]
# With one number it works. With 64 numbers, the size of a tiny image, the average misses by many nats. The reason: nearly
# all of the ten thousand runs end nowhere near our image. Their $p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1)$ is practically
# zero, and the few runs that would matter never happen. Running the model blindly is like proving that a key exists by
# cutting random ones.
#
# We need somebody who tells us *which* $\mathbf{x}_1, \dots, \mathbf{x}_T$ could have led to this image.

# %% [markdown]
# ## 3. The helper
#
# We know somebody: the forward process. It takes this very image and makes noisy versions of it. By lesson 01, given
# $\mathbf{x}_0$ the chain $\mathbf{x}_0 \to \mathbf{x}_1 \to \dots \to \mathbf{x}_T$ has the density
#
# $$q(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1}) \tag{3.5}$$
#
# *Is $\mathbf{x}_0$ random here or not?* Both, at different moments. An image drawn from the data set is random. But
# behind the bar it is *given*: we hold one image in our hands, and only its noisy versions are random. In everything
# up to section 6, $\mathbf{x}_0$ is fixed. At the very end we average over images, and then it is random again. This is
# also why no factor $q(\mathbf{x}_0)$ appears in (3.5). Good for us: nobody knows it.

# %% tags=["explore"]
equation("3.5")

# %% [markdown]
# ### Exercise 3.3: the density of the noisy versions
#
# `bound.log_q` · difficulty 2 · core · 8 minutes · 4 points · equation (3.5)

# %% exercise="bound.log_q"
def log_q(x, beta):
    """log q(x_{1:T} | x_0) of each path.

    x: (T+1, B, *D); beta: (T+1,) float64 with beta[0] = 0.  Returns (B,) nats, in x's dtype.
    """
    ### BEGIN SOLUTION
    out = 0.0
    for t in range(1, len(x)):
        keep = (1 - beta[t]).sqrt().to(x)
        out = out + log_normal(x[t], keep * x[t - 1], beta[t])
    return out
    ### END SOLUTION

# %% check="bound.log_q" points=4
check("bound.log_q", log_q)

# %% [markdown]
# ## 4. The derivation
#
# We start from what we want, $-\log p_\theta(\mathbf{x}_0)$ for one given image, and rewrite it until something computable
# appears. Each step says what it uses and why we take it.
#
# **Step 1: put it under an expectation.** *Claim:* averaging $-\log p_\theta(\mathbf{x}_0)$ over the noisy versions changes
# nothing. *Why it is true:* an expectation over $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$ is an integral over
# $\mathbf{x}_1, \dots, \mathbf{x}_T$. None of them occurs in $-\log p_\theta(\mathbf{x}_0)$. So it is a constant and may stand
# in front of the integral. What is left under the integral is a density, and a density integrates to 1.
#
# $$-\log p_\theta(\mathbf{x}_0) = \int q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\left[-\log p_\theta(\mathbf{x}_0)\right] d\mathbf{x}_{1:T} = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log p_\theta(\mathbf{x}_0)\right] \tag{3.6}$$
#
# *Why we do it:* it looks like a step backwards. But from now on we may write things inside the brackets that *do*
# depend on $\mathbf{x}_{1:T}$, and $q$ will average them. The helper is on board.

# %% tags=["explore"]
equation("3.6")

# %% [markdown]
# **Step 2: the chain rule of probability.** *Claim:* the likelihood is a ratio of two densities of whole paths. *Why it is
# true:* the chain rule says
# $p_\theta(\mathbf{x}_{0:T}) = p_\theta(\mathbf{x}_0)\, p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$. Divide by the last factor:
#
# $$p_\theta(\mathbf{x}_0) = \frac{p_\theta(\mathbf{x}_{0:T})}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)} \qquad \text{for every } \mathbf{x}_{1:T} \tag{3.7}$$
#
# Look at the words on the right. The left side knows nothing of $\mathbf{x}_{1:T}$, so the ratio is the same number
# whichever path we put in. The twin of this equation tries five paths for each image.
#
# *Why we do it:* the top of the ratio is (3.1), which we can compute for any path. The trouble has moved to the bottom:
# $p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$ is what the *model* believes about the path, once it has seen the image. It
# is called the model's *posterior*, and it is as hard as the integral was.

# %% tags=["explore"]
equation("3.7")

# %% [markdown]
# Put step 2 into step 1:
#
# $$-\log p_\theta(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log \frac{p_\theta(\mathbf{x}_{0:T})}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\right] \tag{3.8}$$
#
# The lecture that this course grew from stops at this line, at the end of its hour. We go on.

# %% tags=["explore"]
equation("3.8")

# %% [markdown]
# **Step 3: multiply by one.** *Claim:* the expectation splits into a part that we can compute and a part that we cannot.
# *Why it is true:* write the number 1 as $q/q$ into the ratio, with $q$ short for $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$,
# and give each of the two densities of $p_\theta$ a $q$ as its partner:
# $\frac{p_\theta(\mathbf{x}_{0:T})}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)} = \frac{p_\theta(\mathbf{x}_{0:T})}{q} \cdot \frac{q}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}$.
# The logarithm of a product is a sum, and the minus sign turns the first ratio upside down:
#
# $$-\log p_\theta(\mathbf{x}_0) = \mathbb{E}_{q}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{0:T})}\right] - \mathbb{E}_{q}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\right] \tag{3.9}$$
#
# The first expectation holds two densities that you have coded. It can be estimated: draw a path by adding noise to
# the image, and evaluate. The second holds the model's posterior, which nobody can evaluate.

# %% tags=["explore"]
equation("3.9")

# %% [markdown]
# **Step 4: leave out what is never negative.** The second expectation is of the form $\mathbb{E}_q[\log(q/p)]$. By lesson
# 01 that is a Kullback-Leibler divergence, and a divergence is never negative. It is subtracted. So without it the right
# side can only become larger:
#
# $$-\log p_\theta(\mathbf{x}_0) \le \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{0:T})}\right] = \mathcal{L}(\mathbf{x}_0) \tag{3.10}$$
#
# This is the bound. $\mathcal{L}$ bounds the *loss* $-\log p_\theta(\mathbf{x}_0)$ from above. With all signs turned,
# $-\mathcal{L}$ bounds the log-likelihood from below, and $-\mathcal{L}$ is the ELBO. Authors differ in which of the two
# they write, and slips of sign are common. The rule to remember: we *minimise* $\mathcal{L}$, we *maximise* the ELBO.

# %% tags=["explore"]
equation("3.10")

# %% [markdown]
# One more slip is worth seeing, because it is printed on slides: a line that begins with $\arg\max_\theta$ and goes on with
# the value of the maximum. The first is a *place*, the best $\theta$. The second is a *height*, in nats. They are not equal,
# and the next slide's "$\arg\max \ge$" compares a place with a height as well. Leave out the $\arg\max$, and both lines are
# right.

# %% tags=["explore"]
erratum("3.10e")

# %% [markdown]
# ### Exercise 3.4: put the derivation in order
#
# `bound.in_order` · difficulty 3 · proof · 15 minutes · 5 points · equation (3.10)
#
# Below lie nine cards. Each claims that its left line equals its right line, or is at most that (card 1). Five of them
# make up the derivation, in some order. Four are false. Here $q$ is short for $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$,
# $p_0$ for $p_\theta(\mathbf{x}_0)$, $p_{0:T}$ for $p_\theta(\mathbf{x}_{0:T})$ and $p_{1:T|0}$ for
# $p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$.
#
# | card | left | | right |
# | --- | --- | --- | --- |
# | 1 | $\mathbb{E}_q[\log \frac{q}{p_{0:T}}] - D_{\mathrm{KL}}(q \,\Vert\, p_{1:T \mid 0})$ | $\le$ | $\mathbb{E}_q[\log \frac{q}{p_{0:T}}]$ |
# | 2 | $\mathbb{E}_q[-\log p_0]$ | $=$ | $\mathbb{E}_q[-\log \frac{p_{0:T}}{p_{1:T \mid 0}}]$ |
# | 3 | $\mathbb{E}_q[-\log \frac{p_{0:T}}{p_{1:T \mid 0}}]$ | $=$ | $\mathbb{E}_q[-\log \frac{p_{0:T}}{q}]$ |
# | 4 | $-\log p_0$ | $=$ | $\mathbb{E}_q[-\log p_0]$ |
# | 5 | $\mathbb{E}_q[-\log (\frac{p_{0:T}}{q} \cdot \frac{q}{p_{1:T \mid 0}})]$ | $=$ | $\mathbb{E}_q[\log \frac{q}{p_{0:T}}] + D_{\mathrm{KL}}(q \,\Vert\, p_{1:T \mid 0})$ |
# | 6 | $\mathbb{E}_q[-\log \frac{p_{0:T}}{p_{1:T \mid 0}}]$ | $=$ | $\mathbb{E}_q[-\log (\frac{p_{0:T}}{q} \cdot \frac{q}{p_{1:T \mid 0}})]$ |
# | 7 | $\mathbb{E}_q[-\log (\frac{p_{0:T}}{q} \cdot \frac{q}{p_{1:T \mid 0}})]$ | $=$ | $\mathbb{E}_q[\log \frac{q}{p_{0:T}}] - D_{\mathrm{KL}}(q \,\Vert\, p_{1:T \mid 0})$ |
# | 8 | $-\log p_0$ | $=$ | $-\log \mathbb{E}_q[p_{0:T}]$ |
# | 9 | $\mathbb{E}_q[-\log p_0]$ | $=$ | $\mathbb{E}_q[-\log \frac{p_{0:T}}{p(\mathbf{x}_T)}]$ |
#
# Return the numbers of the five cards, in order: each card begins with the line where the last one ended, the first
# with $-\log p_0$. Your function is dealt these cards (sometimes without some of the false ones) together with `left`
# and `right`: the values of both lines on a random model where all of them are known. You do not need these numbers.
# But the judge does: they alone decide which cards are true.

# %% exercise="bound.in_order"
def in_order(cards, left, right):
    """The cards that lead from -log p(x_0) to the bound, in order.

    cards: (n,) int64, numbers of the dealt cards; left, right: (n,) float64, the values of their two lines.
    Returns a list of five card numbers.
    """
    ### BEGIN SOLUTION
    return [4, 2, 6, 7, 1]
    ### END SOLUTION

# %% check="bound.in_order" points=5
check("bound.in_order", in_order)

# %% [markdown]
# ### Exercise 3.5: what the bound averages
#
# `bound.integrand` · difficulty 2 · core · 5 minutes · 3 points · equation (3.10)
#
# Call $w = p_\theta(\mathbf{x}_{0:T}) / q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$ the *weight* of a path. Inside the bound
# (3.10) stands $-\log w$. Code $\log w$ from the two functions that you have.

# %% exercise="bound.integrand"
def integrand(x, means, var, beta):
    """log w = log p(x_{0:T}) - log q(x_{1:T} | x_0) of each path.

    x, means: (T+1, B, *D); var, beta: (T+1,) float64.  Returns (B,) nats.
    """
    ### BEGIN SOLUTION
    return log_joint(x, means, var) - log_q(x, beta)
    ### END SOLUTION

# %% check="bound.integrand" points=3
check("bound.integrand", integrand)

# %% [markdown]
# The bound is now one line of code: noise an image, evaluate `integrand`, average. Compare with the blind average of
# section 2. The same model, the same number of draws, but now $q$ proposes the paths. "Spread" is the standard deviation
# of $\log w$ from one path to the next.

# %% tags=["explore"]
def walk(x_0, table, generator):
    """Paths of the forward process, (T+1, B, d)."""
    x = [x_0]
    for step in table.beta[1:]:
        fresh = torch.randn(x_0.shape, generator=generator, dtype=x_0.dtype)
        x.append((1 - step).sqrt() * x[-1] + step.sqrt() * fresh)
    return torch.stack(x)


def straight_means(x, a, b):
    """Means of the steps whose mean is a straight line, (T+1, B, d)."""
    return a.reshape(-1, 1, 1) * x + b.reshape(-1, 1, 1)


with when_written():
    generator = torch.Generator().manual_seed(0)
    for d in (1, 4, 16, 64):
        x_0 = torch.randn(1, d, generator=generator, dtype=torch.float64)
        exact = float(chain_log_likelihood(x_0, a, b, var))
        x = walk(x_0.expand(10_000, d), toy, generator)
        log_w = integrand(x, straight_means(x, a, b), var, toy.beta)
        print(f"{d:2d} numbers: exact {exact:8.2f} nats, ELBO {float(log_w.mean()):8.2f} nats, spread {float(log_w.std()):.2f}")

# %% [markdown]
# No key is cut at random any more: 64 numbers are no harder than one. The average is a little *below* the truth, and each
# number of the data point adds the same small amount to that. It is not an error of sampling. It is the term that step 4
# left out.

# %% [markdown]
# ## 5. The gap
#
# How much did step 4 lose? Take (3.9), and call the first expectation by its name, $\mathcal{L}(\mathbf{x}_0)$:
#
# $$\mathcal{L}(\mathbf{x}_0) + \log p_\theta(\mathbf{x}_0) = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\right) \tag{3.11}$$
#
# The gap is the divergence between two answers to one question: *which path belongs to this image?* The helper $q$
# answers "I add noise, so such a path". The model answers "I came down from noise, so such a path". If they agree, the
# bound is exact. That is when the hill in the first picture touches the line.
#
# For a model of straight lines both answers are Gaussians over $\mathbf{x}_1, \dots, \mathbf{x}_T$, so the gap can be
# computed with two tools of lesson 01: condition the model's joint Gaussian on $\mathbf{x}_0$, then take the divergence
# of two Gaussians,
# $D_{\mathrm{KL}}(\mathcal{N}(\mathbf{n}, Q)\,\|\,\mathcal{N}(\mathbf{m}, S)) = \frac12\left[\operatorname{tr}(S^{-1}Q) + (\mathbf{m}-\mathbf{n})^\top S^{-1}(\mathbf{m}-\mathbf{n}) - T + \log\det S - \log\det Q\right]$.

# %% tags=["explore"]
equation("3.11")

# %% [markdown]
# ### Exercise 3.6: the gap is a divergence
#
# `bound.gap` · difficulty 4 · core · 25 minutes · 5 points · equation (3.11)
#
# One number per step here, so that a path is a vector of $T+1$ numbers. `p_mean` and `p_cov` describe the model's joint
# Gaussian of $x_0, x_1, \dots, x_T$, in this order. `q_mean` and `q_cov` describe $q(x_{1:T} \mid x_0)$.

# %% exercise="bound.gap"
def gap(x_0, q_mean, q_cov, p_mean, p_cov):
    """KL( q(x_{1:T} | x_0) || p(x_{1:T} | x_0) ) in nats.

    x_0: (B,); q_mean: (B, T); q_cov: (T, T); p_mean: (T+1,); p_cov: (T+1, T+1).  Returns (B,).
    """
    ### BEGIN SOLUTION
    k = p_cov[1:, 0] / p_cov[0, 0]
    mean = p_mean[1:] + k * (x_0 - p_mean[0]).unsqueeze(1)
    S = p_cov[1:, 1:] - torch.outer(k, p_cov[0, 1:])
    P, e = torch.linalg.inv(S), mean - q_mean
    square = torch.einsum("bi,ij,bj->b", e, P, e)
    return 0.5 * ((P * q_cov).sum() + square - len(S) + torch.logdet(S) - torch.logdet(q_cov))
    ### END SOLUTION

# %% check="bound.gap" points=5
check("bound.gap", gap)

# %% [markdown]
# Now let the two roads meet. First your `gap`, a closed form. Then the exact log-likelihood minus the ELBO, as the average
# of your `integrand` over 50,000 paths. The model is a worse one than before, with $a_t = 0.8$ in place of 0.9, so that there
# is more to see.

# %% tags=["explore"]
from diffkit.equations import chains

a_worse = torch.full((T + 1,), 0.8).double()
with when_written():
    model = chains.Chain(a_worse, b, var)
    points = torch.tensor([-1.0, 0.5, 2.0]).double()
    helper, joint = chains.joint_q(toy, points), chains.joint_p(model)
    exact_gap = gap(points, helper.mean, helper.cov, joint.mean, joint.cov)
    generator = torch.Generator().manual_seed(1)
    for point, closed in zip(points, exact_gap, strict=True):
        x = walk(point.expand(50_000, 1), toy, generator)
        log_w = integrand(x, straight_means(x, a_worse, b), var, toy.beta)
        found = float(chain_log_likelihood(point.reshape(1, 1), a_worse, b, var)) - float(log_w.mean())
        error = float(log_w.std()) / 50_000**0.5
        print(f"x_0 = {float(point):4.1f}: gap {float(closed):.4f} nats, by sampling {found:.4f} +- {error:.4f}")

# %% [markdown]
# **Who moves?** There are two ways to close a gap between $q$ and the model's posterior: move $q$, or move the model. In a
# variational autoencoder (section 7) both move. In a diffusion model $q$ is fixed for ever. So only the model can move:
# by making $\mathcal{L}$ small, it also learns to have a posterior that looks like added noise.

# %% [markdown]
# ## 6. A second road: Jensen, and several paths
#
# Many books reach the bound in two lines. Put $q/q$ into the integral (3.3) and read it as an average over $q$:
#
# $$p_\theta(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[w\right], \qquad w = \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)} \tag{3.12}$$
#
# So the mean weight is the likelihood, exactly. Now take logarithms. The logarithm bends downwards: the logarithm of a
# mean is at least the mean of the logarithms. This is *Jensen's inequality*.
#
# $$\mathbb{E}_{q}\!\left[\log w\right] \le \log \mathbb{E}_{q}\!\left[w\right] \tag{3.13}$$
#
# The left side is the ELBO, the right side is $\log p_\theta(\mathbf{x}_0)$. It is the same bound. The long road told us
# more: it gave the gap a name. The short road tells us something else: the gap is small when $w$ hardly varies from path
# to path, because the logarithm of something constant has nothing to lose. That is why we printed the spread.

# %% tags=["explore"]
equation("3.12")

# %% tags=["explore"]
equation("3.13")

# %% [markdown]
# **A tighter bound.** If less variation means less loss, let us average *before* taking the logarithm. Draw $K$ paths for
# the same image, average their weights, and take the logarithm of that. An average of $K$ weights varies less than one
# weight. The claim is that every further path helps, and none overshoots:
#
# $$\mathbb{E}\!\left[\log \frac{1}{K} \sum_{k=1}^{K} w_k\right] \le \mathbb{E}\!\left[\log \frac{1}{K+1} \sum_{k=1}^{K+1} w_k\right] \le \log p_\theta(\mathbf{x}_0) \tag{3.14}$$
#
# *Why the second holds:* Jensen again, for the average of the weights, whose mean is $p_\theta(\mathbf{x}_0)$ too. *Why the
# first holds:* an average of $K+1$ numbers is the average of all the averages that leave one of them out. So the right
# side takes the logarithm of a mean of such averages, and the left side the mean of their logarithms: Jensen once more.

# %% tags=["explore"]
equation("3.14")

# %% [markdown]
# ### Exercise 3.7: several paths
#
# `bound.importance_weighted` · difficulty 2 · core · 8 minutes · 3 points · equation (3.14)
#
# For images, $w$ itself is far outside the range of floating-point numbers. Stay with logarithms.

# %% exercise="bound.importance_weighted"
def importance_weighted(log_w):
    """log of the mean weight of K paths.

    log_w: (K, B), row k holds log w of path k for each example.  Returns (B,).
    """
    ### BEGIN SOLUTION
    return torch.logsumexp(log_w, dim=0) - math.log(log_w.shape[0])
    ### END SOLUTION

# %% check="bound.importance_weighted" points=3
check("bound.importance_weighted", importance_weighted)

# %% tags=["explore"]
with when_written():
    generator = torch.Generator().manual_seed(2)
    x_0 = torch.randn(1, 4, generator=generator, dtype=torch.float64)
    exact = float(chain_log_likelihood(x_0, a_worse, b, var))
    x = walk(x_0.expand(256 * 200, 4), toy, generator)
    log_w = integrand(x, straight_means(x, a_worse, b), var, toy.beta)
    powers = torch.arange(9)
    bounds = torch.stack([importance_weighted(log_w.reshape(2 ** int(k), -1)).mean() for k in powers])
    picture = plots.curves(
        powers,
        {"log p(x_0), exact": torch.full((9,), exact), "bound with K paths": bounds},
        alt="The bound with K paths against the logarithm of K, from 1 to 256 paths. It rises, first quickly and then "
        "slowly, and comes close to a horizontal line, the exact log-likelihood, from below.",
        x_label="$\\log_2 K$",
        y_label="nats",
    )
    display(picture)

# %% [markdown]
# With $K = 1$ this is the ordinary bound. It is the one used for training diffusion models, because it will fall apart
# into terms that need no whole path (lesson 04). The bound with many paths is used for *measuring* a trained model.

# %% [markdown]
# **Over all images.** So far one image was given. A model must serve all of them, so the training loss is the mean of
# $\mathcal{L}(\mathbf{x}_0)$ over the data; here $\mathbf{x}_0$ is random again. The mean has a pleasant form:
#
# $$\mathbb{E}_{q(\mathbf{x}_0)}\!\left[\mathcal{L}(\mathbf{x}_0)\right] = H\!\left[q(\mathbf{x}_0)\right] + D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{0:T})\,\|\,p_\theta(\mathbf{x}_{0:T})\right) \tag{3.15}$$
#
# *Why:* write $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = q(\mathbf{x}_{0:T})/q(\mathbf{x}_0)$ into (3.10) and split the
# logarithm. The part $-\log q(\mathbf{x}_0)$, averaged, is the entropy $H$ of the data. The rest is the divergence of the
# two joint distributions.
#
# Read it from left to right. The loss has a floor, the entropy of the data, which no model can go below and which we
# cannot change. (So a loss that stops falling well above 0 is no sign of failure.) Above the floor, the loss measures how
# far the model's paths are from the noise's paths. Nothing else.

# %% tags=["explore"]
equation("3.15")

# %% [markdown]
# ## 7. Autoencoders: one level
#
# Everything so far also holds when there is no chain at all. Take a single hidden variable $\mathbf{z}$ in the place of
# $\mathbf{x}_{1:T}$, and call the data point $\mathbf{x}$. The model draws $\mathbf{z}$, the *code*, from
# $p(\mathbf{z}) = \mathcal{N}(\mathbf{0}, \mathbf{I})$, the *prior*, and then $\mathbf{x}$ from
# $p_\theta(\mathbf{x} \mid \mathbf{z})$, a Gaussian whose mean is made by a network, the *decoder*. The helper is another Gaussian, $q_\phi(\mathbf{z} \mid \mathbf{x})$,
# whose mean and variance are made by a second network, the *encoder*, with weights $\phi$. Both learn. This is the
# *variational autoencoder*, VAE for short.
#
# Its bound is (3.10) with other letters. Split
# $p_\theta(\mathbf{x}, \mathbf{z}) = p(\mathbf{z})\, p_\theta(\mathbf{x} \mid \mathbf{z})$ inside the logarithm:
#
# $$\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log \frac{q_\phi(\mathbf{z} \mid \mathbf{x})}{p_\theta(\mathbf{x}, \mathbf{z})}\right] = \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z})\right] + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z} \mid \mathbf{x})\,\|\,p(\mathbf{z})\right) \tag{3.16}$$
#
# The first term asks: can the decoder describe $\mathbf{x}$ from the code? The second asks: how much does the code say
# that the prior did not know? A code that tells everything makes the first small and the second large.

# %% tags=["explore"]
equation("3.16")

# %% [markdown]
# **The second term has a closed form.** $q_\phi$ has independent coordinates with means $\mu_i$ and variances $\sigma_i^2$,
# so the divergence is a sum of those from lesson 01:
#
# $$D_{\mathrm{KL}}\!\left(\mathcal{N}(\boldsymbol\mu, \operatorname{diag}(\boldsymbol\sigma^2))\,\|\,\mathcal{N}(\mathbf{0}, \mathbf{I})\right) = \tfrac12 \sum_{i} \left(\mu_i^2 + \sigma_i^2 - 1 - \log \sigma_i^2\right) \tag{3.17}$$
#
# **The first term is drawn,** with one $\mathbf{z}$ per image. Here is a difficulty. The encoder must learn from this
# term too, so we need its derivative by $\boldsymbol\mu$ and $\boldsymbol\sigma$. But they sit inside a random draw. The way out
# is the recipe of lesson 02, a normal variable as mean plus standard deviation times noise: $z = \mu + \sigma\varepsilon$.
# Now the randomness is in $\varepsilon$, which does not depend on the encoder, and the derivative may go inside:
#
# $$\nabla_{\mu, \sigma}\ \mathbb{E}_{z \sim \mathcal{N}(\mu, \sigma^2)}\!\left[f(z)\right] = \mathbb{E}_{\varepsilon \sim \mathcal{N}(0, 1)}\!\left[\nabla_{\mu, \sigma}\ f(\mu + \sigma \varepsilon)\right] \tag{3.18}$$
#
# Here $f$ stands for any smooth function. The trick is called *reparameterization*.

# %% tags=["explore"]
equation("3.17")

# %% tags=["explore"]
equation("3.18")

# %% [markdown]
# ### Exercise 3.8: a draw that a gradient can pass
#
# `bound.reparameterize` · difficulty 1 · core · 4 minutes · 3 points · equation (3.18)
#
# Networks give the *logarithm* of the variance, because a network's output may be negative and a variance may not.

# %% exercise="bound.reparameterize"
def reparameterize(mean, log_var, noise):
    """A draw from N(mean, exp(log_var)), made of the given standard normal noise.  All three: (B, *D)."""
    ### BEGIN SOLUTION
    return mean + torch.exp(0.5 * log_var) * noise
    ### END SOLUTION

# %% check="bound.reparameterize" points=3
check("bound.reparameterize", reparameterize)

# %% [markdown]
# ### Exercise 3.9: the loss of an autoencoder
#
# `bound.vae_loss` · difficulty 3 · core · 12 minutes · 5 points · equation (3.16)
#
# The networks have been asked already. `mean_x` is what the decoder made of one draw of the code; its variance `var_x`
# is one fixed number for all pixels.

# %% exercise="bound.vae_loss"
def vae_loss(x, mean_z, log_var_z, mean_x, var_x):
    """-log p(x | z) + KL( q(z | x) || N(0, I) ) of each example, in nats.

    x, mean_x: (B, *D); mean_z, log_var_z: (B, k); var_x: float.  Returns (B,) in x's dtype.
    """
    ### BEGIN SOLUTION
    divergence = 0.5 * (mean_z**2 + log_var_z.exp() - 1 - log_var_z).sum(1)
    return -log_normal(x, mean_x, var_x) + divergence
    ### END SOLUTION

# %% check="bound.vae_loss" points=5
check("bound.vae_loss", vae_loss)

# %% [markdown]
# Let it learn. The next cell trains an autoencoder on the real digits with your two functions. It takes a few seconds.

# %% tags=["explore"]
from torch import nn

from diffkit import train

digits = data.digits()
pixels = digits.images.flatten(1)
networks = nn.ModuleList([vae.GaussianNet(64, 8, 128), vae.GaussianNet(8, 64, 128)])  # encoder, decoder
VAR_X = 0.1


def autoencoder_loss(networks, generator):
    """The loss of a batch of 128 images."""
    encoder, decoder = networks
    (x,) = train.minibatch(generator, 128, pixels)
    q = encoder(x)
    noise = torch.randn(q.mean.shape, generator=generator)
    z = reparameterize(q.mean, q.var.log(), noise)
    return vae_loss(x, q.mean, q.var.log(), decoder(z).mean, VAR_X)


with when_written():
    autoencoder_loss(networks, torch.Generator())  # a first try, before the clock starts
    torch.manual_seed(0)  # the same first weights in every run of this cell
    for layer in networks.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    state = train.start(networks, seed=0, lr=3e-3)
    for _ in train.progress(train.train(state, autoencoder_loss, steps=1000), 1000):
        pass

# %% tags=["explore"]
with when_written(), torch.no_grad():
    autoencoder_loss(networks, torch.Generator())  # without the two functions, nothing was trained
    encoder, decoder = state.ema
    some = pixels[[0, 11, 22, 33, 44, 55, 66, 77]]
    generator = torch.Generator().manual_seed(5)
    rows = [some, decoder(encoder(some).mean).mean, decoder(torch.randn(8, 8, generator=generator)).mean]
    picture = plots.image_grid(
        torch.stack(rows).reshape(3, 8, 8, 8),
        [""] * 8,
        ["data", "decoded", "new"],
        alt="Three rows of eight digits: real ones, the same after encoding and decoding, a little blurred, and new ones "
        "decoded from random codes, some of them readable and all of them blurred.",
    )
    display(picture)

# %% [markdown]
# The middle row is decoded from codes of 8 numbers: readable, a little blurred. The bottom row is new: codes drawn from the
# prior. Some could be digits, many are smears. One Gaussian step from 8 numbers to 64 pixels cannot do better than
# paint the average of what it is unsure about. More levels can.

# %% [markdown]
# ## 8. Two levels, and then $T$
#
# **Two levels.** Let the model draw $\mathbf{z}_2$ from the prior, then $\mathbf{z}_1$ from
# $p_\theta(\mathbf{z}_1 \mid \mathbf{z}_2)$, then $\mathbf{x}$ from $p_\theta(\mathbf{x} \mid \mathbf{z}_1)$. The encoder goes
# up: $q_\phi(\mathbf{z}_1 \mid \mathbf{x})$, then $q_\phi(\mathbf{z}_2 \mid \mathbf{z}_1)$. The bound is (3.10) once more, with
# $\mathbf{z}_1, \mathbf{z}_2$ in the place of $\mathbf{x}_{1:T}$. Both joint densities are products along their chains, so
# the logarithm is a sum, and we may sort its terms by level:
#
# $$\mathcal{L}(\mathbf{x}) = \mathbb{E}_{q_\phi}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z}_1) + \log \frac{q_\phi(\mathbf{z}_1 \mid \mathbf{x})}{p_\theta(\mathbf{z}_1 \mid \mathbf{z}_2)} + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z}_2 \mid \mathbf{z}_1)\,\|\,p(\mathbf{z}_2)\right)\right] \tag{3.19}$$
#
# Only the top level has a divergence in closed form. The level in the middle compares two densities of $\mathbf{z}_1$, but
# the second knows a $\mathbf{z}_2$ that was drawn *from* this $\mathbf{z}_1$, so it is evaluated at the draw. Remember that
# nuisance. Lesson 04 gets rid of it.

# %% tags=["explore"]
equation("3.19")

# %% [markdown]
# **$T$ levels with a fixed encoder.** Now take $T$ levels, rename $\mathbf{z}_t$ to $\mathbf{x}_t$, and make one bold choice:
# the encoder learns nothing. It adds noise. Then $q(\mathbf{x}_t \mid \mathbf{x}_{t-1})$ is the forward step of lesson 02,
# every level has as many numbers as the image, and the bound reads
#
# $$\mathcal{L}(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log p(\mathbf{x}_T) + \sum_{t=1}^{T} \log \frac{q(\mathbf{x}_t \mid \mathbf{x}_{t-1})}{p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)}\right] \tag{3.20}$$
#
# That is a diffusion model. Its encoder is noise; its decoder is the chain (3.1). A summary that you may find on the net
# says that the *score* is the encoder. It is not: the score (lesson 06) is what the decoder has to learn.

# %% tags=["explore"]
equation("3.20")

# %% [markdown]
# The library has autoencoders of any number of levels, written for networks, with no word about diffusion in them. Give
# it the noising steps as encoders, and it must agree with your `integrand`, path by path:

# %% tags=["explore"]
with when_written():
    generator = torch.Generator().manual_seed(3)
    x_0 = torch.randn(5, 64, generator=generator, dtype=torch.float64)
    noise = torch.randn(T, 5, 64, generator=generator, dtype=torch.float64)
    x = [x_0]
    for t in range(1, T + 1):
        x.append((1 - toy.beta[t]).sqrt() * x[-1] + toy.beta[t].sqrt() * noise[t - 1])
    x = torch.stack(x)

    def straight(t):
        return lambda above: Gaussian(a[t] * above + b[t], var[t].expand_as(above))

    stack = vae.levels(x_0, vae.noising_encoders(toy), [straight(t) for t in range(1, T + 1)], noise=list(noise))
    yours = -integrand(x, straight_means(x, a, b), var, toy.beta)
    print("autoencoder of ten levels:", [round(v, 4) for v in stack.total.tolist()])
    print("minus your integrand:     ", [round(v, 4) for v in yours.tolist()])

# %% [markdown]
# *Is the code not too large?* The "code" is $T$ noisy images, a thousand times more numbers than the image. A diffusion
# model does not compress. And the code cannot be inverted, because noise was added. Neither is a flaw: the bound never
# asked for a small code, only that $q$ and the model's posterior agree.
#
# *Why fix the encoder? A learned one could only be better.* For the *bound*, yes: if $q$ may move too, the gap has two
# ways to close, and lesson 12 learns a part of it. Three things speak for a fixed one. With noise, $\mathbf{x}_t$ comes
# from $\mathbf{x}_0$ in one jump, so a level can be trained without running the levels below it; a stack of a thousand
# learned encoders would have to be run as a whole, for every image. Nothing can go wrong between two networks that chase
# each other. And experience says that learned encoders give better bounds but not better pictures.
#
# *Is it strange that this works?* The generator is a stack of a thousand decoders, far deeper than anybody would dare to
# train as one. And yet we never train it as one. Each level learns its own little step.

# %% [markdown]
# ## 9. The true way back
#
# The model's step is a Gaussian because we said so (3.2). What *should* it be? By (3.15) the perfect model has the
# paths of $q$. So its step is $q$'s own way back, $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$. Bayes' rule turns the step round:
#
# $$q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \frac{q(\mathbf{x}_t \mid \mathbf{x}_{t-1})\, q(\mathbf{x}_{t-1})}{q(\mathbf{x}_t)} \tag{3.21}$$
#
# The first factor is the step forward, known. The others are densities of noisy *data*, $q(\mathbf{x}_{t-1})$ and
# $q(\mathbf{x}_t)$. For images nobody knows them, and that is what the network has to learn. Adding noise needs no knowledge
# of images; taking it away needs all of it.
#
# For a mixture we know everything: the densities are those of exercise 2.12. So the true way back is known exactly.

# %% tags=["explore"]
equation("3.21")

# %% [markdown]
# ### Exercise 3.10: the true way back for a mixture
#
# `bound.reverse_log_density` · difficulty 3 · core · 15 minutes · 5 points · equation (3.21)
#
# On the line, in logarithms. A reminder of lesson 02: let $\mu_k$ and $s_k$ be the means and standard deviations of the
# clean components. At level $t$ the mixture has the same weights, the means $\sqrt{\bar\alpha_t}\,\mu_k$ and the
# variances $\bar\alpha_t s_k^2 + 1 - \bar\alpha_t$. One step keeps the share
# $\alpha_t = \bar\alpha_t / \bar\alpha_{t-1}$ of the variance.

# %% exercise="bound.reverse_log_density"
def reverse_log_density(x_prev, x_t, t, alpha_bar, weights, means, stds):
    """log q(x_{t-1} | x_t) at x_{t-1} = x_prev, when the data are a mixture on the line.

    x_prev, x_t: (N,); t: int in 1..T; alpha_bar: (T+1,); weights, means, stds: (K,), of the clean data.  Returns (N,).
    """
    ### BEGIN SOLUTION
    def normal(x, mean, v):
        return -0.5 * ((x - mean) ** 2 / v + torch.log(2 * torch.pi * v))

    def marginal(x, level):
        parts = normal(x.unsqueeze(1), level.sqrt() * means, level * stds**2 + 1 - level)
        return torch.logsumexp(torch.log(weights) + parts, dim=1)

    alpha = alpha_bar[t] / alpha_bar[t - 1]
    return normal(x_t, alpha.sqrt() * x_prev, 1 - alpha) + marginal(x_prev, alpha_bar[t - 1]) - marginal(x_t, alpha_bar[t])
    ### END SOLUTION

# %% check="bound.reverse_log_density" points=5
check("bound.reverse_log_density", reverse_log_density)

# %% [markdown]
# Now the question of section 1: is the way back Gaussian? The next cell takes the three bumps of lesson 02 and jumps from
# the noise half way down ($\bar\alpha_t = 0.5$, we stand at $x_t = 0.4$) back to less noise, with a large, a middle and a
# small step. Each panel shows the true way back and the Gaussian with the same mean and variance.

# %% tags=["explore"]
with when_written():
    three = data.bumps()
    bumps = three.weights, three.means[:, 0], three.covs[:, 0, 0].sqrt()
    panels = {}
    for beta in (0.49, 0.4, 0.05):
        before = 0.5 / (1 - beta)  # the level above which one step with this beta leads to 0.5
        table = torch.tensor([1.0, before, 0.5]).double()
        line = torch.linspace(-4, 4, 8001).double()
        p = reverse_log_density(line, torch.full_like(line, 0.4), 2, table, *bumps).exp()
        mean = torch.trapezoid(p * line, line)
        std = torch.trapezoid(p * (line - mean) ** 2, line).sqrt()
        shown = (line - mean).abs() < 4 * std
        bell = torch.exp(-0.5 * ((line - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
        panels[f"one step with $\\beta$ = {beta}"] = {"true": (line[shown], p[shown]), "Gaussian": (line[shown], bell[shown])}
    picture = plots.curve_panels(
        panels,
        alt="The true way back and a Gaussian, for three sizes of the step. For beta = 0.49 the truth has three narrow "
        "peaks and the Gaussian is one wide bell. For beta = 0.4 the truth is lopsided. For beta = 0.05 the two agree.",
        x_label="$x_{t-1}$",
    )
    display(picture)

# %% [markdown]
# There is the third reason. After a large step, a point in the fog may have come from any bump, so the way back has
# several peaks, and a Gaussian is a bad answer. After a small step it can only have come from nearby. On such a short
# stretch the density of the data hardly bends: its logarithm is nearly a straight line. A Gaussian step times
# the exponential of a straight line is a Gaussian again, only shifted. So the way back is nearly Gaussian, *whatever the
# data are*, if the step is small. (The shift is the slope of the log density, the score. Lesson 06 lives on it.)
#
# **For a mixture there is a formula.** Multiply and sort, component by component. The way back is a mixture again.
# With $m_k, v_k$ the mean and variance of component $k$ of $q(x_{t-1})$, and $r_k(x_t)$ the chance that component $k$ made
# $x_t$:
#
# $$q(x_{t-1} \mid x_t) = \sum_k r_k(x_t)\, \mathcal{N}\!\left(x_{t-1};\ m_k + \frac{\sqrt{\alpha_t}\, v_k}{\alpha_t v_k + \beta_t}\,(x_t - \sqrt{\alpha_t}\, m_k),\ \frac{\beta_t v_k}{\alpha_t v_k + \beta_t}\right) \tag{3.22}$$
#
# For small $\beta_t$ every fraction $v_k/(\alpha_t v_k + \beta_t)$ is close to 1 and all components sit nearly at the same
# place, $x_t$. The peaks have merged.

# %% tags=["explore"]
equation("3.22")

# %% [markdown]
# **When is it exact?** When there is one component. If the data are Gaussian with mean $\mathbf{m}$ and variance $v$ in
# each coordinate, then $(\mathbf{x}_{t-1}, \mathbf{x}_t)$ are jointly Gaussian, and a Gaussian conditioned on a part of
# itself is Gaussian, for steps of any size. Write $\nu_t$ for the variance of a coordinate of $\mathbf{x}_t$.
# The covariance of $\mathbf{x}_{t-1}$ and $\mathbf{x}_t$ is $\sqrt{\alpha_t}\,\nu_{t-1}$. Lesson 01 gives the rest:
#
# $$q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \sqrt{\bar\alpha_{t-1}}\,\mathbf{m} + \frac{\sqrt{\alpha_t}\,\nu_{t-1}}{\nu_t}\left(\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{m}\right),\ \frac{\beta_t\,\nu_{t-1}}{\nu_t}\,\mathbf{I}\right), \qquad \nu_t = \bar\alpha_t\, v + 1 - \bar\alpha_t \tag{3.23}$$

# %% tags=["explore"]
equation("3.23")

# %% [markdown]
# ### Exercise 3.11: the perfect model of Gaussian data
#
# `bound.gaussian_reverse` · difficulty 4 · stretch · 20 minutes · 4 points · equation (3.23)
#
# The mean in (3.23) is a straight line in $\mathbf{x}_t$. So the perfect model is one of section 2, with
# $a_t$, $b_t$ and $\sigma_t^2$ that you can write down. Return them as tables that `chain_log_likelihood` can use.

# %% exercise="bound.gaussian_reverse"
def gaussian_reverse(m, v, alpha_bar):
    """Steps N(a_t x_t + b_t, var_t I) that undo the forward process for data N(m, v) (m, v: numbers).

    alpha_bar: (T+1,) float64.  Returns (a, b, var), three tables (T+1,) with 0 at entry 0.
    """
    ### BEGIN SOLUTION
    alpha, nu = alpha_bar[1:] / alpha_bar[:-1], alpha_bar * v + 1 - alpha_bar
    a = alpha.sqrt() * nu[:-1] / nu[1:]
    b = alpha_bar[:-1].sqrt() * m - a * alpha_bar[1:].sqrt() * m
    var = (1 - alpha) * nu[:-1] / nu[1:]
    zero = torch.zeros(1, dtype=alpha_bar.dtype)
    return torch.cat([zero, a]), torch.cat([zero, b]), torch.cat([zero, var])
    ### END SOLUTION

# %% check="bound.gaussian_reverse" points=4
check("bound.gaussian_reverse", gaussian_reverse)

# %% [markdown]
# With this model, only one thing can still be wrong: it starts at $\mathcal{N}(\mathbf{0}, \mathbf{I})$, while the noise
# ends at $q(\mathbf{x}_T)$. The next cell takes data $\mathcal{N}(1.5, 0.2)$ and computes, for chains of different length,
# the gap at $x_0 = 2$ with your `gap`. The short chains do not reach pure noise. Watch how the gap vanishes with what is left
# of the data.

# %% tags=["explore"]
with when_written():
    for T_short in (5, 10, 20, 40, 80):
        table = schedule.Schedule(torch.tensor([0.0] + [0.19] * T_short))
        perfect = chains.Chain(*gaussian_reverse(1.5, 0.2, table.alpha_bar))
        start = torch.tensor([2.0]).double()
        helper, joint = chains.joint_q(table, start), chains.joint_p(perfect)
        lost = float(gap(start, helper.mean, helper.cov, joint.mean, joint.cov))
        print(f"T = {T_short:2d}   alpha_bar_T = {float(table.alpha_bar[-1]):8.1e}   gap {lost:9.2e} nats")

# %% [markdown]
# ## 10. Why a thousand small steps
#
# For data that are not Gaussian, each Gaussian step loses something. How much in total? By (3.15) we need the divergence of
# the two joint distributions. Both are chains that can be read from $\mathbf{x}_T$ down to $\mathbf{x}_0$ (for $q$ that is
# lesson 01: a chain turned round is a chain). Write both as products, take the logarithm of the quotient, and average:
#
# $$D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{0:T})\,\|\,p_\theta(\mathbf{x}_{0:T})\right) = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T)\,\|\,p(\mathbf{x}_T)\right) + \sum_{t=1}^{T} \mathbb{E}_{q(\mathbf{x}_t)}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right)\right] \tag{3.24}$$
#
# So the loss above the floor is paid in parts: one for starting in the wrong place, and one for each step. (Each part
# holds the unknown $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$, so for images these parts cannot be computed one by one. Lesson
# 04 finds another way to cut the bound, into parts that can.)

# %% tags=["explore"]
equation("3.24")

# %% [markdown]
# **The best Gaussian step.** Take one part, on the line. A divergence is minus an entropy minus an expected log density. Let
# the model have the right mean, $\mathbb{E}[x_{t-1} \mid x_t]$, which is the best it can have, and some variance $\sigma_t^2$:
#
# $$\mathbb{E}_{q(x_t)}\!\left[D_{\mathrm{KL}}\!\left(q(x_{t-1} \mid x_t)\,\|\,\mathcal{N}(\mathbb{E}[x_{t-1} \mid x_t], \sigma_t^2)\right)\right] = \tfrac12 \log(2\pi\sigma_t^2) + \frac{\mathbb{E}\operatorname{Var}[x_{t-1} \mid x_t]}{2\sigma_t^2} - H(x_{t-1} \mid x_t) \tag{3.25}$$
#
# In $\sigma_t^2$ this is smallest at $\sigma_t^2 = \mathbb{E}\operatorname{Var}[x_{t-1} \mid x_t]$. (Set the derivative to
# zero.) The last term is the entropy of the true way back. It follows from entropies that are easy: the uncertainty
# about both points is the same in either order, so
#
# $$H(x_{t-1} \mid x_t) = H(x_t \mid x_{t-1}) + H(x_{t-1}) - H(x_t), \qquad H(x_t \mid x_{t-1}) = \tfrac12 \log(2\pi e\,\beta_t) \tag{3.26}$$
#
# Everything on the right is an integral over the line. So for a mixture we know the loss of every step, exactly.

# %% tags=["explore"]
equation("3.25")

# %% tags=["explore"]
equation("3.26")

# %% [markdown]
# The explorer below does just that, for the three bumps. The same total noise is cut into $T$ steps, from 1 to 1000. On the
# left is the gap against $T$, for three choices of the variance. On the right is the true way back at the step that loses
# most, with the model's Gaussian. Move $T$ (arrow keys work), then change the variance. Before you do, guess: what is the
# best that a model with $T = 1$ can do?

# %% tags=["explore"]
explorers.elbo_gap()

# %% [markdown]
# With $T = 1$ the model is a single Gaussian step from pure noise. It can only fit *one* bell to the three bumps, and loses
# 0.53 nats. With a few steps nothing is gained yet. From about ten steps on, the peaks on the right merge, and the gap
# falls in proportion to $1/T$. That is the answer to "why not one big step": not because the noise could not be added at
# once (lesson 02 did that), but because it cannot be *taken away* at once by a Gaussian.
#
# Now look at the variances. From fifty steps on, $\beta_t$ loses a third to a half more than the best one, but its gap
# closes too. $\tilde\beta_t$, which you will meet in lesson 04 as the variance of the way back *if $\mathbf{x}_0$ were known*, keeps a gap at every
# $T$ up to 1000, even with the right means: these data are not a point. Lesson 05 comes back to this choice.

# %% [markdown]
# ## 11. What is still missing
#
# We have a loss, (3.20). It could be trained as it stands: draw an image, draw a path, evaluate a thousand steps, average.
# That would be slow, because every step of the path needs the network, and noisy, because every term depends on the draw
# of two neighbours $\mathbf{x}_{t-1}$ and $\mathbf{x}_t$. The terms even look the wrong way round:
# $q(\mathbf{x}_t \mid \mathbf{x}_{t-1})$ is a density of $\mathbf{x}_t$, and $p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$ one of
# $\mathbf{x}_{t-1}$. Lesson 04 begins with (3.20) and turns the $q$ in each term round.

# %% [markdown]
# ## Written question
#
# A friend has read (3.11) and proposes three shortcuts.
#
# 1. "In a VAE the gap is closed by training the encoder. In a diffusion model there is no encoder to train, so its gap
#    can never be closed." Is that so? Which of the two distributions in (3.11) moves in each kind of model?
# 2. "Take $T = 1$ and a huge network for the mean. A huge network can represent anything, so the gap goes to zero." What
#    is wrong, and which part of (3.24) does not vanish?
# 3. "My loss stopped falling at 0.9 nats, so my model is bad." What would you ask your friend to compute before you agree?
#
# Answer in a few sentences, with formulas where they help. 6 points, graded by hand.

# %% [markdown] written="bound.three_shortcuts" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) No. The gap is the divergence of $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$ from the model's posterior
# $p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$. In a VAE both move. In a diffusion model $q$ is fixed and the posterior moves with
# $\theta$: the model can learn a posterior that looks like added noise. With steps that are small enough the gap becomes
# as small as we like. (2) The network makes the *mean*; the step is a Gaussian whatever the mean is. With $T = 1$ and
# $\bar\alpha_1 \approx 0$, $\mathbf{x}_1$ tells nothing about $\mathbf{x}_0$, so the true way back is the data distribution itself, and
# the term $\mathbb{E}_{q(\mathbf{x}_1)} D_{\mathrm{KL}}(q(\mathbf{x}_0 \mid \mathbf{x}_1)\,\|\,p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1))$
# stays at the divergence of the data from the best single Gaussian. (3) By (3.15) the average loss is the entropy of the data
# plus a divergence. The entropy is a floor, so one must know it (or compare with another model on the same data and in the
# same units) before calling 0.9 bad. For the three bumps the floor is 0.89 nats.
#
# **Rubric.** (1) posterior moves though q is fixed 1, both move in a VAE 1. (2) the step stays Gaussian whatever the
# mean 1, the step term named 1. (3) the floor is the entropy 1, compare with it before judging 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - The model is a chain from noise to data (3.1) with Gaussian steps (3.2). Its likelihood is an integral (3.3) that can
#   be done only in special cases (3.4).
# - Constant under an expectation (3.6), chain rule (3.7), times $q/q$ (3.9), leave out what is never negative: the bound
#   $\mathcal{L}(\mathbf{x}_0)$ (3.10).
# - The gap is the divergence of $q$ from the model's posterior (3.11). More paths inside the logarithm close it (3.14).
# - Averaged over data, the loss is the entropy of the data plus the divergence of the joint distributions (3.15).
# - One level is a VAE (3.16), two levels (3.19), and $T$ levels with noise as encoder are a diffusion model (3.20).
# - The true way back (3.21) is Gaussian for Gaussian data (3.23), and nearly so for small steps. The loss of each step is
#   known for a mixture (3.25).
#
# **Where this is in the papers.**
#
# - Kingma and Welling 2014, *Auto-Encoding Variational Bayes*: the bound and the VAE, eq. 3; reparameterization,
#   section 2.4; the divergence (3.17), appendix B.
# - Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*: the reverse chain and the
#   bound, section 2.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: the reverse chain is eq. 1, the bound eq. 3.
# - Burda et al. 2016, *Importance Weighted Autoencoders*: several paths, eq. 8; that more are better, theorem 1.
# - Feller 1949, *On the Theory of Stochastic Processes, with Particular Reference to Applications*: why the way back of a
#   diffusion has the same form as the way there. Sohl-Dickstein et al. name it as their source.
#
# Next, lesson 04 takes (3.20) apart until every piece can be computed without a path.
