// A question in other words, and other answers to the same one: versions beside each other, of which one is shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import { context, open, page, PHONE_ZH, setStage } from "./stage.js";
import { answer, answers, finished, noOverflow, say, violations } from "./support.js";
import { question } from "./upstream.js";

let count = 0;

setStage({
  models: [{ id: "claude-sonnet-5-5", display_name: "Sonnet 5.5" }, { id: "claude-small", display_name: "Small" }],
  say: (body) => `Answer ${count += 1} of ${body.model} to “${question(body)}”.`,
});

const questions = (where = page) => where.locator("li.is-user");
const versions = (where = page) => where.getByRole("group", { name: /^(Versions|版本)$/ });
const rewrite = async (text) => {
  await questions().first().hover();
  await questions().first().getByRole("button", { name: "Edit and ask again" }).click();
  const field = page.getByLabel("Your question in other words");
  await field.fill(text);
  await field.press("Enter");
};

test("a question is asked in other words in its place, and both versions are kept", async () => {
  await say(page, "First");
  await finished(page);
  await say(page, "Second");
  await finished(page);
  await rewrite("First, in other words");
  await answer(page).getByText(/to “First, in other words”/).waitFor();
  await finished(page);
  assert.equal(await questions().count(), 1, "what stood behind the old version is not shown");
  await versions().getByText("2/2").waitFor();
  assert.deepEqual(await violations(page), []);
  await versions().getByRole("button", { name: "Previous version" }).click();
  await versions().getByText("1/2").waitFor();
  await questions().nth(1).getByText("Second").waitFor();
  assert.equal(await questions().count(), 2);
  await page.waitForFunction(() => document.activeElement?.dataset.version);
  const other = await context.newPage();
  await other.goto(page.url());
  await versions(other).getByText("1/2").waitFor();
  await questions().nth(1).hover();
  await questions().nth(1).getByRole("button", { name: "Edit and ask again" }).click();
  await page.getByLabel("Your question in other words").fill("Second, half written");
  await versions(other).getByRole("button", { name: "Next version" }).click();
  await versions().getByText("2/2").waitFor();
  await questions().first().getByText("First, in other words").waitFor();
  await page.waitForFunction(() => document.querySelector(".composer-text").value === "Second, half written"); // whose place is gone
  await questions().first().hover();
  await questions().first().getByRole("button", { name: "Edit and ask again" }).click();
  await page.getByLabel("Your question in other words").fill("also half written");
  await page.reload();
  await page.getByRole("button", { name: "Restore draft" }).click();
  assert.equal(await page.locator(".composer-text").inputValue(), "also half written");
  await versions().getByText("2/2").waitFor();
});

test("a change is given up with Escape, and the question stands there as before", async () => {
  await say(page, "Keep me");
  await finished(page);
  await questions().hover();
  await questions().getByRole("button", { name: "Edit and ask again" }).click();
  const field = page.getByLabel("Your question in other words");
  await field.fill("");
  assert.ok(await page.getByRole("button", { name: "Ask again", exact: true }).isDisabled());
  await field.press("Escape");
  await questions().getByText("Keep me").waitFor();
  assert.equal(await field.count(), 0);
});

test("another answer to the same question, also by another model", async () => {
  await say(page, "Who?");
  await finished(page);
  const again = () => answer(page).getByRole("button", { name: "Answer again" }).click();
  const first = await answer(page).innerText();
  await again();
  await page.getByRole("menuitem", { name: "Answer again" }).click();
  await versions().getByText("2/2").waitFor();
  await finished(page);
  assert.notEqual(await answer(page).innerText(), first);
  await again();
  await page.getByRole("menuitem", { name: "With another model…" }).click();
  await page.getByRole("option", { name: "Small" }).click();
  await answer(page).getByText(/of claude-small to “Who\?”/).waitFor();
  await versions().getByText("3/3").waitFor();
  await finished(page);
  await page.getByRole("button", { name: "Model: Sonnet 5.5" }).waitFor(); // only this once
  await versions().getByRole("button", { name: "Previous version" }).click();
  await answer(page).getByText(/of claude-sonnet-5-5/).waitFor();
  assert.equal(await answers(page).count(), 1);
});

test("a message that was found is shown, in whichever version it stands", async () => {
  await say(page, "Lighthouse");
  await finished(page);
  const link = await answer(page).locator(".message-link").getAttribute("href");
  await rewrite("Harbour");
  await answer(page).getByText(/to “Harbour”/).waitFor();
  await finished(page);
  await page.goto(`${new URL(page.url()).origin}/`);
  await page.locator(".greeting").waitFor();
  await page.goBack();
  await versions().getByText("2/2").waitFor();
  await page.evaluate((hash) => { location.hash = hash; }, link);
  await versions().getByText("1/2").waitFor();
  await answer(page).getByText(/to “Lighthouse”/).waitFor();
});

test("by touch and in Chinese", async () => {
  await open(PHONE_ZH);
  await say(page, "第一次");
  await finished(page);
  await questions().getByRole("button", { name: "修改并重新提问" }).tap();
  await page.getByLabel("改写你的问题").fill("第二次");
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "重新提问", exact: true }).tap();
  await versions().getByText("2/2").waitFor();
  await finished(page);
  await versions().getByRole("button", { name: "上一个版本" }).tap();
  await questions().getByText("第一次").waitFor();
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
});
