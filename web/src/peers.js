// The nodes of the table as a table: sortable, and what screen readers get instead of the picture.
import { by, duration, html } from "./dom.js";

/**
 * 0 to 100: what this node saw of another. Answers count most (25 off per query in a row it left unanswered), then speed
 * (one off per 20 ms of round trip, 40 at most), then an id that fits its address (BEP 42; 10 off if not).
 */
export function score(row) {
    const speed = row.rtt_ms === null ? 20 : Math.min(40, row.rtt_ms / 20);
    return Math.max(0, Math.round(100 - 25 * row.failures - speed - (row.id_fits ? 0 : 10)));
}

export function grade(row) {
    return row.failures > 0 ? "bad" : row.rtt_ms === null || row.rtt_ms >= 500 ? "slow" : "good";
}

const COLUMNS = [
    ["Bucket", (row) => row.bucket],
    ["Id", (row) => row.id, (row) => html("td", { class: "id" }, row.id)],
    ["Address", (row) => row.address],
    ["RTT", (row) => row.rtt_ms ?? Infinity, (row) => html("td", { class: grade(row) }, duration(row.rtt_ms))],
    ["Score", (row) => -score(row), (row) => html("td", {}, String(score(row)))],
    ["Failures", (row) => -row.failures, (row) => html("td", {}, String(row.failures))],
    ["Heard", (row) => row.heard_ms_ago, (row) => html("td", {}, duration(row.heard_ms_ago) + " ago")],
    ["Id fits", (row) => !row.id_fits, (row) => html("td", {}, row.id_fits ? "yes" : "no")],
];
let sorted = 0;

function compare(a, b) {
    const x = COLUMNS[sorted][1](a), y = COLUMNS[sorted][1](b);
    return x < y ? -1 : x > y ? 1 : 0;
}

export function drawPeers(rows, chosen, again) {
    const shown = rows.filter((row) => !row.replacement && (chosen === null || row.bucket === chosen)).sort(compare);
    by("peers-summary").textContent = `Nodes: ${shown.length}` + (chosen === null ? "" : ` in bucket ${chosen}`);
    by("all-buckets").hidden = chosen === null;
    const head = html("tr", {}, COLUMNS.map(([name], i) => {
        const button = html("button", { type: "button" }, name);
        button.addEventListener("click", () => {
            sorted = i;
            again();
            by("peers").querySelectorAll("th button")[i].focus();
        });
        return html("th", { scope: "col", "aria-sort": i === sorted ? "ascending" : "none" }, button);
    }));
    if (!by("peers").tHead.contains(document.activeElement) || !by("peers").tHead.rows.length)
        by("peers").tHead.replaceChildren(head);
    else by("peers").tHead.querySelectorAll("th").forEach((th, i) =>
        th.setAttribute("aria-sort", i === sorted ? "ascending" : "none"));
    by("peers").tBodies[0].replaceChildren(...shown.map((row) => html("tr", {},
        COLUMNS.map(([, key, cell]) => (cell ? cell(row) : html("td", {}, String(key(row))))))));
}
