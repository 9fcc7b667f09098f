// One WebSocket that reconnects automatically. Requests get promises, events are dispatched, and the connection state
// is visible to every view.

import { Failure } from "./api.js";
import { newId } from "./storage.js";

const REQUEST_TIMEOUT_MS = 15_000;
/** A socket that does not open in this time is given up. */
const OPEN_TIMEOUT_MS = 10_000;
/** How long a connection in doubt has to answer. */
const PROBE_TIMEOUT_MS = 4_000;
const BACKOFF_MS = { first: 500, most: 30_000 };
const POLICY_VIOLATION = 1008;
/** A newer tab took this one's place: coming back at once would push out the next, and so on. */
const TOO_MANY = 4429;
const TOO_MANY_WAIT_MS = 60_000;
/** What the server takes as one frame. It closes the socket for more, and sending it again would do so again. */
const FRAME_BYTES = 1024 * 1024;

/**
 * Fires `state` when `state` changed, `back` when it is connected again, `frame` for each event of the server, `refused` when the token is dead.
 * `verify` asks over HTTP whether the token still lives; a browser does not tell why a socket was refused.
 */
export class Connection extends EventTarget {
  #socket = null;
  #waiting = new Map();
  #attempt = 0;
  #timer = 0;
  #wanted = false;
  #opened = false;
  #blocked = false;

  constructor({ url, token, verify }) {
    super();
    this.url = url;
    this.token = token;
    this.verify = verify;
    /** `name` is stopped, connecting, online or waiting; `retryAt` is when the next attempt comes (ms since 1970). */
    this.state = { name: "stopped", retryAt: 0 };
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.probe());
    addEventListener("pageshow", (event) => { if (event.persisted) this.retryNow(); });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.retryNow();
    });
  }

  /** The server answers, and its socket never opened: something in between does not pass WebSockets on. */
  get blocked() { return this.#blocked && !this.online; }

  get online() { return this.state.name === "online"; }

  start() {
    this.#wanted = true;
    this.#open();
  }

  stop() {
    this.#wanted = false;
    this.#drop("stopped");
    this.#become("stopped");
  }

  /** Connects at once if we wait; if we think we are connected, makes sure. */
  retryNow() {
    if (!this.#wanted) return;
    if (this.state.name === "waiting") {
      this.#attempt = 0;
      this.#open();
    } else if (this.online) this.probe();
  }

  /** A network that went away does not always close its sockets: ask something cheap, and do not wait for long. */
  probe() {
    if (!this.online) return;
    this.request("image_list_request", { limit: 1 }, PROBE_TIMEOUT_MS).catch((error) => {
      if (error.code === "timeout") this.#lost(0, "");
    });
  }

  /** Fails with `offline`, `timeout`, `message_too_large`, or what the server says. */
  request(type, data, timeout = REQUEST_TIMEOUT_MS) {
    if (!this.online) return Promise.reject(new Failure({ code: "offline" }));
    const id = newId();
    const frame = JSON.stringify({ id, type, data });
    if (frame.length * 3 > FRAME_BYTES && new Blob([frame]).size > FRAME_BYTES) return Promise.reject(new Failure({ code: "message_too_large" }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Failure({ code: "timeout" }));
      }, timeout);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(frame);
    });
  }

  #open() {
    clearTimeout(this.#timer);
    this.#drop("offline");
    this.#become("connecting");
    const socket = new WebSocket(this.url, ["portagent.v1", `bearer.${this.token}`]);
    this.#socket = socket;
    this.#timer = setTimeout(() => { if (this.#socket === socket) this.#lost(0, ""); }, OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#attempt = 0;
      this.#blocked = false;
      this.#become("online");
      if (this.#opened) this.dispatchEvent(new Event("back"));
      this.#opened = true;
    };
    socket.onmessage = (message) => this.#receive(message.data);
    socket.onclose = (event) => { if (this.#socket === socket) this.#lost(event.code, event.reason); };
  }

  #receive(text) {
    const frame = JSON.parse(text);
    const waiting = frame.id && this.#waiting.get(frame.id);
    if (!waiting) {
      this.dispatchEvent(new CustomEvent(frame.seq ? "frame" : "news", { detail: frame }));
      return;
    }
    this.#waiting.delete(frame.id);
    clearTimeout(waiting.timer);
    if (frame.error) waiting.reject(new Failure(frame.error));
    else waiting.resolve(frame.data ?? {});
  }

  async #lost(code, reason) {
    const wasOnline = this.online;
    this.#drop("offline");
    if (!this.#wanted) return;
    // Back at once after a connection that worked, a little spread out, because a restarted server meets everybody.
    const ceiling = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** this.#attempt);
    const delay = code === TOO_MANY ? TOO_MANY_WAIT_MS : ceiling / 2 + Math.random() * ceiling / 2;
    this.#attempt += 1;
    this.#become("waiting", Date.now() + delay);
    this.#timer = setTimeout(() => this.#open(), delay);
    if (wasOnline && code !== POLICY_VIOLATION) return;
    const { token } = this;
    const verdict = await this.verify(token);
    this.#blocked = verdict === "alive" && !this.#opened && this.#attempt >= 2;
    if (verdict === "dead" && this.#wanted && token === this.token) {
      this.stop();
      this.dispatchEvent(new CustomEvent("refused", { detail: reason }));
    }
  }

  #drop(code) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(new Failure({ code }));
    }
  }

  #become(name, retryAt = 0) {
    this.state = { name, retryAt };
    this.dispatchEvent(new Event("state"));
  }
}
