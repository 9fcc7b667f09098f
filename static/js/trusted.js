// The only place where a string becomes markup or a script's address. The strings are the server's own rendering of an answer: it escapes
// raw HTML and knows no scripts, so the page needs no sanitiser; the policy keeps every other place from doing this.

const RULES = {
  createHTML: (html) => html,
  createScriptURL: (path) => {
    if (!path.startsWith("/") || path.startsWith("//")) throw new TypeError(`not ours: ${path}`);
    return path;
  },
};
const policy = globalThis.trustedTypes
  ? globalThis.trustedTypes.createPolicy("portagent", RULES)
  : RULES;

/** The address of a script of ours. */
export const scriptUrl = (path) => policy.createScriptURL(path);

/** The nodes of one rendered block, not yet in the document. */
export function blockNodes(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return [...template.content.childNodes];
}
