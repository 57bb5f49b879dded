// The unchanged v2 client: with `auto` it finds out itself which era a server speaks.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { headers, talk } from './vocabulary.mjs';

await talk(async url => {
    const options = { capabilities: { elicitation: {}, sampling: {} }, versionNegotiation: { mode: process.argv[4] } };
    const client = new Client({ name: 'typescript-2', version: '1.0.0' }, options);
    client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { colour: 'blue' } }));
    client.setRequestHandler('sampling/createMessage', async () => ({
        role: 'assistant', model: 'test', content: { type: 'text', text: 'from the model' }
    }));
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
    await client.connect(transport);
    return { client, protocol: client => client.getNegotiatedProtocolVersion(), close: () => client.close() };
});
