"""What is printed: Markdown tables of figures that were measured elsewhere."""

import statistics
from collections.abc import Iterable, Sequence

import attrs
from measure import Load, Run
from sampling import Profile


@attrs.frozen
class Row:
    """One server under one load: its runs, and its rate by the baseline's beside each."""

    server: str
    load: Load
    runs: tuple[Run, ...]
    ratios: tuple[float, ...]


def rows(names: Sequence[str], load: Load, repetitions: Sequence[Sequence[Run]]) -> list[Row]:
    """
    Sort repetitions by server.

    :param names: the servers, the baseline first.
    :param repetitions: for each, the runs of the servers in that order.
    """
    return [
        Row(
            server=name,
            load=load,
            runs=tuple(runs[place] for runs in repetitions),
            ratios=tuple(runs[place].rate / runs[0].rate for runs in repetitions),
        )
        for place, name in enumerate(names)
    ]


def figures(found: Iterable[Row]) -> list[str]:
    """The table of rates: medians, and the ratios' median with the least and the greatest."""
    lines = [
        "| server | load | req/s | CPU us/req | p50 us | p99 us | server busy | load idle "
        "| events/call | ratio to bare |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        cells = [
            row.server,
            str(row.load),
            f"{median(run.rate for run in row.runs):.0f}",
            f"{median(run.cpu_us for run in row.runs):.1f}",
            f"{median(run.p50_us for run in row.runs):.0f}",
            f"{median(run.p99_us for run in row.runs):.0f}",
            f"{median(run.server_busy for run in row.runs):.2f}",
            f"{median(run.load_idle for run in row.runs):.2f}",
            f"{median(run.events_per_call for run in row.runs):.2f}",
            ratio(row.ratios),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def ratio(values: Sequence[float]) -> str:
    """A ratio as the median with its range."""
    return f"{median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def median(values: Iterable[float]) -> float:
    """The median of some figures."""
    return statistics.median(list(values))


def memory(found: dict[str, float], clients: int) -> list[str]:
    """The table of resident memory per client."""
    lines = [f"| server | kB per client, {clients} attached and idle |", "|---|---|"]
    return lines + [f"| {name} | {used / 1000:.1f} |" for name, used in found.items()]


def profile(found: Profile, load: Load) -> list[str]:
    """Two tables: where the interpreter was, by part and by function."""
    lines = [f"Where the time goes, {load} clients, {found.samples} samples:", ""]
    for title, counts in (("part", found.parts), ("function", found.functions)):
        lines += [f"| {title} | share |", "|---|---|"]
        for name, number in counts.items():
            lines.append(f"| {name} | {number / found.samples:.1%} |")
        lines.append("")
    return lines
