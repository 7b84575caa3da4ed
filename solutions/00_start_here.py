# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 00 Start here
#
# Welcome. This course teaches diffusion models: how a computer that has seen many pictures makes new ones, starting
# from pure noise. You will derive every formula, and write every step of it as a short function that is checked at once.
#
# **What you will be able to do after this lesson.** You will know how the lessons work: how to run a cell, how to read a
# check, how to get a hint, what grading does. And you will have met the four mistakes with tensors that cost people the
# most hours, in places where they do no harm.
#
# **What it needs.** Some Python, and a first acquaintance with `torch`: what a tensor is, and that `x.shape` tells its
# shape. No knowledge of diffusion models.
#
# **Time.** About forty minutes, with five short exercises.
#
# This page is a *notebook*. It is made of cells. Some hold text, like this one. The others hold code: click into one and
# press **Shift + Enter** to run it. What it shows appears below it. Run the cells from top to bottom, because later
# ones use what earlier ones have made. Try it with the next two.

# %%
import torch

from diffkit import data, plots
from diffkit.equations import equation, erratum, notation
from grader import check, hint, progress, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% [markdown]
# **Where was I?** When you come back another day, run the cell above and the next one: it tells where to go on. The best
# result of every check is kept in a small file in the course's folder, `.course/progress.json`.

# %% tags=["explore"]
progress.next()

# %% tags=["explore"]
digits = data.digits()
plots.image_row(
    digits.images[:10],
    [str(int(label)) for label in digits.labels[:10]],
    alt="Ten small gray pictures of 8 by 8 pixels: the handwritten digits 0 to 9, one of each, with the label above.",
)

# %% [markdown]
# These are handwritten digits, 8 by 8 pixels each, with light ink on dark paper. They are our real data throughout the
# course. They are small on purpose: everything runs on a laptop, without a graphics card.
#
# If you see ten digits, your installation works.

# %% [markdown]
# ## 1. What a batch looks like
#
# We always handle many examples at once, because computers are good at it. Such a stack is called a *batch*. Ask the
# digits for their shape:

# %% tags=["explore"]
print("shape of all images: ", tuple(digits.images.shape))
print("kind of numbers:     ", digits.images.dtype)
print("lowest and highest:  ", float(digits.images.min()), float(digits.images.max()))

# %% [markdown]
# The four numbers of the shape are: how many images there are, how many colour channels (one, because they are gray),
# how many rows, how many columns. Lessons write such a shape as `(B, C, H, W)`. The **first axis counts the examples**,
# always. `(B, *D)` means: B examples, each of any shape at all, be it an image, or a point in the plane.
#
# The kind of numbers, `float32`, is called the *dtype*. It takes 4 bytes per number. `float64` takes 8 and is far more
# exact: we use it to compare formulas.
#
# In the file the pixels are stored as whole numbers from 0 (paper) to 16 (ink). The course uses the range from -1 to 1. It
# lies around 0, and it is about as wide as the noise that we will add. With $x$ for a stored pixel, the formula is
#
# $$y = \frac{x}{8} - 1 \tag{0.1}$$
#
# **Equations run.** Every numbered equation of the course can be run. The next cell draws random digits and computes
# both sides of (0.1) in different ways: on the left is what the course's library does, on the right the formula. It
# shows the first few numbers of each side, and the largest difference. Computers round, so a difference of a billionth is
# allowed. The function behind such a cell is called the equation's *twin*. If you ever doubt a formula, run it.

# %% tags=["explore"]
equation("0.1")

# %% [markdown]
# The symbols of a lesson are listed in a table. Come back to it when you have forgotten one.

# %% tags=["explore"]
notation("0")

# %% [markdown]
# ## 2. How to read a check
#
# Now it is your turn: an exercise is a function with a missing body. First see what a *wrong* answer looks like. Run the
# next cell. It checks a function that somebody wrote in a hurry.

# %% tags=["explore"]
def in_a_hurry(pixels):
    return pixels / 16


check("start.rescale", in_a_hurry)

# %% [markdown]
# Read the answer line by line; all checks look like this.
#
# - **The points**, in all and for each part. Parts count by themselves: you may have the right numbers and still
#   lose a point for an *edge case*, such as a batch of one example.
# - **The first difference.** In which situation your function differed from the right one, by how much, and what it was
#   asked with. It is asked in many situations, with random numbers.
# - **It looks like this.** If your answer equals a mistake that people often make, the check names it. This is a
#   guess, but nearly always right.
# - **The equation** to look at again.
#
# Nothing bad happens when a check fails. Run it as often as you like.

# %% [markdown]
# ### Exercise 0.1: from the file to the range -1 to 1
#
# `start.rescale` · difficulty 1 · core · 3 minutes · 2 points · equation (0.1)
#
# The line says: the name of the exercise, how hard it is (from 1 to 5), whether it belongs to the *core* (later lessons
# need it) or is a *stretch* (you may skip it), how long it takes, what it is worth, and which equation it codes.
#
# Replace the line with `raise NotImplementedError` by your own. Mind that the pixels come as `uint8`, that is, as bytes from 0
# to 255. A byte cannot be negative: `3 - 8` becomes 251. Dividing by a number first makes floating-point numbers of
# them.

# %% exercise="start.rescale"
def rescale(pixels):
    """Whole numbers 0..16 -> floating-point numbers -1..1, in the same shape."""
    ### BEGIN SOLUTION
    return pixels / 8 - 1
    ### END SOLUTION

# %% [markdown]
# Run the cell above, so that Python knows your function. Then run the check:

# %% check="start.rescale" points=2
check("start.rescale", rescale)

# %% [markdown]
# **Stuck?** Every exercise has three hints: the idea, the formula, the line. Each time you run the next cell, it gives you the
# next one. Hints cost nothing. A good habit: think for five minutes, then take one.

# %% tags=["explore"]
hint("start.rescale")

# %% [markdown]
# If you learn alone, the course's own answer is one command away: `solution("start.rescale")`, after `from grader import
# solution`. It is worth most when you have an answer of your own to compare with it.

# %% [markdown]
# Some cells show what your own function can do. As long as it is not written, they say so and let you go on:

# %% tags=["explore"]
with when_written():
    stored = torch.arange(17, dtype=torch.uint8).repeat(3, 1)
    picture = plots.image_row(
        rescale(stored).reshape(1, 3, 17),
        ["0 .. 16"],
        alt="A strip that goes from dark on the left to light on the right in seventeen even steps.",
    )
    display(picture)

# %% [markdown]
# ## 3. Noise, and how to get the same noise again
#
# This course is about noise. `torch.randn(shape)` draws it: every number independently from the normal distribution
# with mean 0 and variance 1.
#
# But a program that draws different numbers at every run is hard to check: did the result change because of your
# edit, or by chance? The remedy is a *generator* that starts from a number of your choice, the *seed*. On the same machine,
# the same seed gives the same noise, today and tomorrow:
#
# $$\boldsymbol\varepsilon(\text{seed}) = \boldsymbol\varepsilon(\text{seed}), \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I}) \tag{0.2}$$
#
# A bold letter stands for many numbers at once: a point, an image, all the noise of a batch. The sign $\sim$ reads "is drawn
# from". And $\mathcal{N}(\mathbf{0}, \mathbf{I})$ is the normal distribution that we just described: $\mathbf{0}$ says that every number has the
# mean 0, and the identity matrix $\mathbf{I}$ says that each has the variance 1 and none is linked to another.
#
# The twin draws from the same seed twice: once from a generator of its own, and once from the global one of torch.

# %% tags=["explore"]
equation("0.2")

# %% [markdown]
# Why not always use the global one, with `torch.manual_seed`? Because everybody uses it. If a function that you call draws one
# number more, all numbers after that change. A generator of your own is nobody else's business. All random functions of this
# course take one.
#
# **Where the numbers live.** A tensor lives on a *device*: the processor (`cpu`) or a graphics card (`cuda`). Tensors can be
# combined only if they live on the same one, and a generator draws only on its own. So take the device from the tensor that you
# are given, `x.device`, and your function will work on any machine. Do the same with the dtype.

# %% tags=["explore"]
best = "cuda" if torch.cuda.is_available() else "cpu"
print("the fastest device here:", best)
print("two draws from one seed: ", *(torch.randn(2, generator=torch.Generator().manual_seed(7)).tolist() for _ in range(2)))

# %% [markdown]
# ### Exercise 0.2: noise from a seed
#
# `start.noise_like` · difficulty 1 · core · 5 minutes · 2 points · equation (0.2)
#
# Draw in the dtype of `x` from the start: `torch.randn` takes `dtype=` and `device=`. Numbers that are drawn in float32 and
# made float64 afterwards are other numbers.

# %% exercise="start.noise_like"
def noise_like(x, seed):
    """Standard normal noise with the shape, dtype and device of x, from a generator of its own that starts at seed."""
    ### BEGIN SOLUTION
    g = torch.Generator(x.device).manual_seed(seed)
    return torch.randn(x.shape, generator=g, dtype=x.dtype, device=x.device)
    ### END SOLUTION

# %% check="start.noise_like" points=2
check("start.noise_like", noise_like)

# %% [markdown]
# ## 4. One number for each example
#
# In diffusion models nearly every formula multiplies each example of a batch by a number of its own:
#
# $$\mathbf{y}_b = a_b\,\mathbf{x}_b, \qquad b = 1, \dots, B \tag{0.3}$$
#
# Here $\mathbf{x}_b$ is example $b$, a whole image, and $a_b$ is one number. It looks like `a * x`. It is not.
#
# When shapes differ, torch lines them up from the **last** axis and repeats what has length 1. This is called *broadcasting*. So a tensor
# `a` of shape `(B,)` meets the *columns* of images of shape `(B, C, H, W)`, not the images. If $B$ and $W$ differ, there is an
# error, and you are lucky. If they happen to be equal, there is none. Our digits are 8 pixels wide, so take eight of them,
# with eight factors from 0.1 to 1, and see what happens:

# %% tags=["explore"]
eight = digits.images[:8] + 1  # 0 is paper
factors = torch.linspace(0.1, 1, 8)
plots.image_grid(
    torch.stack([factors.reshape(8, 1, 1, 1) * eight, factors * eight]) - 1,
    [f"a = {a:.2f}" for a in factors.tolist()],
    ["right", "wrong"],
    alt="Two rows of eight digits. Upper row, right: the first digit is nearly invisible, the last one has full ink. Lower "
    "row, wrong: within every digit the ink is faint on the left and grows stronger to the right.",
)

# %% [markdown]
# The remedy: give `a` as many axes as `x` has. `a.reshape(8, 1, 1, 1)` has the shape `(8, 1, 1, 1)`, and now the axis of
# length 8 meets the axis that counts the images. To do it for any number of axes, count them with `x.ndim`. The
# length `-1` in `reshape` means "whatever is left".
#
# One more thing. Tables in this course are float64, images are float32, and the product of the two is float64. A batch that
# doubles its memory without a word is slow in everything that follows. So bring `a` to the dtype of `x` first:
# `a.to(x)`.

# %% tags=["explore"]
equation("0.3")

# %% [markdown]
# ### Exercise 0.3: each example its own factor
#
# `start.scale_each` · difficulty 2 · core · 8 minutes · 3 points · equation (0.3)

# %% exercise="start.scale_each"
def scale_each(a, x):
    """Example b of x times a[b].

    a: (B,) float64; x: (B, *D).  Returns (B, *D) in x's dtype.
    """
    ### BEGIN SOLUTION
    return a.to(x).reshape(-1, *[1] * (x.ndim - 1)) * x
    ### END SOLUTION

# %% check="start.scale_each" points=3
check("start.scale_each", scale_each)

# %% [markdown]
# ## 5. Do not write into what you were given
#
# `x = x - 1` makes a new tensor. `x -= 1` changes the old one, *in place*. The difference is invisible in your function. It is
# felt by whoever called it, whose data have changed without notice. The program runs, once. The second time it starts from spoilt
# data. Look:

# %% tags=["explore"]
def brighter(x):
    x += 0.5  # in place
    return x


mine = torch.zeros(3)
for call in (1, 2, 3):
    print(f"call {call}: {brighter(mine).tolist()}   and my own data: {mine.tolist()}")

# %% [markdown]
# It can hide better than that. `x.view(...)` shows the *same memory* under another shape, and so does `flat = x.flatten(1)` where
# it can. These are windows, not copies, so `flat -= 1` changes `x` as well. Functions of torch whose name ends in an underscore,
# such as `x.clamp_()`, work in place too.
#
# The rule is short: **in a function, make new tensors.** The checks call your functions twice with the same arguments and
# look at the second answer.
#
# Practise it on a thing that is done to data all the time: give each example the mean 0 and the variance 1. With $x_{b,j}$
# for number $j$ of example $b$, and $d$ numbers in each:
#
# $$y_{b,j} = \frac{x_{b,j} - m_b}{\sqrt{v_b}}, \qquad m_b = \frac{1}{d} \sum_j x_{b,j}, \quad v_b = \frac{1}{d} \sum_j (x_{b,j} - m_b)^2 \tag{0.4}$$
#
# The root of the variance, $\sqrt{v_b}$, is the *standard deviation*. To mix up the two is the most common slip of all in this
# course: $v_b$ is measured in squares, and only its root can be compared with $x$.

# %% tags=["explore"]
equation("0.4")

# %% [markdown]
# ### Exercise 0.4: mean 0, variance 1
#
# `start.standardize` · difficulty 2 · core · 10 minutes · 3 points · equation (0.4)
#
# `keepdim=True` keeps an axis over which you average, with length 1, so that the shapes still fit.

# %% exercise="start.standardize"
def standardize(x):
    """Each example shifted and scaled so that its own numbers have mean 0 and variance 1.

    x: (B, *D).  Returns a new tensor (B, *D).
    """
    ### BEGIN SOLUTION
    flat = x.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return (centred / (centred**2).mean(1, keepdim=True).sqrt()).reshape(x.shape)
    ### END SOLUTION

# %% check="start.standardize" points=3
check("start.standardize", standardize)

# %% [markdown]
# ## 6. Shapes that fit by accident
#
# The last trap. A network predicts one number for each of $N$ examples and returns them in the shape `(N, 1)`. The targets come in the
# shape `(N,)`. With $p_n$ for a prediction and $z_n$ for its target, the mean squared error is
#
# $$E = \frac{1}{N} \sum_{n=1}^{N} (p_n - z_n)^2 \tag{0.5}$$
#
# and it begs to be written `((prediction - target) ** 2).mean()`. What shape has `prediction - target`?

# %% tags=["explore"]
prediction, target = torch.zeros(5, 1), torch.zeros(5)
print(tuple((prediction - target).shape))

# %% tags=["explore"]
equation("0.5")

# %% [markdown]
# Every prediction was compared with every target. Broadcasting has struck again: the last axes, 1 and 5, are lined up, and each is
# repeated until they fit. The mean is a plausible number, and a network that is trained with it learns to answer the average
# target, whatever it is shown.
#
# Wrong forms that are common, or printed somewhere, are kept in this course and *refuted*. The next cell shows by how much this one is off:

# %% tags=["explore"]
erratum("0.5e")

# %% [markdown]
# ### Exercise 0.5: one shape first
#
# `start.mean_square` · difficulty 2 · core · 6 minutes · 3 points · equation (0.5)
#
# A network learns by following the *gradient* of its error, so the gradient has to flow through your function. It does, as long as you
# stay in torch: no `.item()`, no `.numpy()`.

# %% exercise="start.mean_square"
def mean_square(prediction, target):
    """Mean squared error.  prediction: (N, 1); target: (N,).  Returns one number, as a tensor."""
    ### BEGIN SOLUTION
    return ((prediction.squeeze(1) - target) ** 2).mean()
    ### END SOLUTION

# %% check="start.mean_square" points=3
check("start.mean_square", mean_square)

# %% [markdown]
# ## Written question
#
# A few questions of the course are answered in words and read by a human. Here is a small one.
#
# A friend writes `x * a` for images `x` of shape `(B, 3, 32, 32)` and factors `a` of shape `(B,)`. With `B = 16` there is an error. With
# `B = 32` there is none, and your friend concludes that the code is fine for `B = 32`. What is computed there instead, and
# how would you convince your friend with one small experiment?
#
# 2 points, graded by hand.

# %% [markdown] written="start.friends_factors" points=2
# <!-- BEGIN SOLUTION -->
# **Model answer.** Shapes are lined up from the last axis, so `a` of shape `(32,)` meets the last axis, the columns: column $w$ of *every* image is
# multiplied by $a_w$, instead of image $b$ by $a_b$. Experiment: take `x = torch.ones(32, 3, 32, 32)` and `a = torch.arange(32.)`. Image 0
# should come out as all zeros; instead it holds the numbers 0 to 31 in each row. (Or compare with a loop over the examples.)
#
# **Rubric.** Columns instead of images: 1. An experiment whose outcome tells the two apart: 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## How your work is graded
#
# - Save the notebook, and hand it in as your instructor says. (If you learn alone, the checks are all you need.)
# - When it is graded, your functions are asked the same kinds of questions with *new* numbers. What passes here passes there,
#   unless it was made to fit the numbers here.
# - Keep the names of the functions, and leave the cells with `check(...)` as they are. Elsewhere you may add cells and try things.
# - Before you hand in: in the menu, *Kernel*, *Restart Kernel and Run All Cells*. It shows whether the notebook works from top to
#   bottom, and not only in the order in which you happened to run it.
# - The button *Validate* above the notebook does the same out of sight, and lists the checks that do not pass yet. It says
#   "partial credit" of each of them, even of an exercise that you have not begun: the check itself tells you more.

# %% [markdown]
# ## How far you are
#
# The table counts the exercises that are passed in each lesson, and estimates how long the rest takes. To take your progress
# to another machine, run `progress.export()` here and `progress.merge("diffkit-progress.json")` there. Merging keeps the
# better result of every exercise, so nothing can be lost by it.

# %% tags=["explore"]
progress()

# %% [markdown]
# ## What you have now
#
# - A check says what differs and what it looks like; three hints lead to the line; every numbered equation runs.
# - The first axis counts the examples: `(B, *D)`.
# - The same seed gives the same noise (0.2). Take shape, dtype and device from the tensor that you are given.
# - A number per example needs the shape `(B, 1, .., 1)` (0.3).
# - Make new tensors; views share memory (0.4).
# - Bring two tensors to one shape before you subtract them (0.5).
#
# **Where to read more.** The pages *Broadcasting semantics*, *Tensor views* and *Reproducibility* in the documentation of
# PyTorch. The digits are from E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
# Repository, 1998.
#
# Next, lesson 01 draws probability as graphs: which quantity depends on which, and what may be forgotten.
