"""Lesson 01: right answers in other styles, and answers that forward to the library."""

from grader.demo.answers.kinds import Answers

LOOPS = {
    "graphs.joint_prob": """
def joint_prob(parents, tables, x):
    out = []
    for row in x.tolist():
        p = 1.0
        for i, above in enumerate(parents):
            table = tables[i]
            for j in above:
                table = table[row[j]]
            p = p * table[row[i]]
        out.append(p)
    return torch.stack(out)
""",
    "graphs.marginal": """
import itertools

def marginal(joint, keep):
    out = torch.zeros([joint.shape[i] for i in keep], dtype=joint.dtype)
    for index in itertools.product(*(range(n) for n in joint.shape)):
        place = tuple(index[i] for i in keep)
        unit = torch.zeros_like(out)
        unit[place] = 1
        out = out + unit * joint[index]
    return out
""",
    "graphs.conditional": """
def conditional(joint, given):
    slices = []
    for piece in joint.unbind(given):
        total = piece.sum()
        slices.append(piece / total if total > 0 else piece)
    return torch.stack(slices, given)
""",
    "graphs.is_independent": """
def is_independent(joint, tol):
    for i in range(joint.shape[0]):
        for j in range(joint.shape[1]):
            if abs(joint[i, j] - sum(joint[i]) * sum(joint[:, j])) > tol:
                return False
    return True
""",
    "graphs.is_independent_given_c": """
def is_independent_given_c(joint, tol):
    for k in range(joint.shape[2]):
        part = joint[:, :, k]
        if part.sum() == 0:
            continue
        if not is_independent(part / part.sum(), tol):
            return False
    return True
""",
    "graphs.fork_joint": """
def fork_joint(p_c, a_given_c, b_given_c):
    slices = []
    for k in range(len(p_c)):
        slices.append(p_c[k] * torch.outer(a_given_c[k], b_given_c[k]))
    return torch.stack(slices, dim=2)
""",
    "graphs.b_given_a": """
def b_given_a(p_c, a_given_c, b_given_c):
    rows = []
    for i in range(a_given_c.shape[1]):
        weights = [p_c[k] * a_given_c[k, i] for k in range(len(p_c))]
        total = sum(weights)
        rows.append(sum(w / total * b_given_c[k] for k, w in enumerate(weights)))
    return torch.stack(rows)
""",
    "graphs.explaining_away": """
def explaining_away(p_a, p_b, c_given_ab):
    A, B, C = c_given_ab.shape
    columns = []
    for j in range(B):
        for k in range(C):
            top = torch.stack([p_a[i] * c_given_ab[i, j, k] for i in range(A)])
            columns.append(top / top.sum())
    return torch.stack(columns, 1).reshape(A, B, C)
""",
    "graphs.mutual_information": """
def mutual_information(joint):
    total = 0.0
    A, B, C = joint.shape
    for k in range(C):
        p_c = joint[:, :, k].sum()
        for i in range(A):
            for j in range(B):
                p = joint[i, j, k]
                if p > 0:
                    total = total + p * torch.log(p * p_c / (joint[i, :, k].sum() * joint[:, j, k].sum()))
    return total
""",
    "graphs.state_distribution": """
def state_distribution(p_s0, policy, transition, T):
    p = p_s0
    S, A = policy.shape
    for _ in range(T):
        new = torch.zeros_like(p)
        for s in range(S):
            for a in range(A):
                new = new + p[s] * policy[s, a] * transition[s, a]
        p = new
    return p
""",
    "graphs.kl": """
def kl(mean_q, var_q, mean_p, var_p):
    out = []
    for mq, vq, mp, vp in zip(mean_q, var_q, mean_p, var_p):
        total = 0.0
        for a, b, c, d in zip(mq.reshape(-1), vq.reshape(-1), mp.reshape(-1), vp.reshape(-1)):
            total = total + ((a - c) ** 2 / d + b / d - 1 - torch.log(b) + torch.log(d)) / 2
        out.append(total)
    return torch.stack(out)
""",
    "graphs.d_separated": """
def d_separated(parents, x, y, given):
    # Married ancestors: the moral graph of all that is named, and of what is above it.
    keep = {x, y, *given}
    for i in reversed(range(len(parents))):
        if i in keep:
            keep |= set(parents[i])
    friends = {i: set() for i in keep}
    for i in keep:
        family = [i, *parents[i]]
        for u in family:
            for v in family:
                if u != v:
                    friends[u].add(v)
    seen, todo = {x}, [x]
    while todo:
        for v in friends[todo.pop()]:
            if v not in seen and v not in given:
                seen.add(v)
                todo.append(v)
    return y not in seen
""",
}

OTHER_FORMULAS = {
    "graphs.joint_prob": """
def joint_prob(parents, tables, x):
    logs = [torch.log(tables[i][tuple(x[:, j] for j in (*above, i))]) for i, above in enumerate(parents)]
    return torch.exp(torch.stack(logs).sum(0))
""",
    "graphs.marginal": """
def marginal(joint, keep):
    letters = "abcdefgh"[: joint.ndim]
    return torch.einsum(f"{letters}->{''.join(letters[i] for i in keep)}", joint)
""",
    "graphs.conditional": """
def conditional(joint, given):
    flat = joint.movedim(given, 0).flatten(1)
    total = flat.sum(1, keepdim=True)
    flat = torch.where(total > 0, flat / total.clamp(min=1e-300), 0)
    return flat.reshape(joint.movedim(given, 0).shape).movedim(0, given)
""",
    "graphs.is_independent": """
def is_independent(joint, tol):
    product = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return torch.allclose(joint, product, rtol=0, atol=tol)
""",
    "graphs.is_independent_given_c": """
def is_independent_given_c(joint, tol):
    p_c = joint.sum((0, 1))
    q = joint[..., p_c > 0] / p_c[p_c > 0]
    return torch.all((q - torch.einsum("abc,dec->aec", q, q)).abs() <= tol)
""",
    "graphs.fork_joint": """
def fork_joint(p_c, a_given_c, b_given_c):
    return a_given_c.mT[:, None, :] * b_given_c.mT[None, :, :] * p_c
""",
    "graphs.b_given_a": """
def b_given_a(p_c, a_given_c, b_given_c):
    joint = fork_joint(p_c, a_given_c, b_given_c).sum(2)
    return joint / joint.sum(1, keepdim=True)
""",
    "graphs.predict_b": """
def predict_b(a, gain, var_c, var_a, var_b):
    # The covariance of (a, b), and its regression of b on a.
    var_of_a, cov_ab, var_of_b = gain * gain * var_c + var_a, gain * var_c, var_c + var_b
    return a * (cov_ab / var_of_a), var_of_b - cov_ab**2 / var_of_a
""",
    "graphs.explaining_away": """
def explaining_away(p_a, p_b, c_given_ab):
    return torch.softmax(torch.log(p_a)[:, None, None] + torch.log(c_given_ab), dim=0)
""",
    "graphs.mutual_information": """
def mutual_information(joint):
    H = lambda p: torch.special.entr(p).sum()
    return H(joint.sum(1)) + H(joint.sum(0)) - H(joint) - H(joint.sum((0, 1)))
""",
    "graphs.d_separated": """
def d_separated(parents, x, y, given):
    # A ball that rolls: (node, does it come from a child?).
    above_seen = set(given)
    for i in reversed(range(len(parents))):
        if i in above_seen:
            above_seen |= set(parents[i])
    todo, visited = [(x, True)], set()
    while todo:
        node, from_child = todo.pop()
        if (node, from_child) in visited:
            continue
        visited.add((node, from_child))
        if node == y:
            return False
        up = [(p, True) for p in parents[node]]
        down = [(c, False) for c in range(len(parents)) if node in parents[c]]
        if from_child and node not in given:
            todo += up + down
        elif not from_child:
            todo += (down if node not in given else []) + (up if node in above_seen else [])
    return True
""",
    "graphs.droppable": """
def droppable(parents, x, given):
    gone = []
    rest = sorted(given)
    for v in sorted(given):
        without = tuple(g for g in rest if g != v)
        if d_separated(parents, x, v, without):
            gone.append(v)
            rest.remove(v)
    return gone
""",
    "graphs.state_distribution": """
def state_distribution(p_s0, policy, transition, T):
    step = (policy.unsqueeze(-1) * transition).sum(1)
    return torch.linalg.matrix_power(step.mT, T) @ p_s0
""",
    "graphs.affine": """
def affine(mean, cov, A, b, noise_cov):
    return torch.einsum("ij,j->i", A, mean) + b, torch.einsum("ij,jk,lk->il", A, cov, A) + noise_cov
""",
    "graphs.fuse": """
def fuse(m_1, v_1, m_2, v_2):
    from torch.distributions import Normal
    share = v_2 / (v_1 + v_2)
    return share * m_1 + (1 - share) * m_2, share * v_1, Normal(m_2, (v_1 + v_2).sqrt()).log_prob(m_1)
""",
    "graphs.condition": """
def condition(mean, cov, seen, value):
    # Through the precision matrix: its block is the precision of the rest.
    rest = [i for i in range(len(mean)) if i not in seen]
    P = torch.linalg.inv(cov.double())
    S = torch.linalg.inv(P[rest][:, rest])
    shift = P[rest][:, list(seen)] @ (value - mean[list(seen)]).double()
    return (mean[rest].double() - S @ shift).to(mean), S.to(mean)
""",
    "graphs.kl": """
from torch.distributions import Normal, kl_divergence

def kl(mean_q, var_q, mean_p, var_p):
    return kl_divergence(Normal(mean_q, var_q.sqrt()), Normal(mean_p, var_p.sqrt())).flatten(1).sum(1)
""",
}

FORWARDING = {
    "graphs.is_independent": """
from diffkit.graph import Joint
def is_independent(joint, tol):
    return float(Joint(("a", "b"), joint).deviation("a", "b")) <= tol
""",
    "graphs.is_independent_given_c": """
from diffkit.graph import Joint
def is_independent_given_c(joint, tol):
    return float(Joint(("a", "b", "c"), joint).deviation("a", "b", "c")) <= tol
""",
    "graphs.predict_b": """
from diffkit.gaussian import FullGaussian
def predict_b(a, gain, var_c, var_a, var_b):
    cov = torch.tensor([[gain**2 * var_c + var_a, gain * var_c], [gain * var_c, var_c + var_b]], dtype=torch.float64)
    out = FullGaussian(torch.zeros(2).double(), cov).condition([0], a.double().unsqueeze(1))
    return out.mean[:, 0].to(a), float(out.cov[0, 0])
""",
    "graphs.mutual_information": """
from diffkit.graph import Joint
def mutual_information(joint):
    return Joint(("a", "b", "c"), joint).information("a", "b", "c")
""",
    "graphs.d_separated": """
from diffkit import graph
def d_separated(parents, x, y, given):
    text = ", ".join([f"n{i}" for i in range(len(parents))]
                     + [f"n{j} -> n{i}" for i, above in enumerate(parents) for j in above])
    return graph.d_separated(graph.dag(text), f"n{x}", f"n{y}", [f"n{g}" for g in given])
""",
    "graphs.droppable": """
from diffkit import graph
def droppable(parents, x, given):
    text = ", ".join([f"n{i}" for i in range(len(parents))]
                     + [f"n{j} -> n{i}" for i, above in enumerate(parents) for j in above])
    return tuple(int(v[1:]) for v in graph.droppable(graph.dag(text), f"n{x}", [f"n{g}" for g in given]))
""",
    "graphs.affine": """
from diffkit.gaussian import FullGaussian
def affine(mean, cov, A, b, noise_cov):
    out = FullGaussian(mean, cov).affine(A, b, noise_cov)
    return out.mean, out.cov
""",
    "graphs.fuse": """
from diffkit.gaussian import Gaussian, product
def fuse(m_1, v_1, m_2, v_2):
    one, two = (Gaussian(m.reshape(-1, 1), v.reshape(-1, 1)) for m, v in ((m_1, v_1), (m_2, v_2)))
    both, log_z = product(one, two)
    return both.mean.reshape(m_1.shape), both.var.reshape(m_1.shape), log_z.reshape(m_1.shape)
""",
    "graphs.condition": """
from diffkit.gaussian import FullGaussian
def condition(mean, cov, seen, value):
    out = FullGaussian(mean, cov).condition(list(seen), value)
    return out.mean, out.cov
""",
    "graphs.kl": """
from diffkit import gaussian
def kl(mean_q, var_q, mean_p, var_p):
    return gaussian.kl(gaussian.Gaussian(mean_q, var_q), gaussian.Gaussian(mean_p, var_p))
""",
}

ANSWERS = Answers(loops=LOOPS, other_formulas=OTHER_FORMULAS, forwarding=FORWARDING)
