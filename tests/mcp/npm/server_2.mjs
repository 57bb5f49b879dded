// A server on the SDK's v2, which speaks both eras.

import { acceptedContent, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server';

import { codec, serve } from './serving.mjs';
import { begun, both, COLOUR, Counts, LEAK, object, pause, RECORD } from './vocabulary.mjs';

const counts = new Counts();
const text = { type: 'string' };

serve(() => {
    const options = { capabilities: { tools: {} }, requestState: { verify: codec.verify } };
    const server = new McpServer({ name: 'typescript-2', version: '1.0.0' }, options);
    const tool = (name, description, properties, run) => {
        const [inputSchema, outputSchema] = [object(properties), RECORD].map(schema => fromJsonSchema(schema));
        server.registerTool(name, { description, inputSchema, outputSchema }, run);
    };
    tool('echo', 'Says what it is told.', { text, who: text }, async ({ text, who }) => {
        counts.add('echoed', who);
        return both(text);
    });
    tool('leak', 'Gives away a key.', {}, async () => both(LEAK));
    tool('steps', 'Tells how far it is.', {}, async (_, context) => {
        const progressToken = context.mcpReq._meta?.progressToken;
        for (const progress of [1, 2, 3]) {
            const params = { progressToken, progress, total: 3, message: `step ${progress}` };
            await context.mcpReq.notify({ method: 'notifications/progress', params });
        }
        return both('three steps');
    });
    // With sessions the SDK turns both into requests to the client.
    tool('ask', 'Asks the user.', {}, async (_, context) => {
        const told = acceptedContent(context.mcpReq.inputResponses, 'colour');
        if (told !== undefined) return both(`accept ${told.colour}`);
        const question = inputRequired.elicit({ message: 'Which colour?', requestedSchema: COLOUR });
        return inputRequired({ inputRequests: { colour: question } });
    });
    tool('sample', "Asks the client's model.", {}, async (_, context) => {
        const told = context.mcpReq.inputResponses?.said?.content;
        if (told !== undefined) return both(told.text);
        const messages = [{ role: 'user', content: { type: 'text', text: 'Say something' } }];
        return inputRequired({ inputRequests: { said: inputRequired.createMessage({ messages, maxTokens: 20 }) } });
    });
    tool('slow', 'Takes long, and notices when nobody wants it any more.', { who: text }, async ({ who }, context) => {
        counts.add('echoed', begun(who));
        await pause(60_000, context.mcpReq.signal).catch(() => counts.add('cancelled', who));
        return both('done');
    });
    tool('counts', 'Tells what was done so far.', { who: text }, async ({ who }) => both(counts.tell(who)));
    return server;
});
