// A menu at a button: arrow keys, Escape and a click outside do what they do everywhere.

import { h, icon } from "./dom.js";

const GAP_PX = 4;

/** Opens a menu of `items` ({ label, symbol, danger, onclick }) at `button`; a second click closes it. */
export function openMenu(button, label, items) {
  if (button.getAttribute("aria-expanded") === "true") return;
  const entries = items.map(({ label: text, symbol, danger, onclick }) =>
    h("button", { class: `row menu-item${danger ? " is-danger" : ""}`, role: "menuitem", type: "button", onclick: () => { close(); onclick(); } },
      icon(symbol), h("span", {}, text)));
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto", onkeydown: (event) => move(event, entries) }, entries);
  const close = () => menu.hidePopover();
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState === "open") return;
    button.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) button.focus();
    menu.remove();
  });
  button.setAttribute("aria-haspopup", "menu");
  button.after(menu); // inside the drawer, so that opening a menu there does not close the drawer
  menu.showPopover();
  button.setAttribute("aria-expanded", "true");
  stand(menu, button.getBoundingClientRect());
  entries[0].focus();
}

function stand(menu, anchor) {
  const { width, height } = menu.getBoundingClientRect();
  const below = anchor.bottom + GAP_PX + height <= innerHeight;
  menu.style.top = `${Math.max(GAP_PX, below ? anchor.bottom + GAP_PX : anchor.top - GAP_PX - height)}px`;
  menu.style.left = `${Math.min(Math.max(GAP_PX, anchor.right - width), innerWidth - width - GAP_PX)}px`;
}

function move(event, entries) {
  const at = entries.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined) {
    if (event.key === "Tab") event.currentTarget.hidePopover();
    return;
  }
  event.preventDefault();
  entries.at(to % entries.length).focus();
}
