# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 01 Graphical models
#
# **What you will be able to do.** You will read from a picture of circles and arrows how a joint distribution splits
# into small factors. You will say which variables tell something about which others, and prove it. You will know which
# variables behind a bar may be dropped, which is the step that makes every derivation of diffusion models possible. And
# you will own the five tools for Gaussians that the rest of the course uses in every line.
#
# **What it needs.** Lesson 00. What a probability is, what a density is, mean and variance. Matrices for the last part.
#
# **Time.** About five hours: one and a half to read and play, three and a half for the seventeen exercises. You may
# skip what is marked *stretch*; nothing later depends on it.
#
# A picture before anything else. Run the next two cells.

# %%
import torch

from diffkit import explorers, plots
from diffkit.equations import equation, erratum, notation
from grader import check, hint, when_written

torch.set_num_threads(1)  # these sizes are small: a second thread would only be in the way

# %% tags=["explore"]
from diffkit import graph, schedule
from diffkit.plots import Drawing

fork = Drawing({"a": (0, 0), "c": (1, 1), "b": (2, 0)}, [("c", "a"), ("c", "b")])
chain = Drawing({"a": (0, 0), "c": (1, 1), "b": (2, 0)}, [("a", "c"), ("c", "b")])
collider = Drawing({"a": (0, 0), "c": (1, 1), "b": (2, 0)}, [("a", "c"), ("b", "c")])
steps = Drawing({f"x{t}": (t, 0) for t in range(4)}, [(f"x{t}", f"x{t + 1}") for t in range(3)])
plots.dags(
    {"fork": fork, "chain": chain, "collider": collider, "a diffusion chain": steps},
    alt="Four graphs. Fork: c points to a and to b. Chain: a points to c, c points to b. Collider: a and b both point "
    "to c. Diffusion chain: x0 points to x1, x1 to x2, x2 to x3.",
)

# %% [markdown]
# Each circle is a random variable: something that we do not know yet, such as the result of a die, or an image. An arrow
# from $c$ to $a$ says that $a$ is made with the help of $c$. The three graphs on the left have the same circles and two
# arrows each. They look alike, and yet they answer the same question differently: *if I tell you $a$, do you learn
# anything about $b$?* And once more: *if you know $c$ already, do you still?*
#
# The graph on the right is a diffusion model. An image $x_0$ gets a little noise and becomes $x_1$, which gets a little
# noise and becomes $x_2$, and so on. Everything that lessons 02 to 12 derive rests on what this chain lets us leave out.
# So this lesson is about leaving out, with a good conscience.

# %% [markdown]
# ## The notation
#
# The table lists the symbols of this lesson. Do not learn it by heart; come back to it. A bar reads "once we know":
# $p(a \mid b)$ is the distribution of $a$ once we know $b$. For variables with a few values, $p$ is a probability, and
# we add over values. For numbers on a line, $p$ is a density, and sums become integrals. All that we derive holds for
# both, with $\sum$ read as $\int$ where needed.

# %% tags=["explore"]
notation("1")

# %% [markdown]
# ## 1. A graph is a way to write a distribution
#
# Take $n$ variables $x_1, \dots, x_n$. Their *joint distribution* $p(x_1, \dots, x_n)$ gives each combination of values
# its probability. (In a lecture somebody asked how a probability can be a function of a vector. It takes the whole
# vector and returns one number: how likely these values are *together*.)
#
# A joint distribution is big. Five variables with two values each have $2^5 = 32$ combinations. A digit of lesson 00, 64
# pixels with 17 shades, has $17^{64}$, about $10^{79}$. We need it in small pieces.
#
# **The chain rule** cuts it into pieces, always, whatever the distribution is. First ask for $x_1$. Then for $x_2$, once
# $x_1$ is known. Then for $x_3$, once both are known, and so on:
#
# $$p(x_1, \dots, x_n) = \prod_{i=1}^{n} p(x_i \mid x_1, \dots, x_{i-1}) \tag{1.1}$$
#
# Nothing is gained yet. The last factor still has all the variables in it.
#
# Every numbered equation in this course runs. The next cell draws random inputs, computes both sides of (1.1) in
# different ways, and compares them. Do not be surprised by negative numbers: densities of many variables may be tiny, so
# cells like this one often compare their *logarithms*.

# %% tags=["explore"]
equation("1.1")

# %% [markdown]
# **The graph says what may be left out.** The *parents* of a node are the nodes with an arrow into it. Write
# $\mathrm{pa}_i$ for the parents of $x_i$. A graph is a claim about the world: *each variable, once its parents are
# known, needs no other earlier variable*. So in every factor only the parents stay behind the bar:
#
# $$p(x_1, \dots, x_n) = \prod_{i=1}^{n} p(x_i \mid \mathrm{pa}_i) \tag{1.2}$$
#
# One factor for each node, given its parents. That is the whole rule. It needs arrows (in a graph of plain lines nobody
# is a parent), and the arrows must not run in a circle, so that there is an order in which parents come first.

# %% tags=["explore"]
equation("1.2")

# %% tags=["explore"]
five = {"x1": (0, 1), "x2": (1, 1), "x3": (2, 1), "x4": (0.5, 0), "x5": (1.6, 0)}
arrows = [("x1", "x4"), ("x2", "x4"), ("x3", "x4"), ("x1", "x5"), ("x3", "x5")]
plots.dags(
    {"five nodes": Drawing(five, arrows)},
    alt="Five nodes. x1, x2 and x3 have no parents. All three point to x4. x1 and x3 point to x5.",
)

# %% [markdown]
# **An example.** Look at the five nodes. $x_1$, $x_2$, $x_3$ have no parents, so nothing stands behind their bars. $x_4$
# has three parents, $x_5$ has two. Read off, node by node:
#
# $$p(x_1, x_2, x_3, x_4, x_5) = p(x_1)\,p(x_2)\,p(x_3)\,p(x_4 \mid x_1, x_2, x_3)\,p(x_5 \mid x_1, x_3) \tag{1.3}$$
#
# The news is in the arrows that are *not* there. No arrow leads from $x_2$ to $x_5$, and none from $x_4$ to $x_5$. The
# chain rule had $p(x_5 \mid x_1, x_2, x_3, x_4)$. The graph allows us to drop two of them:
#
# $$p(x_5 \mid x_1, x_2, x_3, x_4) = p(x_5 \mid x_1, x_3) \tag{1.4}$$
#
# With two values each, the joint table has 32 entries, 31 of them free, since they sum to 1. The five small tables need
# $1 + 1 + 1 + 8 + 4 = 15$ numbers: one for each combination of the parents' values.

# %% tags=["explore"]
equation("1.3")

# %% tags=["explore"]
equation("1.4")

# %% [markdown]
# ### Exercise 1.1: one factor for each node
#
# `graphs.joint_prob` · difficulty 3 · core · 12 minutes · 4 points · equation (1.2)
#
# A graph is given as a tuple: `parents[i]` holds the numbers of the parents of node `i`. Nodes are numbered so that
# parents come before their children. The five nodes, counted from 0, are `((), (), (), (0, 1, 2), (0, 2))`.
#
# `tables[i]` holds $p(x_i \mid \mathrm{pa}_i)$: first one axis for each parent, in the order of `parents[i]`, then the
# node's own axis, which sums to 1. Each row of `x` is one assignment of values to all nodes.

# %% exercise="graphs.joint_prob"
def joint_prob(parents, tables, x):
    """The probability of each assignment.

    parents: tuple of n tuples of ints; tables: tuple of n tensors, parents' axes first; x: (B, n) int64.
    Returns (B,).
    """
    ### BEGIN SOLUTION
    p = torch.ones(len(x), dtype=tables[0].dtype)
    for i, above in enumerate(parents):
        p = p * tables[i][tuple(x[:, j] for j in (*above, i))]
    return p
    ### END SOLUTION

# %% check="graphs.joint_prob" points=4
check("graphs.joint_prob", joint_prob)

# %% [markdown]
# Stuck? Ask for a hint, and again for the next one. There are three for each exercise: the idea, the formula, the line.

# %% tags=["explore"]
hint("graphs.joint_prob")

# %% [markdown]
# ## 2. Two rules for everything
#
# Whatever we do with probabilities, we use one of two rules.
#
# **Sum.** To forget about $b$, add over all the ways in which $b$ could have come out. The result is called the
# *marginal* of $a$.
#
# **Product.** To learn $a$, keep only the part of the joint where $a$ has its value, and blow it up so that it sums
# to 1 again.
#
# $$p(a) = \sum_b p(a, b), \qquad p(b \mid a) = \frac{p(a, b)}{p(a)} \tag{1.5}$$
#
# The right half, read as $p(a, b) = p(a)\,p(b \mid a)$, is the chain rule for two. Written in both orders,
# $p(a)\,p(b \mid a) = p(b)\,p(a \mid b)$, it is Bayes' rule.

# %% tags=["explore"]
equation("1.5")

# %% [markdown]
# Read from left to right, the sum rule brings a variable *in*. Then it is called the *law of total probability*. Most
# derivations below begin with it, because the factorization of a graph speaks of all its variables:
#
# $$p(a, b) = \sum_c p(a, b, c) \tag{1.8}$$

# %% tags=["explore"]
equation("1.8")

# %% [markdown]
# ### Exercise 1.2: forget
#
# `graphs.marginal` · difficulty 2 · core · 8 minutes · 4 points · equation (1.8)
#
# A joint table has one axis for each variable. `keep` says which axes to keep, and in which order. It may name all of
# them, or none: then only the sum of the table is left.

# %% exercise="graphs.marginal"
def marginal(joint, keep):
    """Sum all variables out but some.

    joint: one axis per variable; keep: tuple of different axes, in the order wanted.  Returns their table.
    """
    ### BEGIN SOLUTION
    gone = [i for i in range(joint.ndim) if i not in keep]
    kept = joint.sum(gone) if gone else joint
    return kept.permute([sorted(keep).index(i) for i in keep])
    ### END SOLUTION

# %% check="graphs.marginal" points=4
check("graphs.marginal", marginal)

# %% [markdown]
# ### Exercise 1.3: learn
#
# `graphs.conditional` · difficulty 2 · core · 8 minutes · 4 points · equation (1.5)
#
# Return a table of the same shape. For each value of the known variable, the slice that belongs to it sums to 1. If a
# value never happens, its slice stays 0: nobody will ever look there.

# %% exercise="graphs.conditional"
def conditional(joint, given):
    """p(all the others | the variable on axis `given`).

    joint: one axis per variable; given: int.  Returns a table of joint's shape.
    """
    ### BEGIN SOLUTION
    others = [i for i in range(joint.ndim) if i != given]
    total = joint.sum(others, keepdim=True)
    return joint / torch.where(total > 0, total, 1)
    ### END SOLUTION

# %% check="graphs.conditional" points=4
check("graphs.conditional", conditional)

# %% [markdown]
# ## 3. Does knowing $a$ tell me anything about $b$?
#
# That is the question to keep in mind whenever somebody says *independent*. If knowing $a$ gives no news about $b$, the
# two are independent, written $a \perp b$. In formulas, the distribution of $b$ does not change when $a$ becomes known:
# $p(b \mid a) = p(b)$. Books often define it in another way: the joint is the product, $p(a, b) = p(a)\,p(b)$. These
# are the same statement, because the chain rule turns one into the other:
#
# $$p(a, b) - p(a)\,p(b) = p(a)\,\big[\,p(b \mid a) - p(b)\,\big] \tag{1.6}$$
#
# If the left side is 0 for all values, then $p(b \mid a) = p(b)$ for every $a$ that can happen, and the other way round. And
# since the left side treats $a$ and $b$ alike, $b$ tells nothing about $a$ either.
#
# **Conditional independence** is the same, said behind a bar. We know $c$ already. Does $a$ give any *more* news about
# $b$? If not, then $a$ and $b$ are independent given $c$, written $a \perp b \mid c$. Just put "given $c$" into every
# expression:
#
# $$p(a, b \mid c) - p(a \mid c)\,p(b \mid c) = p(a \mid c)\,\big[\,p(b \mid a, c) - p(b \mid c)\,\big] \tag{1.7}$$
#
# What does it mean that $c$ is *known*, or *observed*? Before, $c$ was a random variable with a distribution over its
# values. Now we have looked, and it has one value. In a diffusion model, to observe $x_3$ means to have the noisy image
# of step 3 in front of us, each pixel of it. In our pictures, an observed node is filled with colour.

# %% tags=["explore"]
equation("1.6")

# %% tags=["explore"]
equation("1.7")

# %% [markdown]
# ### Exercise 1.4: independent?
#
# `graphs.is_independent` · difficulty 2 · core · 8 minutes · 3 points · equation (1.6)

# %% exercise="graphs.is_independent"
def is_independent(joint, tol):
    """True if no |p(a, b) - p(a) p(b)| is above tol.

    joint: (A, B) float64; tol: float.  Returns True or False.
    """
    ### BEGIN SOLUTION
    product = torch.outer(joint.sum(1), joint.sum(0))
    return bool((joint - product).abs().max() <= tol)
    ### END SOLUTION

# %% check="graphs.is_independent" points=3
check("graphs.is_independent", is_independent)

# %% [markdown]
# ### Exercise 1.5: independent given $c$?
#
# `graphs.is_independent_given_c` · difficulty 3 · core · 10 minutes · 4 points · equation (1.7)
#
# Values of $c$ that never happen do not matter.

# %% exercise="graphs.is_independent_given_c"
def is_independent_given_c(joint, tol):
    """True if no |p(a, b | c) - p(a | c) p(b | c)| is above tol, for any c that can happen.

    joint: (A, B, C) float64; tol: float.  Returns True or False.
    """
    ### BEGIN SOLUTION
    p_c = joint.sum((0, 1))
    given = joint / torch.where(p_c > 0, p_c, 1)
    product = given.sum(1, keepdim=True) * given.sum(0, keepdim=True)
    return bool((given - product).abs().max() <= tol)
    ### END SOLUTION

# %% check="graphs.is_independent_given_c" points=4
check("graphs.is_independent_given_c", is_independent_given_c)

# %% [markdown]
# For each of the three small graphs we now ask three questions.
#
# 1. What is the factorized distribution?
# 2. Is $a \perp b$?
# 3. Is $a \perp b \mid c$?
#
# Before you read on, look at the first picture again and guess all six answers of questions 2 and 3. Guess first and
# compute afterwards: that is how the intuition grows.
#
# ## 4. The fork: $a \leftarrow c \rightarrow b$
#
# **Question 1.** One factor for each node, given its parents. $c$ has none, and it is the parent of both others:
#
# $$p(a, b, c) = p(c)\,p(a \mid c)\,p(b \mid c) \tag{1.9}$$

# %% tags=["explore"]
equation("1.9")

# %% [markdown]
# ### Exercise 1.6: the joint of a fork
#
# `graphs.fork_joint` · difficulty 2 · core · 6 minutes · 4 points · equation (1.9)
#
# A tool for such products: `torch.einsum("ij,jk->ik", A, B)` gives each axis a letter, multiplies entries with equal
# letters, and sums over the letters that are missing on the right. (This one is the product of two matrices.)

# %% exercise="graphs.fork_joint"
def fork_joint(p_c, a_given_c, b_given_c):
    """The joint table of a <- c -> b.

    p_c: (C,); a_given_c: (C, A), its rows sum to 1; b_given_c: (C, B).  Returns p(a, b, c): (A, B, C).
    """
    ### BEGIN SOLUTION
    return torch.einsum("c,ca,cb->abc", p_c, a_given_c, b_given_c)
    ### END SOLUTION

# %% check="graphs.fork_joint" points=4
check("graphs.fork_joint", fork_joint)

# %% [markdown]
# **Question 2: is $a \perp b$?** First by intuition, with an example that we can compute. Let
#
# - $c \sim \mathcal{N}(0, 1)$,
# - $a = 5c + \text{noise}$,
# - $b = c + \text{noise}$, both noises from $\mathcal{N}(0, 1)$ and drawn separately.
#
# Suppose we are told that $a = 1$. Then $c$ is probably somewhere around 0.2. And then $b$ should be somewhere around
# 0.2 as well. "Around", because of the noises. Before we heard of $a$, our guess for $b$ was 0. So $a$ told us
# something about $b$. They are *not* independent.
#
# Now the proof. We want to see whether $p(a, b)$ splits into $p(a)\,p(b)$. What do we know about this graph? Only (1.9),
# and that has $c$ in it. So first bring $c$ in, by the law of total probability (1.8). Then insert (1.9). Then try to
# get a $p(a)$ out: by the chain rule, $p(c)\,p(a \mid c)$ is $p(a, c)$, which is also $p(a)\,p(c \mid a)$. In that form,
# $p(a)$ does not depend on $c$ and may leave the sum:
#
# $$p(a, b) = \sum_c p(c)\,p(a \mid c)\,p(b \mid c) = p(a) \sum_c p(c \mid a)\,p(b \mid c) \tag{1.10}$$
#
# If $a$ and $b$ were independent, the sum on the right would have to be $p(b)$. It would be, if $p(c \mid a)$ were
# $p(c)$: then the sum is $\sum_c p(c)\,p(b \mid c) = \sum_c p(b, c) = p(b)$. But the arrow from $c$ to $a$ says that
# $a$ knows something of $c$. So in general the sum is not $p(b)$, and $a$ and $b$ are **not independent**.
#
# "In general" is needed. An arrow *allows* dependence, it does not force it. With $a = 0 \cdot c + \text{noise}$ the
# arrow is drawn and carries nothing.

# %% tags=["explore"]
equation("1.10")

# %% [markdown]
# Divide (1.10) by $p(a)$, and the sum is $p(b \mid a)$: first $a$ tells about $c$, then $c$ tells about $b$.
#
# ### Exercise 1.7: what $a$ tells about $b$
#
# `graphs.b_given_a` · difficulty 3 · core · 12 minutes · 5 points · equation (1.10)

# %% exercise="graphs.b_given_a"
def b_given_a(p_c, a_given_c, b_given_c):
    """p(b | a) in the fork.

    p_c: (C,); a_given_c: (C, A); b_given_c: (C, B).  Returns (A, B): one row for each value of a.
    """
    ### BEGIN SOLUTION
    p_ab = torch.einsum("c,ca,cb->ab", p_c, a_given_c, b_given_c)
    return p_ab / (p_c @ a_given_c).unsqueeze(1)
    ### END SOLUTION

# %% check="graphs.b_given_a" points=5
check("graphs.b_given_a", b_given_a)

# %% [markdown]
# **How much does $a = 1$ tell, exactly?** Put letters for the numbers: $a = g\,c + \text{noise}$ with gain $g$, and
# $\sigma_c^2, \sigma_a^2, \sigma_b^2$ for the variances of $c$ and of the two noises. The normal density with mean $m$ and variance
# $v$ is
#
# > $\mathcal{N}(x;\, m, v) = \frac{1}{\sqrt{2\pi v}}\; e^{-\frac{(x - m)^2}{2v}}$
#
# so its logarithm is $-\frac{(x-m)^2}{2v}$, up to a part without $x$. By Bayes' rule $p(c \mid a)$ is proportional to
# $p(c)\,p(a \mid c)$, so its logarithm is, up to parts without $c$,
#
# > $-\frac{c^2}{2\sigma_c^2} - \frac{(a - g c)^2}{2\sigma_a^2} \;=\; -\frac12\Big(\frac{1}{\sigma_c^2} + \frac{g^2}{\sigma_a^2}\Big) c^2 + \frac{g\,a}{\sigma_a^2}\, c \;+\; \dots$
#
# A logarithm that is quadratic in $c$ belongs to a Gaussian. Its variance is one over the number in the bracket, and its
# mean is that variance times the number in front of $c$. (Section 10 shows why. It is called completing the square.) So
# $c$ given $a$ has mean $\frac{g\sigma_c^2}{g^2\sigma_c^2 + \sigma_a^2}\,a$ and variance
# $\frac{\sigma_c^2\sigma_a^2}{g^2\sigma_c^2 + \sigma_a^2}$. Finally $b = c + \text{noise}$ keeps the mean and adds the variance
# of its noise, about which $a$ tells nothing:
#
# $$\mathbb{E}[b \mid a] = \frac{g\,\sigma_c^2}{g^2\sigma_c^2 + \sigma_a^2}\,a, \qquad \operatorname{Var}[b \mid a] = \sigma_b^2 + \frac{\sigma_c^2\,\sigma_a^2}{g^2\sigma_c^2 + \sigma_a^2} \tag{1.11}$$
#
# With $g = 5$, all variances 1 and $a = 1$ the guess is $5/26 \approx 0.192$: in the ballpark of 0.2, and a little less.
# It is less because $c$ was expected near 0 before $a$ was seen.

# %% tags=["explore"]
equation("1.11")

# %% [markdown]
# ### Exercise 1.8: guess $b$ from $a$
#
# `graphs.predict_b` · difficulty 3 · core · 12 minutes · 5 points · equation (1.11)

# %% exercise="graphs.predict_b"
def predict_b(a, gain, var_c, var_a, var_b):
    """Mean and variance of b once a is seen, with a = gain c + noise and b = c + noise.

    a: (B,); the others: floats.  Returns (mean (B,), variance, a number).
    """
    ### BEGIN SOLUTION
    total = gain**2 * var_c + var_a
    return gain * var_c / total * a, var_b + var_c * var_a / total
    ### END SOLUTION

# %% check="graphs.predict_b" points=5
check("graphs.predict_b", predict_b)

# %% [markdown]
# **Question 3: is $a \perp b \mid c$?** Intuition again. $a$ told us about $b$ only because it told us about $c$. If we
# know $c$ already, exactly, there is nothing that $a$ could add. So the answer should be yes.
#
# The proof. We want $p(a, b \mid c)$. By the product rule it is $p(a, b, c) / p(c)$. Insert (1.9), and $p(c)$ cancels:
#
# $$p(a, b \mid c) = \frac{p(c)\,p(a \mid c)\,p(b \mid c)}{p(c)} = p(a \mid c)\,p(b \mid c) \tag{1.12}$$
#
# So $a$ and $b$ are **independent given $c$**.

# %% tags=["explore"]
equation("1.12")

# %% [markdown]
# See it. We draw many triples of the example, with $a$ divided by 5 to fit the frame. On the left are all of them: $a$
# and $b$ lean together. On the right are only those whose $c$ lies close to 1. That is what "given $c = 1$" looks like
# in samples: an upright cloud that does not lean. Inside of it, $a$ tells nothing about $b$. The cell after the picture
# prints how much the clouds lean, as their *correlation*: 1 if all points lie on a rising line, 0 if there is no lean.

# %% tags=["explore"]
draws = torch.randn(3, 60_000, generator=torch.Generator().manual_seed(0))
c, a, b = draws[0], 5 * draws[0] + draws[1], draws[0] + draws[2]
near = ((c - 1).abs() < 0.05).nonzero().squeeze(1)[:1000]
plots.scatter(
    torch.stack([torch.stack([a[:1000] / 5, b[:1000]], 1), torch.stack([a[near] / 5, b[near]], 1)]),
    ["fork, all: a/5 and b", "fork, c close to 1"],
    alt="Two clouds of points, a/5 to the right and b upwards. All draws: a cloud that leans up to the right. Only those "
    "with c close to 1: an upright narrow cloud around (1, 1) that does not lean.",
)

# %% tags=["explore"]
corr = lambda u, v: float(torch.corrcoef(torch.stack([u, v]))[0, 1])
exact = graph.examples.noisy_copies(gain=5.0)
print(f"correlation of a and b:      in the draws {corr(a, b):6.3f}   exact {float(exact.deviation('a', 'b')):6.3f}")
print(f"the same, c close to 1:      in the draws {corr(a[near], b[near]):6.3f}   exact {0:6.3f}")

# %% [markdown]
# ## 5. The chain: $a \rightarrow c \rightarrow b$
#
# This is the graph of diffusion models: $a$ an image, $c$ a noisier one, $b$ a noisier one still. Here $a$ is the only
# node without parents.
#
# **Question 1.** Read off:
#
# $$p(a, b, c) = p(a)\,p(c \mid a)\,p(b \mid c) \tag{1.13}$$
#
# **Question 2: is $a \perp b$?** By intuition no: $a$ tells about $c$, and $c$ about $b$. The proof goes as before. Bring
# $c$ in by the law of total probability, insert (1.13), and take out of the sum what does not depend on $c$. Here $p(a)$
# is already there:
#
# $$p(a, b) = \sum_c p(a)\,p(c \mid a)\,p(b \mid c) = p(a) \sum_c p(c \mid a)\,p(b \mid c) \tag{1.14}$$
#
# That is the very expression of the fork (1.10), and in general the sum is not $p(b)$. So $a$ and $b$ are **not
# independent**.
#
# **Question 3: is $a \perp b \mid c$?** By intuition yes: what $a$ has to say about $b$ must pass through $c$, which we
# know. The proof: divide (1.13) by $p(c)$. This time $p(c)$ does not cancel at once. Combine $p(a)\,p(c \mid a)$ into
# $p(a, c)$ and take it apart in the other order, $p(c)\,p(a \mid c)$:
#
# $$p(a, b \mid c) = \frac{p(a)\,p(c \mid a)\,p(b \mid c)}{p(c)} = \frac{p(c)\,p(a \mid c)\,p(b \mid c)}{p(c)} = p(a \mid c)\,p(b \mid c) \tag{1.15}$$
#
# So $a$ and $b$ are **independent given $c$**.

# %% tags=["explore"]
equation("1.13")

# %% tags=["explore"]
equation("1.14")

# %% tags=["explore"]
equation("1.15")

# %% [markdown]
# Fork and chain gave the same two answers, although an arrow was turned round. So does the direction of arrows matter at
# all? A fair question, and the third graph answers it.
#
# ## 6. The collider: $a \rightarrow c \leftarrow b$
#
# Think of an alarm $c$ that goes off for a burglar, $a$, or for a small earthquake, $b$.
#
# **Question 1.** Two nodes without parents, and one with two:
#
# $$p(a, b, c) = p(a)\,p(b)\,p(c \mid a, b) \tag{1.16}$$
#
# **Question 2: is $a \perp b$?** Burglars do not cause earthquakes. The proof: bring $c$ in, insert (1.16), and take out
# of the sum what does not depend on $c$. That is $p(a)\,p(b)$. What is left is $\sum_c p(c \mid a, b)$, the sum of a
# distribution over all its values, which is 1:
#
# $$p(a, b) = \sum_c p(a)\,p(b)\,p(c \mid a, b) = p(a)\,p(b) \tag{1.17}$$
#
# So $a$ and $b$ **are independent**. An effect that nobody has looked at links nothing.
#
# **Question 3: is $a \perp b \mid c$?** The alarm rings. You suspect a burglar. Then the radio reports an earthquake, and
# you calm down: the earthquake *explains the alarm away*. So, with $c$ known, $b$ does tell you about $a$. In formulas,
# divide the joint by $p(b, c)$, which is its sum over $a$; then $p(b)$ cancels:
#
# $$p(a \mid b, c) = \frac{p(a)\,p(c \mid a, b)}{\sum_{a'} p(a')\,p(c \mid a', b)} \tag{1.18}$$
#
# The right side has $b$ in it and nothing that would remove it. In general it changes with $b$. So $a$ and $b$ are **not
# independent given $c$**. The collider answers both questions the other way round.

# %% tags=["explore"]
equation("1.16")

# %% tags=["explore"]
equation("1.17")

# %% tags=["explore"]
equation("1.18")

# %% [markdown]
# ### Exercise 1.9: explain away
#
# `graphs.explaining_away` · difficulty 3 · stretch · 12 minutes · 5 points · equation (1.18)
#
# Some value of $b$ may have probability 0. Since $p(b)$ cancels, your answer need not divide by it.

# %% exercise="graphs.explaining_away"
def explaining_away(p_a, p_b, c_given_ab):
    """p(a | b, c) in the collider.

    p_a: (A,); p_b: (B,); c_given_ab: (A, B, C), its last axis sums to 1.  Returns (A, B, C): sums to 1 over axis 0.
    """
    ### BEGIN SOLUTION
    top = p_a[:, None, None] * c_given_ab
    return top / top.sum(0)
    ### END SOLUTION

# %% check="graphs.explaining_away" points=5
check("graphs.explaining_away", explaining_away)

# %% [markdown]
# Here is your function on the alarm: one night in a thousand has a burglar, one in a hundred an earthquake, and the
# alarm is good but not perfect. Read the lines in order: the alarm makes a burglar two hundred times as likely as before, and
# the radio takes nearly all of it back.

# %% tags=["explore"]
with when_written():
    burglar, quake = torch.tensor([0.999, 0.001]), torch.tensor([0.99, 0.01])
    rings = torch.tensor([[0.001, 0.3], [0.95, 0.97]])  # for burglar no, yes and earthquake no, yes
    answer = explaining_away(burglar.double(), quake.double(), torch.stack([1 - rings, rings], 2).double())
    alarm = burglar.unsqueeze(1) * quake * rings  # p(a, b, c = rings)
    print(f"burglar, before anything is known                  {float(burglar[1]):.4f}")
    print(f"burglar, the alarm rings                           {float(alarm[1].sum() / alarm.sum()):.4f}")
    print(f"burglar, the alarm rings, there is an earthquake   {float(answer[1, 1, 1]):.4f}")
    print(f"burglar, the alarm rings, there is no earthquake   {float(answer[1, 0, 1]):.4f}")

# %% [markdown]
# With numbers on a line, it is easy to see which way the dependence goes. Let $c = a + b + \text{noise}$. If $c$ is known
# and $a$ turns out large, then $b$ was probably small. The two lean against each other. The *covariance* says so: it is the
# average of (deviation of $a$ from its mean) times (deviation of $b$ from its mean), here among the draws with this $c$:
#
# $$c = a + b + \text{noise}: \qquad \operatorname{Cov}[a, b \mid c] = -\frac{\sigma_a^2\,\sigma_b^2}{\sigma_a^2 + \sigma_b^2 + \sigma_c^2} \tag{1.19}$$
#
# Here $\sigma_c^2$ is the variance of the noise of $c$. (It follows from the rule for conditioning in section 10, (1.30),
# with $\operatorname{Cov}[a, c] = \sigma_a^2$, $\operatorname{Cov}[b, c] = \sigma_b^2$ and
# $\operatorname{Var}[c] = \sigma_a^2 + \sigma_b^2 + \sigma_c^2$.)

# %% tags=["explore"]
equation("1.19")

# %% tags=["explore"]
free = torch.randn(3, 60_000, generator=torch.Generator().manual_seed(1))
cause_1, cause_2, effect = free[0], free[1], free[0] + free[1] + 0.3 * free[2]
seen = ((effect - 1).abs() < 0.05).nonzero().squeeze(1)[:1000]
plots.scatter(
    torch.stack([free[:2, :1000].T, torch.stack([cause_1[seen], cause_2[seen]], 1)]),
    ["collider, all: a and b", "collider, c close to 1"],
    alt="Two clouds of points, a to the right and b upwards. All draws: a round cloud. Only those with c close to 1: a "
    "narrow band that falls from upper left to lower right.",
)

# %% [markdown]
# | graph | $a \perp b$ ? | $a \perp b \mid c$ ? |
# | --- | --- | --- |
# | fork $a \leftarrow c \rightarrow b$ | no | yes |
# | chain $a \rightarrow c \rightarrow b$ | no | yes |
# | collider $a \rightarrow c \leftarrow b$ | yes | no |
#
# Your own functions can confirm the table, on random numbers in all three graphs.

# %% tags=["explore"]
with when_written():
    for name in ("fork", "chain", "collider"):
        shape = getattr(graph.examples, name)()
        tables = graph.random_tables(shape, 3, generator=torch.Generator().manual_seed(4))
        p = graph.joint(shape, tables).marginal(("a", "b", "c")).p
        print(f"{name:9} {graph.factorization(shape):22} a, b independent: {is_independent(marginal(p, (0, 1)), 1e-9)!s:6}"
              f"given c: {is_independent_given_c(p, 1e-9)}")

# %% [markdown]
# ## 7. How much does it tell?
#
# Yes or no is coarse. The *mutual information* says how much $a$ tells about $b$ beyond what $c$ tells already. It is the
# average, over everything that can happen, of the logarithm of how much more likely the pair is than it would be if the
# two were independent given $c$:
#
# $$\mathrm{I}(a;\, b \mid c) = \sum_{a, b, c} p(a, b, c)\,\log \frac{p(a, b \mid c)}{p(a \mid c)\,p(b \mid c)} \;\ge\; 0 \tag{1.20}$$
#
# It is 0 exactly when $a \perp b \mid c$, and never negative (section 10 shows why, (1.33)). With the natural logarithm
# it is measured in *nats*. If $b$ is a copy of a fair coin flip $a$, it is $\log 2 \approx 0.69$ nats. If there is no $c$, drop
# $c$ everywhere: that is $\mathrm{I}(a;\, b)$.

# %% tags=["explore"]
equation("1.20")

# %% [markdown]
# ### Exercise 1.10: in nats
#
# `graphs.mutual_information` · difficulty 3 · stretch · 12 minutes · 5 points · equation (1.20)
#
# Entries that are 0 never happen and add nothing, but $0 \cdot \log 0$ is not a number for a computer.

# %% exercise="graphs.mutual_information"
def mutual_information(joint):
    """I(a; b | c) in nats.  joint: (A, B, C), sums to 1, may hold zeros.  Returns a number (a scalar tensor)."""
    ### BEGIN SOLUTION
    together = joint * joint.sum((0, 1))
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    ratio = torch.where(joint > 0, together, 1) / torch.where(joint > 0, apart, 1)
    return (joint * torch.log(ratio)).sum()
    ### END SOLUTION

# %% check="graphs.mutual_information" points=5
check("graphs.mutual_information", mutual_information)

# %% [markdown]
# ## 8. Any graph: follow the news
#
# With more nodes, we need no new proofs. Think of news that travels along paths. The arrows say nothing about which way
# it travels: in the fork it went from $a$ *up* to $c$ and *down* to $b$. At each inner node of a path, look at its two
# arrows in this path:
#
# - **chain** ($\rightarrow v \rightarrow$) or **fork** ($\leftarrow v \rightarrow$): news passes, unless $v$ is observed;
# - **collider** ($\rightarrow v \leftarrow$): news is stopped, unless $v$ is observed, or something to which arrows lead from
#   $v$, in one step or in several.
#
# The last words matter. If the alarm is not heard but a neighbour calls who heard it, that is as good as observing the
# alarm, only less exact.
#
# A path is *open* if all its inner nodes let news pass. If no path between $x$ and $y$ is open, they are *d-separated*
# (d for directed). Then they are independent given what is observed, in *every* distribution of this graph: the two sides
# of (1.7) are 0. If some path is open, then there are distributions of the graph in which they are dependent, and nearly
# all are.
#
# Play with it now. The list *start from* holds the graphs of this lesson. Click a node to observe it. Drag from one node to
# another to draw an arrow, or to take it away. With
# the keyboard: Tab moves between nodes, Enter observes, and the letter A starts an arrow at one node and ends it at
# another. Thick orange lines are open paths. The number in nats belongs to one network: each node is the sum of its
# parents, times the weights on the arrows, plus noise of variance 1. Try these:
#
# 1. In the fork, observe $c$. Then in the collider.
# 2. In the alarm, observe the neighbour's call instead of the alarm itself. Which number is larger?
# 3. In the diffusion chain ask for $x_3$ and $x_0$, and find the fewest nodes that close the path.
# 4. Find open paths that together carry 0 nats. (In *two ways*, give one arrow a weight with which the two effects cancel.)

# %% tags=["explore"]
explorers.dag_editor()

# %% [markdown]
# ### Exercise 1.11: d-separation
#
# `graphs.d_separated` · difficulty 4 · core · 30 minutes · 5 points · equation (1.7)
#
# The graph is a tuple of parents, as in exercise 1.1. There are at most seven nodes, so you may simply try every path.

# %% exercise="graphs.d_separated"
def d_separated(parents, x, y, given):
    """True if no path between x and y is open, once the nodes in given are observed.

    parents: tuple of tuples, parents before children; x, y: different nodes, not in given; given: tuple of nodes.
    """
    ### BEGIN SOLUTION
    nodes = range(len(parents))

    def some_below_seen(node):
        return node in given or any(some_below_seen(child) for child in nodes if node in parents[child])

    def open_path(path):
        node = path[-1]
        if node == y:
            return True
        for new in nodes:
            if new in path or not (new in parents[node] or node in parents[new]):
                continue
            if len(path) > 1:
                is_collider = path[-2] in parents[node] and new in parents[node]
                passes = some_below_seen(node) if is_collider else node not in given
                if not passes:
                    continue
            if open_path((*path, new)):
                return True
        return False

    return not open_path((x,))
    ### END SOLUTION

# %% check="graphs.d_separated" points=5
check("graphs.d_separated", d_separated)

# %% [markdown]
# ## 9. The diffusion chain, and what may be dropped
#
# Now the chain for which we came: $\mathbf{x}_0 \to \mathbf{x}_1 \to \dots \to \mathbf{x}_T$. Its density is called $q$.
# The chain rule would write the third step as $q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_1, \mathbf{x}_0)$. In the
# graph, $\mathbf{x}_3$ is separated by $\mathbf{x}_2$ from all that came before. So
#
# $$q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_1, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2) \tag{1.21}$$
#
# This is the **Markov property**: once the present is known, the future needs no history.
#
# A student once asked why that deserves a name. The factorization (1.2) says the same already! True. But we will meet
# expressions that are no factors of it. In this one, $\mathbf{x}_1$ is *not* known:
#
# $$q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2) \tag{1.22}$$
#
# Conditional independence allows it at a glance: the only path from $\mathbf{x}_0$ to $\mathbf{x}_3$ runs through
# $\mathbf{x}_2$, which is observed.

# %% tags=["explore"]
equation("1.21")

# %% tags=["explore"]
equation("1.22")

# %% [markdown]
# **May $\mathbf{x}_0$ always be dropped? No.** Look back instead of forward: $q(\mathbf{x}_2 \mid \mathbf{x}_3, \mathbf{x}_0)$.
# The path from $\mathbf{x}_0$ to $\mathbf{x}_2$ runs through $\mathbf{x}_1$ alone, and $\mathbf{x}_1$ is not observed.
# The path is open, and $\mathbf{x}_0$ has to stay. What is this distribution, then? By Bayes' rule, with $\mathbf{x}_0$
# behind every bar, it is $q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_0)\,q(\mathbf{x}_2 \mid \mathbf{x}_0) / q(\mathbf{x}_3 \mid \mathbf{x}_0)$,
# and in the first factor (1.22) applies:
#
# $$q(\mathbf{x}_2 \mid \mathbf{x}_3, \mathbf{x}_0) = \frac{q(\mathbf{x}_3 \mid \mathbf{x}_2)\,q(\mathbf{x}_2 \mid \mathbf{x}_0)}{q(\mathbf{x}_3 \mid \mathbf{x}_0)} \tag{1.23}$$
#
# Remember these two. The first, (1.22), is used in nearly every line of lessons 03 and 04. The second, (1.23), becomes
# the target that a diffusion model learns.

# %% tags=["explore"]
equation("1.23")

# %% [markdown]
# ### Exercise 1.12: what may be dropped?
#
# `graphs.droppable` · difficulty 3 · core · 10 minutes · 4 points · equation (1.22)
#
# It is enough to test each variable alone, with all the others known. (If two may go one by one, they may go together.
# For independence read off a graph that is a theorem; for single distributions there are exceptions.) Use your
# `d_separated`.

# %% exercise="graphs.droppable"
def droppable(parents, x, given):
    """The nodes v of given with p(x | given) = p(x | given without v), as the graph tells.

    parents: tuple of tuples; x: node; given: tuple of other nodes.  Returns a tuple, ascending.
    """
    ### BEGIN SOLUTION
    return tuple(v for v in sorted(given) if d_separated(parents, x, v, tuple(g for g in given if g != v)))
    ### END SOLUTION

# %% check="graphs.droppable" points=4
check("graphs.droppable", droppable)

# %% tags=["explore"]
with when_written():
    five_steps = ((), (0,), (1,), (2,), (3,))
    for x, given in ((3, (2, 0)), (2, (3, 0)), (3, (2, 1, 0)), (2, (4, 3)), (2, (3, 1, 0))):
        names = ", ".join(f"x{g}" for g in given)
        gone = droppable(five_steps, x, given)
        print(f"q(x{x} | {names}):".ljust(20), "may drop", ", ".join(f"x{g}" for g in gone) or "nothing")

# %% [markdown]
# **Read backwards.** The Markov property has no favourite direction. Given $\mathbf{x}_t$, what came before it and what
# comes after it are independent. So use the chain rule (1.1) from the end: first $\mathbf{x}_T$, then $\mathbf{x}_{T-1}$, and so
# on. In the factor $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \dots, \mathbf{x}_T)$ all but $\mathbf{x}_t$ may be dropped. With
# $\mathbf{x}_{0:T}$ short for the whole path $\mathbf{x}_0, \dots, \mathbf{x}_T$, that is
#
# $$q(\mathbf{x}_{0:T}) = q(\mathbf{x}_T) \prod_{t=1}^{T} q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) \tag{1.24}$$
#
# This is the chain that a diffusion model imitates when it goes from noise to data. Each factor looks *one* step back.
# It is easily said wrongly, with a factor that looks two steps back; that product is not the distribution of the paths:

# %% tags=["explore"]
equation("1.24")

# %% tags=["explore"]
erratum("1.24e")

# %% [markdown]
# How does information about the data die out along the chain? For Gaussian data everything is known exactly. The solid
# line is what $\mathbf{x}_t$ tells about $\mathbf{x}_0$. The dashed line is what $\mathbf{x}_t$ still tells about
# $\mathbf{x}_0$ once the step before is known, and it is 0 throughout: that is (1.22), in nats.

# %% tags=["explore"]
path = graph.examples.forward_process(schedule.linear(40, 0.01, 0.3))
t = torch.arange(2, 41)
plots.curves(
    t,
    {
        r"$I(x_0; x_t)$": torch.stack([path.information("x0", f"x{u}") for u in t.tolist()]),
        r"$I(x_0; x_t \mid x_{t-1})$": torch.stack([path.information("x0", f"x{u}", f"x{u - 1}") for u in t.tolist()]),
    },
    alt="Mutual information of x0 and x_t in nats against t: the solid line falls from 1.8 at t = 2 towards 0 within 40 "
    "steps. The dashed line, with x_{t-1} known, is 0 everywhere.",
    y_label="nats",
)

# %% [markdown]
# **A graph with both.** Reinforcement learning uses a chain with forks in it. In state $s_t$ an action $a_t$ is chosen by
# a *policy*, $\pi(a_t \mid s_t)$, and the next state depends on both. To know where the policy leads, bring the action in, by
# the law of total probability, and split by the product rule:
#
# $$p(s_{t+1} \mid s_t) = \sum_{a_t} \pi(a_t \mid s_t)\,p(s_{t+1} \mid s_t, a_t) \tag{1.25}$$
#
# The states alone are then a Markov chain again.

# %% tags=["explore"]
moves = {"s0": (0, 1), "a0": (0.6, 0), "s1": (1.4, 1), "a1": (2, 0), "s2": (2.8, 1)}
arrows = [("s0", "a0"), ("s0", "s1"), ("a0", "s1"), ("s1", "a1"), ("s1", "s2"), ("a1", "s2")]
plots.dags(
    {"states and actions": Drawing(moves, arrows)},
    alt="States s0, s1, s2 in a row, joined by arrows. Below, actions a0 and a1. Each state points to its action, and "
    "each action points to the next state.",
)

# %% tags=["explore"]
equation("1.25")

# %% [markdown]
# ### Exercise 1.13: where a policy leads
#
# `graphs.state_distribution` · difficulty 3 · stretch · 12 minutes · 5 points · equation (1.25)

# %% exercise="graphs.state_distribution"
def state_distribution(p_s0, policy, transition, T):
    """Distribution of the state after T decisions.

    p_s0: (S,); policy: (S, A), rows sum to 1; transition: (S, A, S), p(next | state, action), the last axis sums to 1;
    T: int >= 0.  Returns (S,).
    """
    ### BEGIN SOLUTION
    step = torch.einsum("sa,san->sn", policy, transition)
    p = p_s0
    for _ in range(T):
        p = p @ step
    return p
    ### END SOLUTION

# %% check="graphs.state_distribution" points=5
check("graphs.state_distribution", state_distribution)

# %% [markdown]
# ## 10. Five tools for Gaussians
#
# The nodes of a diffusion chain are Gaussian, given their parents. Everything that we will ask of them is answered by
# five tools. For $d$ coordinates with mean $\boldsymbol\mu$ and covariance matrix $\Sigma$ the normal density is
#
# > $\mathcal{N}(\mathbf{x};\, \boldsymbol\mu, \Sigma) = \frac{1}{\sqrt{(2\pi)^d \det\Sigma}}\; e^{-\frac12 (\mathbf{x} - \boldsymbol\mu)^{\mathsf T}\Sigma^{-1}(\mathbf{x} - \boldsymbol\mu)}$
#
# Entry $i, j$ of $\Sigma$ is the covariance of coordinates $i$ and $j$. On its diagonal stand the variances.
#
# ### Tool 1: affine maps
#
# Let $\mathbf{x}$ have mean $\boldsymbol\mu$ and covariance $\Sigma$. Multiply by a matrix, shift, and add independent
# noise:
#
# $$\mathbf{y} = A\mathbf{x} + \mathbf{b} + \mathbf{e}, \quad \mathbf{e} \sim \mathcal{N}(\mathbf{0}, R): \qquad \mathbb{E}[\mathbf{y}] = A\boldsymbol\mu + \mathbf{b}, \quad \operatorname{Cov}[\mathbf{y}] = A\,\Sigma\,A^{\mathsf T} + R \tag{1.26}$$
#
# *The mean*: expectations go through sums and constants, and the noise has mean 0. *The covariance* is the expected value
# of $(\mathbf{y} - \mathbb{E}\mathbf{y})(\mathbf{y} - \mathbb{E}\mathbf{y})^{\mathsf T}$. The shift cancels in
# $\mathbf{y} - \mathbb{E}\mathbf{y} = A(\mathbf{x} - \boldsymbol\mu) + \mathbf{e}$. Multiply out. The two mixed terms
# vanish, because noise and $\mathbf{x}$ are independent and the noise has mean 0. What stays is
# $A\,\Sigma\,A^{\mathsf T}$ and $R$.
#
# If $\mathbf{x}$ is Gaussian, so is $\mathbf{y}$, and a Gaussian is fixed by its mean and covariance. So nothing else
# needs to be computed, ever. One step of a diffusion model is such a map, with a small number $\beta$,
# $A = \sqrt{1-\beta}\,\mathbf{I}$, $\mathbf{b} = \mathbf{0}$ and $R = \beta\,\mathbf{I}$.

# %% tags=["explore"]
equation("1.26")

# %% [markdown]
# ### Exercise 1.14: through an affine map
#
# `graphs.affine` · difficulty 2 · core · 8 minutes · 4 points · equation (1.26)

# %% exercise="graphs.affine"
def affine(mean, cov, A, b, noise_cov):
    """Mean and covariance of A x + b + noise.

    mean: (d,); cov: (d, d); A: (m, d); b: (m,); noise_cov: (m, m).  Returns (mean (m,), covariance (m, m)).
    """
    ### BEGIN SOLUTION
    return A @ mean + b, A @ cov @ A.mT + noise_cov
    ### END SOLUTION

# %% check="graphs.affine" points=4
check("graphs.affine", affine)

# %% [markdown]
# ### Tool 2: completing the square
#
# The logarithm of a Gaussian density is a quadratic polynomial. So whenever a calculation ends in an exponent
# $-\frac12\lambda x^2 + \eta x + \dots$ with $\lambda > 0$, the result is Gaussian, and we want to read off mean and
# variance. Write the polynomial as one square and a rest. The square must produce $-\frac12\lambda x^2$, so it is
# $-\frac12\lambda(x - m)^2$ with some $m$. Multiplied out, its mixed term is $\lambda m x$. That must be $\eta x$, so
# $m = \eta/\lambda$. It also produces $-\frac12\lambda m^2$, which was not there, so we add $\frac{\eta^2}{2\lambda}$
# back:
#
# $$-\tfrac12\lambda x^2 + \eta x = -\tfrac12\lambda\Big(x - \frac{\eta}{\lambda}\Big)^2 + \frac{\eta^2}{2\lambda} \tag{1.27}$$
#
# The rest does not contain $x$. It only scales the density, and the scale is fixed anyway, because densities integrate
# to 1. So we may read off:
#
# $$p(x) \propto e^{-\frac12\lambda x^2 + \eta x} \quad\Longrightarrow\quad p(x) = \mathcal{N}\!\left(x;\ \frac{\eta}{\lambda},\ \frac{1}{\lambda}\right) \tag{1.28}$$
#
# The sign $\propto$ reads "is proportional to". $\lambda$ is called the *precision*: one over the variance. This is what we used
# in (1.11).

# %% tags=["explore"]
equation("1.27")

# %% tags=["explore"]
equation("1.28")

# %% [markdown]
# **Two densities multiplied.** Two sources tell us about the same $x$, and we multiply what they say. The exponents add:
#
# > $-\frac{(x-m_1)^2}{2v_1} - \frac{(x-m_2)^2}{2v_2} = -\frac12\Big(\frac1{v_1}+\frac1{v_2}\Big)x^2 + \Big(\frac{m_1}{v_1}+\frac{m_2}{v_2}\Big)x - \frac{m_1^2}{2v_1} - \frac{m_2^2}{2v_2}$
#
# Here $\lambda = \frac1{v_1}+\frac1{v_2}$ and $\eta = \frac{m_1}{v_1}+\frac{m_2}{v_2}$: *precisions add, and means are
# weighted by precision*. The rest is $\frac{\eta^2}{2\lambda} - \frac{m_1^2}{2v_1} - \frac{m_2^2}{2v_2}$. Bring it to the
# denominator $2 v_1 v_2 (v_1 + v_2)$:
#
# > $\frac{(m_1 v_2 + m_2 v_1)^2 - m_1^2\, v_2 (v_1 + v_2) - m_2^2\, v_1 (v_1 + v_2)}{2 v_1 v_2 (v_1 + v_2)} = \frac{-v_1 v_2\,(m_1 - m_2)^2}{2 v_1 v_2 (v_1 + v_2)} = -\frac{(m_1-m_2)^2}{2(v_1+v_2)}$
#
# The factors in front fit as well, because $v_1 v_2 = (v_1 + v_2)\,v$. So the rest is again a normal density:
#
# $$\mathcal{N}(x; m_1, v_1)\,\mathcal{N}(x; m_2, v_2) = \mathcal{N}(m_1; m_2, v_1 + v_2)\ \mathcal{N}(x; m, v), \qquad \frac1v = \frac1{v_1} + \frac1{v_2}, \quad m = v\Big(\frac{m_1}{v_1} + \frac{m_2}{v_2}\Big) \tag{1.29}$$
#
# In lesson 04 this gives the mean that a diffusion model has to predict.

# %% tags=["explore"]
equation("1.29")

# %% [markdown]
# ### Exercise 1.15: two sources
#
# `graphs.fuse` · difficulty 3 · core · 15 minutes · 5 points · equation (1.29)
#
# *The constant* is the factor without $x$, $\mathcal{N}(m_1; m_2, v_1 + v_2)$. Its logarithm is asked for, because far apart the
# factor itself is rounded to 0.

# %% exercise="graphs.fuse"
def fuse(m_1, v_1, m_2, v_2):
    """The product of two normal densities, entry by entry.

    Means and variances, all of one shape.  Returns (mean, variance, log of the constant), each of that shape.
    """
    ### BEGIN SOLUTION
    v = 1 / (1 / v_1 + 1 / v_2)
    m = v * (m_1 / v_1 + m_2 / v_2)
    spread = v_1 + v_2
    return m, v, -0.5 * ((m_1 - m_2) ** 2 / spread + torch.log(2 * torch.pi * spread))
    ### END SOLUTION

# %% check="graphs.fuse" points=5
check("graphs.fuse", fuse)

# %% tags=["explore"]
with when_written():
    line = torch.linspace(-4, 6, 400, dtype=torch.float64)
    one, two = torch.tensor([0.0, 1.0]).double(), torch.tensor([3.0, 2.0]).double()  # mean and variance of each
    m, v, _ = fuse(*one, *two)
    bell = lambda mean, var: torch.exp(-0.5 * (line - mean) ** 2 / var) / (2 * torch.pi * var) ** 0.5
    picture = plots.density(
        line,
        {"their product, scaled": bell(m, v), "variance 1": bell(*one), "variance 2": bell(*two)},
        alt="Three bell curves. Two sources with means 0 and 3, the first one narrower. Their product lies between, closer "
        "to the narrow one, and is narrower than both.",
    )
    display(picture)

# %% [markdown]
# ### Tool 3: conditioning
#
# A Gaussian vector has two parts, $\mathbf{x}$ and $\mathbf{y}$. We see $\mathbf{x}$. What do we now believe about
# $\mathbf{y}$? Cut mean and covariance into blocks: $\boldsymbol\mu_x, \boldsymbol\mu_y$ and
# $\Sigma_{xx}, \Sigma_{xy}, \Sigma_{yx}, \Sigma_{yy}$.
#
# $$p(\mathbf{y} \mid \mathbf{x}) = \mathcal{N}\!\left(\mathbf{y};\ \boldsymbol\mu_y + \Sigma_{yx}\Sigma_{xx}^{-1}(\mathbf{x} - \boldsymbol\mu_x),\ \Sigma_{yy} - \Sigma_{yx}\Sigma_{xx}^{-1}\Sigma_{xy}\right) \tag{1.30}$$
#
# *Why?* Subtract from $\mathbf{y}$ what $\mathbf{x}$ explains: let $\mathbf{r} = \mathbf{y} - G\mathbf{x}$ with the matrix
# $G = \Sigma_{yx}\Sigma_{xx}^{-1}$. This $G$ is chosen so that
# $\operatorname{Cov}[\mathbf{r}, \mathbf{x}] = \Sigma_{yx} - G\,\Sigma_{xx} = 0$. By tool 1, $\mathbf{r}$ and $\mathbf{x}$ together are
# Gaussian. Without covariances between them, their joint density is a product. So they are independent, and seeing
# $\mathbf{x}$ tells nothing about $\mathbf{r}$. Then $\mathbf{y} = \mathbf{r} + G\mathbf{x}$ with $\mathbf{x}$ known. Its mean is
# $\boldsymbol\mu_y - G\boldsymbol\mu_x + G\mathbf{x}$. Its covariance is that of $\mathbf{r}$, which is
# $\operatorname{Cov}[\mathbf{r}, \mathbf{y} - G\mathbf{x}] = \operatorname{Cov}[\mathbf{r}, \mathbf{y}] = \Sigma_{yy} - G\,\Sigma_{xy}$.
# (The same result comes from completing the square with matrices.)
#
# Two things to notice. The seen value moves the mean, but the new covariance does not depend on it. And the covariance
# can only shrink.

# %% tags=["explore"]
equation("1.30")

# %% [markdown]
# ### Exercise 1.16: see some coordinates
#
# `graphs.condition` · difficulty 4 · core · 20 minutes · 5 points · equation (1.30)

# %% exercise="graphs.condition"
def condition(mean, cov, seen, value):
    """Mean and covariance of the other coordinates, in their old order, once some are seen.

    mean: (d,); cov: (d, d); seen: tuple of k coordinates, in any order; value: (k,), in the order of seen.
    Returns (mean (d-k,), covariance (d-k, d-k)).
    """
    ### BEGIN SOLUTION
    s = list(seen)
    rest = [i for i in range(len(mean)) if i not in seen]
    S_rs, S_ss = cov[rest][:, s], cov[s][:, s]
    gain = torch.linalg.solve(S_ss, S_rs.mT).mT
    return mean[rest] + gain @ (value - mean[s]), cov[rest][:, rest] - gain @ S_rs.mT
    ### END SOLUTION

# %% check="graphs.condition" points=5
check("graphs.condition", condition)

# %% [markdown]
# Here your tool meets your earlier answer. Build the joint covariance of the fork $a = 5c + \text{noise}$,
# $b = c + \text{noise}$ by hand, condition on $a = 1$, and compare with `predict_b`. Then condition on $c$ as well: the
# covariance of $a$ and $b$ is gone.

# %% tags=["explore"]
with when_written():
    S = torch.tensor([[26.0, 5.0, 5.0], [5.0, 2.0, 1.0], [5.0, 1.0, 1.0]]).double()  # a, b, c
    zero, one = torch.zeros(3).double(), torch.ones(1).double()
    mean, cov = condition(zero, S, (0,), one)
    print("b given a = 1:   by conditioning", float(mean[0]), float(cov[0, 0]))
    print("                 by predict_b   ", *(float(x) for x in predict_b(one, 5.0, 1.0, 1.0, 1.0)))
    _, cov = condition(zero, S, (2,), one)
    print("covariance of a and b given c:  ", float(cov[0, 1]))

# %% [markdown]
# Two Gaussian numbers with correlation $\rho$ share
#
# $$\mathrm{I}(a;\, b) = -\tfrac12 \log(1 - \rho^2) \tag{1.31}$$
#
# nats. It follows from (1.20): the joint density and the two single ones differ by the factor $\sqrt{1-\rho^2}$ in front,
# and the exponents cancel on average: $-\frac12$ for each coordinate, in both. This is the number that the graph editor shows.

# %% tags=["explore"]
equation("1.31")

# %% [markdown]
# ### Tool 4: the Kullback-Leibler divergence
#
# How different are two distributions, call them $q$ and $p$? Draw from $q$, and ask by how much $q$ finds the draw more
# likely than $p$ does, in logarithms, on average. For two Gaussians on the line there is a closed form:
#
# $$D_{\mathrm{KL}}(q\,\|\,p) = \mathbb{E}_{x \sim q}\big[\log q(x) - \log p(x)\big] = \tfrac12\left[\frac{(m_q - m_p)^2}{v_p} + \frac{v_q}{v_p} - 1 - \log\frac{v_q}{v_p}\right] \tag{1.32}$$
#
# *Derivation.* $\log q(x) = -\frac12\log(2\pi v_q) - \frac{(x-m_q)^2}{2v_q}$, and its average over $q$ is
# $-\frac12\log(2\pi v_q) - \frac12$, because $\mathbb{E}_q[(x-m_q)^2] = v_q$. For $\log p(x)$ we need
# $\mathbb{E}_q[(x-m_p)^2]$. Write $x - m_p = (x - m_q) + (m_q - m_p)$ and square: the mixed term has average 0, so it is
# $v_q + (m_q-m_p)^2$. Subtract, and the constants $\log 2\pi$ cancel.
#
# **It is never negative.** The logarithm is a curve that bends downwards, so the average of a logarithm is at most the
# logarithm of the average (this is Jensen's inequality, and lesson 03 lives on it):
#
# $$-D_{\mathrm{KL}}(q\,\|\,p) = \mathbb{E}_q\Big[\log\frac{p(x)}{q(x)}\Big] \;\le\; \log \mathbb{E}_q\Big[\frac{p(x)}{q(x)}\Big] = 0 \tag{1.33}$$
#
# The last average is $\int q\,\frac{p}{q} = \int p = 1$. (If $p$ also lives where $q$ is 0, it is below 1, and the conclusion
# holds all the more.) Mutual information (1.20) is such a divergence, between
# $p(a, b \mid c)$ and $p(a \mid c)\,p(b \mid c)$, averaged over $c$. That is why it is not negative either. A divergence
# is 0 only if $q = p$, because the logarithm is bent everywhere: the two averages agree only if $p/q$ is constant. It is not
# a distance: $D_{\mathrm{KL}}(q\,\|\,p)$ and $D_{\mathrm{KL}}(p\,\|\,q)$ differ.

# %% tags=["explore"]
equation("1.32")

# %% tags=["explore"]
equation("1.33")

# %% [markdown]
# **More coordinates.** If the coordinates are independent under $q$ and under $p$, then the logarithms of the densities
# are sums, and so is the divergence:
#
# $$D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12 \sum_{i=1}^{d} \left[\frac{(m_{q,i} - m_{p,i})^2}{v_{p,i}} + \frac{v_{q,i}}{v_{p,i}} - 1 - \log\frac{v_{q,i}}{v_{p,i}}\right] \tag{1.34}$$
#
# With full covariance matrices, each piece has its matrix form. The squared distance is measured with $\Sigma_p^{-1}$,
# the ratio of variances becomes a trace, and the product of variances a determinant:
#
# $$D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12\left[(\boldsymbol\mu_q - \boldsymbol\mu_p)^{\mathsf T}\Sigma_p^{-1}(\boldsymbol\mu_q - \boldsymbol\mu_p) + \operatorname{tr}(\Sigma_p^{-1}\Sigma_q) - d - \log\frac{\det\Sigma_q}{\det\Sigma_p}\right] \tag{1.35}$$

# %% tags=["explore"]
equation("1.34")

# %% tags=["explore"]
equation("1.35")

# %% [markdown]
# ### Exercise 1.17: the divergence
#
# `graphs.kl` · difficulty 2 · core · 10 minutes · 5 points · equation (1.34)

# %% exercise="graphs.kl"
def kl(mean_q, var_q, mean_p, var_p):
    """KL(q || p) of Gaussians with independent coordinates, in nats.

    Means and variances (not standard deviations), each (B, *D).  Returns (B,).
    """
    ### BEGIN SOLUTION
    ratio = var_q / var_p
    parts = (mean_q - mean_p) ** 2 / var_p + ratio - 1 - torch.log(ratio)
    return 0.5 * parts.flatten(1).sum(1)
    ### END SOLUTION

# %% check="graphs.kl" points=5
check("graphs.kl", kl)

# %% tags=["explore"]
with when_written():
    stds = torch.linspace(0.2, 3, 200, dtype=torch.float64).unsqueeze(1)
    zeros, ones = torch.zeros_like(stds), torch.ones_like(stds)
    picture = plots.curves(
        stds.squeeze(1),
        {
            r"KL(q || p)": kl(zeros, stds**2, zeros, ones),
            r"KL(p || q)": kl(zeros, ones, zeros, stds**2),
        },
        alt="Two divergences of q = N(0, s^2) and p = N(0, 1) against s: both are 0 at s = 1. For small s, KL(p || q) "
        "rises steeply; for large s, KL(q || p) is the larger one.",
        x_label="standard deviation s of q, with p = N(0, 1)",
        y_label="nats",
    )
    display(picture)

# %% [markdown]
# The picture shows that the order matters. A narrow $q$ calls most draws of $p$ nearly impossible, so
# $D_{\mathrm{KL}}(p\,\|\,q)$ is huge. The other way round it is mild: the draws of $q$ are all quite likely under $p$.
#
# ### Tool 5: the divergence with equal variances
#
# If both variances are the same number $v$ in all coordinates, everything in (1.34) cancels but the distance:
#
# $$D_{\mathrm{KL}}\!\left(\mathcal{N}(\mathbf{m}_q, v\mathbf{I})\,\|\,\mathcal{N}(\mathbf{m}_p, v\mathbf{I})\right) = \frac{\|\mathbf{m}_q - \mathbf{m}_p\|^2}{2v} \tag{1.36}$$
#
# A squared distance! This is the reason why the loss of a diffusion model is a plain squared error. Lessons 03 and 04 lead
# to the two Gaussians that have to be compared, and then this line does the rest.

# %% tags=["explore"]
equation("1.36")

# %% [markdown]
# ## Written question
#
# A friend studies people who were admitted to a film school. Applicants have talent $a$ and famous parents $b$, and
# among all applicants the two have nothing to do with each other. The school admits, $c = 1$, whoever has enough of
# both together. Your friend finds: "Among our students, those with famous parents have less talent. Fame must spoil
# children."
#
# 1. Draw the graph in words (which arrows?) and give the factorization.
# 2. Explain your friend's finding with it. Which of the lesson's equations says that $a$ and $b$ are dependent among the
#    students although they are not among the applicants?
# 3. In the diffusion chain $\mathbf{x}_0 \to \mathbf{x}_1 \to \dots$ no set of observed steps can make two others
#    dependent that were independent before. Why?
#
# Answer in a few sentences with formulas. 6 points, graded by hand.

# %% [markdown] written="graphs.film_school" points=6
# <!-- BEGIN SOLUTION -->
# **Model answer.** (1) $a \to c \leftarrow b$, $p(a, b, c) = p(a)\,p(b)\,p(c \mid a, b)$. (2) It is a collider. Among applicants
# $c$ is not observed and $p(a, b) = p(a)\,p(b)$, (1.17). Among students $c = 1$ is observed, and by (1.18)
# $p(a \mid b, c=1) \propto p(a)\,p(c=1 \mid a, b)$ depends on $b$: who has famous parents needed less talent to get in, so less is
# found. It is explaining away; nothing spoils anybody. (3) Observing can only open a path at a collider (or below one). In a chain
# every inner node has one arrow in and one out, so there is no collider, and observing can only close paths.
#
# **Rubric.** Graph and factorization 1 + 1. Collider with $c$ observed by selection 1, the equation or the argument that $b$
# matters once $c$ is known 1. Chain: only colliders can be opened 1, a chain has none 1.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What you have now
#
# - A graph is a factorization: one factor for each node, given its parents (1.2). What it says lies in the arrows that
#   are missing.
# - Two rules do all the work: sum over what is unknown (1.8), divide by what is known (1.5).
# - Fork and chain: dependent (1.10, 1.14), independent given the middle (1.12, 1.15). Collider: independent (1.17),
#   dependent given the middle (1.18).
# - In any graph, follow the news: forks and chains close when observed, colliders open.
# - In the diffusion chain, $q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2)$ (1.22), but
#   $q(\mathbf{x}_2 \mid \mathbf{x}_3, \mathbf{x}_0)$ needs all it has (1.23).
# - Gaussians: affine maps (1.26), completing the square (1.28), products (1.29), conditioning (1.30), divergence (1.34),
#   and with equal variances a squared distance (1.36).
#
# **Where this is in the books and papers.**
#
# - Pearl 1988, *Probabilistic Reasoning in Intelligent Systems*: graphs, d-separation, explaining away.
# - Bishop 2006, *Pattern Recognition and Machine Learning*: factorization, section 8.1; the three small graphs and
#   d-separation, section 8.2; Gaussians, section 2.3.
# - Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*: the first use of such a
#   chain for images.
# - Ho et al. 2020, *Denoising Diffusion Probabilistic Models*: the chain is in section 2; the divergence with equal
#   variances is what turns the bound into a squared error, eq. 8.
#
# Next, lesson 02 gives each arrow of the diffusion chain its numbers.
