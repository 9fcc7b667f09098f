// The providers of models: the one of the settings, and those that administrators add.

import { admin, attempt, badge, button, head, Table } from "./admin-parts.js";
import { CHECK_MS, providerForm, vendorName } from "./admin-provider-form.js";
import { loadInfo } from "./account.js";
import { ask } from "./dialogs.js";
import { h, iconButton } from "./dom.js";
import { number, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import { toast } from "./status.js";

export function providersSection(app) {
  let vendors = [];
  const changed = async () => {
    loadInfo().catch(() => {}); // the page asks again with the next connection
    await app.models.refresh({ now: true }); // which the list then knows, too
    table.refresh();
  };
  const table = new Table({
    caption: t("admin.providers"), empty: t("providers.none"),
    columns: [[t("providers.name")], [t("state")], [t("providers.key"), "u-wide meta"], [t("providers.models"), "u-wide u-number"], [t("actions")]],
    load: async () => {
      const answer = await admin("GET", "providers");
      vendors = answer.vendors;
      return { rows: answer.providers };
    },
    row: (provider) => row(provider, vendors, changed),
  });
  return { element: [head(t("providers.lead"), button("plus", t("providers.add"), () => edit(vendors, null, changed), "is-primary")), table.element] };
}

function row(provider, vendors, changed) {
  const { name, kind, url, key, models, source, isDefault, ready, problem } = provider;
  const more = iconButton("more", t("actionsFor", { name }), () => openMenu(more, t("actionsFor", { name }), entries(provider, vendors, changed)), { "aria-haspopup": "menu", "data-key": name });
  return [
    h("div", {}, h("span", { class: "table-main" }, vendorName(name)), h("span", { class: "meta", dir: "ltr" }, url ?? kind)),
    h("span", { class: "row is-wrap" }, isDefault && badge(t("providers.default"), "info"), source === "settings" && badge(t("providers.fixed")),
      ready ? badge(t(problem ? "providers.problem" : "providers.ready"), problem ? "fail" : "pass") : badge(t("providers.noKey"), "warn"),
      ready && problem && h("span", { class: "meta", lang: "en" }, problem)),
    h("span", { dir: "ltr" }, key ?? "–"), models === null ? "–" : number(models), more,
  ];
}

function entries(provider, vendors, changed) {
  const { name, readOnly } = provider;
  return [
    { label: t("providers.test"), symbol: "pulse", onclick: () => attempt(async () => told(await admin("POST", `providers/${name}/test`, {}, { timeout: CHECK_MS }))).then(changed) },
    !readOnly && { label: t("edit"), symbol: "edit", onclick: () => edit(vendors, provider, changed) },
    !readOnly && { label: t("providers.remove"), symbol: "trash", danger: true, onclick: () => remove(name, changed) },
  ].filter(Boolean);
}

/** Says what the check found. */
function told({ checked, models, message }) {
  if (checked) toast(t("providers.good", { n: number(models) }), { symbol: "pass" });
  else toast(message, { symbol: "warn", ms: 10_000 });
}

function edit(vendors, provider, changed) {
  const form = providerForm({ vendors, provider });
  ask({
    title: provider ? t("providers.change", { name: vendorName(provider.name) }) : t("providers.add"), lead: t("providers.formLead"), keep: t("cancel"), act: t("providers.save"),
    fields: [form.vendor, form.where, form.key, form.rest], check: form.check,
    submit: async () => {
      told(await form.save());
      changed();
    },
  });
}

function remove(name, changed) {
  ask({
    title: t("providers.removeTitle", { name: vendorName(name) }), lead: t("providers.removeLead"), keep: t("cancel"), act: t("providers.remove"), danger: true,
    submit: async () => {
      await admin("DELETE", `providers/${name}`);
      toast(t("providers.removed", { name: vendorName(name) }));
      changed();
    },
  });
}
