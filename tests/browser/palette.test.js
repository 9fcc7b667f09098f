// ⌘K: conversations by name and the actions of the page, by keys alone.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { finished, newContext, register, say, Server, stopBrowser, violations } from "./support.js";

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

test("a conversation is found by parts of its name, and opened", async () => {
  for (const name of ["Harbour lights at night", "把会议录音整理成纪要", "A letter to the landlord"]) {
    await page.keyboard.press("Control+Shift+O");
    await page.locator(".greeting").waitFor();
    await say(page, `${name}\nshort`);
    await finished(page);
  }
  const find = page.getByRole("combobox");
  const first = page.getByRole("option").first();
  await page.keyboard.press("Control+k");
  await page.getByRole("option", { name: "A letter to the landlord" }).waitFor();
  assert.deepEqual(await violations(page), []);
  await find.fill("night har");
  await page.getByRole("option", { name: "A letter" }).waitFor({ state: "detached" });
  assert.equal(await find.getAttribute("aria-activedescendant"), await first.getAttribute("id"));
  await page.keyboard.press("Enter");
  await page.locator("h1").getByText("Harbour lights at night").waitFor();
  await page.keyboard.press("Control+k");
  await find.fill("纪要");
  await page.keyboard.press("Enter");
  await page.locator("h1").getByText("把会议录音整理成纪要").waitFor();
  await page.getByRole("button", { name: /^Search/ }).click();
  await find.fill("no such thing");
  await page.getByText("Nothing matches.").waitFor();
  await find.fill("new");
  await page.keyboard.press("Enter");
  await page.locator(".greeting").waitFor();
});

test("what was said is found by its words, marked, and shown in its place", async () => {
  await page.keyboard.press("Control+Shift+O");
  await page.locator(".greeting").waitFor();
  await say(page, "The Zürich lighthouse keeper wrote 灯塔日记\nshort");
  await finished(page);
  await page.keyboard.press("Control+Shift+O");
  await page.locator(".greeting").waitFor();
  await page.keyboard.press("Control+k");
  const find = page.getByRole("combobox");
  const hit = page.getByRole("option").filter({ has: page.locator("mark") }).first();
  for (const [query, marked] of [["keep zurich", "Zürich"], ["灯", "灯"]]) {
    for (;;) { // the index follows within a second or two
      await find.fill("");
      await find.fill(query);
      if (await hit.waitFor({ timeout: 2000 }).then(() => true, () => false)) break;
    }
    assert.equal(await hit.locator("mark").first().textContent(), marked);
  }
  await hit.click();
  await page.locator(".message.is-named, .is-named").getByText("灯塔日记").waitFor();
  assert.match(page.url(), /\/c\/[^/]+#[qa]-/);
});
