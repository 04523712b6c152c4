// The routing table as the XOR tree it is. The spine is this node's own path; at depth i the branch that turns away is
// bucket i, drawn as its nodes, coloured by how well they answer.
import { hierarchy, tree } from "d3-hierarchy";
import { svg } from "./dom.js";
import { grade } from "./peers.js";

const ROW = 26;
const DEPTH = 34;
const DOT = 8;

/** Rows of /api/network/table -> [{index, nodes, waiting}], from bucket 0 on. */
export function buckets(rows) {
    const found = new Map();
    for (const row of rows) {
        if (!found.has(row.bucket)) found.set(row.bucket, { index: row.bucket, nodes: [], waiting: 0 });
        const bucket = found.get(row.bucket);
        if (row.replacement) bucket.waiting++;
        else bucket.nodes.push(row);
    }
    return [...found.values()].sort((a, b) => a.index - b.index);
}

function spine(list, at = 0) {
    if (at === list.length) return { self: true };
    return { bit: list[at].index, children: [{ bucket: list[at] }, spine(list, at + 1)] };
}

function drawBucket(bucket, place, select, chosen) {
    const label = `Bucket ${bucket.index}: ${bucket.nodes.length} nodes, ${bucket.waiting} waiting`;
    const group = svg("g", {
        class: "bucket", role: "option", tabindex: -1, "aria-label": label, "aria-selected": String(bucket.index === chosen),
        transform: `translate(${place.y},${place.x})`, "data-bucket": bucket.index,
    },
    svg("title", {}, label),
    svg("rect", { class: "frame", x: -4, y: -11, rx: 4, width: 74 + bucket.nodes.length * DOT, height: 22 }),
    svg("text", { x: 2, y: 4 }, `bit ${bucket.index}`),
    svg("text", { x: 44, y: 4, class: "faint" }, String(bucket.nodes.length)));
    bucket.nodes.forEach((node, i) => group.append(svg("circle", {
        class: grade(node), r: 3.4, cx: 72 + i * DOT, cy: 0,
    })));
    group.addEventListener("click", () => select(bucket.index));
    return group;
}

/** Draws into `place`; select(index) is called with the bucket somebody chose. */
export function drawTree(place, rows, nodeId, chosen, select) {
    const list = buckets(rows);
    const focused = place.contains(document.activeElement) ? document.activeElement.dataset.bucket : undefined;
    const root = tree().nodeSize([ROW, DEPTH])(hierarchy(spine(list)));
    let top = 0, bottom = 0, right = 0;
    root.each((n) => {
        top = Math.min(top, n.x);
        bottom = Math.max(bottom, n.x);
        right = Math.max(right, n.y + 90 + (n.data.bucket?.nodes.length ?? 0) * DOT);
    });
    const picture = svg("svg", {
        width: right + 20, height: bottom - top + 40, viewBox: `-10 ${top - 20} ${right + 20} ${bottom - top + 40}`,
        role: "listbox", "aria-label": `Routing table of ${nodeId}: ${rows.filter((r) => !r.replacement).length} nodes in ` +
            `${list.length} buckets`,
    });
    for (const link of root.links())
        picture.append(svg("path", {
            class: link.target.data.bucket ? "link" : "own",
            d: `M${link.source.y},${link.source.x}H${link.target.y - DEPTH / 2}V${link.target.x}H${link.target.y - 4}`,
        }));
    const options = [];
    root.each((n) => {
        if (n.data.bucket) {
            const option = drawBucket(n.data.bucket, n, select, chosen);
            options.push(option);
            picture.append(option);
        } else if (n.data.self) {
            picture.append(svg("circle", { class: "self", cx: n.y, cy: n.x, r: 5 }),
                svg("text", { x: n.y + 10, y: n.x + 4 }, "this node"));
        }
    });
    const order = options.sort((a, b) => a.dataset.bucket - b.dataset.bucket);
    picture.addEventListener("keydown", (event) => {
        const at = order.indexOf(document.activeElement);
        const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0,
            End: order.length - 1 }[event.key];
        if (event.key === "Enter" || event.key === " ") select(Number(document.activeElement.dataset.bucket));
        else if (to === undefined || !order[to]) return;
        else order[to].focus();
        event.preventDefault();
    });
    if (order.length) (order.find((o) => Number(o.dataset.bucket) === chosen) ?? order[0]).setAttribute("tabindex", 0);
    place.replaceChildren(picture);
    if (focused !== undefined) order.find((o) => o.dataset.bucket === focused)?.focus();
}
