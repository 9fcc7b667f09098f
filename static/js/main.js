// The page begins here: who is logged in decides what is shown.

import { account, drop, loadInfo, verify } from "./account.js";
import { App } from "./app.js";
import { fill } from "./dom.js";
import { loadWords, t } from "./i18n.js";
import { Login } from "./login.js";
import { showLook } from "./look.js";
import { Shell } from "./shell.js";
import { toast } from "./status.js";
import { kept } from "./storage.js";
import { checkVersion, keepForOffline } from "./version.js";

const place = document.getElementById("app");
let app = null;
let shown = null;
/** "conversations" or "administration", once a person is logged in. */
let showing = null;
/** Builds what is shown once more, in another language. */
let remake = () => {};

function show(make) {
  shown?.destroy?.();
  remake = make;
  shown = make();
  fill(place, shown.element);
  shown.focus?.();
}

function showLogin(reason = "") {
  app = null;
  showLook(); // that of this browser
  show(() => new Login({ reason, ondone: start }));
}

async function start() {
  try {
    await loadInfo();
  } catch (error) {
    if (error.status === 401) {
      drop();
      showLogin("expired");
      return;
    }
    // Without the server we still show what we have and keep trying.
  }
  app = new App();
  app.connection.addEventListener("back", checkVersion);
  app.addEventListener("gone", ({ detail }) => {
    drop();
    showLogin(detail);
  });
  app.addEventListener("route", showPlace);
  showing = null;
  await showPlace();
}

/** Conversations, or the administration, whose script is loaded when it is first opened. */
async function showPlace() {
  const wanted = app.section === null ? "conversations" : "administration";
  if (wanted === showing) return;
  showing = wanted;
  if (wanted === "conversations") {
    show(() => new Shell(app));
    return;
  }
  try {
    const { Admin } = await import("./admin.js");
    if (showing === wanted) show(() => new Admin(app));
  } catch {
    toast(t("error.offline"), { symbol: "offline" });
    app.go(null);
  }
}

function begin() {
  if (!account.token || !account.user) {
    showLogin();
    return;
  }
  start();
  verify(account.token); // learns a changed name; a dead token shows itself at the socket
}

addEventListener("languagechosen", () => {
  const name = document.activeElement?.dataset.switch;
  show(remake);
  if (name) place.querySelector(`[data-switch="${name}"]`)?.focus();
});
// A log-in in another tab while this one shows the login page.
kept.watch((name, value) => { if (name === "token" && value && !app) location.reload(); });

loadWords().then(begin);
addEventListener("load", keepForOffline);
