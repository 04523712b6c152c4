#!/usr/bin/python3
# timeout 240
"""I115: a program's own protocol on the connections of libp2p's network. The program is examples/echo.c, the other side is
js-libp2p: streams both ways with a MiB on each, half-closed; resets; a protocol that is not spoken; and whom the program's oracle of
reputation vetoes is kept out."""

import hashlib
import os
import re
import select
import subprocess

import p2p
from libp2p_world import JsNodes, check, eventually, main
from program import KAD, PATIENCE_S, Failure

ECHO = os.path.join(os.path.dirname(KAD), "tests", "example-echo")
PROTOCOL = "/example/echo/1.0.0"
MIB = 1 << 20


class Echo:
    """The example, saying back what comes."""

    def __init__(self, *more):
        self.process = subprocess.Popen([ECHO, "127.0.0.1:0", *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.address = self.line(r"^(/ip4/\S+/p2p/\S+)$")
        self.peer = self.address.rsplit("/", 1)[1]

    def line(self, pattern):
        check(select.select([self.process.stdout], [], [], PATIENCE_S)[0], "waited for", pattern)
        text = self.process.stdout.readline().decode()
        found = re.search(pattern, text)
        check(found, "not", pattern, "but", text)
        return found.group(1)

    def stop(self):
        self.process.stdin.close()
        check(self.process.wait(PATIENCE_S) == 0, "exit status", self.process.returncode)


def say(address, content, expect=0):
    """The example as the one that opens the stream: what came back, and what it complained of."""
    done = subprocess.run([ECHO, "127.0.0.1:0", address], input=content, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S)
    check(done.returncode == expect, done.returncode, done.stderr.decode())
    return done.stdout, done.stderr.decode().strip()


def refused(what, call):
    try:
        answer = call()
    except Failure as failure:
        return str(failure)
    check(False, what, answer)


def they_open(js, echo):
    said = js.call("stream", peer=echo.address, protocol=PROTOCOL, size=MIB)
    check(said == {"n": MIB, "same": True}, said)
    check(echo.line("^opened by (.*)$") == js.peer and echo.line("^over: (.*)$") == "closed", "another peer")
    protocols = js.call("known", peer=echo.peer)["protocols"]
    check(PROTOCOL in protocols, "identify says", protocols)
    check(len(js.call("connections")["connections"]) == 1, "one connection for all")
    # Beside Kademlia, on the same connection.
    check(js.call("closest", key="ff00")["peers"] == [echo.peer], "Kademlia is not asked")
    js.call("stream", peer=echo.peer, protocol=PROTOCOL, size=1000, resets=True)
    check(echo.line("^opened by (.*)$") == js.peer and echo.line("^over: (.*)$") == "reset", "a reset is told")
    refused("spoken", lambda: js.call("stream", peer=echo.peer, protocol="/example/other/1.0.0", size=1))
    check(len(js.call("connections")["connections"]) == 1, "a protocol that is not spoken ends the connection")


def we_open(js):
    js.call("speak", protocol=PROTOCOL)
    content = os.urandom(MIB)
    came, _ = say(js.address, content)
    check(hashlib.sha256(came).digest() == hashlib.sha256(content).digest(), len(came), "bytes came back")
    check(say(js.address, b"") == (b"", ""), "a stream of nothing")


def they_end_it(all_js):
    resets, silent = all_js.start(), all_js.start()
    resets.call("speak", protocol=PROTOCOL, resets=True)
    check(say(resets.address, b"hello", expect=1) == (b"", "reset"), "a reset is told")
    check(say(silent.address, b"hello", expect=1) == (b"", "refused"), "a protocol that is not spoken is told")
    nobody = silent.address
    silent.call("stop")
    check(say(nobody, b"hello", expect=1) == (b"", "unreachable"), "nobody is there")


def veto(all_js):
    """Kept out of the table, and of the program's streams, both ways; another is not."""
    vetoed, other = all_js.start(), all_js.start()
    vetoed.call("speak", protocol=PROTOCOL)
    echo = Echo("--veto", vetoed.peer)
    for js in (vetoed, other):
        js.call("dial", address=echo.address)
    eventually("the other is a contact", lambda: other.peer in named(echo))
    check(other.call("stream", peer=echo.peer, protocol=PROTOCOL, size=1000)["same"], "the other is let in")
    check(echo.line("^opened by (.*)$") == other.peer, "who")
    refused("let in", lambda: ends_well(vetoed.call("stream", peer=echo.peer, protocol=PROTOCOL, size=1000)))
    check(vetoed.peer not in named(echo), "it is named to others")
    refused("let in", lambda: ends_well(vetoed.call("stream", peer=echo.peer, protocol=PROTOCOL, size=1000)))
    check(other.call("stream", peer=echo.peer, protocol=PROTOCOL, size=1000)["same"], "the other is let in still")
    check(echo.line("^over: (.*)$") == "closed" and echo.line("^opened by (.*)$") == other.peer, "the program hears of nobody else")
    done = subprocess.run([ECHO, "127.0.0.1:0", vetoed.address, "--veto", vetoed.peer], input=b"", stderr=subprocess.PIPE, timeout=PATIENCE_S)
    check(done.returncode == 1 and b"refused" in done.stderr, done)
    echo.stop()


def ends_well(said):
    """js hears of a reset when it reads or writes; a stream that came to nothing is one that was refused, too."""
    if said["n"] == 0:
        raise Failure("nothing came")
    return said


def named(echo):
    """Whom it names to a stranger: those of its table, as js nodes that it told of one another may know more."""
    port = int(re.search(r"/tcp/(\d+)/", echo.address).group(1))
    return {p2p.base58(peer) for peer, _ in p2p.dial("127.0.0.1", port).ask(p2p.message(p2p.FIND_NODE, b"somewhere")).closer}


def test(folder):
    all_js = JsNodes(folder)
    js = all_js.start()
    echo = Echo()
    they_open(js, echo)
    we_open(js)
    they_end_it(all_js)
    veto(all_js)
    echo.stop()
    all_js.stop()


main(test)
