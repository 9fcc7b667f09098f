// Accounts: who there is, and what an administrator does for them.

import { account } from "./account.js";
import { admin, attempt, badge, button, head, Table } from "./admin-parts.js";
import { budgetDialog } from "./admin-usage.js";
import { ask } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { field, isName, isPassword } from "./field.js";
import { bytes, dateOf, graphemes, number, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import { toast } from "./status.js";

/** A search begins when the keyboard rests for this long. */
const SEARCH_AFTER_MS = 250;

export function usersSection() {
  let timer = 0;
  const search = h("input", {
    class: "input", type: "search", placeholder: t("users.search"), "aria-label": t("users.search"), autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(timer); timer = setTimeout(() => table.refresh(), SEARCH_AFTER_MS); },
  });
  const table = new Table({
    caption: t("admin.users"), empty: t("users.none"),
    columns: [[t("users.name")], [t("state")], [t("register.email"), "u-wide meta"], [t("users.created"), "u-wide"], [t("actions")]],
    load: async (cursor) => {
      const { users, cursor: next } = await admin("GET", `users?${new URLSearchParams({ query: search.value.trim(), ...(cursor && { cursor }) })}`);
      return { rows: users, cursor: next };
    },
    row: (user) => row(user, () => table.refresh()),
  });
  return {
    element: [head(t("users.lead"), button("plus", t("users.add"), () => addDialog(() => table.refresh()), "is-primary")),
      h("div", { class: "input-group" }, icon("search"), search), table.element],
    destroy: () => clearTimeout(timer),
  };
}

const shown = (user) => user.displayName || user.username;

function row(user, refresh) {
  const name = shown(user);
  const more = iconButton("more", t("actionsFor", { name }), () => openMenu(more, t("actionsFor", { name }), entries(user, refresh)), { "aria-haspopup": "menu", "data-key": user.userId });
  return [
    h("div", { class: "row" }, h("span", { class: "avatar u-wide", "aria-hidden": "true" }, graphemes(name)[0]?.toUpperCase()),
      h("div", {}, h("span", { class: "table-main", dir: "auto" }, name), name !== user.username && h("span", { class: "meta", dir: "auto" }, user.username))),
    h("span", { class: "row is-wrap" }, user.role === "admin" && badge(t("users.admin"), "info"), !user.isActive && badge(t("users.disabled"), "warn")),
    user.email ?? "–", dateOf(user.createdAt), more,
  ];
}

function entries(user, refresh) {
  const self = user.userId === account.user.userId;
  const name = shown(user);
  const post = (action, done) => async () => { if (await attempt(() => admin("POST", `users/${user.userId}/${action}`), done)) refresh(); };
  return [
    user.role === "admin"
      ? { label: t("users.demote"), symbol: "users", onclick: post("demote", t("users.demoted", { name })) }
      : { label: t("users.promote"), symbol: "users", onclick: post("promote", t("users.promoted", { name })) },
    !self && { label: t("users.password"), symbol: "key", onclick: () => passwordDialog(user) },
    !self && { label: t("users.logout"), symbol: "logout", onclick: post("logout", ({ ended }) => t("users.loggedOut", { name, n: number(ended) })) },
    user.secondStep && !self && { label: t("users.resetStep"), symbol: "key", onclick: post("2fa/reset", t("users.stepReset", { name })) },
    { label: t("users.budget"), symbol: "gauge", onclick: () => budgetOf(user) },
    { label: t("users.unlock"), symbol: "clock", onclick: post("unlock", t("users.unlocked", { name })) },
    !self && (user.isActive
      ? { label: t("users.disable"), symbol: "stop", onclick: post("disable", t("users.disabledNow", { name })) }
      : { label: t("users.enable"), symbol: "check", onclick: post("enable", t("users.enabledNow", { name })) }),
    !self && { label: t("delete.act"), symbol: "trash", danger: true, onclick: () => deleteDialog(user, refresh) },
  ].filter(Boolean);
}

/** What limits this person; the default for all counts where there is none. */
function budgetOf(user) {
  return attempt(async () => {
    const { budgets } = await admin("GET", "budgets");
    const own = budgets.find((each) => each.userId === user.userId);
    budgetDialog(t("budget.of", { name: shown(user) }), `users/${user.userId}/budget`, own ?? null, () => {});
  });
}

function addDialog(refresh) {
  const name = field({ id: "user-name", label: t("register.name"), note: t("register.nameNote"), autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const password = field({ id: "user-password", label: t("login.password"), note: t("users.passwordNote"), type: "password", autocomplete: "new-password" });
  const email = field({ id: "user-email", label: t("register.email"), note: t("register.emailNote"), type: "email", autocomplete: "off" });
  const role = h("input", { type: "checkbox", id: "user-admin" });
  ask({
    title: t("users.add"), keep: t("cancel"), act: t("users.addAct"),
    fields: [name.element, password.element, email.element, h("label", { class: "row check" }, role, h("span", {}, t("users.isAdmin")))],
    check: () => {
      if (!isName(name.value.trim())) name.problem(t(name.value.trim() ? "error.invalid_username" : "needed"));
      if (!isPassword(password.value)) password.problem(t(password.value ? "error.invalid_password" : "needed"));
      return isName(name.value.trim()) && isPassword(password.value);
    },
    submit: async () => {
      await admin("POST", "users", { username: name.value.trim(), password: password.value, email: email.value.trim() || undefined, role: role.checked ? "admin" : "user" });
      toast(t("users.added", { name: name.value.trim() }));
      refresh();
    },
  });
}

function passwordDialog(user) {
  const next = field({ id: "user-password", label: t("password.new"), note: t("users.passwordNote"), type: "password", autocomplete: "new-password" });
  ask({
    title: t("users.passwordTitle", { name: shown(user) }), lead: t("users.passwordLead"), keep: t("cancel"), act: t("users.passwordAct"), fields: [next.element],
    check: () => {
      if (!isPassword(next.value)) next.problem(t(next.value ? "error.invalid_password" : "needed"));
      return isPassword(next.value);
    },
    submit: async () => {
      await admin("POST", `users/${user.userId}/password`, { password: next.value });
      toast(t("users.passwordDone", { name: shown(user) }));
    },
  });
}

/** Says what goes before it goes. */
async function deleteDialog(user, refresh) {
  const name = shown(user);
  await attempt(async () => {
    const counts = await admin("DELETE", `users/${user.userId}?dryRun=1`);
    ask({
      title: t("users.deleteTitle", { name }), keep: t("cancel"), act: t("delete.act"), danger: true,
      lead: t("users.deleteLead", { conversations: number(counts.conversations), messages: number(counts.messages), files: number(counts.files), size: bytes(counts.messageBytes + counts.fileBytes) }),
      submit: async () => {
        await admin("DELETE", `users/${user.userId}`);
        toast(t("users.deleted", { name }));
        refresh();
      },
    });
  });
}
