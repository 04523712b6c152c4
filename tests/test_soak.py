#!/usr/bin/python3
"""The judge of bench/soak: what rises is found, what only wavers is not, and no fault is overlooked."""
import os
import random
import sys
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import ROOT, check, main  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "bench"))
import soak_verdict  # noqa: E402

CALM = dict(requests=7000, gets=2000, found=1998, probes=18000, lost=0, echo_lost=0, answers=400000, raw_errors=0, raw_lost=3)


def rows(**rising):
    """Forty minutes, a row every ten seconds, noisy; `rising`: what a column gains each minute."""
    dice, found = random.Random(7), []
    level = dict(rss_anon_kib=3000, engine_kib=600, fds=18, lookup_p50_ms=20, lookup_p99_ms=300, raw_p50_ms=0.15,
                 raw_p99_ms=3, echo_p50_ms=0.05, cpu_percent=0.6)
    for i in range(240):
        row = {name: value * dice.gauss(1, 0.005 if name.endswith("kib") else 0.02) + rising.get(name, 0) * i / 6 for name, value in level.items()}
        found.append(dict(row, t_s=10.0 * i, threads=5))
    return found


def failures(samples, errors=None, faults=(), ended_well=True, **counts):
    network = types.SimpleNamespace(kills=9, stops=9, returns=12, newcomers=6, faults=list(faults))
    return soak_verdict.judge(samples, 600, network, errors or {}, dict(CALM, **counts), ended_well).failed


def test(folder):
    check(failures(rows()) == [], failures(rows()))
    check(failures(rows(rss_anon_kib=-20)) == [], "falling memory is no fault")
    for column, name in (("rss_anon_kib", "anonymous memory (RssAnon)"), ("engine_kib", "memory of the engine")):
        leak = failures(rows(**{column: 8}))
        check(leak == [name], column, leak)
    check(failures(rows(fds=0.2)) == ["descriptors"])
    check("find_node (raw), p50" in failures(rows(raw_p50_ms=0.004)))
    check("lookup (API), p50" in failures(rows(lookup_p50_ms=0.5)))
    # The machine's own slowness shows in the echo, and is told apart.
    check("find_node p50 / bare echo p50" not in failures(rows(raw_p50_ms=0.003, echo_p50_ms=0.001)))
    check(failures(rows(), found=1900) == ["values and peers found again"])
    check(failures(rows(), lost=100) == ["raw probes lost"])
    check(failures(rows(), raw_errors=4000) == ["raw load"])
    check(failures(rows(), answers=0) == ["raw load"])
    check(failures(rows(), errors={"put: 500 ": 20}) == ["requests (API)"])
    check(failures(rows(), errors={"get: 404 not found": 2}) == [])
    check(failures(rows(), faults=["node 7 ended with status -6"]) == ["churn"])
    check(failures(rows(), ended_well=False) == ["end of the watched node"])
    per_minute, half = soak_verdict.slope([(x, 5 + 2 * x) for x in range(20)])
    check(abs(per_minute - 2) < 1e-9 and half < 1e-6, per_minute, half)
    check(soak_verdict.slope([(0, 1), (1, 2)]) is None)


main(test)
