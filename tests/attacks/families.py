"""All families by name, as in the table of docs/security.md."""

from tests.attacks import (
    browser,
    controls,
    exhaustion,
    files,
    forgeries,
    lies,
    notebooks,
    persistence,
    stealing,
    tampering,
)
from tests.attacks.attack import Attack

ATTACKS: dict[str, tuple[Attack, ...]] = {
    "tampering": tampering.FAMILY,
    "lying values": lies.FAMILY,
    "forged messages": forgeries.MESSAGES,
    "the wire": forgeries.PROTOCOL,
    "stealing": stealing.FAMILY,
    "persistence": persistence.FAMILY,
    "notebook JSON": notebooks.FAMILY,
    "files beside it": files.FAMILY,
    "exhaustion": exhaustion.FAMILY,
    "the browser": browser.FAMILY,
}
CONTROLS: tuple[Attack, ...] = controls.FAMILY
FAMILY_OF = {a.name: family for family, attacks in ATTACKS.items() for a in attacks}
BY_NAME = {a.name: a for attacks in (*ATTACKS.values(), CONTROLS) for a in attacks}
