// Accessibility: axe finds nothing in any state of the page, in both themes, wide and narrow.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { answer, finished, lamp, newContext, register, say, Server, stopBrowser, violations } from "./support.js";

const SETUPS = {
  "light, wide": { locale: "en-GB", colorScheme: "light" },
  "dark, Chinese": { locale: "zh-CN", colorScheme: "dark" },
  "dark, phone": { colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

let server, context, page;

before(async () => { server = await Server.start(); });
after(async () => { await stopBrowser(); await server.stop(); });
afterEach(async () => {
  await context.close();
  assert.deepEqual(context.complaints, [], "the browser complained");
});

async function check(name) {
  assert.deepEqual(await violations(page), [], name);
}

for (const [name, options] of Object.entries(SETUPS)) test(`axe finds nothing: ${name}`, async () => {
  context = await newContext({ reducedMotion: "reduce", ...options });
  page = await context.newPage();
  await page.goto(`${server.url}/#login`);
  await page.locator("#name").waitFor();
  await check("log-in");
  await page.goto(`${server.url}/#register`);
  await page.locator("#new-name").fill("x");
  await page.locator("#email").fill("nowhere");
  await page.locator("form.auth-panel button[type=submit]").click();
  assert.equal(await page.locator(".field-error").count(), 3, "all that is wrong is said at once");
  await check("register, with errors");
  await page.locator("#email").fill("");
  await register(page, server.url);
  await check("new conversation");
  await say(page, "think and use a tool");
  await finished(page);
  await answer(page).locator("summary").first().click();
  await answer(page).locator("summary").last().click();
  await check("answer with open steps");
  await say(page, "error");
  await answer(page).locator(".alert").waitFor();
  await check("error");
  await say(page, "A long slow answer");
  await lamp(page).waitFor();
  await page.locator(".composer-text").fill("What waits");
  await check("streaming");
  await page.keyboard.press("Escape");
  await page.locator("header.topbar button").last().click();
  await page.locator("[role=menu]").waitFor();
  await check("menu");
  await page.locator("[role=menuitem]").first().click();
  await page.locator("dialog[open]").waitFor();
  await check("dialog");
  await page.keyboard.press("Escape");
  if (options.hasTouch) {
    await page.locator("header.topbar button").first().click();
    await page.locator("#sidebar:popover-open").waitFor();
    await check("drawer");
    await page.keyboard.press("Escape");
  }
  await page.goto(`${server.url}/c/nothing-here`);
  await page.locator("#thread h2").waitFor();
  await check("missing conversation");
  await context.setOffline(true);
  await page.locator(".banner").waitFor();
  await check("offline");
  await context.setOffline(false);
});
