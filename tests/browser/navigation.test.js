// Finding the way: the list of conversations, its keys, links to messages, and deleting with a way back.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { answers, finished, newContext, register, say, Server, stopBrowser, violations } from "./support.js";

let server, context, page;

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
}

async function ask(text) {
  await page.keyboard.press("Control+Shift+O");
  await page.locator(".greeting").waitFor();
  await say(page, `${text}\nshort`); // only its first line becomes the name
  await finished(page);
}

const links = () => page.locator(".sidebar-list a").allTextContents();
const focused = () => page.evaluate(() => document.activeElement.textContent);

test("a conversation is named in words, cut between letters", async () => {
  const family = "👨‍👩‍👧‍👦";
  for (const [text, name] of [
    ["```js\nlet x;\n```\nWhy is x undefined? short", "Why is x undefined? short"],
    [`${family.repeat(70)}\nshort`, `${family.repeat(28)}…`],
  ]) {
    await page.keyboard.press("Control+Shift+O");
    await page.locator(".greeting").waitFor();
    await say(page, text);
    await page.locator("h1").getByText(name, { exact: true }).waitFor();
    await finished(page);
    assert.equal((await links())[0].trim(), name);
  }
});

test("a conversation is deleted at once, and comes back with Undo", async () => {
  await ask("Keep me");
  await ask("Delete me");
  const path = new URL(page.url()).pathname;
  await page.getByRole("button", { name: "More about this conversation" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.locator(".greeting").waitFor();
  assert.deepEqual(await links(), ["Keep me"]);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator("h1").getByText("Delete me").waitFor();
  assert.equal(new URL(page.url()).pathname, path);
  assert.deepEqual(await links(), ["Delete me", "Keep me"]);
  await page.getByRole("button", { name: "More about this conversation" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.reload(); // no time for an undo any more: closing the page is final
  await page.goto(server.url + path);
  await page.getByText("Conversation not found").waitFor();
  assert.deepEqual(await links(), ["Keep me"]);
});

test("what another tab changes in the list is heard, not asked for; a deleted conversation says so", async () => {
  await ask("Open in two places");
  const other = await context.newPage();
  let asked = 0;
  other.on("websocket", (socket) => socket.on("framesent", ({ payload }) => { asked += payload.includes("image_list_request"); }));
  // Lists are asked for now and then, too, but not while a page is hidden.
  await other.addInitScript(() => Object.defineProperty(document, "visibilityState", { get: () => (window.hides ? "hidden" : "visible") }));
  await other.goto(page.url());
  await answers(other).waitFor();
  await other.locator(".sidebar-list a").getByText("Open in two places").waitFor();
  await other.evaluate(() => { window.hides = true; });
  const before = asked;
  await page.getByRole("button", { name: "More about this conversation" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.locator("dialog input").fill("One name for both");
  await page.keyboard.press("Enter");
  await other.locator("h1").getByText("One name for both").waitFor();
  await other.locator(".sidebar-list a").getByText("One name for both").waitFor();
  assert.equal(asked, before);
  await page.getByRole("button", { name: "More about this conversation" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.close();
  await other.getByText("This conversation was deleted").waitFor();
});

test("the list is one stop of the Tab key; arrows move in it, and its menus are reached", async () => {
  for (const name of ["one", "two", "three"]) await ask(name);
  assert.equal(await page.locator(".sidebar-list [tabindex='0']").count(), 1);
  await page.locator(".sidebar-list a[aria-current]").focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "two");
  await page.keyboard.press("End");
  assert.equal(await focused(), "one");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Rename" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.locator("h1").getByText("one", { exact: true }).waitFor();
});

test("the navigation closes and stays closed; below 60 rem it is a drawer", async () => {
  const nav = page.locator("#sidebar");
  await page.keyboard.press("Control+b");
  await nav.waitFor({ state: "hidden" });
  await page.reload();
  await page.locator(".composer-text").waitFor();
  assert.ok(await nav.isHidden());
  await page.getByRole("button", { name: "Conversations", exact: true }).click();
  await nav.waitFor();
  await page.setViewportSize({ width: 900, height: 700 });
  assert.ok(await nav.isHidden());
  await page.keyboard.press("Control+b");
  await nav.waitFor();
  await page.keyboard.press("Escape");
  await nav.waitFor({ state: "hidden" });
});

test("a link to a message goes there and marks it", async () => {
  await ask("First");
  for (let index = 0; index < 3; index += 1) {
    await say(page, `More ${index}, short`);
    await finished(page);
  }
  const target = await page.locator("li.is-user").first().locator(".message-link").getAttribute("href");
  await page.goto(page.url() + target);
  await page.reload();
  const first = page.locator("li.is-user").first();
  await page.waitForFunction((id) => document.activeElement?.id === id, target.slice(1));
  assert.match(await first.getAttribute("class"), /is-named/);
  const y = await first.evaluate((node) => node.getBoundingClientRect().top - node.closest(".scroller").getBoundingClientRect().top);
  assert.ok(Math.abs(y) < 40, `it stands at ${y}`);
});

test("the question mark lists the shortcuts, outside of the message field", async () => {
  await page.locator(".composer-text").press("?");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.locator(".composer-text").blur();
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement.matches(".composer-text"));
});

test("a finger reaches rename and delete in the list", async () => {
  await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await page.locator(".composer-text").fill("By touch\nshort");
  await page.getByRole("button", { name: "Send" }).tap();
  await finished(page);
  await page.getByRole("button", { name: "Conversations", exact: true }).tap();
  await page.locator(".sidebar-list").getByRole("button", { name: "Actions for By touch" }).tap();
  await page.getByRole("menuitem", { name: "Delete" }).tap();
  await page.getByRole("button", { name: "Undo" }).tap();
  await page.locator("h1").getByText("By touch").waitFor();
});

test("the whole conversation is printed, not only what was loaded", async () => {
  await page.addInitScript(() => { window.print = () => { window.printed = document.querySelectorAll("li.message").length; }; });
  for (let index = 0; index < 4; index += 1) {
    await say(page, `Number ${index}, short`);
    await finished(page);
  }
  // Pages of two messages in place of forty: a long conversation takes the demo its time.
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const upstream = socket.connectToServer();
    socket.onMessage((message) => upstream.send(message.replace('"limit":40', '"limit":2')));
  });
  await page.setViewportSize({ width: 1280, height: 300 });
  await page.reload();
  await page.locator("li.is-user").getByText("Number 3, short", { exact: true }).waitFor();
  await page.keyboard.press("Control+p");
  await page.waitForFunction(() => window.printed === 8);
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator(".composer").isHidden());
  assert.ok(await page.evaluate(() => document.documentElement.scrollHeight > 2 * innerHeight), "all of it is laid out");
});

test("where no WebSocket gets through, the page says so, and who can mend it", async () => {
  await page.addInitScript(() => {
    window.WebSocket = class {
      constructor() { setTimeout(() => this.onclose({ code: 1006, reason: "" }), 10); }
      close() {}
    };
  });
  await page.reload();
  await page.getByText("the proxy in front of it does not pass WebSockets on. The administrator of the server").waitFor();
});

test("a conversation is pinned above the others, archived with a way back, and found in the archive", async () => {
  await page.addInitScript(() => {
    window.WebSocket = class extends WebSocket {
      constructor(...all) {
        super(...all);
        this.addEventListener("message", ({ data }) => { if (data.includes("Gamma") && data.includes("image_list_response")) setTimeout(() => { window.listed = true; }); });
      }
    };
  });
  await page.reload();
  for (const text of ["Alpha, in short", "Beta, in short"]) {
    await page.keyboard.press("Control+Shift+O");
    await page.locator(".greeting").waitFor();
    await say(page, text);
    await finished(page);
  }
  const list = page.locator(".sidebar-list");
  const names = () => list.locator("a").allInnerTexts();
  const choose = async (name, entry) => {
    await list.getByRole("link", { name }).hover();
    await page.getByRole("button", { name: `Actions for ${name}` }).first().click();
    await page.getByRole("menuitem", { name: entry, exact: true }).click();
  };
  // A menu that is open stays, whatever happens to the list meanwhile; then the list shows it.
  await page.getByRole("button", { name: "Actions for Alpha, in short" }).first().click();
  await page.getByRole("menuitem", { name: "Pin", exact: true }).waitFor();
  const elsewhere = await context.newPage();
  await elsewhere.goto(server.url);
  await say(elsewhere, "Gamma, in short");
  await finished(elsewhere);
  await elsewhere.close();
  const arrived = page.waitForFunction(() => window.listed);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // as one who comes back to the window
  await arrived;
  await page.getByRole("menuitem", { name: "Pin", exact: true }).waitFor();
  assert.deepEqual(await names(), ["Beta, in short", "Alpha, in short"]);
  await page.keyboard.press("Escape");
  await list.getByRole("link", { name: "Gamma, in short" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Actions for Alpha, in short");
  await choose("Gamma, in short", "Delete");
  await list.getByRole("link", { name: "Gamma, in short" }).waitFor({ state: "detached" });
  await choose("Alpha, in short", "Pin");
  await list.getByRole("heading", { name: "Pinned" }).waitFor();
  assert.deepEqual(await names(), ["Alpha, in short", "Beta, in short"]);
  await page.reload();
  await list.getByRole("heading", { name: "Pinned" }).waitFor();
  await choose("Alpha, in short", "Unpin");
  await list.getByRole("heading", { name: "Pinned" }).waitFor({ state: "detached" });
  assert.deepEqual(await names(), ["Beta, in short", "Alpha, in short"]);
  await choose("Alpha, in short", "Archive");
  await list.getByRole("link", { name: "Alpha, in short" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await list.getByRole("link", { name: "Alpha, in short" }).waitFor();
  await choose("Alpha, in short", "Archive");
  await list.getByRole("link", { name: "Alpha, in short" }).waitFor({ state: "detached" });
  await page.reload();
  await list.getByRole("button", { name: "Archive" }).click();
  await page.getByRole("option", { name: /Alpha, in short/ }).click();
  await page.locator("li.is-user").getByText("Alpha, in short").waitFor();
  await page.getByRole("heading", { level: 1, name: "Alpha, in short" }).waitFor();
  assert.equal(await list.getByRole("link", { name: "Alpha, in short" }).count(), 0);
  await page.getByRole("button", { name: "More about this conversation" }).click();
  await page.getByRole("menuitem", { name: "Take out of the archive" }).click();
  await list.getByRole("link", { name: "Alpha, in short" }).waitFor();
  assert.deepEqual(await violations(page), []);
});
