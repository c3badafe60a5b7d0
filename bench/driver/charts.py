"""Bar charts as SVG, readable on a light and on a dark page."""

from html import escape

from . import workloads

WIDTH, LABELS, VALUES = 900, 350, 70
BAR, GAP, GROUP = 15, 3, 12
#: Blue and orange of the Okabe-Ito palette, told apart by everybody.
COLOURS = ("#0072b2", "#e69f00")

STYLE = """\
text { font: 13px system-ui, 'DejaVu Sans', Arial, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.value { font-size: 12px }
.axis { stroke: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #d0d7de } }
"""


def text(x, y, words, kind="", anchor="start"):
    place = f'x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


def legend(names):
    parts, x = [], LABELS
    for name, colour in zip(names, COLOURS, strict=False):
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>')
        parts.append(text(x + 18, 45, name, "value"))
        x += 40 + 7 * len(name)
    return parts


def bars(title, names, rows, how, stacked=False):
    """`rows`: a label and one value (or None) for each of `names`; `how` formats a value."""
    total = [
        sum(v or 0 for v in values) if stacked else max(v or 0 for v in values)
        for _, values in rows
    ]
    scale = (WIDTH - LABELS - VALUES) / max(total)
    parts, y = [text(12, 22, title, "title"), *legend(names)], 60
    for (label, values), whole in zip(rows, total, strict=True):
        height = BAR if stacked else len(values) * (BAR + GAP) - GAP
        parts.append(text(LABELS - 10, y + height / 2 + 5, label, anchor="end"))
        x = LABELS
        for value, colour in zip(values, COLOURS, strict=False):
            if value is None:
                y += 0 if stacked else BAR + GAP
                continue
            width = value * scale
            parts.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'
            )
            if stacked:
                x += width
            else:
                parts.append(text(x + width + 6, y + 12, how(value), "value"))
                y += BAR + GAP
        if stacked:
            parts.append(text(x + 6, y + 12, how(whole), "value"))
            y += BAR + GAP
        y += GROUP
    parts.append(f'<line x1="{LABELS}" y1="54" x2="{LABELS}" y2="{y - GROUP}" class="axis"/>')
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    label = f'role="img" aria-label="{escape(title)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>'
    return "\n".join([head, f"<style>\n{STYLE}</style>", *parts, "</svg>"]) + "\n"


def throughput(hot, spread, titles):
    rows = [
        (titles[name], [hot[name].rps, spread[name].rps if name in spread else None])
        for name in hot
    ]
    names = ["one hot page", "10,000 pages at random"]
    title = "Requests per second: 8 KiB, 64 connections, one nginx worker"
    return bars(title, names, rows, lambda value: f"{value:,.0f}")


def cpu(spread, titles):
    rows = [(titles[name], [one.nginx_cpu, one.store_cpu]) for name, one in spread.items()]
    title = "CPU milliseconds per 1,000 requests: 8 KiB, 10,000 pages at random, 64 connections"
    return bars(
        title, ["nginx", "memcached or Redis"], rows, lambda value: f"{value:.1f}", stacked=True
    )


def latency(found, titles):
    rows = [(titles[name], [one.latency("p50"), one.latency("p99")]) for name, one in found.items()]
    title = "Latency in microseconds at half of memcached_pass's capacity"
    return bars(title, ["median", "99th percentile"], rows, lambda value: f"{value:,.0f}")


def write(results, by_peer, titles, folder):
    samples = results.get("samples", [])
    hot, spread = by_peer(samples, workloads.HOT), by_peer(samples, workloads.SPREAD)
    if hot and spread:
        (folder / "throughput.svg").write_text(throughput(hot, spread, titles))
        (folder / "cpu.svg").write_text(cpu(spread, titles))
    if found := by_peer(results.get("rate", []), workloads.SPREAD):
        (folder / "latency.svg").write_text(latency(found, titles))
