# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 04 The bound, taken apart
#
# **What you will be able to do.** You will turn the bound of lesson 03 into a sum of small comparisons, one for each
# step of the chain, and compute every one of them. You will say what a model costs in bits, and which step the bits go
# to. You will know what is left out when people train with a simpler loss. And you will find ten mistakes in a slide.
#
# **What it needs.** Lesson 01: Bayes' rule, completing the square, the divergence of two Gaussians. Lesson 02: one step,
# the jump, $\bar\alpha_t$, the signal-to-noise ratio. Lesson 03: the bound.
#
# **Time.** About four hours: one and a half to read and play, two and a half for the thirteen exercises. What is marked
# *stretch* may be skipped.
#
# A picture before anything else. Run the next two cells.

# %%
import math

import torch

from diffkit import data, explorers, forward, plots, schedule
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit import elbo
from diffkit.explorers.elbo_terms import exact_terms, explained_share

bumps = data.bumps()  # three bumps on the line, as in lesson 02
fifty_steps = schedule.linear(50, 0.002, 0.4)
best = exact_terms(fifty_steps, bumps, "beta", 1.0, explained_share(fifty_steps, bumps))
plots.bars(
    torch.arange(2, 51),
    {"price of the step in nats": (best.means + best.variances)[2:]},
    alt="Forty-nine bars, one for each step back from noise to data but the last, on the right the noisy end. The bars "
    "near the data, t = 2 to 10, are the tallest; those at the noisy end cannot be seen.",
    x_label="t",
)

# %% [markdown]
# A model that goes from noise back to data takes fifty steps here. Each step has a price, in nats, and the bound of
# lesson 03 is the sum of all prices. The noisy end, on the right, is nearly free: there is nothing to know yet. Near the
# data, details are decided, and details cost. (The very last step, onto the data itself, is of another kind and is not in
# the picture. Nor is the price of the start, which is tiny.)
#
# When you have finished this lesson, you can compute each of these bars from two means and two variances.

# %% [markdown]
# ## The notation
#
# The new letters of this lesson, and some old ones. Come back to the table when you need it. All logarithms are natural,
# so that everything is counted in nats, until section 10 changes to bits.

# %% tags=["explore"]
notation("4")

# %% [markdown]
# ## 1. Where lesson 03 stopped
#
# The data comes from $q(\mathbf{x}_0)$ and is noised by the forward process, $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$. The
# model goes the other way. It starts at $p(\mathbf{x}_T) = \mathcal{N}(\mathbf{0}, \mathbf{I})$ and takes steps
# $p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$, each one a Gaussian whose mean comes from a network with the parameters
# $\theta$. What the model believes about a data point alone is an integral over all ways to get there:
#
# $$p_\theta(\mathbf{x}_0) = \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T} \tag{4.1}$$
#
# Nobody can compute it for images. Lesson 03 put a bound below its logarithm. One image $\mathbf{x}_0$ is given, and
# $\mathbb{E}_q$ averages over its noisy versions, $\mathbf{x}_{1:T}$ drawn from $q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)$:
#
# $$\mathbb{E}_{q}\!\left[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\right] \le \log p_\theta(\mathbf{x}_0) \tag{4.2}$$
#
# The left side is the *evidence lower bound*, ELBO for short. It is to be maximised. Most people minimise its negative,
# because a thing to be minimised can be called a loss. **In this lesson we always work with the negative**, an upper
# bound on $-\log p_\theta(\mathbf{x}_0)$, and we shall be careful about its sign. Slides are not always.

# %% tags=["explore"]
equation("4.1")

# %% tags=["explore"]
equation("4.2")

# %% [markdown]
# **The two chains, written out.** The model is a chain from $T$ down to 0, so its joint density is $p(\mathbf{x}_T)$ times
# one factor per step. The forward process is a chain from 0 up to $T$. The logarithm turns both products into sums, and
# both sums run over the same $t$:
#
# $$-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = -\log p(\mathbf{x}_T) - \sum_{t=1}^{T} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_t\mid\mathbf{x}_{t-1})} \tag{4.3}$$
#
# This holds for every single path $\mathbf{x}_0, \dots, \mathbf{x}_T$; no expected value has been taken yet. You could
# stop here: draw a path, add up the factors, and the mean over many paths is the bound. That is the estimate of lesson
# 03. It is right, and it has two faults.
#
# 1. The fraction compares apples with pears. Above stands a density of $\mathbf{x}_{t-1}$, below a density of
#    $\mathbf{x}_t$. Nothing tells you what the model *should* have said.
# 2. The factors make sense only together. To learn something about step 700 you would have to walk a whole path, and
#    then compare numbers of random size.
#
# One idea repairs both: turn every $q$ around, so that it speaks of $\mathbf{x}_{t-1}$ as well.

# %% tags=["explore"]
equation("4.3")

# %% [markdown]
# ## 2. Turning a step around
#
# By Bayes' rule a step can be turned around: $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = q(\mathbf{x}_t \mid \mathbf{x}_{t-1})\,
# q(\mathbf{x}_{t-1}) / q(\mathbf{x}_t)$. But we do not know $q(\mathbf{x}_t)$: it is the density of noisy *data*, and the
# data is what we want to learn. Lesson 03 found this reverse step for a mixture, where everything is known. For images
# it is out of reach.
#
# **The trick: condition on $\mathbf{x}_0$ everywhere.** First, this changes nothing in the forward step. In a chain, the
# next state depends on the present one alone; once $\mathbf{x}_{t-1}$ is known, $\mathbf{x}_0$ says nothing more about
# $\mathbf{x}_t$ (lesson 01):
#
# $$q(\mathbf{x}_t\mid\mathbf{x}_{t-1}) = q(\mathbf{x}_t\mid\mathbf{x}_{t-1}, \mathbf{x}_0) \tag{4.4}$$
#
# Now use Bayes' rule with $\mathbf{x}_0$ behind every bar:
#
# $$q(\mathbf{x}_t\mid\mathbf{x}_{t-1}, \mathbf{x}_0) = q(\mathbf{x}_{t-1}\mid\mathbf{x}_t, \mathbf{x}_0)\, \frac{q(\mathbf{x}_t\mid\mathbf{x}_0)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)} \qquad (t > 1) \tag{4.5}$$
#
# The two unknown densities became two *jumps*, and a jump is a Gaussian that you have known since lesson 02.
#
# Is it cheating to look at $\mathbf{x}_0$? No. We stand at training time, with the image in our hands, and ask what the
# best step back would be if one knew where it leads. The model does not get to see $\mathbf{x}_0$. It is judged by how
# near it comes.
#
# **Why $t > 1$?** For $t = 1$ the density on the right would be $q(\mathbf{x}_0 \mid \mathbf{x}_1, \mathbf{x}_0)$. Given
# $\mathbf{x}_0$, where is $\mathbf{x}_0$? At $\mathbf{x}_0$. That is a point, and a point has no density. So the first
# step cannot be turned around, and it has no need to be. Keep it apart.

# %% tags=["explore"]
equation("4.4")

# %% tags=["explore"]
equation("4.5")

# %% [markdown]
# Here is the rule at work on the line. Before we know $\mathbf{x}_t$, the jump says where $\mathbf{x}_{t-1}$ may be. The
# step says which $\mathbf{x}_{t-1}$ would make the seen $\mathbf{x}_t$ likely. Their product, scaled to area one, is the
# posterior. It is narrower than either.

# %% tags=["explore"]
s, t, x_0, x_t = schedule.linear(6, 0.1, 0.5), 4, 1.5, -0.3
line = torch.linspace(-2.5, 3.5, 400, dtype=torch.float64)
ab, alpha, beta = s.alpha_bar, s.alpha, s.beta


def bell(x, mean, variance):
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / (2 * torch.pi * variance).sqrt()


from_x_0 = bell(line, ab[t - 1].sqrt() * x_0, 1 - ab[t - 1])
from_x_t = bell(torch.tensor(x_t), alpha[t].sqrt() * line, beta[t])
both = from_x_0 * from_x_t
plots.density(
    line,
    {
        r"$q(x_{t-1} | x_t, x_0)$": both / torch.trapezoid(both, line),
        r"$q(x_{t-1} | x_0)$, a jump": from_x_0,
        r"$q(x_t | x_{t-1})$ at the seen $x_t$": from_x_t,
    },
    alt="Three bell curves over x at t-1. The jump from x_0 = 1.5 is wide and lies around 1.1. The step, as a function of "
    "its start, lies around -0.4. The posterior lies between them, around 0.4, and is narrower and taller than both.",
    x_label="$x_{t-1}$",
)

# %% [markdown]
# ### Exercise 4.1: Bayes' rule with three densities
#
# `elbo.bayes_ratio` · difficulty 2 · core · 10 minutes · 4 points · equation (4.5)
#
# Solve (4.5) for the posterior and take logarithms. Use three forward densities and nothing else: no closed form of the
# posterior yet. This is the slow form that is obviously right. Everything later is held against it.

# %% exercise="elbo.bayes_ratio"
def bayes_ratio(x_prev, x_t, x_0, t, beta):
    """log q(x_{t-1} | x_t, x_0) at x_prev, in nats, summed over coordinates.

    x_prev, x_t, x_0: (B, *D); t: int in 2..T; beta: (T+1,) float64, beta[0] = 0.  Returns (B,).
    """
    ### BEGIN SOLUTION
    ab = torch.cumprod(1 - beta, 0)

    def log_normal(x, mean, variance):
        square = ((x - mean) ** 2).flatten(1).sum(1)
        return -0.5 * (square / variance + x[0].numel() * torch.log(2 * torch.pi * variance))

    step = log_normal(x_t, (1 - beta[t]).sqrt() * x_prev, beta[t])
    jump_before = log_normal(x_prev, ab[t - 1].sqrt() * x_0, 1 - ab[t - 1])
    jump_now = log_normal(x_t, ab[t].sqrt() * x_0, 1 - ab[t])
    return step + jump_before - jump_now
    ### END SOLUTION

# %% check="elbo.bayes_ratio" points=4
check("elbo.bayes_ratio", bayes_ratio)

# %% tags=["explore"]
hint("elbo.bayes_ratio")

# %% [markdown]
# ## 3. What cancels
#
# Put (4.5) into (4.3), for $t = 2, \dots, T$. Each step now brings a fraction of two jumps with it,
# $q(\mathbf{x}_{t-1}\mid\mathbf{x}_0) / q(\mathbf{x}_t\mid\mathbf{x}_0)$. Write these fractions below each other for $T = 4$:
#
# $\displaystyle \underset{t=2}{\frac{q(\mathbf{x}_1\mid\mathbf{x}_0)}{q(\mathbf{x}_2\mid\mathbf{x}_0)}} \cdot \underset{t=3}{\frac{q(\mathbf{x}_2\mid\mathbf{x}_0)}{q(\mathbf{x}_3\mid\mathbf{x}_0)}} \cdot \underset{t=4}{\frac{q(\mathbf{x}_3\mid\mathbf{x}_0)}{q(\mathbf{x}_4\mid\mathbf{x}_0)}} = \frac{q(\mathbf{x}_1\mid\mathbf{x}_0)}{q(\mathbf{x}_4\mid\mathbf{x}_0)}$
#
# What one step has below the line, the next step has above it. Everything inside cancels, like the tubes of a telescope
# that slide into each other. Two ends are left:
#
# $$\sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)}{q(\mathbf{x}_t\mid\mathbf{x}_0)} = \log q(\mathbf{x}_1\mid\mathbf{x}_0) - \log q(\mathbf{x}_T\mid\mathbf{x}_0) \tag{4.6}$$
#
# **Now collect**, with the signs of (4.3), where every fraction comes with a minus.
#
# - The sum (4.6) comes in with a minus: $-\log q(\mathbf{x}_1\mid\mathbf{x}_0) + \log q(\mathbf{x}_T\mid\mathbf{x}_0)$.
# - The step $t = 1$, which we kept apart, is $-\log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1) + \log q(\mathbf{x}_1\mid\mathbf{x}_0)$.
#   Its last part cancels with the lower end of the telescope. That is why the first step had no need to be turned around.
# - The upper end, $+\log q(\mathbf{x}_T\mid\mathbf{x}_0)$, meets $-\log p(\mathbf{x}_T)$.
# - In the middle, each posterior stands over the model's step.
#
# $$-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = \log \frac{q(\mathbf{x}_T\mid\mathbf{x}_0)}{p(\mathbf{x}_T)} + \sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)} - \log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1) \tag{4.7}$$
#
# Every fraction now compares two densities of the *same* variable: what knows $\mathbf{x}_0$ above, what the model
# believes below. And (4.7) still holds for every single path.

# %% tags=["explore"]
equation("4.6")

# %% tags=["explore"]
equation("4.7")

# %% [markdown]
# Watch it happen. The next cell draws one random path and writes down every factor with its value. Move the stage from
# 1 to 4: factors are exchanged, struck out and grouped, and the sum below does not move. Stage 5 is the next section.

# %% tags=["explore"]
explorers.what_cancels(generator=torch.Generator().manual_seed(3))

# %% [markdown]
# ### Exercise 4.2: three groups
#
# `elbo.telescope` · difficulty 4 · core · 20 minutes · 6 points · equation (4.7)
#
# You are given the logarithms of all *forward* densities along a path, in tables whose row `t` belongs to step $t$:
# `log_p[t]` is $\log p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)$, `log_step[t]` is $\log q(\mathbf{x}_t\mid\mathbf{x}_{t-1})$,
# `log_jump[t]` is $\log q(\mathbf{x}_t\mid\mathbf{x}_0)$. Row 0 is `inf` in each: there is no such density, and whoever
# uses it will see it. Return the three groups of (4.7). Column `t - 2` of the middle belongs to step $t$.

# %% exercise="elbo.telescope"
def telescope(log_prior, log_p, log_step, log_jump):
    """The three groups of -log p(x_{0:T})/q(x_{1:T} | x_0) along a path.

    log_prior: (B,), log p(x_T); log_p, log_step, log_jump: (T+1, B), row 0 is inf.
    Returns top (B,), middle (B, T-1), bottom (B,).
    """
    ### BEGIN SOLUTION
    log_posterior = log_step[2:] + log_jump[1:-1] - log_jump[2:]  # Bayes' rule, t = 2 .. T
    return log_jump[-1] - log_prior, (log_posterior - log_p[2:]).T, -log_p[1]
    ### END SOLUTION

# %% check="elbo.telescope" points=6
check("elbo.telescope", telescope)

# %% [markdown]
# ## 4. From paths to divergences
#
# Take the expected value of (4.7) over $q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)$. A middle term has two variables in it,
# $\mathbf{x}_{t-1}$ and $\mathbf{x}_t$. Three small steps make a divergence of it.
#
# *All other variables integrate to one.* An expected value of something that depends on two variables needs the density
# of these two alone, $q(\mathbf{x}_{t-1}, \mathbf{x}_t\mid\mathbf{x}_0)$.
#
# *The chain rule, in the useful order.* $q(\mathbf{x}_{t-1}, \mathbf{x}_t\mid\mathbf{x}_0) = q(\mathbf{x}_t\mid\mathbf{x}_0)\,
# q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)$. So first draw $\mathbf{x}_t$ by one jump, then average over
# $\mathbf{x}_{t-1}$ with $\mathbf{x}_t$ held fixed.
#
# *The inner average has a name.* The mean of $\log (q/p)$ under $q$ is the Kullback-Leibler divergence of $q$ from $p$.
#
# $$\mathbb{E}_{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\!\left[\sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}\right] = \sum_{t=2}^{T} \mathbb{E}_{q(\mathbf{x}_t\mid\mathbf{x}_0)}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)\right)\right] \tag{4.8}$$
#
# Notice what happened to the expected value: on the left it goes over whole paths, on the right over one $\mathbf{x}_t$,
# and the rest of the randomness has been averaged away inside the divergence. The sum stays. It is easily lost when a
# line is copied.
#
# The first group becomes a divergence in the same way. The last one, where no $q$ is left, stays an expected logarithm.
# So the negative bound is a sum of three kinds of terms:
#
# $$-\,\mathbb{E}_{q}\!\left[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\right] = \underbrace{D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T\mid\mathbf{x}_0)\,\|\,p(\mathbf{x}_T)\right)}_{L_T} + \sum_{t=2}^{T} \underbrace{\mathbb{E}_q\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)\right)\right]}_{L_{t-1}} + \underbrace{\mathbb{E}_q\!\left[-\log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1)\right]}_{L_0} \tag{4.9}$$
#
# - $L_T$ asks: is the end of the chain the noise that the model starts from? There is nothing to learn in it.
# - $L_{t-1}$ asks: does the model's step back agree with the one that knows $\mathbf{x}_0$? Mind the index: the term for
#   the step from $t$ to $t-1$ is called $L_{t-1}$, because $\mathbf{x}_{t-1}$ is what it is about.
# - $L_0$ asks: does the last step hit the data itself?

# %% tags=["explore"]
equation("4.8")

# %% tags=["explore"]
equation("4.9")

# %% [markdown]
# **What this is good for in training.** The sum comes apart step by step. To improve step 700 you need $\mathbf{x}_0$, one
# jump to $\mathbf{x}_{700}$, and one divergence. You never run the chain. That works because the encoder is so simple
# that one can jump over it. With a learned encoder of a thousand layers one would have to go through all of them. This is
# why a diffusion model can be a thousand levels deep, and still be trained one level at a time.

# %% [markdown]
# ## 5. The posterior, by completing the square
#
# Now we find $q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)$ in closed form. By Bayes' rule it is proportional, as a function of
# $\mathbf{x}_{t-1}$, to $q(\mathbf{x}_t\mid\mathbf{x}_{t-1})\, q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)$. (The division by
# $q(\mathbf{x}_t\mid\mathbf{x}_0)$ does not hold $\mathbf{x}_{t-1}$; it only scales.) Each factor is Gaussian, so in the
# exponent stand two squares:
#
# $\displaystyle -\frac{1}{2}\left[\frac{\|\mathbf{x}_t - \sqrt{\alpha_t}\,\mathbf{x}_{t-1}\|^2}{\beta_t} + \frac{\|\mathbf{x}_{t-1} - \sqrt{\bar\alpha_{t-1}}\,\mathbf{x}_0\|^2}{1-\bar\alpha_{t-1}}\right]$
#
# Open the brackets and sort by powers of $\mathbf{x}_{t-1}$. Everything without $\mathbf{x}_{t-1}$ goes into a constant.
#
# $$\log q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0) = -\frac12 \Big(\underbrace{\frac{\alpha_t}{\beta_t} + \frac{1}{1-\bar\alpha_{t-1}}}_{\Lambda_t}\Big) \|\mathbf{x}_{t-1}\|^2 + \Big(\underbrace{\frac{\sqrt{\alpha_t}}{\beta_t}\,\mathbf{x}_t + \frac{\sqrt{\bar\alpha_{t-1}}}{1-\bar\alpha_{t-1}}\,\mathbf{x}_0}_{\mathbf{h}_t}\Big) \cdot \mathbf{x}_{t-1} + \text{const} \tag{4.10}$$
#
# A quadratic in the exponent is a Gaussian (lesson 01). $\Lambda_t$ is its *precision*, one over the variance; precisions
# of the two factors add. $\mathbf{h}_t$ is what pulls: towards $\mathbf{x}_t$ with the weight that the step gives it, and
# towards $\mathbf{x}_0$ with the weight of the jump.

# %% tags=["explore"]
equation("4.10")

# %% [markdown]
# ### Exercise 4.3: collect the squares
#
# `elbo.complete_square` · difficulty 3 · core · 12 minutes · 4 points · equation (4.10)

# %% exercise="elbo.complete_square"
def complete_square(x_0, x_t, t, beta):
    """Precision and pull of q(x_{t-1} | x_t, x_0).

    x_0, x_t: (B, *D); t: int in 2..T; beta: (T+1,).  Returns a number and a tensor (B, *D).
    """
    ### BEGIN SOLUTION
    ab = torch.cumprod(1 - beta, 0)
    precision = (1 - beta[t]) / beta[t] + 1 / (1 - ab[t - 1])
    pull = (1 - beta[t]).sqrt() / beta[t] * x_t + ab[t - 1].sqrt() / (1 - ab[t - 1]) * x_0
    return precision, pull
    ### END SOLUTION

# %% check="elbo.complete_square" points=4
check("elbo.complete_square", complete_square)

# %% [markdown]
# **Complete the square.** For any precision $\Lambda$ and pull $\mathbf{h}$,
# $-\frac12\Lambda\|\mathbf{y}\|^2 + \mathbf{h}\cdot\mathbf{y} = -\frac12\Lambda\|\mathbf{y} - \mathbf{h}/\Lambda\|^2 + \text{const}$. So the variance
# is $1/\Lambda_t$ and the mean is $\mathbf{h}_t/\Lambda_t$. What remains is to tidy up.
#
# *The variance.* Put both fractions of $\Lambda_t$ over one line:
# $\Lambda_t = \frac{\alpha_t(1-\bar\alpha_{t-1}) + \beta_t}{\beta_t(1-\bar\alpha_{t-1})}$. The numerator is
# $\alpha_t - \bar\alpha_t + 1 - \alpha_t = 1 - \bar\alpha_t$, because $\alpha_t\bar\alpha_{t-1} = \bar\alpha_t$. Turn it over:
#
# $$\tilde\beta_t = \frac{1}{\Lambda_t} = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t \tag{4.11}$$
#
# *The mean.* Multiply $\mathbf{h}_t$ by this. In the first part $\beta_t$ cancels, in the second $1-\bar\alpha_{t-1}$ does:
#
# $$\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0) = \frac{\mathbf{h}_t}{\Lambda_t} = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,\mathbf{x}_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,\mathbf{x}_t \tag{4.12}$$
#
# Together:
#
# $$q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \tilde{\boldsymbol\mu}_t(\mathbf{x}_t,\mathbf{x}_0),\ \tilde\beta_t \mathbf{I}\right) \tag{4.13}$$
#
# **Read it at its ends.** The mean is a mix of the clean image and the noisy one. At $t = 1$, where $\bar\alpha_0 = 1$ and
# $\beta_1 = 1 - \bar\alpha_1$, the factor of $\mathbf{x}_0$ is 1, the factor of $\mathbf{x}_1$ is 0, and $\tilde\beta_1 = 0$:
# the point $\mathbf{x}_0$, as it has to be. Whenever you are not sure whether an index is $t$ or $t-1$, put $t = 1$ and look.
# For large $t$ the factor of $\mathbf{x}_0$ is tiny: one small step away from noise hardly depends on the image.
#
# The variance $\tilde\beta_t$ is smaller than $\beta_t$, because $\bar\alpha_{t-1} > \bar\alpha_t$. Who knows where the journey
# began is less uncertain about the last stop.

# %% tags=["explore"]
equation("4.11")

# %% tags=["explore"]
equation("4.12")

# %% tags=["explore"]
equation("4.13")

# %% [markdown]
# ### Exercise 4.4: the posterior in closed form
#
# `elbo.posterior_q` · difficulty 3 · core · 15 minutes · 6 points · equation (4.12)
#
# From now on, as in training, every example of a batch has its own $t$. The old rules hold: coefficients of shape
# `(B, 1, .., 1)`, in the dtype of the images. It should also work at $t = 1$.

# %% exercise="elbo.posterior_q"
def posterior_q(x_0, x_t, t, alpha_bar):
    """Mean and variance of q(x_{t-1} | x_t, x_0).

    x_0, x_t: (B, *D); t: (B,) int64 in 1..T; alpha_bar: (T+1,) float64.
    Returns mean (B, *D) and variance (B,), both in x_0's dtype.
    """
    ### BEGIN SOLUTION
    now, before = alpha_bar[t], alpha_bar[t - 1]
    alpha = now / before
    shape = (-1, *[1] * (x_0.ndim - 1))
    of_x_0 = (before.sqrt() * (1 - alpha) / (1 - now)).to(x_0).reshape(shape)
    of_x_t = (alpha.sqrt() * (1 - before) / (1 - now)).to(x_0).reshape(shape)
    return of_x_0 * x_0 + of_x_t * x_t, ((1 - before) / (1 - now) * (1 - alpha)).to(x_0)
    ### END SOLUTION

# %% check="elbo.posterior_q" points=6
check("elbo.posterior_q", posterior_q)

# %% [markdown]
# The slow form speaks as a witness. Your Bayes' rule, your completed square and your closed form, on random numbers:

# %% tags=["explore"]
with when_written():
    g = torch.Generator().manual_seed(0)
    beta = schedule.linear(20, 0.02, 0.3).beta
    x_0, x_t, x_prev = torch.randn(3, 6, 4, generator=g, dtype=torch.float64)
    t = 7
    mean, variance = posterior_q(x_0, x_t, torch.full((6,), t), torch.cumprod(1 - beta, 0))
    precision, pull = complete_square(x_0, x_t, t, beta)
    v = variance.unsqueeze(1)
    density = -0.5 * ((x_prev - mean) ** 2 / v + torch.log(2 * torch.pi * v)).sum(1)
    print(f"mean, closed form against pull / precision: {(mean - pull / precision).abs().max():.1e}")
    print(f"log density against Bayes' rule:            {(density - bayes_ratio(x_prev, x_t, x_0, t, beta)).abs().max():.1e}")

# %% [markdown]
# ## 6. The divergence of two round Gaussians
#
# Both densities in $L_{t-1}$ are Gaussians with the same variance in every direction, if we give the model's step the
# covariance $\sigma_t^2\mathbf{I}$. (We choose $\sigma_t^2$, and lesson 05 asks which choice is good. A network may also
# choose it; section 7 says what changes then.) Lesson 01 had the divergence of two Gaussians on the line. For $d$
# independent coordinates divergences add up, and the squared distances of the means add up to a squared length:
#
# $$D_{\mathrm{KL}}\!\left(\mathcal{N}(\mathbf{m}, v\mathbf{I})\,\|\,\mathcal{N}(\mathbf{m}', v'\mathbf{I})\right) = \frac{\|\mathbf{m}-\mathbf{m}'\|^2}{2v'} + \frac{d}{2}\left(\frac{v}{v'} - 1 - \log\frac{v}{v'}\right) \tag{4.14}$$
#
# Two parts: one asks how far apart the means are, measured with the *second* variance. The other one asks how different
# the variances are. It is 0 if they are equal, and positive otherwise. **With equal covariances only the distance of the
# means is left.**

# %% tags=["explore"]
equation("4.14")

# %% [markdown]
# ### Exercise 4.5: the divergence
#
# `elbo.kl_isotropic` · difficulty 2 · core · 8 minutes · 4 points · equation (4.14)

# %% exercise="elbo.kl_isotropic"
def kl_isotropic(mean_q, var_q, mean_p, var_p):
    """KL( N(mean_q, var_q I) || N(mean_p, var_p I) ), in nats.

    mean_q, mean_p: (B, *D); var_q, var_p: (B,).  Returns (B,).
    """
    ### BEGIN SOLUTION
    ratio = var_q / var_p
    distance = ((mean_q - mean_p) ** 2).flatten(1).sum(1)
    return distance / (2 * var_p) + mean_q[0].numel() / 2 * (ratio - 1 - torch.log(ratio))
    ### END SOLUTION

# %% check="elbo.kl_isotropic" points=4
check("elbo.kl_isotropic", kl_isotropic)

# %% [markdown]
# ## 7. $L_{t-1}$ and $L_T$
#
# **The steps.** Put the posterior (4.13) on the left of (4.14), and the model's step
# $\mathcal{N}(\boldsymbol\mu_\theta(\mathbf{x}_t, t), \sigma_t^2\mathbf{I})$ on the right:
#
# $$L_{t-1} = \mathbb{E}_{q(\mathbf{x}_t\mid\mathbf{x}_0)}\!\left[\frac{1}{2\sigma_t^2} \left\|\tilde{\boldsymbol\mu}_t(\mathbf{x}_t,\mathbf{x}_0) - \boldsymbol\mu_\theta(\mathbf{x}_t, t)\right\|^2\right] + C_t, \qquad C_t = \frac{d}{2}\left(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \log\frac{\tilde\beta_t}{\sigma_t^2}\right) \tag{4.15}$$
#
# So all that a network has to do is to hit the posterior's mean. It sees $\mathbf{x}_t$ and not $\mathbf{x}_0$, so it cannot
# hit it every time. The best it can do is to average $\tilde{\boldsymbol\mu}_t$ over all $\mathbf{x}_0$ that may have led to
# this $\mathbf{x}_t$.
#
# **Two careful words about $C_t$.** It is a constant as long as $\sigma_t^2$ is fixed: it does not change while the
# network learns. But it is not nothing. With $\sigma_t^2 = \tilde\beta_t$ it is 0; with $\sigma_t^2 = \beta_t$ it is not;
# and if the network chooses the covariance as well, there is no constant at all.
#
# You may wonder why anyone would choose another variance than $\tilde\beta_t$. Because $\tilde\beta_t$ is the right
# variance for one who knows $\mathbf{x}_0$. The model does not, so what it should believe is wider. If the data were
# $\mathcal{N}(\mathbf{0}, \mathbf{I})$, then exactly $\beta_t$ would be right (lesson 05 shows it). The explorer of section 11
# lets you compare.

# %% tags=["explore"]
equation("4.15")

# %% [markdown]
# ### Exercise 4.6: one middle term
#
# `elbo.L_t` · difficulty 2 · core · 8 minutes · 4 points · equation (4.15)
#
# The expected value is over $\mathbf{x}_t$. Here one drawn $\mathbf{x}_t$ is given, and you return the divergence for it: an
# estimate of $L_{t-1}$ from one draw. (The function has the name of the step, $t$; the term has the name of what the step
# leads to, $t-1$.) Your own functions do all the work.

# %% exercise="elbo.L_t"
def L_t(x_0, x_t, t, mean_p, var_p, alpha_bar):
    """KL( q(x_{t-1} | x_t, x_0) || N(mean_p, var_p I) ), in nats.

    x_0, x_t, mean_p: (B, *D); t: (B,) int64 in 2..T; var_p: (B,); alpha_bar: (T+1,).  Returns (B,).
    """
    ### BEGIN SOLUTION
    mean_q, var_q = posterior_q(x_0, x_t, t, alpha_bar)
    return kl_isotropic(mean_q, var_q, mean_p, var_p)
    ### END SOLUTION

# %% check="elbo.L_t" points=4
check("elbo.L_t", L_t)

# %% [markdown]
# **The end of the chain.** For $L_T$ put the jump to $T$ on the left of (4.14), and the prior, with mean 0 and variance
# 1, on the right. You met the result in lesson 02, where it told whether $T$ steps are enough:
#
# $$L_T = \tfrac12\left[\bar\alpha_T\left(\|\mathbf{x}_0\|^2 - d\right) - d \log(1-\bar\alpha_T)\right] \tag{4.16}$$
#
# It holds no $\theta$. A good schedule makes it tiny, and then everybody forgets it. But the bound is not complete
# without it.

# %% tags=["explore"]
equation("4.16")

# %% [markdown]
# ### Exercise 4.7: the end
#
# `elbo.L_T` · difficulty 1 · core · 5 minutes · 3 points · equation (4.16)

# %% exercise="elbo.L_T"
def L_T(x_0, alpha_bar):
    """KL( q(x_T | x_0) || N(0, I) ), in nats.  x_0: (B, *D); alpha_bar: (T+1,).  Returns (B,)."""
    ### BEGIN SOLUTION
    a = alpha_bar[-1].to(x_0)
    d = x_0[0].numel()
    return 0.5 * (a * ((x_0**2).flatten(1).sum(1) - d) - d * torch.log(1 - a))
    ### END SOLUTION

# %% check="elbo.L_T" points=3
check("elbo.L_T", L_T)

# %% [markdown]
# ## 8. The same in units of noise
#
# The posterior's mean mixes $\mathbf{x}_0$ and $\mathbf{x}_t$. But at training time $\mathbf{x}_t$ was made from $\mathbf{x}_0$
# by a jump with a noise $\boldsymbol\varepsilon$ that we drew ourselves. Solve the jump for
# $\mathbf{x}_0 = (\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon)/\sqrt{\bar\alpha_t}$ and put it into (4.12).
#
# *The factor of $\mathbf{x}_t$.* With $\sqrt{\bar\alpha_{t-1}}/\sqrt{\bar\alpha_t} = 1/\sqrt{\alpha_t}$ it becomes
# $\frac{1}{\sqrt{\alpha_t}} \cdot \frac{\beta_t + \alpha_t(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}$, and the second fraction is 1: it
# is the same numerator as in the variance above.
#
# *The factor of $\boldsymbol\varepsilon$.* It is $-\frac{1}{\sqrt{\alpha_t}} \cdot \frac{\beta_t \sqrt{1-\bar\alpha_t}}{1-\bar\alpha_t}$. Hence
#
# $$\tilde{\boldsymbol\mu}_t = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon\right) \quad\text{where}\quad \mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon \tag{4.17}$$
#
# To hit this mean, the network needs to know one thing only: the noise. So let it guess the noise,
# $\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)$, and take as $\boldsymbol\mu_\theta$ the same formula with the guess in the place of
# $\boldsymbol\varepsilon$. In the difference of the means $\mathbf{x}_t$ cancels, and what remains is
# $\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}}(\boldsymbol\varepsilon_\theta - \boldsymbol\varepsilon)$. Square it, divide by
# $2\sigma_t^2$, and sum over the steps. The average over $\mathbf{x}_t$ becomes one over $\boldsymbol\varepsilon$, because
# $\boldsymbol\varepsilon$ is all that is random in the jump:
#
# $$\sum_{t=2}^{T} L_{t-1} = \sum_{t=2}^{T} \left(\mathbb{E}_{\boldsymbol\varepsilon}\!\left[\lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2\right] + C_t\right), \qquad \lambda_t = \frac{\beta_t^2}{2\sigma_t^2 \alpha_t (1-\bar\alpha_t)} \tag{4.18}$$
#
# Lesson 05 builds a whole model on this line. Here we need the weight $\lambda_t$: it says how many nats one unit of error
# costs at step $t$.

# %% tags=["explore"]
equation("4.17")

# %% tags=["explore"]
equation("4.18")

# %% [markdown]
# **What the weight means.** Say it in terms of the guessed image that belongs to the guessed noise,
# $\hat{\mathbf{x}}_0 = (\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon_\theta)/\sqrt{\bar\alpha_t}$. For
# $\sigma_t^2 = \tilde\beta_t$ the weight becomes something that you know:
#
# $$\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad \lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2 = \tfrac12 \left(\mathrm{SNR}(t-1) - \mathrm{SNR}(t)\right) \left\|\mathbf{x}_0 - \hat{\mathbf{x}}_0\right\|^2 \tag{4.19}$$
#
# A step back wins signal-to-noise ratio, from $\mathrm{SNR}(t)$ to $\mathrm{SNR}(t-1)$. A wrong idea of the image is paid
# for in proportion to it. To see it, solve the jump for the noise once with $\mathbf{x}_0$ and once with $\hat{\mathbf{x}}_0$, for
# the same $\mathbf{x}_t$, and subtract: $\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta =
# \sqrt{\mathrm{SNR}(t)}\,(\hat{\mathbf{x}}_0 - \mathbf{x}_0)$. What is left to show is
# $\lambda_t\,\mathrm{SNR}(t) = \frac12(\mathrm{SNR}(t-1) - \mathrm{SNR}(t))$. With $\alpha_t = \bar\alpha_t/\bar\alpha_{t-1}$ both
# sides come out as $\frac12 \cdot \frac{\bar\alpha_{t-1}\,\beta_t}{(1-\bar\alpha_{t-1})(1-\bar\alpha_t)}$.

# %% tags=["explore"]
equation("4.19")

# %% [markdown]
# ### Exercise 4.8: all the middle terms
#
# `elbo.weighted_sum` · difficulty 4 · core · 20 minutes · 5 points · equation (4.18)
#
# One noise and one guess for every $t$, in row `t` of the tables. Rows 0 and 1 are not used: row 0 because no noise makes
# $\mathbf{x}_0$, and row 1 because that step is $L_0$. You will meet this line again in section 15, on a slide, in two
# versions. Only one of them is what you code here.

# %% exercise="elbo.weighted_sum"
def weighted_sum(noise, eps_hat, alpha_bar, sigma2):
    """Sum over t = 2..T of lambda_t |eps - eps_hat|^2 + C_t, in nats.

    noise, eps_hat: (T+1, B, *D), row t belongs to step t; alpha_bar, sigma2: (T+1,).  Returns (B,).
    """
    ### BEGIN SOLUTION
    now, before = alpha_bar[2:].to(noise), alpha_bar[1:-1].to(noise)
    beta, s2, d = 1 - now / before, sigma2[2:], noise[0, 0].numel()
    weight = beta**2 / (2 * s2 * (1 - beta) * (1 - now))
    errors = ((noise - eps_hat)[2:] ** 2).flatten(2).sum(2)
    r = (1 - before) / (1 - now) * beta / s2
    constant = d / 2 * (r - 1 - torch.log(r))
    return (weight.unsqueeze(1) * errors + constant.unsqueeze(1)).sum(0)
    ### END SOLUTION

# %% check="elbo.weighted_sum" points=5
check("elbo.weighted_sum", weighted_sum)

# %% [markdown]
# ## 9. $L_0$: landing on pixels
#
# The last step gives the data itself. One could take it as a density, $-\log\mathcal{N}(\mathbf{x}_0; \boldsymbol\mu_\theta(\mathbf{x}_1, 1),
# \sigma_1^2\mathbf{I})$. For data on the line, like our bumps, that is right. For images it is not, for this reason:
#
# A pixel is a whole number, say 0 to 16. A density may be as large as it likes. A model could put a spike of width
# $10^{-6}$ on each of the 17 values and reach a density of more than 50,000 there. With narrower spikes its "likelihood"
# would grow without end, and it would have learned nothing but that pixels are whole numbers. A *probability* cannot do
# this: it is at most 1.
#
# So give each value its own interval. With $K$ values, scaled to $[-1, 1]$, neighbours are $2/(K-1)$ apart, and the value
# $x$ owns $1/(K-1)$ to either side. Call the ends $b_-(x)$ and $b_+(x)$. A Gaussian also reaches beyond the last pixel
# value, so the first interval begins at $-\infty$ and the last one ends at $+\infty$. The probability of an interval is a
# difference of the distribution function $\Phi$; pixels are independent given $\mathbf{x}_1$:
#
# $$p_\theta(\mathbf{x}_0\mid\mathbf{x}_1) = \prod_{i=1}^{d} \left[\Phi\!\left(\frac{b_+(x_0^i) - \mu_\theta^i(\mathbf{x}_1, 1)}{\sigma_1}\right) - \Phi\!\left(\frac{b_-(x_0^i) - \mu_\theta^i(\mathbf{x}_1, 1)}{\sigma_1}\right)\right] \tag{4.20}$$
#
# **Does it sum to one?** Add the intervals from the left. Where one ends, the next begins, so it is a telescope again:
#
# $$\sum_{x' \le x} \left[\Phi\!\left(\frac{b_+(x') - \mu}{\sigma}\right) - \Phi\!\left(\frac{b_-(x') - \mu}{\sigma}\right)\right] = \Phi\!\left(\frac{b_+(x) - \mu}{\sigma}\right) \tag{4.21}$$
#
# At the last value $b_+ = \infty$, and $\Phi(\infty) = 1$. With closed ends something would be missing.

# %% tags=["explore"]
equation("4.20")

# %% tags=["explore"]
equation("4.21")

# %% [markdown]
# ### Exercise 4.9: probabilities of pixels
#
# `elbo.L_0` · difficulty 4 · core · 25 minutes · 5 points · equation (4.20)
#
# One point is for tiny probabilities. Nine standard deviations above the mean, both values of $\Phi$ are rounded to 1 and
# their difference is 0; its logarithm is $-\infty$. Two tools help. `torch.special.log_ndtr` is $\log\Phi$, exact far below
# the mean. And the bell is symmetric: $\Phi(b) - \Phi(a) = \Phi(-a) - \Phi(-b)$, so you can always move to the side where
# $\Phi$ is small. There, $\log(e^{u} - e^{v}) = u + \log(1 - e^{v-u})$.

# %% exercise="elbo.L_0"
def L_0(x_0, mean, var, bins):
    """-log of the probability of the pixels' intervals under N(mean, var I), in nats.

    x_0: (B, *D), values 2 k/(bins - 1) - 1; mean: (B, *D); var: float; bins: int.  Returns (B,).
    """
    ### BEGIN SOLUTION
    half, std = 1 / (bins - 1), math.sqrt(var)
    low, high = (x_0 - half - mean) / std, (x_0 + half - mean) / std
    flip = low + high > 0  # above the mean: look from the other side
    a, b = torch.where(flip, -high, low), torch.where(flip, -low, high)
    log_b = torch.special.log_ndtr(b)
    inner = log_b + torch.log(-torch.expm1(torch.special.log_ndtr(a) - log_b))
    first, last = x_0 < -1 + half / 2, x_0 > 1 - half / 2
    ends = torch.where(first, torch.special.log_ndtr(high), torch.special.log_ndtr(-low))
    return -torch.where(first | last, ends, inner).flatten(1).sum(1)
    ### END SOLUTION

# %% check="elbo.L_0" points=5
check("elbo.L_0", L_0)

# %% [markdown]
# ## 10. Bits per dimension
#
# A probability is a code length: a good code spends $-\log_2 P$ bits on something of probability $P$. So the bound, divided
# by $\log 2$, is the number of bits that the model needs for an image, at most. To compare images of different sizes one
# divides by the number $d$ of pixels (times colours). That is the unit in which papers report likelihoods.
#
# $$b = \frac{-\log P(\mathbf{x}_0)}{d \log 2} = \frac{-\log p(\mathbf{x}_0)}{d \log 2} - \log_2 w \tag{4.22}$$
#
# The second form is for a density $p$ instead of a probability $P$. In an interval of width $w$ the probability is density
# times width, in each of the $d$ dimensions. Forget the width and your number depends on whether pixels were stored as 0 to
# 255 or as $-1$ to 1. (The second form is exact if the density is flat in each interval. One makes it so by adding uniform
# noise to the pixels, which is called *dequantisation*; lesson 09 uses it.)
#
# A yardstick: a model that knows nothing gives each of 17 values the same chance, and needs $\log_2 17 = 4.09$ bits per
# dimension.

# %% tags=["explore"]
equation("4.22")

# %% [markdown]
# ### Exercise 4.10: the unit
#
# `elbo.bits_per_dim` · difficulty 2 · core · 6 minutes · 3 points · equation (4.22)
#
# One function for both: `width` is the width of the interval if `log_p` is the log of a density, and 1 if it is the log of
# a probability already.

# %% exercise="elbo.bits_per_dim"
def bits_per_dim(log_p, dims, width):
    """Bits per dimension.  log_p: (B,), nats per example; dims: int; width: float.  Returns (B,)."""
    ### BEGIN SOLUTION
    return -log_p / (dims * math.log(2)) - math.log2(width)
    ### END SOLUTION

# %% check="elbo.bits_per_dim" points=3
check("elbo.bits_per_dim", bits_per_dim)

# %% [markdown]
# ## 11. All terms together
#
# ### Exercise 4.11: the bound
#
# `elbo.bound` · difficulty 4 · core · 20 minutes · 5 points · equation (4.9)
#
# Everything is there; put it together for images of 17 values. `predict(x_t, t)` guesses the noise, for one `t` at a time.
# Row `t` of `noise` makes $\mathbf{x}_t$ by a jump: a fresh draw for every term. One point is for asking `predict` once per
# step.

# %% exercise="elbo.bound"
def bound(predict, x_0, noise, alpha_bar, sigma2):
    """Estimate of the upper bound on -log p(x_0), in nats per example, one draw per term.

    predict: (x_t (B, *D), t int) -> eps_hat (B, *D); x_0: (B, *D), 17 values in [-1, 1];
    noise: (T+1, B, *D); alpha_bar, sigma2: (T+1,).  Returns (B,).
    """
    ### BEGIN SOLUTION
    total = L_T(x_0, alpha_bar)
    for t in range(1, len(alpha_bar)):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        x_t = alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise[t]
        mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predict(x_t, t)) / alpha.sqrt()
        if t == 1:
            total = total + L_0(x_0, mean, float(sigma2[1]), 17)
        else:
            steps = torch.full((len(x_0),), t)
            total = total + L_t(x_0, x_t, steps, mean, sigma2[t].expand(len(x_0)), alpha_bar)
    return total
    ### END SOLUTION

# %% check="elbo.bound" points=5
check("elbo.bound", bound)

# %% [markdown]
# **Does it agree with lesson 03?** There the bound was estimated from whole paths: draw $\mathbf{x}_1, \dots, \mathbf{x}_T$,
# add up (4.3). Here each term is averaged in closed form as far as possible, with a draw of its own. Both have the same expected
# value. The next cell draws many times from both, for one point of the bumps and a model that guesses the noise as well as
# possible. The picture looks at one term at a time: how much does it scatter?

# %% tags=["explore"]
from diffkit.gaussian import kl

s, draws = schedule.linear(20, 0.005, 0.6), 4000
many = torch.full((draws, 1), 0.4, dtype=torch.float64)


def best_noise_guess(x_t, t):
    return bumps.eps(x_t, s.alpha_bar.sqrt()[t], s.noise_var.sqrt()[t])


g = torch.Generator().manual_seed(5)
paths = elbo.path(s, many, generator=g)
by_path = -elbo.log_weight(best_noise_guess, s, paths)
by_terms = elbo.evaluate(best_noise_guess, s, many, generator=g).total
for name, values in {"whole paths (4.3)": by_path, "term by term (4.9)": by_terms}.items():
    error = float(values.std()) / draws**0.5
    print(f"{name:20s} mean {float(values.mean()):.3f} +- {error:.3f} nats, one draw scatters by {float(values.std()):.2f}")
ratios, divergences = [], []
for t in range(2, s.T + 1):
    x_prev, x_t = paths[t - 1], paths[t]
    q = forward.q_posterior(s, many, x_t, t)
    p = elbo.p_reverse(s, best_noise_guess(x_t, torch.full((draws,), t)), x_t, t)
    ratios.append((q.log_prob(x_prev) - p.log_prob(x_prev)).std())
    divergences.append(kl(q, p).std())
plots.curves(
    torch.arange(2, s.T + 1),
    {"log ratio at a drawn pair, (4.7)": torch.stack(ratios), "divergence at a drawn $x_t$, (4.9)": torch.stack(divergences)},
    alt="Standard deviation of a single term against t. The divergence scatters less than the log ratio at every t, less than half "
    "as much for most; both are small at the noisy end.",
    y_label="scatter of one term, nats",
)

# %% [markdown]
# Within their errors the means agree. So the taking apart has changed nothing about the bound.
#
# *One term by itself* scatters less as a divergence, because the randomness of $\mathbf{x}_{t-1}$ has been averaged away inside it.
# This is what counts in training, where an image sees one $t$ at a time.
#
# *The whole sum* is another matter, and here is a surprise: a whole path scatters **less** than the sum of terms. Think of a
# perfect model. Its chain backward and the data's chain forward are then the same joint distribution, so
# $p(\mathbf{x}_{0:T}) = p(\mathbf{x}_0)\, q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)$, and (4.3) is $-\log p(\mathbf{x}_0)$ on *every* path. Along
# a path the ups and downs of the terms cancel; with a fresh draw for each term they cannot.
# For training, take terms. For reporting a bound, both are right.
#
# Now look at all the terms of a model for which they are known exactly. Choose $T$ and the variance, make the prediction
# worse with the slider, and pick a bar with $t$. Questions to try: Why are there two colours for $\sigma^2 = \beta_t$?
# Which variance gives the smaller bound, and does it matter more for few steps or for many? What is still missing to the
# entropy of the data, below which no model can go?

# %% tags=["explore"]
explorers.elbo_terms()

# %% [markdown]
# **On real digits.** We have no trained network yet, that is lesson 05. But there is a model that needs no training:
# remember 1,700 digits, blur each a little, and call the mixture of all blurs the data. It is a mixture of Gaussians, so
# its best guess of the image is known: a weighted mean of the remembered digits, moved a little towards $\mathbf{x}_t$ because
# of the blur. The first function below is that guess, and the second turns it into a guess of the noise. We ask for the
# bound on digits that were *not* remembered.

# %% tags=["explore"]
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
images = data.digits().images.double()[order]
new, remembered = images[:60], images[97:].flatten(1)
blur, steps = 0.25, schedule.linear(100, 0.001, 0.2)


def guess_image(x_t, t):
    """E[x_0 | x_t] if x_0 is a remembered digit plus noise of standard deviation `blur`."""
    y, a = x_t.flatten(1), steps.alpha_bar[t].sqrt().reshape(-1, 1)
    variance = a**2 * blur**2 + steps.noise_var[t].reshape(-1, 1)
    distance = (y**2).sum(1, keepdim=True) - 2 * a * (y @ remembered.T) + a**2 * (remembered**2).sum(1)
    mean = torch.softmax(-distance / (2 * variance), dim=1) @ remembered
    return (mean + a * blur**2 / variance * (y - a * mean)).reshape(x_t.shape)


def guess_noise(x_t, t):
    t = torch.as_tensor(t).reshape(-1, 1, 1, 1)
    return (x_t - steps.alpha_bar[t].sqrt() * guess_image(x_t, t)) / steps.noise_var[t].sqrt()


g = torch.Generator().manual_seed(1)
terms = elbo.evaluate(guess_noise, steps, new, data="discrete", bins=17, generator=g)
parts = {"L_T": terms.L_T, "sum of L_{t-1}": terms.L_t.sum(1), "L_0": terms.L_0, "all": terms.total}
for name, value in parts.items():
    print(f"{name:15s} {float(value.mean()):8.3f} nats   {float(value.mean()) / (64 * math.log(2)):.3f} bits per dimension")
print(f"{'knowing nothing':15s} {64 * math.log(17):8.3f} nats   {math.log2(17):.3f} bits per dimension")
with when_written():
    noise = torch.randn(101, *new.shape, generator=g, dtype=torch.float64)
    mine = bits_per_dim(-bound(guess_noise, new, noise, steps.alpha_bar, steps.beta), 64, 1.0)
    print(f"{'your bound':15s} {'':13s}   {float(mine.mean()):.3f} bits per dimension, from another draw of the noise")

# %% [markdown]
# A crude model, and it shows: it needs not much less than knowing nothing. But the bound is a fair judge. It was computed
# on digits that the model had never seen, and no amount of remembering can cheat it.

# %% [markdown]
# ## 12. What changes when $\lambda_t$ is set to 1
#
# If you do the mathematics, you get the weights $\lambda_t$ of (4.18). In practice most people set them all to 1:
#
# $$L_{\text{simple}} = \sum_{t=1}^{T} \mathbb{E}_{\boldsymbol\varepsilon} \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2 = \sum_{t=1}^{T} \frac{1}{\lambda_t}\, \mathbb{E}_{\boldsymbol\varepsilon}\!\left[\frac{1}{2\sigma_t^2} \left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta(\mathbf{x}_t,t)\right\|^2\right] \tag{4.23}$$
#
# (In training one draws a single random $t$ per image, and sees one term of this sum. That estimates the sum divided by
# $T$. It is the same aim, on another scale.)
#
# **This is no bound any more.** The number cannot be compared with a likelihood, and it has no unit. Two questions arise.
#
# *Is the best network the same?* For each $t$ by itself, yes. For any guess $f$ of the noise
#
# $$\mathbb{E}\left\|\boldsymbol\varepsilon - f(\mathbf{x}_t)\right\|^2 = \mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t]\right\|^2 + \mathbb{E}\left\|\mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t] - f(\mathbf{x}_t)\right\|^2 \tag{4.24}$$
#
# because the mixed term is zero: given $\mathbf{x}_t$, the error of the conditional mean averages out. The first part does not
# depend on $f$. The second is least, namely 0, for $f(\mathbf{x}_t) = \mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t]$. A positive
# weight in front changes nothing about where the least value is. So a network that could be perfect at every $t$ would be the
# same with any weights. Note also that the least value is *not 0*: even a perfect network has a loss.
#
# *What if it cannot be perfect?* A real network has one set of parameters for all $t$, and limited strength. Getting better at
# one $t$ may make it worse at another. The weights say where it pays to be good. So look at them.

# %% tags=["explore"]
equation("4.23")

# %% tags=["explore"]
equation("4.24")

# %% tags=["explore"]
kinds = {"linear": schedule.linear(1000), "cosine": schedule.cosine(1000)}
inner = torch.arange(2, 1000)
plots.curves(
    inner,
    {
        **{rf"{name}, $\lambda_t$ of the bound": elbo.weights(k, "beta")[inner] for name, k in kinds.items()},
        "all weights 1": torch.ones(len(inner)),
    },
    alt="Weights of the squared noise error against t on a logarithmic scale. In the bound they fall from about a quarter at "
    "t = 2 to less than a hundredth in the middle. For the linear schedule they rise again to a hundredth, for the cosine schedule "
    "above 1 at the very end. The simple loss has the weight 1 everywhere.",
    y_label="weight",
    y_scale="log",
)

# %% [markdown]
# In the bound, the first steps weigh fifty times as much as the middle ones, or more. These are the steps that decide about
# details nobody can see: whether a pixel has the value 11 or 12. Setting all weights to 1 takes the network's strength away from
# them and gives it to the middle, where it is decided what the picture shows. The likelihood gets worse, and people found that the
# pictures get better. (The cosine schedule ends with betas close to 1. A single step does very much there, and its weight is
# large; but at that end there is hardly anything to know.)

# %% [markdown]
# ## 13. Likelihood is not sample quality
#
# How can that be? Should not a better likelihood mean better pictures? Here is an argument that needs one line. Let $p$ be a
# good model and $n$ be pure noise. Make a bad model on purpose: with probability $c$ it gives a sample of $p$, else noise. A
# mixture is at least as large as one of its parts, so
#
# $$\log p(\mathbf{x}) + \log c \le \log\left(c\, p(\mathbf{x}) + (1-c)\, n(\mathbf{x})\right) \tag{4.25}$$
#
# Take $c = 0.01$. Ninety-nine of a hundred samples are garbage. The log-likelihood falls by at most $\log 100 = 4.6$ nats, per
# *image*. For a colour image of $32 \times 32$ pixels that is $4.6/(3072 \log 2) = 0.002$ bits per dimension, less than the
# differences that papers report. The converse goes too: a model that has learned three training images by heart draws them
# perfectly and gives every new image a likelihood near 0.
#
# So the two measure different things. Likelihood asks for the probability of *every* possible detail and punishes what was
# forgotten. The eye looks at a few samples and cares for shapes. A model may be judged by either. Say which.

# %% tags=["explore"]
equation("4.25")

# %% tags=["explore"]
ring = data.ring_mixture()
g = torch.Generator().manual_seed(2)
good = ring.sample(1000, generator=g)
noise = 1.5 * torch.randn(1000, 2, generator=g, dtype=torch.float64)
mixed = torch.where(torch.rand(1000, 1, generator=g) < 0.05, good, noise)
held_out = ring.sample(4000, generator=g)
log_good = ring.log_prob(held_out)
log_noise = -(held_out**2).sum(1) / (2 * 1.5**2) - math.log(2 * math.pi * 1.5**2)
log_mixed = torch.logaddexp(log_good + math.log(0.05), log_noise + math.log(0.95))
print(f"the good model:          {float(log_good.mean()):.2f} nats per point")
print(f"95 of 100 samples noise: {float(log_mixed.mean()):.2f} nats per point, worse by at most {-math.log(0.05):.2f}")
plots.scatter(
    torch.stack([good, mixed]),
    ["a good model", "95 of 100 are noise"],
    alt="Left: samples in eight neat clusters on a circle. Right: a large round cloud of noise in which the clusters cannot "
    "be seen.",
)

# %% [markdown]
# ## 14. Sending an image, bit by bit
#
# Here is where the bits go, and why the first steps weigh so much. Think of the bound as the length of a message. A sender knows
# $\mathbf{x}_0$. A receiver knows only the model. The sender first sends $\mathbf{x}_T$, which costs $L_T$: next to nothing. Then
# $\mathbf{x}_{T-1}$: the receiver's belief is $p_\theta(\mathbf{x}_{T-1}\mid\mathbf{x}_T)$, the sender's is the posterior, and the
# price is their divergence, $L_{T-1}$. And so on, down to $\mathbf{x}_0$. (To pay no more than a divergence takes a clever code,
# in which both sides hold the same random numbers. We only need that there is one.) When $\mathbf{x}_t$ has arrived, this much has
# been paid:
#
# $$R_t = L_T + \sum_{s=t+1}^{T} L_{s-1}, \qquad R_1 + L_0 = \text{the whole bound} \tag{4.26}$$
#
# At any time the receiver can stop and guess the image from what is there, $\hat{\mathbf{x}}_0(\mathbf{x}_t)$. This is called
# *progressive coding*.

# %% tags=["explore"]
equation("4.26")

# %% [markdown]
# ### Exercise 4.12: what has been paid
#
# `elbo.code_length` · difficulty 2 · stretch · 10 minutes · 3 points · equation (4.26)
#
# Column `t` of the answer is $R_t$, for $t = 0, \dots, T$. Column 0 is the whole bound.

# %% exercise="elbo.code_length"
def code_length(L_T, L_t, L_0):
    """Nats sent when x_t has arrived, t = 0..T.

    L_T: (B,); L_t: (B, T-1), column i is the price of x_{i+1}; L_0: (B,).  Returns (B, T+1).
    """
    ### BEGIN SOLUTION
    prices = torch.cat([L_0.unsqueeze(1), L_t, L_T.unsqueeze(1)], 1)  # column t is the price of x_t
    return prices.flip(1).cumsum(1).flip(1)
    ### END SOLUTION

# %% check="elbo.code_length" points=3
check("elbo.code_length", code_length)

# %% [markdown]
# Now watch three new digits arrive, with the model that remembers. Above each guess stands how many bits have been sent by then,
# on average over the sixty new digits.

# %% tags=["explore"]
with when_written():
    shown = [100, 70, 50, 40, 30, 20, 10, 1]
    bits = code_length(terms.L_T, terms.L_t, terms.L_0).mean(0) / math.log(2)
    noise = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    frames = torch.stack(
        [guess_image(forward.q_sample(steps, new[:3], t, noise=noise), torch.full((3,), t)) for t in shown], 1
    )
    picture = plots.image_grid(
        torch.cat([frames, new[:3].unsqueeze(1)], 1),
        [*(f"t = {t}\n{float(bits[t]):.1f} bits" for t in shown), f"x₀\n{float(bits[0]):.0f} bits"],
        ["", "", ""],
        alt="Three digits, guessed from what has arrived. At t = 100, after no bits, all guesses are the same gray mean digit. "
        "At t = 30, after 6 bits, the first digit has its shape, and at t = 20, after 13 bits, all three have. At t = 10, after 34 bits, "
        "they can be read easily, though 190 more bits are still to come.",
    )
    display(picture)

# %% tags=["explore"]
curve = elbo.rate_distortion(guess_noise, steps, new, generator=torch.Generator().manual_seed(1))
rate, distortion = curve.rate.mean(0) / (64 * math.log(2)), (curve.distortion**2).mean(0).sqrt()
plots.curves(
    rate,
    {"error of the guess": distortion},
    alt="Root mean square error of the guessed image against bits per dimension received: it falls from 0.54 to a quarter "
    "within the first third of a bit, and then slowly, over three more bits, to 0.03.",
    x_label="bits per dimension received",
    y_label="root mean square error of the guess",
)

# %% [markdown]
# The curve falls fast and then goes on for a long time. About ten bits fix what the picture *is*: that is what it takes to name one of
# 1,700 remembered digits. Most of the code is spent afterwards, on differences that hardly change the look. Here is the answer to the
# riddle of section 12: those bits are the steps with small $t$. A bound must pay for them. A loss with equal weights cares less.
#
# In the lecture somebody asked whether one should not learn the encoder as well. The number, the bound, would get better, was the
# answer, but the pictures blurry, and that had to do with progressive coding. One way to see it: the fixed encoder forces the bits
# into an order, coarse things first. A learned encoder may spread them as it likes, and the training has to sort that out.

# %% [markdown]
# ## 15. Find the errors
#
# What follows is a deck of slides on the bound, fifteen lines. Similar lines stand in real slides of good lectures; formulas are
# copied in a hurry, and an audience nods. You now know enough to check each one. **Ten do not hold as printed.**
#
# *Slide A. Likelihood and bound.* Here $\mathbb{E}_q$ is over $\mathbf{x}_0$ and $\mathbf{x}_{1:T}$.
#
# 1. $\arg\max_\theta \mathbb{E}[\log p_\theta(\mathbf{x}_0)] = \mathbb{E}[\log \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}]$
# 2. $q(\mathbf{x}_t\mid\mathbf{x}_{t-1}) = \mathcal{N}(\mathbf{x}_t;\ \sqrt{1-\beta_t}\,\mathbf{x}_{t-1},\ \beta_t\mathbf{I})$
# 3. $\arg\max_\theta \mathbb{E}[\log p_\theta(\mathbf{x}_0)] \ge \mathbb{E}_q\big[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\big]$
# 4. $\mathbb{E}_q\big[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\big] = \mathbb{E}_q\big[-\log p(\mathbf{x}_T) - \sum_{t>0} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_t\mid\mathbf{x}_{t-1},\mathbf{x}_0)}\big]$
# 5. $-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = -\log p(\mathbf{x}_T) - \sum_{t>0} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}\frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)}{q(\mathbf{x}_t\mid\mathbf{x}_0)}$
# 6. $-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = -\log \frac{p(\mathbf{x}_T)}{q(\mathbf{x}_T\mid\mathbf{x}_0)} - \sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)} - \log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1)$
# 7. The ELBO is $\mathbb{E}_q\big[-\log \frac{p(\mathbf{x}_T)}{q(\mathbf{x}_T\mid\mathbf{x}_0)} - \sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)} - \log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1)\big]$
#
# *Slide B. Closed forms.*
#
# 8. The mean of $q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)$ is $\frac{\sqrt{\bar\alpha_t}\,\beta_t}{1-\bar\alpha_t}\mathbf{x}_0 + \frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\mathbf{x}_t$
# 9. Its variance is $\tilde\beta_t = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\beta_t$
#
# *Slide C. The loss.* Here $p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t) = \mathcal{N}(\boldsymbol\mu_\theta(\mathbf{x}_t,t), \Sigma_\theta(\mathbf{x}_t,t))$ in lines 10 and 11, and
# $\Sigma_\theta = \sigma_t^2\mathbf{I}$ from there on.
#
# 10. $\mathbb{E}_q\big[-\sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}\big] = \mathbb{E}_q\big[D_{\mathrm{KL}}(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t))\big]$
# 11. $D_{\mathrm{KL}}(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)) = \frac{1}{2\sigma_t^2}\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta\|^2 + C$ with a constant $C$
# 12. $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon$
# 13. $\boldsymbol\mu_\theta(\mathbf{x}_t,t) = \frac{1}{\sqrt{\alpha_t}}\big(\mathbf{x}_t - \frac{\beta}{\sqrt{1-\bar\alpha_t}}\boldsymbol\varepsilon_\theta(\mathbf{x}_t,t)\big)$
# 14. $\mathbb{E}_q\big[-\sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}\big] = \mathbb{E}_{\boldsymbol\varepsilon}\big[\frac{\beta_t^2}{2\sigma_t^2\alpha_t(1-\bar\alpha_t)}\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t,t)\|^2\big] + C$
# 15. $\sum_{t=2}^T L_{t-1} = \sum_{t=2}^T \big(\mathbb{E}_{\boldsymbol\varepsilon}\big[\frac{\beta_t^2}{2\sigma_t^2\alpha_t(1-\bar\alpha_t)}\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t,t)\|^2\big] + C_t\big)$
#
# Do not decide by taste. Put in $t = 1$ or $T = 2$, look at the kinds of things on both sides, or compute both sides with the
# functions that you wrote. The check runs every line on numbers.
#
# ### Exercise 4.13: find the errors
#
# `elbo.find_errors` · difficulty 4 · core · 25 minutes · 6 points · equation (4.9)
#
# You are asked for some lines, by number, in any order. Return 1 for each one that holds and 0 for each one that does not.

# %% exercise="elbo.find_errors"
def find_errors(lines):
    """lines: (n,) int64, numbers of lines on the slides.  Returns (n,): 1 where the line holds, 0 where not."""
    ### BEGIN SOLUTION
    wrong = {1, 3, 4, 5, 7, 8, 10, 11, 13, 14}
    return torch.tensor([0 if line in wrong else 1 for line in lines.tolist()])
    ### END SOLUTION

# %% check="elbo.find_errors" points=6
check("elbo.find_errors", find_errors)

# %% [markdown]
# Now let the machine say it. Each of the next cells runs one of the wrong lines, computes both sides, and shows by how much they
# differ. **Do the exercise first.**
#
# *Lines 1 and 3: kinds of things.* An arg max is a place, the parameter where something is largest. It is not the largest value.

# %% tags=["explore"]
erratum("4.1e")

# %% tags=["explore"]
erratum("4.2e")

# %% [markdown]
# *Lines 4 and 7: the sign.* Left and right sides add up to zero.

# %% tags=["explore"]
erratum("4.3e")

# %% tags=["explore"]
erratum("4.9e")

# %% [markdown]
# *Line 5: the first step.* Bayes' rule is used at $t = 1$ as well, where it asks for the density of a point.

# %% tags=["explore"]
erratum("4.5e")

# %% [markdown]
# *Line 8: an index.* Put $t = 1$: the mean should be $\mathbf{x}_0$, and comes out as $\sqrt{\bar\alpha_1}\,\mathbf{x}_0$. A sampler with
# this mistake still makes pictures that look right.

# %% tags=["explore"]
erratum("4.12e")

# %% [markdown]
# *Lines 10 and 14: the sum.* On the right it is not said which $t$ is meant.

# %% tags=["explore"]
erratum("4.8e")

# %% tags=["explore"]
erratum("4.18e")

# %% [markdown]
# *Line 11: the constant.* It is one only if the covariance is $\sigma_t^2\mathbf{I}$ with a fixed $\sigma_t^2$. The first numbers of
# the two sides are what is left for $\sigma_t^2 = \beta_t$ and for $\sigma_t^2 = \tilde\beta_t$. The second numbers are what is left at
# two different $\mathbf{x}_t$ if the network chooses a variance for each coordinate. All four would have to be one $C$.

# %% tags=["explore"]
erratum("4.15e")

# %% [markdown]
# *Line 13: a letter without its index.*

# %% tags=["explore"]
erratum("4.17e")

# %% [markdown]
# And what no machine finds: decks that write $\tilde\alpha_t$ on one slide and $\bar\alpha_t$ on the next for the same thing, two kinds
# of epsilon, or two "Algorithm 1". Such things do not make a formula wrong. They make a reader lose an evening.

# %% [markdown]
# ## Written question
#
# A friend has trained a model on images of 256 values, scaled to $[-1, 1]$, and writes: "I trained with all weights 1. My loss on the test
# set is 0.03. I also computed the bound, with $L_0 = -\log\mathcal{N}(\mathbf{x}_0; \boldsymbol\mu_\theta(\mathbf{x}_1,1), \sigma_1^2\mathbf{I})$, and
# divided it by $d\log 2$. It is $-2.1$ bits per dimension. The best paper has 2.9. So my pictures must be better as well."
#
# 1. Can bits per dimension of pixels be negative? What did your friend compute, and how large would the number be after repair, about?
# 2. Is 0.03 a good loss? What can be said about the bound from it?
# 3. Suppose the repaired number were really the best one. What would follow for the pictures?
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="elbo.a_negative_number" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) No: pixels have probabilities, which are at most 1, so $-\log_2 P \ge 0$. A density was computed in the place of a
# probability. The interval of a pixel value has the width $w = 2/255$, so the repaired number is about $-2.1 - \log_2(2/255) = -2.1 + 7.0 = 4.9$
# bits per dimension, far from the best. (It is "about", because the density is not flat in an interval; the exact way is the
# difference of two $\Phi$ in $L_0$.) (2) The loss with weights 1 is no bound and has no unit; its least value is not 0 but
# $\mathbb{E}\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t]\|^2$ and depends on the data and the schedule. Nothing about the bound follows,
# since the weights $\lambda_t$ differ by factors of fifty and more between steps. (3) Little: mixing a model with 99 % noise costs at most $\log 100$ nats per
# image, some thousandths of a bit per dimension. Most bits go into details that nobody sees. Look at samples as well.
#
# **Rubric.** Negative impossible, with reason: 1. Density named as the cause: 1. Repair by $-\log_2 w$, about 7 bits: 1. No bound follows from weights 1:
# 1. The least value of the loss is not 0, so 0.03 alone says little: 1. Likelihood does not decide about pictures, with an argument: 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - Bayes' rule with $\mathbf{x}_0$ behind every bar turns a forward step around (4.5). It is for $t > 1$.
# - Inner jumps cancel (4.6), and each path's log ratio falls into three groups (4.7).
# - The negative bound is $L_T + \sum_{t=2}^T L_{t-1} + L_0$ (4.9). Each middle term is the mean of a divergence over one jump (4.8).
# - The posterior is Gaussian with mean (4.12) and variance (4.11), by completing the square.
# - So $L_{t-1}$ is a squared distance of means over $2\sigma_t^2$, plus $C_t$ (4.15), or $\lambda_t$ times a squared error in the noise, plus $C_t$ (4.18).
# - $L_0$ is a probability of intervals (4.20); the unit is bits per dimension (4.22).
# - Weights 1 keep the best guess for each $t$ (4.24), move the effort from invisible details to shapes, and give up the bound (4.23).
# - Likelihood and sample quality are two things (4.25). Most bits are spent on the last details (4.26).
#
# **Where this is in the papers.**
#
# - Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*: the bound as a sum of divergences, worked out
#   in the appendix.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: the terms are eq. 5, derived in appendix A; the posterior is eq. 6 and 7, the squared
#   distance eq. 8, the weights eq. 12, discretised pixels eq. 13, the simple loss eq. 14; progressive coding is section 4.3.
# - Kingma et al. 2021, *Variational Diffusion Models*: weights as differences of the signal-to-noise ratio, section 4.
# - Nichol and Dhariwal 2021, *Improved Denoising Diffusion Probabilistic Models*: where the bits go, and learned variances, section 3.
# - Theis et al. 2016, *A note on the evaluation of generative models*: likelihood and sample quality.
#
# Next, lesson 05 puts a network behind $\boldsymbol\varepsilon_\theta$, trains it, and draws.
