// The button in the composer that names the model of the conversation, and the list behind it.

import { attribute, fill, h, icon, label } from "./dom.js";
import { compact, dateOf, errorText, t } from "./i18n.js";
import { isRetired, retiresAt } from "./models.js";
import { openPicker } from "./picker.js";
import { announce, toast } from "./status.js";

/** With more models than this there is a field to find one. */
const SEARCH_FROM = 9;

export class ModelChip {
  #name = h("span", { class: "u-truncate" });
  #symbol = icon("model", "is-small");
  #foot = h("div");
  #listeners = new AbortController();

  constructor(app) {
    this.app = app;
    this.element = h("button", { class: "button is-quiet is-small chip", type: "button", "aria-haspopup": "dialog", hidden: true, onclick: () => this.open() },
      this.#symbol, this.#name, icon("chevron-down", "is-small u-wide"));
    this.note = h("p", { class: "row is-wrap composer-note meta", "data-state": "warn", hidden: true });
    const options = { signal: this.#listeners.signal };
    app.models.addEventListener("change", () => this.draw(), options);
    app.conversations.addEventListener("change", () => this.draw(), options);
    this.draw();
  }

  destroy() { this.#listeners.abort(); }

  /** The name of the model that answers here, and what is known of it. */
  get #current() {
    const { models, record, imageId } = this.app;
    const id = imageId ? record?.model : models.choice;
    const model = id ? models.find(id) : models.default;
    const effort = (imageId ? record?.effort : models.effort) ?? null;
    return { id: id ?? model?.id ?? "", model, effort: model?.efforts?.length ? effort : null };
  }

  /** What is known of the model that answers; null where it is not in the list. */
  get model() { return this.#current.model ?? null; }

  draw() {
    const { list } = this.app.models;
    const { id, model, effort } = this.#current;
    const known = this.app.record || !this.app.imageId;
    const gone = list.length && known && id && (!model || isRetired(model));
    this.element.hidden = !known || !(list.length > 1 || gone || model?.efforts?.length);
    const name = model?.name ?? id;
    const shown = effort ? `${name} · ${effortText(effort)}` : name;
    label(this.#name, shown);
    const text = t("model.named", { name: shown });
    attribute(this.element, "aria-label", text);
    attribute(this.element, "title", text);
    this.#drawEfforts();
    this.#warn(gone ? t("model.gone", { name }) : model?.lifecycle === "deprecated" && model.retiresAt ? t("model.retiresSoon", { name, date: dateOf(retiresAt(model)) }) : "");
  }

  #warn(text) {
    if (this.warned === text) return;
    this.warned = text;
    this.note.hidden = !text;
    fill(this.note, text && [icon("warn", "is-small"), h("span", { class: "u-grow" }, text),
      h("button", { class: "button is-quiet is-small", type: "button", onclick: () => this.open() }, h("span", {}, t("model.choose")))]);
  }

  open() {
    this.offered = null;
    this.#drawEfforts();
    pickModel(this.app, (model) => this.#pick(model), { current: this.#current.model, foot: this.#foot });
    this.app.models.refresh({ now: true }); // what a provider has refused since is no longer offered
  }

  /** While the list is open, drawn anew only where something else is offered: a choice with the keys goes on. */
  #drawEfforts() {
    const { model } = this.#current;
    const offered = JSON.stringify([model?.name, model?.efforts]);
    if (this.offered === offered) return;
    this.offered = offered;
    fill(this.#foot, this.#efforts());
  }

  /** How deeply the model of the conversation thinks, where it lets itself be asked. */
  #efforts() {
    const { model, effort } = this.#current;
    if (!model?.efforts?.length) return null;
    const choice = (level) => h("label", { class: "button is-small is-quiet" },
      h("input", { class: "u-hidden", type: "radio", name: "effort", value: level ?? "", checked: level === effort, onchange: () => this.#pickEffort(level) }), effortText(level));
    return h("fieldset", {}, h("legend", { class: "meta" }, t("effort.of", { name: model.name })), h("div", { class: "row is-wrap choices" }, [null, ...model.efforts].map(choice)));
  }

  async #pickEffort(level) {
    try {
      await this.app.chooseEffort(level);
      announce(t("effort.chosen", { level: effortText(level) }));
    } catch (error) {
      toast(errorText(error), { symbol: "fail" });
    }
    this.draw();
  }

  async #pick(model) {
    try {
      await this.app.chooseModel(model.id);
      announce(t("model.chosen", { name: model.name }));
    } catch (error) {
      toast(errorText(error), { symbol: "fail" });
    }
    this.draw();
  }
}

/** A list to choose a model from; `current` is marked. */
export function pickModel(app, pick, { current = null, foot = null } = {}) {
  const { list } = app.models;
  openPicker({
    title: t("model.choose"),
    search: list.length >= SEARCH_FROM ? t("model.search") : null,
    find: (query) => list.filter((model) => matches(model, query)).map((model) => optionOf(model, list, { checked: model === current, pick: () => pick(model) })),
    foot,
  });
}

function optionOf(model, list, rest) {
  const several = new Set(list.map((each) => each.provider)).size > 1;
  const retired = isRetired(model);
  const date = retiresAt(model);
  const notes = [
    model.isDefault && t("model.default"),
    retired ? t("model.retired") : date ? t("model.retires", { date: dateOf(date) }) : null,
    model.contextTokens && t("model.context", { n: compact(model.contextTokens) }),
    model.images && t("model.images"),
  ];
  return { label: model.name, note: notes.filter(Boolean).join(" · "), state: retired ? "fail" : date ? "warn" : null, group: several ? model.provider : null, ...rest };
}

const effortText = (level) => t(`effort.${level ?? "auto"}`);

const matches = (model, query) => query.toLowerCase().split(/\s+/).every((word) => `${model.provider} ${model.id} ${model.name}`.toLowerCase().includes(word));
