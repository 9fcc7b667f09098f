// The model is chosen where one writes: per conversation, and the last choice is where the next one begins.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { open, page, PHONE, server, setStage, upstream } from "./stage.js";
import { answer, BINARY, finished, register, say, violations } from "./support.js";

const MODELS = [
  { id: "claude-sonnet-5-5", display_name: "Sonnet 5.5", lifecycle: "active", max_input_tokens: 1_000_000, capabilities: { image_input: { supported: true }, effort: Object.fromEntries(["low", "medium", "high", "max"].map((level) => [level, { supported: true }])) } },
  { id: "claude-small", display_name: "Small", lifecycle: "active" },
  { id: "claude-old", display_name: "Old", lifecycle: "deprecated", retires_at: "2031-03-24T00:00:00Z" },
  { id: "claude-gone", display_name: "Gone", lifecycle: "retired", retires_at: "2025-01-01T00:00:00Z" },
];

// The first account sees every model in any case: the tests are those of others.
setStage({ models: MODELS, say: answered, prepare: () => register(page, server.url) });

/** The list promises more than the model takes. */
function answered(body) {
  if (body.output_config?.effort === "max") return { refusal: "output_config.effort: Input should be 'low', 'medium' or 'high'" };
  return `Answered by ${body.model}.`;
}

const chip = () => page.getByRole("button", { name: /^(Model: |模型：)/ });
const levels = (effort) => effort.getByRole("radio").evaluateAll((all) => all.map((each) => each.parentElement.textContent));
const option = (name) => page.getByRole("option", { name });

test("a model is chosen by keys, answers, and stays the choice of the next conversation", async () => {
  await page.getByRole("button", { name: "Model: Sonnet 5.5" }).click();
  const list = page.getByRole("listbox", { name: "Choose a model" });
  assert.deepEqual(await list.getByRole("option").allInnerTexts().then((texts) => texts.map((text) => text.split("\n")[0])), ["Sonnet 5.5", "Small", "Old", "Gone"]);
  assert.match(await option(/Old/).innerText(), /retires on 24 March 2031/);
  assert.match(await option(/Gone/).innerText(), /retired/);
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Model: Small" }).waitFor();
  await say(page, "Who are you?");
  await finished(page);
  await answer(page).getByText("Answered by claude-small.").waitFor();
  await page.keyboard.press("Control+Shift+O");
  await page.locator(".greeting").waitFor();
  await page.getByRole("button", { name: "Model: Small" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Model: Small" }).waitFor();
});

test("another model in the middle of a conversation, which a reload and another tab know", async () => {
  await say(page, "First");
  await finished(page);
  await answer(page).getByText("Answered by claude-sonnet-5-5.").waitFor();
  await chip().click();
  await option(/Small/).click();
  await page.getByRole("button", { name: "Model: Small" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Model: Small" }).waitFor();
  await say(page, "Second");
  await answer(page).getByText("Answered by claude-small.").waitFor();
  await finished(page);
});

test("a model that is gone says so and offers the others; one that will go says when", async () => {
  await say(page, "First");
  await finished(page);
  await chip().click();
  await option(/Old/).click();
  await page.getByText("Old retires on 24 March 2031.").waitFor();
  await page.getByRole("button", { name: "Choose a model" }).click();
  await option(/Gone/).click();
  await page.getByText("Gone is no longer available.").waitFor();
  await page.getByRole("button", { name: "Choose a model" }).click();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("listbox").count(), 0);
  await page.keyboard.press("Control+Shift+O");
  await page.getByRole("button", { name: "Model: Sonnet 5.5" }).waitFor(); // nothing begins with a model that is gone
});

test("a question to a model that is no longer offered is asked again with the next one", async () => {
  await chip().click();
  await option(/Small/).click();
  await say(page, "First");
  await finished(page);
  const allow = (...names) => execFileSync(BINARY, ["model", "allow", ...names, "--data-dir", server.directory]);
  allow("anthropic/claude-sonnet-5-5");
  await say(page, "Second");
  await page.getByRole("button", { name: "Ask again with Sonnet 5.5" }).click();
  await answer(page).getByText("Answered by claude-sonnet-5-5.").waitFor();
  allow("--all");
});

test("by touch and in Chinese, and nothing sticks out", async () => {
  await open({ ...PHONE, locale: "zh-CN" });
  await page.getByRole("button", { name: "模型：Sonnet 5.5" }).tap();
  await option(/Small/).tap();
  await page.getByRole("button", { name: "模型：Small" }).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
});

test("how deeply a model thinks is chosen with it, by keys, and the next conversation begins with it", async () => {
  await chip().click();
  const effort = page.getByRole("group", { name: "How deeply Sonnet 5.5 thinks" });
  assert.deepEqual(await levels(effort), ["Automatic", "Low", "Medium", "High", "Maximum"]);
  await page.keyboard.press("Tab");
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press("ArrowRight");
  await page.getByRole("button", { name: "Model: Sonnet 5.5 · High", includeHidden: true }).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("Escape");
  await say(page, "Think hard");
  await finished(page);
  assert.equal(upstream.asked.at(-1).output_config?.effort, "high");
  await page.reload();
  await page.getByRole("button", { name: "Model: Sonnet 5.5 · High" }).waitFor();
  await chip().click();
  await page.getByText("Automatic", { exact: true }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Model: Sonnet 5.5", exact: true }).waitFor();
  await say(page, "As you like");
  await finished(page);
  assert.equal(upstream.asked.at(-1).output_config?.effort, undefined);
  await chip().click();
  await page.getByText("Maximum", { exact: true }).click();
  await page.keyboard.press("Escape");
  await say(page, "As hard as you can");
  await finished(page);
  assert.equal(upstream.asked.at(-1).output_config?.effort, "high", "the next one that it takes");
  await chip().click();
  await page.getByText("Maximum", { exact: true }).waitFor({ state: "detached" }); // what was refused is no longer offered
  assert.deepEqual(await levels(effort), ["Automatic", "Low", "Medium", "High"]);
  await option(/Small/).click();
  await chip().click();
  assert.equal(await page.getByRole("radio").count(), 0, "a model that does not say so is not asked to");
});
