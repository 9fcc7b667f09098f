// The end of an account: what goes with it is said before, and what should be kept is exported first.

import { account } from "./account.js";
import { call } from "./api.js";
import { ask } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { field } from "./field.js";
import { bytes, errorText, number, t } from "./i18n.js";
import { toast } from "./status.js";

const send = (query, body) => call("POST", `/api/auth/delete${query}`, { token: account.token, body });

/** `gone()` is called when the account does not exist any more. */
export function leaving(gone) {
  return h("section", { class: "stack is-tight" }, h("h3", { class: "title" }, t("leave.title")), h("p", { class: "meta" }, t("leave.lead")),
    h("div", { class: "row" }, h("button", { class: "button is-small is-danger", type: "button", onclick: () => confirm(gone) }, icon("trash", "is-small"), t("leave.act"))));
}

async function confirm(gone) {
  try {
    const counts = await send("?dryRun=1", {});
    const password = field({ id: "leave-password", label: t("password.current"), type: "password", autocomplete: "current-password", required: true });
    const code = counts.secondStep && field({ id: "leave-code", label: t("step.code"), note: t("step.orRecovery"), autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", required: true });
    ask({
      title: t("leave.ask"), keep: t("cancel"), act: t("leave.act"), danger: true,
      lead: t("leave.counts", { conversations: number(counts.conversations), messages: number(counts.messages), size: bytes(counts.messageBytes + counts.fileBytes), logins: number(counts.logins) }),
      fields: [h("p", { class: "meta" }, t("leave.stays")), password.element, code && code.element],
      check: () => {
        const empty = [password, code].filter((each) => each && !each.value.trim());
        for (const each of empty) each.problem(t("needed"));
        return !empty.length;
      },
      submit: async () => {
        await send("", { password: password.value, ...(code && { code: code.value }) });
        gone();
      },
    });
  } catch (error) {
    toast(errorText(error), { symbol: "fail" });
  }
}
