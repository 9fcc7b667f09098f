// One turn on the page: the question, and the answer with its steps, text and errors in the order they happened.

import { Approval } from "./approval.js";
import { attachment, workFile } from "./attached.js";
import { fill, h, icon, iconButton, label } from "./dom.js";
import { clock, errorText, fullTime, hourOf, langOf, number, seconds, t } from "./i18n.js";
import { Prose } from "./prose.js";
import { openMenu } from "./menu.js";
import { rewriting } from "./rewrite.js";
import { copyAndTell } from "./status.js";
import { place, Steps } from "./steps.js";
import { answerText, CUT_OFF } from "./transcript.js";

const STEP_KINDS = new Set(["thinking", "tool"]);
/** A longer question is folded after this many lines, but not to hide a line or two. */
const FOLDED_LINES = 12;
const LINES_OVER = 3;
const LINE_CHARS = 72;

const note = (author, ...rest) => h("div", { class: "row message-note meta" }, h("span", { class: "message-author" }, author), ...rest);
const time = (ms, text = clock(ms), id = "") => {
  const node = h("time", { datetime: new Date(ms).toISOString(), title: fullTime(ms) }, text);
  return id ? h("a", { class: "message-link", href: `#${id}` }, node) : node;
};
const actions = (...buttons) => h("span", { class: "message-actions", role: "group", "aria-label": t("actions") }, buttons);
const small = (name, text, onclick, props = {}) => iconButton(name, text, onclick, { variant: "is-small", ...(name === "edit" && { "data-edit": "" }), ...props });
const word = (text, onclick, symbol) =>
  h("button", { type: "button", class: "button is-small", onclick }, symbol && icon(symbol, "is-small"), h("span", {}, text));

/** A question, stored or not. `buttons` stand beside it, `foot` below says what it waits for. */
export function question({ id, author, user, state, buttons, foot }) {
  const text = h("div", { class: "prose is-plain", lang: langOf(user.text), dir: "auto" }, h("p", {}, user.text));
  const attachments = user.attachments?.length ? h("div", { class: "row is-wrap attachments" }, user.attachments.map(attachment)) : null;
  return h("li", { class: "stack message is-user", id, "data-state": state },
    note(author, time(user.timestamp, clock(user.timestamp), id), buttons),
    h("div", { class: "stack is-tight" }, user.text ? text : null, isLong(user.text) && unfold(text), attachments),
    foot && h("div", { class: "row is-wrap message-foot meta" }, foot));
}

/** True for texts that take more than about twelve lines of the column; a Han character is as wide as two letters. */
function isLong(text) {
  let lines = 0;
  for (const line of text.split("\n", FOLDED_LINES + LINES_OVER)) {
    const wide = line.length < LINE_CHARS / 2 ? 0 : (line.match(/[\u2e80-\uffdc]/g)?.length ?? 0);
    lines += Math.max(1, Math.ceil((line.length + wide) / LINE_CHARS));
    if (lines >= FOLDED_LINES + LINES_OVER) return true;
  }
  return false;
}

function unfold(text) {
  text.classList.add("is-folded");
  const button = quietWord(t("showAll"), () => {
    const open = text.classList.toggle("is-folded");
    button.setAttribute("aria-expanded", String(!open));
    label(button.firstChild, t(open ? "showAll" : "showLess"));
  });
  button.setAttribute("aria-expanded", "false");
  button.classList.add("unfold");
  return button;
}

export const mark = (symbol, text, ...buttons) => [
  h("span", { class: "row" }, icon(symbol, "is-small"), h("span", {}, text)),
  buttons.length ? h("span", { class: "row" }, buttons) : null,
];
export const quietWord = (text, onclick) => h("button", { type: "button", class: "button is-quiet is-small", onclick }, h("span", {}, text));

/**
 * `host` answers author(), isLast(turn), isAhead(turn), online(), modelName(id), canChoose() and does retry(turn, model),
 * rewrite(user, text), takeBack(turn), select(turnId, way), regenerate(turn), regenerateWith(turn), proceed(turn), answer(approvalId,
 * decision), openFile(file).
 */
export class TurnView {
  #host;
  #question = null;
  #asked = "";
  #answer = null;
  #stack = null;
  #segments = new Map();
  /** The field in which the question is put in other words. */
  #form = null;

  constructor(host) {
    this.#host = host;
  }

  get elements() { return [this.#question, this.#answer].filter(Boolean); }

  update(turn) {
    this.turn = turn;
    this.#updateQuestion(turn);
    const answered = turn.state === "running" || turn.items.length > 0 || turn.ending || (turn.state === "queued" && !this.#host.isAhead(turn));
    if (!answered) this.#answer = null;
    else this.#updateAnswer(turn);
  }

  #updateQuestion(turn) {
    if (!turn.user || this.#form) return; // what is being written is not redrawn
    const queued = turn.state === "queued" && this.#host.isAhead(turn);
    const key = `${turn.user.messageId} ${queued} ${turn.user.siblings}`;
    if (this.#asked === key) return;
    this.#asked = key;
    const { user } = turn;
    const waits = queued && user.messageId && !(user.siblings?.length > 1);
    const buttons = actions(small("copy", t("copy"), () => copyAndTell(user.text)), user.messageId && !waits && small("edit", t("editAgain"), () => this.#rewrite()));
    const foot = [user.siblings?.length > 1 && this.#versions(turn), queued && mark("clock", t("turn.queued"), waits && quietWord(t("turn.takeBack"), () => this.#host.takeBack(this.turn)))].filter(Boolean);
    const fresh = question({ id: `q-${turn.id}`, author: this.#host.author(), user, state: queued && "queued", buttons, foot: foot.length > 0 && foot });
    this.#question?.replaceWith(fresh);
    this.#question = fresh;
  }

  /** Puts the words of the question into a field in its place. */
  #rewrite() {
    const { user } = this.turn;
    const shown = this.#question.querySelector(":scope > .stack");
    if (!shown) return;
    const close = () => {
      form.element.replaceWith(shown);
      this.#form = null;
      this.#updateQuestion(this.turn);
      this.#question.querySelector("[data-edit]")?.focus();
    };
    const ask = async (text) => {
      await this.#host.rewrite(user, text);
      this.#form = null;
    };
    const form = this.#form = rewriting({ text: user.text, close, ask });
    shown.replaceWith(form.element);
    form.focus();
  }

  /** What was written in place of the question and not sent; its place goes. */
  get unsent() { return this.#form?.changed ?? ""; }

  /** "‹ 2/3 ›": the versions of a question and of its answer. */
  #versions({ id, user: { siblings } }) {
    const at = siblings.indexOf(id);
    const step = (way, symbol, to) => small(symbol, t(`versions.${way}`), () => this.#host.select(siblings[to], way), { disabled: !siblings[to], "data-version": way });
    return h("span", { class: "row versions", role: "group", "aria-label": t("versions") }, step("older", "chevron-left", at - 1),
      h("span", { "aria-hidden": "true" }, `${number(at + 1)}/${number(siblings.length)}`), h("span", { class: "u-hidden" }, t("versions.at", { n: number(at + 1), all: number(siblings.length) })), step("newer", "chevron-right", at + 1));
  }

  #updateAnswer(turn) {
    if (!this.#answer) {
      this.#stack = h("div", { class: "stack" });
      this.#segments.clear();
      this.note = h("div", { class: "row message-note meta" });
      this.foot = h("div", { class: "row is-wrap message-foot meta" });
      this.footKey = null;
      this.#answer = h("li", { class: "stack message is-assistant", id: `a-${turn.id}` }, this.note, this.#stack, this.foot);
    }
    this.#updateNote(turn);
    place(this.#stack, [...this.#content(turn), ...this.#closing(turn)]);
    this.updateFoot();
  }

  #updateNote(turn) {
    const model = turn.model ? h("span", { class: "u-truncate", title: turn.model }, shortModel(turn.model)) : null;
    const at = turn.timestamp ? time(turn.timestamp, hourOf(turn.timestamp), `a-${turn.id}`) : null; // the day stands at the question
    const key = `${turn.model} ${turn.timestamp}`;
    if (this.noteKey === key && this.note.firstChild) return;
    this.noteKey = key;
    fill(this.note, h("span", { class: "message-author" }, t("agent")), h("span", { class: "row message-facts" }, model, model && at ? h("span", {}, "·") : null, at));
  }

  /** The elements of what was thought, done and written; those that exist are kept. */
  #content(turn) {
    const live = turn.state === "running";
    const elements = [];
    const used = new Set();
    const segment = (key, make) => {
      used.add(key);
      if (!this.#segments.has(key)) this.#segments.set(key, make());
      const view = this.#segments.get(key);
      elements.push(view.element);
      return view;
    };
    for (let index = 0; index < turn.items.length; index += 1) {
      const item = turn.items[index];
      const key = `${item.kind} ${index}`;
      if (STEP_KINDS.has(item.kind)) {
        let end = index;
        while (end < turn.items.length && STEP_KINDS.has(turn.items[end].kind)) end += 1;
        const steps = turn.items.slice(index, end);
        segment(`steps ${index}`, () => new Steps()).update(steps, live && end === turn.items.length);
        for (const { id, files } of steps) if (files?.length) segment(`files ${id}`, () => ({ element: h("div", { class: "row is-wrap attachments" }, files.map((file) => workFile(file, this.#host.openFile))) }));
        for (const { approval } of steps) if (approval) segment(`approval ${approval.approvalId}`, () => new Approval(approval, this.#host.answer));
        index = end - 1;
      } else if (item.kind === "text") {
        const writing = live && index === turn.items.length - 1 && this.#host.online();
        segment(key, () => new Prose()).update(item, writing);
      } else if (item.kind === "trimmed") {
        segment(key, () => ({ element: h("p", { class: "row meta" }, icon("warn", "is-small"), h("span", {}, t("turn.trimmed")),
          quietWord(t("turn.trimmedFrom"), () => document.getElementById(`q-${item.fromTurnId}`)?.scrollIntoView())) }));
      } else if (item.kind === "attachment") {
        segment(key, () => ({ element: attachment(item) }));
      }
    }
    for (const key of this.#segments.keys()) if (!used.has(key)) this.#segments.delete(key);
    return elements;
  }

  /** Another answer to the same question, where there is a choice also by another model. */
  #again(turn) {
    const again = () => this.#host.regenerate(turn);
    const button = small("retry", t("regenerate"), () => (this.#host.canChoose() ? openMenu(button, t("regenerate"), [
      { label: t("regenerate"), symbol: "retry", onclick: again },
      { label: t("regenerate.with"), symbol: "model", onclick: () => this.#host.regenerateWith(turn) },
    ]) : again()), this.#host.canChoose() ? { "aria-haspopup": "menu" } : {});
    return button;
  }

  /** What stands below: why it waits, paused, stopped or failed, and the ways out. */
  #closing(turn) {
    const last = turn.items.at(-1);
    const aside = (symbol, text) => h("p", { class: "row meta" }, icon(symbol, "is-small"), h("span", {}, text));
    if (turn.state !== "ended") {
      if (!this.#host.online()) return [aside("offline", t("turn.paused"))];
      if (turn.waiting) return [this.#waiting(turn)];
      const silent = !last || last.kind === "error" || (last.kind === "tool" && last.result !== null);
      return silent ? [h("p", { class: "row meta" }, h("span", { class: "lamp" }), h("span", {}, t(turn.state === "running" ? "turn.starting" : "turn.next")))] : [];
    }
    const error = turn.items.findLast((item) => item.kind === "error");
    if (error) return [this.#alert(turn, CUT_OFF.has(error.code) ? "info" : "fail", errorText(error), t("turn.kept"), error)];
    if (turn.ending === "lost") return [this.#alert(turn, "info", t("turn.lost"), t("turn.kept"))];
    if (turn.ending === "interrupted") return [h("div", { class: "row is-wrap meta" }, icon("stop", "is-small"), h("span", {}, t("turn.stopped")), this.#ways(turn))];
    return [];
  }

  #waiting(turn) {
    const left = h("span");
    this.tickWaiting = () => {
      const n = Math.max(0, Math.ceil((turn.waiting?.until ?? 0) / 1000 - Date.now() / 1000));
      left.textContent = n ? t("turn.waiting", { n: number(n) }) : t("turn.waitingNow");
    };
    this.tickWaiting();
    return h("p", { class: "row meta", "data-state": "warn", title: turn.waiting.reason }, icon("clock", "is-small"), left);
  }

  /** `message` and `hint` are the server's own words; the sentence is shown where the title says it in others. */
  #alert(turn, state, title, text, { message = "", hint = "" } = {}) {
    const own = (words) => words && h("p", { class: "meta", lang: langOf(words) }, words);
    return h("div", { class: "alert", "data-state": state }, icon(state), h("p", { class: "alert-title" }, title),
      message !== title && own(message), own(hint), h("p", {}, text),
      this.#host.isLast(turn) && h("div", { class: "row is-wrap" }, this.#ways(turn)));
  }

  #ways(turn) {
    if (!this.#host.isLast(turn)) return null;
    const { nextModel } = turn.items.findLast((item) => item.kind === "error") ?? {};
    const canGoOn = turn.ending === "limit" || (turn.ending === "interrupted" && answerText(turn));
    return [
      nextModel && word(t("retry.with", { name: this.#host.modelName(nextModel) }), () => this.#host.retry(turn, nextModel), "retry"),
      canGoOn && word(t("turn.proceed"), () => this.#host.proceed(turn)),
      word(t("retry"), () => this.#host.retry(turn), "retry"),
      turn.user && quietWord(t("editAgain"), () => this.#rewrite()),
    ];
  }

  /** The line below; while it is written, it counts the seconds. */
  updateFoot() {
    const { turn } = this;
    if (!this.#answer) return;
    if (turn.state === "running") {
      this.tickWaiting?.();
      const took = turn.startedAt ? ` · ${seconds(Math.max(1000, Math.round((Date.now() - turn.startedAt) / 1000) * 1000))}` : "";
      const isAsking = turn.items.some((item) => item.approval); // then the card says what it waits for
      const words = this.#host.online() && !isAsking ? t("turn.writing") + took : "";
      if (this.footKey !== words) fill(this.foot, h("span", {}, words));
      this.footKey = words;
      return;
    }
    const text = answerText(turn);
    const { usage } = turn;
    const input = usage.inputTokens + usage.cacheCreationInputTokens + usage.cacheReadInputTokens;
    const facts = [
      input || usage.outputTokens ? t("turn.usage", { in: number(input), out: number(usage.outputTokens) }) : null,
      turn.startedAt && turn.endedAt ? seconds(turn.endedAt - turn.startedAt) : null,
    ].filter(Boolean).join(" · ");
    const key = `${facts} ${text}`;
    if (this.footKey === key) return;
    this.footKey = key;
    fill(this.foot, text ? actions(small("copy", t("copyMarkdown"), () => copyAndTell(text)), turn.user && this.#again(turn)) : null, facts ? h("span", { class: "u-end" }, facts) : null);
  }
}

/** "claude-sonnet-5-5" → "sonnet-5-5": what fits the margin. */
const shortModel = (model) => model.replace(/^.*\//, "").replace(/^(claude|portagent)-/, "").replace(/-\d{8}$/, "");
