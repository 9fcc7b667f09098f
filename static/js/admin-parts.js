// What the sections of the administration are made of: heads, tables that come in pages, badges, and their requests.

import { account } from "./account.js";
import { call } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { errorText, t } from "./i18n.js";
import { toast } from "./status.js";

/** A request below /api/admin. */
export const admin = (method, path, body, options = {}) => call(method, `/api/admin/${path}`, { token: account.token, body, ...options });

export const button = (symbol, text, onclick, variant = "") =>
  h("button", { class: `button is-small ${variant}`.trim(), type: "button", onclick }, symbol && icon(symbol, "is-small"), h("span", {}, text));

export const badge = (text, state = null) => h("span", { class: "badge", "data-state": state }, text);

/** The head of a section: what it is about, and what can be done there. */
export const head = (lead, ...buttons) => h("div", { class: "row is-wrap is-apart section-head" }, h("p", { class: "lead u-grow" }, lead), buttons);

/** What went wrong, and a way to try again. */
export const failed = (error, again) => h("div", { class: "alert", "data-state": "fail", role: "alert" }, icon("fail"),
  h("p", { class: "alert-title" }, errorText(error)), error.hint && h("p", { lang: "en" }, error.hint),
  again && h("div", { class: "row" }, button("retry", t("retry"), again)));

export const skeleton = () => h("div", { "aria-hidden": "true" }, [70, 90, 60].map(() => h("div", { class: "skeleton" })));

/** Does it, says that it was done, or why it was not. */
export async function attempt(work, done) {
  try {
    const answer = await work();
    if (done) toast(typeof done === "function" ? done(answer) : done);
    return true;
  } catch (error) {
    toast(errorText(error), { symbol: "fail" });
    return false;
  }
}

/** A labelled choice; `options` are [value, text]. */
export function selectField(id, label, options, value, onchange) {
  const box = h("select", { class: "input", id, onchange }, options.map(([each, text]) => h("option", { value: each }, text)));
  box.value = value;
  return {
    element: h("div", { class: "stack is-tight" }, h("label", { class: "field-label", for: id }, label), h("div", { class: "input-group" }, box, icon("chevron-down"))),
    get value() { return box.value; },
    set value(next) { box.value = next; },
  };
}

/** A table whose rows come in pages: `load(cursor)` gives { rows, cursor }, `row(item)` the cells of one. */
export class Table {
  #rows = [];
  #body = h("tbody", {});
  #below = h("div", {});
  #asked = 0;

  /** `columns` are [heading, class]; the last one holds what can be done, its heading is only spoken. */
  constructor({ caption, columns, load, row, empty }) {
    Object.assign(this, { load, row, empty });
    const heads = columns.map(([text, variant], index) => h("th", { scope: "col", class: variant },
      index === columns.length - 1 ? h("span", { class: "u-hidden" }, text) : text));
    this.table = h("table", { class: "table" }, h("caption", { class: "u-hidden" }, caption), h("thead", {}, h("tr", {}, heads)), this.#body);
    this.columns = columns;
    this.element = h("div", { class: "stack" }, this.table, this.#below);
    this.refresh();
  }

  /** Loads it from the beginning; what is shown stays until the answer is here. */
  async refresh() {
    if (!this.#rows.length) {
      this.table.hidden = true;
      fill(this.#below, skeleton());
    }
    await this.#page(null);
  }

  async #page(cursor) {
    const number = this.#asked += 1;
    try {
      const answer = await this.load(cursor);
      if (number !== this.#asked) return;
      this.#rows = cursor ? [...this.#rows, ...answer.rows] : answer.rows;
      this.draw();
      fill(this.#below, !this.#rows.length && h("p", { class: "meta" }, this.empty), answer.cursor && button(null, t("more"), () => this.#page(answer.cursor)));
    } catch (error) {
      if (number === this.#asked) fill(this.#below, failed(error, () => this.#page(cursor)));
    }
  }

  draw() {
    const focused = document.activeElement?.dataset.key;
    this.table.hidden = !this.#rows.length;
    fill(this.#body, this.#rows.map((item) => h("tr", {}, this.row(item).map((cell, index) => h("td", { class: this.columns[index][1] }, cell)))));
    if (focused) this.#body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
}
