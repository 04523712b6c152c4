#!/usr/bin/python3
"""kad over WebSockets with JSON: five daemons that find each other, and a client, in Node.js and in a page in Chromium, that proves
who it is, looks up, stores and provides; whoever lies, replays or passes on is refused; the rest of HTTP is on the same port; records outlive a restart."""
# serial
# timeout 300

import base64
import functools
import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import threading

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "vectors"))
import second
from program import Node, check, eventually, loopback, main

N = 5


def member(folder, name, address, *arguments):
    return Node(folder, name, "--network", "kad-ws-easy", "--listen", address, "--api", "none", "--metrics", "none",
                *arguments)


def run_client(address, identity):
    done = subprocess.run(["node", "--experimental-websocket", "--no-warnings", os.path.join(HERE, "member_test.mjs"),
                           address, identity, str(N)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200)
    check(done.returncode == 0, done.stdout.decode(), done.stderr.decode())
    return json.loads(done.stdout)


class Files(http.server.SimpleHTTPRequestHandler):
    """tests/http, as another site's pages; what is not there is an empty page."""

    extensions_map = {".mjs": "text/javascript", "": "text/html"}

    def do_GET(self):
        if self.path.endswith(".mjs"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a page</title>")

    def log_message(self, *arguments):
        pass


IN_PAGE = """
const done = arguments[arguments.length - 1];
(async () => {
  const { Identity, lookup, dial, makeRecord, checkRecord, random, text, sha256 } = await import('/member.mjs');
  const me = await Identity.make();
  const nodes = await lookup(me, arguments[0], 'Kad.findNode', { target: random(32) });
  const key = await sha256(text('from a page'));
  for (const { id, address } of nodes) {
    const to = await dial(address, me, { expected: id });
    const { token } = await to.ask('Kad.get', { target: key });
    const record = await makeRecord(me, { type: 4, key, value: text('from a page'), lifeMs: 3600e3 });
    await to.ask('Kad.put', { record, token });
    await to.close();
  }
  const answers = await lookup(me, arguments[0], 'Kad.get', { target: key });
  const records = answers.flatMap(({ data }) => data.records ?? []);
  const good = await Promise.all(records.map(checkRecord));
  return { nodes: nodes.map(({ id }) => id), copies: good.filter((one) => one).length, me: me.id };
})().then((found) => done(found), (error) => done({ error: String(error.stack) }));
"""


def run_page(address):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=HERE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    try:
        browser.set_script_timeout(100)
        browser.get("http://127.0.0.1:%d/" % server.server_port)
        return browser.execute_async_script(IN_PAGE, address)
    finally:
        browser.quit()
        server.shutdown()


class Deaf:
    """A member in plain Python that proves who it is and then asks and asks, and reads nothing."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(60)
        self.socket.connect((host, int(port)))
        self.socket.sendall(("GET /kad HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
                             % (address, base64.b64encode(bytes(16)).decode())).encode())
        self.bytes = b""
        check(b" 101 " in self.until(lambda: self.bytes.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in self.bytes else 0))
        seed, nonce, network = b"deaf" * 8, os.urandom(32), b"kad-ws-easy"
        self.say("Kad.connect", version=1, network=network.decode(), host=address, nonce=typed(nonce),
                 nodeId=second.identity_text(second.public_key(seed)))
        answer = self.hear()["data"]
        server = second.identity_of_text(answer["nodeId"])
        signed = (b"\2\1" + bytes([len(network)]) + network + second.public_key(seed) + server + nonce
                  + base64.b64decode(answer["nonce"]["value"]) + bytes([0, 0, len(address)]) + address.encode())
        self.say("Kad.verify", signature=typed(second.sign(seed, b"kad/1 ws\0" + signed)))
        check("data" in self.hear())

    def until(self, size):
        while not size():
            more = self.socket.recv(4096)
            check(more, "cut off")
            self.bytes += more
        taken, self.bytes = self.bytes[:size()], self.bytes[size():]
        return taken

    def hear(self):
        head = self.until(lambda: 4 if len(self.bytes) >= 4 else 0)
        small = head[1] < 126
        size = head[1] if small else struct.unpack(">H", head[2:])[0]
        self.bytes = head[2:] + self.bytes if small else self.bytes
        return json.loads(self.until(lambda: size if len(self.bytes) >= size else 0))

    def say(self, command, **args):
        text = json.dumps({"messageId": 1, "command": command, "args": [args]}).encode()
        self.socket.sendall(struct.pack(">BBH", 0x81, 0x80 | 126, len(text)) + bytes(4) + text)


def typed(data):
    return {"__type": "Buffer64", "value": base64.b64encode(data).decode()}


def slow(address):
    """It is cut off, whatever it goes on saying; meanwhile others are served."""
    deaf = Deaf(address)
    try:
        while True:
            deaf.say("Kad.findNode", target=typed(os.urandom(32)))
    except (BrokenPipeError, ConnectionResetError):
        pass


def curl(address, path):
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://%s%s" % (address, path)],
                          stdout=subprocess.PIPE, timeout=60)
    return int(done.stdout)


def pinned(folder, first, identities):
    right = member(folder, "right", loopback(), "--bootstrap", "%s/%s" % (first, identities[0]))
    right.await_ready(1)
    wrong = member(folder, "wrong", loopback(), "--bootstrap", "%s/%s" % (first, identities[1]))
    eventually("the bootstrap is known to be somebody else", lambda: "wrong_key" in open(wrong.log).read())
    status = wrong.ask("status")
    check(not status["ready"] and status["peer_count"] == 0, status)
    check(wrong.stop() == 0 and right.stop() == 0)


def both(folder, first):
    """kad and kad-ws in one daemon, as one identity."""
    at = loopback()
    key = os.path.join(folder, "both.key")
    node = Node(folder, "both", "--identity", key, "--network", "kad-easy", "--listen", at, "--network", "kad-ws-easy",
                "--listen", at, "--bootstrap", first, "--api", "none", "--metrics", "none")
    eventually("both run", lambda: os.path.exists(node.socket) and curl(at, "/kad") == 426)
    ids = {node.ask("status", "--network", name)["identity"] for name in ("kad-easy", "kad-ws-easy")}
    check(len(ids) == 1, ids)
    check(node.stop() == 0)


def test(folder):
    addresses = [loopback() for _ in range(N)]
    nodes = [member(folder, "n0", addresses[0])]
    for i in range(1, N):
        nodes.append(member(folder, "n%d" % i, addresses[i], "--bootstrap", addresses[0]))
    for node in nodes:
        node.await_ready(N - 1)
    identities = [node.ask("status")["identity"] for node in nodes]
    found = run_client(addresses[0], identities[0])
    check(sorted(found["nodes"]) == sorted(identities), found, identities)

    found = run_page(addresses[0])
    check(sorted(found.get("nodes", [])) == sorted(identities) and found["copies"] == N, found)

    # among themselves
    put = nodes[1].ask("put", "--class", "room", "lobby", "hello")
    check(put["stored"] == N, put)
    check(nodes[3].ask("get", "room:lobby")["value"] == "hello")

    # who does not listen is nobody's contact
    for node in nodes:
        check(found["me"] not in node.kad("--json", "peers").out.decode())
        check(node.ask("status")["peer_count"] == N - 1)

    slow(addresses[0])
    metrics = subprocess.run(["curl", "-s", "http://%s/metrics" % addresses[0]], stdout=subprocess.PIPE).stdout.decode()
    check([line for line in metrics.splitlines() if "slow_reader" in line and line.endswith(" 1")], metrics)

    # one port
    check(curl(addresses[0], "/api/node") == 200)
    check(curl(addresses[0], "/kad") == 426)

    # what it held and whom it knew is there again
    before = nodes[2].ask("status")
    check(before["store"]["records"] >= 2, before)
    check(nodes[2].stop() == 0)
    nodes[2] = member(folder, "n2", addresses[2]).await_ready(N - 1)  # nobody to join through but who is in its state
    after = nodes[2].ask("status")
    check(after["identity"] == before["identity"] and after["store"]["records"] == before["store"]["records"], before, after)
    pinned(folder, addresses[0], identities)
    both(folder, addresses[0])
    for node in nodes:
        check(node.stop() == 0)


main(test)
