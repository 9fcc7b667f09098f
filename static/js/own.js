// What is one's own, in tabs: usage and permissions, the profile, log-in and sessions, and what is taken along or deleted.

import { account } from "./account.js";
import { call } from "./api.js";
import { usageChart } from "./chart.js";
import { fill, h, iconButton } from "./dom.js";
import { errorText, t } from "./i18n.js";
import { leaving } from "./own-leave.js";
import { profile } from "./own-profile.js";
import { security } from "./own-security.js";
import { toast } from "./status.js";
import { budgetState, facts } from "./usage.js";
import { transfer } from "./transfer.js";
import { openFile, openFiles } from "./workdir.js";

const get = (path) => call("GET", path, { token: account.token });

/** The files of a conversation's agent. */
export const openWorkdir = openFiles;
export const openWorkFile = openFile;

/** `changed()` is called when conversations came in, `gone(reason)` when the account was deleted. */
export const openAccount = (app, changed) => {
  const close = () => dialog.close();
  const panels = [
    ["usage", usage], ["profile", () => profile()], ["security", () => security()],
    ["data", () => [transfer(changed), leaving(() => { close(); app.leave("deleted"); })]],
  ];
  const panel = h("div", { class: "stack own", role: "tabpanel", id: "own-panel", tabindex: -1 });
  const show = (name, draw) => {
    for (const tab of tabs) {
      const is = tab.id === `own-${name}`;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `own-${name}`);
    fill(panel, draw());
  };
  const tabs = panels.map(([name, draw]) => h("button", { class: "tab", type: "button", role: "tab", id: `own-${name}`, "aria-controls": "own-panel", onclick: () => show(name, draw) }, t(`own.tab.${name}`)));
  const dialog = h("dialog", { class: "dialog is-wide", "aria-labelledby": "own-title", onclose: () => dialog.remove() },
    h("div", { class: "stack own" },
      h("div", { class: "row" }, h("h2", { class: "title is-xl u-grow", id: "own-title" }, t("account")), iconButton("close", t("close"), close)),
      h("div", { class: "row tabs", role: "tablist", "aria-label": t("account"), onkeydown: (event) => turn(event, tabs) }, tabs), panel));
  show(...panels[0]);
  document.body.append(dialog);
  dialog.showModal();
  tabs[0].focus();
};

/** Arrow keys go from tab to tab, as people expect of tabs. */
function turn(event, tabs) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
}

function usage() {
  const used = h("div", { class: "stack" }, h("div", { class: "skeleton" }));
  const tools = h("div", { class: "stack is-tight" });
  showUsage(used);
  showTools(tools);
  return [h("section", { class: "stack" }, h("h3", { class: "title" }, t("own.usage")), used), tools];
}

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
