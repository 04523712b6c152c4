// The page of a kad node: asks the API once, then follows /events.
import { amount, by, describe, duration, html, short } from "./dom.js";
import * as charts from "./charts.js";
import * as lookup from "./lookup.js";
import { drawPeers } from "./peers.js";
import { showSettings } from "./settings.js";
import { drawTree } from "./tree.js";

const STANDING = {
    alone: "alone: no bootstrap, nobody has come yet", joining: "joining", joined: "joined",
    lost: "lost: nobody answers any more",
};
const LOGGED = 100;
const TABLE_EVERY_MS = 2000; /* however fast it changes */

let table = { rows: [], node_id: "" }, chosen = null, tableWanted = false, tableAt = 0;

/* A daemon on several networks: the one in the address of this page, else the first. */
const wanted = new URLSearchParams(location.search).get("network");
let shown = wanted;

const of = (path) => (wanted ? `${path}${path.includes("?") ? "&" : "?"}network=${encodeURIComponent(wanted)}` : path);

async function ask(path) {
    const answer = await fetch(of(path), { headers: { Accept: "application/json" } });
    return answer.json();
}

function say(text) {
    const list = by("log");
    list.prepend(html("li", {}, `${new Date().toLocaleTimeString()} ${text}`));
    while (list.children.length > LOGGED) list.lastElementChild.remove();
}

/* -- the node ---------------------------------------------------------------------------------------------------- */

/** The one that is shown, and links to the others. */
function networks(node) {
    const others = (node.networks ?? []).filter((name) => name !== node.network);
    if (!others.length) return node.network;
    const list = html("span", {}, node.network);
    for (const name of others) list.append(" ", html("a", { href: `?network=${encodeURIComponent(name)}` }, name));
    return list;
}

async function showNode() {
    const node = await ask("/api/node");
    shown = node.network;
    by("node-name").textContent = node.name ?? "";
    document.title = node.name ? `kad: ${node.name}` : "kad";
    by("state").textContent = STANDING[node.state] ?? node.state;
    by("state").className = node.state === "joined" ? "good" : "slow";
    describe(by("facts"), [
        ["Network", networks(node)],
        ["Nodes in the table", amount(node.peer_count)],
        ["Nodes in the network", node.network_size ? "about " + amount(node.network_size.ipv4 ?? node.network_size) : "unknown"],
        ["Round trip", duration(node.rtt_ms)],
        ["Records", amount((node.store?.records ?? 0) + (node.store?.peers ?? 0))],
        ["Memory", amount(node.memory_bytes, "B", 1024)],
        ["Up", duration(node.uptime_ms ?? (node.uptime ?? 0) * 1000)],
        ["Version", node.version],
        ["Id", html("span", { class: "id" }, node.node_id)],
        ["Listens", (node.listening ?? []).join(" ")],
        ["Outside address", node.outside_address ?? "unknown"],
    ]);
}

/* -- the table --------------------------------------------------------------------------------------------------- */

function drawTable() {
    drawTree(by("tree"), table.rows, table.node_id, chosen, (bucket) => {
        chosen = bucket === chosen ? null : bucket;
        drawTable();
    });
    drawPeers(table.rows, chosen, drawTable);
}

async function showTable() {
    if (tableWanted) return;
    tableWanted = true;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, tableAt + TABLE_EVERY_MS - Date.now())));
    tableWanted = false;
    tableAt = Date.now();
    table = await ask("/api/network/table");
    drawTable();
}

by("all-buckets").addEventListener("click", () => {
    chosen = null;
    drawTable();
});

/* -- lookups ----------------------------------------------------------------------------------------------------- */

by("random").addEventListener("click", () => {
    const bytes = crypto.getRandomValues(new Uint8Array(20));
    by("ask").elements.key.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
});

by("ask").addEventListener("submit", async (event) => {
    event.preventDefault();
    const kind = event.target.elements.kind.value, key = event.target.elements.key.value.toLowerCase();
    lookup.begin(kind, key);
    try {
        lookup.answered(kind, key, await ask(`/api/dht/${kind}?key=${key}&trace`));
    } catch (error) {
        by("lookup-state").textContent = `The node does not answer: ${error.message}`;
    }
});

/* -- records ----------------------------------------------------------------------------------------------------- */

function list(id, names, rows) {
    by(id).tHead.replaceChildren(html("tr", {}, names.map((name) => html("th", { scope: "col" }, name))));
    by(id).tBodies[0].replaceChildren(...rows.map((row) => html("tr", {}, row.map((text, i) =>
        html("td", i === 0 ? { class: "id" } : {}, String(text))))));
}

async function showRecords() {
    const held = await ask("/api/network/records");
    describe(by("records"), [
        ["Immutable values", `${amount(held.immutable.count)} (${amount(held.immutable.bytes, "B", 1024)})`],
        ["Mutable values", `${amount(held.mutable.count)} (${amount(held.mutable.bytes, "B", 1024)})`],
        ["Keys announced", amount(held.announced_keys)],
        ["Peers announced", amount(held.announced_peers)],
    ]);
    list("values", ["Key", "Kind", "Bytes", "Sequence", "Expires"], held.newest_values.map((value) => [value.key,
        value.mutable ? "mutable" : "immutable", value.bytes, value.seq ?? "",
        value.expires_at ? new Date(value.expires_at).toLocaleTimeString() : ""]));
    list("keys", ["Key", "Peers"], held.largest_keys.map((key) => [key.key, key.peers]));
}

/* -- over time --------------------------------------------------------------------------------------------------- */

async function showHistory() {
    const step = by("span").value;
    charts.load(await ask(`/api/network/history${step === "minute" ? "?step=minute" : ""}`), step);
}

by("span").addEventListener("change", showHistory);

/* -- colours ------------------------------------------------------------------------------------------------------ */

by("theme").addEventListener("change", (event) => {
    if (event.target.value) document.documentElement.dataset.theme = event.target.value;
    else delete document.documentElement.dataset.theme;
    localStorage.setItem("kad-theme", event.target.value);
    charts.redraw();
});
by("theme").value = localStorage.getItem("kad-theme") ?? "";
if (by("theme").value) document.documentElement.dataset.theme = by("theme").value;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.redraw());

/* -- what happens ------------------------------------------------------------------------------------------------- */

const EVENTS = {
    stats: (event) => charts.add(event),
    ready: (event) => {
        say(`joined, ${event.contacts} contacts`);
        showNode();
    },
    node_discovered: (event) => say(`new node ${short(event.id)} at ${event.address}`),
    routing_table_updated: () => showTable(),
    data_stored: (event) => {
        say(`stored ${event.key}`);
        showRecords();
    },
    lookup_begun: (event) => lookup.begun(event),
    lookup_hop: (event) => lookup.hop(event),
    lookup_completed: (event) => {
        lookup.completed(event);
        say(`${event.kind} ${event.target ?? ""}: ${event.error ?? event.reason}, ${duration(event.duration_ms)}`);
    },
    warning: (event) => say(`warning: ${event.warning}`),
};

function follow() {
    const source = new EventSource(of("/events"));
    for (const [name, handle] of Object.entries(EVENTS))
        source.addEventListener(name, (message) => {
            const event = JSON.parse(message.data);
            if (!event.network || event.network === shown) handle(event);
        });
    source.addEventListener("open", () => refresh());
    source.addEventListener("error", () => {
        by("state").textContent = "the node does not answer";
        by("state").className = "bad";
    });
}

const refresh = () => Promise.all([showNode(), showTable(), showHistory(), showRecords(), showSettings(ask, of)])
    .catch(() => {});

follow();
setInterval(() => showNode().catch(() => {}), 5000);
setInterval(() => Promise.all([showRecords(), showSettings(ask, of)]).catch(() => {}), 10000);
setInterval(() => showTable().catch(() => {}), 30000);
