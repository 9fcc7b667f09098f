// A provider that says what the test wants: Anthropic's list of models and its stream, on this machine.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/**
 * `models` as Anthropic lists them; every answer names the model that was asked, or is what `say(body)` gives: a text, or
 * `{ tool, input }` for a call, `{ refusal }`, or `{ pieces, ms }` for a text that comes slowly. `asked` are the requests.
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
      if (said.ms && event.type === "content_block_delta") await delay(said.ms);
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop: () => { server.closeAllConnections(); server.close(); } };
}

function eventsOf(model, said) {
  const isCall = Boolean(said.tool);
  const block = isCall ? { type: "tool_use", id: `toolu_${Math.random().toString(36).slice(2)}`, name: said.tool, input: {} } : { type: "text", text: "" };
  const deltas = isCall ? [{ type: "input_json_delta", partial_json: JSON.stringify(said.input) }] : (said.pieces ?? [said]).map((text) => ({ type: "text_delta", text }));
  const message = { id: `msg_${Math.random()}`, type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 5, output_tokens: 1 } };
  return [
    { type: "message_start", message },
    { type: "content_block_start", index: 0, content_block: block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: isCall ? "tool_use" : "end_turn", stop_sequence: null }, usage: { output_tokens: 7 } },
    { type: "message_stop" },
  ];
}
