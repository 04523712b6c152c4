"""face - what the tests of the HTTP face over TCP share: a network whose first node has one, and clients of it."""
import json
import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from program import LocalNet, check, eventually  # noqa: E402

TIMEOUT_S = 60


class Face(LocalNet):
    """`kad node --nodes n` with the API and the metrics on ports that the system chose."""

    def __init__(self, folder, n, *arguments):
        super().__init__(folder, n, "--api", "127.0.0.1:0", "--metrics", "127.0.0.1:0", *arguments)
        self.api, self.metrics = self.door("api"), self.door("metrics")

    def door(self, event):
        """Where the node says it listens, as (host, port)."""
        pattern = re.compile(r"event=%s address=\[?([0-9a-f.:]+?)\]?:(\d+) " % event)

        def said():
            match = pattern.search(open(self.log).read())
            return match and ("127.0.0.1" if match.group(1) == "::" else match.group(1), int(match.group(2)))

        return eventually("event=%s in the log" % event, said)


def connect(where):
    """`where`: (host, port), or the path of a local socket."""
    client = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    client.connect(where)  # of a local socket: waits while the queue is full, which it does not with a timeout
    client.settimeout(TIMEOUT_S)
    return client


def read_all(client):
    text = b""
    try:
        while True:
            part = client.recv(65536)
            if not part:
                return text
            text += part
    except ConnectionError:
        return text


class Answer:
    def __init__(self, text):
        head, _, self.body = text.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        check(lines[0].startswith("HTTP/1.1 "), "no HTTP:", text[:200])
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)


def ask(where, method, path, body=None, **headers):
    """One request; header names have _ for -, and None leaves one out."""
    text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Host": "localhost", "Connection": "close"}
    if body is not None:
        fields.update({"Content-Type": "application/json", "Content-Length": str(len(text))})
    for name, value in headers.items():
        name = name.replace("_", "-").title()
        fields.pop(name, None)
        if value is not None:
            fields[name] = value
    head = "%s %s HTTP/1.1\r\n" % (method, path) + "".join("%s: %s\r\n" % field for field in fields.items()) + "\r\n"
    with connect(where) as client:
        try:
            client.sendall(head.encode("latin-1") + text)
        except ConnectionError:
            pass  # it has answered already
        return Answer(read_all(client))


class Events:
    """A client of /events."""

    def __init__(self, where, **headers):
        self.client = connect(where)
        fields = "".join("%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in headers.items())
        self.client.sendall(("GET /events HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % fields).encode())
        self.left, self.text = b"", b""
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.client.recv(1)
            check(part, "the stream ended in its head:", head)
            head += part
        self.head = head.decode()
        self.ended = False

    def chunk(self):
        """The next chunk's bytes; empty: the end."""
        while b"\r\n" not in self.left:
            if not self.more():
                return b""
        size, _, self.left = self.left.partition(b"\r\n")
        size = int(size, 16)
        while len(self.left) < size + 2:
            if not self.more():
                return b""
        chunk, self.left = self.left[:size], self.left[size + 2:]
        return chunk

    def more(self):
        try:
            part = self.client.recv(65536)
        except ConnectionError:
            part = b""
        self.left += part
        return part

    def next(self, kind=None, where=lambda data: True):
        """The next event (of a kind), as (kind, data); None at the end."""
        while True:
            while b"\n\n" not in self.text:
                chunk = self.chunk()
                if not chunk:
                    return None
                self.text += chunk
            block, _, self.text = self.text.partition(b"\n\n")
            lines = dict(line.split(": ", 1) for line in block.decode().split("\n"))
            if "event" not in lines:
                self.greeting = lines  # retry, and a comment
                continue
            data = json.loads(lines["data"])
            if kind in (None, lines["event"]) and where(data):
                return lines["event"], data

    def close(self):
        self.client.close()


def counter(where, name):
    """One sample of /metrics, its labels as they are written."""
    for line in ask(where, "GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    check(False, name, "is not in /metrics")
