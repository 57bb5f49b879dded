// Calls tools with the v2 client, one after the other, and prints what came back, one line for each:
// calls.mjs URL '[{"name": ..., "arguments": {...}}, ...]'

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { headers } from './vocabulary.mjs';

const [url, calls] = process.argv.slice(2);
const client = new Client({ name: 'calls', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
console.log(JSON.stringify((await client.listTools()).tools.map(tool => tool.name).sort()));
for (const call of JSON.parse(calls)) {
    console.log(JSON.stringify(await client.callTool(call).catch(error => ({ error: error.message }))));
}
await client.close();
