"""The pickle format read as data: every name in it is a word, and nothing is imported or called.

Python's own unpickler builds whatever a file names. This one knows a short list of names, each with what to make of it
out of plain values, and refuses a file that holds any other. A file can therefore do no more than be read.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from wsexplore.zoo.readers.vocabulary import Name, Thing, UnknownNameError, Vocabulary

MOST_DIGITS = 64
"""Bytes of a whole number."""

MEMORY = 512 << 20
"""Bytes that the values of one pickle may take, by the estimates below."""

EACH = 40
"""Bytes of a small value and of its place in a list."""

ENTRY = 100
"""Bytes of an entry of a dictionary, of an empty container, or of an object."""

DEEPEST = 1_000
"""Lists, tuples and dictionaries that may be open at once."""


def parse(data: bytes | memoryview, vocabulary: Vocabulary, *, start: int = 0) -> tuple[Any, int]:
    """The value that one pickle describes, and where it ends.

    Raises:
        UnknownNameError: a name outside the vocabulary.
        ValueError: the bytes are no pickle, cut short, or make more values than `MEMORY` holds.
    """
    try:
        return _Machine(memoryview(data), vocabulary, start).run()
    except (IndexError, KeyError, TypeError, AttributeError, struct.error, UnicodeDecodeError, OverflowError):
        raise ValueError("the pickle in it is broken or cut short") from None


_MARK = object()


class _Machine:
    """A stack, a memory and a place in the bytes."""

    def __init__(self, data: memoryview, vocabulary: Vocabulary, place: int):
        self.data, self.vocabulary, self.place = data, vocabulary, place
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.depth = 0
        self.left = MEMORY

    def run(self) -> tuple[Any, int]:
        while True:
            code = self.data[self.place]
            self.place += 1
            self.spend(EACH)
            if code == 0x2E:
                return self.stack.pop(), self.place
            step = _STEPS.get(code)
            if step is None:
                raise ValueError(f"the pickle in it holds the instruction {code}, which no file of weights needs")
            step(self)

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ValueError("the pickle in it makes more values than any file of weights needs")

    def take(self, count: int) -> memoryview:
        if count < 0 or self.place + count > len(self.data):
            raise IndexError
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self, form: str) -> str:
        data = self.take(self.number(form))
        self.spend(4 * len(data))
        return str(data, "utf-8", "surrogatepass").encode("utf-8", "replace").decode()

    def bytes(self, form: str) -> bytes:
        data = self.take(self.number(form))
        self.spend(2 * len(data))
        return bytes(data)

    def line(self) -> str:
        rest = bytes(self.data[self.place : self.place + 512])
        end = rest.index(b"\n") if b"\n" in rest else -1
        if end < 0:
            raise IndexError
        self.place += end + 1
        return rest[:end].decode()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def empty(self, value: Any) -> None:
        self.spend(ENTRY)
        self.stack.append(value)

    def mark(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError("the pickle in it is nested deeper than any file of weights")
        self.stack.append(_MARK)

    def since_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                self.spend(8 * (len(self.stack) - place))
                values = self.stack[place + 1 :]
                del self.stack[place:]
                self.depth -= 1
                return values
        raise IndexError

    def last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise IndexError
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return values

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        found = Name(module, name)
        if not self.vocabulary.knows(found):
            raise UnknownNameError(found)
        self.push(found)

    def call(self) -> None:
        function, arguments = self.last(2)
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise TypeError
        self.push(self.made(function, arguments))

    def made(self, kind: Name, arguments: tuple[Any, ...]) -> Any:
        self.spend(2 * ENTRY + sum(map(_cost, arguments)))
        if str(kind) in self.vocabulary.make:
            return self.vocabulary.make[str(kind)](arguments)
        return Thing(kind)

    def new(self, *, keywords: bool = False) -> None:
        if keywords:
            self.last(1)
        kind, arguments = self.last(2)
        if not isinstance(kind, Name) or not isinstance(arguments, tuple):
            raise TypeError
        self.push(self.made(kind, arguments))

    def build(self) -> None:
        (state,) = self.last(1)
        target = self.stack[-1]
        if isinstance(target, Thing):
            parts = state if isinstance(state, tuple) else (state,)
            for part in parts:
                self.spend(EACH)
                if isinstance(part, dict):
                    self.spend(_cost(part))
                    target.attributes.update({key: value for key, value in part.items() if isinstance(key, str)})
        elif hasattr(target, "set_state"):
            target.set_state(state, self.spend)

    def append(self, values: Iterable[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError
        self.stack[-1].extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Thing):
            return
        if not isinstance(target, dict) or len(values) % 2:
            raise TypeError
        self.spend(ENTRY * len(values) // 2)
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int | float | bool | None):
                raise TypeError
            target[key] = value

    def whole_number(self, length: int) -> None:
        if length > MOST_DIGITS:
            raise OverflowError
        self.push(int.from_bytes(self.take(length), "little", signed=True))

    def remember(self, place: int) -> None:
        self.spend(ENTRY)
        self.memory[place] = self.stack[-1]

    def stored(self) -> None:
        (identifier,) = self.last(1)
        if self.vocabulary.stored is None:
            raise TypeError
        self.spend(ENTRY)
        self.push(self.vocabulary.stored(identifier))


Step = Callable[[_Machine], None]

_STEPS: dict[int, Step] = {
    0x80: lambda m: _check_protocol(m.number("<B")),
    0x95: lambda m: _ignore(m.take(8)),
    ord("("): lambda m: m.mark(),
    ord("0"): lambda m: _ignore(m.stack.pop()),
    ord("1"): lambda m: _ignore(m.since_mark()),
    ord("2"): lambda m: m.push(m.stack[-1]),
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("J"): lambda m: m.push(m.number("<i")),
    ord("K"): lambda m: m.push(m.number("<B")),
    ord("M"): lambda m: m.push(m.number("<H")),
    0x8A: lambda m: m.whole_number(m.number("<B")),
    0x8B: lambda m: m.whole_number(m.number("<i")),
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    ord("X"): lambda m: m.push(m.text("<I")),
    0x8C: lambda m: m.push(m.text("<B")),
    0x8D: lambda m: m.push(m.text("<Q")),
    ord("B"): lambda m: m.push(m.bytes("<I")),
    ord("C"): lambda m: m.push(m.bytes("<B")),
    0x8E: lambda m: m.push(m.bytes("<Q")),
    0x96: lambda m: m.push(m.bytes("<Q")),
    ord("T"): lambda m: m.push(m.bytes("<i").decode("latin1")),
    ord("U"): lambda m: m.push(m.bytes("<B").decode("latin1")),
    ord(")"): lambda m: m.push(()),
    ord("t"): lambda m: m.push(tuple(m.since_mark())),
    0x85: lambda m: m.push(m.last(1)),
    0x86: lambda m: m.push(m.last(2)),
    0x87: lambda m: m.push(m.last(3)),
    ord("]"): lambda m: m.empty([]),
    ord("l"): lambda m: m.push(m.since_mark()),
    ord("a"): lambda m: m.append(m.last(1)),
    ord("e"): lambda m: m.append(m.since_mark()),
    ord("}"): lambda m: m.empty({}),
    ord("d"): lambda m: _dictionary(m),
    ord("s"): lambda m: m.set_items(list(m.last(2))),
    ord("u"): lambda m: m.set_items(m.since_mark()),
    0x8F: lambda m: m.empty([]),
    0x90: lambda m: m.append(m.since_mark()),
    0x91: lambda m: m.push(m.since_mark()),
    ord("c"): lambda m: m.name(m.line(), m.line()),
    0x93: lambda m: m.name(*m.last(2)),
    ord("R"): lambda m: m.call(),
    ord("b"): lambda m: m.build(),
    0x81: lambda m: m.new(),
    0x92: lambda m: m.new(keywords=True),
    ord("Q"): lambda m: m.stored(),
    ord("q"): lambda m: m.remember(m.number("<B")),
    ord("r"): lambda m: m.remember(m.number("<I")),
    0x94: lambda m: m.remember(len(m.memory)),
    ord("h"): lambda m: m.push(m.memory[m.number("<B")]),
    ord("j"): lambda m: m.push(m.memory[m.number("<I")]),
}


def _cost(argument: Any) -> int:
    """Bytes of a copy of what a call is given."""
    if isinstance(argument, list | tuple | dict):
        return ENTRY * len(argument)
    return 2 * len(argument) if isinstance(argument, str | bytes) else 0


def _check_protocol(version: int) -> None:
    if version > 5:
        raise ValueError(f"the pickle in it has protocol {version}; this version reads up to 5")


def _ignore(_: object) -> None:
    pass


def _dictionary(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.empty({})
    machine.set_items(values)
