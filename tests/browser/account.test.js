// One's own account: where one is logged in, the profile, how the page looks in the next browser, and the end of it.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { context, open, page, PHONE_ZH, server, setStage } from "./stage.js";
import { logIn, newContext, noOverflow, PASSWORD, register, violations } from "./support.js";

let name;
setStage({ prepare: () => register(page, server.url), enter: async () => { name = await register(page, server.url); } });

const account = async (tab, menu = "Account and usage") => {
  await page.locator(".sidebar-foot button").first().click();
  await page.getByRole("menuitem", { name: menu }).click();
  await page.getByRole("tab", { name: tab }).click();
};

test("the profile is kept, language and theme come along, and the other browser is logged out", async () => {
  await account("Profile");
  await page.getByLabel("Display name").fill("Ann of the geese");
  await page.getByLabel("E-mail").fill("nowhere");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This is not a valid e-mail address.").waitFor();
  await page.getByLabel("E-mail").fill(`${name}@example.com`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".sidebar-foot").getByText("Ann of the geese").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("Escape");
  const stored = () => page.waitForResponse((response) => response.url().endsWith("/api/auth/preferences") && response.ok());
  await Promise.all([stored(), page.locator("[data-switch=theme]").click()]);
  await Promise.all([stored(), page.locator("[data-switch=lang]").click()]);

  const second = await newContext();
  const other = await second.newPage();
  await logIn(other, server.url, `${name}@example.com`);
  await other.getByRole("button", { name: "新对话" }).or(other.getByRole("link", { name: "新对话" })).first().waitFor();
  assert.equal(await other.evaluate(() => document.documentElement.dataset.theme), "dark");
  await other.reload();
  await other.locator(".composer-text").waitFor();
  assert.equal(await other.evaluate(() => document.documentElement.lang), "zh-CN");

  await account("安全", "账号与用量");
  await page.getByText("当前设备").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "退出其他所有设备" }).click();
  await other.locator("#password").waitFor();
  assert.equal(await other.evaluate(() => document.documentElement.lang), "en", "the login page is this browser's own");
  await second.close();
  await page.getByRole("button", { name: "退出其他所有设备" }).waitFor({ state: "detached" });
  await page.getByText("当前设备").waitFor();
  context.complaints.length = 0; // Chromium tells of every 400
});

test("an account is deleted on a phone, after a wrong password", async () => {
  await open(PHONE_ZH);
  await page.locator("header.topbar button").first().tap();
  await account("数据", "账号与用量");
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "删除我的账号" }).tap();
  const dialog = page.getByRole("dialog", { name: "删除你的账号？" });
  await dialog.getByText("0 个对话").waitFor();
  assert.deepEqual(await violations(page), []);
  await dialog.locator("#leave-password").fill("not this one");
  await dialog.getByRole("button", { name: "删除我的账号" }).tap();
  await dialog.getByRole("alert").getByText("当前密码").waitFor();
  await dialog.locator("#leave-password").fill(PASSWORD);
  await dialog.getByRole("button", { name: "删除我的账号" }).tap();
  await page.getByText("你的账号已删除。").waitFor();
  await logIn(page, server.url, name);
  await page.getByRole("alert").waitFor();
  context.complaints.length = 0;
});

test("two-step log-in is set up with the keyboard, asked for, and turned off", async () => {
  await account("Security");
  await page.getByRole("button", { name: "Set up" }).press("Enter");
  await page.locator("#step-password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("img", { name: "QR code" }).waitFor();
  assert.deepEqual(await violations(page), []);
  const secret = (await page.locator("dialog code").last().textContent()).replaceAll(" ", "");
  await page.locator("#step-code").fill(codeOf(secret));
  await page.keyboard.press("Enter");
  const codes = (await page.locator(".recovery-codes").textContent()).split("\n");
  assert.equal(codes.length, 10);
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "I have kept them" }).press("Enter");
  await page.getByText("Recovery codes left: 10").waitFor();

  await open(PHONE_ZH, () => logIn(page, server.url, name));
  await page.locator("#second-code").fill("123");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("验证码错误").waitFor();
  assert.ok(await noOverflow(page));
  assert.deepEqual(await violations(page), []);
  await page.locator("#second-code").fill(codes[0]);
  await page.keyboard.press("Enter");
  await page.locator(".composer-text").waitFor();
  await page.locator("header.topbar button").first().tap();
  await account("安全", "账号与用量");
  await page.getByText("剩余恢复码：9").waitFor();
  await page.getByRole("button", { name: "关闭", exact: true }).filter({ hasText: "关闭" }).tap();
  await page.locator("#step-password").fill(PASSWORD);
  await page.locator("#step-code").fill(codes[1]);
  await page.keyboard.press("Enter");
  await page.getByText("未开启").waitFor();
  context.complaints.length = 0; // Chromium tells of every 403
});

/** What an authenticator app shows now (RFC 6238). */
function codeOf(secret) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
