// The button in the composer behind which the tools of the conversation are chosen. Without a choice, a conversation has
// those that the administrator has set.

import { account } from "./account.js";
import { api } from "./api.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { errorText, knows, t } from "./i18n.js";
import { announce } from "./status.js";

/** Built-in tools that are one thing to people. */
const FILES = ["list_directory", "read_file", "write_file", "edit_file", "search_files"];

export class ToolChip {
  #listeners = new AbortController();

  constructor(app) {
    this.app = app;
    this.element = iconButton("tools", t("tools.choose"), () => this.open(), { "aria-haspopup": "dialog" });
    app.conversations.addEventListener("change", () => this.draw(), { signal: this.#listeners.signal });
    this.draw();
  }

  destroy() { this.#listeners.abort(); }

  draw() { this.element.hidden = Boolean(this.app.imageId && !this.app.record); }

  async open() {
    const place = h("div", { class: "stack" }, h("div", { class: "skeleton" }));
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "tools-title", onclose: () => dialog.remove() }, h("div", { class: "stack" },
      h("div", { class: "row" }, h("h2", { class: "title is-xl u-grow", id: "tools-title" }, t("tools.choose")), iconButton("close", t("close"), () => dialog.close())),
      h("p", { class: "lead" }, t("tools.chooseLead")), place));
    document.body.append(dialog);
    dialog.showModal();
    try {
      const [{ tools }, chosen] = await Promise.all([api.tools(account.token), this.app.chosenTools()]);
      fill(place, new Choice(tools, chosen, (names) => this.app.chooseTools(names)).element);
    } catch (error) {
      fill(place, h("p", { class: "field-error", role: "alert" }, errorText(error)));
    }
  }
}

/** The tools as boxes to tick. */
class Choice {
  #boxes = new Map();
  #problem = h("p", { class: "field-error", role: "alert" });

  /** `chosen` are names, or null for what is there by default; `save(names)` keeps them. */
  constructor(tools, chosen, save) {
    Object.assign(this, { save, standard: tools.filter(({ isDefault }) => isDefault).map(({ name }) => name) });
    const own = tools.filter(({ kind }) => kind === "builtin").map(({ name }) => name);
    const files = own.filter((name) => FILES.includes(name));
    const groups = [...own.filter((name) => !FILES.includes(name)).map((name) => [name]), files].filter((names) => names.length);
    const servers = tools.filter(({ kind }) => kind === "server").map(({ name }) => [name]);
    this.reset = h("button", { class: "button is-small", type: "button", onclick: () => this.#keep(null) }, icon("retry", "is-small"), h("span", {}, t("tools.reset")));
    this.element = h("div", { class: "stack" }, h("ul", { class: "ruled" }, groups.map((names) => this.#row(names, names === files ? "files" : names[0])), servers.map((names) => this.#row(names))),
      this.#problem, h("div", { class: "row dialog-actions" }, this.reset));
    this.#show(chosen);
  }

  #row(names, key = "") {
    const box = h("input", { type: "checkbox", onchange: () => this.#keep(this.#ticked()) });
    this.#boxes.set(box, names);
    const known = key && knows(`tool.${key}`);
    return h("li", {}, h("label", { class: "row check" }, box, h("span", { class: "u-grow", dir: "auto" }, known ? t(`tool.${key}`) : names[0]), !key && h("span", { class: "badge" }, t("tools.server"))));
  }

  #ticked() { return [...this.#boxes].filter(([box]) => box.checked).flatMap(([, names]) => names); }

  #show(chosen) {
    this.chosen = chosen;
    const names = new Set(chosen ?? this.standard);
    for (const [box, group] of this.#boxes) box.checked = group.every((name) => names.has(name));
    this.reset.disabled = !chosen;
  }

  async #keep(names) {
    fill(this.#problem);
    try {
      await this.save(names);
      announce(t("tools.chosen"));
      this.#show(names);
    } catch (error) {
      fill(this.#problem, errorText(error));
      this.#show(this.chosen);
    }
  }
}
