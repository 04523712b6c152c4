#!/usr/bin/python3
# timeout 600
"""`kad bench` measures everything it names and leaves nothing behind. How fast anything is, is not this test's business."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, check, eventually, kad, main  # noqa: E402

QUERIES = {"ping", "find_node", "get_peers", "announce_peer", "get", "put"}


def figures(tree, path=""):
    """(name, number) of all that was measured."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from figures(value, path + name + ".")
        elif name not in ("lost", "failed", "load", "machine", "quick"):
            yield path + name, value


def test_json(folder):
    kept = os.path.join(folder, "disk", "of", "data")
    os.makedirs(kept)
    with open(os.path.join(kept, "mine"), "w") as file:
        file.write("mine")
    found = kad("--json", "bench", "--quick", "--data-dir", kept, env={"TMPDIR": folder}).json
    check(set(found["serve"]) == QUERIES, sorted(found["serve"]))
    for name, value in figures(found):
        if name == "store.memory.synced_put_per_s":
            check(value is None, name, value)  # memory has no disk to reach
        else:
            check(value and value > 0, name, value)
    for name, serve in found["serve"].items():
        check(serve["lost"] < serve["answers"], name, serve)
    check(found["lookup"]["failed"] == 0, found["lookup"])
    check(found["lookup"]["queries"] >= 1, found["lookup"])
    check(os.listdir(kept) == ["mine"], "left behind:", os.listdir(kept))


def test_table(folder):
    out = kad("bench", "--quick", env={"TMPDIR": folder}).out.decode()
    for word in QUERIES | {"lookups/s", "puts/s", "signatures verified", "x echo"}:
        check(word in out, word, "is missing in", out)
    check([name for name in os.listdir(folder) if name.startswith("kad-bench")] == [], os.listdir(folder))


def test_interrupted(folder):
    """Whatever it had started ends with it, even if it could not say good-bye."""
    bench = subprocess.Popen([KAD, "bench"], stdout=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=folder))
    eventually("it measures answers", lambda: len(children(bench.pid)) == 3)
    begun = children(bench.pid)
    bench.kill()
    bench.wait()
    eventually("its processes end", lambda: not [pid for pid in begun if runs(pid)])
    check([name for name in os.listdir(folder) if name.startswith("kad-bench")] == [], os.listdir(folder))


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def runs(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_mistakes(folder):
    check("cannot make a folder" in kad("bench", "--quick", "--data-dir", "/dev/null/x", expect=5).err)
    check(json.loads(kad("--json", "bench", "what", expect=2).out)["error"])


def test(folder):
    test_json(folder)
    test_table(folder)
    test_interrupted(folder)
    test_mistakes(folder)


main(test)
