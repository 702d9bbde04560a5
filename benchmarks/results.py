"""What was measured: times by peer, row, column and form, and tables of them."""

import cases
from peers import OURS


class Results:
    def __init__(self):
        self.times = {}  # (peer, row, column, form): seconds, seconds of the memory
        self.notes = {}  # (peer, why): the rows that could not be measured

    def add(self, peer, record):
        if "missing" in record:
            self.note(peer, record["missing"])
        elif "failed" in record:
            where = f"{record['row']} {record['column']}".strip()
            self.note(peer, record["failed"], where)
        else:
            key = peer, record["row"], record["column"], record["form"]
            self.times[key] = record["seconds"], record["memory"]

    def note(self, peer, why, *where):
        self.notes.setdefault((peer, why), []).extend(where)

    def seconds(self, *key):
        return self.times[key][0]

    def mu(self, *key):
        """Time over that of copying the same bytes (tables: of filling them)."""
        seconds, memory = self.times[key]
        return seconds / memory

    def ratio(self, peer, row, column, form):
        """How many times ours a peer's time is, each over the memory beside it."""
        return self.mu(peer, row, column, form) / self.mu(OURS, row, column, form)

    def cell(self, *key):
        """Time in the unit of the row, mu in brackets, how many times ours in bold."""
        if key not in self.times:
            return ""
        peer, row = key[:2]
        text = digits(self.seconds(*key) / unit(row)[0])
        if row != "inv_freq":
            text += f" ({self.mu(*key):.2f})"
        if peer != OURS and (OURS, *key[1:]) in self.times:
            text += f" **{digits(self.ratio(*key), 2)} x**"
        return text

    def table(self, row):
        """The lines of one row: a line per peer and form, a column per dtype."""
        mine = [key for key in self.times if key[1] == row]
        columns = list(dict.fromkeys(key[2] for key in mine))
        yield f"## {row}, {unit(row)[1]}\n"
        yield f"{cases.WHAT[row]}.\n"
        yield "| | | " + " | ".join(columns) + " |"
        yield "|---|---|" + "---|" * len(columns)
        for peer, form in dict.fromkeys((key[0], key[3]) for key in mine):
            cells = [self.cell(peer, row, column, form) for column in columns]
            yield f"| {peer} | {form} | " + " | ".join(cells) + " |"
        yield ""

    def missing(self):
        """The lines about what could not be measured."""
        if self.notes:
            yield "## Not measured\n"
            for (peer, why), where in self.notes.items():
                rows = f" ({', '.join(where)})" if where else ""
                yield f"- {peer}{rows}: {why}"
            yield ""


def digits(value, count=3):
    """So many significant digits, never as a power of ten."""
    return f"{value:.0f}" if value >= 10**count else f"{value:.{count}g}"


def unit(row):
    short = row.startswith("decode") or row == "inv_freq"
    return (1e-6, "µs") if short else (1e-3, "ms")
