// Does with a server whatever it offers, with the unchanged v2 client. The conformance suite appends the server's URL.
//
// With THROUGH, a gateway's URL, and MANIFESTS, the folder that it reads, the client goes through the gateway, for which
// this server is made one of its own first.

import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

async function through(url) {
    const { THROUGH, MANIFESTS } = process.env;
    if (!THROUGH) {
        return url;
    }
    const name = `suite-${randomUUID()}`;
    const resource = { apiVersion: 'parapet.dev/v1alpha1', kind: 'MCPServer', metadata: { name }, spec: { url } };
    // Renamed, so that no half of it is read.
    const file = join(MANIFESTS, `${name}.yaml`);
    writeFileSync(`${file}.new`, JSON.stringify(resource));
    renameSync(`${file}.new`, file);
    const own = `${THROUGH}/mcp/${name}`;
    // A page is no message, so that nothing of this reaches the server.
    const isThere = async () => (await fetch(own, { method: 'POST', body: '' })).status !== 404;
    while (!await isThere()) {
        await setTimeout(20);
    }
    return own;
}

const url = await through(process.argv.at(-1));
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const isModern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === '2026-07-28';

const capabilities = { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} };
const versionNegotiation = { mode: isModern ? 'auto' : 'legacy' };
const client = new Client({ name: 'suite', version: '1.0.0' }, { capabilities, versionNegotiation });
client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: {} }));
client.setRequestHandler('sampling/createMessage', async () => ({
    role: 'assistant', model: 'test', content: { type: 'text', text: 'from the model' }
}));
client.setRequestHandler('roots/list', async () => ({ roots: [] }));

const VALUES = { string: 'text', integer: 5, number: 5, boolean: true, array: [], object: {} };
const filled = schema => Object.fromEntries((schema?.required ?? [])
    .map(name => [name, VALUES[schema.properties?.[name]?.type] ?? 'text']));
// One thing that fails does not keep the others from being seen.
const attempt = async act => {
    try {
        return await act();
    } catch (error) {
        console.error(error.message);
    }
};

const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const has = client.getServerCapabilities() ?? {};
const tools = has.tools ? (await attempt(() => client.listTools()))?.tools ?? [] : [];
const calls = context.toolCalls ?? tools.map(tool => ({ name: tool.name, arguments: filled(tool.inputSchema) }));
for (const call of calls) {
    await attempt(() => client.callTool(call));
}
const resources = has.resources ? (await attempt(() => client.listResources()))?.resources ?? [] : [];
for (const { uri } of resources) {
    await attempt(() => client.readResource({ uri }));
}
const prompts = has.prompts ? (await attempt(() => client.listPrompts()))?.prompts ?? [] : [];
for (const { name, arguments: wanted } of prompts) {
    const values = Object.fromEntries((wanted ?? []).map(argument => [argument.name, 'text']));
    await attempt(() => client.getPrompt({ name, arguments: values }));
}
await client.close();
