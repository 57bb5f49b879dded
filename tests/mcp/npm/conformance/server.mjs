// What the conformance suite is run against: a server on the official SDK that passes it in both eras.

import { McpServer } from '@modelcontextprotocol/server';

import { codec, serve, transports } from '../serving.mjs';
import { addContents } from './contents.mjs';
import { addQuestions } from './questions.mjs';
import { addTools } from './tools.mjs';

const CAPABILITIES = {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: true },
    logging: {},
    completions: {}
};

const stateless = serve(() => {
    const options = { capabilities: CAPABILITIES, requestState: { verify: codec.verify } };
    const server = new McpServer({ name: 'conformance-fixture', version: '1.0.0' }, options);
    addTools(server, { notify: stateless.notify, transports });
    addQuestions(server, codec);
    addContents(server);
    return server;
});
