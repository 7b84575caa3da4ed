# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 09 Probability flow and exact likelihood
#
# **What you will be able to do.** You will take the noise out of a diffusion model. What is left is an ordinary
# differential equation that carries data to noise and back, without any dice, through the very same densities. You will
# solve it with three methods and measure how good they are. You will use it to compute the exact likelihood of a data
# point, to say how many bits an image costs, and to give every image a code that can be decoded and mixed with others.
#
# **What it needs.** Lesson 02: the forward process. Lesson 04: bits per dimension. Lesson 06: the score, integration by
# parts. Lesson 07: why drift and noise go together. Lesson 08: noising as a stochastic differential equation, and
# its reversal.
#
# **Time.** About four hours: two to read and play, two for the fourteen exercises. You may skip what is marked
# *stretch*; nothing later depends on it.
#
# A picture before anything else. Run the next cells.

# %%
import math

import torch

from diffkit import data, explorers, plots
from diffkit.equations import equation, erratum, notation
from diffkit.oracle import GaussianMixture
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit.samplers import euler_maruyama, last, probability_flow, reverse_sde, rk4
from diffkit.sde import VP

vp = VP()  # dx = -beta(t)/2 x dt + sqrt(beta(t)) dw, beta from 0.1 to 20
bumps = data.bumps()


def draws(seed):
    return torch.Generator().manual_seed(seed)


def bumps_score(x, t):
    return bumps.score(x, *vp.marginal(t))


grid = torch.linspace(-3.2, 3.2, 240, dtype=torch.float64)
clock = torch.linspace(0, 1, 201, dtype=torch.float64)
shading = torch.stack([bumps.log_prob(grid.unsqueeze(1), *vp.marginal(t)).exp() for t in clock])
start = bumps.sample(40, generator=draws(1))
wandering = torch.cat([s.x for s in euler_maruyama(vp.drift, vp.diffusion, start, clock, generator=draws(2))], dim=1)
gliding = torch.cat([s.x for s in probability_flow(bumps_score, vp, start, clock, step=rk4)], dim=1)
plots.path_panels(
    {"with noise": (clock, wandering), "without": (clock, gliding)},
    grid,
    shading,
    alt="Two panels with the same forty starting points in three bumps, over the same shading. On the left jagged paths cross each "
    "other all the time. On the right smooth paths fan out and never cross. Both end as a bell curve of noise.",
)

# %% [markdown]
# Forty data points become noise, from left to right. In the left panel they follow the stochastic
# differential equation (SDE) of lesson 08: each is pulled a little towards zero, and shaken. In the right panel the
# same forty points move without any noise. The shading is the exact density of the noised data, the same in both
# panels.
#
# Nothing is random on the right except where the points begin. The paths are smooth. They never cross. And yet at
# every time the points lie as densely as the shading says, just as the shaken ones did. So a diffusion model has a
# second life, as a smooth and reversible machine. How can that be? And what is it good for? That is this lesson.

# %% [markdown]
# ## The notation
#
# Time $t$ is a real number now: 0 is data, and $T$, which is 1 in all our examples, is noise. Come back to this
# table when you need it.

# %% tags=["explore"]
notation("9")

# %% [markdown]
# ## 1. What we take from lesson 08
#
# The noising is written as $d\mathbf{x} = \mathbf{f}(\mathbf{x}, t)\,dt + g(t)\,d\mathbf{w}$. In a short time $h$ a
# point moves by the *drift* $\mathbf{f}\,h$, and by noise of variance $g^2 h$ in each coordinate. For all processes
# of this course the drift is linear, $\mathbf{f}(\mathbf{x}, t) = f(t)\,\mathbf{x}$. For the variance-preserving
# process (VP) $f = -\beta/2$ and $g = \sqrt{\beta}$; for the variance-exploding one (VE) $f = 0$.
#
# One point wanders at random. The *density* $p_t$ of many points does not: it changes by a rule without chance, the
# Fokker-Planck equation
#
# $$\frac{\partial p_t}{\partial t} = -\nabla\cdot\big(\mathbf{f}\,p_t\big) + \frac{g^2}{2}\,\nabla^2 p_t \tag{9.1}$$
#
# The first term is transport: the drift carries points from one place to another. The second is spreading: noise
# fills valleys and wears down peaks. The mark $\nabla\cdot$ is the *divergence*: of a field with components
# $v_1, \dots, v_d$ it is $\sum_i \partial v_i / \partial x_i$.

# %% tags=["explore"]
equation("9.1")

# %% [markdown]
# ## 2. Points that move, and nothing else
#
# Forget the noise for a moment. Let points move with a velocity that depends on place and time:
# $\frac{d\mathbf{x}}{dt} = \mathbf{v}(\mathbf{x}, t)$. This is an *ordinary* differential equation (ODE). How does
# the density of such points change?
#
# **On the line.** Count the points between $a$ and $b$. None is born and none dies, so the number changes only by
# traffic through the two ends. In a short time $h$, those points pass $a$ which were within $v(a, t)\,h$ to its
# left. Their share is $v(a,t)\,h \cdot p_t(a)$. They enter. At $b$ the same kind of traffic leaves. So
#
# $$\frac{d}{dt}\int_a^b p_t(x)\,dx = v(a,t)\,p_t(a) - v(b,t)\,p_t(b) \tag{9.2}$$
#
# If $v$ is negative, the traffic goes the other way, and the formula still holds.
#
# **At one place.** Let the interval shrink to a point: divide by $b - a$ and let $b \to a$. On the left stands
# $\partial p_t/\partial t$. On the right stands minus the slope of $v\,p_t$. In more dimensions, a small box has
# two ends along every axis, and the traffic of all of them adds up:
#
# $$\frac{\partial p_t}{\partial t} = -\nabla\cdot\big(\mathbf{v}\,p_t\big) \tag{9.3}$$
#
# This is the *continuity equation*. It says: where more flows out than in, the density falls. The product
# $\mathbf{v}\,p_t$ is the traffic, velocity times number.

# %% tags=["explore"]
equation("9.2")

# %% tags=["explore"]
equation("9.3")

# %% [markdown]
# Read the other way, (9.3) is a recipe. Suppose somebody shows us how a density changes in time. If
# we can write that change as minus the divergence of *something times $p_t$*, then that something is a velocity,
# and points that follow it have this density at all times, if they had it at the start.

# %% [markdown]
# ## 3. The noise, rewritten as a flow
#
# Compare (9.3) with Fokker-Planck (9.1). The transport term has the right form already. The spreading term has not:
# it is a second derivative. But look at what a second derivative is, $\nabla^2 p = \nabla\cdot(\nabla p)$, the
# divergence of the gradient. And the gradient of $p$ has a name that we know. The score is
# $\mathbf{s} = \nabla \log p = \nabla p / p$, so $\nabla p = p\,\mathbf{s}$. Put in:
#
# $$\nabla^2 p_t = \nabla\cdot\big(p_t\,\mathbf{s}\big) \tag{9.4}$$
#
# Here is the whole trick of this lesson. **Spreading by noise looks, to the density, like a flow down the score**:
# away from the crowd. Put (9.4) into (9.1) and take both terms under one divergence:
#
# $$\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big[\Big(\mathbf{f} - \tfrac12\,g^2\,\mathbf{s}\Big)\,p_t\Big] \tag{9.5}$$
#
# No step was an approximation. The factor $\frac12$ is the one in front of the noise in Fokker-Planck, nothing else.

# %% tags=["explore"]
equation("9.4")

# %% tags=["explore"]
equation("9.5")

# %% [markdown]
# So by the recipe of section 2, the points of the ODE
#
# $$\frac{d\mathbf{x}}{dt} = \mathbf{v}(\mathbf{x},t) = \mathbf{f}(\mathbf{x},t) - \tfrac12\,g(t)^2\,\mathbf{s}(\mathbf{x},t) \tag{9.6}$$
#
# have the density $p_t$ at every $t$: the same as the noisy process. This is the *probability flow ODE*. Of the
# whole noisy process it needs only what we can learn: the score.
#
# An ODE may be followed in both directions. With rising $t$ it turns data into noise. With falling $t$, from noise,
# it draws samples, and no fresh noise is needed on the way.

# %% tags=["explore"]
equation("9.6")

# %% [markdown]
# ### Exercise 9.1: the velocity
#
# `flow.velocity` · difficulty 1 · core · 6 minutes · 4 points · equation (9.6)
#
# The drift is linear, $f(t)\,\mathbf{x}$. Every example has its own time, so `f` and `g` have shape `(B,)`:
# remember the trap of lesson 02.

# %% exercise="flow.velocity"
def velocity(x, score, f, g):
    """Velocity of the probability flow.

    x: (B, *D); score: (B, *D), at x; f, g: (B,) float64, rate of the drift and size of the noise.
    Returns (B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    f, g = (c.to(x).reshape(-1, *[1] * (x.ndim - 1)) for c in (f, g))
    return f * x - 0.5 * g**2 * score
    ### END SOLUTION

# %% check="flow.velocity" points=4
check("flow.velocity", velocity)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one: the idea, the formula, the line.

# %% tags=["explore"]
hint("flow.velocity")

# %% [markdown]
# **On the line there is a second way to see it.** Smooth paths cannot cross: at a crossing two points
# would be at one place at one time, and there is only one velocity there, so they could never have been apart. On a
# line, whoever cannot be overtaken keeps its rank. Let $F_t(x)$ be the share of points left of $x$ at time $t$.
# Then
#
# $$F_t(x_t) = F_0(x_0) \tag{9.7}$$
#
# The point that has 30% of the others on its left has them there forever. So on the line the flow is known without
# solving anything: find the place that has the same share at the new time. We shall use this as a witness. (In more
# dimensions there is no left and right, and no such shortcut.)

# %% tags=["explore"]
equation("9.7")

# %% [markdown]
# ## 4. Why half?
#
# Lesson 08 went from noise to data with the reverse SDE. Its drift is $\mathbf{f} - g^2\,\mathbf{s}$, with the
# *whole* $g^2$. Here it is half. Whoever takes the drift of the reverse SDE and leaves out its noise gets wrong
# densities:

# %% tags=["explore"]
erratum("9.5e")

# %% [markdown]
# Here is the account. Look at the way back, with falling $t$. The density has to un-spread. By (9.5)
# half of $g^2\,\mathbf{s}$ does that. This half *carries*. Now suppose that we shake the points on the way back
# with noise of size $\lambda g$. That spreads them by $\frac{\lambda^2 g^2}{2}\nabla^2 p$, which by (9.4) is the
# same as a flow down the score, of strength $\frac{\lambda^2 g^2}{2}$. It must be made up for by as much up the
# score. In total $\frac{1+\lambda^2}{2}\,g^2\,\mathbf{s}$. So a whole family of processes has the right densities
# on the way back,
# $d\mathbf{x} = \big(\mathbf{f} - \frac{1+\lambda^2}{2}\,g^2\,\mathbf{s}\big)dt + \lambda g\,d\bar{\mathbf{w}}$
# with $dt < 0$, one for each $\lambda \ge 0$. Their Fokker-Planck equation is (with a minus before the spreading,
# since time runs backwards)
#
# $$\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big[\Big(\mathbf{f} - \frac{1+\lambda^2}{2}\,g^2\,\mathbf{s}\Big)p_t\Big] - \frac{\lambda^2}{2}\,g^2\,\nabla^2 p_t \tag{9.8}$$
#
# Put (9.4) into the last term: everything with $\lambda$ cancels, and (9.5) is left. At $\lambda = 1$ it is the
# reverse SDE, at $\lambda = 0$ the flow. **One half carries, the other half pays for the noise.** Lesson 07 found
# the same when it compared a DDPM step with a Langevin step: there, too, the second half was a surprise.

# %% tags=["explore"]
equation("9.8")

# %% [markdown]
# A check by hand, for Gaussian data on the line. Let $V_t$ be the variance at time $t$ and $m_t$ the mean. The score of
# a Gaussian is $-(x - m_t)/V_t$. So the drift of (9.8) is, up to terms that do not depend on $x$,
# $\big(f + \frac{(1+\lambda^2) g^2}{2 V_t}\big)x$. A drift $c\,x$ changes a variance at the rate $2c\,V_t$. Noise of size
# $\lambda g$ adds $\lambda^2 g^2$ per unit of the time in which the process runs. Ours runs backwards, so counted in $t$
# that is taken away:
#
# $$\frac{dV_t}{dt} = 2\Big(f + \frac{(1+\lambda^2)\,g^2}{2V_t}\Big)V_t - \lambda^2 g^2 = 2 f V_t + g^2 \tag{9.9}$$
#
# The result does not contain $\lambda$, and it is the moment equation of the noising itself.

# %% tags=["explore"]
equation("9.9")

# %% [markdown]
# ### Exercise 9.2: a step of the family
#
# `flow.family_step` · difficulty 2 · core · 10 minutes · 4 points · equation (9.8)
#
# One step of Euler and Maruyama (lesson 08): the drift at the old point times `dt`, plus the noise. The step goes
# back in time, so `dt` is negative. Noise does not care about the direction: its variance grows with the *length*
# of the step.

# %% exercise="flow.family_step"
def family_step(x, score, f, g, dt, lam, noise):
    """One Euler-Maruyama step towards the data, with noise of size lam * g.

    x, score, noise: (B, *D); f, g: floats, at the time of x; dt: float < 0; lam: float >= 0.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    drift = f * x - (1 + lam**2) / 2 * g**2 * score
    return x + dt * drift + lam * g * (-dt) ** 0.5 * noise
    ### END SOLUTION

# %% check="flow.family_step" points=4
check("flow.family_step", family_step)

# %% [markdown]
# **Same densities, other paths.** Be careful with what has been shown. At each *single* time the
# points of the flow are spread like those of the SDE. What two times have to do with each other is quite different.
# In the noisy process, $\mathbf{x}_T$ hardly remembers $\mathbf{x}_0$. In the flow it remembers everything:
# $\mathbf{x}_0$ can be computed from it. For Gaussian data on the line the paths are known. Without crossing, and
# from a Gaussian to a Gaussian, only a stretched line is possible:
#
# $$x_t = \alpha_t\,m + \sqrt{\frac{V_t}{V}}\,(x_0 - m), \qquad V_t = \alpha_t^2\,V + \sigma_t^2 \tag{9.10}$$
#
# (Its velocity is $\alpha_t' m + \frac{V_t'}{2V_t}(x_t - \alpha_t m)$. Put in $\alpha_t' = f\alpha_t$ and
# $V_t' = 2fV_t + g^2$, and you find $f x_t + \frac{g^2}{2V_t}(x_t - \alpha_t m)$, which is (9.6).) The noisy $x_t$
# would instead be $\alpha_t x_0 + \sigma_t\varepsilon$.
#
# Somebody asked in the lecture whether $\mathbf{x}_0$ is random or not. Here are both answers side by side. If
# $\mathbf{x}_0$ is drawn, $\mathbf{x}_t$ of the flow is random, with density $p_t$. If $\mathbf{x}_0$ is given,
# $\mathbf{x}_t$ of the flow is a number, and nothing in it is random.

# %% tags=["explore"]
equation("9.10")

# %% [markdown]
# ## 5. Walking along the flow
#
# A computer takes steps. Each step asks for the velocity, and with a network that is the whole cost. So the
# question is what a solver makes of its calls.
#
# **Euler** goes along the velocity that it finds at the start of the step:
#
# $$\mathbf{x}_{k+1} = \mathbf{x}_k + h\,\mathbf{v}(\mathbf{x}_k, t_k) \tag{9.11}$$
#
# If the true path bends, it misses by about $h^2$ in each step. There are $1/h$ steps, so the error at the end is about
# $h$: half the step, half the error. Such a method has *order* 1.
#
# **Heun** takes Euler's step on trial only. It asks again where the trial ends, and steps with the mean of both:
#
# $$\mathbf{x}_{k+1} = \mathbf{x}_k + \frac{h}{2}\,(\mathbf{k}_1 + \mathbf{k}_2), \qquad \mathbf{k}_1 = \mathbf{v}(\mathbf{x}_k, t_k), \quad \mathbf{k}_2 = \mathbf{v}(\mathbf{x}_k + h\,\mathbf{k}_1,\ t_k + h) \tag{9.12}$$
#
# The velocity at the start errs to one side of the bend, that at the end to the other. Their mean gets the bend
# right. The order is 2.
#
# **Runge and Kutta** (RK4) look four times, once at the start, twice in the middle, once at the end,
# $\mathbf{k}_1 = \mathbf{v}(\mathbf{x}_k, t_k)$ and
#
# $$\mathbf{x}_{k+1} = \mathbf{x}_k + \frac{h}{6}\,(\mathbf{k}_1 + 2\mathbf{k}_2 + 2\mathbf{k}_3 + \mathbf{k}_4), \qquad \mathbf{k}_2 = \mathbf{v}\big(\mathbf{x}_k + \tfrac{h}{2}\mathbf{k}_1,\ t_k + \tfrac{h}{2}\big), \quad \mathbf{k}_3 = \mathbf{v}\big(\mathbf{x}_k + \tfrac{h}{2}\mathbf{k}_2,\ t_k + \tfrac{h}{2}\big), \quad \mathbf{k}_4 = \mathbf{v}(\mathbf{x}_k + h\,\mathbf{k}_3,\ t_k + h) \tag{9.13}$$
#
# The weights 1, 4, 1 over 6 (the middle counted twice) are those of Simpson's rule for integrals. The order is 4:
# half the step, a sixteenth of the error.
#
# The next three cells run the library's solvers in a field that is linear in place and time, and compare them with
# the Taylor polynomial of the exact solution. Agreement up to $h^q$, and no further, is what order $q$ means.

# %% tags=["explore"]
equation("9.11")

# %% tags=["explore"]
equation("9.12")

# %% tags=["explore"]
equation("9.13")

# %% [markdown]
# ### Exercise 9.3: Euler's path
#
# `flow.euler_path` · difficulty 1 · core · 8 minutes · 4 points · equation (9.11)
#
# The times may rise (towards noise) or fall (towards data), and need not be evenly spaced. Keep every point of the way.

# %% exercise="flow.euler_path"
def euler_path(v, x, times):
    """Euler's method along the times.

    v: function (x (B, *D), t float) -> (B, *D); x: (B, *D), at times[0]; times: (n+1,) float64, rising or falling.
    Returns (n+1, B, *D), x included.
    """
    ### BEGIN SOLUTION
    path = [x]
    for t, t_next in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        path.append(path[-1] + (t_next - t) * v(path[-1], t))
    return torch.stack(path)
    ### END SOLUTION

# %% check="flow.euler_path" points=4
check("flow.euler_path", euler_path)

# %% [markdown]
# ### Exercise 9.4: Heun's step
#
# `flow.heun_step` · difficulty 2 · core · 8 minutes · 4 points · equation (9.12)

# %% exercise="flow.heun_step"
def heun_step(v, x, t, dt):
    """One step of Heun's method, two calls of v.

    v: function (x (B, *D), t float) -> (B, *D); x: (B, *D); t, dt: floats, dt of either sign.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    k_1 = v(x, t)
    k_2 = v(x + dt * k_1, t + dt)
    return x + dt / 2 * (k_1 + k_2)
    ### END SOLUTION

# %% check="flow.heun_step" points=4
check("flow.heun_step", heun_step)

# %% [markdown]
# ### Exercise 9.5: Runge and Kutta's step
#
# `flow.rk4_step` · difficulty 2 · core · 10 minutes · 4 points · equation (9.13)

# %% exercise="flow.rk4_step"
def rk4_step(v, x, t, dt):
    """One step of the classical Runge-Kutta method, four calls of v.

    v: function (x (B, *D), t float) -> (B, *D); x: (B, *D); t, dt: floats, dt of either sign.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    k_1 = v(x, t)
    k_2 = v(x + dt / 2 * k_1, t + dt / 2)
    k_3 = v(x + dt / 2 * k_2, t + dt / 2)
    k_4 = v(x + dt * k_3, t + dt)
    return x + dt / 6 * (k_1 + 2 * k_2 + 2 * k_3 + k_4)
    ### END SOLUTION

# %% check="flow.rk4_step" points=4
check("flow.rk4_step", rk4_step)

# %% [markdown]
# **Do they have these orders?** Run a solver with $n_1, n_2, \dots$ steps and note the errors
# $e_1, e_2, \dots$ If $e = C\,n^{-q}$, then $\log e = \log C - q \log n$: a straight line with slope $-q$. Lay the
# line with the least squares through the measured points. Its slope is the textbook formula, and its negative is
# the measured order:
#
# $$\hat q = -\,\frac{\sum_i (\log n_i - \overline{\log n})\,(\log e_i - \overline{\log e})}{\sum_i (\log n_i - \overline{\log n})^2} \tag{9.14}$$
#
# The bar means the average over $i$.

# %% tags=["explore"]
equation("9.14")

# %% [markdown]
# ### Exercise 9.6: the order, measured
#
# `flow.measured_order` · difficulty 2 · core · 8 minutes · 4 points · equation (9.14)

# %% exercise="flow.measured_order"
def measured_order(n, errors):
    """The order of a solver.  n, errors: (m,) float64, numbers of steps and the error made with each.  Returns one number."""
    ### BEGIN SOLUTION
    u = n.log() - n.log().mean()
    return -(u * errors.log()).sum() / (u**2).sum()
    ### END SOLUTION

# %% check="flow.measured_order" points=4
check("flow.measured_order", measured_order)

# %% [markdown]
# Now your solvers on Gaussian data, where (9.10) is the truth. The error is that of the worst of 50
# points. Does each have its order?

# %% tags=["explore"]
def flow_of(mixture, sde=vp):
    """The velocity of the flow of a mixture, with your function and the exact score."""

    def v(x, t):
        f, g = (c.expand(len(x)) for c in (sde.rate(t), sde.diffusion(t)))
        return velocity(x, mixture.score(x, *sde.marginal(t)), f, g)

    return v


def walk(step, v, x, times):
    for t, t_next in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        x = step(v, x, t, t_next - t)
    return x


def euler_step(v, x, t, dt):
    return euler_path(v, x, torch.tensor([t, t + dt], dtype=torch.float64))[-1]


with when_written():
    bell = GaussianMixture.isotropic(
        torch.ones(1, dtype=torch.float64), torch.tensor([[0.8]], dtype=torch.float64), 0.3
    )
    alpha, sigma = vp.marginal(1.0)
    x = bell.sample(50, generator=draws(3))
    truth = alpha * 0.8 + ((alpha**2 * 0.3 + sigma**2) / 0.3).sqrt() * (x - 0.8)
    counts = torch.tensor([20.0, 40.0, 80.0, 160.0], dtype=torch.float64)
    errors = {}
    for name, step in (("Euler", euler_step), ("Heun", heun_step), ("Runge-Kutta", rk4_step)):
        ends = [walk(step, flow_of(bell), x, torch.linspace(0, 1, int(n) + 1, dtype=torch.float64)) for n in counts]
        errors[name] = torch.stack([(end - truth).abs().max() for end in ends])
        print(f"{name:12s} order {float(measured_order(counts, errors[name])):.2f}")
    picture = plots.curves(
        counts.log2(),
        errors,
        alt="Error against the number of steps, both on a logarithmic scale: three nearly straight lines. Euler's falls slowly, Heun's "
        "faster, that of Runge and Kutta fastest.",
        x_label="log2 of the number of steps",
        y_label="largest error",
        y_scale="log",
    )
    display(picture)

# %% [markdown]
# A solver of order 4 makes four calls per step and is still far ahead here. With a learned score,
# which has errors of its own, the last digits are worth nothing, and Heun is the usual choice. Lesson 10 asks how
# few calls one can get away with.

# %% [markdown]
# ## 6. The same densities: measured
#
# A derivation convinces more when its claim can fail. Eight small bumps on a ring, in the plane. We start 600
# points in noise (drawn from the exact $p_T$) and go back to the data in three ways: by the flow with your Heun
# steps, by the reverse SDE, and by a *wrong* flow, with the whole $g^2$. At four times we compare the points with
# 600 exact draws from $p_t$, by two tests:
#
# - the *energy distance*, which sees every kind of difference. Even two exact samples are not at distance 0, so we
#   measure how far apart exact samples are: the noise floor. The p-value is the share of 20 exact comparisons that are
#   at least as far apart; 0.05 is the smallest that 20 of them can say.
# - *moments*: the means of $x_1, x_2, x_1^2, x_2^2, x_1 x_2$, each difference divided by its standard error. If the
#   densities are equal, the largest of the five is above 3.5 in one of 400 tests.

# %% tags=["explore"]
from itertools import pairwise

from diffkit import metrics

ring = data.ring_mixture()


def largest_z(a, b):
    """The largest difference of five moments, in standard errors."""

    def moments(x):
        return torch.stack([x[:, 0], x[:, 1], x[:, 0] ** 2, x[:, 1] ** 2, x[:, 0] * x[:, 1]], dim=1)

    a, b = moments(a), moments(b)
    return float(((a.mean(0) - b.mean(0)) / ((a.var(0) + b.var(0)) / len(a)).sqrt()).abs().max())


with when_written():
    right, n = flow_of(ring), 600

    def whole(x, t):
        return 2 * right(x, t) - vp.drift(x, t)  # f x - g^2 s

    at = [1.0, 0.4, 0.15, 0.05, 0.01]
    x = ring.noised(*(float(c) for c in vp.marginal(1.0))).sample(n, generator=draws(4))
    crowds, g = {"flow": x, "SDE": x, "whole g^2": x}, draws(5)
    for t, t_next in pairwise(at):
        times = torch.linspace(t, t_next, 41, dtype=torch.float64)
        crowds["flow"] = walk(heun_step, right, crowds["flow"], times)
        crowds["whole g^2"] = walk(heun_step, whole, crowds["whole g^2"], times)
        fine = torch.linspace(t, t_next, 161, dtype=torch.float64)  # it has order 1 only
        crowds["SDE"] = last(
            reverse_sde(lambda x, t: ring.score(x, *vp.marginal(t)), vp, crowds["SDE"], fine, generator=g)
        )
        p_t = ring.noised(*(float(c) for c in vp.marginal(t_next)))
        exact = p_t.sample(n, generator=draws(6))
        floor = metrics.noise_floor(
            metrics.energy_distance, p_t.sample(2 * n, generator=draws(7)), repeats=20, generator=draws(8)
        )
        for name, crowd in crowds.items():
            d = metrics.energy_distance(crowd, exact)
            print(
                f"t = {t_next:4.2f}  {name:10s} distance {float(d):.4f} (floor {floor.mean:.4f}, p = {floor.p_value(d):.2f})"
                f"   largest z {largest_z(crowd, exact):5.1f}"
            )

# %% [markdown]
# The flow and the SDE cannot be told from exact draws. The wrong flow can, at once: it squeezes the
# points together twice as hard as it should, and no noise holds against it.

# %% [markdown]
# ## 7. A flow is a change of variables
#
# The flow sends every data point $\mathbf{x}_0$ to one noise $\mathbf{x}_T$, smoothly, and can be undone. (If the
# velocity does not jump, exactly one path goes through each place at each time; that is the theorem of Picard and
# Lindelöf. It is also why paths cannot cross.) An invertible map between data and simple noise is called a
# *normalizing flow*. Such models existed before diffusion models, built of special invertible layers. What they are
# loved for is the rule for densities. If $\boldsymbol\Phi$ is the map from data to noise, then
#
# $$\log p(\mathbf{x}) = \log p_Z\big(\boldsymbol\Phi(\mathbf{x})\big) + \log\left|\det\frac{\partial\boldsymbol\Phi}{\partial\mathbf{x}}\right| \tag{9.15}$$
#
# The determinant says by how much the map enlarges a small volume. Where it spreads data over much room, the data
# was dense. No bound, no integral: an exact likelihood.

# %% tags=["explore"]
equation("9.15")

# %% [markdown]
# The trouble is the determinant. For an image with $d$ pixels it is one of a $d \times d$ matrix, and
# costs about $d^3$ operations. The layers of older flows are built so that it becomes easy, which ties the hands of
# whoever designs them. Our flow is free of that, because it takes *infinitely many small* steps.
#
# **The determinant of a small step.** One Euler step is the map $\mathbf{x} \mapsto \mathbf{x} + h\,\mathbf{v}$.
# Its table of derivatives is $\mathbf{I} + h\,J$, where $J$ is the Jacobian of $\mathbf{v}$. A determinant is a sum
# over permutations, each a product of $d$ entries. The product down the diagonal is
# $\prod_i (1 + h J_{ii}) = 1 + h \sum_i J_{ii} + \dots$, where the dots hold $h^2$. Every other permutation takes
# at least two entries beside the diagonal, and each of those has a factor $h$. So up to $h^2$ the determinant is
# $1 + h \operatorname{tr} J$, and since $\log(1 + h c) = h c + \dots$,
#
# $$\frac{d}{dh}\,\log\det(\mathbf{I} + h\,J)\Big|_{h=0} = \operatorname{tr} J \tag{9.16}$$
#
# **Out of a determinant has come a trace**, a sum of $d$ numbers. And the trace of the Jacobian,
# $\sum_i \partial v_i/\partial x_i$, is the divergence.

# %% tags=["explore"]
equation("9.16")

# %% [markdown]
# **The instantaneous change of variables.** Use (9.15) for one step of length $h$ from time $t$:
# $\log p_t(\mathbf{x}_t) = \log p_{t+h}(\mathbf{x}_{t+h}) + \log\det(\mathbf{I} + h J)$. Bring the first term over,
# divide by $h$ and let $h \to 0$. By (9.16)
#
# $$\frac{d}{dt}\log p_t(\mathbf{x}_t) = -\nabla\cdot\mathbf{v}(\mathbf{x}_t, t) \tag{9.17}$$
#
# Along the path of a point the log density changes by minus the divergence. Where the flow fans out, the same
# points fill more room, and the density falls. Mind that sign:

# %% tags=["explore"]
equation("9.17")

# %% tags=["explore"]
erratum("9.17e")

# %% [markdown]
# There is a second proof, without determinants, from the continuity equation. You lay it yourself.
#
# ### Exercise 9.7: put the derivation in order
#
# `flow.in_order` · difficulty 3 · proof · 15 minutes · 5 points · equation (9.17)
#
# Below lie ten cards. Each claims that its left side equals its right side. Five of them make up the derivation, in
# some order. Five are false. All densities are taken at $\mathbf{x} = \mathbf{x}_t$, and $p$ is short for $p_t$.
#
# | card | left | right |
# | --- | --- | --- |
# | 1 | $-\nabla\cdot\mathbf{v} - \frac{\mathbf{v}\cdot\nabla p}{p} + \mathbf{v}\cdot\mathbf{s}$ | $-\nabla\cdot\mathbf{v}$ |
# | 2 | $\frac{1}{p}\frac{\partial p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ | $\frac{1}{p}\nabla\cdot(\mathbf{v}\,p) + \mathbf{v}\cdot\mathbf{s}$ |
# | 3 | $\frac{d}{dt}\log p_t(\mathbf{x}_t)$ | $\frac{\partial \log p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ |
# | 4 | $-\frac{1}{p}\nabla\cdot(\mathbf{v}\,p) + \mathbf{v}\cdot\mathbf{s}$ | $-\nabla\cdot\mathbf{v} + \mathbf{v}\cdot\mathbf{s}$ |
# | 5 | $\frac{1}{p}\frac{\partial p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ | $-\frac{1}{p}\nabla\cdot(\mathbf{v}\,p) + \mathbf{v}\cdot\mathbf{s}$ |
# | 6 | $\frac{d}{dt}\log p_t(\mathbf{x}_t)$ | $\frac{\partial \log p}{\partial t}$ |
# | 7 | $\frac{\partial \log p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ | $\frac{1}{p}\frac{\partial p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ |
# | 8 | $\frac{\partial \log p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ | $\frac{\partial p}{\partial t} + \mathbf{v}\cdot\mathbf{s}$ |
# | 9 | $-\frac{1}{p}\nabla\cdot(\mathbf{v}\,p) + \mathbf{v}\cdot\mathbf{s}$ | $-\nabla\cdot\mathbf{v} - \frac{\mathbf{v}\cdot\nabla p}{p} + \mathbf{v}\cdot\mathbf{s}$ |
# | 10 | $-\nabla\cdot\mathbf{v} - \frac{\mathbf{v}\cdot\nabla p}{p} + \mathbf{v}\cdot\mathbf{s}$ | $\nabla\cdot\mathbf{v}$ |
#
# Return the numbers of the five cards, in order: each card begins with the line where the last one ended, the first
# with $\frac{d}{dt}\log p_t(\mathbf{x}_t)$. Your function is dealt these cards (sometimes without some of the false
# ones) together with `left` and `right`: the values of both sides for two bumps that a flow carries along. You do
# not need these numbers. But the judge does: they alone decide which cards are true.

# %% exercise="flow.in_order"
def in_order(cards, left, right):
    """The cards that lead from d/dt log p_t(x_t) to minus the divergence, in order.

    cards: (n,) int64, numbers of the dealt cards; left, right: (n,) float64, the values of their two sides.
    Returns a list of five card numbers.
    """
    ### BEGIN SOLUTION
    return [3, 7, 5, 9, 1]
    ### END SOLUTION

# %% check="flow.in_order" points=5
check("flow.in_order", in_order)

# %% [markdown]
# **The whole way.** Integrate (9.17) from 0 to $T$, along the path that begins at $\mathbf{x}_0$:
#
# $$\log p_0(\mathbf{x}_0) = \log p_T(\mathbf{x}_T) + \int_0^T \nabla\cdot\mathbf{v}(\mathbf{x}_t, t)\,dt \tag{9.18}$$
#
# On the right, $p_T$ is noise, whose density we know. So this is the likelihood of a data point under the model,
# computed, not bounded. Compare with lesson 04: there the bound had a gap, the price of not knowing the true
# posterior. A flow has no posterior to be unsure about: each $\mathbf{x}_0$ has one $\mathbf{x}_T$.

# %% tags=["explore"]
equation("9.18")

# %% [markdown]
# **Also a neural ODE.** Look at Euler's step (9.11) once more: *old value plus a small change that a
# network computes*. That is a layer of a residual network. Make the layers infinitely many and infinitely thin,
# with $t$ in the place of the layer's number, and you have an ODE whose velocity is a network: a *neural ODE*. A
# diffusion model is one, by (9.6), with a velocity that contains the learned score. What is special is the
# training. Neural ODEs that are trained for likelihood by (9.18) must solve the equation, forward and back, for
# *every step* of the training. The score is learned by guessing noise at one random time, and no equation is solved
# until the training is over.
#
# (What lesson 05 makes small is not this likelihood. A good score gives a good likelihood, but the simple loss
# weighs the times otherwise.)

# %% [markdown]
# ## 8. The divergence, and how to get it cheaply
#
# For the flow (9.6) with its linear drift, the divergence has two parts. That of $f\,\mathbf{x}$ is $f$ in each of
# the $d$ coordinates. The rest is the divergence of the score, the trace of the second derivatives of $\log p_t$:
#
# $$\nabla\cdot\mathbf{v}(\mathbf{x},t) = d\,f(t) - \tfrac12\,g(t)^2\,\nabla\cdot\mathbf{s}(\mathbf{x},t) \tag{9.19}$$
#
# For a mixture there is a formula. For a network there is automatic differentiation: one backward pass gives the
# gradient of *one* output $v_i$ in all inputs, that is one row of the Jacobian. We need only the $i$-th entry of
# it, and throw the rest away. So the exact divergence costs $d$ backward passes.

# %% tags=["explore"]
equation("9.19")

# %% [markdown]
# ### Exercise 9.8: the exact divergence
#
# `flow.divergence` · difficulty 3 · core · 15 minutes · 4 points · equation (9.16)
#
# The field is a small network with one layer, $\mathbf{v}(\mathbf{x}) = C \tanh(A\,\mathbf{x} + \mathbf{b})$. Use
# `torch.autograd.grad` on a copy `x.detach().clone().requires_grad_()`, one coordinate at a time, or derive a
# formula by hand.

# %% exercise="flow.divergence"
def divergence(x, A, b, C):
    """Divergence of v(x) = C tanh(A x + b).

    x: (B, d); A: (H, d); b: (H,); C: (d, H), all float64.  Returns (B,).
    """
    ### BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    v = torch.tanh(x @ A.mT + b) @ C.mT
    total = torch.zeros(len(x), dtype=x.dtype)
    for i in range(x.shape[1]):
        (row,) = torch.autograd.grad(v[:, i].sum(), x, retain_graph=True)
        total = total + row[:, i]
    return total
    ### END SOLUTION

# %% check="flow.divergence" points=4
check("flow.divergence", divergence)

# %% [markdown]
# **Hutchinson's trick.** An image of $256 \times 256$ pixels in colour has $d = 196{,}608$. So many
# backward passes per step are out of the question. But a trace can be *estimated*. Draw a random vector
# $\mathbf{z}$, a *probe*, with mean 0 and covariance $\mathbf{I}$, and look at
# $\mathbf{z}^\top J\,\mathbf{z} = \sum_{ij} z_i J_{ij} z_j$. Its mean is $\sum_{ij} J_{ij}\,\mathbb{E}[z_i z_j]$.
# The covariance says $\mathbb{E}[z_i z_j] = 1$ if $i = j$ and 0 if not. Only the diagonal is left:
#
# $$\mathbb{E}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = \operatorname{tr} J \qquad \text{if } \mathbb{E}[\mathbf{z}\mathbf{z}^\top] = \mathbf{I} \tag{9.20}$$
#
# And $\mathbf{z}^\top J$ is *one* backward pass, whatever $d$ is: the gradient of
# $\mathbf{z}^\top\mathbf{v}(\mathbf{x})$. You met it in the sliced loss of lesson 06. The estimate is *unbiased*:
# it is right on average.

# %% tags=["explore"]
equation("9.20")

# %% [markdown]
# ### Exercise 9.9: Hutchinson's estimate
#
# `flow.hutchinson` · difficulty 3 · core · 15 minutes · 4 points · equation (9.20)
#
# The same small network. The probes are handed to you, so that your answer can be compared to the last digit.
# Average over them.

# %% exercise="flow.hutchinson"
def hutchinson(x, A, b, C, probes):
    """Hutchinson's estimate of the divergence of v(x) = C tanh(A x + b).

    x: (B, d); A: (H, d); b: (H,); C: (d, H); probes: (n, B, d), all float64.  Returns (B,), the mean over n probes.
    """
    ### BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    v = torch.tanh(x @ A.mT + b) @ C.mT
    total = torch.zeros(len(x), dtype=x.dtype)
    for z in probes:
        (back,) = torch.autograd.grad(v, x, z, retain_graph=True)
        total = total + (back * z).sum(1)
    return total / len(probes)
    ### END SOLUTION

# %% check="flow.hutchinson" points=4
check("flow.hutchinson", hutchinson)

# %% [markdown]
# **How good is one probe?** Two kinds are in use: *normal* probes, and *signs* (each $z_i$ is $+1$ or
# $-1$ with equal chances, also called Rademacher). Both have covariance $\mathbf{I}$. Their variances differ.
# First, $\mathbf{z}^\top J\,\mathbf{z}$ does not see all of $J$: it equals its own transpose
# $\mathbf{z}^\top J^\top\mathbf{z}$, so it equals the mean of both, $\mathbf{z}^\top S\,\mathbf{z}$ with the
# symmetric part $S = \frac12(J + J^\top)$.
#
# *Signs.* Here $z_i^2 = 1$ for sure, so the diagonal gives exactly $\operatorname{tr} J$, without any scatter. The
# rest is $2\sum_{i<j} S_{ij}\,z_i z_j$. Each product $z_i z_j$ is a coin toss with variance 1, and different
# products are uncorrelated. So the variance is $4\sum_{i<j} S_{ij}^2$, or $2\sum_{i \ne j} S_{ij}^2$.
#
# *Normal probes.* The part beside the diagonal has the same variance. But now the diagonal scatters too:
# $\operatorname{Var}[z_i^2] = \mathbb{E}[z_i^4] - 1 = 3 - 1 = 2$, which adds $2\sum_i S_{ii}^2$:
#
# $$\operatorname{Var}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = 2\sum_{i,j} S_{ij}^2, \qquad S = \tfrac12\,(J + J^\top), \quad \mathbf{z} \sim \mathcal{N}(\mathbf{0},\mathbf{I}) \tag{9.21}$$
#
# $$\operatorname{Var}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = 2\sum_{i \ne j} S_{ij}^2, \qquad z_i = \pm 1 \text{ with equal chances} \tag{9.22}$$
#
# So signs are never worse. For a Jacobian near a multiple of $\mathbf{I}$, as that of the score is where the noise
# is strong, they are nearly exact. And do not forget to take the symmetric part:

# %% tags=["explore"]
equation("9.21")

# %% tags=["explore"]
erratum("9.21e")

# %% tags=["explore"]
equation("9.22")

# %% [markdown]
# ### Exercise 9.10: the variance of a probe
#
# `flow.probe_variance` · difficulty 3 · core · 12 minutes · 5 points · equation (9.22)
#
# Return both variances, for each of several Jacobians: first that of normal probes, then that of signs.

# %% exercise="flow.probe_variance"
def probe_variance(J):
    """Variance of z^T J z for one normal probe, and for one probe of signs.

    J: (n, d, d) float64.  Returns a pair of tensors, each (n,).
    """
    ### BEGIN SOLUTION
    S = (J + J.mT) / 2
    every = 2 * (S**2).sum((1, 2))
    return every, every - 2 * (S.diagonal(dim1=1, dim2=2) ** 2).sum(1)
    ### END SOLUTION

# %% check="flow.probe_variance" points=5
check("flow.probe_variance", probe_variance)

# %% [markdown]
# Formula against dice: your estimate with 20,000 probes of each kind, at one point of a random
# network. The variance is measured to within about one or two per cent.

# %% tags=["explore"]
with when_written():
    g, d = draws(9), 6
    A, b, C = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((8, d), (8,), (d, 8)))
    x = torch.randn(1, d, generator=g, dtype=torch.float64)
    J = torch.autograd.functional.jacobian(lambda y: C @ torch.tanh(A @ y + b), x[0]).unsqueeze(0)
    normal = torch.randn(20_000, d, generator=g, dtype=torch.float64)
    signs = 2.0 * torch.randint(0, 2, (20_000, d), generator=g).double() - 1
    print(f"exact divergence {float(divergence(x, A, b, C)):.3f}")
    for name, z, formula in zip(("normal", "signs"), (normal, signs), probe_variance(J), strict=True):
        values = hutchinson(x.expand(20_000, d), A, b, C, z.unsqueeze(0))
        error = float(values.std()) / 20_000**0.5
        print(
            f"{name:7s} mean {float(values.mean()):7.3f} +- {error:.3f}   variance {float(values.var()):7.3f}, formula {float(formula):7.3f}"
        )

# %% [markdown]
# ## 9. Exact likelihood
#
# Point and log density move together. So solve for both at once: make one long vector of the point $\mathbf{x}$ and
# of the *volume* gathered so far, $\int \nabla\cdot\mathbf{v}\,dt$, which begins at 0. The velocity of the first
# part is $\mathbf{v}$, that of the second is $\nabla\cdot\mathbf{v}$. Your solver need not know which is which.
#
# ### Exercise 9.11: the likelihood
#
# `flow.log_likelihood` · difficulty 4 · core · 20 minutes · 5 points · equation (9.18)
#
# Use your `rk4_step`. Points may be images: flatten them into the long vector, and give them their shape back
# before you call `v` or `div`.

# %% exercise="flow.log_likelihood"
def log_likelihood(v, div, x, times, log_prior):
    """log p(x) at times[0], in nats.

    v: function (x (B, *D), t float) -> (B, *D); div: function (x, t) -> (B,), the divergence of v; x: (B, *D);
    times: (n+1,) float64, rising; log_prior: function z (B, *D) -> (B,), log density at times[-1].  Returns (B,).
    """
    ### BEGIN SOLUTION
    def both(state, t):
        y = state[:, 1:].reshape(x.shape)
        return torch.cat([div(y, t).unsqueeze(1), v(y, t).flatten(1)], dim=1)

    state = torch.cat([torch.zeros(len(x), 1).to(x), x.flatten(1)], dim=1)
    for t, t_next in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        state = rk4_step(both, state, t, t_next - t)
    return log_prior(state[:, 1:].reshape(x.shape)) + state[:, 0]
    ### END SOLUTION

# %% check="flow.log_likelihood" points=5
check("flow.log_likelihood", log_likelihood)

# %% [markdown]
# The ring again, where the density is known. Your likelihood of 200 points, with the exact divergence (9.19). First the
# prior is the exact density at $T$. Then it is $\mathcal{N}(\mathbf{0}, \mathbf{I})$, from which a generative model
# starts, for our VP and for a VP that adds much less noise, so that $\alpha_T^2 = 0.08$ of the data's variance is left.

# %% tags=["explore"]
def ring_divergence(sde):
    def div(x, t):
        trace = ring.score_jacobian(x, *sde.marginal(t)).diagonal(dim1=1, dim2=2).sum(1)
        return x.shape[1] * sde.rate(t) - 0.5 * sde.diffusion(t) ** 2 * trace

    return div


def log_normal(z):
    return -0.5 * (z**2 + math.log(2 * math.pi)).flatten(1).sum(1)


def ring_end(z):
    return ring.log_prob(z, *vp.marginal(1.0))


with when_written():
    x, short = ring.sample(200, generator=draws(10)), VP(0.1, 5.0)
    exact = ring.log_prob(x)
    runs = [("exact p_T", vp, ring_end, n) for n in (25, 50, 100)]
    runs += [("N(0, I)", vp, log_normal, 100), *(("N(0, I), little noise", short, log_normal, n) for n in (50, 100))]
    for name, sde, prior, n in runs:
        times = torch.linspace(0, 1, n + 1, dtype=torch.float64)
        off = (log_likelihood(flow_of(ring, sde), ring_divergence(sde), x, times, prior) - exact).abs()
        print(f"{name:22s} {n:4d} steps   error: mean {float(off.mean()):.1e}, largest {float(off.max()):.1e} nats")

# %% [markdown]
# With 100 steps the exact log-likelihood is met to better than a thousandth of a nat. With $\mathcal{N}(\mathbf{0},
# \mathbf{I})$ as the prior and little noise, something stays that no number of steps removes: there the prior is not
# $p_T$. That is no error of the method. It *is* the likelihood of the model that starts from
# $\mathcal{N}(\mathbf{0}, \mathbf{I})$, and this model is not quite the data.
#
# **With Hutchinson's estimate** the likelihood becomes random, but it stays unbiased, if the solver's path does not
# depend on the probe. Ours does not: only the volume does, and it is a sum of estimates. Draw one probe per example
# and *keep it* along the whole path. (Fresh ones at each call would make the right side jump, and a solver of order
# 4 counts on a smooth one.) In the plane there are only four sign probes, and $\mathbf{z}$ and $-\mathbf{z}$ give
# the same value. So the mean over all probes can be computed:

# %% tags=["explore"]
with when_written():
    few, times = x[:4], torch.linspace(0, 1, 101, dtype=torch.float64)

    def estimated(probe):
        def div(y, t):
            bent = ring.score_jacobian(y, *vp.marginal(t)) @ probe
            return 2 * vp.rate(t) - 0.5 * vp.diffusion(t) ** 2 * (bent @ probe)

        return log_likelihood(flow_of(ring), div, few, times, ring_end)

    one, other = (estimated(torch.tensor(z, dtype=torch.float64)) for z in ((1, 1), (1, -1)))
    print("exact                 ", "  ".join(f"{v:8.4f}" for v in exact[:4].tolist()))
    print("with probe (1, 1)     ", "  ".join(f"{v:8.4f}" for v in one.tolist()))
    print("with probe (1, -1)    ", "  ".join(f"{v:8.4f}" for v in other.tolist()))
    print("mean over all probes  ", "  ".join(f"{v:8.4f}" for v in ((one + other) / 2).tolist()))

# %% [markdown]
# Now see it all move. Both panels begin with the same noise, on the right-hand side, and run back to
# the data. On the left, with noise ($\lambda = 1$ is the reverse SDE; turn it down and watch the paths become
# smooth). In the middle, the flow. Behind the flow is a map of the log-likelihood, computed by integrating (9.18)
# from each place to the end. Choose few steps, or Euler, and see how the map and the curve on the right go wrong.
# The arrow keys work too.

# %% tags=["explore"]
explorers.flow_paths()

# %% [markdown]
# ## 10. How many bits is an image?
#
# A pixel of our digits is one of 17 whole numbers. A density gives no probability to single points, so what would
# $p(\mathbf{x})$ say about them? Worse: a model could put an infinitely high and thin spike on each of the 17
# values, and its density there would be infinite, which says nothing about digits.
#
# **Dequantisation.** Give each whole number a cell of its own. Spread $\mathbf{k}$ over its cell by uniform noise,
# $\mathbf{x}_{\mathbf{u}} = \text{low} + w\,(\mathbf{k} + \mathbf{u})$, where each $u_i$ lies evenly between 0 and
# 1 and $w$ is the width of a cell. The probability that the model gives to $\mathbf{k}$ is the integral of $p$ over
# the cell, which is the mean of $p$ in it times its volume $w^d$:
# $P(\mathbf{k}) = w^d\,\mathbb{E}_{\mathbf{u}}[p(\mathbf{x}_{\mathbf{u}})]$. The flow gives $\log p$ at single
# points. The logarithm is concave, so by Jensen (lesson 03) the mean of the logarithm is at most the logarithm of
# the mean:
#
# $$\mathbb{E}_{\mathbf{u}}\big[\log p(\mathbf{x}_{\mathbf{u}})\big] + d\,\log w \ \le\ \log P(\mathbf{k}) \tag{9.23}$$
#
# Which way does that go? The left side is what we measure. So the true log probability is *higher*, and the true
# number of bits is *lower* than ours: we never flatter the model. The two are equal only if $p$ is flat in each
# cell.

# %% tags=["explore"]
equation("9.23")

# %% [markdown]
# Turn the sign, divide by $d$ for the number per pixel and by $\log 2$ for bits:
#
# $$b = -\,\frac{\log p(\mathbf{x}_{\mathbf{u}})}{d\log 2} - \log_2 w \tag{9.24}$$
#
# Its mean over $\mathbf{u}$ is an upper bound on the bits per dimension. Leave out $w$, and the number depends on
# the units of the pixels.

# %% tags=["explore"]
equation("9.24")

# %% [markdown]
# ### Exercise 9.12: bits per dimension
#
# `flow.bits_per_dim` · difficulty 2 · core · 10 minutes · 4 points · equation (9.24)
#
# `log_density` stands for the whole machinery above.

# %% exercise="flow.bits_per_dim"
def bits_per_dim(log_density, k, u, low, w):
    """Bits per dimension of whole numbers k, with one uniform noise.

    log_density: function x (B, *D) -> (B,), nats; k: (B, *D) whole numbers; u: (B, *D), even in (0, 1);
    low: float, lower edge of the cell of k = 0; w: float, width of a cell.  Returns (B,).
    """
    ### BEGIN SOLUTION
    log_p = log_density(low + w * (k + u))
    return -log_p / (k[0].numel() * math.log(2)) - math.log2(w)
    ### END SOLUTION

# %% check="flow.bits_per_dim" points=4
check("flow.bits_per_dim", bits_per_dim)

# %% [markdown]
# Real digits, and the small network of lesson 05. It was trained on a chain of 200 steps with betas
# from 0.0005 to 0.1. The SDE of that chain is our VP with $\beta(t) = 200\,\beta_{200t}$, from 0.1 to 20, and the
# network is asked at the step $200\,t$. It guesses noise, so the score is
# $-\boldsymbol\varepsilon_\theta/\sigma_t$.
#
# **Where to begin?** The network has only seen pixels with 17 values. At very small noise its density is a comb: a
# narrow spike at each value. Dequantised pixels lie between the spikes. So we take the model's density $p_t$ at the
# time where its noise is as wide as the uniform noise of a cell, $\sigma_t = w/\sqrt{12}$. The bound (9.23) holds
# for any density, so for this one too.
#
# The 16 digits below were not used in the training. (The library's `log_likelihood` gets velocity and estimated
# divergence from one pass through the network, with one probe of signs per image, in Heun's steps.)

# %% tags=["explore"]
import sys

from tqdm import tqdm

from diffkit import likelihood, nets, train
from diffkit.samplers import heun

network = nets.UNet()
train.load_weights(network, data.data_folder() / "ddpm_digits.safetensors")
for parameter in network.parameters():
    parameter.requires_grad_(False)  # we differentiate in x, not in the weights


def digit_score(x, t):
    return -network(x, torch.full((len(x),), 200 * t)) / float(vp.marginal(t)[1])


cell = 1 / 8  # pixels are k/8 - 1 for k = 0..16
begin = float(vp.time_of(0.5 * math.log(12 / cell**2 - 1)))  # log(alpha/sigma) where sigma = cell/sqrt(12)
pictures = data.digits().images
held_out = pictures[torch.randperm(len(pictures), generator=draws(0))[:300]]


def dense_early(n, start):
    """n steps from start to 1, short where the noise is small."""
    return torch.linspace(start**0.5, 1, n + 1, dtype=torch.float64) ** 2


with when_written():
    whole_numbers = (held_out[:16] + 1) * 8
    u = torch.rand(whole_numbers.shape, generator=draws(11))
    probe = likelihood.rademacher(1, whole_numbers, generator=draws(12))
    print(f"begin at t = {begin:.4f}, where sigma = {float(vp.marginal(begin)[1]):.4f}")
    lines = []
    for n in tqdm((10, 20, 40, 60), file=sys.stdout, unit="run"):

        def log_density(x, n=n):
            found = likelihood.log_likelihood(
                digit_score, vp, x, dense_early(n, begin), divergence=likelihood.hutchinson(probe), step=heun
            )
            return found.log_prob

        bits = bits_per_dim(log_density, whole_numbers, u, -1 - cell / 2, cell)
        lines.append(f"{n:3d} steps   {float(bits.mean()):.3f} +- {float(bits.std()) / 16**0.5:.3f} bits per dimension")
    print("\n".join(lines))
    print(f"knowing nothing   {math.log2(17):.3f}")

# %% [markdown]
# Look at the column from top to bottom. With few steps the model seems *better*. That is no bound at
# work, it is the error of the solver, and it happens to flatter. Jensen's gap has a known sign. The error of a
# solver has none. So a likelihood from an ODE is only as good as its steps: increase them until the number stands
# still, and say how many there were.
#
# Three sources of error, then, and only one has a sign: the cells (9.23), known sign; the solver, none; the probe,
# none, but it averages out.
#
# A number for comparison is the bound of lesson 04, in the same unit; it has its own gap. And a warning from there
# still holds: likelihood is not sample quality.

# %% [markdown]
# ## 11. Codes
#
# The flow from data to noise is an encoder, and the flow back is its decoder. They are one velocity, walked in two
# directions. Nobody trained an encoder. And unlike that of lesson 03's autoencoder, this code loses nothing: it has
# as many numbers as the image.
#
# ### Exercise 9.13: there and back
#
# `flow.encode_decode` · difficulty 2 · core · 12 minutes · 5 points · equation (9.6)
#
# Use your `heun_step`. Return the code, and the image that comes back from it.

# %% exercise="flow.encode_decode"
def encode_decode(v, x, times):
    """Follow the flow along the times, then back along the same times.

    v: function (x (B, *D), t float) -> (B, *D); x: (B, *D), at times[0]; times: (n+1,) float64, rising.
    Returns (code, x again), both (B, *D).
    """
    ### BEGIN SOLUTION
    def follow(y, clock):
        for t, t_next in zip(clock[:-1].tolist(), clock[1:].tolist(), strict=True):
            y = heun_step(v, y, t, t_next - t)
        return y

    code = follow(x, times)
    return code, follow(code, times.flip(0))
    ### END SOLUTION

# %% check="flow.encode_decode" points=5
check("flow.encode_decode", encode_decode)

# %% [markdown]
# Eight held-out digits, their codes, and what comes back, with your function and the network:

# %% tags=["explore"]
def digit_flow(x, t):
    f, g = (c.expand(len(x)) for c in (vp.rate(t), vp.diffusion(t)))
    with torch.no_grad():
        return velocity(x, digit_score(x, t), f, g)


with when_written():
    some = held_out[[0, 1, 3, 4, 5, 7, 8, 9]]
    for n in (10, 20, 40):
        code, again = encode_decode(digit_flow, some, dense_early(n, 0.002))
        print(
            f"{n:3d} steps   round trip off by {float((again - some).square().mean().sqrt()):.4f} (root mean square, pixels in -1..1)"
        )
    print(f"variance of the codes {float(code.var()):.2f}, of noise 1.00")
    picture = plots.image_grid(
        torch.stack([some, code, again]),
        [""] * 8,
        ["data", "code", "decoded"],
        alt="Three rows of eight small images. Above digits, in the middle their codes, which look like pure noise, below the decoded "
        "digits, which look like the first row.",
    )
    display(picture)

# %% [markdown]
# The middle row looks like noise, and yet each of these noises holds one certain digit. It is a little too quiet, with a
# variance below 1. Look at the left and right edges: they are blank in nearly all digits. To be a fair draw from $p_t$ at
# the start, a pixel would have to carry the small noise of that time. Ours were not noised, so a blank pixel sits exactly
# in the middle of its narrow bump, and its code sits in the middle of the noise, near 0.
#
# **Whose code is it?** Take another network, another architecture, another seed. If both have learned the same
# score, (9.6) gives the same velocity, so the same code. The code of an image is determined by the *data
# distribution* and by the noising process, and by nothing else. An autoencoder has no such thing: two trainings
# give two codes. On the line the code is even known in words. By (9.7) it is the noise that has the same share of
# noises on its left as $x$ has of data. Let us look whether your solver finds that:

# %% tags=["explore"]
def share_left(x, t):
    alpha, sigma = vp.marginal(t)
    spread = (alpha**2 * bumps.covs[:, 0, 0] + sigma**2).sqrt()
    return torch.special.ndtr((x - alpha * bumps.means[:, 0]) / spread) @ bumps.weights


with when_written():
    x = torch.tensor([[-1.5], [-0.5], [0.4], [1.0], [2.0]], dtype=torch.float64)
    code, _ = encode_decode(flow_of(bumps), x, torch.linspace(0, 1, 201, dtype=torch.float64))
    print("data                    ", "  ".join(f"{v:8.4f}" for v in x[:, 0].tolist()))
    print("share on its left       ", "  ".join(f"{v:8.4f}" for v in share_left(x, 0.0).tolist()))
    print("code, by your solver    ", "  ".join(f"{v:8.4f}" for v in code[:, 0].tolist()))
    print("share on the code's left", "  ".join(f"{v:8.4f}" for v in share_left(code, 1.0).tolist()))

# %% [markdown]
# **Between two images.** Mix two images pixel by pixel and you see two faint images. Mix their
# *codes* and decode, and you get something that is itself an image. But how should one mix?
#
# The straight line $(1-a)\,\mathbf{z}_0 + a\,\mathbf{z}_1$ seems natural. For two independent noises, the cross
# term of the square has mean 0, and each square has mean $d$:
#
# $$\mathbb{E}\,\big\|(1-a)\,\mathbf{z}_0 + a\,\mathbf{z}_1\big\|^2 = \big((1-a)^2 + a^2\big)\,d \tag{9.25}$$
#
# In the middle that is $d/2$. But noise in many dimensions lies on a thin shell: its squared length is $d$ with a
# standard deviation of only $\sqrt{2d}$. For $d = 64$ the middle has 32, while noise has $64 \pm 11$. So the
# straight line leaves the shell and passes through a region where no noise ever is, and where the network was never
# trained.
#
# Better stay on the shell: walk along the arc. If the codes have one length and the angle $\theta$ between them,
# turn the first by $a\theta$ towards the second. In the plane of both codes, look for weights $c_0, c_1$ with
# $\mathbf{z}_a = c_0\mathbf{z}_0 + c_1\mathbf{z}_1$. Seen from the direction of $\mathbf{z}_0$, the height of
# $\mathbf{z}_a$ is $\sin(a\theta)$, and that of $c_1\mathbf{z}_1$ is $c_1\sin\theta$; so
# $c_1 = \sin(a\theta)/\sin\theta$. Seen from $\mathbf{z}_1$, the same with $1-a$ gives $c_0$:
#
# $$\mathbf{z}_a = \frac{\sin((1-a)\,\theta)}{\sin\theta}\,\mathbf{z}_0 + \frac{\sin(a\,\theta)}{\sin\theta}\,\mathbf{z}_1 \tag{9.26}$$

# %% tags=["explore"]
equation("9.25")

# %% tags=["explore"]
equation("9.26")

# %% [markdown]
# ### Exercise 9.14: along the arc
#
# `flow.slerp` · difficulty 3 · stretch · 15 minutes · 5 points · equation (9.26)
#
# (The name is short for *spherical linear interpolation*.) Each pair of codes has its own angle, and an image
# counts as one long vector. If both codes have the same direction, the formula is 0/0: there take the straight
# line.

# %% exercise="flow.slerp"
def slerp(z_0, z_1, a):
    """The code at the share a of the arc from z_0 to z_1.

    z_0, z_1: (B, *D); a: float in 0..1.  Returns (B, *D) in z_0's dtype.
    """
    ### BEGIN SOLUTION
    x, y = z_0.flatten(1), z_1.flatten(1)
    cos = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))
    theta = torch.acos(cos.clamp(-1, 1))
    weights = [
        torch.where(theta < 1e-4, share, torch.sin(share * theta) / torch.sin(theta)).reshape(-1, *[1] * (z_0.ndim - 1))
        for share in (1 - a, a)
    ]
    return weights[0] * z_0 + weights[1] * z_1
    ### END SOLUTION

# %% check="flow.slerp" points=5
check("flow.slerp", slerp)

# %% [markdown]
# From one digit to another in seven steps: the pixels mixed, the codes mixed on the straight line,
# and the codes mixed along the arc. Then three more pairs along the arc.

# %% tags=["explore"]
with when_written():
    times = dense_early(20, 0.002)
    ends = held_out[[3, 0, 5, 8, 1, 9, 4, 7, *range(10, 18)]]
    codes, _ = encode_decode(digit_flow, ends, times)
    shares = [0.0, 0.17, 0.33, 0.5, 0.67, 0.83, 1.0]
    first, second = codes[0::2], codes[1::2]
    pixels = torch.stack([(1 - a) * ends[0::2] + a * ends[1::2] for a in shares], dim=1)
    line = torch.stack([(1 - a) * first + a * second for a in shares], dim=1)
    arc = torch.stack([slerp(first, second, a) for a in shares], dim=1)
    decoded = walk(heun_step, digit_flow, torch.cat([line, arc]).flatten(0, 1), times.flip(0)).unflatten(0, (-1, 7))
    on_line, on_arc = decoded.chunk(2)
    print(f"{'':8s}length of the middle code, noise = 1   contrast of the middle image, digits = 1")
    ways = (("pixels", None, pixels), ("line", line, on_line), ("arc", arc, on_arc))
    for name, way, images in ways:
        length = "" if way is None else f"{float(way[:, 3].flatten(1).norm(dim=1).mean()) / 8:.2f}"
        contrast = images[:, 3].flatten(1).std(1).mean() / ends.flatten(1).std(1).mean()
        print(f"{name:8s}{length:>22s} {float(contrast):30.2f}")
    picture = plots.image_grid(
        torch.cat([pixels[:1], on_line[:1], on_arc[:4]]),
        [f"a = {a}" for a in shares],
        ["pixels", "line", "arc", "arc", "arc", "arc"],
        alt="Six rows of seven images from one digit to another. Mixed pixels show both digits at once, faintly. Mixed codes, "
        "on the line or along the arc, give strokes that turn step by step from one shape into the other.",
    )
    display(picture)

# %% [markdown]
# Mixed pixels lose contrast, because they are two pictures at once. Mixed codes do not: each of them decodes to something that
# might have been written. On digits of 64 pixels, the straight line, too, decodes rather well, although its middle is
# much too short. In thousands of dimensions the shell is thinner, and what lies inside it is stranger to the network.

# %% [markdown]
# ## Written question
#
# A friend reports on a diffusion model of photos whose pixels are whole numbers from 0 to 255, scaled to lie
# between $-1$ and $1$:
#
# 1. "The flow and the reverse SDE have the same densities. So if I start both from the same noise $\mathbf{x}_T$,
#    they end in the same image, up to the solver's error."
# 2. "I computed the likelihood by the flow with 10 Euler steps. It is $-2.8$ bits per dimension, the best ever. By
#    Jensen the truth is even better."
# 3. "For the divergence I drew a fresh normal probe at every call, because more randomness averages out better."
#
# Say for each what is wrong, what is right in it, and what your friend should do. Answer in a few sentences, with
# formulas where they help. 6 points, graded by hand.

# %% [markdown] written="flow.three_claims" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) The densities agree at each single time, $p_t$ for both. Nothing follows for pairs of times:
# from a given $\mathbf{x}_T$ the flow ends in one image, while the reverse SDE ends in a random one, a draw from
# $p(\mathbf{x}_0 \mid \mathbf{x}_T)$, which for large $T$ has nearly nothing to do with $\mathbf{x}_T$. Over many
# starts both give the same distribution of images. To compare the two, compare many samples, not pairs. (2) A
# probability of whole numbers is at most 1, so bits per dimension cannot be negative. The friend left out the width
# of a cell: with $w = 2/256$, $-\log_2 w = 7$ bits have to be added (about 4.2), and the pixels have to be
# dequantised first, else the density may be anything. Jensen then says that the true number of bits is at most the
# *mean of the measured one*, which is right as a direction, but only for an exact $\log p$. The error of 10 Euler
# steps has no sign and may be large: increase the steps, or the order, until the number stands still. (3) Each
# estimate is unbiased, fresh or not. But with fresh probes the right side of the equation is no longer a function
# of $(\mathbf{x}, t)$; a solver of higher order (and one that chooses its steps by comparing calls) relies on
# smoothness. Keep one probe per example along the path, use signs instead of normal numbers,
# $2\sum_{i \ne j} S_{ij}^2$ against $2\sum_{i,j} S_{ij}^2$, and average over several probes or examples.
#
# **Rubric.** (1) Marginals, not joints: 1; the SDE's end is random given $\mathbf{x}_T$: 1. (2) Cell width, about 7
# bits, dequantise: 1; solver's error has no sign, or Jensen's direction stated rightly: 1. (3) One probe per path,
# with the reason: 1; unbiased anyway, or signs have the smaller variance: 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - Noise spreads a density as a flow down the score would (9.4). So Fokker-Planck is a continuity equation (9.5),
#   and the probability flow $\mathbf{f} - \frac12 g^2\mathbf{s}$ (9.6) has the same densities as the SDE, without
#   noise.
# - Half of $g^2$ carries. Whoever adds noise $\lambda g$ pays with another $\lambda^2/2$ (9.8). The reverse SDE is
#   $\lambda = 1$.
# - Euler, Heun, Runge-Kutta (9.11 to 9.13) have orders 1, 2, 4, and the order can be measured (9.14).
# - The flow is a normalizing flow and a neural ODE. Along it $\log p$ changes by minus the divergence (9.17), so
#   the likelihood is an integral (9.18), exact but for the solver's error.
# - Hutchinson's estimate is unbiased (9.20). Signs scatter less than normal probes (9.21, 9.22).
# - Whole numbers are spread over cells. The bits that come out are an upper bound (9.23, 9.24).
# - The flow encodes and decodes, with a code that depends on data and noising alone. Mix codes along the arc (9.26).
#
# **Where this is in the papers.**
#
# - Song et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*: probability flow,
#   likelihood, codes and their uniqueness in section 4.3 (the ODE is eq. 13), derivations in appendix D.
# - Chen et al. 2018, *Neural Ordinary Differential Equations*: the instantaneous change of variables is theorem 1.
# - Grathwohl et al. 2019, *FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models*:
#   Hutchinson's estimate in continuous flows, one probe per path.
# - Hutchinson 1990, *A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines*:
#   probes of signs.
# - Theis et al. 2016, *A note on the evaluation of generative models*: dequantisation and its bound, section 3.1.
# - Karras et al. 2022, *Elucidating the Design Space of Diffusion-Based Generative Models*: Heun's method for the
#   flow (algorithm 1), and flows with added noise (section 4).
#
# Next, lesson 10 asks how few steps are enough, and finds that a famous fast sampler is this flow in disguise.
