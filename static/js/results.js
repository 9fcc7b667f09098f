// What goes into a call and what comes of it, as people read it: names and values, and links.

import { h, icon } from "./dom.js";
import { t } from "./i18n.js";

/** The input of a call, name by name, texts as they are: [name or null for all of it, text]. */
export function inputPairs(input) {
  const value = typeof input === "string" ? parsed(input) : input;
  const entries = value && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [];
  if (!entries.length) return [[null, pretty(input)]];
  return entries.map(([name, each]) => [name, typeof each === "string" ? each : JSON.stringify(each, null, 2)]);
}

export const pair = (name, text) => [h("dt", {}, name), h("dd", {}, h("pre", { tabindex: 0, dir: "ltr", "aria-label": name }, text))];

/** What is asked for consent. */
export const inputList = (input) => h("dl", { class: "approval-input" }, inputPairs(input).map(([name, text]) => pair(name ?? t("step.input"), text)));

/** A value as people read it. */
export function pretty(value) {
  if (typeof value !== "string") return JSON.stringify(value ?? {}, null, 2);
  const found = parsed(value);
  return found && typeof found === "object" ? JSON.stringify(found, null, 2) : value;
}

/** Notes of the server behind a text, each in a line: what was kept as which file. */
const NOTES = /(\n\[[^\n]*\])+$/;

/** Whether a text is this value, as servers repeat their structured content. */
export const says = (text, value) => typeof text === "string" && value !== undefined && same(parsed(text.replace(NOTES, "")), value);

/** What a result points to: links where a browser can follow them, else words. */
export const links = (resources) => h("ul", { class: "stack step-links", "aria-label": t("step.links") }, resources.map(({ uri, name, mediaType }) => {
  const isWeb = isFollowed(uri);
  return h("li", { class: "row" }, icon(isWeb ? "external" : "file", "is-small"),
    h("span", { class: "u-truncate", dir: "auto" }, isWeb ? h("a", { href: uri, target: "_blank", rel: "noopener noreferrer" }, name) : name),
    name !== uri && h("span", { class: "meta u-truncate", dir: "ltr" }, isWeb ? new URL(uri).host : uri),
    mediaType && h("span", { class: "meta", dir: "ltr" }, mediaType));
}));

const isFollowed = (uri) => /^https?:\/\//i.test(uri) && URL.canParse(uri);

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

function same(left, right) {
  if (left === right) return true;
  if (!left || !right || typeof left !== "object" || typeof right !== "object" || Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key]));
}
