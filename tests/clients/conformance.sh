#!/bin/sh
# The official conformance suite, what each protocol revision requires, over HTTP, with its fixtures beside our tools.
# package: @modelcontextprotocol/conformance
set -eu
mkfifo told
conformance-server >told &
server=$!
trap 'kill "$server" && { wait "$server" || true; } 2>/dev/null' EXIT
read -r url <told

for revision in 2026-07-28 2025-11-25; do
    conformance server --url "$url" --requirements "$revision" >"$revision" 2>&1 || { cat "$revision" && exit 1; }
    sed -n '/=== SUMMARY ===/,$p' "$revision"
    passed="${passed:+$passed, }$revision $(sed -n 's/^Total: //p' "$revision")"
done
echo "$passed"
