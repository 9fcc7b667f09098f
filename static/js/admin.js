// The administration: its sections in the navigation, one of them on the page. Its script is loaded when it is first
// opened; what it needs of the page's own modules is there already.

import { account } from "./account.js";
import { backupsSection } from "./admin-backups.js";
import { guide } from "./admin-guide.js";
import { healthSection } from "./admin-health.js";
import { invitesSection } from "./admin-invites.js";
import { logSection } from "./admin-log.js";
import { modelsSection } from "./admin-models.js";
import { providersSection } from "./admin-providers.js";
import { toolsSection } from "./admin-tools.js";
import { usageSection } from "./admin-usage.js";
import { usersSection } from "./admin-users.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { meaningOf, showShortcuts } from "./keys.js";
import { Navigation } from "./navigation.js";
import { openPalette } from "./palette.js";

/** [name in the address, icon, what draws it] in the order of the list. */
const SECTIONS = [
  ["users", "users", usersSection], ["invites", "ticket", invitesSection], ["providers", "key", providersSection], ["models", "model", modelsSection], ["tools", "tools", toolsSection], ["usage", "gauge", usageSection], ["backups", "backup", backupsSection],
  ["health", "pass", healthSection], ["log", "log", logSection],
];

/** The steps of a first run, for the page of a new conversation. */
export const firstSteps = guide;

export class Admin {
  #listeners = new AbortController();
  #section = null;

  constructor(app) {
    this.app = app;
    this.links = h("ul", {});
    const list = h("div", { class: "sidebar-list" },
      h("ul", {}, h("li", {}, this.#link(app.pathOf(null), "chevron-left", t("admin.back"), () => app.go(null)))),
      h("h2", { class: "sidebar-day" }, t("admin")), this.links);
    this.navigation = new Navigation(app, list, t("admin"));
    this.place = h("div", { class: "column is-wide stack page", id: "thread", tabindex: -1 });
    this.scroller = h("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": t("admin") }, this.place);
    this.title = h("h1", { class: "title u-truncate u-grow" });
    this.element = [h("a", { class: "skip-link", href: "#thread", onclick: (event) => { event.preventDefault(); this.place.focus(); } }, t("skip.page")),
      h("div", { class: "shell" }, this.navigation.element, h("main", { class: "main" },
        h("header", { class: "row topbar" }, iconButton("menu", t("admin"), () => this.navigation.toggle()), this.title,
          iconButton("retry", t("refresh"), () => this.#show())), this.scroller))];
    const options = { signal: this.#listeners.signal };
    app.addEventListener("route", () => this.#route(), options);
    document.addEventListener("keydown", (event) => this.#key(event), options);
    this.#route();
  }

  destroy() {
    this.#listeners.abort();
    this.#section?.destroy?.();
    this.navigation.destroy();
  }

  #link(href, symbol, text, onclick, current = false) {
    return h("a", { class: "row sidebar-link", href, "aria-current": current && "page", onclick: (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      onclick();
    } }, icon(symbol, symbol === "chevron-left" ? "is-directional" : ""), h("span", {}, text));
  }

  #route() {
    const { app } = this;
    if (app.section === null || this.routed === app.section) return;
    this.routed = app.section;
    this.name = SECTIONS.some(([name]) => name === app.section) ? app.section : SECTIONS[0][0];
    const focused = this.links.contains(document.activeElement);
    fill(this.links, SECTIONS.map(([name, symbol]) => h("li", {}, this.#link(app.adminPath(name), symbol, t(`admin.${name}`), () => app.goAdmin(name), name === this.name))));
    if (focused) this.links.querySelector("[aria-current]").focus();
    this.title.textContent = t(`admin.${this.name}`);
    document.title = `${t(`admin.${this.name}`)} · Portagent`;
    document.documentElement.style.setProperty("--dock", "0px");
    this.#show();
  }

  #show() {
    this.#section?.destroy?.();
    const make = SECTIONS.find(([name]) => name === this.name)[2];
    this.#section = account.user?.role === "admin" ? make(this.app) : { element: h("p", { class: "lead" }, t("error.administrators_only")) };
    fill(this.place, h("section", { class: "stack" }, this.#section.element));
    this.scroller.scrollTop = 0;
  }

  #key(event) {
    const act = { navigation: () => this.navigation.toggle(), palette: () => openPalette(this.app), new: () => this.app.go(null), help: showShortcuts }[meaningOf(event)];
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  }
}
