#!/usr/bin/python3
# serial
# timeout 300
"""The libp2p network by its faces: the commands with CIDs, hashes of shards, peer ids and multiaddrs; T024's own words, metrics
and error text; the HTTP API; IPFS's delegated routing, asked by Helia's client."""

import hashlib
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request

from libp2p_world import HERE, NODE, KadPeer, check, cid, eventually, main
from p2p import place, unbase58
from program import KAD, kad as run_kad, loopback

NOT_FOUND, USAGE, NO_ANSWER = 1, 2, 3
SHARD = hashlib.sha256(b"shard").digest()


def metric(node, name):
    with urllib.request.urlopen("http://%s/metrics" % node.metrics, timeout=20) as answer:
        text = answer.read().decode()
    found = re.search(r"^%s(?:_total)?(?:\{[^}]*\})? (\S+)$" % name, text, re.M)
    check(found, name, "is not among the metrics:", text)
    return float(found.group(1))


def start(folder):
    nodes = []
    for i in range(5):
        name = "node%d" % i
        node = KadPeer(folder, name, "--api", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
                       bootstrap=[nodes[0].address] if nodes else ())
        log = open(node.log).read()
        node.api = re.search(r"event=api address=(\S+)", log).group(1)
        node.metrics = re.search(r"event=metrics address=(\S+)", log).group(1)
        nodes.append(node)
    for node in nodes:
        eventually("all know all", lambda node=node: node.contacts() == 4)
    return nodes


def who_we_are(nodes):
    status = nodes[0].ask("status")
    check(status["peer_id"] == nodes[0].peer and nodes[0].address in status["multiaddrs"], status)
    text = nodes[0].kad("status").out.decode()
    check(nodes[0].peer in text and nodes[0].address in text, text)
    rows = nodes[0].ask("table")["rows"]
    check({row["peer_id"] for row in rows} == {node.peer for node in nodes[1:]}, rows)
    for row in rows:
        other = next(node for node in nodes if node.peer == row["peer_id"])
        check(other.address in row["multiaddrs"] and row["agent"].startswith("kad/"), row)


def provider_records(nodes):
    """T024's cases 2 and 3 by hand: I046-I050, I051-I053."""
    before = metric(nodes[0], "kademlia_provider_records_published")
    said = nodes[0].ask("provide", "0xABCD")
    check(said["stored"] == 5 and said["ttl_ms"] == 12 * 3600 * 1000, said)
    check(said["peer_id"] == nodes[0].peer and nodes[0].address in said["multiaddrs"], said)
    check(said["multihash"] == "1220" + hashlib.sha256(b"\xab\xcd").hexdigest(), said)
    check(metric(nodes[0], "kademlia_provider_records_published") == before + 1, "published")
    check(all(metric(node, "kademlia_provider_records") >= 1 for node in nodes), "held")
    for node in nodes:
        found = node.ask("providers", "0xABCD")["providers"]
        check([one["peer_id"] for one in found] == [nodes[0].peer] and nodes[0].address in found[0]["multiaddrs"], found)
    ok = metric(nodes[1], "kademlia_provider_lookups_success")
    tried = nodes[1].ask("providers", "0xABCD", "--verify")["providers"]
    check(tried[0]["alive"] is True, tried)
    check(metric(nodes[1], "kademlia_provider_lookups_success") == ok + 1, "lookups")
    failed = metric(nodes[1], "kademlia_provider_lookups_failures")
    nodes[1].kad("providers", "0x123456", expect=NOT_FOUND)
    check(metric(nodes[1], "kademlia_provider_lookups_failures") == failed + 1, "lookups that failed")
    check(nodes[0].ask("provide", "0xABCD")["stored"] == 5, "what is provided can be provided again")


def content(nodes):
    """I013, I033, I103: a shard has one key, however it is written. I140: kept for a week, in records of 12 hours."""
    said = nodes[1].ask("provide", "0x" + SHARD.hex(), "--keep", "--for", "7d")
    check(said["valid_until"] < said["keep_until"], said)
    for name in (cid(b"shard"), SHARD.hex().upper(), "0x1220" + SHARD.hex(), "f01551220" + SHARD.hex()):
        out = nodes[2].kad("providers", name).out.decode()
        check(out.startswith(nodes[1].peer + " ") and nodes[1].address in out, name, out)
    for wrong, where in (("0x" + SHARD.hex() + "00", "character 67"), ("0x" + SHARD.hex()[2:], "31 bytes"), ("0xag", "character 4")):
        check(where in nodes[1].kad("provide", wrong, expect=USAGE).err, wrong)
    check(nodes[1].ask("status")["publications"] == 1, "kept")
    nodes[1].kad("withdraw", cid(b"shard"))
    nodes[1].kad("withdraw", cid(b"shard"), expect=NOT_FOUND)


def query(nodes, folder):
    """I128: T024's example, by either name."""
    check(nodes[1].peer in nodes[0].kad("dht_query", "--shard-hash", "0x" + SHARD.hex()).out.decode(), "dht_query")
    link = os.path.join(folder, "dht_query")
    os.symlink(KAD, link)
    done = subprocess.run([link, "--node", nodes[0].socket, "--shard-hash", "0x" + SHARD.hex()], stdout=subprocess.PIPE, check=True)
    check(nodes[1].peer in done.stdout.decode(), done.stdout)
    check("shorter" in nodes[0].kad("dht_query", "--shard-hash", "0xABCD", expect=USAGE).err, "a hash is wanted")


def peers(nodes):
    found = nodes[3].kad("find", nodes[4].peer).out.decode().split()
    check(nodes[4].address in found, found)
    check(nodes[3].ask("find", nodes[4].peer)["peer_id"] == nodes[4].peer, "find")
    nodes[3].kad("find", "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf", expect=NOT_FOUND)
    check(nodes[3].ask("ping", nodes[4].peer)["peer_id"] == nodes[4].peer, "ping")
    check(nodes[3].ask("ping", nodes[4].address)["peer_id"] == nodes[4].peer, "ping")
    preimage = b"where is this?"
    answer = nodes[3].ask("closest", preimage.hex())
    check(answer["target"] == hashlib.sha256(preimage).hexdigest(), answer)
    key = int(answer["target"], 16)
    order = sorted(nodes[:3] + nodes[4:], key=lambda node: place(unbase58(node.peer)) ^ key)
    check([one["peer_id"] for one in answer["closest"]] == [node.peer for node in order], answer)
    lines = nodes[3].kad("closest", preimage.hex()).out.decode().splitlines()
    check([line.split()[0] for line in lines[1:5]] == [node.peer for node in order], lines)


def batches(nodes, folder):
    """I006, I020: many shards in one call; k of n."""
    hashes = ["0x" + hashlib.sha256(b"%d" % i).hexdigest() for i in range(60)]
    with open(os.path.join(folder, "shards"), "w") as file:
        file.write("\n".join(hashes) + "\n")
    done = nodes[2].ask("provide", "--file", os.path.join(folder, "shards"))
    check(done["found"] == 60 and [row["asked"] for row in done["keys"]] == hashes, done["found"])
    nobodys = ["0x" + os.urandom(32).hex() for _ in range(10)]
    answer = nodes[3].ask("providers", "--need", "12", *(hashes[:20] + nobodys))
    check(12 <= answer["found"] <= 20, answer)
    found = [row for row in answer["keys"] if row.get("providers")]
    check(len(found) == answer["found"] and all(row["providers"][0]["peer_id"] == nodes[2].peer for row in found), answer)
    result = nodes[3].kad("providers", "--need", "3", hashes[0], hashes[1], nobodys[0], expect=NOT_FOUND)
    check(len(result.out.decode().splitlines()) == 2, result.out)
    check(nodes[3].kad("providers", hashes[0], "nonsense", expect=USAGE).err, "what is no CID is refused")


def values(nodes):
    for node in nodes[:2]:
        node.kad("put", "/pk/" + node.peer)
        got = nodes[3].ask("get", "/pk/" + node.peer)
        check(bytes.fromhex(got["value_hex"])[:4] == b"\x08\x01\x12\x20", got)
    nodes[0].kad("put", "/pk/" + nodes[0].peer, "not its key", expect=USAGE)
    nodes[0].kad("put", "/ipns/" + nodes[0].peer, "not signed", expect=USAGE)
    nodes[0].kad("get", "/pk/" + nodes[4].peer, expect=NOT_FOUND)
    nodes[0].kad("get", "/pk/nobody", expect=USAGE)


def routing(nodes):
    done = subprocess.run([NODE, os.path.join(HERE, "helia", "routing.mjs"), "http://" + nodes[3].api, cid(b"1"), nodes[1].peer],
                          stdout=subprocess.PIPE, timeout=120, check=True)
    got = json.loads(done.stdout)
    bare = [node.address.split("/p2p/")[0] for node in nodes]
    check(got["providers"] == [{"id": nodes[2].peer, "addrs": [bare[2]], "schema": "peer"}], got["providers"])
    check(got["nobody"] == [], got["nobody"])
    check(got["peers"] == [{"id": nodes[1].peer, "addrs": [bare[1]], "schema": "peer"}], got["peers"])
    check({one["id"] for one in got["closest"]} == {node.peer for node in nodes if node is not nodes[3]}, got["closest"])
    check(got["ipns"]["value"] == "/ipfs/" + cid(b"1") and got["ipns"]["sequence"] == 7, got["ipns"])
    check(got["unknown"] == "NotFoundError", got)
    value = nodes[0].ask("get", "/ipns/" + got["ipns"]["name"])
    check(value["ipns"]["value"] == "/ipfs/" + cid(b"1") and value["ipns"]["sequence"] == 7, value)
    large = got["large"]
    check(9000 < large["size"] <= 10240 and large["value"] == large["path"], large["size"])
    check(nodes[0].ask("get", "/ipns/" + large["name"])["ipns"]["value"] == large["path"], "a long one, from another node")
    url = "http://%s/routing/v1/providers/%s" % (nodes[3].api, cid(b"1"))
    with urllib.request.urlopen(url, timeout=20) as answer:
        check(json.load(answer)["Providers"][0]["ID"] == nodes[2].peer, "as JSON")
    for path, method, status in (("providers/xyz", "GET", 400), ("peers/xyz", "GET", 400), ("ipns/xyz", "GET", 400),
                                 ("providers/" + cid(b"1"), "PUT", 405), ("ipns/" + nodes[0].peer, "PUT", 400), ("nothing", "GET", 404)):
        request = urllib.request.Request("http://%s/routing/v1/%s" % (nodes[3].api, path), method=method,
                                         data=b"rubbish" if method == "PUT" else None)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                code = answer.status
        except urllib.error.HTTPError as error:
            code = error.code
        check(code == status, path, code)


def words(nodes, folder):
    """I124-I126: T024's command line."""
    port = loopback().rsplit(":", 1)[1]
    data, log = os.path.join(folder, "words"), os.path.join(folder, "words.log")
    with open(log, "wb") as out:
        process = subprocess.Popen([KAD, "node", "--port", port, "--bootstrap-peers", ",".join(n.address for n in nodes[:2]),
                                    "--data-dir", data, "--store", "mem", "--api", "none", "--metrics", "none"],
                                   stderr=out, env=dict(os.environ, RUST_LOG="kad=debug"))

    def status():
        done = run_kad("--json", "--node", data, "status", expect=None)
        return done.json if done.code == 0 and done.json["peer_count"] == 5 else None
    try:
        answer = eventually("it joins", status)
        check(answer["network"] == "libp2p" and any(a.endswith(":" + port) for a in answer["listening"]), answer)
        check("level=debug" in open(log).read(), "RUST_LOG")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def joining(nodes, folder):
    alone = KadPeer(folder, "alone")
    check(alone.contacts() == 0, "it knows somebody")
    check(alone.ask("join", nodes[0].address + "," + nodes[1].address)["contacts"] >= 1, "join")
    alone.kad("join", "nonsense", expect=USAGE)
    alone.stop()


def timeout(nodes):
    """T024's case 7: I069-I071. All that are known stop answering."""
    before = metric(nodes[0], "kademlia_dht_query_timeouts")
    for node in nodes[1:]:
        node.process.send_signal(signal.SIGSTOP)
    try:
        result = nodes[0].kad("--json", "providers", "0x77", expect=NO_ANSWER)
        check(result.json["error"] == "DHT query timeout", result.out)
        check("DHT query timeout" in result.err, result.err)
        check(result.json["duration_ms"] >= 10000, result.json)
        check(metric(nodes[0], "kademlia_dht_query_timeouts") == before + 1, "timeouts")
    finally:
        for node in nodes[1:]:
            node.process.send_signal(signal.SIGCONT)


def names_of_metrics(nodes):
    """I127: what T024 wants to see."""
    with urllib.request.urlopen("http://%s/metrics" % nodes[0].metrics, timeout=20) as answer:
        text = answer.read().decode()
    for name in ("routing_table_size", "query_duration_seconds_count", "provider_records", "provider_records_published",
                 "dht_query_timeouts", "routing_table_refreshes", "peer_discovery_success", "peer_discovery_failures",
                 "provider_lookups_success", "provider_lookups_failures"):
        check(re.search(r"^kademlia_%s(_total)?[ {]" % name, text, re.M), name)


def test(folder):
    nodes = start(folder)
    who_we_are(nodes)
    provider_records(nodes)
    content(nodes)
    query(nodes, folder)
    peers(nodes)
    batches(nodes, folder)
    values(nodes)
    routing(nodes)
    joining(nodes, folder)
    words(nodes, folder)
    names_of_metrics(nodes)
    timeout(nodes)
    for node in nodes:
        check(node.stop() == 0, "exit status")


main(test)
