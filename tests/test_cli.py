#!/usr/bin/python3
"""Every command against a local network: what it prints, for people and as JSON, and its exit status.

The exit statuses and the shapes of --json are a contract with scripts (docs/cli.md, docs/api.md).
"""
import hashlib
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, PATIENCE_S, ROOT, LocalNet, Node, check, eventually, kad, loopback, main  # noqa: E402

DONE, NOT_FOUND, USAGE, NO_ANSWER, REFUSED, INTERNAL = range(6)
NOBODY = "f" * 39 + "e"


def commands():
    lines = kad("--help").out.decode().split("\nCommands\n")[1].split("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines]


def help_texts():
    names = commands()
    wanted = "node status table ping find closest get put announce peers sample withdraw distance sim tour version"
    for name in wanted.split():
        check(name in names, name, "is not in the help:", names)
    for name in names:
        for command in ([name, "--help"], [name, "-h"], ["help", name], ["--json", name, "--help"]):
            text = kad(*command).out.decode()
            check(text.startswith("usage: kad %s" % name) and "Options of all commands" in text, command, text)
    check(kad(expect=USAGE).err.startswith("usage: kad"), "without a command the help goes to standard error")
    manual = kad("--man").out.decode()
    for name in names:
        check(".Ss kad %s" % name in manual, name, "is not in the manual page")
    with open(os.path.join(ROOT, "packaging", "kad.1")) as file:
        check(file.read() == manual, "packaging/kad.1 is not what kad --man prints: write it anew")


def usage_errors(net):
    key = "0" * 40
    for command in (["nothing"], ["--nothing"], ["get"], ["get", key, key], ["get", "xyz"], ["ping", "nowhere:x"],
                    ["get", key, "--timeout", "0"], ["announce", key, "--port", "65536"], ["put"], ["put", "a", "--file", "b"],
                    ["put", "a", "--file", "/nonexistent"], ["put", "a", "--salt", "s"], ["put", "a", "--mutable"],
                    ["distance", key], ["distance", key, "xyz"], ["--network", "other", "status"], ["status", "--standalone"],
                    ["put", "x" * 997], ["put", "--raw", "hello"]):
        result = net.kad("--json", *command, expect=USAGE)
        check(result.json["error"], command, result.out)
        check(result.err.startswith("kad: "), command, result.err)
    check(len(kad("--json", "get", expect=USAGE).out.splitlines()) == 1, "one object on one line")


def looking(net, n):
    status = net.ask("status")
    check(re.fullmatch("[0-9a-f]{40}", status["node_id"]) and status["name"] == "first", status)
    check(status["listening"] == [net.first] and status["contacts"]["ipv4"] >= min(8, n - 1), status)
    text = net.kad("status").out.decode()
    check(status["node_id"] in text and "joined" in text and "\033" not in text, text)

    table = net.ask("table")
    check(table["node_id"] == status["node_id"], table)
    for row in table["rows"]:
        prefix = 160 - (int(row["id"], 16) ^ int(table["node_id"], 16)).bit_length()
        check(row["bucket"] <= prefix, row, "shares", prefix, "bits")
        check(re.fullmatch(r"127\.\d+\.\d+\.\d+:%d" % net.port, row["address"]), row)
    check(all(row["id"] in net.kad("table").out.decode() for row in table["rows"]), "table for people")
    stats = net.ask("stats")
    check(stats["accepted"] > 0 and stats["messages_sent"] > 0 and "malformed" in stats["dropped"], stats)
    check(b"queries_in.ping" in net.kad("stats").out)
    version = kad("--json", "version").json["version"]
    said = kad("--version").out.decode()
    check(kad("version").out.decode() == said == "kad %s\nwith mainline, kad, kad-ws, libp2p, http, sim, lmdb\n" % version, said)


def nodes(net):
    pong = net.ask("ping", net.address(3))
    check(re.fullmatch("[0-9a-f]{40}", pong["id"]) and pong["address"] == net.address(3), pong)
    dead = net.kad("--json", "ping", "127.0.0.1:9", "--timeout", "3", expect=NO_ANSWER)
    check(dead.json["error"] == "DHT query timeout", dead.json)

    found = net.ask("find", pong["id"])
    check(found["address"] == net.address(3), found)
    net.kad("--json", "find", NOBODY, expect=NOT_FOUND)

    target = "8" + "0" * 39
    closest = net.ask("closest", "0x" + target, "--trace")
    distances = [int(node["id"], 16) ^ int(target, 16) for node in closest["closest"]]
    check(distances == sorted(distances) and len(set(distances)) == len(distances) >= 8, closest)
    check(closest["reason"] in ("converged", "exhausted") and closest["queries"] >= closest["answers"] > 0, closest)
    answered = [hop for hop in closest["trace"] if hop["what"] == "answered"]
    check(len(answered) == closest["answers"] and all(hop["hop"] >= 1 for hop in answered), closest["trace"])
    for hop in answered:
        check(hop["prefix"] == 160 - (int(hop["id"], 16) ^ int(target, 16)).bit_length(), hop)
    text = net.kad("closest", target, "--trace").out.decode()
    check("shared" in text and "answered" in text and closest["closest"][0]["id"] in text, text)

    one = net.ask("closest", target, "--at", net.address(2))
    check(one["queries"] == 1 and len(one["closest"]) > 0, one)
    check(net.kad("--json", "sample", expect=NOT_FOUND).json["samples"] == [], "nobody has announced yet")


def values(net, folder):
    stored = net.ask("put", "Hello World!")
    check(stored["key"] == "e5f96f6f38320f0f33959cb4d3d656452117aadb", "BEP 44's test vector", stored)
    check(stored["stored"] > 0 and stored["refused"] == 0, stored)
    check(net.kad("put", "Hello World!").out.decode() == stored["key"] + "\n", "put prints the key")
    got = net.ask("get", stored["key"])
    check(got["value"] == "Hello World!" and got["value_hex"] == b"Hello World!".hex() and got["copies"] > 0, got)
    check(got["bencoded_hex"] == b"12:Hello World!".hex() and got["seq"] is None, got)
    check(net.kad("get", stored["key"]).out == b"Hello World!", "get prints the value and nothing else")
    check(net.kad("get", stored["key"], "--raw").out == b"12:Hello World!")
    missing = net.kad("--json", "get", NOBODY, expect=NOT_FOUND)
    check(missing.json["error"] == "not found" and missing.json["reason"], missing.json)
    check(net.kad("get", NOBODY, expect=NOT_FOUND).out == b"", "nothing found, nothing printed")

    binary = bytes(range(256))
    path = os.path.join(folder, "value")
    with open(path, "wb") as file:
        file.write(binary)
    for key in (net.ask("put", "-", stdin=binary)["key"], net.ask("put", "--file", path)["key"]):
        check(net.kad("get", key).out == binary and net.ask("get", key)["value"] is None, key)
    key = net.ask("put", "--raw", "d1:ai1e1:bl1:x2:yzee")["key"]
    check(net.ask("get", key)["type"] == "dictionary" and net.kad("get", key).out == b"d1:ai1e1:bl1:x2:yzee")
    check(net.ask("get", net.ask("put", "--raw", "i-5e")["key"])["value"] == -5)
    check(net.kad("get", net.ask("put", "")["key"]).out == b"", "the empty string is a value")
    check(len(net.kad("get", net.ask("put", "x" * 996)["key"]).out) == 996)


def mutable_values(net, folder):
    key_file = os.path.join(folder, "key")
    mutable = ["--mutable", "--key-file", key_file]
    net.kad("put", "one", *mutable, expect=USAGE)
    first = net.ask("put", "one", *mutable, "--new-key")
    check(os.stat(key_file).st_mode & 0o777 == 0o600 and first["seq"] == 1, first)
    second = net.ask("put", "two", *mutable)
    check(second["key"] == first["key"] and second["seq"] == 2, second)
    got = net.ask("get", first["key"])
    check(got["value"] == "two" and got["seq"] == 2 and got["mutable"] and got["public_key"] == second["public_key"], got)
    check(net.kad("get", second["public_key"]).out == b"two", "a public key stands for its value")

    stale = net.kad("--json", "put", "zero", *mutable, "--seq", "1", expect=REFUSED).json
    check(stale["refusal"] == "sequence" and stale["stored"] == 0, stale)
    wrong = net.kad("--json", "put", "three", *mutable, "--seq", "3", "--cas", "1", expect=REFUSED).json
    check(wrong["refusal"] == "cas" and wrong["stored"] == 0, wrong)
    net.kad("put", "three", *mutable, "--seq", "3", "--cas", "2")

    salted = net.ask("put", "other", *mutable, "--salt", "foobar")
    check(salted["key"] != first["key"], salted)
    check(net.ask("get", salted["key"], "--salt", "foobar")["value"] == "other")
    check(net.ask("get", salted["public_key"], "--salt", "foobar")["value"] == "other")
    check(net.ask("get", "magnet:?xs=urn:btpk:%s&s=%s" % (salted["public_key"], b"foobar".hex()))["value"] == "other")
    check(net.ask("get", first["key"])["value"] == "three", "a salted value is another value")
    os.chmod(key_file, 0o644)
    net.kad("put", "four", *mutable, expect=USAGE)


def peers(net):
    info_hash = os.urandom(20).hex()
    net.kad("peers", info_hash, expect=NOT_FOUND)
    announced = net.ask("announce", info_hash, "--port", "51413", "--seed", "--keep", "--for", "7d")
    check(announced["stored"] > 0 and announced["port"] == 51413 and announced["keep_until"], announced)
    mine = net.first.split(":")[0] + ":51413"
    check(net.ask("peers", info_hash)["peers"] == [mine])
    check(net.kad("peers", "magnet:?xt=urn:btih:%s&dn=x" % info_hash).out.decode() == mine + "\n")
    check(net.ask("peers", info_hash, "--first")["peers"] == [mine])
    scraped = net.ask("peers", info_hash, "--scrape")
    check(0.5 < scraped["seeds_estimate"] < 2.5, scraped)
    check(info_hash in net.ask("sample", info_hash)["samples"])
    check(net.ask("status")["publications"] == 1)
    check(net.ask("withdraw", info_hash)["withdrawn"])
    check(net.ask("status")["publications"] == 0)
    net.kad("withdraw", info_hash, expect=NOT_FOUND)


def distances():
    a, b = os.urandom(20).hex(), os.urandom(20).hex()
    answer = kad("--json", "distance", a, b).json
    check(int(answer["distance"], 16) == int(a, 16) ^ int(b, 16), answer)
    check(answer["shared_bits"] == 160 - int(answer["distance"], 16).bit_length() == answer["bucket"], answer)
    same = kad("--json", "distance", a, "0x" + a.upper()).json
    check(int(same["distance"], 16) == 0 and same["bucket"] is None, same)


def cids():
    """I013, I033, I046, I103: hashes of shards and CIDs, both ways; a file's; what is mistyped is refused."""
    digest = "0x" + hashlib.sha256(b"shard").hexdigest()
    answer = kad("--json", "cid", digest).json
    cid = answer["cid"]
    check(cid.startswith("bafkrei") and answer["cid_v0"].startswith("Qm") and answer["hash"] == digest, answer)
    check(answer["multihash"] == "1220" + digest[2:], answer)
    for name in (cid, answer["cid_v0"]):
        check(kad("cid", name).out.decode() == digest + "\n", name)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"shard")
        file.flush()
        check(kad("cid", file.name).out.decode() == cid + "\n", cid)
    check(kad("--json", "cid", "0xABCD").json["hash"] == "0x" + hashlib.sha256(b"\xab\xcd").hexdigest(), "0xABCD")
    for wrong, where in ((digest + "00", "character 67"), (digest[:-2], "31 bytes"), ("0x12g4", "character 5"), ("0xabc", "odd")):
        check(where in kad("cid", wrong, expect=USAGE).err, wrong)
    kad("cid", "/nonexistent", expect=USAGE)


def simulation():
    measured = kad("--json", "sim", "lookup", "--nodes", "100", "--lookups", "20").json
    check(measured["nodes"] == 100 and measured["lookups"] == 20, measured)
    kad("sim", expect=USAGE)
    kad("sim", "/nonexistent", expect=USAGE)


def no_node(folder):
    for place in (os.path.join(folder, "nowhere"), os.path.join(folder, "nowhere.sock")):
        result = kad("--json", "--node", place, "status", expect=NO_ANSWER)
        check(result.json["error"] == "no node answers", result.json)
    kad("status", expect=NO_ANSWER, env={"KAD_DATA_DIR": os.path.join(folder, "nowhere")})


def standalone(net):
    key = net.ask("put", "seen from outside")["key"]
    alone = ["--standalone", "--bootstrap", net.address(1)]
    check(kad("get", key, *alone).out == b"seen from outside")
    check(b"has the value" in kad("get", key, "--trace", *alone).out)
    check(kad("--json", "ping", net.address(4), "--standalone").json["address"] == net.address(4))
    check(kad("--json", "status", *alone).json["read_only"])
    kad("get", NOBODY, *alone, expect=NOT_FOUND)
    kad("get", key, "--standalone", "--bootstrap", "127.0.0.1:9", "--timeout", "1", expect=NO_ANSWER)


def configuration(folder):
    printed = kad("node", "--print-config", "--set", "alpha=5", "--data-dir", "/x", "--store", "mem", "--name", "me").out
    path = os.path.join(folder, "kad.conf")
    with open(path, "wb") as file:
        file.write(printed)
    check(kad("node", "--config", path, "--print-config").out == printed, "what is printed reads back to the same")
    check(re.search(rb"^alpha *= *5$", printed, re.M), printed)
    with open(path, "w") as file:
        file.write("[lookup]\nk = 20\nalpha = many\n")
    wrong = kad("node", "--config", path, expect=USAGE)
    check("kad.conf:3: " in wrong.err, wrong.err)
    for flags in (["--set", "nothing=1"], ["--set", "alpha"], ["--listen", "here"], ["--log-level", "loud"],
                  ["--nodes", "3"], ["--nodes", "3", "--listen", "192.0.2.1:6881"], ["--config", "/nonexistent"]):
        kad("node", "--data-dir", os.path.join(folder, "unused"), *flags, expect=USAGE)


def on_a_terminal(net):
    """Colour on a terminal, none with NO_COLOR."""
    def run(env):
        ours, theirs = pty.openpty()
        child = subprocess.Popen([KAD, "--node", net.data, "status"], stdin=theirs, stdout=theirs, stderr=theirs,
                                 env=dict(os.environ, TERM="xterm", **env))
        os.close(theirs)
        text = b""
        try:
            while True:
                part = os.read(ours, 4096)
                if not part:
                    break
                text += part
        except OSError:  # the other side is closed: how Linux ends a terminal
            pass
        os.close(ours)
        check(child.wait() == 0, text)
        return text

    check(b"\033[32m" in run({}), "no colour on a terminal")
    check(b"\033[3" not in run({"NO_COLOR": "1"}), "colour in spite of NO_COLOR")


def stopping(net, folder):
    """One data directory has one node; SIGTERM ends it well; the socket goes with it; an old socket is no obstacle."""
    second = Node(folder, "net", "--listen", loopback())
    check(second.process.wait(PATIENCE_S) == INTERNAL, "two nodes in one data directory")
    check(net.ask("status")["ready"], "the first is not disturbed")
    check(net.stop() == 0, "exit status after SIGTERM")
    check(not os.path.exists(net.socket), "the socket is still there")

    node = Node(folder, "alone", "--listen", loopback(), "--log-format", "json")
    eventually("it listens", lambda: os.path.exists(node.socket))
    node.process.kill()
    node.process.wait()
    check(os.path.exists(node.socket), "a killed node leaves its socket")
    node = Node(folder, "alone", "--listen", loopback())
    eventually("it answers again", lambda: node.kad("status", expect=None).code == 0)
    check(node.stop(signal.SIGINT) == 0, "exit status after SIGINT")
    check("event=listening" in open(node.log).read(), "the log says where it listens")


def test(folder):
    help_texts()
    distances()
    cids()
    simulation()
    no_node(folder)
    configuration(folder)
    net = LocalNet(folder, 12)
    usage_errors(net)
    looking(net, 12)
    nodes(net)
    values(net, folder)
    mutable_values(net, folder)
    peers(net)
    standalone(net)
    on_a_terminal(net)
    stopping(net, folder)


main(test)
