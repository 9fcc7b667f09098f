// Writing: what is typed is never lost, what is too long is said before it is sent, and a finger writes as a hand does.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { answer, finished, lamp, newContext, register, say, Server, stopBrowser } from "./support.js";

let server, context, page, area;

before(async () => { server = await Server.start(); });
after(async () => { await stopBrowser(); await server.stop(); });
beforeEach(() => open());
afterEach(async () => {
  await context.close();
  assert.deepEqual(context.complaints, [], "the browser complained");
});

async function open(options) {
  await context?.close();
  context = await newContext(options);
  page = await context.newPage();
  await register(page, server.url);
  area = page.locator(".composer-text");
}

const paste = (text) => area.evaluate((node, value) => {
  node.value = value;
  node.dispatchEvent(new InputEvent("input", { bubbles: true }));
}, text);
const asked = () => page.locator("li.is-user .prose").allTextContents();

test("a draft steps aside for a suggestion and comes back, and is not touched when a question is edited", async () => {
  await area.fill("My own words");
  await page.getByRole("button", { name: "Please think before you answer" }).click();
  assert.equal(await area.inputValue(), "Please think before you answer");
  await page.getByText("Your draft is kept and comes back after sending.").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Restore draft" }).click();
  assert.equal(await area.inputValue(), "My own words");
  await page.getByRole("button", { name: "Please think before you answer" }).click();
  await area.press("Enter");
  await finished(page);
  await page.waitForFunction(() => document.querySelector(".composer-text").value === "My own words");
  await page.locator("li.is-user").hover();
  await page.getByRole("button", { name: "Edit and ask again" }).click();
  const field = page.getByLabel("Your question in other words");
  assert.equal(await field.inputValue(), "Please think before you answer");
  await field.press("Enter");
  await page.getByRole("group", { name: "Versions" }).waitFor();
  assert.equal(await area.inputValue(), "My own words");
  assert.equal((await asked()).length, 1);
});

test("what is typed while the first question is on its way stays", async () => {
  await area.fill("First, short");
  await area.press("Enter");
  await area.pressSequentially("second thoughts", { delay: 5 });
  await finished(page);
  assert.equal(await area.inputValue(), "second thoughts");
});

test("a message that is too long is refused before it is sent, once, and stays where it is", async () => {
  let sockets = 0;
  page.on("websocket", () => { sockets += 1; });
  await page.reload();
  await area.waitFor();
  const long = "0123456789abcdef".repeat(70_000);
  await paste(long);
  await area.press("Enter");
  await page.getByText("This message is too long to send: 1,094 KB of at most 512 KB.").waitFor();
  assert.equal((await area.inputValue()).length, long.length);
  assert.deepEqual(await asked(), []);
  await area.fill("Short");
  await page.getByText("This message is too long").waitFor({ state: "detached" });
  await area.press("Enter");
  await finished(page);
  assert.equal(sockets, 1, "the connection stays");
});

test("the first line keeps its indent, halves of characters go", async () => {
  await paste("\n\n    indented\nshort line \ud83d end\n\n");
  await area.press("Enter");
  await page.locator("li.is-user").waitFor();
  assert.equal((await asked())[0], "    indented\nshort line  end");
  await finished(page);
});

test("a long question is folded, and unfolds where it stands", async () => {
  await paste(Array.from({ length: 40 }, (_, index) => `short line ${index}`).join("\n"));
  await area.press("Enter");
  await finished(page);
  const text = page.locator("li.is-user .prose");
  const folded = (await text.boundingBox()).height;
  await page.getByRole("button", { name: "Show all" }).click();
  assert.ok((await text.boundingBox()).height > 2 * folded);
  await page.getByRole("button", { name: "Show less" }).click();
  assert.equal((await text.boundingBox()).height, folded);
  await say(page, "one short line\nand another");
  await finished(page);
  assert.equal(await page.getByRole("button", { name: "Show all" }).count(), 1);
});

test("one line at rest; the look that was agreed", async () => {
  const height = async () => Math.round((await page.locator("form.composer").boundingBox()).height);
  assert.equal(await height(), 56);
  const send = page.getByRole("button", { name: "Send" });
  assert.deepEqual([await send.isDisabled(), (await send.boundingBox()).width], [true, 36]);
  const block = await page.evaluate(() => {
    const top = document.querySelector(".greeting h2").getBoundingClientRect().top;
    const bottom = document.querySelector("form.composer").getBoundingClientRect().bottom;
    return (top + bottom) / 2 / innerHeight;
  });
  assert.ok(Math.abs(block - 0.38) < 0.03, `the middle is at ${block}`);
  const x = async () => { const { x: left, width } = await page.locator("form.composer").boundingBox(); return [left, width]; };
  const before = await x();
  await say(page, "Hello, in short");
  await finished(page);
  assert.deepEqual(await x(), before, "the composer keeps its place and width");
  const gap = await page.evaluate(() => document.querySelector("li.is-assistant .stack").getBoundingClientRect().top - document.querySelector("li.is-user .prose").getBoundingClientRect().bottom);
  assert.equal(Math.round(gap), 28);
  await area.fill("a\nb\nc");
  assert.ok(await height() > 90);
});

test("on a touch screen Enter makes a new line and the button sends", async () => {
  await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await area.fill("short first");
  await area.press("Enter");
  await area.pressSequentially("second");
  assert.equal(await area.inputValue(), "short first\nsecond");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.locator("li.is-user").waitFor();
  assert.deepEqual(await asked(), ["short first\nsecond"]);
  await finished(page);
});

test("a paste of 40,000 lines does not make the browser look through all of it for its direction", async () => {
  await paste("line\n".repeat(40_000));
  assert.equal(await area.getAttribute("dir"), "ltr");
  await paste("مرحبا");
  assert.equal(await area.getAttribute("dir"), "rtl");
});

test("while words arrive, an attribute is written only where it changes", async () => {
  await say(page, "A long slow answer");
  await lamp(page).waitFor();
  const writes = await answer(page).evaluate((node) => new Promise((resolve) => {
    let count = 0;
    const observer = new MutationObserver((records) => { count += records.length; });
    observer.observe(node, { attributes: true, subtree: true });
    setTimeout(() => { observer.disconnect(); resolve(count); }, 2000);
  }));
  assert.equal(writes, 0);
});

test("how much of the model's context a conversation fills is shown, on a phone when it is nearly full", async () => {
  await say(page, "Hello, in short");
  await finished(page);
  let tokens = 30_000;
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => {
      const frame = JSON.parse(message);
      if (frame.type === "image_messages_response") frame.data.context = { tokens, window: 100_000 };
      socket.send(JSON.stringify(frame));
    });
  });
  await page.reload();
  const hint = page.getByText("30 % of the model’s context used");
  await hint.waitFor();
  await page.setViewportSize({ width: 390, height: 700 });
  assert.ok(await hint.isHidden());
  tokens = 90_000;
  await page.reload();
  await page.getByText("90 % of the model’s context used").waitFor();
});
