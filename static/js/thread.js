// The conversation on the page: its turns in order, what is not sent yet behind them, and where the reader is.
// Changes are collected and shown once per frame.

import { account } from "./account.js";
import { approvalSentence } from "./approval.js";
import { budgetNotice } from "./budget.js";
import { draft } from "./conversations.js";
import { fill, h, icon } from "./dom.js";
import { Follow } from "./follow.js";
import { errorText, t } from "./i18n.js";
import { mark, question, quietWord, TurnView } from "./message.js";
import { pickModel } from "./modelchip.js";
import { place } from "./steps.js";
import { announce, toast } from "./status.js";
import { answerText, attachmentsOf } from "./transcript.js";

/** This near to the top, older messages are fetched, in pixels. */
const NEAR_TOP_PX = 600;
/** A conversation comes in steps, the newest turns first, so that a long one does not stop the page. */
const FIRST_TURNS = 8;
const MORE_TURNS = 4;
/** How long a message that a link named is marked. */
const NAMED_MS = 2_000;
/** How long it is said that most of a budget is used. */
const NOTICE_MS = 15_000;

/** Its script is loaded when it is needed. */
const openWorkFile = (imageId, file) => import("./own.js").then((own) => own.openWorkFile(imageId, file)).catch(() => toast(t("error.offline"), { symbol: "offline" }));

export class Thread {
  #views = new Map();
  /** How many of the newest turns are on the page. */
  #shown = FIRST_TURNS;
  #more = 0;
  #dirty = new Set();
  /** What is not sent yet, on the page. */
  #waiting = new Map();
  #everything = false;
  #frame = 0;
  #focus = "";
  #listeners = new AbortController();

  /** `app` is the controller, `open` the conversation (null while it has no id), `onjump(show)` shows the button that jumps to the end. */
  constructor({ app, open, onjump }) {
    this.app = app;
    this.open = open;
    this.list = h("ol", { class: "column has-note stack thread", id: "thread", tabindex: -1 });
    this.element = h("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": t("conversation"), onscroll: () => this.#scrolled() });
    this.follow = new Follow({ scroller: this.element, list: this.list, signal: this.#listeners.signal, onaway: onjump });
    this.element.append(this.list, this.follow.room);
    if (app.unsent().length) this.follow.sent(); // the first question of a new conversation
    this.#listen();
    this.ticker = setInterval(() => {
      for (const view of this.#views.values()) if (view.turn.state === "running") view.updateFoot();
    }, 1000);
    this.#refreshAll();
  }

  /** What is being written in place of questions is kept with the drafts. */
  keep() {
    const texts = [...this.#views.values()].map((view) => view.unsent).filter(Boolean);
    if (!texts.length || !account.user) return;
    const of = [account.user.userId, this.open.imageId];
    draft.setAside(...of, [...texts, ...draft.aside(...of)]);
  }

  destroy() {
    this.keep();
    this.#listeners.abort();
    this.follow.destroy();
    clearInterval(this.ticker);
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#more);
  }

  #listen() {
    const options = { signal: this.#listeners.signal };
    this.app.addEventListener("outbox", () => this.#refreshAll(), options);
    this.app.connection.addEventListener("state", () => this.#refreshAll(), options);
    if (!this.open) return;
    this.open.addEventListener("loaded", () => this.#refreshAll(), options);
    this.open.addEventListener("loaded", () => this.#goToHash(), { ...options, once: true });
    addEventListener("hashchange", () => this.#goToHash(), options);
    this.open.addEventListener("older", () => this.#showOlder(), options);
    this.open.addEventListener("turn", ({ detail }) => this.#changed(detail), options);
  }

  #changed({ turn, frame }) {
    this.#tell(turn, frame);
    const structural = ["message_persisted", "conversation_start", "conversation_end", "turn_taken_back"].includes(frame?.type) || !frame;
    if (structural) this.#refreshAll();
    else {
      this.#dirty.add(turn.id);
      this.#schedule();
    }
  }

  #tell(turn, frame) {
    if (frame?.type === "conversation_start") announce(t("say.answering"));
    if (frame?.type === "error_occurred") announce(errorText(frame.data));
    if (frame?.type === "conversation_end" && turn.ending !== "error") announce(t(`say.${turn.ending}`));
    if (frame?.type === "budget_notice") toast(budgetNotice(frame.data), { symbol: "gauge", ms: NOTICE_MS });
    if (frame?.type === "tool_approval_request") announce(approvalSentence(frame.data));
    if (frame?.type === "upstream_retry") announce(t("turn.waiting", { n: Math.ceil(frame.data.delayMs / 1000) }));
  }

  #refreshAll() {
    this.#everything = true;
    this.#schedule();
  }

  #schedule() {
    if (this.#frame) return;
    // A hidden tab draws no frames; what it missed is shown with the first one.
    this.#frame = requestAnimationFrame(() => this.#show());
  }

  #show() {
    this.#frame = 0;
    if (this.#everything) this.#showAll();
    else for (const id of this.#dirty) {
      const turn = this.open.transcript.find(id);
      if (turn) this.#views.get(id)?.update(turn);
    }
    const grown = [...this.#dirty].some((id) => this.#views.get(id)?.elements.some((node) => !node.isConnected));
    if (grown) this.#showAll();
    this.#everything = false;
    this.#dirty.clear();
    this.follow.keep();
  }

  #showAll() {
    const { open } = this;
    if (open && open.state !== "ready" && (!this.#views.size || open.deleted)) {
      this.#views.clear();
      fill(this.list, ...this.#insteadOfTurns(), ...this.#unsent());
      return;
    }
    const all = open?.transcript.turns ?? [];
    const ids = new Set(all.map((turn) => turn.id));
    for (const [id, { unsent }] of this.#views) {
      if (ids.has(id)) continue;
      this.#views.delete(id);
      if (unsent) this.app.edit(unsent); // its question is no longer shown: another tab chose another version
    }
    const turns = all.slice(-this.#shown);
    clearTimeout(this.#more);
    if (turns.length < all.length) this.#more = setTimeout(() => this.#showMore());
    else this.#shown = Infinity;
    place(this.list, [...turns.flatMap((turn) => this.#view(turn).elements), ...this.#unsent()]);
    this.#giveFocus();
  }

  #insteadOfTurns() {
    const { state, failure } = this.open;
    if (state === "loading") return [40, 90, 75, 60].map(() => h("li", { class: "skeleton", "aria-hidden": "true" }));
    const title = state === "missing" ? t(this.open.deleted ? "missing.deleted" : "missing.title") : errorText(failure);
    return [h("li", { class: "stack page" }, h("h2", { class: "title is-2xl" }, title),
      h("p", { class: "lead" }, t(state === "missing" ? "missing.text" : "failed.text")),
      h("div", { class: "row is-wrap" },
        state === "failed" && h("button", { class: "button", type: "button", onclick: () => this.open.resume() }, icon("retry", "is-small"), t("retry")),
        h("button", { class: "button", type: "button", onclick: () => this.app.go(null) }, icon("plus", "is-small"), t("new.long"))))];
  }

  #host() {
    const { app, open } = this;
    return {
      author: () => app.shownName(),
      online: () => app.connection.online,
      isLast: (turn) => open.transcript.turns.at(-1)?.id === turn.id,
      isAhead: (turn) => open.transcript.turns.some((each) => each.id !== turn.id && each.state !== "ended"
        && open.transcript.turns.indexOf(each) < open.transcript.turns.indexOf(turn)),
      modelName: (id) => app.models.find(id)?.name ?? id,
      openFile: (file) => openWorkFile(app.imageId, file),
      retry: (turn, model) => app.retry(turn, model),
      canChoose: () => app.models.list.length > 1,
      rewrite: async (user, text) => {
        await app.rewrite(user, text);
        this.follow.sent();
      },
      select: (turnId, way) => this.#act(() => app.selectBranch(turnId), `#q-${CSS.escape(turnId)} [data-version=${way}]`),
      takeBack: (turn) => this.#act(() => app.takeBackTurn(turn)),
      regenerate: (turn) => this.#act(() => app.regenerate(turn)),
      regenerateWith: (turn) => pickModel(app, (model) => this.#act(() => app.regenerate(turn, model.id))),
      proceed: (turn) => app.proceed(turn),
      answer: (approvalId, decision) => app.answerApproval(approvalId, decision),
    };
  }

  /** Does it, and gives the focus to what stands there afterwards. */
  async #act(work, focus = "") {
    this.#focus = focus;
    try {
      await work();
    } catch (error) {
      toast(errorText(error), { symbol: "fail" });
    }
  }

  /** The focus goes to where it was meant to go, once that is on the page. */
  #giveFocus() {
    const node = this.#focus && this.list.querySelector(this.#focus);
    if (!node) return;
    this.#focus = "";
    (node.disabled ? node.parentElement.querySelector("button:not(:disabled)") : node)?.focus({ preventScroll: true });
  }

  /** Redrawn only where it is other than before: a button under a finger or with the focus stays. */
  #unsent() {
    const before = this.#waiting;
    this.#waiting = new Map(this.app.unsent().map((entry) => {
      const key = `${entry.clientMessageId} ${entry.state} ${entry.failure?.code}`;
      return [key, before.get(key) ?? question({
        id: `u-${entry.clientMessageId}`, author: this.app.shownName(), state: "unsent",
        user: { text: entry.text, timestamp: entry.at, attachments: attachmentsOf(entry) }, foot: this.#unsentFoot(entry),
      })];
    }));
    return [...this.#waiting.values()];
  }

  #unsentFoot(entry) {
    const back = quietWord(t("edit"), () => this.app.takeBack(entry));
    const away = quietWord(t("discard"), () => this.app.discard(entry));
    if (entry.state === "sending") return mark("clock", t("unsent.sending"));
    if (entry.state === "waiting") return mark("clock", t("unsent.waiting"), back, away);
    const why = entry.failure ? errorText(entry.failure) : t("unsent.old");
    return mark("warn", t("unsent.failed", { why }), quietWord(t("sendAgain"), () => this.app.sendAgain(entry)), back, away);
  }

  /** Puts the next older turns in front of those that are on the page, without touching these. */
  #showMore() {
    const { turns } = this.open.transcript;
    const end = Math.max(0, turns.length - this.#shown);
    this.#shown += MORE_TURNS;
    const elements = turns.slice(Math.max(0, turns.length - this.#shown), end).flatMap((turn) => this.#view(turn).elements);
    this.follow.holding(() => this.list.prepend(...elements));
    if (turns.length > this.#shown) this.#more = setTimeout(() => this.#showMore());
    else this.#shown = Infinity;
  }

  #view(turn) {
    if (!this.#views.has(turn.id)) this.#views.set(turn.id, new TurnView(this.#host()));
    const view = this.#views.get(turn.id);
    view.update(turn);
    return view;
  }

  #showOlder() {
    clearTimeout(this.#more);
    this.#shown = this.#views.size;
    this.#showMore();
  }

  #scrolled() {
    if (this.element.scrollTop < NEAR_TOP_PX && this.open?.state === "ready") this.open.loadOlder();
  }

  /** Goes to the message that the address names, however old it is. */
  async #goToHash() {
    const id = decodeURIComponent(location.hash.slice(1));
    const turnId = id.match(/^[qa]-(.+)$/)?.[1];
    if (!turnId) return;
    await this.open.loadAll(() => this.open.transcript.find(turnId));
    if (!this.open.transcript.find(turnId)) await this.#selectVersion(turnId);
    this.#shown = Infinity;
    this.#showAll();
    const message = this.list.querySelector(`:scope > #${CSS.escape(id)}`);
    if (!message) return toast(t("missing.message"), { symbol: "info" });
    this.follow.show(message);
    message.tabIndex = -1;
    message.focus({ preventScroll: true });
    message.classList.add("is-named");
    setTimeout(() => message.classList.remove("is-named"), NAMED_MS);
  }

  /** It may stand in another version than the one that is shown. */
  async #selectVersion(turnId) {
    try {
      await this.app.selectBranch(turnId);
      await this.open.load();
      await this.open.loadAll(() => this.open.transcript.find(turnId));
    } catch {
      // then it is said that it does not exist
    }
  }

  /** All of it as Markdown, also what is not on the page yet. */
  async markdown() {
    await this.open.loadAll();
    return this.open.transcript.turns.map((turn) => [
      turn.user && `## ${this.app.shownName()}\n\n${turn.user.text}`, answerText(turn) && `## ${t("agent")}\n\n${answerText(turn)}`,
    ].filter(Boolean).join("\n\n")).join("\n\n");
  }

  async print() {
    await this.open?.loadAll();
    this.#shown = Infinity;
    this.#showAll();
    window.print();
  }

  /** A question was sent from here. One that queues stands behind the answer being written. */
  sent(queued) {
    if (queued) this.follow.toEnd();
    else this.follow.sent();
  }

  jumpToEnd() {
    this.follow.toEnd();
  }
}
