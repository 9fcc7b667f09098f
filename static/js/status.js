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

export function toast(text, symbol = "check") {
  const node = h("div", { class: "row toast" }, icon(symbol, "is-small"), h("span", {}, text));
  document.getElementById("toasts").append(node);
  announce(text);
  setTimeout(() => node.remove(), TOAST_MS);
}

/** Copies and says whether it worked. */
export async function copyAndTell(text) {
  if (await copy(text)) toast(t("copied"));
  else toast(t("copy.failed"), "warn");
}
