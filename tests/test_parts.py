#!/usr/bin/python3
# release
# serial
# timeout 1800
"""I121: builds that leave parts out (cmake/parts.cmake). Each is configured, compiled without a warning, says which parts are in it,
links nothing that only left out ones need, and does what is left: a lookup through the shared library (tests/parts/smoke.c) and one
through the program. docs/building.md states how large they are.

The smallest build, and the time all of it takes, are printed. With ccache (tools/install-deps test) what builds have in common is
compiled once. KAD_WRITE_DOCS=1 writes the page's figures anew.
"""
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import PATIENCE_S, ROOT, check, eventually, loopback, main  # noqa: E402

BUILDS = os.path.join(os.path.dirname(os.environ["KAD"]), "parts")
DOCUMENT = os.path.join(ROOT, "docs", "building.md")
TOLERANCE = 0.05  # of what the page says: compilers differ by so much
OPTIONS = {"mainline": "KAD_NETWORK_MAINLINE", "kad": "KAD_NETWORK_KAD", "libp2p": "KAD_NETWORK_LIBP2P", "http": "KAD_HTTP",
           "sim": "KAD_SIM", "lmdb": "KAD_LMDB"}
# Libraries that only some parts need.
NEEDED_BY = {"libssl": {"libp2p"}, "libwslay": {"libp2p", "http"}, "libmicrohttpd": {"http"}, "liblmdb": {"lmdb"},
             "libIPSec_MB": {"kad"}}
# What is in: the smallest builds, one network each; the programs' parts without one network; all networks without a face.
MATRIX = [{"mainline"}, {"kad"}, {"libp2p"}, {"mainline", "libp2p", "http", "lmdb"}, {"mainline", "kad", "libp2p", "sim", "lmdb"}]
COMPILER = "gcc"


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=15 * PATIENCE_S, universal_newlines=True, **more)
    check(done.returncode == 0, " ".join(str(part) for part in command), "exits", done.returncode, done.stdout[-4000:])
    return done.stdout


def configure(name, options):
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    return subprocess.run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", os.path.join(BUILDS, name), "-DCMAKE_C_COMPILER=" + COMPILER,
                           "-DCMAKE_BUILD_TYPE=MinSizeRel", "-DKAD_WERROR=ON", "-DKAD_TESTS=OFF"] + launcher + options,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=PATIENCE_S)


def impossible():
    """Builds that cannot be are refused when they are configured, in words."""
    nothing = ["-D%s=OFF" % OPTIONS[part] for part in ("mainline", "kad", "libp2p")]
    for options, words in ((nothing, "at least one"), ([nothing[0], "-DKAD_SIM=ON"], "speaks all networks")):
        done = configure("impossible", options)
        shutil.rmtree(os.path.join(BUILDS, "impossible"))
        check(done.returncode != 0 and words in " ".join(done.stdout.split()), options, done.stdout)


def build(parts):
    """The folder of the build."""
    name = "-".join(sorted(parts))
    folder = os.path.join(BUILDS, name)
    done = configure(name, ["-D%s=%s" % (option, "ON" if part in parts else "OFF") for part, option in OPTIONS.items()])
    check(done.returncode == 0, name, done.stdout)
    run("cmake", "--build", folder, env=dict(os.environ, CCACHE_DIR=os.path.join(BUILDS, "ccache"), CCACHE_NOHASHDIR="1"))
    return folder


def says_so(folder, parts):
    names = set(parts) | ({"kad-ws"} if {"kad", "http"} <= parts else set())
    for command in ("--version", "--help"):
        said = re.search("with (.*?)(?:; without (.*))?\n", run(os.path.join(folder, "kad"), command).splitlines(True)[
            1 if command == "--version" else -1])
        check(set(said.group(1).split(", ")) == names, said.group(0), names)
        check(not names & set((said.group(2) or "").split(", ")), said.group(0))


def links_no_more(folder, parts):
    for file in ("kad", "libkad.so", "libkad-node.so"):
        needed = run("readelf", "-d", os.path.join(folder, file))
        for library, by in NEEDED_BY.items():
            check(by & parts or library not in needed, file, "of", parts, "needs", library)


def has_all_headers(folder):
    """What headers declare is there in every build, for programs that look what is in it when they run."""
    public = os.path.join(ROOT, "include", "kad")
    below = [header for header in sorted(os.listdir(public)) if header not in ("node.h", "testnet.h", "protocol.h")]
    for file, headers in (("libkad.so", below), ("libkad-node.so", sorted(os.listdir(public)))):
        wanted = set(run(os.path.join(ROOT, "tools", "public-symbols"), *[os.path.join(public, header) for header in headers]).split())
        there = {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", os.path.join(folder, file)).splitlines()}
        check(wanted and wanted <= there, file, "has no", sorted(wanted - there))


def is_library(folder, parts):
    """With the headers alone, and every network there could be."""
    smoke = os.path.join(folder, "smoke")
    run(COMPILER, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"), "-o", smoke,
        os.path.join(ROOT, "tests", "parts", "smoke.c"), "-L", folder, "-lkad", "-Wl,-rpath," + folder)
    networks = {"mainline": "mainline", "kad": "kad", "kad-easy": "kad", "kad-toy": "kad", "kad-ws": "kad",
                "libp2p": "libp2p", "libp2p-ipfs": "libp2p"}
    said = run(smoke, *["%s:%s" % (name, "in" if part in parts else "out") for name, part in networks.items()])
    check(said.count("lookups found") == len({"mainline", "kad"} & parts), said)


def is_program(folder, parts, scratch):
    """A node runs, and another finds it; what is left out says so."""
    kad = os.path.join(folder, "kad")
    for part in sorted(parts & {"mainline", "kad", "libp2p"}):
        network = {"kad": "kad-easy"}.get(part, part)
        address = loopback()
        host, port = address.split(":")
        listen = "/ip4/%s/tcp/%s" % (host, port) if part == "libp2p" else address
        data = os.path.join(scratch, os.path.basename(folder) + part)
        node = subprocess.Popen([kad, "node", "--network", network, "--data-dir", data, "--listen", listen],
                                stdin=subprocess.DEVNULL, stderr=open(data + ".log", "w"))
        try:
            eventually("it listens", lambda: "event=listening" in open(data + ".log").read())
            log = open(data + ".log").read()
            peer = re.search("address=(/ip4/[0-9.]*/tcp/[0-9]*/p2p/[^ \n]*)", log)
            at = peer.group(1) if peer else listen
            asked = "QmSoLPppuBtQSGwKDZT2M73ULpjvfd3aZ6ha4oFGL1KrGM" if part == "libp2p" else "5a" * (32 if part == "kad" else 20)
            eventually("it is found", lambda: subprocess.run(
                [kad, "--network", network, "--standalone", "--bootstrap", at, "closest", asked], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL).returncode == 0)
        finally:
            node.terminate()
            check(node.wait(PATIENCE_S) == 0, open(data + ".log").read())
    for part in sorted({"mainline", "kad", "libp2p"} - parts):
        refused(kad, "the network %s is not in this build" % part, "--network", part, "node")
    if "sim" not in parts:
        refused(kad, "the simulator is not in this build", "sim", "churn")
    network = ["--network", sorted(parts & {"mainline", "libp2p"})[0]] if parts & {"mainline", "libp2p"} else ["--network", "kad-easy"]
    if "http" not in parts:
        refused(kad, "HTTP is not in this build", *network, "node", "--data-dir", scratch + "/none", "--api", "127.0.0.1:0", "--port", "0")
    if "lmdb" not in parts:
        refused(kad, "lmdb is not in this build", *network, "node", "--data-dir", scratch + "/none", "--store", "lmdb", "--port", "0")


def refused(kad, words, *arguments):
    done = subprocess.run([kad] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          timeout=PATIENCE_S)
    check(done.returncode not in (0, -6, -11) and words in done.stderr, arguments, done.returncode, done.stderr)


def kib(folder, scratch):
    """libkad, libkad-node, kad: stripped."""
    sizes = []
    for file in ("libkad.so", "libkad-node.so", "kad"):
        bare = os.path.join(scratch, "bare")
        run("strip", "-o", bare, os.path.realpath(os.path.join(folder, file)))
        sizes.append(os.path.getsize(bare) / 1024)
    return sizes


def write_page(measured):
    text = open(DOCUMENT).read()
    for parts, sizes in measured:
        name = ", ".join(part for part in OPTIONS if part in parts)
        text = re.sub(r"(?m)^\| %s \| [0-9 |]*$" % re.escape(name), "| %s | %s |" % (name, " | ".join("%.0f" % size for size in sizes)), text)
    text = re.sub(r"(smallest `libkad\.so`[^0-9]*)\d+ KiB", r"\g<1>%.0f KiB" % min(sizes[0] for _, sizes in measured), text)
    with open(DOCUMENT, "w") as out:
        out.write(text)


def page_is_true(measured):
    """A row for each build: | parts | libkad | libkad-node | kad |; and the smallest in a sentence."""
    text = open(DOCUMENT).read()
    for parts, sizes in measured:
        name = ", ".join(part for part in OPTIONS if part in parts)
        row = re.search(r"^\| %s \| (\d+) \| (\d+) \| (\d+) \|$" % re.escape(name), text, re.M)
        check(row, "docs/building.md has no row", "| %s | %s |" % (name, " | ".join("%.0f" % size for size in sizes)))
        for stated, size in zip(row.groups(), sizes):
            check(abs(float(stated) - size) <= TOLERANCE * size, name, "states", stated, "KiB, it has %.0f" % size)
    smallest = min(sizes[0] for _, sizes in measured)
    stated = re.search(r"smallest `libkad\.so`[^0-9]*(\d+) KiB", text)
    check(stated and abs(float(stated.group(1)) - smallest) <= TOLERANCE * smallest, "the smallest is stated as",
          stated and stated.group(1), "and has %.0f" % smallest)


def test(scratch):
    measured = []
    impossible()
    for parts in MATRIX:
        began = time.monotonic(), os.times()
        folder = build(parts)
        says_so(folder, parts)
        links_no_more(folder, parts)
        has_all_headers(folder)
        is_library(folder, parts)
        is_program(folder, parts, scratch)
        sizes = kib(folder, scratch)
        measured.append((parts, sizes))
        took = os.times().children_user + os.times().children_system - began[1].children_user - began[1].children_system
        print("%-32s libkad %4.0f KiB, libkad-node %4.0f, kad %4.0f; %3.0f s, %3.0f of a processor's" % (
            (", ".join(part for part in OPTIONS if part in parts),) + tuple(sizes) + (time.monotonic() - began[0], took)), flush=True)
    if os.environ.get("KAD_WRITE_DOCS"):
        write_page(measured)
    page_is_true(measured)


main(test)
