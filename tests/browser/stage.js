// The usual stage of a test file: one server, and for each test a new person on a page of their own. What stands here is
// replaced before each test; who imports it sees the newest.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { newContext, register, Server, stopBrowser } from "./support.js";
import { startUpstream } from "./upstream.js";

export let server, upstream, context, page;

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
export const PHONE_ZH = { ...PHONE, locale: "zh-CN", colorScheme: "dark" };

/**
 * Sets it for all tests of a file. With `models` the provider is one that the test speaks for (see upstream.js), else the
 * demo. `options` are those of each test's browser context. `prepare()` runs once, on a page of its own, before the first test. `enter()` brings each test's page to where it begins.
 */
export function setStage({ models, say, args = [], options = {}, prepare, enter = () => register(page, server.url) } = {}) {
  before(async () => {
    upstream = models && await startUpstream({ models, say });
    server = await Server.start(upstream ? { provider: "anthropic", args: ["--api-url", upstream.url, "--api-key", "test-key", ...args] } : { args });
    if (prepare) await open({}, prepare).then(close);
  });
  after(async () => { await stopBrowser(); await server.stop(); upstream?.stop(); });
  beforeEach(() => open(options, enter));
  afterEach(close);
  onEnter = enter;
}

let onEnter = null;

/** Another page in place of the one of this test, say a phone. */
export async function open(options, enter = onEnter) {
  await context?.close();
  context = await newContext(options);
  page = await context.newPage();
  await enter();
}

async function close() {
  const { complaints } = context;
  await context.close();
  context = null;
  assert.deepEqual(complaints, [], "the browser complained");
}
