"""Where a policy leads: `state_distribution`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_table


def state_distribution(p_s0: Tensor, policy: Tensor, transition: Tensor, T: int) -> Tensor:
    """Equation (1.25), T times."""
    step = torch.einsum("sa,san->sn", policy, transition)
    p = p_s0
    for _ in range(T):
        p = p @ step
    return p


def _walk(p: Tensor, step: Tensor, T: int) -> Tensor:
    for _ in range(T):
        p = p @ step
    return p


def _draw_worlds(d: Draw) -> Iterator[Case]:
    S, A = 4, 3
    start, policy, move = random_table(d, S), random_table(d, S, A), random_table(d, S, A, S)
    # Peaked tables: else every walk is at its end after two steps, whatever the policy.
    move = move**6 / (move**6).sum(-1, keepdim=True)
    policy = policy**3 / (policy**3).sum(-1, keepdim=True)
    T = d.integer(3, 4)
    yield Case("a few steps", (start, policy, move, T))
    yield Case("as many actions as states", _square(d, T - 1))
    yield Case("one step", (start, policy, move, 1), "edges")
    yield Case("no step", (start, policy, move, 0), "edges")
    yield Case("one action only", (start, policy[:, :1] / policy[:, :1], move[:, :1], T), "edges")
    yield Case("forty steps", (start, policy, move, 40), "edges")
    yield Case("float32 stays float32", (start.float(), policy.float(), move.float(), 2), "edges", strict_dtype=True)
    yield Case("called twice", (start, policy, move, T), "clean", "twice")
    cotangent = d.randn(S, dtype=torch.float64)
    yield Case("gradient in the policy", (start, policy, move, 2), "clean", "gradient", wrt=1, cotangent=cotangent)


def _square(d: Draw, T: int) -> tuple[Tensor, Tensor, Tensor, int]:
    move = random_table(d, 3, 3, 3) ** 6
    return random_table(d, 3), random_table(d, 3, 3), move / move.sum(-1, keepdim=True), T


def _uniform(p_s0: Tensor, policy: Tensor, transition: Tensor, T: int) -> Tensor:
    return _walk(p_s0, transition.mean(1), T)


def _greedy(p_s0: Tensor, policy: Tensor, transition: Tensor, T: int) -> Tensor:
    best = torch.nn.functional.one_hot(policy.argmax(1), policy.shape[1]).to(policy)
    return state_distribution(p_s0, best, transition, T)


def _one_plan(p_s0: Tensor, policy: Tensor, transition: Tensor, T: int) -> Tensor:
    """An action is drawn by what is expected at the state's average, whatever the state is."""
    p = p_s0
    for _ in range(T):
        action = p @ policy
        p = torch.einsum("s,a,san->n", p, action, transition)
    return p


def _kept(p_s0: Tensor, policy: Tensor, transition: Tensor, T: int) -> Tensor:
    if T == 0:
        return p_s0
    first = torch.einsum("s,sa,san->na", p_s0, policy, transition)
    for _ in range(T - 1):
        first = torch.einsum("sa,san->na", first, transition)
    return first.sum(1)


EXERCISE = Exercise(
    name="graphs.state_distribution",
    prompt="Give the distribution of the state after T decisions of a policy.",
    signature="state_distribution(p_s0 (S,), policy (S, A), transition (S, A, S), T int) -> p(s_T) (S,)",
    reference=state_distribution,
    draw=_draw_worlds,
    criteria=criteria(3, 1, 1, at="one step, no step, one action, many steps, dtypes"),
    equation="1.25",
    difficulty=3,
    minutes=12,
    level="stretch",
    hints=(
        "One step at a time: from p(s_t) to p(s_{t+1}). Two things are unknown on the way, the state and the action: sum over both.",
        "p(s') = sum over s and a of p(s) pi(a | s) p(s' | s, a). In the graph that is a chain of states once actions are summed out.",
        'step = torch.einsum("sa,san->sn", policy, transition); then T times: p = p @ step',
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "policy forgotten",
            _uniform,
            "all actions count the same for you. Weigh them by the policy pi(a | s).",
        ),
        Misconception(
            "best action only",
            _greedy,
            "you take the most likely action of each state. The policy is random: every action counts with its probability.",
        ),
        Misconception(
            "action blind to the state",
            _one_plan,
            "you averaged the policy over the states before using it. The arrow s -> a says that the action depends on "
            "the very state from which the step is taken.",
        ),
        Misconception(
            "one action for ever",
            _kept,
            "you draw one action at the start and keep it. A new action is drawn in every state.",
        ),
        Misconception(
            "backwards",
            lambda p, pi, move, T: _walk(p, torch.einsum("sa,san->ns", pi, move), T),
            "your matrix is transposed: you sum over the state that is reached. Sum over the state that is left.",
        ),
        Misconception(
            "a step too many",
            lambda p, pi, move, T: state_distribution(p, pi, move, T + 1),
            "you take T + 1 steps. T decisions lead from s_0 to s_T.",
        ),
        Misconception(
            "a step too few",
            lambda p, pi, move, T: state_distribution(p, pi, move, max(T - 1, 0)),
            "you take T - 1 steps. T decisions lead from s_0 to s_T.",
        ),
        Misconception(
            "start forgotten",
            lambda p, pi, move, T: state_distribution(torch.full_like(p, 1 / len(p)), pi, move, T),
            "you begin with all states equally likely. Begin with p_s0.",
        ),
    ),
)
