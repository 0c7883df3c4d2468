#!/usr/bin/env python3
"""licences.py: the licence texts of everything that is linked into libckafka, on standard output.

What is linked comes from `cargo metadata`: the crates that the library reaches without those that only take part in a
build (build scripts, procedural macros). A crate brings the texts of the C sources inside it, too. Rust's own library
is named, with its texts where the toolchain ships them. A crate with neither a text nor a licence's name ends this with an
error, for then nobody has looked at it.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXT = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$", re.IGNORECASE)
NO_TEXT = re.compile(r"\.(rs|c|h|py|hpp)$")


def output(*command):
    """What a command writes."""
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def linked_packages():
    """The packages behind the library, itself left out, by name."""
    cargo = os.environ.get("CARGO", "cargo")
    host = re.search(r"^host: (.*)$", output(os.environ.get("RUSTC", "rustc"), "-vV"), re.MULTILINE).group(1)
    found = output(cargo, "metadata", "--format-version", "1", "--locked", "--filter-platform", host)
    metadata = json.loads(found)
    packages = {package["id"]: package for package in metadata["packages"]}
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, ahead = {root}, [root]
    while ahead:
        for edge in edges[ahead.pop()]:
            is_normal = any(kind["kind"] is None for kind in edge["dep_kinds"])
            kinds = {kind for target in packages[edge["pkg"]]["targets"] for kind in target["kind"]}
            if is_normal and "proc-macro" not in kinds and edge["pkg"] not in seen:
                seen.add(edge["pkg"])
                ahead.append(edge["pkg"])
    return sorted((packages[name] for name in seen - {root}), key=lambda package: package["name"])


def texts(folder):
    """Licence files in a package, with their names in it."""
    found = []
    for path in sorted(folder.rglob("*")):
        if TEXT.match(path.name) and not NO_TEXT.search(path.name) and path.is_file():
            found.append((str(path.relative_to(folder)), path.read_text(errors="replace").strip()))
    return found


def rust_texts():
    """What the toolchain ships about its own library; distributions keep these elsewhere."""
    sysroot = pathlib.Path(output(os.environ.get("RUSTC", "rustc"), "--print", "sysroot").strip())
    found = []
    for name in ("COPYRIGHT-library.html", "licenses/Apache-2.0.txt", "licenses/MIT.txt"):
        path = sysroot / "share/doc/rust" / name
        if path.is_file():
            found.append((name, re.sub(r"<[^>]*>", "", path.read_text(errors="replace")).strip()))
    return found


def section(title, licence, files, already):
    """One part of the page; a text that came before is named, not repeated."""
    print("=" * 100)
    print(f"{title}\nLicence: {licence}\n")
    for name, text in files:
        if text in already:
            print(f"{name}: the same text as {already[text]}\n")
        else:
            already[text] = f"{title}, {name}"
            print(f"--- {name}\n\n{text}\n")


def main():
    """Writes the page."""
    print("libckafka holds the work of others. What it links, under which licence, and the texts:\n")
    already, bare = {}, []
    for package in linked_packages():
        files = texts(pathlib.Path(package["manifest_path"]).parent)
        if not files and (package["license"] or "") == "":
            bare.append(package["name"])
        section(f"{package['name']} {package['version']}", package["license"], files, already)
    section("Rust's standard library and the crates in it", "MIT OR Apache-2.0", rust_texts(), already)
    if bare:
        sys.exit(f"licences: no licence is known for {', '.join(bare)}")


main()
