#!/usr/bin/python3
"""P137: each metric that the Grafana dashboard and the alert rules name is one that a node gives, with the labels they
select by; and promtool accepts the rules."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import ROOT, LocalNet, check, main  # noqa: E402

DASHBOARD = os.path.join(ROOT, "packaging", "grafana", "kad.json")
RULES = os.path.join(ROOT, "packaging", "prometheus", "kad.rules.yml")
METRIC = re.compile(r"\b(kademlia_\w+)\b(?:\{([^}]*)\})?")


def expressions():
    """(where, PromQL) of each panel and each rule."""
    with open(DASHBOARD) as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield "variable " + variable["name"], variable["query"]["query"]
    with open(RULES) as file:
        text = file.read()
    for alert, body in re.findall(r"- alert: (\w+)\n(.*?)(?=\n      - alert|\Z)", text, re.S):
        yield alert, re.search(r"expr: (.*?)\n        (?:for|labels):", body, re.S).group(1)


def given(text):
    """name -> set of label names, of an exposition."""
    metrics = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            metrics.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    return metrics


def test(folder):
    net = LocalNet(folder, 12)
    metrics = given(subprocess.run(["curl", "-sS", "--unix-socket", net.socket, "http://kad/metrics"], check=True,
                                   stdout=subprocess.PIPE, timeout=60).stdout.decode())
    n_named = 0
    for where, expression in expressions():
        for name, selectors in METRIC.findall(expression):
            n_named += 1
            check(name in metrics, where, "names", name, "which no node gives")
            wanted = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors)) - {"instance", "job"}
            check(wanted <= metrics[name], where, "selects", name, "by", wanted - metrics[name])
    check(n_named > 40, "only", n_named, "names found: is the search right?")
    subprocess.run(["promtool", "check", "rules", RULES], check=True, stdout=subprocess.DEVNULL, timeout=60)
    check(net.stop() == 0, "the network did not stop in order")


main(test)
