"""Configuration by librdkafka's names: which there are, which mean something here, and what their values may be.

A program brings the configuration that it has for a cluster. What has no meaning for a directory (brokers, security, time-outs
of requests, groups) is accepted and ignored; a name that librdkafka has not either is refused as it refuses it.
"""

from __future__ import annotations

from ._error import KafkaException, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

# Settings that say something about a directory: what they are without being set, and what reads their value.
NUMBERS: Dict[str, Tuple[int, int, int]] = {
    "message.max.bytes": (1000000, 1000, 1000000000),
    "queue.buffering.max.messages": (100000, 0, 2147483647),
    "batch.num.messages": (10000, 1, 1000000),
    "batch.size": (1000000, 1, 2147483647),
    "acks": (-1, -1, 1000),
    "fetch.message.max.bytes": (1048576, 1, 1000000000),
    "topic.metadata.propagation.max.ms": (30000, 0, 3600000),
}
CHOICES: Dict[str, Tuple[str, ...]] = {
    "compression.type": ("none", "gzip", "snappy", "lz4", "zstd", "inherit"),
    "auto.offset.reset": ("largest", "smallest", "earliest", "beginning", "latest", "end", "error"),
    "isolation.level": ("read_committed", "read_uncommitted"),
    "partitioner": (
        "consistent_random", "random", "consistent", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random",
    ),
}  # fmt: skip
FLAGS: Dict[str, bool] = {
    "enable.partition.eof": False,
    "delivery.report.only.error": False,
    "check.crcs": False,
    "enable.auto.commit": True,
    "ckafka.auto.create.topics": True,
}
TEXTS = ("bootstrap.servers", "ckafka.path", "group.id", "transactional.id")
CALLBACKS = (
    "on_delivery", "error_cb", "stats_cb", "throttle_cb", "log_cb", "on_commit", "logger", "oauth_cb", "ssl_engine_callback_data",
)  # fmt: skip
ALIASES = {
    "metadata.broker.list": "bootstrap.servers",
    "queue.buffering.max.ms": "linger.ms",
    "compression.codec": "compression.type",
    "request.required.acks": "acks",
    "max.partition.fetch.bytes": "fetch.message.max.bytes",
    "auto.commit.enable": "enable.auto.commit",
    "dr_cb": "on_delivery",
    "delivery_callback": "on_delivery",
}
IGNORED = frozenset("""
allow.auto.create.topics api.version.fallback.ms api.version.request api.version.request.timeout.ms auto.commit.interval.ms
broker.address.family broker.address.ttl broker.version.fallback builtin.features client.dns.lookup client.id client.rack
client.software.name client.software.version compression.level connections.max.idle.ms consume.callback.max.messages
coordinator.query.interval.ms debug delivery.timeout.ms enable.auto.offset.store enable.gapless.guarantee enable.idempotence
enable.metrics.push enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.sparse.connections
enable.ssl.certificate.verification fetch.error.backoff.ms fetch.max.bytes fetch.min.bytes fetch.queue.backoff.ms
fetch.wait.max.ms group.instance.id group.protocol group.protocol.type group.remote.assignor heartbeat.interval.ms
https.ca.location https.ca.pem internal.termination.signal log.connection.close log.queue log.thread.name log_level
max.in.flight max.in.flight.requests.per.connection max.poll.interval.ms max.poll.records message.copy.max.bytes
message.send.max.retries message.timeout.ms metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms
metadata.recovery.strategy metadata.request.timeout.ms offset.store.method offset.store.path offset.store.sync.interval.ms
partition.assignment.strategy plugin.library.paths produce.offset.report queue.buffering.backpressure.threshold
queue.buffering.max.kbytes queued.max.messages.kbytes queued.min.messages queuing.strategy receive.message.max.bytes
reconnect.backoff.jitter.ms reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms
retry.backoff.ms session.timeout.ms share.acknowledgement.mode socket.blocking.max.ms socket.connection.setup.timeout.ms
socket.keepalive.enable socket.max.fails socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes
socket.timeout.ms ssl_ca ssl_certificate ssl_key statistics.interval.ms sticky.partitioning.linger.ms
test.mock.broker.rtt test.mock.num.brokers topic.blacklist topic.metadata.refresh.fast.cnt
topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
transaction.timeout.ms enable_sasl_queue enabled_events
""".split())
IGNORED_FAMILIES = ("sasl.", "ssl.", "security.")
LINGER_MS = 5.0


def parse(given: Any, others: Dict[str, Any]) -> Dict[str, Any]:
    """All settings that mean something, with what was given in place of what holds otherwise.

    Keyword arguments count, too. `default.topic.config` is unpacked. `KafkaException` of `_INVALID_ARG`.
    """
    if given is not None and not isinstance(given, dict):
        raise TypeError(f"expected configuration dict, not {type(given).__name__}")
    found: Dict[str, Any] = {name: number for name, (number, _, _) in NUMBERS.items()}
    found.update((name, choices[0]) for name, choices in CHOICES.items())
    found.update(FLAGS)
    found.update({"linger.ms": LINGER_MS, "compression.type": None, "acks": None}, **dict.fromkeys(TEXTS))
    for name, value in {**(given or {}), **others}.items():
        if not isinstance(name, str):
            raise TypeError(f"expected configuration property name as type unicode string, not {type(name).__name__}")
        if name == "default.topic.config":
            if not isinstance(value, dict):
                raise TypeError("default.topic.config must be a dict")
            for topic_name, topic_value in value.items():
                _take(found, topic_name, topic_value)
        else:
            _take(found, name, value)
    return found


def _take(found: Dict[str, Any], given_name: str, value: Any) -> None:
    name = ALIASES.get(given_name, given_name)
    read = _reader_of(name)
    if read is None:
        if name in IGNORED or name.startswith(IGNORED_FAMILIES):
            return
        raise failed("_INVALID_ARG", f'No such configuration property: "{given_name}"')
    if value is None and name not in CALLBACKS:
        return
    try:
        found[name] = read(name, value)
    except KafkaException:
        raise
    except (TypeError, ValueError):
        raise failed("_INVALID_ARG", f'Invalid value for configuration property "{given_name}": {value!r}') from None


def _reader_of(name: str) -> "Callable[[str, Any], Any] | None":
    if name in NUMBERS:
        return _acks if name == "acks" else _number
    if name in CHOICES:
        return _choice
    if name in FLAGS:
        return _flag
    if name in TEXTS:
        return _text
    if name in CALLBACKS:
        return _callback
    return _linger if name == "linger.ms" else None


def _number(name: str, value: Any) -> int:
    number = int(value)
    _, least, most = NUMBERS[name]
    if not least <= number <= most:
        raise failed("_INVALID_ARG", f'Configuration property "{name}" value {number} is outside allowed range {least}..{most}')
    return number


def _acks(name: str, value: Any) -> int:
    return -1 if value == "all" else _number(name, value)


def _linger(name: str, value: Any) -> float:
    number = float(value)
    if not 0 <= number <= 900000:
        raise failed("_INVALID_ARG", f'Configuration property "{name}" value {value} is outside allowed range 0..900000')
    return number


def _choice(name: str, value: Any) -> str:
    text = str(value).lower()
    if text not in CHOICES[name]:
        raise failed("_INVALID_ARG", f'Invalid value "{value}" for configuration property "{name}"')
    return text


def _flag(name: str, value: Any) -> bool:
    return {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}.get(str(value).lower()) or _false(value)


def _false(value: Any) -> bool:
    if str(value).lower() not in ("false", "f", "0"):
        raise ValueError(value)
    return False


def _text(name: str, value: Any) -> str:
    if name != "ckafka.path":
        if not isinstance(value, str):
            raise TypeError(name)
        return value
    import os

    return os.fsdecode(value)


def _callback(name: str, value: Any) -> Any:
    if value is not None and name.endswith(("_cb", "delivery", "commit")) and not callable(value):
        raise failed("_INVALID_ARG", f"{name} requires a callable object")
    return value


def path_of(settings: Dict[str, Any]) -> str:
    """The directory: `ckafka.path`, or `bootstrap.servers` as `file:///path`."""
    if settings["ckafka.path"] is not None:
        return str(settings["ckafka.path"])
    servers = settings["bootstrap.servers"]
    if not servers:
        raise failed("_INVALID_ARG", 'No directory: set "bootstrap.servers" to file:///path, or "ckafka.path" to the path')
    if not servers.startswith("file://"):
        raise failed(
            "_INVALID_ARG",
            f'"bootstrap.servers" is {servers!r}: ckafka.client opens directories, as file:///path; for brokers use confluent_kafka',
        )
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(servers)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise failed("_INVALID_ARG", f'"bootstrap.servers" is {servers!r}: a path from the root comes after file://, as in file:///data')
    return unquote(parts.path)
