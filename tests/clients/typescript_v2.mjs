// The TypeScript SDK's second generation, pinned to 2026-07-28: no handshake, subscriptions/listen; stdio and HTTP.
// package: @modelcontextprotocol/client
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { serve } from "./fixtures/serving.mjs";

const said = JSON.parse(readFileSync(new URL("conversation.json", import.meta.url)));
const pin = "2026-07-28";
const { messages, confirmed, guessed } = said;

async function converse(transport, chat_id) {
  const uri = `memory://${encodeURIComponent(chat_id)}`;
  const client = new Client({ name: "typescript-v2", version: "0" }, { versionNegotiation: { mode: { pin } } });
  const updated = new Promise((resolve) => client.setNotificationHandler("notifications/resources/updated", resolve));
  await client.connect(transport);
  assert.equal(client.getNegotiatedProtocolVersion(), pin);
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
}

await converse(new StdioClientTransport({ command: "chat-memory", stderr: "inherit" }), said.chat_id);
const { url, stop } = await serve();
await converse(new StreamableHTTPClientTransport(url), `${said.chat_id}, by URL`);
await stop();
console.log("2026-07-28, stdio and HTTP: update_memory, get_memory, a resource, its update, a prompt");
