// Which version of the page runs here: it can be installed, works without a network, and says when the server has
// another one.

import { t } from "./i18n.js";
import { toast } from "./status.js";
import { base } from "./storage.js";
import { scriptUrl } from "./trusted.js";

const script = document.querySelector("script[type=module]").src;
let told = false;

/** Keeps the page for times without a network, where browsers allow that: over https and on localhost. */
export function keepForOffline() {
  navigator.serviceWorker?.register(scriptUrl(`${base}/sw.js`), { updateViaCache: "none" }).catch(() => {}); // works without
}

/** Asks the server which version it has, and offers to load it when it is another one. */
export async function checkVersion() {
  if (told) return;
  const page = await fetch(`${base}/`, { cache: "no-cache", credentials: "omit" }).then((response) => (response.ok ? response.text() : "")).catch(() => "");
  if (!page || page.includes(new URL(script).pathname) || told) return;
  told = true;
  toast(t("version.new"), { symbol: "retry", ms: Infinity, action: { label: t("version.reload"), onclick: () => location.reload() } });
}
