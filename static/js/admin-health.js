// The doctor's checks: what is well, what wants a look, and what to do about it.

import { admin, button, failed, head, skeleton } from "./admin-parts.js";
import { fill, h, icon } from "./dom.js";
import { hourOf, knows, number, t } from "./i18n.js";
import { announce } from "./status.js";

/** They look at disks, databases and the network. */
const CHECKS_MS = 120_000;
const SYMBOLS = { pass: "pass", warn: "warn", fail: "fail", skip: "info" };
/** What wants a look stands first. */
const ORDER = ["fail", "warn", "pass", "skip"];

export function healthSection() {
  const place = h("div", { class: "stack" });
  const title = h("h2", { class: "title is-2xl" });
  const again = button("retry", t("checkAgain"), () => run());
  let gone = false;

  async function run() {
    again.disabled = true;
    again.setAttribute("aria-busy", "true");
    if (!place.children.length) fill(place, skeleton());
    try {
      const report = await admin("GET", "doctor", undefined, { timeout: CHECKS_MS });
      if (!gone) show(report);
    } catch (error) {
      if (!gone) fill(place, failed(error, run));
    }
    again.disabled = false;
    again.removeAttribute("aria-busy");
  }

  function show({ checks, time, version }) {
    const open = checks.filter((check) => check.verdict === "fail" || check.verdict === "warn").length;
    title.textContent = t(open === 0 ? "health.well" : open === 1 ? "health.one" : "health.some", { n: number(open) });
    announce(title.textContent);
    const sorted = [...checks].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
    fill(place, h("p", { class: "meta" }, t("health.when", { time: hourOf(Date.parse(time)), version })), h("ul", { class: "checks ruled" }, sorted.map(item)));
  }

  run();
  return { element: [h("div", {}, title, head(t("health.lead"), again)), place], destroy: () => { gone = true; } };
}

function item({ name, verdict, detail, hint }) {
  const symbol = icon(SYMBOLS[verdict] ?? "info");
  return h("li", { class: "row", "data-state": verdict }, symbol, h("div", { class: "u-grow" },
    h("p", { class: "table-main" }, knows(`check.${name}`) ? t(`check.${name}`) : name, h("span", { class: "u-hidden" }, `: ${t(`verdict.${verdict}`)}`)),
    h("p", { class: "meta", lang: "en", dir: "ltr" }, detail), hint && h("p", { class: "hint", lang: "en", dir: "ltr" }, hint)));
}
