// The conversation that is on the page: loads its messages, follows its events, picks up again after a lost
// connection without a hole and without anything twice.
//
// The messages come with the `seq` they contain. Events are followed from there; those that arrive while messages
// are on their way wait, and what they repeat is skipped by its number.

import { Transcript } from "./transcript.js";

const PAGE = 40;

/** Fires `loaded` (everything may have changed), `older` (a page came in front), `turn` (detail: the turn, the event), `gone`. */
export class OpenConversation extends EventTarget {
  transcript = new Transcript();
  /** "loading", "ready", "missing" or "failed". */
  state = "loading";
  failure = null;
  /** It was here, and is not any more. */
  deleted = false;
  more = false;
  #held = null;
  #loading = null;
  #closed = false;
  #onState = () => this.resume();
  #onFrame = ({ detail }) => this.#take(detail);

  constructor(connection, imageId) {
    super();
    this.connection = connection;
    this.imageId = imageId;
    connection.addEventListener("state", this.#onState);
    connection.addEventListener("frame", this.#onFrame);
  }

  close() {
    this.#closed = true;
    this.connection.removeEventListener("state", this.#onState);
    this.connection.removeEventListener("frame", this.#onFrame);
    if (this.sessionId) this.connection.request("unsubscribe_request", { sessionId: this.sessionId }).catch(() => {});
  }

  /** Brings us to where the server is: from where we were, or from the stored messages. */
  async resume() {
    if (!this.connection.online || this.#closed) return;
    try {
      if (this.state !== "ready") await this.load();
      await this.#subscribe();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #subscribe() {
    const { resync, sessionId } = await this.connection.request("subscribe_request", {
      imageId: this.imageId, afterSeq: this.transcript.seq,
    });
    this.sessionId = sessionId ?? this.sessionId;
    if (resync) await this.load();
  }

  /** Loads the newest messages, once at a time; events that arrive meanwhile wait. */
  load() {
    this.#loading ??= this.#load().finally(() => { this.#loading = null; });
    return this.#loading;
  }

  async #load() {
    this.#held ??= [];
    try {
      const answer = await this.connection.request("image_messages_request", { imageId: this.imageId, limit: PAGE, html: true });
      if (this.#closed) return;
      // A page may end early, because messages are long: only an empty one says that there is nothing older.
      if (!this.transcript.load(answer)) this.more = answer.messages.length > 0;
      this.sessionId = answer.messages[0]?.sessionId ?? this.sessionId;
      this.state = "ready";
      this.failure = null;
    } finally {
      const held = this.#held;
      this.#held = null;
      if (this.state === "ready") for (const frame of held) this.#take(frame, true);
    }
    this.dispatchEvent(new Event("loaded"));
  }

  /** Loads the page before the oldest message, or waits for the one that is on its way. */
  loadOlder() {
    if (this.#loading) return this.#loading;
    if (!this.more || !this.connection.online) return Promise.resolve();
    const before = this.transcript.oldest;
    this.#loading = this.connection
      .request("image_messages_request", { imageId: this.imageId, limit: PAGE, before, html: true })
      .then(({ messages }) => {
        if (this.#closed || this.transcript.oldest !== before) return;
        this.more = messages.length > 0;
        this.dispatchEvent(new Event("beforeolder"));
        this.transcript.prepend(messages);
        this.dispatchEvent(new Event("older"));
      })
      .catch(() => {}) // scrolling up again asks again
      .finally(() => { this.#loading = null; });
    return this.#loading;
  }

  /** Loads everything that is older. */
  async loadAll(until = () => false) {
    while (this.more && this.connection.online && !this.#closed && !until()) {
      await this.#loading; // which scrolling asked for
      const before = this.transcript.oldest;
      await this.loadOlder();
      if (this.transcript.oldest === before && this.more) return; // a page that failed: what is here has to do
    }
  }

  /** Asks whether it still exists. */
  async verify() {
    await this.connection.request("image_get_request", { imageId: this.imageId }).catch((error) => this.#failed(error));
  }

  #take(frame, silent = false) {
    if (frame.context?.imageId !== this.imageId || this.#closed) return;
    this.sessionId = frame.context.sessionId;
    if (this.#held) {
      this.#held.push(frame);
      return;
    }
    if (this.state !== "ready") return;
    const turn = this.transcript.apply(frame);
    if (turn === "gap") this.load().catch((error) => this.#failed(error));
    else if (turn && !silent) this.dispatchEvent(new CustomEvent("turn", { detail: { turn, frame } }));
    const over = frame.type === "conversation_end" || frame.type === "conversation_start";
    if (turn && over && this.transcript.stale) this.load().catch((error) => this.#failed(error));
  }

  #failed(error) {
    if (this.#closed || error.code === "offline") return; // the connection comes back and calls us again
    if (this.state === "ready" && error.code !== "not_found") return;
    this.failure = error;
    this.deleted = this.state === "ready";
    this.state = error.code === "not_found" ? "missing" : "failed";
    this.dispatchEvent(new Event("loaded"));
  }
}
