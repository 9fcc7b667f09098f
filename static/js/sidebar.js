// The list of conversations under their days.

import { renameDialog } from "./dialogs.js";
import { attribute, fill, h, icon, iconButton } from "./dom.js";
import { dayGroup, errorText, fullTime, langOf, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import { Navigation } from "./navigation.js";
import { openPicker } from "./picker.js";
import { toast } from "./status.js";

/** This near to the end of the list, the next page is fetched, in pixels. */
const NEAR_END_PX = 400;

/** What can be done with a conversation; `more` are entries that stand in front of Delete. */
export function conversationMenu(app, button, record, more = []) {
  openMenu(button, t("actionsFor", { name: record.name }), [
    { label: t("rename.act"), symbol: "edit", onclick: () => renameDialog(record, app.conversations) },
    { label: t(record.pinned ? "unpin" : "pin"), symbol: "pin", onclick: () => attempt(() => app.conversations.change(record.imageId, { pinned: !record.pinned })) },
    record.archived
      ? { label: t("unarchive"), symbol: "backup", onclick: () => attempt(() => app.conversations.change(record.imageId, { archived: false })) }
      : { label: t("archive"), symbol: "backup", onclick: () => archiveWithUndo(app, record) },
    ...more,
    { label: t("delete.act"), symbol: "trash", danger: true, onclick: () => deleteWithUndo(app, record) },
  ]);
}

const tell = (error) => toast(errorText(error), { symbol: "fail" });
const attempt = (work) => work().catch(tell);

async function archiveWithUndo(app, record) {
  await attempt(async () => {
    const undo = await app.archive(record.imageId);
    toast(t("archive.done", { name: record.name }), { symbol: "backup", ms: app.deletions.ms, action: { label: t("undo"), onclick: () => attempt(undo) } });
  });
}

function openArchive(app) {
  openPicker({
    title: t("archive.title"), search: t("archive.search"),
    find: async (query) => {
      const records = await app.conversations.archived().catch((error) => { tell(error); return []; });
      const words = query.toLowerCase().split(/\s+/);
      return records.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)))
        .map((record) => ({ label: record.name || t("untitled"), note: fullTime(record.updatedAt), pick: () => app.go(record.imageId) }));
    },
  });
}

function deleteWithUndo(app, record) {
  const undo = app.delete(record.imageId);
  toast(t("delete.done", { name: record.name }), { symbol: "trash", ms: app.deletions.ms, action: { label: t("undo"), onclick: undo } });
}

export class Sidebar extends Navigation {
  constructor(app) {
    super(app, h("div", { class: "sidebar-list", onscroll: () => this.#scrolled(), onkeydown: (event) => this.#key(event) }), t("conversations"));
    const options = { signal: this.listeners.signal };
    // A menu that has closed is taken away by its own listener first. The event does not bubble, but is captured.
    this.list.addEventListener("toggle", ({ newState }) => { if (newState === "closed") setTimeout(() => this.draw()); }, { ...options, capture: true });
    app.conversations.addEventListener("change", () => this.draw(), options);
    app.addEventListener("route", () => this.draw(), options);
    this.draw();
  }

  /** Not while a menu is open in it: a conversation that changes elsewhere must not take it from under the finger. */
  draw() {
    if (this.list.querySelector(":popover-open")) return;
    const { conversations } = this.app;
    if (!conversations.loaded) {
      fill(this.list, h("p", { class: "meta sidebar-day" }, t("list.loading")));
      return;
    }
    const archive = h("button", { class: "row sidebar-link sidebar-archive", type: "button", "data-key": "archive", onclick: () => { this.close(); openArchive(this.app); } }, icon("backup", "is-small"), h("span", {}, t("archive.title")));
    if (!conversations.records.length) {
      fill(this.list, h("p", { class: "meta sidebar-day" }, t("list.empty")), archive);
      return;
    }
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const top = this.list.scrollTop;
    const pinned = conversations.records.filter((record) => record.pinned);
    const others = conversations.records.filter((record) => !record.pinned);
    const groups = [...(pinned.length ? [[t("pinned"), pinned]] : []), ...groupBy(others, dayOf)];
    fill(this.list, groups.map(([day, records]) =>
      h("section", {}, h("h2", { class: "sidebar-day" }, day), h("ul", {}, records.map((record) => this.#item(record))))), archive);
    this.list.scrollTop = top;
    this.#stop();
    if (focused) this.list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  /** The list is one stop of the Tab key; inside it arrows move, to the right lies the menu of a conversation. */
  #stop(link = this.list.querySelector("[aria-current]") ?? this.list.querySelector("a")) {
    for (const each of this.list.querySelectorAll("a, .sidebar-more")) attribute(each, "tabindex", each === link ? "0" : "-1");
  }

  #key(event) {
    const item = event.target.closest(".sidebar-item");
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...this.list.querySelectorAll("a")];
    const at = links.indexOf(item.querySelector("a"));
    const to = { ArrowDown: links[at + 1], ArrowUp: links[at - 1], Home: links[0], End: links.at(-1), ArrowRight: item.querySelector("button"), ArrowLeft: links[at] }[event.key];
    if (!to) return;
    event.preventDefault();
    this.#stop(to);
    to.focus();
  }

  #item(record) {
    const current = record.imageId === this.app.imageId;
    const name = record.name || t("untitled");
    const link = h("a", {
      class: "row sidebar-link", href: this.app.pathOf(record.imageId), "aria-current": current && "page", "data-key": record.imageId,
      onclick: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
        event.preventDefault();
        this.app.go(record.imageId);
        this.close();
      },
    }, h("span", { class: "u-truncate u-grow", lang: langOf(name), dir: "auto" }, name),
    record.online && h("span", { class: "lamp", role: "img", "aria-label": t("answering") }));
    const more = iconButton("more", t("actionsFor", { name }), () => conversationMenu(this.app, more, record),
      { variant: "is-small sidebar-more", "data-key": `more-${record.imageId}`, "aria-haspopup": "menu" });
    return h("li", { class: "sidebar-item" }, link, more);
  }

  #scrolled() {
    const { conversations } = this.app;
    const near = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR_END_PX;
    if (near && conversations.more) conversations.loadMore().catch(() => {}); // scrolling on asks again
  }
}

const dayOf = (record) => dayGroup(record.updatedAt);

function groupBy(list, key) {
  const groups = new Map();
  for (const each of list) groups.set(key(each), [...(groups.get(key(each)) ?? []), each]);
  return groups;
}
