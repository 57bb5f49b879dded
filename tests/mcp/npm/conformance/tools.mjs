// The tools whose names the conformance suite calls: what each gives is the suite's.

import { fromJsonSchema } from '@modelcontextprotocol/server';

export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';

export const text = text => ({ content: [{ type: 'text', text }] });
export const schema = (properties, required = Object.keys(properties)) =>
    fromJsonSchema({ type: 'object', properties, required });
export const none = schema({});

const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
const resource = (uri, mimeType, text) => ({ type: 'resource', resource: { uri, mimeType, text } });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };

export function addTools(server, { notify, transports }) {
    const tool = (name, description, inputSchema, run) => server.registerTool(name, { description, inputSchema }, run);

    tool('test_simple_text', 'Gives one text.', none, async () => text('This is a simple text response for testing.'));
    tool('test_image_content', 'Gives an image.', none, async () => ({ content: [image] }));
    tool('test_audio_content', 'Gives audio.', none, async () => ({
        content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }]
    }));
    tool('test_embedded_resource', 'Gives an embedded resource.', none, async () => ({
        content: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')]
    }));
    tool('test_multiple_content_types', 'Gives text, an image and a resource.', none, async () => ({
        content: [
            { type: 'text', text: 'Multiple content types test:' },
            image,
            resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}')
        ]
    }));
    tool('test_error_handling', 'Fails.', none, async () => {
        throw new Error('This tool intentionally returns an error for testing');
    });

    tool('test_tool_with_logging', 'Tells what it does.', none, async (_, context) => {
        for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
            await context.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
            await pause(20);
        }
        return text('Tool with logging executed successfully');
    });
    // Only where the request's `_meta` asks for a level.
    tool('test_logging_tool', 'Logs where it is asked to.', none, async (_, context) => {
        await context.mcpReq.log('info', 'test_logging_tool ran');
        return text('logged');
    });
    tool('test_tool_with_progress', 'Tells how far it is.', none, async (_, context) => {
        const progressToken = context.mcpReq._meta?.progressToken;
        for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
            const params = { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` };
            await context.mcpReq.notify({ method: 'notifications/progress', params });
            await pause(20);
        }
        return text(String(progressToken ?? 'no-progress-token'));
    });
    // Closes the stream in mid-call; the answer waits until the client has come back.
    tool('test_reconnection', 'Closes its stream before it answers.', none, async (_, context) => {
        transports.get(context.sessionId)?.closeSSEStream(context.mcpReq.id);
        await pause(100);
        return text('Reconnection test completed successfully.');
    });

    tool('test_x_mcp_header', 'Has a parameter that is mirrored into a header.', fromJsonSchema({
        type: 'object',
        properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, level: { type: 'integer' } }
    }), async ({ region }) => text(`region=${region ?? '<none>'}`));
    tool('json_schema_2020_12_tool', 'Has a schema with what 2020-12 brought.', fromJsonSchema({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
            address: {
                $anchor: 'addressDef',
                type: 'object',
                properties: { street: { type: 'string' }, city: { type: 'string' } }
            }
        },
        properties: {
            name: { type: 'string' },
            address: { $ref: '#/$defs/address' },
            contactMethod: { type: 'string', enum: ['phone', 'email'] },
            phone: { type: 'string' },
            email: { type: 'string' }
        },
        allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        then: { required: ['phone'] },
        else: { required: ['email'] },
        additionalProperties: false
    }), async given => text(JSON.stringify(given)));

    tool('test_trigger_tool_change', 'Says that the tools have changed.', none, async () => {
        notify.toolsChanged();
        return text('told');
    });
    tool('test_trigger_prompt_change', 'Says that the prompts have changed.', none, async () => {
        notify.promptsChanged();
        return text('told');
    });
    tool('test_streaming_elicitation', 'Answers plainly.', none, async () => text('no question on this stream'));
}
