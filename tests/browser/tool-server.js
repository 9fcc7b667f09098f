// A tool server (MCP over stdio) with one tool, which writes down what it is given.

import { createInterface } from "node:readline";

const TOOL = { name: "note", description: "Keeps a note.", inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] } };
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === "initialize") answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "notes", version: "1" } });
  else if (method === "tools/list") answer(id, { tools: [TOOL] });
  else if (method === "tools/call") answer(id, { content: [{ type: "text", text: `Kept: ${params.arguments.text}` }] });
  else if (method === "ping") answer(id, {});
  else process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } })}\n`);
});
