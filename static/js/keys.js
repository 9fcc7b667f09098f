// The shortcuts of the page, and the dialog that lists them.

import { h, isTouch } from "./dom.js";
import { t } from "./i18n.js";

const isMac = /mac|iphone|ipad/i.test(navigator.platform);
const command = isMac ? "⌘" : "Ctrl+";

export const paletteKey = `${command}K`;

/** [keys, wording] in the order of the list. */
const SHORTCUTS = [
  ["Enter", "send"], ["Shift+Enter", "keys.line"], ["Esc", "stop.long"], ["/", "keys.write"], [paletteKey, "palette.title"],
  [`${command}${isMac ? "⇧O" : "Shift+O"}`, "new.long"], [`${command}B`, "keys.navigation"], ["↑ ↓", "keys.list"], ["?", "keys.title"],
];

/** What a key means, outside of fields: "write", "help"; anywhere: "new", "navigation", "palette", "print"; else null. */
export function meaningOf(event) {
  const held = isMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  const key = event.key.toLowerCase();
  if (event.isComposing || event.altKey) return null;
  if (held) return { b: event.shiftKey ? null : "navigation", k: event.shiftKey ? null : "palette", o: event.shiftKey ? "new" : null, p: event.shiftKey ? null : "print" }[key] ?? null;
  if (event.ctrlKey || event.metaKey || event.target.closest?.("input, textarea, select, dialog, [role=menu]")) return null;
  return { "/": "write", "?": "help" }[key] ?? null;
}

export function showShortcuts() {
  const close = h("button", { class: "button", type: "submit" }, t("close"));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    h("form", { method: "dialog" }, h("h2", { class: "title is-xl", id: "keys-title" }, t("keys.title")),
      h("dl", { class: "keys" }, SHORTCUTS.map(([keys, words]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, t(words))])),
      h("div", { class: "row dialog-actions" }, close)));
  document.body.append(dialog);
  dialog.showModal();
}

/** A touch screen has no use for a list of keys. */
export const hasKeys = () => !isTouch();
