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


def figures(found: Sequence[Row]) -> list[str]:
    """The table of rates: medians, and the ratios' median with the least and the greatest."""
    baseline = found[0].server if found else "nothing"
    lines = [
        "| server | load | req/s | CPU us/req | p50 us | p99 us | server busy | load idle "
        f"| events/call | ratio to {baseline} |",
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


def sealing(found: Sequence[Row], baseline: str) -> list[str]:
    """
    The table of what sealing leaves of a rate, within each repetition.

    :param baseline: the server of the same kind that seals nothing.
    """
    lines = [
        f"| server | load | rate, to {baseline} | CPU per request, the other way about |",
        "|---|---|---|---|",
    ]
    unsealed = {row.load: row for row in found if row.server == baseline}
    for row in found:
        if not row.server.startswith(f"{baseline}, "):
            continue
        pairs = list(zip(row.runs, unsealed[row.load].runs, strict=True))
        rates = [run.rate / other.rate for run, other in pairs]
        spent = [other.cpu_us / run.cpu_us for run, other in pairs]
        lines.append(f"| {row.server} | {row.load} | {ratio(rates)} | {ratio(spent)} |")
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


def inProcess(found: dict[str, list[float]]) -> list[str]:
    """The table of CPU time without sockets, by what it was spent on."""
    lines = ["| in process, without sockets | CPU us |", "|---|---|"]
    for name, values in found.items():
        text = f"{median(values):.1f} [{min(values):.1f}..{max(values):.1f}]"
        lines.append(f"| {name} | {text} |")
    return lines


def profile(found: Profile, load: Load) -> list[str]:
    """Two tables: where the interpreter was, by part and by function."""
    lines = [f"Where the time goes, {load} clients, {found.samples} samples:", ""]
    for title, counts in (("part", found.parts), ("function", found.functions)):
        lines += [f"| {title} | share |", "|---|---|"]
        for name, number in counts.items():
            lines.append(f"| {name} | {number / found.samples:.1%} |")
        lines.append("")
    return lines
