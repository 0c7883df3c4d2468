"""`KafkaError` and `KafkaException`, and how the library's own errors become them."""

from __future__ import annotations

from operator import index

from .. import errors
from ._codes import CODES, FATAL, NAMES, NEAREST, RETRIABLE, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional

Text = str
"""The type, inside a class that has a method of that name."""


class _Names(type):
    """Every code is an attribute of the class."""

    def __getattr__(cls, name: Text) -> int:
        try:
            return CODES[name]
        except KeyError:
            raise AttributeError(f"KafkaError has no code {name}") from None

    def __dir__(cls) -> List[Text]:
        return [*super().__dir__(), *CODES]


class KafkaError(metaclass=_Names):
    """What went wrong: a code, its name, and a text. It is compared by its code, with another one or with a number.

    >>> from ckafka.client import KafkaError
    >>> error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "no topic orders")
    >>> error.code(), error.name(), error.str(), error == KafkaError.UNKNOWN_TOPIC_OR_PART
    (3, 'UNKNOWN_TOPIC_OR_PART', 'no topic orders', True)
    """

    __slots__ = ("_code", "_text", "_fatal", "_retriable", "_abort")

    def __init__(
        self,
        error: int,
        reason: Optional[Text] = None,
        fatal: bool = False,
        retriable: bool = False,
        txn_requires_abort: bool = False,
    ) -> None:
        self._code = index(error)
        self._text = reason if reason is not None else text_of(self._code)
        self._fatal, self._retriable, self._abort = bool(fatal), bool(retriable), bool(txn_requires_abort)

    def code(self) -> int:
        """The number: Kafka's from -1 up, librdkafka's below."""
        return self._code

    def name(self) -> Text:
        """The number's name, for example `_TIMED_OUT`."""
        return NAMES.get(self._code, f"ERR_{self._code}?")

    def str(self) -> Text:
        """What happened, in words."""
        return self._text

    def fatal(self) -> bool:
        """Whether the client can do nothing more."""
        return self._fatal

    def retriable(self) -> bool:
        """Whether the same call may succeed later."""
        return self._retriable

    def txn_requires_abort(self) -> bool:
        """Whether a transaction has to be aborted."""
        return self._abort

    def __eq__(self, other: object) -> bool:
        if isinstance(other, KafkaError):
            return self._code == other._code
        return self._code == other if isinstance(other, int) else NotImplemented

    def __lt__(self, other: Any) -> bool:
        return bool(self._code < (other._code if isinstance(other, KafkaError) else other))

    def __hash__(self) -> int:
        return hash(self._code)

    def __repr__(self) -> Text:
        fatal = "FATAL," if self._fatal else ""
        return f'KafkaError{{{fatal}code={self.name()},val={self._code},str="{self._text}"}}'

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return KafkaError, (self._code, self._text, self._fatal, self._retriable, self._abort)


class KafkaException(Exception):
    """What is raised; `args[0]` is the `KafkaError`.

    >>> from ckafka.client import KafkaException, Producer
    >>> try:
    ...     Producer({"ckafka.path": path, "linger.sm": 5})
    ... except KafkaException as exception:
    ...     exception.args[0].name()
    '_INVALID_ARG'
    """


def failed(name: str, text: str) -> KafkaException:
    """An exception of a code that is given by name."""
    return KafkaException(KafkaError(CODES[name], text))


def kafka_error(error: errors.Error, what: str = "") -> KafkaError:
    """An error of the library as one of the client's; what librdkafka has no number for goes under the nearest one."""
    name = NEAREST.get(type(error))
    code = error.code if name is None else CODES[name]
    text = f"{what}: {error.message}" if what else error.message
    return KafkaError(code, text, isinstance(error, FATAL), isinstance(error, RETRIABLE))


def not_here(what: str, instead: str) -> KafkaException:
    """What this version has not, and what to do in its place."""
    return failed("_NOT_IMPLEMENTED", f"{what} is not in this version of libckafka: {instead}")
