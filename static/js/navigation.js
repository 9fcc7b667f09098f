// The column at the left: the mark above, a list that others fill, the person below. Where there is room it stays as
// it was chosen; on a phone it is a drawer.

import { account, shownName } from "./account.js";
import { passwordDialog } from "./dialogs.js";
import { h, icon, iconButton, label } from "./dom.js";
import { graphemes, lang, t } from "./i18n.js";
import { hasKeys, paletteKey, showShortcuts } from "./keys.js";
import { chooseLang, toggleTheme } from "./look.js";
import { openMenu } from "./menu.js";
import { openPalette } from "./palette.js";
import { toast } from "./status.js";
import { choice } from "./storage.js";

const WIDE = matchMedia("(width >= 60rem)");

/** The two switches that every page has. */
export const switches = () => [
  iconButton("language", t("switch.lang"), () => chooseLang(lang() === "zh" ? "en" : "zh").catch(() => toast(t("error.offline"), { symbol: "offline" })), { "data-switch": "lang" }),
  iconButton("theme", t("switch.theme"), toggleTheme, { "data-switch": "theme" }),
];

/** Its script is loaded when it is needed. */
const openOwn = (app) => import("./own.js").then(({ openAccount }) => openAccount(app, () => app.conversations.refresh().catch(() => {}))).catch(() => toast(t("error.offline"), { symbol: "offline" }));

export class Navigation {
  listeners = new AbortController();

  /** `list` is the element in its middle, `label` its name. */
  constructor(app, list, label) {
    this.app = app;
    this.list = list;
    this.element = h("nav", { class: "sidebar", id: "sidebar", popover: "auto", "aria-label": label }, this.#head(), list, this.#foot());
    account.addEventListener("user", () => this.#rename(), { signal: this.listeners.signal });
    app.addEventListener("route", () => this.close(), { signal: this.listeners.signal });
  }

  destroy() { this.listeners.abort(); }

  toggle() {
    if (!WIDE.matches) {
      this.element.togglePopover();
      return;
    }
    const root = document.documentElement;
    const open = root.dataset.nav === "closed";
    if (open) delete root.dataset.nav;
    else root.dataset.nav = "closed";
    choice.set("nav", open ? "open" : "closed");
  }

  close() {
    if (this.element.matches(":popover-open")) this.element.hidePopover();
  }

  #head() {
    const go = (event) => { event.preventDefault(); this.app.go(null); this.close(); };
    const home = this.app.pathOf(null);
    return h("div", { class: "sidebar-head" }, h("div", { class: "row" },
      h("span", { class: "u-grow" }, h("a", { class: "row brand", href: home, onclick: go }, icon("mark"), "Portagent")),
      h("a", { class: "button is-small", href: home, "aria-label": t("new.long"), onclick: go }, icon("plus", "is-small"), h("span", {}, t("new"))),
      iconButton("close", t("close"), () => this.close(), { variant: "drawer-close" })),
    h("button", { class: "row find", type: "button", "aria-keyshortcuts": "Control+K Meta+K", onclick: () => { this.close(); openPalette(this.app); } },
      icon("search", "is-small"), h("span", { class: "u-grow" }, t("palette.short")), hasKeys() && h("kbd", {}, paletteKey)));
  }

  #foot() {
    this.who = h("button", { class: "row sidebar-link u-grow", type: "button", "aria-haspopup": "menu", onclick: () => openMenu(this.who, t("account"), this.#entries()) },
      h("span", { class: "avatar", "aria-hidden": "true" }), h("span", { class: "u-truncate", dir: "auto" }));
    this.#rename();
    return h("div", { class: "row sidebar-foot" }, this.who, switches());
  }

  #rename() {
    const [avatar, name] = this.who.children;
    label(name, shownName());
    label(avatar, graphemes(shownName())[0]?.toUpperCase() ?? "");
  }

  #entries() {
    return [
      account.user?.role === "admin" && { label: t("admin"), symbol: "settings", onclick: () => this.app.goAdmin() },
      { label: t("own.title"), symbol: "gauge", onclick: () => openOwn(this.app) },
      { label: t("password.title"), symbol: "key", onclick: passwordDialog },
      hasKeys() && { label: t("keys.title"), symbol: "info", onclick: showShortcuts },
      { label: t("logout"), symbol: "logout", onclick: () => this.app.logOut() },
    ].filter(Boolean);
  }
}
