#!/usr/bin/python3
"""/api/ws with Debian's python3-websockets as the client: the messages of /events, requests and their answers, who may do
what, and what happens to clients that are slow, silent, too many, or that break the rules."""
import asyncio
import base64
import hashlib
import json
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import websockets  # noqa: E402
from face import TIMEOUT_S, Events, Face, ask, connect, counter  # noqa: E402
from program import check, eventually, main  # noqa: E402

KEY = base64.b64encode(b"0123456789abcdef").decode()
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": KEY}
# Takes datagrams and never answers.
SILENCE = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
SILENCE.bind(("127.0.0.1", 0))
NOBODY = "127.0.0.1:%d" % SILENCE.getsockname()[1]

CLOSING = dict(UPGRADE, Connection="Upgrade, close")  # who is refused asks nothing more


class Client:
    """One connection of the library's. Answers and events come in no particular order: what was not wanted is kept."""

    def __init__(self, net, **more):
        self.net, self.more, self.number, self.kept = net, more, 0, []

    async def __aenter__(self):
        if isinstance(self.net, str):
            made = websockets.unix_connect(self.net, uri="ws://localhost/api/ws", **self.more)
        else:
            made = websockets.connect("ws://%s:%d/api/ws" % self.net, **self.more)
        self.socket = await asyncio.wait_for(made, TIMEOUT_S)
        return self

    async def __aexit__(self, *_):
        await self.socket.close()

    async def next(self, wanted):
        async def look():
            for i, message in enumerate(self.kept):
                if wanted(message):
                    return self.kept.pop(i)
            while True:
                message = json.loads(await self.socket.recv())
                if wanted(message):
                    return message
                self.kept.append(message)

        return await asyncio.wait_for(look(), TIMEOUT_S)

    async def event(self, kind, where=lambda data: True):
        return (await self.next(lambda message: message.get("event") == kind and where(message["data"])))["data"]

    async def send(self, method, **params):
        self.number += 1
        await self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        return self.number

    async def ask(self, method, **params):
        number = await self.send(method, **params)
        return await self.next(lambda message: message.get("id") == number)


async def requests(where):
    """What HTTP answers, and answers in any order."""
    async with Client(where) as client:
        put = (await client.ask("put", value="over a socket"))["result"]
        got = (await client.ask("get", key=put["key"]))["result"]
        check(got["value"] == "over a socket", got)
        status = (await client.ask("node"))["result"]
        check(status == dict(ask(where, "GET", "/api/node").json, **{
            name: status[name] for name in ("uptime", "memory_bytes", "requests", "queries", "rtt_ms")
        }) or status["node_id"], status)
        table = (await client.ask("network/table"))["result"]
        check(table["node_id"] == status["node_id"] and table["rows"], table)
        missing = (await client.ask("get", key="7" * 40))["error"]
        check(missing["status"] == 404 and missing["error"] == "not found", missing)

        numbers = set()
        for i in range(8):
            numbers.add(await client.send("closest", key="%040x" % i))
        while numbers:
            answer = await client.next(lambda message: message.get("id") in numbers)
            check(answer["result"]["closest"], answer)
            numbers.remove(answer["id"])

        changed = (await client.ask("settings", alpha=4))
        check("result" in changed, changed)


async def events(where):
    """A lookup as /events tells it, from the same feed."""
    stream = Events(where)
    async with Client(where) as client:
        check((await client.event("stats"))["ready"] is True)
        number = await client.send("closest", key="1" * 40)
        begun = await client.event("lookup_begun", lambda data: data["target"] == "1" * 40)
        seen, told = [], []
        while not (told and told[-1]["event"] == "lookup_completed"):
            told.append(await client.next(lambda message: message.get("data", {}).get("request") == begun["request"]))
        await client.next(lambda message: message.get("id") == number)
        while not (seen and seen[-1][0] == "lookup_completed"):
            seen.append(stream.next(where=lambda data: data.get("request") == begun["request"]))
        check([(message["event"], message["data"]) for message in told] == seen[1:], told, seen)
    stream.close()


async def mistakes(where):
    """A wrong request is answered, and the connection goes on; broken rules end it with their code."""
    async with Client(where) as client:
        for text, reason in (("{", "line 1"), ("[]", "id"), ('{"id": 1}', "method"), ('{"method": "node"}', "id"),
                             ('{"id": 1, "method": "node", "params": 3}', "params"),
                             ('{"id": 1, "method": "node", "more": 3}', "nothing else"),
                             ('{"id": 1, "id": 2, "method": "node"}', "duplicate"),
                             (json.dumps({"id": "x" * 65, "method": "node"}), "id")):
            await client.socket.send(text)
            answer = await client.next(lambda message: "id" in message)
            check(answer["error"]["status"] == 400 and reason in answer["error"]["reason"], text, answer)
        check((await client.ask("no/such"))["error"]["status"] == 404)
        check((await client.ask("get", key="x"))["error"]["status"] == 400)
        check((await client.ask("get", key="1" * 40, colour="red"))["error"]["status"] == 400)
        await client.socket.send('{"id": "me", "method": "node"}')
        check((await client.next(lambda message: message.get("id") == "me"))["result"])

        # More at once than one connection may have: the rest is refused, nothing is forgotten.
        numbers = {await client.send("closest", key="%040x" % i) for i in range(64)}
        answers = [await client.next(lambda message: message.get("id") in numbers) for _ in range(64)]
        check({answer["id"] for answer in answers} == numbers)
        check(all("result" in answer or answer["error"]["status"] == 429 for answer in answers), answers)

    for message, code in ((b"\x00\x01", 1003), ("x" * 65537, 1009)):
        async with Client(where) as client:
            try:
                await client.socket.send(message)
                await client.next(lambda message: False)
            except websockets.ConnectionClosed as closed:
                check(closed.code == code, closed.code, "not", code)
    async with Client(where) as client:
        await client.socket.send("x" * 65536)
        check((await client.next(lambda message: "id" in message))["error"]["status"] == 400, "64 KiB are taken")


class Raw:
    """A client that may break the rules."""

    def __init__(self, where):
        self.client = connect(where)
        fields = "".join("%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in UPGRADE.items())
        self.client.sendall(("GET /api/ws HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % fields).encode())
        self.left = b""
        while b"\r\n\r\n" not in self.left:
            self.more()
        self.head, _, self.left = self.left.partition(b"\r\n\r\n")
        check(b" 101 " in self.head.split(b"\r\n")[0], self.head)

    def more(self):
        part = self.client.recv(65536)
        check(part, "closed without a word")
        self.left += part

    def await_bytes(self, n):
        while len(self.left) < n:
            self.more()

    def send(self, opcode, payload=b"", fin=True, masked=True, size=None):
        size = len(payload) if size is None else size
        head = bytes([opcode | (0x80 if fin else 0)])
        mark = 0x80 if masked else 0
        head += (bytes([mark | size]) if size < 126 else
                 bytes([mark | 126]) + struct.pack(">H", size) if size < 65536 else
                 bytes([mark | 127]) + struct.pack(">Q", size))
        self.client.sendall(head + (b"\0\0\0\0" if masked else b"") + payload)

    def frame(self, *opcodes):
        """The payload of the next frame with one of the opcodes."""
        while True:
            self.await_bytes(2)
            opcode, size, at = self.left[0] & 15, self.left[1], 2
            if size >= 126:
                at = 4 if size == 126 else 10
                self.await_bytes(at)
                size = int.from_bytes(self.left[2:at], "big")
            self.await_bytes(at + size)
            payload, self.left = self.left[at:at + size], self.left[at + size:]
            if opcode in opcodes:
                return payload

    def closed_with(self):
        code = self.frame(8)[:2]
        return struct.unpack(">H", code)[0] if code else None

    def close(self):
        self.client.close()


def frames(net):
    """What the library does not do by itself: parts of a message with a ping between them, and what is not allowed."""
    raw = Raw(net.api)
    accept = hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    check(b"Sec-WebSocket-Accept: " + base64.b64encode(accept) in raw.head, raw.head)
    raw.send(1, b'{"id": 1, "met', fin=False)
    raw.send(9, b"are you there?")
    check(raw.frame(10) == b"are you there?")
    raw.send(0, b'hod": "node"}')
    while True:
        answer = json.loads(raw.frame(1))
        if "id" in answer:
            break
    check(answer["id"] == 1 and answer["result"]["node_id"], answer)
    raw.send(8, struct.pack(">H", 1000))
    check(raw.closed_with() == 1000)
    raw.close()
    for what, arguments, code in (("no mask", dict(opcode=1, payload=b"{}", masked=False), 1002),
                                  ("no such opcode", dict(opcode=3), 1002),
                                  ("reserved bit", dict(opcode=0x41, payload=b"{}"), 1002),
                                  ("long ping", dict(opcode=9, payload=b"x" * 126), None),
                                  ("no beginning", dict(opcode=0, payload=b"x"), 1002),
                                  ("not UTF-8", dict(opcode=1, payload=b"\xff\xfe"), 1007),
                                  ("announces too much", dict(opcode=1, payload=b"x", size=1 << 40), 1009)):
        raw = Raw(net.api)
        raw.send(**arguments)
        found = raw.closed_with()
        check(found == code, what, found, "not", code)
        raw.close()


def handshakes(net):
    def status(**headers):
        fields = dict(CLOSING)
        fields.update(headers)
        return ask(net.api, "GET", "/api/ws", **fields)

    check(status(Upgrade="h2c").status == 426)
    answer = status(Sec_WebSocket_Version="8")
    check(answer.status == 426 and answer.headers["sec-websocket-version"] == "13", answer.headers)
    check(status(Sec_WebSocket_Key="short").status == 400)
    check(status(Sec_WebSocket_Key="!" * 24).status == 400)
    check(ask(net.api, "GET", "/api/ws").status == 426)
    check(ask(net.api, "POST", "/api/ws", {}).status == 405)
    # Browsers let any page open a WebSocket to this machine, and say whose page it is.
    check(status(Origin="http://evil.example").status == 403)
    check(status(Origin="null").status == 403)
    check(status(Sec_Fetch_Site="cross-site").status == 403)
    check(status(Host="evil.example").status == 421)
    check(ask(net.metrics, "GET", "/api/ws", **CLOSING).status == 404)
    own = "%s:%d" % net.api
    head = "GET /api/ws HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n" % (own, own)
    head += "".join("%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in UPGRADE.items())
    with connect(net.api) as client:
        client.sendall((head + "\r\n").encode())
        check(b" 101 " in client.recv(4096), "a page of ours may")


async def strangers(folder):
    """Without the token: reads only, sends nothing where it is told to, does not see the owner's lookups."""
    os.mkdir(os.path.join(folder, "public"))
    net = Face(os.path.join(folder, "public"), 4, "--public-api", "--set", "api=127.0.0.1:0")
    with open(os.path.join(net.data, "api.token")) as file:
        headers = {"Authorization": "Bearer " + file.read().strip()}
    async with Client(net.api) as stranger, Client(net.api, extra_headers=headers) as owner:
        for method, params in (("put", {"value": "x"}), ("settings", {"alpha": 4}), ("ping", {"address": "127.0.0.1:1"}),
                               ("withdraw", {"key": "1" * 40})):
            answer = await stranger.ask(method, **params)
            check(answer["error"]["status"] == 401, method, answer)
        check((await stranger.ask("record/start", path="/tmp/x"))["error"]["status"] == 401)
        check((await owner.ask("put", value="x"))["result"]["stored"])
        await owner.ask("closest", key="1" * 40)
        check((await stranger.ask("closest", key="2" * 40))["result"]["closest"])
    async with Client(net.api) as stranger, Client(net.api, extra_headers=headers) as owner:
        await owner.ask("closest", key="3" * 40)
        await owner.ask("closest", key="4" * 40)
        number = await stranger.send("closest", key="5" * 40)
        begun = await stranger.event("lookup_begun")
        check(begun["target"] == "5" * 40, begun)
        await stranger.next(lambda message: message.get("id") == number)
    refused = ask(net.api, "GET", "/api/ws", **dict(CLOSING, Authorization="Bearer " + "0" * 64))
    check(refused.status == 401, refused.status)
    check(net.stop() == 0)


def slow(net):
    """Who does not read is overtaken by the events, or by his own answers; the others notice nothing."""
    reader = Raw(net.api)
    sleepers = []
    for _ in range(20):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(TIMEOUT_S)
        client.connect(net.api)
        fields = "".join("%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in UPGRADE.items())
        client.sendall(("GET /api/ws HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % fields).encode())
        sleepers.append(client)
    eventually("all listen", lambda: counter(net.metrics, "kademlia_http_streams") == 21)
    before = counter(net.metrics, 'kademlia_http_refused_total{reason="slow_stream"}')

    def busy():
        for i in range(20):
            ask(net.api, "GET", "/api/dht/closest?key=%040x" % i)
            while b"lookup_completed" not in reader.frame(1):
                pass
        return counter(net.metrics, 'kademlia_http_refused_total{reason="slow_stream"}') - before == 20

    eventually("who does not read is cut off", busy)
    eventually("places come free", lambda: counter(net.metrics, "kademlia_http_streams") == 1)
    for client in sleepers:
        client.close()
    reader.close()
    # A flood of requests whose answers nobody takes: reading stops, so it costs what fits into the socket.
    flood = Raw(net.api)
    flood.client.setblocking(False)
    text = b'{"id":1,"method":"network/table"}'
    frame = bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text
    sent = 0
    try:
        while sent < 64 << 20:
            sent += flood.client.send(frame * 100)
    except BlockingIOError:
        pass
    check(sent < 64 << 20)
    check(ask(net.api, "GET", "/healthz").status == 200, "the others are served")
    flood.close()
    eventually("gone", lambda: counter(net.metrics, "kademlia_http_streams") == 0)


def leaving(net):
    """A client that goes in the middle of a request takes it with it."""
    clients = [Raw(net.api) for _ in range(10)]
    for client in clients:
        text = json.dumps({"id": 1, "method": "ping", "params": {"address": NOBODY}}).encode()
        client.send(1, text)
    eventually("they are asked", lambda: ask(net.api, "GET", "/api/node").json["requests"] >= 10)
    for client in clients:
        client.close()
    eventually("nothing is asked any more", lambda: ask(net.api, "GET", "/api/node").json["requests"] == 0)


def places(net):
    clients = [Raw(net.api) for _ in range(64)]
    answer = ask(net.api, "GET", "/api/ws", **CLOSING)
    check(answer.status == 503 and answer.json["error"] == "limit reached", answer.status)
    for client in clients:
        client.close()
    eventually("places come free", lambda: counter(net.metrics, "kademlia_http_streams") == 0)


def silent(folder):
    """A client that answers pings stays; one that does not is cut off, and counted."""
    os.mkdir(os.path.join(folder, "silent"))
    net = Face(os.path.join(folder, "silent"), 2, "--set", "api_silence=2s")
    quiet, alive = Raw(net.api), Raw(net.api)

    def cut():
        alive.frame(9)
        alive.send(10)
        return counter(net.metrics, 'kademlia_http_refused_total{reason="silent"}') == 1

    eventually("it is cut off", cut)
    check(counter(net.metrics, "kademlia_http_streams") == 1, "the one that answers stays")
    quiet.close()
    alive.close()
    check(net.stop() == 0)


async def the_end(net):
    """A node that stops says so: 1001, after the answers that were still to come."""
    async with Client(net.api) as client:
        await client.event("stats")
        number = await client.send("ping", address=NOBODY)
        await client.event("lookup_begun")
        net.process.terminate()
        answer = await client.next(lambda message: message.get("id") == number)
        check("error" in answer, answer)
        try:
            await client.next(lambda message: False)
        except websockets.ConnectionClosed as closed:
            check(closed.code == 1001, closed.code)
    check(net.stop() == 0, "exit status with WebSockets")


def test(folder):
    asyncio.run(strangers(folder))
    silent(folder)
    net = Face(folder, 8)
    handshakes(net)
    frames(net)
    for where in (net.api, net.socket):
        asyncio.run(requests(where))
        asyncio.run(events(where))
        asyncio.run(mistakes(where))
    leaving(net)
    places(net)
    slow(net)
    asyncio.run(the_end(net))


main(test)
