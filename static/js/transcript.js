// What was said in one conversation, as turns: a question and everything that answered it. Pure: it knows stored
// messages and events, no socket and no page.
//
// A turn's `items`, in the order in which they happened:
//   { kind: "text", messageId, text, blocks, tail }   blocks are rendered HTML; tail is the text behind the newest one
//   { kind: "thinking", messageId, text, startedAt, endedAt }
//   { kind: "tool", id, name, input, result, state, startedAt, endedAt, approval, progress }   state: writing, running,
//     done, failed, stopped; approval is a question that waits for consent; files are what the call has written into
//     the work directory, [{ path, mediaType, size }]
//   { kind: "attachment", type, fileId, data, mediaType, name, size }   data is base64, where there is no file
//   { kind: "error", code, message, hint, nextModel }   nextModel is offered in place of one that is gone
//   { kind: "trimmed", fromTurnId }   the model was sent the first question, and everything from that turn on
// Times are this browser's, and only there where we saw it happen.

/** The codes of errors that say that an answer was cut off: it can go on. */
export const CUT_OFF = new Set(["answer_too_long", "answer_context_full", "tool_rounds"]);

const EMPTY_USAGE = { inputTokens: 0, outputTokens: 0, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };

function newTurn(id) {
  return {
    id, user: null, items: [], state: "ended", ending: null, model: null, timestamp: 0, messageId: null,
    usage: { ...EMPTY_USAGE }, waiting: null, results: new Map(), startedAt: 0, endedAt: 0,
  };
}

export class Transcript {
  turns = [];
  /** The newest event that is contained. */
  seq = 0;
  /** The id of the oldest message we hold, to ask for what came before it. */
  oldest = null;
  /** { tokens, window }: what the conversation fills of its model's window, in tokens; null before the first answer. */
  context = null;
  /** Something was not rendered to its end: the stored messages have it whole. */
  stale = false;

  /** The turn that is being answered, if there is one. */
  get running() { return this.turns.find((turn) => turn.state === "running") ?? null; }
  /** True while anything is running or waiting for its turn. */
  get busy() { return this.turns.some((turn) => turn.state !== "ended"); }
  find(turnId) { return this.turns.find((turn) => turn.id === turnId) ?? null; }

  /** Takes an answer to `image_messages_request`. Older turns that we hold stay where they join without a hole. */
  load({ messages, seq = 0, running = null, queued = [], approvals = [], context = null }) {
    const held = { turns: this.turns, oldest: this.oldest };
    this.stale = false;
    this.seq = seq;
    this.context = context;
    this.oldest = messages[0]?.messageId ?? null;
    this.turns = groupTurns(messages);
    for (const turn of this.turns) settle(turn);
    const unsettled = [...(running ? [[running.turnId, "running"]] : []), ...queued.map((id) => [id, "queued"])];
    for (const [id, state] of unsettled) Object.assign(this.#turn(id), { state, ending: null });
    for (const turn of this.turns) if (turn.state === "running") reopenTools(turn);
    for (const approval of approvals) {
      const turn = this.turns.find((each) => each.items.some((item) => item.id === approval.toolCallId)) ?? this.running;
      if (turn) ask(turn, approval);
    }
    return this.#joinOlder(held);
  }

  /** True when what was held is still in front. */
  #joinOlder(held) {
    const first = this.turns[0];
    const at = first ? held.turns.findIndex((turn) => turn.id === first.id) : -1;
    if (at < 0) return false;
    const known = held.turns[at];
    if (!first.user && known.user) {
      if (first.state === "ended") this.turns[0] = known;
      else first.user = known.user;
    }
    this.turns = [...held.turns.slice(0, at), ...this.turns];
    this.oldest = held.oldest;
    return true;
  }

  /** Puts an older page in front. */
  prepend(messages) {
    if (!messages.length) return;
    this.oldest = messages[0].messageId;
    const older = groupTurns(messages);
    const last = older.at(-1);
    const first = this.turns[0];
    if (first && (last.id === first.id || !first.user)) {
      older.pop();
      first.user ??= last.user;
      first.items = [...last.items, ...first.items];
      first.timestamp = last.timestamp || first.timestamp;
      first.usage = addUsage(first.usage, last.usage);
      for (const [id, result] of [...last.results, ...first.results]) giveResult(first, id, result);
      if (first.state === "ended") settle(first);
    }
    for (const turn of older) settle(turn);
    this.turns = [...older, ...this.turns];
  }

  /** A question of ours that the server has just stored. */
  adopt(turnId, user) {
    const turn = this.turns.find((each) => each.user?.messageId === user.messageId) ?? this.#turn(turnId);
    if (turn.id !== turnId) restart(turn, turnId, "queued");
    const fresh = !turn.user && !turn.startedAt && !turn.items.length;
    turn.user = user;
    if (fresh && turn.state === "ended") Object.assign(turn, { state: "queued", ending: null });
    return turn;
  }

  /** The answer to a turn is about to go on. */
  goOn(turnId) {
    const turn = this.find(turnId);
    if (turn && turn.state !== "running") resume(turn, "queued");
  }

  /** The answer to a turn is about to be written once more. */
  again(turnId, newId) {
    const turn = this.find(turnId);
    if (turn && turn.state !== "running") restart(turn, newId, "queued");
  }

  /** Takes in one event. Returns the turn it changed, null for one we have already, or "gap" where one is missing. */
  apply({ type, seq, data, context, timestamp }) {
    if (seq <= this.seq) return null;
    if (this.seq && seq > this.seq + 1) return "gap";
    this.seq = seq;
    if (type === "branch_selected") return this.#branch(context.turnId, data);
    if (type === "turn_taken_back") return this.#takenBack(context.turnId);
    const handler = HANDLERS[type];
    if (!handler) return null;
    if (type === "message_persisted") return this.adopt(context.turnId, userOf(data.message ?? data));
    const turn = this.#turn(context.turnId);
    if (!turn.user) this.stale = true;
    handler(turn, data ?? {}, timestamp);
    if (type === "message_stop" && data.usage) this.context = { window: null, ...this.context, tokens: sumOf(data.usage) };
    if (type === "conversation_end" && turn.items.some((item) => item.tail)) this.stale = true;
    return turn;
  }

  /** Another version is shown: behind `parentTurnId`, all that was shown is gone. What is not new has to be read. */
  #branch(turnId, { parentTurnId, isNew = false }) {
    const at = parentTurnId ? this.turns.findIndex((turn) => turn.id === parentTurnId) : -1;
    if (parentTurnId && at < 0) return "gap";
    this.turns.length = at + 1;
    if (!isNew) return "gap";
    return Object.assign(this.#turn(turnId), { state: "queued", ending: null });
  }

  /** A question that waited is gone. */
  #takenBack(turnId) {
    const turn = this.find(turnId);
    this.turns = this.turns.filter((each) => each !== turn);
    return turn;
  }

  #turn(id) {
    let turn = this.find(id);
    if (!turn) this.turns.push(turn = newTurn(id));
    return turn;
  }
}

const HANDLERS = {
  message_persisted: () => {},
  conversation_start: (turn, { continues }) => {
    if (continues) resume(turn, "running");
    else restart(turn, turn.id, "running");
    turn.startedAt = Date.now();
  },
  message_start: (turn, { messageId, model }, timestamp) => {
    Object.assign(turn, { waiting: null, messageId, model: model ?? turn.model, timestamp: turn.timestamp || timestamp });
  },
  thinking_delta: (turn, { messageId, text }) => {
    openItem(turn, "thinking", messageId, () => ({ text: "", startedAt: Date.now(), endedAt: 0 })).text += text;
  },
  text_delta: (turn, { messageId, text, html }) => {
    const item = openItem(turn, "text", messageId, () => ({ text: "", blocks: [], tail: "" }));
    item.text += text;
    item.tail += text;
    if (!html) return;
    item.blocks = [...item.blocks.slice(0, html.from), ...html.blocks];
    item.tail = "";
  },
  tool_use_start: (turn, { toolCallId, toolName }) => { toolItem(turn, toolCallId, toolName); },
  input_json_delta: (turn, { toolCallId, partialJson }) => {
    const item = toolItem(turn, toolCallId);
    item.input = (typeof item.input === "string" ? item.input : "") + partialJson;
  },
  tool_use_stop: (turn, { toolCallId, toolName, input }) => {
    Object.assign(toolItem(turn, toolCallId, toolName), { input, state: "running" });
  },
  message_stop: (turn, { usage }) => {
    closeThinking(turn);
    turn.usage = addUsage(turn.usage, usage);
  },
  assistant_message: (turn, data) => { turn.model = (data.message ?? data).model ?? turn.model; },
  tool_approval_request: (turn, approval) => ask(turn, approval),
  tool_approval_answered: (turn, { toolCallId, toolName }) => { toolItem(turn, toolCallId, toolName).approval = null; },
  tool_progress: (turn, { toolCallId, done, total, message }) => { toolItem(turn, toolCallId).progress = { done, total, message }; },
  tool_result: (turn, { toolCallId, ...result }) => giveResult(turn, toolCallId, result),
  budget_notice: () => {}, // the page says it
  context_trimmed: (turn, { fromTurnId }) => { turn.items.push({ kind: "trimmed", fromTurnId }); },
  upstream_retry: (turn, { attempt, delayMs, reason }) => {
    turn.waiting = { attempt, until: Date.now() + delayMs, reason };
  },
  error_occurred: (turn, { code, message, hint, nextModel }) => { turn.items.push({ kind: "error", code, message, hint, nextModel }); },
  conversation_end: (turn, { reason, usage }) => {
    Object.assign(turn, { state: "ended", ending: reason, waiting: null, endedAt: Date.now() });
    if (usage) turn.usage = usage;
    closeThinking(turn);
    stopTools(turn);
  },
};

/** What is there stays; what said why it ended goes. */
function resume(turn, state) {
  Object.assign(turn, { state, ending: null, waiting: null, items: turn.items.filter((item) => item.kind !== "error") });
}

function restart(turn, id, state) {
  Object.assign(turn, newTurn(id), { user: turn.user, state });
}

/** The newest item if it is of this kind and message, else a new one behind it. */
function openItem(turn, kind, messageId = turn.messageId, make) {
  const last = turn.items.at(-1);
  if (last?.kind === kind && last.messageId === messageId) return last;
  turn.waiting = null;
  closeThinking(turn);
  const item = { kind, messageId, ...make() };
  turn.items.push(item);
  return item;
}

function toolItem(turn, id, name) {
  let item = turn.items.find((each) => each.kind === "tool" && each.id === id);
  if (!item) {
    closeThinking(turn);
    item = { kind: "tool", id, name: "", input: null, result: null, state: "writing", startedAt: Date.now(), endedAt: 0 };
    turn.items.push(item);
  }
  if (name) item.name = name;
  return item;
}

/** A call that waits for consent. */
function ask(turn, approval) {
  const item = toolItem(turn, approval.toolCallId, approval.toolName);
  item.approval = approval;
  item.input ??= approval.input;
  item.state = "running";
}

function giveResult(turn, id, { result, isError, files = [], structured, resources = [] }) {
  turn.results.set(id, { result, isError, files, structured, resources });
  const item = turn.items.find((each) => each.kind === "tool" && each.id === id);
  if (item) Object.assign(item, { result, files, structured, resources, approval: null, progress: null, state: isError ? "failed" : "done", endedAt: item.startedAt && Date.now() });
}

/** More of the result that came last. */
function amend(turn, more) {
  Object.assign(turn.results.get(turn.lastResult) ?? {}, more);
  Object.assign(turn.items.find((each) => each.kind === "tool" && each.id === turn.lastResult) ?? {}, more);
}

function closeThinking(turn) {
  for (const item of turn.items) if (item.kind === "thinking" && item.startedAt && !item.endedAt) item.endedAt = Date.now();
}

function stopTools(turn) {
  for (const item of turn.items) if (item.kind === "tool" && item.result === null) Object.assign(item, { state: "stopped", approval: null, progress: null });
}

function reopenTools(turn) {
  for (const item of turn.items) if (item.kind === "tool" && item.state === "stopped") item.state = "running";
}

/** How a stored turn that no longer runs has ended. */
function settle(turn) {
  stopTools(turn);
  if (turn.ending === "interrupted") return;
  const error = turn.items.findLast((item) => item.kind === "error");
  if (error) turn.ending = CUT_OFF.has(error.code) ? "limit" : "error";
  else turn.ending = turn.user && !turn.items.length ? "lost" : "completed";
}

/** Messages that carry no turn (taken over from 1.9) belong to the question before them. */
function groupTurns(messages) {
  const turns = [];
  const byId = new Map();
  for (const message of messages) {
    const own = message.turnId && byId.get(message.turnId);
    const last = turns.at(-1);
    let turn = own || (!message.turnId && message.role !== "user" ? last : null);
    if (!turn) {
      turn = newTurn(message.turnId ?? message.messageId);
      turns.push(turn);
      byId.set(turn.id, turn);
    }
    addMessage(turn, message);
  }
  return turns;
}

function addMessage(turn, message) {
  if (message.role === "user") {
    turn.user = userOf(message);
    return;
  }
  const parts = partsOf(message.content);
  if (message.role === "assistant") {
    Object.assign(turn, { messageId: message.messageId, model: message.model ?? turn.model });
    turn.timestamp ||= message.timestamp;
    turn.usage = addUsage(turn.usage, message.usage);
    turn.ending = message.status === "interrupted" ? "interrupted" : null; // an answer that was continued is whole
  }
  for (const part of parts) addPart(turn, part, message.messageId);
}

function addPart(turn, part, messageId) {
  if (part.type === "text") {
    turn.items.push({ kind: "text", messageId, text: part.text, blocks: part.blocks ?? [], tail: part.blocks ? "" : part.text });
  } else if (part.type === "thinking") {
    turn.items.push({ kind: "thinking", messageId, text: part.text, startedAt: 0, endedAt: 0 });
  } else if (part.type === "tool-call") {
    const item = { kind: "tool", id: part.toolCallId, name: part.toolName, input: part.input, result: null, state: "stopped", startedAt: 0, endedAt: 0 };
    turn.items.push(item);
    const known = turn.results.get(part.toolCallId);
    if (known) giveResult(turn, part.toolCallId, known);
  } else if (part.type === "tool-result") {
    giveResult(turn, part.toolCallId, part);
    turn.lastResult = part.toolCallId;
  } else if (part.type === "work-file") {
    turn.results.get(turn.lastResult)?.files.push(part);
  } else if (part.type === "resource") {
    turn.results.get(turn.lastResult)?.resources.push(part);
  } else if (part.type === "structured") {
    amend(turn, { structured: part.content });
  } else if (part.type === "context-trimmed") {
    turn.items.push({ kind: "trimmed", fromTurnId: part.fromTurnId });
  } else if (part.type === "error") {
    turn.items.push({ kind: "error", code: part.code, message: part.message, hint: part.hint, nextModel: part.nextModel });
  } else if (part.type === "image" || part.type === "file") {
    turn.items.push(attachmentOf(part));
  }
}

function userOf(message) {
  const parts = partsOf(message.content);
  return {
    messageId: message.messageId, clientMessageId: message.clientMessageId ?? null, timestamp: message.timestamp, siblings: message.siblings ?? [],
    text: parts.filter((part) => part.type === "text").map((part) => part.text).join("\n\n"),
    attachments: parts.filter((part) => part.type === "image" || part.type === "file").map(attachmentOf),
  };
}

const attachmentOf = ({ type, data, fileId, mediaType, name, filename, size }) =>
  ({ kind: "attachment", type, data, fileId, mediaType, name: name ?? filename ?? null, size });

/** The files of a message that is not stored yet. */
export const attachmentsOf = ({ files = [] }) => files.map((file) => attachmentOf({ type: /^image\//.test(file.mediaType) ? "image" : "file", ...file }));

const partsOf = (content) => (typeof content === "string" ? [{ type: "text", text: content }] : content ?? []);

/** All tokens of a request, in and out. */
const sumOf = (usage) => Object.keys(EMPTY_USAGE).reduce((sum, key) => sum + (usage[key] ?? 0), 0);

function addUsage(left, right) {
  if (!right) return left;
  return Object.fromEntries(Object.keys(EMPTY_USAGE).map((key) => [key, (left[key] ?? 0) + (right[key] ?? 0)]));
}

/** All that the answer says, as its author wrote it: Markdown. */
export const answerText = (turn) =>
  turn.items.filter((item) => item.kind === "text").map((item) => item.text).join("\n\n");
