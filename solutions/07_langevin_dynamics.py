# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 07 Langevin dynamics
#
# **What you will be able to do.** You will draw samples from a density of which you know only the score. You will say
# exactly how wrong a finite step makes them, how long it takes to get from one mode to the next, and how a ladder of
# noise levels gets there sooner. You will see that the DDPM sampler climbs down the same ladder, and you will remove the
# last error of a step by accepting or refusing it.
#
# **What it needs.** Lesson 02: the forward process. Lesson 05: the DDPM sampler. Lesson 06: the score and how it is
# learned.
#
# **Time.** About three and a half hours: one and a half to read and play, two for the twelve exercises. You may skip
# what is marked *stretch*; nothing later depends on it.
#
# A picture before anything else. Run the next cells.

# %%
import torch

from diffkit import data, explorers, plots
from diffkit.equations import equation, erratum, notation
from diffkit.oracle import GaussianMixture
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit import sigmas
from diffkit.samplers import annealed_langevin as library_annealed
from diffkit.samplers import last, ula


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def draws(seed):
    return torch.Generator().manual_seed(seed)


def bell_sum(points, grid, width=0.08):
    """A smooth histogram: one narrow bell at each point.  points: (..., N); returns (..., G)."""
    bells = torch.exp(-0.5 * ((grid.unsqueeze(1) - points.unsqueeze(-2)) / width) ** 2)
    return bells.mean(-1) / (width * (2 * torch.pi) ** 0.5)


grid = torch.linspace(-3.5, 3.5, 240, dtype=torch.float64)
hills = GaussianMixture.isotropic(numbers(0.4, 0.6), numbers(-1, 1).reshape(2, 1), numbers(0.25, 0.16))
crowd = torch.full((600, 1), 3.0, dtype=torch.float64)
walk = torch.cat([step.x for step in ula(hills.score, crowd, eta=0.02, n_steps=150, generator=draws(1))], dim=1)
plots.trajectories(
    walk[:25],
    grid,
    bell_sum(walk.mT, grid),
    alt="Twenty-five paths start at x = 3. Over 150 small noisy steps they run down to two dark bands near 1 and -1 and go on "
    "wandering inside them. The density of all paths settles into two bumps.",
    at=[10, 40, 150],
    letter="k",
)

# %% [markdown]
# Six hundred particles start at the same place, $x = 3$. They do not know the density they are meant to follow. Each of
# them only feels, where it stands, which way is uphill in the logarithm of the density, and how steep it is there: that
# is the score. It takes a small step that way, and a small step at random. After 150 such steps the crowd has spread
# over both bumps. Here is what it looks like beside the density that was asked for.

# %% tags=["explore"]
plots.density(
    grid,
    {"density asked for": hills.log_prob(grid.unsqueeze(1)).exp(), "600 particles": bell_sum(walk[:, -1], grid)},
    alt="Two curves over the line: the density with bumps near -1 and 1, and the smoothed histogram of the particles. "
    "The shapes are alike, but the share of the left bump is not quite right yet.",
)

# %% [markdown]
# In lesson 06 we learned scores from data. This lesson turns a score into samples. The first idea is a hundred years
# old and simple. It has two faults, a small one and a large one, and to understand them is to understand why
# diffusion models use many noise levels.

# %% [markdown]
# ## The notation
#
# The target is a density $p$, and $\mathbf{s}(\mathbf{x}) = \nabla \log p(\mathbf{x})$ is its score. A particle moves in
# steps that we count with $k$, because $t$ is taken by the noising steps of lesson 02. The step size has two names,
# $\eta$ and $\alpha$, for a reason that section 4 tells. Careful: $\alpha$ and $\alpha_i$ are step sizes here, and
# $\alpha_t$, with a $t$, is still $1-\beta_t$. Come back to this table when you need it.

# %% tags=["explore"]
notation("7")

# %% [markdown]
# ## 1. A little uphill, a little at random
#
# The step of Langevin dynamics with step size $\eta > 0$ is
#
# $$\mathbf{x}_{k+1} = \mathbf{x}_k + \eta\,\mathbf{s}(\mathbf{x}_k) + \sqrt{2\eta}\,\boldsymbol\varepsilon_k, \qquad \boldsymbol\varepsilon_k \sim \mathcal{N}(\mathbf{0}, \mathbf{I}) \tag{7.1}$$
#
# The first part climbs. The score is the direction in which $\log p$ grows fastest, so a small move along it makes the
# point more probable. The second part is fresh noise of variance $2\eta$ in every coordinate.
#
# **Why not only climb?** Then every particle would end on the peak of its hill. The peak is the most probable point, but
# a sample is not the most probable point. A sample should land on a slope as often as the density says. It is the noise
# that keeps the particles on the slopes. The same question came up for the DDPM sampler: why add noise back? It has the
# same answer.

# %% tags=["explore"]
equation("7.1")

# %% [markdown]
# **The sign.** On a slide of the lecture that this course grew from, the first line of this formula has a minus in
# front of the score, and the next line a plus. Whoever trains networks writes a minus by habit: a loss is made small by going *down* its gradient. But
# a log density is made large. With the minus every step walks away from the data. On $\mathcal{N}(0, 1)$ the difference
# is easily measured. The next cell compares the logarithm of the variance after 50 steps, with the plus on the left and
# with the minus on the right.

# %% tags=["explore"]
erratum("7.1e")

# %% [markdown]
# ### Exercise 7.1: one step
#
# `langevin.ula_step` · difficulty 1 · core · 5 minutes · 4 points · equation (7.1)
#
# `score` is a function that is handed to you. The noise is handed to you as well, so that your answer can be compared
# to the last digit. (The letters stand for *unadjusted Langevin algorithm*. Section 11 will adjust it.)

# %% exercise="langevin.ula_step"
def ula_step(score, x, eta, noise):
    """One step of Langevin dynamics.

    score: function (B, *D) -> (B, *D); x: (B, *D); eta: float; noise: (B, *D) standard normal.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    return x + eta * score(x) + (2 * eta) ** 0.5 * noise
    ### END SOLUTION

# %% check="langevin.ula_step" points=4
check("langevin.ula_step", ula_step)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one: the idea, the formula, the line.

# %% tags=["explore"]
hint("langevin.ula_step")

# %% [markdown]
# Your step at work, with the noise and without it. Each particle is drawn as a narrow bell, so that a crowd becomes a
# curve. Without the noise, all the particles sit on two points, and the curve is two bells.

# %% tags=["explore"]
with when_written():
    ends = {}
    for name, loudness in (("with noise", 1.0), ("without noise", 0.0)):
        x, g = 2.5 * torch.randn(600, 1, generator=draws(2), dtype=torch.float64), draws(3)
        for _ in range(400):
            noise = torch.randn(x.shape, generator=g, dtype=x.dtype)
            x = ula_step(hills.score, x, 0.02, loudness * noise)
        ends[name] = bell_sum(x[:, 0], grid)
    picture = plots.density(
        grid,
        {"density asked for": hills.log_prob(grid.unsqueeze(1)).exp(), **ends},
        alt="The density with two bumps; the particles that moved with noise follow it; those that moved without noise "
        "form two sharp spikes on the peaks.",
    )
    display(picture)

# %% [markdown]
# ## 2. Why just this noise
#
# Drift $\eta$ goes with noise of variance $2\eta$. Why twice? We claim: it is the only amount that leaves the density
# $p$ in its place, as far as terms of order $\eta$ can tell. The proof takes two steps.
#
# **First step: what one step does to the mean of a function.** Let $f$ be any smooth function, and watch its mean over
# many particles that all start at the same $\mathbf{x}$. A step moves a particle by
# $\boldsymbol\delta = \eta\,\mathbf{s} + \sqrt{2\eta}\,\boldsymbol\varepsilon$. By Taylor's formula
# $f(\mathbf{x} + \boldsymbol\delta) = f(\mathbf{x}) + \boldsymbol\delta \cdot \nabla f + \frac12 \sum_{ij} \delta_i \delta_j\, \partial_i \partial_j f + \dots$
# Now average over the noise, term by term:
#
# - The mean of $\boldsymbol\delta$ is $\eta\,\mathbf{s}$, because the noise has mean zero. The second term gives $\eta\,\mathbf{s} \cdot \nabla f$.
# - The mean of $\delta_i \delta_j$ is $2\eta$ if $i = j$ and 0 if not, plus $\eta^2 s_i s_j$, which is of order $\eta^2$. The
#   third term gives half of $2\eta$ times the sum of the second derivatives: $\eta\,\nabla^2 f$. (Here $\nabla^2$ is this
#   sum, as in lesson 02. In lesson 06 it was once the whole matrix.)
# - The next terms hold three or more factors $\boldsymbol\delta$. Odd powers of the noise average to zero, and what is
#   left is of order $\eta^2$.
#
# So, to first order in $\eta$,
#
# $$\frac{d}{d\eta}\,\mathbb{E}\big[f(\mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}) + \sqrt{2\eta}\,\boldsymbol\varepsilon)\big]\Big|_{\eta=0} = \mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x}) + \nabla^2 f(\mathbf{x}) \tag{7.2}$$
#
# Both the drift and the noise contribute at the order $\eta$. That is because noise of size $\sqrt{\eta}$ counts through
# its *square*.

# %% tags=["explore"]
equation("7.2")

# %% [markdown]
# **Second step: average over $p$.** Let the particles now be spread as $p$ wants. By definition
# $\mathbf{s} = \nabla p / p$, so $\mathbb{E}_p[\mathbf{s} \cdot \nabla f] = \int \nabla p \cdot \nabla f\, d\mathbf{x}$. Integrate by parts,
# as in lesson 06. The boundary term vanishes because $p$ dies out far away. What is left is $-\int p\, \nabla^2 f\, d\mathbf{x}$:
#
# $$\mathbb{E}_{p}\big[\mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x})\big] = -\,\mathbb{E}_{p}\big[\nabla^2 f(\mathbf{x})\big] \tag{7.3}$$
#
# Put this into (7.2). The two parts cancel, for every $f$. So the mean of no function changes, to first order: $p$ stays
# where it is. Had the noise the variance $2c\,\eta$, the second part would carry the factor $c$, and only $c = 1$
# cancels.
#
# Mind the words *to first order*. They hide the small fault of the method, which comes next.

# %% tags=["explore"]
equation("7.3")

# %% [markdown]
# ## 3. The small fault: the step has a size
#
# Terms of order $\eta^2$ were left out. What do they do? On a Gaussian target everything can be worked out. Take one
# coordinate with the target $\mathcal{N}(m, v)$. Its score is $-(x - m)/v$, so (7.1) reads
# $x_{k+1} - m = (1 - \eta/v)(x_k - m) + \sqrt{2\eta}\,\varepsilon_k$. The distance to $m$ is multiplied by a number, and
# noise is added. If the particles have mean $m_k$ and variance $v_k$, then after the step
#
# $$m_{k+1} = m + \Big(1-\frac{\eta}{v}\Big)(m_k - m), \qquad v_{k+1} = \Big(1-\frac{\eta}{v}\Big)^2 v_k + 2\eta \tag{7.4}$$
#
# The factor enters the variance squared, and the variance of the independent noise is added: just as in lesson 02.

# %% tags=["explore"]
equation("7.4")

# %% [markdown]
# ### Exercise 7.2: the variance after $k$ steps
#
# `langevin.chain_variance` · difficulty 2 · core · 8 minutes · 4 points · equation (7.4)
#
# Several coordinates at once: `v_0` and `v` hold one variance for each. A loop is fine.

# %% exercise="langevin.chain_variance"
def chain_variance(v_0, v, eta, k):
    """Variance of the particles after k steps of size eta towards N(m, v).

    v_0: (D,), the variance at the start; v: (D,), that of the target; eta: float; k: int >= 0.  Returns (D,).
    """
    ### BEGIN SOLUTION
    now = v_0
    for _ in range(k):
        now = (1 - eta / v) ** 2 * now + 2 * eta
    return now
    ### END SOLUTION

# %% check="langevin.chain_variance" points=4
check("langevin.chain_variance", chain_variance)

# %% [markdown]
# **Where does it settle?** At a variance $v_\infty$ that one more step does not change:
# $v_\infty = (1-\eta/v)^2 v_\infty + 2\eta$. Multiply out the square: $v_\infty$ on both sides cancels, and
# $(2\eta/v - \eta^2/v^2)\, v_\infty = 2\eta$ is left. Divide by $2\eta/v$:
# $(1 - \eta/(2v))\, v_\infty = v$.
#
# And how does it get there? Subtract $v_\infty = (1-\eta/v)^2 v_\infty + 2\eta$ from the recursion. The noise drops out:
# $v_{k+1} - v_\infty = (1-\eta/v)^2 (v_k - v_\infty)$. After $k$ steps that factor has acted $k$ times:
#
# $$v_k = v_\infty + \Big(1-\frac{\eta}{v}\Big)^{2k}\,(v_0 - v_\infty) \tag{7.5}$$
#
# $$v_\infty = \frac{v}{1 - \eta/(2v)} \qquad (0 < \eta < 2v) \tag{7.6}$$
#
# The condition says that the factor $1 - \eta/v$ lies between $-1$ and $1$. If it does not, each step overshoots the mean by
# at least as much as it was away from it, and the particles fly apart. For $v = 1$ the variance is $1/(1-\eta/2)$: with
# $\eta = 0.1$ five per cent too large, and with $\eta = 1$ twice as large as it should be.

# %% tags=["explore"]
equation("7.5")

# %% tags=["explore"]
equation("7.6")

# %% [markdown]
# The slide says that the distribution of $\mathbf{x}_k$ reaches $p$ as the number of steps grows. It adds that this is
# meant in the limit $\eta \to 0$, which is easily overlooked. Read without that, it is wrong, and no number of steps
# mends it:

# %% tags=["explore"]
erratum("7.6e")

# %% [markdown]
# ### Exercise 7.3: where it settles
#
# `langevin.stationary_variance` · difficulty 2 · core · 10 minutes · 5 points · equation (7.6)
#
# A Gaussian with several coordinates has a variance for each. Two points are for coordinates in which the step is too
# large: there the answer is infinity.

# %% exercise="langevin.stationary_variance"
def stationary_variance(v, eta):
    """Variance at which Langevin steps of size eta settle on N(m, v); inf where they do not.

    v: (D,) float64; eta: float.  Returns (D,).
    """
    ### BEGIN SOLUTION
    return torch.where(eta < 2 * v, v / (1 - eta / (2 * v)), torch.inf)
    ### END SOLUTION

# %% check="langevin.stationary_variance" points=5
check("langevin.stationary_variance", stationary_variance)

# %% [markdown]
# Now three witnesses: your formula, your recursion run for a long time, and 20,000 particles that take your steps. The
# target is $\mathcal{N}(0, 1)$.

# %% tags=["explore"]
with when_written():
    one = numbers(1.0)
    print("  eta    formula   recursion   particles")
    for eta in (0.01, 0.1, 0.5, 1.0, 1.5):
        x, g = torch.randn(20_000, 1, generator=draws(4)), draws(5)
        for _ in range(300):
            x = ula_step(torch.neg, x, eta, torch.randn(x.shape, generator=g))
        formula, recursion = stationary_variance(one, eta), chain_variance(one, one, eta, 300)
        print(f"{eta:5.2f} {float(formula):10.3f} {float(recursion):11.3f} {float(x.var()):11.3f}")

# %% [markdown]
# **Two speeds.** A real density is narrow in some directions and wide in others. The narrowest one limits the step,
# $\eta < 2 v_{\min}$. The widest one decides how long we have to wait: by (7.4) the distance there shrinks by
# $1 - \eta/v_{\max}$ in a step, so we need some multiple of $v_{\max}/\eta$ steps, which is more than
# $v_{\max}/(2 v_{\min})$. Images are extreme in this respect: neighbouring pixels agree nearly perfectly (narrow), while
# the brightness of the whole may be anything (wide).

# %% [markdown]
# ## 4. Two ways to write the same step
#
# Physicists and samplers write (7.1) with $\eta$ and $\sqrt{2\eta}$. Song and Ermon write half of the step in the drift
# instead. The two are the same step under another name:
#
# $$\mathbf{x} + \frac{\alpha}{2}\,\mathbf{s}(\mathbf{x}) + \sqrt{\alpha}\,\boldsymbol\varepsilon = \mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}) + \sqrt{2\eta}\,\boldsymbol\varepsilon \qquad \text{if } \alpha = 2\eta \tag{7.7}$$
#
# In the second form $\alpha$ is the variance of the noise, which is handy in the sections to come. From section 8 on we
# use it.

# %% tags=["explore"]
equation("7.7")

# %% [markdown]
# ### Exercise 7.4: from $\eta$ to $\alpha$
#
# `langevin.to_alpha` · difficulty 1 · core · 4 minutes · 3 points · equation (7.7)

# %% exercise="langevin.to_alpha"
def to_alpha(eta):
    """The same steps in the other convention.

    eta: (N,) step sizes.  Returns three tensors (N,): alpha, the factor of the score, the factor of the noise.
    """
    ### BEGIN SOLUTION
    alpha = 2 * eta
    return alpha, alpha / 2, alpha.sqrt()
    ### END SOLUTION

# %% check="langevin.to_alpha" points=3
check("langevin.to_alpha", to_alpha)

# %% [markdown]
# **What if they are mixed?** It is the most common slip with this method, and no plot of samples betrays it at once.
# Let a step have the drift $a\,\mathbf{s}$ and noise of variance $b$, with any $a$ and $b$. The reasoning that led to (7.6)
# now starts from $v_\infty = (1-a/v)^2 v_\infty + b$ and ends at
#
# $$v_\infty = \frac{b}{2a} \cdot \frac{v}{1 - a/(2v)} \tag{7.8}$$
#
# The second factor is the bias that we know. The first one is new, and it stays even for tiny steps. Drift $\eta/2$ with
# noise variance $2\eta$ gives $b/(2a) = 2$: samples with twice the variance. Drift $\eta$ with noise variance $\eta$ gives one
# half.

# %% tags=["explore"]
equation("7.8")

# %% [markdown]
# What is then sampled, in general? Repeat section 2. With drift $a$ and noise variance $b$ the two parts are
# $a\,\mathbf{s} \cdot \nabla f$ and $\frac{b}{2} \nabla^2 f$. They cancel under the density $q$ whose own score is
# $\frac{2a}{b}\,\mathbf{s}$, that is, under a *power* of $p$:
#
# $$\mathbb{E}_{q}\Big[a\,\mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x})\Big] = -\,\mathbb{E}_{q}\Big[\frac{b}{2}\,\nabla^2 f(\mathbf{x})\Big], \qquad q \propto p^{\,2a/b} \tag{7.9}$$
#
# In physics $b/(2a)$ is the *temperature*. Too much noise, a high temperature, flattens the density. Too little sharpens
# it, and none at all leaves only the peaks, as you saw in section 1.

# %% tags=["explore"]
equation("7.9")

# %% tags=["explore"]
print("drift    noise variance   temperature   variance on N(0, 1): formula   40,000 particles")
eta = 0.04
for a, b in ((eta, 2 * eta), (eta / 2, eta), (eta / 2, 2 * eta), (eta, eta)):
    x, g = torch.randn(40_000, 1, generator=draws(6)), draws(7)
    for _ in range(400):
        x = x - a * x + b**0.5 * torch.randn(x.shape, generator=g)
    formula = b / (2 * a) / (1 - a / 2)
    print(f"{a:5.2f} {b:14.2f} {b / (2 * a):15.1f} {formula:25.3f} {float(x.var()):22.3f}")

# %% [markdown]
# The third line of the table is the mixture that people write by accident: 2.02 where 1 is right.

# %% [markdown]
# ## 5. The large fault: a long, long time
#
# "How long do I have to run this chain?" asks the slide, and answers: a long, long time. Here is why.
#
# **The score does not know the weights.** Let $p$ be a mixture with components $p_k$ and weights $w_k$, and call
# $\mathbf{s}_k$ the score of component $k$ alone. Differentiate the logarithm of the sum:
# $\nabla \log p = \sum_k w_k \nabla p_k / p$, and $\nabla p_k = p_k\, \mathbf{s}_k$. So
#
# $$\mathbf{s}(\mathbf{x}) = \sum_k r_k(\mathbf{x})\,\mathbf{s}_k(\mathbf{x}), \qquad r_k(\mathbf{x}) = \frac{w_k\,p_k(\mathbf{x})}{\sum_j w_j\,p_j(\mathbf{x})} \tag{7.10}$$
#
# (For Gaussian components this is (6.4).) The share $r_k$ is the chance that a point found at $\mathbf{x}$ came from
# component $k$. Inside one component, far from the others, its share is 1 and those of the others are 0, *whatever the
# weights are*. The score there is $\mathbf{s}_k$, and the weight $w_k$ does not occur in it. Only in the valley between
# components does the score know how much each weighs. Hardly any particle is ever there.

# %% tags=["explore"]
equation("7.10")

# %% [markdown]
# So the particles can learn the weights only by crossing the valley, back and forth, many times. To see whether they
# did, count. With $N$ particles and the means $\boldsymbol\mu_k$, the share of the particles in mode $k$ is
#
# $$\hat w_k = \frac{1}{N}\,\#\big\{i : \|\mathbf{x}_i - \boldsymbol\mu_k\| \le \|\mathbf{x}_i - \boldsymbol\mu_j\| \text{ for all } j\big\} \tag{7.11}$$
#
# A plot of the samples shows where they are. It does not show how many are where: eyes are bad at that. Count.

# %% tags=["explore"]
equation("7.11")

# %% [markdown]
# ### Exercise 7.5: count the modes
#
# `langevin.mode_weights` · difficulty 2 · core · 8 minutes · 3 points · equation (7.11)

# %% exercise="langevin.mode_weights"
def mode_weights(x, means):
    """Share of the particles that is nearest to each mean.

    x: (N, d); means: (K, d).  Returns (K,), summing to 1.
    """
    ### BEGIN SOLUTION
    nearest = ((x.unsqueeze(1) - means) ** 2).sum(2).argmin(1)
    return torch.bincount(nearest, minlength=len(means)) / len(x)
    ### END SOLUTION

# %% check="langevin.mode_weights" points=3
check("langevin.mode_weights", mode_weights)

# %% [markdown]
# Three islands in the plane, with weights 0.6, 0.3 and 0.1. The particles start evenly around the origin. After a
# thousand steps each island looks perfect. The counts tell another story.

# %% tags=["explore"]
islands = GaussianMixture.isotropic(
    numbers(0.6, 0.3, 0.1), numbers(-2, -1, 2, -1, 0, 2).reshape(3, 2), numbers(0.1, 0.1, 0.1)
)
scattered = 1.2 * torch.randn(900, 2, generator=draws(8), dtype=torch.float64)
walked = last(ula(islands.score, scattered, eta=0.01, n_steps=1000, generator=draws(9)))
exact = islands.sample(900, generator=draws(10))
plots.scatter(
    torch.stack([exact, scattered, walked]),
    ["exact samples", "start", "1000 Langevin steps"],
    alt="Three panels of points. Exact samples: three islands, the left one dense, the upper one thin. Start: one round "
    "cloud. After 1000 steps: the same three islands, but about equally dense.",
)

# %% tags=["explore"]
with when_written():
    print("weights          ", [round(v, 2) for v in islands.weights.tolist()])
    print("exact samples    ", [round(v, 2) for v in mode_weights(exact, islands.means).tolist()])
    print("1000 steps       ", [round(v, 2) for v in mode_weights(walked, islands.means).tolist()])

# %% [markdown]
# **How long would it take?** On the line this can be computed. Measure time in steps times $\eta$, and let $\tau(x)$ be
# the mean time that a particle needs from $x$ to reach a goal $b > x$ for the first time. The claim is a formula for
# $\tau = \tau(a)$:
#
# $$\tau = \int_a^b \frac{1}{p(y)} \int_{-\infty}^{y} p(z)\,dz\,dy \tag{7.12}$$
#
# *Step one: an equation for $\tau(x)$.* Wait for a short time $\eta$. The particle has moved by one step, and the time
# still to go is $\eta$ less, on average: $\mathbb{E}[\tau(x + \text{step})] = \tau(x) - \eta$. But (7.2), with $f = \tau$,
# says that the mean changes by $\eta\,(s\,\tau' + \tau'')$. So $s\,\tau' + \tau'' = -1$.
#
# *Step two: multiply by $p$.* Since $s\,p = p'$, the left side becomes $p'\tau' + p\,\tau'' = (p\,\tau')'$. So
# $(p\,\tau')' = -p$.
#
# *Step three: integrate twice.* Far on the left $p$ dies out, and $p\,\tau'$ with it, so
# $p(y)\,\tau'(y) = -\int_{-\infty}^y p(z)\,dz$. Divide by $p(y)$. At the goal $\tau(b) = 0$, so integrating $-\tau'$ from $a$ to
# $b$ gives $\tau(a)$, and that is (7.12).
#
# Now read it. In a valley $p(y)$ is small, so $1/p(y)$ is huge there, and the inner integral, the mass that has to go
# through, is not. The time is about one over the density at the bottom. For two equal bells of variance $v$ at
# distance $2m$ both reach the bottom with the share $e^{-m^2/(2v)}$ of their own height: **the time grows exponentially
# with the square of the distance**. No patience helps against that.

# %% tags=["explore"]
equation("7.12")

# %% [markdown]
# ### Exercise 7.6: the time to cross
#
# `langevin.crossing_time` · difficulty 4 · stretch · 20 minutes · 5 points · equation (7.12)
#
# The density is given by its logarithm at the points `x`, which rise but need not be evenly spaced; `x[0]` is so far on
# the left that it stands for $-\infty$. Both integrals are to be computed by the trapezoidal rule
# (`torch.trapezoid`, and `torch.cumulative_trapezoid` for a running integral). The density need not be normalised. See
# why that does not matter? Two points are for edge cases; one of them has log densities near $-2000$.

# %% exercise="langevin.crossing_time"
def crossing_time(log_p, x, start, goal):
    """Mean time from x[start] to x[goal] > x[start], in steps times eta.

    log_p: (n,), the log density at x up to a constant; x: (n,), rising; start, goal: int.  Returns a number.
    """
    ### BEGIN SOLUTION
    p = torch.exp(log_p - log_p.max())
    below = torch.cat([torch.zeros_like(p[:1]), torch.cumulative_trapezoid(p, x)])
    return torch.trapezoid((below / p)[start : goal + 1], x[start : goal + 1])
    ### END SOLUTION

# %% check="langevin.crossing_time" points=5
check("langevin.crossing_time", crossing_time)

# %% [markdown]
# Two bells of variance 1 that move apart. The last column asks your formula how many steps of size $\eta = 0.1$ a
# particle needs from one to the other. For the nearest pair we also let 2,000 particles walk. They need a little
# longer: the formula is about tiny steps, and whoever takes larger ones looks less often whether the goal is reached.

# %% tags=["explore"]
def two_bells(m, sigma=0.0):
    """Equal bells of variance 1 at -m and m, smoothed by sigma: fine points, log density there, the two means' places."""
    x = torch.linspace(-m - 8 - 3 * sigma, m + 8 + 3 * sigma, 8001, dtype=torch.float64)
    bells = GaussianMixture.isotropic(numbers(0.5, 0.5), numbers(-m, m).reshape(2, 1), 1.0)
    start, goal = (int((x - mean).abs().argmin()) for mean in (-m, m))
    return bells.log_prob(x.unsqueeze(1), 1.0, sigma), x, start, goal


with when_written():
    print("distance   mean number of steps to cross")
    for m in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
        print(f"{2 * m:8.0f} {float(crossing_time(*two_bells(m))) / 0.1:18,.0f}")
    x, steps, g = torch.full((2000, 1), -1.0, dtype=torch.float64), torch.zeros(2000), draws(11)
    pair = GaussianMixture.isotropic(numbers(0.5, 0.5), numbers(-1, 1).reshape(2, 1), 1.0)
    for _ in range(800):
        waiting = x[:, 0] < 1
        steps += waiting
        noise = torch.randn(x.shape, generator=g, dtype=x.dtype)
        x = torch.where(waiting.unsqueeze(1), x + 0.1 * pair.score(x) + 0.2**0.5 * noise, x)
    print(f"2,000 particles at distance 2: {steps.mean():.0f} steps")

# %% [markdown]
# Play with it. In the next cell 400 particles begin in the left mode, though most of the target is on the right. Move
# the step $k$ or press *Play*. Then make the step $\eta$ larger, until the histogram no longer fits the modes. Then move
# $\sigma$, which is the subject of the next section. Arrow keys work too. In words, the explorer tells how many steps a
# particle needs to cross: that is (7.12), computed for what you see.

# %% tags=["explore"]
explorers.langevin_particles()

# %% [markdown]
# ## 6. Smooth the landscape
#
# The valley is the trouble, so fill it. Add Gaussian noise of standard deviation $\sigma$ to the data. For a mixture we
# know what this does, from lesson 02: each component stays where it is and widens.
#
# $$p_\sigma(\mathbf{x}) = \int p(\mathbf{x}_0)\,\mathcal{N}(\mathbf{x};\ \mathbf{x}_0, \sigma^2\mathbf{I})\,d\mathbf{x}_0 = \sum_k w_k\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_k, S_k + \sigma^2\mathbf{I}) \tag{7.13}$$
#
# (There is no shrinking factor here. This is the variance-exploding process of your friend in lesson 02's written
# question.) The score of $p_\sigma$ at $\mathbf{x}$ is written $\mathbf{s}(\mathbf{x}, \sigma)$. It is just what lesson 06 learned by
# denoising.

# %% tags=["explore"]
equation("7.13")

# %% tags=["explore"]
with when_written():
    print("Two bells of variance 1 at distance 10: mean number of steps of size 0.1 to cross")
    for sigma in (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0):
        print(f"sigma = {sigma:4.1f} {float(crossing_time(*two_bells(5.0, sigma))) / 0.1:12,.0f}")

# %% [markdown]
# With noise as wide as half the distance, about a thousand steps do what took more than two million. There are two more
# gifts:
#
# - **The score is known everywhere.** A network learns the score where there are data. Between the modes and far outside
#   there are none, so a learned score is a guess there, and a sampler starts just there. Noisy data are everywhere.
# - **There is a score at all.** Images lie on a thin sheet in the space of all pixel arrays. Off the sheet $p$ is zero
#   and has no logarithm. $p_\sigma$ is positive everywhere.
#
# The price: we now sample the wrong thing, noisy data. And look at the last lines of the table: with still more noise
# it takes *longer* again, because the hill is so wide that steps of 0.1 hardly move. Both hints point the same way. Use many
# noise levels, from wide to narrow, and a step for each of its own size.

# %% [markdown]
# ## 7. The ladder
#
# Choose $n$ noise levels, $0 < \sigma_1 < \dots < \sigma_n$, and put $\sigma_0 = 0$ in front for the clean data. (The papers
# count from the noisiest one down. We count as everywhere in this course: noise grows with the index.)
#
# **The ends.** $\sigma_n$ has to be so large that the modes melt into one hill: about the largest distance between data
# points. $\sigma_1$ has to be so small that nobody minds the noise that is left.
#
# **The rungs.** Particles that have settled at level $i+1$ become the start at level $i$. That works if they are not
# too far from where level $i$ wants them. Where is noise of level $i$? In $d$ dimensions it is not near zero, but on a
# shell: its squared length $r_i^2 = \sigma_i^2\,\|\boldsymbol\varepsilon\|^2$ is a sum of $d$ squares, each with mean
# $\sigma_i^2$ and variance $2\sigma_i^4$. (For standard normal $\varepsilon$ the mean of $\varepsilon^4$ is 3, so
# $\varepsilon^2$ has the variance $3 - 1^2 = 2$.) So $r_i^2$ has mean $d\,\sigma_i^2$ and standard deviation
# $\sqrt{2d}\,\sigma_i^2$.
# The distance of two neighbouring shells, in units of the outer one's thickness, is
#
# $$\frac{\mathbb{E}[r_{i+1}^2] - \mathbb{E}[r_i^2]}{\sqrt{\operatorname{Var}[r_{i+1}^2]}} = \sqrt{\frac{d}{2}}\,\Big(1 - \frac{\sigma_i^2}{\sigma_{i+1}^2}\Big), \qquad r_i = \sigma_i\,\|\boldsymbol\varepsilon\| \tag{7.14}$$
#
# Only the *ratio* of the levels counts. If no rung is to be harder than another, the ratio must be the same
# everywhere: the levels form a geometric sequence.
#
# $$\sigma_i = \sigma_1 \Big(\frac{\sigma_n}{\sigma_1}\Big)^{\frac{i-1}{n-1}}, \qquad i = 1, \dots, n, \qquad \sigma_0 = 0 \tag{7.15}$$
#
# And (7.14) tells how many rungs: the more dimensions, the thinner the shells, the closer the levels. The table below the
# two equations shows how many levels from 0.01 to 50 put each shell at one thickness from the next.

# %% tags=["explore"]
equation("7.14")

# %% tags=["explore"]
equation("7.15")

# %% tags=["explore"]
for name, d in (("a digit, 8 x 8", 64), ("MNIST, 28 x 28", 784), ("small colour image, 3 x 32 x 32", 3072)):
    ratio = (1 - (2 / d) ** 0.5) ** -0.5  # sigma_{i+1}/sigma_i, where (7.14) is 1
    levels = 1 + torch.log(torch.tensor(50 / 0.01)) / torch.log(torch.tensor(ratio))
    print(f"{name:32s} ratio {ratio:.3f}, {levels:.0f} levels")

# %% [markdown]
# ### Exercise 7.7: the noise levels
#
# `langevin.sigma_ladder` · difficulty 2 · core · 6 minutes · 3 points · equation (7.15)

# %% exercise="langevin.sigma_ladder"
def sigma_ladder(n, sigma_min, sigma_max):
    """The table of noise levels: 0, then n levels from sigma_min up to sigma_max with a constant ratio.

    n: int >= 2.  Returns (n+1,) float64.
    """
    ### BEGIN SOLUTION
    i = torch.arange(n, dtype=torch.float64)
    levels = sigma_min * (sigma_max / sigma_min) ** (i / (n - 1))
    return torch.cat([levels.new_zeros(1), levels])
    ### END SOLUTION

# %% check="langevin.sigma_ladder" points=3
check("langevin.sigma_ladder", sigma_ladder)

# %% [markdown]
# ## 8. How far to step at each level
#
# At the noisy levels the world is large, at the clean ones it is small. What step size $\alpha_i$ suits level $i$? We use
# the form $\frac{\alpha}{2}, \sqrt{\alpha}$ of section 4 from here on.
#
# **The requirement.** In each step, climbing and noise should have the same relation at all levels. Otherwise some
# levels would only climb, or only shake. Around one data point $\mathbf{x}_0$ the noisy density is
# $\mathcal{N}(\mathbf{x}_0, \sigma_i^2\mathbf{I})$, and its score is $-(\mathbf{x}-\mathbf{x}_0)/\sigma_i^2$. A point at level $i$ is
# $\mathbf{x} = \mathbf{x}_0 + \sigma_i\,\boldsymbol\varepsilon$, so there $\mathbf{s} = -\boldsymbol\varepsilon/\sigma_i$. The mean square of
# $\frac{\alpha_i}{2}\mathbf{s}$ is $\frac{\alpha_i^2}{4\sigma_i^2}\,d$, and that of the noise is $\alpha_i\,d$. Their ratio:
#
# $$\frac{\mathbb{E}\,\|\frac{\alpha_i}{2}\,\mathbf{s}\|^2}{\mathbb{E}\,\|\sqrt{\alpha_i}\,\boldsymbol\varepsilon\|^2} = \frac{\alpha_i}{4\,\sigma_i^2}, \qquad \mathbf{s} = -\frac{\mathbf{x}-\mathbf{x}_0}{\sigma_i^2} \tag{7.16}$$
#
# It is the same at all levels exactly if $\alpha_i$ is proportional to $\sigma_i^2$. With $h$ for the step size of the
# cleanest level:
#
# $$\alpha_i = h\,\frac{\sigma_i^2}{\sigma_1^2} \tag{7.17}$$
#
# **What else this buys.** By (7.6), with $\eta = \alpha_i/2$ and $v = \sigma_i^2$, the variance settles too large by a factor.
# That factor is now the same everywhere too, so one number $h$ controls the error of the whole ladder (and at
# $h = 4\sigma_1^2$ no level settles any more):
#
# $$\frac{v_\infty}{\sigma_i^2} = \frac{1}{1 - \alpha_i/(4\sigma_i^2)} = \frac{1}{1 - h/(4\sigma_1^2)} \tag{7.18}$$
#
# Units say the same thing faster. A score has the unit of one over a length. In $\alpha\,\mathbf{s}$ and $\sqrt{\alpha}\,\boldsymbol\varepsilon$
# only an $\alpha$ with the unit of a squared length gives a length, and the only length around is $\sigma_i$.

# %% tags=["explore"]
equation("7.16")

# %% tags=["explore"]
equation("7.17")

# %% tags=["explore"]
equation("7.18")

# %% [markdown]
# ### Exercise 7.8: a step for each level
#
# `langevin.step_sizes` · difficulty 2 · core · 6 minutes · 4 points · equation (7.17)

# %% exercise="langevin.step_sizes"
def step_sizes(sigmas, h):
    """The step size alpha of each level.

    sigmas: (n+1,) with sigmas[0] = 0; h: float, the step size at sigmas[1].  Returns (n+1,) with entry 0 equal to 0.
    """
    ### BEGIN SOLUTION
    return h * (sigmas / sigmas[1]) ** 2
    ### END SOLUTION

# %% check="langevin.step_sizes" points=4
check("langevin.step_sizes", step_sizes)

# %% [markdown]
# ## 9. Annealed Langevin dynamics
#
# All parts are there. Start anywhere wide. Take $K$ Langevin steps at the noisiest level. Go on from there with $K$
# steps at the next level, and so on, down to the cleanest:
#
# $$\mathbf{x} \leftarrow \mathbf{x} + \frac{\alpha_i}{2}\,\mathbf{s}(\mathbf{x}, \sigma_i) + \sqrt{\alpha_i}\,\boldsymbol\varepsilon, \qquad i = n, n-1, \dots, 1, \quad K \text{ times each} \tag{7.19}$$
#
# This is Algorithm 1 of Song and Ermon. (There, and on the slide, our $h$ is called $\epsilon$, our $K$ is $T$, and the
# cleanest level is $\sigma_L$.) *Annealing* is what a smith does: heat the metal until its atoms can move about, then cool
# it slowly, so that each finds its place. At the noisy levels the particles find out how much each *region* weighs, because
# they can still travel. At the clean levels they find the details, and no longer need to travel.

# %% tags=["explore"]
equation("7.19")

# %% [markdown]
# ### Exercise 7.9: down the ladder
#
# `langevin.annealed_langevin` · difficulty 3 · core · 20 minutes · 6 points · equation (7.19)
#
# The score is a function of the points and of the noise level. All noise is handed to you: `noises[i, k]` belongs to
# step `k` of level `i`. Entry 0 is there only to keep the index straight. Each step asks the score once.

# %% exercise="langevin.annealed_langevin"
def annealed_langevin(score, sigmas, x, h, noises):
    """K Langevin steps at each noise level, from the noisiest down to sigmas[1].

    score: function (x (B, *D), sigma float) -> (B, *D); sigmas: (n+1,) with sigmas[0] = 0; x: (B, *D), the start;
    h: float, the step size at sigmas[1]; noises: (n+1, K, B, *D) standard normal.  Returns (B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    alpha = step_sizes(sigmas, h)
    for i in range(len(sigmas) - 1, 0, -1):
        for k in range(noises.shape[1]):
            drift = alpha[i].to(x) / 2 * score(x, float(sigmas[i]))
            x = x + drift + alpha[i].sqrt().to(x) * noises[i, k]
    return x
    ### END SOLUTION

# %% check="langevin.annealed_langevin" points=6
check("langevin.annealed_langevin", annealed_langevin)

# %% [markdown]
# The three islands again, with the same number of steps as before, a thousand in all. This time they are spread over
# twenty levels.

# %% tags=["explore"]
with when_written():
    rungs = sigma_ladder(20, 0.05, 6.0)
    noises = torch.randn(21, 50, 900, 2, generator=draws(12), dtype=torch.float64)
    wide = 6 * torch.randn(900, 2, generator=draws(13), dtype=torch.float64)
    cooled = annealed_langevin(lambda x, sigma: islands.score(x, 1.0, sigma), rungs, wide, 0.2 * 0.05**2, noises)
    picture = plots.scatter(
        torch.stack([exact, walked, cooled]),
        ["exact samples", "1000 plain steps", "1000 annealed steps"],
        alt="Three panels of three islands of points: exact samples, plain Langevin, annealed Langevin. In the annealed "
        "panel the left island is dense and the upper one thin, as in the exact samples.",
    )
    display(picture)
    print("weights          ", [round(v, 2) for v in islands.weights.tolist()])
    print("1000 plain steps ", [round(v, 2) for v in mode_weights(walked, islands.means).tolist()])
    print("1000 annealed    ", [round(v, 2) for v in mode_weights(cooled, islands.means).tolist()])

# %% [markdown]
# **The last speck of noise.** The end of the ladder is a sample of $p_{\sigma_1}$, not of $p$: it still carries noise of
# standard deviation $\sigma_1$. Lesson 06 tells how to take it off, by Tweedie's formula. One step along the score, of size
# $\sigma_1^2$ and without noise, leads to the mean of all clean points that may be behind this noisy one:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \mathbf{x} + \sigma_1^2\,\mathbf{s}(\mathbf{x}, \sigma_1) \tag{7.20}$$
#
# For the eye this step makes a large difference, because eyes are good at seeing grain.

# %% tags=["explore"]
equation("7.20")

# %% [markdown]
# **Digits, without a network.** The 1,797 digits of our data set are themselves a mixture: of 1,797 points, each with
# the same weight and the variance 0. So by (7.13) the noisy density is known, and by (7.10) its exact score: the average
# of $(\mathbf{x}_j - \mathbf{x})/\sigma^2$ over the digits $\mathbf{x}_j$, with their shares $r_j(\mathbf{x})$. Each level is
# shown for three samples; the last column has taken the step (7.20).

# %% tags=["explore"]
digits = data.digits()
known = digits.images.flatten(1)


def digit_score(x, sigma):
    """Exact score of the data set plus noise sigma.  x: (B, 64)."""
    squares = (x**2).sum(1, keepdim=True) - 2 * x @ known.mT + (known**2).sum(1)
    return (torch.softmax(-squares / (2 * sigma**2), dim=1) @ known - x) / sigma**2


stairs = sigmas.geometric(48, 0.1, 10.0)
noise = 10 * torch.randn(500, 64, generator=draws(14))
path = list(
    library_annealed(digit_score, stairs, noise, n_steps=5, step_size=0.004, denoise=True, generator=draws(15))
)
moments = [0, 100, 140, 170, 200, 240, 241]
plots.image_grid(
    torch.stack([path[i].x[:3].reshape(3, 8, 8) / max(1.0, path[i].t) for i in moments], dim=1),
    [f"$\\sigma$ = {path[i].t:.2g}" for i in moments],
    ["", "", ""],
    alt="Three samples at seven noise levels from 10 down to 0, darker where ink is missing. Noise at first; below "
    "sigma = 1, strokes; at the end three clean handwritten digits.",
)

# %% [markdown]
# (Where $\sigma$ is above 1 the picture is divided by it, else it would be black and white only.)
#
# Are the digits drawn in the right proportions? Give each sample the label of the nearest digit and count. The number
# printed is half the sum of the differences to the true shares: 0 is perfect, and 500 draws straight from the data set
# have about the value in the last line, by chance alone. Plain Langevin at the cleanest level, started from the same
# noise, slides to whatever digit lies nearest.

# %% tags=["explore"]
def off_balance(labels):
    """How far the shares of the ten classes are from those of the data set."""
    shares = [torch.bincount(v, minlength=10) / len(v) for v in (labels, digits.labels)]
    return 0.5 * float((shares[0] - shares[1]).abs().sum())


def nearest_label(x):
    return digits.labels[torch.cdist(x, known).argmin(1)]


slid = last(ula(lambda x: digit_score(x, 0.1), noise, eta=0.002, n_steps=240, generator=draws(16)))
lucky = [off_balance(digits.labels[torch.randint(1797, (500,), generator=draws(s))]) for s in range(20)]
print(f"annealed Langevin          {off_balance(nearest_label(path[-1].x)):.3f}")
print(f"plain Langevin             {off_balance(nearest_label(slid)):.3f}")
print(f"500 draws from the data    {sum(lucky) / 20:.3f}")

# %% [markdown]
# An honest word about these digits. With the *exact* score of the data set, every sample ends on a digit that is in
# the data set: nothing new is created. A trained network smooths the score, because it is too small and too lazy
# to follow 1,797 separate points, and what is new comes from that. This chapter is about the sampler; in lesson 05 you
# met a network.

# %% [markdown]
# ## 10. Is the DDPM sampler the same thing?
#
# "Sampling is like annealed Langevin dynamics", says the slide about DDPM, and the lecture says: follow the gradient, add
# noise, just differently scaled. Let us see how much is the same. The step of lesson 05, with the score in the place of
# the predicted noise ($\boldsymbol\varepsilon = -\sqrt{1-\bar\alpha_t}\,\mathbf{s}_t$), reads
#
# $$\mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}\big(\mathbf{x}_t + \beta_t\,\mathbf{s}_t(\mathbf{x}_t)\big) + \sqrt{\tilde\beta_t}\,\boldsymbol\varepsilon \tag{7.21}$$
#
# with the variance $\tilde\beta_t$ of lesson 04. The scaling by $1/\sqrt{\alpha_t}$ is in the way. Undo all shrinking, as in
# the heat picture of lesson 02: $\mathbf{y}_t = \mathbf{x}_t/\sqrt{\bar\alpha_t}$ is the data plus noise of variance
# $\sigma_t^2 = (1-\bar\alpha_t)/\bar\alpha_t$. So the chain *is* a ladder, with $T$ levels. (Mind the letter: in lesson 05
# $\sigma_t$ was the standard deviation of a step. Here it is a noise level, and that of the step is $\sqrt{\tilde\beta_t}$.)
#
# Divide (7.21) by $\sqrt{\bar\alpha_{t-1}}$, piece by piece:
#
# - $\mathbf{x}_t/(\sqrt{\alpha_t}\sqrt{\bar\alpha_{t-1}}) = \mathbf{x}_t/\sqrt{\bar\alpha_t} = \mathbf{y}_t$.
# - Stretching the axis divides a gradient: $\mathbf{s}_t(\mathbf{x}_t) = \mathbf{s}(\mathbf{y}_t, \sigma_t)/\sqrt{\bar\alpha_t}$. So the score
#   gets the factor $\beta_t/\bar\alpha_t$. And $\sigma_t^2 - \sigma_{t-1}^2 = 1/\bar\alpha_t - 1/\bar\alpha_{t-1} = (1-\alpha_t)/\bar\alpha_t$ is
#   the same number. Call it $\Delta_t$: it is the noise variance that this step has to remove.
# - The noise variance becomes $\tilde\beta_t/\bar\alpha_{t-1} = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t} \cdot \frac{\beta_t}{\bar\alpha_{t-1}}$. Put in
#   $1-\bar\alpha_t = \bar\alpha_t\,\sigma_t^2$, and the same at $t-1$: it is $\frac{\sigma_{t-1}^2}{\sigma_t^2}\,\Delta_t$.
#
# Together:
#
# $$\mathbf{y}_{t-1} = \mathbf{y}_t + \Delta_t\,\mathbf{s}(\mathbf{y}_t, \sigma_t) + \frac{\sigma_{t-1}}{\sigma_t}\sqrt{\Delta_t}\,\boldsymbol\varepsilon, \qquad \mathbf{y}_t = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}}, \quad \sigma_t^2 = \frac{1-\bar\alpha_t}{\bar\alpha_t}, \quad \Delta_t = \sigma_t^2 - \sigma_{t-1}^2 \tag{7.22}$$

# %% tags=["explore"]
equation("7.21")

# %% tags=["explore"]
equation("7.22")

# %% [markdown]
# Compare with a Langevin step of size $\alpha = \Delta_t$: $\mathbf{y} + \frac{\Delta_t}{2}\mathbf{s} + \sqrt{\Delta_t}\,\boldsymbol\varepsilon$. On a
# fine ladder $\sigma_{t-1}/\sigma_t$ is nearly 1, so the noise is the same. The drift is **twice** as large. Where does the
# second half come from?
#
# A Langevin step leaves $p_\sigma$ in its place: it never gets less noisy by itself. Annealed Langevin just *declares* the next
# level to be valid and lets the particles adapt, which takes it many steps per level. DDPM takes one step per level, so
# this step must also *carry* the particles from $p_{\sigma_t}$ to $p_{\sigma_{t-1}}$. How must points move so that noise is removed? Watch
# a function $f$ once more. Adding a little noise of variance $\delta$ changes its mean by $\frac{\delta}{2}\,\mathbb{E}[\nabla^2 f]$ (the
# Taylor terms of section 2 without drift), and by (7.3) that is $-\frac{\delta}{2}\,\mathbb{E}[\mathbf{s} \cdot \nabla f]$:
#
# $$\frac{d}{d(\sigma^2)}\,\mathbb{E}_{p_\sigma}[f(\mathbf{x})] = -\tfrac12\,\mathbb{E}_{p_\sigma}\big[\mathbf{s}(\mathbf{x}, \sigma) \cdot \nabla f(\mathbf{x})\big] \tag{7.23}$$
#
# But $\mathbb{E}[\mathbf{s} \cdot \nabla f]$ is how the mean changes if all points move along $\mathbf{s}$. So, to first order,
# removing the noise variance $\Delta_t$ is the same as moving every point by $\frac{\Delta_t}{2}\mathbf{s}$. That is the second
# half.
#
# **So: a DDPM step is a Langevin step, plus a step down the ladder.** Lesson 09 uses the second part alone, without any
# noise.
#
# The slide ends with a question: is a diffusion model one that is trained to step through the annealing levels in the best
# way? Yes. By (5.22) the mean of its step is the exact mean of the next point given this one. No other mean has a smaller
# divergence in the bound.

# %% tags=["explore"]
equation("7.23")

# %% [markdown]
# ### Exercise 7.10: the DDPM step on the ladder
#
# `langevin.ladder_step` · difficulty 3 · core · 12 minutes · 5 points · equation (7.22)
#
# The score at `y` is given as a tensor. Every example has its own level, so `sigma` and `sigma_prev` have shape `(B,)`:
# think of lesson 02's trap. At `sigma_prev = 0` no noise is added, and the step is (7.20).

# %% exercise="langevin.ladder_step"
def ladder_step(y, sigma, sigma_prev, score_y, noise):
    """The ancestral step from noise level sigma down to sigma_prev.

    y, score_y, noise: (B, *D); sigma, sigma_prev: (B,) float64, sigma > sigma_prev >= 0.  Returns (B, *D) in y's dtype.
    """
    ### BEGIN SOLUTION
    def shaped(values):
        return values.to(y).reshape(-1, *[1] * (y.ndim - 1))

    delta = sigma**2 - sigma_prev**2
    return y + shaped(delta) * score_y + shaped(sigma_prev / sigma * delta.sqrt()) * noise
    ### END SOLUTION

# %% check="langevin.ladder_step" points=5
check("langevin.ladder_step", ladder_step)

# %% [markdown]
# A race on the islands: one DDPM step per level against annealed Langevin with the same total number of score
# evaluations. The measure is again half the sum of the differences between counted and true weights, for 900
# particles. The last line is the mean over twenty sets of exact samples: what is about as small is chance.

# %% tags=["explore"]
def off_weights(x):
    return 0.5 * float((mode_weights(x, islands.means) - islands.weights).abs().sum())


def island_score(x, sigma):
    return islands.score(x, 1.0, sigma)


with when_written():
    print("calls of the score   DDPM step per level   annealed, 5 steps per level")
    for calls in (20, 50, 100, 400):
        rungs, g = sigma_ladder(calls, 0.05, 6.0), draws(17)
        y = wide
        for i in range(calls, 0, -1):
            level, below = rungs[i].expand(900), rungs[i - 1].expand(900)
            noise = torch.randn(y.shape, generator=g, dtype=y.dtype)
            y = ladder_step(y, level, below, island_score(y, float(rungs[i])), noise)
        few = sigma_ladder(calls // 5, 0.05, 6.0)
        noises = torch.randn(calls // 5 + 1, 5, 900, 2, generator=g, dtype=y.dtype)
        z = annealed_langevin(island_score, few, wide, 0.2 * 0.05**2, noises)
        print(f"{calls:10d} {off_weights(y):22.3f} {off_weights(z):23.3f}")
    lucky = [off_weights(islands.sample(900, generator=draws(s))) for s in range(20)]
    print(f"exact samples {sum(lucky) / 20:19.3f}")

# %% [markdown]
# Both come close; the DDPM step needs fewer calls, because it carries the particles instead of waiting for them. If you
# have calls to spare, you can do both at each level: first step down with DDPM, then correct by Langevin steps, which leave
# the level as it is. That is the predictor-corrector sampler of lesson 08.

# %% [markdown]
# ## 11. A step that makes no error
#
# Back to the small fault, the bias of a finite step. There is a way to remove it *completely*, found for other
# samplers in 1953: propose a step, then accept it or stay, with just the right probability.
#
# **The proposal.** A Langevin step from $\mathbf{x}$ lands at $\mathbf{y}$ with the density of
# $\mathcal{N}(\mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}),\ 2\eta\,\mathbf{I})$. The exponent of a Gaussian is minus the squared distance to its mean
# over twice its variance, so
#
# $$\log q(\mathbf{y} \mid \mathbf{x}) = -\frac{\|\mathbf{y} - \mathbf{x} - \eta\,\mathbf{s}(\mathbf{x})\|^2}{4\eta} + \text{const} \tag{7.24}$$
#
# The constant does not depend on $\mathbf{x}$ or $\mathbf{y}$, because the variance is the same everywhere.
#
# **The acceptance.** Accept the move with probability
#
# $$a(\mathbf{x}, \mathbf{y}) = \min\!\Big(1,\ \frac{p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})}{p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})}\Big) \tag{7.25}$$
#
# and otherwise stay at $\mathbf{x}$. Staying counts as a step.
#
# **Why this keeps $p$.** Let the particles be spread as $p$ wants, and look at the traffic between two places. From
# $\mathbf{x}$ to $\mathbf{y}$ flows $p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y})$. Put in $a$ and multiply it out: this is
# $\min\big(p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x}),\ p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})\big)$. Exchange $\mathbf{x}$ and $\mathbf{y}$, and it is the same. So just as
# much flows back:
#
# $$p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y}) = p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})\,a(\mathbf{y}, \mathbf{x}) \tag{7.26}$$
#
# This is called *detailed balance*. If every street carries equal traffic both ways, no place fills or empties. In formulas:
# integrate (7.26) over $\mathbf{x}$. The left side is all that arrives at $\mathbf{y}$. The right side is $p(\mathbf{y})$ times the
# chance to leave $\mathbf{y}$. What was there and did not leave is the rest. Together they give back $p(\mathbf{y})$:
#
# $$\int p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y})\,d\mathbf{x} + p(\mathbf{y})\Big(1 - \int q(\mathbf{x} \mid \mathbf{y})\,a(\mathbf{y}, \mathbf{x})\,d\mathbf{x}\Big) = p(\mathbf{y}) \tag{7.27}$$
#
# No small $\eta$ was needed anywhere. And of $p$ only the ratio $p(\mathbf{y})/p(\mathbf{x})$ occurs, so it need not be normalised.

# %% tags=["explore"]
equation("7.24")

# %% tags=["explore"]
equation("7.25")

# %% tags=["explore"]
equation("7.26")

# %% tags=["explore"]
equation("7.27")

# %% [markdown]
# ### Exercise 7.11: the ratio
#
# `langevin.mala_log_ratio` · difficulty 3 · core · 15 minutes · 5 points · equation (7.25)
#
# In many dimensions densities are too small or too large for a computer's numbers. So compute the logarithm of the ratio
# in (7.25), before the minimum is taken.

# %% exercise="langevin.mala_log_ratio"
def mala_log_ratio(x, y, log_p_x, log_p_y, score_x, score_y, eta):
    """log of p(y) q(x|y) / (p(x) q(y|x)), for Langevin proposals of step size eta.

    x, y: (B, *D); log_p_x, log_p_y: (B,); score_x, score_y: (B, *D); eta: float.  Returns (B,).
    """
    ### BEGIN SOLUTION
    def log_q(end, start, score):
        return -((end - start - eta * score) ** 2).flatten(1).sum(1) / (4 * eta)

    return log_p_y + log_q(x, y, score_y) - log_p_x - log_q(y, x, score_x)
    ### END SOLUTION

# %% check="langevin.mala_log_ratio" points=5
check("langevin.mala_log_ratio", mala_log_ratio)

# %% [markdown]
# ### Exercise 7.12: accept or stay
#
# `langevin.mala_step` · difficulty 3 · core · 15 minutes · 5 points · equation (7.25)
#
# To accept with probability $a$, draw $u$ evenly from $(0, 1)$ and accept if $u < a$. The numbers `u` are handed to you,
# one per example. Use what you have written above. (The letters stand for *Metropolis-adjusted Langevin algorithm*.)

# %% exercise="langevin.mala_step"
def mala_step(log_prob, score, x, eta, noise, u):
    """Propose a Langevin step for every example; accept it, or stay.

    log_prob: function (B, *D) -> (B,); score: function (B, *D) -> (B, *D); x, noise: (B, *D); eta: float;
    u: (B,), even in (0, 1).  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    y = ula_step(score, x, eta, noise)
    log_ratio = mala_log_ratio(x, y, log_prob(x), log_prob(y), score(x), score(y), eta)
    accept = (torch.log(u) < log_ratio).reshape(-1, *[1] * (x.ndim - 1))
    return torch.where(accept, y, x)
    ### END SOLUTION

# %% check="langevin.mala_step" points=5
check("langevin.mala_step", mala_step)

# %% [markdown]
# On $\mathcal{N}(0, 1)$ again, where plain Langevin settles at $1/(1-\eta/2)$. The corrected chain has variance 1 at every step
# size. The price is in the last column: large steps are often refused, and a particle that is refused does not move.

# %% tags=["explore"]
with when_written():
    print("  eta   plain: formula   plain   corrected   accepted")
    for eta in (0.1, 0.5, 1.0, 1.5):
        x = z = torch.randn(20_000, 1, generator=draws(18))
        g, taken = draws(19), 0.0
        for _ in range(200):
            noise, u = torch.randn(x.shape, generator=g), torch.rand(len(x), generator=g)
            x = ula_step(torch.neg, x, eta, noise)
            new = mala_step(lambda v: -0.5 * v[:, 0] ** 2, torch.neg, z, eta, noise, u)
            taken, z = taken + float((new != z).double().mean()) / 200, new
        formula = float(stationary_variance(numbers(1.0), eta))
        print(f"{eta:5.2f} {formula:13.3f} {float(x.var()):10.3f} {float(z.var()):10.3f} {taken:10.0%}")

# %% [markdown]
# **Why do diffusion models not use it?** The ratio needs $\log p(\mathbf{y}) - \log p(\mathbf{x})$. A network that was trained to
# give a score gives no $\log p$. And the correction does nothing for the large fault: it still has to cross every valley on
# foot. So the sampler of (7.19) stays unadjusted, with small steps, and its bias is the small one of (7.18).

# %% [markdown]
# ## Written question
#
# A friend has trained a perfect score $\mathbf{s}(\mathbf{x}, \sigma)$ for all noise levels, on photos of cats (90%) and dogs (10%). To
# save time, your friend samples with plain Langevin steps at the smallest $\sigma$ only, starts from images of pure noise, and gets
# sharp animals. About half of them are dogs.
#
# 1. The score is perfect and the images are sharp. Explain why there are too many dogs.
# 2. Would ten times as many steps help? Would a Metropolis correction help?
# 3. What would you change, and what has to be true of the largest noise level for it to work?
#
# Answer in a few sentences, with formulas where they help. 6 points, graded by hand.

# %% [markdown] written="langevin.half_dogs" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) Inside the region of cats the share $r_{\text{cat}}$ is 1 and the score is that of cats alone, and likewise
# for dogs (7.10): the weights 0.9 and 0.1 do not occur. So a chain ends in the region whose basin it happened to start in, and its
# proportions are those of the start, not of $p$. Sharpness is a matter of the score inside a region, which is right.
# (2) Ten times as many steps do not help in practice: the time to cross is about one over the density in the valley (7.12), which
# grows exponentially; only astronomically many would. A Metropolis correction removes the bias of the step size, which is not
# the trouble here; it keeps $p$ in place but does not bring the chain there, and moves through the valley stay as rare.
# (3) Use all levels: annealed Langevin (7.19) from the noisiest level down (or the DDPM step, or a predictor-corrector). The largest
# noise must be about as large as the distance between cats and dogs, so that they melt into one hill at that level and particles
# distribute themselves with the right weights; the levels must be close enough, and the number of steps per level large enough, for
# the proportions to follow on the way down.
#
# **Rubric.** (1) Weights absent from the score inside a mode: 1; start decides: 1. (2) More steps, with crossing time: 1; Metropolis
# corrects the step, not the mixing: 1. (3) Ladder from noisy to clean: 1; condition on the largest noise level: 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - One step of Langevin dynamics: $\mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}) + \sqrt{2\eta}\,\boldsymbol\varepsilon$ (7.1). *Plus* the score. Drift and noise
#   cancel to first order in $\eta$, for every function (7.2, 7.3).
# - At a finite step, on $\mathcal{N}(m, v)$, the variance settles at $v/(1-\eta/(2v))$ (7.6); from $\eta = 2v$ on it never settles.
# - The same step is written $\frac{\alpha}{2}, \sqrt{\alpha}$ with $\alpha = 2\eta$ (7.7). Mixed up, it samples a power of $p$ (7.9).
# - The score inside a mode does not know its weight (7.10), and the time to cross a valley is exponential (7.12).
# - Noise fills the valleys (7.13). A geometric ladder (7.15) and steps $\alpha_i = h\,\sigma_i^2/\sigma_1^2$ (7.17) make all
#   levels alike. Annealed Langevin walks down (7.19).
# - A DDPM step is a Langevin step plus a step down the ladder (7.22, 7.23).
# - Accept or stay removes the bias of the step exactly (7.25, 7.26), if $\log p$ is known.
#
# **Where this is in the papers.**
#
# - Roberts and Tweedie 1996, *Exponential convergence of Langevin distributions and their discrete approximations*: the
#   unadjusted and the Metropolis-adjusted algorithm.
# - Song and Ermon 2019, *Generative Modeling by Estimating Gradients of the Data Distribution*: Langevin sampling is eq. 4,
#   slow mixing is section 3.2, annealed Langevin dynamics is Algorithm 1.
# - Song and Ermon 2020, *Improved Techniques for Training Score-Based Generative Models*: how to choose the noise levels.
# - Jolicoeur-Martineau et al. 2021, *Adversarial score matching and improved sampling for image generation*: the last
#   denoising step.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: Algorithm 2, and the remark that it resembles Langevin
#   dynamics, in section 3.2.
# - Song et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*: predictor and corrector.
#
# Next, lesson 08 lets the steps become infinitely small. Forward noising, its reversal and Langevin dynamics become
# stochastic differential equations, and fit into one picture.
