// Tokens per day as bars. No viewBox: percentages across, pixels down, so that text never scales.

import { h } from "./dom.js";
import { compact, dayOf, t } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT_PX = 148;
const LABEL_PX = 28;
const DAY_MS = 86_400_000;
/** More days than this are not drawn: a bar would be a line. */
const MOST_DAYS = 92;
/** Days are named at so many places. */
const NAMES = 5;

const make = (tag, attributes, text) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};

/** The days from `from` to `to` (ms), each with its sums or zeros. */
function daysOf({ from, to, groups }) {
  const sums = new Map(groups.map((group) => [group.key, group]));
  const days = [];
  const last = Math.min(to, Date.now());
  for (let at = from; at <= last && days.length < MOST_DAYS; at += DAY_MS) {
    const key = new Date(at).toISOString().slice(0, 10);
    const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = sums.get(key) ?? {};
    days.push({ key, at, fresh: inputTokens + outputTokens + cacheWriteTokens, cached: cacheReadTokens });
  }
  return days;
}

/** A usage report by day, as a picture with its legend. */
export function usageChart(report) {
  const days = daysOf(report);
  const most = Math.max(1, ...days.map((day) => day.fresh + day.cached));
  const step = 100 / days.length;
  const sum = days.reduce((all, day) => all + day.fresh + day.cached, 0);
  const svg = make("svg", { class: "chart", height: HEIGHT_PX + LABEL_PX, role: "img", "aria-label": t("usage.chart", { n: days.length, sum: compact(sum), most: compact(most) }) });
  for (const share of [0, 0.5, 1]) {
    const y = HEIGHT_PX - share * (HEIGHT_PX - 16);
    svg.append(make("line", { class: "chart-axis", x1: 0, x2: "100%", y1: y, y2: y }));
    if (share) svg.append(make("text", { x: 0, y: y - 4 }, compact(most * share)));
  }
  const every = Math.max(1, Math.ceil(days.length / NAMES));
  const first = Math.floor(every / 2); // away from both edges, so that no name is cut
  days.forEach((day, index) => {
    const tall = (value) => (value / most) * (HEIGHT_PX - 16);
    const bar = (variant, value, below) => value && svg.append(make("rect", { class: `chart-bar ${variant}`, x: `${index * step + step * 0.2}%`, width: `${step * 0.6}%`, y: HEIGHT_PX - below - tall(value), height: Math.max(1, tall(value)) }));
    bar("is-second", day.cached, 0);
    bar("", day.fresh, tall(day.cached));
    if (index % every === first && index + first < days.length) svg.append(make("text", { x: `${index * step + step / 2}%`, y: HEIGHT_PX + 20, "text-anchor": "middle" }, dayOf(day.at)));
  });
  const key = (variant, text) => [make("svg", { class: "icon is-small", viewBox: "0 0 16 16", "aria-hidden": "true" }), text].map((each, index) => {
    if (index) return h("span", {}, each);
    each.append(make("rect", { class: `chart-bar ${variant}`, x: 3, y: 3, width: 10, height: 10, stroke: "none" }));
    return each;
  });
  return h("div", { class: "stack is-tight" }, svg, h("p", { class: "row is-wrap meta" }, key("", t("usage.fresh")), key("is-second", t("usage.cached"))));
}

/** How much of a budget is used. */
export function meter(percent, state) {
  const svg = make("svg", { class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": `${Math.min(percent, 999)} %` });
  svg.append(make("rect", { class: "chart-track", width: 100, height: 6 }), make("rect", { class: `chart-bar ${state === "ok" ? "" : "is-warn"}`, width: Math.min(100, percent), height: 6 }));
  return svg;
}
