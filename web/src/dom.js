// Elements and texts. Whatever comes from the network goes through textContent and attributes, never through HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {}))
        if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
    for (const child of children.flat()) if (child !== null) element.append(child);
    return element;
}

export const html = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const by = (id) => document.getElementById(id);

/** [term, text] pairs into a <dl>. */
export function describe(list, pairs) {
    list.replaceChildren(...pairs.map(([term, text]) => html("div", {}, html("dt", {}, term), html("dd", {}, text))));
}

const STEPS = ["", "k", "M", "G", "T"];

/** 1234567 with base 1000: "1.23 M"; unknown: "-". */
export function amount(value, unit = "", base = 1000) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "-";
    let step = 0;
    while (Math.abs(value) >= base && step + 1 < STEPS.length) {
        value /= base;
        step++;
    }
    const digits = step === 0 && Number.isInteger(value) ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
    const prefix = STEPS[step] && base === 1024 ? STEPS[step].toUpperCase() + "i" : STEPS[step];
    return (value.toFixed(digits) + " " + prefix + unit).trim();
}

export function duration(ms) {
    if (ms === null || ms === undefined) return "-";
    if (ms < 1000) return Math.round(ms) + " ms";
    const s = ms / 1000;
    if (s < 120) return (s < 10 ? s.toFixed(1) : Math.round(s)) + " s";
    return s < 7200 ? Math.round(s / 60) + " min" : s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " d";
}

export const short = (id) => (id ? id.slice(0, 8) : "-");
