// The TypeScript SDK's first generation, as most clients of today carry it: stdio, 2025-11-25.
// package: @modelcontextprotocol/sdk
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const command = "chat-memory";
const { chat_id, messages, confirmed, guessed } = JSON.parse(readFileSync(new URL("conversation.json", import.meta.url)));
const uri = `memory://${encodeURIComponent(chat_id)}`;

const client = new Client({ name: "typescript-v1", version: "0" });
await client.connect(new StdioClientTransport({ command, stderr: "inherit" }));
const updated = new Promise((resolve) => client.setNotificationHandler(ResourceUpdatedNotificationSchema, resolve));
await client.subscribeResource({ uri });

const { tools } = await client.listTools(); // from here on it checks every reply against its output schema
assert.deepEqual(tools.map((tool) => tool.name).slice(0, 2), ["get_memory", "update_memory"]);
const written = await client.callTool({ name: "update_memory", arguments: { chat_id, messages, wait_seconds: 60 } });
assert.equal(written.isError ?? false, false, JSON.stringify(written));
assert.equal((await updated).params.uri, uri);

const { structuredContent: memory } = await client.callTool({ name: "get_memory", arguments: { chat_id } });
assert.ok(Object.values(memory.user_confirmed).some((value) => value.includes(confirmed)), JSON.stringify(memory));
assert.ok(!JSON.stringify(memory.user_confirmed).includes(guessed), JSON.stringify(memory));
const resource = await client.readResource({ uri });
assert.deepEqual(JSON.parse(resource.contents[0].text).user_confirmed, memory.user_confirmed);
const prompt = await client.getPrompt({ name: "use_memory", arguments: { chat_id } });
assert.ok(prompt.messages[0].content.text.includes(chat_id));
await client.close();
console.log("2025-11-25: update_memory, get_memory, a resource, its update and a prompt");
