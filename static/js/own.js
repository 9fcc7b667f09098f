// What is one's own: what was used and what is left, and the permissions that were given to tools.

import { account } from "./account.js";
import { call } from "./api.js";
import { usageChart } from "./chart.js";
import { passwordDialog } from "./dialogs.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { errorText, t } from "./i18n.js";
import { toast } from "./status.js";
import { budgetState, facts } from "./usage.js";
import { transfer } from "./transfer.js";
import { openFile, openFiles } from "./workdir.js";

const get = (path) => call("GET", path, { token: account.token });

/** The files of a conversation's agent. */
export const openWorkdir = openFiles;
export const openWorkFile = openFile;

/** `changed()` is called when conversations came in. */
export const openAccount = (changed) => {
  const usage = h("div", { class: "stack" }, h("div", { class: "skeleton" }));
  const tools = h("div", { class: "stack is-tight" });
  const { user } = account;
  const close = () => dialog.close();
  const dialog = h("dialog", { class: "dialog is-wide", "aria-labelledby": "own-title", onclose: () => dialog.remove() },
    h("div", { class: "stack own" },
      h("div", { class: "row" }, h("h2", { class: "title is-xl u-grow", id: "own-title" }, t("account")), iconButton("close", t("close"), close)),
      h("p", {}, h("strong", { dir: "auto" }, user.displayName || user.username), h("span", { class: "meta" }, ` ${user.email ?? ""} · ${t(user.role === "admin" ? "users.admin" : "own.person")}`)),
      h("section", { class: "stack" }, h("h3", { class: "title" }, t("own.usage")), usage), tools, transfer(changed),
      h("div", { class: "row is-wrap dialog-actions" }, h("button", { class: "button", type: "button", onclick: () => { close(); passwordDialog(); } }, icon("key", "is-small"), t("password.title")))));
  document.body.append(dialog);
  dialog.showModal();
  showUsage(usage);
  showTools(tools);
};

async function showUsage(place) {
  try {
    const report = await get("/api/usage?by=day");
    fill(place, budgetState(report.budget), facts(report.total), report.groups.length > 0 && usageChart(report));
  } catch (error) {
    fill(place, h("p", { class: "meta" }, errorText(error)));
  }
}

/** Tools that may be used without a question, and how to take that back. */
async function showTools(place) {
  const { allowed = [] } = await get("/api/tools").catch(() => ({}));
  if (!allowed.length) return fill(place);
  const forget = async (tool) => {
    try {
      await call("DELETE", `/api/tools/allowed?${new URLSearchParams({ tool })}`, { token: account.token });
      toast(t("own.forgotten", { tool }));
    } catch (error) {
      toast(errorText(error), { symbol: "fail" });
    }
    showTools(place);
  };
  return fill(place, h("h3", { class: "title" }, t("own.tools")), h("ul", { class: "ruled" }, allowed.map((tool) =>
    h("li", { class: "row" }, h("code", { class: "u-grow" }, tool), iconButton("trash", t("own.forget", { tool }), () => forget(tool), { variant: "is-small" })))));
}
