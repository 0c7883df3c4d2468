"""A spool: what must not be lost while the other side is away. Put lines in durably; drain them in order, once each.

    python spool.py DIR put LINE...     each line is on disk when its offset is printed
    python spool.py DIR drain           hands every line on, and remembers how far it came

How far is kept in a file of the spool's own, replaced atomically after a line was handed on. Killed in between, the drain
hands that line on once more: at least once, never not at all.
"""

import os
import pathlib
import sys

import ckafka


class Spool:
    def __init__(self, folder):
        self.env = ckafka.open(folder, create=True)
        self.env.create_topic("spool", exist_ok=True)
        self.log = self.env.log("spool")
        self.position_file = pathlib.Path(folder) / "spool.position"

    def put(self, line):
        return self.log.append_durable(line.encode())

    def position(self):
        return int(self.position_file.read_text()) if self.position_file.exists() else 0

    def drain(self, hand_on):
        for record in self.log.read(start=self.position()):
            hand_on(record.value.decode())
            self.remember(record.offset + 1)

    def remember(self, position):
        new = self.position_file.with_suffix(".new")
        with open(new, "w") as file:
            file.write(str(position))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.position_file)


def main(folder, command, *lines):
    spool = Spool(folder)
    if command == "put":
        for line in lines:
            print("on disk at offset", spool.put(line), flush=True)
    else:
        spool.drain(lambda line: print(line, flush=True))
    spool.env.close()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in ("put", "drain"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
