// The unchanged v1 client.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { headers, talk } from './vocabulary.mjs';

await talk(async url => {
    const client = new Client({ name: 'typescript-1', version: '1.0.0' }, { capabilities: { elicitation: {}, sampling: {} } });
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { colour: 'blue' } }));
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
        role: 'assistant', model: 'test', content: { type: 'text', text: 'from the model' }
    }));
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
    await client.connect(transport);
    const close = async () => {
        await transport.terminateSession();
        await client.close();
    };
    // Called with its own default for the schema of results.
    const callTool = client.callTool.bind(client);
    client.callTool = (params, options) => callTool(params, undefined, options);
    return { client, protocol: () => transport.protocolVersion, close };
});
