// One lookup, drawn as it runs: a line per node asked, from the question to the answer, nearest to the key at the top of its
// hop. Steps come over /events as they happen; where those are not shown (a public API, no token) the trace of the
// answer draws the same picture at the end.
import { by, duration, html, short, svg } from "./dom.js";

const ROW = 18;
const LEFT = 320;
const WIDTH = 620;
const SHOWN = 60;

let current = null; /* {kind, target, request, begun, nodes: Map(address -> node), end} */

export function begin(kind, target, request = null) {
    current = { kind, target, request, begun: performance.now(), nodes: new Map(), end: null };
    by("steps").replaceChildren();
    by("lookup-state").textContent = `Looking for ${target} …`;
    draw();
}

/** A lookup that the node told of: ours, begun just now, or somebody else's. */
export function begun(event) {
    if (!event.target) return;
    if (current && !current.end && current.request === null && current.target === event.target) current.request = event.request;
    else if (!current || current.end) begin(event.kind, event.target, event.request);
}

export function hop(event) {
    if (!current || event.request !== current.request || current.end) return;
    step(event);
    draw();
}

function step(event) {
    const node = current.nodes.get(event.address) ?? { id: event.id, address: event.address, hop: event.hop, asked: event.at_ms };
    node.what = event.what;
    node.prefix = event.prefix;
    if (event.what !== "asked") node.answered = event.at_ms;
    node.found = event.value || event.peers > 0;
    node.named = event.contacts;
    current.nodes.set(event.address, node);
    by("steps").append(html("li", {}, `${duration(event.at_ms)}: hop ${event.hop}, ${short(event.id)} at ${event.address} ` +
        `${event.what}, ${event.prefix} bits near` + (event.what === "answered" ? `, named ${event.contacts}` : "")));
}

export function completed(event) {
    if (!current || event.request !== current.request || current.end) return;
    end(event);
}

function end(result) {
    current.end = result;
    current.duration = result.duration_ms;
    const found = result.value ? ", value found" : Array.isArray(result.peers) ? `, ${result.peers.length} peers` :
        result.peers ? `, ${result.peers} peers` : "";
    by("lookup-state").textContent = `${result.error ? result.error + ": " : ""}${result.reason ?? ""} after ` +
        `${duration(result.duration_ms)}, ${result.hops} hops, ${result.queries} queries, ${result.timeouts} unanswered${found}`;
    draw();
}

/** The answer of /api/dht/... came, with its trace. */
export function answered(kind, target, answer) {
    if (!current || current.target !== target) return;
    if (current.nodes.size === 0 && answer.trace) {
        for (const event of answer.trace) step(event);
        current.end = null;
    }
    if (!current.end && answer.reason) end(answer);
    else if (answer.error && !answer.reason) {
        current.end = answer;
        by("lookup-state").textContent = answer.reason ?? answer.error;
    }
}

function draw() {
    const nodes = [...current.nodes.values()].sort((a, b) => a.hop - b.hop || b.prefix - a.prefix).slice(0, SHOWN);
    const now = current.duration ?? Math.max(...nodes.map((n) => n.answered ?? n.asked), performance.now() - current.begun, 1);
    const x = (at) => LEFT + (Math.min(at, now) / Math.max(now, 1)) * WIDTH;
    const picture = svg("svg", {
        width: LEFT + WIDTH + 130, height: Math.max(nodes.length, 1) * ROW + 34, role: "img",
        "aria-label": `${nodes.length} nodes asked for ${current.target}; the steps stand below as text`,
    },
    svg("text", { x: 0, y: 14, class: "faint" }, "hop  bits  node"),
    svg("text", { x: LEFT, y: 14, class: "faint" }, "0"),
    svg("text", { x: LEFT + WIDTH, y: 14, class: "faint", "text-anchor": "end" }, duration(now)));
    let last = 0;
    nodes.forEach((node, i) => {
        const y = 32 + i * ROW;
        const kind = { answered: "good", stored: "good", late: "slow", failed: "bad", refused: "bad" }[node.what] ?? "waits";
        picture.append(svg("g", {},
            svg("title", {}, `${node.id ?? "?"} at ${node.address}: ${node.what}`),
            svg("text", { x: 0, y: y + 4, class: node.hop === last ? "faint" : "" }, String(node.hop)),
            svg("text", { x: 34, y: y + 4 }, String(node.prefix)),
            svg("text", { x: 70, y: y + 4, class: "faint" }, `${short(node.id)} ${node.address}`),
            svg("rect", { class: "bar", x: x(node.asked), y: y - 3, height: 6, rx: 3,
                width: Math.max(2, x(node.answered ?? now) - x(node.asked)) }),
            svg("circle", { class: `${kind} new`, cx: x(node.answered ?? now), cy: y, r: node.found ? 7 : 4.5 }),
            node.named ? svg("text", { x: LEFT + WIDTH + 12, y: y + 4, class: "faint" }, `named ${node.named}`) : null));
        last = node.hop;
    });
    by("lookup").replaceChildren(picture);
}
