// Tool servers: declared by administrators, with their state, their tools, and what they said when they broke.

import { admin, attempt, badge, button, failed, head, skeleton } from "./admin-parts.js";
import { ask } from "./dialogs.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { field } from "./field.js";
import { number, seconds, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import { toast } from "./status.js";

/** A test starts the server and asks it for its tools. */
const TEST_MS = 60_000;
/** How states look; what is not here is neutral. */
const STATES = { ready: "pass", starting: "info", slow: "warn", broken: "fail" };
const EXAMPLE = '{ "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/srv/files"] }';

export function toolsSection() {
  const place = h("div", { class: "stack" }, skeleton());
  let gone = false;

  async function load() {
    try {
      const { servers, error } = await admin("GET", "mcp");
      if (gone) return;
      fill(place, error && h("div", { class: "alert", "data-state": "fail" }, icon("fail"), h("p", { class: "alert-title" }, t("tools.unreadable")), h("p", { lang: "en" }, error)),
        servers.length ? h("ul", { class: "ruled" }, servers.map((server) => item(server, load))) : h("p", { class: "meta" }, t("tools.none")));
    } catch (error) {
      if (!gone) fill(place, failed(error, load));
    }
  }

  load();
  return { element: [head(t("tools.lead"), button("plus", t("tools.add"), () => edit(null, load), "is-primary")), place], destroy: () => { gone = true; } };
}

function item(server, reload) {
  const { name, declaration, state, era, version, tools, quarantined, error, stderr } = server;
  const more = iconButton("more", t("actionsFor", { name }), () => openMenu(more, t("actionsFor", { name }), entries(server, reload)), { "aria-haspopup": "menu" });
  const where = declaration?.url ?? [declaration?.command, ...(declaration?.args ?? [])].filter(Boolean).join(" ");
  const facts = [declaration?.scope === "user" && t("tools.perUser"), t(declaration?.approval === "auto" ? "tools.auto" : "tools.asks"), version && `${era} ${version}`].filter(Boolean).join(" · ");
  return h("li", { class: "stack is-tight tool-server" },
    h("div", { class: "row" }, h("div", { class: "u-grow" }, h("span", { class: "table-main" }, name), h("code", { class: "meta", dir: "ltr" }, where)), badge(t(`tools.${state}`), STATES[state] ?? null), more),
    h("p", { class: "meta" }, facts),
    error && h("p", { class: "row field-error" }, icon("fail", "is-small"), h("span", { lang: "en" }, error)),
    tools.length > 0 && fold(t("tools.count", { n: number(tools.length) }), h("dl", {}, tools.map((tool) => [h("dt", {}, h("code", {}, tool.name)), h("dd", { class: "meta" }, h("span", { dir: "auto" }, tool.description), hints(tool.hints))]))),
    quarantined.length > 0 && fold(t("tools.quarantined", { n: number(quarantined.length) }), h("dl", {}, quarantined.map((tool) => [h("dt", {}, h("code", {}, tool.name)), h("dd", { class: "meta", lang: "en" }, tool.reason)]))),
    stderr.length > 0 && fold(t("tools.stderr"), h("pre", { class: "log-lines", tabindex: 0, dir: "ltr" }, stderr.join("\n"))));
}

/** What a server says about a tool is shown and never believed. */
const hints = (said) => {
  const words = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"].filter((hint) => said?.[hint] === true).map((hint) => t(`tools.${hint}`));
  return words.length > 0 && h("p", { class: "row" }, icon("info", "is-small"), t("tools.says", { hints: words.join(", ") }));
};

const fold = (title, body) => h("details", { class: "fold" }, h("summary", {}, title), body);

function entries(server, reload) {
  const { name, readOnly, declaration } = server;
  const change = (changes, done) => async () => { if (await attempt(() => admin("PUT", `mcp/${encodeURIComponent(name)}`, { ...declaration, ...changes }), done)) reload(); };
  return [
    { label: t("tools.test"), symbol: "pulse", onclick: () => test(name).then(reload) },
    !readOnly && (declaration?.approval === "auto"
      ? { label: t("tools.ask"), symbol: "key", onclick: change({ approval: "ask" }, t("tools.asksNow", { name })) }
      : { label: t("tools.allow"), symbol: "check", onclick: change({ approval: "auto" }, t("tools.autoNow", { name })) }),
    !readOnly && (declaration?.disabled
      ? { label: t("users.enable"), symbol: "check", onclick: change({ disabled: false }, t("users.enabledNow", { name })) }
      : { label: t("users.disable"), symbol: "stop", onclick: change({ disabled: true }, t("users.disabledNow", { name })) }),
    !readOnly && { label: t("edit"), symbol: "edit", onclick: () => edit(server, reload) },
    !readOnly && { label: t("providers.remove"), symbol: "trash", danger: true, onclick: async () => { if (await attempt(() => admin("DELETE", `mcp/${encodeURIComponent(name)}`), t("providers.removed", { name }))) reload(); } },
  ].filter(Boolean);
}

const test = (name) => attempt(async () => {
  const { state, tools, tookMs, error } = await admin("POST", `mcp/${encodeURIComponent(name)}/test`, {}, { timeout: TEST_MS });
  if (state === "broken" || error) toast(t("tools.bad", { name, why: error ?? "" }), { symbol: "fail", ms: 10_000 });
  else toast(t("tools.good", { name, n: number(tools.length), time: seconds(tookMs) }), { symbol: "pass" });
});

/** The declaration as people paste it: what stands behind the name in `mcpServers`. */
function edit(server, reload) {
  const name = field({ id: "tools-name", label: t("providers.name"), note: t("tools.nameNote"), value: server?.name ?? "", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const area = h("textarea", { class: "input declaration", id: "tools-declaration", rows: 8, spellcheck: "false", dir: "ltr", "aria-describedby": "tools-note", value: server ? JSON.stringify(server.declaration, null, 2) : EXAMPLE });
  const note = h("p", { class: "meta", id: "tools-note" }, t("tools.declarationNote"));
  const parsed = () => {
    try {
      const value = JSON.parse(area.value);
      const [only] = Object.entries(value.mcpServers ?? {});
      return only ? { name: only[0], ...only[1] } : value;
    } catch {
      return null;
    }
  };
  ask({
    title: server ? t("providers.change", { name: server.name }) : t("tools.add"), lead: t("tools.formLead"), keep: t("cancel"), act: t("budget.save"),
    fields: [!server && name.element, h("div", { class: "stack is-tight" }, h("label", { class: "field-label", for: "tools-declaration" }, t("tools.declaration")), area, note)],
    check: () => {
      const value = parsed();
      note.className = value ? "meta" : "field-error";
      note.textContent = t(value ? "tools.declarationNote" : "tools.notJson");
      if (value) area.removeAttribute("aria-invalid");
      else area.setAttribute("aria-invalid", "true");
      if (!server && !name.value.trim() && !value?.name) name.problem(t("needed"));
      return value && (server || name.value.trim() || value.name);
    },
    submit: async () => {
      const { name: pasted, ...declaration } = parsed();
      if (server) await admin("PUT", `mcp/${encodeURIComponent(server.name)}`, declaration);
      else await admin("POST", "mcp", { ...declaration, name: name.value.trim() || pasted });
      toast(t("tools.saved"));
      reload();
    },
  });
}
