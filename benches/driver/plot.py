"""The figures as pictures: SVG written by hand, light or dark as the reader's screen is."""

import html
import math
from xml.etree import ElementTree

from .words import number

WIDTH = 760
STYLE = """
    .text { fill: #1f2933 } .faint { fill: #6b7785 } .axis { stroke: #c9d1da } .spread { stroke: #6b7785; stroke-width: 2 }
    .ours { fill: #2f6db5 } .reference { fill: #c3ccd6 } .missed { fill: #c0392b } .floor { stroke: #1f2933; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .text { fill: #e6edf3 } .faint { fill: #94a3b3 } .axis { stroke: #3a4653 } .spread { stroke: #94a3b3 }
      .ours { fill: #6ea8e8 } .reference { fill: #4d5a68 } .missed { fill: #ff8073 } .floor { stroke: #e6edf3 }
    }
"""


class Canvas:
    """Collects the parts of a picture."""

    def __init__(self, title):
        self.title, self.parts = title, []

    def text(self, x, y, words, kind="text", anchor="start"):
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>')

    def bar(self, x, y, width, height, kind):
        self.parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2"/>')

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def dot(self, x, y, kind):
        self.parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')

    def svg(self, height):
        """The whole picture, which a parser of XML has read."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -4 {WIDTH + 16} {height + 8:.0f}" role="img" aria-labelledby="title"'
            ' font-family="system-ui, sans-serif" font-size="13">'
        )
        whole = "\n".join([head, f'  <title id="title">{html.escape(self.title)}</title>', f"  <style>{STYLE}  </style>",
                           *(f"  {part}" for part in self.parts), "</svg>", ""])  # fmt: skip
        ElementTree.fromstring(whole)
        return whole


def bars(topic, unit, rows):
    """What was measured in one unit: ours, the reference below it, and a mark where the floor is."""
    canvas = Canvas(f"{topic}, {unit}: libckafka beside its reference")
    marks = [floor_at(row) for row in rows]
    largest = max(value for row, mark in zip(rows, marks) for value in (row.ours, row.reference, mark) if value)
    scale = (WIDTH - 130) / largest
    canvas.bar(0, 6, 12, 12, "ours")
    canvas.text(18, 17, f"libckafka, {unit}")
    canvas.bar(170, 6, 12, 12, "reference")
    canvas.text(188, 17, "reference loop")
    canvas.line(320, 4, 320, 20, "floor")
    canvas.text(328, 17, "floor, or limit")
    y = 48
    for row, mark in zip(rows, marks):
        canvas.text(0, y, row.case)
        begin = y + 6
        for value, kind in ((row.ours, "ours" if row.reached else "missed"), (row.reference, "reference")):
            if value is not None:
                y += 15
                canvas.bar(0, y - 9, value * scale, 12, kind)
                canvas.text(max(value * scale, 1) + 8, y + 1, number(value), "faint")
        if mark is not None:
            canvas.line(mark * scale, begin - 2, mark * scale, y + 5, "floor")
        y += 28
    return canvas.svg(y - 10)


def floor_at(row):
    """The floor in the unit of the row."""
    if row.floor is None:
        return None
    return row.floor * row.reference if row.reference is not None else row.floor


def ratios(rows):
    """Every ratio on one logarithmic axis, its spread as a line, its floor as a mark."""
    canvas = Canvas("Each figure of libckafka as a multiple of its reference, with spread and floor")
    values = [value for row in rows for value in (*row.spread, row.floor) if value]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    left, right = 348, WIDTH - 70

    def place(value):
        return left + (math.log10(max(value, 10.0**low)) - low) / max(high - low, 1) * (right - left)

    bottom = 40 + 24 * len(rows)
    for power in range(low, high + 1):
        canvas.line(place(10.0**power), 28, place(10.0**power), bottom, "axis")
        canvas.text(place(10.0**power), 20, f"{10.0**power:g}", "faint", "middle")
    canvas.text(0, 20, "times the reference (marks: floors)", "faint")
    for number_of_row, row in enumerate(rows):
        y = 48 + 24 * number_of_row
        canvas.text(0, y, f"{row.topic}: {row.case}")
        canvas.line(place(row.spread[0]), y - 4, place(row.spread[1]), y - 4, "spread")
        canvas.dot(place(row.ratio), y - 4, "ours" if row.reached else "missed")
        if row.floor is not None:
            canvas.line(place(row.floor), y - 13, place(row.floor), y + 5, "floor")
            canvas.text(WIDTH, y, f"{row.sense} {row.floor:g}", "faint", "end")
    return canvas.svg(bottom + 8)


def pictures(rows):
    """Every picture that the rows give: file name, what it shows, SVG, and the topic that it stands under (None: all)."""
    compared = [row for row in rows if row.reference is not None and row.ratios]
    if compared:
        yield "ratios.svg", "every ratio with its spread and its floor", ratios(compared), None
    groups = {}
    for row in rows:
        if row.ours and (row.reference is not None or row.floor):
            groups.setdefault((row.topic, row.unit), []).append(row)
    for (topic, unit), members in groups.items():
        several = sum(1 for other, _ in groups if other == topic) > 1
        name = f"{topic}-{unit.replace('/', '-per-')}.svg" if several and unit else f"{topic}.svg"
        yield name.lower(), f"{topic}: {unit}", bars(topic, unit, members), topic
