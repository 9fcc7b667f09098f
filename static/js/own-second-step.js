// Two-step log-in: a code of an app besides the password, and codes on paper for the day when the phone is lost.

import { account } from "./account.js";
import { call } from "./api.js";
import { copy } from "./clipboard.js";
import { ask } from "./dialogs.js";
import { fill, h, icon } from "./dom.js";
import { field } from "./field.js";
import { errorText, number, t } from "./i18n.js";
import { toast } from "./status.js";

const request = (method, path = "", body) => call(method, `/api/auth/2fa${path}`, { token: account.token, body });
const password = () => field({ id: "step-password", label: t("password.current"), type: "password", autocomplete: "current-password", required: true });
const code = (note = "") => field({ id: "step-code", label: t("step.code"), note, autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", required: true });

/** True when all are filled in; says it at those that are not. */
function filled(...fields) {
  for (const each of fields) if (!each.value.trim()) each.problem(t("needed"));
  return fields.every((each) => each.value.trim());
}

export function secondStep() {
  const place = h("div", { class: "stack is-tight" }, h("div", { class: "skeleton" }));
  show(place);
  return h("section", { class: "stack is-tight" }, h("h3", { class: "title", id: "step-title", tabindex: -1 }, t("step.title")), place);
}

async function show(place) {
  const button = (symbol, key, onclick, variant = "") => h("div", { class: "row" }, h("button", { class: `button is-small ${variant}`.trim(), type: "button", onclick }, icon(symbol, "is-small"), h("span", {}, t(key))));
  const again = () => show(place).then(() => document.getElementById("step-title")?.focus());
  try {
    const { on, recoveryCodesLeft } = await request("GET");
    fill(place, h("p", { class: "meta" }, on ? t("step.on", { n: number(recoveryCodesLeft) }) : t("step.off")),
      on ? button("close", "step.turnOff", () => turnOff(again)) : button("key", "step.setUp", () => begin(again)));
  } catch (error) {
    fill(place, h("p", { class: "meta" }, errorText(error)));
  }
}

function begin(again) {
  const current = password();
  ask({
    title: t("step.title"), lead: t("step.lead"), keep: t("cancel"), act: t("step.next"), fields: [current.element],
    check: () => filled(current),
    submit: async () => confirm(await request("POST", "/setup", { password: current.value }), again),
  });
}

/** The secret for the app, as a picture and as text; it counts when the app's code was typed. */
function confirm({ secret, qr }, again) {
  const typed = code(t("step.codeNote"));
  ask({
    title: t("step.scan"), keep: t("cancel"), act: t("step.turnOn"),
    fields: [
      h("p", { class: "u-center" }, h("img", { class: "qr", src: `data:image/svg+xml,${encodeURIComponent(qr)}`, alt: t("step.qr"), width: 208, height: 208 })),
      h("p", { class: "meta" }, t("step.byHand"), " ", h("code", {}, secret.replace(/(.{4})(?=.)/g, "$1 "))), typed.element,
    ],
    check: () => filled(typed),
    submit: async () => showCodes((await request("POST", "/confirm", { code: typed.value })).recoveryCodes, again),
  });
}

/** Recovery codes, this once. */
function showCodes(codes, again) {
  const text = codes.join("\n");
  const copied = async () => toast(t(await copy(text) ? "step.copied" : "copy.failed"));
  const dialog = ask({
    title: t("step.codes"), lead: t("step.codesLead"), keep: t("copy"), act: t("step.kept"),
    fields: [h("pre", { class: "recovery-codes", tabindex: 0, role: "group", "aria-label": t("step.codes") }, text)],
    submit: async () => {},
  });
  const keep = dialog.querySelector(".dialog-actions .is-quiet");
  keep.replaceWith(h("button", { class: "button", type: "button", onclick: copied }, icon("copy", "is-small"), h("span", {}, t("copy"))));
  dialog.addEventListener("close", again);
}

function turnOff(again) {
  const fields = [password(), code(t("step.orRecovery"))];
  ask({
    title: t("step.turnOffTitle"), keep: t("cancel"), act: t("step.turnOff"), danger: true, fields: fields.map((each) => each.element),
    check: () => filled(...fields),
    submit: async () => {
      await request("POST", "/disable", { password: fields[0].value, code: fields[1].value });
      again();
    },
  });
}
