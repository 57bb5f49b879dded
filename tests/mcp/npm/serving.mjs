// Serves what the official SDK, v2, builds over HTTP in both eras. Takes the port as its argument, 0 for any, and
// prints `listening PORT`.

import { createServer } from 'node:http';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
    classifyInboundRequest, createMcpHandler, createRequestStateCodec, isInitializeRequest
} from '@modelcontextprotocol/server';

/** The transports of the open sessions. */
export const transports = new Map();
/** Seals what a call that needs something gives the client to bring back. */
export const codec = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) });

/** Events by stream, so that a client that comes back is told what it has missed. */
class Events {
    #events = [];

    async storeEvent(stream, message) {
        this.#events.push({ id: `${stream}::${this.#events.length}`, stream, message });
        return this.#events.at(-1).id;
    }

    async replayEventsAfter(last, { send }) {
        const stream = last.split('::')[0];
        const after = Number(last.split('::')[1]);
        for (const [n, event] of this.#events.entries()) {
            if (n > after && event.stream === stream && Object.keys(event.message).length > 0) {
                await send(event.id, event.message);
            }
        }
        return stream;
    }
}

async function open(makeServer) {
    const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => crypto.randomUUID(),
        eventStore: new Events(),
        retryInterval: 500,
        onsessioninitialized: id => transports.set(id, transport)
    });
    transport.onclose = () => transports.delete(transport.sessionId);
    await makeServer().connect(transport);
    return transport;
}

function refuse(response, status, code, message) {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
}

async function readJson(request) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
}

async function answer(request, response, { makeServer, serveStateless }) {
    const local = value => ['localhost', '127.0.0.1', '[::1]'].includes(new URL(value).hostname);
    const { host, origin } = request.headers;
    if (!local(`http://${host}`) || (origin !== undefined && !local(origin))) {
        return refuse(response, 403, -32_000, 'Forbidden');
    }
    let body;
    try {
        body = request.method === 'POST' ? await readJson(request) : undefined;
    } catch {
        return refuse(response, 400, -32_700, 'Parse error');
    }
    const era = classifyInboundRequest({
        httpMethod: request.method,
        protocolVersionHeader: request.headers['mcp-protocol-version'],
        mcpMethodHeader: request.headers['mcp-method'],
        body
    });
    if (request.method === 'POST' && era.kind !== 'legacy') return serveStateless(request, response, body);
    const session = request.headers['mcp-session-id'];
    const transport = session === undefined && isInitializeRequest(body) ? await open(makeServer) : transports.get(session);
    if (transport !== undefined) return transport.handleRequest(request, response, body);
    if (session === undefined) return refuse(response, 400, -32_000, 'Bad Request: Mcp-Session-Id header is required');
    return refuse(response, 404, -32_001, 'Session not found');
}

/** Serves what `makeServer` makes, and returns the handler of the stateless revision. */
export function serve(makeServer) {
    const stateless = createMcpHandler(makeServer, { onerror: error => console.error('stateless:', error.message) });
    const how = { makeServer, serveStateless: toNodeHandler(stateless) };
    const server = createServer((request, response) => {
        answer(request, response, how).catch(error => {
            console.error('the server failed:', error);
            if (response.headersSent) response.destroy();
            else refuse(response, 500, -32_603, 'Internal server error');
        });
    });
    server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
    return stateless;
}
