// Conversations as a file: everything is taken along, comes in elsewhere once, and one of them is read as Markdown.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { context, open, page, PHONE_ZH, setStage } from "./stage.js";
import { finished, noOverflow, say, violations } from "./support.js";

setStage();

const account = async (name = "Account and usage", tab = "Data") => {
  await page.locator(".sidebar-foot button").first().click();
  await page.getByRole("menuitem", { name }).click();
  await page.getByRole("tab", { name: tab }).click();
};
const bring = async (path) => page.locator("dialog input[type=file]").setInputFiles(path);

test("everything is exported, and imported by another person, once", async () => {
  await say(page, "Geese, in short");
  await finished(page);
  await account();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export everything" }).click()]);
  assert.equal(file.suggestedFilename(), "portagent.zip");
  await page.getByText("Exported.").waitFor();
  const path = await file.path();
  const kept = await readFile(path);
  await open();
  await account();
  await bring({ name: "portagent.zip", mimeType: "application/zip", buffer: kept });
  await page.getByText("1 conversations imported, with 2 messages.").waitFor();
  assert.deepEqual(await violations(page), []);
  await bring({ name: "portagent.zip", mimeType: "application/zip", buffer: kept });
  await page.getByText("Here already: 1").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Geese, in short" }).click();
  await page.locator("li.is-user").getByText("Geese, in short").waitFor();
  await page.getByRole("button", { name: "More about this conversation" }).click();
  const [markdown] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export as Markdown" }).click()]);
  assert.equal(markdown.suggestedFilename(), "Geese, in short.md");
  assert.match(await readFile(await markdown.path(), "utf8"), /Geese, in short/);
});

test("the dialog fits a phone, in Chinese, and a file that is no export is refused", async () => {
  await open(PHONE_ZH);
  await page.locator("header.topbar button").first().tap();
  await account("账号与用量", "数据");
  await page.getByRole("button", { name: "导出全部" }).waitFor();
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
  await bring({ name: "notes.json", mimeType: "application/json", buffer: Buffer.from("no export") });
  await page.getByText("这不是能读取的导出文件").waitFor();
  await page.getByRole("button", { name: "导入" }).and(page.locator(":enabled")).waitFor();
  context.complaints.length = 0; // Chromium tells of every 400
});
