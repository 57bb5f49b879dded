// The same as calls.mjs with the v1 client over stdio, through a program that bridges to a URL:
// calls_stdio.mjs '[{"name": ..., "arguments": {...}}, ...]' PROGRAM ARGUMENT...

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [calls, command, ...args] = process.argv.slice(2);
const client = new Client({ name: 'calls', version: '1.0.0' });
await client.connect(new StdioClientTransport({ command, args, stderr: 'ignore' }));
console.log(JSON.stringify((await client.listTools()).tools.map(tool => tool.name).sort()));
for (const call of JSON.parse(calls)) {
    console.log(JSON.stringify(await client.callTool(call).catch(error => ({ error: error.message }))));
}
await client.close();
