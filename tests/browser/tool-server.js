// A tool server (MCP over stdio) with one tool, which writes down what it is given; some words make it do more.

import { createInterface } from "node:readline";

const TOOL = { name: "note", description: "Keeps a note.", inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] }, annotations: { readOnlyHint: true, openWorldHint: false } };
const GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const WEATHER = { city: "Köln", degrees: [3, 4.5], note: "Bring a coat." };
const RICH = {
  structuredContent: WEATHER,
  content: [
    { type: "text", text: JSON.stringify(WEATHER) }, { type: "image", mimeType: "image/gif", data: GIF },
  ],
};
const LINKS = { content: [
  { type: "resource_link", name: "log", title: "The log of the weather", uri: "https://weather.example/log?day=1", mimeType: "text/html" },
  { type: "resource_link", name: "a trap", uri: "javascript:document.title='caught'" },
  { type: "resource", resource: { uri: "weather://report", mimeType: "application/pdf", blob: "JVBERi0xLjcK" } },
] };
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === "initialize") answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "notes", version: "1" } });
  else if (method === "tools/list") answer(id, { tools: [TOOL] });
  else if (method === "tools/call" && params.arguments.text === "wait") process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: params._meta.progressToken, progress: 2, total: 5 } })}\n`);
  else if (method === "tools/call" && params.arguments.text === "weather") answer(id, RICH);
  else if (method === "tools/call" && params.arguments.text === "links") answer(id, LINKS);
  else if (method === "tools/call" && params.arguments.text === "fail") answer(id, { isError: true, content: [{ type: "text", text: "The notebook is full.\nTear out a page." }] });
  else if (method === "tools/call") answer(id, { content: [{ type: "text", text: `Kept: ${params.arguments.text}` }] });
  else if (method === "ping") answer(id, {});
  else process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } })}\n`);
});
