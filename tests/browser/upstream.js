// A provider that says what the test wants: Anthropic's list of models and its stream, on this machine.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/**
 * `models` as Anthropic lists them; every answer names the model that was asked, or is what `say(body)` gives: a text, or
 * `{ tool, input }` for a call, `{ refusal }`, or `{ pieces, ms }` for a text that comes slowly, which may be without end. `asked` are the requests.
 */
export async function startUpstream({ models, say = (body) => `Answered by ${body.model}.` }) {
  const asked = [];
  const server = createServer(async (request, response) => {
    if (request.method === "GET") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ data: models.map((model) => ({ type: "model", ...model })), has_more: false }));
      return;
    }
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = JSON.parse(text);
    asked.push(body);
    const said = say(body);
    if (said.refusal) {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ type: "error", error: { type: "invalid_request_error", message: said.refusal } }));
      return;
    }
    response.setHeader("content-type", "text/event-stream");
    for (const event of eventsOf(body.model, said)) {
      if (response.destroyed) return; // stopped in the middle of it
      if (said.ms && event.type === "content_block_delta") await delay(said.ms);
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop: () => { server.closeAllConnections(); server.close(); } };
}

function* eventsOf(model, said) {
  const isCall = Boolean(said.tool);
  yield { type: "message_start", message: { id: `msg_${Math.random()}`, type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 5, output_tokens: 1 } } };
  yield { type: "content_block_start", index: 0, content_block: isCall ? { type: "tool_use", id: `toolu_${Math.random().toString(36).slice(2)}`, name: said.tool, input: {} } : { type: "text", text: "" } };
  if (isCall) yield { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: JSON.stringify(said.input) } };
  else for (const text of said.pieces ?? [said]) yield { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } };
  yield { type: "content_block_stop", index: 0 };
  yield { type: "message_delta", delta: { stop_reason: isCall ? "tool_use" : "end_turn", stop_sequence: null }, usage: { output_tokens: 7 } };
  yield { type: "message_stop" };
}

/** What the person asked last, in words; results of tools are "user" messages without any. */
export function question({ messages }) {
  const words = ({ content }) => (typeof content === "string" ? content : content.flatMap(({ type, text }) => (type === "text" ? [text] : [])).join("\n"));
  return words(messages.findLast((message) => message.role === "user" && words(message)));
}

/** An answer without end: until it is stopped. */
export const endless = () => ({ pieces: sentences(), ms: 20 });

function* sentences() {
  for (let index = 1; ; index += 1) yield `Sentence ${index} of an answer that goes on.${index % 4 ? " " : "\n\n"}`;
}
