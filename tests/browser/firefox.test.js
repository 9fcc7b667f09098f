// The main flow in Firefox, driven over WebDriver BiDi: register, ask, stream, stop, reload. The other tests use Chromium.
// Firefox (Debian: firefox-esr) is named by FIREFOX; where there is none, the test says so and is left out.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";
import { PASSWORD, PATIENCE_MS, Server } from "./support.js";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const skip = existsSync(FIREFOX) ? false : `${FIREFOX} is not there: install firefox-esr, or name another Firefox with FIREFOX`;

let server, browser;

before(async () => {
  if (skip) return;
  server = await Server.start();
  browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true, extraPrefsFirefox: { "intl.accept_languages": "en-GB" } });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("in Firefox: register, ask, read while it is written, stop, reload", { skip }, async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  const written = () => page.evaluate(() => [...document.querySelectorAll("li.is-assistant .prose")].at(-1)?.textContent ?? "");
  const longer = (than) => page.waitForFunction((length) => ([...document.querySelectorAll("li.is-assistant .prose")].at(-1)?.textContent ?? "").length > length, {}, than);

  await page.setViewport({ width: 1280, height: 800 });
  await page.goto(`${server.url}/#register`);
  await page.locator("#new-name").fill("harbourmaster");
  await page.locator("#new-password").fill(PASSWORD);
  await page.locator("form.auth-panel button[type=submit]").click();
  await page.locator(".composer-text").fill("A long slow answer, please");
  await page.keyboard.press("Enter");
  await longer(40);
  const first = await written();
  await longer(first.length + 40);
  assert.ok((await written()).startsWith(first.slice(0, 20)), "it is written on, not anew");
  await page.keyboard.press("Escape");
  await page.locator("::-p-text(Stopped. The partial answer is kept.)").wait();
  const kept = await written();
  await page.reload();
  await page.locator("::-p-text(Stopped. The partial answer is kept.)").wait();
  assert.equal((await written()).replace(/\s+/g, ""), kept.replace(/\s+/g, ""));
  assert.match(page.url(), /\/c\//);
  await page.locator(".composer-text").fill("In short");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("li.is-assistant").length === 2 && !document.querySelector('[aria-label="Stop the answer"]'));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  assert.deepEqual(problems, []);
});
