// How the page looks. What is chosen while logged in belongs to the account and comes along to its other browsers; what is
// chosen before belongs to this browser. boot.js says which of the two counts.

import { account } from "./account.js";
import { call } from "./api.js";
import { lang, setLang } from "./i18n.js";
import { choice, kept } from "./storage.js";

const root = document.documentElement;

/** Fails where the words of the language cannot be loaded. */
export async function chooseLang(code) {
  await setLang(code);
  remember("language", "lang", code);
}

export function toggleTheme() {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  remember("theme", "theme", root.dataset.theme);
}

/** `name` is what the account calls it, `stored` what this browser does. */
function remember(name, stored, value) {
  if (!account.token) {
    choice.set(stored, value);
    return;
  }
  kept.set("look", { ...kept.get("look"), [name]: value });
  put({ [name]: value });
}

const put = (chosen) => call("PUT", "/api/auth/preferences", { token: account.token, body: chosen }).catch(() => {}); // it counts here all the same

/** After a log-in: how this account looks. A new account begins with what was chosen in this browser. */
export async function takeLook({ isNew = false } = {}) {
  try {
    const { preferences } = isNew ? { preferences: await put(chosenHere()) } : await call("GET", "/api/auth/profile", { token: account.token });
    kept.set("look", preferences);
  } catch { /* without an answer it looks as before */ }
  await showLook();
}

const chosenHere = () => ({ language: choice.get("lang"), theme: choice.get("theme") });

/** Shows what counts now; after the log-out, that is what was chosen in this browser. */
export async function showLook() {
  const { language, theme } = globalThis.lookOfPage();
  if (root.dataset.theme !== theme) root.dataset.theme = theme;
  if (language !== lang()) await setLang(language).catch(() => {});
}
