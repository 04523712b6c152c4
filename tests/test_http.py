#!/usr/bin/python3
"""The HTTP face under clients that are broken, slow, greedy or gone: each gets an answer or is cut off, and the node goes
on answering everybody else."""
import json
import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "http"))
from face import TIMEOUT_S, connect, read_all  # noqa: E402
from program import LocalNet, check, eventually, main  # noqa: E402


def raw(net, request, end=True):
    """What the server says to these bytes. `end`: our side is shut down behind them."""
    with connect(net.socket) as client:
        try:
            client.sendall(request)
            if end:
                client.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it has answered already
        return read_all(client)


def ask(net, method, path, body=None):
    text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (method, path, len(text))
    answer = raw(net, head.encode() + text, end=False)
    check(answer.startswith(b"HTTP/1.1 "), method, path, answer[:200])
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


def silence():
    """A UDP socket that never answers."""
    nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    nobody.bind(("127.0.0.1", 0))
    return nobody


def ping(nobody):
    return b"GET /api/dht/ping?address=127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % nobody.getsockname()[1]


def alive(net):
    status, _, body = ask(net, "GET", "/healthz")
    check(status == 200 and json.loads(body) == {"status": "ok", "ready": True, "reason": None}, status, body)


def routes(net):
    for path in ("/api/node", "/api/network/info", "/api/network/peers", "/api/network/stats", "/api/network/table"):
        status, head, body = ask(net, "GET", path)
        check(status == 200 and "application/json" in head and json.loads(body), path, head, body)
    peer = json.loads(ask(net, "GET", "/api/network/peers")[2])["peers"][0]
    check({"id", "name", "address", "latency_ms", "connected_at", "score", "state"} <= set(peer), peer)
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", peer["connected_at"]), peer)

    status, _, body = ask(net, "POST", "/api/dht/put", {"value": "over HTTP"})
    key = json.loads(body)["key"]
    check(status == 200, body)
    for answer in (ask(net, "GET", "/api/dht/get?key=" + key), ask(net, "POST", "/api/dht/get", {"key": key})):
        check(answer[0] == 200 and json.loads(answer[2])["value"] == "over HTTP", answer)
    traced = json.loads(ask(net, "GET", "/api/dht/closest?trace&key=" + key)[2])
    check(traced["trace"] and traced["closest"], traced)
    check(ask(net, "HEAD", "/api/node")[2] == b"", "HEAD has no body")


def errors(net):
    key = "0" * 40
    for method, path, body, status, error in (
            ("GET", "/no/such", None, 404, "no such path"),
            ("GET", "/api/dht/get?key=" + "f" * 40, None, 404, "not found"),
            ("GET", "/api/dht/put", None, 405, "method not allowed"),
            ("DELETE", "/api/node", None, 405, "method not allowed"),
            ("BREW", "/api/node", None, 405, "method not allowed"),
            ("GET", "/api/dht/get", None, 400, "bad request"),
            ("GET", "/api/dht/get?key=xyz", None, 400, "bad request"),
            ("GET", "/api/dht/get?key=%s&kye=1" % key, None, 400, "bad request"),
            ("GET", "/api/dht/get?key=%ff%fe", None, 400, "bad request"),
            ("GET", "/api/node?x=1", None, 400, "bad request"),
            ("POST", "/api/dht/get", b"{", 400, "bad request"),
            ("POST", "/api/dht/get", b"[]", 400, "bad request"),
            ("POST", "/api/dht/get", b'{"key": 1}', 400, "bad request"),
            ("POST", "/api/dht/get", b'{"key": "a", "key": "b"}', 400, "bad request"),
            ("POST", "/api/dht/get", b"\xff\xfe\x00", 400, "bad request"),
            ("POST", "/api/dht/get", b"[" * 60000, 400, "bad request"),
            ("POST", "/api/dht/put", {"value": "x" * 997}, 400, "bad request"),
            ("POST", "/api/dht/put", {"value": "x", "public_key": "0" * 64}, 400, "bad request"),
            ("POST", "/api/dht/announce", {"key": key, "port": 65536}, 400, "bad request"),
            ("POST", "/api/dht/withdraw", {"key": key}, 404, "not found"),
            ("GET", "/api/dht/ping?address=127.0.0.1:9&timeout_ms=500", None, 504, "DHT query timeout")):
        got, head, text = ask(net, method, path, body)
        check(got == status and json.loads(text)["error"] == error and "reason" in json.loads(text), method, path, body, got,
              text)
        check(status != 405 or "\r\nAllow: " in head, head)
    forged = {"value": "x", "public_key": "0" * 64, "signature": "0" * 128, "seq": 1}
    status, _, body = ask(net, "POST", "/api/dht/put", forged)
    check(status in (400, 409) and json.loads(body)["error"], "a forged signature", status, body)
    alive(net)


def garbage(net):
    # No request in it, and nothing to answer: the client leaves again.
    for request in (b"", b"\r\n\r\n", b"\x00" * 5000, os.urandom(4096), b"GET / HT", b"\x16\x03\x01\x02\x00\x01\x00"):
        with connect(net.socket) as client:
            client.sendall(request)
    alive(net)
    for request in (b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                    b"GET /api/node HTTP/1.1\r\n\r\n",  # no Host
                    b"POST /api/dht/get HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                    b"POST /api/dht/get HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                    b"POST /api/dht/get HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n"):
        answer = raw(net, request)
        check(answer == b"" or re.match(rb"HTTP/1\.[01] [45]\d\d", answer), request[:60], answer[:200])
    alive(net)


def oversize(net):
    head = b"POST /api/dht/get HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = raw(net, head + b"Content-Length: 65537\r\n\r\n" + b" " * 65537)
    check(answer.startswith(b"HTTP/1.1 413"), answer[:100])
    check(json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "body too large", answer)
    # Without a length there is no saying so beforehand: it is cut off.
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = raw(net, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 64 + b"0\r\n\r\n")
    check(b"200 OK" not in answer, answer[:100])
    # The largest that is allowed is read.
    body = b'{"key": "' + b"0" * 40 + b'"' + b" " * (65536 - 51) + b"}"
    check(len(body) == 65536)
    check(raw(net, head + b"Content-Length: 65536\r\n\r\n" + body, end=False).startswith(b"HTTP/1.1 404"))
    alive(net)


def slow_and_gone(net):
    """Half a request holds nothing up; a client that leaves takes its request with it."""
    half = connect(net.socket)
    half.sendall(b"POST /api/dht/get HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    alive(net)
    half.close()

    slow = connect(net.socket)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        slow.sendall(bytes([byte]))
    check(b'"ok"' in read_all(slow), "one byte at a time")
    slow.close()

    def cancelled():
        return json.loads(ask(net, "GET", "/api/network/stats")[2])["requests_done"]["cancelled"]

    check(cancelled() == 0)
    with silence() as nobody:
        clients = [connect(net.socket) for _ in range(5)]
        for client in clients:
            client.sendall(ping(nobody))
        eventually("they run", lambda: json.loads(ask(net, "GET", "/api/node")[2])["requests"] == 5)
        for client in clients:
            client.close()
        eventually("their requests are cancelled", lambda: cancelled() == 5)

    # Shutting down one's sending side is not leaving.
    key = json.loads(ask(net, "POST", "/api/dht/put", {"value": "half closed"})[2])["key"]
    request = "GET /api/dht/get?key=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % key
    check(b"half closed" in raw(net, request.encode()))
    alive(net)


def many(net):
    """A hundred connections at once, idle and busy, and as many again on one that is kept alive."""
    clients = [connect(net.socket) for _ in range(100)]
    alive(net)
    for client in clients:
        client.sendall(b"GET /api/network/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for client in clients:
        check(b"200 OK" in read_all(client)[:20])
        client.close()

    with connect(net.socket) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 99 +
                       b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        check(read_all(client).count(b'"status":"ok"') == 100, "pipelined")

    # More than there are places: the rest wait, and are served when places come free.
    clients = [connect(net.socket) for _ in range(300)]
    for client in clients[:200]:
        client.close()
    alive(net)
    for client in clients[200:]:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        check(b"200 OK" in read_all(client)[:20])
        client.close()


SAMPLE = re.compile(r'(kademlia_[a-z0-9_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? (-?[0-9.e+]+)')


def metrics(net):
    def scrape():
        status, head, body = ask(net, "GET", "/metrics")
        check(status == 200 and "text/plain; version=0.0.4" in head, head)
        types, samples = {}, {}
        for line in body.decode().splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                check(name not in types, name, "twice")
                types[name] = kind
            elif not line.startswith("# HELP "):
                match = SAMPLE.fullmatch(line)
                check(match, line)
                base = re.sub("_(bucket|sum|count)$", "", match.group(1))
                check(match.group(1) in types or types.get(base) == "histogram", line)
                check((match.group(1), match.group(2)) not in samples, line)
                samples[match.group(1), match.group(2)] = float(match.group(3))
        for name, kind in types.items():
            check((kind == "counter") == name.endswith("_total"), name, kind)
        return samples

    before = scrape()
    status = json.loads(ask(net, "GET", "/api/node")[2])
    check(before["kademlia_routing_table_size", 'family="ipv4"'] == status["contacts"]["ipv4"], before, status)
    check(before["kademlia_ready", None] == 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        host, port = net.first.split(":")
        peer.sendto(b"this is no bencode", (host, int(port)))
    dropped = ("kademlia_datagrams_dropped_total", 'reason="malformed"')
    eventually("the drop is counted", lambda: scrape()[dropped] > before[dropped])
    with silence() as nobody:
        check(ask(net, "GET", "/api/dht/ping?address=127.0.0.1:%d" % nobody.getsockname()[1])[0] == 504)
    timeouts = ("kademlia_dht_query_timeouts_total", None)
    after = scrape()
    check(after["kademlia_requests_total", None] > before["kademlia_requests_total", None], after)
    check(after[timeouts] > before[timeouts], after)


def test(folder):
    net = LocalNet(folder, 8, "--set", "api_max_connections=256", "--api", "none", "--metrics", "none")
    alive(net)
    check(os.stat(net.socket).st_mode & 0o777 == 0o600, "only the owner may connect")
    routes(net)
    errors(net)
    garbage(net)
    oversize(net)
    slow_and_gone(net)
    many(net)
    metrics(net)
    alive(net)
    # A request under way when the node is stopped is answered, not dropped.
    with connect(net.socket) as client, silence() as nobody:
        client.sendall(ping(nobody))
        eventually("it runs", lambda: json.loads(ask(net, "GET", "/api/node")[2])["requests"] == 1)
        net.process.terminate()
        answer = read_all(client)
        check(answer.startswith(b"HTTP/1.1 503") and b'"stopped"' in answer, answer)
    code = net.stop()
    check(code == 0, "exit status after SIGTERM", code)


main(test)
