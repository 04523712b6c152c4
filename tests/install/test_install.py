#!/usr/bin/python3
# timeout 900
"""The libraries as others use them: installed into a folder that is not the system's, from which the examples are built
outside this tree in three ways (CMake package, pkg-config with the shared library, pkg-config with the static one) and
run against a network on loopback. Nothing but what was installed is on their include path.

P001: two chats find each other by an id. P016, P034, P038: put and get; the engine on a host's own sockets.
"""
import json
import os
import random
import re
import select
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from program import PATIENCE_S, ROOT, check, eventually, main  # noqa: E402

BUILD = os.path.dirname(os.environ["KAD"])
EXAMPLES = os.path.join(ROOT, "examples")
ANY_ID = "0123456789abcdef0123456789abcdef01234567"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SIZE_LIMIT = 400 * 1024


def cached(name):
    """An entry of the build's CMake cache."""
    with open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
        found = re.search("^%s:[A-Z]+=(.*)$" % name, cache.read(), re.M)
    return found.group(1) if found else ""


# A library with a sanitizer in it needs a program with the same.
SANITIZE = ["-fsanitize=" + cached("KAD_SANITIZE")] if cached("KAD_SANITIZE") else []


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=10 * PATIENCE_S, universal_newlines=True, **more)
    check(done.returncode == 0, " ".join(str(part) for part in command), "exits", done.returncode, done.stdout)
    return done.stdout


def install(folder):
    """The prefix, inside of a DESTDIR: everything must be found where it lies, not where it was meant for."""
    stage = os.path.join(folder, "stage")
    run("cmake", "--install", BUILD, "--prefix", "/opt/kad", env=dict(os.environ, DESTDIR=stage))
    prefix = os.path.join(stage, "opt", "kad")
    headers = sorted(os.listdir(os.path.join(prefix, "include", "kad")))
    check(headers == sorted(os.listdir(os.path.join(ROOT, "include", "kad"))), headers)
    check(sorted(os.listdir(os.path.join(prefix, "include"))) == ["kad"], "other headers")
    return prefix


def libraries(prefix):
    found = [os.path.join(path, name) for path, _, names in os.walk(prefix) for name in names if name.startswith("libkad")]
    check(len(found) == 8, found)
    return os.path.dirname(found[0])


def each_header_stands_alone(prefix, folder):
    """In C and in C++, as the only one included, without a warning."""
    include = os.path.join(prefix, "include")
    for header in os.listdir(os.path.join(include, "kad")):
        for compiler, flags, end in ((cached("CMAKE_C_COMPILER"), ["-std=c11"], "c"), ("g++", ["-std=c++17"], "cpp")):
            source = os.path.join(folder, "alone." + end)
            with open(source, "w") as out:
                out.write("#include <kad/%s>\nint main(void)\n{\n    return 0;\n}\n" % header)
            run(compiler, *flags, *WARNINGS, "-Wconversion", "-Wshadow", "-I", include, "-fsyntax-only", source)


def build_with_cmake(prefix, folder):
    build = os.path.join(folder, "cmake")
    flags = " ".join(WARNINGS + SANITIZE)
    c = cached("CMAKE_C_COMPILER")
    cxx = "clang++" if "clang" in c else "g++"
    run("cmake", "-S", EXAMPLES, "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_C_COMPILER=" + c,
        "-DCMAKE_CXX_COMPILER=" + cxx, "-DCMAKE_C_FLAGS=" + flags, "-DCMAKE_CXX_FLAGS=" + flags)
    run("cmake", "--build", build, "-j", "2")
    return build


def static_with_cmake(prefix, folder):
    """find_package(kad COMPONENTS static), which brings what the archives need; a version that is not there is refused."""
    project = os.path.join(folder, "static-project")
    os.mkdir(project)
    with open(os.path.join(project, "CMakeLists.txt"), "w") as out:
        out.write("""cmake_minimum_required(VERSION 3.16)
project(static-project C)
find_package(kad ${WANTED} REQUIRED COMPONENTS static)
add_executable(node %s/node.c)
target_link_libraries(node kad::node-static)
add_executable(own_loop_poll %s/own_loop_poll.c)
target_link_libraries(own_loop_poll kad::kad-static)
""" % (EXAMPLES, EXAMPLES))
    build = os.path.join(project, "build")
    configure = ["cmake", "-S", project, "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix,
                 "-DCMAKE_C_COMPILER=" + cached("CMAKE_C_COMPILER"), "-DCMAKE_C_FLAGS=" + " ".join(WARNINGS + SANITIZE)]
    run(*configure, "-DWANTED=" + ".".join(version()[:2]))
    run("cmake", "--build", build)
    for name in ("node", "own_loop_poll"):
        needed = run("readelf", "-d", os.path.join(build, name))
        check("libkad" not in needed, name, needed)
    later = subprocess.run(configure + ["-DWANTED=%d.0" % (int(version()[0]) + 1)], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=PATIENCE_S)
    check(later.returncode != 0 and b"compatible" in later.stdout, later.stdout.decode())
    return build


def version():
    """As the headers have it: [major, minor, patch]."""
    with open(os.path.join(ROOT, "include", "kad", "kad.h")) as header:
        return re.findall(r"^#define KAD_VERSION_(?:MAJOR|MINOR|PATCH) +([0-9]+)", header.read(), re.M)


def names_carry_the_version(lib):
    """soname, symbols and pkg-config all say the version of the headers."""
    abi = ".".join(version()[:2]) if version()[0] == "0" else version()[0]
    for name in ("kad", "kad-node"):
        path = os.path.join(lib, "lib%s.so" % name)
        check("[lib%s.so.%s]" % (name, abi) in run("readelf", "-d", path), "soname of", path)
        check("kad_version@@KAD_" + abi in run("nm", "-D", path), "version of symbols in", path)
        told = run("pkg-config", "--modversion", name, env=dict(os.environ, PKG_CONFIG_PATH=os.path.join(lib, "pkgconfig")))
        check(told.strip() == ".".join(version()), told)


def page():
    with open(os.path.join(ROOT, "docs", "library.md")) as file:
        return file.read()


def build_as_the_page_says(lib, folder):
    """The link lines of docs/library.md, as they stand there; the programs' paths by name."""
    work = os.path.join(folder, "by-hand")
    shutil.copytree(EXAMPLES, work)
    compiler = " ".join([cached("CMAKE_C_COMPILER"), "-O1"] + WARNINGS + SANITIZE)
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(lib, "pkgconfig"), LIBRARY_PATH=lib)
    built = {}
    for line in re.findall(r"^cc .*pkg-config.*$", page(), re.M):
        run("bash", "-e", "-o", "pipefail", "-c", line.replace("cc ", compiler + " ", 1), cwd=work, env=environment)
        name = re.search(r" -o (\S+)", line).group(1)
        built[name] = os.path.join(work, name)
        needed = run("readelf", "-d", built[name])
        check(("libkad" in needed) != name.endswith("-static"), name, needed)
    check(sorted(built) == ["node", "node-static", "own_loop_poll", "own_loop_poll-static"], built)
    return built


def examples_of_the_page_compile(prefix, folder):
    blocks = re.findall(r"^```c\n(.*?)^```$", page(), re.S | re.M)
    check(blocks, "no C in docs/library.md")
    for block in blocks:
        source = os.path.join(folder, "block.c")
        with open(source, "w") as out:
            out.write("#include <kad/kad.h>\n#include <kad/node.h>\n" + block)
        run(cached("CMAKE_C_COMPILER"), "-std=c11", *WARNINGS, "-I", os.path.join(prefix, "include"), "-fsyntax-only", source)


def lines_until(process, pattern):
    """What it printed, to the first line that fits. The pipe is not buffered here, so select() knows of every line."""
    text = ""
    while True:
        check(select.select([process.stdout], [], [], PATIENCE_S)[0], "waited for", pattern, "after", text)
        line = process.stdout.readline().decode()
        check(line, "ended before", pattern, text)
        text += line
        found = re.search(pattern, line)
        if found:
            return found


def start(*command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)



def address():
    return "127.%d.%d.%d:%d" % (random.randrange(100, 250), random.randrange(0, 250), random.randrange(2, 250),
                                random.randrange(10000, 30000))


def lookup(program, bootstrap):
    """The nodes it found, nearest first."""
    out = run(program, bootstrap, ANY_ID)
    found = re.findall(r"^([0-9a-f]{40}) (127\.[0-9.]+:[0-9]+)$", out, re.M)
    check(len(found) >= 8, program, out)
    distances = [int(node_id, 16) ^ int(ANY_ID, 16) for node_id, _ in found]
    check(distances == sorted(distances), out)
    return found


def a_node_joins(program, bootstrap):
    node = start(program, address(), bootstrap)
    lines_until(node, "^joined$")
    node.kill()
    node.wait()


def two_people_talk(program, bootstrap):
    waits = start(program, address(), bootstrap)
    identity = lines_until(waits, "^I am ([0-9a-f]{40})$").group(1)
    calls = start(program, address(), bootstrap, identity)
    lines_until(calls, "^calling 127")
    calls.stdin.write(b"hello from the one who calls\n")
    lines_until(waits, "^hello from the one who calls$")
    waits.stdin.write(b"and hello to you\n")
    lines_until(calls, "^and hello to you$")
    calls.stdin.close()
    check(calls.wait(PATIENCE_S) == 0 and waits.wait(PATIENCE_S) == 0, "exit status of a chat")
    nobody = start(program, address(), bootstrap, "f" * 40)
    check(nobody.wait(PATIENCE_S) == 1, "called somebody who is not there")


def one_says_what_the_other_said(program):
    """examples/echo.c, both ends of it (I115); tests/libp2p/test_protocol.py has it with js-libp2p."""
    server = start(program, "127.0.0.1:0")
    where = lines_until(server, "^(/ip4/.*/p2p/.*)$").group(1)
    said = b"over a protocol of our own\n"
    done = subprocess.run([program, "127.0.0.1:0", where], input=said, stdout=subprocess.PIPE, timeout=PATIENCE_S)
    check(done.returncode == 0 and done.stdout == said, done)
    server.stdin.close()
    check(server.wait(PATIENCE_S) == 0, "exit status of an echo")


def usage(build):
    """A wrong argument is said so, and is not a crash."""
    for name in ("node", "own_loop_poll", "own_loop_uv", "own_loop_event", "chat", "echo", "cpp"):
        done = subprocess.run([os.path.join(build, name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
        check(done.returncode in (1, 2) and done.stderr.startswith(b"usage: " + name.encode()), name, done)


def how_large(lib, folder):
    """libkad without the node, as a distribution ships it. Only an optimised build says anything about that."""
    stripped = os.path.join(folder, "libkad.stripped.so")
    run("strip", "-o", stripped, os.path.join(lib, "libkad.so"))
    size = os.path.getsize(stripped)
    print("libkad.so, %s, stripped: %d bytes (%.0f KiB; at most 400)" % (cached("CMAKE_BUILD_TYPE"), size, size / 1024))
    if cached("CMAKE_BUILD_TYPE") == "Release":
        check(size <= SIZE_LIMIT, size, "bytes")


def test(folder):
    prefix = install(folder)
    lib = libraries(prefix)
    how_large(lib, folder)
    names_carry_the_version(lib)
    each_header_stands_alone(prefix, folder)
    build = build_with_cmake(prefix, folder)
    static = static_with_cmake(prefix, folder)
    by_hand = build_as_the_page_says(lib, folder)
    examples_of_the_page_compile(prefix, folder)
    os.environ["LD_LIBRARY_PATH"] = lib  # for what was linked by hand
    usage(build)

    told = os.path.join(folder, "address")
    net = start(os.path.join(build, "testnet"), told)
    lines_until(net, "^node 42 reads: Hello from node 7!$")
    bootstrap = eventually("the network says where it is", lambda: os.path.exists(told) and open(told).read().strip())

    found = [lookup(os.path.join(build, name), bootstrap) for name in ("own_loop_poll", "own_loop_uv", "own_loop_event", "cpp")]
    found += [lookup(program, bootstrap) for program in (by_hand["own_loop_poll"], by_hand["own_loop_poll-static"],
                                                         os.path.join(static, "own_loop_poll"))]
    check(all(one[0] in every for one in found for every in found), "they do not agree on the nearest", json.dumps(found))
    for program in (os.path.join(build, "node"), by_hand["node"], by_hand["node-static"],
                    os.path.join(static, "node")):
        a_node_joins(program, bootstrap)
    two_people_talk(os.path.join(build, "chat"), bootstrap)
    one_says_what_the_other_said(os.path.join(build, "echo"))
    net.stdin.close()
    check(net.wait(PATIENCE_S) == 0, "exit status of the network")


main(test)
