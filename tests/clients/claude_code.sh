#!/bin/sh
# Claude Code: the two commands of our how-to. Without a login it connects and lists, but calls no tool.
# package: @anthropic-ai/claude-code
set -eu
export CLAUDE_CONFIG_DIR="$PWD/claude" DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
# Its program for this platform is a package of its own; the wrapper finds it without an install script having run.
claude() { node "$(dirname -- "$(command -v mcporter)")/../@anthropic-ai/claude-code/cli-wrapper.cjs" "$@" </dev/null; }

claude --version >version || exit 77 # no build for this platform
claude mcp add chat-memory -- chat-memory
claude mcp list | tee listed
grep -q "chat-memory.* Connected" listed
echo "mcp add, mcp list: Connected"
