// The text of an answer: the server's rendered blocks and nothing else, because text as it came would show marks that
// are not decided yet. Each block says its own language and direction. Only blocks that changed are replaced, so a
// selection in what stands above survives.

import { attribute, h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { copyAndTell } from "./status.js";
import { blockNodes } from "./trusted.js";

const WRITING_INSIDE = { UL: "LI", OL: "LI", LI: null, BLOCKQUOTE: null };

export class Prose {
  #shown = []; // [{ html, nodes }]
  #lamp = h("span", { class: "lamp", role: "img" });
  #own = null; // a paragraph that only the lamp needs

  constructor() {
    this.element = h("div", { class: "prose", lang: "en", dir: "ltr" });
  }

  /** Shows `item`; `writing` puts the lamp behind the last word. */
  update(item, writing) {
    this.#detach();
    let same = 0;
    while (same < this.#shown.length && this.#shown[same].html === item.blocks[same]) same += 1;
    for (const { nodes } of this.#shown.splice(same)) for (const node of nodes) node.remove();
    for (const html of item.blocks.slice(same)) {
      const nodes = blockNodes(html);
      this.element.append(...nodes);
      for (const node of nodes) if (node.nodeType === Node.ELEMENT_NODE) dress(node);
      this.#shown.push({ html, nodes });
    }
    this.#attach(writing);
  }

  #detach() {
    this.#lamp.remove();
    this.#own?.remove();
    this.#own = null;
  }

  #attach(writing) {
    if (!writing) return;
    attribute(this.#lamp, "aria-label", t("turn.stillWriting"));
    this.#place().append(this.#lamp);
  }

  /** The innermost place where writing goes on. */
  #place() {
    let node = this.element.lastElementChild;
    if (node) {
      while (node.tagName in WRITING_INSIDE && node.lastElementChild) {
        const next = node.lastElementChild;
        if (next.tagName !== (WRITING_INSIDE[node.tagName] ?? next.tagName) || /^(A|CODE|EM|STRONG|INPUT|BR|SPAN|DEL)$/.test(next.tagName)) break;
        node = next;
      }
      if (node.matches("figure.code")) return node.querySelector("code") ?? node;
      if (node.matches("p, li, h1, h2, h3, h4, h5, h6, blockquote")) return node;
    }
    this.#own = h("p");
    this.element.append(this.#own);
    return this.#own;
  }
}

/** Gives a block what only the page can give: the copy button of code, and safe ways out for links. */
function dress(block) {
  const figures = block.matches("figure.code") ? [block] : block.querySelectorAll("figure.code");
  for (const figure of figures) {
    const head = figure.querySelector("figcaption");
    if (!head) continue;
    head.classList.add("row", "code-head", "meta");
    const wrap = iconButton("wrap", t("wrap"), () => wrap.setAttribute("aria-pressed", String(figure.classList.toggle("is-wrapped"))),
      { variant: "is-small", "aria-pressed": "false" });
    head.append(wrap, h("button", {
      type: "button", class: "button is-quiet is-small",
      onclick: () => copyAndTell(figure.querySelector("pre").textContent.replace(/\n$/, "")),
    }, icon("copy", "is-small"), h("span", {}, t("copy"))));
  }
  for (const link of block.querySelectorAll("a[href]")) {
    if (link.getAttribute("href").startsWith("#")) continue;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
}
