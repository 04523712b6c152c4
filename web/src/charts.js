// Rates and memory over time (uPlot). The history comes once per span; from then on each `stats` event adds a point.
import uPlot from "uplot";
import { amount, by, html } from "./dom.js";

const bytes = (value) => amount(value, "B", 1024);
const CHARTS = [
    ["Bytes per second", bytes, ["received_bytes_per_s", "in"], ["sent_bytes_per_s", "out"]],
    ["Queries per second", amount, ["queries_in_per_s", "of others"], ["queries_out_per_s", "own"],
        ["timeouts_per_s", "unanswered"]],
    ["Lookups and stores per second", amount, ["lookups_per_s", "lookups"], ["stored_per_s", "stored"]],
    ["Memory", bytes, ["memory_bytes", "engine and store"], ["resident_bytes", "process"]],
    ["Nodes in the table", amount, ["contacts_ipv4", "IPv4"], ["contacts_ipv6", "IPv6"]],
    ["Records held", amount, ["records", "values"], ["peers", "peers"]],
];
const MOST = { second: 600, minute: 1440 };

let plots = [], series = {}, span = "second";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const data = (chart) => [series.at_ms.map((at) => at / 1000), ...chart.slice(2).map(([name]) => series[name])];

function make(chart) {
    const [title, format, ...lines] = chart;
    const place = by("charts").children[CHARTS.indexOf(chart)];
    const inks = [colour("--accent"), colour("--slow"), colour("--bad")];
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 0.5 }, ticks: { show: false } };
    const plot = new uPlot({
        width: Math.max(280, place.clientWidth), height: 170,
        axes: [axis, { ...axis, size: 64, values: (_, values) => values.map((v) => format(v)) }],
        scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
        series: [{}, ...lines.map(([, label], i) => ({ label, stroke: inks[i], width: 1.6,
            dash: i ? [6, 3 * i] : undefined, value: (_, v) => format(v) }))],
    }, data(chart), place);
    plot.root.setAttribute("role", "img");
    return { plot, place, chart, format, lines, title };
}

function summarise({ plot, format, lines, title }) {
    const last = series.at_ms.length - 1;
    plot.root.setAttribute("aria-label", `${title}: ` +
        lines.map(([name, label]) => `${label} ${format(series[name][last])}`).join(", "));
}

export function redraw() {
    for (const { plot } of plots) plot.destroy();
    /* All places first: a plot takes the width that its place has among the others. */
    by("charts").replaceChildren(...CHARTS.map(([title]) => html("figure", {}, html("figcaption", {}, title))));
    plots = series.at_ms?.length ? CHARTS.map(make) : [];
    plots.forEach(summarise);
}

export function load(history, step) {
    span = step;
    series = history.series;
    redraw();
}

/** A `stats` event: the newest sample. */
export function add(sample) {
    if (span !== "second" || !series.at_ms || sample.at_ms === undefined) return;
    for (const name of Object.keys(series)) {
        series[name].push(sample[name] ?? null);
        if (series[name].length > MOST[span]) series[name].shift();
    }
    if (!plots.length) redraw();
    for (const each of plots) {
        each.plot.setData(data(each.chart));
        summarise(each);
    }
}

addEventListener("resize", () => {
    for (const { plot, place } of plots) plot.setSize({ width: Math.max(280, place.clientWidth), height: 170 });
});
