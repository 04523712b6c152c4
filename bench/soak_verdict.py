"""What a soak's samples say: slopes with their confidence, and what passes.

Samples of one process follow each other: how much is held now says how much is held ten seconds later, but not in three
minutes, when all of it has expired (soak_net.SETTINGS). So the line is fitted through blocks of three minutes, and is no
surer of itself than it may be. Of latencies a block's value is the median, of memory the least: what answers need for a
moment comes and goes, what leaks stays.
"""
import math
import statistics

BLOCK_S = 180
# 97.5 % of Student's t by degrees of freedom; beyond the list close enough to the normal's with this correction.
T_975 = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def blocks(rows, name, value_of):
    """[(minute, value)] of whole blocks."""
    found = {}
    for row in rows:
        if row[name] is not None:
            found.setdefault(int(row["t_s"] // BLOCK_S), []).append(row[name])
    most = max(map(len, found.values()), default=0)
    return [(block * BLOCK_S / 60, value_of(values)) for block, values in sorted(found.items()) if len(values) > 0.8 * most]


def slope(points):
    """(per minute, half of the width of its 95 % confidence interval); None for fewer than four points."""
    n = len(points)
    if n < 4:
        return None
    mean_x, mean_y = statistics.mean(x for x, _ in points), statistics.mean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    per_minute = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - per_minute * (x - mean_x)) ** 2 for x, y in points)
    t = T_975[n - 3] if n - 3 < len(T_975) else 1.96 + 2.4 / (n - 2)
    return per_minute, t * math.sqrt(rest / (n - 2) / spread)


class Verdict:
    """Rows of a table, and whether all of them passed."""

    def __init__(self):
        self.rows, self.failed = [], []

    def add(self, what, found, wanted=None, good=None):
        self.rows.append([what, found, wanted or "", "" if good is None else "passed" if good else "FAILED"])
        if good is False:
            self.failed.append(what)

    def trend(self, what, unit, points, most_percent):
        """Flat: that it rises is not certain (95 %), or what it rises in an hour is below `most_percent` of its mean."""
        found = slope(points)
        if not found:
            self.add(what, "too short a run to tell", "")
            return
        mean = statistics.mean(y for _, y in points)
        per_minute, half = found
        hourly = 100 * 60 * per_minute / mean if mean else 0
        good = per_minute - half <= 0 or hourly <= most_percent
        self.add(what, "%+.3g +- %.2g %s/min (mean %.5g)" % (per_minute, half, unit, mean),
                 "flat: not surely rising, or < %g %%/h" % most_percent, good)


def judge(rows, warm_s, network, errors, counts, ended_well):
    """`rows` as in the CSV, `counts` of the whole run."""
    verdict = Verdict()
    warm = [row for row in rows if row["t_s"] >= warm_s]
    verdict.trend("anonymous memory (RssAnon)", "KiB", blocks(warm, "rss_anon_kib", min), 2)
    verdict.trend("memory of the engine", "KiB", blocks(warm, "engine_kib", min), 2)
    verdict.trend("descriptors", "", blocks(warm, "fds", statistics.mean), 2)
    verdict.add("threads", "%s" % sorted({row["threads"] for row in warm}), "at most 2 kinds",
                len({row["threads"] for row in warm}) <= 2)
    verdict.trend("lookup (API), p50", "ms", blocks(warm, "lookup_p50_ms", statistics.median), 20)
    verdict.trend("lookup (API), p99", "ms", blocks(warm, "lookup_p99_ms", statistics.median), 20)
    verdict.trend("find_node (raw), p50", "ms", blocks(warm, "raw_p50_ms", statistics.median), 20)
    verdict.trend("find_node (raw), p99", "ms", blocks(warm, "raw_p99_ms", statistics.median), 20)
    verdict.trend("find_node p50 / bare echo p50", "", blocks(with_ratio(warm), "ratio", statistics.median), 20)
    verdict.trend("CPU", "%", blocks(warm, "cpu_percent", statistics.mean), 50)
    verdict.add("raw probes lost", "%d of %d (echo: %d)" % (counts["lost"], counts["probes"], counts["echo_lost"]),
                "< 0.1 %", counts["lost"] < max(1, 0.001 * counts["probes"]) + counts["echo_lost"])
    verdict.add("raw load", "%d answers, %d errors, %d lost" % (counts["answers"], counts["raw_errors"], counts["raw_lost"]),
                "< 0.1 % errors", counts["answers"] > 0 and counts["raw_errors"] < max(1, 0.001 * counts["answers"]))
    found, asked = counts["found"], counts["gets"]
    verdict.add("values and peers found again", "%d of %d" % (found, asked), ">= 98 %", asked > 0 and found >= 0.98 * asked)
    other = {error: n for error, n in errors.items() if "404 not found" not in error}
    verdict.add("requests (API)", "%d, of which failed: %s" % (counts["requests"], other or "none"), "< 0.1 % fail",
                sum(other.values()) < max(1, 0.001 * counts["requests"]))
    verdict.add("churn", "%d killed, %d stopped, %d came back, %d new ones" % (
        network.kills, network.stops, network.returns, network.newcomers), "no fault", not network.faults)
    verdict.add("end of the watched node", "status 0" if ended_well else "not well", "status 0", ended_well)
    return verdict


def with_ratio(rows):
    return [dict(row, ratio=row["raw_p50_ms"] / row["echo_p50_ms"] if row["raw_p50_ms"] and row["echo_p50_ms"] else None)
            for row in rows]


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
