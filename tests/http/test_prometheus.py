#!/usr/bin/python3
"""A real Prometheus scrapes the node and answers questions about it; promtool finds nothing to say about /metrics.

Prometheus runs in a network namespace with the node, so it can ask nobody else."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from face import Face, ask  # noqa: E402
from program import KAD, check, main  # noqa: E402

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: kad
    static_configs: [{targets: ['127.0.0.1:9100']}]
"""

SCRIPT = """
set -eu
ip link set lo up
(exec %(kad)s node --nodes 8 --listen 127.0.0.1:6881 --data-dir %(folder)s/kad) 2>%(folder)s/kad.log &
node=$!
(exec prometheus --config.file=%(folder)s/prometheus.yml --storage.tsdb.path=%(folder)s/tsdb \\
    --web.listen-address=127.0.0.1:9090 --log.level=warn) >%(folder)s/prometheus.log 2>&1 &
prometheus=$!
trap 'kill $node $prometheus' EXIT
ask() { curl -s -G http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1"; }
for i in $(seq 600); do
    ask 'kademlia_routing_table_size{family="ipv4"} >= 7' | grep -q '"value":\\[' && break
    sleep 0.1
done
ask 'kademlia_routing_table_size{family="ipv4"}'; echo
ask 'up{job="kad"}'; echo
ask 'count({__name__=~"kademlia_.+"})'; echo
curl -s http://127.0.0.1:9090/api/v1/targets; echo
"""


def linted(folder):
    net = Face(folder, 4)
    for where in (net.api, net.metrics, net.socket):
        text = ask(where, "GET", "/metrics").body
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
        check(done.returncode == 0 and not done.stdout and not done.stderr, done.stdout, done.stderr)
    check(net.stop() == 0)


def scraped(folder):
    with open(os.path.join(folder, "prometheus.yml"), "w") as file:
        file.write(CONFIG)
    script = SCRIPT % {"kad": KAD, "folder": folder}
    done = subprocess.run(["unshare", "--map-root-user", "--net", "bash", "-c", script], capture_output=True, text=True,
                          timeout=200)
    check(done.returncode == 0, done.stdout, done.stderr)
    size, up, count, targets = [json.loads(line) for line in done.stdout.splitlines()]
    sample = size["data"]["result"][0]
    check(float(sample["value"][1]) >= 7 and sample["metric"]["instance"] == "127.0.0.1:9100", size)
    check(up["data"]["result"][0]["value"][1] == "1", up)
    check(float(count["data"]["result"][0]["value"][1]) > 80, count)
    target = targets["data"]["activeTargets"][0]
    check(target["health"] == "up" and target["lastError"] == "", target)


def test(folder):
    linted(folder)
    scraped(folder)


main(test)
