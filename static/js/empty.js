// What a new conversation shows before its first question: what is missing, what this server is, and where to begin.

import { account } from "./account.js";
import { h, icon } from "./dom.js";
import { langOf, t } from "./i18n.js";

const SUGGESTIONS = [["quote", "suggest.letter"], ["pulse", "suggest.code"], ["language", "suggest.translate"], ["edit", "suggest.exercises"]];
const DEMO_SUGGESTIONS = [["log", "suggest.demoLong"], ["thought", "suggest.demoThink"], ["tools", "suggest.demoTool"], ["warn", "suggest.demoError"]];
const DEMO_WORDS = ["long", "short", "slow", "think", "tool", "error"];

/** What stands above the composer. `oncheck()` asks the server again whether a model is there. */
export function greeting(oncheck) {
  const { info, user } = account;
  const ready = info?.providerReady !== false;
  const lead = ready ? "empty.lead" : user?.role === "admin" ? "empty.notReadyAdmin" : "empty.notReadyUser";
  return h("div", { class: "column has-note is-inset stack greeting", id: "thread", tabindex: -1 },
    h("header", {}, h("h2", { class: "title is-2xl" }, t(ready ? "empty.title" : "empty.notReadyTitle")), h("p", { class: "lead" }, t(lead))),
    !ready && missing(info, oncheck));
}

/** What stands below it. `onpick(text)` puts a suggestion into the composer. */
export function ideas(onpick) {
  const { info } = account;
  const ready = info?.providerReady !== false;
  return h("div", { class: "column has-note is-inset stack ideas" }, ready && info?.demo && demo(),
    suggestions(ready, info?.demo ? DEMO_SUGGESTIONS : SUGGESTIONS, onpick));
}

function missing(info, oncheck) {
  return h("div", { class: "alert", "data-state": "warn" }, icon("warn"),
    h("p", { class: "alert-title" }, t("empty.missing", { provider: info.provider })),
    info.notice && h("p", { lang: langOf(info.notice) }, info.notice),
    h("div", { class: "row is-wrap" }, h("button", { class: "button is-small", type: "button", onclick: oncheck }, icon("retry", "is-small"), h("span", {}, t("checkAgain")))));
}

function demo() {
  const words = DEMO_WORDS.flatMap((word, index) => [index ? t("comma") : null, h("code", {}, word)]).filter(Boolean);
  return h("div", { class: "alert", "data-state": "info" }, icon("info"),
    h("p", { class: "alert-title" }, t("demo.title")), h("p", {}, t("demo.before"), words, t("demo.after")));
}

function suggestions(ready, list, onpick) {
  const one = ([symbol, key]) => h("li", {}, h("button", { class: "row suggestion", type: "button", onclick: () => onpick(t(key)) },
    icon(symbol), h("span", { class: "u-grow" }, t(key)), icon("arrow-right", "is-small is-directional")));
  return h("section", { class: "stack is-tight" }, h("h3", { class: "meta" }, t(ready ? "suggest.title" : "suggest.later")),
    h("ul", { class: "ruled" }, list.map(one)));
}
