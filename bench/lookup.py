"""The lookup table: clients search a network of 100,000 nodes on real sockets, 50 ms of round trip away.

Each client has a swarm of its own (bench-swarm) and searches the same infohashes one after the other. What is told is
what the swarm saw: round trips from a search's first query until peers were on their way back, until the last answer
was, and how many queries it took. A quarter of the nodes may be dead, and stand in everybody's tables nonetheless.
"""
import json
import os
import random
import statistics
import subprocess
import threading
import time

import servers
from servers import note

NODES, RTT_MS = 100000, 50
WARM_SECONDS = 14
DEAD = {"none dead": 0.0, "a quarter dead": 0.25}


def ask_by_line(server, infohash):
    server.process.stdin.write(infohash + "\n")
    server.process.stdin.flush()


def ask_by_command(server, infohash):
    """kad: its own command line, which talks to the node over the socket in its data directory."""
    command = [server.programs.kad, "peers", infohash, "--node", os.path.join(server.folder, "data", "kad.sock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode not in (0, 1):
        note(f"  kad peers: {done.stderr.strip()[-200:]}")


ASK = {"kad": ask_by_command, "libtorrent": ask_by_line, "bittorrent-dht": ask_by_line}


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def spread(values):
    return {"p50": statistics.median(values), "p90": quantile(values, 0.9)} if values else None


def summary(searches, n_asked):
    found = [s for s in searches if s["first"] >= 0]
    return {
        "searches": n_asked,
        "found": len(found),
        "first": spread([s["first"] for s in found]),
        "all_nearest": spread([s["all_nearest"] for s in searches if s["all_nearest"] >= 0]),
        "last": spread([s["last"] for s in searches]),
        "queries": spread([s["queries"] for s in searches]),
        "to_dead": spread([s["to_dead"] for s in searches]),
        "nearest_reached": sum(s["nearest_asked"] for s in searches) / max(1, sum(s["nearest"] for s in searches)),
    }


def search(server, dead, infohashes, pause, out, key):
    """One client in one network, from joining to the last search."""
    server.make_folder()
    swarm = servers.Swarm(server.programs, NODES, server.port + 1000, dead=dead, rtt=RTT_MS, introduce=server.endpoint,
                          introductions=400, over=WARM_SECONDS * 600, seed=7)
    try:
        server.launch(swarm.bootstrap[0])
        time.sleep(WARM_SECONDS)
        for infohash in infohashes:
            began = time.monotonic()
            ASK[server.name](server, infohash)
            time.sleep(max(0.0, pause - (time.monotonic() - began)))
        time.sleep(2)
        wanted = set(infohashes)
        seen = [json.loads(line) for line in swarm.finish()]
        out[key] = summary([s for s in seen if s["infohash"] in wanted], len(infohashes))
        if server.process.poll() is not None:
            out[key]["error"] = "the client ended: " + server.complaint()
    except Exception as problem:  # one client's trouble must not end the others
        out[key] = {"error": str(problem)}
    finally:
        swarm.stop()
        server.down()


def run(kinds, programs, quick):
    """{client: {"none dead": summary, "a quarter dead": summary}}; all networks at once: they are idle most of the time"""
    dice = random.Random(4)
    infohashes = [f"{dice.getrandbits(160):040x}" for _ in range(15 if quick else 100)]
    flat, threads = {}, []
    clients = [type(server) for server in kinds if server.name in ASK]
    for i, kind in enumerate(clients):
        for j, (name, dead) in enumerate(DEAD.items()):
            client = kind(programs, 27000 + 20 * i + 10 * j, None)
            arguments = (client, dead, infohashes, 1.5 if quick else 2.0, flat, (client.name, name))
            threads.append(threading.Thread(target=search, args=arguments))
            threads[-1].start()
    for thread in threads:
        thread.join()
    results = {}
    for (client, name), found in sorted(flat.items()):
        results.setdefault(client, {})[name] = found
        note(f"  {client}, {name}: {json.dumps(found)}")
    return results
