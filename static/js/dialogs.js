// Dialogs: rename, change the password. They are native dialogs, so the browser handles focus and Escape.

import { changePassword } from "./account.js";
import { fill, h, icon } from "./dom.js";
import { field, isPassword } from "./field.js";
import { errorText, t } from "./i18n.js";
import { toast } from "./status.js";

const NAME_CHARS = 200;

/** Shows a dialog with a form. `submit` may fail: then the dialog stays and says why. `danger` marks what cannot be undone. */
export function ask({ title, lead, fields = [], keep, act, danger = false, check = () => true, submit }) {
  const problem = h("div", { role: "alert" });
  const button = h("button", { class: `button ${danger ? "is-danger" : "is-primary"}`, type: "submit" }, act);
  const form = h("form", { method: "dialog", novalidate: true, onsubmit: (event) => { event.preventDefault(); run(); } },
    h("h2", { class: "title is-xl", id: "dialog-title", dir: "auto" }, title),
    lead && h("p", { class: "lead" }, lead), problem, fields,
    h("div", { class: "row is-wrap dialog-actions" },
      h("button", { class: "button is-quiet", type: "button", onclick: () => dialog.close() }, keep), button));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", onclose: () => dialog.remove() }, form);
  const run = async () => {
    fill(problem);
    if (!check()) {
      form.querySelector("[aria-invalid]")?.focus();
      return;
    }
    button.disabled = true;
    try {
      await submit();
      dialog.close();
    } catch (error) {
      fill(problem, h("div", { class: "alert", "data-state": "fail" }, icon("fail"), h("p", { class: "alert-title" }, errorText(error))));
    }
    button.disabled = false;
  };
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export function renameDialog(record, conversations) {
  const name = field({ id: "rename-name", label: t("rename.label"), value: record.name, maxlength: NAME_CHARS, required: true });
  const dialog = ask({
    title: t("rename.title"), keep: t("cancel"), act: t("rename.act"), fields: [name.element],
    submit: () => (name.value.trim() ? conversations.change(record.imageId, { name: name.value.trim() }) : null),
  });
  dialog.querySelector("input").select();
}

export function passwordDialog() {
  const current = field({ id: "password-current", label: t("password.current"), type: "password", autocomplete: "current-password", required: true });
  const next = field({ id: "password-new", label: t("password.new"), type: "password", autocomplete: "new-password", required: true, minlength: 6, note: t("password.note") });
  ask({
    title: t("password.title"), lead: t("password.lead"), keep: t("cancel"), act: t("password.act"), fields: [current.element, next.element],
    check: () => {
      if (!current.value) current.problem(t("needed"));
      if (!isPassword(next.value)) next.problem(t(next.value ? "error.invalid_password" : "needed"));
      return current.value && isPassword(next.value);
    },
    submit: async () => {
      await changePassword(current.value, next.value);
      toast(t("password.done"));
    },
  });
}
