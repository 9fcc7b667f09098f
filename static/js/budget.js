// Budgets in words.

import { clock, compact, money, number, t } from "./i18n.js";

export const amount = (measure, value) => (measure === "money" ? money(value) : t("usage.tokens", { n: compact(value) }));

/** "$5.00 per month". */
export const limitText = ({ measure, limit, period }) => (limit === null ? t("budget.unlimited") : t(`budget.per.${period}`, { amount: amount(measure, limit) }));

/** What a person is told when most of it is used. */
export const budgetNotice = (budget) => t("budget.near", { percent: number(budget.percent), limit: limitText(budget), time: clock(budget.renewsAt) });
