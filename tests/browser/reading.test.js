// Reading while an answer is written: the page follows only those who stand at its end, and moves no other reader.

import assert from "node:assert/strict";
import { test } from "node:test";
import { page, setStage } from "./stage.js";
import { answer, finished, grows, lamp, say } from "./support.js";
import { endless, question } from "./upstream.js";

const PAGES = Array.from({ length: 40 }, (_, index) => `Paragraph ${index} of an answer that is longer than the window is high.`).join("\n\n");

setStage({
  models: [{ id: "claude-sonnet-5-5", display_name: "Sonnet 5.5" }],
  options: { viewport: { width: 900, height: 600 } },
  say(body) {
    if (question(body).includes("slow")) return endless();
    const called = JSON.stringify(body.messages.at(-1)).includes("tool_result");
    if (question(body).includes("a tool")) return called ? "So late is it." : { tool: "current_time", input: {} };
    return PAGES;
  },
});

const scroller = () => page.locator(".scroller");
const top = () => scroller().evaluate((node) => node.scrollTop);
const fromEnd = () => scroller().evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
const jump = () => page.getByRole("button", { name: "Jump to the end" });

/** A conversation with enough in it to scroll, an answer being written, and the page following its end. */
async function following() {
  await say(page, "Something to scroll");
  await finished(page);
  await say(page, "A long slow answer");
  await lamp(page).waitFor();
  await page.waitForFunction(() => { const node = document.querySelector(".scroller"); return node.scrollHeight - node.scrollTop - node.clientHeight > 60; });
  await jump().dispatchEvent("click"); // a click of the test would scroll the button into view before
  await page.waitForFunction(() => { const node = document.querySelector(".scroller"); return node.scrollHeight - node.scrollTop - node.clientHeight < 2; });
}

test("after sending, the question stands at the top and the answer grows below it", async () => {
  await say(page, "Something to scroll");
  await finished(page);
  await say(page, "A long slow answer, at the top");
  await lamp(page).waitFor();
  const place = () => page.locator("li.is-user").last().evaluate((node) => node.getBoundingClientRect().top - node.closest(".scroller").getBoundingClientRect().top);
  const first = await place();
  assert.ok(Math.abs(first) < 40, `the question's top is ${first} px below the scroller's`);
  await grows(page);
  await grows(page);
  assert.equal(Math.round(await place()), Math.round(first), "nothing moves while the answer grows");
});

test("small upward wheel steps leave the end, and the answer goes on without moving the page", async () => {
  await following();
  await scroller().hover();
  for (let step = 0; step < 10; step += 1) {
    await page.mouse.wheel(0, -4);
    await page.waitForTimeout(30); // a trackpad's rhythm: words arrive between the steps
  }
  const left = await top();
  await jump().waitFor();
  await grows(page);
  await grows(page);
  assert.equal(await top(), left);
  assert.ok(await fromEnd() > 8);
  await jump().dispatchEvent("click"); // a click of the test would scroll the button into view before
  await jump().waitFor({ state: "hidden" });
  await grows(page);
  await page.waitForFunction(() => { const node = document.querySelector(".scroller"); return node.scrollHeight - node.scrollTop - node.clientHeight < 2; });
});

for (const [how, leave] of [
  ["a key", async () => { await scroller().focus(); await page.keyboard.press("ArrowUp"); }],
  ["the scrollbar", () => scroller().evaluate((node) => { node.scrollTop -= 30; })],
  ["a finger", () => scroller().evaluate((node) => {
    const touch = (y) => [new Touch({ identifier: 1, target: node, clientX: 300, clientY: y })];
    node.dispatchEvent(new TouchEvent("touchstart", { touches: touch(200), bubbles: true }));
    node.dispatchEvent(new TouchEvent("touchmove", { touches: touch(203), bubbles: true }));
  })],
]) test(`${how} leaves the end`, async () => {
  await following();
  await leave();
  await grows(page);
  const left = await top();
  await grows(page);
  assert.equal(await top(), left);
});

test("scrolling back to the end follows again", async () => {
  await following();
  await scroller().hover();
  await page.mouse.wheel(0, -300);
  await jump().waitFor();
  await page.mouse.wheel(0, 3000);
  await jump().waitFor({ state: "hidden" });
  const before = await top();
  await grows(page);
  await page.waitForFunction((known) => document.querySelector(".scroller").scrollTop > known, before);
});

test("a fold that is opened stays under the pointer", async () => {
  await say(page, "Something to scroll");
  await finished(page);
  await say(page, "Use a tool");
  await finished(page);
  await scroller().evaluate((node) => { node.scrollTop = node.scrollHeight; });
  const summary = answer(page).locator("summary").first();
  const before = (await summary.boundingBox()).y;
  await summary.click();
  await answer(page).locator("details[open] .step-body").first().waitFor();
  await page.waitForTimeout(100); // some frames, in which a page that follows would move
  assert.ok(Math.abs((await summary.boundingBox()).y - before) <= 1); // the browser rounds the end of a scroller to whole pixels
});

test("a long conversation comes in small steps, its end first, and stands at its end", async () => {
  await say(page, "Something to scroll");
  await finished(page);
  // What the demo would need minutes for: the one turn 60 times.
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => {
      const frame = JSON.parse(message);
      if (frame.type === "image_messages_response") {
        const again = (index) => (each) => ({ ...each, messageId: `${each.messageId}${index}`, turnId: `${each.turnId}${index}`, clientMessageId: null });
        const { messages } = frame.data;
        frame.data.messages = Array.from({ length: 60 }, (_, index) => messages.map(again(index))).flat();
      }
      socket.send(JSON.stringify(frame));
    });
  });
  await page.addInitScript(() => {
    window.steps = [];
    const observer = new MutationObserver((records) => {
      const added = records.flatMap((record) => [...record.addedNodes]).filter((node) => node.matches?.("li.message")).length;
      if (added) window.steps.push(added);
    });
    addEventListener("DOMContentLoaded", () => observer.observe(document.body, { childList: true, subtree: true }));
  });
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll("li.message").length === 120);
  const steps = await page.evaluate(() => window.steps);
  assert.ok(Math.max(...steps) <= 16, `steps of ${steps}`);
  assert.ok(await fromEnd() < 2, "it stands at the end");
});
