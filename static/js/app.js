// The controller behind the page of a logged-in person: connection, list, the open conversation, and what is to be
// sent. It knows no elements; the views listen to it.

import { account, loadInfo, logOut, shownName, socketUrl, verify } from "./account.js";
import { Conversations } from "./conversations.js";
import { Failure } from "./api.js";
import { Deletions } from "./deletions.js";
import { Models } from "./models.js";
import { OpenConversation } from "./open.js";
import { forget, Outbox } from "./outbox.js";
import { Connection } from "./socket.js";
import { base, newId } from "./storage.js";
import { attachmentsOf } from "./transcript.js";

/** How often the list is fetched while the page is visible: other tabs and other turns change it. */
const REFRESH_MS = 20_000;
const REFRESH_RUNNING_MS = 5_000;
/** An answer that did not come in time is asked for again after this. */
const SEND_AGAIN_MS = 3_000;

/** Fires `route`, `outbox`, `composer` (detail: text and files to put there), `gone` (detail: why the login ended). */
export class App extends EventTarget {
  imageId = null;
  open = null;
  /** Which part of the administration is on the page: a name, "" for the first, null for none. */
  section = null;
  /** Names of the tools that the next new conversation uses; null: those of the server. */
  tools = null;
  #deliveries = Promise.resolve();
  #listeners = new AbortController();
  #refreshed = 0;

  constructor() {
    super();
    this.connection = new Connection({ url: socketUrl(), token: account.token, verify });
    this.conversations = new Conversations(this.connection);
    this.deletions = new Deletions(this.conversations, this.connection, account.user.userId);
    this.outbox = new Outbox(account.user.userId);
    this.models = new Models(account.user.userId);
    this.shownName = shownName;
    const options = { signal: this.#listeners.signal };
    this.connection.addEventListener("state", () => this.#connected(), options);
    this.connection.addEventListener("refused", ({ detail }) => this.#end(detail.replaceAll(" ", "_")), options);
    this.connection.addEventListener("frame", ({ detail }) => this.#note(detail), options);
    this.connection.addEventListener("news", ({ detail }) => this.#hear(detail), options);
    account.addEventListener("token", () => this.#newToken(), options);
    account.addEventListener("gone", () => this.#end("elsewhere"), options);
    addEventListener("popstate", () => this.#route(), options);
    addEventListener("pagehide", () => this.deletions.run(true), options);
    document.addEventListener("visibilitychange", () => this.#refreshSoon(0), options);
    this.ticker = setInterval(() => this.#refreshSoon(), 1000);
    this.#route();
    this.connection.start();
  }

  // --- where we are ---

  pathOf(imageId) { return imageId ? `${base}/c/${encodeURIComponent(imageId)}` : `${base}/`; }

  adminPath(section = "") { return `${base}/admin${section && `/${section}`}`; }

  /** Opens a conversation, or (null) a new one. */
  go(imageId, options) { this.#visit(this.pathOf(imageId), options); }

  /** Opens a section of the administration. */
  goAdmin(section) { this.#visit(this.adminPath(section)); }

  #visit(path, { replace = false } = {}) {
    if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path + location.search);
    this.#route();
  }

  #route() {
    const path = location.pathname.slice(base.length);
    const match = path.match(/^\/c\/([^/]+)\/?$/);
    this.section = path.match(/^\/admin(?:\/([a-z]*))?\/?$/)?.slice(1).map((name) => name ?? "")[0] ?? null;
    const imageId = match ? decodeURIComponent(match[1]) : null;
    if (imageId === this.imageId && (this.open || !imageId)) {
      this.dispatchEvent(new Event("route"));
      return;
    }
    this.open?.close();
    this.imageId = imageId;
    this.open = imageId ? new OpenConversation(this.connection, imageId) : null;
    this.open?.addEventListener("loaded", () => {
      for (const turn of this.open?.transcript.turns ?? []) this.#arrived(turn.user?.clientMessageId);
      if (this.open?.state === "ready" && this.conversations.loaded && !this.record) this.conversations.learn(this.imageId).catch(() => {}); // its name is missing then
    });
    this.open?.resume();
    this.dispatchEvent(new Event("route"));
  }

  get record() { return this.imageId ? this.conversations.find(this.imageId) : null; }

  /** Another model for the conversation on the page, and for those that are begun after it. */
  async chooseModel(id) {
    if (this.imageId) await this.conversations.change(this.imageId, { model: id });
    this.models.choice = id;
  }

  /** How deeply it thinks there, and in those that are begun after it; null leaves it to the model. */
  async chooseEffort(level) {
    if (this.imageId) await this.conversations.change(this.imageId, { effort: level });
    this.models.effort = level;
  }

  /** The tools that the conversation on the page uses, by name; null: those of the server. */
  async chosenTools() { return this.imageId ? (await this.conversations.get(this.imageId)).tools ?? null : this.tools; }

  async chooseTools(names) {
    if (this.imageId) await this.conversations.change(this.imageId, { tools: names });
    else this.tools = names;
  }

  /** Puts a conversation into the archive. Returns how to undo that. */
  async archive(imageId) {
    const wasOpen = imageId === this.imageId;
    await this.conversations.change(imageId, { archived: true });
    if (wasOpen) this.go(null);
    return async () => {
      await this.conversations.change(imageId, { archived: false });
      if (wasOpen && !this.imageId) this.go(imageId);
    };
  }

  /** Deletes a conversation. Returns how to undo that. */
  delete(imageId) {
    const wasOpen = imageId === this.imageId;
    this.deletions.add(imageId);
    if (wasOpen) this.go(null);
    return () => {
      this.deletions.undo(imageId);
      if (wasOpen && !this.imageId) this.go(imageId);
    };
  }

  // --- the connection ---

  async #connected() {
    if (!this.connection.online) {
      this.dispatchEvent(new Event("outbox"));
      return;
    }
    this.models.refresh();
    loadInfo().catch(() => {}); // the page works with what it knows; the next connection asks again
    await this.conversations.refresh().catch(() => {});
    this.conversations.refreshPinned().catch(() => {}); // those of the newest page are there
    if (this.open?.state === "ready" && !this.record) this.conversations.learn(this.imageId).catch(() => {});
    this.deletions.run();
    for (const entry of this.outbox.due()) this.#deliver(entry);
  }

  #note({ type, data, context, timestamp }) {
    const { imageId } = context;
    if (type === "message_persisted") this.#arrived((data.message ?? data).clientMessageId);
    if (type === "conversation_start") this.conversations.note(imageId, { online: true, updatedAt: timestamp });
    if (type === "conversation_end") this.#refreshSoon(0);
  }

  /** What other tabs change in the list. */
  #hear({ type, data }) {
    if (type === "image_updated") this.conversations.take(data.record);
    if (type === "images_changed") this.#refreshSoon(0);
    if (type !== "image_deleted") return;
    this.conversations.forget(data.imageId);
    if (data.imageId === this.imageId) this.open?.verify();
  }

  #refreshSoon(after = this.conversations.records.some((record) => record.online) ? REFRESH_RUNNING_MS : REFRESH_MS) {
    if (document.visibilityState !== "visible" || !this.connection.online || Date.now() - this.#refreshed < after) return;
    this.#refreshed = Date.now();
    this.conversations.refresh().then(() => this.#check()).catch(() => {}); // the next round asks again
    if (account.info?.providerReady === false) loadInfo().catch(() => {});
  }

  /** The open conversation may have been deleted elsewhere: then it is not in the list any more. */
  #check() {
    if (this.open?.state === "ready" && !this.conversations.isListed(this.imageId)) return this.open.verify();
    return null;
  }

  #newToken() {
    this.connection.stop();
    this.connection.token = account.token;
    this.connection.start();
  }

  #end(reason) {
    this.close();
    this.dispatchEvent(new CustomEvent("gone", { detail: reason }));
  }

  close() {
    this.#listeners.abort();
    clearInterval(this.ticker);
    this.open?.close();
    this.connection.stop();
  }

  async logOut() {
    this.close();
    await logOut();
    this.dispatchEvent(new CustomEvent("gone", { detail: "" }));
  }

  /** The account exists no more: what was not sent is forgotten as well. */
  leave(reason) {
    this.close();
    if (account.user) forget(account.user.userId);
    this.dispatchEvent(new CustomEvent("gone", { detail: reason }));
  }

  /** Asks once more whether the server can reach a model. */
  checkProvider() { return loadInfo().catch(() => {}); }

  // --- sending ---

  /** What waits in the conversation on the page. */
  unsent() { return this.outbox.of(this.imageId); }

  /** `files` are on the server already: { fileId, name, mediaType, size }. */
  send(text, files = []) {
    this.#deliver(this.outbox.add(this.imageId, text, files));
  }

  sendAgain(entry) { this.#deliver(entry); }

  /** Puts an unsent message back into the composer. */
  takeBack(entry) {
    this.discard(entry);
    this.edit(entry.text, entry.files);
  }

  /** The server has it: we heard so from elsewhere than the answer. */
  #arrived(clientMessageId) {
    const entry = clientMessageId && this.outbox.find(clientMessageId);
    if (entry) this.discard(entry);
  }

  discard(entry) {
    this.outbox.remove(entry);
    this.dispatchEvent(new Event("outbox"));
  }

  edit(text, files = []) { this.dispatchEvent(new CustomEvent("composer", { detail: { text, files } })); }

  /** One after another, so that they arrive in the order in which they were written. */
  #deliver(entry) {
    const waits = !this.connection.online;
    this.#mark(entry, { state: waits ? "waiting" : "sending", failure: null, at: Date.now() });
    if (!waits) this.#deliveries = this.#deliveries.then(() => this.#deliverNow(entry));
  }

  async #deliverNow(entry) {
    if (this.outbox.find(entry.clientMessageId) !== entry) return; // taken back, or known to be stored
    try {
      const isFirst = !entry.imageId;
      if (isFirst) await this.#found(entry);
      const { messageId, turnId } = await this.connection.request("message_send_request", {
        imageId: entry.imageId, content: contentOf(entry), clientMessageId: entry.clientMessageId,
      });
      this.#stored(entry, messageId, turnId);
      if (isFirst) this.#named(entry.imageId);
    } catch (error) {
      this.#undelivered(entry, error);
    }
  }

  /** Makes the conversation of a first question. */
  async #found(entry) {
    const wasNew = !this.imageId;
    const record = await this.conversations.create({
      model: this.models.choice ?? undefined, effort: this.models.effort ?? undefined, tools: this.tools ?? undefined,
    });
    this.tools = null;
    this.outbox.update(entry, { imageId: record.imageId });
    if (wasNew && !this.imageId) this.go(record.imageId, { replace: true });
  }

  /** The server names a conversation after its first question. */
  async #named(imageId) {
    const record = await this.conversations.get(imageId).catch(() => null); // else the next list says it
    if (record) this.conversations.note(imageId, { name: record.name });
  }

  #stored(entry, messageId, turnId) {
    this.outbox.remove(entry);
    const { open } = this;
    if (open?.imageId === entry.imageId && open.state === "ready") {
      const user = { messageId, clientMessageId: entry.clientMessageId, timestamp: Date.now(), text: entry.text, attachments: attachmentsOf(entry) };
      open.dispatchEvent(new CustomEvent("turn", { detail: { turn: open.transcript.adopt(turnId, user), frame: null } }));
    }
    this.dispatchEvent(new Event("outbox"));
  }

  #undelivered(entry, error) {
    const again = error.code === "offline" || error.code === "timeout" || error.code === "stopped";
    this.#mark(entry, { state: again ? "waiting" : "failed", failure: again ? null : error });
    if (error.code !== "timeout") return;
    this.connection.probe();
    setTimeout(() => { if (this.outbox.due().includes(entry)) this.#deliver(entry); }, SEND_AGAIN_MS);
  }

  #mark(entry, changes) {
    this.outbox.update(entry, changes);
    this.dispatchEvent(new Event("outbox"));
  }

  // --- turns ---

  stop() {
    return this.connection.request("agent_interrupt_request", { imageId: this.imageId });
  }

  /** "once", "conversation", "always" or "deny". */
  answerApproval(approvalId, decision) {
    return this.connection.request("tool_approval_answer_request", { approvalId, decision });
  }

  /** Answers the same question once more, and from then on by `model` where one is named. Errors are shown in place of the answer. */
  async retry(turn, model = null) {
    if (model) await this.chooseModel(model).catch(() => {}); // the answer says what is wrong with it
    return this.#reopen(turn, "turn_retry_request", (transcript, turnId) => transcript.again(turn.id, turnId));
  }

  /** Lets an answer that was cut off go on. */
  proceed(turn) {
    return this.#reopen(turn, "turn_continue_request", (transcript) => transcript.goOn(turn.id));
  }

  /** The question in other words, as another version of it. */
  rewrite(user, text) {
    const files = (user.attachments ?? []).filter((file) => file.fileId);
    return this.connection.request("message_edit_request", { imageId: this.imageId, messageId: user.messageId, content: contentOf({ text, files }), clientMessageId: newId() });
  }

  /** Takes a question that waits back into the composer. */
  async takeBackTurn({ id, user }) {
    await this.connection.request("turn_take_back_request", { imageId: this.imageId, turnId: id });
    this.edit(user.text, (user.attachments ?? []).filter((file) => file.fileId));
  }

  /** The same question once more, as another version; `model` answers this once. */
  regenerate(turn, model = undefined) {
    return this.connection.request("turn_regenerate_request", { imageId: this.imageId, turnId: turn.id, model, clientMessageId: newId() });
  }

  /** Shows the version that a turn stands in, in all tabs. */
  selectBranch(turnId) {
    return this.connection.request("branch_select_request", { imageId: this.imageId, turnId });
  }

  async #reopen(turn, type, change) {
    const { open } = this;
    try {
      const { turnId } = await this.connection.request(type, { imageId: open.imageId, turnId: turn.id });
      change(open.transcript, turnId ?? turn.id);
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure({ code: "unknown" });
      turn.items = [...turn.items.filter((item) => item.kind !== "error"), { kind: "error", code: failure.code, message: failure.message }];
    }
    open.dispatchEvent(new CustomEvent("turn", { detail: { turn, frame: null } }));
  }
}

/** What a message says, and the files that it carries. */
function contentOf({ text, files = [] }) {
  if (!files.length) return text;
  return [...(text ? [{ type: "text", text }] : []), ...files.map(({ fileId }) => ({ type: "file", fileId }))];
}
