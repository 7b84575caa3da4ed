"""From what a platform calls a student to the id that nbgrader knows."""

import dataclasses
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from grader.collect.names import Label
from grader.people import Person, tidy_id

NUMBERS = {"Canvas": "canvas", "Moodle": "moodle"}


class Register:
    """The known people, as one download calls them.

    A number of the platform's is certain.  A name is taken only while nobody else in the download has it, and the
    person has no other number: else somebody could hand in for somebody else by taking their name.
    """

    def __init__(self, people: Mapping[str, Person], labels: Iterable[Label]) -> None:
        self.people = people
        self.users: dict[tuple[str, str], set[str]] = {}
        for who in labels:
            self.users.setdefault((who.platform, _plain(who.name)), set()).add(who.user)

    def person(self, who: Label) -> Person:
        """The known person, with the platform's number, or a new one with an id made of what the platform says."""
        number = NUMBERS.get(who.platform)
        if number is None:
            login = (p for p in self.people.values() if who.user in (p.id, p.login))
            return next(login, None) or Person(_id_of(who.user))
        for p in self.people.values():
            if getattr(p, number) == who.user:
                return p
        named = [p for p in self.people.values() if who.name and _same_name(who, p)]
        alone = len(self.users[who.platform, _plain(who.name)]) == 1
        if len(named) == 1 and alone and not getattr(named[0], number):
            return dataclasses.replace(named[0], **{number: who.user})
        first, _, last = who.name.rpartition(" ")
        return dataclasses.replace(Person(self._new_id(who), first, last), **{number: who.user})

    def _new_id(self, who: Label) -> str:
        """Of the name, which somebody may have chosen, and the number, which nobody else has.  No id that is in use."""
        name = _latin(who.name).replace(" ", "-")[:60]
        made = tidy_id(f"{name}-{who.user}") or tidy_id(f"{who.platform}-{who.user}")
        while made in self.people:
            made += "-2"
        return made


def _id_of(user: str) -> str:
    """The name as an id.  One that has to be changed gets a mark of its own: `böb` is not bob, nor any other's."""
    made = tidy_id(_latin(user))
    if made == user:
        return made
    return f"{made[:90] or 'unnamed'}-{hashlib.sha256(user.encode(errors='replace')).hexdigest()[:6]}"


def _same_name(who: Label, p: Person) -> bool:
    if who.platform == "Canvas":  # letters and digits of "last, first", small
        return re.sub(r"\W", "", f"{p.last}, {p.first}").lower() == who.name.lower()
    return _plain(p.name) == _plain(who.name)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _latin(text: str) -> str:
    """Letters without their accents; nbgrader's ids have only plain ones."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
