// The page's words: both languages say the same, and every error code that a browser can receive has words in both.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import en from "../../static/js/words.en.js";
import zh from "../../static/js/words.zh.js";

const SOURCE = new URL("../../src", import.meta.url).pathname;
/** Rooms whose errors reach a browser. What only the command line can say is not translated. */
const ROOMS = ["domain", "http", "hub", "llm", "mcp", "service", "store", "workdirs", "ws"];
/** Codes in those rooms that stay on the server: at startup, in commands, in logs, in tables. */
const SERVER_ONLY = new Set([
  "bad_host", "bad_setting", "cannot_write", "data_dir_in_use", "database_missing", "demo_failed", "key_empty", "key_not_usable",
  "log_undecided", "migration_failed", "no_accounts", "no_data", "no_setup_code", "not_ours", "not_removable", "port_in_use", "port_not_allowed",
  "schema_too_new", "setup_done", "snapshot_failed", "unhealthy", "unreadable",
]);

function sources(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === "tests" ? [] : sources(path);
    return name.endsWith(".rs") && !/^tests?\.rs$/.test(name) ? [path] : [];
  });
}

/** The codes in a file: the first string in a constructor of an error, a `code:` field, and the provider's codes. */
function codesIn(path) {
  const text = readFileSync(path, "utf8").split(/#\[cfg\(test\)\]\s*mod tests \{/)[0];
  const patterns = [/\b(?:Error|Failure)::\w+\(\s*(?:(?:Kind::)?[A-Z]\w*,\s*|\d+,\s*)?"([a-z][a-z0-9_]+)"/g, /\bcode: "([a-z][a-z0-9_]+)"/g, /"(upstream_(?!retry)[a-z_]+)"/g];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]));
}

test("both languages have the same words and blanks", () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(zh).sort());
  for (const [language, words] of Object.entries({ en, zh })) {
    const text = readFileSync(new URL(`../../static/js/words.${language}.js`, import.meta.url), "utf8");
    const lines = text.match(/^ {2}"[^"]+":/gm).length;
    assert.equal(lines, Object.keys(words).length, `each stands once in ${language}: the last would count`);
  }
  const blanks = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join();
  for (const key of Object.keys(en)) assert.equal(blanks(zh[key]), blanks(en[key]), key);
});

test("every error code that a browser can receive has words in both languages", () => {
  const files = ROOMS.flatMap((room) => sources(join(SOURCE, room)));
  const codes = new Set(files.flatMap(codesIn));
  assert.ok(codes.size > 60, `the patterns find the codes: ${codes.size}`);
  const missing = [...codes].filter((code) => !SERVER_ONLY.has(code) && !(`error.${code}` in en && `error.${code}` in zh));
  assert.deepEqual(missing, []);
});
