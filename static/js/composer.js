// Where people write. With a keyboard Enter sends and Shift+Enter breaks the line; on a touch screen Enter breaks the
// line and the button sends. The Enter that ends an input method's work does neither. While a turn runs, Send queues,
// and Stop stands beside it.

import { fill, h, icon, isTouch } from "./dom.js";
import { number, t } from "./i18n.js";

/** Some browsers report an input method's keys with this code and no `isComposing`. */
const COMPOSING_KEY = 229;
const GROWS_ITSELF = CSS.supports("field-sizing", "content");
/** A draft is kept when the keyboard rests for this long. */
const KEEP_AFTER_MS = 300;
/** What the server takes as one message, in bytes; as it travels, with everything escaped, it may be twice that. */
const MESSAGE_BYTES = 512 * 1024;
/** The direction of writing shows in the first characters. */
const DIRECTION_CHARS = 200;

/** From here on, in percent, everyone should see how full the context is. */
const NEARLY_FULL = 80;

const bytesOf = (text) => new TextEncoder().encode(text).length;

export class Composer {
  #busy = false;
  #stopping = false;
  #ready = true;
  #offline = false;
  #tooLong = "";
  /** How much of the model's context the conversation fills, in percent; 0 where that is not known. */
  #filled = 0;
  /** Send was pressed while files were on their way. */
  #eager = false;
  #timer = 0;

  /**
   * `text` and `aside` (texts that stepped aside, the last one first) are what was written before; `ondraft` and `onaside` keep them. `chips` stand before Send, `notes`
   * above; `files` are the attachments.
   */
  constructor({ text, aside, chips = [], notes = [], files, onsend, onstop, ondraft, onaside, onjump }) {
    Object.assign(this, { aside, files, onsend, onstop, ondraft, onaside });
    this.area = h("textarea", {
      class: "composer-text", rows: 1, "aria-label": t("message"), enterkeyhint: isTouch() ? "enter" : "send", value: text,
      oninput: () => this.#changed(), onkeydown: (event) => this.#key(event), onpaste: (event) => this.#paste(event),
    });
    this.jump = h("button", { class: "button is-small jump", type: "button", "aria-label": t("jump"), hidden: true, onclick: onjump },
      icon("arrow-down", "is-small"), h("span", { class: "u-wide" }, t("jump")));
    this.bar = h("div", { class: "row composer-bar" });
    this.hint = h("p", { class: "composer-hint meta u-wide" });
    this.note = h("p", { class: "row is-wrap composer-note meta", hidden: true });
    this.form = h("form", { class: "composer", onsubmit: (event) => { event.preventDefault(); this.#send(); } }, this.jump, files.element, files.inputs, this.area, h("div", { class: "row composer-chips" }, files.button, chips), this.bar);
    this.element = [...notes, this.note, this.form, this.hint];
    files.addEventListener("change", () => this.#filesChanged());
    this.#changed();
  }

  destroy() { this.#keep(); }

  /** What the composer has to know: is a turn running, can the model be reached, is there a connection. */
  set({ busy, ready, offline, context }) {
    const filled = context?.window ? Math.min(100, Math.round((100 * context.tokens) / context.window)) : 0;
    if (busy === this.#busy && ready === this.#ready && offline === this.#offline && filled === this.#filled) return;
    this.#filled = filled;
    if (!busy) this.#stopping = false;
    this.#busy = busy;
    this.#ready = ready;
    this.#offline = offline;
    this.#draw();
  }

  get text() { return this.area.value; }

  set text(value) {
    this.area.value = value;
    this.#changed();
  }

  /** Puts `text` here to be changed and sent. What was being written steps aside and comes back after that. */
  offer(text) {
    if (this.text !== text) this.#setAside([this.text, ...this.aside]);
    this.text = text;
    this.focus();
    this.area.setSelectionRange(text.length, text.length);
  }

  focus() { this.area.focus({ preventScroll: true }); }

  stop() {
    if (!this.#busy || this.#stopping) return false;
    this.#stopping = true;
    this.#draw();
    Promise.resolve(this.onstop()).catch(() => {}).finally(() => { this.#stopping = false; this.#draw(); });
    return true;
  }

  #setAside(texts) {
    this.aside = texts.filter((text) => /\S/.test(text));
    this.onaside(this.aside);
  }

  /** The last text that stepped aside comes back; what stands here goes behind those that wait. */
  #restore() {
    const [text, ...others] = this.aside;
    this.#setAside([...others, this.text]);
    this.text = text;
    this.focus();
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === COMPOSING_KEY) return;
    if (isTouch() && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = messageOf(this.text);
    if (!this.#sendable) return;
    this.#eager = this.files.pending;
    if (this.#eager) return this.#draw();
    const bytes = bytesOf(text);
    this.#tooLong = bytes > MESSAGE_BYTES ? t("tooLong", { size: number(Math.ceil(bytes / 1024)), most: number(MESSAGE_BYTES / 1024) }) : "";
    if (this.#tooLong) return this.#draw();
    this.text = "";
    this.#keep();
    if (this.aside.length) this.#restore();
    this.focus();
    this.onsend(text, this.files.take());
  }

  /** What was sent while its files were on their way goes with the last of them. */
  #filesChanged() {
    if (this.#eager && !this.files.pending) {
      this.#eager = false;
      this.#send();
    }
    this.#draw();
  }

  /** Pictures of the clipboard are attached; text with a picture of itself, as office programs give it, is text. */
  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    this.files.add(files);
  }

  /** There is something to send, and nothing that keeps it here. */
  get #sendable() {
    const { files } = this;
    return this.#ready && !files.failed && !files.refusal && (/\S/.test(this.text) || files.count > 0);
  }

  #changed() {
    this.#tooLong = "";
    this.#eager = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keep(), KEEP_AFTER_MS);
    const direction = /^[^\p{L}]*[\u0590-\u08ff]/u.test(this.text.slice(0, DIRECTION_CHARS)) ? "rtl" : "ltr";
    if (this.area.dir !== direction) this.area.dir = direction; // `auto` looks through all of a long text with each key
    if (!GROWS_ITSELF) {
      this.area.style.height = "auto";
      this.area.style.height = `${this.area.scrollHeight}px`;
    }
    this.#draw();
  }

  #keep() {
    clearTimeout(this.#timer);
    this.ondraft(this.text);
  }

  /** Redraws only what is other than before: the focus stays. */
  #draw() {
    const written = /\S/.test(this.text) || this.files.count > 0;
    const placeholder = t(this.#ready ? "placeholder" : "placeholder.notReady");
    if (this.area.placeholder !== placeholder) this.area.placeholder = placeholder;
    const keys = t(this.#offline ? "hint.offline" : this.#busy ? "hint.busy" : "hint");
    const hint = this.#filled ? `${keys} · ${t("context.filled", { n: number(this.#filled) })}` : keys;
    this.hint.classList.toggle("u-wide", this.#filled < NEARLY_FULL); // then a phone shows it, too
    if (this.hint.textContent !== hint) this.hint.textContent = hint;
    const key = [written, this.#busy, this.#stopping, this.#ready, this.#sendable, this.#tooLong, this.aside.length, this.files.refusal, this.#eager].join();
    if (this.drawn === key) return;
    this.drawn = key;
    this.#drawNote();
    const focused = this.bar.contains(document.activeElement);
    fill(this.bar, this.#busy && this.#stopButton(), (!this.#busy || written) && this.#sendButton());
    if (focused) this.focus();
  }

  #drawNote() {
    const problem = this.#tooLong || this.files.refusal;
    this.note.hidden = !problem && !this.aside.length && !this.#eager;
    if (problem) fill(this.note, icon("fail", "is-small"), h("span", { role: "alert" }, problem));
    else if (this.#eager) fill(this.note, icon("clock", "is-small"), h("span", { role: "status" }, t("attach.eager")));
    else if (this.aside.length) fill(this.note, h("span", {}, t("aside")), h("button", { type: "button", class: "button is-quiet is-small", onclick: () => this.#restore() }, t("aside.back")));
    else fill(this.note);
    if (problem) this.note.dataset.state = "fail";
    else delete this.note.dataset.state;
  }

  #stopButton() {
    return h("button", { class: "disc", type: "button", "aria-label": t("stop.long"), title: t(this.#stopping ? "stopping" : "stop.long"), disabled: this.#stopping, onclick: () => this.stop() },
      icon("stop"));
  }

  #sendButton() {
    const label = t(this.#busy ? "queue" : "send");
    return h("button", { class: "disc is-primary", type: "submit", "aria-label": label, title: label, disabled: !this.#sendable }, icon("arrow-up"));
  }
}

/** What is sent: without empty lines around it, with the indent of its first line, and without halves of characters. */
const messageOf = (text) => text.replace(/\p{Surrogate}/gu, "").replace(/^(?:[^\S\n]*\n)+/, "").trimEnd();
