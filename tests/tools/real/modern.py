"""A server of the modern era: on stdio, or with a port over HTTP."""
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("modern-py")


@server.tool()
def add(a: int, b: int) -> int:
    """adds"""
    return a + b


if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run("stdio")
