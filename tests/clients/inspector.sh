#!/bin/sh
# The MCP Inspector's command line: the strict check of our tool schemas, and two calls, each with a server of its own.
# package: @modelcontextprotocol/inspector
set -eu
here=$(dirname -- "$0")
said() { node -p "value = require('$here/conversation.json').$1, typeof value === 'string' ? value : JSON.stringify(value)"; }

mcp-inspector --cli chat-memory --method tools/list --strict --format json >tools.json
mcp-inspector --cli chat-memory --format json --method tools/call --tool-name update_memory \
    --tool-arg "chat_id=$(said chat_id)" "messages=$(said messages)" wait_seconds=60 >receipt.json
mcp-inspector --cli chat-memory --format json --method tools/call --tool-name get_memory \
    --tool-arg "chat_id=$(said chat_id)" >memory.json
node "$here/fixtures/check.mjs" <memory.json
echo "tools/list --strict, update_memory and get_memory"
