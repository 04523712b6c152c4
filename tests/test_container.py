#!/usr/bin/python3
"""What the container file promises, without building it: it copies what is there, the packages of its last stage bring every library
that kad is linked with, it does not run as root, and its check of health tells a node that answers from one that does not."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, ROOT, LocalNet, check, main  # noqa: E402

FILE = os.path.join(ROOT, "packaging", "container", "Containerfile")
BASE = {"libc6", "libgcc-s1", "libstdc++6", "libasan8", "libubsan1", "libtsan2"}  # debian:12-slim, and the sanitizers


def stages():
    """Lists of (instruction, argument)."""
    with open(FILE) as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M).replace("\\\n", " ")
    found = []
    for line in filter(None, text.splitlines()):
        word, rest = line.split(None, 1)
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def packages(stage):
    installs = [rest for word, rest in stage if word == "RUN" and "apt-get install" in rest]
    words = {word.rstrip(")") for rest in installs for word in rest.split("&&")[1].split()} # ")": on some processors only
    return {word for word in words if re.fullmatch(r"[a-z0-9.+-]+", word)}


def needed_packages():
    """Of the libraries that kad itself names."""
    listing = subprocess.run(["objdump", "-p", KAD], check=True, stdout=subprocess.PIPE, text=True).stdout
    where = dict(re.findall(r"(\S+) => (\S+)", subprocess.run(["ldd", KAD], check=True, stdout=subprocess.PIPE,
                                                              text=True).stdout))
    for library in re.findall(r"NEEDED +(\S+)", listing):
        path = os.path.realpath(where[library]) if library in where else None
        if path:
            # Debian moved /lib into /usr/lib; dpkg may know either name
            for name in (path, path.replace("/usr/lib/", "/lib/", 1), where[library]):
                done = subprocess.run(["dpkg", "-S", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                if done.returncode == 0:
                    yield done.stdout.split(":")[0]
                    break


def test(folder):
    build, run = stages()
    for word, rest in build:
        if word == "COPY":
            for source in rest.split()[:-1]:
                check(os.path.exists(os.path.join(ROOT, source)), "copies", source, "which is not there")
    wanted = set(needed_packages()) - BASE
    check(len(wanted) > 5, "packages found:", wanted)
    check(wanted <= packages(run), "the last stage lacks", wanted - packages(run))
    users = [rest for word, rest in run if word == "USER"]
    check(users and users[-1] not in ("0", "root"), "it runs as root")
    health = json.loads(dict(run)["HEALTHCHECK"].split("CMD", 1)[1])
    net = LocalNet(folder, 3)
    node = dict(os.environ, KAD_DATA_DIR=net.data, PATH=os.path.dirname(os.path.abspath(KAD)) + ":" + os.environ["PATH"])
    check(subprocess.run(health, env=node, stdout=subprocess.DEVNULL, timeout=60).returncode == 0, "a good node is ill")
    check(net.stop() == 0, "the network did not stop in order")
    check(subprocess.run(health, env=node, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         timeout=60).returncode != 0, "one that is gone is well")


main(test)
