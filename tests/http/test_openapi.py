#!/usr/bin/python3
"""docs/openapi.json holds: it is an OpenAPI document, and every answer to every operation, over TCP and over the local
socket, is what it declares for that status; docs/api.md's curl examples do what they say."""
import json
import os
import re
import subprocess
import sys

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from face import Face, ask  # noqa: E402
from program import ROOT, Node, check, eventually, main  # noqa: E402

KEY = "0123456789abcdef0123456789abcdef01234567"
HERE = os.path.dirname(os.path.abspath(__file__))


def is_valid():
    done = subprocess.run(["node", os.path.join(HERE, "validate.mjs"), os.path.join(ROOT, "docs", "openapi.json")],
                          capture_output=True, text=True)
    check(done.returncode == 0, done.stdout, done.stderr)


class Document:
    def __init__(self, text):
        self.all = json.loads(text)
        self.resolver = jsonschema.RefResolver("", self.all)
        self.tried = set()

    def follow(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def template(self, path):
        """"/x/{name}" of what stands for one."""
        for known in self.all["paths"]:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path):
                return known
        return path

    def holds(self, method, path, answer):
        """The answer is one that the document declares."""
        plain = self.template(path.split("?")[0])
        operation = self.all["paths"][plain][method.lower()]
        declared = operation["responses"].get(str(answer.status))
        check(declared, method, path, "answers", answer.status, "which is not declared:", answer.body[:300])
        self.tried.add((method.lower(), plain))
        content = self.follow(declared).get("content", {})
        media = answer.headers.get("content-type", "").split(";")[0]
        if method == "HEAD" or not content:
            return
        check(media in content, method, path, media, "is not among", list(content))
        if media == "application/json":
            validator = jsonschema.Draft202012Validator(content[media]["schema"], resolver=self.resolver)
            wrong = jsonschema.exceptions.best_match(validator.iter_errors(answer.json))
            check(not wrong, method, path, answer.status, wrong)

    def untried(self):
        every = {(method, path) for path, item in self.all["paths"].items() for method in item}
        return every - self.tried


def try_all(document, where, net):
    def tell(method, path, body=None, status=200):
        answer = ask(where, method, path, body)
        check(answer.status == status, method, path, body, "answers", answer.status, answer.body[:300])
        document.holds(method, path, answer)
        return answer

    for path in ("/healthz", "/metrics", "/api/node", "/api/network/info", "/api/network/peers", "/api/network/table", "/api/network/relays",
                 "/api/network/stats", "/api/network/history", "/api/network/history?step=minute", "/openapi.json", "/"):
        tell("GET", path)
        check(ask(where, "HEAD", path).body == b"", "HEAD", path)
    tell("GET", "/api/network/history?step=hour", status=400)
    tell("GET", "/api/ws", status=426)
    hands = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    document.holds("GET", "/api/ws", ask(where, "GET", "/api/ws", **hands))  # no key

    peer = net.address(2)
    put = tell("POST", "/api/dht/put", {"value": "Hello World!", "keep": True, "trace": True}).json
    for item in (b"6:listen", b"le", b"d1:a1:be", b"i42e", b"2:\xff\xfe"):
        key = tell("POST", "/api/dht/put", {"bencoded_hex": item.hex()}).json["key"]
        tell("GET", "/api/dht/get?key=" + key)
    mutable = net.ask("put", "--mutable", "--new-key", "--key-file",
                      os.path.join(net.data, "m.key"), "changing")
    tell("GET", "/api/dht/get?key=" + mutable["key"])
    announced = {"key": KEY, "port": 6881}
    tell("POST", "/api/dht/announce", announced)
    tell("GET", "/api/network/records")
    for path, parameters, missing in (
            ("ping", {"address": peer}, "x"), ("find", {"id": put["key"]}, None), ("closest", {"key": KEY}, "x"),
            ("closest", {"key": KEY, "address": peer}, None), ("get", {"key": put["key"]}, "x"),
            ("peers", {"key": KEY}, "x"), ("peers", {"key": KEY, "scrape": True}, None),
            ("sample", {"target": KEY}, "x")):
        path = "/api/dht/" + path
        query = "&".join("%s=%s" % (name, str(value).lower()) for name, value in parameters.items())
        status = 404 if path.endswith("find") else 200
        tell("GET", path + "?trace&" + query, status=status)
        tell("POST", path, dict(parameters, trace=True), status=status)
        if missing:
            tell("GET", path, status=400)
            tell("POST", path, {}, status=400)
    node = json.loads(net.kad("--json", "closest", KEY).out)["closest"][0]
    tell("GET", "/api/dht/find?id=" + node["id"])
    tell("GET", "/api/evidence")
    tell("GET", "/api/evidence?key=" + put["key"])
    tell("GET", "/api/evidence?key=x", status=400)
    tell("GET", "/api/dht/get?key=" + "f" * 40, status=404)
    tell("POST", "/api/dht/take", {}, status=400)  # Mainline has no mailboxes; of the kad network: test_kad_network.py
    tell("POST", "/api/network/ban", {"peer": "192.0.2.7"}, status=400)  # and nobody to ban: test_peers.py
    tell("POST", "/api/network/pardon", {"peer": "192.0.2.7"}, status=404)
    tell("GET", "/api/dht/ping?timeout_ms=300&address=127.0.0.1:9", status=504)
    tell("POST", "/api/dht/put", {"value": "x" * 997}, status=400)
    tell("POST", "/api/dht/put", b" " * ((2 << 20) + 4097), status=413)
    tell("POST", "/api/dht/announce", b" " * 65537, status=413)
    tell("POST", "/api/dht/withdraw", {"key": put["key"]})
    tell("DELETE", "/api/dht/withdraw?key=" + put["key"], status=404)
    tell("GET", "/api/settings")
    tell("PATCH", "/api/settings", {"alpha": 5, "log_level": "info", "follow_address": True})
    tell("PATCH", "/api/settings", {"alpha": "nine"}, status=400)
    tell("PATCH", "/api/settings", {"k": 9}, status=409)
    recorder(tell, os.path.join(net.data, "%s.journal" % ("local" if isinstance(where, str) else "tcp")))


def libp2p_nodes(folder):
    """Two, so that one has somebody to ask."""
    nodes = []
    for name in ("one", "other"):
        node = Node(folder, name, "--network", "libp2p", "--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0", "--metrics",
                    "none", "--store", "mem", *(["--bootstrap", nodes[0].address] if nodes else []))

        def listening():
            log = open(node.log).read()
            return os.path.exists(node.socket) and re.search(r"listening address=(\S+)", log), re.search(r"event=api address=(\S+)", log)
        address, api = eventually("it listens", lambda: all(listening()) and listening())
        node.address, (host, port) = address.group(1), api.group(1).split(":")
        node.peer, node.api = node.address.rsplit("/", 1)[1], (host, int(port))
        nodes.append(node)
    nodes[1].await_ready()
    eventually("both know both", lambda: nodes[0].ask("status")["peer_count"] == 1)
    return nodes


def try_libp2p(document, where, nodes):
    """What only nodes of libp2p's networks have."""
    cid, other = "bafkreiashvgh54wrmafbwoqpnlo4mcqq6bndjfojicps5s7uzqev2aaknm", nodes[1]

    def tell(method, path, body=None, status=200):
        answer = ask(where, method, path, body)
        check(answer.status == status, method, path, body, "answers", answer.status, answer.body[:300])
        document.holds(method, path, answer)
        return answer.json if "json" in answer.headers.get("content-type", "") else answer

    check(tell("GET", "/api/node")["peer_id"] == nodes[0].peer, "itself")
    for path in ("/api/network/peers", "/api/network/table", "/api/network/relays", "/api/network/stats", "/metrics"):
        tell("GET", path)
    tell("POST", "/api/network/join", {"addresses": other.address})
    tell("POST", "/api/network/join", {"addresses": "nowhere"}, status=400)
    check(tell("POST", "/api/dht/put", {"key": "provider:" + cid})["stored"] == 2, "put")
    check(len(tell("GET", "/api/dht/get?key=provider:" + cid)["providers"]) == 1, "get")
    tell("POST", "/api/dht/put", {"key": "/pk/" + nodes[0].peer})
    tell("GET", "/api/dht/get?key=/pk/" + nodes[0].peer)
    tell("GET", "/api/dht/get?key=/pk/" + other.peer, status=404)
    check(tell("GET", "/api/dht/find?id=" + other.peer)["peer_id"] == other.peer, "find")
    tell("GET", "/api/dht/closest?key=" + other.peer)
    tell("POST", "/api/dht/ping", {"peer": other.peer})
    for path in ("announce", "take"):
        tell("POST", "/api/dht/" + path, {}, status=400)
    check(tell("POST", "/api/dht/provide", {"keys": [cid, "0x01"], "keep": True})["found"] == 2, "provide")
    check(tell("POST", "/api/dht/providers", {"keys": [cid, "0x02"], "need": 1})["found"] == 1, "providers")
    tell("POST", "/api/dht/providers", {"keys": ["0x02"]}, status=404)
    tell("POST", "/api/dht/providers", {"keys": []}, status=400)
    tell("POST", "/api/dht/withdraw", {"key": cid})
    check(tell("GET", "/routing/v1/providers/" + cid)["Providers"][0]["ID"] == nodes[0].peer, "routing")
    check(tell("GET", "/routing/v1/providers/QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n")["Providers"] == [], "nobody's")
    check(tell("GET", "/routing/v1/peers/" + other.peer)["Peers"][0]["ID"] == other.peer, "routing")
    check(len(tell("GET", "/routing/v1/dht/closest/peers/" + cid)["Peers"]) == 1, "routing")
    for path in ("providers/x", "peers/x", "ipns/x", "dht/closest/peers/x!"):
        tell("GET", "/routing/v1/" + path, status=400)
    tell("GET", "/routing/v1/ipns/" + other.peer, status=404)
    tell("PUT", "/routing/v1/ipns/" + other.peer, b"not signed", status=400)


def recorder(tell, path):
    tell("POST", "/api/record/start", {}, status=400)
    started = tell("POST", "/api/record/start", {"path": path}).json
    check(started["running"] and started["path"] == path, started)
    tell("POST", "/api/record/start", {"path": path + "2"}, status=409)
    check(tell("GET", "/api/record").json["running"])
    tell("POST", "/api/record/stop", {})
    eventually("the recording has ended", lambda: not tell("GET", "/api/record").json["running"])
    tell("POST", "/api/record/stop", {}, status=404)


def events(document, where, net):
    from face import Events
    stream = Events(where)
    check("200 OK" in stream.head and "text/event-stream" in stream.head, stream.head)
    document.tried.add(("get", "/events"))
    stream.close()


def examples(net):
    """The curl commands of docs/api.md, with this network's addresses in place of the defaults."""
    with open(os.path.join(ROOT, "docs", "api.md")) as file:
        commands = re.findall(r"^(?:    )?(curl .*?)(?:  *#.*)?$", file.read(), re.M)
    check(len(commands) >= 20, commands)
    api, metrics = net.api[1], net.metrics[1]
    with open(os.path.join(net.data, "api.token"), "w") as file:
        file.write("0" * 64)  # nobody asks for it here, and it does no harm
    for command in commands:
        ours = (command.replace("127.0.0.1:8080", "127.0.0.1:%d" % api).replace("localhost:9100", "127.0.0.1:%d" % metrics)
                .replace("/var/lib/kad", net.data).replace("ADDRESS", net.address(1)))
        ours = ours.replace("curl ", "curl -sS --fail-with-body ", 1)
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + ours], capture_output=True, text=True, timeout=60)
        streams = "--max-time" in command
        check(done.returncode == (28 if streams else 0) or ("find?id=" in command and done.returncode == 22), command,
              done.returncode, done.stdout, done.stderr)
        check(done.stdout, command, "says nothing")


def test(folder):
    is_valid()
    net = Face(folder, 8)
    with open(os.path.join(ROOT, "docs", "openapi.json"), "rb") as file:
        text = file.read()
    check(ask(net.api, "GET", "/openapi.json").body == text, "the program has another document")
    nodes = libp2p_nodes(folder)
    for where, libp2p in ((net.api, nodes[0].api), (net.socket, nodes[0].socket)):
        document = Document(text)
        try_all(document, where, net)
        try_libp2p(document, libp2p, nodes)
        events(document, where, net)
        check(not document.untried(), "not tried:", document.untried())
    examples(net)
    check(net.stop() == 0, "exit status")
    check([node.stop() for node in nodes] == [0, 0], "exit status")


main(test)
