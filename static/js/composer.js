// Where people write. Enter sends, Shift+Enter breaks the line, and the Enter that ends an input method's work does
// neither. While a turn runs, Send is Queue, and Stop stands beside it.

import { fill, h, icon } from "./dom.js";
import { t } from "./i18n.js";

/** Some browsers report an input method's keys with this code and no `isComposing`. */
const COMPOSING_KEY = 229;
const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

export class Composer {
  #busy = false;
  #stopping = false;
  #ready = true;
  #offline = false;

  constructor({ text, onsend, onstop, ondraft, onjump }) {
    Object.assign(this, { onsend, onstop, ondraft });
    this.area = h("textarea", {
      class: "composer-text", rows: 1, dir: "auto", "aria-label": t("message"), enterkeyhint: "send", value: text,
      oninput: () => this.#changed(), onkeydown: (event) => this.#key(event),
    });
    this.jump = h("button", { class: "button is-small jump", type: "button", "aria-label": t("jump"), hidden: true, onclick: onjump },
      icon("arrow-down", "is-small"), h("span", { class: "u-wide" }, t("jump")));
    this.bar = h("div", { class: "row composer-bar" });
    this.hint = h("p", { class: "composer-hint meta u-wide" });
    this.form = h("form", { class: "composer", onsubmit: (event) => { event.preventDefault(); this.#send(); } }, this.jump, this.area, this.bar);
    this.element = [this.form, this.hint];
    this.#draw();
  }

  /** What the composer has to know: is a turn running, can the model be reached, is there a connection. */
  set({ busy, ready, offline }) {
    if (busy === this.#busy && ready === this.#ready && offline === this.#offline) return;
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
    this.area.setSelectionRange(value.length, value.length);
    this.area.focus();
  }

  focus() { this.area.focus({ preventScroll: true }); }

  stop() {
    if (!this.#busy || this.#stopping) return false;
    this.#stopping = true;
    this.#draw();
    Promise.resolve(this.onstop()).catch(() => {}).finally(() => { this.#stopping = false; this.#draw(); });
    return true;
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === COMPOSING_KEY) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.text.trim();
    if (!text || !this.#ready) return;
    this.text = "";
    this.onsend(text);
  }

  #changed() {
    this.ondraft(this.text);
    if (!GROWS_BY_ITSELF) {
      this.area.style.height = "auto";
      this.area.style.height = `${this.area.scrollHeight}px`;
    }
    this.#draw();
  }

  /** Redraws the buttons only when they are others than before: the focus stays. */
  #draw() {
    const written = this.text.trim() !== "";
    this.area.placeholder = t(this.#ready ? "placeholder" : "placeholder.notReady");
    this.hint.textContent = t(this.#offline ? "hint.offline" : this.#busy ? "hint.busy" : "hint");
    const key = [written, this.#busy, this.#stopping, this.#ready].join();
    if (this.drawn === key) return;
    this.drawn = key;
    const focused = this.bar.contains(document.activeElement);
    fill(this.bar, h("span", { class: "u-grow" }), this.#busy && this.#stopButton(written), (!this.#busy || written) && this.#sendButton(written));
    if (focused) this.area.focus();
  }

  #stopButton(small) {
    const label = t(this.#stopping ? "stopping" : "stop");
    return h("button", { class: `button${small ? " is-icon" : ""}`, type: "button", "aria-label": t("stop.long"), title: t("stop.long"), disabled: this.#stopping, onclick: () => this.stop() },
      !small && h("span", { class: "u-wide" }, label), icon("stop", small ? "" : "is-small"));
  }

  #sendButton(written) {
    const queue = this.#busy;
    return h("button", { class: "button is-primary", type: "submit", "aria-label": t(queue ? "queue" : "send"), disabled: !written || !this.#ready },
      h("span", { class: "u-wide" }, t(queue ? "queue" : "send")), icon(queue ? "clock" : "send", "is-small is-directional"));
  }
}
