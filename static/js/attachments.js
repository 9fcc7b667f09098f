// The files that go with the next message: given by paste, drop, the button or a phone's camera, sent up at once with
// their progress, and taken back with a click.

import { downscaled, FILE_BYTES, forget, pictureUrl, upload } from "./files.js";
import { fill, h, icon, iconButton, isTouch } from "./dom.js";
import { bytes, errorText, number, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import { announce, toast } from "./status.js";

/** What one message carries at most. */
const MOST_FILES = 20;
/** The server looks at the content; this only helps people to find what it takes. */
const ACCEPT = "image/png,image/jpeg,image/gif,image/webp,application/pdf,text/*,.md,.json,.csv,.log,.yaml,.toml,.rs,.py,.js,.ts,.go,.java,.c,.h,.cpp,.sh,.sql,.xml";
const isPicture = (mediaType) => /^image\//.test(mediaType);

/** Fires `change`. */
export class Attachments extends EventTarget {
  #items = [];

  /** `takes(kind)` says whether the model reads "images" and "files"; null where that is not known. */
  constructor(takes) {
    super();
    this.takes = takes;
    const files = this.#input({ multiple: true, accept: ACCEPT });
    const camera = isTouch() && this.#input({ accept: "image/*", capture: "environment" });
    this.inputs = [files, camera];
    this.button = iconButton("attach", t("attach"), () => (camera ? openMenu(this.button, t("attach"), [
      { label: t("attach.camera"), symbol: "eye", onclick: () => camera.click() },
      { label: t("attach.files"), symbol: "file", onclick: () => files.click() },
    ]) : files.click()), { variant: "attach" });
    this.element = h("ul", { class: "row is-wrap attachments", "aria-label": t("attachments"), hidden: true });
  }

  get count() { return this.#items.length; }
  get pending() { return this.#items.some((item) => item.state === "uploading"); }
  get failed() { return this.#items.some((item) => item.state === "failed"); }
  get hasPictures() { return this.#items.some((item) => isPicture(item.mediaType)); }
  /** Why the model of the conversation cannot read them; empty: it can. */
  get refusal() {
    if (this.hasPictures && this.takes("images") === false) return t("attach.noImages");
    const hasPdf = this.#items.some((item) => item.mediaType === "application/pdf");
    return hasPdf && this.takes("files") === false ? t("error.model_takes_no_pdf") : "";
  }

  /** What the message carries. */
  get files() { return this.#items.filter((item) => item.fileId).map(({ fileId, name, mediaType, size }) => ({ fileId, name, mediaType, size })); }

  /** Hands them over: they belong to a message now. */
  take() {
    const { files } = this;
    this.#items = [];
    this.#draw();
    return files;
  }

  /** Brings back files that the server has, of a message that is edited. */
  restore(files = []) {
    const known = new Set(this.#items.map((item) => item.fileId));
    this.#items.push(...files.filter((file) => !known.has(file.fileId)).map((file) => ({ ...file, state: "ready", isKept: true })));
    this.#draw();
  }

  #input(how) {
    const input = h("input", { type: "file", hidden: true, ...how, onchange: () => { this.add([...input.files]); input.value = ""; } });
    return input;
  }

  add(files) {
    const room = MOST_FILES - this.#items.length;
    if (files.length > room) toast(t("attach.tooMany", { n: number(MOST_FILES) }), { symbol: "warn" });
    for (const file of files.slice(0, Math.max(0, room))) this.#send(file);
  }

  async #send(file) {
    const item = { name: file.name || t("image"), mediaType: file.type, size: file.size, state: "uploading", progress: 0 };
    this.#items.push(item);
    this.#draw();
    try {
      const blob = await downscaled(file);
      if (blob.size > FILE_BYTES) throw Object.assign(new Error(), { code: "file_too_large" });
      if (item.gone) return;
      const { done, abort } = upload({ name: item.name }, blob, (share) => { item.progress = share; this.#draw(); });
      item.abort = abort;
      Object.assign(item, await done, { state: "ready" });
      announce(t("attach.ready", { name: item.name }));
    } catch (error) {
      if (error.code === "aborted") return;
      Object.assign(item, { state: "failed", failure: error });
      announce(errorText(error));
    }
    this.#draw();
  }

  #remove(item) {
    item.gone = true;
    item.abort?.();
    if (item.fileId && !item.isKept) forget(item.fileId);
    const at = this.#items.indexOf(item);
    this.#items.splice(at, 1);
    this.#draw();
    (this.element.querySelectorAll("button")[Math.min(at, this.#items.length - 1)] ?? this.button).focus();
  }

  #draw() {
    this.element.hidden = !this.#items.length;
    fill(this.element, this.#items.map((item) => this.#item(item)));
    this.dispatchEvent(new Event("change"));
  }

  #item(item) {
    const { name, mediaType, size, state, progress, failure, fileId } = item;
    const isShown = isPicture(mediaType) && fileId;
    const words = state === "failed" ? errorText(failure) : state === "uploading" ? t("attach.sending", { n: number(Math.floor(progress * 100)) }) : bytes(size);
    return h("li", { class: `row attachment ${isShown ? "is-thumb" : "is-file"}`, "data-state": state === "failed" ? "fail" : null },
      isShown ? (item.thumb ??= thumb(fileId, name)) : [icon(state === "failed" ? "fail" : "file"), h("span", { class: "stack attachment-words" }, h("span", { class: "u-truncate", dir: "auto" }, name), h("span", { class: "meta" }, words))],
      state === "uploading" && h("progress", { class: "progress", max: 1, value: progress, "aria-label": t("attach.sendingName", { name }) }),
      h("button", { class: "attachment-remove", type: "button", "aria-label": t("attach.remove", { name }), title: t("attach.remove", { name }), onclick: () => this.#remove(item) }, icon("close", "is-small")));
  }
}

function thumb(fileId, name) {
  const image = h("img", { alt: name });
  pictureUrl(fileId).then((url) => { image.src = url; }, () => {}); // its name stands there then
  return image;
}

/** Files that are dropped anywhere on `target` are added; the browser does not open them. */
export function acceptDrops(target, signal, attachments) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (on) => { if (on) target.dataset.drop = ""; else delete target.dataset.drop; };
  target.addEventListener("dragover", (event) => { if (hasFiles(event)) { event.preventDefault(); mark(true); } }, { signal });
  target.addEventListener("dragleave", (event) => { if (!target.contains(event.relatedTarget)) mark(false); }, { signal });
  target.addEventListener("drop", (event) => {
    mark(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    attachments().add([...event.dataTransfer.files]);
  }, { signal });
}
