"""Mutants of lesson 03's references that are right."""

SAME_LENGTH = "only the number of entries is used, and all tables and paths have T + 1 of them"

EQUIVALENT: dict[str, dict[str, str]] = {
    "bound.log_joint": {"x -> means #2": SAME_LENGTH, "x -> var #2": SAME_LENGTH},
    "bound.chain_log_likelihood": {"a -> b": SAME_LENGTH, "a -> var": SAME_LENGTH},
    "bound.log_q": {"x -> beta": SAME_LENGTH},
}
