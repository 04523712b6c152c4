"""Tables of a run, as markdown, and the verdict on kad's targets (FACTS section 4)."""
import statistics

import libp2p
import web

TARGETS = {"ping": 1.15, "find_node": 1.15, "get_peers": 1.15, "announce_peer": 1.15, "get": 1.2,
           "sample_infohashes": 1.2, "put": 1.35}
RSS_ANON_MB = {"rest": 4, "filled": 6}
START_MS = 20
LOOKUP = {"none dead": {"first": 3.0, "last": 4.5, "queries": 30}, "a quarter dead": {"first": 3.2, "last": 5.5,
                                                                                    "queries": 35}}


def costs(result, server, ask):
    """Medians over the rounds: us per answer, answers per second, and the ratio to the same round's echo."""
    rounds = result["serve"].get(server, {}).get(ask, [])
    good = [r for r in rounds if "cpu_us" in r]
    if not good:
        return {"error": rounds[-1]["error"]} if rounds else None
    echo = result["serve"].get("echo", {}).get(ask, [])
    ratios = [r["cpu_us"] / e["cpu_us"] for r, e in zip(rounds, echo) if "cpu_us" in r and "cpu_us" in e]
    middle = {key: statistics.median(r[key] for r in good) for key in ("cpu_us", "per_second", "bytes", "nodes", "busy")}
    middle["ratio"] = statistics.median(ratios) if ratios else None
    middle["lost"] = sum(r["lost"] for r in good) / max(1, sum(r["answers"] for r in good))
    middle["refused"] = sum(r["errors"] for r in good) / max(1, sum(r["answers"] + r["errors"] for r in good))
    return middle


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def cell(cost):
    if cost is None:
        return ""
    if "error" in cost:
        return "failed"
    text = f"{cost['cpu_us']:.2f}"
    if cost["ratio"]:
        text += f" ({cost['ratio']:.2f}x)"
    text += f" {cost['per_second'] / 1000:.0f}k/s"
    if cost["lost"] > 0.01:
        text += f" [{100 * cost['lost']:.0f} % lost]"
    if cost["refused"] > 0.01:
        text += f" [{100 * cost['refused']:.0f} % refused]"
    return text


def serve_table(result):
    asks = []
    for found in result["serve"].values():
        asks += [ask for ask in found if ask not in asks]
    rows = [[name] + [cell(costs(result, name, ask)) for ask in asks] for name in result["serve"]]
    text = "## Serving: server CPU us per answer (relative to the echo of the same round), answers a second, one core\n\n"
    text += table(["server"] + asks, rows)
    failed = [f"- {name} {ask}: {costs(result, name, ask)['error']}" for name, found in result["serve"].items()
              for ask in found if "error" in (costs(result, name, ask) or {})]
    return text + ("\nFailed:\n" + "\n".join(failed) + "\n" if failed else "") + (
        "\nanswers a second are those of one load generator in a closed loop of 128 requests on the other core; "
        "the echo is asked and answers as many bytes as kad; transmission answers at most 100/s and is measured in bursts of 300.\n")


def memory_table(result):
    rows = []
    for name, states in result["memory"].items():
        row = [name]
        for state in ("rest", "filled", "ten times"):
            found = states.get(state, {})
            row.append(f"{found['RssAnon'] / 1024:.1f} / {found['VmRSS'] / 1024:.1f}" +
                       (" (incomplete)" if "error" in found else "") if "RssAnon" in found else "")
        rows.append(row)
    fill = result["fill"]
    text = "## Memory: anonymous / resident, MB\n\n"
    return text + table(["server", "at rest", f"{fill['announces']} announces of {fill['infohashes']} infohashes, "
                         f"{fill['items']} items", "ten times that"], rows)


def start_table(result):
    rows = [[name, f"{statistics.median(times):.1f}" if times else "none"] for name, times in result["start"].items()]
    return "## Start to first answer, ms, median\n\n" + table(["server", "ms"], rows)


def lookup_table(result):
    rows = []
    for name, worlds in result["lookup"].items():
        for world, found in worlds.items():
            if not found.get("first"):
                rows.append([name, world, found.get("error", "nothing found")])
                continue
            row = [name, world]
            for key in ("first", "all_nearest", "last", "queries", "to_dead"):
                row.append(f"{found[key]['p50']:.1f} / {found[key]['p90']:.1f}" if found[key] else "")
            row += [f"{100 * found['nearest_reached']:.1f} %", f"{found['found']} of {found['searches']}"]
            rows.append(row)
    text = "## Lookups in a network of 100,000 nodes, p50 / p90; times in round trips of 50 ms\n\n"
    return text + table(["client", "network", "first peers", "all nearest answered", "last answer", "queries",
                         "of them to the dead", "nearest reached", "found"], rows)


def judged(result):
    """(what, figure, limit, met) for every target this run has a figure for."""
    rows = []
    for ask, limit in TARGETS.items():
        cost = costs(result, "kad", ask) if "serve" in result else None
        if cost and cost.get("ratio"):
            rows.append((f"{ask}, x echo", cost["ratio"], limit))
    for state, limit in RSS_ANON_MB.items():
        found = result.get("memory", {}).get("kad", {}).get(state, {})
        if "RssAnon" in found:
            rows.append((f"anonymous MB, {state}", found["RssAnon"] / 1024, limit))
    ours, theirs = (result.get("memory", {}).get(name, {}).get("rest", {}).get("VmRSS") for name in ("kad", "transmission"))
    if ours and theirs:
        rows.append(("resident MB at rest, below transmission's", ours / 1024, theirs / 1024))
    if result.get("start", {}).get("kad"):
        rows.append(("start to first answer, ms", statistics.median(result["start"]["kad"]), START_MS))
    for world, limits in LOOKUP.items():
        found = result.get("lookup", {}).get("kad", {}).get(world, {})
        for key, limit in limits.items():
            if found.get(key):
                rows.append((f"lookup, {world}: {key}, p50", found[key]["p50"], limit))
        if found.get("first"):
            rows.append((f"lookup, {world}: nearest not reached, %", 100 * (1 - found["nearest_reached"]), 0))
    if result.get("libp2p"):
        rows += libp2p.judged(result["libp2p"])
    return [row + (row[1] <= row[2] + 1e-9,) for row in rows]


def markdown(result):
    at = result["machine"]
    parts = [f"# Benchmarks\n\n{at['at']}, {at['cpu']}, {at['cores']} cores, Linux {at['kernel']}"
             f"{', quick run' if result['quick'] else ''}. Read ratios, not absolutes.\n"]
    makers = {"serve": serve_table, "memory": memory_table, "start": start_table, "lookup": lookup_table}
    parts += [make(result) for key, make in makers.items() if result.get(key)]
    if result.get("http"):
        parts.append(web.report(result["http"], table))
    if result.get("libp2p"):
        parts.append(libp2p.report(result["libp2p"], table))
    if result.get("sim"):
        parts.append("## Simulator\n\n" + "\n".join(f"- {name}: `{found}`" for name, found in result["sim"].items()) + "\n")
    rows = judged(result)
    if rows:
        parts.append("## kad's targets\n\n" + table(["what", "kad", "target", ""], [
            [what, f"{figure:.2f}", f"{limit:.2f}", "met" if met else "MISSED"] for what, figure, limit, met in rows]))
    if result["skipped"]:
        parts.append("Skipped: " + "; ".join(f"{name} ({why})" for name, why in result["skipped"].items()) + "\n")
    return "\n".join(parts)


def verdict(result):
    """Exit status: a missed target is a figure to read, not a failed run; a server that gave no figure is one."""
    broken = [name for name in result.get("serve", {}) if name.startswith("kad")
              for ask in result["serve"][name] if "error" in (costs(result, name, ask) or {})]
    return 1 if broken else 0
