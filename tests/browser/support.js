// Starts the real program on its demo provider with a directory of its own, and a browser in front of it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import * as unbuilt from "./unbuilt.js";

export const BINARY = process.env.PORTAGENT_BIN ?? new URL("../../target/debug/portagent", import.meta.url).pathname;
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", ...unbuilt.browserArgs];
const START_MS = 20_000;
/** The demo answers slowly on purpose; a debug build is slow besides. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 30_000);
export const PASSWORD = "correct horse";

/** A running server. `restart()` keeps its directory and port. */
export class Server {
  static async start({ provider = "demo", args = [], binary = BINARY } = {}) {
    const server = new Server();
    server.provider = provider;
    Object.assign(server, { args, binary });
    server.directory = await mkdtemp(join(tmpdir(), "portagent-browser-"));
    await server.up("0");
    return server;
  }

  async up(port = this.port) {
    this.output = "";
    // Started in its own directory: an .env file of the current directory must not change them.
    this.child = spawn(this.binary, ["--provider", this.provider, "--host", "127.0.0.1", "--port", port, "--data-dir", this.directory, ...this.args],
      { cwd: this.directory, env: { PATH: process.env.PATH, HOME: this.directory, LOG_LEVEL: "info" } });
    const listening = new Promise((resolve, reject) => {
      const read = (chunk) => {
        this.output += chunk;
        const match = this.output.match(/listening on (http:\/\/[^\s/]+:(\d+))/);
        if (match) resolve(match);
      };
      this.child.stdout.on("data", read);
      this.child.stderr.on("data", read);
      this.child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.output}`)));
      setTimeout(() => reject(new Error(`the server did not start:\n${this.output}`)), START_MS).unref();
    });
    [, this.url, this.port] = await listening;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  async down(signal = "SIGTERM") {
    if (this.child.exitCode !== null || this.child.signalCode) return;
    this.child.kill(signal);
    await once(this.child, "exit");
  }

  async stop() {
    await this.down();
    await rm(this.directory, { recursive: true, force: true });
  }
}

let browser = null;
export async function startBrowser() {
  browser ??= await chromium.launch({ executablePath: BROWSER, args: BROWSER_ARGS });
  return browser;
}
export async function stopBrowser() {
  await browser?.close();
  browser = null;
}

/** Noise that the tests provoke themselves: a server that is away, and statuses that are part of the interface. */
const EXPECTED = [/Service Worker registration blocked by Playwright/, /ERR_CONNECTION_REFUSED/, /ERR_INTERNET_DISCONNECTED/, /WebSocket connection to/, /status of (401|403|404|409|415|429)/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/];

/** A browser of its own (no cookies, no storage); what its pages complain about is collected in `complaints`. */
export async function newContext(options = {}) {
  const context = await (await startBrowser()).newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", colorScheme: "light", ...unbuilt.options, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  await unbuilt.servePage(context);
  context.complaints = [];
  const collect = (text) => { if (!EXPECTED.some((pattern) => pattern.test(text))) context.complaints.push(text); };
  context.on("console", (message) => { if (["error", "warning"].includes(message.type())) collect(message.text()); });
  context.on("weberror", (error) => collect(String(error.error().stack ?? error.error())));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  return context;
}

let people = 0;
/** Makes an account through the page; the first is the administrator. Returns its name. */
export async function register(page, url, name = `person${process.pid}x${people += 1}`) {
  await page.goto(`${url}/#register`);
  await page.locator("#new-name").fill(name);
  await page.locator("#new-password").fill(PASSWORD);
  await page.locator("form.auth-panel button[type=submit]").click();
  await page.locator(".composer-text").waitFor();
  return name;
}

export async function logIn(page, url, name, password = PASSWORD) {
  await page.goto(`${url}/#login`);
  await page.locator("#name").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("form.auth-panel button[type=submit]").click();
}

/** Writes a message and sends it: with Enter, or on a touch screen with the button. */
export async function say(page, text) {
  const area = page.locator(".composer-text");
  await area.fill(text);
  const isTouch = await page.evaluate(() => matchMedia("(pointer: coarse)").matches);
  if (isTouch) await page.locator(".composer [type=submit]").tap();
  else await area.press("Enter");
}

export const answers = (page) => page.locator("li.message.is-assistant");
export const answer = (page) => answers(page).last();
export const lamp = (page) => answer(page).locator(".prose .lamp");

/** Waits until nothing is being written any more. */
export async function finished(page) {
  await page.getByRole("button", { name: /Stop the answer|停止回答/ }).waitFor({ state: "detached", timeout: 2 * PATIENCE_MS });
  await answer(page).locator(".message-foot .message-actions, .alert").first().waitFor();
}

/** The last answer's prose, as text, without the copy buttons. */
export const prose = (page) => answer(page).evaluate((node) =>
  [...node.querySelectorAll(".prose")].map((each) => {
    const copy = each.cloneNode(true);
    for (const button of copy.querySelectorAll("figcaption")) button.remove();
    return copy.textContent;
  }).join("\n"));

/** Waits until the last answer has become longer. */
export async function grows(page) {
  const first = (await prose(page)).length;
  await page.waitForFunction((length) => [...document.querySelectorAll("li.is-assistant .prose")].at(-1)?.textContent.length > length + 10, first);
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** What axe finds on the page now. The order of headings is not judged: a model begins with the level that it likes. */
export async function violations(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.context().addInitScript({ path: AXE }).then(() => page.evaluate(readFileSync(AXE, "utf8")));
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false, rules: { "heading-order": { enabled: false } } }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary?.split("\n")[1] ?? ""}`));
}

export const noOverflow = (page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth > innerWidth;
  const scroller = document.querySelector(".scroller");
  return !wide && (!scroller || scroller.scrollWidth <= scroller.clientWidth);
});
