// What the page does for each piece of an answer and for each conversation that is opened, in counts: they do not depend
// on the machine. `make page-bench` has the times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bring, counters, MARKDOWN, patches, piecesOf, seen, watch } from "./measure.js";
import { context, page, server, setStage } from "./stage.js";
import { answer, finished, register, say } from "./support.js";

const PIECE_CHARS = 7;
const PIECE_MS = 12;
/** The new blocks, the place they take, and the place of the reader. */
const RECALCULATIONS_PER_FRAME = 4;
const SWITCHES = 40;
/** Of the 40 messages that are fetched at first, half are answers. */
const PAGE_ANSWERS = 20;

let name, counted;
setStage({
  models: [{ id: "claude-test-1", display_name: "Test" }],
  say: () => ({ pieces: piecesOf(MARKDOWN.repeat(3), PIECE_CHARS), ms: PIECE_MS }),
  enter: async () => {
    counted = patches(page);
    name = await register(page, server.url);
  },
});

test("a streamed answer shows no source, writes no attribute twice, and computes styles for what is new", async () => {
  const devtools = await context.newCDPSession(page);
  await say(page, "first");
  await answer(page).locator(".prose").first().waitFor();
  await watch(page);
  const before = await counters(devtools);
  counted.html = 0;
  await finished(page);
  const { frames, undecided, undecidedFrames, writes } = await seen(page);
  const { recalculations } = await counters(devtools);
  const each = (recalculations - before.recalculations) / counted.html;
  console.log(`${counted.html} patches, ${frames} frames: ${each.toFixed(2)} style recalculations and ${(writes / counted.html).toFixed(2)} attribute writes a patch`);
  assert.ok(counted.html > 5, "it came in pieces");
  assert.deepEqual({ undecidedFrames, undecided }, { undecidedFrames: 0, undecided: [] });
  assert.ok(writes <= counted.html, `${writes} attributes were written for ${counted.html} patches`);
  assert.ok(recalculations - before.recalculations <= RECALCULATIONS_PER_FRAME * Math.max(frames, counted.html), `${each} style recalculations a patch`);
});

test("300 messages come in steps, and 40 switches between conversations leave nothing behind", async () => {
  for (const messages of [300, 6, 4]) await bring(server.url, name, messages);
  /** Opens one in the list, and waits for all of its answers that a page has. */
  const go = (...titles) => page.evaluate(async (wanted) => {
    for (const [title, answers] of wanted) {
      [...document.querySelectorAll(".sidebar-list a")].find((link) => link.textContent === title).click();
      const isThere = () => document.querySelector("h1").textContent === title && document.querySelectorAll("li.is-assistant").length === answers;
      while (!isThere()) await new Promise(requestAnimationFrame);
    }
  }, titles);
  const [long, six, four] = [["300 messages", PAGE_ANSWERS], ["6 messages", 3], ["4 messages", 2]];
  for (const [title] of [long, six, four]) await page.locator(".sidebar-list a").getByText(title, { exact: true }).waitFor();
  await go(long, six, four);
  const devtools = await context.newCDPSession(page);
  const held = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    return { elements: await page.locator("*").count(), ...(await counters(devtools)) };
  };
  const before = await held();
  await go(...Array.from({ length: SWITCHES }, (_, at) => (at % 2 ? four : six)));
  const after = await held();
  console.log(`after ${SWITCHES} switches: ${after.elements} elements (${before.elements}), ${after.nodes} nodes held (${before.nodes})`);
  assert.equal(after.elements, before.elements);
  assert.ok(after.nodes < 2 * before.nodes, `${after.nodes} nodes are held, ${before.nodes} were`);
});
