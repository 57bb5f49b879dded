// The resources and prompts whose names the conformance suite asks for.

import { ResourceTemplate } from '@modelcontextprotocol/server';

import { PNG, schema } from './tools.mjs';

export function addContents(server) {
    const resource = (name, uri, mimeType, content) =>
        server.registerResource(name, uri, { description: `For tests: ${name}.`, mimeType }, async () => ({
            contents: [{ uri, mimeType, ...content }]
        }));
    resource('static-text', 'test://static-text', 'text/plain', {
        text: 'This is the content of the static text resource.'
    });
    resource('static-binary', 'test://static-binary', 'image/png', { blob: PNG });
    resource('watched-resource', 'test://watched-resource', 'text/plain', { text: 'Watched resource content' });
    const template = new ResourceTemplate('test://template/{id}/data', { list: undefined });
    const mimeType = 'application/json';
    server.registerResource('template', template, { description: 'A template.', mimeType }, async (uri, { id }) => ({
        contents: [{ uri: uri.toString(), mimeType, text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }]
    }));
    for (const method of ['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel']) {
        server.server.setRequestHandler(method, async () => ({}));
    }

    const say = text => ({ role: 'user', content: { type: 'text', text } });
    const prompt = (name, argsSchema, messages) =>
        server.registerPrompt(name, { description: `For tests: ${name}.`, ...(argsSchema && { argsSchema }) },
            async given => ({ messages: messages(given) }));
    prompt('test_simple_prompt', undefined, () => [say('This is a simple prompt for testing.')]);
    prompt('test_prompt_with_arguments', schema({ arg1: { type: 'string' }, arg2: { type: 'string' } }),
        ({ arg1, arg2 }) => [say(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)]);
    prompt('test_prompt_with_embedded_resource', schema({ resourceUri: { type: 'string' } }), ({ resourceUri: uri }) => [
        { role: 'user', content: { type: 'resource', resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } } },
        say('Please process the embedded resource above.')
    ]);
    prompt('test_prompt_with_image', undefined, () => [
        { role: 'user', content: { type: 'image', data: PNG, mimeType: 'image/png' } },
        say('Please analyze the image above.')
    ]);
    server.server.setRequestHandler('completion/complete', async () => ({
        completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false }
    }));
}
