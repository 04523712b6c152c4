// Settings > Network > DHT: the configuration of this network, section by section. What is live can be changed here; the file, the
// command line and the API change the same, so what is shown is asked for anew while the section is open.
import { by, html } from "./dom.js";

let shown = "", of = (path) => path;

const say = (text, grade) => {
    by("settings-state").textContent = text;
    by("settings-state").className = grade;
};

async function change(setting, input) {
    const wanted = input.value;
    try {
        const answer = await fetch(of("/api/settings"), { method: "PATCH", headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ [setting.path]: wanted }) });
        const result = await answer.json();
        if (!answer.ok) throw new Error(result.reason ?? result.error);
        const { old, new: now } = result.changed?.[0] ?? { old: setting.value, new: setting.value };
        setting.value = input.value = now;
        say(old === now ? `${setting.path} is ${now}` : `${setting.path}: ${old} became ${now}`, "good");
    } catch (error) {
        input.value = setting.value;
        say(error.message, "bad");
    }
}

function cell(setting) {
    if (!setting.live) return html("td", {}, html("code", {}, setting.value || "-"));
    const input = html("input", { value: setting.value, "aria-label": setting.path, size: 12, spellcheck: "false" });
    input.addEventListener("change", () => change(setting, input));
    return html("td", {}, input);
}

function draw(settings) {
    const sections = new Map();
    for (const setting of settings) sections.set(setting.section, [...(sections.get(setting.section) ?? []), setting]);
    const open = new Set([...by("settings").querySelectorAll("details[open]")].map((one) => one.dataset.section));
    by("settings").replaceChildren(...[...sections].map(([section, list]) => html("details",
        { "data-section": section, open: open.has(section) ? "" : null },
        html("summary", {}, `${section} (${list.length})`),
        html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Settings of ${section}` },
            html("table", {}, html("tbody", {}, list.map((setting) => html("tr", {},
                html("th", { scope: "row" }, html("code", {}, setting.path)), cell(setting),
                html("td", {}, setting.live ? "live" : "needs a restart"),
                html("td", { class: "meaning" }, setting.meaning)))))))));
}

/** `ask` and `url` as in app.js. Nothing is drawn over what somebody is about to change. */
export async function showSettings(ask, url) {
    of = url;
    if (by("settings").contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    const answer = await ask("/api/settings");
    if (!answer.settings) {
        say(answer.reason ?? "only for who runs the node", "slow");
        return;
    }
    const settings = answer.settings.filter((setting) => setting.path), drawn = JSON.stringify(settings);
    if (drawn === shown) return;
    shown = drawn;
    draw(settings);
}
