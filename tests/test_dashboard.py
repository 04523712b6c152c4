#!/usr/bin/python3
# serial
"""The page at / in headless Chromium: the XOR tree, the nodes, a lookup drawn while it runs, rates over time, records;
offline, in light and dark, by keyboard, and for screen readers (axe). Screenshots go to build/screenshots."""
import filecmp
import json
import os
import re
import subprocess
import sys
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import ROOT, LocalNet, check, eventually, main  # noqa: E402

WEB = os.path.join(ROOT, "web")
SCREENSHOTS = os.environ.get("KAD_SCREENSHOTS") or os.path.join(ROOT, "build", "screenshots")
N_NODES = 120


def open_browser():
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1300,2400", "--force-prefers-reduced-motion"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Page:
    def __init__(self, browser, net, url):
        self.browser, self.net, self.url = browser, net, url
        browser.get(url)
        eventually("the page is drawn", lambda: self.all("#tree .bucket") and self.all("#charts .uplot"))

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def cells(self, table, column):
        """As of one moment: rows come and go."""
        return self.browser.execute_script("return [...document.getElementById(arguments[0]).tBodies[0].rows]"
                                           ".map(row => row.cells[arguments[1]].textContent)", table, column)

    def api(self, path):
        with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=60) as answer:
            return json.load(answer)

    def focused(self, attribute):
        return self.browser.switch_to.active_element.get_attribute(attribute)

    def press(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)

    def keep(self, name):
        os.makedirs(SCREENSHOTS, exist_ok=True)
        check(self.browser.save_screenshot(os.path.join(SCREENSHOTS, name + ".png")), "no screenshot", name)

    def complaints(self):
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def the_bundle_is_what_the_sources_make(folder):
    made = os.path.join(folder, "dist")
    subprocess.run(["node", "build.mjs", made], cwd=WEB, check=True)
    kept = os.path.join(WEB, "dist")
    names = sorted(os.listdir(made))
    check(sorted(os.listdir(kept)) == names, "web/dist has other files than", names)
    for name in names:
        check(filecmp.cmp(os.path.join(made, name), os.path.join(kept, name), shallow=False),
              "web/dist/%s is old: make web" % name)


def the_node_is_described(page):
    check(page.text("#state") == "joined", page.text("#state"))
    told = page.net.ask("status")
    check(told["node_id"] in page.text("#facts"), page.text("#facts"))
    check("first" in page.text("#node-name"))


def the_tree_is_the_table(page):
    def drawn():
        return page.browser.execute_script("""return {
            buckets: document.querySelectorAll("#tree .bucket").length,
            dots: document.querySelectorAll("#tree .bucket circle").length,
            ids: [...document.querySelectorAll("#peers tbody tr")].map((row) => row.cells[1].textContent).sort(),
            scores: [...document.querySelectorAll("#peers tbody tr")].map((row) => Number(row.cells[4].textContent))}""")

    def equal():  # the table may still grow; the page follows it
        rows = [row for row in page.net.ask("table")["rows"] if not row["replacement"]]
        now = drawn()
        return (now["ids"] == sorted(row["id"] for row in rows) and now["dots"] == len(rows) and
                now["buckets"] == len({row["bucket"] for row in rows}))

    eventually("the page shows the table's buckets and nodes", equal)
    scores = drawn()["scores"]
    check(len(scores) >= 8 and all(50 < score <= 100 for score in scores), scores)


def the_keyboard_walks_the_buckets(page):
    page.browser.execute_script("document.querySelector('#tree [tabindex=\"0\"]').focus()")
    first = page.focused("data-bucket")
    page.press(Keys.ARROW_DOWN)
    second = page.focused("data-bucket")
    check(int(second) > int(first), first, second)
    page.press(Keys.ENTER)
    check(page.focused("data-bucket") == second, "the focus is lost with the drawing")
    n_nodes = int(re.search(r": (\d+) nodes", page.focused("aria-label")).group(1))
    eventually("its nodes are listed", lambda: len(page.all("#peers tbody tr")) == n_nodes)
    check("in bucket " + second in page.text("#peers-summary"), page.text("#peers-summary"))
    page.keep("bucket")
    page.one("#all-buckets").click()
    eventually("all nodes are listed", lambda: len(page.all("#peers tbody tr")) > n_nodes)
    page.all("#peers th button")[2].send_keys(Keys.ENTER)
    addresses = page.cells("peers", 2)
    check(addresses == sorted(addresses), "not sorted by address")


def a_lookup_is_drawn(page):
    page.one("#random").click()
    key = page.one("#ask [name=key]").get_attribute("value")
    page.one("#ask [name=key]").send_keys(Keys.ENTER)
    eventually("it converges", lambda: "converged after" in page.text("#lookup-state"))
    n_queries = int(re.search(r"(\d+) queries", page.text("#lookup-state")).group(1))
    check(len(page.all("#lookup svg circle")) == n_queries, n_queries, "queries,", len(page.all("#lookup svg circle")))
    check(key in page.one("#lookup svg").get_attribute("aria-label"))
    check(len(page.all("#steps li")) == 2 * n_queries, "steps", len(page.all("#steps li")), "of", n_queries)


def a_lookup_of_another_is_drawn_while_it_runs(page):
    """Its steps come as events: the page asked for nothing."""
    key = page.net.ask("put", "seen on the page")["key"]
    page.net.ask("get", key)
    eventually("the get is drawn", lambda: key in page.one("#lookup svg").get_attribute("aria-label"))
    eventually("it is logged", lambda: "get " + key in page.text("#log"))
    page.keep("lookup")


def wrong_keys_are_refused_in_place(page):
    field = page.one("#ask [name=key]")
    field.clear()
    field.send_keys("no key", Keys.ENTER)
    check(page.browser.execute_script("return !document.querySelector('#ask').checkValidity()"), "it is taken")


def charts_grow(page):
    def points():
        return page.browser.execute_script(
            "return [...document.querySelectorAll('#charts .uplot')].map(c => c.getAttribute('aria-label'))")

    check(len(points()) == 6, points())
    before = points()
    page.net.ask("closest", "%040x" % 7)
    eventually("new samples are drawn", lambda: points() != before)
    check(all(": " in label for label in points()), points())
    Select(page.one("#span")).select_by_value("minute")
    Select(page.one("#span")).select_by_value("second")
    eventually("the charts are there again", lambda: len(points()) == 6)


def records_are_listed(page):
    for i in range(40):
        page.net.kad("put", "value %d" % i)
    eventually("values are shown", lambda: page.all("#values tbody tr"))
    eventually("counts are shown", lambda: re.search(r"Immutable values\n[1-9]", page.text("#records")))
    shown = set(page.cells("values", 0))
    held = {value["key"] for value in page.api("/api/network/records")["newest_values"]}
    check(shown and shown <= held, "shown and not held:", shown - held)


def setting(page, path):
    return next(one for one in page.api("/api/settings")["settings"] if one.get("path") == path)


def settings_are_changed(page):
    """P065: set by each way, read by the others."""
    for section in page.all("#settings summary"):
        section.click()
    fields = {field.get_attribute("aria-label"): field for field in page.all("#settings input")}
    live = {one["path"] for one in page.api("/api/settings")["settings"] if one["live"] and "path" in one}
    check(live and live == set(fields), "live, and not to be changed:", live ^ set(fields))
    alpha = fields["network.dht.alpha"]
    before = alpha.get_attribute("value")
    alpha.send_keys(Keys.CONTROL, "a", Keys.NULL, "7", Keys.TAB)
    eventually("it is changed", lambda: page.text("#settings-state") == "network.dht.alpha: %s became 7" % before)
    check(setting(page, "network.dht.alpha")["value"] == "7", "the API says otherwise")
    check("7" in page.net.kad("config", "show", "network.dht.alpha").out.decode(), "the command line says otherwise")
    alpha.send_keys(Keys.CONTROL, "a", Keys.NULL, "1000", Keys.TAB)
    eventually("it is refused with its reason", lambda: "alpha: " in page.text("#settings-state"))
    check(alpha.get_attribute("value") == "7", "what was refused stands")
    others = [text for text in page.complaints() if "/api/settings" not in text]  # the browser notes the refusal
    check(not others, "the browser complains:", *others)
    page.one("#settings summary").click()  # nothing is drawn over what somebody is about to change
    page.net.kad("config", "set", "network.dht.alpha", "4")
    eventually("what was changed elsewhere is shown",
               lambda: page.browser.execute_script("return document.querySelector('[aria-label=\"network.dht.alpha\"]')"
                                                   ".value") == "4")


def light_and_dark(page):
    def ground():
        return page.browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    Select(page.one("#theme")).select_by_value("dark")
    dark = ground()
    accessible(page, "dark")
    page.keep("dark")
    Select(page.one("#theme")).select_by_value("light")
    check(ground() != dark, "both are", dark)
    accessible(page, "light")
    page.keep("light")
    page.browser.refresh()
    eventually("it comes back", lambda: page.all("#tree .bucket"))
    check(page.browser.execute_script("return document.documentElement.dataset.theme") == "light", "the choice is lost")


def accessible(page, name):
    with open(os.path.join(WEB, "node_modules", "axe-core", "axe.min.js")) as file:
        page.browser.execute_script(file.read())
    result = page.browser.execute_async_script("axe.run(document).then(arguments[0])")
    found = ["%s: %s (%s)" % (v["id"], v["help"], v["nodes"][0]["html"][:200]) for v in result["violations"]]
    check(not found, name, "axe:", *found)


def nothing_comes_from_elsewhere(page):
    loaded = page.browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    check(len(loaded) >= 5 and all(name.startswith(page.url) for name in loaded), loaded)
    for name in os.listdir(os.path.join(WEB, "dist")):
        with open(os.path.join(WEB, "dist", name)) as file:
            for url in re.findall(r"""(?:src|href|url\(|fetch\(|import )["'(=]*(https?://[^"')]+)""", file.read()):
                check(False, name, "reaches for", url)


def a_narrow_screen(page):
    page.browser.set_window_size(420, 900)
    wide, screen = page.browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    check(wide <= screen <= 600, "the page has", wide, "of", screen, "pixels", page.browser.execute_script(
        "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
        ".slice(0, 5).map(e => e.outerHTML.slice(0, 80))"))
    page.keep("narrow")


def a_node_that_goes_is_noticed(page):
    check(page.net.stop() == 0, "the network did not stop in order")
    eventually("it says so", lambda: page.text("#state") == "the node does not answer")


def test(folder):
    the_bundle_is_what_the_sources_make(folder)
    api = "127.0.0.1:%d" % (20000 + os.getpid() % 20000)
    net = LocalNet(folder, N_NODES, "--api", api, "--metrics", "none")
    browser = open_browser()
    try:
        page = Page(browser, net, "http://%s/" % api)
        for part in (the_node_is_described, the_tree_is_the_table, the_keyboard_walks_the_buckets, a_lookup_is_drawn,
                     a_lookup_of_another_is_drawn_while_it_runs, wrong_keys_are_refused_in_place, charts_grow,
                     records_are_listed, settings_are_changed, light_and_dark, nothing_comes_from_elsewhere, a_narrow_screen):
            part(page)
            print("ok", part.__name__, flush=True)
        complaints = page.complaints()
        check(not complaints, "the browser complains:", *complaints)
        a_node_that_goes_is_noticed(page)
    finally:
        browser.quit()


main(test)
