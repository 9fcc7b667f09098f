// Takes the pictures for the README: `node shots.js [folder]`, with the program of PORTAGENT_BIN on its demo provider.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { finished, lamp, newContext, register, say, Server, stopBrowser } from "./support.js";

const folder = process.argv[2] ?? new URL("../../docs/pictures", import.meta.url).pathname;
const WIDE = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const QUESTIONS = {
  en: ["What fills the disk of this machine?", "Please think, use a tool, and say what time it is", "Think, use a tool, and then a slow answer, please"],
  zh: ["这台机器的硬盘被什么占满了？", "请先 think，再用 tool 看看现在几点", "先 think，再用 tool，然后给一个 slow 的回答"],
};

async function talk(server, name, lang, theme, device) {
  const context = await newContext({ ...device, locale: lang === "zh" ? "zh-CN" : "en-GB", colorScheme: theme });
  const page = await context.newPage();
  await register(page, server.url, name);
  const [first, second, last] = QUESTIONS[lang];
  for (const question of [first, second]) {
    await say(page, question);
    await finished(page);
  }
  await say(page, last);
  await lamp(page).waitFor();
  await page.waitForTimeout(9000);
  const file = join(folder, `chat-${device === PHONE ? "phone-" : ""}${theme}-${lang}.png`);
  await page.screenshot({ path: file });
  console.log(file);
  await context.close();
}

await mkdir(folder, { recursive: true });
const server = await Server.start();
try {
  await talk(server, "Lin Xiao", "en", "light", WIDE);
  await talk(server, "林晓同学", "zh", "dark", WIDE);
  await talk(server, "林晓（手机）", "zh", "light", PHONE);
} finally {
  await stopBrowser();
  await server.stop();
}
