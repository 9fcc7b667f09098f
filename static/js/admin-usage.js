// Usage of all, by user, model or day, and the budgets that limit it.

import { admin, badge, button, failed, head, selectField, skeleton } from "./admin-parts.js";
import { limitText } from "./budget.js";
import { ask } from "./dialogs.js";
import { usageChart } from "./chart.js";
import { fill, h } from "./dom.js";
import { field } from "./field.js";
import { compact, dayOf, money, number, t } from "./i18n.js";
import { toast } from "./status.js";
import { facts } from "./usage.js";

const DAY_MS = 86_400_000;
const BY = [["user", "usage.by.user"], ["model", "usage.by.model"], ["day", "usage.by.day"]];
/** [name, days back; null is since the first of the month]. */
const RANGES = [["month", null], ["days30", 30], ["days90", 90]];
const MICROS = 1_000_000;

export function usageSection() {
  let asked = 0;
  const by = selectField("usage-by", t("usage.by"), BY.map(([name, key]) => [name, t(key)]), "user", () => load());
  const range = selectField("usage-range", t("usage.range"), RANGES.map(([name]) => [name, t(`usage.${name}`)]), "month", () => load());
  const place = h("div", { class: "stack" }, skeleton());
  const standard = h("div", { class: "stack" });

  async function load() {
    const number = asked += 1;
    const days = RANGES.find(([name]) => name === range.value)[1];
    const from = days ? { from: String(Math.floor((Date.now() - (days - 1) * DAY_MS) / DAY_MS) * DAY_MS) } : {};
    const report = (name) => admin("GET", `usage?${new URLSearchParams({ ...from, by: name })}`);
    try {
      const [daily, grouped] = await Promise.all([report("day"), report(by.value)]);
      if (number === asked) fill(place, facts(daily.total), daily.groups.length > 0 && usageChart(daily), table(grouped, by.value));
    } catch (error) {
      if (number === asked) fill(place, failed(error, load));
    }
  }

  async function budgets() {
    try {
      const { budgets: rows } = await admin("GET", "budgets");
      const own = rows.find((row) => row.userId === null);
      fill(standard, h("div", { class: "row is-wrap" }, h("p", { class: "u-grow" }, own ? limitText(own) : t("budget.noDefault")),
        button("edit", t("budget.setDefault"), () => budgetDialog(t("budget.default"), "budgets/default", own, budgets))), ownBudgets(rows.filter((row) => row.userId !== null)));
    } catch (error) {
      fill(standard, failed(error, budgets));
    }
  }

  load();
  budgets();
  return {
    element: [head(t("usage.lead")), h("div", { class: "form-grid" }, range.element, by.element), place,
      h("h2", { class: "title is-xl" }, t("budget.default")), h("p", { class: "meta" }, t("budget.lead")), standard],
    destroy: () => { asked += 1; },
  };
}

function table({ groups }, by) {
  if (!groups.length) return h("p", { class: "meta" }, t("usage.none"));
  const name = (group) => (by === "day" ? dayOf(Date.parse(group.key)) : group.name ?? group.key);
  const cells = (group) => [h("span", { class: "table-main", dir: "auto" }, name(group)), number(group.requests), compact(group.inputTokens + group.cacheReadTokens + group.cacheWriteTokens), compact(group.outputTokens), money(group.costMicros)];
  const columns = [[t(`usage.by.${by}`), ""], [t("usage.requests"), "u-wide u-number"], [t("usage.in"), "u-wide u-number"], [t("usage.out"), "u-wide u-number"], [t("usage.cost"), "u-number"]];
  return h("table", { class: "table" }, h("caption", { class: "u-hidden" }, t("admin.usage")),
    h("thead", {}, h("tr", {}, columns.map(([text, variant]) => h("th", { scope: "col", class: variant }, text)))),
    h("tbody", {}, groups.map((group) => h("tr", {}, cells(group).map((cell, index) => h("td", { class: columns[index][1] }, cell))))));
}

/** Budgets of single users, and how far they are. */
function ownBudgets(rows) {
  if (!rows.length) return null;
  return h("ul", { class: "ruled" }, rows.map((row) => h("li", { class: "row is-wrap budget-row" }, h("span", { class: "table-main u-grow", dir: "auto" }, row.username), h("span", {}, limitText(row)),
    row.state && badge(`${number(row.state.percent)} %`, { ok: null, near: "warn", exceeded: "fail" }[row.state.state]))));
}

/** Sets or clears a budget below /api/admin; `budget` is what counts now. */
export function budgetDialog(title, path, budget, changed) {
  const measure = selectField("budget-measure", t("budget.measure"), [["money", t("budget.money")], ["tokens", t("budget.tokens")]], budget?.measure ?? "money");
  const period = selectField("budget-period", t("budget.period"), [["month", t("budget.month")], ["day", t("budget.day")]], budget?.period ?? "month");
  const shown = budget?.limit == null ? "" : String(budget.measure === "money" ? budget.limit / MICROS : budget.limit);
  const limit = field({ id: "budget-limit", label: t("budget.limit"), note: t("budget.limitNote"), inputmode: "decimal", value: shown, autocomplete: "off" });
  const amount = () => Number(limit.value.replace(",", "."));
  ask({
    title, lead: t("budget.lead"), keep: t("cancel"), act: t("budget.save"), fields: [limit.element, measure.element, period.element],
    check: () => {
      const isGood = !limit.value.trim() || (Number.isFinite(amount()) && amount() >= 0);
      if (!isGood) limit.problem(t("budget.number"));
      return isGood;
    },
    submit: async () => {
      if (!limit.value.trim()) await admin("DELETE", path);
      else await admin("PUT", path, { limit: Math.round(measure.value === "money" ? amount() * MICROS : amount()), measure: measure.value, period: period.value });
      toast(t("budget.saved"));
      changed();
    },
  });
}
