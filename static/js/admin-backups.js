// Backups: made now, verified, downloaded. Making and verifying go on on the server; the list shows how far they are.

import { account } from "./account.js";
import { admin, attempt, badge, button, failed, head, Table } from "./admin-parts.js";
import { base } from "./storage.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { bytes, dateOf, hourOf, number, t } from "./i18n.js";
import { announce, toast } from "./status.js";

/** How often a running operation is looked at. */
const POLL_MS = 1_000;
/** A large archive takes its time. */
const DOWNLOAD_MS = 60 * 60_000;

export function backupsSection() {
  const status = h("div", {});
  let timer = 0;
  let running = false;
  const verified = new Map();
  const table = new Table({
    caption: t("admin.backups"), empty: t("backups.none"),
    columns: [[t("backups.made")], [t("state")], [t("size"), "u-wide u-number"], [t("actions")]],
    load: async (cursor) => {
      const { backups, cursor: next, operation } = await admin("GET", `backups${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`);
      follow(operation);
      return { rows: backups, cursor: next };
    },
    row: (backup) => row(backup, verified.get(backup.name), begin),
  });

  function follow(operation) {
    clearTimeout(timer);
    const wasRunning = running;
    running = operation?.state === "running";
    if (operation?.kind === "verify_backup" && !running) verified.set(operation.backup, operation.state);
    fill(status, operation && progress(operation));
    if (running) timer = setTimeout(() => table.refresh(), POLL_MS);
    else if (wasRunning) announce(t(`backups.${operation.state}`));
  }

  async function begin(path) {
    await attempt(async () => follow((await admin("POST", path, {})).operation));
  }

  return {
    element: [head(t("backups.lead"), button("backup", t("backups.make"), () => begin("backups"), "is-primary")), status, table.element],
    destroy: () => clearTimeout(timer),
  };
}

/** What runs, or ran last. */
function progress({ kind, state, step, doneBytes, totalBytes, summary, error }) {
  if (state === "failed") return failed({ code: error.code, message: error.error, hint: error.hint });
  if (state === "done") {
    return h("div", { class: "alert", "data-state": "pass", role: "status" }, icon("pass"), h("p", { class: "alert-title" }, t(`backups.${kind}.done`)), summary && h("p", { lang: "en" }, summary));
  }
  const percent = totalBytes ? Math.min(100, Math.floor((100 * doneBytes) / totalBytes)) : null;
  return h("div", { class: "alert", "data-state": "running" }, icon("spinner"),
    h("p", { class: "alert-title" }, t(`backups.${kind}.running`), percent !== null && ` ${number(percent)} %`),
    step && h("p", { class: "meta", lang: "en" }, step),
    h("progress", { class: "progress", "aria-label": t(`backups.${kind}.running`), max: 100, value: percent }));
}

function row({ name, bytes: size, madeAt, encrypted }, state, begin) {
  const when = `${dateOf(madeAt)} ${hourOf(madeAt)}`;
  return [
    h("div", {}, h("time", { class: "table-main", datetime: new Date(madeAt).toISOString() }, when), h("span", { class: "meta" }, name), h("span", { class: "meta u-narrow" }, ` · ${bytes(size)}`)),
    h("span", { class: "row is-wrap" }, state === "done" && badge(t("backups.verified"), "pass"), state === "failed" && badge(t("backups.damaged"), "fail"), encrypted && badge(t("backups.encrypted"))),
    bytes(size),
    h("span", { class: "row u-end-row" },
      !encrypted && iconButton("check", t("backups.verify", { when }), () => begin(`backups/${encodeURIComponent(name)}/verify`), { "data-key": `verify-${name}` }),
      iconButton("download", t("backups.download", { when }), () => attempt(() => download(name)), { "data-key": `get-${name}` })),
  ];
}

/** A link could not carry the login; the browser keeps what comes on its disk. */
async function download(name) {
  const stop = toast(t("backups.downloading", { name }), { symbol: "download", ms: Infinity });
  try {
    const response = await fetch(`${base}/api/admin/backups/${encodeURIComponent(name)}`, { headers: { Authorization: `Bearer ${account.token}` }, credentials: "omit", signal: AbortSignal.timeout(DOWNLOAD_MS) });
    if (!response.ok) throw Object.assign(new Error(), { code: (await response.json().catch(() => ({}))).code ?? "unexpected_answer" });
    const url = URL.createObjectURL(await response.blob());
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_MS);
  } finally {
    stop();
  }
}
