#!/usr/bin/python3
# release
# timeout 1200
"""Every example of the README and of docs/ runs as it stands there.

Each page is one story: its ```sh blocks run in order, in a network namespace of its own, and each command must succeed. So do
the lines indented by four that begin with kad, curl or make (a page that only lists commands); there two spaces end a
command, and what comes behind them is said about it. A network of kad nodes is there, which `--bootstrap public` reaches,
and a daemon whose data directory the commands find by themselves. In the text:

  kad node ...        runs in the background, in the daemon's place, until its block ends; the next command waits until it
                      can be asked
  make ...            must be a target that exists: this test is run by one of them
  # until Ctrl-C      at the end of a line: the command is interrupted after a few seconds and must end well
  # status N          at the end of a line: the exit status, where it is not 0; of curl the answer's, where it is not 200
  # 4f0c...           at the end of a line, 40 digits: what the command prints
  [--json], ...       in an indented line: it says how a command is written and is not run
  INFOHASH, KEY       a hash; what the last `kad put` printed
  ADDRESS             ip:port of a node of the network
  /var/lib/kad, /etc/kad/kad.conf    the daemon's data directory here; packaging/kad.conf
  ```sh elsewhere     is for another machine (an installed package, a service manager): not run here

Python blocks run too, with bindings/python on the path; C blocks are compiled. With arguments: these pages only."""
import os
import random
import re
import shlex
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, PATIENCE_S, ROOT, LocalNet, check, eventually, main  # noqa: E402

BLOCK = re.compile(r"^```(\w*)( elsewhere)?[^\n]*\n(.*?)^```$|((?:^    (?:kad|curl|make) [^\n]*\n)+)", re.S | re.M)
SYNOPSIS = re.compile(r"\[[-A-Z]|\.\.\.|[A-Z]\|")
REMARK = re.compile(r"""^((?:[^'" ]|'[^']*'|"[^"]*"| (?! ))*)  +[^# ].*$""")
INFOHASH = "%040x" % random.getrandbits(160)
WATCHED_S = 4


def pages():
    yield os.path.join(ROOT, "README.md")
    docs = os.path.join(ROOT, "docs")
    for name in sorted(os.listdir(docs)):
        if name.endswith(".md"):
            yield os.path.join(docs, name)
    yield os.path.join(ROOT, "bindings", "python", "README.md")


def indented(block):
    """The commands of an indented block."""
    for line in block.splitlines():
        remark = REMARK.match(line.strip())
        command = remark.group(1) if remark else line.strip()
        if not SYNOPSIS.search(command):
            yield command


def commands(block):
    """Lines, with those that end in a backslash, or stand within a here-document or quotes, joined."""
    command = ""
    for line in block.splitlines():
        command += line + "\n"
        if subprocess.run(["bash", "-n", "-c", command], stderr=subprocess.DEVNULL).returncode or line.endswith("\\"):
            continue
        if command.strip() and not command.strip().startswith("#"):
            yield command.strip()
        command = ""
    check(not command.strip(), "an example that does not end:", command)


class Page:
    def __init__(self, folder, net, path):
        self.name = os.path.relpath(path, ROOT)
        self.folder = os.path.join(folder, re.sub(r"\W", "_", self.name))
        self.net, self.key, self.running, self.n_run = net, "", [], 0
        os.makedirs(os.path.join(self.folder, "bin"))
        self.data = os.path.join(self.folder, "data")
        os.symlink(KAD, os.path.join(self.folder, "bin", "kad"))
        # What stands in a page is typed in the project's folder.
        self.work = os.path.join(self.folder, "kad")
        os.mkdir(self.work)
        for name in os.listdir(ROOT):
            if name not in (".git", "build"):
                os.symlink(os.path.join(ROOT, name), os.path.join(self.work, name))
        os.mkdir(os.path.join(self.work, "build"))
        for name in os.listdir(os.path.dirname(KAD)):
            os.symlink(os.path.join(os.path.dirname(KAD), name), os.path.join(self.work, "build", name))
        self.env = dict(os.environ, KAD_DATA_DIR=self.data, HOME=self.folder, TERM="dumb",
                        PATH=os.path.join(self.folder, "bin") + ":" + os.environ["PATH"],
                        PYTHONPATH=os.path.join(ROOT, "bindings", "python"))
        with open(path) as file:
            self.blocks = BLOCK.findall(file.read())
        self.usual = True

    def local(self, command):
        command = command.replace("--bootstrap public", "--bootstrap " + self.net.first)
        if "KEY" in command and self.key:
            command = re.sub(r"\bKEY\b", self.key, command)
        command = command.replace("/var/lib/kad", self.data)
        command = command.replace("/etc/kad/kad.conf", os.path.join(ROOT, "packaging", "kad.conf"))
        return re.sub(r"\bINFOHASH\b", INFOHASH, re.sub(r"\bADDRESS\b", self.net.first, command))

    def stop_node(self):
        for node in self.running:
            node.send_signal(signal.SIGTERM)
            check(node.wait(PATIENCE_S) == 0, self.name, "a node did not end well")
        self.running = []

    def start_node(self, command=None):
        self.stop_node()
        self.usual = command is None
        command = command or "kad node --listen 127.0.0.1:6881 --log-level error --bootstrap " + self.net.first
        with open(os.path.join(self.folder, "node.log"), "ab") as log:
            node = subprocess.Popen(["bash", "-c", "exec " + command], cwd=self.work, env=self.env, stdout=log,
                                    stderr=log)
        self.running = [node]

        def answers():
            check(node.poll() is None, self.name, command, "ended:", open(os.path.join(self.folder, "node.log")).read())
            return subprocess.run(["kad", "status"], env=self.env, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode == 0

        eventually("the node of %s answers" % self.name, answers)

    def run(self, command):
        self.n_run += 1
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            target = [word for word in words[1:] if "=" not in word] or ["all"]
            done = subprocess.run(["make", "-n", "-q"] + target, cwd=ROOT, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
            check(done.returncode in (0, 1), self.name, command, done.stderr.decode())
        elif words[:2] == ["kad", "node"] and not {"--help", "--print-config"} & set(words):
            self.start_node(self.local(re.sub(r"\s#\s.*", "", command)))
        else:
            self.run_to_end(command)

    def run_to_end(self, command):
        if not self.running:
            self.start_node()
        until_stopped = command.endswith("# until Ctrl-C")
        wanted = re.search(r"# status (\d+)$", command)
        wanted = int(wanted.group(1)) if wanted else 200 if command.startswith("curl ") else 0
        process = subprocess.Popen(["bash", "-e", "-o", "pipefail", "-c", "curl() { command curl -sS -w '\\nstatus %{http_code}\\n' \"$@\"; }\n" +
                                    self.local(command)], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = process.communicate(timeout=WATCHED_S if until_stopped else PATIENCE_S)
            check(not until_stopped or process.returncode == 0, self.name, command, "ended by itself:", out)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE_S)
            check(until_stopped, self.name, command, "does not end:", out.decode())
            check(process.returncode in (0, 130, -signal.SIGINT), self.name, command, "interrupted:", out.decode())
            return
        out = out.decode()
        if command.startswith("curl "):
            self.check_answer(command, process.returncode, out, wanted)
        else:
            check(process.returncode == wanted, self.name + ":", command, "\nexits", process.returncode, out)
        printed = re.search(r"# ([0-9a-f]{40})$", command)
        check(not printed or printed.group(1) in out, self.name + ":", command, "\nprints", out)
        found = re.search(r"\b[0-9a-f]{40}\b", out)
        if "kad put" in command and found:
            self.key = found.group()

    def check_answer(self, command, status, out, wanted):
        """curl succeeds whatever the server thinks of the request."""
        check(status in (0, 28), self.name + ":", command, "\nexits", status, out)  # 28: --max-time, of a stream
        answered = re.search(r"^status (\d+)$", out, re.M)
        check(answered or "|" in command, self.name + ":", command, "\nsays no status", out)
        check(not answered or int(answered.group(1)) == wanted, self.name + ":", command, "\nis answered", out)

    def run_python(self, text):
        self.n_run += 1
        done = subprocess.run(["/usr/bin/python3", "-c", text], cwd=self.work, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE_S)
        check(done.returncode == 0, self.name, done.stdout.decode())

    def compile_c(self, text):
        self.n_run += 1
        done = subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I" + os.path.join(ROOT, "include"),
                               "-x", "c", "-"], input=('#include "kad/node.h"\n' + text).encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE_S)
        check(done.returncode == 0, self.name, done.stdout.decode())

    def tell(self):
        try:
            for language, elsewhere, text, lines in self.blocks:
                if elsewhere:
                    continue
                if language == "sh" or lines:
                    for command in commands(text) if language else indented(lines):
                        self.run(command)
                    if not self.usual:
                        self.stop_node()
                elif language == "python":
                    self.run_python(text)
                elif language == "c":
                    self.compile_c(text)
        finally:
            for node in self.running:
                node.terminate()
                node.wait(PATIENCE_S)
        return self.n_run


def test(folder):
    # The ports of the examples are for the daemon of the page.
    net = LocalNet(folder, 20, "--api", "none", "--metrics", "none")
    n_run = 0
    wanted = sys.argv[1:]
    for path in pages():
        if wanted and os.path.basename(path) not in wanted:
            continue
        n_page = Page(folder, net, path).tell()
        if n_page:
            print("%-28s %3d examples" % (os.path.relpath(path, ROOT), n_page), flush=True)
        n_run += n_page
    check(wanted or n_run >= 60, "only", n_run, "examples found: is the search right?")
    check(net.stop() == 0, "the network did not stop in order")


if os.environ.get("KAD_TEST_NAMESPACE") != "docs":
    # Ports such as 8080 and 9100 stand in the examples, and nothing of theirs may reach the world.
    os.execvpe("unshare", ["unshare", "--net", "bash", "-c", "ip link set lo up && exec " +
                           " ".join(map(shlex.quote, [sys.executable, os.path.abspath(__file__)] + sys.argv[1:]))],
               dict(os.environ, KAD_TEST_NAMESPACE="docs"))
main(test)
