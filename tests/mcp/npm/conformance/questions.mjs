// Tools that need something from the client: by requests on the stream where there are sessions, by
// `input_required` where there are none.

import { acceptedContent, CLIENT_CAPABILITIES_META_KEY, inputRequired } from '@modelcontextprotocol/server';

import { none, schema, text } from './tools.mjs';

const form = properties => ({ type: 'object', properties, required: Object.keys(properties) });
const askName = { message: 'What is your name?', requestedSchema: form({ name: { type: 'string' } }) };
const askOk = { message: 'Please confirm', requestedSchema: form({ ok: { type: 'boolean' } }) };
const sampling = (question, maxTokens) => ({
    messages: [{ role: 'user', content: { type: 'text', text: question } }],
    maxTokens
});

/** What the scenarios of form fields expect to be asked. */
const DEFAULTS = {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true }
};
const titled = [
    { const: 'value1', title: 'First Option' },
    { const: 'value2', title: 'Second Option' },
    { const: 'value3', title: 'Third Option' }
];
const ENUMS = {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: titled },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
    untitledMulti: {
        type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', enum: ['option1', 'option2', 'option3'] }
    },
    titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: titled } }
};

export function addQuestions(server, codec) {
    const tool = (name, inputSchema, run) =>
        server.registerTool(name, { description: 'Asks the client.', inputSchema }, run);

    // With sessions.
    const elicit = async (context, message, requestedSchema, say) => {
        const told = await context.mcpReq.send({ method: 'elicitation/create', params: { message, requestedSchema } });
        return text(`${say}: action=${told.action}, content=${JSON.stringify(told.content ?? {})}`);
    };
    tool('test_sampling', schema({ prompt: { type: 'string' } }), async ({ prompt }, context) => {
        const told = await context.mcpReq.send({ method: 'sampling/createMessage', params: sampling(prompt, 100) });
        return text(`LLM response: ${told.content?.text ?? 'none'}`);
    });
    tool('test_elicitation', schema({ message: { type: 'string' } }), ({ message }, context) =>
        elicit(context, message, form({ response: { type: 'string' } }), 'User response'));
    for (const [name, properties] of [['1034_defaults', DEFAULTS], ['1330_enums', ENUMS]]) {
        const requestedSchema = { type: 'object', properties, required: [] };
        tool(`test_elicitation_sep${name}`, none, (_, context) =>
            elicit(context, 'Please fill in the form', requestedSchema, 'Elicitation completed'));
    }

    // Without: each asks again until the answers that it needs have come back.
    const rounds = (name, questions, done, state) =>
        tool(name, none, async (_, context) => {
            const { inputResponses } = context.mcpReq;
            const answer = done(inputResponses, context);
            if (answer !== undefined) return text(answer);
            const requestState = state && (await codec.mint({ tool: name, nonce: crypto.randomUUID() }));
            return inputRequired({ inputRequests: questions(), ...(state && { requestState }) });
        });
    const nameOf = answers => acceptedContent(answers, 'user_name')?.name;
    const elicitName = () => inputRequired.elicit(askName);
    const said = (answers, key) => answers?.[key]?.content?.text;
    const rootsOf = answers => answers?.client_roots?.roots;

    rounds('test_missing_capability',
        () => ({ answer: inputRequired.createMessage(sampling('Say pong', 16)) }),
        answers => said(answers, 'answer'));
    rounds('test_input_required_result_elicitation',
        () => ({ user_name: elicitName() }),
        answers => (typeof nameOf(answers) === 'string' ? `Hello, ${nameOf(answers)}!` : undefined));
    rounds('test_input_required_result_sampling',
        () => ({ capital_question: inputRequired.createMessage(sampling('What is the capital of France?', 100)) }),
        answers => said(answers, 'capital_question'));
    rounds('test_input_required_result_list_roots',
        () => ({ client_roots: inputRequired.listRoots() }),
        answers => rootsOf(answers)?.map(root => root.uri).join(', '));
    rounds('test_input_required_result_request_state',
        () => ({ confirm: inputRequired.elicit(askOk) }),
        (answers, context) =>
            acceptedContent(answers, 'confirm') && context.mcpReq.requestState() ? 'state-ok' : undefined,
        true);
    rounds('test_input_required_result_tampered_state',
        () => ({ confirm: inputRequired.elicit(askOk) }),
        (answers, context) =>
            acceptedContent(answers, 'confirm') && context.mcpReq.requestState() ? 'integrity-ok' : undefined,
        true);
    rounds('test_input_required_result_multiple_inputs',
        () => ({
            user_name: elicitName(),
            greeting: inputRequired.createMessage(sampling('Generate a greeting', 50)),
            client_roots: inputRequired.listRoots()
        }),
        answers => {
            const [name, greeting, roots] = [nameOf(answers), said(answers, 'greeting'), rootsOf(answers)];
            return name && greeting && roots ? `${greeting} ${name}, ${roots.length} roots` : undefined;
        },
        true);

    // The round is in the sealed state: nothing else survives between two of them.
    tool('test_input_required_result_multi_round', none, async (_, context) => {
        const state = context.mcpReq.requestState();
        const round = state?.round ?? 0;
        if (round === 2) {
            return text(`${state.name} likes ${acceptedContent(context.mcpReq.inputResponses, 'step2')?.color}`);
        }
        const name = acceptedContent(context.mcpReq.inputResponses, 'step1')?.name;
        const [key, question] = round === 0
            ? ['step1', askName]
            : ['step2', { message: 'What is your favourite colour?', requestedSchema: form({ color: { type: 'string' } }) }];
        const requestState = await codec.mint({ round: round + 1, name, nonce: crypto.randomUUID() });
        return inputRequired({ inputRequests: { [key]: inputRequired.elicit(question) }, requestState });
    });
    // Asks only what the client has declared.
    tool('test_input_required_result_capabilities', none, async (_, context) => {
        if (context.mcpReq.inputResponses !== undefined) return text('answered');
        const declared = context.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
        const questions = {
            ...(declared.elicitation && { user_name: elicitName() }),
            ...(declared.sampling && { greeting: inputRequired.createMessage(sampling('Greet', 50)) }),
            ...(declared.roots && { client_roots: inputRequired.listRoots() })
        };
        return Object.keys(questions).length === 0 ? text('nothing can be asked') : inputRequired({ inputRequests: questions });
    });
    server.registerPrompt('test_input_required_result_prompt', { description: 'Asks first.' }, async context => {
        const told = acceptedContent(context.mcpReq.inputResponses, 'user_context')?.context;
        if (typeof told !== 'string') {
            const question = { message: 'What context should the prompt use?', requestedSchema: form({ context: { type: 'string' } }) };
            return inputRequired({ inputRequests: { user_context: inputRequired.elicit(question) } });
        }
        return { messages: [{ role: 'user', content: { type: 'text', text: `Use the following context: ${told}` } }] };
    });
}
