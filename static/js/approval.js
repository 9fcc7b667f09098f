// A call that waits for consent: who wants to do what with which input, and four answers. The server asks, keeps the
// question over reloads, and takes the first answer of any tab.

import { fill, h, icon } from "./dom.js";
import { errorText, hourOf, t } from "./i18n.js";
import { inputList } from "./results.js";
import { announce } from "./status.js";

/** [decision, wording, look] in the order of the buttons. */
const ANSWERS = [["once", "approval.once", "is-primary"], ["conversation", "approval.conversation", ""], ["always", "approval.always", ""], ["deny", "approval.deny", "is-quiet"]];

/** "time__now" of the server "time" is "now" of it. */
const ownName = ({ server, toolName }) => (server && toolName.startsWith(`${server}__`) ? toolName.slice(server.length + 2) : toolName);

/** What is asked, in one sentence. */
export function approvalSentence(approval) {
  return t(approval.server ? "approval.title" : "approval.titleOwn", { server: approval.server ?? "", tool: ownName(approval) });
}

export class Approval {
  #problem = h("p", { class: "field-error", role: "alert" });

  /** `answer(approvalId, decision)` sends it, and fails where it does not count any more. */
  constructor(approval, answer) {
    const title = `approval-${approval.approvalId}`;
    this.buttons = ANSWERS.map(([decision, key, look]) =>
      h("button", { class: `button is-small ${look}`.trim(), type: "button", onclick: () => this.#send(approval, decision, answer) }, h("span", {}, t(key))));
    this.element = h("div", { class: "alert approval", role: "group", "aria-labelledby": title, "data-state": "warn" }, icon("tools"),
      h("p", { class: "alert-title", id: title }, approvalSentence(approval)),
      inputList(approval.input),
      this.#problem, h("div", { class: "row is-wrap" }, this.buttons),
      approval.expiresAt && h("p", { class: "meta" }, t("approval.expires", { time: hourOf(approval.expiresAt) })));
  }

  async #send(approval, decision, answer) {
    for (const button of this.buttons) button.disabled = true;
    fill(this.#problem);
    try {
      await answer(approval.approvalId, decision);
      announce(t(decision === "deny" ? "approval.denied" : "approval.allowed"));
    } catch (error) {
      fill(this.#problem, errorText(error));
      for (const button of this.buttons) button.disabled = false;
    }
  }
}
