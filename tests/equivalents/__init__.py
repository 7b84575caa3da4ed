"""Mutants that give the reference's numbers on every admissible input, with the reason, one module per lesson."""

from tests.equivalents import ddpm, forward_process

EQUIVALENT: dict[str, dict[str, str]] = {**forward_process.EQUIVALENT, **ddpm.EQUIVALENT}
