// The end of the server's log, and how much it writes.

import { admin, attempt, failed, head, selectField } from "./admin-parts.js";
import { fill, h, icon } from "./dom.js";
import { t } from "./i18n.js";

const LINES = 300;
const LEVELS = ["debug", "info", "warn", "error"].map((name) => [name, name]);
/** While it is followed. */
const POLL_MS = 3_000;
const SEARCH_AFTER_MS = 250;
const COLOURS = { warn: "hl-number", error: "hl-delete" };

export function logSection() {
  let timer = 0;
  let asked = 0;
  const level = selectField("log-level", t("log.from"), LEVELS, "info", () => load());
  const grep = h("input", { class: "input", type: "search", id: "log-grep", placeholder: t("log.grep"), "aria-label": t("log.grep"), autocomplete: "off", spellcheck: "false", oninput: () => again(SEARCH_AFTER_MS) });
  const follow = h("input", { type: "checkbox", id: "log-follow", checked: true, onchange: () => again(0) });
  const lines = h("code", {});
  const pre = h("pre", { class: "log-lines", tabindex: 0, role: "region", "aria-label": t("admin.log"), dir: "ltr", lang: "en" }, lines);
  const problem = h("div", {});
  const own = selectField("log-own", t("log.level"), LEVELS, "info", async () => {
    await attempt(() => admin("PUT", "settings", { logLevel: own.value }), t("log.levelSet", { level: own.value }));
  });
  admin("GET", "settings").then(({ logLevel }) => { own.value = logLevel; }).catch(() => {}); // the log itself says what is wrong

  function again(ms) {
    clearTimeout(timer);
    timer = setTimeout(load, ms);
  }

  async function load() {
    clearTimeout(timer);
    const number = asked += 1;
    try {
      const answer = await admin("GET", `logs?${new URLSearchParams({ level: level.value, grep: grep.value, limit: LINES })}`);
      if (number !== asked) return;
      const atEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 8;
      fill(problem);
      fill(lines, answer.lines.length ? answer.lines.map(line) : t("log.none"));
      if (atEnd) pre.scrollTop = pre.scrollHeight;
    } catch (error) {
      if (number === asked) fill(problem, failed(error, load));
    }
    if (number === asked && follow.checked) timer = setTimeout(() => (document.visibilityState === "visible" ? load() : again(POLL_MS)), POLL_MS);
  }

  load();
  return {
    element: [head(t("log.lead")),
      h("div", { class: "form-grid" }, level.element, h("div", { class: "stack is-tight" }, h("label", { class: "field-label", for: "log-grep" }, t("log.grep")), h("div", { class: "input-group" }, icon("search"), grep)), own.element),
      h("label", { class: "row check" }, follow, h("span", {}, t("log.follow"))), problem, h("div", { class: "code" }, pre), h("p", { class: "meta" }, t("log.lasts"))],
    destroy: () => { asked += 1; clearTimeout(timer); },
  };
}

function line({ time, level, target, message }) {
  if (!time) return h("span", { class: "log-line" }, `${message}\n`);
  return h("span", { class: "log-line" }, h("span", { class: "hl-comment" }, time), " ", h("span", { class: COLOURS[level] }, level.toUpperCase().padEnd(5)), ` ${target} ${message}\n`);
}
