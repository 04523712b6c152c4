#!/usr/bin/python3
"""A daemon as its operator sees it: config check, settings changed while it runs, SIGHUP, systemd's notifications, the unit."""
# timeout 120
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, check, main

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def kad(*arguments, node=None, code=0):
    where = ["--node", node] if node else []
    done = subprocess.run([KAD, *where, *arguments], capture_output=True, text=True, timeout=60)
    check(done.returncode == code, arguments, done.returncode, done.stdout, done.stderr)
    return done


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Supervisor:
    """systemd's end of $NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path if path[0] != "@" else "\0" + path[1:])
        self.socket.settimeout(30)
        self.heard = []

    def wait_for(self, line):
        while not any(line in state for state in self.heard):
            self.heard.append(self.socket.recv(4096).decode().split("\n"))
        at = next(i for i, state in enumerate(self.heard) if line in state)
        state, self.heard = self.heard[at], self.heard[at + 1:]
        return state


class Daemon:
    def __init__(self, folder, config, supervisor, **environment):
        self.log_path = os.path.join(folder, "log")
        self.data = os.path.join(folder, "data")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [KAD, "node", "--config", config, "--data-dir", self.data, "--store", "mem"], stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": supervisor.path, **environment})

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def wait_for_log(self, text):
        end = time.monotonic() + 30
        while text not in self.log():
            check(time.monotonic() < end and self.process.poll() is None, text, "is not in", self.log())
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


CONFIG = "listen = 127.0.0.1:0\napi = none\nmetrics = none\n[lookup]\nalpha = 4\n"


def checks_files(folder):
    good, bad = os.path.join(folder, "good.conf"), os.path.join(folder, "bad.conf")
    write(good, CONFIG)
    write(bad, CONFIG + "quorum = 3\nalhpa = 5\n")
    check("valid" in kad("config", "check", good).stdout)
    check(json.loads(kad("config", "check", good, "--json").stdout)["valid"] is True)
    check(bad + ":7: alhpa: no such key; did you mean alpha?" in kad("config", "check", bad, code=2).stderr)
    told = json.loads(kad("config", "check", bad, "--json", code=2).stdout)
    check(told["valid"] is False and told["line"] == 7 and told["reason"].startswith("alhpa:"), told)
    check("cannot read" in kad("config", "check", os.path.join(folder, "none"), code=2).stderr)
    kad("config", "check", good, "--set", "alpha=0", code=2)
    printed = kad("config", "check", good, "--print-config").stdout
    again = os.path.join(folder, "again.conf")
    write(again, printed)
    check(kad("config", "check", again, "--print-config").stdout == printed, "what is printed reads back to the same")
    kad("config", "explode", code=2)
    kad("config", "check", os.path.join(ROOT, "packaging", "kad.conf"))


def changes_while_it_runs(folder):
    config = os.path.join(folder, "kad.conf")
    write(config, CONFIG)
    supervisor = Supervisor(os.path.join(folder, "notify"))
    daemon = Daemon(folder, config, supervisor, WATCHDOG_USEC="200000")
    check("STATUS=joining" in supervisor.wait_for("READY=1"))
    supervisor.wait_for("WATCHDOG=1")
    kad("status", node=daemon.data)  # ready means: it answers

    def value(key):
        return next(s["value"] for s in json.loads(kad("config", "show", "--json", node=daemon.data).stdout)["settings"]
                    if s["key"] == key)

    check("alpha: 4 -> 6" in kad("config", "set", "alpha", "6", "own_bytes_per_second", "20000", node=daemon.data).stdout)
    check(value("alpha") == "6" and value("own_bytes_per_s") == "20000")
    refused = kad("config", "set", "alpha", "9", "k", "20", node=daemon.data, code=4)  # all or none
    check("k: needs a restart" in refused.stderr, refused.stderr)
    kad("config", "set", "alpha", "7", "reply_peers", "0", node=daemon.data, code=2)
    kad("config", "set", "patience_min_ms", "10s", node=daemon.data, code=2)  # more than patience_max_ms
    kad("config", "set", "alpha", node=daemon.data, code=2)
    kad("config", "show", "nothing", node=daemon.data, code=1)
    check(value("alpha") == "6" and value("reply_peers") == "50", value("reply_peers"))
    check("nothing changed" in kad("config", "set", "alpha", "6", node=daemon.data).stdout)

    write(config, CONFIG.replace("alpha = 4", "alpha = 5\nk = 20") + "[log]\nlog_level = debug\n")
    daemon.process.send_signal(signal.SIGHUP)
    supervisor.wait_for("RELOADING=1")
    supervisor.wait_for("READY=1")
    daemon.wait_for_log("event=setting_changed key=alpha old=6 new=5")
    daemon.wait_for_log("event=setting_changed key=log_level old=info new=debug")
    daemon.wait_for_log("level=warn event=setting_needs_restart key=k running=8 configured=20")
    check(value("alpha") == "5" and value("k") == "8" and value("own_bytes_per_s") == "0")

    write(config, CONFIG.replace("alpha = 4", "alpha = 3\nreplicas = 0"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log('event=configuration_refused why="' + config + ":6: replicas: 0 is not between 1 and 64")
    supervisor.wait_for("RELOADING=1")
    supervisor.wait_for("READY=1")
    check(value("alpha") == "5" and value("replicas") == "8" and value("log_level") == "debug", "nothing changes")

    check(daemon.stop() == 0)
    supervisor.wait_for("STOPPING=1")


def without_a_supervisor(folder):
    """Notifications are nobody's duty to take: a socket that is gone, or abstract, changes nothing."""
    config = os.path.join(folder, "kad.conf")
    write(config, CONFIG)
    hidden = Supervisor("@kad-test-%d" % os.getpid())
    daemon = Daemon(folder, config, hidden)
    hidden.wait_for("READY=1")
    check(daemon.stop() == 0)
    os.mkdir(os.path.join(folder, "second"))
    gone = Supervisor(os.path.join(folder, "second", "gone"))
    os.unlink(gone.path)
    daemon = Daemon(os.path.dirname(gone.path), config, gone)
    daemon.wait_for_log("event=listening")
    check(daemon.stop() == 0)


def unit_is_sound(folder):
    if not shutil.which("systemd-analyze"):
        print("no systemd-analyze here: the unit is not verified")
        return
    with open(os.path.join(ROOT, "packaging", "systemd", "kad.service")) as file:
        text = file.read()
    unit = os.path.join(folder, "kad.service")
    write(unit, text.replace("/usr/bin/kad", KAD).replace("Documentation=man:kad(1)\n", ""))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "kad.service" in line]
    check(done.returncode == 0 and not ours, ours)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit],
                          capture_output=True, text=True, timeout=60)
    print(done.stdout.strip().splitlines()[-1])
    check(done.returncode == 0, "exposed to more than 2.0")


def switched_off(folder):
    """U24, U25, U27, U28: a public node takes part unless dht_enabled = no; then there is the API and no socket of the DHT."""
    data = os.path.join(folder, "off")
    arguments = [KAD, "node", "--data-dir", data, "--listen", "127.77.0.1:0", "--api", "none", "--metrics", "none"]
    refused = subprocess.run([*arguments, "--set", "node_type=open"], capture_output=True, text=True, timeout=60)
    check(refused.returncode == 2 and "none of public, private" in refused.stderr, refused.stderr)
    for options, sockets, state in ((["--set", "node_type=public"], 1, "alone"), (["--set", "node_type=private"], 1, "alone"),
                                    (["--set", "dht_enabled=no", "--set", "node_type=public"], 0, "disabled")):
        node = subprocess.Popen([*arguments, *options], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(os.path.join(data, "kad.sock")):
                check(node.poll() is None, "it ended")
                time.sleep(0.05)
            status = json.loads(kad("--json", "status", node=data).stdout)
            check(status["state"] == state and len(status["listening"]) == sockets, status)
            check(status["read_only"] == ("node_type=private" in options), status)
            inodes = {line.split()[9] for line in open("/proc/net/udp").readlines()[1:]}
            mine = [os.readlink("/proc/%d/fd/%s" % (node.pid, fd)) for fd in os.listdir("/proc/%d/fd" % node.pid)]
            check(sum("socket:[%s]" % inode in mine for inode in inodes) == sockets, mine)
            if state == "disabled":
                done = kad("put", "hello", node=data, code=4)
                check(done.stdout == "" and "disabled" in done.stderr, done)
                check(json.loads(kad("--json", "get", 40 * "a", node=data, code=4).stdout)["error"] == "disabled")
        finally:
            node.terminate()
            check(node.wait(30) == 0, "it ends well")


def test(folder):
    for i, one in enumerate((switched_off, checks_files, changes_while_it_runs, without_a_supervisor, unit_is_sound)):
        own = os.path.join(folder, str(i))
        os.mkdir(own)
        one(own)


main(test)
