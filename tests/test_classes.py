#!/usr/bin/python3
"""Record classes of an operator's own, out of configuration files: real nodes keep and enforce them."""
# timeout 300

import hashlib
import json
import os
import subprocess
import time

from program import Node, check, eventually, kad, loopback, main

PLAIN = ("--api", "none", "--metrics", "none", "--set", "announce_self=no")
CLASSES = """[node]
network = kad-easy
class = recipe ttl=1h max-size=40 validate=prefix:{
class = blink ttl=3s max-size=100
class = blob ttl=1h max-size=500 validate=hash
class = claim ttl=1h select=first
class = news ttl=1h select=newest
"""


def start(folder, name, config, *arguments):
    path = os.path.join(folder, name + ".conf")
    with open(path, "w") as file:
        file.write(config)
    at = loopback()
    node = Node(folder, name, "--config", path, "--listen", at, *PLAIN, *arguments)
    node.at = at
    eventually("it runs", lambda: node.process.poll() is not None or
               os.path.exists(node.socket) and node.kad("status", expect=None).code == 0)
    check(node.process.poll() is None, "it ended")
    return node


def post(node, **parameters):
    """POST /api/dht/put: status, answer."""
    done = subprocess.run(["curl", "-s", "--unix-socket", node.socket, "-w", "\\n%{http_code}", "-H", "Content-Type: application/json",
                           "-d", json.dumps(parameters), "http://localhost/api/dht/put"], stdout=subprocess.PIPE)
    body, status = done.stdout.decode().rsplit("\n", 1)
    return int(status), body


def test(folder):
    a = start(folder, "a", CLASSES)
    b, c = (start(folder, name, CLASSES, "--bootstrap", a.at).await_ready(1) for name in "bc")
    stranger = start(folder, "stranger", "[node]\nnetwork = kad-easy\n", "--bootstrap", a.at).await_ready(3)
    for node in (a, b, c):
        node.await_ready(3)

    # kept, found and proven by all who have the class, and by nobody else
    put = a.ask("put", "--class", "recipe", "soup", '{"water": 1}')
    check(put["stored"] == 3 and put["class"] == "recipe", put)
    found = c.ask("get", "recipe:soup")
    check(found["value"] == '{"water": 1}' and found["owner"] == a.ask("status")["identity"], found)
    stranger.kad("get", "recipe:soup", expect=2)

    # what the class does not let in: too long a value, another beginning, too long a life
    refused = a.kad("put", "--class", "recipe", "soup", "{" + 40 * "x", expect=2)
    check("longer than a record of this class takes" in refused.err, refused.err)
    check(a.ask("put", "--class", "recipe", "soup", "{" + 39 * "x")["stored"] == 3)
    check(a.kad("put", "--class", "recipe", "stew", "water", expect=None).code != 0)
    b.kad("get", "recipe:stew", expect=1)
    check(post(a, key="recipe:soup", value="{}", ttl_ms=7200 * 1000)[0] == 400)
    check(post(a, key="recipe:soup", value="{}", ttl_ms=600 * 1000)[0] == 200)

    # content by its hash
    content = b"what it is called follows from what it is"
    digest = hashlib.sha256(content).hexdigest()
    check(a.ask("put", "--class", "blob", digest, content.decode())["stored"] == 3)
    check(b.ask("get", "blob:" + digest)["value"] == content.decode())
    check(a.kad("put", "--class", "blob", digest, "something else", expect=None).code != 0)

    # the first owner's, and the newest
    check(a.ask("put", "--class", "claim", "hill", "mine")["stored"] == 3)
    b.kad("put", "--class", "claim", "hill", "no, mine", expect=None)
    check(c.ask("get", "claim:hill")["value"] == "mine")
    check(a.ask("put", "--class", "news", "today", "--seq", "9", "early")["stored"] == 3)
    check(b.ask("put", "--class", "news", "today", "--seq", "1", "late")["stored"] == 3)
    check(c.ask("get", "news:today")["value"] == "late")

    # gone when its time is over, everywhere
    a.kad("put", "--class", "blink", "eye", "shut")
    began = time.time()
    check(b.kad("get", "blink:eye", expect=None).out == b"shut" or time.time() - began > 2)
    eventually("its life is over", lambda: b.kad("get", "blink:eye", expect=None).code == 1)

    # a mistake stops the start and is named
    path = os.path.join(folder, "bad.conf")
    with open(path, "w") as file:
        file.write("[node]\nnetwork = kad\nclass = recipe ttl=soon\n")
    wrong = kad("config", "check", path, expect=2)
    check("bad.conf:3: class: ttl: there is" in wrong.err, wrong.err)
    for node in (stranger, a, b, c):
        check(node.stop() == 0)


main(test)
