// Invite codes: made, copied, taken back.

import { admin, attempt, badge, button, head, Table } from "./admin-parts.js";
import { ask } from "./dialogs.js";
import { h, iconButton } from "./dom.js";
import { field } from "./field.js";
import { dateOf, number, t } from "./i18n.js";
import { copyAndTell } from "./status.js";

const DAY_SECONDS = 86_400;
const DEFAULT_DAYS = 7;

export function invitesSection() {
  const table = new Table({
    caption: t("admin.invites"), empty: t("invites.none"),
    columns: [[t("invites.code")], [t("state")], [t("invites.note"), "u-wide meta"], [t("actions")]],
    load: async (cursor) => {
      const { invites, cursor: next } = await admin("GET", `invites${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`);
      return { rows: invites, cursor: next };
    },
    row: (invite) => row(invite, () => table.refresh()),
  });
  return { element: [head(t("invites.lead"), button("plus", t("invites.add"), () => addDialog(() => table.refresh()), "is-primary")), table.element] };
}

function row({ code, usesLeft, expiresAt, note }, refresh) {
  const over = !usesLeft || expiresAt < Date.now();
  const revoke = async () => { if (await attempt(() => admin("DELETE", `invites/${encodeURIComponent(code)}`), t("invites.revoked", { code }))) refresh(); };
  return [
    h("div", {}, h("code", {}, code), note && h("p", { class: "meta u-narrow", dir: "auto" }, note)),
    over ? badge(t(usesLeft ? "invites.expired" : "invites.used")) : badge(t("invites.left", { n: number(usesLeft), date: dateOf(expiresAt) }), "info"),
    h("span", { dir: "auto" }, note ?? ""),
    h("span", { class: "row u-end-row" }, !over && iconButton("copy", t("invites.copy", { code }), () => copyAndTell(code), { "data-key": `copy-${code}` }),
      iconButton("trash", t("invites.revoke", { code }), revoke, { "data-key": code })),
  ];
}

function addDialog(refresh) {
  const note = field({ id: "invite-note", label: t("invites.note"), note: t("invites.noteNote"), autocomplete: "off" });
  const uses = field({ id: "invite-uses", label: t("invites.uses"), type: "number", value: "1", min: 1, max: 1000, inputmode: "numeric" });
  const days = field({ id: "invite-days", label: t("invites.days"), type: "number", value: String(DEFAULT_DAYS), min: 1, max: 365, inputmode: "numeric" });
  const isCount = (each) => Number.isInteger(Number(each.value)) && Number(each.value) >= 1;
  ask({
    title: t("invites.add"), keep: t("cancel"), act: t("invites.addAct"), fields: [note.element, uses.element, days.element],
    check: () => {
      for (const each of [uses, days]) if (!isCount(each)) each.problem(t("invites.number"));
      return isCount(uses) && isCount(days);
    },
    submit: async () => {
      const { code } = await admin("POST", "invites", { note: note.value.trim() || undefined, uses: Number(uses.value), expiresInSeconds: Number(days.value) * DAY_SECONDS });
      refresh();
      await copyAndTell(code);
    },
  });
}
