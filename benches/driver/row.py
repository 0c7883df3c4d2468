"""One line of the results: ours beside the reference, and the floor that the ratio is held to."""

import dataclasses
import statistics


@dataclasses.dataclass
class Row:
    """What was measured. `ratios` has one entry for each interleaved pair; the middle one is judged."""

    topic: str
    case: str
    ours: float
    reference: float | None
    unit: str
    ratios: list = dataclasses.field(default_factory=list)
    floor: float | None = None
    sense: str = ">="
    note: str = ""

    @property
    def ratio(self):
        """The middle ratio."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def reached(self):
        """Whether the floor was reached; True where there is none."""
        if self.floor is None:
            return True
        return self.ratio >= self.floor if self.sense == ">=" else self.ratio <= self.floor

    @property
    def spread(self):
        """Least and largest ratio."""
        return (min(self.ratios), max(self.ratios)) if self.ratios else None

    def facts(self):
        """Everything, for machines."""
        return dataclasses.asdict(self) | {"ratio": self.ratio, "spread": self.spread, "reached": self.reached}


def compare(topic, case, unit, ours, reference, floor=None, sense=">=", note=""):
    """A row from the figures of interleaved runs, in the order in which they ran."""
    ratios = [mine / other for mine, other in zip(ours, reference)]
    return Row(topic, case, statistics.median(ours), statistics.median(reference), unit, ratios, floor, sense, note)


def judge(topic, case, unit, value, floor, sense="<=", note=""):
    """A row whose own figure is held to a limit."""
    return Row(topic, case, value, None, unit, [value], floor, sense, note)


def judge_middle(topic, case, unit, values, floor, sense="<=", note=""):
    """A row whose own figure, the middle one of some runs, is held to a limit."""
    low, high = min(values), max(values)
    spread = f"{low:.3g} to {high:.3g} {unit}"
    return Row(topic, case, statistics.median(values), None, unit, values, floor, sense, f"{note}; {spread}" if note else spread)


def tell(topic, case, unit, value, note=""):
    """A row that is only told."""
    return Row(topic, case, value, None, unit, note=note)
