// A server of the modern era on stdio.
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

serveStdio(() => {
  const server = new McpServer({ name: "modern-js", version: "1.0.0" }, { capabilities: { tools: {} } });
  server.registerTool("ping", { description: "answers" }, async () => ({ content: [{ type: "text", text: "pong" }] }));
  return server;
});
