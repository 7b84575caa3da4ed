# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 10 Fast sampling
#
# **What you will be able to do.** You will draw digits with ten calls of the network in place of two hundred, and the
# network stays the one that lesson 05 trained. You will know a whole family of samplers, from the one of DDPM to one
# without any chance in it. You will turn an image into its noise and back, build solvers of second order, and measure
# what each call of the network buys.
#
# **What it needs.** Lesson 02: the jump. Lesson 04: the mean and variance of $\mathbf{x}_{t-1}$ given $\mathbf{x}_t$ and
# $\mathbf{x}_0$. Lesson 05: the noise predictor and its loss. Lesson 09: the probability-flow equation, of which we
# recall what we use.
#
# **Time.** About four hours: one and a half to read and play, two and a half for the fourteen exercises. You may skip
# what is marked *stretch*; nothing later depends on it.
#
# A picture before anything else. Run the next two cells. The network is the one that came out of lesson 05.

# %%
import math

import torch

from diffkit import data, explorers, plots, schedule
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from itertools import pairwise

from diffkit import metrics, nets, quality, samplers, train
from diffkit.sde import EDM

short = schedule.linear(200, 5e-4, 0.1)  # the schedule of lesson 05
kept = nets.UNet()
train.load_weights(kept, data.data_folder() / "ddpm_digits.safetensors")


def draws(seed):
    return torch.Generator().manual_seed(seed)


start = torch.randn(5, 1, 8, 8, generator=draws(7))
few = [2, 5, 10, 20, 50, 200]
columns = [samplers.last(samplers.ddim(kept, short, start, times=samplers.uniform_times(200, n))) for n in few]
plots.image_grid(
    torch.stack(columns, dim=1),
    [f"{n} calls" for n in few],
    [""] * 5,
    alt="Five rows of small gray images, each drawn from one noise with 2, 5, 10, 20, 50 and 200 calls of the network. With 2 "
    "calls there are blurs, with 5 most can be read, and from 10 on each row shows one and the same digit.",
)

# %% [markdown]
# Each row starts from the same noise. In the last column the network was called 200 times, as in lesson 05. In the
# column of 10 calls there is practically the same picture, for a twentieth of the work. Two things deserve attention.
# Nothing was trained anew. And a row is *one* digit: however many steps are taken, the noise decides what comes out.
# The sampler of lesson 05 does not have this property, because it adds fresh noise on its way.
#
# Calls of the network are what sampling costs; all else is a few additions. So this lesson counts calls.

# %% [markdown]
# ## The notation
#
# A sampler will now go from step $t$ to a step $s < t$, and $s$ need not be $t-1$. Two letters are used again for other
# things. $\sigma$ is the standard deviation of the *fresh noise* of a step, as in lesson 05. The noise level that lesson
# 07 called $\sigma_t$ is called $u_t$ here. Come back to this table when you need it.

# %% tags=["explore"]
notation("10")

# %% [markdown]
# ## 1. What the training loss does not see
#
# Look at the loss of lesson 05 once more:
# $\mathbb{E}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon,\ t)\|^2$.
# Of the whole noising process it uses only the jump, $q(\mathbf{x}_t \mid \mathbf{x}_0)$, for single $t$. How $\mathbf{x}_{t-1}$
# and $\mathbf{x}_t$ hang together does not occur in it. So if another process has the same jumps, then the same network
# fits that process too. And another process has another way back, maybe one that is faster.
#
# **The wish.** We look for Gaussian steps from $\mathbf{x}_t$ to a cleaner $\mathbf{x}_s$, knowing $\mathbf{x}_0$,
# $\mathbf{x}_s = a\,\mathbf{x}_t + b\,\mathbf{x}_0 + \sigma\,\mathbf{z}$ with fresh noise $\mathbf{z}$, which keep the jumps:
# *if* $\mathbf{x}_t$ is distributed as $q(\mathbf{x}_t \mid \mathbf{x}_0)$, *then* $\mathbf{x}_s$ is distributed as
# $q(\mathbf{x}_s \mid \mathbf{x}_0)$.
#
# **First, the distribution of $\mathbf{x}_s$.** We know that of $\mathbf{x}_t$, and we know that of $\mathbf{x}_s$ once
# $\mathbf{x}_t$ is known. To forget $\mathbf{x}_t$ we integrate over it. No integral has to be solved, though. By the
# recipe of the jump $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon$. Put this in:
# $\mathbf{x}_s = (a\sqrt{\bar\alpha_t} + b)\,\mathbf{x}_0 + a\sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon + \sigma\,\mathbf{z}$. Given
# $\mathbf{x}_0$, the first term is known. The two noises are independent and Gaussian, so their sum is Gaussian, and
# their variances $a^2(1-\bar\alpha_t)$ and $\sigma^2$ add:
#
# $$\int \mathcal{N}\big(\mathbf{x}_s;\ a\,\mathbf{x}_t + b\,\mathbf{x}_0,\ \sigma^2\mathbf{I}\big)\; q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_t = \mathcal{N}\big(\mathbf{x}_s;\ (a\sqrt{\bar\alpha_t} + b)\,\mathbf{x}_0,\ (a^2(1-\bar\alpha_t) + \sigma^2)\,\mathbf{I}\big) \tag{10.1}$$

# %% tags=["explore"]
equation("10.1")

# %% [markdown]
# **Second, what we want it to be.** The jump to $s$ has the mean $\sqrt{\bar\alpha_s}\,\mathbf{x}_0$ and the variance
# $1-\bar\alpha_s$. Compare. The variances give $a^2(1-\bar\alpha_t) + \sigma^2 = 1-\bar\alpha_s$, the means give
# $a\sqrt{\bar\alpha_t} + b = \sqrt{\bar\alpha_s}$. These are two conditions for the three numbers $a, b, \sigma$. One stays
# free, and we keep $\sigma$ as the free one:
#
# $$a = \sqrt{\frac{1-\bar\alpha_s-\sigma^2}{1-\bar\alpha_t}}, \qquad b = \sqrt{\bar\alpha_s} - a\sqrt{\bar\alpha_t} \tag{10.2}$$
#
# Any $\sigma$ from 0 to $\sqrt{1-\bar\alpha_s}$ will do. So there is not one process with the right jumps. There is a whole
# family.

# %% tags=["explore"]
equation("10.2")

# %% [markdown]
# ### Exercise 10.1: keep the jump
#
# `fast.keep` · difficulty 2 · core · 10 minutes · 4 points · equation (10.2)

# %% exercise="fast.keep"
def keep(bar_t, bar_s, sigma2):
    """The factors of x_t and x_0 with which a step keeps q(x_s | x_0).

    bar_t, bar_s: (B,) float64, alpha_bar at both steps; sigma2: (B,), variance of the fresh noise.  Returns (a, b).
    """
    ### BEGIN SOLUTION
    a = ((1 - bar_s - sigma2) / (1 - bar_t)).sqrt()
    return a, bar_s.sqrt() - a * bar_t.sqrt()
    ### END SOLUTION

# %% check="fast.keep" points=4
check("fast.keep", keep)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one: the idea, the formula, the line.

# %% tags=["explore"]
hint("fast.keep")

# %% [markdown]
# Your coefficients at work: 200,000 points of one $\mathbf{x}_0$ take a step from $t = 120$ to $s = 40$, for three choices
# of $\sigma$. Mean and standard deviation at $s$ are the same each time, and they are those of the jump. What differs
# is how well one can tell $\mathbf{x}_s$ from $\mathbf{x}_t$, the correlation.

# %% tags=["explore"]
with when_written():
    bar_t, bar_s, g = short.alpha_bar[120:121], short.alpha_bar[40:41], draws(1)
    print(f"the jump:      mean {1.5 * float(bar_s.sqrt()):.3f}, standard deviation {float((1 - bar_s).sqrt()):.3f}")
    for share in (0.0, 0.5, 1.0):
        sigma2 = share**2 * (1 - bar_s)
        a, b = keep(bar_t, bar_s, sigma2)
        noise, z = torch.randn(2, 200_000, generator=g, dtype=torch.float64)
        x_t = 1.5 * bar_t.sqrt() + (1 - bar_t).sqrt() * noise
        x_s = a * x_t + b * 1.5 + sigma2.sqrt() * z
        tie = torch.corrcoef(torch.stack([x_t, x_s]))[0, 1]
        print(f"sigma = {float(sigma2.sqrt()):.3f}: mean {x_s.mean():.3f}, standard deviation {x_s.std():.3f}, correlation {tie:.2f}")

# %% [markdown]
# ## 2. The whole family, and the proof
#
# Put (10.2) into the step and sort by what is in it. The fraction is just the noise that is in $\mathbf{x}_t$:
#
# $$q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0) = \mathcal{N}\Big(\mathbf{x}_s;\ \sqrt{\bar\alpha_s}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\frac{\mathbf{x}_t-\sqrt{\bar\alpha_t}\,\mathbf{x}_0}{\sqrt{1-\bar\alpha_t}},\ \sigma^2\mathbf{I}\Big) \tag{10.3}$$
#
# Read it aloud: *take the clean point, shrunk as much as $s$ demands. Put back the old noise, as much of it as there is
# room for. Fill the room that is left with fresh noise.* The variances of old and fresh noise sum to $1-\bar\alpha_s$.

# %% tags=["explore"]
equation("10.3")

# %% [markdown]
# **A process made of such steps.** Draw $\mathbf{x}_T$ by the jump, then go down step by step, each with a $\sigma$ of its
# own. By the chain rule of lesson 01 the density of the whole path is the product of the factors:
#
# $$q_\sigma(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = q(\mathbf{x}_T \mid \mathbf{x}_0) \prod_{t=2}^{T} q_\sigma(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0) \tag{10.4}$$
#
# This is a strange way to describe a *noising* process: it is written from the noisy end, and every step looks at
# $\mathbf{x}_0$. That is allowed. The process $q$ is ours to choose. It only has to be a probability distribution of
# $\mathbf{x}_1, \dots, \mathbf{x}_T$ given the data.

# %% tags=["explore"]
equation("10.4")

# %% [markdown]
# **The claim**: all its jumps are those of lesson 02,
#
# $$q_\sigma(\mathbf{x}_t \mid \mathbf{x}_0) = \mathcal{N}\big(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\mathbf{x}_0,\ (1-\bar\alpha_t)\,\mathbf{I}\big), \qquad t = T, T-1, \dots, 1, \quad \text{for every choice of the } \sigma \tag{10.5}$$
#
# **The proof, by induction, downwards.**
#
# *It starts right.* At $t = T$ the claim holds because (10.4) says so: $\mathbf{x}_T$ is drawn by the jump.
#
# *It goes on.* Suppose the claim holds at $t$. To get the distribution of $\mathbf{x}_{t-1}$ alone, integrate over
# $\mathbf{x}_t$: $q_\sigma(\mathbf{x}_{t-1} \mid \mathbf{x}_0) = \int q_\sigma(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)\, q_\sigma(\mathbf{x}_t \mid \mathbf{x}_0)\, d\mathbf{x}_t$.
# By the supposition the second factor is the jump to $t$. So this is the integral (10.1), with $s = t-1$ and the $a$ and
# $b$ of (10.2). Its mean is $(a\sqrt{\bar\alpha_t} + b)\,\mathbf{x}_0 = \sqrt{\bar\alpha_{t-1}}\,\mathbf{x}_0$, by the second formula of
# (10.2). Its variance is $a^2(1-\bar\alpha_t) + \sigma^2 = (1-\bar\alpha_{t-1}-\sigma^2) + \sigma^2 = 1-\bar\alpha_{t-1}$, by the first. That is
# the claim at $t-1$. So it holds for every $t$.
#
# Nothing in this needed neighbours: with any $s < t$ in the place of $t-1$ every line stays as it is. Keep that in mind
# for section 5.

# %% tags=["explore"]
equation("10.5")

# %% [markdown]
# **It is not a Markov chain.** In lesson 02 a step forward looked at $\mathbf{x}_{t-1}$ only. Here it also looks at
# $\mathbf{x}_0$. Given $\mathbf{x}_0$, the pair $(\mathbf{x}_s, \mathbf{x}_t)$ is Gaussian with the covariance $a\,(1-\bar\alpha_t)$, since
# $\mathbf{x}_s$ contains $a\,\mathbf{x}_t$. Condition on $\mathbf{x}_s$ as in lesson 01: covariance over variance, times the
# distance from the mean. The covariance $a\,(1-\bar\alpha_t)$ is $\sqrt{(1-\bar\alpha_t)(1-\bar\alpha_s-\sigma^2)}$, so
#
# $$\mathbb{E}_{q_\sigma}\big[\mathbf{x}_t \mid \mathbf{x}_s, \mathbf{x}_0\big] = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \frac{\sqrt{(1-\bar\alpha_t)\,(1-\bar\alpha_s-\sigma^2)}}{1-\bar\alpha_s}\,\big(\mathbf{x}_s - \sqrt{\bar\alpha_s}\,\mathbf{x}_0\big) \tag{10.6}$$
#
# $\mathbf{x}_0$ drops out of this only for one special $\sigma$. Which one, the next section tells. For all others the
# step depends on $\mathbf{x}_0$, and that is why these models are called *non-Markovian*.

# %% tags=["explore"]
equation("10.6")

# %% [markdown]
# ## 3. How much fresh noise
#
# The family has one free number per step. It is usual to measure it against the noise of DDPM. Lesson 04 found the
# variance of $\mathbf{x}_{t-1}$ given $\mathbf{x}_t$ and $\mathbf{x}_0$ in the chain, $\tilde\beta_t = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t$. From $s$
# to $t$, several steps at once, the chain adds noise of variance $1 - \bar\alpha_t/\bar\alpha_s$ (lesson 02). That takes the place of
# $\beta_t$, and everything else in the derivation stays. Scale the root of it by a number $\eta$:
#
# $$\sigma_{t,s}(\eta) = \eta\,\sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}\,\sqrt{1-\frac{\bar\alpha_t}{\bar\alpha_s}} \tag{10.7}$$
#
# Is it always allowed? There must be room, $\sigma^2 \le 1-\bar\alpha_s$. For $\eta \le 1$ there is: $1-\bar\alpha_t/\bar\alpha_s$ is not larger
# than $1-\bar\alpha_t$, so the product of the two fractions is at most $1-\bar\alpha_s$. And at $s = 0$, where $\bar\alpha_s = 1$, $\sigma$ is 0
# for every $\eta$: data carry no noise.

# %% tags=["explore"]
equation("10.7")

# %% [markdown]
# The formula is often remembered by half, and the samples of the half formula look right at first sight:

# %% tags=["explore"]
erratum("10.7e")

# %% [markdown]
# ### Exercise 10.2: the size of the fresh noise
#
# `fast.ddim_sigma` · difficulty 1 · core · 6 minutes · 4 points · equation (10.7)

# %% exercise="fast.ddim_sigma"
def ddim_sigma(bar_t, bar_s, eta):
    """Standard deviation of the fresh noise of a step from t to s.

    bar_t, bar_s: (B,) float64, alpha_bar at both steps; eta: float, 0..1.  Returns (B,).
    """
    ### BEGIN SOLUTION
    return eta * ((1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)).sqrt()
    ### END SOLUTION

# %% check="fast.ddim_sigma" points=4
check("fast.ddim_sigma", ddim_sigma)

# %% [markdown]
# **$\eta = 1$ is DDPM.** Set $\eta = 1$ and $s = t-1$. Then $\bar\alpha_t/\bar\alpha_{t-1} = \alpha_t$, so $\sigma^2 = \tilde\beta_t$ at once. What about $a$ and
# $b$? The room for old noise is $1-\bar\alpha_{t-1}-\tilde\beta_t = (1-\bar\alpha_{t-1})\big(1 - \frac{\beta_t}{1-\bar\alpha_t}\big)$. The bracket is
# $\frac{1-\bar\alpha_t-\beta_t}{1-\bar\alpha_t}$, and $1-\bar\alpha_t-\beta_t = \alpha_t - \bar\alpha_t = \alpha_t(1-\bar\alpha_{t-1})$. So the room is
# $\frac{\alpha_t(1-\bar\alpha_{t-1})^2}{1-\bar\alpha_t}$. Divide by $1-\bar\alpha_t$ and take the root: that is $a$. Then $b$ is
# $\sqrt{\bar\alpha_{t-1}} - a\sqrt{\bar\alpha_t} = \sqrt{\bar\alpha_{t-1}}\,\big(1 - \frac{\alpha_t(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\big)$, and by the same
# difference the bracket is $\frac{\beta_t}{1-\bar\alpha_t}$:
#
# $$\eta = 1, \ s = t-1: \qquad \sigma^2 = \tilde\beta_t, \qquad a = \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}, \qquad b = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t} \tag{10.8}$$
#
# These are the coefficients of $\tilde{\boldsymbol\mu}_t$ from lesson 04, exactly. So for $\eta = 1$ the family contains the chain of
# lesson 02, and in (10.6) $\mathbf{x}_0$ drops out.

# %% tags=["explore"]
equation("10.8")

# %% [markdown]
# ### Exercise 10.3: where DDPM stands
#
# `fast.eta_of` · difficulty 3 · core · 12 minutes · 4 points · equation (10.8)
#
# A DDPM sampler may choose its variance, $\tilde\beta_t$ or $\beta_t$ or between. For which $\eta$ has the step from $t$ to $t-1$ just this
# variance? At $t = 1$ no member of the family adds noise: return 0 there, and at the entry 0.

# %% exercise="fast.eta_of"
def eta_of(beta, sigma2):
    """The eta with which the family has the variances sigma2.

    beta: (T+1,) float64, beta[0] = 0; sigma2: (T+1,) float64.  Returns (T+1,) float64, zero at t = 0 and t = 1.
    """
    ### BEGIN SOLUTION
    bar = torch.cumprod(1 - beta, dim=0)
    beta_tilde = (1 - bar[1:-1]) / (1 - bar[2:]) * beta[2:]
    eta = torch.zeros_like(beta)
    eta[2:] = (sigma2[2:] / beta_tilde).sqrt()
    return eta
    ### END SOLUTION

# %% check="fast.eta_of" points=4
check("fast.eta_of", eta_of)

# %% [markdown]
# So the choice $\sigma_t^2 = \beta_t$ of lesson 05 is a little more than $\eta = 1$:

# %% tags=["explore"]
with when_written():
    for t in (2, 3, 10, 50, 200):
        print(f"t = {t:3d}: beta_t is eta = {float(eta_of(short.beta, short.beta)[t]):.4f}")

# %% [markdown]
# **$\eta = 0$ has no chance in it.** The room is filled with old noise alone, $\sigma = 0$. Once $\mathbf{x}_T$ is drawn, all
# else follows. This member of the family is what is meant by *DDIM*.
#
# **But why add noise back, then?** In lesson 05 the spread of the samples died out as soon as the fresh noise was left out.
# There the mean stayed as it was, and only the last term was dropped. That leaves the variance $a^2(1-\bar\alpha_t) =
# 1-\bar\alpha_s-\sigma^2$, less than level $s$ has. Here the room of the fresh noise is not left empty: more of the *old* noise is put back.
# Noise has to be there, and (10.1) does not mind where it comes from.

# %% [markdown]
# ## 4. From the family to a sampler
#
# A sampler does not know $\mathbf{x}_0$. It does what lesson 05 did: it guesses $\mathbf{x}_0$ from the predicted noise, and
# puts the guess in the place of $\mathbf{x}_0$ in (10.3). The fraction in there, the noise of $\mathbf{x}_t$, then becomes the
# prediction itself:
#
# $$\mathbf{x}_s = \sqrt{\bar\alpha_s}\;\hat{\mathbf{x}}_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t) + \sigma\,\mathbf{z}, \qquad \hat{\mathbf{x}}_0 = \frac{\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)}{\sqrt{\bar\alpha_t}} \tag{10.9}$$

# %% tags=["explore"]
equation("10.9")

# %% [markdown]
# The commonest slip is to put back all of the old noise and to add the fresh noise on top:

# %% tags=["explore"]
erratum("10.9e")

# %% [markdown]
# ### Exercise 10.4: one step of the family
#
# `fast.ddim_step` · difficulty 2 · core · 12 minutes · 6 points · equation (10.9)
#
# Every example may have its own $t$ and $s$, so the tables are read already: `bar_t` and `bar_s` have shape `(B,)`. Think
# of lesson 02's trap.

# %% exercise="fast.ddim_step"
def ddim_step(x_t, eps, bar_t, bar_s, eta, noise):
    """From x_t to x_s.

    x_t, eps, noise: (B, *D); bar_t, bar_s: (B,) float64; eta: float in 0..1.  Returns (B, *D) in x_t's dtype.
    """
    ### BEGIN SOLUTION
    sigma = ddim_sigma(bar_t, bar_s, eta)
    column = (-1, *[1] * (x_t.ndim - 1))
    of_t, of_s = bar_t.to(x_t).reshape(column), bar_s.to(x_t).reshape(column)
    x_0 = (x_t - (1 - of_t).sqrt() * eps) / of_t.sqrt()
    left = (1 - bar_s - sigma**2).sqrt()
    return of_s.sqrt() * x_0 + left.to(x_t).reshape(column) * eps + sigma.to(x_t).reshape(column) * noise
    ### END SOLUTION

# %% check="fast.ddim_step" points=6
check("fast.ddim_step", ddim_step)

# %% [markdown]
# With $\eta = 1$ and every step, your sampler must be the one of lesson 05, to the last digit. The next cell lets both go
# down the whole chain with the same noises, with the exact predictor of the three bumps of lesson 02.

# %% tags=["explore"]
bumps = data.bumps()


def exact_eps(x, t):
    return bumps.eps(x, short.alpha_bar[t].sqrt(), short.noise_var[t].sqrt())


def walk(predict, x, steps, eta, g):
    """All x on the way along the falling steps."""
    path = [x]
    for t, s in pairwise(steps):
        bar_t, bar_s = (short.alpha_bar[k].expand(len(x)) for k in (t, s))
        with torch.no_grad():
            eps = predict(x, torch.full((len(x),), t))
        x = ddim_step(x, eps, bar_t, bar_s, eta, torch.randn(x.shape, generator=g, dtype=x.dtype))
        path.append(x)
    return path


with when_written():
    x_T = torch.randn(400, 1, generator=draws(2), dtype=torch.float64)
    yours = walk(exact_eps, x_T, range(200, -1, -1), 1.0, draws(3))
    ddpm = list(samplers.ancestral(exact_eps, short, x_T, variance=short.beta_tilde, generator=draws(3)))
    gap = max(float((a - b.x).abs().max()) for a, b in zip(yours, ddpm, strict=True))
    print(f"eta = 1 against DDPM, 200 steps, 400 points: largest difference {gap:.1e}")

# %% [markdown]
# **Does it need a new training?** The bound of lesson 03 holds for any $q$, so also for $q_\sigma$. Its middle terms compare
# the step that knows $\mathbf{x}_0$ with the step that has only the guess. Both are Gaussians with the same variance
# $\sigma^2$, so by lesson 04 the divergence is the squared distance of the means over $2\sigma^2$. The means differ only
# in what stands for $\mathbf{x}_0$, which has the factor $b$. And $\mathbf{x}_0 - \hat{\mathbf{x}}_0$ is
# $-\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}\,(\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta)$. Multiply by $b = \sqrt{\bar\alpha_s} - a\sqrt{\bar\alpha_t}$ and use
# $a\sqrt{1-\bar\alpha_t} = \sqrt{1-\bar\alpha_s-\sigma^2}$:
#
# $$D_{\mathrm{KL}}\big(q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0)\,\|\,q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \hat{\mathbf{x}}_0)\big) = \frac{1}{2\sigma^2}\Big(\sqrt{\tfrac{\bar\alpha_s\,(1-\bar\alpha_t)}{\bar\alpha_t}} - \sqrt{1-\bar\alpha_s-\sigma^2}\Big)^{2}\,\big\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\big\|^2 \tag{10.10}$$
#
# A weight times the squared error of the noise: the loss of lesson 05. Every $\sigma$ has other weights. But at each $t$ the
# best prediction is $\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]$, whatever the weight, as long as it is positive. A network that can be good
# at every $t$ is therefore best for all members of the family at once. It is trained with all weights equal to 1, and used
# with any $\sigma$.
#
# Two words of caution. For $\sigma \to 0$ the weight grows without bound: $\eta = 0$ is a limit, and for it the bound says
# nothing. And the sampler is not exact, even with the best prediction. It puts *one* guess in the place of all the
# $\mathbf{x}_0$ that are possible. In a short step that does little harm, because $b$ is small. In a long step it does.

# %% tags=["explore"]
equation("10.10")

# %% [markdown]
# ## 5. Leaving out steps
#
# Now the steps need not be neighbours. Choose a few numbers $T = \tau_n > \tau_{n-1} > \dots > \tau_0 = 0$ and visit only those.
# The proof of section 2 goes through with $\tau_k$ for $t$ and $\tau_{k-1}$ for $s$. The process has fewer variables, with
# the same jumps; the loss (10.10) has fewer terms, with the same network.
#
# As evenly as whole numbers allow:
#
# $$\tau_k = \Big\lfloor \frac{k\,T}{n} + \frac12 \Big\rfloor, \qquad k = n, n-1, \dots, 0 \tag{10.11}$$
#
# The brackets round down, and with the half in them to the nearest whole number. Neighbours are $T/n \ge 1$ apart before
# rounding, so no number comes twice. Both ends are there: $T$, where the noise is, and 0, where the data are.

# %% tags=["explore"]
equation("10.11")

# %% [markdown]
# ### Exercise 10.5: which steps
#
# `fast.subsequence` · difficulty 2 · core · 8 minutes · 3 points · equation (10.11)

# %% exercise="fast.subsequence"
def subsequence(T, n):
    """The n+1 steps that a sampler of n steps visits, from T down to 0.

    T: int; n: int in 1..T.  Returns (n+1,) int64, falling.
    """
    ### BEGIN SOLUTION
    k = torch.arange(n, -1, -1)
    return (2 * k * T + n) // (2 * n)
    ### END SOLUTION

# %% check="fast.subsequence" points=3
check("fast.subsequence", subsequence)

# %% [markdown]
# Your sampler on digits with 10 calls, with $\eta = 0$ and $\eta = 1$, all from the same noise, and below with 50 calls.

# %% tags=["explore"]
with when_written():
    noise = torch.randn(10, 1, 8, 8, generator=draws(11))
    rows, names = [], []
    for n in (10, 50):
        for eta in (0.0, 1.0):
            rows.append(walk(kept, noise, subsequence(200, n).tolist(), eta, draws(4))[-1])
            names.append(f"{n} calls\n$\\eta$ = {eta:g}")
    picture = plots.image_grid(
        torch.stack(rows),
        [""] * 10,
        names,
        alt="Four rows of ten gray digits: 10 calls with eta 0 and 1, then 50 calls with the same. Nearly all can be read. The "
        "rows with eta 0 show the same digits with 10 and with 50 calls; with eta 1 the digits differ.",
    )
    display(picture)

# %% [markdown]
# **Then why not one big step?** With $n = 1$ the step goes from $T$ to 0. There $\bar\alpha_s = 1$ and $\sigma = 0$, and (10.9) returns
# $\hat{\mathbf{x}}_0$ at $t = T$. With the best prediction that is, by lesson 05, the mean of all the data: one blur for every noise. The
# guess is right *on average*, and an average may stand for all the possible $\mathbf{x}_0$ only while the step is short.

# %% [markdown]
# ## 6. DDIM is Euler's method
#
# How few steps are enough, and can one do better than (10.9)? Both questions have an answer once we see what DDIM
# approximates. Take $\sigma = 0$, and divide (10.9) by $\sqrt{\bar\alpha_s}$. In front of $\mathbf{x}_t$ stands now $1/\sqrt{\bar\alpha_t}$. In front of
# $\boldsymbol\varepsilon_\theta$ stands $\sqrt{1-\bar\alpha_s}/\sqrt{\bar\alpha_s} - \sqrt{1-\bar\alpha_t}/\sqrt{\bar\alpha_t}$. Give this ratio of noise to signal a
# name, $u$:
#
# $$\frac{\mathbf{x}_s}{\sqrt{\bar\alpha_s}} = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}} + (u_s - u_t)\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t), \qquad u_t = \sqrt{\frac{1-\bar\alpha_t}{\bar\alpha_t}} \tag{10.12}$$
#
# Write $\mathbf{y} = \mathbf{x}/\sqrt{\bar\alpha}$ for the point with the shrinking undone, as lessons 02 and 07 did. Then a step of DDIM is
# $\mathbf{y}_s = \mathbf{y}_t + (u_s - u_t)\,\boldsymbol\varepsilon_\theta$: new place = old place + step length × slope. That is Euler's method for
# the equation $d\mathbf{y}/du = \boldsymbol\varepsilon_\theta$.

# %% tags=["explore"]
equation("10.12")

# %% [markdown]
# **Which equation is that?** Recall from lesson 09 the probability-flow equation, $\frac{d\mathbf{x}}{dt} = -\frac12\beta(t)\,\big(\mathbf{x} + \nabla\log p_t(\mathbf{x})\big)$.
# It moves points so that at every time $t$ they are distributed as the noisy data, $p_t$, and there is no chance in it.
# Here time is continuous, and $\bar\alpha(t)$ falls by the rule $\bar\alpha' = -\beta\,\bar\alpha$: that is what multiplying by $1-\beta_t$ at each step
# becomes in the limit. Let us change the variables from $(\mathbf{x}, t)$ to $(\mathbf{y}, u)$.
#
# *First, how fast $u$ grows.* $u^2 = 1/\bar\alpha - 1$. Differentiate both sides: $2u\,u' = -\bar\alpha'/\bar\alpha^2 = \beta/\bar\alpha$. Divide by
# $2u = 2\sqrt{1-\bar\alpha}/\sqrt{\bar\alpha}$:
#
# $$\frac{du}{dt} = \frac{\beta(t)}{2\sqrt{\bar\alpha(t)\,(1-\bar\alpha(t))}} \tag{10.13}$$
#
# *Second, how fast $\mathbf{y}$ moves.* By the product rule
# $\mathbf{y}' = \mathbf{x}'/\sqrt{\bar\alpha} - \frac12\,\mathbf{x}\,\bar\alpha'/\bar\alpha^{3/2}$. The second part is $+\frac12\beta\,\mathbf{x}/\sqrt{\bar\alpha}$, and it
# cancels the $-\frac12\beta\,\mathbf{x}$ in the flow. What is left is $\mathbf{y}' = -\frac12\beta\,\nabla\log p_t/\sqrt{\bar\alpha}$. By lesson 06 the score is
# $\nabla\log p_t = -\boldsymbol\varepsilon/\sqrt{1-\bar\alpha}$, where $\boldsymbol\varepsilon$ is the exact prediction $\mathbb{E}[\text{noise} \mid \mathbf{x}]$. So
# $\mathbf{y}' = \frac{\beta}{2\sqrt{\bar\alpha(1-\bar\alpha)}}\,\boldsymbol\varepsilon$.
#
# *Third, divide.* The factor is just (10.13), and it cancels:
#
# $$\frac{d\mathbf{y}}{du} = \boldsymbol\varepsilon(\mathbf{x}, t) \qquad \text{along} \qquad \frac{d\mathbf{x}}{dt} = -\tfrac12\,\beta(t)\,\big(\mathbf{x} + \nabla \log p_t(\mathbf{x})\big), \qquad \mathbf{y} = \frac{\mathbf{x}}{\sqrt{\bar\alpha(t)}} \tag{10.14}$$
#
# The schedule is gone. All schedules follow the same curves; they only run along them at different speeds. The
# probability-flow equation says: *the slope is the noise*.

# %% tags=["explore"]
equation("10.13")

# %% tags=["explore"]
equation("10.14")

# %% [markdown]
# ### Exercise 10.6: follow the flow
#
# `fast.euler_flow` · difficulty 2 · core · 10 minutes · 4 points · equation (10.12)
#
# `predict(y, u)` is handed to you. It is called once per step: the checks count.

# %% exercise="fast.euler_flow"
def euler_flow(predict, y, u):
    """Follow dy/du = predict(y, u) from level u[0] to level u[-1] by Euler's method.

    predict: function ((B, *D), float) -> (B, *D); y: (B, *D); u: (n+1,) float64.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    for k in range(len(u) - 1):
        y = y + (u[k + 1] - u[k]).to(y) * predict(y, float(u[k]))
    return y
    ### END SOLUTION

# %% check="fast.euler_flow" points=4
check("fast.euler_flow", euler_flow)

# %% [markdown]
# Two ways to the same points: your `ddim_step` in $(\mathbf{x}, t)$ and your `euler_flow` in $(\mathbf{y}, u)$.

# %% tags=["explore"]
def flow_eps(y, u):
    """The exact prediction as a function of y and u."""
    return bumps.eps(y, 1.0, u)


with when_written():
    steps = subsequence(200, 20)
    by_steps = walk(exact_eps, x_T, steps.tolist(), 0.0, draws(3))[-1]
    by_flow = euler_flow(flow_eps, x_T / short.alpha_bar[200].sqrt(), (1 / short.alpha_bar - 1).sqrt()[steps])
    print(f"20 steps, 400 points: largest difference {float((by_steps - by_flow).abs().max()):.1e}")

# %% [markdown]
# **Why these coordinates are good.** Suppose the data were a single point $\mathbf{x}_0$. Then $\mathbf{y} = \mathbf{x}_0 + u\,\boldsymbol\varepsilon$, and
# along the flow $\boldsymbol\varepsilon$ never changes: the path is a straight line, and Euler makes no error on a straight line, not
# even in a single step. A path bends only while it is still open which $\mathbf{x}_0$ it will reach. See for yourself. The
# level $u$ falls from 4 at the left to 0 at the right. (`EDM` is the library's name for the equation whose time *is* the
# noise level $u$. It does not shrink the data.)

# %% tags=["explore"]
falling = torch.linspace(4, 0.02, 160, dtype=torch.float64)
flow = samplers.probability_flow(
    lambda y, u: bumps.score(y, 1.0, u), EDM(5.0), quality.quantiles(bumps.noised(1.0, 4.0), 24).unsqueeze(1), falling
)
lines = torch.cat([step.x for step in flow], dim=1)
grid = torch.linspace(-6, 6, 300, dtype=torch.float64)
heat = torch.stack([bumps.log_prob(grid.unsqueeze(1), 1.0, float(u)).exp() for u in falling])
plots.trajectories(
    lines,
    grid,
    heat,
    alt="Twenty-four paths of the flow, from noise at the left to data at the right. They run nearly straight towards the middle "
    "and bend shortly before the end, each into one of three bands.",
    at=[0, 100, 140, 159],
    letter="k",
)

# %% [markdown]
# For Gaussian data $\mathcal{N}(\mathbf{m}, v\mathbf{I})$ the path is known. The noisy density at level $u$ is $\mathcal{N}(\mathbf{m}, (v+u^2)\mathbf{I})$, its score is
# $-(\mathbf{y}-\mathbf{m})/(v+u^2)$, and the predicted noise is $-u$ times the score. So $\frac{d\mathbf{y}}{du} = \frac{u}{v+u^2}\,(\mathbf{y}-\mathbf{m})$. The factor
# $\frac{u}{v+u^2}$ is the derivative of $\frac12\log(v+u^2)$, hence $\mathbf{y}-\mathbf{m}$ grows like $\sqrt{v+u^2}$:
#
# $$\mathbf{y}(u) = \mathbf{m} + \sqrt{\frac{v+u^2}{v+U^2}}\;\big(\mathbf{y}(U) - \mathbf{m}\big) \tag{10.15}$$
#
# As long as $u$ is much larger than $\sqrt{v}$, the root is nearly $u$: a straight line. When $u$ is much smaller, the root is nearly
# constant: again a straight line. The bend is where noise and data are alike, $u \approx \sqrt{v}$.

# %% tags=["explore"]
equation("10.15")

# %% [markdown]
# ## 7. There and back
#
# A curve can be followed in both directions. Start at an image, follow (10.14) upwards, and you arrive at *the* noise from
# which DDIM draws this image. One calls it the code of the image, or its inversion. It is what many methods for editing
# images begin with.
#
# **The exact way up.** One step down leads from $\mathbf{x}_t$ to $\mathbf{x}_s$ by (10.12). To undo it, solve for $\mathbf{x}_t$:
# $\mathbf{x}_t = \sqrt{\bar\alpha_t/\bar\alpha_s}\,\mathbf{x}_s + \sqrt{\bar\alpha_t}\,(u_t - u_s)\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)$. The trouble: the unknown stands on both sides. We would
# need the predicted noise at the place that we are looking for.
#
# **The way that is used.** Put a first guess into the prediction, $\mathbf{x}_s$ in the place of $\mathbf{x}_t$. Out comes a better one.
# Put that in again, and so on:
#
# $$\mathbf{x}_t \ \leftarrow\ \sqrt{\frac{\bar\alpha_t}{\bar\alpha_s}}\;\mathbf{x}_s + \sqrt{\bar\alpha_t}\;(u_t - u_s)\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t) \tag{10.16}$$
#
# Only the argument of $\boldsymbol\varepsilon_\theta$ changes from round to round; $\mathbf{x}_s$ stays. With one round, one call per step, this is
# Euler's method upwards, with a small error at every step. With many rounds the error of the inversion goes to zero, if
# the rounds settle.

# %% tags=["explore"]
equation("10.16")

# %% [markdown]
# **Do they settle?** For Gaussian data, yes. Two guesses that differ by $\boldsymbol\delta$ give predictions that differ by
# $\boldsymbol\delta$ times the slope of the prediction, which in $\mathbf{y}$ is $\frac{u_t}{v+u_t^2}$ by section 6. So after a round the error is
# multiplied by
#
# $$r = \frac{(u_t - u_s)\,u_t}{v + u_t^2} < 1 \tag{10.17}$$
#
# It is below 1 because $(u_t - u_s)\,u_t \le u_t^2$. Short steps have a small $r$ and settle in a few rounds. For other data the slope
# can be larger, between two modes for instance, and long steps may fail to settle.

# %% tags=["explore"]
equation("10.17")

# %% [markdown]
# ### Exercise 10.7: one step up
#
# `fast.invert_step` · difficulty 3 · core · 15 minutes · 5 points · equation (10.16)
#
# `predict` knows its level already: it is $\boldsymbol\varepsilon_\theta(\cdot, t)$. The numbers `bar_s` and `bar_t` are plain floats here.

# %% exercise="fast.invert_step"
def invert_step(predict, x_s, bar_s, bar_t, rounds):
    """The x_t from which a DDIM step (eta = 0) leads to x_s, by rounds of guessing; the first guess is x_s itself.

    predict: function (B, *D) -> (B, *D), the noise at level t; x_s: (B, *D); bar_s > bar_t: floats; rounds: int >= 1.
    Returns (B, *D).
    """
    ### BEGIN SOLUTION
    a = (bar_s / bar_t) ** 0.5
    b = (1 - bar_s) ** 0.5 - a * (1 - bar_t) ** 0.5
    x = x_s
    for _ in range(rounds):
        x = (x_s - b * predict(x)) / a
    return x
    ### END SOLUTION

# %% check="fast.invert_step" points=5
check("fast.invert_step", invert_step)

# %% [markdown]
# How good is the round trip, up to the noise and down again? First with the exact predictor and the three bumps: 300
# points, the root of the mean squared error.

# %% tags=["explore"]
def encode(predict, x, steps, rounds):
    """From data to noise along the rising steps."""
    for s, t in pairwise(steps):
        with torch.no_grad():
            x = invert_step(
                lambda v, t=t: predict(v, torch.full((len(v),), t)),
                x,
                float(short.alpha_bar[s]),
                float(short.alpha_bar[t]),
                rounds,
            )
    return x


with when_written():
    points = bumps.sample(300, generator=draws(5))
    print("steps    1 round   2 rounds   4 rounds")
    for n in (20, 50, 100, 200):
        down = subsequence(200, n).tolist()
        errors = []
        for rounds in (1, 2, 4):
            code = encode(exact_eps, points, down[::-1], rounds)
            back = walk(exact_eps, code, down, 0.0, draws(0))[-1]
            errors.append(float((back - points).square().mean().sqrt()))
        print(f"{n:5d} {errors[0]:10.1e} {errors[1]:10.1e} {errors[2]:10.1e}")

# %% [markdown]
# Read down the first column: twice as many steps, about half the error. Read along a row: where the steps are short, each
# further round wins about a digit; with long steps, hardly anything.
#
# Now five real digits, with the network. The codes look like noise, and they are what DDIM makes the digits of.

# %% tags=["explore"]
with when_written():
    real = data.digits().images[[0, 13, 24, 5, 6]]
    down = subsequence(200, 50).tolist()
    shown = [real]
    for rounds in (1, 3):
        code = encode(kept, real, down[::-1], rounds)
        back = walk(kept, code, down, 0.0, draws(0))[-1]
        print(f"{rounds} rounds: error per pixel {float((back - real).square().mean().sqrt()):.4f}, codes have the standard "
              f"deviation {float(code.std()):.2f}")  # fmt: skip
        shown += [code, back]
    picture = plots.image_grid(
        torch.stack(shown),
        [""] * 5,
        ["digit", "code,\n1 round", "decoded", "code,\n3 rounds", "decoded"],
        alt="Five rows: five real digits; their codes after one round, which look like noise; the digits decoded from them; the "
        "codes after three rounds; the digits decoded from those. All decoded digits look like the originals.",
    )
    display(picture)

# %% [markdown]
# The digits come back. The standard deviation of the codes tells that they are not perfect noise: after one round it is
# too small. An inversion with few rounds is good enough to get the image back, and less good as a sample of
# $\mathcal{N}(\mathbf{0}, \mathbf{I})$.

# %% [markdown]
# ## 8. The order of a method
#
# **What one step gets wrong.** Let $\mathbf{y}(u)$ be the true path. Euler's step from $u$ to $u + h$ follows the tangent. ($h$ is
# negative on the way down.) By Taylor's formula with its remainder, what is missing is
#
# $$\mathbf{y}(u+h) - \big(\mathbf{y}(u) + h\,\boldsymbol\varepsilon\big) = \int_u^{u+h} (u+h-w)\,\mathbf{y}''(w)\,dw \tag{10.18}$$
#
# If $\mathbf{y}''$ hardly changes during the step, the integral is $\frac{h^2}{2}\,\mathbf{y}''$. So the error of *one* step falls with the
# square of its length, and it is proportional to the bend of the path. But $n$ steps are needed, each as long as one $n$-th of
# the way. Together they get $n \cdot (1/n)^2 = 1/n$ wrong. Twice the work, half the error: the method has **order 1**. A
# method whose step is wrong by $h^3$ has order 2: twice the work, a quarter of the error.

# %% tags=["explore"]
equation("10.18")

# %% [markdown]
# **Measure it, do not believe it.** If the error is $C\,n^{-p}$, then $\log e = \log C - p \log n$: in logarithms a straight line,
# and the order $p$ is minus its slope. Fit the line to all measurements $(n_k, e_k)$ by least squares. The bar is the mean over
# $k$:
#
# $$p = -\,\frac{\sum_k \big(\log n_k - \overline{\log n}\big)\,\log e_k}{\sum_k \big(\log n_k - \overline{\log n}\big)^2} \tag{10.19}$$

# %% tags=["explore"]
equation("10.19")

# %% [markdown]
# ### Exercise 10.8: the order from errors
#
# `fast.order` · difficulty 2 · core · 10 minutes · 4 points · equation (10.19)

# %% exercise="fast.order"
def order(n, errors):
    """The p for which errors are closest to C n^(-p), in logarithms.

    n: (k,) float64, numbers of steps; errors: (k,) float64.  Returns a float.
    """
    ### BEGIN SOLUTION
    x, y = torch.log(n), torch.log(errors)
    x = x - x.mean()
    return float(-(x * y).sum() / (x**2).sum())
    ### END SOLUTION

# %% check="fast.order" points=4
check("fast.order", order)

# %% [markdown]
# **Heun's method** mends the tangent. Go ahead by Euler, look at the slope where you arrive, come back, and go with the
# mean of both slopes:
#
# $$\hat{\mathbf{y}} = \mathbf{y} + h\,\boldsymbol\varepsilon(\mathbf{y}, u), \qquad \mathbf{y} \ \leftarrow\ \mathbf{y} + \frac{h}{2}\,\big(\boldsymbol\varepsilon(\mathbf{y}, u) + \boldsymbol\varepsilon(\hat{\mathbf{y}}, u+h)\big) \tag{10.20}$$
#
# *Why it is of order 2.* The true slope at the end is $\boldsymbol\varepsilon + h\,\mathbf{y}'' + \dots$, so half of it adds $\frac{h^2}{2}\,\mathbf{y}''$ to
# Euler's step: just what (10.18) said is missing. That the slope is taken at $\hat{\mathbf{y}}$ and not at the true end changes it
# by a multiple of $h^2$, hence the step by $h^3$.
#
# It costs two calls per step. And the step that ends at $u = 0$ needs care: there is no noise to predict at $u = 0$, and no
# network was ever trained for it. So the last step is Euler's.

# %% tags=["explore"]
equation("10.20")

# %% [markdown]
# ### Exercise 10.9: Heun's step
#
# `fast.heun_step` · difficulty 2 · core · 12 minutes · 5 points · equation (10.20)

# %% exercise="fast.heun_step"
def heun_step(predict, y, u, u_next):
    """One step of Heun's method from level u to level u_next; Euler's if u_next is 0.

    predict: function ((B, *D), float) -> (B, *D); y: (B, *D); u, u_next: floats.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    slope = predict(y, u)
    ahead = y + (u_next - u) * slope
    if u_next == 0:
        return ahead
    return y + (u_next - u) / 2 * (slope + predict(ahead, u_next))
    ### END SOLUTION

# %% check="fast.heun_step" points=5
check("fast.heun_step", heun_step)

# %% [markdown]
# ## 9. Half the logarithm of the signal-to-noise ratio
#
# There is another way to second order. It starts from the question in which variable the steps should be even. Noise levels
# are compared by their ratios, so take a logarithm: $\lambda = -\log u = \frac12 \log\mathrm{SNR}$. It rises as the noise falls.
# (It has nothing to do with the weights $\lambda_t$ of lesson 05. The papers use the letter for both.)
#
# **An exact formula.** Take one step of any length and write down where the flow leads, without any approximation. You can
# do it: everything stands above. The lines are on ten cards. Each card claims that its two sides are equal; on five of
# them they are not.
#
# | card | from | to |
# | --- | --- | --- |
# | 1 | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t + \sqrt{\bar\alpha_s}\int_{u_t}^{u_s} \boldsymbol\varepsilon\,du$ | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{-\lambda}\boldsymbol\varepsilon\,d\lambda$ |
# | 2 | $\sqrt{\bar\alpha_s}\,\big(\mathbf{y}_t + \int_{u_t}^{u_s}\boldsymbol\varepsilon\,du\big)$ | $\sqrt{\bar\alpha_s}\,\mathbf{x}_t + \sqrt{\bar\alpha_s}\int_{u_t}^{u_s}\boldsymbol\varepsilon\,du$ |
# | 3 | $\mathbf{x}_s$ | $\sqrt{\bar\alpha_s}\,\mathbf{y}_s$ |
# | 4 | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t + \sqrt{\bar\alpha_s}\int_{u_t}^{u_s} \boldsymbol\varepsilon\,du$ | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t + \sqrt{\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{-\lambda}\boldsymbol\varepsilon\,d\lambda$ |
# | 5 | $\sqrt{\bar\alpha_s}\,\mathbf{y}_s$ | $\sqrt{\bar\alpha_s}\,\big(\mathbf{y}_t + \int_{u_t}^{u_s}\boldsymbol\varepsilon\,du\big)$ |
# | 6 | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{-\lambda}\boldsymbol\varepsilon\,d\lambda$ | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\boldsymbol\varepsilon\,d\lambda$ |
# | 7 | $\sqrt{\bar\alpha_s}\,\mathbf{y}_s$ | $\sqrt{\bar\alpha_s}\,\big(\mathbf{y}_t + (u_s-u_t)\,\boldsymbol\varepsilon(\mathbf{y}_t, u_t)\big)$ |
# | 8 | $\sqrt{\bar\alpha_s}\,\big(\mathbf{y}_t + \int_{u_t}^{u_s}\boldsymbol\varepsilon\,du\big)$ | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t + \sqrt{\bar\alpha_s}\int_{u_t}^{u_s} \boldsymbol\varepsilon\,du$ |
# | 9 | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t + \sqrt{\bar\alpha_s}\int_{u_t}^{u_s} \boldsymbol\varepsilon\,du$ | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda}\boldsymbol\varepsilon\,d\lambda$ |
# | 10 | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{-\lambda}\boldsymbol\varepsilon\,d\lambda$ | $\sqrt{\tfrac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda-\lambda_s}\boldsymbol\varepsilon\,d\lambda$ |
#
# ### Exercise 10.10: put the derivation in order
#
# `fast.in_order` · difficulty 3 · proof · 15 minutes · 5 points · equation (10.21)
#
# Start at $\mathbf{x}_s$; each card begins with the line where the last one ended. The cards are dealt with numbers: both sides,
# evaluated on random Gaussian data whose path (10.15) is known. You may let the numbers decide which cards are false, or
# think, and return the list.

# %% exercise="fast.in_order"
def in_order(cards, left, right):
    """The numbers of the true cards in the order in which they prove the formula, without the false ones.

    cards: (n,) int64, the cards that were dealt; left, right: (n,) float64, both sides of each card in numbers.
    Returns a tuple or list of card numbers.
    """
    ### BEGIN SOLUTION
    true = {card for card, a, b in zip(cards.tolist(), left.tolist(), right.tolist(), strict=True) if abs(a - b) < 1e-8}
    return tuple(card for card in (3, 5, 8, 1, 6) if card in true)
    ### END SOLUTION

# %% check="fast.in_order" points=5
check("fast.in_order", in_order)

# %% [markdown]
# The result is the *exponential integrator*:
#
# $$\mathbf{x}_s = \sqrt{\frac{\bar\alpha_s}{\bar\alpha_t}}\;\mathbf{x}_t - \sqrt{1-\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\,\boldsymbol\varepsilon(\lambda)\,d\lambda \tag{10.21}$$
#
# It is exact. What the schedule does to $\mathbf{x}$ is outside the integral, in closed form. The only thing that is not known is how
# the predicted noise $\boldsymbol\varepsilon(\lambda)$ changes along the path. And the exponential under the integral is known, so it must not be
# approximated either.

# %% tags=["explore"]
equation("10.21")

# %% [markdown]
# **First order: hold the noise.** If $\boldsymbol\varepsilon(\lambda)$ is taken as constant, with its value at the start, it comes out of the
# integral. What is left is $\int e^{\lambda_s-\lambda}\,d\lambda$. The antiderivative is $-e^{\lambda_s-\lambda}$, so the integral is $e^{\lambda_s-\lambda_t} - 1$:
#
# $$\sqrt{1-\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\,d\lambda = \sqrt{1-\bar\alpha_s}\;\big(e^{h} - 1\big) = \sqrt{\bar\alpha_s}\;(u_t - u_s), \qquad h = \lambda_s - \lambda_t \tag{10.22}$$
#
# The last form comes from $e^{h} = u_t/u_s$ and $\sqrt{1-\bar\alpha_s} = u_s\sqrt{\bar\alpha_s}$. It is the coefficient of (10.12): to hold the noise gives
# DDIM, once more.

# %% tags=["explore"]
equation("10.22")

# %% [markdown]
# **Second order: take the noise from the middle.** Write $\boldsymbol\varepsilon(\lambda) = \boldsymbol\varepsilon(\lambda_m) + (\lambda-\lambda_m)\,\boldsymbol\varepsilon'(\lambda_m) + \dots$ around the middle
# $\lambda_m$ of the step. The first term gives the step (10.22) with the noise of the middle. The second term gives $\boldsymbol\varepsilon'(\lambda_m)$ times
#
# $$\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\,(\lambda-\lambda_m)\,d\lambda = -\,e^{h/2}\Big(h\cosh\frac{h}{2} - 2\sinh\frac{h}{2}\Big), \qquad \lambda_m = \frac{\lambda_t+\lambda_s}{2} \tag{10.23}$$
#
# (Set $w = \lambda - \lambda_m$; then it is $e^{h/2}\int_{-h/2}^{h/2} w\,e^{-w}\,dw$, and the antiderivative of $w\,e^{-w}$ is $-(w+1)\,e^{-w}$.) For short steps
# $h\cosh\frac h2 - 2\sinh\frac h2 \approx \frac{h^3}{12}$. A term of size $h^3$ may be dropped. So one value of the noise is enough for second order,
# if it is the one in the middle. To get there we need a point in the middle, and for that DDIM is good enough:
#
# $$\mathbf{x}_m = \sqrt{\frac{\bar\alpha_m}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_m}\,\big(e^{h/2}-1\big)\,\boldsymbol\varepsilon(\mathbf{x}_t, t), \qquad \mathbf{x}_s = \sqrt{\frac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_s}\,\big(e^{h}-1\big)\,\boldsymbol\varepsilon(\mathbf{x}_m, m) \tag{10.24}$$
#
# This is *DPM-Solver-2*. The second move starts from $\mathbf{x}_t$ again, not from $\mathbf{x}_m$.

# %% tags=["explore"]
equation("10.23")

# %% tags=["explore"]
equation("10.24")

# %% [markdown]
# ### Exercise 10.11: the midpoint step
#
# `fast.dpm_step` · difficulty 3 · core · 18 minutes · 5 points · equation (10.24)
#
# Levels are given by $\lambda$ alone: $\bar\alpha = 1/(1 + e^{-2\lambda})$, since $1/\bar\alpha - 1 = u^2 = e^{-2\lambda}$.

# %% exercise="fast.dpm_step"
def dpm_step(predict, x, lam, lam_next):
    """One step of DPM-Solver-2 from half log-SNR lam to lam_next.

    predict: function ((B, *D), float lam) -> (B, *D); x: (B, *D); lam, lam_next: floats.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    def move(eps, end):
        keep, end_keep = 1 / (1 + math.exp(-2 * lam)), 1 / (1 + math.exp(-2 * end))
        return (end_keep / keep) ** 0.5 * x - (1 - end_keep) ** 0.5 * (math.exp(end - lam) - 1) * eps

    middle = (lam + lam_next) / 2
    x_middle = move(predict(x, lam), middle)
    return move(predict(x_middle, middle), lam_next)
    ### END SOLUTION

# %% check="fast.dpm_step" points=5
check("fast.dpm_step", dpm_step)

# %% [markdown]
# ## 10. Second order from one call
#
# Heun and DPM-Solver-2 ask twice per step. But the last step has asked too, and its answer is still there. From the last
# answer and the new one we know how the prediction changes, and can look ahead. Such methods are called *multistep*.
#
# It is better to do this with the guess of the data than with the noise: towards the end of the way $\hat{\mathbf{x}}_0$ hardly
# changes any more. So we need the exact formula for $\hat{\mathbf{x}}_0$. By the guess itself, $\mathbf{y} = \hat{\mathbf{x}}_0 + u\,\boldsymbol\varepsilon$. Divide the point by
# the noise in place of the signal, $\mathbf{x}/\sqrt{1-\bar\alpha} = \mathbf{y}/u$. By the quotient rule
# $\frac{d}{du}\frac{\mathbf{y}}{u} = \frac{\boldsymbol\varepsilon}{u} - \frac{\mathbf{y}}{u^2} = -\frac{\hat{\mathbf{x}}_0}{u^2}$. From $u = e^{-\lambda}$ comes $\frac{du}{d\lambda} = -u$, and
#
# $$\frac{d}{d\lambda}\,\frac{\mathbf{x}}{\sqrt{1-\bar\alpha}} = e^{\lambda}\,\hat{\mathbf{x}}_0 \tag{10.25}$$
#
# Integrate from $\lambda_t$ to $\lambda_s$ and multiply by $\sqrt{1-\bar\alpha_s}$. If $\hat{\mathbf{x}}_0$ is held constant, the integral is
# $e^{\lambda_s} - e^{\lambda_t} = e^{\lambda_s}(1 - e^{-h})$, and $\sqrt{1-\bar\alpha_s}\,e^{\lambda_s} = \sqrt{\bar\alpha_s}$. That is DDIM in a third dress. For second order take the value
# of $\hat{\mathbf{x}}_0$ in the middle of the step, as before. To know it, draw a line through two guesses: $\hat{\mathbf{x}}_0$, made at the
# start of this step, and $\hat{\mathbf{x}}_0'$, made one step earlier, a distance $h'$ before. Read the line at $\frac h2$:
#
# $$\mathbf{x}_s = \sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}\;\mathbf{x}_t + \sqrt{\bar\alpha_s}\,\big(1-e^{-h}\big)\Big(\hat{\mathbf{x}}_0 + \frac{h}{2h'}\,\big(\hat{\mathbf{x}}_0 - \hat{\mathbf{x}}_0'\big)\Big) \tag{10.26}$$
#
# The first step has nothing before it and is DDIM. So is the last one, down to $u = 0$: there $h$ is infinite, no line can be
# followed that far, and $1 - e^{-h} = 1$ leaves just $\hat{\mathbf{x}}_0$. In the papers the method is called DPM-Solver++(2M).

# %% tags=["explore"]
equation("10.25")

# %% tags=["explore"]
equation("10.26")

# %% [markdown]
# ### Exercise 10.12: lean on the step before
#
# `fast.multistep` · difficulty 4 · stretch · 20 minutes · 5 points · equation (10.26)

# %% exercise="fast.multistep"
def multistep(x, x_0, before, lams):
    """One multistep step.

    x: (B, *D), at lam; x_0: (B, *D), the guess of the data made from x; before: (B, *D), the guess at lam_before;
    lams: three floats (lam_before, lam, lam_next), rising; lam_next may be math.inf (no noise).  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    lam_before, lam, lam_next = lams
    h = lam_next - lam
    r = 0.0 if math.isinf(h) else h / (2 * (lam - lam_before))
    keep, keep_next = 1 / (1 + math.exp(-2 * lam)), 1 / (1 + math.exp(-2 * lam_next))
    guess = x_0 + r * (x_0 - before)
    return ((1 - keep_next) / (1 - keep)) ** 0.5 * x + keep_next**0.5 * (1 - math.exp(-h)) * guess
    ### END SOLUTION

# %% check="fast.multistep" points=5
check("fast.multistep", multistep)

# %% [markdown]
# **The orders, measured.** Your four methods follow the flow of the three bumps from $u = 5$ to $u = 0.05$ with levels of constant
# ratio, with the exact prediction. The error is the root mean square distance from the true end points, which a Runge-Kutta
# method of fourth order found in 500 steps.

# %% tags=["explore"]
def ratio_levels(n, high=5.0, low=0.05):
    return torch.logspace(math.log10(high), math.log10(low), n + 1, dtype=torch.float64)


def x_eps(x, lam):
    """The exact prediction as a function of x and lambda."""
    return flow_eps(x * (1 + math.exp(-2 * lam)) ** 0.5, math.exp(-lam))


def by_heun(y, u):
    for here, there in pairwise(u.tolist()):
        y = heun_step(flow_eps, y, here, there)
    return y


def by_dpm(y, u):
    x = y / (1 + float(u[0]) ** 2) ** 0.5
    for here, there in pairwise((-u.log()).tolist()):
        x = dpm_step(x_eps, x, here, there)
    return x * (1 + float(u[-1]) ** 2) ** 0.5


def by_multistep(y, u):
    x, before, before_lam = y / (1 + float(u[0]) ** 2) ** 0.5, None, None
    for here, there in pairwise((-u.log()).tolist()):
        keep_share = 1 / (1 + math.exp(-2 * here))
        x_0 = (x - (1 - keep_share) ** 0.5 * x_eps(x, here)) / keep_share**0.5
        if before is None:  # the first step leans on itself: first order
            before, before_lam = x_0, here - 1
        x = multistep(x, x_0, before, (before_lam, here, there))
        before, before_lam = x_0, here
    return x * (1 + float(u[-1]) ** 2) ** 0.5


high = bumps.noised(1.0, 5.0).sample(200, generator=draws(6))
rk4_path = samplers.probability_flow(
    lambda y, u: bumps.score(y, 1.0, u), EDM(6.0), high, ratio_levels(500), step=samplers.rk4
)
truth = samplers.last(rk4_path)

with when_written():
    counts = torch.tensor([16, 32, 64, 128, 256])
    methods = {
        "DDIM (Euler)": lambda y, u: euler_flow(flow_eps, y, u),
        "Heun": by_heun,
        "DPM-Solver-2": by_dpm,
        "multistep": by_multistep,
    }
    errors = {
        name: torch.stack([(run(high, ratio_levels(int(n))) - truth).square().mean().sqrt() for n in counts])
        for name, run in methods.items()
    }
    picture = plots.curves(
        torch.log2(counts.double()),
        errors,
        alt="Errors against the number of steps, both logarithmic. Four straight lines: DDIM falls by half with each doubling, the "
        "other three fall by a factor of four and lie far below it.",
        x_label="number of steps, as a power of 2",
        y_label="error",
        y_scale="log",
    )
    display(picture)
    for name, e in errors.items():
        print(f"{name:13s} order {order(counts.double(), e):.2f}")

# %% [markdown]
# The orders are 1, 2, 2 and 2, as derived. Mind that the axis counts *steps*. Heun and DPM-Solver-2 pay two calls for each;
# the multistep method pays one.

# %% [markdown]
# ## 11. Where to put the levels
#
# With the same number of steps, some may be long and some short. Where should they be short?
#
# **An answer from (10.18).** A step of length $h$ at level $u$ gets about $\kappa(u)\,h^2$ wrong, where $\kappa = \frac12\|\mathbf{y}''\|$ says how much
# the path bends there. Per unit of $u$ that is $\kappa\,h$, so all steps together get $\int \kappa(u)\,h(u)\,du$ wrong, and their number is
# $\int du/h(u)$. The inequality of Cauchy and Schwarz says: the square of the integral of a product of two functions is at most the
# product of the integrals of their squares. For the functions $\sqrt{\kappa h}$ and $1/\sqrt{h}$ it reads
#
# $$\Big(\int \sqrt{\kappa(u)}\,du\Big)^{2} \le \int \kappa(u)\,h(u)\,du \;\cdot \int \frac{du}{h(u)} \tag{10.27}$$
#
# Equality holds where one function is a multiple of the other, that is for $h(u) \propto \kappa(u)^{-1/2}$. So the best lengths make every
# step equally wrong: short steps where the path bends.

# %% tags=["explore"]
equation("10.27")

# %% [markdown]
# How much do paths bend? From (10.15), $\mathbf{y}''$ is proportional to $v/(v+u^2)^{3/2}$. At high noise it falls like $u^{-3}$: there the
# steps should be long and grow with $u$. At low noise, $u$ below $\sqrt{v}$, it is constant. Data have a whole range of scales $v$,
# and nobody knows them beforehand. So one takes a simple rule that grows with $u$. That of **Karras** and others spaces the
# levels evenly in $u^{1/\rho}$:
#
# $$u_i = \Big(u_{\min}^{1/\rho} + \frac{i-1}{n-1}\,\big(u_{\max}^{1/\rho} - u_{\min}^{1/\rho}\big)\Big)^{\rho}, \quad i = 1, \dots, n, \qquad u_0 = 0 \tag{10.28}$$
#
# By the chain rule the distance of neighbours is about
#
# $$\frac{du_i}{di} = \frac{\rho}{n-1}\,\big(u_{\max}^{1/\rho} - u_{\min}^{1/\rho}\big)\;u_i^{\,1-1/\rho} \tag{10.29}$$
#
# For $\rho = 1$ all steps are equal. For $\rho \to \infty$ they are proportional to $u$, which is the constant ratio of lesson 07. The paper
# uses $\rho = 7$, so steps grow like $u^{6/7}$. Its reason was found by trial on images: $\rho = 3$ makes the errors of the steps nearly
# equal, but errors at low noise hurt images more, and with $\rho$ from 5 to 10 they come out better.

# %% tags=["explore"]
equation("10.28")

# %% tags=["explore"]
equation("10.29")

# %% [markdown]
# ### Exercise 10.13: the levels of Karras
#
# `fast.karras_levels` · difficulty 2 · core · 8 minutes · 3 points · equation (10.28)
#
# As every table of the course: `n + 1` entries, entry 0 is the clean data. A sampler reads it from the end.

# %% exercise="fast.karras_levels"
def karras_levels(n, u_min, u_max, rho):
    """u[0] = 0, then n levels from u_min to u_max, evenly spaced in u^(1/rho).

    n: int >= 2; u_min, u_max, rho: floats.  Returns (n+1,) float64, rising.
    """
    ### BEGIN SOLUTION
    place = torch.arange(n, dtype=torch.float64) / (n - 1)
    low, high = u_min ** (1 / rho), u_max ** (1 / rho)
    levels = (low + place * (high - low)) ** rho
    return torch.cat([torch.zeros(1, dtype=torch.float64), levels])
    ### END SOLUTION

# %% check="fast.karras_levels" points=3
check("fast.karras_levels", karras_levels)

# %% [markdown]
# The three bumps with 24 steps from $u = 80$ to the data, for several $\rho$. The numbers are distances from the data; section 12
# says how they are measured.

# %% tags=["explore"]
with when_written():
    wide = quality.quantiles(bumps.noised(1.0, 80.0), 512).unsqueeze(1)
    print("  rho     DDIM     Heun")
    for rho in (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 40.0):
        u = karras_levels(24, 0.002, 80.0, rho).flip(0)
        ends = euler_flow(flow_eps, wide, u), by_heun(wide, u)
        print(f"{rho:5.0f} " + " ".join(f"{quality.distance(bumps, end[:, 0]):8.4f}" for end in ends))

# %% [markdown]
# Even steps are a disaster, and from $\rho = 5$ on it hardly matters. That is the usual experience: avoid the bad choices, and do
# not expect much from the last bit of tuning.

# %% [markdown]
# ## 12. What a call buys
#
# Now all samplers race. To be fair, we count what each one costs:
#
# $$\text{calls} = n \ \text{(ancestral, DDIM, multistep)}, \qquad \text{calls} = 2n - 1 \ \text{(Heun, DPM-Solver-2)}, \qquad n \text{ steps down to } u = 0 \tag{10.30}$$
#
# The one call that is saved is that of the last step, which is Euler's with every method.

# %% tags=["explore"]
equation("10.30")

# %% [markdown]
# ### Exercise 10.14: count the calls
#
# `fast.network_calls` · difficulty 1 · core · 6 minutes · 3 points · equation (10.30)
#
# The levels need not end at 0. Then no call is saved.

# %% exercise="fast.network_calls"
def network_calls(method, u):
    """How often a sampler calls the network along the levels u.

    method: "ancestral", "ddim", "multistep", "heun" or "dpm-2"; u: (n+1,) float64, falling.  Returns an int.
    """
    ### BEGIN SOLUTION
    n = len(u) - 1
    if method not in ("heun", "dpm-2"):
        return n
    return 2 * n - 1 if u[-1] == 0 else 2 * n
    ### END SOLUTION

# %% check="fast.network_calls" points=3
check("fast.network_calls", network_calls)

# %% [markdown]
# **How we measure.** The Wasserstein distance $W_2$ asks: if the points that were made are matched with points of the data as
# well as possible, how far apart are they, in root mean square? On the line the best matching keeps the order. (If two pairs
# crossed, uncrossing them would make the squares smaller.) So it compares quantiles. Let $F(x)$ be the share of the data below $x$,
# and $G(x)$ that of the points that were made. Then $F^{-1}(w)$ is the place below which the share $w$ of the data lies, and
#
# $$W_2^2 = \int_0^1 \big(F^{-1}(w) - G^{-1}(w)\big)^2\,dw \tag{10.31}$$
#
# On the line, for a mixture with the exact prediction, this can be measured *without chance*. We do not start a sampler from
# random points but from 1,024 quantiles of the noise, evenly spread. A deterministic sampler then has no chance in it at all.
# For those that add noise we take the numbers from a lattice in the place of dice; what is left of chance in them is about
# 0.01. So the curves show errors of the samplers, not of a small sample.
#
# **The noise floor** is what a distance says about samples that are *right*. A thousand random points drawn from the data
# themselves are 0.06 away from them. Below that, nobody who looks at a thousand samples can tell a sampler from the truth.

# %% tags=["explore"]
equation("10.31")

# %% tags=["explore"]
import sys

from tqdm import tqdm

run = quality.race(bumps, watch=lambda names: tqdm(names, file=sys.stdout, unit="sampler"))
labels = ["DDPM, variance beta", "eta = 1", "eta = 0.5", "DDIM", "Heun", "DPM-Solver-2", "multistep"]
curves = {label: run.distances[0, i] for i, label in enumerate(labels)}
for n in (1000, 10_000):
    curves[f"{n:,} right samples"] = torch.tensor(quality.noise_floor(bumps, n, repeats=50)).expand(len(run.budgets))
plots.curves(
    torch.tensor(run.budgets).log10(),
    curves,
    alt="Distance from the data against the number of calls, both logarithmic, for seven samplers from 1 to 1,000 calls. All begin "
    "at 1. Up to 30 calls they lie close together, multistep lowest. Then the second-order ones fall twice as steeply as DDIM, and "
    "the ones with fresh noise end at a hundredth. Two horizontal lines mark 1,000 and 10,000 right samples, at 0.06 and 0.026.",
    x_label=r"$\log_{10}$ of the number of calls",
    y_label="distance from the data",
    y_scale="log",
    legend_beside=True,
)

# %% [markdown]
# Read the picture slowly; it is the summary of the lesson.
#
# - **One call** gives the mean of the data, whatever the sampler.
# - **Within the family less noise is better.** At every budget $\eta = 0$ beats $\eta = 1$, until the curves reach what is left of chance.
#   One guess stands for all possible $\mathbf{x}_0$, which makes points too narrow, and with $\eta = 1$ the steps lean on it most. The
#   larger variance $\beta_t$ of DDPM happens to make up for it, and stays ahead of DDIM up to twelve calls.
# - **Two calls per step pay late.** For the same price Heun and DPM-Solver-2 take half as many steps, twice as long. Up to some fifty
#   calls they are no better than DDIM. Then their order shows, and they fall twice as steeply.
# - **The multistep method leads from six calls on.** It has the order of the others at half their price.
# - **The floor ends the race.** DDIM with 24 calls and multistep with 16 are as near to the truth as a thousand right samples. To see
#   a difference one would have to draw many more.
#
# The next cell lets you compare any two, on two spacings of levels, and shows what they make.

# %% tags=["explore"]
explorers.quality_calls(run)

# %% [markdown]
# Switch to the levels of Karras and try 3 calls with Heun: the distance leaves the picture. From $u = 80$ the first step lands
# far outside the data, and the second slope is taken there. Those levels were made for some tens of calls; at 50 and more they
# help all second-order methods.
#
# **What this race cannot show.** The prediction was exact. A trained network has errors, and they add up along a path without
# chance. Fresh noise followed by more denoising can wash old errors out, much as the corrector of lesson 08 does. That is why, on
# images and with many calls, samplers with some noise are often a little better than those without.

# %% [markdown]
# ## 13. Digits
#
# The same with the network and real data. No exact distance is known here, so we draw 100 digits and take the energy distance
# from all 1,797 real ones, a distance between two sets of points. Its noise floor is the distance of 100 real digits
# from the rest. DPM-Solver-2 and Heun would have to ask the network between its 200 steps; the others need not.

# %% tags=["explore"]
pictures = data.digits().images
g = draws(5)
noise = torch.randn(100, 1, 8, 8, generator=g)
usual = metrics.noise_floor(metrics.energy_distance, pictures, n=100, m=len(pictures) - 100, repeats=10, generator=g)
race = {
    "$\\eta$ = 1": lambda times: samplers.ddim(kept, short, noise, times=times, eta=1.0, generator=draws(1)),
    "DDIM": lambda times: samplers.ddim(kept, short, noise, times=times),
    "multistep": lambda times: samplers.dpm_solver_2m(kept, short, noise, times=times),
}
budgets = [2, 3, 5, 10]
drawn = {
    (name, n): samplers.last(sampler(samplers.uniform_times(200, n)))
    for name, sampler in tqdm(race.items(), file=sys.stdout, unit="sampler")
    for n in budgets
}
print("calls  " + "".join(f"{n:8d}" for n in budgets))
for name in race:
    row = [float(metrics.energy_distance(drawn[name, n], pictures)) for n in budgets]
    print(f"{name.replace('$', '').replace(chr(92), ''):9s}" + "".join(f"{v:8.3f}" for v in row))
print(f"floor: 100 real digits are {usual.mean:.3f} away from the rest, give or take {usual.sd:.3f}")
plots.image_grid(
    torch.stack([drawn[name, n][:10] for name in race for n in (3, 10)]),
    [""] * 10,
    [f"{name}\n{n} calls" for name in race for n in (3, 10)],
    alt="Six rows of ten gray digits: eta 1, DDIM and multistep, each with 3 and with 10 calls. With 3 calls most are blurred, with "
    "10 calls nearly all can be read in every row.",
)

# %% [markdown]
# The network is not exact, the data are not on a line, and the picture is the same: ten calls of the multistep method reach the
# floor, where a hundred digits do not tell it from real ones. Lesson 05 needed 200.

# %% [markdown]
# ## Written question
#
# A colleague has a network trained with $T = 1000$ by the loss of lesson 05, and proposes to train a second one, "for DDIM, since
# DDIM has another forward process, and another one again for 50 steps". In the meantime the colleague runs the old network with
# $\eta = 1$ at 10 evenly spaced steps and gets poor images.
#
# 1. Explain why neither of the two trainings is needed. Which property of the process does the loss use, and which one not?
# 2. What would you change first in the colleague's sampler at the same ten calls, and why? Name two things, with their reasons.
# 3. The colleague answers: "Then I take a solver of order 4, one step has 4 calls, that must be best." Say what you expect at ten
#    calls, and how you would measure it so that the answer is not a matter of luck.
#
# Answer in a few sentences, with formulas where they help. 6 points, graded by hand.

# %% [markdown] written="fast.no_new_training" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) The loss uses only the jumps $q(\mathbf{x}_t \mid \mathbf{x}_0)$, and all members of the family (10.5) have the same
# jumps, for every $\sigma$ and every subsequence. How $\mathbf{x}_s$ and $\mathbf{x}_t$ hang together does not occur in it. The bound changes
# only its weights (10.10), and the best prediction $\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]$ does not depend on positive weights; fewer steps
# mean fewer of the same terms. (2) First $\eta = 0$ in place of 1: with few steps the fresh noise of a step has to be removed in the
# few that are left, and one guess stands for all possible $\mathbf{x}_0$. Second the multistep solver: it reaches order 2 with one call a
# step. (Also right: levels that are closer where the path bends, with (10.27) as the reason.) (3) Ten calls are two steps of the
# solver (and a bit). The steps are too long for the Taylor argument behind the order: the error of such a step is not small, and the
# method may be worse than DDIM. Measure a distance between distributions at equal *calls*, with the same starting noises for all,
# and compare it with its noise floor: the distance of right samples of the same size; repeat with other noises, or avoid chance as
# in (10.31).
#
# **Rubric.** (1) Only the jumps matter: 1; weights do not move the best prediction, or terms are only left out: 1. (2) Each change with
# a reason: 1 + 1. (3) Order says nothing for long steps: 1; equal calls and a noise floor (or a measurement without chance): 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - Steps that keep the jump (10.2), a whole family of them (10.3), proved by induction (10.5). $\eta$ says how much fresh noise (10.7);
#   $\eta = 1$ is DDPM (10.8), $\eta = 0$ is DDIM. The step of a sampler is (10.9).
# - The training does not change (10.10), and steps may be left out (10.11).
# - DDIM is Euler's method (10.12) for $d\mathbf{y}/du = \boldsymbol\varepsilon$, which is the probability flow (10.14). For Gaussian data its paths are
#   known (10.15).
# - Inversion by rounds (10.16), which settle (10.17).
# - Order 1 of Euler (10.18), measured by (10.19). Order 2: Heun (10.20), DPM-Solver-2 (10.24) from the exponential integrator (10.21),
#   multistep (10.26).
# - Levels: equal errors (10.27), Karras (10.28).
# - Quality per call (10.30), by a distance (10.31) beside its floor.
#
# **Where this is in the papers.**
#
# - Song, Meng and Ermon 2021, *Denoising Diffusion Implicit Models*: the family eq. 6 and 7, the sampler eq. 12, Euler eq. 13 and 14,
#   $\sigma(\eta)$ eq. 16, the loss theorem 1, the proof of (10.5) in the appendix.
# - Song et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*: the flow, eq. 13.
# - Karras et al. 2022, *Elucidating the Design Space of Diffusion-Based Generative Models*: Heun is algorithm 1, the levels eq. 5.
# - Lu et al. 2022, *DPM-Solver*: the exponential integrator is proposition 3.1, the midpoint step algorithm 1.
# - Lu et al. 2022, *DPM-Solver++*: guesses of the data, and the multistep method, algorithm 2.
#
# Next, lesson 11 steers. So far the noise alone decides which digit comes; with a classifier, or without one, you will be able to
# order it.
