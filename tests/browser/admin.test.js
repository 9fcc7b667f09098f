// The administration: what an administrator does with people, invites, providers, backups, checks and the log.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { answer, finished, logIn, newContext, noOverflow, PASSWORD, register, say, Server, stopBrowser, violations } from "./support.js";
import { startUpstream } from "./upstream.js";

const ADMIN = "administrator";

let server, upstream, context, page;

before(async () => {
  upstream = await startUpstream({ models: [{ id: "claude-sonnet-5-5", display_name: "Sonnet 5.5" }, { id: "claude-small", display_name: "Small" }] });
  server = await Server.start({ provider: "anthropic" });
  context = await newContext();
  await register(await context.newPage(), server.url, ADMIN);
  await context.close();
});
after(async () => { await stopBrowser(); await server.stop(); upstream.stop(); });
beforeEach(() => open());
afterEach(async () => {
  await context.close();
  assert.deepEqual(context.complaints, [], "the browser complained");
});

async function open(options) {
  await context?.close();
  context = await newContext(options);
  page = await context.newPage();
  await logIn(page, server.url, ADMIN);
  await page.locator(".composer-text").waitFor();
}

const section = (name) => page.getByRole("link", { name, exact: true }).click();
const row = (text) => page.getByRole("row").filter({ hasText: text });
const choose = async (name, item) => {
  await page.getByRole("button", { name: `Actions for ${name}` }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
};

test("the first run: three steps to a model, while others read that the administrator has to finish", async () => {
  await page.getByText("Connect a model to get started").waitFor();
  const other = await newContext();
  const person = await other.newPage();
  await register(person, server.url);
  await person.getByText("The administrator has to finish setting up this server.").waitFor();
  assert.doesNotMatch(await person.locator("main").innerText(), /LLM_|key/i);
  await page.getByRole("button", { name: "Test and save" }).click();
  await page.getByText("Required.").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel("Provider", { exact: true }).selectOption("Another server");
  await page.getByLabel("API", { exact: true }).selectOption("Anthropic-compatible");
  await page.getByLabel("Address").fill(upstream.url);
  await page.getByLabel("Key", { exact: true }).fill("sk-first-key-wxyz");
  await page.getByRole("button", { name: "Test and save" }).click();
  await page.getByText("What is on your mind?").waitFor();
  await say(page, "Who answers?");
  await answer(page).getByText("Answered by claude-sonnet-5-5.").waitFor();
  await finished(page);
  await person.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // asks at once what is new
  await person.getByText("What is on your mind?").waitFor();
  await other.close();
});

test("providers are added, tested and removed", async () => {
  await page.goto(`${server.url}/admin/providers`);
  await page.getByRole("button", { name: "Add a provider" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Provider", { exact: true }).selectOption("Another server");
  await dialog.getByLabel("API", { exact: true }).selectOption("Anthropic-compatible");
  await dialog.getByLabel("Address").fill(upstream.url);
  await dialog.getByLabel("Key", { exact: true }).fill("sk-second-key-9876");
  await dialog.getByRole("button", { name: "Test and save" }).click();
  await dialog.getByText("Required.").waitFor(); // a server without a vendor needs a name
  await dialog.getByLabel("Name", { exact: true }).fill("work");
  await dialog.getByRole("button", { name: "Test and save" }).click();
  await page.getByText("The provider answers: 2 models.").first().waitFor();
  await row("work").getByText("…9876").waitFor();
  await choose("work", "Test");
  await choose("work", "Remove");
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await row("work").waitFor({ state: "detached" });
});
