// What is said aloud and what floats by for a moment.

import { copy } from "./clipboard.js";
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";

const TOAST_MS = 4_000;

/** Tells a screen reader, politely. The same words twice are said twice. */
export function announce(text) {
  const status = document.getElementById("status");
  status.textContent = status.textContent === text ? `${text}\u00a0` : text;
}

/** Shows a sentence for a moment, with a button where there is something to do about it. Returns how to take it away. */
export function toast(text, { symbol = "check", ms = TOAST_MS, action = null } = {}) {
  const button = action && h("button", { type: "button", class: "toast-action", onclick: () => { node.remove(); action.onclick(); } }, action.label);
  const node = h("div", { class: "row toast" }, icon(symbol, "is-small"), h("span", {}, text), button);
  document.getElementById("toasts").append(node);
  announce(text);
  if (Number.isFinite(ms)) setTimeout(() => node.remove(), ms);
  return () => node.remove();
}

/** Copies and says whether it worked. */
export async function copyAndTell(text) {
  if (await copy(text)) toast(t("copied"));
  else toast(t("copy.failed"), { symbol: "warn" });
}
