// Pictures and files in messages: by the button, paste and drop, with a way back, made small in the browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, page, PHONE_ZH, setStage, upstream } from "./stage.js";
import { answer, finished, noOverflow, say, violations } from "./support.js";

const MODELS = [
  { id: "claude-sonnet-5-5", display_name: "Sonnet 5.5", capabilities: { image_input: { supported: true }, pdf_input: { supported: true } } },
  { id: "claude-blind", display_name: "Blind", capabilities: { image_input: { supported: false }, pdf_input: { supported: false } } },
];

setStage({ models: MODELS });

/** Gives the page a picture of this size as `how` does it: "paste" or "drop". */
const give = (how, width, height) => page.evaluate(async ([kind, wide, high]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: wide, height: high });
  canvas.getContext("2d").fillRect(10, 10, wide / 2, high / 2);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  const data = new DataTransfer();
  data.items.add(new File([blob], `${kind}.png`, { type: "image/png" }));
  const area = document.querySelector(".composer-text");
  if (kind === "paste") area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  else for (const type of ["dragover", "drop"]) area.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}, [how, width, height]);

const remove = (name) => page.getByRole("button", { name: `Remove ${name}` });
const loaded = (image) => image.evaluate((node) => node.complete && node.naturalWidth);
const picturesSent = () => upstream.asked.at(-1).messages.at(-1).content.filter((part) => part.type === "image");

test("a large picture is pasted, made small, sent, shown after a reload, and enlarged", async () => {
  await give("paste", 3000, 2000);
  await remove("paste.png").waitFor();
  await say(page, "What is this?");
  await answer(page).getByText("Answered by claude-sonnet-5-5.").waitFor();
  await finished(page);
  assert.equal(picturesSent().length, 1);
  await page.reload();
  const picture = page.getByRole("button", { name: "Enlarge paste.png" });
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector(".attachment > img")?.naturalWidth);
  assert.equal(await loaded(picture.locator("img")), 1568);
  await picture.click();
  await page.getByRole("dialog", { name: "paste.png" }).locator("img").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("dialog").count(), 0);
});

test("files come by drop and by the button, one is taken back, and a picture may go without words", async () => {
  await give("drop", 40, 30);
  await remove("drop.png").waitFor();
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Attach files" }).click()]);
  await chooser.setFiles([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Remember the milk") }, { name: "program.exe", mimeType: "application/octet-stream", buffer: Buffer.from([0, 1, 2, 3]) }]);
  await page.getByRole("listitem").filter({ hasText: "program.exe" }).and(page.locator("[data-state=fail]")).waitFor();
  assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled(), "what failed is not left out in silence");
  assert.deepEqual(await violations(page), []);
  await remove("program.exe").click();
  await remove("notes.txt").click();
  await page.getByRole("button", { name: "Send" }).click();
  await answer(page).getByText("Answered by claude-sonnet-5-5.").waitFor();
  await finished(page);
  assert.equal(picturesSent().length, 1);
  assert.ok(!JSON.stringify(upstream.asked.at(-1)).includes("milk"));
  await page.locator("li.is-user").getByRole("button", { name: "Enlarge drop.png" }).waitFor();
});

test("a text file is downloaded from the message that carries it", async () => {
  await page.locator("input[type=file]").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Remember the milk") });
  await remove("notes.txt").waitFor();
  await say(page, "Read this");
  await finished(page);
  assert.ok(JSON.stringify(upstream.asked.at(-1)).includes("milk"));
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator("li.is-user").getByRole("button", { name: /notes\.txt/ }).click()]);
  assert.equal(file.suggestedFilename(), "notes.txt");
});

test("a model that cannot see says so before anything is sent", async () => {
  await page.getByRole("button", { name: "Model: Sonnet 5.5" }).click();
  await page.getByRole("option", { name: /Blind/ }).click();
  await give("paste", 40, 30);
  await page.getByText("The chosen model cannot read images.").waitFor();
  await page.locator(".composer-text").fill("What is this?");
  assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
  await remove("paste.png").click();
  await page.getByText("The chosen model cannot read images.").waitFor({ state: "detached" });
  assert.ok(await page.getByRole("button", { name: "Send" }).isEnabled());
  await page.locator("input[type=file]").setInputFiles({ name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7\n") });
  await page.getByText("This model cannot read PDF files.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
});

test("on a phone, in Chinese, nothing sticks out", async () => {
  await open(PHONE_ZH);
  await give("paste", 800, 600);
  await page.getByRole("button", { name: "移除 paste.png" }).waitFor();
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "添加附件" }).tap();
  const [camera] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("menuitem", { name: "拍照" }).tap()]);
  assert.equal(await camera.element().getAttribute("capture"), "environment");
  await page.getByRole("button", { name: "发送" }).tap();
  await finished(page);
  assert.ok(await noOverflow(page));
});

test("an agent's files are listed, put there, looked at, downloaded and deleted", async () => {
  await say(page, "Hello");
  await finished(page);
  await page.getByRole("button", { name: "More about this conversation" }).click();
  await page.getByRole("menuitem", { name: "Files of the agent" }).click();
  await page.getByText("No files yet.").waitFor();
  const dialog = page.getByRole("dialog", { name: "Files of the agent" });
  await dialog.locator("input[type=file]").setInputFiles({ name: "plan.md", mimeType: "text/markdown", buffer: Buffer.from("# The plan\n港口") });
  await dialog.getByRole("button", { name: /^plan\.md/ }).click();
  await page.getByRole("dialog", { name: "plan.md" }).getByText("港口").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("Escape");
  const [file] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "Download plan.md" }).click()]);
  assert.equal(file.suggestedFilename(), "plan.md");
  await dialog.getByRole("button", { name: "Delete plan.md" }).click();
  await page.getByRole("dialog", { name: "Delete plan.md?" }).getByRole("button", { name: "Delete" }).click();
  await page.getByText("No files yet.").waitFor();
});
