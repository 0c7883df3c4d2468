#!/usr/bin/env python3
"""man_page.py HEADER: ckafka(3) on standard output, made of the comments and declarations of the C header.

The header's opening comment becomes the description; each group of `#define`s, each struct and each function becomes
an entry with its own words. Nothing is written here that the header does not say.
"""
import datetime
import os
import re
import sys

DOC = re.compile(r"/\*\*(.*?)\*/\s*([^;/]*?(?:\{[^}]*\}[^;]*)?;|#define[^\n]*)", re.DOTALL)


def words(comment):
    """A comment without its frame: paragraphs, each one line."""
    lines = [re.sub(r"^\s*\* ?", "", line).strip() for line in comment.strip().splitlines()]
    return [" ".join(part.split()) for part in "\n".join(lines).split("\n\n") if part.strip()]


def escape(text):
    """Text that roff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def marked(text):
    """A paragraph; names and what the header has between backticks stand out."""
    text = re.sub(r"`([^`]*)`", r"\\fI\1\\fP", escape(text))
    return re.sub(r"\b(ckafka_\w+)(?=[ ,.;:)]|$)", r"\\fB\1\\fP", text)


def entry(title, paragraphs):
    """One entry of a list."""
    print(f".TP\n{title}")
    for number, paragraph in enumerate(paragraphs):
        if number:
            print(".IP")
        print(marked(paragraph))


def constants(items):
    """Names with their values and meanings."""
    for comment, code in items:
        match = re.match(r"#define (\w+) (.*)", code)
        entry(f"\\fB{match.group(1)}\\fP = {escape(match.group(2))}", words(comment))


def structs(items):
    """Structs that a program fills in or reads, as C, with what each is for."""
    for comment, code in items:
        print(".PP")
        print("\n.PP\n".join(marked(paragraph) for paragraph in words(comment)))
        print(".PP\n.nf\n.RS")
        print(escape(code))
        print(".RE\n.fi")


def functions(items):
    """Declarations with their contracts."""
    for comment, code in items:
        name = re.search(r"(ckafka_\w+)\(", code).group(1)
        declared = re.sub(r"\s+", " ", code)
        print(f".SS {name}\n.PP\n.nf\n\\fB{escape(declared)}\\fP\n.fi")
        for paragraph in words(comment):
            print(f".PP\n{marked(paragraph)}")


def main(path):
    """Writes the page."""
    with open(path, encoding="utf-8") as file:
        header = file.read()
    version = re.search(r'CKAFKA_VERSION_STRING "(.*)"', header).group(1)
    opening = words(re.search(r"/\* SPDX[^\n]*\n(.*?)\*/", header, re.DOTALL).group(1))
    found = DOC.findall(header[header.index("#define CKAFKA_H"):])
    found = [(comment, code.strip()) for comment, code in found]
    defined = [item for item in found if item[1].startswith("#define")]
    declared = [item for item in found if re.search(r"ckafka_\w+\(", item[1])]
    types = [item for item in found if item[1].startswith("typedef")]
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    zone = datetime.timezone.utc
    date = datetime.datetime.fromtimestamp(int(epoch), zone) if epoch else datetime.datetime.now(zone)
    name = opening[0].split(" - ", 1)[1].rstrip(".")
    print(f'.TH CKAFKA 3 "{date:%Y-%m-%d}" "libckafka {version}" "Library Functions Manual"')
    print(f".SH NAME\nckafka \\- {escape(name)}")
    print(".SH SYNOPSIS\n.B #include <ckafka.h>\n.PP\ncc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs ckafka)")
    print(".SH DESCRIPTION")
    print("\n.PP\n".join(marked(paragraph) for paragraph in opening[1:]))
    print(".SH FUNCTIONS")
    functions(declared)
    print(".SH TYPES")
    structs(types)
    print(".SH CONSTANTS")
    constants([item for item in defined if "CKAFKA_ERR" not in item[1] and "CKAFKA_OK" not in item[1]])
    print(".SH ERRORS")
    constants([item for item in defined if "CKAFKA_ERR" in item[1] or "CKAFKA_OK" in item[1]])


main(sys.argv[1])
