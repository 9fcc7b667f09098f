// Consent to a tool's call: who wants to do what with which input, answered once, whatever was reloaded meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { context, open, page, PHONE_ZH, server, setStage, upstream } from "./stage.js";
import { answer, answers, finished, logIn, noOverflow, register, say, violations } from "./support.js";

const TOOL_SERVER = new URL("./tool-server.js", import.meta.url).pathname;

const ADMIN = "administrator";

/** Calls the tool for each question, and then says what came back. */
function saying(body) {
  const last = body.messages.at(-1).content;
  const result = Array.isArray(last) && last.find((part) => part.type === "tool_result");
  if (result) return `The tool said: ${JSON.stringify(result.content)}`;
  if (JSON.stringify(last).includes("Write a file")) return { tool: "write_file", input: { path: "notes/plan.md", content: "# Plan\n\nBuy bread." } };
  const tool = body.tools?.find(({ name }) => name.startsWith("notes"));
  return tool ? { tool: tool.name, input: { text: /(weather|links|wait|fail)/.exec(JSON.stringify(last))?.[1] ?? "buy milk" } } : "No tool here.";
}

setStage({
  models: [{ id: "claude-sonnet-5-5", display_name: "Sonnet 5.5" }],
  say: saying,
  async prepare() {
    await register(page, server.url, ADMIN);
    const added = await page.evaluate(async ([command, script]) => {
      const token = JSON.parse(localStorage.getItem("portagent:token"));
      const response = await fetch("/api/admin/mcp", { method: "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: JSON.stringify({ name: "notes", command, args: [script] }) });
      return [response.status, await response.text()];
    }, [process.execPath, TOOL_SERVER]);
    assert.equal(added[0], 201, added[1]);
  },
});

const card = (where = page) => where.getByRole("group", { name: "The tool server notes wants to run note" });

test("a call is allowed once, with its input in sight, and asked for again the next time", async () => {
  await say(page, "Keep a note");
  await card().waitFor();
  assert.match(await card().innerText(), /buy milk/);
  assert.deepEqual(await violations(page), []);
  await card().getByRole("button", { name: "Allow once" }).click();
  await answer(page).getByText(/Kept: buy milk/).first().waitFor();
  await finished(page);
  assert.equal(await card().count(), 0);
  await say(page, "And another");
  await card().waitFor();
  await card().getByRole("button", { name: "Decline" }).click();
  await finished(page);
  assert.equal(await answer(page).getByText(/Kept/).count(), 0);
});

test("it survives a reload, and an answer in another tab is the answer", async () => {
  await say(page, "Keep a note");
  await card().waitFor();
  await page.reload();
  await card().waitFor();
  const other = await context.newPage();
  await other.goto(page.url());
  await card(other).waitFor();
  await card(other).getByRole("button", { name: "Allow in this conversation" }).click();
  await card().waitFor({ state: "detached" });
  await finished(page);
  await say(page, "And another");
  await answers(page).nth(1).getByText(/Kept: buy milk/).first().waitFor();
  assert.equal(await card().count(), 0, "it was allowed for the whole conversation");
});

test("always is remembered, shown in the account, and taken back there", async () => {
  await say(page, "Keep a note");
  await card().getByRole("button", { name: "Always allow" }).click();
  await finished(page);
  await page.keyboard.press("Control+Shift+O");
  await page.locator(".greeting").waitFor();
  await say(page, "Elsewhere");
  await answer(page).getByText(/Kept: buy milk/).first().waitFor();
  await finished(page);
  await page.locator(".sidebar-foot button").first().click();
  await page.getByRole("menuitem", { name: "Account and usage" }).click();
  await page.getByRole("button", { name: /^Ask again before/ }).click();
  await page.getByRole("button", { name: /^Ask again before/ }).waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await say(page, "Once more");
  await card().waitFor();
});

test("on a phone, in Chinese, the card fits", async () => {
  await open(PHONE_ZH);
  await say(page, "记一下");
  await page.getByRole("button", { name: "允许一次" }).waitFor();
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "拒绝" }).tap();
  await finished(page);
});

test("tools are chosen for a conversation, before its first question and later", async () => {
  const asked = () => upstream.asked.at(-1).tools?.map(({ name }) => name) ?? [];
  const choose = page.getByRole("button", { name: "Tools of this conversation" });
  await choose.click();
  assert.ok(await page.getByRole("checkbox", { name: "notes" }).isChecked(), "as the administrator has set it");
  assert.ok(await page.getByRole("button", { name: "As set by the administrator" }).isDisabled());
  assert.deepEqual(await violations(page), []);
  await page.getByRole("checkbox", { name: "notes" }).uncheck();
  await page.getByRole("checkbox", { name: "Files of this conversation" }).uncheck();
  await page.keyboard.press("Escape");
  await say(page, "Keep a note");
  await answer(page).getByText("No tool here.").waitFor();
  await finished(page);
  assert.deepEqual(asked().sort(), ["current_time", "fetch_url"]);
  await page.reload();
  await choose.click();
  await page.getByRole("checkbox", { name: "notes" }).waitFor();
  assert.equal(await page.getByRole("checkbox", { name: "notes" }).isChecked(), false);
  await page.getByRole("button", { name: "As set by the administrator" }).click();
  await page.locator("[role=status]").getByText("Tools changed.").waitFor();
  assert.ok(await page.getByRole("checkbox", { name: "notes" }).isChecked());
  await page.keyboard.press("Escape");
  await say(page, "Keep a note");
  await card().getByRole("button", { name: "Allow once" }).click();
  await finished(page);
  assert.ok(asked().includes("write_file"), asked().join());
});

test("what a call has written is linked in the conversation, and seen from there", async () => {
  await say(page, "Write a file");
  const card = page.getByRole("group", { name: "The agent wants to use write_file" });
  await card.getByText("Buy bread.").waitFor();
  assert.equal(await card.getByText("\\n").count(), 0, "texts are shown as they are");
  await card.getByRole("button", { name: "Allow once" }).click();
  await finished(page);
  await page.reload();
  await answer(page).getByRole("button", { name: /notes\/plan\.md/ }).click();
  await page.getByRole("dialog", { name: "notes/plan.md" }).getByText("Buy bread.").waitFor();
  assert.deepEqual(await violations(page), []);
});

test("what a tool answers is shown as what it is, the same after a reload", async () => {
  await say(page, "The weather, please");
  await card().getByRole("button", { name: "Allow in this conversation" }).click();
  await finished(page);
  await say(page, "And the links");
  await finished(page);
  const check = async () => {
    await answers(page).first().locator(".step-head").click();
    const body = answers(page).first().locator(".step-body");
    await body.getByText("Bring a coat.").waitFor();
    assert.equal(await body.getByText("Bring a coat.").count(), 1, "what the text repeats is shown once, name by name");
    assert.match(await body.innerText(), /Köln/);
    await answers(page).first().getByRole("button", { name: /tool-results\/.*\.gif/ }).waitFor();
    await answer(page).locator(".step-head").click();
    const links = answer(page).getByRole("list", { name: "Links" });
    const link = links.getByRole("link", { name: "The log of the weather" });
    assert.deepEqual([await link.getAttribute("href"), await link.getAttribute("rel")], ["https://weather.example/log?day=1", "noopener noreferrer"]);
    assert.equal(await links.getByRole("link").count(), 1, "only the web is linked");
    assert.match(await links.innerText(), /a trap/);
    await answer(page).getByRole("button", { name: /tool-results\/.*\.pdf/ }).waitFor();
  };
  await check();
  assert.deepEqual(await violations(page), []);
  await page.reload();
  await answer(page).locator(".step-head").waitFor();
  await check();
});

test("how far a call is stands in its line, and it can be stopped", async () => {
  await say(page, "Now wait");
  await card().getByRole("button", { name: "Allow once" }).click();
  await answer(page).locator(".step-time").getByText("40 %").waitFor();
  await page.getByRole("button", { name: "Stop the answer" }).click();
  await answer(page).getByText("Stopped. The partial answer is kept.").waitFor();
  assert.equal(await answer(page).getByText("40 %").count(), 0);
});

test("administrators see the server, its tools, and whether it asks", async () => {
  await open({}, () => logIn(page, server.url, ADMIN));
  await page.locator(".composer-text").waitFor();
  await page.goto(`${server.url}/admin/tools`);
  const more = page.getByRole("button", { name: "Actions for notes" });
  await more.click();
  await page.getByRole("menuitem", { name: "Test" }).click();
  await page.getByText(/notes answers: 1 tools/).first().waitFor();
  await page.getByText("Tools: 1").click();
  await page.getByText("Keeps a note.").waitFor();
  await page.getByText("According to the server: only reads").waitFor();
  assert.deepEqual(await violations(page), []);
  await more.click();
  await page.getByRole("menuitem", { name: "Allow without asking" }).click();
  await page.getByText("runs without asking").first().waitFor();
  await page.getByRole("button", { name: "Add a tool server" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("broken");
  await dialog.getByLabel("Declaration (JSON)").fill("{");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("This is not valid JSON.").waitFor();
  await dialog.getByLabel("Declaration (JSON)").fill('{"command":"/nonexistent/tool-server"}');
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Actions for broken" }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Actions for broken" }).waitFor({ state: "detached" });
});
