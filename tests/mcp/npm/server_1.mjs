// A server on the SDK's v1, with sessions.

import { createServer } from 'node:http';

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
    CallToolRequestSchema, CreateMessageResultSchema, ElicitResultSchema, ListToolsRequestSchema
} from '@modelcontextprotocol/sdk/types.js';

import { begun, both, COLOUR, Counts, LEAK, object, pause, RECORD } from './vocabulary.mjs';

const counts = new Counts();
const text = { type: 'string' };

const TOOLS = {
    echo: [{ text, who: text }, ({ text, who }) => {
        counts.add('echoed', who);
        return text;
    }],
    leak: [{}, () => LEAK],
    steps: [{}, async (_, { _meta, sendNotification }) => {
        for (const progress of _meta?.progressToken === undefined ? [] : [1, 2, 3]) {
            const params = { progressToken: _meta.progressToken, progress, total: 3, message: `step ${progress}` };
            await sendNotification({ method: 'notifications/progress', params });
        }
        return 'three steps';
    }],
    ask: [{}, async (_, { sendRequest }) => {
        const params = { mode: 'form', message: 'Which colour?', requestedSchema: COLOUR };
        const told = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
        return `${told.action} ${told.content.colour}`;
    }],
    sample: [{}, async (_, { sendRequest }) => {
        const messages = [{ role: 'user', content: { type: 'text', text: 'Say something' } }];
        const params = { messages, maxTokens: 20 };
        const told = await sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema);
        return told.content.text;
    }],
    slow: [{ who: text }, async ({ who }, { signal }) => {
        counts.add('echoed', begun(who));
        await pause(60_000, signal).catch(() => counts.add('cancelled', who));
        return 'done';
    }],
    counts: [{ who: text }, ({ who }) => counts.tell(who)]
};

function makeServer() {
    const server = new Server({ name: 'typescript-1', version: '1.0.0' }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, async () => ({
        tools: Object.entries(TOOLS).map(([name, [properties]]) => ({
            name, description: `For tests: ${name}.`, inputSchema: object(properties), outputSchema: RECORD
        }))
    }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, context) => {
        const [, run] = TOOLS[params.name];
        return both(await run(params.arguments ?? {}, context));
    });
    return server;
}

const transports = new Map();

async function answer(request, response) {
    const session = request.headers['mcp-session-id'];
    let transport = transports.get(session);
    if (session !== undefined && transport === undefined) {
        response.writeHead(404).end();
        return;
    }
    if (transport === undefined) {
        transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: () => crypto.randomUUID(),
            onsessioninitialized: id => transports.set(id, transport)
        });
        transport.onclose = () => transports.delete(transport.sessionId);
        await makeServer().connect(transport);
    }
    await transport.handleRequest(request, response);
}

const server = createServer((request, response) => {
    answer(request, response).catch(error => {
        console.error('the server failed:', error);
        response.destroy();
    });
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
