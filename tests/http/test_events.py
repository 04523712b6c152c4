#!/usr/bin/python3
"""GET /events: what happens is told as it happens, to everybody who listens, over TCP and over the local socket; who
listens too slowly is cut off, and costs nobody else anything."""
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from face import Events, Face, ask, counter  # noqa: E402
from program import Node, check, eventually, loopback, main  # noqa: E402

DROPPED = 'kademlia_http_refused_total{reason="slow_stream"}'


def a_lookup(net, where):
    """Begun, hop by hop, completed: the same steps that the asker's own trace has."""
    stream = Events(where)
    key = ask(net.api, "POST", "/api/dht/put", {"value": "told to all"}).json["key"]
    begun = stream.next("lookup_begun")[1]
    check(begun["kind"] == "put" and begun["target"] == key, begun)
    stream.next("lookup_completed", lambda data: data["request"] == begun["request"])

    traced = ask(net.api, "GET", "/api/dht/closest?trace&key=" + key).json["trace"]
    number = stream.next("lookup_begun", lambda data: data["kind"] == "closest")[1]["request"]
    hops = []
    while True:
        kind, data = stream.next(where=lambda data: data.get("request") == number)
        if kind == "lookup_completed":
            break
        hops.append(data)
    check([dict(hop, request=number, network="mainline") for hop in traced] == hops, traced, hops)
    check(data["reason"] in ("converged", "exhausted") and data["error"] is None and data["closest"], data)
    check(data["answers"] == sum(hop["what"] == "answered" for hop in hops), data, hops)
    stream.close()


def the_node(net, folder):
    """A node that comes is discovered and enters the table; what it stores is told; stats come by themselves."""
    stream = Events(net.api)
    new = Node(folder, "new", "--listen", loopback(), "--bootstrap", net.first, "--api", "none", "--metrics", "none")
    new.await_ready()
    ours = new.ask("status")["node_id"]
    address = new.ask("status")["listening"][0]
    seen = stream.next("node_discovered", lambda data: data["address"] == address)[1]
    check(seen["id"] == ours, seen)
    key = new.ask("put", "held by all")["key"]
    check(stream.next("data_stored", lambda data: data["key"] == key))
    series = set(ask(net.api, "GET", "/api/network/history").json["series"])
    first, second = stream.next("stats")[1], stream.next("stats")[1]
    check(second["at_ms"] > first["at_ms"] and set(first) == series | {"ready", "requests", "queries", "network"}, first)
    check(stream.greeting["retry"] == "2000", stream.greeting)
    stream.close()
    new.stop()


def a_joining_node(folder):
    """The table's deltas, and the moment of readiness."""
    first, second = loopback(), loopback()
    node = Node(folder, "joins", "--listen", first, "--bootstrap", second, "--metrics", "none", "--api", "none",
                "--set", "query_timeout=1s")
    eventually("its socket", lambda: os.path.exists(node.socket))
    health = ask(node.socket, "GET", "/healthz")
    check(health.status == 503 and health.json["ready"] is False and health.json["reason"], health.body)
    stream = Events(node.socket)
    other = Node(folder, "other", "--listen", second, "--bootstrap", first, "--api", "none", "--metrics", "none")
    delta = stream.next("routing_table_updated")[1]
    check(delta["added"]["address"] == second and delta["removed"] is None, delta)
    check(stream.next("ready")[1]["contacts"] >= 1)
    check(ask(node.socket, "GET", "/healthz").status == 200)
    check(other.stop() == 0 and node.stop() == 0)
    check(stream.next("never") is None, "the stream ends with the node")


def suspicious(net):
    """P140: what honest nodes do not send is told by its kind; honest ones cause none of it."""
    stream = Events(net.api)
    stream.next("stats"), stream.next("stats")
    host, port = net.first.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        for i in range(30):
            attacker.sendto(b"d1:ad2:id20:broken%d" % i, (host, int(port)))
    told = 0
    while told < 30:
        data = stream.next("suspicious")[1]
        check(data["what"] == "malformed", data)
        told += data["datagrams"]
    check(told == 30, told)
    stream.close()


def slow(net):
    """Fifty listeners that do not read, and one that does."""
    quick = Events(net.api)
    sleepers = []
    for _ in range(50):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(net.api)
        client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sleepers.append(client)
    eventually("all listen", lambda: counter(net.metrics, "kademlia_http_streams") == 51)
    done = threading.Event()

    def read():
        while not done.is_set():
            quick.next()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def busy():
        for i in range(20):
            ask(net.api, "GET", "/api/dht/closest?key=%040x" % i)
        return counter(net.metrics, DROPPED) == 50

    eventually("who does not read is cut off", busy)
    check(counter(net.metrics, "kademlia_http_streams") == 1, "the one that reads stays")
    done.set()
    reader.join(10)
    check(not reader.is_alive(), "the reader got nothing any more")
    quick.close()
    for client in sleepers:
        client.close()
    eventually("all have left", lambda: counter(net.metrics, "kademlia_http_streams") == 0)


def places(net):
    streams = [Events(net.api) for _ in range(64)]
    answer = ask(net.api, "GET", "/events")
    check(answer.status == 503 and answer.json["error"] == "limit reached", answer.status)
    for stream in streams:
        stream.close()
    eventually("places come free", lambda: counter(net.metrics, "kademlia_http_streams") == 0)
    check("200 OK" in Events(net.api).head)
    check(ask(net.api, "POST", "/events", {}).status == 405)


def secrets(folder):
    """On a public face strangers do not see what the owner looks for; what strangers look for is seen by all."""
    os.mkdir(os.path.join(folder, "public"))
    net = Face(os.path.join(folder, "public"), 4, "--public-api", "--set", "api=127.0.0.1:0")
    with open(os.path.join(net.data, "api.token")) as file:
        bearer = "Bearer " + file.read().strip()
    stranger, owner = Events(net.api), Events(net.api, Authorization=bearer)
    ask(net.api, "GET", "/api/dht/closest?key=" + "1" * 40, authorization=bearer)
    ask(net.api, "GET", "/api/dht/closest?key=" + "2" * 40)
    check(owner.next("lookup_begun")[1]["target"] == "1" * 40)
    check(owner.next("lookup_begun")[1]["target"] == "2" * 40)
    check(stranger.next("lookup_begun")[1]["target"] == "2" * 40)
    check(net.stop() == 0)


def test(folder):
    a_joining_node(folder)
    secrets(folder)
    net = Face(folder, 8)
    a_lookup(net, net.api)
    a_lookup(net, net.socket)
    the_node(net, folder)
    suspicious(net)
    slow(net)
    places(net)
    ended = Events(net.api)
    check(net.stop() == 0, "exit status with listeners")
    check(ended.next("never") is None)


main(test)
