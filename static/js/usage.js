// What models cost: amounts, sums and budgets as sentences, for a person's own and for all.

import { amount, limitText } from "./budget.js";
import { meter } from "./chart.js";
import { h } from "./dom.js";
import { clock, compact, money, number, t } from "./i18n.js";

/** What a sum of requests comes to. */
export function facts({ requests, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costMicros, unpricedRequests }) {
  const fact = (name, value, note) => h("div", { class: "stack is-tight" }, h("dt", { class: "meta" }, name), h("dd", { class: "fact-value" }, value), note && h("dd", { class: "meta" }, note));
  return h("dl", { class: "facts" }, fact(t("usage.requests"), number(requests)), fact(t("usage.in"), compact(inputTokens + cacheReadTokens + cacheWriteTokens)), fact(t("usage.out"), compact(outputTokens)),
    fact(t("usage.cost"), money(costMicros), unpricedRequests ? t("usage.unpriced", { n: number(unpricedRequests) }) : null));
}

/** How far a budget is used, and when it begins anew. */
export function budgetState(budget) {
  if (!budget) return h("p", { class: "meta" }, t("budget.none"));
  const { measure, limit, used, percent, state, renewsAt } = budget;
  return h("div", { class: "stack is-tight", "data-state": state === "ok" ? "info" : state === "near" ? "warn" : "fail" },
    h("p", {}, t("budget.used", { used: amount(measure, used), limit: limitText({ measure, limit, period: budget.period }), percent: number(percent) })), meter(percent, state),
    h("p", { class: "meta" }, t("budget.renews", { time: clock(renewsAt) })));
}
