# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 02 The forward process
#
# **What you will be able to do.** You will turn any data into pure noise, in small steps, and say exactly what is left
# of the data after each step. You will jump to any step at once, choose how fast the noise comes, and measure whether
# the end is really noise.
#
# **What it needs.** Lesson 01: factorization along a graph, mean and covariance of Gaussians, affine maps, the
# Kullback-Leibler divergence of two Gaussians.
#
# **Time.** About three hours: one to read and play, two for the twelve exercises. You may skip what is marked
# *stretch*; nothing later depends on it.
#
# A picture before anything else. Run the next two cells.

# %%
import torch

from diffkit import data, explorers, forward, plots, schedule
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
points = data.bumps()  # three bumps on the line, mean 0, variance 1
slow_schedule = schedule.linear(300, 1e-4, 0.04)
start = points.sample(40, generator=torch.Generator().manual_seed(1))
paths = torch.cat(list(forward.trajectory(slow_schedule, start, generator=torch.Generator().manual_seed(2))), dim=1)
grid = torch.linspace(-3.5, 3.5, 240, dtype=torch.float64)
densities = torch.stack(
    [
        points.log_prob(grid.unsqueeze(1), slow_schedule.alpha_bar[t].sqrt(), slow_schedule.noise_var[t].sqrt()).exp()
        for t in range(slow_schedule.T + 1)
    ]
)
plots.trajectories(
    paths,
    grid,
    densities,
    alt="Forty paths start in three bumps on the line and mix, over 300 small noisy steps, into one normal bell curve. "
    "The shading behind them is the exact density at each step.",
    at=[0, 60, 150, 300],
)

# %% [markdown]
# Each line is one data point on its way. On the left, the points sit in three bumps: that is the data. Each step pulls
# a point a little towards zero and pushes it a little at random. On the right, nobody can tell any more which bump a
# point came from. The shading is the exact density of all such points at that time.
#
# Why do we want this? We want to *create* data. Nobody knows how to write down the density of images. But everybody
# can ruin an image with noise, and noise is easy to draw. If we go from data to noise in steps that are small enough,
# then each step can be undone, approximately, and lesson 03 begins to learn how. This lesson is about the easy
# direction. Nothing is learned in it. Everything in it has a formula, and you will code each one.

# %% [markdown]
# ## The notation
#
# Time is counted in whole steps, $t = 0, 1, \dots, T$. Step 0 is the clean data, and step $T$ is the end. Every table
# in this course has $T+1$ entries, so that entry `t` belongs to step $t$, with no shifting by one anywhere. The table
# below lists the symbols of this lesson. Do not learn it by heart; come back to it.

# %% tags=["explore"]
notation("2")

# %% [markdown]
# ## 1. A chain of small steps
#
# We draw a data point $\mathbf{x}_0$ and noise it $T$ times. Each $\mathbf{x}_t$ is made from $\mathbf{x}_{t-1}$ alone.
# As a graph, this is a chain: $\mathbf{x}_0 \to \mathbf{x}_1 \to \dots \to \mathbf{x}_T$. In a chain the only parent of
# $\mathbf{x}_t$ is $\mathbf{x}_{t-1}$. So the rule of lesson 01, one factor for each node given its parents, gives
#
# $$q(\mathbf{x}_{0:T}) = q(\mathbf{x}_0) \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1}) \tag{2.1}$$
#
# Here $q(\mathbf{x}_0)$ is the distribution of the data, for example "images of handwritten digits". We cannot write it
# down. We can only draw from it, by taking an image from the data set. The letter $q$ always means this process, from
# data to noise. The process that goes back will be called $p$.
#
# Every numbered equation in this course runs. The next cell draws random inputs, computes both sides of (2.1) in
# different ways, and compares them: the left side from one big covariance matrix of the whole path, the right side
# step by step. What you see are logarithms of densities.

# %% tags=["explore"]
equation("2.1")

# %% [markdown]
# ## 2. One step
#
# We have to say what one step does. We are free to choose, as long as the chain ends in noise that we know. The choice
# that is made nearly everywhere has one number per step, $\beta_t$ between 0 and 1, and reads
#
# $$q(\mathbf{x}_t \mid \mathbf{x}_{t-1}) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{1-\beta_t}\,\mathbf{x}_{t-1},\ \beta_t \mathbf{I}\right) \tag{2.2}$$
#
# This looks as if it fell from the sky. Let us take it apart.
#
# **What it says as a recipe.** A normal variable is its mean plus its standard deviation times standard noise. So the
# density (2.2) is the same statement as
#
# $$\mathbf{x}_t = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol\varepsilon_t, \qquad \boldsymbol\varepsilon_t \sim \mathcal{N}(\mathbf{0}, \mathbf{I}) \tag{2.3}$$
#
# The noise $\boldsymbol\varepsilon_t$ is drawn anew in each step and knows nothing about $\mathbf{x}_{t-1}$.
#
# **Why the two forms agree.** Given $\mathbf{x}_{t-1}$, the right side of (2.3) is an affine map of a Gaussian, and an
# affine map of a Gaussian is Gaussian. A Gaussian is fixed by its mean and its covariance. So it is enough to compare
# those two.
#
# *The mean.* We condition on $\mathbf{x}_{t-1}$, so it is a known vector, and so is $\sqrt{1-\beta_t}\,\mathbf{x}_{t-1}$. The
# expected value of something known is itself. The noise has mean zero. So
#
# $$\mathbb{E}[\mathbf{x}_t \mid \mathbf{x}_{t-1}] = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1} \tag{2.4}$$
#
# *The covariance.* The known part does not vary, so it adds nothing. Scaling noise by $\sqrt{\beta_t}$ scales its covariance
# $\mathbf{I}$ by the square of that, $\beta_t$:
#
# $$\operatorname{Cov}[\mathbf{x}_t \mid \mathbf{x}_{t-1}] = \beta_t \mathbf{I} \tag{2.5}$$
#
# Mean and covariance are those of (2.2), so the forms agree. From here on, a density and its recipe are two ways to
# write one thing.

# %% tags=["explore"]
equation("2.2")

# %% tags=["explore"]
equation("2.3")

# %% tags=["explore"]
equation("2.4")

# %% tags=["explore"]
equation("2.5")

# %% [markdown]
# **Why the square roots?** Look at one coordinate whose variance is 1. After the step, its variance is
# $(1-\beta_t) \cdot 1 + \beta_t = 1$. The step removes as much variance as it adds. Without the shrinking factor, each step
# would only add, and the numbers would grow and grow. With it, they stay in the same range at every $t$,
# which will be a comfort to the neural network that has to read them.
#
# The word *variance* is where most mistakes are made. $\beta_t$ is a variance. What multiplies the noise is a standard
# deviation, $\sqrt{\beta_t}$.

# %% [markdown]
# ### Exercise 2.1: one step
#
# `forward.q_step` · difficulty 1 · core · 5 minutes · 4 points · equation (2.3)
#
# The noise is handed to you, so that your answer can be compared to the last digit.

# %% exercise="forward.q_step"
def q_step(x_prev, t, beta, noise):
    """x_{t-1} -> x_t.

    x_prev: (B, *D); t: int in 1..T, the same for the whole batch; beta: (T+1,) float64, beta[0] = 0;
    noise: (B, *D) standard normal.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    return (1 - beta[t]).sqrt() * x_prev + beta[t].sqrt() * noise
    ### END SOLUTION

# %% check="forward.q_step" points=4
check("forward.q_step", q_step)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one. There are three for each exercise: the idea, the formula, the line.

# %% tags=["explore"]
hint("forward.q_step")

# %% [markdown]
# ## 3. Many steps, the slow way
#
# To get $\mathbf{x}_t$ from $\mathbf{x}_0$, take $t$ steps. There is nothing to derive. It is slow, and it is obviously
# right, so it will be our witness when we find something faster.
#
# ### Exercise 2.2: walk the chain
#
# `forward.q_sample_loop` · difficulty 2 · core · 8 minutes · 4 points · equation (2.3)
#
# `noises[s]` is the noise of step `s`, so that `noises` has the same index as `beta`. Entry 0 is there only to keep the
# index straight. For `t = 0` no step is taken.

# %% exercise="forward.q_sample_loop"
def q_sample_loop(x_0, t, beta, noises):
    """x_0 -> x_t in t single steps.

    x_0: (B, *D); t: int in 0..T; beta: (T+1,); noises: (T+1, B, *D).  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    x = x_0
    for s in range(1, t + 1):
        x = (1 - beta[s]).sqrt() * x + beta[s].sqrt() * noises[s]
    return x
    ### END SOLUTION

# %% check="forward.q_sample_loop" points=4
check("forward.q_sample_loop", q_sample_loop)

# %% [markdown]
# Here is your loop at work on real digits. If you have not written it yet, the cell says so and goes on.

# %% tags=["explore"]
digits = data.digits()
few = digits.images[[0, 13, 24]]
with when_written():
    beta = schedule.linear(1000).beta
    noises = torch.randn(1001, *few.shape, generator=torch.Generator().manual_seed(0))
    steps = [0, 50, 100, 200, 400, 1000]
    frames = torch.stack([q_sample_loop(few, t, beta, noises) for t in steps], dim=1)
    picture = plots.image_grid(
        frames,
        [f"t = {t}" for t in steps],
        ["", "", ""],
        alt="Three handwritten digits, each at six steps. At t = 100 they are grainy but readable, at t = 200 hardly, "
        "and at t = 400 and t = 1000 one sees only noise.",
    )
    display(picture)

# %% [markdown]
# ## 4. Two steps are one step
#
# Write $\alpha_t = 1 - \beta_t$ for the share of variance that step $t$ keeps. It makes the formulas shorter. Now insert
# the recipe for $\mathbf{x}_{t-1}$ into the recipe for $\mathbf{x}_t$:
#
# $$\mathbf{x}_t = \sqrt{\alpha_t \alpha_{t-1}}\,\mathbf{x}_{t-2} + \sqrt{\alpha_t (1-\alpha_{t-1})}\,\boldsymbol\varepsilon_{t-1} + \sqrt{1-\alpha_t}\,\boldsymbol\varepsilon_t \tag{2.6}$$
#
# There are two noises in it. They are independent and Gaussian, so their sum is Gaussian too, with mean zero, and the
# *variances* add:
#
# $$\alpha_t (1-\alpha_{t-1}) + (1-\alpha_t) = 1 - \alpha_t \alpha_{t-1} \tag{2.7}$$
#
# The terms $+\alpha_t$ and $-\alpha_t$ cancelled. So two steps have just the form of one step, with the product
# $\alpha_t \alpha_{t-1}$ in the place of $\alpha_t$. The two noises can be replaced by a single one.

# %% tags=["explore"]
equation("2.6")

# %% tags=["explore"]
equation("2.7")

# %% [markdown]
# ## 5. Any number of steps
#
# If two steps multiply their alphas, then $t$ steps should multiply all of theirs. Give the product a name:
#
# $$\bar\alpha_t = \prod_{s=1}^{t} \alpha_s \tag{2.8}$$
#
# An empty product is 1, so $\bar\alpha_0 = 1$. The bar marks a running product. It does not mean an average. In the
# lecture that this course grew from, somebody asked about the bar and the first answer was "geometric mean", taken back
# a moment later. We keep that wrong form and let it be refuted, because it is easy to believe:

# %% tags=["explore"]
equation("2.8")

# %% tags=["explore"]
erratum("2.8e")

# %% [markdown]
# ### Exercise 2.3: the table of $\bar\alpha$
#
# `forward.alpha_bar_table` · difficulty 1 · core · 5 minutes · 3 points · equation (2.8)

# %% exercise="forward.alpha_bar_table"
def alpha_bar_table(beta):
    """beta (T+1,) float64 with beta[0] = 0  ->  alpha_bar (T+1,) with alpha_bar[0] = 1."""
    ### BEGIN SOLUTION
    return torch.cumprod(1 - beta, dim=0)
    ### END SOLUTION

# %% check="forward.alpha_bar_table" points=3
check("forward.alpha_bar_table", alpha_bar_table)

# %% [markdown]
# **The proof, by induction.** We claim that after $t$ steps
#
# $$q(\mathbf{x}_t \mid \mathbf{x}_0) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\mathbf{x}_0,\ (1-\bar\alpha_t)\mathbf{I}\right) \tag{2.10}$$
#
# *It starts right.* For $t = 1$ the claim is (2.2), because $\bar\alpha_1 = \alpha_1 = 1 - \beta_1$.
#
# *It goes on.* Suppose it holds at $t-1$. The next step multiplies $\mathbf{x}_{t-1}$ by $\sqrt{\alpha_t}$ and adds fresh
# noise, which knows nothing of $\mathbf{x}_0$. So $\mathbf{x}_t$ is Gaussian again, by tool 1 of lesson 01. The mean becomes
# $\sqrt{\alpha_t}\sqrt{\bar\alpha_{t-1}}\,\mathbf{x}_0 = \sqrt{\bar\alpha_t}\,\mathbf{x}_0$. The
# old variance $1 - \bar\alpha_{t-1}$ is multiplied by $\alpha_t$, and $\beta_t = 1 - \alpha_t$ is added:
#
# $$\alpha_t (1-\bar\alpha_{t-1}) + (1-\alpha_t) = 1 - \bar\alpha_t \tag{2.9}$$
#
# That is the claim at $t$. So it holds for every $t$.
#
# As a recipe, the claim is the most used line of the whole course:
#
# $$\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon, \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I}) \tag{2.11}$$
#
# Read it at its ends. Where $\bar\alpha_t = 1$, we have the clean data. Where $\bar\alpha_t = 0$, we have pure noise. In
# between, for data of variance 1, $\bar\alpha_t$ is the share of the variance that is still data. The numbers $\bar\alpha_t$
# are not random and not learned here: we choose them, in section 8. (They *can* be learned. Lesson 12 does it.)
#
# What about $\mathbf{x}_0$: is it random or not? Both. When we draw it from the data, it is. Behind the bar it is known, a fixed
# image, and all the randomness of $\mathbf{x}_t$ comes from the noise. Section 10 draws it again.

# %% tags=["explore"]
equation("2.9")

# %% tags=["explore"]
equation("2.10")

# %% tags=["explore"]
equation("2.11")

# %% [markdown]
# A jump replaces a loop of a thousand steps. That is why training a diffusion model is cheap: to see a training image at
# step 700, nobody walks there.
#
# If all the noise can be added at once, why not take it away at once? Because forward we know where we start. Backward we
# see only $\mathbf{x}_t$, and many different points may have led there. After a small step they all lie close to
# $\mathbf{x}_t$, and the way back has a simple shape. After a big jump they may be anywhere in the data, and it has not.
# Lessons 03 and 05 make this exact.
#
# Mind the root over $\bar\alpha_t$. It is easily lost when the formula is said aloud:

# %% tags=["explore"]
erratum("2.11e")

# %% [markdown]
# ### Exercise 2.4: the jump
#
# `forward.q_sample` · difficulty 2 · core · 10 minutes · 5 points · equation (2.11)
#
# In training, every image of a batch gets its own step. So `t` has shape `(B,)` here, and the two coefficients have
# shape `(B,)` as well, while the images have shape `(B, C, H, W)`. Torch lines up shapes from the *last* axis. If you
# multiply right away, it compares `B` with `W`: an error if they differ, and a silent wrong answer if they happen to be
# equal. Reshape the coefficients to `(B, 1, .., 1)`, with as many axes as the images have.
#
# And mind the dtype. The table is float64, the images are float32. Multiplied, they become float64.

# %% exercise="forward.q_sample"
def q_sample(x_0, t, alpha_bar, noise):
    """x_0 -> x_t in one jump, a different t for each example.

    x_0: (B, *D); t: (B,) int64 in 0..T; alpha_bar: (T+1,) float64; noise: (B, *D).
    Returns (B, *D) in x_0's dtype.
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1))
    return a.sqrt() * x_0 + (1 - a).sqrt() * noise
    ### END SOLUTION

# %% check="forward.q_sample" points=5
check("forward.q_sample", q_sample)

# %% [markdown]
# Now move the slider of the next cell. On the left is the density of the three bumps, on the right a digit with one
# fixed noise. Arrow keys work too. Watch when the bumps melt together, and when you can no longer read the digit. Of the
# numbers shown you know $\bar\alpha_t$; the other two come in sections 8 and 9.

# %% tags=["explore"]
explorers.forward_process()

# %% [markdown]
# ## 6. Where did all the noises go?
#
# The loop used $t$ noises, the jump uses one. They cannot be the same picture, unless we choose the one noise well.
# Follow $\boldsymbol\varepsilon_s$, the noise of step $s$. It enters with the factor $\sqrt{\beta_s}$. Every later step
# shrinks it, by $\sqrt{\alpha_{s+1}}, \dots, \sqrt{\alpha_t}$. The product of these alphas is $\bar\alpha_t / \bar\alpha_s$.
# So what the noises add up to at step $t$, divided by its standard deviation, is
#
# $$\boldsymbol\varepsilon = \frac{1}{\sqrt{1-\bar\alpha_t}} \sum_{s=1}^{t} \sqrt{\frac{\bar\alpha_t}{\bar\alpha_s}\,\beta_s}\ \boldsymbol\varepsilon_s \tag{2.12}$$
#
# Is its variance 1, as it should be? The variances of the parts have to add up to $1 - \bar\alpha_t$, and they do:
#
# $$\sum_{s=1}^{t} \frac{\bar\alpha_t}{\bar\alpha_s}\,\beta_s = 1 - \bar\alpha_t \tag{2.13}$$
#
# (Put $\beta_s = 1 - \bar\alpha_s/\bar\alpha_{s-1}$. Each term becomes $\bar\alpha_t/\bar\alpha_s - \bar\alpha_t/\bar\alpha_{s-1}$, and
# neighbours cancel until only the first and the last are left.)

# %% tags=["explore"]
equation("2.12")

# %% tags=["explore"]
equation("2.13")

# %% [markdown]
# ### Exercise 2.5: one noise for many
#
# `forward.collapse_noise` · difficulty 4 · stretch · 20 minutes · 4 points · equation (2.12)

# %% exercise="forward.collapse_noise"
def collapse_noise(noises, t, beta):
    """The single noise with which the jump lands where the loop lands.

    noises: (T+1, B, *D), noises[s] belongs to step s; t: int in 1..T; beta: (T+1,).  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    weights = (alpha_bar[t] / alpha_bar[1 : t + 1] * beta[1 : t + 1]).sqrt().to(noises)
    total = (weights.reshape(-1, *[1] * (noises.ndim - 1)) * noises[1 : t + 1]).sum(0)
    return total / (1 - alpha_bar[t]).sqrt().to(noises)
    ### END SOLUTION

# %% check="forward.collapse_noise" points=4
check("forward.collapse_noise", collapse_noise)

# %% [markdown]
# Now the witness speaks. Loop and jump, on real digits, with the noise that you collapsed: the largest difference is a
# rounding error.

# %% tags=["explore"]
with when_written():
    t = 400
    slow = q_sample_loop(few.double(), t, beta, noises.double())
    fast = q_sample(
        few.double(),
        torch.full((len(few),), t),
        alpha_bar_table(beta),
        collapse_noise(noises.double(), t, beta),
    )
    print(f"loop of {t} steps against one jump: largest difference {(slow - fast).abs().max():.1e}")

# %% [markdown]
# ## 7. From the middle, and to the end
#
# **From $s$ to $t$.** Nothing in the argument needed the chain to start at 0. Between $s$ and $t$ the steps
# $s+1, \dots, t$ act, and the product of their alphas is $\bar\alpha_t/\bar\alpha_s$. So
#
# $$q(\mathbf{x}_t \mid \mathbf{x}_s) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\tfrac{\bar\alpha_t}{\bar\alpha_s}}\,\mathbf{x}_s,\ \Big(1-\tfrac{\bar\alpha_t}{\bar\alpha_s}\Big)\mathbf{I}\right) \tag{2.14}$$
#
# For $s = t-1$ this is one step again, and for $s = 0$ it is the jump. Fast samplers, in lesson 10, will use it to leave
# steps out.

# %% tags=["explore"]
equation("2.14")

# %% [markdown]
# ### Exercise 2.6: from $s$ to $t$
#
# `forward.compose` · difficulty 2 · core · 8 minutes · 3 points · equation (2.14)

# %% exercise="forward.compose"
def compose(alpha_bar, s, t):
    """Scale and variance of the jump from x_s to x_t.

    alpha_bar: (T+1,); s, t: int with 0 <= s <= t <= T.  Returns (scale, variance), two numbers.
    """
    ### BEGIN SOLUTION
    ratio = alpha_bar[t] / alpha_bar[s]
    return ratio.sqrt(), 1 - ratio
    ### END SOLUTION

# %% check="forward.compose" points=3
check("forward.compose", compose)

# %% [markdown]
# **To the end.** When is $\mathbf{x}_T$ pure noise? When $\bar\alpha_T$ goes to 0 as $T$ grows. Then (2.10) goes to
# $\mathcal{N}(\mathbf{0}, \mathbf{I})$, whatever $\mathbf{x}_0$ was. A product is easier to see through its logarithm, and
# $\log(1-b) \le -b$:
#
# $$\log \bar\alpha_T = \sum_{t=1}^{T} \log(1-\beta_t) \le -\sum_{t=1}^{T} \beta_t \tag{2.15}$$
#
# So if the betas add up to infinity, then $\log \bar\alpha_T$ goes to minus infinity and $\bar\alpha_T$ goes to 0. It
# is *not* enough that there are many steps. If the betas die out too fast, some of the data stays for ever. The
# standard example:
#
# $$\beta_t = \frac{1}{(t+1)^2} \quad\Longrightarrow\quad \bar\alpha_T = \frac{T+2}{2(T+1)} \;\longrightarrow\; \frac12 \tag{2.16}$$
#
# Here $1 - \beta_t = \frac{t\,(t+2)}{(t+1)^2}$, and in the product nearly everything cancels. After infinitely many steps,
# half of the variance is still data.

# %% tags=["explore"]
equation("2.15")

# %% tags=["explore"]
equation("2.16")

# %% [markdown]
# ## 8. Schedules: how fast should the noise come?
#
# The list $\beta_1, \dots, \beta_T$ is called a *schedule*. We choose it, and $T$ too. One thing is required: at the end nearly
# nothing of the data may be left. On the way there we are free. Two schedules are in wide use.
#
# **Linear.** The betas lie on a straight line. The paper that made diffusion models popular takes $T = 1000$,
# $\beta_1 = 10^{-4}$ and $\beta_T = 0.02$.
#
# $$\beta_t = \beta_1 + \frac{t-1}{T-1}\,(\beta_T - \beta_1) \tag{2.17}$$
#
# **Cosine.** Here the curve of $\bar\alpha$ is drawn first, and the betas follow from it. The small offset $s_0 = 0.008$
# keeps the first steps from being too tiny.
#
# $$\bar\alpha_t = \frac{f(t)}{f(0)}, \qquad f(t) = \cos^2\!\left(\frac{\pi}{2} \cdot \frac{t/T + s_0}{1 + s_0}\right), \qquad \beta_t = 1 - \frac{\bar\alpha_t}{\bar\alpha_{t-1}} \tag{2.18}$$
#
# At $t = T$ the curve reaches 0, which would need $\beta_T = 1$. So $\beta_t$ is clipped, usually at 0.999.

# %% tags=["explore"]
equation("2.17")

# %% tags=["explore"]
equation("2.18")

# %% [markdown]
# ### Exercise 2.7: the linear table
#
# `forward.linear_betas` · difficulty 1 · core · 5 minutes · 3 points · equation (2.17)
#
# For $T = 1$ the formula divides by 0. There the one step has $\beta_1$.

# %% exercise="forward.linear_betas"
def linear_betas(T, beta_1, beta_T):
    """The linear table of betas: (T+1,) float64 with beta[0] = 0, beta[1] = beta_1 and, for T > 1, beta[T] = beta_T."""
    ### BEGIN SOLUTION
    line = torch.linspace(beta_1, beta_T, T, dtype=torch.float64)
    return torch.cat([torch.zeros(1, dtype=torch.float64), line])
    ### END SOLUTION

# %% check="forward.linear_betas" points=3
check("forward.linear_betas", linear_betas)

# %% [markdown]
# ### Exercise 2.8: the cosine table
#
# `forward.cosine_betas` · difficulty 2 · core · 10 minutes · 3 points · equation (2.18)
#
# The argument `s` is the offset $s_0$.

# %% exercise="forward.cosine_betas"
def cosine_betas(T, s, beta_max):
    """The cosine table of betas: (T+1,) float64 with beta[0] = 0, no beta above beta_max."""
    ### BEGIN SOLUTION
    t = torch.arange(T + 1, dtype=torch.float64)
    f = torch.cos(torch.pi / 2 * (t / T + s) / (1 + s)) ** 2
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = (1 - f[1:] / f[:-1]).clamp(max=beta_max)
    return beta
    ### END SOLUTION

# %% check="forward.cosine_betas" points=3
check("forward.cosine_betas", cosine_betas)

# %% [markdown]
# **What a schedule does to the data** is best read from the *signal-to-noise ratio*: how much of the variance comes from
# the data, divided by how much comes from noise. For data of variance 1 the jump (2.11) tells both.
#
# $$\mathrm{SNR}(t) = \frac{\bar\alpha_t}{1-\bar\alpha_t} \tag{2.19}$$
#
# It is infinite at $t = 0$ and falls to nearly 0 at $t = T$. Later lessons will show that a diffusion model sees a
# schedule only through this curve.

# %% tags=["explore"]
equation("2.19")

# %% [markdown]
# ### Exercise 2.9: signal to noise
#
# `forward.snr` · difficulty 1 · core · 3 minutes · 2 points · equation (2.19)

# %% exercise="forward.snr"
def snr(alpha_bar):
    """alpha_bar (N,) -> signal-to-noise ratio (N,), infinite where alpha_bar is 1."""
    ### BEGIN SOLUTION
    return alpha_bar / (1 - alpha_bar)
    ### END SOLUTION

# %% check="forward.snr" points=2
check("forward.snr", snr)

# %% tags=["explore"]
with when_written():
    T = 1000
    tables = {"linear": alpha_bar_table(linear_betas(T, 1e-4, 0.02))}
    tables["cosine"] = alpha_bar_table(cosine_betas(T, 0.008, 0.999))
    inner = torch.arange(1, T)  # without t = 0, where the ratio is infinite, and t = T, where beta is clipped
    picture = plots.curves(
        inner,
        {name: snr(table)[inner] for name, table in tables.items()},
        alt="Signal-to-noise ratio against t on a logarithmic scale, for the linear and the cosine schedule. Both "
        "fall from about ten thousand. The linear one is lower nearly everywhere; the cosine one falls steeply at the end.",
        y_label="SNR",
        y_scale="log",
    )
    display(picture)

# %% [markdown]
# Design one yourself. In the next cell choose a kind of schedule and move its sliders. The three panels show $\beta_t$ (its
# logarithm to base 10), $\bar\alpha_t$, and the signal-to-noise ratio (its logarithm, too), beside the linear schedule of the
# paper. Below them is a number that the next section explains: how far the end is from pure noise, measured on real digits.
# It is also put in words: a judge who knows the digit sees $\mathbf{x}_T$ or pure noise, and has to say which. How often can
# the best judge be right?

# %% tags=["explore"]
explorers.schedule_designer()

# %% [markdown]
# ## 9. Is $T = 200$ enough?
#
# A generative model will start from pure noise, $\mathcal{N}(\mathbf{0}, \mathbf{I})$, because that is what it can draw.
# The chain, however, ends in $q(\mathbf{x}_T \mid \mathbf{x}_0)$. If the two differ, the model starts from the wrong
# place. The Kullback-Leibler divergence says by how much.
#
# Both are Gaussians with independent coordinates. From lesson 01, one coordinate with mean $m$ and variance $v$ has the
# divergence $\frac12(m^2 + v - 1 - \log v)$ from $\mathcal{N}(0, 1)$. Here $m = \sqrt{\bar\alpha_t}\,x_0$ and
# $v = 1 - \bar\alpha_t$. Summed over the $d$ coordinates:
#
# $$D_{\mathrm{KL}}\!\left(q(\mathbf{x}_t \mid \mathbf{x}_0)\,\|\,\mathcal{N}(\mathbf{0},\mathbf{I})\right) = \tfrac12\left[\bar\alpha_t\left(\|\mathbf{x}_0\|^2 - d\right) - d \log(1-\bar\alpha_t)\right] \tag{2.20}$$
#
# At $t = T$ this number has a name, $L_T$. It is the first of the three parts of the bound in lesson 04.

# %% tags=["explore"]
equation("2.20")

# %% [markdown]
# ### Exercise 2.10: distance to the prior
#
# `forward.kl_to_prior` · difficulty 3 · core · 12 minutes · 4 points · equation (2.20)

# %% exercise="forward.kl_to_prior"
def kl_to_prior(x_0, t, alpha_bar):
    """KL( q(x_t | x_0) || N(0, I) ) in nats.

    x_0: (B, *D); t: (B,) int64 in 1..T; alpha_bar: (T+1,) float64.  Returns (B,).
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].to(x_0)
    x = x_0.flatten(1)
    d = x.shape[1]
    return 0.5 * (a * ((x**2).sum(1) - d) - d * torch.log(1 - a))
    ### END SOLUTION

# %% check="forward.kl_to_prior" points=4
check("forward.kl_to_prior", kl_to_prior)

# %% [markdown]
# Now the answer for real digits, with the range of betas of the paper. $T = 200$ is *not* enough: $\bar\alpha_T$ is 0.13, so an
# eighth of each image's variance is still there at the end. With a thousand steps the divergence is a thousandth of a nat.

# %% tags=["explore"]
with when_written():
    images = digits.images.double()
    for T in (100, 200, 500, 1000):
        table = alpha_bar_table(linear_betas(T, 1e-4, 0.02))
        distance = kl_to_prior(images, torch.full((len(images),), T), table).mean()
        print(f"T = {T:4d}   alpha_bar_T = {float(table[-1]):8.2g}   mean divergence {float(distance):8.2g} nats")

# %% [markdown]
# ### Exercise 2.11: how many steps?
#
# `forward.smallest_T` · difficulty 3 · stretch · 15 minutes · 4 points · equation (2.20)
#
# You are given a function that makes the betas for any $T$. Find the smallest $T$ for which the *mean* divergence over
# the batch is at most `kl_max`. The divergence falls as $T$ grows. One point is for asking `make_beta` at most 40 times.

# %% exercise="forward.smallest_T"
def smallest_T(make_beta, x_0, kl_max):
    """The smallest T with mean KL( q(x_T | x_0) || N(0, I) ) <= kl_max.

    make_beta: function from T to a table (T+1,); x_0: (B, *D); kl_max: float, in nats.  Returns an int.
    """
    ### BEGIN SOLUTION
    def enough(T):
        table = alpha_bar_table(make_beta(T))
        return kl_to_prior(x_0, torch.full((len(x_0),), T), table).mean() <= kl_max

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2  # here it is not enough yet
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high
    ### END SOLUTION

# %% check="forward.smallest_T" points=4
check("forward.smallest_T", smallest_T)

# %% [markdown]
# ## 10. The whole distribution
#
# So far we followed one data point. Now forget which one it was: where is $\mathbf{x}_t$ if $\mathbf{x}_0$ is any data
# point?
#
# **Its variance.** Let one coordinate of the data have variance $\operatorname{Var}[x_0]$. Data and noise are independent,
# so by (2.11) the variances of the two parts add:
#
# $$\operatorname{Var}[x_t] = \bar\alpha_t \operatorname{Var}[x_0] + (1-\bar\alpha_t) \tag{2.21}$$
#
# Data of variance 1 keeps the variance 1 at every step. That is why this kind of process is called *variance preserving*.
# Other data moves steadily towards variance 1.
#
# **Its density** is an average of jumps, $q(\mathbf{x}_t) = \int q(\mathbf{x}_t \mid \mathbf{x}_0)\, q(\mathbf{x}_0)\, d\mathbf{x}_0$.
# For images nobody can compute this integral. For a *mixture of Gaussians* everybody can. There a data point is drawn in two
# steps: first a component $k$, with probability $w_k$, then a point from $\mathcal{N}(\boldsymbol\mu_k, S_k)$. A point from
# component $k$ is Gaussian; the jump scales it and adds independent Gaussian noise; so it stays Gaussian. The chance to
# come from component $k$ does not change at all. Hence
#
# $$q(\mathbf{x}_t) = \int q(\mathbf{x}_t \mid \mathbf{x}_0)\, q(\mathbf{x}_0)\, d\mathbf{x}_0 = \sum_k w_k\, \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right) \tag{2.22}$$
#
# This is the shading in the first picture. It is also the reason why mixtures stay with us through the whole course:
# with them every answer is known exactly, so that anything that is learned can be compared with the truth.

# %% tags=["explore"]
equation("2.21")

# %% tags=["explore"]
equation("2.22")

# %% [markdown]
# ### Exercise 2.12: density of a noisy mixture
#
# `forward.noisy_mixture_log_density` · difficulty 3 · core · 15 minutes · 5 points · equation (2.22)
#
# On the line, with standard deviations instead of covariances. One point is for points far from the data: there every
# density is so small that it is rounded to 0, and $\log 0$ is $-\infty$. `torch.logsumexp` adds numbers that are given
# by their logarithms, without that accident.

# %% exercise="forward.noisy_mixture_log_density"
def noisy_mixture_log_density(x, t, alpha_bar, weights, means, stds):
    """log q(x_t) at the points x, for a mixture on the line.

    x: (N,); t: int in 0..T; alpha_bar: (T+1,); weights, means, stds: (K,).  Returns (N,).
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t]
    mean, variance = a.sqrt() * means, a * stds**2 + 1 - a
    square = (x.unsqueeze(1) - mean) ** 2 / variance
    parts = torch.log(weights) - 0.5 * (square + torch.log(2 * torch.pi * variance))
    return torch.logsumexp(parts, dim=1)
    ### END SOLUTION

# %% check="forward.noisy_mixture_log_density" points=5
check("forward.noisy_mixture_log_density", noisy_mixture_log_density)

# %% tags=["explore"]
with when_written():
    table = alpha_bar_table(linear_betas(300, 1e-4, 0.04))
    bumps = (points.weights, points.means[:, 0], points.covs[:, 0, 0].sqrt())
    picture = plots.density(
        grid,
        {f"t = {t}": noisy_mixture_log_density(grid, t, table, *bumps).exp() for t in (0, 30, 80, 300)},
        alt="Density of three bumps on the line at t = 0, 30, 80 and 300: the bumps widen and melt into one bell curve.",
    )
    display(picture)

# %% [markdown]
# **A second look: heat.** The bumps melt as heat spreads in a metal rod. This is more than a figure of speech. Undo the
# shrinking by looking at $\mathbf{y} = \mathbf{x}_t / \sqrt{\bar\alpha_t}$. By (2.11), $\mathbf{y}$ is the data plus noise
# of variance $\tau = (1-\bar\alpha_t)/\bar\alpha_t$, which is one over the signal-to-noise ratio. Let $\tau$ grow by a small
# $\delta$. That adds a little more noise, so the new density at $\mathbf{y}$ is an average of the old one around $\mathbf{y}$, at the
# points $\mathbf{y} - \sqrt\delta\,\boldsymbol\varepsilon$. In the Taylor series of the old density the slope averages out, because the noise
# has mean 0. The curvature stays, with the factor $\frac\delta2$, because each coordinate of the noise has variance 1. So
# the density of $\mathbf{y}$ follows the heat equation: it changes by half its curvature. ($\nabla^2$ adds the second
# derivatives of all coordinates.)
#
# $$\frac{\partial p_\tau(\mathbf{y})}{\partial \tau} = \tfrac12 \nabla^2 p_\tau(\mathbf{y}), \qquad \mathbf{y} = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}} = \mathbf{x}_0 + \sqrt{\tau}\,\boldsymbol\varepsilon, \quad \tau = \frac{1-\bar\alpha_t}{\bar\alpha_t} \tag{2.23}$$
#
# Peaks (negative curvature) sink and valleys fill. It also says why the way back is hard: running heat backwards
# sharpens every little error. We will need to know which way is *up* in the density, and that is the score of lesson 06.

# %% tags=["explore"]
equation("2.23")

# %% [markdown]
# Once more the melting, now of two half moons in the plane. Their density has no formula, but samples are easy to draw:

# %% tags=["explore"]
moons = data.two_moons(1500, generator=torch.Generator().manual_seed(3))
standard = schedule.linear(1000)
noise = torch.randn(moons.shape, generator=torch.Generator().manual_seed(4))
shown = [0, 50, 150, 300, 1000]
plots.scatter(
    torch.stack([forward.q_sample(standard, moons, t, noise=noise) for t in shown]),
    [f"t = {t}" for t in shown],
    alt="Two interleaved half moons of points at five steps: the shape blurs at t = 50, is barely seen at t = 150, and "
    "at t = 300 and t = 1000 the points form a round cloud.",
)

# %% [markdown]
# ## Written question
#
# A friend proposes a simpler step: "Why shrink at all? I just add noise, $\mathbf{x}_t = \mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol\varepsilon_t$."
#
# 1. Give the distribution of $\mathbf{x}_t$ given $\mathbf{x}_0$ in your friend's process.
# 2. From which distribution would a generative model have to start, and what goes wrong if it starts from
#    $\mathcal{N}(\mathbf{0}, \mathbf{I})$?
# 3. Is your friend's process useless? Compare its signal-to-noise ratio with ours.
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="forward.why_shrink" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) Independent Gaussian steps add: $\mathbf{x}_t \mid \mathbf{x}_0 \sim \mathcal{N}(\mathbf{x}_0, \sum_{s \le t} \beta_s\, \mathbf{I})$.
# (2) The mean never moves and the variance grows without bound. For large $T$ the end is close to
# $\mathcal{N}(\mathbf{0}, \sigma_T^2 \mathbf{I})$ with $\sigma_T^2 = \sum \beta_s$ far above the spread of the data, and a model must start
# there. Started from $\mathcal{N}(\mathbf{0}, \mathbf{I})$ it would see inputs that are much too small, unlike anything at step $T$.
# (3) It is not useless: the signal-to-noise ratio is $1/\sum_{s\le t} \beta_s$ and can be made the same as ours by choice of betas;
# dividing $\mathbf{x}_t$ by $\sqrt{1 + \sigma_t^2}$ turns one process into the other. This is the variance-exploding process.
#
# **Rubric.** Distribution: mean 1, variance 1. Start: right distribution named 1, consequence of the wrong start 1.
# Comparison: signal-to-noise ratio 1, the two processes differ by a rescaling only 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - One step: $\mathbf{x}_t = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol\varepsilon_t$ (2.3). It keeps variance 1.
# - Any number of steps: $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon$ (2.11), with
#   the running product $\bar\alpha_t$ (2.8).
# - From $s$ to $t$ the ratio $\bar\alpha_t / \bar\alpha_s$ takes its place (2.14).
# - The end is noise if the betas add up to infinity (2.15). How close it is, (2.20) tells.
# - What a schedule does is told by its signal-to-noise ratio (2.19).
# - The noisy density of a Gaussian mixture is known exactly (2.22). It is our truth from here on.
#
# **Where this is in the papers.**
#
# - Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*, section 2.1: the
#   forward chain.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: the step is eq. 2, the jump eq. 4, the linear schedule is
#   in section 4.
# - Nichol and Dhariwal 2021, *Improved Denoising Diffusion Probabilistic Models*: the cosine schedule, eq. 17.
# - Kingma et al. 2021, *Variational Diffusion Models*: the signal-to-noise ratio as the clock, section 3.1.
#
# Next, lesson 03 turns around and asks what a model that goes from noise to data should maximise.
