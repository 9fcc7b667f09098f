// Elements without markup in strings: Trusted Types forbids the rest, and nothing here needs it.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "disabled", "checked", "hidden", "open", "textContent"]);

/** An element: `h("button", { class: "button", onclick }, "Send")`. Null and false are left out, arrays are flattened. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

/** Replaces everything inside `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...present(children));
  return node;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** An icon of the sprite. It never speaks; the button around it has a name. */
export function icon(name, variant = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${variant}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Puts another icon into a place that has one; leaves it alone when it is the same, so that it does not blink. */
export function swapIcon(svg, name) {
  const href = `#icon-${name}`;
  const use = svg.firstElementChild;
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}

/** A button that is only an icon, named for those who cannot see it and, on hover, for those who can. */
export function iconButton(name, label, onclick, { variant = "", ...props } = {}) {
  return h("button", { type: "button", class: `button is-icon is-quiet ${variant}`.trim(), "aria-label": label, title: label, onclick, ...props },
    icon(name));
}

/** Writes an attribute only where it changes: each write makes the browser work out styles anew. */
export function attribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Writes a text only where it changes. */
export function label(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** True where fingers point: then keys on the screen write, and no keyboard is at hand. */
export const isTouch = () => matchMedia("(pointer: coarse)").matches;

/** A small drawing for the login page; `shapes` are [tag, attributes]. */
export function drawing(attributes, shapes) {
  const make = (tag, list) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(list)) node.setAttribute(name, value);
    return node;
  };
  const svg = make("svg", { "aria-hidden": "true", ...attributes });
  svg.append(...shapes.map(([tag, list]) => make(tag, list)));
  return svg;
}
