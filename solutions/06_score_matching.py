# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 06 Score matching and denoising autoencoders
#
# **What you will be able to do.** You will learn the *slope* of an unknown log density from data alone. You will derive
# four losses that have the same best answer, and say which one is cheap and why it never reaches zero. You will show
# that removing noise and knowing the slope are one and the same skill, and that the loss of DDPM is the cheapest of the
# four losses, at all noise levels at once.
#
# **What it needs.** Lesson 01: Gaussians, conditioning, expected values. Lesson 02: the jump
# $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon$ and the noisy mixture. Section 8
# compares with the losses of lessons 04 and 05.
#
# **Time.** About four hours: one and a half to read and play, two and a half for the fourteen exercises. You may skip
# what is marked *stretch* or *proof*; nothing later depends on it.
#
# A picture before anything else. Run the next two cells.

# %%
import math

import torch

from diffkit import data, explorers, plots, schedule
from diffkit.equations import equation, erratum, notation
from diffkit.oracle import GaussianMixture
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
def square(side, reach=2.4):
    """Points of a square grid, (side * side, 2)."""
    line = torch.linspace(-reach, reach, side, dtype=torch.float64)
    return torch.cartesian_prod(line, line)

def shading(log_density, side=61):
    """Root of a density on a grid, (side, side), ready to be shown behind arrows; the root keeps thin parts visible."""
    values = torch.exp(log_density(square(side)))
    return (values / values.max()).sqrt().reshape(side, side).mT

three = GaussianMixture.isotropic(
    torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
    torch.tensor([[-1.1, -0.8], [1.2, -0.3], [0.0, 1.3]], dtype=torch.float64),
    torch.tensor([0.25, 0.12, 0.16], dtype=torch.float64),
)
moons = data.moons_mixture(std=0.25)
plots.fields(
    square(17),
    torch.stack([three.score(square(17)), moons.score(square(17))]),
    ["three bumps", "two moons"],
    unit=6.0,
    shade=torch.stack([shading(three.log_prob), shading(moons.log_prob)]),
    alt="Two densities in the plane, three round bumps and two half moons, each with a grid of arrows. Every arrow points "
    "to where the density is higher; far away the arrows are long, on the ridges and tops they nearly vanish.",
)

# %% [markdown]
# The shading is a density of data. The arrows are its *score*: at each place, the direction in which the density grows
# fastest. If you stand anywhere and follow the arrows, you arrive at data.
#
# Why do we want the arrows? Lesson 03 tried to write down a density and paid for it with a bound. A field of arrows has
# no such price: any function from points to vectors may be tried, and nothing has to add up to 1. Lesson 07 turns the
# arrows into samples. This lesson is about learning them. The trouble is plain: we have data, and nobody ever tells us
# the right arrow at any point.

# %% [markdown]
# ## The notation
#
# Come back to this table when a letter is strange.

# %% tags=["explore"]
notation("6")

# %% [markdown]
# ## 1. What a score is
#
# Let $p(\mathbf{x})$ be a density on points with $d$ coordinates. Its score is the gradient of its logarithm:
#
# $$\mathbf{s}(\mathbf{x}) = \nabla_{\mathbf{x}} \log p(\mathbf{x}) \tag{6.1}$$
#
# The gradient is taken with respect to the *point*, not with respect to any parameters. (Statistics has an older "score"
# that is a gradient in the parameters. It is another thing.) One point goes in, one arrow with $d$ coordinates comes out.
#
# Why the logarithm? Because $\nabla \log p = \nabla p / p$: the slope is measured relative to the density. Far from the
# data $p$ is nearly 0 and so is $\nabla p$, but their quotient is not. The arrows stay readable where nothing is left of
# the density itself.

# %% tags=["explore"]
equation("6.1")

# %% [markdown]
# **It forgets the normaliser.** Often a density is known only up to a factor: $p = \tilde p / Z$ with
# $Z = \int \tilde p$, an integral over all images, which nobody can compute. The logarithm turns the factor into a
# summand, $\log p = \log \tilde p - \log Z$, and $\log Z$ does not depend on $\mathbf{x}$. So its gradient is zero:
#
# $$\nabla_{\mathbf{x}} \log \frac{\tilde p(\mathbf{x})}{Z} = \nabla_{\mathbf{x}} \log \tilde p(\mathbf{x}) \tag{6.2}$$
#
# This is the reason why people came to the score in the first place.

# %% tags=["explore"]
equation("6.2")

# %% [markdown]
# **The score of a Gaussian.** The logarithm of $\mathcal{N}(\mathbf{x}; \boldsymbol\mu, S)$ is
# $-\frac12 (\mathbf{x}-\boldsymbol\mu)^\top S^{-1} (\mathbf{x}-\boldsymbol\mu)$ plus a constant. The gradient of
# $\frac12 \mathbf{y}^\top M \mathbf{y}$ is $M \mathbf{y}$ for symmetric $M$. So
#
# $$\nabla_{\mathbf{x}} \log \mathcal{N}(\mathbf{x};\ \boldsymbol\mu, S) = -S^{-1}(\mathbf{x}-\boldsymbol\mu) \tag{6.3}$$
#
# The arrow points back to the mean, and its length grows with the distance, like a spring. A narrow direction has a small
# variance, so its inverse is large: the spring is stiff there.

# %% tags=["explore"]
equation("6.3")

# %% [markdown]
# ### Exercise 6.1: a spring
#
# `score.gaussian_score` · difficulty 1 · core · 6 minutes · 3 points · equation (6.3)

# %% exercise="score.gaussian_score"
def gaussian_score(x, mean, cov):
    """The score of N(mean, cov) at each point.

    x: (B, d); mean: (d,); cov: (d, d), symmetric positive definite.  Returns (B, d).
    """
    ### BEGIN SOLUTION
    return -torch.linalg.solve(cov, (x - mean).mT).mT
    ### END SOLUTION

# %% check="score.gaussian_score" points=3
check("score.gaussian_score", gaussian_score)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one. There are three for each exercise: the idea, the formula, the line.

# %% tags=["explore"]
hint("score.gaussian_score")

# %% [markdown]
# **The score of a mixture.** Let $p = \sum_k w_k\, p_k$ with Gaussians $p_k$. Start from $\nabla \log p = \nabla p / p$. The
# gradient of a sum is the sum of gradients, and $\nabla p_k = p_k \nabla \log p_k$, which is the same rule read backwards.
# So
# $\nabla \log p = \sum_k \frac{w_k p_k}{p}\, \nabla \log p_k$. The factor $r_k = w_k p_k / p$ is the share of component $k$ in
# the density at $\mathbf{x}$; the shares add up to 1. With (6.3) for each component:
#
# $$\nabla_{\mathbf{x}} \log p(\mathbf{x}) = -\sum_k r_k(\mathbf{x})\, S_k^{-1}(\mathbf{x}-\boldsymbol\mu_k), \qquad r_k(\mathbf{x}) = \frac{w_k\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_k, S_k)}{\sum_j w_j\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_j, S_j)} \tag{6.4}$$
#
# Each component pulls with its spring, and how much its pull counts depends on where you stand. The weights $w_k$ alone
# would not do: they are the same everywhere. Look again at the first picture: between two bumps the arrows turn from one
# to the other within a short way. There the shares change hands.

# %% tags=["explore"]
equation("6.4")

# %% [markdown]
# ### Exercise 6.2: the score of a mixture
#
# `score.mixture_score` · difficulty 3 · core · 15 minutes · 5 points · equation (6.4)
#
# For round components, $S_k = \text{std}_k^2\, \mathbf{I}$. One point is for points far out: there all densities round to 0, and
# $0/0$ is not a number. The shares are a softmax of log densities, and `torch.softmax` does that without the accident.

# %% exercise="score.mixture_score"
def mixture_score(x, weights, means, stds):
    """The score of sum_k weights[k] N(means[k], stds[k]^2 I) at each point.

    x: (B, d); weights: (K,); means: (K, d); stds: (K,).  Returns (B, d).
    """
    ### BEGIN SOLUTION
    away = x.unsqueeze(1) - means
    logs = torch.log(weights) - 0.5 * (away**2).sum(2) / stds**2 - x.shape[1] * torch.log(stds)
    shares = torch.softmax(logs, dim=1)
    return -(shares.unsqueeze(2) * away / stds.unsqueeze(1) ** 2).sum(1)
    ### END SOLUTION

# %% check="score.mixture_score" points=5
check("score.mixture_score", mixture_score)

# %% [markdown]
# Your formula and automatic differentiation of the log density, on the three bumps of the first picture:

# %% tags=["explore"]
with when_written():
    x = square(9).requires_grad_()
    (slow,) = torch.autograd.grad(three.log_prob(x).sum(), x)
    fast = mixture_score(x.detach(), three.weights, three.means, three.covs[:, 0, 0].sqrt())
    print(f"autograd against your formula: largest difference {(slow - fast).abs().max():.1e}")

# %% [markdown]
# **What is lost?** Only the normaliser. Walk from $\mathbf{a}$ to $\mathbf{b}$ and add up the score along the way, and you have
# the difference of the log densities. This is the fundamental theorem of calculus for $u \mapsto \log p(\mathbf{a} + u(\mathbf{b}-\mathbf{a}))$,
# whose derivative is the score times the direction of the walk:
#
# $$\log p(\mathbf{b}) - \log p(\mathbf{a}) = \int_0^1 \nabla_{\mathbf{x}} \log p\big(\mathbf{a} + u(\mathbf{b}-\mathbf{a})\big)\cdot(\mathbf{b}-\mathbf{a})\, du \tag{6.5}$$
#
# So whoever knows the score everywhere knows the density.

# %% tags=["explore"]
equation("6.5")

# %% [markdown]
# ## 2. The loss we would like to have
#
# Let $\mathbf{s}_{\boldsymbol\theta}$ be a model with parameters $\boldsymbol\theta$, for example a neural network. We want its arrows to
# be the true ones. So compare them and square the difference, on average over the data:
#
# $$J_{\mathrm{E}}(\boldsymbol\theta) = \tfrac12\, \mathbb{E}_{p}\big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) - \nabla_{\mathbf{x}} \log p(\mathbf{x})\big\|^2 \tag{6.6}$$
#
# This is *explicit* score matching. It is 0 if the model is right wherever there is data. The factor $\frac12$ is there to make the
# formulas that follow shorter. The average over $p$ means that errors count where data is; what the model says in
# empty places costs nothing. Keep that in mind: it will come back in section 8.

# %% tags=["explore"]
equation("6.6")

# %% [markdown]
# ### Exercise 6.3: the explicit loss
#
# `score.explicit_loss` · difficulty 1 · core · 4 minutes · 3 points · equation (6.6)
#
# All losses of this lesson return one number per example. The average over the batch is taken by the caller.

# %% exercise="score.explicit_loss"
def explicit_loss(s, true):
    """Half the squared distance between the model's arrows and the true ones.

    s, true: (B, *D).  Returns (B,).
    """
    ### BEGIN SOLUTION
    return 0.5 * ((s - true) ** 2).flatten(1).sum(1)
    ### END SOLUTION

# %% check="score.explicit_loss" points=3
check("score.explicit_loss", explicit_loss)

# %% [markdown]
# The loss (6.6) has one fault: it needs $\nabla \log p$, which is what we are looking for. From data we can average any
# function that we can compute, and this one we cannot.

# %% [markdown]
# ## 3. From explicit to implicit: integration by parts
#
# We will now remove the unknown score from the loss. Nothing is approximated on the way.
#
# **Step 1: expand the square.** Write $\mathbf{g}$ for the true score.
#
# $$\tfrac12\|\mathbf{s}-\mathbf{g}\|^2 = \tfrac12\|\mathbf{s}\|^2 - \mathbf{s}\cdot\mathbf{g} + \tfrac12\|\mathbf{g}\|^2 \tag{6.7}$$
#
# Take the average over $p$ and look at the three parts. The first holds only the model: we can average it over data. The
# last holds only the data: it is some constant, and a constant does not move the best $\boldsymbol\theta$. Only the middle part, the
# *cross term*, holds both.

# %% tags=["explore"]
equation("6.7")

# %% [markdown]
# **Step 2: the density meets its score.** An average over $p$ is an integral with $p(\mathbf{x})$ in it. And $p\, \nabla \log p$ is
# just $\nabla p$, because $\nabla \log p = \nabla p / p$. The unknown logarithm is gone:
#
# $$\mathbb{E}_{p}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log p\big] = \int \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\cdot\nabla_{\mathbf{x}}\, p(\mathbf{x})\, d\mathbf{x} \tag{6.8}$$

# %% tags=["explore"]
equation("6.8")

# %% [markdown]
# **Step 3: move the derivative.** We still cannot compute $\nabla p$. But we may move the derivative from $p$ to the model. On
# the line, the product rule says $(s\,p)' = s'\,p + s\,p'$. Integrate both sides from $a$ to $b$. The left side becomes
# the product at the ends. Bring $s'\,p$ to the other side:
#
# $$\int_a^b s(x)\,p'(x)\,dx = s(b)\,p(b) - s(a)\,p(a) - \int_a^b s'(x)\,p(x)\,dx \tag{6.9}$$
#
# The part $s(b)\,p(b) - s(a)\,p(a)$ is the *boundary term*.

# %% tags=["explore"]
equation("6.9")

# %% [markdown]
# ### Exercise 6.4: by parts on a grid
#
# `score.sum_by_parts` · difficulty 2 · proof · 10 minutes · 3 points · equation (6.9)
#
# On a grid the same thing is plain algebra, with no limit taken. Let $s_1, \dots, s_N$ and $p_1, \dots, p_N$ be two tables.
# Return three numbers:
#
# - `cross`: the sum over $i = 1, \dots, N-1$ of $s_i\,(p_{i+1} - p_i)$, which stands for $\int s\,p'$;
# - `boundary`: the product at the last place minus the product at the first;
# - `moved`: what is left, so that `cross = boundary - moved` to the last digit. It holds differences of $s$ and stands for
#   $\int s'\,p$. Find out at which end of each interval $p$ must be taken.

# %% exercise="score.sum_by_parts"
def sum_by_parts(s, p):
    """Integration by parts for tables: cross = boundary - moved.

    s, p: (N,), N >= 2.  Returns (cross, boundary, moved), three numbers.
    """
    ### BEGIN SOLUTION
    cross = (s[:-1] * p.diff()).sum()
    boundary = s[-1] * p[-1] - s[0] * p[0]
    moved = (p[1:] * s.diff()).sum()
    return cross, boundary, moved
    ### END SOLUTION

# %% check="score.sum_by_parts" points=3
check("score.sum_by_parts", sum_by_parts)

# %% tags=["explore"]
with when_written():
    for reach in (0.5, 1.0, 2.0, 4.0, 8.0):
        x = torch.linspace(-reach, reach, 2001, dtype=torch.float64)
        bell = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        cross, boundary, moved = sum_by_parts(x**3 + x, bell)
        print(f"from {-reach:4} to {reach:3}: cross {cross:8.4f} = boundary {boundary:9.2e} - moved {moved:8.4f}")

# %% [markdown]
# The table is for $s(x) = x^3 + x$ and the normal density. Widen the interval. The boundary term grows at first, then it dies:
# in the end the density falls faster than any power grows.
#
# **Step 4: let the boundary go.** On the whole line, $a \to -\infty$ and $b \to \infty$. If
# $s(x)\,p(x) \to 0$ at both ends, then the boundary term vanishes. This is the one condition of the whole derivation. It holds
# for smooth densities with thin tails and models that do not grow wildly. In $d$ dimensions, do this for one coordinate at a
# time: integrate $s_i\, \partial p / \partial x_i$ along the line in direction $i$, with the other coordinates held
# fixed, then integrate over the others, then add over $i$. The derivatives that are left are $\partial s_i / \partial x_i$, the
# diagonal of the Jacobian matrix $\partial \mathbf{s}/\partial \mathbf{x}$. Their sum is its *trace*:
#
# $$\mathbb{E}_{p}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log p\big] = -\,\mathbb{E}_{p}\Big[\operatorname{tr}\frac{\partial \mathbf{s}_{\boldsymbol\theta}}{\partial \mathbf{x}}\Big] \tag{6.10}$$
#
# The right side is an average over data of something that the model tells us about itself.

# %% tags=["explore"]
equation("6.10")

# %% [markdown]
# The condition is not a formality. Here is a density that stops at a hard edge, $p(x) = e^{-x}$ for $x \ge 0$. Its score
# is $-1$ everywhere. At the edge $p(0) = 1$, so the boundary term $-s(0)\,p(0)$ stays, and whoever drops it is wrong:

# %% tags=["explore"]
erratum("6.10e")

# %% [markdown]
# Pixels between 0 and 255 have hard edges, too. We will not have to worry for long: a little noise makes every density smooth.
#
# **Step 5: put it together.** Insert (6.10) into the average of (6.7). The minus of the cross term and the minus of (6.10)
# make a plus.
#
# $$J_{\mathrm{E}}(\boldsymbol\theta) = \underbrace{\mathbb{E}_{p}\Big[\tfrac12\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\|^2 + \operatorname{tr}\frac{\partial \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})}{\partial \mathbf{x}}\Big]}_{J_{\mathrm{I}}(\boldsymbol\theta)} + \tfrac12\,\mathbb{E}_{p}\|\nabla_{\mathbf{x}} \log p(\mathbf{x})\|^2 \tag{6.11}$$
#
# The first part, $J_{\mathrm{I}}$, is *implicit* score matching. It needs data and the model, nothing else. The last part is a
# constant that we do not know and do not need. Both losses have the same gradients in $\boldsymbol\theta$ and the same best
# model. Their values differ: $J_{\mathrm{E}}$ is 0 at its best, $J_{\mathrm{I}}$ is *minus* that constant, below 0.
#
# Read $J_{\mathrm{I}}$ as advice to the arrows. The trace says: at data points, arrows should run together (a negative trace
# is a sink). The square says: and they should be short there. A point of data wants to be where arrows end.

# %% tags=["explore"]
equation("6.11")

# %% [markdown]
# As a by-product, insert the simple "model" $\mathbf{s}(\mathbf{x}) = x_j\,\mathbf{e}_i$ (an arrow in direction $i$ whose length is coordinate
# $j$) into (6.10). Its trace is 1 if $i = j$, and else 0:
#
# $$\mathbb{E}_{p}\big[\nabla_{\mathbf{x}} \log p(\mathbf{x})\ \mathbf{x}^{\top}\big] = -\mathbf{I} \tag{6.12}$$
#
# This holds for *every* density that dies out at infinity. It is a good test for a learned score: average $\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\, \mathbf{x}^\top$ over
# data and see whether minus the identity comes out.

# %% tags=["explore"]
equation("6.12")

# %% [markdown]
# ### Exercise 6.5: the implicit loss
#
# `score.implicit_loss` · difficulty 4 · core · 20 minutes · 5 points · equation (6.11)
#
# The model is the smallest neural network there is: $\mathbf{s}(\mathbf{x}) = C \tanh(A\mathbf{x} + \mathbf{b})$, one hidden layer with $H$ units. Write its
# loss, one number per point. You may take the Jacobian from `torch.autograd.grad`, or work out its diagonal by hand. In
# training the loss is differentiated once more, by the parameters. So the trace must stay connected to them: pass
# `create_graph=True`. Two points ask for that.

# %% exercise="score.implicit_loss"
def implicit_loss(x, A, b, C):
    """1/2 ||s||^2 + trace of ds/dx for s(x) = C tanh(A x + b), one value per point.

    x: (B, d); A: (H, d); b: (H,); C: (d, H).  Returns (B,).
    """
    ### BEGIN SOLUTION
    y = x.detach().requires_grad_()
    s = torch.tanh(y @ A.mT + b) @ C.mT
    trace = 0.0
    for i in range(x.shape[1]):
        (slopes,) = torch.autograd.grad(s[:, i].sum(), y, create_graph=True)
        trace = trace + slopes[:, i]
    return 0.5 * (s**2).sum(1) + trace
    ### END SOLUTION

# %% check="score.implicit_loss" points=5
check("score.implicit_loss", implicit_loss)

# %% [markdown]
# ### A model that can be fitted by hand
#
# If the model is a sum of fixed functions, then the best parameters have a formula. On the line, let
# $s_{\boldsymbol\theta}(x) = \sum_j \theta_j\, \varphi_j(x) = \boldsymbol\theta \cdot \boldsymbol\varphi(x)$. The functions $\varphi_j$ are called
# *features*. Insert it into $J_{\mathrm{I}}$. The square becomes $\frac12 \boldsymbol\theta^\top G\, \boldsymbol\theta$ with the matrix $G$ of mean products, the
# trace becomes $\mathbf{h} \cdot \boldsymbol\theta$ with the mean slopes $\mathbf{h}$. A quadratic function has its lowest point where its gradient,
# $G\boldsymbol\theta + \mathbf{h}$, is zero:
#
# $$\boldsymbol\theta^{\ast} = -G^{-1}\mathbf{h}, \qquad G = \mathbb{E}_{p}\big[\boldsymbol\varphi(x)\,\boldsymbol\varphi(x)^{\top}\big], \quad \mathbf{h} = \mathbb{E}_{p}\big[\boldsymbol\varphi'(x)\big] \tag{6.13}$$
#
# The same $\boldsymbol\theta^\ast$ is found by least squares of the features against the true score. That is what the next cell compares. The
# formula never saw the true score.

# %% tags=["explore"]
equation("6.13")

# %% [markdown]
# ### Exercise 6.6: fit a score
#
# `score.fit_score` · difficulty 3 · core · 12 minutes · 4 points · equation (6.13)
#
# `phi[n, j]` is feature $j$ at data point $n$, and `dphi[n, j]` is its slope there. The averages are means over the data.

# %% exercise="score.fit_score"
def fit_score(phi, dphi):
    """The best score that is a sum of features, by implicit score matching.

    phi, dphi: (N, J), values and slopes of J features at N data points.  Returns theta (J,).
    """
    ### BEGIN SOLUTION
    G = phi.mT @ phi / len(phi)
    return -torch.linalg.solve(G, dphi.mean(0))
    ### END SOLUTION

# %% check="score.fit_score" points=4
check("score.fit_score", fit_score)

# %% [markdown]
# Now fit the score of the three bumps of lesson 02 from 2,000 points, first with $1, x$, then with $1, x, x^2, x^3$, then with
# twelve small bell curves as features. With $1, x$ the fit is the score of a Gaussian, $-(x - m)/v = m/v - x/v$. So
# $\boldsymbol\theta$ tells its mean $m$ and its variance $v$.

# %% tags=["explore"]
def powers(x, highest):
    """x^0 .. x^highest and their slopes."""
    j = torch.arange(highest + 1)
    return x.unsqueeze(1) ** j, j * x.unsqueeze(1) ** (j - 1).clamp(min=0)

def bells(x, width=0.3):
    """Twelve bell curves side by side and their slopes."""
    z = (x.unsqueeze(1) - torch.linspace(-1.5, 1.9, 12, dtype=torch.float64)) / width
    return torch.exp(-(z**2) / 2), -z / width * torch.exp(-(z**2) / 2)

line = data.bumps()
with when_written():
    found = line.sample(2000, generator=torch.Generator().manual_seed(0))[:, 0]
    grid = torch.linspace(-1.7, 2.1, 300, dtype=torch.float64)
    lines = {"true score": line.score(grid.unsqueeze(1))[:, 0]}
    for name, features in {
        "1, x": lambda x: powers(x, 1),
        "up to $x^3$": lambda x: powers(x, 3),
        "12 bells": bells,
    }.items():
        lines[name] = features(grid)[0] @ fit_score(*features(found))
    straight = fit_score(*powers(found, 1))
    print(f"1, x: mean {-straight[0] / straight[1]:.4f}, variance {-1 / straight[1]:.4f}")
    print(f"data: mean {found.mean():.4f}, variance {found.var(correction=0):.4f}")
    picture = plots.curves(
        grid,
        lines,
        alt="The true score of three bumps on the line, a curve that falls through zero at each bump and rises between, with "
        "three fits: a straight line, a cubic that misses the bump in the middle, and a sum of bells that follows it nearly "
        "everywhere and rounds off its sharp turns.",
        x_label="x",
        y_label="score",
    )
    display(picture)

# %% [markdown]
# No arrow was ever given to the fit, and the sum of bells has found nearly all of them. It is worst where data is rare: at the ends and
# at the steep turns, which lie in the valleys between the bumps.
#
# ## 4. Sliced: a trace for the price of one product
#
# Why is not everybody happy with $J_{\mathrm{I}}$? Because of the trace. For a network, one backward pass gives one *row* of the Jacobian, so
# the diagonal needs $d$ passes. For an image with 3,072 numbers that is 3,072 backward passes for one image, at every training step.
#
# There is a cheaper way to a trace. Draw a random direction $\mathbf{v}$ with $\mathbb{E}[\mathbf{v}\mathbf{v}^\top] = \mathbf{I}$, for example random signs or
# standard normal numbers. Write the product out: $\mathbf{v}^\top A\,\mathbf{v} = \sum_{ij} A_{ij} v_i v_j$. On average $v_i v_j$ is 1 for
# $i = j$ and 0 otherwise, so only the diagonal survives:
#
# $$\operatorname{tr} A = \mathbb{E}_{\mathbf{v}}\big[\mathbf{v}^{\top} A\, \mathbf{v}\big] \qquad\text{if } \mathbb{E}_{\mathbf{v}}[\mathbf{v}\mathbf{v}^{\top}] = \mathbf{I} \tag{6.14}$$
#
# The same argument with $A = \mathbf{s}\mathbf{s}^\top$ treats the other part of the loss:
#
# $$\mathbb{E}_{\mathbf{v}}\big[(\mathbf{v}\cdot\mathbf{s})^2\big] = \|\mathbf{s}\|^2 \qquad\text{if } \mathbb{E}_{\mathbf{v}}[\mathbf{v}\mathbf{v}^{\top}] = \mathbf{I} \tag{6.15}$$
#
# Put both into $J_{\mathrm{I}}$ and you have *sliced* score matching: compare the two fields along random lines only.
#
# $$J_{\mathrm{S}}(\boldsymbol\theta) = \mathbb{E}_{p}\,\mathbb{E}_{\mathbf{v}}\Big[\mathbf{v}^{\top}\frac{\partial \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})}{\partial \mathbf{x}}\,\mathbf{v} + \tfrac12\big(\mathbf{v}\cdot\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\big)^2\Big] = J_{\mathrm{I}}(\boldsymbol\theta) \tag{6.16}$$
#
# Why is it cheap? The gradient of the *number* $\mathbf{v}\cdot\mathbf{s}(\mathbf{x})$ is the vector $\mathbf{v}^\top \partial\mathbf{s}/\partial\mathbf{x}$. That is one backward pass,
# whatever $d$ is. Its inner product with $\mathbf{v}$ is what we need. The price is noise: one direction gives the trace only on average.
# In practice the second part is often replaced by its exact mean $\frac12\|\mathbf{s}\|^2$, which costs nothing and is less noisy.

# %% tags=["explore"]
equation("6.14")

# %% tags=["explore"]
equation("6.15")

# %% tags=["explore"]
equation("6.16")

# %% [markdown]
# ### Exercise 6.7: the sliced loss
#
# `score.sliced_loss` · difficulty 4 · core · 18 minutes · 4 points · equation (6.16)
#
# For the same small network. The directions are handed to you: `v[k, i]` is direction $k$ of point $i$. Average over $k$.

# %% exercise="score.sliced_loss"
def sliced_loss(x, v, A, b, C):
    """Mean over directions of v . (ds/dx) v + 1/2 (v . s)^2 for s(x) = C tanh(A x + b).

    x: (B, d); v: (n, B, d); A: (H, d); b: (H,); C: (d, H).  Returns (B,).
    """
    ### BEGIN SOLUTION
    y = x.detach().requires_grad_()
    s = torch.tanh(y @ A.mT + b) @ C.mT
    parts = []
    for direction in v:
        along = (direction * s).sum(1)
        (row,) = torch.autograd.grad(along.sum(), y, create_graph=True)
        parts.append((row * direction).sum(1) + 0.5 * along**2)
    return torch.stack(parts).mean(0)
    ### END SOLUTION

# %% check="score.sliced_loss" points=4
check("score.sliced_loss", sliced_loss)

# %% [markdown]
# More directions, less noise. One point in ten dimensions, with random signs:

# %% tags=["explore"]
with when_written():
    g = torch.Generator().manual_seed(0)
    A, b, C = (torch.randn(shape, generator=g, dtype=torch.float64) for shape in ((20, 10), (20,), (10, 20)))
    point = torch.randn(1, 10, generator=g, dtype=torch.float64)
    exact = implicit_loss(point, A, b, C).item()
    for n in (1, 10, 100, 1000):
        signs = torch.sign(torch.randn(n, 1, 10, generator=g, dtype=torch.float64))
        estimate = sliced_loss(point, signs, A, b, C).item()
        print(f"{n:5d} directions: {estimate:8.2f}   exact {exact:.2f}   backward passes {n} instead of 10")

# %% [markdown]
# With a thousand directions nothing is saved, of course. The point is that *one* direction per data point is enough in training:
# the noise averages out over many steps, like that of small batches.

# %% [markdown]
# ## 5. Denoising score matching
#
# Now the idea that made all this work for images. It removes the derivative altogether.
#
# **Give up the clean density.** Add normal noise of standard deviation $\sigma$ to each data point. From here on
# $\mathbf{x}$ is a *noisy* point, made from a clean one, $\mathbf{x}_0$. Its density is an average over all clean points that it may
# come from:
#
# $$q_\sigma(\mathbf{x}) = \int \mathcal{N}(\mathbf{x};\ \mathbf{x}_0, \sigma^2\mathbf{I})\; p(\mathbf{x}_0)\, d\mathbf{x}_0, \qquad \mathbf{x} = \mathbf{x}_0 + \sigma\boldsymbol\varepsilon \tag{6.17}$$
#
# This is the data density, blurred. We will learn the score of $q_\sigma$ instead of the score of $p$. That is the trade: the target
# is a little wrong, by the blur, and much cheaper. (Lesson 02 also shrinks the data. Section 6 puts the shrinking
# back. Here, without it, the formulas are shorter.)

# %% tags=["explore"]
equation("6.17")

# %% [markdown]
# **If we knew the clean point.** Given $\mathbf{x}_0$, the noisy point is Gaussian with mean $\mathbf{x}_0$ and covariance $\sigma^2\mathbf{I}$. By (6.3) its
# score is
#
# $$\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0) = -\frac{\mathbf{x}-\mathbf{x}_0}{\sigma^2} = -\frac{\boldsymbol\varepsilon}{\sigma} \tag{6.18}$$
#
# The noise led away from the clean point, so the arrow leads straight back. And in training we *do* know the clean point: we made the
# noisy one from it ourselves.

# %% tags=["explore"]
equation("6.18")

# %% [markdown]
# **The true arrow is the average of these arrows.** Many clean points could have led to the same noisy $\mathbf{x}$. Start from
# $\nabla \log q_\sigma = \nabla q_\sigma / q_\sigma$ and take the gradient under the integral (6.17):
# $\nabla q_\sigma(\mathbf{x}) = \int \nabla q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\, p(\mathbf{x}_0)\, d\mathbf{x}_0 = \int \nabla \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\; q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\, p(\mathbf{x}_0)\, d\mathbf{x}_0$.
# Divide by $q_\sigma(\mathbf{x})$. By Bayes, $q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\, p(\mathbf{x}_0) / q_\sigma(\mathbf{x})$ is the density of the clean point given the noisy
# one. So the integral is an average over it:
#
# $$\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}) = \mathbb{E}\big[\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\,\big|\,\mathbf{x}\big] \tag{6.19}$$
#
# This one line is the heart of the lesson. Regression finds averages: if you predict a noisy target with squared error, the
# best prediction is the mean of the target given the input. Take $-\boldsymbol\varepsilon/\sigma$ as the target and the noisy point as the input. Then the best
# prediction is the right side of (6.19), and that is the true score.

# %% tags=["explore"]
equation("6.19")

# %% [markdown]
# **The same as an identity of losses.** As in section 3, everything depends on the cross term. Insert (6.19) and use
# that averaging first over $\mathbf{x}_0$ given $\mathbf{x}$, then over $\mathbf{x}$, is averaging over both:
#
# $$\mathbb{E}_{q_\sigma(\mathbf{x})}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x})\big] = \mathbb{E}_{\mathbf{x}_0, \boldsymbol\varepsilon}\Big[\mathbf{s}_{\boldsymbol\theta}\cdot\Big(-\frac{\boldsymbol\varepsilon}{\sigma}\Big)\Big] \tag{6.20}$$

# %% tags=["explore"]
equation("6.20")

# %% [markdown]
# So the square of $\mathbf{s}_{\boldsymbol\theta} + \boldsymbol\varepsilon/\sigma$ and the square of $\mathbf{s}_{\boldsymbol\theta} - \nabla \log q_\sigma$ have the same first part
# $\frac12\|\mathbf{s}_{\boldsymbol\theta}\|^2$ and the same cross term on average. They differ only in the last part, which the model cannot change:
#
# $$J_{\mathrm{D}}(\boldsymbol\theta) = \tfrac12\,\mathbb{E}_{\mathbf{x}_0, \boldsymbol\varepsilon}\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_0 + \sigma\boldsymbol\varepsilon) + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 = \tfrac12\,\mathbb{E}_{q_\sigma}\big\|\mathbf{s}_{\boldsymbol\theta} - \nabla_{\mathbf{x}} \log q_\sigma\big\|^2 + C_\sigma \tag{6.21}$$
#
# This is *denoising* score matching. Draw a data point, add noise, ask the model, compare with the noise. No Jacobian, no second
# derivative, no boundary term.

# %% tags=["explore"]
equation("6.21")

# %% [markdown]
# ### Exercise 6.8: the denoising loss
#
# `score.denoising_loss` · difficulty 3 · core · 12 minutes · 5 points · equation (6.21)
#
# Every example has its own $\sigma$, as in training. `sigma` has shape `(B,)`, so reshape it before it meets images, and cast it to the images'
# dtype. You get the model as a function; call it once, on the whole batch.

# %% exercise="score.denoising_loss"
def denoising_loss(score, x_0, sigma, noise):
    """1/2 ||s(x) + eps / sigma||^2 at x = x_0 + sigma eps, one value per example.

    score: function from (B, *D) to (B, *D); x_0, noise: (B, *D); sigma: (B,) float64.
    Returns (B,) in x_0's dtype.
    """
    ### BEGIN SOLUTION
    sd = sigma.to(x_0).reshape(-1, *[1] * (x_0.ndim - 1))
    error = score(x_0 + sd * noise) + noise / sd
    return 0.5 * (error**2).flatten(1).sum(1)
    ### END SOLUTION

# %% check="score.denoising_loss" points=5
check("score.denoising_loss", denoising_loss)

# %% [markdown]
# ### The floor: why the loss never reaches zero
#
# The constant in (6.21) is what is left when the model is perfect. Compare the last parts of the two squares. The first is
# $\frac12\mathbb{E}\|\boldsymbol\varepsilon/\sigma\|^2 = \frac12 d/\sigma^2$, since each of the $d$ noises has variance 1. The second is $\frac12\mathbb{E}\|\nabla\log q_\sigma\|^2$.
# Their difference is $C_\sigma$. It is also a variance: the variance of a target is the variance of its conditional mean plus the mean of its
# conditional variance, and by (6.19) the conditional mean is the score. What remains is the variance of $-\boldsymbol\varepsilon/\sigma = (\mathbf{x}_0 - \mathbf{x})/\sigma^2$ given $\mathbf{x}$, which is
# that of $\mathbf{x}_0$ divided by $\sigma^4$:
#
# $$C_\sigma = \tfrac12\Big(\frac{d}{\sigma^2} - \mathbb{E}_{q_\sigma}\|\nabla_{\mathbf{x}} \log q_\sigma\|^2\Big) = \frac{1}{2\sigma^4}\,\mathbb{E}_{q_\sigma}\big[\operatorname{tr}\operatorname{Cov}[\mathbf{x}_0\mid\mathbf{x}]\big] \ge 0 \tag{6.22}$$
#
# In words: a noisy point does not tell which clean point it came from. As long as there is any doubt, the best model misses
# the target by that doubt. A training curve that flattens out far above zero is no sign of a bad model. To know how good a model is,
# you have to know the floor.

# %% tags=["explore"]
equation("6.22")

# %% [markdown]
# For Gaussian data with variances $v_1, \dots, v_d$ along the axes, the noisy data has variances $v_i + \sigma^2$. By (6.3), its
# score has the mean square $1/(v_i+\sigma^2)$ in direction $i$. Insert that into (6.22):
#
# $$C_\sigma = \tfrac12 \sum_{i=1}^{d} \frac{v_i}{\sigma^2\,(v_i + \sigma^2)} \qquad\text{for data } \mathcal{N}(\boldsymbol\mu, \operatorname{diag}(v_1, \dots, v_d)) \tag{6.23}$$
#
# A direction in which the data does not vary, $v_i = 0$, adds nothing. There the noise can be told exactly, because any deviation is
# noise. As $\sigma \to 0$ the floor grows like $d/(2\sigma^2)$ (if the $v_i$ are not 0): small noise is drowned by the data. That is the second price
# of denoising, next to the blur: for tiny $\sigma$ the target is very noisy.

# %% tags=["explore"]
equation("6.23")

# %% [markdown]
# ### Exercise 6.9: the floor
#
# `score.denoising_floor` · difficulty 2 · core · 10 minutes · 4 points · equation (6.23)

# %% exercise="score.denoising_floor"
def denoising_floor(variances, sigma):
    """The least value of the denoising loss for Gaussian data.

    variances: (d,), >= 0, of the data along each axis; sigma: float > 0.  Returns a number.
    """
    ### BEGIN SOLUTION
    return 0.5 * (variances / (sigma**2 * (variances + sigma**2))).sum()
    ### END SOLUTION

# %% check="score.denoising_floor" points=4
check("score.denoising_floor", denoising_floor)

# %% [markdown]
# See it. The data is standard normal on the line, $\sigma = 0.7$, and the model is $s(x) = -kx$ with one parameter $k$. Here are your two
# losses as functions of $k$. They have the same shape and the same lowest point. One is lifted by your floor.

# %% tags=["explore"]
with when_written():
    sigma, count = 0.7, 40_000
    x_0, eps = torch.randn(2, count, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noisy, k = x_0 + sigma * eps, torch.linspace(0, 1.6, 60, dtype=torch.float64)
    truth, level = -noisy / (1 + sigma**2), torch.full((count,), sigma, dtype=torch.float64)
    explicit = torch.stack([explicit_loss(-slope * noisy, truth).mean() for slope in k])
    denoising = torch.stack(
        [denoising_loss(lambda x, slope=slope: -slope * x, x_0, level, eps).mean() for slope in k]
    )
    floor = denoising_floor(torch.ones(1, dtype=torch.float64), sigma)
    picture = plots.curves(
        k,
        {"denoising": denoising, "explicit": explicit, "floor": floor.expand(60), "explicit + floor": explicit + floor},
        alt="Two parabolas over the parameter k with the same lowest point near 0.67. The explicit loss touches zero there; "
        "the denoising loss is the same curve lifted to a floor of about 0.68.",
        x_label="k",
        y_label="loss",
    )
    display(picture)

# %% [markdown]
# ## 6. Tweedie: whoever knows the score can denoise
#
# Equation (6.19) has a second reading. Its right side is $\mathbb{E}[(\mathbf{x}_0 - \mathbf{x})/\sigma^2 \mid \mathbf{x}]$, and given $\mathbf{x}$ only $\mathbf{x}_0$ is random. Multiply by
# $\sigma^2$ and add $\mathbf{x}$:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \mathbf{x} + \sigma^2\, \nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}) \tag{6.24}$$
#
# This is Tweedie's formula. The left side is the best guess of the clean point, in squared error. The right side is one step
# along the score, with step length $\sigma^2$. Nobody needs to know $p$: the noisy density alone tells where the clean points are. It is an old
# formula; statisticians found it in the 1950s.

# %% tags=["explore"]
equation("6.24")

# %% [markdown]
# Differentiate once more, and the spread of the clean point appears. The derivative of (6.19) by $\mathbf{x}$ acts on the arrow itself and on
# the density of $\mathbf{x}_0$ given $\mathbf{x}$. The first gives $-\mathbf{I}/\sigma^2$, the second gives the covariance of the arrows, $\operatorname{Cov}[\mathbf{x}_0\mid\mathbf{x}]/\sigma^4$.
# Solve for the covariance:
#
# $$\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}] = \sigma^2\mathbf{I} + \sigma^4\, \nabla_{\mathbf{x}}^2 \log q_\sigma(\mathbf{x}) \tag{6.25}$$
#
# Here $\nabla^2$ is the matrix of second derivatives, the Jacobian of the score. Across a sharp ridge it is strongly negative, and the doubt is small. In a valley, on the way from
# one bump to the next, it is positive, and the doubt is larger than the noise itself.

# %% tags=["explore"]
equation("6.25")

# %% [markdown]
# **With the shrinking of lesson 02.** Now $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon$. Call $\sqrt{\bar\alpha_t}\,\mathbf{x}_0$ the clean
# point for a moment. Then this is the case above with $\sigma^2 = 1 - \bar\alpha_t$, and (6.24) gives the best guess of $\sqrt{\bar\alpha_t}\,\mathbf{x}_0$. Divide by the root:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \frac{\mathbf{x}_t + (1-\bar\alpha_t)\,\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t)}{\sqrt{\bar\alpha_t}} \tag{6.26}$$

# %% tags=["explore"]
equation("6.26")

# %% [markdown]
# ### Exercise 6.10: Tweedie's formula
#
# `score.tweedie` · difficulty 2 · core · 8 minutes · 4 points · equation (6.26)

# %% exercise="score.tweedie"
def tweedie(x_t, score, t, alpha_bar):
    """E[x_0 | x_t] from the score at x_t.

    x_t, score: (B, *D); t: (B,) int64 in 0..T; alpha_bar: (T+1,) float64.  Returns (B, *D) in x_t's dtype.
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].to(x_t).reshape(-1, *[1] * (x_t.ndim - 1))
    return (x_t + (1 - a) * score) / a.sqrt()
    ### END SOLUTION

# %% check="score.tweedie" points=4
check("score.tweedie", tweedie)

# %% [markdown]
# **The noise predictor of lesson 05 is a score.** There a network $\boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)$ learned to guess the noise. Its best
# answer is the mean noise, $\mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t]$. The arrow (6.18) is minus the noise over its standard deviation, which
# is now $\sqrt{1-\bar\alpha_t}$. Average both over what is unknown, as in (6.19):
#
# $$\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t) = -\frac{\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]}{\sqrt{1-\bar\alpha_t}}, \qquad \mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_t, t) = -\frac{\boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)}{\sqrt{1-\bar\alpha_t}} \tag{6.27}$$
#
# So every DDPM is a model of scores, for all noise levels, whether its makers thought of scores or not. Two slips are common: the
# minus sign gets lost, and the standard deviation is taken for the variance. The second one, refuted:

# %% tags=["explore"]
equation("6.27")

# %% tags=["explore"]
erratum("6.27e")

# %% [markdown]
# ### Exercise 6.11: from noise to score
#
# `score.score_from_eps` · difficulty 1 · core · 5 minutes · 3 points · equation (6.27)

# %% exercise="score.score_from_eps"
def score_from_eps(eps, t, alpha_bar):
    """A noise prediction as a score.

    eps: (B, *D); t: (B,) int64 in 1..T; alpha_bar: (T+1,) float64.  Returns (B, *D) in eps' dtype.
    """
    ### BEGIN SOLUTION
    sd = (1 - alpha_bar[t]).sqrt()
    return -eps / sd.to(eps).reshape(-1, *[1] * (eps.ndim - 1))
    ### END SOLUTION

# %% check="score.score_from_eps" points=3
check("score.score_from_eps", score_from_eps)

# %% [markdown]
# Three of your functions in a chain, against the exact posterior mean, on the three bumps in the plane at three steps:

# %% tags=["explore"]
with when_written():
    table = schedule.linear(1000)
    t = torch.tensor([10, 300, 900])
    x_t = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean_noise = three.eps(x_t, table.alpha_bar[t].sqrt(), table.noise_var[t].sqrt())
    guess = tweedie(x_t, score_from_eps(mean_noise, t, table.alpha_bar), t, table.alpha_bar)
    best = three.denoiser(x_t, table.alpha_bar[t].sqrt(), table.noise_var[t].sqrt())
    print(f"noise -> score -> clean point, against the posterior mean: {(guess - best).abs().max():.1e}")
    overall = three.weights @ three.means
    shown = [f"({float(a):.2f}, {float(b):.2f})" for a, b in (guess[2], overall)]
    print(f"at t = 900 the best guess is {shown[0]}, and the mean of the data is {shown[1]}")

# %% [markdown]
# The last line answers a question from the lecture: what does the model say at $t = T$, where nothing is left to see? It says the mean of the
# data. For cats that is the average cat, for digits a grey blot.

# %% [markdown]
# ## 7. Denoising autoencoders
#
# An *autoencoder* is a network that gives back its input, squeezed through a code. A *denoising* autoencoder gets a noisy input and must give
# back the clean one. It was invented, some years before diffusion models, to learn features. Forget its inside and write
# $\mathbf{r}(\mathbf{x})$ for the whole network. Its loss is $\mathbb{E}\|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2$ with $\mathbf{x} = \mathbf{x}_0 + \sigma\boldsymbol\varepsilon$.
#
# **What is its best answer?** Add and take away the conditional mean inside the square. The cross term vanishes: given $\mathbf{x}$, the
# difference $\mathbf{x}_0 - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]$ has mean 0, and the other factor is fixed. So
#
# $$\mathbb{E}\|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2 = \mathbb{E}\big\|\mathbf{x}_0 - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]\big\|^2 + \mathbb{E}\big\|\mathbf{r}(\mathbf{x}) - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]\big\|^2 \tag{6.28}$$
#
# The first part is a floor, again. The second is 0 exactly if $\mathbf{r}(\mathbf{x}) = \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]$, which by Tweedie is
# $\mathbf{x} + \sigma^2\nabla\log q_\sigma(\mathbf{x})$. So what a denoising autoencoder *adds* to its input is $\sigma^2$ times the score.

# %% tags=["explore"]
equation("6.28")

# %% [markdown]
# And not only at the optimum. Write any reconstruction as $\mathbf{r}(\mathbf{x}) = \mathbf{x} + \sigma^2\,\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})$. Then
# $\mathbf{x}_0 - \mathbf{r}(\mathbf{x}) = -\sigma\boldsymbol\varepsilon - \sigma^2\,\mathbf{s}_{\boldsymbol\theta}$. Take $-\sigma^2$ out of the square:
#
# $$\mathbf{r}(\mathbf{x}) = \mathbf{x} + \sigma^2\,\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) \quad\Longrightarrow\quad \|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2 = 2\sigma^4 \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 \tag{6.29}$$
#
# Training a denoising autoencoder *is* denoising score matching, in other units.

# %% tags=["explore"]
equation("6.29")

# %% [markdown]
# ### It projects onto the manifold
#
# Images fill only a thin part of the space of all pixel values. Imagine this part as a surface, called a *manifold*. Noise kicks a point
# off the surface. What does the best reconstruction do?
#
# **A flat surface.** Let the data be Gaussian with variances $v_i$ along orthogonal unit vectors $\mathbf{u}_i$, and variance 0 in all other
# directions. Then the score of the noisy data pulls with $-1/(v_i + \sigma^2)$ along $\mathbf{u}_i$. By Tweedie, the part of $\mathbf{x}$ along $\mathbf{u}_i$ is multiplied by
# $1 - \sigma^2/(v_i+\sigma^2)$:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_i \frac{v_i}{v_i + \sigma^2}\, \mathbf{u}_i \mathbf{u}_i^{\top} \mathbf{x} \qquad\text{for data } \mathcal{N}\Big(\mathbf{0},\ \sum_i v_i\,\mathbf{u}_i\mathbf{u}_i^{\top}\Big) \tag{6.30}$$
#
# What points off the surface is erased, and what lies in it is shrunk a little. For small $\sigma$ the factor is nearly 1, and the
# map is the orthogonal projection.

# %% tags=["explore"]
equation("6.30")

# %% [markdown]
# **A curved surface.** Let the data lie evenly on a circle of radius $R$. By symmetry the best guess lies in the direction of $\mathbf{x}$. Its
# length is the mean of $R\cos\phi$ over the angle $\phi$ between $\mathbf{x}_0$ and $\mathbf{x}$. By Bayes that angle has a density proportional to
# $e^{\kappa\cos\phi}$, because $-\|\mathbf{x}-\mathbf{x}_0\|^2/2\sigma^2$ is $\kappa\cos\phi$ plus a constant. Such integrals are Bessel functions:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = R\,\frac{I_1(\kappa)}{I_0(\kappa)}\,\frac{\mathbf{x}}{\|\mathbf{x}\|}, \qquad \kappa = \frac{R\,\|\mathbf{x}\|}{\sigma^2} \qquad\text{for data even on a circle of radius } R \tag{6.31}$$
#
# For little noise $\kappa$ is large, the quotient goes to 1, and the guess is $R\,\mathbf{x}/\|\mathbf{x}\|$: the nearest point of the circle. For much noise the
# quotient goes to 0 and the guess is the centre, which is the mean of the data. Look:

# %% tags=["explore"]
equation("6.31")

# %% tags=["explore"]
places, levels = square(17), (0.2, 0.6, 1.2)
radius = places.norm(dim=1, keepdim=True).clamp(min=1e-9)
kappas = [1.4 * radius / sigma**2 for sigma in levels]
moves = [1.4 * torch.special.i1e(kappa) / torch.special.i0e(kappa) * places / radius - places for kappa in kappas]
ring = (-((square(61).norm(dim=1) - 1.4) ** 2) / (2 * 0.08**2)).exp().reshape(61, 61)
plots.fields(
    places,
    torch.stack(moves),
    [f"$\\sigma$ = {sigma}" for sigma in levels],
    unit=0.8,
    shade=ring.expand(3, 61, 61),
    alt="What the best reconstruction adds to a point, as arrows, for data on a circle. With little noise all arrows lead to the "
    "nearest point of the circle. With more noise they lead inside it, and with much noise all lead to the centre.",
)

# %% [markdown]
# **A finite set of points.** Real data is a list of $N$ examples. Let the clean point be one of them, each equally likely. By Bayes, the
# probability that the noisy $\mathbf{x}$ came from example $n$ is proportional to $\mathcal{N}(\mathbf{x};\ \mathbf{x}^{(n)}, \sigma^2\mathbf{I})$. The best guess is the mean of the
# examples with these probabilities:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_{n=1}^{N} \pi_n(\mathbf{x})\, \mathbf{x}^{(n)}, \qquad \pi_n(\mathbf{x}) = \frac{\exp\big(-\|\mathbf{x}-\mathbf{x}^{(n)}\|^2/2\sigma^2\big)}{\sum_m \exp\big(-\|\mathbf{x}-\mathbf{x}^{(m)}\|^2/2\sigma^2\big)} \tag{6.32}$$
#
# This is the *perfect* answer to the training loss on a data set: no network can have a lower one.

# %% tags=["explore"]
equation("6.32")

# %% [markdown]
# ### Exercise 6.12: the best reconstruction
#
# `score.best_reconstruction` · difficulty 3 · core · 15 minutes · 5 points · equation (6.32)
#
# Squared distances are sums over all coordinates, and the softmax runs over the data points. One point is for tiny $\sigma$, where the exponentials
# alone round to 0.

# %% exercise="score.best_reconstruction"
def best_reconstruction(x, points, sigma):
    """E[x_0 | x] when x_0 is one of the data points and x = x_0 + sigma eps.

    x: (B, *D); points: (N, *D); sigma: float > 0.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    squares = ((x.flatten(1).unsqueeze(1) - points.flatten(1)) ** 2).sum(2)
    chances = torch.softmax(-squares / (2 * sigma**2), dim=1)
    return (chances @ points.flatten(1)).reshape(x.shape)
    ### END SOLUTION

# %% check="score.best_reconstruction" points=5
check("score.best_reconstruction", best_reconstruction)

# %% [markdown]
# Here it is at work on a digit that is *not* among its data points. It knows the other 1,796 digits.

# %% tags=["explore"]
with when_written():
    images = data.digits().images.double()
    shown, known = images[13:14], torch.cat([images[:13], images[14:]])
    noise = torch.randn(shown.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    amounts = [0.1, 0.4, 0.7, 1.0, 2.0, 5.0]
    noisy = torch.cat([shown + sigma * noise for sigma in amounts])
    cleaned = torch.cat([best_reconstruction(shown + sigma * noise, known, sigma) for sigma in amounts])
    picture = plots.image_grid(
        torch.stack([noisy, cleaned]),
        [f"$\\sigma$ = {sigma:g}" for sigma in amounts],
        ["noisy", "best guess"],
        alt="A handwritten digit with six amounts of noise, and below each its best reconstruction from other digits. With "
        "little noise a similar digit comes back sharply; with more noise a blend of several; at sigma = 5 nearly the mean of all digits.",
    )
    display(picture)

# %% [markdown]
# With little noise, the answer is a sharp digit, but *another* one: the nearest example in the list. The perfect minimiser of the
# training loss has learned its examples by heart. A network does better on new digits because it is *not* perfect: it is smooth, and it cannot store every
# example. That is where generalisation comes from, and it is worth remembering when a training loss gets suspiciously low.
#
# **From one denoiser to a generator.** One denoising step cannot make data from pure noise: with much noise it gives the mean. But the lecture
# asks the right question: what if each step of a chain, from $\mathbf{x}_t$ to $\mathbf{x}_{t-1}$, were a denoising autoencoder for a *little* noise? Then
# each step has an easy task, and between the steps some noise is put back. That is lesson 05, seen from here.

# %% [markdown]
# ## 8. All noise levels at once
#
# Which $\sigma$ should we take? A small one keeps $q_\sigma$ close to the data. But then all training points lie near the data, and the model learns nothing
# about the wide empty space between. (The average in the loss is over $q_\sigma$.) Whoever starts there finds arrows that nobody ever checked. A large $\sigma$ fills the
# space, but the target is a blurred density. There is no best choice, so take many: one network gets the noise level as a second
# input, $\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}, \sigma)$, and learns the scores of all of them.
#
# The losses of the levels must be added with weights. The target $-\boldsymbol\varepsilon/\sigma$ has a mean square of $d/\sigma^2$, so with
# equal weights the smallest $\sigma$ would drown the rest. The weight $\sigma^2$ makes all levels equally loud. Multiply it in, and with
# $\boldsymbol\varepsilon_{\boldsymbol\theta} = -\sigma\,\mathbf{s}_{\boldsymbol\theta}$ the loss becomes an old acquaintance:
#
# $$\sigma^2 \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta} + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 = \tfrac12\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 \qquad\text{with } \boldsymbol\varepsilon_{\boldsymbol\theta} = -\sigma\,\mathbf{s}_{\boldsymbol\theta} \tag{6.33}$$

# %% tags=["explore"]
equation("6.33")

# %% [markdown]
# ### Exercise 6.13: all levels, weighted
#
# `score.weighted_sum` · difficulty 3 · core · 12 minutes · 4 points · equation (6.33)
#
# The scores and the noise are given for $L$ levels. Return the mean over the levels of $\sigma^2$ times the denoising loss, one number per example.

# %% exercise="score.weighted_sum"
def weighted_sum(scores, noise, sigmas):
    """Mean over levels of sigma^2 times the denoising loss.

    scores, noise: (L, B, *D), the model's scores at x_0 + sigma_i eps_i, and eps_i; sigmas: (L,).  Returns (B,).
    """
    ### BEGIN SOLUTION
    sd = sigmas.reshape(-1, *[1] * (noise.ndim - 1))
    error = sd * scores + noise
    return 0.5 * (error**2).flatten(2).sum(2).mean(0)
    ### END SOLUTION

# %% check="score.weighted_sum" points=4
check("score.weighted_sum", weighted_sum)

# %% [markdown]
# Now take the levels of lesson 02: at step $t$ the noise has the standard deviation $\sqrt{1-\bar\alpha_t}$, so the weight is $1-\bar\alpha_t$. (The shrinking of the data does not matter: the
# target (6.18) is the same.) Average over all steps, and double it to lose the half:
#
# $$\frac{1}{T}\sum_{t=1}^{T} (1-\bar\alpha_t)\,\mathbb{E}\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_t, t) + \frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}\Big\|^2 = \frac{1}{T}\sum_{t=1}^{T} \mathbb{E}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)\|^2 \tag{6.34}$$
#
# The right side is the simple loss of DDPM. It came out of the bound on the likelihood in lessons 03 to 05, by a long road through
# hierarchical autoencoders. Here it came out of a regression on arrows. The lecture puts it so: everything was derived as a
# variational autoencoder, and what it does is estimate scores.
#
# Then what is the difference between the two views? Not the training: it is the same loss, and even the same network, which gets the noisy point and the noise
# level. In the first view the encoder is the fixed noising of lesson 02, and the score is what the decoder needs to undo it. The views differ in how they *sample*: DDPM goes down the
# chain once, and a score model walks along its arrows at each noise level, which is lesson 07. And the second view makes it easy to let the number of levels go to infinity, which is lesson 08.

# %% tags=["explore"]
equation("6.34")

# %% [markdown]
# **And the bound itself?** It has other weights. Lesson 04 found that step $t$ enters it with the factor $\lambda_t = \beta_t^2 / (2\sigma_t^2\alpha_t(1-\bar\alpha_t))$ before the squared error of
# the noise. (Mind the letter: $\sigma_t^2$ is the variance of the *reverse step*, as in lesson 05, not the noise in $\mathbf{x}_t$.) Write the error as one of scores: $\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 = (1-\bar\alpha_t)\,\|\mathbf{s}_{\boldsymbol\theta} + \boldsymbol\varepsilon/\sqrt{1-\bar\alpha_t}\|^2$. The factor
# $1-\bar\alpha_t$ cancels, and the $\frac12$ goes into the denoising loss:
#
# $$\frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 = \frac{\beta_t^2}{\sigma_t^2\,\alpha_t} \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta} + \frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}\Big\|^2 \tag{6.35}$$
#
# So the simple loss, the bound and the losses of this section are one family: denoising score matching with weights. A question from the lecture was: what is this $\lambda$,
# and does it matter? It says how much you care about each noise level. With unlimited capacity it does not matter, because the right score minimises every level at once. In
# practice it decides where a limited network spends its effort: the weights of the bound buy likelihood, the simple weights buy better-looking samples.

# %% tags=["explore"]
equation("6.35")

# %% [markdown]
# ### Exercise 6.14: the weights of the bound
#
# `score.bound_weights` · difficulty 3 · stretch · 12 minutes · 4 points · equation (6.35)

# %% exercise="score.bound_weights"
def bound_weights(beta, sigma2):
    """The weight of each step's denoising loss in the bound.

    beta: (T+1,) with beta[0] = 0; sigma2: (T+1,), variances of the reverse steps, sigma2[0] = 0.
    Returns (T+1,), with 0 at t = 0.
    """
    ### BEGIN SOLUTION
    weights = torch.zeros_like(beta)
    weights[1:] = beta[1:] ** 2 / (sigma2[1:] * (1 - beta[1:]))
    return weights
    ### END SOLUTION

# %% check="score.bound_weights" points=4
check("score.bound_weights", bound_weights)

# %% tags=["explore"]
with when_written():
    table = schedule.linear(1000)
    steps = torch.arange(1, 1001)
    picture = plots.curves(
        steps,
        {"bound": bound_weights(table.beta, table.beta)[1:], "simple": 2 * table.noise_var[1:]},
        alt="Weight of the denoising score matching loss against the step t on a logarithmic scale. The simple loss has weights that "
        "rise quickly to 2; the weights of the bound are smaller and rise from 0.0001 to 0.02.",
        y_label="weight",
        y_scale="log",
    )
    display(picture)

# %% [markdown]
# (The simple loss has no factor $\frac12$, hence its weights rise to 2.) Only the shape matters, since a common factor changes nothing. The bound gives relatively more weight to
# the small noise at the start; the simple loss gives more to the middle and the end.

# %% [markdown]
# ## 9. Learn it
#
# Time to train. The data is 4,000 points of two moons. They are drawn from a mixture of sixty small Gaussians along the half circles, so the true
# score is known at every $\sigma$, by your formula (6.4), and we can say exactly how good the network is. The network is small: three hidden layers. It sees
# $\mathbf{x}$ and $\log\sigma$, and its output is divided by $-\sigma$, so that it predicts noise. The loss is *your* `denoising_loss`, weighted by $\sigma^2$. A few seconds on one core.

# %% tags=["explore"]
from diffkit import nets, train

moons = data.moons_mixture()
examples = moons.sample(4000, generator=torch.Generator().manual_seed(0)).float()
LOWEST, HIGHEST, STEPS = 0.05, 2.0, 1500

def score_net(net, x, sigma):
    """The network as a score.  x: (B, 2); sigma: (B,)."""
    spread = (1 + sigma**2).sqrt().unsqueeze(1)  # keeps the input near size 1 at every noise level
    return -net(x / spread, sigma.log()) / sigma.unsqueeze(1)

def training_loss(net, g):
    """sigma^2 times the denoising loss, a noise level per example, spread evenly in log sigma."""
    (batch,) = train.minibatch(g, 384, examples)
    sigma = LOWEST * (HIGHEST / LOWEST) ** torch.rand(len(batch), generator=g)
    eps = torch.randn(batch.shape, generator=g)
    return sigma**2 * denoising_loss(lambda x: score_net(net, x, sigma), batch, sigma, eps)

def rate(step):
    """Learning rate: a short warm-up, then half a cosine down to zero."""
    return 3e-3 * min(1, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / STEPS))

# %% tags=["explore"]
torch.manual_seed(0)
net = nets.Mlp(2, width=96, depth=3, embedding=nets.SinusoidalEmbedding(32, scale=100, max_period=300))
state = train.start(net, ema_decay=0.99)
history = []
with when_written():
    for step in train.progress(train.train(state, training_loss, steps=STEPS, lr=rate), STEPS):
        history.append(float(step.loss))

# %% [markdown]
# The curve falls, and then it lies flat, far above zero. Is the network bad? The exact floor, averaged over the noise levels of the training, is the dashed line.

# %% tags=["explore"]
@torch.no_grad()
def learned(x, sigma):
    """The trained score at one noise level."""
    return score_net(state.ema, x.float(), torch.full((len(x),), sigma))

if history:
    explorer = explorers.score_field(learned)
    floors = explorer.numbers[0]
    window = torch.tensor(history).unfold(0, 50, 25).mean(1)
    at = 25 * torch.arange(len(window)) + 25
    mean_floor = (floors[0] / 2 + floors[1:-1].sum() + floors[-1] / 2) / (len(floors) - 1)
    picture = plots.curves(
        at,
        {"training loss": window, "exact floor": mean_floor.expand(len(window))},
        alt="Training loss over 1,500 steps: it falls quickly from above 0.8 and then runs flat, a little above a "
        "horizontal line, the exact floor, near 0.56.",
        x_label="step",
        y_label="loss",
    )
    display(picture)
    print(f"floor {mean_floor:.4f}, end of training {sum(history[-200:]) / 200:.4f}")
else:
    print("Nothing trained yet: write denoising_loss (exercise 6.8) and run the two cells above again.")

# %% [markdown]
# The loss ends within a few percent of the floor. Without the floor we could not have said that. Now look at the arrows. Move the slider of the next cell: on the left the true score, in the middle what the
# network learned, on the right the difference. Below is the loss, split into floor and error. (If nothing is trained yet, you see the best score of 100 points, learned by heart.)

# %% tags=["explore"]
display(explorer if history else explorers.score_field())

# %% [markdown]
# Three things to see. Where the blue is, the error is small. Far outside, at small $\sigma$, the arrows of the network are wrong: it never saw a point there, and nobody
# will until lesson 07 starts a walk in that empty space. With growing $\sigma$ the picture becomes one simple funnel, which is easy to learn everywhere. That is
# why a walk should begin with much noise.
#
# Compare with a score that is learned by heart: the best possible one for 100 examples. At small $\sigma$ every arrow leads to an example.

# %% tags=["explore"]
explorers.score_field()

# %% [markdown]
# ## Written question
#
# A colleague trains a score model for images of $8 \times 8$ pixels with denoising score matching at a single noise level. She writes: "With $\sigma = 0.1$ the
# loss is stuck at 2,400. With $\sigma = 0.5$ it is 80 after the same time. So the model for $\sigma = 0.5$ is thirty times better, and I will use that one."
#
# 1. What would the loss be if the model returned 0 everywhere, for each $\sigma$? What does that say about the two numbers?
# 2. Which number would tell her how good a model is, and how could she estimate it without knowing the true score?
# 3. Name one thing that is lost with a larger $\sigma$ and one that is lost with a smaller one. What would you do?
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="score.stuck_loss" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) With $\mathbf{s} = \mathbf{0}$ the loss is $\frac12\mathbb{E}\|\boldsymbol\varepsilon/\sigma\|^2 = d/(2\sigma^2)$ with $d = 64$: 3,200 for $\sigma = 0.1$ and 128 for $\sigma = 0.5$. In these units
# the two losses are 0.75 and 0.63 of doing nothing. They do not differ by a factor of thirty; most of the difference is the factor $1/\sigma^2$ of the target. (2) The distance from the
# floor $C_\sigma$, that is $J_{\mathrm{D}} - C_\sigma = \frac12\mathbb{E}\|\mathbf{s}_{\boldsymbol\theta} - \nabla\log q_\sigma\|^2$. The floor is unknown for images. She can compare models at the *same* $\sigma$ on held-out data
# (the floor cancels in the difference), compare with a Gaussian fitted to the data, whose score is known, or use a check that needs no floor, such as $\mathbb{E}[\mathbf{s}_{\boldsymbol\theta}\,\mathbf{x}^\top] = -\mathbf{I}$ on noisy data. (3) Larger
# $\sigma$: the model learns the score of a blurred density, fine detail is lost. Smaller $\sigma$: the target is noisier, and the space between the data is never seen. Train one network on many levels with
# weights $\sigma^2$.
#
# **Rubric.** Loss of the zero model: formula 1, conclusion that the numbers cannot be compared across $\sigma$ 1. Floor named 1, a sensible estimate or comparison 1.
# Both losses named 1, many levels (or a reasoned choice) 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - The score $\nabla\log p$ is a field of arrows that needs no normaliser (6.2). For a mixture it is known exactly (6.4).
# - Explicit score matching needs the true arrows (6.6). Integration by parts trades them for a trace (6.11), if the boundary term vanishes.
# - Sliced score matching trades the trace for one random product (6.16).
# - Denoising score matching trades all of it for noise that we added ourselves (6.21). It learns the score of the noisy density, and its loss ends at a floor (6.22).
# - Score, best guess of the clean point and best guess of the noise are one thing in three units (6.24), (6.26), (6.27).
# - A denoising autoencoder adds $\sigma^2$ times the score to its input (6.29). With little noise it projects onto the data.
# - Summed over noise levels with weight $\sigma^2$ (or $1-\bar\alpha_t$), it is the simple loss of DDPM (6.34); with other weights, the bound (6.35).
#
# **Where this is in the papers.**
#
# - Hyvärinen 2005, *Estimation of Non-Normalized Statistical Models by Score Matching*: the explicit loss, and theorem 1, integration by parts.
# - Vincent 2011, *A Connection Between Score Matching and Denoising Autoencoders*: denoising score matching and its equivalence with the explicit loss on the noisy density.
# - Vincent et al. 2010, *Stacked Denoising Autoencoders*: denoising autoencoders and the manifold picture.
# - Efron 2011, *Tweedie's Formula and Selection Bias*: the formula and its history, which begins with Robbins 1956.
# - Song et al. 2019, *Sliced Score Matching*: random directions, and the less noisy form.
# - Song and Ermon 2019, *Generative Modeling by Estimating Gradients of the Data Distribution*: many noise levels, the weight $\sigma^2$, and the trouble with empty space.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: section 3.2 notes that its loss is denoising score matching over many noise levels.
#
# Next, lesson 07 follows the arrows.
