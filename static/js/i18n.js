// Wording, numbers and times in the page's language, and a guess at the language of what others wrote.

const root = document.documentElement;
const DAY_MS = 86_400_000;

/** "en" or "zh". */
export const lang = () => (root.lang.startsWith("zh") ? "zh" : "en");
/** The browser's region, where its language is the page's. */
const locale = () => navigator.languages?.find((code) => code.toLowerCase().startsWith(lang())) ?? (lang() === "zh" ? "zh-CN" : "en-GB");

let words = {};

/** Loads the words of the page's language; only this one is loaded. */
export async function loadWords(code = lang()) {
  words = (await import(`./words.${code}.js`)).default;
}

/** Changes the language of the page. Fails where its words cannot be loaded. */
export async function setLang(code) {
  await loadWords(code);
  root.lang = code === "zh" ? "zh-CN" : "en";
  dispatchEvent(new Event("languagechosen"));
}

/** The wording under `key`; `{name}` in it is filled in from `values`. */
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const knows = (key) => key in words;

/** What went wrong, in the page's language where we know the code, else in the server's words. */
export function errorText(failure) {
  const key = `error.${failure.code}`;
  // In English the server's sentence about the provider says more than ours.
  if (lang() === "en" && failure.code?.startsWith("upstream_") && failure.message) return failure.message;
  const values = { wait: failure.retryAfter ? seconds(failure.retryAfter * 1000) : t("moment") };
  if (knows(key)) return t(key, values);
  return failure.message || t("error.unknown");
}

/** Formatters by what they are made from: making one costs a hundred times what using it does. */
const formatters = new Map();

function formatter(Kind, options = {}) {
  const key = `${Kind.name} ${locale()} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) formatters.set(key, new Kind(locale(), options));
  return formatters.get(key);
}

export const number = (value) => formatter(Intl.NumberFormat).format(value);

/** "200K", "20万". */
export const compact = (value) => formatter(Intl.NumberFormat, { notation: "compact" }).format(value);

/** "41.2 MB". */
export function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return formatter(Intl.NumberFormat, { style: "unit", unit: units[power], unitDisplay: power ? "short" : "long", maximumFractionDigits: power ? 1 : 0 }).format(value / 1000 ** power);
}

/** "0.3 s", "14 s", "2 min". */
export function seconds(ms) {
  const value = ms / 1000;
  if (value >= 90) return t("minutes", { n: Math.round(value / 60) });
  return t("seconds", { n: number(value < 10 ? Math.max(1, Math.round(value * 10)) / 10 : Math.round(value)) });
}

const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);
const format = (ms, options) => formatter(Intl.DateTimeFormat, options).format(ms);

/** "09:12". */
export const hourOf = (ms) => format(ms, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** "09:12" today, with the day in front of it on other days. */
export function clock(ms) {
  const time = hourOf(ms);
  return midnight(ms) === midnight(Date.now()) ? time : `${format(ms, { day: "numeric", month: "short" })} ${time}`;
}

export const fullTime = (ms) => format(ms, { dateStyle: "full", timeStyle: "short" });

/** "15 June 2026". */
export const dateOf = (ms) => format(ms, { dateStyle: "long" });

/** "24 Nov". */
export const dayOf = (ms) => format(ms, { day: "numeric", month: "short" });

/** Millionths of a dollar. Less than a cent is not nothing. */
export function money(micros) {
  const digits = micros > 0 && micros < 10_000 ? 4 : 2;
  return formatter(Intl.NumberFormat, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(micros / 1_000_000);
}

/** The heading under which a conversation stands: today, yesterday, the last week, then months. */
export function dayGroup(ms) {
  const days = Math.round((midnight(Date.now()) - midnight(ms)) / DAY_MS);
  if (days <= 0) return t("day.today");
  if (days === 1) return t("day.yesterday");
  if (days <= 7) return t("day.week");
  const sameYear = new Date(ms).getFullYear() === new Date().getFullYear();
  return format(ms, sameYear ? { month: "long" } : { month: "long", year: "numeric" });
}

const segmenter = new Intl.Segmenter();

/** What people see as characters: a family of emoji is one. */
export const graphemes = (text) => [...segmenter.segment(text)].map(({ segment }) => segment);

/** Which language a text is probably in; fonts and line height follow it. */
export function langOf(text) {
  const sample = text.slice(0, 2000);
  if (/[\u3040-\u30ff]/.test(sample)) return "ja";
  if (/[\uac00-\ud7af]/.test(sample)) return "ko";
  if (/[\u3400-\u9fff]/.test(sample)) return "zh-CN";
  if (/[\u0600-\u06ff]/.test(sample)) return "ar";
  return "en";
}
