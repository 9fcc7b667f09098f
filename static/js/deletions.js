// Conversations that a person deleted a moment ago: gone from the page at once, from the server when the time for an
// undo is over. A page that is closed before that sends the deletion on its way; what does not arrive is done by the
// next visit.

import { kept } from "./storage.js";

const UNDO_MS = 10_000;

export class Deletions {
  #timers = new Map();

  constructor(conversations, connection, userId) {
    Object.assign(this, { conversations, connection, prefix: `deleting:${userId}:`, ms: UNDO_MS });
    for (const name of kept.names(this.prefix)) this.#schedule(name.slice(this.prefix.length), kept.get(name) ?? 0);
  }

  add(imageId) {
    const due = Date.now() + UNDO_MS;
    kept.set(this.prefix + imageId, due);
    this.#schedule(imageId, due);
  }

  undo(imageId) {
    clearTimeout(this.#timers.get(imageId));
    this.#forget(imageId);
    this.conversations.show(imageId);
  }

  /** Deletes what is due, or (`all`) what waits. */
  run(all = false) {
    for (const imageId of this.#timers.keys()) {
      const due = kept.get(this.prefix + imageId) ?? 0;
      if (all || due <= Date.now()) this.#delete(imageId);
    }
  }

  #schedule(imageId, due) {
    this.conversations.hide(imageId);
    this.#timers.set(imageId, setTimeout(() => this.#delete(imageId), Math.max(0, due - Date.now())));
  }

  async #delete(imageId) {
    try {
      await this.conversations.remove(imageId);
      this.#forget(imageId);
    } catch (error) {
      if (error.code === "not_found") this.#forget(imageId);
      else if (error.code !== "offline" && error.code !== "stopped" && error.code !== "timeout") this.undo(imageId);
      // else the next connection runs it
    }
  }

  #forget(imageId) {
    this.#timers.delete(imageId);
    kept.remove(this.prefix + imageId);
  }
}
