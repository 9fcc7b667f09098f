// ⌘K: every conversation by name, what was said in them, and what can be done from anywhere.

import { account } from "./account.js";
import { h } from "./dom.js";
import { fullTime, t } from "./i18n.js";
import { openPicker } from "./picker.js";

/** So many conversations are looked through; older ones come page by page. */
const MOST_CONVERSATIONS = 1_000;
/** Without a question, the newest ones. */
const NEWEST = 8;
/** Messages on offer, and how long nothing has to be typed before they are searched for. */
const MESSAGES = 20;
const TYPING_MS = 150;

export function openPalette(app) {
  openPicker({ title: t("palette.title"), search: t("palette.search"), find: (query) => find(app, query), later: (query) => messages(app, query) });
}

async function find(app, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (text) => words.every((word) => text.toLowerCase().includes(word));
  const { conversations } = app;
  if (words.length) await loadAll(conversations);
  const found = conversations.records.filter((record) => matches(record.name || t("untitled")));
  const named = (words.length ? found : found.slice(0, NEWEST)).map((record) => ({
    label: record.name || t("untitled"), note: fullTime(record.updatedAt), group: t("conversations"), checked: record.imageId === app.imageId, pick: () => app.go(record.imageId),
  }));
  return [...named, ...actions(app).filter(({ label }) => matches(label)).map((action) => ({ ...action, group: t("actions") }))];
}

/** Messages that have these words, as the server finds them. */
async function messages(app, query) {
  if (!query) return [];
  await new Promise((resolve) => setTimeout(resolve, TYPING_MS));
  const answer = await app.connection.request("search_request", { query, limit: MESSAGES }).catch(() => null); // names are found without a connection, too
  return (answer?.hits ?? []).map((hit) => ({
    label: hit.name || t("untitled"), note: hit.snippet.map(({ text, match }) => (match ? h("mark", {}, text) : text)), group: t("palette.messages"),
    pick: () => {
      app.go(hit.imageId);
      if (hit.turnId) location.hash = `${hit.role === "user" ? "q" : "a"}-${hit.turnId}`;
    },
  }));
}

const actions = (app) => [
  { label: t("new.long"), symbol: "plus", pick: () => app.go(null) },
  account.user?.role === "admin" && { label: t("admin"), symbol: "settings", pick: () => app.goAdmin() },
  { label: t("logout"), symbol: "logout", pick: () => app.logOut() },
].filter(Boolean);

async function loadAll(conversations) {
  while (conversations.more && conversations.records.length < MOST_CONVERSATIONS) {
    const known = conversations.records.length;
    await conversations.loadMore().catch(() => {}); // without a connection, what is here has to do
    if (conversations.records.length === known) return;
  }
}
