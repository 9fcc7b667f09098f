// A first visit and the visits after it: how much it takes, what is seen before the script runs, what works without a
// network, and a server that was upgraded meanwhile.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { newContext, register, say, finished, Server, stopBrowser } from "./support.js";

const MOST_REQUESTS = 9;
const MOST_BYTES = 120 * 1024;

let server, context, page;

before(async () => { server = await Server.start(); });
after(async () => { await stopBrowser(); await server.stop(); });
beforeEach(async () => {
  context = await newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(context.complaints, [], "the browser complained");
});

test("a first visit takes one script, one sheet, one language, and few bytes", async () => {
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  const urls = new Map();
  let bytes = 0;
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => urls.set(requestId, new URL(request.url).pathname));
  devtools.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; });
  await page.goto(server.url);
  await page.locator("#new-name, #name").waitFor();
  const paths = [...urls.values()];
  const count = (pattern) => paths.filter((path) => pattern.test(path)).length;
  assert.ok(paths.length <= MOST_REQUESTS, `${paths.length} requests: ${paths.join(" ")}`);
  assert.equal(count(/\/main\.js$/), 1);
  assert.equal(count(/\/js\//), 2, "the script and the words of one language");
  assert.equal(count(/\.css$/), 1);
  assert.ok(bytes > 10_000 && bytes <= MOST_BYTES, `${bytes} bytes`);
  console.log(`first visit: ${paths.length} requests, ${bytes} bytes`);
});

test("the frame of the page is there before its script", async () => {
  await context.close();
  context = await newContext({ serviceWorkers: "block" }); // which would have the script at hand
  page = await context.newPage();
  let release;
  let held = new Promise((resolve) => { release = resolve; });
  await page.route("**/main.js", async (route) => { await held; await route.continue(); });
  await page.goto(server.url, { waitUntil: "commit" });
  await page.locator(".auth.is-loading .brand").waitFor();
  assert.ok(await page.locator(".auth.is-loading .brand .icon").boundingBox(), "with its icon");
  release();
  await register(page, server.url);
  held = new Promise((resolve) => { release = resolve; });
  await page.reload({ waitUntil: "commit" });
  await page.locator(".shell.is-loading .composer").waitFor();
  await page.locator(".auth.is-loading").waitFor({ state: "hidden" }); // with the style sheet
  release();
  await page.locator(".composer-text").waitFor();
});

test("focus is in the first field, and in the composer after logging in and loading", async () => {
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
  await page.goto(`${server.url}/#login`);
  await page.locator("#name").waitFor();
  assert.equal(await focused(), "name");
  await register(page, server.url);
  assert.match(await focused(), /composer-text/);
  await page.reload();
  await page.locator(".composer-text").waitFor();
  assert.match(await focused(), /composer-text/);
});

test("the page opens without a network and shows what it knows", async () => {
  await register(page, server.url);
  await say(page, "Kept for later, short");
  await finished(page);
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === "activated");
  await server.down();
  try {
    await page.reload();
    await page.locator(".composer-text").waitFor();
    await page.locator(".banner").waitFor();
  } finally {
    await server.up();
  }
  await page.locator("li.is-user").getByText("Kept for later, short").waitFor();
});

test("a server that was upgraded meanwhile: the page offers to load the new version", async () => {
  await register(page, server.url);
  await page.route((url) => url.pathname === "/", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replaceAll(/\/assets\/\w+\//g, "/assets/another/") });
  });
  await server.down();
  await server.up();
  await page.getByText("A new version is available.").first().waitFor();
  await page.unroute((url) => url.pathname === "/");
  await Promise.all([page.waitForEvent("load"), page.unrouteAll().then(() => page.getByRole("button", { name: "Reload" }).click())]);
  await page.locator(".composer-text").waitFor();
  assert.equal(await page.getByText("A new version is available.").count(), 0);
});
