// The page itself: names, language, theme, small screens, keyboard, input methods, scrolling, the security policy.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { answer, finished, lamp, newContext, noOverflow, prose, register, say, Server, startBrowser, stopBrowser } from "./support.js";

let server, context, page;

before(async () => { server = await Server.start(); });
after(async () => { await stopBrowser(); await server.stop(); });
beforeEach(async () => {
  context = await newContext();
  page = await context.newPage();
  await register(page, server.url);
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(context.complaints, [], "the browser complained");
});

const titles = () => page.locator(".sidebar-link .u-truncate[dir]").allTextContents();

test("a conversation is renamed and deleted; Back finds the way", async () => {
  await say(page, "Six words that make short names");
  await finished(page);
  const more = page.getByRole("button", { name: "More about this conversation" });
  await more.click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.locator("#rename-name").fill("叫另一个名字");
  await page.keyboard.press("Enter");
  await page.locator("h1").getByText("叫另一个名字").waitFor();
  assert.ok((await titles()).includes("叫另一个名字"));
  const path = new URL(page.url()).pathname;
  await page.getByRole("link", { name: "New conversation" }).click();
  await page.getByText("What is on your mind?").waitFor();
  await page.goBack();
  await page.locator("h1").getByText("叫另一个名字").waitFor();
  await more.click();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByText("What is on your mind?").waitFor();
  assert.ok(!(await titles()).includes("叫另一个名字"));
  await page.goto(server.url + path);
  await page.getByText("Conversation not found").waitFor();
});

test("language and theme switch at once and stay", async () => {
  await say(page, "Hello, short");
  await finished(page);
  await page.getByRole("button", { name: "切换到中文" }).click();
  await page.getByPlaceholder("问点什么").waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  assert.equal(await page.getByText("Agent", { exact: true }).count(), 0);
  const before = await page.locator("html").getAttribute("data-theme");
  await page.getByRole("button", { name: "浅色或深色" }).click();
  const chosen = before === "dark" ? "light" : "dark";
  await page.reload();
  await page.getByPlaceholder("问点什么").waitFor();
  assert.equal(await page.locator("html").getAttribute("data-theme"), chosen);
});

test("the browser's language is the first choice", async () => {
  const chinese = await newContext({ locale: "zh-CN", colorScheme: "dark" });
  const other = await chinese.newPage();
  await other.goto(server.url);
  await other.getByText("自家机器上的一扇门").waitFor();
  assert.equal(await other.locator("html").getAttribute("data-theme"), "dark");
  await chinese.close();
  assert.deepEqual(chinese.complaints, []);
});

test("nothing sticks out at 360 pixels, and the drawer works", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  assert.ok(await noOverflow(page), "empty page");
  await say(page, `think and use a tool, ${"averylongwordwithoutanyspace".repeat(8)}`);
  await finished(page);
  assert.ok(await noOverflow(page), "conversation");
  await page.getByRole("button", { name: "Conversations", exact: true }).click();
  await page.locator(".sidebar-link[aria-current]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".sidebar-link[aria-current]").waitFor({ state: "hidden" });
  await page.evaluate(() => localStorage.clear());
  await page.goto(server.url);
  await page.locator("#name").waitFor();
  assert.ok(await noOverflow(page), "login");
});

test("Enter sends, Shift+Enter breaks the line, an input method's Enter does neither", async () => {
  const area = page.locator(".composer-text");
  await area.focus();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Input.imeSetComposition", { text: "ni hao", selectionStart: 6, selectionEnd: 6 });
  await area.evaluate((node) => {
    const press = (properties) => {
      const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...properties });
      node.dispatchEvent(event);
    };
    press({ isComposing: true });
    press({ keyCode: 229 });
  });
  await devtools.send("Input.insertText", { text: "你好" });
  assert.equal(await page.locator("li.is-user").count(), 0);
  assert.match(await area.inputValue(), /你好/);
  await area.press("Shift+Enter");
  await area.pressSequentially("second short line");
  assert.match(await area.inputValue(), /你好\nsecond short line/);
  await area.press("Enter");
  await page.locator("li.is-user").getByText("second short line").waitFor();
  assert.equal(await area.inputValue(), "");
  await finished(page);
});

test("the reader stays where they read, and the button jumps to the end", async () => {
  await page.setViewportSize({ width: 900, height: 500 });
  await say(page, "Something to scroll");
  await finished(page);
  await say(page, "A long slow answer");
  await lamp(page).waitFor();
  const scroller = page.locator(".scroller");
  await scroller.hover();
  await page.mouse.wheel(0, -600);
  const jump = page.getByRole("button", { name: "Jump to the end" });
  await jump.waitFor();
  const at = await scroller.evaluate((node) => node.scrollTop);
  const length = (await prose(page)).length;
  await page.waitForFunction((known) => [...document.querySelectorAll("li.is-assistant .prose")].at(-1).textContent.length > known + 40, length);
  assert.equal(await scroller.evaluate((node) => node.scrollTop), at);
  await jump.click();
  await jump.waitFor({ state: "hidden" });
  await page.keyboard.press("Escape");
  await answer(page).getByText("Stopped.").waitFor();
});

test("plain http without a secure context: ids and copying still work", async () => {
  await page.addInitScript(() => {
    delete Crypto.prototype.randomUUID;
    Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined });
  });
  await page.goto(server.url);
  await say(page, "Copy me, short");
  await finished(page);
  await page.locator("li.is-user").hover();
  await page.locator("li.is-user").getByRole("button", { name: "Copy" }).click();
  await page.getByText("Copied.").first().waitFor();
});

test("the policy is strict, and the page needs nothing it forbids", async () => {
  const response = await page.goto(server.url);
  const policy = response.headers()["content-security-policy"];
  for (const rule of ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]) assert.ok(policy.includes(rule), rule);
  assert.doesNotMatch(policy, /unsafe/);
  const refused = await page.evaluate(() => {
    try { document.createElement("div").innerHTML = "<b>x</b>"; return false; } catch { return true; }
  });
  assert.ok(refused, "a string does not become markup elsewhere");
  await page.waitForTimeout(300); // the attempt above is reported, a little later
  context.complaints.length = 0;
});

test("without a model the page says what is missing", async () => {
  const bare = await Server.start({ provider: "anthropic" });
  try {
    const own = await (await startBrowser()).newContext({ locale: "en-GB" });
    const other = await own.newPage();
    await register(other, bare.url);
    await other.getByText("Connect a model to get started").waitFor();
    await other.locator(".composer-text").fill("Hello");
    assert.ok(await other.getByRole("button", { name: "Send" }).isDisabled());
    await own.close();
  } finally {
    await bare.stop();
  }
});
