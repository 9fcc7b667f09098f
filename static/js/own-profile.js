// One's own profile: how one is called, and the address that logs in as well.

import { account, setUser } from "./account.js";
import { call } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { field } from "./field.js";
import { errorText, t } from "./i18n.js";
import { toast } from "./status.js";

/** Which field an error is about, by its code. */
const FIELD_OF = { invalid_email: "email", email_taken: "email", invalid_profile: "name" };

export function profile() {
  const { user } = account;
  const fields = {
    name: field({ id: "own-name", label: t("profile.name"), note: t("profile.nameNote"), value: user.displayName ?? "", autocomplete: "name", dir: "auto" }),
    email: field({ id: "own-email", label: t("register.email"), note: t("profile.emailNote"), type: "email", value: user.email ?? "", autocomplete: "email", spellcheck: "false" }),
  };
  const problem = h("div", { role: "alert" });
  const button = h("button", { class: "button is-primary", type: "submit" }, t("budget.save"));
  const failed = (error) => {
    const about = fields[FIELD_OF[error.code]];
    if (!about) return fill(problem, h("p", { class: "row field-error" }, icon("fail", "is-small"), h("span", {}, errorText(error))));
    about.problem(errorText(error));
    return about.input.focus();
  };
  const save = async (event) => {
    event.preventDefault();
    fill(problem);
    button.disabled = true;
    try {
      const body = { displayName: fields.name.value.trim() || null, email: fields.email.value.trim() || null };
      const answer = await call("PUT", "/api/auth/profile", { token: account.token, body });
      setUser(answer.user);
      toast(t("profile.saved"));
    } catch (error) {
      failed(error);
    }
    button.disabled = false;
  };
  return h("form", { class: "stack", novalidate: true, onsubmit: save },
    h("p", {}, h("strong", { dir: "auto" }, user.username), h("span", { class: "meta" }, ` · ${t(user.role === "admin" ? "users.admin" : "own.person")}`)),
    fields.name.element, fields.email.element, problem, h("div", { class: "row" }, button));
}
