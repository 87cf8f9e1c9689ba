"""The words that choose stations: ``site=de-* and observed=1 and firmware>=2.1``.

A comparison is ``name op value``; ``=`` and ``!=`` know ``*`` and ``?``, the others compare as versions do.  They
are joined by ``and``, ``or``, ``not`` and parentheses; ``all`` chooses every station.  What a station has not is not
known: no comparison with it is true, ``!=`` included, so that nobody is chosen by what is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, assert_never

LONGEST: Final = 1000
FACTS: Final = (
    "identity",
    "serial",
    "vendor",
    "model",
    "firmware",
    "floor",
    "target",
    "observed",
    "connected",
)
"""Names that are not labels."""
RESERVED: Final = frozenset({*FACTS, "all", "and", "or", "not"})

Operator = Literal["=", "!=", ">=", "<=", ">", "<"]


class BadSelection(ValueError):  # noqa: N818
    """The words cannot be read; says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    name: str
    operator: Operator
    value: str


@dataclass(frozen=True, slots=True)
class Everyone:
    pass


@dataclass(frozen=True, slots=True)
class Not:
    part: "Selection"


@dataclass(frozen=True, slots=True)
class Both:
    left: "Selection"
    right: "Selection"


@dataclass(frozen=True, slots=True)
class Either:
    left: "Selection"
    right: "Selection"


Selection = Comparison | Everyone | Not | Both | Either


def matches(selection: Selection, facts: Mapping[str, str]) -> bool:
    """*facts*: what is known of a station, labels included; a name that is not known is absent."""
    match selection:
        case Everyone():
            return True
        case Comparison(name=name):
            return name in facts and _compare(facts[name], selection)
        case Not(part=part):
            return not matches(part, facts)
        case Both(left=left, right=right):
            return matches(left, facts) and matches(right, facts)
        case Either(left=left, right=right):
            return matches(left, facts) or matches(right, facts)
        case _:
            assert_never(selection)


def names(selection: Selection) -> frozenset[str]:
    """What it asks for: facts and labels."""
    match selection:
        case Everyone():
            return frozenset()
        case Comparison(name=name):
            return frozenset({name})
        case Not(part=part):
            return names(part)
        case Both(left=left, right=right) | Either(left=left, right=right):
            return names(left) | names(right)
        case _:
            assert_never(selection)


def _compare(known: str, comparison: Comparison) -> bool:
    value = comparison.value
    match comparison.operator:
        case "=":
            return fnmatchcase(known, value)
        case "!=":
            return not fnmatchcase(known, value)
        case ">=":
            return version(known) >= version(value)
        case "<=":
            return version(known) <= version(value)
        case ">":
            return version(known) > version(value)
        case "<":
            return version(known) < version(value)
        case _:
            assert_never(comparison.operator)


_Part = tuple[int, int, str]
_END: Final[_Part] = (1, 0, "")


def version(text: str) -> tuple[_Part, ...]:
    """Sorts as people count: 2.9 < 2.10, 2.1rc1 < 2.1 = 2.1.0 < 2.1.1; a leading v says nothing."""
    words = re.findall(r"\d+|[a-z]+", re.sub(r"^v(?=\d)", "", text.lower()))
    parts: list[_Part] = [(2, int(word), "") if word.isdecimal() else (0, 0, word) for word in words]
    while parts and parts[-1] == (2, 0, ""):
        parts.pop()
    return (*parts, _END)


# -- reading ------------------------------------------------------------------------------------------------
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<bracket>[()])
      | (?P<name>[A-Za-z_][\w.-]*?)\s*(?P<operator>>=|<=|!=|=|>|<)\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s()"]+))
      | (?P<word>and|or|not|all)(?![\w.=<>!-])
    )""",
    re.VERBOSE | re.ASCII,
)


def parse(text: str) -> Selection:
    """Raises `BadSelection`."""
    if len(text) > LONGEST:
        raise BadSelection(f"a selection has at most {LONGEST} characters")
    reader = _Reader(text)
    selection = reader.either()
    if reader.token is not None:
        raise reader.wrong("the end, 'and' or 'or'")
    return selection


class _Reader:
    """One token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = self._end = 0
        self.token: re.Match[str] | None = None
        self._next()

    def either(self) -> Selection:
        left = self._both()
        while self._take("or"):
            left = Either(left, self._both())
        return left

    def _both(self) -> Selection:
        left = self._one()
        while self._take("and"):
            left = Both(left, self._one())
        return left

    def _one(self) -> Selection:
        if self._take("not"):
            return Not(self._one())
        if self._take("all"):
            return Everyone()
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise self.wrong("')'")
            return inner
        token = self.token
        if token is None or token["name"] is None:
            raise self.wrong("a comparison such as site=de-*")
        self._next()
        value = token["plain"] if token["quoted"] is None else token["quoted"]
        return Comparison(name=token["name"], operator=token["operator"], value=value)  # type: ignore[arg-type]

    def _take(self, word: str) -> bool:
        if self.token is None or word not in (self.token["word"], self.token["bracket"]):
            return False
        self._next()
        return True

    def _next(self) -> None:
        self._start = self._end
        if not self._text[self._end :].strip():
            self.token = None
            return
        self.token = _TOKEN.match(self._text, self._end)
        if self.token is None:
            raise self.wrong("a comparison such as site=de-*, 'and', 'or', 'not', 'all' or a parenthesis")
        self._end = self.token.end()

    def wrong(self, expected: str) -> BadSelection:
        found = self._text[self._start :].strip()[:20]
        here = f"at {found!r}" if found else "at the end"
        return BadSelection(f"the selection cannot be read {here}: {expected} is expected there")
