"""A file of records over a socket: the kernel moves them from the page cache to the wire, and nobody copies a byte.

    python send_records.py DIR serve PORT         waits for one receiver, and sends it the whole log
    python send_records.py DIR receive PORT       receives it into a log of its own

What goes over the wire is what lies on disk: record batches, checksums and all. The receiver checks them, and appends them
as they are.
"""

import socket
import sys

import ckafka

PIECE = 1 << 18


def serve(log, port):
    with socket.create_server(("127.0.0.1", port)) as server:
        print("serving on port", server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        with connection:
            print("sent up to offset", log.send(connection, offset="earliest"), flush=True)


def receive(log, port):
    waiting = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while piece := connection.recv(PIECE):
            waiting += piece
            for batch in whole_batches(waiting):
                log.append_raw(batch)
    print("received", log.watermarks().end, "records", flush=True)


def whole_batches(waiting):
    """Takes whole record batches off the front: 8 bytes of offset and 4 of length, then as many bytes."""
    while len(waiting) >= 12:
        size = 12 + int.from_bytes(waiting[8:12], "big")
        if len(waiting) < size:
            return
        yield bytes(waiting[:size])
        del waiting[:size]


def main(folder, command, port):
    with ckafka.open(folder, create=True) as env:
        env.create_topic("records", exist_ok=True)
        {"serve": serve, "receive": receive}[command](env.log("records"), int(port))


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] not in ("serve", "receive"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
