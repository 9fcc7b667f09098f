// A person's way through the page: account, question, streaming answer, stop, queue, reload, a lost connection.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { answer, answers, finished, grows, lamp, logIn, newContext, PASSWORD, prose, register, say, Server, stopBrowser } from "./support.js";

let server, context, page, name;

before(async () => { server = await Server.start(); });
after(async () => { await stopBrowser(); await server.stop(); });
beforeEach(async () => {
  context = await newContext();
  page = await context.newPage();
  name = await register(page, server.url);
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(context.complaints, [], "the browser complained");
});

test("an answer streams, is rendered, and can be stopped", async () => {
  await say(page, "Hello, a long slow answer please");
  await lamp(page).waitFor();
  assert.match(page.url(), /\/c\/[\w-]+$/);
  await grows(page);
  await page.getByRole("button", { name: "Stop the answer" }).click();
  await answer(page).getByText("Stopped. The partial answer is kept.").waitFor();
  const kept = await prose(page);
  assert.ok(kept.trim().length > 10, "what was written stays");
  assert.equal(await lamp(page).count(), 0);
  await page.reload();
  await answer(page).getByText("Stopped. The partial answer is kept.").waitFor();
  assert.equal((await prose(page)).replace(/\s+/g, ""), kept.replace(/\s+/g, ""));
});

test("Escape stops, Retry answers once more in the same place", async () => {
  await say(page, "A long slow answer");
  await lamp(page).waitFor();
  await grows(page);
  await page.keyboard.press("Escape");
  await answer(page).getByText("Stopped.").waitFor();
  await answer(page).getByRole("button", { name: "Retry" }).click();
  await lamp(page).waitFor();
  assert.equal(await answers(page).count(), 1);
  await page.keyboard.press("Escape");
  await answer(page).getByText("Stopped.").waitFor();
});

test("while an answer is written, questions queue; one is taken back, in all tabs, and what is being written stays", async () => {
  await say(page, "First, a long slow one");
  await lamp(page).waitFor();
  await page.locator(".composer-text").fill("Second, in short");
  await page.getByRole("button", { name: "Queue" }).click();
  await page.locator("li.is-user[data-state=queued]").getByText("Queued.").waitFor();
  await say(page, "Third, to be changed");
  const third = (tab) => tab.locator("li.is-user[data-state=queued]").filter({ hasText: "Third" });
  const other = await context.newPage();
  await other.goto(page.url());
  await third(other).waitFor();
  await page.locator(".composer-text").fill("half a thought");
  await third(page).getByRole("button", { name: "Take back" }).click();
  await third(page).waitFor({ state: "detached" });
  await third(other).waitFor({ state: "detached" });
  assert.equal(await page.locator(".composer-text").inputValue(), "Third, to be changed");
  assert.ok(await page.locator(".composer-text").evaluate((area) => area === document.activeElement));
  await page.getByRole("button", { name: "Restore draft" }).click();
  assert.equal(await page.locator(".composer-text").inputValue(), "half a thought");
  await page.getByRole("button", { name: "Restore draft" }).click();
  assert.equal(await page.locator(".composer-text").inputValue(), "Third, to be changed", "nothing that was written is lost");
  await page.getByRole("button", { name: "Stop the answer" }).click();
  await page.locator("li.is-user[data-state=queued]").waitFor({ state: "detached" });
  await finished(page);
  assert.equal(await page.locator("li.is-user").count(), 2);
  assert.equal(await answers(page).count(), 2);
});

test("a reload in the middle loses nothing and doubles nothing", async () => {
  await say(page, "A short slow answer");
  await lamp(page).waitFor();
  await grows(page);
  await page.reload();
  await lamp(page).waitFor();
  await grows(page);
  await finished(page);
  const live = await prose(page);
  await page.reload();
  await finished(page);
  assert.equal((await prose(page)).replace(/\s+/g, ""), live.replace(/\s+/g, ""));
});

test("thinking and tools stand in steps, errors offer a way out", async () => {
  await say(page, "think and use a tool");
  await finished(page);
  assert.ok(await answer(page).locator(".step").count() >= 2);
  const step = answer(page).locator(".step").first();
  await step.locator("summary").click();
  await step.locator(".step-body").getByText(/\w+/).first().waitFor();
  await say(page, "error");
  const alert = answer(page).locator(".alert");
  await alert.waitFor();
  assert.ok(await alert.getByRole("button", { name: "Retry" }).isVisible());
  await alert.getByRole("button", { name: "Edit and ask again" }).click();
  assert.equal(await page.getByLabel("Your question in other words").inputValue(), "error");
});

test("a second tab of the same login shows the same stream", async () => {
  await say(page, "A short slow answer");
  await lamp(page).waitFor();
  const other = await context.newPage();
  await other.goto(page.url());
  await lamp(other).waitFor();
  await finished(page);
  await finished(other);
  assert.equal(await prose(other), await prose(page));
  await say(other, "From the other tab, in short");
  await page.locator("li.is-user").getByText("From the other tab").waitFor();
  await finished(page);
  assert.equal(await page.locator("li.is-user").count(), 2);
});

test("a server that restarts: the page reconnects, an unsent message arrives once", async () => {
  await say(page, "Hello, in short");
  await finished(page);
  await server.down();
  await page.locator(".banner").waitFor();
  await say(page, "Written while offline, in short");
  await page.locator("li[data-state=unsent]").getByText("Not sent yet.").waitFor();
  await page.locator(".composer-text").fill("A draft");
  await server.up();
  await page.locator(".banner").waitFor({ state: "hidden" });
  await page.locator("li[data-state=unsent]").waitFor({ state: "detached" });
  await finished(page);
  assert.equal(await page.locator("li.is-user").count(), 2);
  await page.reload();
  await page.locator("li.is-user").nth(1).waitFor();
  assert.equal(await page.locator("li.is-user").count(), 2);
  assert.equal(await page.locator(".composer-text").inputValue(), "A draft");
});

test("a server that dies while it writes: what came is kept and can be answered again", async () => {
  await say(page, "A long slow answer");
  await lamp(page).waitFor();
  await grows(page);
  await page.waitForTimeout(700); // longer than the time between two checkpoints
  await server.down("SIGKILL");
  await answer(page).getByText("Paused.").waitFor();
  await server.up();
  await answer(page).getByText("Stopped.").waitFor();
  assert.ok((await prose(page)).trim().length > 10);
  await answer(page).getByRole("button", { name: "Retry" }).click();
  await lamp(page).waitFor();
  await page.keyboard.press("Escape");
  await answer(page).getByText("Stopped.").waitFor();
});

test("a network that goes away and comes back leaves no hole", async () => {
  await say(page, "A short slow answer");
  await lamp(page).waitFor();
  await grows(page);
  await context.setOffline(true);
  await page.waitForTimeout(1500);
  await context.setOffline(false);
  await finished(page);
  const live = await prose(page);
  await page.reload();
  await finished(page);
  assert.equal((await prose(page)).replace(/\s+/g, ""), live.replace(/\s+/g, ""));
});

test("log out here logs out there, and the password can be changed", async () => {
  const other = await context.newPage();
  await other.goto(server.url);
  await other.locator(".composer-text").waitFor();
  const account = page.getByRole("button", { name });
  await account.click();
  await page.getByRole("menuitem", { name: "Change password" }).click();
  await page.locator("#password-current").fill(PASSWORD);
  await page.locator("#password-new").fill("another horse");
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByText("Password changed.").first().waitFor();
  await say(page, "Still here, in short");
  await finished(page);
  await account.click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.locator("#name").waitFor();
  await other.getByText("You were logged out in another tab.").first().waitFor();
  await logIn(page, server.url, name, PASSWORD);
  await page.getByText("Wrong user name or password").waitFor();
  await logIn(page, server.url, name, "another horse");
  await page.locator(".composer-text").waitFor();
});
