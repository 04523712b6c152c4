#!/usr/bin/python3
"""The API over TCP: who gets in and who does not, what clients may cost, and the seeds' own command lines."""
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from face import Face, ask, connect, counter, read_all  # noqa: E402
from program import KAD, check, eventually, kad, loopback, main  # noqa: E402

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def refused(net, reason):
    return counter(net.metrics, 'kademlia_http_refused_total{reason="%s"}' % reason)


def strangers_pages(net):
    """A page of another site, shown by a browser on this machine."""
    before = refused(net, "forbidden")
    for headers, status in (({"host": "evil.example"}, 421), ({"host": "127.0.0.1.evil.example:80"}, 421),
                            ({"origin": "http://evil.example"}, 403), ({"origin": "null"}, 403),
                            ({"sec_fetch_site": "cross-site"}, 403), ({"sec_fetch_site": "same-site"}, 403)):
        for path in ("/api/node", "/events", "/api/dht/get?key=" + "0" * 40):
            answer = ask(net.api, "GET", path, **headers)
            check(answer.status == status and answer.json["reason"], path, headers, answer.status)
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded"):
        answer = ask(net.api, "POST", "/api/dht/put", {"value": "forged"}, content_type=content_type)
        check(answer.status == 415, content_type, answer.status)
    check(refused(net, "forbidden") == before + 21, before, refused(net, "forbidden"))
    # Our own page, and programs.
    check(ask(net.api, "GET", "/api/node", sec_fetch_site="same-origin").status == 200)
    check(ask(net.api, "GET", "/api/node", origin="http://localhost").status == 200)
    check(ask(net.api, "GET", "/api/node", host="box.lan").status == 200, "api_names")
    check(ask(net.api, "GET", "/api/node", host="[::1]:8080").status == 200)
    check(ask(net.api, "OPTIONS", "/api/dht/put").status == 405, "no preflight is granted")
    answer = ask(net.api, "GET", "/api/node", sec_fetch_site="same-origin")
    check(not any(name.startswith("access-control") for name in answer.headers), answer.headers)
    # On the local socket nobody else can ask.
    check(ask(net.socket, "POST", "/api/dht/put", {"value": "x"}, content_type=None, host="x").status == 200)


def pages(net):
    answer = ask(net.api, "GET", "/")
    check(answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8", answer.headers)
    check(answer.headers["content-security-policy"].startswith("default-src 'self'"), answer.headers)
    check(answer.headers["x-content-type-options"] == "nosniff", answer.headers)
    again = ask(net.api, "GET", "/", if_none_match=answer.headers["etag"])
    check(again.status == 304 and not again.body, again.status)
    check(ask(net.api, "GET", "/", if_none_match='"other"').status == 200)
    check(ask(net.api, "POST", "/", {}).status == 405 and ask(net.api, "GET", "/../etc/passwd").status == 404)
    check(ask(net.metrics, "GET", "/").status == 404 and ask(net.metrics, "GET", "/api/node").status == 404)
    check(ask(net.metrics, "GET", "/healthz").status == 200)


def sizes(net):
    check(ask(net.api, "POST", "/api/dht/put", b"{" + b" " * 8192).status == 413, "over api_max_body")
    check(ask(net.api, "GET", "/healthz", cookie="x" * 20000).status == 431, "over api_max_headers")
    check(ask(net.api, "GET", "/" + "x" * 20000).status == 414, "over api_max_headers")
    check(refused(net, "too_large") == 1)


def slow_requests(net):
    """Bytes that trickle in steadily are within the silence allowed, and not within the time for a request."""
    before = refused(net, "slow_request")
    clients = [connect(net.api) for _ in range(20)]
    for client in clients:
        client.sendall(HEAD)

    def trickle():
        gone = 0
        for client in clients:
            try:
                client.sendall(b"X")
            except ConnectionError:
                gone += 1
        return gone == len(clients)

    eventually("slow requests are cut off", trickle)
    check(refused(net, "slow_request") == before + 20, refused(net, "slow_request"))
    silent = connect(net.api)
    check(read_all(silent) == b"", "silence")


def slow_readers(net):
    """An answer that nobody takes does not stay for ever."""
    before = refused(net, "slow_reader")
    client = connect(net.api)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    taken = 0
    while True:  # a little at a time, so that it is never silent
        try:
            part = client.recv(512)
        except ConnectionError:
            break
        if not part:
            break
        taken += len(part)
        time.sleep(0.02)
        if refused(net, "slow_reader") > before:
            break
    check(refused(net, "slow_reader") == before + 1, "a slow reader was not cut off; it took", taken)


def crowded(net):
    """All places taken by clients that say nothing: the slowest make room for one that does."""

    def made_room():
        """On a machine that is busy itself the silent may have been cut off for being slow: then once more."""
        crowd = [connect(net.api) for _ in range(80)]
        for client in crowd:
            try:
                client.sendall(b"GET / HTTP")
            except ConnectionError:
                pass
        check(ask(net.api, "GET", "/healthz").status == 200)
        check(kad("--node", net.data, "status").code == 0, "the local socket has places of its own")
        for client in crowd:
            client.close()
        return refused(net, "crowded") > 0

    check(eventually("the slowest made room", made_room))


def strangers(folder):
    """--public-api: who has no token may read."""
    net = Face(folder, 4, "--public-api", "--set", "api=127.0.0.1:0", "--set", "api_max_per_address=40")
    with open(os.path.join(net.data, "api.token")) as file:
        token = file.read().strip()
    check(os.stat(os.path.join(net.data, "api.token")).st_mode & 0o777 == 0o600)
    bearer = "Bearer " + token
    key = ask(net.api, "POST", "/api/dht/put", {"value": "by the owner"}, authorization=bearer).json["key"]
    check(ask(net.api, "GET", "/api/dht/get?key=" + key, host="any.example").json["value"] == "by the owner")
    for method, path, body in (("POST", "/api/dht/put", {"value": "x"}), ("DELETE", "/api/dht/withdraw?key=" + key, None),
                               ("POST", "/api/dht/get", {"key": key}),
                               ("GET", "/api/dht/ping?address=" + net.address(1), None),
                               ("GET", "/api/dht/ping", {"address": net.address(1)}),
                               ("GET", "/api/dht/ping?address%00x=" + net.address(1), None),
                               ("GET", "/api/dht/closest?key=%s&address=%s" % (key, net.address(1)), None)):
        for header, status in ((None, 401), ("Bearer " + "0" * 64, 401), (bearer, 200)):
            answer = ask(net.api, method, path, body, authorization=header)
            wanted = 404 if method == "DELETE" and status == 200 else status
            check(answer.status == wanted, method, path, header, answer.status, answer.body)
            check(status != 401 or answer.headers["www-authenticate"] == "Bearer", answer.headers)
    for header, status in ((None, 401), (bearer, 200)):  # an identity may be work
        answer = ask(net.api, "GET", "/api/dht/get?unlinked=now&key=" + key, authorization=header)
        check(answer.status == status, header, answer.status, answer.body)
    check(ask(net.api, "GET", "/api/node").json["data_dir"] is None)
    check(ask(net.api, "GET", "/api/node", authorization=bearer).json["data_dir"] == net.data)

    # A stranger who asks much at once is told so.
    before = refused(net, "busy")
    many = [connect(net.api) for _ in range(30)]
    for i, client in enumerate(many):
        client.sendall(b"GET /api/dht/get?key=%040x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (i + 1))
    statuses = [read_all(client).split(b" ")[1] for client in many]
    check(set(statuses) <= {b"404", b"429"} and b"404" in statuses, statuses)
    check(refused(net, "busy") - before == statuses.count(b"429"), statuses)
    for client in many:
        client.close()

    # One address cannot take all places.
    places = [connect(net.api) for _ in range(60)]
    closed = sum(1 for client in places if is_closed(client))
    check(closed >= 20, "places beyond api_max_per_address stayed open:", closed)
    for client in places:
        client.close()
    check(net.stop() == 0)


def is_closed(client):
    client.settimeout(0.05)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def taken_ports(folder):
    """A port that nobody chose may be taken; one that was chosen may not."""
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        first.listen()
        taken = "127.0.0.1:%d" % first.getsockname()[1]
        for flag in ("--api", "--metrics"):
            done = kad("node", "--data-dir", os.path.join(folder, "taken"), "--listen", loopback(), "--api", "none",
                       "--metrics", "none", flag, taken, expect=None)
            check(done.code != 0 and "in use" in done.err, done.err)
    done = kad("node", "--data-dir", "none", "--store", "mem", "--api", "192.0.2.1:80", expect=2)
    check("public_api" in done.err, done.err)


IN_A_NAMESPACE = """
set -eu
ip link set lo up
(exec %(kad)s node --listen 127.0.0.1:6999 --public-api --name seed --data-dir %(data)s --log-level debug) 2>%(data)s.log &
node=$!
trap 'kill $node' EXIT
for i in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8080/api/network/peers && break; sleep 0.1; done
curl -sS --fail http://127.0.0.1:8080/api/network/peers | grep -q '"peers":\\[\\]'
curl -sS --fail http://localhost:8080/api/network/stats >/dev/null
curl -sS localhost:9100/metrics | grep -q 'kademlia_ready 0'
curl -s -o /dev/null -w '%%{http_code}' http://127.0.0.1:8080/healthz | grep -q 503
# A second node finds both ports taken, says so and runs.
(exec %(kad)s node --listen 127.0.0.1:7000 --data-dir %(data)s2 --set bootstrap=127.0.0.1:6999) 2>%(data)s2.log &
second=$!
trap 'kill $node $second' EXIT
for i in $(seq 100); do grep -q event=ready %(data)s2.log && break; sleep 0.1; done
grep -q 'event=port_taken for=api address=127.0.0.1:8080' %(data)s2.log
grep -q 'event=port_taken for=metrics address=127.0.0.1:9100' %(data)s2.log
for i in $(seq 100); do curl -s --fail -o /dev/null http://127.0.0.1:8080/healthz && break; sleep 0.1; done
curl -sS --fail http://127.0.0.1:8080/healthz | grep -q '"ok"'
curl -sS http://127.0.0.1:8080/api/network/peers | grep -q 127.0.0.1:7000
curl -sS localhost:9100/metrics | grep kademlia | grep -q 'kademlia_routing_table_size{family="ipv4"} 1'
"""


def seeds(folder):
    """The command lines of the seeds, verbatim, where the default ports are free: in a network namespace."""
    script = IN_A_NAMESPACE % {"kad": KAD, "data": os.path.join(folder, "seed")}
    done = subprocess.run(["unshare", "--map-root-user", "--net", "bash", "-x", "-c", script], capture_output=True,
                          text=True, timeout=120)
    check(done.returncode == 0, done.stdout, done.stderr)


def test(folder):
    seeds(folder)
    taken_ports(folder)
    os.mkdir(os.path.join(folder, "public"))
    strangers(os.path.join(folder, "public"))
    net = Face(folder, 4, "--set", "api_names=box.lan", "--set", "api_max_connections=64", "--set",
               "api_max_body=8K", "--set", "api_silence=3s", "--set", "api_request=2s", "--set", "api_answer=2s")
    strangers_pages(net)
    pages(net)
    sizes(net)
    slow_requests(net)
    slow_readers(net)
    crowded(net)
    check(ask(net.api, "GET", "/healthz").status == 200)
    half = connect(net.api)
    half.sendall(HEAD)
    check(net.stop() == 0, "exit status with a half request open")


main(test)
