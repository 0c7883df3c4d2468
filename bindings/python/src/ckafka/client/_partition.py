"""Which partition a key goes to, by librdkafka's names for its partitioners: the same ones as on a cluster."""

from __future__ import annotations

from random import randrange
from zlib import crc32

from .._lib import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Optional

    Hash = Callable[[bytes, int], int]


def consistent(key: bytes, count: int) -> int:
    """CRC-32 of the key."""
    return crc32(key) % count


def murmur2(key: bytes, count: int) -> int:
    """What Kafka's Java client takes."""
    return int(lib.ckafka_partition_for_key(key, len(key), count))


def fnv1a(key: bytes, count: int) -> int:
    """FNV-1a with 32 bits, taken as a signed number of which the sign is dropped."""
    state = 0x811C9DC5
    for byte in key:
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return (state if state < 1 << 31 else (1 << 32) - state) % count


def random(key: bytes, count: int) -> int:
    """Any."""
    return randrange(count)


class Partitioner:
    """One of them. `hashed` tells where a key goes; `spread` whether a record may go anywhere instead."""

    def __init__(self, name: str) -> None:
        hashes: Dict[str, Hash] = {"consistent": consistent, "murmur2": murmur2, "fnv1a": fnv1a, "random": random}
        self._hash = hashes[name.removesuffix("_random")]
        self._all_spread = name == "random"
        self._empty_spread = name == "consistent_random"
        self._null_spread = name.endswith("_random")

    def spread(self, key: Optional[bytes]) -> bool:
        """Whether a record with this key has no place of its own: such ones stay together for as long as a batch."""
        if key is None:
            return self._null_spread or self._all_spread
        return self._all_spread or (self._empty_spread and not key)

    def place(self, key: Optional[bytes], count: int) -> int:
        """The partition of a key."""
        return self._hash(key or b"", count)
