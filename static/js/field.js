// A labelled input with a note below, which turns into the error when there is one; passwords can be shown.

import { fill, h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";

export function field({ id, label, note = "", type = "text", ...props }) {
  const below = h("p", { class: "meta", id: `${id}-note` }, note);
  const input = h("input", { class: "input", id, name: id, type, "aria-describedby": `${id}-note`, oninput: () => problem(""), ...props });
  const reveal = type === "password" && iconButton("eye", t("password.show"), () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    reveal.setAttribute("aria-pressed", String(!shown));
  }, { "aria-pressed": "false" });
  /** Says what is wrong with it; an empty text takes that back. */
  const problem = (text) => {
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    below.className = text ? "row field-error" : "meta";
    fill(below, text ? [icon("warn", "is-small"), h("span", {}, text)] : note);
  };
  return {
    input, problem,
    get value() { return input.value; },
    element: h("div", { class: "stack is-tight" }, h("label", { class: "field-label", for: id }, label),
      reveal ? h("div", { class: "input-group" }, input, reveal) : input, below),
  };
}

/** A user name has 3 to 64 characters; two Han characters are a name as well. */
export function isName(text) {
  const characters = [...text];
  return characters.length <= 64 && (characters.length >= 3 || (characters.length === 2 && characters.every((each) => /\p{Script=Han}/u.test(each))));
}

export const isPassword = (text) => [...text].length >= 6 && [...text].length <= 1024;
