// The models of all providers: which of them people see, which one answers by default, and what they cost.

import { admin, attempt, badge, button, head, selectField, Table } from "./admin-parts.js";
import { priceDialog, priceText, pricesOf } from "./admin-prices.js";
import { ask } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { field } from "./field.js";
import { compact, dateOf, number, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import { isRetired, retiresAt } from "./models.js";
import { toast } from "./status.js";

/** A gateway lists hundreds of models: so many come at once. */
const PAGE = 50;
const ALL = "all";
const SOME = "some";

export function modelsSection(app) {
  let data = null;
  let known = null;
  const search = h("input", { class: "input", type: "search", placeholder: t("model.search"), "aria-label": t("model.search"), autocomplete: "off", spellcheck: "false", oninput: () => table.refresh() });
  const whom = selectField("models-whom", t("models.whom"), [[ALL, t("models.all")], [SOME, t("models.some")]], ALL, () => restrict(whom.value === SOME));

  /** Models, what was decided about them, and prices; `ask` asks the providers, too. */
  async function fetchAll(ask) {
    await app.models.refresh({ now: true, ask });
    const [policy, { prices }] = await Promise.all([admin("GET", "models"), admin("GET", "prices")]);
    whom.value = policy.allowed ? SOME : ALL;
    return { models: app.models.list, policy, prices };
  }

  function load(ask = false) {
    data = fetchAll(ask);
    data.catch(() => { data = null; });
    return table.refresh();
  }

  async function setPolicy(change, done) {
    await attempt(() => admin("PUT", "models", change), done);
    await load();
  }

  /** To begin with, people see of each provider what they saw before. */
  function restrict(some) {
    return setPolicy({ allowed: some ? [...new Set(known.models.map(({ provider }) => `${provider}/*`))] : null }, t(some ? "models.someNow" : "models.allNow"));
  }

  const table = new Table({
    caption: t("admin.models"), empty: t("picker.none"),
    columns: [[t("usage.by.model")], [t("state")], [t("models.price"), "u-wide meta"], [t("actions")]],
    load: async (cursor) => {
      known = await (data ??= fetchAll(false));
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const found = known.models.filter(({ id, name }) => words.every((word) => `${id} ${name}`.toLowerCase().includes(word)));
      const end = Number(cursor ?? 0) + PAGE;
      return { rows: found.slice(end - PAGE, end), cursor: end < found.length ? String(end) : null };
    },
    row: (model) => row(model, known, { setPolicy, load }),
  });
  return { element: [head(t("models.lead"), button("retry", t("models.refresh"), () => load(true))), h("div", { class: "form-grid" }, whom.element),
    h("div", { class: "input-group" }, icon("search"), search), table.element] };
}

/** Whether people see a model: its id or all of its provider are on the list. */
const isSeen = ({ id }, allowed) => !allowed || allowed.some((pattern) => (pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern));

function row(model, known, acts) {
  const { id, name } = model;
  const { policy, prices } = known;
  const label = t("actionsFor", { name });
  const more = iconButton("more", label, () => openMenu(more, label, entries(model, known, acts)), { "aria-haspopup": "menu", "data-key": id });
  const date = retiresAt(model);
  return [
    h("div", {}, h("span", { class: "table-main", dir: "auto" }, name), h("div", { class: "meta", dir: "ltr" }, id), h("div", { class: "meta u-narrow" }, priceText(pricesOf(prices, id)))),
    h("span", { class: "row is-wrap" }, (policy.default ? policy.default === id : model.isDefault) && badge(t("model.default"), "info"),
      isRetired(model) ? badge(t("model.retired"), "fail") : date ? badge(t("model.retires", { date: dateOf(date) }), "warn") : null,
      policy.contexts[id] && badge(t("model.context", { n: compact(policy.contexts[id]) })),
      policy.allowed && (isSeen(model, policy.allowed) ? badge(t("models.offered"), "pass") : badge(t("models.hidden")))),
    priceText(pricesOf(prices, id)), more,
  ];
}

function entries(model, { policy, models, prices }, { setPolicy, load }) {
  const { id, name } = model;
  const { allowed } = policy;
  return [
    policy.default === id
      ? { label: t("models.noDefault"), symbol: "stop", onclick: () => setPolicy({ default: null }, t("models.noDefaultNow")) }
      : { label: t("models.makeDefault"), symbol: "check", onclick: () => setPolicy({ default: id }, t("models.defaultNow", { name })) },
    allowed && (isSeen(model, allowed)
      ? { label: t("models.hide"), symbol: "eye", onclick: () => setPolicy({ allowed: without(model, allowed, models) }, t("models.hiddenNow", { name })) }
      : { label: t("models.show"), symbol: "eye", onclick: () => setPolicy({ allowed: [...allowed, id] }, t("models.shownNow", { name })) }),
    policy.takeContext.includes(model.provider) && { label: t("models.setContext"), symbol: "edit", onclick: () => contextDialog(model, policy, load) },
    { label: t("models.setPrice"), symbol: "gauge", onclick: () => priceDialog(model, prices, load) },
  ].filter(Boolean);
}

/** Sets how large a context a model is loaded with, or leaves it to its server. */
function contextDialog({ id, name }, { contexts }, load) {
  const tokens = field({ id: "model-context", label: t("models.contextTokens"), inputmode: "numeric", autocomplete: "off", value: contexts[id] ?? "" });
  const isGood = () => /^\d*$/.test(tokens.value.trim());
  ask({
    title: t("models.contextOf", { name }), lead: t("models.contextLead"), fields: [tokens.element], keep: t("cancel"), act: t("budget.save"),
    check: () => {
      if (!isGood()) tokens.problem(t("budget.number"));
      return isGood();
    },
    submit: async () => {
      const n = Number(tokens.value.trim()) || null;
      await admin("PUT", "models", { context: { model: id, tokens: n } });
      toast(n ? t("models.contextSaved", { name, n: number(n) }) : t("models.contextCleared", { name }));
      load();
    },
  });
}

/** The list without a model; "all of a provider" becomes all others of it. */
function without(model, allowed, models) {
  const others = models.filter((each) => each.provider === model.provider && each.id !== model.id && isSeen(each, allowed));
  return [...new Set([...allowed.filter((pattern) => !isSeen(model, [pattern])), ...others.map(({ id }) => id)])];
}
