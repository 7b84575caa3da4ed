# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 08 Stochastic differential equations
#
# **What you will be able to do.** You will let the steps of the noising chain become infinitely small, and see what is
# left: an equation for a random path. You will compute with it: means, variances, and the flow of a whole density. You
# will turn its time around, exactly, and find that the only thing you need for the way back is the score. Then the DDPM
# sampler and Langevin dynamics take their places in one algorithm: one predicts, the other corrects.
#
# **What it needs.** Lesson 02: the forward process. Lesson 05: the DDPM sampler. Lesson 06: the score. Lesson 07:
# Langevin dynamics and the ladder of noise levels. No knowledge of stochastic calculus: the little that is needed is
# made here.
#
# **Time.** About four and a half hours: not quite two to read and play, the rest for the sixteen exercises. You may
# skip what is marked *proof*; nothing later depends on it.
#
# A picture before anything else. Run the next cells.

# %%
import math
from itertools import pairwise

import torch

from diffkit import data, explorers, plots
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit.metrics import energy_distance
from diffkit.sde import VE, VP, SubVP


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def draws(seed):
    return torch.Generator().manual_seed(seed)


def normal(seed, *shape):
    return torch.randn(*shape, generator=draws(seed), dtype=torch.float64)


def even(n, end=1.0):
    return torch.linspace(0, end, n + 1, dtype=torch.float64)


def chain(x, noises, beta_min=0.1, beta_max=12.0):
    """The DDPM chain with as many steps as there are noises; all its points."""
    path, T = [x], len(noises)
    for i in range(1, T + 1):
        beta = (beta_min + i / T * (beta_max - beta_min)) / T
        path.append((1 - beta) ** 0.5 * path[-1] + beta**0.5 * noises[i - 1])
    return torch.stack(path)


fine = normal(4, 1024, 1)
jagged = even(1024), chain(numbers(1.3), fine)[:, 0]
panels = {}
for T in (16, 64, 256):
    grouped = fine.reshape(T, -1, 1).sum(1) / (1024 / T) ** 0.5  # section 7 tells why
    panels[f"T = {T}"] = {"1024 steps": jagged, "T steps": (even(T), chain(numbers(1.3), grouped)[:, 0])}
plots.curve_panels(
    panels,
    alt="Three panels over time from 0 to 1. In each the same jagged curve of 1024 steps, and over it the chain of T steps, "
    "all starting at 1.3. The one of 16 steps cuts corners; the one of 64 is nearer; the one of 256 can hardly be told apart.",
    x_label="t",
)

# %% [markdown]
# A DDPM chain with 16 steps, with 64, with 256, each over one with 1024. All were given the same noise: the long steps
# use the sum of what the short ones use. The lines come closer and closer to one jagged curve. The number of steps $T$ was never a
# property of the data or of the noise: it was how finely we looked.
#
# So let us look infinitely finely. This pays in four ways. The formulas become shorter. The chain of DDPM and the
# ladder of Langevin dynamics become two cases of one thing. The way back has an exact formula. And how many steps a
# sampler takes becomes a question of numerical methods, which is asked anew in lessons 09 and 10.

# %% [markdown]
# ## The notation
#
# Careful: $t$ is now a **real number** from 0 (data) to 1 (noise). A chain of $T$ steps visits
# $t = 0, \frac1T, \frac2T, \dots, 1$. The length of a step is $\Delta$.
#
# Careful again: $\alpha(t)$ and $\sigma(t)$ are the factors in
# $\mathbf{x}_t = \alpha(t)\,\mathbf{x}_0 + \sigma(t)\,\boldsymbol\varepsilon$. What the chain calls
# $\sqrt{\bar\alpha_t}$ is $\alpha(t)$ here. The $\alpha_t = 1-\beta_t$ of lesson 02 does not occur. Come back to this
# table when you need it.

# %% tags=["explore"]
notation("8")

# %% [markdown]
# ## 1. Noise in continuous time
#
# We cut the time from 0 to 1 into $n$ steps of length $\Delta = 1/n$, and add independent noise in each. How large must
# the noise of one step be, so that the result still makes sense when $n$ grows? Variances of independent noise add up.
# Call the variance of one step $c$. Then the variance at the end is $n\,c = c/\Delta$.
#
# - With $c = \Delta^2$ it is $\Delta$, and goes to 0. In the limit there is no noise at all.
# - With $c = \sqrt\Delta$ it is $1/\sqrt\Delta$, and explodes.
# - Only if $c$ is proportional to $\Delta$ does something remain. With $c = \Delta$ the variance at time 1 is 1.
#
# So noise over a time $\Delta$ has the variance $\Delta$ and the standard deviation $\sqrt\Delta$. Everything that is
# strange in this lesson comes from that root.
#
# The process that grows by such increments is called a **Wiener process**, or Brownian motion:
#
# $$\mathbf{w}_0 = \mathbf{0}, \qquad \mathbf{w}_t - \mathbf{w}_s \sim \mathcal{N}\big(\mathbf{0},\ (t-s)\,\mathbf{I}\big) \quad \text{for } s < t, \text{ independent of all that was before } s \tag{8.1}$$
#
# Is this free of contradictions? Cut the time from $s$ to $t$ anywhere. The two increments are independent normal
# numbers; their variances are the lengths of the two pieces; their sum is normal with the variance $t - s$ again. It
# does not matter where, or how often, we cut. The twin of (8.1) checks just that. (That there is such a process whose
# paths have no jumps is a theorem by Wiener, which we take on trust.)

# %% tags=["explore"]
equation("8.1")

# %% [markdown]
# Two points of the same path are not independent: the later one contains the earlier one. Write
# $w_t = w_s + (w_t - w_s)$ for $s < t$ and multiply by $w_s$. The mean of $w_s^2$ is $s$. The second part is
# independent of $w_s$ and has mean 0. So
#
# $$\mathbb{E}[w_s\,w_t] = \min(s, t) \tag{8.2}$$

# %% tags=["explore"]
equation("8.2")

# %% [markdown]
# ### Exercise 8.1: a Wiener path
#
# `sde.wiener_path` · difficulty 1 · core · 6 minutes · 4 points · equation (8.1)
#
# The times rise, but their distances may differ. The path begins at 0 at the first of them.

# %% exercise="sde.wiener_path"
def wiener_path(times, noise):
    """Wiener paths at the given times.

    times: (n+1,) float64, rising; noise: (n, *D) standard normal.  Returns (n+1, *D) in noise's dtype, zeros first.
    """
    ### BEGIN SOLUTION
    scale = times.diff().sqrt().to(noise).reshape(-1, *[1] * (noise.ndim - 1))
    return torch.cat([torch.zeros_like(noise[:1]), (scale * noise).cumsum(0)])
    ### END SOLUTION

# %% check="sde.wiener_path" points=4
check("sde.wiener_path", wiener_path)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one: the idea, the formula, the line.

# %% tags=["explore"]
hint("sde.wiener_path")

# %% [markdown]
# Your paths, 25 of them, in 400 steps. The axis counts the steps $k$, and $x_k$ is $w$ at the time $k/400$. Behind them is
# the density of $w_t$ that (8.1) says: a bell whose standard deviation grows like $\sqrt t$.

# %% tags=["explore"]
with when_written():
    places = torch.linspace(-3, 3, 161, dtype=torch.float64)
    bell = torch.exp(-0.5 * places**2 / (even(400)[:, None] + 1e-3)) / (2 * torch.pi * (even(400)[:, None] + 1e-3)) ** 0.5
    picture = plots.trajectories(
        wiener_path(even(400), normal(5, 400, 25)).mT,
        places,
        bell.clamp(max=1.7),
        alt="Twenty-five jagged paths start at 0 and spread. Over 400 steps the dark band behind them, the density, widens fast "
        "at first and then more and more slowly, like a root.",
        at=[25, 100, 400],
        letter="k",
    )
    display(picture)

# %% [markdown]
# **A path without a velocity.** What is the velocity $\Delta w/\Delta$ of such a path? It has the standard deviation
# $\sqrt\Delta/\Delta = 1/\sqrt\Delta$: the closer you look, the faster it goes. There is no limit, so we must not write
# $dw/dt$. That is why these equations are written with $dx$, $dt$ and $dw$, and not as derivatives.
#
# **Squares that do not vanish.** Take a smooth curve and add up the squares of its increments: $n$ squares of size
# $1/n^2$ each, in all $1/n$, which vanishes. For a Wiener path the square of an increment is of the size
# $\Delta = t/n$, and $n$ of them are of the size $t$. More exactly: $(\Delta w_i)^2 = \frac tn z_i^2$ with standard
# normal $z_i$. The mean of $z_i^2$ is 1 and its variance is 2, because $\mathbb{E}[z^4] = 3$. Adding up $n$ independent
# ones:
#
# $$\mathbb{E}\Big[\sum_{i=1}^{n} (\Delta w_i)^2\Big] = t, \qquad \operatorname{Var}\Big[\sum_{i=1}^{n} (\Delta w_i)^2\Big] = \frac{2t^2}{n} \tag{8.3}$$
#
# The variance goes to 0. So in the limit this sum is not random any more: *it is the time*. One writes $dw^2 = dt$ for
# short. Remember it; it is the one rule of calculus that is new.

# %% tags=["explore"]
equation("8.3")

# %% tags=["explore"]
with when_written():
    print("steps   sum of squared increments of four paths (t = 1)")
    for n in (10, 100, 1000, 10_000):
        squares = (wiener_path(even(n), normal(6, n, 4)).diff(dim=0) ** 2).sum(0)
        print(f"{n:6d}  ", "  ".join(f"{v:.3f}" for v in squares.tolist()))

# %% [markdown]
# ## 2. An equation for a path
#
# Now a point $\mathbf{x}_t$ moves in two ways at once: along a velocity $\mathbf{f}(\mathbf{x}, t)$, the **drift**, and
# at random with strength $g(t)$, the **diffusion**. In a short time $\Delta$ the drift carries it by
# $\mathbf{f}\,\Delta$, and the noise by $g$ times an increment of a Wiener process, which is
# $\sqrt\Delta\,\boldsymbol\varepsilon$:
#
# $$\mathbf{x}_{t+\Delta} = \mathbf{x}_t + \mathbf{f}(\mathbf{x}_t, t)\,\Delta + g(t)\,\sqrt{\Delta}\;\boldsymbol\varepsilon, \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I}) \tag{8.4}$$
#
# This is the step of **Euler and Maruyama**. What it tends to as $\Delta \to 0$ is called the solution of the
# **stochastic differential equation** (SDE) $d\mathbf{x} = \mathbf{f}(\mathbf{x}, t)\,dt + g(t)\,d\mathbf{w}$. For this
# lesson you may read the second as a short way to write the first, with a $\Delta$ that is as small as we like.
#
# Two things to mind. Drift and diffusion are asked **where the step begins**: the fresh noise must be independent of
# everything it is multiplied with. And when we go backwards in time, later in this lesson, the step $dt$ is negative.
# Then the drift takes it with its sign, but a variance is never negative: the noise takes $\sqrt{|dt|}$.

# %% tags=["explore"]
equation("8.4")

# %% [markdown]
# ### Exercise 8.2: one step
#
# `sde.em_step` · difficulty 1 · core · 6 minutes · 4 points · equation (8.4)
#
# The drift at `x` is given as a tensor. Every example may have its own `g`: think of lesson 02's trap.

# %% exercise="sde.em_step"
def em_step(x, drift, g, dt, noise):
    """One step of Euler and Maruyama.

    x, drift, noise: (B, *D); g: (B,) float64; dt: float of either sign.  Returns (B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    size = math.sqrt(math.fabs(dt)) * g.to(x).reshape(-1, *[1] * (x.ndim - 1))
    return x + dt * drift + size * noise
    ### END SOLUTION

# %% check="sde.em_step" points=4
check("sde.em_step", em_step)

# %% [markdown]
# ### Exercise 8.3: a whole path
#
# `sde.em_path` · difficulty 2 · core · 12 minutes · 5 points · equation (8.4)
#
# Here drift and diffusion are functions of the point and the time, and the diffusion may depend on the point too:
# section 7 needs that. The times may rise or fall. All points are kept, the start first.

# %% exercise="sde.em_path"
def em_path(drift, diffusion, x, times, noises):
    """Follow dx = drift dt + diffusion dw along the times by steps of Euler and Maruyama.

    drift, diffusion: functions (x (B, *D), t float) -> (B, *D); x: (B, *D), at times[0]; times: (n+1,) float64;
    noises: (n, B, *D) standard normal.  Returns (n+1, B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    path = [x]
    for i in range(len(noises)):
        t, dt = float(times[i]), float(times[i + 1] - times[i])
        now = path[-1]
        path.append(now + dt * drift(now, t) + abs(dt) ** 0.5 * diffusion(now, t) * noises[i])
    return torch.stack(path)
    ### END SOLUTION

# %% check="sde.em_path" points=5
check("sde.em_path", em_path)

# %% [markdown]
# ## 3. The DDPM chain becomes an equation
#
# The chain of lesson 02 multiplies by $\sqrt{1-\beta_i}$ and adds noise of variance $\beta_i$, for $i = 1, \dots, T$.
# If we double $T$ and want the same picture, each step must do half as much. So we draw one curve $\beta(t)$, noise
# *per unit of time*, and give each step its share $\beta_i = \beta(i/T)/T = \beta(t)\,\Delta$:
#
# $$\mathbf{x}_t = \sqrt{1-\beta(t)\,\Delta}\;\mathbf{x}_{t-\Delta} + \sqrt{\beta(t)\,\Delta}\;\boldsymbol\varepsilon, \qquad t = i\,\Delta, \quad \Delta = \frac1T, \quad \beta_i = \beta(t)\,\Delta \tag{8.5}$$
#
# For the numbers of the DDPM paper, $\beta_i$ from $10^{-4}$ to 0.02 in 1000 steps, $\beta(t)$ runs from 0.1 to 20.
# That is where these two numbers in the literature come from. Our examples end at 12 instead of 20: with these data
# that is noise enough, and the steps may be longer.

# %% tags=["explore"]
equation("8.5")

# %% [markdown]
# **The limit.** Compare (8.5) with a step (8.4). The noise fits at once: $\sqrt{\beta\Delta}\,\boldsymbol\varepsilon$
# is $g\,\sqrt\Delta\,\boldsymbol\varepsilon$ with $g = \sqrt\beta$. For the factor of $\mathbf{x}$ use Taylor's series
# of the root: $\sqrt{1-\beta\Delta} = 1 - \frac12\beta\Delta - \frac18\beta^2\Delta^2 - \dots$ The second term is a
# drift $-\frac12\beta\,\mathbf{x}$ times $\Delta$. The third is of the order $\Delta^2$. There are $1/\Delta$ steps, so
# all those third terms together are of the order $\Delta$, and vanish in the limit. (So does another difference: the
# chain takes $\beta$ at the end of the step, and (8.4) at its start.) What remains is the **variance-preserving**
# equation, VP:
#
# $$d\mathbf{x} = -\tfrac12\,\beta(t)\,\mathbf{x}\,dt + \sqrt{\beta(t)}\,d\mathbf{w} \tag{8.6}$$
#
# The half in the drift is often forgotten. It comes from the root in the chain.

# %% tags=["explore"]
equation("8.6")

# %% [markdown]
# **What $\bar\alpha$ becomes.** Take the logarithm of the product $\bar\alpha = \prod_i (1-\beta_i)$. Since
# $\log(1-u) = -u - \frac12u^2 - \dots$, it is $-\sum_i \beta(i/T)\,\frac1T$ minus terms that together are at most of
# the order $1/T$. The sum is a Riemann sum: it tends to the integral $B(t)$ of $\beta$.
#
# $$\lim_{T\to\infty}\ \prod_{i=1}^{tT} \Big(1 - \frac{\beta(i/T)}{T}\Big) = e^{-B(t)}, \qquad B(t) = \int_0^t \beta(u)\,du \tag{8.7}$$

# %% tags=["explore"]
equation("8.7")

# %% [markdown]
# ### Exercise 8.4: the coefficients of VP
#
# `sde.vp_coefficients` · difficulty 1 · core · 5 minutes · 4 points · equation (8.6)
#
# $\beta(t)$ is a straight line from `beta_min` at $t = 0$ to `beta_max` at $t = 1$.

# %% exercise="sde.vp_coefficients"
def vp_coefficients(t, beta_min, beta_max):
    """Factor f(t) of the drift f(t) x, and diffusion g(t), of VP.

    t: (N,), times in 0..1; beta_min, beta_max: floats.  Returns two tensors (N,).
    """
    ### BEGIN SOLUTION
    beta = beta_min + t * (beta_max - beta_min)
    return -0.5 * beta, beta.sqrt()
    ### END SOLUTION

# %% check="sde.vp_coefficients" points=4
check("sde.vp_coefficients", vp_coefficients)

# %% [markdown]
# **See it happen.** First the numbers: $\bar\alpha$ of the chain at $t = \frac12$ beside $e^{-B}$. Then the paths. We
# run the chain and your steps (8.4) from the same points with the same noise, and print the root of the mean square
# distance of their ends. The columns called *order* say by which power of $\Delta$ the number above has shrunk: it is
# the logarithm, to base 2, of how much smaller a number became when $\Delta$ was halved.

# %% tags=["explore"]
def order_of(errors):
    """Powers of the step by which errors shrink each time the step is halved; nothing before the first."""
    return [math.nan] + [math.log2(a / b) for a, b in pairwise(errors)]


def table(title, steps, **columns):
    """Print columns of errors, each followed by its measured order."""
    print(title)
    print("  steps " + "".join(f"{name.replace('_', ' '):>24s}   order" for name in columns))
    orders = {name: order_of(values) for name, values in columns.items()}
    for i, n in enumerate(steps):
        cells = (f"{values[i]:24.6f} {orders[name][i]:7.2f}" for name, values in columns.items())
        print(f"{n:7d} " + "".join(cells).replace("nan", "   "))


with when_written():

    def vp_drift(x, t):
        return float(vp_coefficients(numbers(t), 0.1, 12.0)[0]) * x

    def vp_diffusion(x, t):
        return torch.full_like(x, float(vp_coefficients(numbers(t), 0.1, 12.0)[1]))

    Ts, product_gap, path_gap = [50, 100, 200, 400, 800], [], []
    for T in Ts:
        beta = (0.1 + even(T)[1:] * 11.9) / T
        alpha_bar = torch.cumprod(1 - beta, 0)[T // 2 - 1]
        product_gap.append(abs(float(alpha_bar) - math.exp(-(0.1 * 0.5 + 11.9 * 0.125))))
        start, noises = normal(7, 500), normal(8, T, 500)
        ends = chain(start, noises)[-1] - em_path(vp_drift, vp_diffusion, start, even(T), noises)[-1]
        path_gap.append(float((ends**2).mean().sqrt()))
    table("chain against equation", Ts, alpha_bar_minus_limit=product_gap, distance_of_paths=path_gap)

# %% [markdown]
# Both fall with the order 1: twice as many steps, half the difference. The chain *is* a discretisation of (8.6), just
# as the steps of Euler and Maruyama are.

# %% [markdown]
# ## 4. The noise ladder becomes an equation
#
# Lesson 07 had noise levels $\sigma_1 < \sigma_2 < \dots < \sigma_n$ and no chain: each level stood for itself. But we
# can climb it. A point with noise of variance $\sigma_{i-1}^2$ becomes one with $\sigma_i^2$ if we add independent
# noise of variance $\sigma_i^2 - \sigma_{i-1}^2$. Let $\sigma(t)$ be a smooth curve through the levels. A step from
# $t - \Delta$ to $t$ adds the variance $\sigma(t)^2 - \sigma(t-\Delta)^2$. In (8.4) a step adds $g^2\Delta$ and here
# nothing shrinks, so there is no drift:
#
# $$d\mathbf{x} = g(t)\,d\mathbf{w}, \qquad g(t)^2 = \lim_{\Delta\to0} \frac{\sigma(t)^2 - \sigma(t-\Delta)^2}{\Delta} = \frac{d\,[\sigma(t)^2]}{dt} \tag{8.8}$$
#
# This is the **variance-exploding** equation, VE. Note that it is the *variance* that is differentiated. Standard
# deviations do not add.

# %% tags=["explore"]
equation("8.8")

# %% [markdown]
# The ladder of lesson 07 was geometric: a constant ratio from level to level. In time that is
# $\sigma(t) = \sigma_{\min}\,r^t$, with $r$ the ratio of the two ends. Then $\sigma^2 = \sigma_{\min}^2\,r^{2t}$, and
# differentiating gives the factor $2\log r$:
#
# $$\sigma(t) = \sigma_{\min}\,r^{\,t}, \quad r = \frac{\sigma_{\max}}{\sigma_{\min}} \qquad\Longrightarrow\qquad g(t) = \sigma_{\min}\,r^{\,t}\,\sqrt{2\log r} \tag{8.9}$$

# %% tags=["explore"]
equation("8.9")

# %% [markdown]
# ### Exercise 8.5: the coefficients of VE
#
# `sde.ve_coefficients` · difficulty 2 · core · 6 minutes · 4 points · equation (8.9)
#
# The drift factor is a tensor too, like in VP.

# %% exercise="sde.ve_coefficients"
def ve_coefficients(t, sigma_min, sigma_max):
    """Factor f(t) of the drift f(t) x, and diffusion g(t), of VE with a geometric ladder.

    t: (N,), times in 0..1; sigma_min, sigma_max: floats.  Returns two tensors (N,).
    """
    ### BEGIN SOLUTION
    r = sigma_max / sigma_min
    return torch.zeros_like(t), sigma_min * r**t * math.sqrt(2 * math.log(r))
    ### END SOLUTION

# %% check="sde.ve_coefficients" points=4
check("sde.ve_coefficients", ve_coefficients)

# %% [markdown]
# The ladder from 0.05 to 3 in $n$ steps. On the left: the noise variance that the ladder adds between the first and the
# last level, against what $n$ steps (8.4) with your $g$ add, $\sum_i g(t_i)^2\Delta$. On the right: both climb with the
# same noise, and we compare where they end.

# %% tags=["explore"]
with when_written():
    ns, variance_gap, path_gap = [50, 100, 200, 400, 800], [], []
    for n in ns:
        level = 0.05 * 60 ** even(n)
        g = ve_coefficients(even(n)[:-1], 0.05, 3.0)[1]
        variance_gap.append(abs(float(g @ g) / n - float(level[-1] ** 2 - level[0] ** 2)))
        noises = normal(9, n, 500)
        ends = ((level.diff() * (level[1:] + level[:-1])).sqrt() - g / n**0.5) @ noises
        path_gap.append(float((ends**2).mean().sqrt()))
    table("ladder against equation", ns, added_variance=variance_gap, distance_of_paths=path_gap)

# %% [markdown]
# Order 1 again. So the chain of DDPM and the ladder of lesson 07 are two choices of $\mathbf{f}$ and $g$. All that
# follows holds for both, and for any other choice. (The model that Song and Ermon trained for the ladder is called
# NCSN.)

# %% [markdown]
# ## 5. Itô's rule, just enough of it
#
# We want to know how the mean of some function changes along the equation: of $x$, of $x^2$, of any smooth $\varphi$.
# Ordinary calculus has the chain rule. With noise the chain rule gets one more term, because squares of increments do
# not vanish.
#
# **The smallest example.** How does $w^2$ grow? In one step $(w + \Delta w)^2 - w^2 = 2w\,\Delta w + (\Delta w)^2$. Add
# up all steps:
#
# $$w_t^2 = 2\sum_{i=1}^{n} w_{t_{i-1}}\,\Delta w_i + \sum_{i=1}^{n} (\Delta w_i)^2 \tag{8.10}$$
#
# For a smooth curve the last sum would vanish, and we would read off the chain rule, $d(w^2) = 2w\,dw$. Here the last
# sum tends to $t$ by (8.3): $d(w^2) = 2w\,dw + dt$. And this had to be so. The mean of $w_t^2$ is $t$. But the first
# sum has mean 0, because each increment is independent of the point before it.

# %% tags=["explore"]
equation("8.10")

# %% [markdown]
# **In general.** A step moves the point by
# $\boldsymbol\delta = \mathbf{f}\,\Delta + g\sqrt\Delta\,\boldsymbol\varepsilon$. Taylor's formula says
# $\varphi(\mathbf{x} + \boldsymbol\delta) = \varphi(\mathbf{x}) + \boldsymbol\delta \cdot \nabla\varphi + \frac12\sum_{jk} \delta_j\delta_k\,\partial_j\partial_k\varphi + \dots$
# Average over the noise, as in lesson 07 for (7.2):
#
# - The mean of $\boldsymbol\delta$ is $\mathbf{f}\,\Delta$.
# - The mean of $\delta_j\delta_k$ is $g^2\Delta$ if $j = k$ and 0 if not, up to the order $\Delta^2$. *This is where
#   $dw^2 = dt$ comes in.*
# - The rest is of the order $\Delta^2$.
#
# Then average over $\mathbf{x}_t$ too, divide by $\Delta$, and let $\Delta \to 0$:
#
# $$\frac{d}{dt}\,\mathbb{E}\big[\varphi(\mathbf{x}_t)\big] = \mathbb{E}\Big[\mathbf{f}(\mathbf{x}_t, t)\cdot\nabla\varphi(\mathbf{x}_t) + \tfrac12\,g(t)^2\,\nabla^2\varphi(\mathbf{x}_t)\Big] \tag{8.11}$$
#
# Here $\nabla^2\varphi$ is the sum of the second derivatives. (If $g$ depends on $\mathbf{x}$ as well, nothing changes: it
# stands inside the mean already.) This is Itô's rule, after the mean was taken. It is all
# of stochastic calculus that this lesson needs.

# %% tags=["explore"]
equation("8.11")

# %% [markdown]
# And the chain rule of ordinary calculus, on the same inputs:

# %% tags=["explore"]
erratum("8.11e")

# %% [markdown]
# ## 6. Mean and variance have equations without noise
#
# Let the drift be $f(t)\,\mathbf{x}$, as in VP and VE. Put two functions into (8.11), coordinate by coordinate.
#
# *The mean.* $\varphi = x$ has the derivative 1 and no second derivative. So $m' = \mathbb{E}[f\,x] = f\,m$.
#
# *The variance.* $\varphi = (x - m)^2$ has the derivative $2(x-m)$ and the second derivative 2. The drift gives
# $\mathbb{E}[2(x-m)\,f\,x] = 2f\,v$, because $\mathbb{E}[(x-m)\,x] = v$. The noise gives $\frac12 g^2 \cdot 2 = g^2$.
# (The mean $m$ changes as well while we watch. That adds $-2\,m'\,\mathbb{E}[x-m] = 0$.)
#
# $$\frac{d\mathbf{m}}{dt} = f(t)\,\mathbf{m}, \qquad \frac{dv}{dt} = 2 f(t)\,v + g(t)^2 \qquad \text{if } \mathbf{f}(\mathbf{x}, t) = f(t)\,\mathbf{x} \tag{8.12}$$
#
# The paths are random; their mean and variance are not.

# %% tags=["explore"]
equation("8.12")

# %% [markdown]
# ### Exercise 8.6: how mean and variance change
#
# `sde.moment_rates` · difficulty 2 · core · 6 minutes · 4 points · equation (8.12)

# %% exercise="sde.moment_rates"
def moment_rates(m, v, f, g):
    """How fast mean and variance change at this moment.

    m, v: (D,), mean and variance of each coordinate; f: float, the drift is f x; g: float.  Returns two tensors (D,).
    """
    ### BEGIN SOLUTION
    return f * m, 2 * f * v + g**2
    ### END SOLUTION

# %% check="sde.moment_rates" points=4
check("sde.moment_rates", moment_rates)

# %% [markdown]
# **Solved for VP.** $m' = -\frac12\beta\,m$ is solved by $m = m_0\,e^{-B/2}$: differentiate it, $B' = \beta$. For the
# variance, $v' = -\beta v + \beta = -\beta\,(v-1)$. So $v - 1$ shrinks like $e^{-B}$: $v = 1 + (v_0 - 1)\,e^{-B}$. Data
# of variance 1 keep variance 1: the name says it. For a single data point $\mathbf{x}_0$ the variance begins at
# $v_0 = 0$.
#
# *Why mean and variance are enough.* With a drift $f x$, each step (8.4) multiplies the point by a number and adds
# independent normal noise. A single point so becomes a normal density, and it stays normal. A normal density is known
# by its mean and variance. So $\mathbf{x}_t = \alpha\,\mathbf{x}_0 + \sigma\,\boldsymbol\varepsilon$ with
#
# $$\text{VP:} \quad \alpha(t) = e^{-B(t)/2}, \qquad \sigma(t)^2 = 1 - e^{-B(t)} \tag{8.13}$$
#
# By (8.7) these are the $\sqrt{\bar\alpha_t}$ and $1 - \bar\alpha_t$ of lesson 02.
#
# **Solved for VE.** There is no drift, so the mean stays. The variance is the integral of $g^2$, and (8.8) says that
# this is how much $\sigma_{\min}^2 r^{2t}$ has grown since $t = 0$:
#
# $$\text{VE:} \quad \alpha(t) = 1, \qquad \sigma(t)^2 = \sigma_{\min}^2\,\big(r^{\,2t} - 1\big) \tag{8.14}$$
#
# (Papers often drop the $-1$: their data are blurred by $\sigma_{\min}$ to begin with.)

# %% tags=["explore"]
equation("8.13")

# %% tags=["explore"]
equation("8.14")

# %% [markdown]
# **A third choice, sub-VP.** Keep the drift of VP, and ask for a *smaller* variance: $\sigma^2 = (1-e^{-B})^2$. The
# variance in (8.13) is below 1, so its square is smaller. Which $g$ does that? Solve (8.12) for it:
# $g^2 = v' - 2fv = v' + \beta v$. With $v = (1-e^{-B})^2$ we get $v' = 2(1-e^{-B})\,\beta\,e^{-B}$. Take
# $\beta\,(1-e^{-B})$ out: $g^2 = \beta\,(1-e^{-B})\,\big(2e^{-B} + 1 - e^{-B}\big) = \beta\,(1-e^{-B})(1+e^{-B})$.
#
# $$\text{sub-VP:} \quad g(t)^2 = \beta(t)\,\big(1 - e^{-2B(t)}\big) \qquad\Longrightarrow\qquad \alpha(t) = e^{-B(t)/2}, \quad \sigma(t)^2 = \big(1 - e^{-B(t)}\big)^2 \tag{8.15}$$
#
# Song and his co-authors found that it gives better likelihoods. For us it is a proof that drift and diffusion are a
# free choice.

# %% tags=["explore"]
equation("8.15")

# %% [markdown]
# ### Exercise 8.7: the diffusion of sub-VP
#
# `sde.sub_vp_diffusion` · difficulty 2 · core · 8 minutes · 4 points · equation (8.15)
#
# $\beta(t)$ is the same straight line as before. You need its integral.

# %% exercise="sde.sub_vp_diffusion"
def sub_vp_diffusion(t, beta_min, beta_max):
    """Diffusion g(t) of sub-VP.

    t: (N,), times in 0..1; beta_min, beta_max: floats.  Returns (N,).
    """
    ### BEGIN SOLUTION
    beta = beta_min + t * (beta_max - beta_min)
    B = beta_min * t + 0.5 * (beta_max - beta_min) * t**2
    return (beta * (1 - torch.exp(-2 * B))).sqrt()
    ### END SOLUTION

# %% check="sde.sub_vp_diffusion" points=4
check("sde.sub_vp_diffusion", sub_vp_diffusion)

# %% [markdown]
# Three witnesses for the variance of the three equations, for one data point: your rates, followed in 2000 small steps;
# 10,000 paths of yours; and the closed forms.

# %% tags=["explore"]
def follow(f_of, g_of, n):
    """Mean and variance at t = 1 by n plain steps along the rates, from mean 1 and variance 0."""
    m, v = numbers(1.0), numbers(0.0)
    for t in even(n)[:-1]:
        dm, dv = moment_rates(m, v, f_of(float(t)), g_of(float(t)))
        m, v = m + dm / n, v + dv / n
    return float(m), float(v)


def walk(f_of, g_of):
    """Mean and variance at t = 1 of 10,000 paths of 200 steps that begin at 1."""
    start, noises = torch.ones(10_000, dtype=torch.float64), normal(10, 200, 10_000)
    ends = em_path(lambda x, t: f_of(t) * x, lambda x, t: torch.full_like(x, g_of(t)), start, even(200), noises)[-1]
    return float(ends.mean()), float(ends.var())


with when_written():

    def vp_f(t):
        return float(vp_coefficients(numbers(t), 0.1, 12.0)[0])

    kinds = {
        "VP": (vp_f, lambda t: float(vp_coefficients(numbers(t), 0.1, 12.0)[1]), VP(0.1, 12.0)),
        "VE": (lambda t: 0.0, lambda t: float(ve_coefficients(numbers(t), 0.05, 3.0)[1]), VE(0.05, 3.0)),
        "sub-VP": (vp_f, lambda t: float(sub_vp_diffusion(numbers(t), 0.1, 12.0)), SubVP(0.1, 12.0)),
    }
    print("mean and variance at t = 1     rates             10,000 paths      closed form")
    for name, (f_of, g_of, library) in kinds.items():
        alpha, sigma = library.marginal(1.0)
        pairs = follow(f_of, g_of, 2000), walk(f_of, g_of), (float(alpha), float(sigma**2))
        print(f"{name:26s}", "   ".join(f"{m:6.4f} {v:8.4f}" for m, v in pairs))

# %% [markdown]
# The three noise levels over time. VE has a scale of its own: look at where it ends.

# %% tags=["explore"]
t = even(200)
plots.curve_panels(
    {
        "share of the data, alpha": {"VP": (t, VP(0.1, 12.0).marginal(t)[0]), "VE": (t, VE(0.05, 3.0).marginal(t)[0]),
                                     "sub-VP": (t, SubVP(0.1, 12.0).marginal(t)[0])},
        "noise, sigma": {"VP": (t, VP(0.1, 12.0).marginal(t)[1]), "VE": (t, VE(0.05, 3.0).marginal(t)[1]),
                         "sub-VP": (t, SubVP(0.1, 12.0).marginal(t)[1])},
    },
    alt="Left: alpha falls from 1 to almost 0 along one curve for VP and sub-VP, and stays at 1 for VE. Right: sigma rises to 1 "
    "for VP, more slowly to 1 for sub-VP, and for VE slowly at first, then steeply to 3.",
)

# %% [markdown]
# ## 7. How good is a step?
#
# A step of Euler and Maruyama has a length, and makes an error. There are two questions, with two answers.
#
# - **Weak**: is the *distribution* right at the end? Compare means, variances, shares. This is what matters for
#   sampling.
# - **Strong**: is each *path* right? Compare with the true path of the same Wiener process. This matters when we
#   compare two samplers point by point.
#
# **Weak, exactly.** For a drift $f x$ a step (8.4) reads $x_{k+1} = (1+f\Delta)\,x_k + g\sqrt\Delta\,\varepsilon$. So
# without any sampling we know what it does to mean and variance:
#
# $$m_{k+1} = (1 + f\Delta)\,m_k, \qquad v_{k+1} = (1 + f\Delta)^2\,v_k + g^2\Delta \tag{8.16}$$
#
# Compare with plain steps of length $\Delta$ along the rates (8.12). The mean is the same. The variance has a term
# $f^2\Delta^2 v_k$ more. It is of the order $\Delta^2$ in one step, as is the error of a plain step itself. In
# $1/\Delta$ steps that makes an error of the order $\Delta$. So the weak order is 1.

# %% tags=["explore"]
equation("8.16")

# %% tags=["explore"]
ns, mean_gap, variance_gap = [25, 50, 100, 200, 400], [], []
vp = VP(0.1, 12.0)
for n in ns:
    m, v = 1.0, 0.0
    for t in even(n)[:-1].tolist():
        shrink = 1 + float(vp.rate(t)) / n
        m, v = shrink * m, shrink**2 * v + float(vp.diffusion(t)) ** 2 / n
    alpha, sigma = vp.marginal(1.0)
    mean_gap.append(abs(m - float(alpha)))
    variance_gap.append(abs(v - float(sigma**2)))
table("weak error of Euler and Maruyama on VP", ns, mean=mean_gap, variance=variance_gap)

# %% [markdown]
# **Strong: the same path in longer steps.** To compare steps of different lengths along *one* Wiener path, the long
# increment must be the sum of the short ones. You saw it in the first picture of this lesson.

# %% [markdown]
# ### Exercise 8.8: the same noise, coarser
#
# `sde.coarser_noise` · difficulty 2 · core · 8 minutes · 4 points · equation (8.1)
#
# All fine steps have the same length. What you return is used as noise in (8.4) with steps $k$ times as long, so it
# must be standard normal again.

# %% exercise="sde.coarser_noise"
def coarser_noise(noise, k):
    """The noise of steps k times as long, along the same Wiener path.

    noise: (n, *D), standard normal, one entry per fine step; k: int that divides n.  Returns (n/k, *D).
    """
    ### BEGIN SOLUTION
    return noise.reshape(-1, k, *noise.shape[1:]).sum(1) / k**0.5
    ### END SOLUTION

# %% check="sde.coarser_noise" points=4
check("sde.coarser_noise", coarser_noise)

# %% [markdown]
# **An equation whose paths are known.** Let growth and noise both be proportional to $x$: $dx = a\,x\,dt + b\,x\,dw$,
# geometric Brownian motion. It is what shares in a market are said to do. Use Taylor's formula for $\log x$. Keep
# $dw^2 = dt$, which makes $dx^2 = b^2x^2\,dt$: $d\log x = \frac{dx}{x} - \frac12\frac{dx^2}{x^2} = a\,dt + b\,dw - \frac12 b^2\,dt$. The right side does
# not contain $x$, so it can be added up:
#
# $$dx = a\,x\,dt + b\,x\,dw \qquad\Longrightarrow\qquad x_t = x_0\,\exp\!\Big(\big(a - \tfrac12 b^2\big)\,t + b\,w_t\Big) \tag{8.17}$$
#
# The true path depends on $w_t$ alone, which is the sum of all increments. So we know the truth exactly, path by path.

# %% tags=["explore"]
equation("8.17")

# %% [markdown]
# Ordinary calculus would have left out the $\frac12 b^2$. The mean shows who is right: by (8.11) with $\varphi = x$ it
# grows like $e^{at}$.

# %% tags=["explore"]
erratum("8.17e")

# %% [markdown]
# **Multiplicative noise: order one half.** Here the noise is multiplied by a function of $x$. The mean square error of
# $n$ steps can be written down. Multiply out $(\hat x_n - x_t)^2$; each of the three parts is a product over
# independent steps.
#
# - $\mathbb{E}[\hat x_n^2]$: one step has the mean square
#   $\mathbb{E}[(1 + a\Delta + b\,\Delta w)^2] = (1+a\Delta)^2 + b^2\Delta$.
# - $\mathbb{E}[x_t^2] = e^{(2a+b^2)t}$, by (8.11) with $\varphi = x^2$.
# - $\mathbb{E}[\hat x_n\,x_t]$: in one step the factor $e^{-b^2\Delta/2 + b\,\Delta w}$ of the true path shifts the
#   mean of $\Delta w$ from 0 to $b\Delta$ (complete the square in the exponent of the normal density). So one step
#   gives $e^{a\Delta}\,(1 + a\Delta + b \cdot b\Delta)$.
#
# $$\frac{\mathbb{E}\big[(\hat x_n - x_t)^2\big]}{x_0^2} = \big((1+a\Delta)^2 + b^2\Delta\big)^n - 2\Big(e^{a\Delta}\big(1 + a\Delta + b^2\Delta\big)\Big)^n + e^{(2a+b^2)t}, \qquad n\Delta = t \tag{8.18}$$

# %% tags=["explore"]
equation("8.18")

# %% [markdown]
# **Additive noise: order one.** Now let the noise not depend on $x$: a spring that is shaken,
# $dx = -\theta x\,dt + g\,dw$. The true path is $x_t = e^{-\theta t}x_0 + g\int_0^t e^{-\theta(t-u)}\,dw_u$: noise that
# came in at time $u$ has decayed since. Euler's path is the same with $(1-\theta\Delta)^{n-i}$ in the place of the
# exponential. The mean square of an integral over $dw$ is the integral of the square, because increments are
# independent and $dw^2 = dt$:
#
# $$\mathbb{E}\big[(\hat x_n - x_t)^2\big] = \big((1-\theta\Delta)^n - e^{-\theta t}\big)^2 x_0^2 + g^2 \sum_{i=1}^{n} \int_{(i-1)\Delta}^{i\Delta} \big((1-\theta\Delta)^{n-i} - e^{-\theta(t-u)}\big)^2\,du \tag{8.19}$$

# %% tags=["explore"]
equation("8.19")

# %% [markdown]
# Now measure. The columns called *formula* are the roots of (8.18) and (8.19). The columns called *paths* take 4,000 fine
# Wiener paths of 2048 steps, coarsen them with your function, and walk along them with your steps. (The truth for the
# spring is computed from the same fine increments, each as if it came in the middle of its short step.)

# %% tags=["explore"]
with when_written():
    a, b, theta, g, fine_steps = 0.3, 0.8, 2.0, 1.0, 2048
    fine = normal(11, fine_steps, 4000)
    truth = torch.exp((a - b**2 / 2) + b * fine.sum(0) / fine_steps**0.5)
    middle = (torch.arange(fine_steps) + 0.5) / fine_steps
    shaken = math.exp(-theta) + g * torch.exp(-theta * (1 - middle)).double() @ fine / fine_steps**0.5
    one = torch.ones(4000, dtype=torch.float64)
    ns = [8, 16, 32, 64, 128]
    growing, spring = {"formula": [], "paths": []}, {"formula": [], "paths": []}
    for n in ns:
        dt, z = 1 / n, coarser_noise(fine, fine_steps // n)
        cross = (math.exp(a * dt) * (1 + a * dt + b**2 * dt)) ** n
        square = ((1 + a * dt) ** 2 + b**2 * dt) ** n - 2 * cross + math.exp(2 * a + b**2)
        growing["formula"].append(square**0.5)
        walked = em_path(lambda x, t: a * x, lambda x, t: b * x, one, even(n), z)[-1]
        growing["paths"].append(float(((walked - truth) ** 2).mean()) ** 0.5)
        u = (torch.arange(64 * n, dtype=torch.float64) + 0.5) / (64 * n)  # the integral of (8.19)
        kept = (1 - theta * dt) ** (n - 1 - (u * n).floor())
        square = ((1 - theta * dt) ** n - math.exp(-theta)) ** 2 + g**2 * ((kept - torch.exp(-theta * (1 - u))) ** 2).mean()
        spring["formula"].append(float(square) ** 0.5)
        walked = em_path(lambda x, t: -theta * x, lambda x, t: g * torch.ones_like(x), one, even(n), z)[-1]
        spring["paths"].append(float(((walked - shaken) ** 2).mean()) ** 0.5)
    table("strong error at t = 1, multiplicative noise", ns, **growing)
    print()
    table("strong error at t = 1, additive noise", ns, **spring)

# %% [markdown]
# **Why one half here and one there?** If $g$ depends on $x$, a step neglects that $g$ changes *during* the step. To
# leading order the neglected part is $\frac12\,g\,g'\,\big((\Delta w)^2 - \Delta\big)$. It has mean 0 and the size
# $\Delta$. Independent errors of mean 0 add up in their variances: $n$ of the size $\Delta$ make
# $\sqrt n\,\Delta = \sqrt{\Delta}$ (for $t = 1$, where $n = 1/\Delta$). If $g$ does not depend on $x$, this part is
# missing. The next one has mean 0 and the size $\Delta^{3/2}$, which adds up to $\sqrt n\,\Delta^{3/2} = \Delta$.
#
# All the equations of diffusion models have $g(t)$ without $\mathbf{x}$. So for us Euler and Maruyama has the order 1
# in both senses.

# %% [markdown]
# ## 8. How the density flows
#
# We now leave the single path and look at the whole crowd. What equation does the density $p_t$ obey? We know how the
# mean of *every* function changes (8.11). That must be enough.
#
# **First step: a test function.** Take any smooth $\varphi$ that vanishes far away. The mean is
# $\int \varphi\,p_t\,d\mathbf{x}$, so its rate is $\int \varphi\,\frac{\partial p_t}{\partial t}\,d\mathbf{x}$. By
# (8.11) this is
# $\int p_t\,\mathbf{f}\cdot\nabla\varphi\,d\mathbf{x} + \frac12 g^2\int p_t\,\nabla^2\varphi\,d\mathbf{x}$.
#
# **Second step: free $\varphi$ from its derivatives.** Integrate by parts, as in lessons 06 and 07. The product rule
# says $\nabla\cdot(\varphi\,\mathbf{f}p_t) = \nabla\varphi\cdot\mathbf{f}p_t + \varphi\,\nabla\cdot(\mathbf{f}p_t)$.
# The integral of a divergence over all space is what flows out at the far boundary, and there is nothing. So
#
# $$\int p_t\;\mathbf{f}\cdot\nabla\varphi\;d\mathbf{x} = -\int \varphi\;\nabla\cdot(\mathbf{f}\,p_t)\;d\mathbf{x} \tag{8.20}$$
#
# The noise term has two derivatives on $\varphi$. Integrate by parts twice; two minus signs make a plus:
#
# $$\int p_t\,\nabla^2\varphi\;d\mathbf{x} = \int \varphi\,\nabla^2 p_t\;d\mathbf{x} \tag{8.21}$$

# %% tags=["explore"]
equation("8.20")

# %% tags=["explore"]
equation("8.21")

# %% [markdown]
# **Third step: every $\varphi$.** Now both sides are an integral of $\varphi$ times something, for *every* $\varphi$.
# Then the two somethings are equal. (If they differed near some point, a narrow bump $\varphi$ around that point would
# notice.) This is the **Fokker-Planck equation**:
#
# $$\frac{\partial p_t}{\partial t} = -\nabla\cdot(\mathbf{f}\,p_t) + \tfrac12\,g(t)^2\,\nabla^2 p_t \tag{8.22}$$
#
# Read it aloud. The density at a place changes for two reasons. The drift carries probability in and out: the first
# term is what flows in minus what flows out. And noise levels hills and fills valleys: the second term is the heat
# equation of lesson 02. The paths are random and jagged. Their density is smooth, and nothing about it is random.

# %% tags=["explore"]
equation("8.22")

# %% [markdown]
# Densities become very small; their logarithms do not. Divide (8.22) by $p_t$. With $\mathbf{s} = \nabla\log p_t$ we
# have $\nabla p_t = p_t\,\mathbf{s}$, and so
# $\nabla\cdot(\mathbf{f}p_t)/p_t = \nabla\cdot\mathbf{f} + \mathbf{f}\cdot\mathbf{s}$ and
# $\nabla^2 p_t/p_t = \nabla\cdot\mathbf{s} + \|\mathbf{s}\|^2$:
#
# $$\frac{\partial \log p_t}{\partial t} = -\nabla\cdot\mathbf{f} - \mathbf{f}\cdot\mathbf{s} + \tfrac12\,g(t)^2\,\big(\nabla\cdot\mathbf{s} + \|\mathbf{s}\|^2\big) \tag{8.23}$$

# %% tags=["explore"]
equation("8.23")

# %% [markdown]
# ### Exercise 8.9: put the derivation in order
#
# `sde.in_order` · difficulty 3 · proof · 15 minutes · 5 points · equation (8.22)
#
# Below lie nine cards. Each claims that its left side equals its right side. Five of them make up the derivation for
# points on a line, in some order. Four are false. A prime is a derivative in $x$, all integrals run over $x$, and $h$
# is short for $\frac12 g^2$.
#
# | card | left | | right |
# | --- | --- | --- | --- |
# | 1 | $-\int\varphi\,(fp)' - h\int\varphi'\,p'$ | $=$ | $-\int\varphi\,(fp)' + h\int\varphi\,p''$ |
# | 2 | $\frac{d}{dt}\mathbb{E}[\varphi]$ | $=$ | $\int p\,f\,\varphi'$ |
# | 3 | $\int p\,f\,\varphi' + h\int p\,\varphi''$ | $=$ | $-\int\varphi\,(fp)' + h\int p\,\varphi''$ |
# | 4 | $-\int\varphi\,(fp)' + h\int p\,\varphi''$ | $=$ | $-\int\varphi\,(fp)' + h\int\varphi'\,p'$ |
# | 5 | $-\int\varphi\,(fp)' + h\int\varphi\,p''$ | $=$ | $\int\varphi\,\big(-(fp)' + \frac12 g^2\,p''\big)$ |
# | 6 | $\frac{d}{dt}\mathbb{E}[\varphi]$ | $=$ | $\int p\,f\,\varphi' + h\int p\,\varphi''$ |
# | 7 | $\int p\,f\,\varphi' + h\int p\,\varphi''$ | $=$ | $-\int\varphi\,f\,p' + h\int p\,\varphi''$ |
# | 8 | $-\int\varphi\,(fp)' + h\int p\,\varphi''$ | $=$ | $-\int\varphi\,(fp)' - h\int\varphi'\,p'$ |
# | 9 | $-\int\varphi\,(fp)' + h\int\varphi\,p''$ | $=$ | $\int\varphi\,\big(-(fp)' + \frac12 g\,p''\big)$ |
#
# Return the numbers of the five cards, in order. The first begins with $\frac{d}{dt}\mathbb{E}[\varphi]$. Each of the
# others begins with the formula where the one before it ended. Your function is dealt these cards (sometimes without
# some of the false ones) together with `left` and `right`: the values of both sides for a random density, drift and
# wave $\varphi$. You do not need these numbers. But the judge does: they alone decide which cards are true.

# %% exercise="sde.in_order"
def in_order(cards, left, right):
    """The cards that lead from the rate of the mean of phi to the Fokker-Planck equation, in order.

    cards: (n,) int64, numbers of the dealt cards; left, right: (n,) float64, the values of their two lines.
    Returns a list of five card numbers.
    """
    ### BEGIN SOLUTION
    return [6, 3, 8, 1, 5]
    ### END SOLUTION

# %% check="sde.in_order" points=5
check("sde.in_order", in_order)

# %% [markdown]
# ### Exercise 8.10: the residual
#
# `sde.fp_residual` · difficulty 3 · core · 15 minutes · 5 points · equation (8.22)
#
# A density on a grid of the line, at three times: `p[0]` at $t - dt$, `p[1]` at $t$, `p[2]` at $t + dt$. The drift `f`
# is given at every grid point. Compute left side minus right side of (8.22) at time $t$, for all grid points but the
# two ends, with central differences for every derivative: $u'(x) \approx \frac{u(x+dx)-u(x-dx)}{2\,dx}$ and
# $u''(x) \approx \frac{u(x+dx)-2u(x)+u(x-dx)}{dx^2}$.

# %% exercise="sde.fp_residual"
def fp_residual(p, f, g, dx, dt):
    """Left side minus right side of the Fokker-Planck equation, by central differences.

    p: (3, G), the density at three times dt apart; f: (G,), the drift; g: float; dx, dt: floats.  Returns (G-2,).
    """
    ### BEGIN SOLUTION
    now, flow = p[1], f * p[1]
    rate = (p[2] - p[0]) / (2 * dt)
    slope = (flow[2:] - flow[:-2]) / (2 * dx)
    curvature = (now[2:] - 2 * now[1:-1] + now[:-2]) / dx**2
    return rate[1:-1] + slope - 0.5 * g**2 * curvature
    ### END SOLUTION

# %% check="sde.fp_residual" points=5
check("sde.fp_residual", fp_residual)

# %% [markdown]
# On our three bumps every noisy density is known exactly. If (8.22) is right, the residual is only the error of the
# differences, which has the order 2. If it were wrong, the residual would stop shrinking. The last column is such a
# case: VP's density with the drift $-\beta x$, the half forgotten.

# %% tags=["explore"]
def exact_density(kind, t, x):
    return data.bumps().log_prob(x.unsqueeze(1), *kind.marginal(t)).exp()


with when_written():
    ns, sizes = [50, 100, 200, 400], {"VP": [], "VE": [], "sub_VP": [], "drift_without_the_half": []}
    for n in ns:
        x = torch.linspace(-4, 4, n + 1, dtype=torch.float64)
        dx, dt = 8 / n, 1 / n
        for name, kind, factor in (
            ("VP", VP(0.1, 12.0), 1), ("VE", VE(0.05, 3.0), 1), ("sub_VP", SubVP(0.1, 12.0), 1), ("drift_without_the_half", VP(0.1, 12.0), 2)
        ):
            p = torch.stack([exact_density(kind, 0.4 + k * dt, x) for k in (-1, 0, 1)])
            f = factor * kind.drift(x, 0.4)
            sizes[name].append(float(fp_residual(p, f, float(kind.diffusion(0.4)), dx, dt).abs().max()))
    table("largest residual at t = 0.4", ns, **sizes)

# %% [markdown]
# ## 9. The way back
#
# All this was about adding noise. To make data we must go the other way: from $p_1$, which is nearly pure noise, to
# $p_0$. How must points move so that their density runs through the same $p_t$ backwards?
#
# **It is not enough to turn the sign of $dt$.** Then the drift turns around, which is right, but noise is still added,
# and noise never makes anything sharper:

# %% tags=["explore"]
erratum("8.26e")

# %% [markdown]
# **The idea.** Let $p_t$ be the densities of the forward equation. Look at the same film backwards: its clock is $-t$.
# The density changes by
# $\frac{\partial p_t}{\partial(-t)} = -\frac{\partial p_t}{\partial t} = \nabla\cdot(\mathbf{f}p_t) - \frac12 g^2\,\nabla^2 p_t$.
# This looks like a Fokker-Planck equation with the drift $-\mathbf{f}$, but the sign before the noise term is wrong:
# noise that un-levels hills. There is no such noise. Can we write the wrong term as something else?
#
# **The trick: spreading is a flow.** By definition of the score $\nabla p_t = \mathbf{s}\,p_t$. Take the divergence of
# both sides:
#
# $$\nabla^2 p_t = \nabla\cdot(\mathbf{s}\,p_t) \tag{8.24}$$
#
# What noise does to a density could also be done by a *drift* along the score. (It was the same remark that made
# Langevin dynamics work in lesson 07.)

# %% tags=["explore"]
equation("8.24")

# %% [markdown]
# **Now put it in.** Write $-\frac12 g^2\nabla^2 p_t = +\frac12 g^2\nabla^2 p_t - g^2\nabla^2 p_t$: we want the plus, so
# we subtract twice as much. Replace the last part by (8.24), and gather everything under one divergence:
#
# $$\frac{\partial p_t}{\partial(-t)} = -\nabla\cdot\Big(\big(-\mathbf{f} + g(t)^2\,\mathbf{s}\big)\,p_t\Big) + \tfrac12\,g(t)^2\,\nabla^2 p_t \tag{8.25}$$
#
# This *is* a Fokker-Planck equation, for a clock that runs backwards: the drift is $-\mathbf{f} + g^2\mathbf{s}$ and
# the diffusion is $g$.

# %% tags=["explore"]
equation("8.25")

# %% [markdown]
# Write it with the usual clock again, and steps $dt < 0$. The drift changes its sign. This is the **reverse equation**
# of Anderson:
#
# $$d\mathbf{x} = \big[\mathbf{f}(\mathbf{x}, t) - g(t)^2\,\mathbf{s}(\mathbf{x}, t)\big]\,dt + g(t)\,d\bar{\mathbf{w}}, \qquad dt < 0 \tag{8.26}$$
#
# Here $\bar{\mathbf{w}}$ is a Wiener process for the backward clock: fresh noise that is independent of what came
# before *in the order in which we walk*.
#
# Our derivation showed that all the densities agree. Anderson proved more: the reversed *paths* have the same law as
# the forward ones. The twin below checks this too. It takes a point $\mathbf{x}_t$ and asks Bayes' rule on the exact
# mixture where it came from. The mean and the variance of $\mathbf{x}_{t-\Delta}$, per time, tend to the drift and the
# $g^2$ of (8.26). So the reverse step of lesson 05, the posterior $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$, becomes a
# normal density as the steps shrink. That was an assumption there; here is the reason.
#
# The only unknown is the score. Lesson 06 learns it.

# %% tags=["explore"]
equation("8.26")

# %% [markdown]
# ### Exercise 8.11: the reverse drift
#
# `sde.reverse_drift` · difficulty 2 · core · 6 minutes · 4 points · equation (8.26)

# %% exercise="sde.reverse_drift"
def reverse_drift(drift, g, score):
    """Drift of the reverse equation, for dt < 0.

    drift, score: (B, *D), forward drift and score at x; g: (B,) float64.  Returns (B, *D) in the score's dtype.
    """
    ### BEGIN SOLUTION
    return drift - (g**2).to(score).reshape(-1, *[1] * (score.ndim - 1)) * score
    ### END SOLUTION

# %% check="sde.reverse_drift" points=4
check("sde.reverse_drift", reverse_drift)

# %% [markdown]
# ### Exercise 8.12: from noise to data
#
# `sde.reverse_sample` · difficulty 3 · core · 15 minutes · 5 points · equation (8.26)
#
# The reverse equation of VP, in steps (8.4). Use what you have written. The score is a function of the points and of
# the time, and is asked once per step. Every step adds its noise, the last one too.

# %% exercise="sde.reverse_sample"
def reverse_sample(score, x, times, noises, beta_min, beta_max):
    """Run the reverse VP equation along falling times.

    score: function (x (B, *D), t float) -> (B, *D); x: (B, *D), at times[0]; times: (n+1,) float64, falling;
    noises: (n, B, *D) standard normal; beta_min, beta_max: floats.  Returns (B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    for i in range(len(noises)):
        f, g = (c.expand(len(x)) for c in vp_coefficients(times[i], beta_min, beta_max))
        drift = reverse_drift(f[0].to(x) * x, g, score(x, float(times[i])))
        x = em_step(x, drift, g, float(times[i + 1] - times[i]), noises[i])
    return x
    ### END SOLUTION

# %% check="sde.reverse_sample" points=5
check("sde.reverse_sample", reverse_sample)

# %% [markdown]
# Three thousand points of pure noise, and your steps. The score is the exact one of our bumps, and the smooth histogram
# of where the points end lies over the density of the data. (A histogram shows that nothing is badly wrong. The proof
# was (8.25); numbers follow below.)

# %% tags=["explore"]
def bumps_score(x, t):
    return data.bumps().score(x, *VP(0.1, 12.0).marginal(t))


def bell_sum(points, places, width=0.06):
    """A smooth histogram: one narrow bell at each point.  points: (N,)."""
    return torch.exp(-0.5 * ((places.unsqueeze(1) - points) / width) ** 2).mean(1) / (width * (2 * torch.pi) ** 0.5)


with when_written():
    x = reverse_sample(bumps_score, normal(12, 3000, 1), even(400).flip(0), normal(13, 400, 3000, 1), 0.1, 12.0)
    places = torch.linspace(-2.5, 2.5, 200, dtype=torch.float64)
    picture = plots.density(
        places,
        {"density of the data": exact_density(VP(0.1, 12.0), 0.0, places), "3,000 reversed points": bell_sum(x[:, 0], places)},
        alt="Two curves over the line. The density of the data has three bumps of different heights. The smoothed histogram of the "
        "reversed points has the same three, the narrow one in the middle lower, the one on the right a little higher.",
    )
    display(picture)

# %% [markdown]
# Play with it. Choose the equation and the direction of time, change the length of the step, and press *Play*. In
# words, the explorer tells how far the shares of the particles are from the exact ones, and how much of that is chance.
# Questions to try: How few steps will do? What happens without the score? Why do VP and sub-VP look so much alike, and
# where do they differ?

# %% tags=["explore"]
explorers.sde_paths()

# %% [markdown]
# ## 10. The DDPM sampler was this all along
#
# The ancestral step of lesson 05, with the score in the place of the predicted noise, is
# $(\mathbf{x}_t + b\,\mathbf{s})/\sqrt{1-b} + \sqrt b\,\mathbf{z}$ with $b = \beta(t)\Delta$. It is (7.21), but of the
# two variances of lesson 05 we take $\beta_t$, not $\tilde\beta_t$. (The $b$ of section 7 was another one.) The step of
# Euler and Maruyama for the reverse equation of VP is
# $\mathbf{x}_t + \frac b2\,\mathbf{x}_t + b\,\mathbf{s} + \sqrt b\,\mathbf{z}$. Subtract. The noise drops out:
#
# $$\mathbf{x}^{\text{DDPM}}_{t-\Delta} - \mathbf{x}^{\text{EM}}_{t-\Delta} = \Big(\frac{1}{\sqrt{1-b}} - 1 - \frac b2\Big)\,\mathbf{x}_t + b\,\Big(\frac{1}{\sqrt{1-b}} - 1\Big)\,\mathbf{s}(\mathbf{x}_t, t), \qquad b = \beta(t)\,\Delta \tag{8.27}$$
#
# How small is that? $\frac{1}{\sqrt{1-b}} = 1 + \frac12 b + \frac38 b^2 + \dots$ In the first bracket everything up to
# the order $b$ cancels, and $\frac38b^2$ is left. In the second $\frac12 b$ is left, times the $b$ in front of it:
#
# $$\lim_{\Delta\to0}\ \frac{\mathbf{x}^{\text{DDPM}}_{t-\Delta} - \mathbf{x}^{\text{EM}}_{t-\Delta}}{\Delta^2} = \beta(t)^2\,\Big(\tfrac38\,\mathbf{x}_t + \tfrac12\,\mathbf{s}(\mathbf{x}_t, t)\Big) \tag{8.28}$$
#
# One step differs by the order $\Delta^2$, so a whole run of $1/\Delta$ steps by the order $\Delta$. Both are
# discretisations of the same equation.

# %% tags=["explore"]
equation("8.27")

# %% tags=["explore"]
equation("8.28")

# %% [markdown]
# ### Exercise 8.13: DDPM minus Euler and Maruyama
#
# `sde.ddpm_minus_em` · difficulty 3 · core · 12 minutes · 5 points · equation (8.27)
#
# For any $b$ between 0 and 1, not only for small ones. Each example has its own.

# %% exercise="sde.ddpm_minus_em"
def ddpm_minus_em(x, score, b):
    """One ancestral step minus one reverse step of Euler and Maruyama, from the same x with the same noise.

    x, score: (B, *D); b: (B,) float64, beta(t) times the step.  Returns (B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    def shaped(values):
        return values.to(x).reshape(-1, *[1] * (x.ndim - 1))

    root = 1 / (1 - b).sqrt()
    return shaped(root - 1 - b / 2) * x + shaped(b * (root - 1)) * score
    ### END SOLUTION

# %% check="sde.ddpm_minus_em" points=5
check("sde.ddpm_minus_em", ddpm_minus_em)

# %% [markdown]
# Measured, on the bumps: the difference of one step at $t = \frac12$ by your formula, and the distance of the ends of
# two whole runs, DDPM and yours, from the same noise to data. (Of 400 distances the *median*: now and then a point
# stands just between two bumps, and the two runs fall to different sides. One such point would drown the mean.)

# %% tags=["explore"]
def ddpm_run(x, times, noises):
    """The ancestral sampler with variance beta, all steps with noise."""
    for t, dt, z in zip(times[:-1].tolist(), (-times.diff()).tolist(), noises, strict=True):
        b = (0.1 + t * 11.9) * dt
        x = (x + b * bumps_score(x, t)) / (1 - b) ** 0.5 + b**0.5 * z
    return x


with when_written():
    ns, one_step, whole_run = [50, 100, 200, 400, 800], [], []
    start, fine = normal(14, 400, 1), normal(15, 800, 400, 1)
    for n in ns:
        b = (0.1 + 0.5 * 11.9) / n * torch.ones(400, dtype=torch.float64)
        one_step.append(float((ddpm_minus_em(start, bumps_score(start, 0.5), b) ** 2).mean().sqrt()))
        noises, times = coarser_noise(fine, 800 // n), even(n).flip(0)
        ends = ddpm_run(start, times, noises) - reverse_sample(bumps_score, start, times, noises, 0.1, 12.0)
        whole_run.append(float(ends.abs().median()))
    table("DDPM minus Euler and Maruyama", ns, one_step=one_step, whole_run=whole_run)

# %% [markdown]
# Orders 2 and about 1, as derived. So "1000 steps" in DDPM is a step length, not a law of nature. Fewer steps make a
# larger error, and better solvers make a smaller one at the same price.

# %% [markdown]
# ## 11. Predictor and corrector
#
# The reverse equation moves points from $p_t$ to $p_{t-\Delta}$, and Langevin dynamics leaves $p_t$ in its place. How
# are they related? Split the reverse drift in two halves of the score:
# $\mathbf{f} - g^2\mathbf{s} = \big(\mathbf{f} - \frac12 g^2\mathbf{s}\big) - \frac12 g^2\mathbf{s}$.
#
# *The second half, with the noise,* is $-\frac12 g^2\mathbf{s}\,dt + g\,d\bar{\mathbf{w}}$. For a step $|dt|$ that is
# the drift $\eta\,\mathbf{s}$ and noise of variance $2\eta$ with $\eta = \frac12 g^2|dt|$: a Langevin step (7.1). Count
# its time in $\eta$. Then the drift is $\mathbf{s}$ and $g^2 = 2$, and the right side of (8.22) is
# $-\nabla\cdot(\mathbf{s}p) + \nabla^2 p$, which is 0 by (8.24). Short Langevin steps move the points and leave the
# density alone.
#
# *The first half* then has to do all the moving, and without noise. Put (8.24) into (8.22) to see it:
#
# $$\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big(\big(\mathbf{f} - \tfrac12\,g(t)^2\,\mathbf{s}\big)\,p_t\Big) \tag{8.29}$$
#
# Lesson 09 is about this one. Here it tells us that **a reverse step is a move plus a Langevin step**. If we have time
# to spare, we can take more Langevin steps at each level. As long as they are short they do no harm, because they leave
# $p_t$ in its place. But they can mend: if the points are *not* distributed like $p_t$, Langevin dynamics brings them
# closer. The reverse step to the next level is called the **predictor**, an extra Langevin step the **corrector**.

# %% tags=["explore"]
equation("8.29")

# %% [markdown]
# **Let us see both claims in numbers, without chance.** One step sends a point $\mathbf{x}$ to $\mathbf{m}(\mathbf{x})$
# and adds noise of variance $v$. Who arrives at $\mathbf{y}$? Add up over all who could have come:
#
# $$p^{+}(\mathbf{y}) = \int p(\mathbf{x})\;\mathcal{N}\big(\mathbf{y};\ \mathbf{m}(\mathbf{x}),\ v\,\mathbf{I}\big)\,d\mathbf{x} \tag{8.30}$$

# %% tags=["explore"]
equation("8.30")

# %% [markdown]
# ### Exercise 8.14: the density after a step
#
# `sde.density_after` · difficulty 3 · core · 15 minutes · 5 points · equation (8.30)
#
# On the line, by the trapezoidal rule (`torch.trapezoid`). The points `x` rise but need not be evenly spaced. `mean[j]`
# is where the step sends `x[j]`. The new density is asked at the same points.

# %% exercise="sde.density_after"
def density_after(p, x, mean, var):
    """Density after one step: x goes to mean(x), and noise of variance var is added.

    p: (G,), the density at the points x (G,), rising; mean: (G,); var: float.  Returns (G,), the new density at x.
    """
    ### BEGIN SOLUTION
    away = x.unsqueeze(1) - mean
    kernel = torch.exp(-0.5 * away**2 / var) / math.sqrt(2 * math.pi * var)
    return torch.trapezoid(p * kernel, x, dim=1)
    ### END SOLUTION

# %% check="sde.density_after" points=5
check("sde.density_after", density_after)

# %% [markdown]
# We begin with the exact $p_t$ of the bumps at $t = 0.4$ and take one single step: a predictor step of length $\Delta$,
# or a corrector step that adds just as much noise, $2\eta = g^2\Delta$. Then we measure the distance to two densities:
# to $p_t$, where we were, and to $p_{t-\Delta}$, where the predictor should go. The distance is half the integral of
# the absolute difference: the share of the points that are in the wrong place.

# %% tags=["explore"]
def misplaced(p, q, x):
    return float(0.5 * torch.trapezoid((p - q).abs(), x))


with when_written():
    x, kind, t = torch.linspace(-7, 7, 1001, dtype=torch.float64), VP(0.1, 12.0), 0.4
    s, f, g2 = bumps_score(x.unsqueeze(1), t)[:, 0], float(kind.rate(t)), float(kind.diffusion(t)) ** 2
    here = exact_density(kind, t, x)
    ns = [50, 100, 200, 400]
    predictor, corrector = {"to_p_(t-dt)": [], "to_p_t": []}, {"to_p_(t-dt)": [], "to_p_t": []}
    for n in ns:
        there = exact_density(kind, t - 1 / n, x)
        moved = density_after(here, x, x - (f * x - g2 * s) / n, g2 / n)
        kept = density_after(here, x, x + g2 / 2 * s / n, g2 / n)
        for rows, after in ((predictor, moved), (corrector, kept)):
            rows["to_p_(t-dt)"].append(misplaced(after, there, x))
            rows["to_p_t"].append(misplaced(after, here, x))
    table("after one predictor step", ns, **predictor)
    print()
    table("after one corrector step", ns, **corrector)

# %% [markdown]
# Read the orders. The predictor is at a distance of the order $\Delta^2$ from $p_{t-\Delta}$: it arrives, up to the
# error of one step. From $p_t$ it has moved away by the order $\Delta$. The corrector is the other way round: it stays
# at $p_t$ up to the order $\Delta^2$. From this error of each step comes the bias of lesson 07.
#
# And does it mend? Start from a *wrong* density, the bell that has the mean and the variance of $p_{0.1}$ but not its
# shape, and take many corrector steps towards $p_{0.1}$. What is left in the end is the step-size bias, and the slow
# traffic between the bumps:

# %% tags=["explore"]
with when_written():
    x, t = torch.linspace(-5, 5, 301, dtype=torch.float64), 0.1
    here, s = exact_density(kind, t, x), bumps_score(x.unsqueeze(1), t)[:, 0]
    mean = torch.trapezoid(x * here, x)
    spread = torch.trapezoid((x - mean) ** 2 * here, x)
    wrong = torch.exp(-0.5 * (x - mean) ** 2 / spread) / (2 * torch.pi * spread) ** 0.5
    print("corrector steps of eta = 0.02   share in the wrong place")
    for k in range(81):
        if k in (0, 5, 20, 80):
            print(f"{k:15d} {misplaced(wrong, here, x):28.4f}")
        wrong = density_after(wrong, x, x + 0.02 * s, 0.04)

# %% [markdown]
# **How large a corrector step?** Song and his co-authors do not choose $\eta$ but the ratio $\rho$ of the length of the
# drift part to the length of the noise part. It is the *signal-to-noise ratio* of the step (they write $r$). Solve for
# $\eta$:
# $\frac{\eta\|\mathbf{s}\|}{\sqrt{2\eta}\,\|\mathbf{z}\|} = \sqrt{\frac\eta2}\,\frac{\|\mathbf{s}\|}{\|\mathbf{z}\|} = \rho$,
# so
#
# $$\mathbf{x} \leftarrow \mathbf{x} + \eta\,\mathbf{s} + \sqrt{2\eta}\,\mathbf{z}, \qquad \frac{\|\eta\,\mathbf{s}\|}{\|\sqrt{2\eta}\,\mathbf{z}\|} = \rho \quad\Longleftrightarrow\quad \eta = 2\,\Big(\rho\,\frac{\|\mathbf{z}\|}{\|\mathbf{s}\|}\Big)^2 \tag{8.31}$$
#
# One number $\rho$ (0.16 in the paper) then serves all levels. Where the noise is $\sigma$, the score has the length
# $\sqrt d/\sigma$, so $\eta$ is about $2\rho^2\sigma^2$: the steps proportional to $\sigma^2$ of lesson 07 come out by
# themselves. The lengths are averaged over the batch, so that $\eta$ does not depend on the noise of a single example.
# (For VP the paper multiplies $\eta$ by $1-\beta_t$ of the chain, which is nearly 1. We leave it out.)

# %% tags=["explore"]
equation("8.31")

# %% [markdown]
# ### Exercise 8.15: a corrector step
#
# `sde.corrector_step` · difficulty 3 · core · 12 minutes · 5 points · equation (8.31)
#
# The length of an example runs over all its entries. $\|\mathbf{z}\|$ and $\|\mathbf{s}\|$ are each the mean of these
# lengths over the batch.

# %% exercise="sde.corrector_step"
def corrector_step(x, score, z, rho):
    """One Langevin step with the step size that gives the signal-to-noise ratio rho.

    x, score, z: (B, *D), z standard normal; rho: float.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    ratio = z.flatten(1).norm(dim=1).mean() / score.flatten(1).norm(dim=1).mean()
    eta = 2 * (rho * ratio) ** 2
    return x + eta * score + (2 * eta).sqrt() * z
    ### END SOLUTION

# %% check="sde.corrector_step" points=5
check("sde.corrector_step", corrector_step)

# %% [markdown]
# Does it leave $p_t$ in place, with a crowd of particles too? 2,000 draws from the exact $p_t$ of a ring of eight
# islands in the plane, at several times. Each crowd takes 20 of your corrector steps, with $\rho = 0.1$. The energy
# distance to fresh exact draws should stay where it was: of the size that two exact crowds have by chance.

# %% tags=["explore"]
ring = data.ring_mixture()


def ring_score(x, t):
    return ring.score(x, *VP(0.1, 12.0).marginal(t))


def ring_draws(t, n, seed):
    alpha, sigma = VP(0.1, 12.0).marginal(t)
    return ring.noised(float(alpha), float(sigma)).sample(n, generator=draws(seed))


with when_written():
    print("   t    by chance   before   after 20 corrector steps   the same with the score of t + 0.1")
    for t in (0.02, 0.1, 0.3, 0.7):
        x = y = ring_draws(t, 2000, 16)
        fresh, g = ring_draws(t, 2000, 17), draws(18)
        before, chance = float(energy_distance(x, fresh)), float(torch.cdist(x, fresh).mean()) * 2 / 2000
        for _ in range(20):
            z = torch.randn(x.shape, generator=g, dtype=x.dtype)
            x, y = corrector_step(x, ring_score(x, t), z, 0.1), corrector_step(y, ring_score(y, t + 0.1), z, 0.1)
        after, misled = float(energy_distance(x, fresh)), float(energy_distance(y, fresh))
        print(f"{t:5.2f} {chance:10.4f} {before:9.4f} {after:16.4f} {misled:30.4f}")

# %% [markdown]
# The last column is a warning: a corrector with the score of another time leads the crowd to *that* time's density.
# Near the data, where $p_t$ changes fast, that is far off.

# %% [markdown]
# ### Exercise 8.16: predictor and corrector
#
# `sde.pc_sample` · difficulty 4 · core · 15 minutes · 6 points · equation (8.31)
#
# In turns: one predictor step from `times[i]` to `times[i+1]`, which is a step of `reverse_sample`; then $K$ corrector
# steps at the new time. All noise is handed to you. `ends` is the pair `(beta_min, beta_max)`. With $K$ corrections a
# step costs $1 + K$ calls of the score.

# %% exercise="sde.pc_sample"
def pc_sample(score, x, times, z_pred, z_corr, rho, ends):
    """One predictor step and K corrector steps in turn, along falling times.

    score: function (x (B, *D), t float) -> (B, *D); x: (B, *D), at times[0]; times: (n+1,) float64, falling;
    z_pred: (n, B, *D); z_corr: (n, K, B, *D); rho: float; ends: (beta_min, beta_max).  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    for i in range(len(z_pred)):
        x = reverse_sample(score, x, times[i : i + 2], z_pred[i : i + 1], *ends)
        for z in z_corr[i]:
            x = corrector_step(x, score(x, float(times[i + 1])), z, rho)
    return x
    ### END SOLUTION

# %% check="sde.pc_sample" points=6
check("sde.pc_sample", pc_sample)

# %% [markdown]
# Your sampler on the ring, from pure noise to $t = 0.01$ in 60 steps with one correction each, beside exact draws.

# %% tags=["explore"]
with when_written():
    sampled = pc_sample(ring_score, normal(20, 1500, 2), 1 - 0.99 * even(60), normal(21, 60, 1500, 2), normal(22, 60, 1, 1500, 2), 0.16, (0.1, 12.0))
    exact = ring_draws(0.01, 1500, 19)
    picture = plots.scatter(
        torch.stack([exact, sampled]),
        ["exact draws", "predictor, corrector"],
        alt="Two panels with a ring of eight small round clouds of points each. They look alike.",
    )
    display(picture)
    print(f"energy distance {float(energy_distance(sampled, exact)):.4f}, by chance {float(torch.cdist(sampled, exact).mean()) * 2 / 1500:.4f}")

# %% [markdown]
# **Is it worth it?** A race without chance: on the bumps, (8.30) carries the whole density through every step, and we
# print the share of points that is in the wrong place at $t = 0.02$. Compare $n$ predictor steps, the same with one
# correction each, and $2n$ predictor steps, which cost as much. All corrections have $\rho = 0.3$. First with the exact
# score. Then with a flawed one, as a learned score might be: it is 30% too short as long as $t > 0.3$, and exact below.

# %% tags=["explore"]
def race(n, corrections, flaw):
    """Share in the wrong place after n predictor steps, each with so many corrections; flaw: how much the score lacks."""
    x, kind = torch.linspace(-5, 5, 251, dtype=torch.float64), VP(0.1, 12.0)
    p = torch.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    times = (1 - 0.98 * even(n)).tolist()
    for t, after in pairwise(times):
        f, g2, dt = float(kind.rate(t)), float(kind.diffusion(t)) ** 2, t - after
        s, s_after = (bumps_score(x.unsqueeze(1), u)[:, 0] * (1 - flaw * (u > 0.3)) for u in (t, after))
        p = density_after(p, x, x - (f * x - g2 * s) * dt, g2 * dt)
        for _ in range(corrections):  # the mean length of standard normal numbers is sqrt(2/pi)
            eta = 2 * (0.3 * math.sqrt(2 / math.pi) / float(torch.trapezoid(p * s_after.abs(), x))) ** 2
            p = density_after(p, x, x + eta * s_after, 2 * eta)
    return misplaced(p, exact_density(kind, times[-1], x), x)


with when_written():
    for name, flaw in (("exact score", 0.0), ("score too short while t > 0.3", 0.3)):
        print(f"{name}\n     n     n predictions   n predictions and n corrections   2n predictions")
        for n in (10, 20, 40):
            print(f"{n:6d} {race(n, 0, flaw):14.4f} {race(n, 1, flaw):26.4f} {race(2 * n, 0, flaw):24.4f}")

# %% [markdown]
# An honest result. With a perfect score, steps of half the length are the better use of the same money. With a flawed
# one there comes a point where shorter steps no longer help, because the error is not theirs. There the corrections
# win. A prediction builds on all the errors before it. A corrector leads the points towards the right density wherever
# they came from, as soon as its own score is right. Learned scores have flaws.

# %% [markdown]
# **Digits, without a network.** As in lesson 07 the 1,797 digits are themselves a mixture, whose exact score is known
# at every $t$. Here is your predictor-corrector, from noise to digits, with 200 predictor steps. (Once more: with this
# score every sample ends on a digit that is in the data.)

# %% tags=["explore"]
digits = data.digits()
known = digits.images.flatten(1).double()


def digit_score(x, t):
    """Exact score of the data set at time t of VP.  x: (B, 64)."""
    alpha, sigma = (float(c) for c in VP(0.1, 12.0).marginal(t))
    squares = -2 * alpha * x @ known.mT + alpha**2 * (known**2).sum(1)
    return (alpha * torch.softmax(-squares / (2 * sigma**2), dim=1) @ known - x) / sigma**2


with when_written():
    rungs = 0.02 + 0.98 * even(200).flip(0)
    stops, films = [0, 60, 110, 140, 160, 180, 200], [normal(25, 3, 64)]
    z_pred, z_corr = normal(26, 200, 3, 64), normal(27, 200, 1, 3, 64)
    for a, b in pairwise(stops):
        films.append(pc_sample(digit_score, films[-1], rungs[a : b + 1], z_pred[a:b], z_corr[a:b], 0.16, (0.1, 12.0)))
    picture = plots.image_grid(
        torch.stack(films, dim=1).reshape(3, 7, 8, 8),
        [f"t = {float(rungs[k]):.2f}" for k in stops],
        ["", "", ""],
        alt="Three samples at seven times from 1 down to 0.02. Noise at first; faint shapes below t = 0.3; at the end three "
        "handwritten digits with a little grain.",
    )
    display(picture)

# %% [markdown]
# ## Written question
#
# A friend reads (8.26) and says: "Noise destroys information. A sampler that adds noise in every step wastes half of
# its work. I keep the drift $\mathbf{f} - g^2\mathbf{s}$ and leave out the noise."
#
# 1. With the friend's steps, what happens to the density? Argue with the Fokker-Planck equation: which term is missing,
#    and what does that do to the samples?
# 2. The friend is half right: there *is* a drift that needs no noise. Which one, and where in this lesson does it
#    stand?
# 3. Somebody else uses the right predictor, but the corrector asks for the score at the *old* time. After many
#    corrections per step, which density do the points have at the end of each turn, and what does that mean for the
#    last one?
#
# Answer in a few sentences, with formulas where they help. 6 points, graded by hand.

# %% [markdown] written="sde.no_noise" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) For the backward clock the density obeys (8.25). Without noise the term
# $\frac12 g^2\nabla^2 p_t$, which levels hills, is missing, while the whole drift $g^2\mathbf{s}$, which climbs them,
# is there. So the points contract too much: by (8.24) the missing term is $\frac12 g^2\nabla\cdot(\mathbf{s}p)$, as if
# the points had moved along $+\frac12 g^2\mathbf{s}$ too far. They gather on the peaks: the samples are too much alike,
# with too little variance (near means of modes, as with DDPM without noise). (2) $\mathbf{f} - \frac12 g^2\mathbf{s}$,
# equation (8.29): with half of the score and no noise the densities are the right ones at all times. (3) The corrector
# leaves in place, and with many steps leads to, the density whose score it is given. With the old time's score each
# turn ends at $p_{t_i}$ instead of $p_{t_{i+1}}$: the corrections undo the prediction. The points are always one level
# behind, and at the end they have the noise of the last level but one.
#
# **Rubric.** (1) Missing diffusion term named: 1; too narrow, on the peaks, or too little variance: 1. (2) Half of
# $g^2\mathbf{s}$: 1; refers to (8.29): 1. (3) The corrector's target is the density of the score it gets: 1; one level
# behind, so noise is left at the end: 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - Noise over a time $\Delta$ has variance $\Delta$; a Wiener process adds it up (8.1). Squares of increments add up to
#   the time (8.3): $dw^2 = dt$.
# - A step of Euler and Maruyama (8.4). With noise that does not depend on $\mathbf{x}$ its order is 1, for paths and
#   for distributions; with noise that does, 1/2 for paths (8.18).
# - The DDPM chain is VP (8.6, 8.7); the ladder is VE (8.8, 8.9); sub-VP is a third choice (8.15). Differences fall with
#   the order 1.
# - Itô's rule in the mean (8.11) gives mean and variance (8.12) and, by parts, the Fokker-Planck equation (8.22).
# - Spreading is a flow along the score (8.24). Hence the reverse equation (8.26): drift $\mathbf{f} - g^2\mathbf{s}$,
#   noise $g$, $dt < 0$.
# - The DDPM step differs from Euler and Maruyama by the order $\Delta^2$ (8.28).
# - A reverse step is a move (8.29) plus a Langevin step. The predictor moves $p_t$ to $p_{t-\Delta}$, the corrector
#   (8.31) leaves it in place.
#
# **Where this is in the papers.**
#
# - Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole 2021, *Score-Based Generative Modeling through Stochastic
#   Differential Equations*: the reverse equation is eq. 6, VE eq. 9, VP eq. 11, sub-VP eq. 12; predictor-corrector
#   samplers are section 4.2, the corrector steps are Algorithms 4 and 5.
# - Anderson 1982, *Reverse-time diffusion equation models*: the reversal.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*, and Song and Ermon 2019, *Generative Modeling by
#   Estimating Gradients of the Data Distribution*: the chain and the ladder that became equations here.
# - Kloeden and Platen 1992, *Numerical Solution of Stochastic Differential Equations*: Itô's formula, Euler and
#   Maruyama, strong and weak order.
# - Särkkä and Solin 2019, *Applied Stochastic Differential Equations*: a gentle book on moments and on Fokker and
#   Planck.
#
# Next, lesson 09 takes the half without noise (8.29) alone. It turns the sampler into a flow that can be run both ways,
# and gives the exact likelihood of a data point.
