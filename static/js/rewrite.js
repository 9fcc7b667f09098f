// A question that is asked in other words, in its own place. The old version is kept beside the new one.

import { fill, h, isTouch } from "./dom.js";
import { errorText, t } from "./i18n.js";

/** `ask(text)` sends it and may fail; `close()` shows the question again. `changed` is what was written, "" for nothing new. */
export function rewriting({ text, ask, close }) {
  const area = h("textarea", { class: "input rewrite", rows: 1, "aria-label": t("rewrite.label"), dir: "auto", enterkeyhint: isTouch() ? "enter" : "send", value: text, oninput: () => grow(), onkeydown: (event) => key(event) });
  const problem = h("p", { class: "field-error", role: "alert" });
  const send = h("button", { class: "button is-small is-primary", type: "submit" }, t("rewrite.act"));
  const element = h("form", { class: "stack", onsubmit: (event) => { event.preventDefault(); run(); } }, area, problem,
    h("div", { class: "row is-wrap" }, send, h("button", { class: "button is-small is-quiet", type: "button", onclick: close }, t("cancel")), h("span", { class: "meta" }, t("rewrite.note"))));

  function grow() {
    send.disabled = !/\S/.test(area.value);
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }

  async function run() {
    if (send.disabled) return;
    send.disabled = true;
    fill(problem);
    try {
      await ask(area.value.replace(/\p{Surrogate}/gu, "").trim());
    } catch (error) {
      fill(problem, errorText(error));
      send.disabled = false;
    }
  }

  function key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && !event.shiftKey && !event.altKey && !isTouch()) {
      event.preventDefault();
      run();
    }
  }

  return { element, get changed() { return area.value.trim() !== text.trim() ? area.value : ""; }, focus() { grow(); area.focus({ preventScroll: true }); area.setSelectionRange(text.length, text.length); } };
}
