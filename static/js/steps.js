// Thinking and tool calls: folded lines that share one frame. More than four finished ones become one line.

import { attribute, fill, h, icon, label, swapIcon } from "./dom.js";
import { langOf, number, seconds, t } from "./i18n.js";
import { inputPairs, links, pair, pretty, says } from "./results.js";

const FOLD_FROM = 5;

class Step {
  #icon = icon("thought");
  #name = h("span", { class: "step-name" });
  #input = h("span", { class: "step-input meta u-truncate", dir: "ltr" });
  #time = h("span", { class: "step-time meta" });
  #body = h("div", { class: "stack step-body" });
  #item = null;
  #shown = [];

  constructor() {
    const head = h("summary", { class: "row step-head" }, this.#icon, this.#name, this.#input, this.#time, icon("chevron-down", "is-small step-fold"));
    this.element = h("details", { class: "step", ontoggle: () => this.#fillBody() }, head, this.#body);
  }

  get over() { return !["running", "warn"].includes(this.element.dataset.state); }

  update(item, live) {
    this.#item = item;
    if (item.kind === "thinking") this.#thinking(item, live);
    else this.#tool(item);
    this.#fillBody();
  }

  #thinking(item, live) {
    const running = live && !item.endedAt;
    const took = item.startedAt && item.endedAt ? seconds(item.endedAt - item.startedAt) : null;
    this.#state(running ? "running" : "", running ? "spinner" : "thought");
    label(this.#name, running ? t("step.thinking") : took ? t("step.thoughtFor", { time: took }) : t("step.thought"));
    label(this.#time, "");
  }

  #tool(item) {
    const running = item.state === "writing" || item.state === "running";
    this.#state(item.approval ? "warn" : running ? "running" : item.state, item.approval ? "clock" : running ? "spinner" : { done: "pass", failed: "fail" }[item.state] ?? "stop");
    label(this.#name, item.name);
    label(this.#input, oneLine(item.input));
    label(this.#time, item.state === "done"
      ? (item.startedAt && item.endedAt ? seconds(item.endedAt - item.startedAt) : t("step.done"))
      : item.approval ? t("step.asks") : (running && progressOf(item.progress)) || t(`step.${running ? "running" : item.state}`));
  }

  #state(state, symbol) {
    if (state) attribute(this.element, "data-state", state);
    else this.element.removeAttribute("data-state");
    swapIcon(this.#icon, symbol);
  }

  /** The body is only built while it is open: results can be long. What is read in it stays where it is. */
  #fillBody() {
    if (!this.element.open || !this.#item) return;
    const item = this.#item;
    const shown = [item.text, item.input, item.result, item.state];
    if (this.#shown.length && shown.every((value, index) => value === this.#shown[index])) return;
    this.#shown = shown;
    if (item.kind === "thinking") {
      fill(this.#body, h("p", { lang: langOf(item.text), dir: "auto" }, item.text));
      return;
    }
    const isRepeated = says(item.result, item.structured);
    fill(this.#body, h("dl", {}, inputPairs(item.input).map(([name, text]) => pair(name ?? t("step.input"), text)),
      item.result !== null && !isRepeated && pair(t(item.state === "failed" ? "step.error" : "step.result"), pretty(item.result)),
      item.structured !== undefined && structured(item.structured, t(isRepeated ? "step.result" : "step.structured"))),
    item.resources?.length > 0 && links(item.resources));
  }
}

/** One frame of consecutive steps. */
export class Steps {
  #steps = [];
  #folded = null;

  constructor() {
    this.element = h("div", { class: "steps" });
  }

  update(items, live) {
    while (this.#steps.length < items.length) this.#steps.push(new Step());
    this.#steps.length = items.length;
    items.forEach((item, index) => this.#steps[index].update(item, live && index === items.length - 1));
    const elements = this.#steps.map((step) => step.element);
    const fold = elements.length >= FOLD_FROM && this.#steps.every((step) => step.over);
    if (fold) this.#fold(elements, items);
    else place(this.element, elements);
  }

  #fold(elements, items) {
    if (!this.#folded) {
      const name = h("span", { class: "step-name u-grow" });
      const body = h("div", { class: "stack step-body" });
      const element = h("details", { class: "step" },
        h("summary", { class: "row step-head" }, icon("tools"), name, h("span", { class: "step-time meta" }), icon("chevron-down", "is-small step-fold")), body);
      this.#folded = { element, name, body, failures: element.querySelector(".step-time") };
    }
    const failed = items.filter((item) => item.state === "failed").length;
    this.#folded.name.textContent = t("step.count", { n: items.length });
    this.#folded.failures.textContent = failed ? t("step.failedCount", { n: number(failed) }) : "";
    place(this.#folded.body, elements);
    place(this.element, [this.#folded.element]);
  }
}

/** Makes `wanted` the children of `parent`, without touching those that stand right: focus and folds stay. */
export function place(parent, wanted) {
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

/** "40 %", or what the tool says of it. */
function progressOf(progress) {
  if (!progress) return "";
  if (progress.total) return `${number(Math.min(100, Math.floor((100 * progress.done) / progress.total)))} %`;
  return progress.message ?? "";
}

function oneLine(input) {
  if (input === null || input === undefined) return "";
  if (typeof input === "string") return input.replace(/\s+/g, " ");
  const pairs = Object.entries(input).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return pairs.length ? `{ ${pairs.join(", ")} }` : "{ }";
}

/** What the tool answered for programs, name by name. */
const structured = (value, title) => {
  const pairs = inputPairs(value);
  return pairs[0][0] === null ? pair(title, pairs[0][1]) : [h("dt", { class: "step-part" }, title), pairs.map(([name, text]) => pair(name, text))];
};
