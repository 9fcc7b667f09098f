// What a model costs: shown in its row, and set in a dialog. Prices are millionths of a dollar for a million tokens.

import { admin, attempt } from "./admin-parts.js";
import { ask } from "./dialogs.js";
import { h } from "./dom.js";
import { field } from "./field.js";
import { dateOf, money, number, t } from "./i18n.js";
import { toast } from "./status.js";

const MICROS = 1_000_000;
/** [name in the interface, wording, whether it is needed] in the order of the fields. */
const PARTS = [["inputMicros", "price.input", true], ["outputMicros", "price.output", true], ["cacheReadMicros", "price.cacheRead", false], ["cacheWriteMicros", "price.cacheWrite", false]];

/** The bands of `provider/model` that are valid now, the lowest first. */
export function pricesOf(prices, id) {
  const all = prices.filter(({ provider, model }) => `${provider}/${model}` === id);
  const now = Date.now();
  const dates = all.map(({ validFrom }) => validFrom);
  const date = Math.max(...dates.filter((from) => from <= now));
  const from = Number.isFinite(date) ? date : Math.min(...dates);
  return all.filter(({ validFrom }) => validFrom === from).sort((a, b) => a.aboveTokens - b.aboveTokens);
}

/** "$2.00 in, $10.00 out". */
export function priceText(bands) {
  const [first] = bands;
  if (!first) return t("price.none");
  return t(bands.length > 1 ? "price.from" : "price.is", { input: money(first.inputMicros), output: money(first.outputMicros) });
}

/** Sets the price of a model from now on, or goes back to the one that is shipped. */
export function priceDialog({ id, name }, bands, changed) {
  const [first] = bands;
  const [provider, ...rest] = id.split("/");
  const model = rest.join("/");
  const shown = (value) => (value == null ? "" : String(value / MICROS));
  const fields = PARTS.map(([part, key]) => field({ id: `price-${part}`, label: t(key), inputmode: "decimal", autocomplete: "off", value: shown(first?.[part]) }));
  const amount = ({ value }) => (value.trim() ? Math.round(Number(value.replace(",", ".")) * MICROS) : null);
  const isGood = (each, isNeeded) => (each.value.trim() ? amount(each) >= 0 : !isNeeded);
  const isOwn = first && !first.source;
  const dialog = ask({
    title: t("price.of", { name }), lead: t("price.lead"), keep: t("cancel"), act: t("budget.save"),
    fields: [h("div", { class: "form-grid" }, fields.map(({ element }) => element)), bands.length > 1 && h("p", { class: "meta" }, t("price.bands", { n: number(bands[1].aboveTokens) })),
      first && h("p", { class: "meta" }, first.source ? t("price.shipped") : t("price.set", { date: dateOf(first.validFrom) })),
      isOwn && h("div", {}, h("button", { class: "button is-small", type: "button", onclick: () => clear() }, t("price.clear")))],
    check: () => {
      PARTS.forEach(([, , isNeeded], index) => { if (!isGood(fields[index], isNeeded)) fields[index].problem(t(fields[index].value.trim() ? "budget.number" : "needed")); });
      return PARTS.every(([, , isNeeded], index) => isGood(fields[index], isNeeded));
    },
    submit: async () => {
      await admin("PUT", "prices", { provider, model, ...Object.fromEntries(PARTS.map(([part], index) => [part, amount(fields[index])])) });
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
