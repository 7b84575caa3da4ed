# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 11 Controllable generation
#
# **What you will be able to do.** You will order what a diffusion model draws: a class, a missing half of a picture, a
# picture that fits a measurement. You will derive classifier guidance and classifier-free guidance from Bayes' rule,
# convert between the two ways of counting their strength, and say exactly what a strongly guided sampler does *not*
# sample.
#
# **What it needs.** Lesson 01: conditioning a Gaussian. Lesson 05: noise prediction and the DDPM step. Lesson 06: the
# score, $\nabla \log q(\mathbf{x}_t) = -\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]/\sqrt{1-\bar\alpha_t}$. From
# lesson 10 we borrow the DDIM sampler, which takes large steps without adding noise; here it is only a tool that is quick.
#
# **Time.** About three and a half hours: one and a half to read and play, two for the thirteen exercises. You may skip
# what is marked *stretch*; nothing later depends on it.
#
# A picture before anything else. Run the next cells.

# %%
import torch

from diffkit import data, explorers, plots, schedule
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
import sys

from tqdm import tqdm

from diffkit import guidance, metrics, nets, samplers, train
from diffkit.oracle import GaussianMixture

short = schedule.linear(200, 5e-4, 0.1)  # the schedule of lesson 05
kept = nets.UNet(classes=10).eval().requires_grad_(False)
train.load_weights(kept, data.data_folder() / "conditional_digits.safetensors")
NULL = 10  # the number that says "no class"


def draws(seed):
    return torch.Generator().manual_seed(seed)


def watched(steps, total):
    """The same steps, with a bar that shows how far they are."""
    return tqdm(steps, total=total, file=sys.stdout, mininterval=0.5)


def draw_digits(labels, strengths, seed):
    """Digits of these classes, one batch for each strength s, all from the same starting noise."""
    x_T, batches = torch.randn(len(labels), 1, 8, 8, generator=draws(seed)), []
    for s in watched(strengths, len(strengths)):
        eps = guidance.classifier_free(kept, labels, torch.full_like(labels, NULL), scale=s)
        batches.append(samplers.last(samplers.ddim(eps, short, x_T, times=samplers.uniform_times(short.T, 20))))
    return torch.stack(batches)


plots.image_grid(
    draw_digits(torch.arange(10), (0, 1, 3), seed=6),
    [str(k) for k in range(10)],
    ["no order", "ordered", "insisting"],
    alt="Three rows of ten drawn digits, all made from the same ten starting noises. First row: any digits. Second row: "
    "the digits 0 to 9 in order. Third row: the same digits, cleaner.",
)

# %% [markdown]
# Each column begins with the same noise. In the first row nobody asked for anything, and some digits came out. In the
# second row the network was told which digit we want. In the third row it was told to *insist*: the digits look even
# more like themselves. Nothing was trained between the rows. The same network was asked, and its answers were combined
# in another way.
#
# How does one order a digit? Why does the same trick fill in half a picture? And what is the price of insisting? It is
# paid in a coin that no picture shows, so we will need the exact answers.

# %% [markdown]
# ## The notation
#
# $y$ is what we want: at first a class. $p$ with $\mathbf{x}_0$ speaks of clean data, and $q$ with $\mathbf{x}_t$ of noisy
# data. So $p(y \mid \mathbf{x}_0)$ is a classifier of clean points, and $q(y \mid \mathbf{x}_t)$ is the probability that a
# noisy point *began* in class $y$. All gradients are with respect to the point. Come back to the table when you need it.

# %% tags=["explore"]
notation("11")

# %% [markdown]
# ## 1. Bayes' rule for scores
#
# Somebody hands us a model of all digits and a classifier, and we want threes. The density of threes is, by Bayes' rule,
#
# $$p(\mathbf{x}_0 \mid y) = \frac{p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)}{p(y)}, \qquad p(y) = \int p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)\,d\mathbf{x}_0 \tag{11.1}$$
#
# It is the density of all digits, times how much each looks like a three, divided by a number that makes the integral 1.
# That number is an integral over all images. Nobody can compute it, and we met the like in lesson 06. There the way out
# was the score, and it is again.
#
# *Take logarithms.* The product becomes a sum: $\log p(\mathbf{x}_0 \mid y) = \log p(\mathbf{x}_0) + \log p(y \mid \mathbf{x}_0) - \log p(y)$.
#
# *Take the gradient in* $\mathbf{x}_0$. The gradient of a sum is the sum of the gradients. And $p(y)$ is an average over all
# $\mathbf{x}_0$: it depends on $y$ alone. Move $\mathbf{x}_0$, and $\log p(y)$ stays as it is. Its gradient is zero. So
#
# $$\nabla \log p(\mathbf{x}_0 \mid y) = \nabla \log p(\mathbf{x}_0) + \nabla \log p(y \mid \mathbf{x}_0) \tag{11.2}$$
#
# The number that nobody can compute has dropped out. **To order something, add the gradient of a classifier to the score.**
# The first term pulls towards digits, the second towards what the classifier takes for a three. The model of digits need
# not know anything about classes.

# %% tags=["explore"]
equation("11.1")

# %% tags=["explore"]
equation("11.2")

# %% [markdown]
# ## 2. The classifier has to know the noise
#
# A sampler needs scores at every noise level. Equation (11.2) holds for any density, so it holds for the noisy ones:
# $\nabla \log q(\mathbf{x}_t \mid y) = \nabla \log q(\mathbf{x}_t) + \nabla \log q(y \mid \mathbf{x}_t)$. But look at which
# classifier stands there. It sees $\mathbf{x}_t$, a noisy point, and has to say where it came from. How is that related
# to the classifier of clean points?
#
# *Sum over what is not seen.* The class is decided by $\mathbf{x}_0$, and the noise is added without looking at the class.
# As a graph: $y \leftarrow \mathbf{x}_0 \to \mathbf{x}_t$, a fork. By lesson 01, $y$ and $\mathbf{x}_t$ are independent given
# $\mathbf{x}_0$. So $q(y \mid \mathbf{x}_t) = \int p(y \mid \mathbf{x}_0)\, q(\mathbf{x}_0 \mid \mathbf{x}_t)\, d\mathbf{x}_0$, which is
# a mean:
#
# $$q(y \mid \mathbf{x}_t) = \mathbb{E}\big[p(y \mid \mathbf{x}_0) \,\big|\, \mathbf{x}_t\big] \tag{11.3}$$
#
# The noise-aware classifier is the clean one, averaged over what the clean point may have been. At little noise hardly
# anything is averaged. At $t = T$ everything is: $\mathbf{x}_T$ says nothing about the class, and $q(y \mid \mathbf{x}_T)$ is the
# share of the class in the data.
#
# It is tempting to take a classifier that somebody trained on clean pictures and to ask it about $\mathbf{x}_t$. The next
# two cells show the right formula, and that one.

# %% tags=["explore"]
equation("11.3")

# %% tags=["explore"]
erratum("11.3e")

# %% [markdown]
# **With a mixture everything is exact.** Let each component $k$ of a mixture belong to a class. Lesson 02 said what noise
# does to a mixture: each mean is shrunk by $\sqrt{\bar\alpha_t}$, each covariance becomes $\bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}$,
# and the weights stay. So the noisy class is a mixture too, and Bayes' rule among components gives
#
# $$q(y \mid \mathbf{x}_t) = \frac{\sum_{k \in y} w_k\,\mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)}{\sum_{k} w_k\,\mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)} \tag{11.4}$$
#
# The upper sum runs over the components of class $y$, the lower one over all of them.

# %% tags=["explore"]
equation("11.4")

# %% [markdown]
# ### Exercise 11.1: the exact classifier of noisy points
#
# `guidance.class_log_prob` · difficulty 3 · core · 15 minutes · 4 points · equation (11.4)
#
# The components are round: covariance `var[k]` times the identity. `labels[k]` is the class of component `k`. Work with
# logarithms all the way; one point is for points so far away that every density is rounded to zero.

# %% exercise="guidance.class_log_prob"
def class_log_prob(x_t, y, labels, weights, means, var, alpha_bar):
    """log q(y | x_t) for a mixture whose components have classes.

    x_t: (B, d); y: int; labels: (K,) int; weights: (K,); means: (K, d); var: (K,); alpha_bar: float.  Returns (B,).
    """
    ### BEGIN SOLUTION
    noisy_var = alpha_bar * var + 1 - alpha_bar
    square = ((x_t.unsqueeze(1) - alpha_bar**0.5 * means) ** 2).sum(2)
    log_parts = torch.log(weights) - 0.5 * (square / noisy_var + x_t.shape[1] * torch.log(noisy_var))
    return torch.logsumexp(log_parts[:, labels.eq(y)], dim=1) - torch.logsumexp(log_parts, dim=1)
    ### END SOLUTION

# %% check="guidance.class_log_prob" points=4
check("guidance.class_log_prob", class_log_prob)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one: the idea, the formula, the line.

# %% tags=["explore"]
hint("guidance.class_log_prob")

# %% [markdown]
# Here is your classifier at work on a line. The class that we want has two bumps, at $-2$ and at $0.4$; the other class sits
# at $1.4$. Each curve says how probable the wanted class is for a point found at $x$.

# %% tags=["explore"]
def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


line_data = GaussianMixture.isotropic(numbers(0.3, 0.3, 0.4), numbers(-2, 0.4, 1.4).reshape(3, 1), numbers(0.1, 0.15, 0.15))
line_labels = torch.tensor([0, 0, 1])
grid = torch.linspace(-4, 4, 401, dtype=torch.float64)
about_line = (line_labels, line_data.weights, line_data.means, line_data.covs[:, 0, 0])

with when_written():
    curves = {}
    for alpha_bar in (1.0, 0.7, 0.3, 0.02):
        log_q = class_log_prob(grid.unsqueeze(1), 0, *about_line, alpha_bar)
        curves[rf"$\bar\alpha_t$ = {alpha_bar}"] = log_q.exp()
    picture = plots.curves(
        grid,
        curves,
        alt="Probability of the wanted class along the line for four noise levels. Without noise it is a cliff from 1 to 0 "
        "near x = 0.84. With more noise the cliff becomes a slope and moves to the left; at alpha_bar = 0.02 it is a gentle, "
        "nearly straight line through 0.6.",
        x_label="x_t",
        y_label="probability of the class",
    )
    display(picture)

# %% [markdown]
# The clean classifier is a cliff: sure on both sides, with a steep fall between. With noise it becomes modest. Note also
# that the cliff *moves*, because the noisy bumps are shrunk towards zero. A clean classifier, asked about noisy points,
# is sure of itself at places where nobody can know.

# %% [markdown]
# ## 3. The gradient of the classifier
#
# Guidance needs the gradient. We claim that it is the difference of two averages.
#
# *The logarithm of a quotient* is a difference, so (11.4) gives $\log q(y \mid \mathbf{x}_t) = \log \sum_{k \in y} w_k \mathcal{N}_k - \log \sum_k w_k \mathcal{N}_k$.
#
# *The gradient of the logarithm of a sum* was worked out in lessons 06 and 07. It is the average of the components' scores
# $\mathbf{s}_k$, weighted by their shares in the sum. In the first sum only the components of the class take part, so their
# shares $r_{k \mid y}$ sum to 1 among themselves. In the second all take part, with shares $r_k$. So
#
# $$\nabla \log q(y \mid \mathbf{x}_t) = \sum_{k \in y} r_{k \mid y}\,\mathbf{s}_k - \sum_{k} r_k\,\mathbf{s}_k \tag{11.5}$$
#
# The first average is the score of the class, and the second that of all data. It says what (11.2) says: what guides to
# the class is the difference between where its points are and where all points are.

# %% tags=["explore"]
equation("11.5")

# %% [markdown]
# ### Exercise 11.2: the classifier's gradient
#
# `guidance.classifier_score` · difficulty 3 · core · 15 minutes · 4 points · equation (11.5)
#
# Code (11.5), or let `torch.autograd` differentiate your last function. Both are right, and one is a check of the other.

# %% exercise="guidance.classifier_score"
def classifier_score(x_t, y, labels, weights, means, var, alpha_bar):
    """Gradient of log q(y | x_t) in x_t.

    x_t: (B, d); y: int; labels: (K,) int; weights: (K,); means: (K, d); var: (K,); alpha_bar: float.  Returns (B, d).
    """
    ### BEGIN SOLUTION
    noisy_var = (alpha_bar * var + 1 - alpha_bar).unsqueeze(1)
    away = x_t.unsqueeze(1) - alpha_bar**0.5 * means
    square = (away**2 / noisy_var + torch.log(noisy_var)).sum(2)
    log_parts = torch.log(weights) - 0.5 * square
    r_of_y = torch.softmax(log_parts.masked_fill(labels != y, -torch.inf), dim=1)
    r = torch.softmax(log_parts, dim=1)
    return ((r_of_y - r).unsqueeze(2) * -away / noisy_var).sum(1)
    ### END SOLUTION

# %% check="guidance.classifier_score" points=4
check("guidance.classifier_score", classifier_score)

# %% [markdown]
# Five hills in the plane serve as our data from now on. Class 0 owns two of them: the one at the upper left stands by
# itself, the one in the middle is overlapped by its neighbours. Three fields of arrows at one noise level: the score of all
# data, the gradient of the classifier for class 0, and their sum.

# %% tags=["explore"]
hills, labels = data.hills()
about_hills = (labels, hills.weights, hills.means, hills.covs[:, 0, 0])
axis = torch.linspace(-2.4, 2.4, 17, dtype=torch.float64)
places = torch.cartesian_prod(axis, axis)
fine = torch.linspace(-2.4, 2.4, 49, dtype=torch.float64)

with when_written():
    bar = 0.93
    level = bar**0.5, (1 - bar) ** 0.5
    pull = classifier_score(places, 0, *about_hills, bar)
    score = hills.score(places, *level)
    dense = hills.log_prob(torch.cartesian_prod(fine, fine), *level).exp()
    of_class = dense * class_log_prob(torch.cartesian_prod(fine, fine), 0, *about_hills, bar).exp()
    shade = torch.stack([part.reshape(49, 49).mT / dense.max() for part in (dense, dense, of_class)])
    picture = plots.fields(
        places,
        level[1] * torch.stack([score, pull, score + pull]),
        ["score of all data", "gradient of the classifier", "sum: score of class 0"],
        alt="Three panels of arrows. Left: arrows lead to five hills. Middle: arrows lead away from the right and lower side "
        "towards the upper left. Right: their sum leads only to the two hills of class 0, upper left and middle.",
        shade=shade,
    )
    display(picture)

# %% [markdown]
# The middle field does not know where data is. It only knows what is not class 0, and leads away from it. The sum is the
# score of class 0, exactly: that is (11.2).
#
# **In noises.** Our networks predict noise. Multiply Bayes' rule for scores by $-\sqrt{1-\bar\alpha_t}$, which turns each score
# into a mean noise (lesson 06). The classifier's gradient keeps this factor, because it was no noise before:
#
# $$\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y] = \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - \sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t) \tag{11.6}$$
#
# The sign has changed. The score points to the data, the noise points away from it. What is *added* to a score is
# *subtracted* from a noise.

# %% tags=["explore"]
equation("11.6")

# %% [markdown]
# ## 4. Guidance, and its strength
#
# Dhariwal and Nichol trained such a noise-aware classifier on ImageNet and used (11.6). The classifier then gave
# the wanted class a probability of about one half, and to the eye the pictures often did not show it. Then they multiplied
# the classifier's gradient by a number $s$ above 1, and the pictures became what was asked for, and better. Write $\boldsymbol\varepsilon_\varnothing$ for the prediction that knows no class:
#
# $$\hat{\boldsymbol\varepsilon}_s(\mathbf{x}_t) = \boldsymbol\varepsilon_\varnothing(\mathbf{x}_t) - s\,\sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t) \tag{11.7}$$
#
# Read it at three values. With $s = 0$ nobody asks for anything. With $s = 1$ it is Bayes' rule, and the sampler draws from
# the class. With $s > 1$ it pretends that the classifier had seen the evidence $s$ times: since
# $s\,\nabla \log q(y \mid \mathbf{x}_t) = \nabla \log q(y \mid \mathbf{x}_t)^s$, the classifier is raised to a power. Probabilities that
# are near 1 hardly change; all others become tiny. The sampler keeps away from points that could be taken for another class.
#
# Is that a legal thing to do? Section 8 will ask. First do it.

# %% tags=["explore"]
equation("11.7")

# %% [markdown]
# ### Exercise 11.3: a guided noise
#
# `guidance.guided_eps` · difficulty 2 · core · 8 minutes · 5 points · equation (11.7)
#
# Each example has its own $t$, and the examples may be images, as in lesson 02. Mind the shapes and the dtype.

# %% exercise="guidance.guided_eps"
def guided_eps(eps, grad, s, t, alpha_bar):
    """A noise prediction guided by a classifier with strength s.

    eps: (B, *D); grad: (B, *D), gradient of log q(y | x_t); s: float; t: (B,) int in 1..T; alpha_bar: (T+1,) float64.
    Returns (B, *D).
    """
    ### BEGIN SOLUTION
    sigma = (1 - alpha_bar[t]).sqrt().to(eps).reshape(-1, *[1] * (eps.ndim - 1))
    return eps - s * sigma * grad
    ### END SOLUTION

# %% check="guidance.guided_eps" points=5
check("guidance.guided_eps", guided_eps)

# %% [markdown]
# **What a classifier that ignores the noise does.** Now the experiment of section 2, with your three functions and $s = 1$,
# so that the right answer is known: samples of class 0. Once the classifier is told the noise level, and once it believes
# that there is none. We take the DDIM sampler and then the DDPM sampler, and compare by the sliced Wasserstein distance to
# true samples of the class (a distance between two clouds of points; two clouds of true samples are not at zero either).

# %% tags=["explore"]
def part_of(mixture, members):
    weights = mixture.weights[members]
    return GaussianMixture(weights / weights.sum(), mixture.means[members], mixture.covs[members])


class_0 = part_of(hills, [0, 1])
true_0, again = (class_0.sample(1000, generator=draws(seed)) for seed in (8, 9))
directions = torch.randn(256, 2, generator=draws(1), dtype=torch.float64)


def hills_eps(x, t):
    return hills.eps(x, short.alpha_bar[t].sqrt(), short.noise_var[t].sqrt())


def far(cloud):
    return float(metrics.sliced_wasserstein(cloud, true_0, directions=directions))


with when_written():
    x_T, clouds = torch.randn(1000, 2, generator=draws(2), dtype=torch.float64), [true_0]
    print(f"two clouds of true samples: distance {far(again):.3f}")
    for aware in (True, False):

        def by_classifier(x, t, aware=aware):
            grad = classifier_score(x, 0, *about_hills, float(short.alpha_bar[t[0]]) if aware else 1.0)
            return guided_eps(hills_eps(x, t), grad, 1.0, t, short.alpha_bar)

        for name, steps in {
            "DDIM": samplers.ddim(by_classifier, short, x_T, times=samplers.uniform_times(short.T, 100)),
            "DDPM": samplers.ancestral(by_classifier, short, x_T, generator=draws(3)),
        }.items():
            cloud = samplers.last(steps)
            clouds += [cloud] if name == "DDIM" else []
            share = metrics.mode_weights(cloud, hills.means)[:2].tolist()
            told = "told the noise" if aware else "not told      "
            print(f"{name}, {told}: distance {far(cloud):.3f}, near the two hills {share[0]:.2f} and {share[1]:.2f}")
    picture = plots.scatter(
        torch.stack(clouds),
        ["class 0", "told the noise", "not told"],
        alt="Three panels of points. True samples of class 0: two round clouds with a thin bridge. DDIM with the noise-aware "
        "classifier: the same. DDIM with the clean classifier: a wedge and a thin line that ends in the lower cloud.",
    )
    display(picture)

# %% [markdown]
# With the noise-aware classifier both samplers are as close as true samples are. With the clean classifier DDIM
# presses them onto a thin line, more than two thirds of them on one hill. DDPM suffers less. It adds noise at each step and
# forgets what went wrong early (lesson 05), and at little noise a clean classifier is right. With a neural network it is
# worse: a clean network has never seen a noisy picture, and its gradient there is anything at all.

# %% [markdown]
# ## 5. One guided step
#
# Dhariwal and Nichol also wrote the guided step in another way, without a noise prediction. We want to draw
# $\mathbf{x}_{t-1}$ given $\mathbf{x}_t$ *and* $y$. By Bayes' rule that density is proportional to the usual step,
# $\mathcal{N}(\mathbf{x}_{t-1};\ \boldsymbol\mu, \sigma_t^2\mathbf{I})$, times $q(y \mid \mathbf{x}_{t-1}, \mathbf{x}_t)$. The
# last factor is $q(y \mid \mathbf{x}_{t-1})$: noise alone leads from $\mathbf{x}_{t-1}$ to $\mathbf{x}_t$, so whoever sees
# $\mathbf{x}_{t-1}$ learns nothing more about the class from $\mathbf{x}_t$. With strength $s$ it is raised to the power $s$.
#
# *The step is short*, so only a small neighbourhood of $\boldsymbol\mu$ matters. There, replace the logarithm of the classifier
# by a straight line: $\log q(y \mid \mathbf{x}) \approx \log q(y \mid \boldsymbol\mu) + \mathbf{g} \cdot (\mathbf{x} - \boldsymbol\mu)$, where $\mathbf{g}$ is
# its gradient at $\boldsymbol\mu$. The first term is a constant. It goes into the normaliser. The power $s$ multiplies the second.
#
# *Complete the square.* The exponent is $-\|\mathbf{x}-\boldsymbol\mu\|^2/(2\sigma^2) + s\,\mathbf{g} \cdot (\mathbf{x}-\boldsymbol\mu)$. It equals
# $-\|\mathbf{x} - \boldsymbol\mu - s\sigma^2\mathbf{g}\|^2/(2\sigma^2)$ plus something without $\mathbf{x}$. (Multiply out the square: the mixed term is
# $s\,\mathbf{g} \cdot (\mathbf{x}-\boldsymbol\mu)$, as it should be.) So
#
# $$\mathcal{N}(\mathbf{x};\ \boldsymbol\mu,\ \sigma^2\mathbf{I})\,e^{s\,\mathbf{g} \cdot (\mathbf{x} - \boldsymbol\mu)} \ \propto\ \mathcal{N}(\mathbf{x};\ \boldsymbol\mu + s\,\sigma^2\,\mathbf{g},\ \sigma^2\mathbf{I}) \tag{11.8}$$
#
# A Gaussian times the exponential of a straight line is the same Gaussian at another place. **The guided step is the usual
# one, with its mean moved by $s\,\sigma_t^2\,\mathbf{g}$.** It is Algorithm 1 of Dhariwal and Nichol.
#
# The other way, Algorithm 2, puts the guided noise (11.7) into the mean of lesson 05. The part with $\mathbf{g}$ comes out as
# $\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}} \cdot s\sqrt{1-\bar\alpha_t}\,\mathbf{g}$, and the roots cancel:
#
# $$\frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\hat{\boldsymbol\varepsilon}_s\right) = \boldsymbol\mu + s\,\frac{\beta_t}{\sqrt{\alpha_t}}\,\nabla \log q(y \mid \mathbf{x}_t) \tag{11.9}$$
#
# With $\sigma_t^2 = \beta_t$ the two differ by the factor $1/\sqrt{\alpha_t}$, which is nearly 1, and by where the gradient is
# taken: at $\boldsymbol\mu$ or at $\mathbf{x}_t$. For short steps they are the same. The second way works with any sampler, also with
# DDIM, which has no $\sigma_t$ that could move anything.

# %% tags=["explore"]
equation("11.8")

# %% tags=["explore"]
equation("11.9")

# %% [markdown]
# ### Exercise 11.4: one guided step
#
# `guidance.guided_step` · difficulty 2 · core · 10 minutes · 5 points · equation (11.8)
#
# Algorithm 1: `grad` is handed to you, wherever it was taken. At $t = 1$ no noise is added; the mean is moved there too.

# %% exercise="guidance.guided_step"
def guided_step(x_t, eps, grad, s, t, noise, beta, sigma2):
    """x_t -> x_{t-1}, guided with strength s.

    x_t, eps, grad, noise: (B, *D); s: float; t: int in 1..T; beta, sigma2: (T+1,) float64.  Returns (B, *D).
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
    mean = mean + s * sigma2[t] * grad
    return mean + sigma2[t].sqrt() * noise if t > 1 else mean
    ### END SOLUTION

# %% check="guidance.guided_step" points=5
check("guidance.guided_step", guided_step)

# %% [markdown]
# Your step on the hills, with $s$ = 0, 1 and 4. Watch the hill in the middle.

# %% tags=["explore"]
with when_written():
    clouds = []
    for s in (0.0, 1.0, 4.0):
        x, g = torch.randn(1000, 2, generator=draws(2), dtype=torch.float64), draws(3)
        for t in range(short.T, 0, -1):
            eps = hills_eps(x, torch.tensor([t]))
            grad = classifier_score(x, 0, *about_hills, float(short.alpha_bar[t]))
            noise = torch.randn(x.shape, generator=g, dtype=x.dtype)
            x = guided_step(x, eps, grad, s, t, noise, short.beta, short.beta)
        clouds.append(x)
        share = metrics.mode_weights(x, hills.means)[:2].tolist()
        print(f"s = {s:.0f}: near the two hills of class 0: {share[0]:.2f} and {share[1]:.2f}")
    picture = plots.scatter(
        torch.stack(clouds),
        ["s = 0", "s = 1", "s = 4"],
        alt="Three panels of points. s = 0: five hills. s = 1: the two hills of class 0, about equally full. s = 4: nearly all "
        "points on the upper left hill, pressed together and moved outwards; hardly any in the middle.",
    )
    display(picture)

# %% [markdown]
# At $s = 4$ the hill in the middle has nearly gone. It belongs to class 0, half of the class lives there, and the sampler
# dropped it because it can be confused with its neighbours. Keep that in mind.
#
# **On digits** we need a classifier of noisy digits. It is a small network, trained like the noise predictor: draw a digit,
# a step and a noise, and ask for the label. It takes a few seconds. The digits below are guided by it; the noise predictor
# is asked with "no class" and is never told what we want.

# %% tags=["explore"]
digits = data.digits()
order = torch.randperm(len(digits.labels), generator=draws(0))
held_out, training = order[:300], order[300:]  # as in lesson 05
seen = digits.images[training], digits.labels[training]

torch.manual_seed(1)
state = train.start(nets.Classifier(), lr=3e-3, ema_decay=0.99)
steps = train.train(state, train.classification(*seen, 64, short), steps=500)
for _ in train.progress(steps, 500, every=2):
    pass
noisy_reader = state.ema

with torch.no_grad():
    for t in (0, 20, 60, 120, 200):
        clean, y = digits.images[held_out], digits.labels[held_out]
        level = torch.full((300,), t)
        x_t = short.at(short.alpha_bar.sqrt(), t, clean) * clean
        x_t = x_t + short.at(short.noise_var.sqrt(), t, clean) * torch.randn(clean.shape, generator=draws(t))
        print(f"t = {t:3d}: reads {(noisy_reader(x_t, level).argmax(1) == y).float().mean():.0%} of the held-out digits")

# %% tags=["explore"]
wanted = torch.arange(10)
with when_written():
    rows, x_T = [], torch.randn(10, 1, 8, 8, generator=draws(6))
    for s in (0.0, 1.0, 4.0):

        def by_reader(x, t, s=s):
            grad = guidance.gradient(lambda v: noisy_reader.log_prob(v, wanted, t), x)
            return guided_eps(kept(x, t), grad, s, t, short.alpha_bar)

        times = samplers.uniform_times(short.T, 50)
        rows.append(samplers.last(samplers.ddim(by_reader, short, x_T, times=times, eta=1.0, generator=draws(7))))
    picture = plots.image_grid(
        torch.stack(rows),
        [str(k) for k in range(10)],
        ["s = 0", "s = 1", "s = 4"],
        alt="Three rows of ten digits from the same noises. Without guidance any digits. With s = 1 most are the digit that was "
        "asked for, 0 to 9. With s = 4 nearly all are.",
    )
    display(picture)

# %% [markdown]
# ## 6. Guidance without a classifier
#
# A second network for every wish is a nuisance. And a classifier is easily fooled: there are pictures that it takes for a
# perfect three and no person does, and following its gradient is the very way to find them. Ho and Salimans asked: what if
# the noise predictor itself is told the class?
#
# Suppose that we have two predictions: $\boldsymbol\varepsilon_y$, which knows the class, and $\boldsymbol\varepsilon_\varnothing$, which
# does not. Then a classifier is hidden in them. Solve (11.6) for the gradient:
#
# $$\nabla \log q(y \mid \mathbf{x}_t) = -\frac{\boldsymbol\varepsilon_y(\mathbf{x}_t) - \boldsymbol\varepsilon_\varnothing(\mathbf{x}_t)}{\sqrt{1-\bar\alpha_t}} \tag{11.10}$$
#
# It is Bayes' rule the other way round, $q(y \mid \mathbf{x}_t) \propto q(\mathbf{x}_t \mid y)/q(\mathbf{x}_t)$: how much more probable is this
# point among the threes than among all digits? Nobody trained that classifier. It is *implied*. Put it into (11.7), and the
# roots cancel:
#
# $$\boldsymbol\varepsilon_\varnothing + s\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing) = \boldsymbol\varepsilon_\varnothing - s\,\sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t) \tag{11.11}$$
#
# Start at the prediction without the class, and go $s$ times the way to the prediction with it. At $s = 1$ we have arrived.
# Beyond that we go on in the same direction, further than any training asked.

# %% tags=["explore"]
equation("11.10")

# %% tags=["explore"]
equation("11.11")

# %% [markdown]
# **Two conventions, and a trap.** Ho and Salimans wrote $(1+w)\,\boldsymbol\varepsilon_y - w\,\boldsymbol\varepsilon_\varnothing$. Collect the terms of
# (11.11): $\boldsymbol\varepsilon_y$ has the factor $s$ and $\boldsymbol\varepsilon_\varnothing$ the factor $1 - s$. Compare: $s = 1 + w$. So
#
# $$(1+w)\,\boldsymbol\varepsilon_y - w\,\boldsymbol\varepsilon_\varnothing = \boldsymbol\varepsilon_\varnothing + s\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing), \qquad s = 1 + w \tag{11.12}$$
#
# Theirs counts how far we go *beyond* the conditional prediction, and "no guidance" is $w = 0$. Most software counts from
# the unconditional prediction, and "no guidance" is $s = 1$. Both call their number "the guidance scale". If you read "7.5"
# somewhere, look at the formula before you believe it.

# %% tags=["explore"]
equation("11.12")

# %% tags=["explore"]
erratum("11.12e")

# %% [markdown]
# ### Exercise 11.5: classifier-free guidance
#
# `guidance.cfg` · difficulty 2 · core · 8 minutes · 4 points · equation (11.12)
#
# `convention` is the text `"s"` or `"w"`, and says what `strength` is.

# %% exercise="guidance.cfg"
def cfg(eps_y, eps_null, strength, convention):
    """Both noise predictions, combined.

    eps_y, eps_null: (B, *D); strength: float; convention: "s" (1 is no guidance) or "w" (0 is no guidance).
    Returns (B, *D).
    """
    ### BEGIN SOLUTION
    s = 1 + strength if convention == "w" else strength
    return eps_null + s * (eps_y - eps_null)
    ### END SOLUTION

# %% check="guidance.cfg" points=4
check("guidance.cfg", cfg)

# %% [markdown]
# ### Exercise 11.6: put the derivation in order
#
# `guidance.in_order` · difficulty 3 · proof · 12 minutes · 4 points · equation (11.12)
#
# The derivation that you just read, once more, on cards. Each card claims that the line on its left equals the line on its
# right. Some claims are false. Lay the true cards so that the first begins with the guided score, each begins with the line
# where the last one ended, and the last one ends with $w$.
#
# | card | from | to |
# | --- | --- | --- |
# | 1 | $-[\boldsymbol\varepsilon_\varnothing + s(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing)]/\sigma$ | $-[(1+w)\boldsymbol\varepsilon_y - w\boldsymbol\varepsilon_\varnothing]/\sigma$ with $w = s - 1$ |
# | 2 | $\nabla[\log q(\mathbf{x}_t) + s(\log q(\mathbf{x}_t \mid y) + \log p(y) - \log q(\mathbf{x}_t))]$ | $\nabla\log q(\mathbf{x}_t) + s(\nabla\log q(\mathbf{x}_t \mid y) - \nabla\log q(\mathbf{x}_t))$ |
# | 3 | $\nabla\log q(\mathbf{x}_t) + s(\nabla\log q(\mathbf{x}_t \mid y) - \nabla\log q(\mathbf{x}_t))$ | $s\,\nabla\log q(\mathbf{x}_t) + (1-s)\,\nabla\log q(\mathbf{x}_t \mid y)$ |
# | 4 | $\nabla[\log q(\mathbf{x}_t) + s \log q(y \mid \mathbf{x}_t)]$, the guided score | $\nabla[\log q(\mathbf{x}_t) + s(\log q(\mathbf{x}_t \mid y) + \log p(y) - \log q(\mathbf{x}_t))]$ |
# | 5 | $-[\boldsymbol\varepsilon_\varnothing + s(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing)]/\sigma$ | $-[(1+w)\boldsymbol\varepsilon_y - w\boldsymbol\varepsilon_\varnothing]/\sigma$ with $w = s$ |
# | 6 | $\nabla[\log q(\mathbf{x}_t) + s(\log q(\mathbf{x}_t \mid y) + \log p(y) - \log q(\mathbf{x}_t))]$ | $\nabla\log q(\mathbf{x}_t) + s(\nabla\log q(\mathbf{x}_t \mid y) + \log p(y) - \nabla\log q(\mathbf{x}_t))$ |
# | 7 | $\nabla\log q(\mathbf{x}_t) + s(\nabla\log q(\mathbf{x}_t \mid y) - \nabla\log q(\mathbf{x}_t))$ | $-[\boldsymbol\varepsilon_\varnothing + s(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing)]/\sigma$ |
# | 8 | $\nabla[\log q(\mathbf{x}_t) + s \log q(y \mid \mathbf{x}_t)]$, the guided score | $\nabla \log \int p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)^s\,q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_0$ |
# | 9 | $\nabla\log q(\mathbf{x}_t) + s(\nabla\log q(\mathbf{x}_t \mid y) - \nabla\log q(\mathbf{x}_t))$ | $+[\boldsymbol\varepsilon_\varnothing + s(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing)]/\sigma$ |
#
# Not opinion but numbers decide which cards are true. Your function gets the numbers of the cards that were dealt, and for each
# the value of its left and of its right side at a random point of a random mixture ($\sigma$ is $\sqrt{1-\bar\alpha_t}$). It may
# use them, or not.

# %% exercise="guidance.in_order"
def in_order(cards, left, right):
    """The true cards, in order.

    cards: (n,) int64; left, right: (n,) float64, the two sides of each card.  Returns a list of card numbers.
    """
    ### BEGIN SOLUTION
    return [4, 2, 7, 1]
    ### END SOLUTION

# %% check="guidance.in_order" points=4
check("guidance.in_order", in_order)

# %% [markdown]
# ## 7. One network for both
#
# Two predictions need two networks, or one network with a trick. Give it one more class, "no class", and in training replace
# each label by it with some probability, such as 0.15. That is all.
#
# **Why does it work?** The network sees a pair: a noisy image and a label, or the image and "no class". The best answer in
# mean square is the mean of the noise given *what it sees* (lesson 05). With a label that is
# $\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y]$. With "no class" it has to be right on average over the labels that were
# dropped, and which ones were dropped was decided by chance alone, without looking at the image. So among those the labels
# are distributed as $q(y \mid \mathbf{x}_t)$, and the best answer is the average
#
# $$\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] = \sum_{y} q(y \mid \mathbf{x}_t)\,\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y] \tag{11.13}$$
#
# which is the tower rule of expectations: the mean of the means. The probability of dropping does not occur in it. It only
# decides how much of its strength the network gives to either question.

# %% tags=["explore"]
equation("11.13")

# %% [markdown]
# ### Exercise 11.7: drop labels
#
# `guidance.drop_labels` · difficulty 1 · core · 5 minutes · 3 points · equation (11.13)

# %% exercise="guidance.drop_labels"
def drop_labels(y, u, p, null):
    """Each label becomes `null` with probability p.

    y: (B,) int64; u: (B,) random numbers, uniform in [0, 1), one per label; p: float; null: int.  Returns (B,) int64.
    """
    ### BEGIN SOLUTION
    return torch.where(u < p, null, y)
    ### END SOLUTION

# %% check="guidance.drop_labels" points=3
check("guidance.drop_labels", drop_labels)

# %% [markdown]
# The network of this lesson was trained by the next cell, in about three minutes on one core, from the 1,497 training
# digits. The cell runs the first 60 steps, to show that it moves, and the lesson goes on with the kept weights, which it
# made itself with `RETRAIN = True`. If you have the minutes, set that yourself and run the cell again, then the cells
# below. You may press stop at any time: the lesson goes on with what your network has learned so far.

# %% tags=["explore"]
RETRAIN = False  # True: about three minutes of processor time

network = kept  # the weights that came with the course, unless you train your own


def training_loss(net, generator):
    """Algorithm 1 of lesson 05, with labels of which some are dropped."""
    x_0, y = train.minibatch(generator, 64, *seen)
    t = torch.randint(1, short.T + 1, (64,), generator=generator)
    noise, u = torch.randn(x_0.shape, generator=generator), torch.rand(64, generator=generator)
    x_t = short.at(short.alpha_bar.sqrt(), t, x_0) * x_0 + short.at(short.noise_var.sqrt(), t, x_0) * noise
    return ((net(x_t, t, drop_labels(y, u, 0.15, NULL)) - noise) ** 2).flatten(1).mean(1)


with when_written():
    torch.manual_seed(0)
    state = train.start(nets.UNet(classes=10), lr=2e-3, ema_decay=0.995)
    count = 5000 if RETRAIN else 60

    def rate(n):
        return 2e-3 * min(1, n / 100) * (1 - 0.9 * n / 5000)

    steps = train.train(state, training_loss, steps=count, lr=rate, clip_norm=1.0)
    losses = [float(step.loss) for step in train.progress(train.until_stopped(steps), count, every=2)]
    print(f"loss of the first 20 steps {sum(losses[:20]) / 20:.3f}, of the last 20 {sum(losses[-20:]) / 20:.3f}")
    if RETRAIN:
        network = state.ema

# %% [markdown]
# Now order digits with your `cfg`. Every row starts from the same noises.

# %% tags=["explore"]
with when_written():
    rows, x_T = [], torch.randn(10, 1, 8, 8, generator=draws(6))
    for w in (-1.0, 0.0, 2.0, 8.0):

        def free(x, t, w=w):
            return cfg(network(x, t, wanted), network(x, t), w, "w")

        rows.append(samplers.last(samplers.ddim(free, short, x_T, times=samplers.uniform_times(short.T, 25))))
    picture = plots.image_grid(
        torch.stack(rows),
        [str(k) for k in range(10)],
        ["w = -1", "w = 0", "w = 2", "w = 8"],
        alt="Four rows of ten digits from the same noises. w = -1: any digits. w = 0: the digits 0 to 9. w = 2: the same, "
        "cleaner. w = 8: the same digits in harsh black and white, with pixels out of range.",
    )
    display(picture)

# %% [markdown]
# At $w = 8$ some pixels are darker or brighter than any pixel of the data. The predictions are extrapolated far beyond what
# the network was trained on, and so is the image. In practice $\hat{\mathbf{x}}_0$ is then clipped to the range of pixels, at
# each step. That hides the symptom.

# %% [markdown]
# ## 8. What the guided sampler does not sample
#
# What have we sampled? There is a natural guess. With $s = 1$ it is $p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)$, up to the normaliser.
# So with strength $s$ it should be the *tilted* density
#
# $$p_s(\mathbf{x}_0) = \frac{p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)^s}{Z_s} \ \propto\ p(\mathbf{x}_0 \mid y)^s\,p(\mathbf{x}_0)^{1-s} \tag{11.14}$$
#
# It is a fine density. The second form is Bayes' rule put in. In Ho and Salimans' letters it is, up to a factor,
# $p(\mathbf{x}_0 \mid y)\,p(y \mid \mathbf{x}_0)^{w}$.
#
# And it explains why images get "better" with $s$. Write $h = \log p(y \mid \mathbf{x}_0)$ for what the classifier says, and
# differentiate the mean of $h$ in $s$. The density $p_s$ depends on $s$ in two places, $p(\mathbf{x}_0)\,e^{s h}/Z_s$. The
# derivative of $e^{s h}$ brings down a second factor $h$ and gives $\mathbb{E}[h^2]$. The derivative of $1/Z_s$ is
# $-\mathbb{E}[h]/Z_s$, because $Z_s = \int p(\mathbf{x}_0)\,e^{s h}\,d\mathbf{x}_0$, and takes $\mathbb{E}[h]^2$ away. What is
# left is a variance:
#
# $$\frac{d}{ds}\,\mathbb{E}_{p_s}\big[\log p(y \mid \mathbf{x}_0)\big] = \operatorname{Var}_{p_s}\big[\log p(y \mid \mathbf{x}_0)\big] \tag{11.15}$$
#
# A variance is never negative. So under the tilted density the classifier gets surer and surer as $s$ grows.

# %% tags=["explore"]
equation("11.14")

# %% tags=["explore"]
equation("11.15")

# %% [markdown]
# ### Exercise 11.8: the tilted density
#
# `guidance.tilted_density` · difficulty 2 · core · 10 minutes · 4 points · equation (11.14)
#
# On the line, by quadrature. The points need not be evenly spaced.

# %% exercise="guidance.tilted_density"
def tilted_density(log_p, log_class, s, x):
    """p(x) p(y | x)^s, normalised by the trapezoidal rule.

    log_p: (n,), log p(x) up to a constant; log_class: (n,), log p(y | x); s: float; x: (n,), rising.  Returns (n,).
    """
    ### BEGIN SOLUTION
    log_density = log_p + s * log_class
    density = torch.exp(log_density - log_density.max())
    return density / torch.trapezoid(density, x)
    ### END SOLUTION

# %% check="guidance.tilted_density" points=4
check("guidance.tilted_density", tilted_density)

# %% tags=["explore"]
with when_written():
    log_p = line_data.log_prob(grid.unsqueeze(1))
    log_class = class_log_prob(grid.unsqueeze(1), 0, *about_line, 1.0)
    picture = plots.density(
        grid,
        {f"s = {s}": tilted_density(log_p, log_class, s, grid) for s in (0, 1, 4, 16)},
        alt="The tilted density on the line for four strengths. s = 0: three bumps. s = 1: two bumps, at -2 and 0.4. s = 4 and "
        "16: the bump at 0.4 becomes narrower and moves to the left, the one at -2 grows.",
    )
    display(picture)

# %% [markdown]
# **Does the guided sampler draw from it?** A sampler that follows scores ends in $p_s$ if at every $t$ it follows the score
# of the *noisy* $p_s$, that is of $\int p_s(\mathbf{x}_0)\,q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_0$. Let us work that out. Put in the
# tilted density, and use Bayes' rule on clean and noisy points,
# $p(\mathbf{x}_0)\,q(\mathbf{x}_t \mid \mathbf{x}_0) = q(\mathbf{x}_t)\,q(\mathbf{x}_0 \mid \mathbf{x}_t)$. The factor $q(\mathbf{x}_t)$ does not depend on
# $\mathbf{x}_0$ and leaves the integral:
#
# $$\int p_s(\mathbf{x}_0)\,q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_0 = \frac{q(\mathbf{x}_t)}{Z_s}\,\mathbb{E}\big[p(y \mid \mathbf{x}_0)^s \,\big|\, \mathbf{x}_t\big] \tag{11.16}$$
#
# And what does the guided sampler follow? The score of $q(\mathbf{x}_t)\,q(y \mid \mathbf{x}_t)^s$, and by (11.3) that is
# $q(\mathbf{x}_t)\,\mathbb{E}[p(y \mid \mathbf{x}_0) \mid \mathbf{x}_t]^s$. Put them side by side:
#
# - wanted: the **mean of the power**, $\mathbb{E}\big[p(y \mid \mathbf{x}_0)^s \mid \mathbf{x}_t\big]$;
# - followed: the **power of the mean**, $\mathbb{E}\big[p(y \mid \mathbf{x}_0) \mid \mathbf{x}_t\big]^s$.
#
# For $s = 0$ and $s = 1$ they are the same. For any other $s$ they are not. The power $s > 1$ is a convex function, so by
# Jensen's inequality (lesson 03)
#
# $$q(y \mid \mathbf{x}_t)^s \ \le\ \mathbb{E}\big[p(y \mid \mathbf{x}_0)^s \,\big|\, \mathbf{x}_t\big] \qquad (s \ge 1) \tag{11.17}$$
#
# For $s > 1$ there is equality only where $p(y \mid \mathbf{x}_0)$ is the same for all clean points that may be behind
# $\mathbf{x}_t$. So guidance underrates the points whose class is still open, at every noise level. Early on it is open nearly
# everywhere. Guidance decides too early and too hard.

# %% tags=["explore"]
equation("11.16")

# %% tags=["explore"]
erratum("11.16e")

# %% tags=["explore"]
equation("11.17")

# %% [markdown]
# ### Exercise 11.9: how far apart?
#
# `guidance.marginal_gap` · difficulty 4 · core · 25 minutes · 5 points · equation (11.17)
#
# At one noise level, on a grid: compute both densities, normalise each, and return their *total variation* distance,
# $\frac12 \int |a - b|\,dx$. It lies between 0 (equal) and 1 (never at the same place). Noise is a matrix here: entry $(i, j)$
# is the density of $x_t = $ `x[i]` given $x_0 = $ `x[j]`. Constant factors cancel when you normalise.

# %% exercise="guidance.marginal_gap"
def marginal_gap(p, p_class, x, alpha_bar, s):
    """Total variation between what the guided sampler follows and the noised tilted density.

    p: (n,), clean density up to a factor; p_class: (n,), p(y | x_0); x: (n,), evenly spaced; alpha_bar, s: float.
    Returns a number.
    """
    ### BEGIN SOLUTION
    jump = torch.exp(-((x.unsqueeze(1) - alpha_bar**0.5 * x) ** 2) / (2 * (1 - alpha_bar)))
    q = jump @ p
    q_class = jump @ (p * p_class) / q
    followed, wanted = q * q_class**s, jump @ (p * p_class**s)
    followed, wanted = followed / torch.trapezoid(followed, x), wanted / torch.trapezoid(wanted, x)
    return 0.5 * torch.trapezoid((followed - wanted).abs(), x)
    ### END SOLUTION

# %% check="guidance.marginal_gap" points=5
check("guidance.marginal_gap", marginal_gap)

# %% tags=["explore"]
with when_written():
    log_p = line_data.log_prob(grid.unsqueeze(1))
    p_class = class_log_prob(grid.unsqueeze(1), 0, *about_line, 1.0).exp()
    bars = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)
    gaps = {
        f"s = {s}": torch.stack([marginal_gap(log_p.exp(), p_class, grid, float(bar), s) for bar in bars])
        for s in (0.5, 1, 2, 4)
    }
    picture = plots.curves(
        bars,
        gaps,
        alt="Total variation between followed and wanted density against alpha_bar from 0 to 1. For s = 1 it is zero. For s = 2 it "
        "rises to about 0.11, for s = 4 to about 0.27, and falls to zero at alpha_bar = 1.",
        x_label=r"$\bar\alpha_t$ (1: no noise)",
        y_label="total variation",
    )
    display(picture)

# %% [markdown]
# At no noise at all, $\bar\alpha_t = 1$, both agree: there the guided score *is* the score of the tilted density. That is why
# the mistake is easy to believe. But a sampler comes from the noisy end, and on the way it followed something else.
#
# **Gaussians: the whole chain in closed form.** Let the data on the line be $\mathcal{N}(0, v)$ and the class
# $\mathcal{N}(m_y, v_y)$ with $v_y < v$. All scores are straight lines, so every guided DDPM step is an affine map plus noise.
# Write $V_t = \bar\alpha_t v + 1 - \bar\alpha_t$ and $V_t^y$ for the variances of the noisy data and the noisy class. The
# two predictions are $\sqrt{1-\bar\alpha_t}\,x/V_t$ and $\sqrt{1-\bar\alpha_t}\,(x - \sqrt{\bar\alpha_t}\,m_y)/V_t^y$. Combine them by
# (11.11), put the result into the step of lesson 05, and follow mean and variance:
#
# $$m_{t-1} = \frac{(1-\beta_t c_t)\,m_t + s\,\beta_t\sqrt{\bar\alpha_t}\,m_y / V_t^y}{\sqrt{\alpha_t}}, \qquad v_{t-1} = \frac{(1-\beta_t c_t)^2}{\alpha_t}\,v_t + \sigma_t^2, \qquad c_t = \frac{1-s}{V_t} + \frac{s}{V_t^y} \tag{11.18}$$
#
# from $m_T = 0$, $v_T = 1$, with no noise in the last step. The tilted density, on the other hand, is a product of powers of
# two Gaussians. Complete the square, as in lesson 01: precisions add, with their powers as factors.
#
# $$\frac{1}{v_s} = \frac{1-s}{v} + \frac{s}{v_y}, \qquad m_s = s\,\frac{v_s}{v_y}\,m_y \tag{11.19}$$

# %% tags=["explore"]
equation("11.18")

# %% tags=["explore"]
equation("11.19")

# %% [markdown]
# ### Exercise 11.10: what the guided chain really samples
#
# `guidance.guided_gaussian` · difficulty 3 · stretch · 18 minutes · 5 points · equation (11.18)
#
# With $\sigma_t^2 = \beta_t$.

# %% exercise="guidance.guided_gaussian"
def guided_gaussian(v, m_y, v_y, s, beta):
    """Mean and variance of what the guided DDPM chain ends with.

    v: variance of the data, whose mean is 0; m_y, v_y: mean and variance of the class; s: float; beta: (T+1,) float64.
    Returns (mean, variance).
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    mean, var = torch.zeros_like(beta[0]), torch.ones_like(beta[0])
    for t in range(len(beta) - 1, 0, -1):
        wide = alpha_bar[t] * v + 1 - alpha_bar[t]
        narrow = alpha_bar[t] * v_y + 1 - alpha_bar[t]
        c = (1 - s) / wide + s / narrow
        push = s * beta[t] * alpha_bar[t].sqrt() * m_y / narrow
        mean = ((1 - beta[t] * c) * mean + push) / (1 - beta[t]).sqrt()
        var = (1 - beta[t] * c) ** 2 / (1 - beta[t]) * var
        if t > 1:
            var = var + beta[t]
    return mean, var
    ### END SOLUTION

# %% check="guidance.guided_gaussian" points=5
check("guidance.guided_gaussian", guided_gaussian)

# %% tags=["explore"]
with when_written():
    v, m_y, v_y = 1.0, 0.8, 0.36
    print("   s     T   chain: mean  variance   tilted: mean  variance")
    for s in (1.0, 2.0, 4.0, 8.0):
        tilted_var = 1 / ((1 - s) / v + s / v_y)
        for T in (100, 1000):
            mean, var = guided_gaussian(v, m_y, v_y, s, schedule.linear(T, 0.1 / T, 20 / T).beta)
            print(f"{s:4.0f} {T:5d} {mean:13.3f} {var:9.4f} {s * tilted_var / v_y * m_y:15.3f} {tilted_var:9.4f}")

# %% [markdown]
# For $s = 1$ the chain reaches the class as the steps get finer. For $s > 1$ it does not reach the tilted density: its
# samples lie further out and are more alike, and finer steps do not help. The mistake is not one of discretisation.
#
# **Then the hills.** The tilted density can be integrated on a grid, and the guided sampler can be run with the exact score.
# The table has, for both, the share of the hill in the middle, the variance (of both coordinates together), and how sure the
# clean classifier is of the points, on average.

# %% tags=["explore"]
square = torch.linspace(-4, 4, 161, dtype=torch.float64)
plane = torch.cartesian_prod(square, square)
owner = torch.cdist(plane, hills.means).argmin(1)

with when_written():
    print("   s   middle hill: tilted  sampled   variance: tilted  sampled   mean log p(y | x): tilted  sampled")
    for s in (1.0, 2.0, 3.0, 5.0, 9.0):

        def insisting(x, t, s=s):
            level = short.alpha_bar[t].sqrt(), short.noise_var[t].sqrt()
            return cfg(class_0.eps(x, *level), hills.eps(x, *level), s, "s")

        x_T = torch.randn(1000, 2, generator=draws(2), dtype=torch.float64)
        x = samplers.last(samplers.ancestral(insisting, short, x_T, generator=draws(3)))
        log_class = class_log_prob(plane, 0, *about_hills, 1.0)
        share = torch.softmax(hills.log_prob(plane) + s * log_class, 0)
        spread = share @ plane**2 - (share @ plane) ** 2
        middle = share[owner == 1].sum(), metrics.mode_weights(x, hills.means)[1]
        sure = share @ log_class, class_log_prob(x, 0, *about_hills, 1.0).mean()
        print(
            f"{s:4.0f} {middle[0]:20.3f} {middle[1]:8.3f} {spread.sum():18.3f} {x.var(0).sum():8.3f} "
            f"{sure[0]:26.4f} {sure[1]:8.4f}"
        )

# %% [markdown]
# The tilted density keeps a good part of the hill in the middle, even at $s = 9$. The sampler has dropped it by then, nearly
# altogether. A hill that belongs to the class is *missing* from the samples, though the density that we had in mind still
# holds a third of its mass there. That is the price of insisting: **diversity**. And in return the classifier is surer of the
# samples (last columns) than the tilted density would make it.
#
# None of this makes guidance bad. It means: a guided sampler is a good *drawing machine* and not a sampler of a density that
# anybody wrote down. Whoever needs the right share of rare cases (a scientist, say, or somebody who makes training data)
# must not turn $s$ up.

# %% [markdown]
# ## 9. Quality against diversity
#
# With digits there is no exact density, so we need numbers. For quality we ask a *judge*: a classifier trained on clean digits
# that took no part in guiding. (Whoever is judged by the classifier that guided him gets full marks.) How often does the judge
# read the digit that we asked for? For diversity we take two samples of one class and ask how far apart they are. The mean
# squared distance of two samples looks like a double sum over all pairs, but it is twice the variance:
#
# $$\frac{1}{n(n-1)} \sum_{i \ne j} \left\|\mathbf{x}^{(i)} - \mathbf{x}^{(j)}\right\|^2 = \frac{2}{n-1} \sum_{i} \left\|\mathbf{x}^{(i)} - \bar{\mathbf{x}}\right\|^2 \tag{11.20}$$
#
# *Why:* let $\bar{\mathbf{x}}$ be the mean of the samples. Write $\mathbf{x}^{(i)} - \mathbf{x}^{(j)}$ as
# $(\mathbf{x}^{(i)} - \bar{\mathbf{x}}) - (\mathbf{x}^{(j)} - \bar{\mathbf{x}})$, and multiply out the square. The
# mixed terms sum to zero over all $i$ and $j$. Each square occurs $2n$ times in the double sum, and $2n/(n(n-1))$ is $2/(n-1)$.

# %% tags=["explore"]
equation("11.20")

# %% [markdown]
# ### Exercise 11.11: quality and diversity
#
# `guidance.quality_diversity` · difficulty 2 · core · 12 minutes · 4 points · equation (11.20)
#
# Quality is the share of samples whose most probable class is the one that was asked for. Diversity is (11.20) for each class that
# occurs in `y`, averaged over those classes; the classes may have different numbers of samples.

# %% exercise="guidance.quality_diversity"
def quality_diversity(log_probs, y, x):
    """Two numbers for a batch of ordered samples.

    log_probs: (N, K), what a judge says of the samples; y: (N,), what was asked for; x: (N, *D), the samples.
    Returns (quality, diversity).
    """
    ### BEGIN SOLUTION
    quality = (log_probs.argmax(dim=1) == y).double().mean()
    spreads = []
    for k in y.unique():
        mine = x[y == k]
        spreads.append(2 * ((mine - mine.mean(0)) ** 2).sum() / (len(mine) - 1))
    return quality, torch.stack(spreads).mean()
    ### END SOLUTION

# %% check="guidance.quality_diversity" points=4
check("guidance.quality_diversity", quality_diversity)

# %% [markdown]
# First train the judge, then draw nine of each digit for nine strengths. All strengths start from the same noises. The
# last column is the Fréchet distance to held-out digits, in the judge's features: it compares means and covariances of both
# sets, so it notices poor quality as well as poor diversity. Small is good.

# %% tags=["explore"]
torch.manual_seed(0)
state = train.start(nets.Classifier(), lr=3e-3, ema_decay=0.99)
steps = train.train(state, train.classification(*seen, 64), steps=250)
for _ in train.progress(steps, 250, every=2):
    pass
judge = state.ema

asked = torch.arange(10).repeat_interleave(9)
strengths = (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
drawn = draw_digits(asked, [1 + w for w in strengths], seed=3)

# %% tags=["explore"]
with when_written(), torch.no_grad():
    table = []
    print("    w     quality   diversity   Fréchet distance")
    for w, x in zip(strengths, drawn, strict=True):
        quality, diversity = quality_diversity(torch.log_softmax(judge(x), 1), asked, x.clamp(-1, 1))
        distance = metrics.frechet_distance(x.clamp(-1, 1), digits.images[held_out], judge.features)
        table.append([float(quality), float(diversity), float(distance)])
        print(f"{w:5.1f} {table[-1][0]:11.3f} {table[-1][1]:11.2f} {table[-1][2]:18.2f}")
    real = digits.images[held_out]
    quality, diversity = quality_diversity(torch.log_softmax(judge(real), 1), digits.labels[held_out], real)
    print(f" real {quality:10.3f} {diversity:11.2f}")
    columns = torch.tensor(table).mT
    picture = plots.curve_panels(
        {
            "quality": {"drawn": (torch.tensor(strengths), columns[0])},
            "diversity": {"drawn": (torch.tensor(strengths), columns[1])},
            "Fréchet distance": {"drawn": (torch.tensor(strengths), columns[2])},
        },
        alt="Three panels against w from -1 to 8. Quality rises from 0.1 to 1 before w = 1 and stays there. Diversity falls from "
        "over 30 to about 15 and then rises a little. The Fréchet distance falls to its lowest near w = 0 and then rises.",
        x_label="w",
    )
    display(picture)

# %% [markdown]
# Quality reaches its ceiling before $w = 1$ and stays there. Diversity falls below that of real digits, until about $w = 2$. The Fréchet distance
# has its best value where both are in balance, at a small $w$, and gets worse with every further step. (Ho and Salimans found
# the same on ImageNet: the best Fréchet distance at a small $w$, the best-looking images at a large one.) These digits are easy.
# For hard classes the conditional model alone is poor, and the best $w$ is larger.
#
# Why does diversity rise again at the right end? Not because the digits differ more: their pixels are driven to the ends of the
# range, and harsh images are far apart. Squared distance does not know the one from the other. The Fréchet distance does
# notice. One number is never enough.
#
# Play with it. On the left are the digits of the table. On the right, class 0, 1 or 2 of the hills: the lines enclose half and
# nine tenths of the tilted density, and the dots are points of the guided sampler with the exact score. At $w = -1$ and at $w = 0$
# the dots fill the lines. Then move $w$ to the right. Arrow keys work too.

# %% tags=["explore"]
explorers.guidance_strength(drawn.reshape(len(strengths), 10, 9, 1, 8, 8), strengths)

# %% [markdown]
# ## 10. Filling in
#
# Part of a picture is known, and the rest is to be drawn: *inpainting*. No training is needed for it, says the simplest
# method. Run the sampler on the whole picture. After each step, throw away what it drew in the known part, and put the known
# picture there instead, noised to the level that the step has reached. With a mask $M$ that is 1 where the picture
# $\mathbf{k}$ is known,
#
# $$\mathbf{x}_{t-1} = M \odot \left(\sqrt{\bar\alpha_{t-1}}\,\mathbf{k} + \sqrt{1-\bar\alpha_{t-1}}\,\mathbf{z}\right) + (1-M) \odot \left(\boldsymbol\mu + \sigma_t\,\boldsymbol\varepsilon\right) \tag{11.21}$$
#
# The noise level is that of $t-1$, because both parts must look like one picture at the same step. At $t = 1$ the known
# part comes in clean, since $\bar\alpha_0 = 1$.

# %% tags=["explore"]
equation("11.21")

# %% [markdown]
# ### Exercise 11.12: one step of inpainting
#
# `guidance.inpaint_step` · difficulty 2 · core · 10 minutes · 5 points · equation (11.21)
#
# With $\sigma_t^2 = \beta_t$, and no `noise` at $t = 1$. `z` is the noise of the known part.

# %% exercise="guidance.inpaint_step"
def inpaint_step(x_t, eps, known, mask, t, noise, z, beta):
    """x_t -> x_{t-1}, known where the mask is True.

    x_t, eps, known, noise, z: (B, *D); mask: bool, broadcasts to (B, *D); t: int in 1..T; beta: (T+1,) float64.
    Returns (B, *D).
    """
    ### BEGIN SOLUTION
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
    free = mean + beta[t].sqrt() * noise if t > 1 else mean
    fixed = alpha_bar[t - 1].sqrt() * known + (1 - alpha_bar[t - 1]).sqrt() * z
    return torch.where(mask, fixed, free)
    ### END SOLUTION

# %% check="guidance.inpaint_step" points=5
check("guidance.inpaint_step", inpaint_step)

# %% [markdown]
# **Is it exact?** The free part never sees the known picture. It sees noisy copies of it, with *fresh* noise at every step. In
# a real path the known part at $t-1$ continues the known part at $t$, with nearly the same noise. Here it is drawn anew, so what
# the free part has learned from it in one step is taken back in the next.
#
# Take the smallest example: two coordinates with variance 1 and correlation $\rho$. The first one is known to be $k$. Then the right
# answer for the other one is $\mathcal{N}(\rho k,\ 1 - \rho^2)$ (lesson 01). What does replacement draw? The noisy pair has the
# correlation $r_t = \bar\alpha_t\rho$. Put its score into the reverse step: the free coordinate becomes $a_t$ times itself plus $b_t$
# times the known one plus noise, with
# $a_t = \big(1 - \frac{\beta_t}{1-r_t^2}\big)/\sqrt{\alpha_t}$ and $b_t = \frac{\beta_t\, r_t}{1-r_t^2}/\sqrt{\alpha_t}$. The known one
# comes in as $\sqrt{\bar\alpha_t}\,k$ plus noise of variance $1 - \bar\alpha_t$ that is independent of everything before. (At
# $t = T$ it is the start, which is noise of variance nearly that.) So
#
# $$m_{t-1} = a_t\,m_t + b_t\sqrt{\bar\alpha_t}\,k, \qquad v_{t-1} = a_t^2\,v_t + b_t^2\,(1-\bar\alpha_t) + \sigma_t^2 \tag{11.22}$$
#
# There is nothing to learn here and no step size to blame: the predictions are exact, and the recursion can be run.
#
# **A repair.** Lugmayr and others (RePaint) go back and forth. After a step to $t - 1$ they add the noise of one forward step to the
# whole picture and repeat the step, $R$ times in all. Each round lets the free part catch up with what the known part says. In the
# recursion, going forward multiplies mean and variance by $\sqrt{\alpha_t}$ and $\alpha_t$ and adds the variance $\beta_t$.

# %% tags=["explore"]
equation("11.22")

# %% tags=["explore"]
def replaced(rho, k, s, rounds):
    """Mean and variance of the free coordinate after the recursion, with `rounds` tries at each step."""
    mean, var = 0.0, 1.0
    for t in range(s.T, 0, -1):
        beta, alpha, bar = (float(v[t]) for v in (s.beta, s.alpha, s.alpha_bar))
        r = bar * rho
        a, b = (1 - beta / (1 - r * r)) / alpha**0.5, beta * r / (1 - r * r) / alpha**0.5
        for left in range(rounds - 1, -1, -1):
            mean = a * mean + b * bar**0.5 * k
            var = a * a * var + b * b * (1 - bar) + (beta if t > 1 else 0.0)
            if left:
                mean, var = alpha**0.5 * mean, alpha * var + beta
    return mean, var


rho, k = 0.9, 1.5
print("tries per step    T = 100: mean, variance     T = 1000: mean, variance")
for rounds in (1, 2, 5, 20):
    results = [replaced(rho, k, schedule.linear(T, 0.1 / T, 20 / T), rounds) for T in (100, 1000)]
    print(f"{rounds:14d} {results[0][0]:17.3f} {results[0][1]:9.3f} {results[1][0]:18.3f} {results[1][1]:9.3f}")
print(f"{'exact':>14} {rho * k:17.3f} {1 - rho**2:9.3f} {rho * k:18.3f} {1 - rho**2:9.3f}")

# %% [markdown]
# One try per step: the free coordinate follows the known one only two thirds of the way, and its variance is two thirds too
# large. More steps hardly help. Twenty tries come close. They also cost twenty times as many calls of the network.
#
# On digits it looks like this. The upper half of each held-out digit is known. Your step runs with one try; the library's
# sampler, which is your step with the going back and forth added, runs with three.

# %% tags=["explore"]
chosen = [int(held_out[digits.labels[held_out] == label][0]) for label in (0, 2, 3, 4, 5, 6, 8, 9)]
originals = digits.images[chosen]
mask = torch.zeros(8, 8, dtype=torch.bool)
mask[:4] = True
covered = torch.where(mask, originals, -1.5)


@torch.no_grad()
def any_digit(x, t):
    return network(x, t)


with when_written():
    g = draws(4)
    x = torch.randn(originals.shape, generator=g)
    for t in watched(range(short.T, 0, -1), short.T):
        eps = any_digit(x, torch.full((len(x),), t))
        noise, z = torch.randn(x.shape, generator=g), torch.randn(x.shape, generator=g)
        x = inpaint_step(x, eps, originals, mask, t, noise, z, short.beta)
    x_T = torch.randn(x.shape, generator=g)
    tries = samplers.inpaint(any_digit, short, x_T, originals, mask, n_resample=3, generator=g)
    repaired = samplers.last(watched(tries, short.T + 1))
    picture = plots.image_grid(
        torch.stack([originals, covered, x, repaired]),
        [""] * len(originals),
        ["original", "known", "one try", "three tries"],
        alt="Four rows of eight digits: the originals; their upper halves over black; the halves completed with one try per step; "
        "completed with three tries. Most completions continue the strokes; with one try some lower halves do not fit.",
    )
    display(picture)

# %% [markdown]
# Where a completion is not the original, that is no mistake: an upper half can belong to several digits. What would be a
# mistake is a lower half that no upper half of this kind has. A picture does not tell how often the right ones come. That is
# why the pair of Gaussians came first.

# %% [markdown]
# ## 11. Linear inverse problems
#
# A known part is one kind of *measurement*. Others are a blurred picture, one of lower resolution, or the sums over rows that a
# scanner sees. All these are linear: $y = A\mathbf{x}_0 + \tau\,\mathbf{n}$ with a matrix $A$, standard normal noise $\mathbf{n}$, and
# its standard deviation $\tau$. For inpainting, $A$ holds the rows of the identity that belong to known pixels.
#
# Now $y$ is a vector of numbers, but Bayes' rule for scores (11.2) does not mind. What we need is $\nabla \log q(y \mid \mathbf{x}_t)$, a
# "classifier" of measurements that knows the noise. By (11.3) it is $p(y \mid \mathbf{x}_0) = \mathcal{N}(y;\ A\mathbf{x}_0, \tau^2\mathbf{I})$ averaged
# over what $\mathbf{x}_0$ may have been.
#
# *Gaussian data.* Let $\mathbf{x}_0$ given $\mathbf{x}_t$ be Gaussian with mean $\hat{\mathbf{x}}_0$ and covariance $C_t$. Then $y$ is an affine map of
# it plus independent noise, so it is Gaussian too. Its mean is $A\hat{\mathbf{x}}_0$, and the covariances add:
#
# $$q(y \mid \mathbf{x}_t) = \mathcal{N}\!\left(y;\ A\hat{\mathbf{x}}_0,\ A\,C_t\,A^{\!\top} + \tau^2\mathbf{I}\right) \tag{11.23}$$
#
# *The gradient.* $C_t$ does not depend on $\mathbf{x}_t$ for Gaussian data. Only $\hat{\mathbf{x}}_0$ does. The gradient of a Gaussian's
# logarithm in its mean is the inverse covariance times the residual; then the chain rule leads from $y$'s mean through $A$ and
# through $\hat{\mathbf{x}}_0$ to $\mathbf{x}_t$:
#
# $$\nabla \log q(y \mid \mathbf{x}_t) = \left(\frac{\partial \hat{\mathbf{x}}_0}{\partial \mathbf{x}_t}\right)^{\!\top} A^{\!\top} \left(A\,C_t\,A^{\!\top} + \tau^2\mathbf{I}\right)^{-1} \left(y - A\hat{\mathbf{x}}_0\right) \tag{11.24}$$
#
# *The Jacobian.* How does the best guess move if the noisy point moves? Differentiate Tweedie's formula (lesson 06), or trust the
# twin below, which holds for any data:
#
# $$\frac{\partial \hat{\mathbf{x}}_0}{\partial \mathbf{x}_t} = \frac{\sqrt{\bar\alpha_t}}{1-\bar\alpha_t}\,C_t \tag{11.25}$$
#
# The guess follows the noisy point in those directions in which it is uncertain.

# %% tags=["explore"]
equation("11.23")

# %% tags=["explore"]
equation("11.24")

# %% tags=["explore"]
equation("11.25")

# %% [markdown]
# **Where practice cuts corners.** For images $C_t$ is unknown and large. Chung and others (*diffusion posterior sampling*) leave it
# out and take the guess $\hat{\mathbf{x}}_0$ for the truth. Their step size, tuned by hand, then stands for what is missing. Song and others
# (*pseudoinverse guidance*) put a multiple of the identity in its place. The gradient through $\hat{\mathbf{x}}_0$ is left to automatic
# differentiation of the network in both. How wrong is it to leave $C_t$ out?

# %% tags=["explore"]
erratum("11.23e")

# %% tags=["explore"]
print("alpha_bar   pull without C_t, as a multiple of the right one (pair with rho = 0.9, k measured with tau = 0.1)")
for bar in (0.01, 0.1, 0.5, 0.9, 0.99):
    cov = numbers(1, rho, rho, 1).reshape(2, 2)
    noisy = bar * cov + (1 - bar) * torch.eye(2, dtype=torch.float64)
    C = cov - bar * cov @ torch.linalg.inv(noisy) @ cov
    print(f"{bar:9.2f} {float((C[0, 0] + 0.01) / 0.01):12.1f}")

# %% [markdown]
# ### Exercise 11.13: the exact score given a measurement
#
# `guidance.posterior_score` · difficulty 5 · stretch · 30 minutes · 5 points · equation (11.24)
#
# For Gaussian data. There are two roads: (11.24) with (11.25) added to the score of $q(\mathbf{x}_t)$, or conditioning $\mathbf{x}_0$ on $y$ first, and
# noising what comes out. They must agree, and the second is shorter. All tensors are float64, and $\tau$ may be 0.

# %% exercise="guidance.posterior_score"
def posterior_score(x_t, mean, cov, A, y, tau, alpha_bar):
    """Score of q(x_t | y) for x_0 ~ N(mean, cov) and y = A x_0 + tau noise.

    x_t: (B, d); mean: (d,); cov: (d, d); A: (m, d); y: (m,); tau, alpha_bar: float.  Returns (B, d).
    """
    ### BEGIN SOLUTION
    measured = A @ cov @ A.T + tau**2 * torch.eye(len(A), dtype=torch.float64)
    gain = cov @ A.T @ torch.linalg.inv(measured)
    mean_y, cov_y = mean + gain @ (y - A @ mean), cov - gain @ A @ cov
    noisy = alpha_bar * cov_y + (1 - alpha_bar) * torch.eye(len(mean), dtype=torch.float64)
    return -(x_t - alpha_bar**0.5 * mean_y) @ torch.linalg.inv(noisy)
    ### END SOLUTION

# %% check="guidance.posterior_score" points=5
check("guidance.posterior_score", posterior_score)

# %% [markdown]
# Your score in the sampler, on the pair of section 10, whose first coordinate is known exactly. Compare with the table there.

# %% tags=["explore"]
with when_written():
    pair = numbers(1, rho, rho, 1).reshape(2, 2)
    A, y = numbers(1, 0).reshape(1, 2), numbers(k)

    long = schedule.linear(1000)

    def measured_eps(x, t):
        bar = float(long.alpha_bar[t[0]])
        return -((1 - bar) ** 0.5) * posterior_score(x, numbers(0, 0), pair, A, y, 0.0, bar)

    x_T = torch.randn(4000, 2, generator=draws(5), dtype=torch.float64)
    x = samplers.last(samplers.ancestral(measured_eps, long, x_T, variance=long.beta_tilde, generator=draws(6)))
    print(f"known coordinate: mean {x[:, 0].mean():.3f}, standard deviation {x[:, 0].std():.1e}")
    print(f"free coordinate:  mean {x[:, 1].mean():.3f} (exact {rho * k:.3f}), variance {x[:, 1].var():.3f} (exact {1 - rho**2:.3f})")

# %% [markdown]
# No replacing, no trying again: with the right score the ordinary sampler does it.
#
# **On digits** $C_t$ is not known, but better than a multiple of the identity is what it would be if digits were Gaussian: take the
# covariance of the training digits, and condition on $\mathbf{x}_t$ as in lesson 01. First the upper half is known. Then only the means
# over blocks of 2x2 pixels are known: sixteen numbers, from which 64 pixels are to be drawn. The library's
# `guidance.linear_inverse` is (11.24) with automatic differentiation. It begins at $t = 120$ with pure noise. Above that the
# guess $\hat{\mathbf{x}}_0$ is the network's error divided by a tiny $\sqrt{\bar\alpha_t}$ (lesson 05), and to pull at it does harm.

# %% tags=["explore"]
cov_0 = torch.cov(seen[0].flatten(1).double().mT)
eye = torch.eye(64, dtype=torch.float64)


def as_if_gaussian(t):
    """Cov[x_0 | x_t], (64, 64), if digits were Gaussian."""
    alpha_bar = float(short.alpha_bar[t[0]])
    gain = torch.linalg.inv(alpha_bar * cov_0 + (1 - alpha_bar) * eye)
    return cov_0 - alpha_bar * cov_0 @ gain @ cov_0


def solve(A, tau, seed):
    """Digits that fit y = A x_0, where x_0 are the originals."""
    y, g = originals.flatten(1) @ A.T, draws(seed)
    guided = guidance.linear_inverse(network, short, A, y, tau, posterior_cov=as_if_gaussian)
    start, times = torch.randn(originals.shape, generator=g), samplers.uniform_times(120, 50)
    return samplers.last(watched(samplers.ddim(guided, short, start, times=times, eta=1.0, generator=g), 51))


rows_known = torch.eye(64)[mask.flatten()]
blocks = torch.kron(torch.eye(4), torch.full((1, 2), 0.5))  # (4, 8): means of two neighbours
means = torch.kron(blocks, blocks)  # (16, 64): means of 2x2 pixels
coarse = (originals.flatten(1) @ means.T).reshape(-1, 1, 4, 4)
filled, sharpened = solve(rows_known, 0.05, 8), solve(means, 0.05, 9)
for name, x, A in (("upper half", filled, rows_known), ("block means", sharpened, means)):
    away = (x.flatten(1) - originals.flatten(1)) @ A.T
    print(f"{name}: the samples miss what was measured by {away.square().mean().sqrt():.3f} on average")
plots.image_grid(
    torch.stack([originals, covered, filled, coarse.repeat_interleave(2, 2).repeat_interleave(2, 3), sharpened]),
    [""] * len(originals),
    ["original", "known", "filled in", "4x4 means", "sharpened"],
    alt="Five rows of eight digits: originals; their upper halves over black; digits completed from them; blocky 4x4 versions; "
    "digits drawn from those, which look like the originals or like close relatives.",
)

# %% [markdown]
# From sixteen numbers a readable digit. But mind what it is: *a* digit that fits the sixteen numbers, drawn as the model of digits
# thinks fit. Nothing in it is evidence beyond those numbers. Whoever sharpens the picture of a face in this way gets a
# face, and not the person.

# %% [markdown]
# ## Written question
#
# A laboratory trains a class-conditional diffusion model on cell images. One class has a common form and a rare one, and the rare
# one looks a little like another class. They draw 10,000 images of the class with $w = 4$, because those "look best", and report
# that the rare form makes up 0.2 % of the class. In their data it was 10 %.
#
# 1. Which density did they believe they were drawing from, and why does a guided sampler not draw from it? Name the two
#    quantities that are exchanged, and say for which $s$ it makes no difference.
# 2. In which direction do both the tilted density and the sampler change the share of the rare form, and why does the sampler
#    overdo it?
# 3. What would you have them do, and by which measurement would you show that the share is right?
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="guidance.rare_form" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) At best the tilted density $p_s \propto p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)^s$ with $s = 5$ (and not the class itself,
# which is $s = 1$). At noise level $t$ its score needs $\mathbb{E}[p(y \mid \mathbf{x}_0)^s \mid \mathbf{x}_t]$, the mean of the power. The sampler
# follows $\mathbb{E}[p(y \mid \mathbf{x}_0) \mid \mathbf{x}_t]^s$, the power of the mean. They agree for $s = 0$ and $s = 1$ only. (2) Both make the rare
# form rarer, because $p(y \mid \mathbf{x}_0) < 1$ there and is raised to a power. The sampler overdoes it: by Jensen the power of the mean is
# the smaller one wherever the class of $\mathbf{x}_0$ is still in doubt, and at large noise it is in doubt around the rare form, so
# paths that would end there are turned away early. (3) Draw with $w = 0$ (and a better network, if the images are poor), or
# correct the weights. Show it by the share of the rare form among samples, counted by a classifier that did not guide, with its
# standard error, against held-out data. Looking at samples shows nothing.
#
# **Rubric.** Tilted density with the right power 1, mean of the power against power of the mean 1, $s = 0, 1$ 1. Direction for
# both 1, Jensen or "in doubt at large noise" 1. Remedy together with a counted share and an independent judge 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - Bayes' rule (11.1), and for scores (11.2): add the classifier's gradient; the normaliser drops out.
# - The classifier has to know the noise: it is the clean one averaged over $\mathbf{x}_0$ (11.3). For a mixture it is exact (11.4), and its
#   gradient is a difference of two averages (11.5). In noises it is subtracted (11.6).
# - Guidance with strength $s$ (11.7); as a step, the mean moves by $s\sigma_t^2\mathbf{g}$ (11.8), or nearly so (11.9).
# - Two predictions imply a classifier (11.10), and guide without one (11.11). Two conventions, $s = 1 + w$ (11.12). One network
#   learns both by dropping labels (11.13).
# - The tilted density (11.14), under which the classifier gets surer with $s$ (11.15), is not what is sampled: mean of the power
#   (11.16) against power of the mean (11.17). For Gaussians both are known, (11.18) and (11.19). Diversity (11.20) is the price.
# - Inpainting by replacement (11.21) is not exact (11.22); trying again repairs it. Measurements guide exactly if the uncertainty of the
#   guess is counted: (11.23), (11.24), (11.25).
#
# **Where this is in the papers.**
#
# - Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*: multiplying a diffusion model by
#   another density, and inpainting.
# - Song et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*, section 5 and appendix I: Bayes'
#   rule for scores, a time-dependent classifier, inpainting by replacement.
# - Dhariwal and Nichol 2021, *Diffusion Models Beat GANs on Image Synthesis*, section 4: both algorithms, the strength.
# - Ho and Salimans 2022, *Classifier-Free Diffusion Guidance*, section 3: the implied classifier, $w$, dropping labels.
# - Lugmayr et al. 2022, *RePaint*: going back and forth.
# - Chung et al. 2023, *Diffusion Posterior Sampling for General Noisy Inverse Problems*; Song et al. 2023, *Pseudoinverse-Guided
#   Diffusion Models for Inverse Problems*.
# - Bradley and Nakkiran 2024, *Classifier-Free Guidance is a Predictor-Corrector*: on what guidance does not sample.
#
# Next, lesson 12 leaves the pixels: diffusion in the space of an autoencoder, and corruptions other than Gaussian noise.
