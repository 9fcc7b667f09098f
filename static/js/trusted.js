// The only place where a string becomes markup. The strings are the server's own rendering of an answer: it escapes
// raw HTML and knows no scripts, so the page needs no sanitiser; the policy keeps every other place from doing this.

const policy = globalThis.trustedTypes
  ? globalThis.trustedTypes.createPolicy("portagent", { createHTML: (html) => html })
  : { createHTML: (html) => html };

/** The nodes of one rendered block, not yet in the document. */
export function blockNodes(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return [...template.content.childNodes];
}
