// The page of a logged-in person: navigation, top bar, the conversation, the composer. It is built anew when the
// language changes; what is written and where the reader is survive, because they live elsewhere.

import { account } from "./account.js";
import { acceptDrops, Attachments } from "./attachments.js";
import { Composer } from "./composer.js";
import { draft } from "./conversations.js";
import { attribute, h, icon, iconButton, label } from "./dom.js";
import { greeting, ideas } from "./empty.js";
import { ModelChip } from "./modelchip.js";
import { save } from "./files.js";
import { errorText, langOf, number, t } from "./i18n.js";
import { conversationMenu, Sidebar } from "./sidebar.js";
import { meaningOf, showShortcuts } from "./keys.js";
import { openPalette } from "./palette.js";
import { announce, copyAndTell, toast } from "./status.js";
import { Thread } from "./thread.js";
import { ToolChip } from "./toolchip.js";

/** The banner comes up only when a connection is gone for longer than this. */
const BANNER_AFTER_MS = 1_200;

/** Events that add to an answer and change nothing around it. */
const DELTAS = new Set(["text_delta", "thinking_delta", "input_json_delta"]);

/** Its script is loaded when it is needed. */
const openWorkdir = (imageId) => import("./own.js").then((own) => own.openWorkdir(imageId)).catch(() => toast(t("error.offline"), { symbol: "offline" }));

export class Shell {
  #listeners = new AbortController();
  #composer = null;
  #chip = null;
  #tools = null;
  #thread = null;
  #lostAt = 0;
  #shownEmpty = "";
  dockSize = new ResizeObserver(() => this.#measureDock());

  constructor(app) {
    this.app = app;
    this.sidebar = new Sidebar(app);
    this.title = h("h1", { class: "title u-truncate u-grow", dir: "auto" });
    this.more = iconButton("more", t("moreAbout"), () => conversationMenu(app, this.more, app.record, this.#ownEntries()), { "aria-haspopup": "menu" });
    this.bannerText = h("span", { class: "u-grow" });
    this.banner = h("div", { class: "row banner", "data-state": "warn", hidden: true }, icon("offline"), this.bannerText,
      h("button", { class: "button is-small is-quiet", type: "button", onclick: () => app.connection.retryNow() }, t("tryNow")));
    this.place = h("div", { class: "scroller" });
    this.main = h("main", { class: "main" }, this.#topbar(), this.banner, this.place);
    this.element = [h("a", { class: "skip-link", href: "#thread", onclick: (event) => this.#skip(event) }, t("skip")),
      h("div", { class: "shell" }, this.sidebar.element, this.main)];
    acceptDrops(this.main, this.#listeners.signal, () => this.attachments);
    this.#listen();
    this.#route();
    this.#connection();
  }

  destroy() {
    this.#listeners.abort();
    clearInterval(this.ticker);
    this.dockSize.disconnect();
    this.#composer.destroy();
    this.#chip.destroy();
    this.#tools.destroy();
    this.sidebar.destroy();
    this.#thread?.destroy();
  }

  #listen() {
    const { app } = this;
    const options = { signal: this.#listeners.signal };
    app.addEventListener("route", () => this.#route(), options);
    app.addEventListener("outbox", () => this.#update(), options);
    app.addEventListener("composer", ({ detail }) => { this.#composer.offer(detail.text); this.attachments.restore(detail.files); }, options);
    app.conversations.addEventListener("change", () => this.#update(), options);
    app.connection.addEventListener("state", () => this.#connection(), options);
    account.addEventListener("info", () => this.#update(), options);
    document.addEventListener("keydown", (event) => this.#key(event), options);
    addEventListener("pagehide", () => { this.#thread.keep(); this.#composer.destroy(); }, options);
    this.ticker = setInterval(() => this.#drawBanner(), 500);
  }

  #topbar() {
    return h("header", { class: "row topbar" },
      iconButton("menu", t("conversations"), () => this.sidebar.toggle()),
      this.title,
      iconButton("plus", t("new.long"), () => this.app.go(null), { variant: "u-narrow" }), this.more);
  }

  /** What the menu offers for the conversation on the page. */
  #ownEntries() {
    return [
      { label: t("workdir.title"), symbol: "file", onclick: () => openWorkdir(this.app.imageId) },
      { label: t("copyMarkdown"), symbol: "copy", onclick: () => this.#thread.markdown().then(copyAndTell) },
      { label: t("transfer.one"), symbol: "download", onclick: () => this.#export() },
      { label: t("print"), symbol: "file", onclick: () => this.#thread.print() },
    ];
  }

  /** The conversation as a file of Markdown. */
  #export() {
    const { imageId, name } = this.app.record;
    save(`/api/export?${new URLSearchParams({ imageId, format: "md" })}`, `${name.replace(/[/\\:*?"<>|]+/g, " ").trim() || imageId}.md`).catch((error) => toast(errorText(error), { symbol: "fail" }));
  }

  #skip(event) {
    event.preventDefault();
    document.getElementById("thread")?.focus();
  }

  /** Shows the conversation of the address. */
  #route() {
    const { app } = this;
    if (app.section !== null && this.#thread) return; // another view takes the page
    if (this.#thread && this.#thread.open === app.open && this.routed === app.imageId) return this.#update();
    this.routed = app.imageId;
    this.#thread?.destroy();
    const userId = account.user.userId;
    const { imageId } = app;
    this.#composer?.destroy();
    if (this.founding && imageId) draft.move(userId, null, imageId); // what was typed while the first question went out
    this.founding = !imageId;
    this.#chip?.destroy();
    this.#chip = new ModelChip(app);
    this.#tools?.destroy();
    this.#tools = new ToolChip(app);
    this.attachments = new Attachments((kind) => this.#chip.model?.[kind] ?? null);
    this.#composer = new Composer({
      files: this.attachments,
      chips: [this.#tools.element, this.#chip.element],
      notes: [this.#chip.note],
      text: draft.get(userId, imageId),
      aside: draft.aside(userId, imageId),
      ondraft: (text) => draft.set(userId, imageId, text),
      onaside: (texts) => draft.setAside(userId, imageId, texts),
      onsend: (text, files) => {
        this.#thread.sent(app.open?.transcript.busy);
        app.send(text, files);
      },
      onstop: () => app.stop(),
      onjump: () => this.#thread.jumpToEnd(),
    });
    this.#thread = new Thread({ app, open: app.open, onjump: (show) => { this.#composer.jump.hidden = !show; } });
    this.dock = h("div", { class: "dock" }, h("div", { class: "column has-note is-inset" }, this.#composer.element));
    this.#thread.element.append(this.dock);
    this.dockSize.disconnect();
    this.dockSize.observe(this.dock);
    this.place.replaceWith(this.#thread.element);
    this.place = this.#thread.element;
    this.#shownEmpty = "";
    const options = { signal: this.#listeners.signal };
    app.open?.addEventListener("loaded", () => this.#update(), options);
    app.open?.addEventListener("turn", ({ detail }) => { if (!DELTAS.has(detail.frame?.type)) this.#update(); }, options);
    this.#update();
    this.focus();
  }

  /** Where writing begins. On a phone, the keyboard would cover the conversation. */
  focus() {
    if (matchMedia("(hover: hover)").matches) this.#composer.focus();
  }

  #update() {
    const { app } = this;
    const { record, open } = app;
    const unnamed = open ? (open.state === "missing" ? "Portagent" : "") : t("new.long");
    const name = record?.name || unnamed;
    label(this.title, name);
    this.title.ariaHidden = name ? null : "true"; // while it loads
    attribute(this.title, "lang", langOf(name));
    const title = name && name !== "Portagent" ? `${name} · Portagent` : "Portagent";
    if (document.title !== title) document.title = title;
    this.more.hidden = !record;
    this.#composer.set({
      busy: open?.transcript.busy ?? false,
      ready: account.info?.providerReady !== false,
      context: open?.transcript.context ?? null,
      offline: !app.connection.online && this.#lostFor() > BANNER_AFTER_MS,
    });
    this.#empty(open ? open.state === "ready" && !open.transcript.turns.length : true);
  }

  /** The first steps stand where the thread would, until something is said. */
  #empty(nothingSaid) {
    const show = nothingSaid && !this.app.unsent().length;
    const key = show ? JSON.stringify(account.info ?? {}) : "";
    if (key === this.#shownEmpty) return;
    this.#shownEmpty = key;
    for (const node of this.place.querySelectorAll(":scope > .greeting, :scope > .ideas")) node.remove();
    this.#thread.list.hidden = show;
    this.#thread.list.id = show ? "" : "thread";
    if (show) {
      this.place.prepend(greeting(this.app));
      this.place.append(ideas((text) => this.#composer.offer(text)));
      this.place.scrollTop = 0;
    }
    this.#measureDock();
  }

  /** Toasts stand above the composer, where it is at the lower edge. */
  #measureDock() {
    const height = this.#shownEmpty ? 0 : this.dock.offsetHeight;
    document.documentElement.style.setProperty("--dock", `${height}px`);
  }

  // --- the connection ---

  #lostFor() { return this.#lostAt ? Date.now() - this.#lostAt : 0; }

  #connection() {
    const { online } = this.app.connection;
    if (online) {
      if (!this.banner.hidden) announce(t("online.again"));
      this.#lostAt = 0;
    } else this.#lostAt ||= Date.now();
    this.#drawBanner();
    this.#update();
  }

  #drawBanner() {
    const show = this.#lostFor() > BANNER_AFTER_MS;
    if (show && this.banner.hidden) {
      announce(t("offline.now"));
      this.banner.hidden = false;
      this.#update();
    }
    this.banner.hidden = !show;
    if (!show) return;
    const { state } = this.app.connection;
    const n = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
    const busy = this.app.open?.transcript.busy;
    const text = this.app.connection.blocked ? t("offline.blocked") : state.name === "connecting" || !n ? t("offline.trying") : t(busy ? "offline.retryBusy" : "offline.retry", { n: number(n) });
    label(this.bannerText, text);
  }

  #key(event) {
    const act = {
      navigation: () => this.sidebar.toggle(), palette: () => openPalette(this.app), new: () => this.app.go(null), print: () => this.#thread.print(),
      write: () => this.#composer.focus(), help: showShortcuts,
    }[meaningOf(event)];
    if (act && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      act();
    } else this.#escape(event);
  }

  /** Escape stops the answer, unless it closes something first. */
  #escape(event) {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (this.#composer.stop()) {
      event.preventDefault();
      announce(t("stopping"));
    }
  }
}
