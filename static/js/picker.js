// A dialog to choose from a list: arrow keys move, Enter takes, and where there is much to choose from, what is typed
// narrows it. The focus stays in one place; the list says which entry is meant.

import { fill, h, icon } from "./dom.js";
import { langOf, t } from "./i18n.js";

/** More entries than this are not drawn: typing finds the others. */
const MOST_SHOWN = 100;

/**
 * Opens it. `find(query)` gives what is on offer, now or as a promise: [{ label, note, state, group, symbol, checked, pick }].
 * `later(query)` gives more of it, behind the rest, when that takes a while. `search` is the name of the field; without
 * it there is none. `foot` are elements below the list.
 */
export function openPicker({ title, search, find, later, foot }) {
  const list = h("ul", { class: "picker-list", id: "picker-list", role: "listbox", "aria-label": title, tabindex: search ? null : 0 });
  const input = search && h("input", {
    class: "input", type: "text", placeholder: search, "aria-label": search, role: "combobox", "aria-controls": "picker-list", "aria-expanded": "true",
    "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", autocapitalize: "none", enterkeyhint: "go", oninput: () => draw(),
  });
  const dialog = h("dialog", { class: "dialog picker", "aria-label": title, onclose: () => dialog.remove(), onkeydown: key, onclick: outside },
    h("div", { class: "row picker-head" }, input ? h("div", { class: "input-group u-grow" }, icon("search"), input) : h("h2", { class: "title u-grow" }, title),
      h("button", { class: "button is-icon is-quiet", type: "button", "aria-label": t("close"), title: t("close"), onclick: () => dialog.close() }, icon("close"))),
    list, foot && h("div", { class: "picker-foot" }, foot));
  const focus = input || list;
  let options = [];
  let at = -1;
  let asked = 0;

  async function draw() {
    const number = asked += 1;
    const query = input ? input.value.trim() : "";
    const found = await find(query);
    if (number !== asked) return; // something else was typed meanwhile
    show(found);
    go(Math.max(0, input?.value ? 0 : options.findIndex((option) => option.checked)));
    const more = (await later?.(query)) ?? [];
    if (number !== asked || !more.length) return;
    const chosen = Math.max(0, at);
    show([...found, ...more]);
    go(chosen, false);
  }

  function show(found) {
    options = found.slice(0, MOST_SHOWN);
    let group = "";
    fill(list, options.length ? null : h("li", { class: "meta picker-none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, t("picker.none")), options.map((option, index) => {
      const head = option.group && option.group !== group && h("li", { class: "sidebar-day", role: "presentation" }, option.group);
      group = option.group ?? "";
      return [head, entry(option, index)];
    }));
  }

  const entry = (option, index) => h("li", {
    class: "row menu-item", role: "option", id: `picker-${index}`, "aria-selected": "false", onclick: () => take(index), onpointermove: () => { if (at !== index) go(index, false); },
  }, option.symbol && icon(option.symbol), h("span", { class: "stack u-grow picker-words" },
    h("span", { class: "u-truncate", dir: "auto", lang: langOf(option.label) }, option.label),
    option.note && h("span", { class: "meta", "data-state": option.state }, option.note)),
  option.checked && icon("check", "is-small"), option.checked && h("span", { class: "u-hidden" }, t("picker.chosen")));

  function go(index, scroll = true) {
    const entries = list.querySelectorAll("[role=option]:not([aria-disabled])");
    entries[at]?.setAttribute("aria-selected", "false");
    at = entries.length ? (index + entries.length) % entries.length : -1;
    entries[at]?.setAttribute("aria-selected", "true");
    if (at < 0) focus.removeAttribute("aria-activedescendant");
    else focus.setAttribute("aria-activedescendant", `picker-${at}`);
    if (scroll) entries[at]?.scrollIntoView({ block: "nearest" });
  }

  function take(index) {
    const option = options[index];
    if (!option) return;
    dialog.close();
    option.pick();
  }

  function key(event) {
    if (event.isComposing || event.keyCode === 229 || event.target.closest("button, .picker-foot")) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: input ? undefined : 0, End: input ? undefined : -1 }[event.key];
    if (to !== undefined) go(to);
    else if (event.key === "Enter") take(at);
    else return;
    event.preventDefault();
  }

  function outside(event) {
    if (event.target === dialog) dialog.close();
  }

  document.body.append(dialog);
  dialog.showModal();
  focus.focus();
  draw();
}
