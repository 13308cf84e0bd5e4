"""The one small language of filters, such as `provider = aws and not tag:env = prod and cost > 10.5`.

    filter     = all { "or" all }
    all        = part { "and" part }
    part       = "not" part | "(" filter ")" | "exists" path | path comparison
    comparison = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | ("^=" | "~") (text | word)
               | "in" "(" value { "," value } ")"
    path       = name { "." (name | text) } | name ":" (text | word)
    value      = text | number | word

A text is a JSON string and a number a JSON number. A word is a text that needs no quotes, for it has no
space, comma, parenthesis, quote or sign of comparison and is none of the language's own words. `^=` is
"starts with" and `~` is "contains". What a path means is for whoever uses the filter to say; here is no
database.
"""

import dataclasses
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from accounts.wire import check_value, exact_number

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 16
MAX_TERMS: Final = 50
WORDS: Final = frozenset({"name", "number", "word", "other"})
KEYWORDS: Final = frozenset({"and", "or", "not", "in", "exists"})
COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=", "^=", "~")
_TOKEN: Final = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")
      | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<sign>!=|<=|>=|\^=|[=<>~(),.:])
      | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<other>[^\s"(),=<>~!^.:])""",
    re.VERBOSE | re.DOTALL,
)

Value = str | Decimal


class GrammarError(ValueError):
    """`position` is a character of the text, from 0; `expected` says what belongs there."""

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(f"at character {position + 1}: expected {expected}.")
        self.position = position
        self.expected = expected


@dataclasses.dataclass(frozen=True, slots=True)
class Path:
    names: tuple[str, ...]
    position: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is one of COMPARISONS; `^=` and `~` have a text."""

    path: Path
    operator: str
    value: Value


@dataclasses.dataclass(frozen=True, slots=True)
class In:
    """At least one value; all texts or all numbers."""

    path: Path
    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Exists:
    path: Path


@dataclasses.dataclass(frozen=True, slots=True)
class Not:
    part: "Filter"


@dataclasses.dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Filter", ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Filter", ...]


Leaf = Compare | In | Exists
Filter = Leaf | Not | And | Or
EVERYTHING: Final = And(())


def leaves(part: Filter) -> Iterator[Leaf]:
    """The comparisons of a filter."""
    if isinstance(part, And | Or):
        for inner in part.parts:
            yield from leaves(inner)
    elif isinstance(part, Not):
        yield from leaves(part.part)
    else:
        yield part


@dataclasses.dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse_filter(text: str) -> Filter:
    """The filter that a text says, within MAX_LENGTH, MAX_DEPTH and MAX_TERMS; or GrammarError."""
    parser = _Parser(text)
    found = parser.any_of(0)
    parser.finish("and, or, or the end")
    return found


def parse_path(text: str) -> Path:
    """The one path that a text says; or GrammarError."""
    parser = _Parser(text)
    found = parser.path()
    parser.finish("a dot or the end")
    return found


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise GrammarError(MAX_LENGTH, f"the end: at most {MAX_LENGTH} characters")
    tokens, place = [], 0
    while (place := _skip_space(text, place)) < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise GrammarError(place, "a name, a quoted text, a number or an operator")
        kind = match.lastgroup or ""
        word = kind == "name" and match.group() in KEYWORDS
        tokens.append(_Token("word" if word else kind, match.group(), place))
        place = match.end()
    return [*tokens, _Token("end", "", place)]


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


class _Parser:
    def __init__(self, text: str) -> None:
        self.source = text
        self.tokens = _tokens(text)
        self.place = 0
        self.terms = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self, *texts: str) -> bool:
        """Step over the next token when it is one of these signs or words."""
        found = self.next.kind in {"sign", "word"} and self.next.text in texts
        self.place += found
        return found

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.error(text)

    def error(self, expected: str) -> GrammarError:
        return GrammarError(self.next.position, expected)

    def finish(self, expected: str) -> None:
        if self.next.kind != "end":
            raise self.error(expected)

    def any_of(self, depth: int) -> Filter:
        parts = [self.all_of(depth)]
        while self.take("or"):
            parts.append(self.all_of(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self, depth: int) -> Filter:
        parts = [self.part(depth)]
        while self.take("and"):
            parts.append(self.part(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def part(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise self.error(f"at most {MAX_DEPTH} levels of parentheses and not")
        if self.take("not"):
            return Not(self.part(depth + 1))
        if self.take("("):
            inside = self.any_of(depth + 1)
            self.need(")")
            return inside
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise self.error(f"at most {MAX_TERMS} comparisons")
        return Exists(self.path()) if self.take("exists") else self.comparison(self.path())

    def comparison(self, path: Path) -> Filter:
        operator = self.next.text
        if self.take("in"):
            return In(path, self.values())
        if not self.take(*COMPARISONS):
            raise self.error(f"one of {' '.join(COMPARISONS)} in")
        if operator not in {"^=", "~"}:
            return Compare(path, operator, self.value())
        return Compare(path, operator, self.text() if self.next.kind == "text" else self.word("a text"))

    def values(self) -> tuple[Value, ...]:
        self.need("(")
        values = [self.value()]
        kind = str if isinstance(values[0], str) else Decimal
        while self.take(","):
            start = self.next.position
            values.append(self.value())
            if not isinstance(values[-1], kind):
                raise GrammarError(start, f"a {'text' if kind is str else 'number'} as before")
        self.need(")")
        return tuple(values)

    def value(self) -> Value:
        token = self.next
        if token.kind == "text":
            return self.text()
        word = self.word("a text or a number")
        if word != token.text or token.kind != "number":
            return word
        try:
            return exact_number(word)
        except ValueError as error:
            raise GrammarError(token.position, f"another number: {error}") from error

    def word(self, expected: str) -> str:
        """The text of all tokens that stand together from here on, which is no word of the language."""
        first = self.next
        end = first.position
        while self.next.position == end and (self.next.kind in WORDS or self.next.text in {".", ":"}):
            end += len(self.next.text)
            self.place += 1
        found = self.source[first.position : end]
        if not found or found in KEYWORDS:
            raise GrammarError(first.position, expected)
        try:
            check_value(found)
        except ValueError as error:
            raise GrammarError(first.position, f"another text: {error}") from error
        return found

    def text(self) -> str:
        token = self.next
        self.place += 1
        try:
            found = str(json.loads(token.text, strict=False))
            check_value(found)
        except ValueError as error:
            raise GrammarError(token.position, f"another text: {error}") from error
        return found

    def path(self) -> Path:
        start = self.next
        if start.kind != "name":
            raise self.error("a property such as user_id or metrics.tokens")
        self.place += 1
        names = [start.text]
        if self.take(":"):
            key = self.text() if self.next.kind == "text" else self.word("a name or a quoted text")
            return Path((start.text, key), start.position)
        while self.take("."):
            names.append(self.name())
        return Path(tuple(names), start.position)

    def name(self) -> str:
        token = self.next
        if token.kind == "text":
            return self.text()
        if token.kind not in {"name", "word"}:
            raise self.error("a name or a quoted text")
        self.place += 1
        return token.text
