# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 05 Denoising diffusion (DDPM)
#
# **What you will be able to do.** You will train a network that removes noise, and with it draw new handwritten digits
# out of pure noise. You will derive both algorithms of DDPM line by line, know what the network can and cannot learn,
# and tell a right sampler from a wrong one when their pictures look alike.
#
# **What it needs.** Lesson 02: the jump to $\mathbf{x}_t$. Lesson 04: the bound as a sum of divergences, and the mean
# and variance of $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)$. Some torch: what a gradient step is.
#
# **Time.** About four hours: one and a half to read and play, two and a half for the twelve exercises. What is marked
# *stretch* may be skipped. The machine needs half a minute for the whole notebook, on one processor core.
#
# A picture before anything else. Run the next two cells. A network that this lesson's code has trained starts from
# noise.

# %%
import torch

from diffkit import data, explorers, plots, schedule
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit import nets, samplers, train

short = schedule.linear(200, 5e-4, 0.1)  # 200 steps, alpha_bar from 1 to 0.00003: it is quick
kept = nets.UNet()
train.load_weights(kept, data.data_folder() / "ddpm_digits.safetensors")
start = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(7))
path = list(samplers.ancestral(kept, short, start, generator=torch.Generator().manual_seed(12)))
shown = [200, 100, 60, 40, 20, 10, 0]
plots.image_grid(
    torch.stack([path[short.T - t].x for t in shown], dim=1),
    [f"t = {t}" for t in shown],
    [""] * 5,
    alt="Five rows of small gray images. From t = 200 to t = 60 only noise can be seen; at t = 40 a shape "
    "begins to show; at t = 10 a grainy digit can be read; at t = 0 five clean handwritten digits are left.",
)

# %% [markdown]
# Each row is one run. On the left is pure noise. Two hundred times the network is asked, "what in this picture is
# noise?", and a little of its answer is taken away. On the right is a digit that nobody has ever written.
#
# Two things in this are strange. The network was never shown this task: in training it never walked a path, it only
# guessed noise at one random step at a time. And in each step, after some noise was taken away, fresh noise was *added
# back*. This lesson derives both.

# %% [markdown]
# ## The notation
#
# Come back to this table when a letter is strange.

# %% tags=["explore"]
notation("5")

# %% [markdown]
# ## 1. What is left to choose
#
# Let us collect what we have. The forward chain $q$ turns data into noise in $T$ steps. The model goes back, from
# $p(\mathbf{x}_T) = \mathcal{N}(\mathbf{0}, \mathbf{I})$, with Gaussian steps: $p_\theta(\mathbf{x}_{t-1} \mid
# \mathbf{x}_t)$ has a mean $\boldsymbol\mu_\theta(\mathbf{x}_t, t)$, which a network computes, and a variance
# $\sigma_t^2$, the same for all coordinates, which we choose. Lesson 04 found what training must make small: for each
# $t \ge 2$ the divergence between $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)$ and
# $p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$. The first of the two is a Gaussian too, with the mean
# $\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0)$ and the variance $\tilde\beta_t$. So the network's mean has
# to come close to $\tilde{\boldsymbol\mu}_t$:
#
# *predict the mean of $\mathbf{x}_{t-1}$, seeing $\mathbf{x}_t$ but not $\mathbf{x}_0$.*
#
# We could let the network put out this mean directly. But most of it is known already: $\mathbf{x}_{t-1}$ is nearly
# $\mathbf{x}_t$. It is better to ask for the part that is not known. (Lesson 04 took the next steps in passing, to find
# the weights. Here they come one by one, because everything else stands on them. If you remember them well, go on to
# exercise 5.1.)
#
# **Step 1: the data through the noise.** The jump of lesson 02 made $\mathbf{x}_t$ from $\mathbf{x}_0$ and one noise
# $\boldsymbol\varepsilon$. Given $\mathbf{x}_t$, to know one of them is to know the other. Solve the jump for
# $\mathbf{x}_0$:
#
# $$\mathbf{x}_0 = \frac{1}{\sqrt{\bar\alpha_t}}\left(\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon\right) \tag{5.1}$$

# %% tags=["explore"]
equation("5.1")

# %% [markdown]
# **Step 2: into the posterior mean.** From lesson 04, with the right index under the first root,
# $\tilde{\boldsymbol\mu}_t = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,\mathbf{x}_0 +
# \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,\mathbf{x}_t$. Put in (5.1). The factor of
# $\mathbf{x}_0$ meets $1/\sqrt{\bar\alpha_t}$, and since $\bar\alpha_t = \alpha_t\,\bar\alpha_{t-1}$, what remains of
# the roots is $1/\sqrt{\alpha_t}$. So $\mathbf{x}_t$ now has two contributions. They add up to something short:
#
# $$\frac{\beta_t}{(1-\bar\alpha_t)\sqrt{\alpha_t}} + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t} = \frac{1}{\sqrt{\alpha_t}} \tag{5.2}$$
#
# (Multiply by $(1-\bar\alpha_t)\sqrt{\alpha_t}$. On the left stands
# $\beta_t + \alpha_t(1-\bar\alpha_{t-1}) = \beta_t + \alpha_t - \bar\alpha_t = 1 - \bar\alpha_t$.)
#
# **Step 3: the noise.** It comes from (5.1) alone, with the factor $-\frac{\beta_t}{(1-\bar\alpha_t)\sqrt{\alpha_t}}
# \cdot \sqrt{1-\bar\alpha_t} = -\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}}$. Together:
#
# $$\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon\right) \tag{5.3}$$
#
# Read it aloud: take away a part of the noise, then undo the shrinking of one step. The only thing in it that we do not
# know when we look at $\mathbf{x}_t$ is $\boldsymbol\varepsilon$.

# %% tags=["explore"]
equation("5.2")

# %% tags=["explore"]
equation("5.3")

# %% [markdown]
# **"Does the bar matter?"** somebody asked in the lecture. It does. $\alpha_t$ belongs to one step, $\bar\alpha_t$ to
# the whole chain up to $t$, and (5.3) has both: *one* step back is taken, so $1/\sqrt{\alpha_t}$; the noise in
# $\mathbf{x}_t$ came from *all* steps, so $\sqrt{1-\bar\alpha_t}$. Without the bar the formula is refuted:

# %% tags=["explore"]
erratum("5.3e")

# %% [markdown]
# **Step 4: let the network guess.** A network $\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)$ takes the place of the
# noise that we do not know. This fixes the mean of the model's step:
#
# $$\boldsymbol\mu_\theta(\mathbf{x}_t, t) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right) \tag{5.4}$$
#
# It is the posterior mean again, with a guess where the truth was. One of the lecture's slides has lost an index here.

# %% tags=["explore"]
equation("5.4")

# %% tags=["explore"]
erratum("5.4e")

# %% [markdown]
# ### Exercise 5.1: the mean of a step
#
# `ddpm.mean_from_eps` · difficulty 2 · core · 10 minutes · 4 points · equation (5.4)
#
# Every example of the batch has its own $t$. Mind the shapes and the dtype, as in exercise 2.4.

# %% exercise="ddpm.mean_from_eps"
def mean_from_eps(x_t, eps, t, alpha, alpha_bar):
    """The mean of x_{t-1} from the predicted noise.

    x_t, eps: (B, *D); t: (B,) int64 in 1..T; alpha, alpha_bar: (T+1,) float64.  Returns (B, *D) in x_t's dtype.
    """
    ### BEGIN SOLUTION
    weight = (1 - alpha[t]) / (1 - alpha_bar[t]).sqrt()
    shape = (-1, *[1] * (x_t.ndim - 1))
    return (x_t - weight.to(x_t).reshape(shape) * eps) / alpha[t].sqrt().to(x_t).reshape(shape)
    ### END SOLUTION

# %% check="ddpm.mean_from_eps" points=4
check("ddpm.mean_from_eps", mean_from_eps)

# %% tags=["explore"]
hint("ddpm.mean_from_eps")

# %% [markdown]
# ## 2. Four names for one guess
#
# A guess of the noise is at the same time a guess of three other things. People train networks on each of the four, so
# you should be able to go from any one to any other.
#
# **The data.** Equation (5.1), with the guess in it, gives $\hat{\mathbf{x}}_0$: "which clean image do I believe this
# was?"
#
# **The score.** This is the slope of a log density: it points to where data are likelier. For the density of the jump
# the exponent is $-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}_0\|^2 / 2(1-\bar\alpha_t)$, and the vector inside
# the norm is $\sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon$. Take the derivative:
#
# $$\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t \mid \mathbf{x}_0) = -\frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}} \tag{5.5}$$
#
# The noise leads away from the data, so the score has the opposite sign. Lesson 06 is about this line.
#
# **The velocity.** $\sqrt{\bar\alpha_t}$ and $\sqrt{1-\bar\alpha_t}$ have squares that sum to 1, like a cosine and a
# sine. So the jump turns the pair $(\mathbf{x}_0, \boldsymbol\varepsilon)$ by an angle, and $\mathbf{x}_t$ is the first
# coordinate after the turn. The second coordinate is called $\mathbf{v}$. Turning back recovers both:
#
# $$\mathbf{v} = \sqrt{\bar\alpha_t}\,\boldsymbol\varepsilon - \sqrt{1-\bar\alpha_t}\,\mathbf{x}_0 \quad\Longrightarrow\quad \mathbf{x}_0 = \sqrt{\bar\alpha_t}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\,\mathbf{v}, \quad \boldsymbol\varepsilon = \sqrt{1-\bar\alpha_t}\,\mathbf{x}_t + \sqrt{\bar\alpha_t}\,\mathbf{v} \tag{5.6}$$
#
# Why so many? A guess of $\boldsymbol\varepsilon$ is of little use near $t = T$: the picture *is* nearly noise, so
# the guess is nearly perfect, and the tiny error is divided by $\sqrt{\bar\alpha_t}$ when you want the image. A guess
# of $\mathbf{x}_0$ has the same trouble near $t = 0$: its error is divided by $\sqrt{1-\bar\alpha_t}$ when you want the
# noise. A guess of $\mathbf{v}$ is divided by nothing, whichever of the two you want: look at (5.6).

# %% tags=["explore"]
equation("5.5")

# %% tags=["explore"]
equation("5.6")

# %% [markdown]
# ### Exercise 5.2: from any name to any other
#
# `ddpm.convert` · difficulty 3 · core · 20 minutes · 5 points · equation (5.6)
#
# `source` and `target` are two of the strings `"eps"`, `"x0"`, `"score"`, `"v"`, possibly the same. Do not write twelve
# formulas: go through one of the four.

# %% exercise="ddpm.convert"
def convert(value, source, target, x_t, t, alpha_bar):
    """A prediction named `source` as a prediction named `target`.

    value, x_t: (B, *D); t: (B,) int64 in 1..T; alpha_bar: (T+1,) float64.  Returns (B, *D) in x_t's dtype.
    """
    ### BEGIN SOLUTION
    ab = alpha_bar[t].to(x_t).reshape(-1, *[1] * (x_t.ndim - 1))
    a, b = ab.sqrt(), (1 - ab).sqrt()
    eps = {"eps": value, "x0": (x_t - a * value) / b, "score": -b * value, "v": b * x_t + a * value}[source]
    x_0 = (x_t - b * eps) / a
    return {"eps": eps, "x0": x_0, "score": -eps / b, "v": a * eps - b * x_0}[target]
    ### END SOLUTION

# %% check="ddpm.convert" points=5
check("ddpm.convert", convert)

# %% [markdown]
# ## 3. The bound, in terms of noise
#
# Now we can say what the divergence of lesson 04 asks of the network. The result is (4.18), for a single step.
#
# **The means.** Subtract (5.4) from (5.3). The terms with $\mathbf{x}_t$ cancel, and the rest is a number times the
# error of the guess:
#
# $$\left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta\right\|^2 = \frac{\beta_t^2}{\alpha_t\,(1-\bar\alpha_t)}\,\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2 \tag{5.7}$$
#
# **The divergence** of two Gaussians with variances $\tilde\beta_t\mathbf{I}$ and $\sigma_t^2\mathbf{I}$ is half of
# the squared distance of their means over $\sigma_t^2$, plus something that the variances alone decide (lesson 01):
#
# $$D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right) = \lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2 + C_t, \qquad \lambda_t = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)} \tag{5.8}$$
#
# $$C_t = \frac{d}{2}\left(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \log\frac{\tilde\beta_t}{\sigma_t^2}\right) \tag{5.9}$$
#
# So the bound, which looked forbidding, asks for something plain: **guess the noise, in mean square**. The numbers
# $\lambda_t$ only say how much each step counts. $C_t$ does not depend on the network. It vanishes when
# $\sigma_t^2 = \tilde\beta_t$.

# %% tags=["explore"]
equation("5.7")

# %% tags=["explore"]
equation("5.8")

# %% tags=["explore"]
equation("5.9")

# %% [markdown]
# **What the weight means.** With $\sigma_t^2 = \tilde\beta_t = \beta_t(1-\bar\alpha_{t-1})/(1-\bar\alpha_t)$ the
# weight becomes $\frac{\beta_t}{2\alpha_t(1-\bar\alpha_{t-1})}$. Compare that with the signal-to-noise ratio of
# lesson 02: the ratio of two neighbours is
# $\frac{\bar\alpha_{t-1}(1-\bar\alpha_t)}{(1-\bar\alpha_{t-1})\,\bar\alpha_t} =
# \frac{1-\bar\alpha_t}{\alpha_t(1-\bar\alpha_{t-1})}$. Subtract 1: the numerator becomes
# $1-\bar\alpha_t-\alpha_t+\bar\alpha_t = \beta_t$. So
#
# $$\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad \lambda_t = \tfrac12\left(\frac{\mathrm{SNR}(t-1)}{\mathrm{SNR}(t)} - 1\right) \tag{5.10}$$
#
# The weight of a step is half of the growth of the signal-to-noise ratio in that step, going back, as a share of what it
# was. It holds for $t \ge 2$; at $t = 1$ the ratio grows to infinity. (In (4.19) the same weight belongs to the error of
# the image. That is why it was a difference there, and is a quotient here.)

# %% tags=["explore"]
equation("5.10")

# %% [markdown]
# ### Exercise 5.3: the weight of each step
#
# `ddpm.vlb_weight` · difficulty 2 · core · 10 minutes · 4 points · equation (5.8)
#
# (*vlb* is short for *variational lower bound*, another name of the bound.)

# %% exercise="ddpm.vlb_weight"
def vlb_weight(beta, sigma2):
    """The weights lambda_t of the bound.

    beta: (T+1,) float64 with beta[0] = 0; sigma2: (T+1,), the variances sigma_t^2.
    Returns (T+1,) with entry 0 equal to 0.
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    weight = torch.zeros_like(beta)
    weight[1:] = beta[1:] ** 2 / (2 * sigma2[1:] * (1 - beta[1:]) * (1 - alpha_bar[1:]))
    return weight
    ### END SOLUTION

# %% check="ddpm.vlb_weight" points=4
check("ddpm.vlb_weight", vlb_weight)

# %% tags=["explore"]
with when_written():
    paper = schedule.linear(1000)
    steps = torch.arange(2, 1001)
    picture = plots.curves(
        steps,
        {
            r"$\sigma_t^2 = \beta_t$": vlb_weight(paper.beta, paper.beta)[steps],
            r"$\sigma_t^2 = \tilde\beta_t$": vlb_weight(paper.beta, paper.beta_tilde)[steps],
            "the simple loss: 1": torch.ones(len(steps)),
        },
        alt="Weights against t on a logarithmic scale for the linear schedule with 1000 steps. Both weights of "
        "the bound are between 0.2 and 0.7 at t = 2, fall to 0.005 near t = 350 and rise slowly to 0.01; "
        "from t = 20 on they cannot be told apart. The weight of the simple loss is 1 everywhere.",
        y_label=r"weight of $\|\varepsilon - \varepsilon_\theta\|^2$",
        y_scale="log",
    )
    display(picture)

# %% [markdown]
# The bound cares most for the first few steps, where the last specks of noise sit. There lie the nats: getting the last
# bits of every pixel right is what a likelihood rewards. An eye does not care about the last bits.
#
# ## 4. The simple loss
#
# So the authors of DDPM did a simple thing. They set all weights to 1:
#
# $$L_{\mathrm{simple}} = \mathbb{E}_{t,\,\mathbf{x}_0,\,\boldsymbol\varepsilon}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\!\left(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon,\ t\right)\right\|^2, \qquad t \sim \mathrm{Uniform}\{1, \dots, T\} \tag{5.11}$$
#
# **May one just do that?** In the limit of a network that can be anything, yes. For each $t$ and each $\mathbf{x}_t$
# the best answer is the same whatever the weight (section 5), so a network that is right everywhere is the best for
# every choice of weights. A real network has to share its strength among the steps, and then the weights say where it
# spends it. Compared with the bound, weights 1 take strength from small $t$ (specks) and give it to large $t$ (what
# is in the picture at all). In practice the likelihood then gets worse and the pictures get better. The simple loss is
# no bound on anything: keep (5.8) for measuring.

# %% tags=["explore"]
equation("5.11")

# %% [markdown]
# ### Exercise 5.4: the simple loss
#
# `ddpm.simple_loss` · difficulty 2 · core · 10 minutes · 5 points · equation (5.11)
#
# The predictor is a function that is handed to you. Here it is made up; later it will be a network. Return one loss for
# each example. The norm is a *sum* over all coordinates.

# %% exercise="ddpm.simple_loss"
def simple_loss(predict, x_0, t, noise, alpha_bar):
    """||noise - predict(x_t, t)||^2 for each example.

    predict: function of x_t (B, *D) and t (B,); x_0, noise: (B, *D); t: (B,) int64 in 1..T; alpha_bar: (T+1,).
    Returns (B,).
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1))
    x_t = a.sqrt() * x_0 + (1 - a).sqrt() * noise
    return ((noise - predict(x_t, t)) ** 2).flatten(1).sum(1)
    ### END SOLUTION

# %% check="ddpm.simple_loss" points=5
check("ddpm.simple_loss", simple_loss)

# %% [markdown]
# ## 5. What is the best answer?
#
# Before we train anything: what would a perfect network say? It sees $\mathbf{x}_t$. Many pairs of image and noise
# could have made it. It cannot say which one, so it should say something in the middle.
#
# **Claim.** The best prediction in mean square is the conditional mean, $\mathbb{E}[\boldsymbol\varepsilon \mid
# \mathbf{x}_t]$. (You met the claim as (4.24). Here is why, in full.)
#
# **Why.** Take any function $f(\mathbf{x}_t)$ and write the error as $\boldsymbol\varepsilon - f =
# \big(\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\big) +
# \big(\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - f\big)$. Square it. In the mixed term, hold
# $\mathbf{x}_t$ fixed: then the second bracket is a known vector, and the first has mean zero. So the mixed term
# vanishes, for every $\mathbf{x}_t$, and what is left is
#
# $$\mathbb{E}\left\|\boldsymbol\varepsilon - f(\mathbf{x}_t)\right\|^2 = \mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right\|^2 + \mathbb{E}\left\|\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - f(\mathbf{x}_t)\right\|^2 \tag{5.12}$$
#
# Only the last term depends on $f$, and it is zero just for $f = \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]$.
#
# **The first term is a floor.** No network gets below it. Given $\mathbf{x}_t$, the jump says that the noise is
# $-\sqrt{\bar\alpha_t/(1-\bar\alpha_t)}\,\mathbf{x}_0$ plus something known. So being unsure of one is being unsure of the
# other:
#
# $$\mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right\|^2 = \frac{\bar\alpha_t}{1-\bar\alpha_t}\ \mathbb{E}\,\operatorname{tr}\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] \tag{5.13}$$
#
# Remember this when you look at a training curve. **The loss of a perfect network is not zero.** It flattens out at the
# floor, and from the curve alone you cannot tell a good network from one that is stuck.

# %% tags=["explore"]
equation("5.12")

# %% tags=["explore"]
equation("5.13")

# %% [markdown]
# Here is the floor for the three bumps of lesson 02, where everything is known exactly, at each step of the short
# schedule.

# %% tags=["explore"]
bumps = data.bumps()
grid = torch.linspace(-9, 9, 1201, dtype=torch.float64)


def least_loss(s, mixture):
    """E (eps - E[eps | x_t])^2 = 1 - E (E[eps | x_t])^2 for t = 0..T, exact, on the line."""
    out = [1.0]
    for t in range(1, s.T + 1):
        level = float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())
        density = mixture.log_prob(grid.unsqueeze(1), *level).exp()
        out.append(1 - float(torch.trapezoid(mixture.eps(grid.unsqueeze(1), *level)[:, 0] ** 2 * density, grid)))
    return torch.tensor(out, dtype=torch.float64)


floor = least_loss(short, bumps)
plots.curves(
    torch.arange(1, 201),
    {"the best network": floor[1:], "the network that always says 0": torch.ones(200)},
    alt="The least possible loss against t for three bumps on the line. It is nearly 1 at t = 1, where the "
    "noise is too small to be seen, rests near 0.67 around t = 20, and falls to 0.1 at t = 100 and to "
    "nearly 0 at t = 200, where the picture is all noise. A network that always says 0 has the loss 1 "
    "everywhere.",
    y_label="loss",
)

# %% [markdown]
# At large $t$ guessing the noise is easy: the picture is noise. At small $t$ it is nearly hopeless: next to the data,
# the noise is too small to be seen. That is another reason why a loss summed over all $t$ tells so little.
#
# **When the data are a list of images**, the best answer has a formula. A data set is a finite list
# $\mathbf{x}^{(1)}, \dots, \mathbf{x}^{(N)}$, each as likely as any other. (That is also the answer to "what is
# $q(\mathbf{x}_0)$?": the distribution of natural images, which nobody can write down, and in practice the data set,
# from which anybody can draw.) By Bayes' rule, the probability that $\mathbf{x}_t$ was made from image $i$ is
# proportional to the density of the jump from image $i$. So
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \sum_{i=1}^{N} w_i\,\mathbf{x}^{(i)}, \qquad w_i = \frac{\exp\!\left(-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(i)}\|^2 / 2(1-\bar\alpha_t)\right)}{\sum_j \exp\!\left(-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(j)}\|^2 / 2(1-\bar\alpha_t)\right)} \tag{5.14}$$
#
# and from this guess of the data, (5.1) solved for the noise gives $\mathbb{E}[\boldsymbol\varepsilon \mid
# \mathbf{x}_t]$.

# %% tags=["explore"]
equation("5.14")

# %% [markdown]
# ### Exercise 5.5: the best prediction that there is
#
# `ddpm.best_eps` · difficulty 4 · core · 25 minutes · 5 points · equation (5.14)
#
# One point is for noisy points far from every image, where all exponentials are rounded to 0. `torch.softmax` takes the
# logarithms of the weights and divides safely.

# %% exercise="ddpm.best_eps"
def best_eps(x_t, t, data, alpha_bar):
    """E[eps | x_t] when x_0 is one of the N rows of data, each equally likely.

    x_t: (B, *D); t: (B,) int64 in 1..T; data: (N, *D); alpha_bar: (T+1,) float64.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].to(x_t)
    shrunk = a.sqrt()[:, None, None] * data.flatten(1)
    square = ((x_t.flatten(1)[:, None] - shrunk) ** 2).sum(2)
    w = torch.softmax(-square / (2 * (1 - a))[:, None], dim=1)
    x_0 = (w @ data.flatten(1)).reshape(x_t.shape)
    a = a.reshape(-1, *[1] * (x_t.ndim - 1))
    return (x_t - a.sqrt() * x_0) / (1 - a).sqrt()
    ### END SOLUTION

# %% check="ddpm.best_eps" points=5
check("ddpm.best_eps", best_eps)

# %% [markdown]
# Look at what the perfect denoiser believes. Upper row: a digit with more and more noise. Lower row: its guess
# $\hat{\mathbf{x}}_0 = \mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t]$, over all 1,797 digits.

# %% tags=["explore"]
digits = data.digits()
images = digits.images.double()
with when_written():
    shown = torch.tensor([10, 40, 70, 100, 130, 200])
    noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    a = short.alpha_bar[shown].reshape(-1, 1, 1, 1)
    noisy = a.sqrt() * images[13:14] + (1 - a).sqrt() * noise
    believed = (noisy - (1 - a).sqrt() * best_eps(noisy, shown, images, short.alpha_bar)) / a.sqrt()
    mean = images.mean(0, keepdim=True)
    picture = plots.image_grid(
        torch.stack([torch.cat([noisy, mean]), torch.cat([believed, mean])]),
        [f"t = {int(t)}" for t in shown] + ["mean digit"],
        [r"$x_t$", r"$E[x_0 | x_t]$"],
        alt="Upper row: a handwritten 3 under more and more noise. Lower row: the best guess of the clean "
        "digit. Up to t = 40 it is the sharp 3; at t = 70 and 100 it is a blur of several digits; at t = "
        "200 it is the mean of all digits, a soft bright spot, which stands beside it for comparison.",
    )
    display(picture)
    gap = (believed[-1] - mean[0]).abs().max()
    print(f"at t = 200: largest difference from the mean digit {gap:.3f} (pixels run from -1 to 1)")

# %% [markdown]
# **At $t = T$ the best guess is the mean image.** Nothing of the data is left in $\mathbf{x}_T$, so every image is
# equally likely. To see how fast this happens, let $\bar\alpha_t$ go to 0 in (5.14). The exponent is
# $\sqrt{\bar\alpha_t}\,\mathbf{x}_t^\top\mathbf{x}^{(i)}$ plus terms that are smaller or the same for all $i$. So
# each weight is $1/N$ times one plus a small number, and the first correction to the mean is a covariance:
#
# $$\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] \;\longrightarrow\; \mathbb{E}[\mathbf{x}_0], \qquad \frac{\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] - \mathbb{E}[\mathbf{x}_0]}{\sqrt{\bar\alpha_t}} \;\longrightarrow\; \operatorname{Cov}[\mathbf{x}_0]\,\mathbf{x}_t \qquad (\bar\alpha_t \to 0) \tag{5.15}$$
#
# A network trained on cats answers pure noise with the mean cat. Shown a noisy dog, it is off from the first step: it
# knows nothing but its data. This was asked in the lecture, too: such a model generalises within what it was trained
# on, and not beyond.

# %% tags=["explore"]
equation("5.15")

# %% [markdown]
# ## 6. Algorithm 1: training
#
# Training makes (5.11) small by stochastic gradient descent. Each expected value is replaced by one draw:
#
# 1. draw an image $\mathbf{x}_0$ from the data set;
# 2. draw a step $t$, uniform on $1, \dots, T$;
# 3. draw noise $\boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$;
# 4. take a gradient step on $\|\boldsymbol\varepsilon -
#    \boldsymbol\varepsilon_\theta(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon,\
#    t)\|^2$;
# 5. repeat until it is good enough.
#
# With a batch of $B$ examples and the learning rate $\eta$, lines 1 to 4 are
#
# $$\theta \;\leftarrow\; \theta - \eta\,\nabla_\theta\,\frac{1}{B}\sum_{b=1}^{B}\left\|\boldsymbol\varepsilon^{(b)} - \boldsymbol\varepsilon_\theta\!\left(\sqrt{\bar\alpha_{t_b}}\,\mathbf{x}_0^{(b)} + \sqrt{1-\bar\alpha_{t_b}}\,\boldsymbol\varepsilon^{(b)},\ t_b\right)\right\|^2 \tag{5.16}$$
#
# **Why this is right.** The expected gradient over the draws is the gradient of the expected value: both are sums,
# and a derivative goes through a sum. So every step points downhill on (5.11) *on average*, which is all that
# stochastic gradient descent asks.
#
# **Why this is cheap.** The model is a stack of a thousand decoders. Yet no training step runs through the stack. The
# bound came apart into one term per $t$ (lesson 04), and the jump leads to any $t$ at once (lesson 02), so each step
# trains one decoder on its own. This works because the encoder is fixed and simple: with an arbitrary learned encoder
# there would be no jump. And the thousand decoders are one network that is told $t$.
#
# **Questions that were asked here.** *Are the $\alpha_t$ learned, or drawn at random?* Neither. We set them, and $T$,
# before training and leave them. They *may* be learned (lesson 12), as long as the end is still noise. *Is the
# network's output the noise that is taken away?* It is a guess of the noise that was put in, all of it, at whatever
# $t$ is drawn; how much of it to take away in one step, (5.4) says.

# %% tags=["explore"]
equation("5.16")

# %% [markdown]
# ### Exercise 5.6: a random step
#
# `ddpm.draw_steps` · difficulty 1 · core · 5 minutes · 2 points · equation (5.11)
#
# Line 2 of the algorithm. The random numbers are handed to you: `u` is uniform, $0 \le u < 1$.

# %% exercise="ddpm.draw_steps"
def draw_steps(u, T):
    """u (B,) uniform in [0, 1)  ->  t (B,) int64, uniform on 1..T."""
    ### BEGIN SOLUTION
    return (u * T).long() + 1
    ### END SOLUTION

# %% check="ddpm.draw_steps" points=2
check("ddpm.draw_steps", draw_steps)

# %% [markdown]
# **The smallest network** is a straight line for each $t$: two numbers, $\varepsilon_\theta(x, t) = a_t\,x + b_t$,
# for data on the line. It is small enough to know by heart what it must learn. Setting the derivatives of
# $\mathbb{E}(\varepsilon - a x_t - b)^2$ to zero gives $a = \operatorname{Cov}[\varepsilon, x_t] /
# \operatorname{Var}[x_t]$ and $b = -a\,\mathbb{E}[x_t]$, because $\varepsilon$ has mean 0. The noise enters $x_t$
# with $\sqrt{1-\bar\alpha_t}$, the data is independent of it, so that is the covariance:
#
# $$\arg\min_{a,\,b}\ \mathbb{E}\left(\varepsilon - a\,x_t - b\right)^2: \qquad a = \frac{\sqrt{1-\bar\alpha_t}}{\operatorname{Var}[x_t]}, \qquad b = -a\,\sqrt{\bar\alpha_t}\ \mathbb{E}[x_0] \tag{5.17}$$
#
# For Gaussian data, where conditional means are straight lines, this is $\mathbb{E}[\varepsilon \mid x_t]$ itself.

# %% tags=["explore"]
equation("5.17")

# %% [markdown]
# ### Exercise 5.7: one step of training
#
# `ddpm.train_step` · difficulty 3 · core · 20 minutes · 5 points · equation (5.16)
#
# Lines 1 to 3 are done: the draws are handed to you. `line[t]` holds $(a_t, b_t)$. You may use autograd or find the
# gradient by hand. Beware of a batch in which the same $t$ comes twice.

# %% exercise="ddpm.train_step"
def train_step(line, x_0, t, noise, alpha_bar, eta):
    """One gradient step on the mean over the batch of (noise - line[t, 0] x_t - line[t, 1])^2.

    line: (T+1, 2); x_0, noise: (B,); t: (B,) int64 in 1..T; alpha_bar: (T+1,); eta: float.  Returns a new (T+1, 2).
    """
    ### BEGIN SOLUTION
    w = line.clone().requires_grad_()
    x_t = alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise
    loss = ((noise - w[t, 0] * x_t - w[t, 1]) ** 2).mean()
    (gradient,) = torch.autograd.grad(loss, w)
    return line - eta * gradient
    ### END SOLUTION

# %% check="ddpm.train_step" points=5
check("ddpm.train_step", train_step)

# %% [markdown]
# Your two functions, in a loop, are a complete training run. Data: a normal distribution with mean 1 and standard
# deviation one half. We know what must come out.

# %% tags=["explore"]
with when_written():
    T = 20
    small = schedule.linear(T, 0.01, 0.4)
    g = torch.Generator().manual_seed(0)
    line = torch.zeros(T + 1, 2, dtype=torch.float64)
    for n in range(3000):
        x_0 = 1 + 0.5 * torch.randn(256, generator=g, dtype=torch.float64)
        t = draw_steps(torch.rand(256, generator=g, dtype=torch.float64), T)
        noise = torch.randn(256, generator=g, dtype=torch.float64)
        line = train_step(line, x_0, t, noise, small.alpha_bar, eta=1.0 if n < 2000 else 0.1)
    slope = small.noise_var.sqrt() / (0.25 * small.alpha_bar + small.noise_var)
    inner = torch.arange(1, T + 1)
    picture = plots.curves(
        inner,
        {"learned slope": line[inner, 0], "equation (5.17), slope": slope[inner], "learned offset": line[inner, 1],
         "equation (5.17), offset": (-slope * small.alpha_bar.sqrt())[inner]},
        alt="Slope and offset of the straight line at each of 20 steps. What training found lies nearly on top of the "
        "formulas: the slope rises from 0.4 to 1.15 and settles at 1, the offset dips to minus 1 and comes "
        "back towards 0.",
    )  # fmt: skip
    display(picture)
    print(f"largest difference: slope {(line[inner, 0] - slope[inner]).abs().max():.3f}")

# %% [markdown]
# ## 7. How the network is told the time
#
# A straight line per step is a table. A real network is one function of $\mathbf{x}_t$ and $t$ for all steps, so that
# what it learns at $t = 500$ helps at $t = 501$. How should it be told $t$? One input neuron with the number 731 is
# hard to read: to a network 731 and 732 look the same, and 0 and 1000 differ by a factor that drowns everything else.
# Instead we show it a row of clocks, each slower than the one before, from one radian per step down to one radian in
# $P$ steps:
#
# $$\mathrm{emb}(t) = \left(\sin \omega_0 t, \dots, \sin \omega_{h-1} t,\ \cos \omega_0 t, \dots, \cos \omega_{h-1} t\right), \qquad \omega_i = P^{-i/(h-1)} \tag{5.18}$$
#
# The fast hands tell neighbours apart, the slow ones early from late. And the embedding respects distance. By the
# addition theorem for the cosine, the inner product of two embeddings depends on $t - s$ alone:
#
# $$\mathrm{emb}(s)^\top \mathrm{emb}(t) = \sum_{i=0}^{h-1} \cos\!\left(\omega_i\,(t-s)\right) \tag{5.19}$$

# %% tags=["explore"]
equation("5.18")

# %% tags=["explore"]
equation("5.19")

# %% [markdown]
# ### Exercise 5.8: the clocks
#
# `ddpm.timestep_embedding` · difficulty 2 · core · 10 minutes · 4 points · equation (5.18)

# %% exercise="ddpm.timestep_embedding"
def timestep_embedding(t, dim, period):
    """t (B,)  ->  (B, dim) float64: dim/2 sines, then dim/2 cosines, of frequencies from 1 down to 1/period."""
    ### BEGIN SOLUTION
    half = dim // 2
    omega = period ** -(torch.arange(half, dtype=torch.float64) / (half - 1))
    angle = t.double()[:, None] * omega
    return torch.cat([angle.sin(), angle.cos()], dim=1)
    ### END SOLUTION

# %% check="ddpm.timestep_embedding" points=4
check("ddpm.timestep_embedding", timestep_embedding)

# %% tags=["explore"]
with when_written():
    everywhere = timestep_embedding(torch.arange(1001), 64, 10_000.0)
    likeness = everywhere @ everywhere.mT / 32
    picture = plots.curves(
        torch.arange(1001),
        {"likeness to t = 500": likeness[500]},
        alt="Likeness of the embedding of every step to that of step 500: a sharp peak of height 1 at 500, "
        "which falls off alike on both sides, in ripples, to about 0.3.",
        y_label="likeness of embeddings",
    )
    display(picture)

# %% [markdown]
# **The network itself.** For points a plain multilayer perceptron does: the embedding is added to its first layer.
# For images one takes a *U-Net*. The output has the shape of the input, because every pixel needs its own guess of
# noise. To guess well, a pixel needs to see both its neighbours (where exactly is the edge?) and the whole (is this a
# 3 or an 8?). So the network goes down to a coarse image with many channels, where every place can see every other,
# and up again; and on the way up each level gets a copy of what the same level saw on the way down, where the fine
# detail still was. The embedding of $t$ goes into each block, where it scales and shifts the channels. Ours is small:

# %% tags=["explore"]
count = sum(p.numel() for p in kept.parameters())
answer = kept(torch.zeros(2, 1, 8, 8), torch.tensor([1, 200]))
print(f"{count:,} weights; for two images and two steps the output is {tuple(answer.shape)}")
for name, part in kept.named_children():
    print(f"  {name:10s} {sum(p.numel() for p in part.parameters()):8,} weights")

# %% [markdown]
# ## 8. Algorithm 2: sampling
#
# The model says how to draw: first $\mathbf{x}_T \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$, then $\mathbf{x}_{T-1}$
# from $p_\theta(\mathbf{x}_{T-1} \mid \mathbf{x}_T)$, and so on down to $\mathbf{x}_0$. Each factor is a Gaussian
# with the mean (5.4) and the variance $\sigma_t^2$. And a Gaussian is drawn as mean plus standard deviation times
# standard noise. That is the whole derivation:
#
# $$\mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right) + \sigma_t\,\mathbf{z}, \qquad \mathbf{z} \sim \mathcal{N}(\mathbf{0}, \mathbf{I}) \tag{5.20}$$
#
# for $t = T, T-1, \dots, 1$. The noise $\mathbf{z}$ is fresh at every step.
#
# **The last step is different.** At $t = 1$ we return the mean. There $\bar\alpha_1 = \alpha_1$ and $\beta_1 = 1 -
# \bar\alpha_1$, so the mean is nothing but the guess of the clean image:
#
# $$\boldsymbol\mu_\theta(\mathbf{x}_1, 1) = \frac{1}{\sqrt{\bar\alpha_1}}\left(\mathbf{x}_1 - \sqrt{1-\bar\alpha_1}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_1, 1)\right) = \hat{\mathbf{x}}_0 \tag{5.21}$$
#
# Noise added here would never be taken away again. (In the bound, too, $t = 1$ stands apart: the term $L_0$ of lesson
# 04 is the probability of the *pixel values*, and its mean is what we show.)

# %% tags=["explore"]
equation("5.20")

# %% tags=["explore"]
equation("5.21")

# %% [markdown]
# ### Exercise 5.9: one step back
#
# `ddpm.ancestral_step` · difficulty 2 · core · 10 minutes · 5 points · equation (5.20)
#
# All examples are at the same $t$ here. Remember $t = 1$.

# %% exercise="ddpm.ancestral_step"
def ancestral_step(x_t, eps, t, noise, beta, sigma2):
    """x_t -> x_{t-1}.  At t = 1 no noise is added.

    x_t, eps (the prediction), noise: (B, *D); t: int in 1..T; beta, sigma2: (T+1,) float64.
    Returns (B, *D) in x_t's dtype.
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    weight = beta[t] / (1 - alpha_bar[t]).sqrt()
    mean = (x_t - weight.to(x_t) * eps) / (1 - beta[t]).sqrt().to(x_t)
    return mean + sigma2[t].sqrt().to(x_t) * noise if t > 1 else mean
    ### END SOLUTION

# %% check="ddpm.ancestral_step" points=5
check("ddpm.ancestral_step", ancestral_step)

# %% [markdown]
# ### Exercise 5.10: the sampler
#
# `ddpm.sample` · difficulty 3 · core · 15 minutes · 5 points · equation (5.20)
#
# Step `t` uses `noises[t]`; entries 0 and 1 are there only to keep the index straight. Ask the predictor once per
# step, with `t` as a tensor, one entry per example. One point is for that: asking is the whole cost.

# %% exercise="ddpm.sample"
def sample(predict, x_T, noises, beta, sigma2):
    """Algorithm 2: from x_T to x_0.

    predict: function of x (B, *D) and t (B,) int64, the predicted noise; x_T: (B, *D); noises: (T+1, B, *D);
    beta, sigma2: (T+1,).  Returns x_0, (B, *D).
    """
    ### BEGIN SOLUTION
    x = x_T
    for t in range(len(beta) - 1, 0, -1):
        eps = predict(x, torch.full((len(x),), t))
        x = ancestral_step(x, eps, t, noises[t], beta, sigma2)
    return x
    ### END SOLUTION

# %% check="ddpm.sample" points=5
check("ddpm.sample", sample)

# %% [markdown]
# **The exact predictor first.** No network, no training: your sampler with your best prediction over all 1,797 digits.

# %% tags=["explore"]
with when_written():
    g = torch.Generator().manual_seed(3)
    x_T = torch.randn(10, 1, 8, 8, generator=g, dtype=torch.float64)
    noises = torch.randn(201, 10, 1, 8, 8, generator=g, dtype=torch.float64)
    drawn = sample(lambda x, t: best_eps(x, t, images, short.alpha_bar), x_T, noises, short.beta, short.beta)
    nearest = images[torch.cdist(drawn.flatten(1), images.flatten(1)).argmin(1)]
    picture = plots.image_grid(
        torch.stack([drawn, nearest]),
        [""] * 10,
        ["drawn", "nearest"],
        alt="Upper row: ten digits drawn with the exact prediction. Lower row: for each the nearest of the "
        "1,797 digits of the data set. The rows are equal.",
    )
    display(picture)
    print(f"largest difference between a drawn digit and the nearest in the data: {(drawn - nearest).abs().max():.3f}")

# %% [markdown]
# Perfect digits, and useless: each is a copy from the list. Of course. We asked for samples of $q(\mathbf{x}_0)$, and
# for us that is the list. **A network that reached the floor of its loss on the training data would do just this.**
# That a trained network draws *new* digits is owed to what it cannot do: it is too small and too smooth to remember
# every image, and has to make do with what they have in common. Keep this in mind when you read "the loss is lower,
# so the model is better".

# %% [markdown]
# **How good is the mean?** Section 1 aimed at $\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0)$, the mean when
# $\mathbf{x}_0$ is known. A sampler does not know $\mathbf{x}_0$. It wants the mean of $q(\mathbf{x}_{t-1} \mid
# \mathbf{x}_t)$. Average (5.3) over what $\mathbf{x}_0$ may have been. The formula is linear in
# $\boldsymbol\varepsilon$, so only its mean enters:
#
# $$\mathbb{E}[\mathbf{x}_{t-1} \mid \mathbf{x}_t] = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right) \tag{5.22}$$
#
# That is (5.4) with the best network. So the mean of the reverse step is *exact*, for any data, at any step size.
# What is not exact is the rest: the true step has another variance, and it is not a Gaussian. The next three sections
# are about that.

# %% tags=["explore"]
equation("5.22")

# %% [markdown]
# ## 9. Why is noise added back?
#
# "If the point is to remove noise from the image, why do we add some back?" It was asked in the lecture, and it is
# the best question about this algorithm. There are two answers.
#
# **It is what the mathematics says.** $p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$ is a distribution. To draw from
# it, one has to draw. Who takes its mean at every step computes one point where a whole cloud should be.
#
# **How much is lost without it** can be computed for Gaussian data, where the best network is the straight line
# (5.17). The mean of $x_{t-1}$ is then $x_t$ times
# $\sqrt{\alpha_t}\operatorname{Var}[x_{t-1}]/\operatorname{Var}[x_t]$. If $x_t$ has the right variance, the mean has
# the variance $\alpha_t\operatorname{Var}[x_{t-1}]^2/\operatorname{Var}[x_t]$. That is $\operatorname{Var}[x_{t-1}]$
# times $\alpha_t\operatorname{Var}[x_{t-1}]/\operatorname{Var}[x_t]$, and since $\operatorname{Var}[x_t] =
# \alpha_t\operatorname{Var}[x_{t-1}] + \beta_t$, this factor is $1 - \beta_t/\operatorname{Var}[x_t]$. Every step
# loses its share, and the next step starts from what is left:
#
# $$\frac{\operatorname{Var}[x_0^{\text{no noise}}]}{\operatorname{Var}[x_0]} = \prod_{t=1}^{T}\left(1 - \frac{\beta_t}{\operatorname{Var}[x_t]}\right) \tag{5.23}$$
#
# For data of variance 1 every $\operatorname{Var}[x_t]$ is 1, and the product is $\bar\alpha_T$: practically zero.
# All samples land on one point, the mean of the data. With several modes each sample still falls into one of them,
# and only its spread within the mode is lost. On digits it looks like sharp, too similar, too typical digits, and
# many people would not notice.

# %% tags=["explore"]
equation("5.23")

# %% [markdown]
# ### Exercise 5.11: what is left without noise
#
# `ddpm.variance_left` · difficulty 3 · stretch · 12 minutes · 3 points · equation (5.23)

# %% exercise="ddpm.variance_left"
def variance_left(beta, var_0):
    """Share of the data's variance left in samples if no noise is added back: Gaussian data, the best predictor.

    beta: (T+1,) float64; var_0: float, the variance of the data.  Returns a number.
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    var = alpha_bar * var_0 + 1 - alpha_bar
    return torch.prod(1 - beta[1:] / var[1:])
    ### END SOLUTION

# %% check="ddpm.variance_left" points=3
check("ddpm.variance_left", variance_left)

# %% [markdown]
# Eight modes on a circle, the exact predictor, the same $\mathbf{x}_T$, and your sampler with and without noise:

# %% tags=["explore"]
ring = data.ring_mixture()


def exact_eps(x, t):
    return ring.eps(x, short.alpha_bar[t].sqrt(), short.noise_var[t].sqrt())


with when_written():
    g = torch.Generator().manual_seed(11)
    x_T = torch.randn(1500, 2, generator=g, dtype=torch.float64)
    noises = torch.randn(201, 1500, 2, generator=g, dtype=torch.float64)
    clouds = [
        ring.sample(1500, generator=g),
        sample(exact_eps, x_T, noises, short.beta, short.beta),
        sample(exact_eps, x_T, noises, short.beta, torch.zeros_like(short.beta)),
    ]
    picture = plots.scatter(
        torch.stack(clouds),
        ["the data", "Algorithm 2", "no noise added"],
        alt="Three panels of points on a circle with eight clusters. The data and the samples of Algorithm 2 "
        "look alike. Without noise the eight clusters are there, but each has shrunk to a small arc, and "
        "sits nearer to the centre.",
    )
    display(picture)
    for name, cloud in zip(["the data", "Algorithm 2", "no noise added"], clouds, strict=True):
        mode = torch.cdist(cloud, ring.means).argmin(1)
        variances = torch.stack([cloud[mode == k].var(0).mean() for k in range(8)])
        print(f"{name:15s} standard deviation within a mode {variances.mean().sqrt():.3f}")

# %% [markdown]
# A question from the lecture belongs here: *does each noise $\mathbf{x}_T$ belong to one image?* Try it. Below, the upper
# two rows start from different $\mathbf{x}_T$ and get the same fresh noises on the way. The third row starts like the
# first, and gets other noises.

# %% tags=["explore"]
with when_written():
    g = torch.Generator().manual_seed(21)
    starts, ways = torch.randn(2, 8, 1, 8, 8, generator=g), torch.randn(2, 201, 8, 1, 8, 8, generator=g)
    with torch.no_grad():
        rows = [sample(kept, starts[i], ways[j], short.beta, short.beta) for i, j in ((0, 0), (1, 0), (0, 1))]
    picture = plots.image_grid(
        torch.stack(rows),
        [""] * 8,
        ["start A, noises 1", "start B, noises 1", "start A, noises 2"],
        alt="Three rows of eight drawn digits. The first two rows, which share the noises of the way and not the start, "
        "are the same digits, pixel for pixel to the eye. The third row, which shares only the start with the first, "
        "shows other digits.",
    )
    display(picture)

# %% [markdown]
# It is the other way round: the noises of the way decide, and the start is forgotten. You know why from (5.23). Send two
# different starts down the same way with the same noises. The noises cancel in the difference, so the difference takes
# the steps *without noise*, and those die out. (Exactly so if the predictor is a straight line, nearly so for a network.)
# It also answers another question, *does a bad $\mathbf{x}_T$ give a bad image?* Hardly; what the start did wrong is soon
# forgotten, too. (Lesson 10 has a sampler without noises, for which each start does belong to one image. It is not this
# one with the noise left out: its steps are others.)

# %% [markdown]
# ## 10. Which $\sigma_t$?
#
# The network has decided the mean. The variance $\sigma_t^2$ is ours. What would be right? The variance of
# $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$ has two parts. If $\mathbf{x}_0$ were known, $\tilde\beta_t$ would be left.
# But $\mathbf{x}_0$ is not known, so the mean $\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0)$ varies too, by
# its factor of $\mathbf{x}_0$ times what $\mathbf{x}_0$ varies. Variance within plus variance between:
#
# $$\operatorname{Cov}[\mathbf{x}_{t-1} \mid \mathbf{x}_t] = \tilde\beta_t\,\mathbf{I} + \left(\frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\right)^{\!2} \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] \tag{5.24}$$
#
# Two extremes are easy. If the data is a single point, nothing about $\mathbf{x}_0$ is unknown. If the data is
# standard normal, then $\mathbf{x}_0$ given $\mathbf{x}_t$ has the variance $1-\bar\alpha_t$ (condition the joint
# Gaussian, lesson 01). Put both in:
#
# $$\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] = \mathbf{0}: \ \ \sigma_t^2 = \tilde\beta_t, \qquad \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] = (1-\bar\alpha_t)\,\mathbf{I}: \ \ \sigma_t^2 = \tilde\beta_t + \frac{\bar\alpha_{t-1}\beta_t^2}{1-\bar\alpha_t} = \beta_t \tag{5.25}$$
#
# These are the two choices of the DDPM paper: $\sigma_t^2 = \tilde\beta_t$ and $\sigma_t^2 = \beta_t$. Data of variance 1
# or less lie between, on average over $\mathbf{x}_t$: a straight-line guess of $\mathbf{x}_0$ leaves at most
# $1-\bar\alpha_t$ unknown, and the best guess leaves less. (At a single $\mathbf{x}_t$, half way between two bumps, it can
# be more.) Both are good for pictures, because the two differ only at small $t$: for large $t$,
# $\tilde\beta_t/\beta_t = (1-\bar\alpha_{t-1})/(1-\bar\alpha_t)$ is nearly 1.

# %% tags=["explore"]
equation("5.24")

# %% tags=["explore"]
equation("5.25")

# %% [markdown]
# **The bound is stricter than the eye.** Suppose the network is perfect. How far is the bound, on average over the
# data, from the best value that any model can reach, the entropy of the data? Both chains, $q$ and $p_\theta$, can be
# written from $T$ down to 0. By the chain rule for the divergence, the gap is a sum of one divergence per step,
# *without* $\mathbf{x}_0$ in them (lesson 03 had both halves of this, (3.15) and (3.24)):
#
# $$\mathbb{E}\left[L_T + \sum_{t=2}^{T} L_{t-1} + L_0\right] - H[q(\mathbf{x}_0)] = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T)\,\|\,p(\mathbf{x}_T)\right) + \sum_{t=1}^{T} \mathbb{E}\,D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right) \tag{5.26}$$
#
# For Gaussian data the true step is Gaussian, with the variance
# $\beta_t\operatorname{Var}[x_{t-1}]/\operatorname{Var}[x_t]$, by (3.23). The means agree, by (5.22), so only the ratio of
# true to chosen variance is left:
#
# $$\mathbb{E}\,D_{\mathrm{KL}}\!\left(q(x_{t-1} \mid x_t)\,\|\,p_\theta(x_{t-1} \mid x_t)\right) = \tfrac12\left(\rho_t - 1 - \log\rho_t\right), \qquad \rho_t = \frac{\beta_t \operatorname{Var}[x_{t-1}]}{\sigma_t^2 \operatorname{Var}[x_t]} \tag{5.27}$$

# %% tags=["explore"]
equation("5.26")

# %% tags=["explore"]
equation("5.27")

# %% [markdown]
# ### Exercise 5.12: the price of a wrong variance
#
# `ddpm.sigma_gap` · difficulty 4 · core · 20 minutes · 4 points · equation (5.27)

# %% exercise="ddpm.sigma_gap"
def sigma_gap(beta, sigma2, var_0):
    """What each reverse step loses to its variance, in nats per coordinate, for Gaussian data and the best predictor.

    beta, sigma2: (T+1,) float64; var_0: float, the variance of the data.  Returns (T+1,), entry 0 is 0.
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    var = alpha_bar * var_0 + 1 - alpha_bar
    rho = beta[1:] * var[:-1] / (var[1:] * sigma2[1:])
    gap = torch.zeros_like(beta)
    gap[1:] = (rho - 1 - torch.log(rho)) / 2
    return gap
    ### END SOLUTION

# %% check="ddpm.sigma_gap" points=4
check("ddpm.sigma_gap", sigma_gap)

# %% [markdown]
# First your function, on Gaussian data that is narrower than the noise. ($\tilde\beta_1 = 0$ is no variance for a
# density. As in the literature, $\tilde\beta_2$ takes its place.)

# %% tags=["explore"]
from diffkit import elbo

with when_written():
    for T in (10, 100, 1000):
        s = schedule.linear(T, 0.1 / T, 20 / T if T > 20 else 0.9)
        tilde = elbo.variance_table(s, "beta_tilde")
        gaps = [float(sigma_gap(s.beta, table, 0.25).sum()) for table in (s.beta, tilde)]
        print(f"T = {T:4d}: gap {gaps[0]:.4f} nats with beta, {gaps[1]:.4f} with beta_tilde")

# %% [markdown]
# Now the three bumps, exactly, by (5.8), (5.13) and (5.26). The third column takes the best single variance per step:
# the mean of (5.24) over $\mathbf{x}_t$.

# %% tags=["explore"]
def exact_gap(s, mixture, sigma2):
    """Bound minus entropy, in nats, on the line, for the best predictor."""
    floor = least_loss(s, mixture)
    density = mixture.log_prob(grid.unsqueeze(1))
    entropy = -torch.trapezoid(density * density.exp(), grid)
    second = torch.trapezoid(grid**2 * density.exp(), grid)
    L_T = 0.5 * (s.alpha_bar[-1] * (second - 1) - torch.log(s.noise_var[-1]))
    L_t = elbo.weights(s, sigma2) * floor
    ratio = s.beta_tilde[2:] / sigma2[2:]
    L_t[2:] += 0.5 * (ratio - 1 - torch.log(ratio))
    return float(L_T + L_t[1:].sum() + 0.5 * torch.log(2 * torch.pi * sigma2[1]) - entropy)


for T in (10, 30, 100, 300, 1000):
    s = schedule.linear(T, 0.1 / T, 20 / T if T > 20 else 0.9)
    unknown = least_loss(s, bumps)[1:] * s.noise_var[1:] / s.alpha_bar[1:]  # E Var[x_0 | x_t]
    best = s.beta_tilde.clone()
    best[1:] += s.alpha_bar[:-1] * (s.beta[1:] / s.noise_var[1:]) ** 2 * unknown
    gaps = [exact_gap(s, bumps, table) for table in (s.beta, elbo.variance_table(s, "beta_tilde"), best)]
    numbers = [f"{gap:.4f}" for gap in gaps]
    print(f"T = {T:4d}: gap in nats {numbers[0]} with beta, {numbers[1]} with beta_tilde, {numbers[2]} with the best")

# %% [markdown]
# With more steps every choice gets better, but only two of the three gaps go to 0. That of $\tilde\beta_t$ sinks towards
# 0.44 nats and stays there: a debt that no number of steps pays off. It comes from the first few steps. There, data that
# is spread out needs nearly $\beta_t$, and $\tilde\beta_t$ is about one half of it at $t = 2$ and two thirds at $t = 3$,
# however small the steps are. Samples of the two choices cannot be told apart. So when somebody compares likelihoods, ask
# for their $\sigma_t$ first.
#
# ## 11. Why a thousand small steps, and not one big one?
#
# "In training we put all the noise in at once. Why can we not take it out at once? It would be so much faster." The
# forward jump has a simple distribution, a Gaussian. Its reverse has not. What *is* the reverse? Bayes' rule for one
# step (lesson 03, section 9) says, with everything that does not depend on $\mathbf{x}_{t-1}$ in the constant,
#
# $$\log q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = -\frac{\left\|\mathbf{x}_t - \sqrt{\alpha_t}\,\mathbf{x}_{t-1}\right\|^2}{2\beta_t} + \log q(\mathbf{x}_{t-1}) + \mathrm{const} \tag{5.28}$$
#
# The first term is a Gaussian of width about $\sqrt{\beta_t}$. The second is the log density of the data at that
# noise level, which may be anything: three bumps, all of handwriting. If $\beta_t$ is small, the first term allows
# only a tiny neighbourhood of $\mathbf{x}_t$, and there any smooth $\log q$ is nearly a straight line. A Gaussian
# times the exponential of a straight line is a Gaussian, moved. So *small steps back are nearly Gaussian, for any
# data*, and only the move has to be learned: the slope of $\log q$, the score. If $\beta_t$ is large, the first term
# is flat, and the reverse step has to be the data distribution itself. A model with Gaussian steps cannot do that.

# %% tags=["explore"]
equation("5.28")

# %% [markdown]
# See it on the bumps. Each panel starts from $x_t = 0.3$. On the left one of many steps is undone, in the middle
# forty, on the right all of them at once.

# %% tags=["explore"]
def exact_and_best_gaussian(x_t, s, before, t):
    """Density of the exact q(x_before | x_t), and of the Gaussian with its mean and variance, on a grid."""
    levels = [(float(s.alpha_bar[u].sqrt()), float(s.noise_var[u].sqrt())) for u in (before, t)]
    kernel = bumps.reverse(torch.full((1, 1), x_t, dtype=torch.float64), *levels)
    mean = float(kernel.mean)
    var = float((kernel.weights * (kernel.covs[..., 0, 0] + kernel.means[..., 0] ** 2)).sum()) - mean**2
    x = mean + var**0.5 * torch.linspace(-4, 4, 400, dtype=torch.float64)
    exact = bumps.reverse(torch.full((400, 1), x_t, dtype=torch.float64), *levels).log_prob(x.unsqueeze(1)).exp()
    gaussian = torch.exp(-((x - mean) ** 2) / (2 * var)) / (2 * torch.pi * var) ** 0.5
    return {"exact": (x, exact), "best Gaussian": (x, gaussian)}


plots.curve_panels(
    {
        "one step of 200, t = 60": exact_and_best_gaussian(0.3, short, 59, 60),
        "forty steps at once, t = 60": exact_and_best_gaussian(0.3, short, 20, 60),
        "all steps at once, t = 200": exact_and_best_gaussian(0.3, short, 0, 200),
    },
    alt="Exact reverse density and the Gaussian with its mean and variance, for three step sizes. For one step "
    "of 200 the curves lie on each other. For forty steps at once the exact curve has three low "
    "bumps, which the Gaussian misses. For all steps at once the exact curve has the three steep bumps of the "
    "data, and the Gaussian is one broad hill.",
    x_label="x at the earlier step",
    room=0.35,
)

# %% [markdown]
# And in one number: the total price of being Gaussian, if each of $n$ equal steps takes the best Gaussian that there
# is, mean and variance for every $\mathbf{x}_t$.

# %% tags=["explore"]
from itertools import pairwise


def price(s, n):
    """Sum over n steps of E KL( q(x_before | x_t) || best Gaussian ), in nats, on the line."""
    steps = [round(i * s.T / n) for i in range(n + 1)]
    total = 0.0
    for before, t in pairwise(steps):
        low, high = ((float(s.alpha_bar[u].sqrt()), float(s.noise_var[u].sqrt())) for u in (before, t))
        density = bumps.log_prob(coarse.unsqueeze(1), *high).exp()
        k = bumps.reverse(coarse.unsqueeze(1), low, high)
        var = (k.weights * (k.covs[..., 0, 0] + k.means[..., 0] ** 2)).sum(1) - k.mean[:, 0] ** 2
        entropy_before = entropy(bumps, *low)
        one_step = 0.5 * torch.log(2 * torch.pi * torch.e * (1 - s.alpha_bar[t] / s.alpha_bar[before]))
        # H(x_before | x_t) = H(x_before) + H(x_t | x_before) - H(x_t)
        true = entropy_before + one_step - entropy(bumps, *high)
        total += float(torch.trapezoid(0.5 * torch.log(2 * torch.pi * torch.e * var) * density, coarse) - true)
    return total


def entropy(mixture, alpha, sigma):
    log_p = mixture.log_prob(coarse.unsqueeze(1), alpha, sigma)
    return -torch.trapezoid(log_p * log_p.exp(), coarse)


coarse = torch.linspace(-7, 7, 801, dtype=torch.float64)
counts = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000])
thousand = schedule.linear(1000)
prices = torch.tensor([price(thousand, int(n)) for n in counts])
display(
    plots.curves(
        torch.log2(counts.double()),
        {"price of Gaussian steps": prices},
        alt="Total divergence in nats against the number of steps, both on logarithmic scales. One or two steps"
        " cost half a nat; from eight steps on the price falls steeply, to a ten-thousandth of a nat at a "
        "thousand steps.",
        x_label="number of steps, as a power of 2",
        y_label="nats",
        y_scale="log",
    )
)
for n, p in zip(counts.tolist(), prices.tolist(), strict=True):
    print(f"{n:5d} steps: {p:.5f} nats")

# %% [markdown]
# One impossible problem has become a thousand easy ones. That is the trade of diffusion models: the network is asked
# a thousand times, and each question is easy. How to leave out steps after all, lesson 10 tells. It changes the
# sampler, not the network.
#
# ## 12. A plot of samples is not a proof
#
# Now that you have a sampler: would you notice if it were wrong? The next cell runs thirteen samplers on the ring of
# eight modes, all with the *exact* predictor. One is right, twelve have a mistake that people really make. Choose one
# and compare.

# %% tags=["explore"]
explorers.bug_gallery()

# %% [markdown]
# The first two lines of the table measure the samples. Eight of the twelve mistakes keep within the distance that two
# right sets of samples may have, and four of them do not change the spread within a mode either: no plot of samples
# shows those. The other four lines take a *single* step from a fixed $\mathbf{x}_t$, compare its mean and its deviation
# with (5.4) and $\sigma_t$, and look at the last step and at the start. There every one of the twelve shows. So test
# the step, not the samples. The checks of exercise 5.9 do just that.

# %% [markdown]
# ## 13. Training for real
#
# **First a network on the ring**, where the truth is known. A multilayer perceptron, 4,000 steps of Algorithm 1 with
# your `draw_steps` and your `simple_loss`. Two additions of practice: the Adam optimizer, and for sampling an
# *average* of the weights over the last few hundred steps, which is much less noisy than the last weights.

# %% tags=["explore"]
def algorithm_1(examples, size):
    """The loss of one training step, all its draws from the generator."""

    def loss(net, generator):
        (x_0,) = train.minibatch(generator, size, examples)
        t = draw_steps(torch.rand(size, generator=generator), short.T)
        noise = torch.randn(x_0.shape, generator=generator)
        return simple_loss(net, x_0, t, noise, short.alpha_bar) / x_0[0].numel()

    return loss

# %% tags=["explore"]
from diffkit import metrics

with when_written():
    torch.manual_seed(0)
    points = ring.sample(20_000, generator=torch.Generator().manual_seed(1)).float()
    state = train.start(nets.Mlp(2), lr=2e-3, ema_decay=0.995)
    steps = train.train(state, algorithm_1(points, 256), steps=4000, lr=lambda n: 2e-3 * (1 - n / 4001))
    curve = torch.stack([step.loss for step in train.progress(steps, 4000)])
    with torch.no_grad():
        noises = torch.randn(200, 300, 2, generator=torch.Generator().manual_seed(2))
        learned = elbo.simple_over_t(state.ema, short, points[:300], noise=noises).mean(0) / 2
        exact = elbo.simple_over_t(exact_eps, short, points[:300].double(), noise=noises.double()).mean(0) / 2
    display(
        plots.curves(
            torch.arange(40) * 100 + 50,
            {"training loss, mean of 100 steps": curve.reshape(40, 100).mean(1), "the floor": exact.mean().expand(40)},
            alt="The training loss per coordinate falls from 0.31 to 0.24 within a few hundred steps and then "
            "slowly to the floor, near 0.21.",
            x_label="training step",
            y_label="loss",
        )
    )
    display(
        plots.curves(
            torch.arange(1, 201),
            {"trained network": learned, "exact predictor": exact},
            alt="The loss of the trained network and of the exact predictor at each t, on the same noises: the "
            "two ragged lines lie nearly on each other, from 1 at small t over a hump near t = 30 to 0 at "
            "large t.",
            y_label="loss",
        )
    )
    print(f"mean loss over all t: {learned.mean():.4f}, the floor: {exact.mean():.4f}")

# %% [markdown]
# The loss has flattened out, far from zero, and the second picture shows why: at every $t$ it sits on the floor.
# Without the floor nobody could have said whether training was done. Now draw from it.

# %% tags=["explore"]
with when_written():
    g = torch.Generator().manual_seed(4)
    x_T, noises = torch.randn(1500, 2, generator=g), torch.randn(201, 1500, 2, generator=g)
    with torch.no_grad():
        drawn = sample(state.ema, x_T, noises, short.beta, short.beta)
    fresh = ring.sample(3000, generator=g)
    picture = plots.scatter(
        torch.stack([fresh[:1500].float(), drawn]),
        ["the data", "drawn by the network"],
        alt="Two panels of points: the data, eight tight clusters on a circle, and the points that the trained "
        "network has drawn, which form the same eight clusters.",
    )
    display(picture)
    same = torch.randn(256, 2, generator=g)
    distance = metrics.sliced_wasserstein(drawn, fresh[:1500].float(), directions=same)
    usual = metrics.sliced_wasserstein(fresh[1500:], fresh[:1500], directions=same)
    print(f"distance to the data {distance:.3f}; between two sets of real points {usual:.3f}")

# %% [markdown]
# A few points lie between the modes. There the density of the data has a steep valley, which a small network draws
# too softly. With the exact predictor, in section 9, there were none.

# %% [markdown]
# **Then digits.** The same loss, the U-Net, 1,497 digits; 300 are held out. The whole training takes about 2.6 minutes
# on one processor core. The next cell runs only its first 100 steps, to show that it moves, and the lesson goes on with
# the kept weights, which this same cell made with `RETRAIN = True`. If you have the minutes, set that yourself and run
# the cell again, then the cells below: they go on with *your* network. You may press stop at any time. The step in
# progress is finished, and the lesson goes on with what your network has learned so far.

# %% tags=["explore"]
RETRAIN = False  # True: about 2.6 minutes of processor time

pictures = data.digits().images
order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
held_out, training = pictures[order[:300]], pictures[order[300:]]
network = kept  # the weights that came with the course, unless you train your own

with when_written():
    torch.manual_seed(0)
    state = train.start(nets.UNet(), lr=2e-3, ema_decay=0.995)
    count = 4000 if RETRAIN else 100

    def rate(n):
        return 2e-3 * min(1, n / 100) * (1 - 0.9 * n / 4000)

    steps = train.train(state, algorithm_1(training, 64), steps=count, lr=rate, clip_norm=1.0)
    losses = [float(step.loss) for step in train.progress(train.until_stopped(steps), count)]
    print(f"loss of the first 20 steps {sum(losses[:20]) / 20:.3f}, of the last 20 {sum(losses[-20:]) / 20:.3f}")
    if RETRAIN:
        network = state.ema

# %% [markdown]
# Has it learned the digits by heart? Compare its loss on digits that it was trained on with those held out.

# %% tags=["explore"]
with torch.no_grad():
    for name, part in {"seen in training": training[:40], "held out": held_out[:40]}.items():
        noises = torch.randn(200, *part.shape, generator=torch.Generator().manual_seed(3))
        by_t = elbo.simple_over_t(network, short, part, noise=noises, chunk_size=1000)
        print(f"{name:17s} loss per pixel {by_t.mean() / 64:.4f}")

# %% [markdown]
# A little worse on the held-out digits, as it should be: it has learned mostly what digits have in common. And now
# your own step, with this network, from pure noise.

# %% tags=["explore"]
import sys

from tqdm import trange

with when_written():
    g = torch.Generator().manual_seed(12)
    x = torch.randn(20, 1, 8, 8, generator=g)
    with torch.no_grad():
        for t in trange(short.T, 0, -1, file=sys.stdout, unit="step", delay=0.1):
            eps = network(x, torch.full((len(x),), t))
            x = ancestral_step(x, eps, t, torch.randn(x.shape, generator=g), short.beta, short.beta)
    picture = plots.image_grid(
        x.reshape(2, 10, 1, 8, 8),
        [""] * 10,
        ["", ""],
        alt="Twenty small gray images drawn by the network. Most can be read as handwritten digits, in different "
        "hands.",
    )
    display(picture)

# %% [markdown]
# Walk along the path: the slider of the next cell goes from $t = 200$ to $t = 0$. On the left are the images and,
# below each, what the network believes they will become ($\hat{\mathbf{x}}_0$, clipped to the range of pixels). On
# the right, points on the ring with the exact predictor take the same steps. Watch three things. When is it decided
# *which* digit comes? When do points choose their mode? And how little happens in the last 20 steps, for which the
# bound has its largest weights?

# %% tags=["explore"]
from diffkit import parameterize

g = torch.Generator().manual_seed(12)
walk = list(samplers.ancestral(network, short, torch.randn(8, 1, 8, 8, generator=g), generator=g))
believed = [
    parameterize.convert(after.out, "eps", "x0", short, now.x, now.t).clamp(-1, 1) for now, after in pairwise(walk)
]
start = torch.randn(400, 2, dtype=torch.float64, generator=g)
cloud = [step.x for step in samplers.ancestral(exact_eps, short, start, generator=g)]
explorers.trajectory(
    torch.stack([step.x for step in walk]), torch.stack([*believed, walk[-1].x]), torch.stack(cloud), short
)

# %% [markdown]
# At first the belief is nonsense, then a blur, then a digit. Why nonsense? The best answer at $t = 200$ would be the mean
# digit. But by (5.1) the guess of the noise is taken from $\mathbf{x}_t$, and the rest is divided by
# $\sqrt{\bar\alpha_T} \approx 0.0055$. So the smallest error of the network is blown up nearly two hundred times. It does
# no harm, because (5.4) takes only a small part of it. It is also why many people train on $\mathbf{v}$.
#
# **What can you expect of such a sampler?** A sample of the distribution of the data: some digit. You cannot order
# the digit 3. How to order one is the subject of lesson 11.

# %% [markdown]
# ## Written question
#
# A colleague looks at (5.20) and says: "The step takes noise away and then adds noise. That is a waste. I leave out
# the last term. My digits look *cleaner* than yours, and it takes the same time."
#
# 1. Which distribution does $p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$ become in your colleague's sampler, and
#    what does the bound say about it?
# 2. For Gaussian data of variance 1 on the line and the best predictor, what are the samples of your colleague for
#    large $T$? Give the formula.
# 3. Why do the digits look cleaner all the same, and by which measurement, not by eye, would you show what is wrong?
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="ddpm.why_noise" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) A point mass at $\boldsymbol\mu_\theta(\mathbf{x}_t, t)$, that is $\sigma_t^2 \to 0$. The
# divergence in (5.27) is $\frac12(\rho_t - 1 - \log\rho_t)$ with $\rho_t \to \infty$: the bound is infinite, the
# model gives probability zero to nearly everything. (2) Each step multiplies the variance that it keeps by $1 -
# \beta_t/\operatorname{Var}[x_t] = 1 - \beta_t$; the product is $\bar\alpha_T \to 0$. All samples are the mean of the
# data. (3) Each sample slides to the middle of a mode: typical digits without the spread within a mode, which the eye
# takes for quality. It is shown by a quantity that knows the spread: the standard deviation within modes, the
# variance of one step given $\mathbf{x}_t$ against $\sigma_t^2$, a coverage or a distance between distributions
# compared with its noise floor. A picture does not show it.
#
# **Rubric.** Point mass 1, infinite bound 1. Factor per step 1, product $\bar\alpha_T$ and its limit 1. Reason for
# the clean look 1, a measurement of spread (not a plot) 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - The mean of a step back through the noise (5.4), and four names for one guess (5.1), (5.5), (5.6).
# - The bound is a weighted squared error of the noise (5.8); with weights 1 it is the simple loss (5.11).
# - The best answer is $\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]$ (5.12). Its loss is not zero (5.13). For
#   a list of images it is a weighted mean of them (5.14), and at $t = T$ the mean image (5.15).
# - Algorithm 1 (5.16) trains one random step at a time; Algorithm 2 (5.20) walks them all, and returns the mean at
#   the end (5.21).
# - The mean of the reverse step is exact (5.22). Its variance is $\tilde\beta_t$ for a single point and $\beta_t$ for a
#   standard normal (5.25), and on average between them for data of variance 1 or less (5.24).
# - Noise is added back, or the spread dies out (5.23). The wrong variance costs nats and is not seen (5.26), (5.27).
# - Small steps, because only those are Gaussian going back (5.28).
#
# **Where this is in the papers.**
#
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: the mean eq. 8 to 11, the weight eq. 12, the simple
#   loss eq. 14, both algorithms and the two variances in section 3.2, the network in appendix B.
# - Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*: small Gaussian
#   steps, reversed.
# - Nichol and Dhariwal 2021, *Improved Denoising Diffusion Probabilistic Models*: learned variances between
#   $\tilde\beta_t$ and $\beta_t$, eq. 15.
# - Bao et al. 2022, *Analytic-DPM*: the best variance.
# - Salimans and Ho 2022, *Progressive Distillation for Fast Sampling of Diffusion Models*: the velocity.
# - Kingma et al. 2021, *Variational Diffusion Models*: the weight as growth of the signal-to-noise ratio.
# - Ronneberger et al. 2015, *U-Net*; Vaswani et al. 2017, *Attention Is All You Need*, section 3.5: the clocks.
#
# Next, lesson 06 finds the same network from the other side, as the slope of a density.
