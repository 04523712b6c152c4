"""The simulator's figures: scenarios run with `kad sim`, their last line of JSON kept as it is."""
import json
import os
import subprocess

from servers import BENCH, note

SCENARIOS = os.path.join(os.path.dirname(BENCH), "sim", "scenarios")


def wanted(name, quick):
    return name.startswith("bench") and name.endswith(".scn") and not (quick and "100000" in name)


def run(programs, quick):
    """{scenario: object}"""
    results = {}
    names = sorted(os.listdir(SCENARIOS)) if os.path.isdir(SCENARIOS) else []
    if not os.access(programs.kad, os.X_OK):
        return results
    for name in names:
        if not wanted(name, quick):
            continue
        command = [programs.kad, "sim", os.path.join(SCENARIOS, name), "--json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=900)
            results[name] = json.loads(done.stdout.strip().splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError) as problem:
            results[name] = {"error": str(problem)}
        note(f"  {name}: {json.dumps(results[name])[:200]}")
    return results
