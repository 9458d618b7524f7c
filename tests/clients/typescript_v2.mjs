// The TypeScript SDK's second generation: stdio, pinned to 2026-07-28, with subscriptions/listen.
// package: @modelcontextprotocol/client
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const command = "chat-memory";
const { chat_id, messages, confirmed, guessed } = JSON.parse(readFileSync(new URL("conversation.json", import.meta.url)));
const uri = `memory://${encodeURIComponent(chat_id)}`;

const client = new Client({ name: "typescript-v2", version: "0" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
const updated = new Promise((resolve) => client.setNotificationHandler("notifications/resources/updated", resolve));
await client.connect(new StdioClientTransport({ command, stderr: "inherit" }));
assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
const subscription = await client.listen({ resourceSubscriptions: [uri] });

const { tools } = await client.listTools(); // from here on it checks every reply against its output schema
assert.deepEqual(tools.map((tool) => tool.name).slice(0, 2), ["get_memory", "update_memory"]);
const written = await client.callTool({ name: "update_memory", arguments: { chat_id, messages, wait_seconds: 60 } });
assert.ok(!written.isError, JSON.stringify(written));
assert.equal((await updated).params.uri, uri);
await subscription.close();

const { structuredContent: memory } = await client.callTool({ name: "get_memory", arguments: { chat_id } });
assert.ok(Object.values(memory.user_confirmed).some((value) => value.includes(confirmed)), JSON.stringify(memory));
assert.ok(!JSON.stringify(memory.user_confirmed).includes(guessed), JSON.stringify(memory));
const resource = await client.readResource({ uri });
assert.deepEqual(JSON.parse(resource.contents[0].text).user_confirmed, memory.user_confirmed);
const prompt = await client.getPrompt({ name: "use_memory", arguments: { chat_id } });
assert.ok(prompt.messages[0].content.text.includes(chat_id));
await client.close();
console.log("2026-07-28: update_memory, get_memory, a resource, its update and a prompt");
