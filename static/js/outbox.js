// What a person has sent and the server has not confirmed. It is kept in the browser until it is stored over there,
// so neither a reload nor a lost connection loses it; the same clientMessageId makes sure that it arrives once.

import { kept, newId, tab } from "./storage.js";

/** Older messages are not sent automatically: their author may have changed their mind. */
const AUTO_SEND_MS = 10 * 60_000;

/** Entries: { clientMessageId, imageId (null: a new conversation), text, files, at, tab, state: "sending"|"waiting"|"failed", failure }. */
export class Outbox {
  #entries = [];

  constructor(userId) {
    this.prefix = `outbox:${userId}:`;
    this.#entries = kept.names(this.prefix).map((name) => kept.get(name)).filter(Boolean)
      .sort((a, b) => a.at - b.at)
      .map((entry) => ({ ...entry, state: entry.state === "failed" || !sendsAutomatically(entry) ? "failed" : "waiting" }));
  }

  /** What waits in a conversation (null: in the new one of this tab). */
  of(imageId) {
    return this.#entries.filter((entry) => entry.imageId === imageId && (imageId || entry.tab === tab || !sendsAutomatically(entry)));
  }

  /** What is to be sent when the connection is back, oldest first. */
  due() {
    return this.#entries.filter((entry) => entry.state === "waiting" && entry.tab === tab && sendsAutomatically(entry));
  }

  add(imageId, text, files) {
    const entry = { clientMessageId: newId(), imageId, text, files, at: Date.now(), tab, state: "waiting", failure: null };
    this.#entries.push(entry);
    this.#keep(entry);
    return entry;
  }

  update(entry, changes) {
    Object.assign(entry, changes);
    if (this.#entries.includes(entry)) this.#keep(entry);
  }

  find(clientMessageId) {
    return this.#entries.find((entry) => entry.clientMessageId === clientMessageId) ?? null;
  }

  remove(entry) {
    this.#entries = this.#entries.filter((each) => each !== entry);
    kept.remove(this.prefix + entry.clientMessageId);
  }

  #keep(entry) {
    const { failure, ...rest } = entry;
    kept.set(this.prefix + entry.clientMessageId, { ...rest, failure: failure && { code: failure.code, message: failure.message } });
  }
}

const sendsAutomatically = (entry) => Date.now() - entry.at < AUTO_SEND_MS;

/** Forgets everything this browser keeps of a person's words. */
export function forget(userId) {
  for (const kind of ["outbox", "draft"]) for (const name of kept.names(`${kind}:${userId}:`)) kept.remove(name);
}
