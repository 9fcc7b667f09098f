// What a new conversation shows before its first question: what is missing, what this server is, and where to begin.

import { account } from "./account.js";
import { fill, h, icon } from "./dom.js";
import { t } from "./i18n.js";

const SUGGESTIONS = [["quote", "suggest.letter"], ["pulse", "suggest.code"], ["language", "suggest.translate"], ["edit", "suggest.exercises"]];
const DEMO_SUGGESTIONS = [["log", "suggest.demoLong"], ["thought", "suggest.demoThink"], ["tools", "suggest.demoTool"], ["warn", "suggest.demoError"]];
const DEMO_WORDS = ["long", "short", "slow", "think", "tool", "error"];

/** What stands above the composer. Without a model, an administrator is led to one, and others can ask again. */
export function greeting(app) {
  const { info } = account;
  const ready = info?.providerReady !== false;
  const [title, lead] = ready ? ["empty.title", "empty.lead"] : info.setupNeeded ? ["empty.notReadyTitle", "empty.notReadyAdmin"] : ["empty.notReadyUserTitle", "empty.notReadyUser"];
  return h("div", { class: `column has-note is-inset stack greeting${ready ? "" : " is-guide"}`, id: "thread", tabindex: -1 },
    h("header", {}, h("h2", { class: "title is-2xl" }, t(title)), h("p", { class: "lead" }, t(lead))),
    !ready && (info.setupNeeded ? steps(app) : again(app)));
}

/** What stands below it. `onpick(text)` puts a suggestion into the composer. */
export function ideas(onpick) {
  const { info } = account;
  const ready = info?.providerReady !== false;
  return h("div", { class: "column has-note is-inset stack ideas" }, ready && info?.demo && demo(),
    suggestions(ready, info?.demo ? DEMO_SUGGESTIONS : SUGGESTIONS, onpick));
}

/** Their script is the administration's, and is loaded when it is needed. */
function steps(app) {
  const place = h("div", {});
  import("./admin.js").then(({ firstSteps }) => fill(place, firstSteps(app))).catch(() => fill(place, again(app)));
  return place;
}

const again = (app) => h("div", { class: "row is-wrap" },
  h("button", { class: "button is-small", type: "button", onclick: () => app.checkProvider() }, icon("retry", "is-small"), h("span", {}, t("checkAgain"))));

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
