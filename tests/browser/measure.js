// What is counted and timed on the page, for the tests of counts and for the bench.

import { PASSWORD } from "./support.js";

/** An answer as models write it; what follows never shows on the page: `**`, "```", `](`, `# `. */
export const MARKDOWN = `## A heading that comes first

A paragraph with **bold words**, *a stress*, \`code\` and a [link](https://example.org), long enough to take two lines of the column.

\`\`\`rust
fn main() { println!("hello"); } // with a colour or two
\`\`\`

| name | value |
|---|---:|
| one | 1 |
| two | 22 |

- **first** thing
- second thing, with \`code\`

**是￥100**元，以及 **C++** 语言。

`;
const SOURCE = String.raw`\*\*|\x60\x60\x60|\]\(|(^|\n)#{1,6} |\|---`;

/** Pieces of a text, `size` characters each. */
export const piecesOf = (text, size) => text.match(new RegExp(`[^]{1,${size}}`, "g"));

/** Puts a conversation of so many messages into a person's list, through the import; returns its path. */
export async function bring(url, name, messages, answer = MARKDOWN) {
  const post = (path, body, headers) => fetch(url + path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
  const { token } = await (await post("/api/auth/login", { usernameOrEmail: name, password: PASSWORD })).json();
  const nodes = Array.from({ length: messages }, (_, at) => ({
    id: `m${at}`, parent: at ? `m${at - 1}` : null, children: at + 1 < messages ? [`m${at + 1}`] : [],
    message: { id: `m${at}`, author: { role: at % 2 ? "assistant" : "user" }, create_time: 1_700_000_000 + at, content: { content_type: "text", parts: [at % 2 ? answer : `Question ${at / 2 + 1}`] }, metadata: {} },
  }));
  const mapping = Object.fromEntries(nodes.map((node) => [node.id, node]));
  const report = await post("/api/import", [{ conversation_id: `c${messages}-${answer.length}`, title: `${messages} messages`, create_time: 1_700_000_000, update_time: 1_700_009_000, mapping, current_node: nodes.at(-1).id }], { authorization: `Bearer ${token}` });
  if (!report.ok) throw new Error(await report.text());
}

/** From now on: frames, those that show Markdown's source in the last answer, attributes written in it, the longest task. */
export const watch = (page) => page.evaluate((source) => {
  const pattern = new RegExp(source);
  const seen = window.seen = { frames: 0, undecided: [], writes: 0, longest: 0, began: performance.now() };
  const last = () => [...document.querySelectorAll("li.is-assistant")].at(-1);
  const observer = new MutationObserver((records) => { seen.writes += records.length; });
  const list = document.querySelector("#thread, .thread");
  if (list) observer.observe(list, { attributes: true, subtree: true });
  new PerformanceObserver((entries) => { for (const { duration } of entries.getEntries()) seen.longest = Math.max(seen.longest, Math.round(duration)); }).observe({ type: "longtask" });
  const frame = () => {
    seen.frames += 1;
    const text = [...(last()?.querySelectorAll(".prose") ?? [])].map((node) => node.textContent).join("\n");
    if (pattern.test(text)) seen.undecided.push(text.slice(-40));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}, SOURCE);

export const seen = (page) => page.evaluate(() => ({ ...window.seen, undecided: window.seen.undecided.slice(0, 3), undecidedFrames: window.seen.undecided.length, perSecond: Math.round((1000 * window.seen.frames) / (performance.now() - window.seen.began)) }));

/** How often styles were computed, and how many elements there are, also those that are held but not shown. */
export async function counters(devtools) {
  await devtools.send("Performance.enable");
  const { metrics } = await devtools.send("Performance.getMetrics");
  const of = (name) => metrics.find((metric) => metric.name === name).value;
  return { recalculations: of("RecalcStyleCount"), nodes: of("Nodes") };
}

/** Counts the pieces of an answer that bring HTML. */
export function patches(page) {
  const count = { html: 0 };
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => { count.html += String(payload).includes('"html":{"from"') ? 1 : 0; }));
  return count;
}
