// Conversations as a file: everything of one's own taken along, and a file of another program taken in, with progress.

import { account } from "./account.js";
import { Failure } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { save } from "./files.js";
import { bytes, errorText, number, t } from "./i18n.js";
import { base } from "./storage.js";

/** Opens with buttons to export everything and to import; `changed()` is called when something came in. */
export function transfer(changed) {
  const state = h("div", { class: "stack is-tight", role: "status" });
  const input = h("input", { type: "file", accept: ".json,.zip,application/json,application/zip", hidden: true, onchange: () => { if (input.files[0]) take(input.files[0]); input.value = ""; } });
  const word = (symbol, text, onclick) => h("button", { class: "button is-small", type: "button", onclick }, icon(symbol, "is-small"), h("span", {}, text));
  const buttons = [word("download", t("transfer.export"), () => give()), word("file", t("transfer.import"), () => input.click())];
  const busy = (is) => { for (const button of buttons) button.disabled = is; };
  const told = (text, value = null) => fill(state, h("p", { class: "meta" }, text), h("progress", { class: "progress", max: 1, "aria-label": text, ...(value !== null && { value }) }));
  const failed = (error) => fill(state, h("p", { class: "row field-error" }, icon("fail", "is-small"), h("span", {}, errorText(error))));

  async function give() {
    busy(true);
    told(t("transfer.exporting", { size: bytes(0) }));
    try {
      await save("/api/export?imageId=all&format=zip", "portagent.zip", (count) => told(t("transfer.exporting", { size: bytes(count) })));
      fill(state, h("p", { class: "meta" }, t("transfer.exported")));
    } catch (error) {
      failed(error);
    }
    busy(false);
  }

  async function take(file) {
    busy(true);
    told(t("transfer.sending", { name: file.name }), 0);
    try {
      const report = await send(file, (share) => told(t("transfer.sending", { name: file.name }), share), (count) => told(t("transfer.storing", { n: number(count) })));
      fill(state, reported(report));
      changed();
    } catch (error) {
      failed(error);
    }
    busy(false);
  }

  return h("section", { class: "stack" }, h("h3", { class: "title" }, t("transfer")), h("p", { class: "meta" }, t("transfer.lead")), h("div", { class: "row is-wrap" }, buttons), input, state);
}

/** What came in, and what did not. */
function reported({ imported, messages, alreadyHere, skipped, filesMissing, skips, stopped }) {
  const line = (count, key) => count > 0 && h("li", {}, t(key, { n: number(count) }));
  return [
    h("p", { class: "row" }, icon(stopped ? "warn" : "pass", "is-small"), h("strong", {}, t("transfer.done", { n: number(imported), messages: number(messages) }))),
    h("ul", { class: "meta" }, line(alreadyHere, "transfer.here"), line(filesMissing, "transfer.noFiles"), line(skipped, "transfer.skipped")),
    skips?.length > 0 && h("details", { class: "fold" }, h("summary", {}, t("transfer.which")), h("ul", { class: "meta" }, skips.map(({ name, reason }) => h("li", { dir: "auto" }, `${name || t("untitled")}: ${t(`transfer.${reason}`)}`)))),
    stopped && h("p", { class: "field-error" }, t("transfer.stopped", { why: errorText({ ...stopped, message: stopped.error }) })),
  ];
}

/** Sends the file; `onsent(share)` says how far that is, `onstored(count)` how many conversations are here. */
function send(file, onsent, onstored) {
  const request = new XMLHttpRequest(); // fetch says nothing about how far an upload is
  return new Promise((resolve, reject) => {
    const lines = () => request.responseText.split("\n").filter(Boolean);
    request.open("POST", `${base}/api/import?progress=1`);
    request.setRequestHeader("Authorization", `Bearer ${account.token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => onsent(total ? loaded / total : 0);
    request.onprogress = () => {
      const progress = request.status === 200 && parsed(lines().at(-1) ?? "")?.progress;
      if (progress) onstored(progress.imported + progress.alreadyHere);
    };
    request.onload = () => {
      const answer = parsed(lines().at(-1) ?? "");
      if (request.status === 200 && answer && !answer.progress) resolve(answer);
      else reject(new Failure({ status: request.status, code: answer?.code ?? "unexpected_answer", message: answer?.error, hint: answer?.hint, retryAfter: Number(request.getResponseHeader("Retry-After")) || null }));
    };
    request.onerror = () => reject(new Failure({ code: "offline" }));
    request.send(file);
  });
}

function parsed(line) {
  try { return JSON.parse(line); } catch { return null; } // a line that is not here whole yet
}
