// What a model costs: shown in its row, and set in a dialog. Prices are millionths of a dollar for a million tokens.

import { admin, attempt } from "./admin-parts.js";
import { ask } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { field } from "./field.js";
import { dateOf, money, t } from "./i18n.js";
import { toast } from "./status.js";

const MICROS = 1_000_000;
/** Bands for long prompts, as the server takes them. */
const BANDS = 7;
/** [name in the interface, wording, whether it is needed] in the order of the fields. */
const PARTS = [["inputMicros", "price.input", true], ["outputMicros", "price.output", true], ["cacheReadMicros", "price.cacheRead", false], ["cacheWriteMicros", "price.cacheWrite", false]];

/** The bands of `provider/model` that are valid now, the lowest first. */
export function pricesOf(prices, id) {
  const all = prices.filter(({ provider, model }) => `${provider}/${model}` === id);
  const now = Date.now();
  const dates = all.map(({ validFrom }) => validFrom);
  const date = Math.max(...dates.filter((from) => from <= now));
  const until = Number.isFinite(date) ? date : Math.min(...dates);
  const valid = all.filter(({ validFrom }) => validFrom <= until).sort((a, b) => a.validFrom - b.validFrom);
  // A price for all prompts replaces what is older; a band that was set later joins it.
  const base = valid.findLastIndex(({ aboveTokens }) => !aboveTokens);
  const bands = new Map(valid.slice(Math.max(0, base)).map((each) => [each.aboveTokens, each]));
  return [...bands.values()].sort((a, b) => a.aboveTokens - b.aboveTokens);
}

/** "$2.00 in, $10.00 out". */
export function priceText(bands) {
  const [first] = bands;
  if (!first) return t("price.none");
  return t(bands.length > 1 ? "price.from" : "price.is", { input: money(first.inputMicros), output: money(first.outputMicros) });
}

/** Those that will be valid later, as [time, the price of all prompts], the next first. */
const laterOf = (prices, id) => prices.filter((each) => `${each.provider}/${each.model}` === id && each.validFrom > Date.now() && !each.aboveTokens)
  .sort((a, b) => a.validFrom - b.validFrom);

const amount = ({ value }) => (value.trim() ? Math.round(Number(value.replace(",", ".")) * MICROS) : null);
const tokens = ({ value }) => Number(value.trim());

/** Says what is wrong with a field; true where it is good. */
function checked(one, isGood, isNeeded) {
  const text = one.value.trim();
  const good = text ? isGood(one) : !isNeeded;
  if (!good) one.problem(t(text ? "budget.number" : "needed"));
  return good;
}

/** The fields of one band; `above` is where it begins, null for all prompts. `remove` takes it away. */
function bandFields(index, band, remove) {
  const shown = (value) => (value == null ? "" : String(value / MICROS));
  const fields = PARTS.map(([part, key]) => field({ id: `price-${index}-${part}`, label: t(key), inputmode: "decimal", autocomplete: "off", value: shown(band?.[part]) }));
  const above = remove && field({ id: `price-${index}-above`, label: t("price.above"), inputmode: "numeric", autocomplete: "off", value: band?.aboveTokens ?? "" });
  const grid = [h("div", { class: "form-grid" }, fields.map(({ element }) => element))];
  return {
    above,
    element: above ? h("fieldset", { class: "stack" }, h("legend", { class: "title" }, t("price.band")), above.element, grid,
      h("div", {}, h("button", { class: "button is-small", type: "button", onclick: remove }, t("price.removeBand")))) : h("div", {}, grid),
    check: () => [...PARTS.map(([, , isNeeded], at) => checked(fields[at], (one) => amount(one) >= 0, isNeeded)), !above || checked(above, (one) => tokens(one) > 0 && Number.isInteger(tokens(one)), true)].every(Boolean),
    value: () => ({ ...(above && { aboveTokens: tokens(above) }), ...Object.fromEntries(PARTS.map(([part], at) => [part, amount(fields[at])])) }),
  };
}

/** Sets the price of a model from now or a day on, or goes back to the one that is shipped. */
export function priceDialog({ id, name }, prices, changed) {
  const [first, ...more] = pricesOf(prices, id);
  const [provider, ...rest] = id.split("/");
  const model = rest.join("/");
  const base = bandFields(0, first);
  const list = h("div", { class: "stack" });
  let bands = [];
  let count = 0;
  const draw = () => { fill(list, bands.map(({ element }) => element)); add.hidden = bands.length >= BANDS; };
  const put = (band) => {
    const made = bandFields(count += 1, band, () => { bands = bands.filter((each) => each !== made); draw(); add.focus(); });
    bands.push(made);
    draw();
    return made;
  };
  const add = h("button", { class: "button is-small", type: "button", onclick: () => put(null).above.input.focus() }, t("price.addBand"));
  more.forEach(put);
  draw();
  const from = field({ id: "price-from", label: t("price.validFrom"), note: t("price.validFromNote"), type: "date" });
  const later = laterOf(prices, id);
  const dialog = ask({
    title: t("price.of", { name }), lead: t("price.lead"), keep: t("cancel"), act: t("budget.save"),
    fields: [base.element, list, h("div", {}, add), from.element,
      first && h("p", { class: "meta" }, first.source ? t("price.shipped") : t("price.set", { date: dateOf(first.validFrom) })),
      later.map((each) => h("p", { class: "meta" }, t("price.later", { date: dateOf(each.validFrom), price: priceText([each]) }))),
      first && !first.source && h("div", {}, h("button", { class: "button is-small", type: "button", onclick: () => clear() }, t("price.clear")))],
    check: () => [base, ...bands].map((each) => each.check()).every(Boolean),
    submit: async () => {
      const longer = bands.map((each) => each.value()).sort((a, b) => a.aboveTokens - b.aboveTokens);
      await admin("PUT", "prices", { provider, model, ...base.value(), bands: longer, validFrom: from.value ? Date.parse(`${from.value}T00:00:00Z`) : undefined });
      toast(t("price.saved", { name }));
      changed();
    },
  });
  const clear = async () => {
    if (!await attempt(() => admin("DELETE", `prices?${new URLSearchParams({ provider, model })}`), t("price.cleared", { name }))) return;
    dialog.close();
    changed();
  };
}
