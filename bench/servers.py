"""The servers of a run: how each is started, where it listens, what it can be asked.

A server is started fresh in a scratch folder of its own, on the core kept for servers, with a small swarm of contacts
that introduce themselves, so that it has something to answer.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
CONTACTS = 200
BASIC = ["ping", "find_node", "get_peers", "announce_peer"]
ITEMS = ["get", "put", "get_mutable", "put_mutable"]


class Programs:
    """Where the built programs are."""

    def __init__(self, build, kad, modules, kad_options=()):
        self.build, self.kad, self.modules, self.kad_options = build, kad, modules, list(kad_options)

    def path(self, name):
        return os.path.join(self.build, "bench-" + name)


def start(command, core=None, **options):
    """A child on one core. The pid namespace of the run ends it at the latest with the run."""
    pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    return subprocess.Popen(command, preexec_fn=pin, **options)


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


class Swarm:
    """Fake nodes. `with Swarm(...) as swarm: swarm.bootstrap`"""

    def __init__(self, programs, nodes, port, core=None, top=127, dead=0.0, rtt=0, introduce=None, introductions=0,
                 over=1000, seed=1):
        command = [programs.path("swarm"), "--nodes", nodes, "--port", port, "--top", top, "--dead", dead, "--rtt", rtt,
                   "--seed", seed]
        if introduce:
            command += ["--introduce", introduce, "--introductions", introductions, "--over", over]
        self.process = start([str(c) for c in command], core, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True)
        self.bootstrap = self.process.stdout.readline().split()[1:]

    def finish(self):
        """Ends it; what it has to tell, line by line."""
        self.process.send_signal(signal.SIGTERM)
        lines = self.process.communicate(timeout=20)[0].splitlines()
        return lines

    def stop(self):
        stop(self.process)


class Server:
    """One way to start a server. Subclasses say `command` and what they cannot do."""

    name = "?"
    asks = BASIC + ITEMS + ["sample_infohashes"]
    host = "127.0.0.1"
    load_from = "127.64.0.1"
    top = 127
    load_options = []  # more options of bench-load
    fill_options = []
    talks = True       # speaks KRPC (the echo does not)
    fills_slowly = False
    warm_seconds = 2.0

    def __init__(self, programs, port, core):
        self.programs, self.port, self.core = programs, port, core
        self.process = self.swarm = self.folder = None

    def missing(self):
        """Why it cannot run here, or None."""
        return None

    def command(self, bootstrap):
        raise NotImplementedError

    def prepare(self):
        """Before the clock of the start runs."""

    @property
    def endpoint(self):
        return f"{self.host}:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def launch(self, bootstrap):
        self.process = start(self.command(bootstrap), self.core, cwd=self.folder, stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=self.log, text=True)

    def make_folder(self):
        self.folder = tempfile.mkdtemp(prefix=f"kad-bench-{self.name}-")
        self.log = open(os.path.join(self.folder, "stderr"), "w+")
        self.prepare()

    def up(self, with_contacts=True):
        self.make_folder()
        if with_contacts and self.talks:
            self.swarm = Swarm(self.programs, CONTACTS, self.port + 1000, top=self.top, introduce=self.endpoint,
                               introductions=2 * CONTACTS, over=self.warm_seconds * 1000)
        self.launch(self.swarm.bootstrap[0] if self.swarm else None)

    def first_answer_ms(self):
        """Start to first answer, alone in the world."""
        self.make_folder()
        loader = start(self.load_command("first", "--seconds", "30"), stdout=subprocess.PIPE, text=True)
        loader.stdout.readline()
        began = time.monotonic_ns()
        self.launch(None)
        answer = json_line(loader.stdout.readline())
        stop(loader)
        self.down()
        return (answer["at_ns"] - began) / 1e6 if answer["answered"] else None

    def load_command(self, mode, *options):
        command = [self.programs.path("load"), mode, "--to", self.endpoint, "--from", self.load_from]
        if self.process:
            command += ["--pid", str(self.pid)]
        return command + [str(o) for o in self.load_options] + [str(o) for o in options]

    def memory_kb(self):
        found = {}
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                key, _, value = line.partition(":")
                if key in ("RssAnon", "VmRSS"):
                    found[key] = int(value.split()[0])
        return found

    def complaint(self):
        """The end of what it wrote on standard error."""
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-300:].strip()

    def down(self):
        if self.process:
            stop(self.process)
            self.process = None
        if self.swarm:
            self.swarm.stop()
            self.swarm = None
        if self.folder:
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


class Echo(Server):
    name = "echo"
    asks = ["echo"]
    talks = False

    def command(self, bootstrap):
        return [self.programs.path("echo"), self.endpoint]


class Kad(Server):
    name = "kad"
    store = "mem"
    options = []

    def missing(self):
        return None if os.access(self.programs.kad, os.X_OK) else f"{self.programs.kad} is not built"

    def command(self, bootstrap):
        command = [self.programs.kad, "node", "--listen", self.endpoint, "--data-dir", os.path.join(self.folder, "data"),
                   "--store", self.store, "--log-level", "error"] + self.options + self.programs.kad_options
        return command + (["--bootstrap", bootstrap] if bootstrap else [])


class KadLmdb(Kad):
    name = "kad-lmdb"
    store = "lmdb"


class KadLimited(Kad):
    """As shipped kad spares loopback addresses its limits. Here they are looked at for every datagram, as for the
    public's, and are too high to bind."""

    name = "kad-limited"
    options = ["--config", os.path.join(BENCH, "kad-limited.conf")]


class Libtorrent(Server):
    name = "libtorrent"

    def missing(self):
        return None if os.access(self.programs.path("libtorrent"), os.X_OK) else "libtorrent-rasterbar-dev is missing"

    def command(self, bootstrap):
        return [self.programs.path("libtorrent"), self.endpoint] + ([bootstrap] if bootstrap else [])


class Aria2(Server):
    name = "aria2"
    asks = BASIC
    warm_seconds = 4.0

    def missing(self):
        return None if shutil.which("aria2c") else "aria2 is missing"

    def prepare(self):
        # Its DHT runs only while a torrent is open: one whose single piece nobody has.
        info = b"d6:lengthi16384e4:name4:none12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"e"
        with open(os.path.join(self.folder, "open.torrent"), "wb") as torrent:
            torrent.write(b"d4:info" + info + b"e")

    def command(self, bootstrap):
        command = ["aria2c", "--no-conf", "--enable-dht=true", "--enable-dht6=false", "--disable-ipv6=true",
                   f"--dht-listen-port={self.port}", f"--listen-port={self.port}", "--bt-enable-lpd=false",
                   "--enable-peer-exchange=false", "--quiet=true", "--file-allocation=none", f"--dir={self.folder}",
                   f"--dht-file-path={self.folder}/dht.dat", "--bt-stop-timeout=0", "--check-integrity=false"]
        if bootstrap:
            command.append("--dht-entry-point=" + bootstrap)
        return command + [os.path.join(self.folder, "open.torrent")]


class BittorrentDht(Server):
    name = "bittorrent-dht"
    asks = BASIC + ["get", "put"]  # mutable items need a verify function of the host's

    def missing(self):
        if not shutil.which("node"):
            return "node is missing"
        folder = os.path.join(self.programs.modules, "bittorrent-dht")
        return None if os.path.isdir(folder) else f"{folder} is missing (npm ci in bench/)"

    def command(self, bootstrap):
        command = ["node", os.path.join(BENCH, "peers", "bittorrent-dht.js"), self.programs.modules,
                   self.host, str(self.port)]
        return command + ([bootstrap] if bootstrap else [])


class Transmission(Server):
    """Takes 127/8 for martian, so it lives on another address of the run's namespace; it answers at most 100 a second
    (400 saved up), so it is measured in bursts, and filled aside while others are measured."""

    name = "transmission"
    asks = BASIC
    host, load_from, top = "10.9.0.1", "10.64.0.1", 10
    load_options = ["--burst", 300, "--pause", 3300, "--window", 64, "--keys", 100]
    fills_slowly = True
    fill_options = ["--burst", 280, "--pause", 2800]
    warm_seconds = 6.0

    def missing(self):
        return None if shutil.which("transmission-daemon") else "transmission-daemon is missing"

    def prepare(self):
        with open(os.path.join(self.folder, "settings.json"), "w") as settings:
            settings.write("""{"dht-enabled": true, "bind-address-ipv4": "%s", "peer-port": %d, "rpc-enabled": false,
                "lpd-enabled": false, "pex-enabled": false, "utp-enabled": true, "port-forwarding-enabled": false,
                "download-dir": "%s"}""" % (self.host, self.port, self.folder))

    def command(self, bootstrap):
        if bootstrap:
            with open(os.path.join(self.folder, "dht.bootstrap"), "w") as file:
                file.write(bootstrap.replace(":", " ") + "\n")
        return ["transmission-daemon", "-f", "-g", self.folder, "--log-error"]


KINDS = [Echo, Kad, KadLmdb, KadLimited, Libtorrent, Aria2, Transmission, BittorrentDht]


def json_line(line):
    import json
    return json.loads(line) if line.strip() else {"answered": False, "at_ns": 0}


def note(text):
    print(text, file=sys.stderr, flush=True)
