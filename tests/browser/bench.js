// Times of the page, as a table: `node bench.js [label=program …]`, by default the program of PORTAGENT_BIN. With two
// programs, say one of before, both are measured in one run. Slow 4G is 150 ms and 1.6 Mbit/s; 4× is the processor's.

import { bring, counters, MARKDOWN, patches, piecesOf, seen, watch } from "./measure.js";
import { answer, BINARY, finished, newContext, PASSWORD, register, say, Server, stopBrowser } from "./support.js";
import { startUpstream } from "./upstream.js";

const SLOW_4G = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 };
const LONG = 300;
const PARAGRAPH = "A sentence of a paragraph that does not end, in words. ".repeat(3640);
const SWITCHES = 40;
const LINES = "line of a log, with some words in it\n".repeat(40_000);

const upstream = await startUpstream({ models: [{ id: "claude-test-1", display_name: "Test" }], say: () => ({ pieces: piecesOf(MARKDOWN.repeat(16), 7), ms: 8 }) });
const programs = process.argv.slice(2).map((each) => each.split("=", 2));
const columns = [];
for (const [label, binary] of programs.length ? programs : [["now", BINARY]]) columns.push([label, await measured(binary)]);
upstream.stop();
await stopBrowser();
const rows = Object.keys(columns[0][1]);
console.log(`| | ${columns.map(([label]) => label).join(" | ")} |\n|---|${columns.map(() => "---:|").join("")}`);
for (const row of rows) console.log(`| ${row} | ${columns.map(([, values]) => values[row]).join(" | ")} |`);

async function measured(binary) {
  const server = await Server.start({ binary, provider: "anthropic", args: ["--api-url", upstream.url, "--api-key", "test-key"] });
  try {
    const first = await newContext();
    const name = await register(await first.newPage(), server.url);
    await first.close();
    await bring(server.url, name, LONG);
    await bring(server.url, name, 2, PARAGRAPH);
    return { ...await visit(server), ...await long(server, name), ...await streaming(server, name), ...await switching(server, name), ...await pasting(server, name) };
  } finally {
    await server.stop();
  }
}

async function throttled({ network = true } = {}) {
  const context = await newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  const slow = async () => {
    if (network) await devtools.send("Network.emulateNetworkConditions", SLOW_4G);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  };
  return { context, page, devtools, slow };
}

async function timed(work) {
  const began = performance.now();
  await work();
  return `${Math.round(performance.now() - began)} ms`;
}

async function visit(server) {
  const { context, page, devtools, slow } = await throttled();
  let requests = 0, bytes = 0;
  devtools.on("Network.requestWillBeSent", () => { requests += 1; });
  devtools.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; });
  await slow();
  const usable = await timed(async () => {
    await page.goto(server.url);
    await page.locator("#new-name, #name").first().waitFor();
  });
  await context.close();
  return { "usable, slow 4G and 4×": usable, requests, bytes };
}

/** Logged in, on a page at full speed. */
async function enter(server, name, options) {
  const all = await throttled(options);
  await all.page.goto(`${server.url}/#login`);
  await all.page.locator("#name").fill(name);
  await all.page.locator("#password").fill(PASSWORD);
  await all.page.locator("form.auth-panel button[type=submit]").click();
  await all.page.locator(".sidebar-list a").first().waitFor();
  return all;
}

function link(page, title) { return page.locator(".sidebar-list a").getByText(title, { exact: true }); }

async function long(server, name) {
  const { context, page, slow } = await enter(server, name);
  await link(page, `${LONG} messages`).click();
  await answer(page).locator("table").first().waitFor();
  const path = page.url();
  await page.goto("about:blank");
  await slow();
  const usable = await timed(async () => {
    await page.goto(path);
    await answer(page).locator("table").first().waitFor();
    await page.locator(".composer-text:focus").waitFor();
  });
  await context.close();
  const other = await enter(server, name, { network: false });
  await other.slow();
  await watch(other.page);
  await link(other.page, `${LONG} messages`).click();
  await answer(other.page).locator("table").first().waitFor();
  await all(other.page);
  const { longest } = await seen(other.page);
  await other.context.close();
  const third = await enter(server, name, { network: false });
  await third.slow();
  await watch(third.page);
  await link(third.page, "2 messages").click();
  await answer(third.page).locator(".prose p").first().waitFor();
  await settled(third.page);
  const paragraph = (await seen(third.page)).longest;
  await third.context.close();
  return { [`${LONG} messages usable, slow 4G and 4×`]: usable, [`${LONG} messages, all of them: longest task at 4×`]: `${longest} ms`, "200,000 characters in one paragraph: longest task at 4×": `${paragraph} ms` };
}

/** Scrolls up until every message is on the page. */
async function all(page) {
  await page.evaluate(async (count) => {
    const scroller = document.querySelector(".scroller");
    while (document.querySelectorAll("li.message").length < count) {
      scroller.scrollTop = 0;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }, LONG);
  await settled(page);
}

function settled(page) {
  return page.evaluate(() => new Promise((resolve) => { requestIdleCallback(() => setTimeout(resolve, 300)); }));
}

async function streaming(server, name) {
  const { context, page, devtools, slow } = await enter(server, name, { network: false });
  const counted = patches(page);
  await page.reload(); // with its socket in sight
  await page.locator(".composer-text").waitFor();
  await slow();
  const firstWords = await timed(async () => {
    await say(page, "first");
    await answer(page).locator(".prose").first().waitFor();
  });
  await watch(page);
  const before = await counters(devtools);
  counted.html = 0;
  await finished(page);
  const { perSecond, longest, writes, undecidedFrames } = await seen(page);
  const { recalculations } = await counters(devtools);
  await context.close();
  const each = (count) => (count / counted.html).toFixed(1);
  return {
    "first words at 4×": firstWords, "frames a second at 4× while streaming": perSecond, "longest task at 4× while streaming": `${longest} ms`,
    "style recalculations a patch": each(recalculations - before.recalculations), "attribute writes a patch": each(writes), "frames that show source": undecidedFrames,
  };
}

async function switching(server, name) {
  const { context, page } = await enter(server, name, { network: false });
  const go = async (title) => {
    await link(page, title).click();
    await page.locator("h1").getByText(title, { exact: true }).waitFor();
    await answer(page).locator(".prose").first().waitFor();
  };
  await go(`${LONG} messages`);
  for (let at = 0; at < SWITCHES; at += 1) await go(at % 2 ? "2 messages" : `${LONG} messages`);
  await settled(page);
  const elements = await page.locator("*").count();
  await context.close();
  return { [`elements after ${SWITCHES} switches`]: elements };
}

async function pasting(server, name) {
  const { context, page } = await enter(server, name, { network: false });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate((text) => navigator.clipboard.writeText(text), LINES);
  const paste = async (selector) => {
    await page.locator(selector).focus();
    await page.evaluate(() => {
      window.pasted = new Promise((resolve) => {
        addEventListener("paste", () => {
          const began = performance.now();
          requestAnimationFrame(() => setTimeout(() => resolve(Math.round(performance.now() - began))));
        }, { capture: true, once: true });
      });
    });
    await page.keyboard.press("ControlOrMeta+v");
    return page.evaluate(() => window.pasted);
  };
  const ours = await paste(".composer-text");
  await page.evaluate(() => {
    const bare = Object.assign(document.createElement("textarea"), { id: "bare" });
    document.body.replaceChildren(bare);
  });
  const took = { ours, alone: await paste("#bare") };
  await context.close();
  return { "paste of 40,000 lines": `${took.ours} ms`, "the same into a bare text area": `${took.alone} ms` };
}
