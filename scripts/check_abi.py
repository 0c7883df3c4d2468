#!/usr/bin/env python3
"""check_abi.py compare|write TARGET_DIR: the binary interface of the library against packaging/libckafka.abi.

The interface is read from the debugging information of the development build by abidw: every exported symbol with its
version, the types of its parameters, and the layouts of all structs that these lead to. Rust's inner functions and
types are left out of it, so that only what C sees is compared. `write` makes the file anew: for additions, which go
into packaging/exports.list too; anything else breaks programs that exist.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "packaging/libckafka.abi"
# A jump into C: the symbol is there, with its version, but debugging information tells no parameters of it.
UNTYPED = {"log_message"}
# Programs have pointers to it and nothing else: what is in it may change.
OPAQUE = {"MemoryPool"}


def read(target, scratch):
    """abidw's tree for the library relinked from the development build."""
    cargo = os.environ.get("CARGO", "cargo")
    build = [cargo, "rustc", "--locked", "--lib", "--crate-type", "staticlib", "--target-dir", target]
    subprocess.run(build, check=True, cwd=ROOT)
    subprocess.run([ROOT / "scripts/relink", f"{target}/debug/libckafka.a", scratch], check=True)
    library = next(scratch.glob("libckafka.so.*.*.*"))
    command = ["abidw", "--no-show-locs", "--no-comp-dir-path", "--no-corpus-path", library]
    return ElementTree.fromstring(subprocess.run(command, check=True, capture_output=True).stdout)


def references(element):
    """Ids of the types that an element names."""
    for part in element.iter():
        for name, value in part.attrib.items():
            if name != "id" and value.startswith("type-id-"):
                yield value


def prune(corpus):
    """Leaves exported functions and what they lead to."""
    for element in corpus.iter("class-decl"):
        if element.get("name") in OPAQUE:
            element[:] = []
            element.attrib.pop("size-in-bits", None)
            element.set("is-declaration-only", "yes")
    typed = {element.get("id"): element for element in corpus.iter() if element.get("id")}
    exported = [element for element in corpus.iter("function-decl") if element.get("elf-symbol-id")]
    wanted, ahead = set(), [name for function in exported for name in references(function)]
    while ahead:
        name = ahead.pop()
        if name not in wanted:
            wanted.add(name)
            ahead.extend(references(typed[name]))

    def keep(element):
        if element.tag == "function-decl":
            return element.get("elf-symbol-id") is not None
        if element.tag in ("abi-instr", "namespace-decl"):
            drop(element)
            return len(element) > 0
        return element.get("id") in wanted

    def drop(parent):
        for element in list(parent):
            if not keep(element):
                parent.remove(element)

    # One unit for all: which object a function came from changes with every build.
    units = corpus.findall("abi-instr")
    whole = units[0]
    whole.attrib.pop("comp-dir-path", None)
    whole.set("path", "libckafka")
    for unit in units:
        drop(unit)
        if unit is not whole:
            whole.extend(list(unit))
            corpus.remove(unit)
    renumber(corpus, wanted)
    return len(exported)


def renumber(corpus, wanted):
    """Numbers types in the order in which they appear, so that the file changes only where the interface does."""
    numbers = {}
    for element in corpus.iter():
        if element.get("id") in wanted:
            numbers.setdefault(element.get("id"), f"type-id-{len(numbers) + 1}")
    for element in corpus.iter():
        for name, value in element.attrib.items():
            if value in numbers:
                element.set(name, numbers[value])


def notices_a_change(corpus, path):
    """Ends this unless abidiff sees a parameter that is missing: an answer of "no change" has to mean something."""
    planted = ElementTree.fromstring(ElementTree.tostring(corpus))
    function = next(element for element in planted.iter("function-decl") if element.find("parameter") is not None)
    function.remove(function.find("parameter"))
    ElementTree.ElementTree(planted).write(path, encoding="unicode")
    if subprocess.run(["abidiff", BASELINE, path], capture_output=True).returncode == 0:
        sys.exit("check_abi: a function that lost a parameter went unnoticed")


def main(action, target):
    """Writes the baseline, or compares with it."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        corpus = read(target, scratch)
        count = prune(corpus)
        listed = subprocess.run(
            [ROOT / "scripts/symbols", "names", ROOT / "packaging/exports.list"],
            check=True, capture_output=True, text=True,
        ).stdout.split()
        typed = len(set(listed) - UNTYPED)
        if count != typed:
            sys.exit(f"check_abi: {count} functions with types, {typed} in packaging/exports.list")
        found = BASELINE if action == "write" else scratch / "found.abi"
        ElementTree.indent(corpus)
        ElementTree.ElementTree(corpus).write(found, encoding="unicode")
        if action == "compare":
            notices_a_change(corpus, scratch / "planted.abi")
            if subprocess.run(["abidiff", BASELINE, found]).returncode:
                sys.exit("check_abi: the binary interface changed; `make abi` is for additions only")
            print(f"the binary interface is the published one: {count} functions")


if len(sys.argv) != 3 or sys.argv[1] not in ("compare", "write"):
    sys.exit(__doc__.split("\n", maxsplit=1)[0])
main(*sys.argv[1:])
