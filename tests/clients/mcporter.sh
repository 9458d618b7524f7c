#!/bin/sh
# mcporter: MCP servers as commands.
# package: mcporter
set -eu
here=$(dirname -- "$0")
call() { mcporter call --stdio chat-memory --name chat-memory --output json --tool "$1" --args "$2"; }

call update_memory "$(node -p "({ chat_id, messages } = require('$here/conversation.json'), JSON.stringify({ chat_id, messages, wait_seconds: 60 }))")" >receipt.json
call get_memory "$(node -p "({ chat_id } = require('$here/conversation.json'), JSON.stringify({ chat_id }))")" >memory.json
node "$here/fixtures/check.mjs" <memory.json
echo "update_memory and get_memory"
