// Where the reader is. The page follows the end of a conversation only for a reader who stands there: any upward
// wheel, touch, key or scrollbar move leaves it, and only coming back to the end, or the button, follows again.
// After a question was sent, it stands at the top with room below it, and the answer grows into that room.

import { h } from "./dom.js";

/** This near to the end counts as being there, in pixels. */
const AT_END_PX = 8;
/** How long the jump to the end takes. */
const EASE_MS = 120;
/** The line above a question stays out of the view. */
const LINE_PX = 1;
const UPWARD_KEYS = new Set(["ArrowUp", "PageUp", "Home"]);

export class Follow {
  /** Takes the room that a short answer leaves below its question; stands behind the list. */
  room = h("div", { class: "thread-room", "aria-hidden": "true" });
  #follows = true;
  /** A question was sent from here: it gets room below it. */
  #anchored = false;
  #toQuestion = false;
  #last = 0;
  #easing = 0;
  #touchY = 0;

  /** `onaway(away)` is called when the end comes into view or leaves it. */
  constructor({ scroller, list, signal, onaway }) {
    Object.assign(this, { scroller, list, onaway });
    const listen = (target, type, handler, options) => target.addEventListener(type, handler, { signal, passive: true, ...options });
    listen(scroller, "scroll", () => this.#scrolled());
    listen(scroller, "wheel", (event) => { if (event.deltaY < 0 && !event.ctrlKey) this.#up(); });
    listen(scroller, "touchstart", ({ touches }) => { this.#touchY = touches[0].clientY; });
    listen(scroller, "touchmove", ({ touches }) => { if (touches[0].clientY > this.#touchY) this.#up(); });
    listen(document, "keydown", (event) => {
      const upward = UPWARD_KEYS.has(event.key) || (event.key === " " && event.shiftKey);
      if (upward && !event.target.closest("textarea, input, [role=menu]")) this.#up();
    });
    // What unfolds should stay under the pointer instead of being pushed up by what it shows.
    listen(list, "click", (event) => { if (event.target.closest("summary, [aria-expanded]")) this.#leave(); }, { capture: true });
    this.sizes = new ResizeObserver(() => this.keep());
    this.sizes.observe(list);
    this.sizes.observe(scroller);
  }

  destroy() {
    this.sizes.disconnect();
    cancelAnimationFrame(this.#easing);
  }

  /** Pixels from the last word to the lower edge of the view; negative where room is below it. */
  get #fromEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - this.room.offsetHeight - scrollTop - clientHeight;
  }

  /** Puts the page where the reader wants it, after its content or its size changed. */
  keep() {
    if (this.list.hidden) return;
    const question = this.#anchored ? [...this.list.querySelectorAll(":scope > .is-user:not([data-state=queued])")].at(-1) : null;
    this.#fit(question);
    // Text that became shorter for a moment may have pulled the page down before the room made up for it.
    if (question && !this.#follows && this.scroller.scrollTop < this.#last) this.#move(this.#last);
    if (this.#toQuestion && question) {
      this.#toQuestion = false;
      this.#move(this.scroller.scrollTop + this.#above(question));
    }
    if (this.#follows && !this.#easing) this.#move(this.scroller.scrollHeight);
    this.onaway(!this.#follows && this.#fromEnd > AT_END_PX);
  }

  /** A question was sent: it goes to the top of the view with the next frame. */
  sent() {
    this.#leave();
    this.#anchored = this.#toQuestion = true;
  }

  /** Goes to the end and follows it from there. */
  toEnd() {
    this.#follows = true;
    this.onaway(false);
    const { scroller } = this;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.#move(scroller.scrollHeight);
    const from = scroller.scrollTop;
    const began = performance.now();
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - began) / EASE_MS));
      this.#easing = part < 1 && this.#follows ? requestAnimationFrame(step) : 0;
      if (this.#follows) this.#move(from + (scroller.scrollHeight - scroller.clientHeight - from) * (1 - (1 - part) ** 3));
    };
    cancelAnimationFrame(this.#easing);
    this.#easing = requestAnimationFrame(step);
  }

  /** Does `change`, which adds something above the view, without moving what is being read. */
  holding(change) {
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    change();
    this.#move(this.scroller.scrollHeight - fromEnd);
  }

  /** Stands at `element`, which a link named. */
  show(element) {
    this.#leave();
    this.#move(this.scroller.scrollTop + this.#above(element));
    this.keep();
  }

  /** How far `element` is below its place at the top of the view; the first one keeps its distance to the edge. */
  #above(element) {
    const distance = element.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    return element.previousElementSibling ? distance + LINE_PX : distance - (element.offsetTop - this.list.offsetTop);
  }

  #fit(question) {
    let height = 0;
    if (question) {
      const dock = this.scroller.querySelector(":scope > .dock")?.offsetHeight ?? 0;
      const top = question.getBoundingClientRect().top - (question.previousElementSibling ? -LINE_PX : question.offsetTop - this.list.offsetTop);
      height = Math.max(0, Math.ceil(this.scroller.clientHeight - dock - (this.list.getBoundingClientRect().bottom - top)));
    }
    if (height !== this.height) this.room.style.height = `${height}px`;
    this.height = height;
  }

  #move(top) {
    this.scroller.scrollTop = top;
    this.#last = this.scroller.scrollTop;
  }

  #up() {
    if (this.scroller.scrollTop > 0) this.#leave();
  }

  #leave() {
    this.#follows = false;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const moved = scrollTop - this.#last;
    this.#last = scrollTop;
    const clamped = scrollHeight - scrollTop - clientHeight < 1;
    if (moved < 0 && !clamped) this.#leave();
    if (moved > 0 && this.#fromEnd <= AT_END_PX) this.#follows = true;
    this.onaway(!this.#follows && this.#fromEnd > AT_END_PX);
  }
}
