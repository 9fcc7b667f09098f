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

test("people are found, added, disabled and deleted, after it was said what goes with them", async () => {
  await page.getByRole("button", { name: ADMIN }).click();
  await page.getByRole("menuitem", { name: "Administration" }).click();
  await page.getByRole("heading", { name: "Users" }).waitFor();
  await row(ADMIN).getByText("Administrator", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Add a user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  assert.equal(await dialog.locator(".field-error").count(), 2, "all that is wrong is said at once");
  await dialog.getByLabel("User name").fill("xiaoming");
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await row("xiaoming").waitFor();
  await page.getByRole("searchbox", { name: "Find a user" }).fill("xiao");
  await row(ADMIN).waitFor({ state: "detached" });
  const other = await newContext();
  const person = await other.newPage();
  await logIn(person, server.url, "xiaoming");
  await person.locator(".composer-text").waitFor();
  await choose("xiaoming", "Disable");
  await row("xiaoming").getByText("Disabled").waitFor();
  await person.locator("#name").waitFor(); // and the open page closes
  await other.close();
  await choose("xiaoming", "Enable");
  await choose("xiaoming", "Delete");
  await dialog.getByText(/This deletes 0 conversations/).waitFor();
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("No users found.").waitFor();
});

test("an invite code is made, copied, used and revoked", async () => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${server.url}/admin/invites`);
  await page.getByRole("button", { name: "New invite" }).click();
  await page.getByRole("textbox", { name: "For" }).fill("Uncle");
  await page.getByRole("button", { name: "Create and copy" }).click();
  await row("Uncle").getByText(/^1 left, until /).waitFor();
  const code = await page.evaluate(() => navigator.clipboard.readText());
  await row("Uncle").getByRole("button", { name: `Revoke ${code}` }).click();
  await page.getByText("No invite codes.").waitFor();
});

test("a backup is made, verified and downloaded", async () => {
  await page.goto(`${server.url}/admin/backups`);
  await page.getByText("No backups yet.").waitFor();
  await page.getByRole("button", { name: "Back up now" }).click();
  await page.getByText("The backup is made.").waitFor();
  await page.getByRole("button", { name: /^Verify the backup/ }).click();
  await page.getByText("The backup is good.").waitFor();
  await page.getByText("Verified", { exact: true }).waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /^Download the backup/ }).click()]);
  const bytes = await readFile(await file.path());
  assert.deepEqual([...bytes.subarray(0, 2)], [0x1f, 0x8b], "a gzip archive");
});

test("checks say what needs attention, and the log is searched and followed", async () => {
  await page.goto(`${server.url}/admin/health`);
  await page.getByRole("heading", { name: /needs? attention|Everything is well/ }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "Disk space" }).first().waitFor();
  await section("Log");
  const log = page.getByRole("region", { name: "Log" });
  await log.getByText(/listening on/).first().waitFor();
  await page.getByRole("searchbox", { name: "Find in the log" }).fill("registered user");
  await log.getByText(/listening on/).first().waitFor({ state: "detached" });
  await log.getByText(/registered user=/).first().waitFor();
  await page.getByLabel("Level that is written").selectOption("debug");
  await page.getByText("The log level is debug now.").first().waitFor();
});

for (const [name, options] of [["light, wide", {}], ["dark, Chinese, phone", { locale: "zh-CN", colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }]]) {
  test(`axe finds nothing in any section, and nothing sticks out: ${name}`, async () => {
    await open({ reducedMotion: "reduce", ...options });
    for (const each of ["users", "invites", "providers", "tools", "usage", "backups", "health", "log"]) {
      await page.goto(`${server.url}/admin/${each}`);
      await page.waitForFunction(() => document.querySelector("#thread section") && !document.querySelector("#thread .skeleton"));
      assert.deepEqual(await violations(page), [], each);
      assert.ok(await noOverflow(page), each);
    }
  });
}

test("others have no administration", async () => {
  await context.close();
  context = await newContext();
  page = await context.newPage();
  await register(page, server.url);
  await page.goto(`${server.url}/admin`);
  await page.getByText("Only administrators may do this.").waitFor();
});

test("usage is shown, a budget limits it, and the person sees how much is left", async () => {
  await say(page, "What does this cost?");
  await finished(page);
  await page.goto(`${server.url}/admin/usage`);
  await row(ADMIN).waitFor();
  await page.getByRole("img", { name: /^Tokens per day/ }).waitFor();
  await page.getByLabel("By", { exact: true }).selectOption("Model");
  await row("claude-sonnet-5-5").waitFor();
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByLabel("Measured in").selectOption("Tokens");
  await page.getByLabel("Limit").fill("1000000");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("1M tokens per month").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: ADMIN }).click();
  await page.getByRole("menuitem", { name: "Account and usage" }).click();
  await page.getByText(/of 1m tokens per month used/i).waitFor();
  assert.deepEqual(await violations(page), []);
});

test("a person reads when most of the budget is used, and when it is used up", async () => {
  await context.close();
  context = await newContext();
  page = await context.newPage();
  const name = await register(page, server.url);
  const admin = await newContext();
  const other = await admin.newPage();
  await logIn(other, server.url, ADMIN);
  await other.locator(".composer-text").waitFor();
  await other.goto(`${server.url}/admin/users`);
  await other.getByRole("button", { name: `Actions for ${name}` }).click();
  await other.getByRole("menuitem", { name: "Budget" }).click();
  await other.getByLabel("Measured in").selectOption("Tokens");
  await other.getByLabel("Limit").fill("14"); // an answer here is 12 tokens
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByText("Budget saved.").first().waitFor();
  await admin.close();
  await say(page, "One");
  await page.getByText(/You have used \d+ % of your budget/).first().waitFor();
  await finished(page);
  await say(page, "Two");
  await finished(page);
  await say(page, "Three");
  await answer(page).getByText(/budget/i).first().waitFor();
});

test("models: what people see, what answers by default, and what it costs", async () => {
  await page.goto(`${server.url}/admin/models`);
  await row("Sonnet 5.5").getByText("default").waitFor();
  await choose("Small", "Make it the default");
  await row("Small").getByText("default").waitFor();
  await page.getByLabel("People see").selectOption("only those that are offered");
  await row("Sonnet 5.5").getByText("offered", { exact: true }).waitFor();
  await choose("Sonnet 5.5", "Do not offer");
  await row("Sonnet 5.5").getByText("not offered").waitFor();
  const other = await newContext();
  const person = await other.newPage();
  await register(person, server.url);
  await say(person, "Who answers?");
  await answer(person).getByText("Answered by claude-small.").waitFor();
  assert.equal(await person.getByRole("button", { name: /^Model:/ }).count(), 0, "there is nothing to choose from");
  assert.deepEqual(other.complaints, []);
  await other.close();
  await row("Small").getByRole("cell", { name: "not known", exact: true }).waitFor();
  await choose("Small", "Set the price");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Input").fill("much");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("A number, 0 or more.").waitFor();
  await dialog.getByText("Required.").waitFor();
  assert.deepEqual(await violations(page), []);
  await dialog.getByLabel("Input").fill("0,4");
  await dialog.getByLabel("Output").fill("1.6");
  await dialog.getByRole("button", { name: "Another price for long prompts" }).click();
  const band = dialog.getByRole("group", { name: "Long prompts" });
  await dialog.getByRole("button", { name: "Save" }).click();
  assert.equal(await band.getByText("Required.").count(), 3);
  await band.getByLabel("For prompts of more tokens than").fill("100000");
  await band.getByLabel("Input").fill("0.8");
  await band.getByLabel("Output").fill("3.2");
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("Small").getByRole("cell", { name: "from $0.40 in · $1.60 out", exact: true }).waitFor();
  await choose("Small", "Set the price");
  assert.equal(await band.getByLabel("For prompts of more tokens than").inputValue(), "100000");
  await band.getByRole("button", { name: "Remove" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("Small").getByRole("cell", { name: "$0.40 in · $1.60 out", exact: true }).waitFor();
  await choose("Small", "Set the price");
  await dialog.getByLabel("Valid from (UTC)").fill("2100-01-01");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.reload(); // the list looks as before, so nothing in it says that it is the new one
  await row("Small").getByRole("cell", { name: "$0.40 in · $1.60 out", exact: true }).waitFor();
  await choose("Small", "Set the price");
  await dialog.getByText("From 1 January 2100: $0.40 in · $1.60 out.").waitFor();
  await page.keyboard.press("Escape");
  await choose("Small", "Set the price");
  await dialog.getByRole("button", { name: "Back to the shipped price" }).click();
  await row("Small").getByRole("cell", { name: "not known", exact: true }).waitFor();
  await page.getByLabel("People see").selectOption("all models");
  await row("Sonnet 5.5").getByText("not offered").waitFor({ state: "detached" });
  await choose("Small", "No longer the default");
  await row("Sonnet 5.5").getByText("default").waitFor();
  assert.deepEqual(await violations(page), []);
});
