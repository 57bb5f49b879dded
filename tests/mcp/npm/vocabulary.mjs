// What servers and clients of both major versions have in common.

export const LEAK = 'the key is AKIAQYLPMN5HFIQR7XYZ, keep it';

const token = process.env.TOKEN ?? '';
export const headers = token === '' ? {} : { authorization: `Bearer ${token}` };

/** A result with a text in both of its places. */
export const both = text => ({ content: [{ type: 'text', text }], structuredContent: { text } });

export const object = (properties, required = Object.keys(properties)) => ({ type: 'object', properties, required });
export const RECORD = object({ text: { type: 'string' } });
export const COLOUR = object({ colour: { type: 'string' } });

/** For whom something slow has begun: it is counted as an echo of another. */
export const begun = who => `${who} begun`;

/** What was done for whom. */
export class Counts {
    #done = [];

    add(what, who) {
        this.#done.push(`${what} ${who}`);
    }

    tell(who) {
        const count = what => this.#done.filter(done => done === `${what} ${who}`).length;
        return `${count('echoed')} echoed, ${count('cancelled')} cancelled`;
    }
}

export const pause = (ms, signal) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new Error('cancelled'));
    });
});

function shown(result) {
    return {
        texts: result.content.filter(block => block.type === 'text').map(block => block.text),
        structured: result.structuredContent ?? null,
        failed: result.isError === true
    };
}

/** Says what a client saw of each server, one line for each. `connect` gives it a client of a URL. */
export async function talk(connect) {
    const who = process.argv[3];
    for (const { name, url } of JSON.parse(process.argv[2])) {
        const { client, protocol, close } = await connect(url);
        const seen = { server: name, protocol: protocol(client) };
        const call = async (step, tool, given = {}, options = undefined) => {
            try {
                seen[step] = shown(await client.callTool({ name: tool, arguments: given }, options));
            } catch (error) {
                seen[step] = { error: error.message };
            }
        };
        seen.tools = (await client.listTools()).tools.map(tool => tool.name).sort();
        await call('echo', 'echo', { text: 'hello', who });
        await call('blocked', 'echo', { text: 'DROP TABLE users', who });
        await call('alive', 'echo', { text: 'again', who });
        await call('leak', 'leak');
        seen.progress = [];
        const onprogress = ({ progress, total, message }) => seen.progress.push([progress, total, message]);
        await call('steps', 'steps', {}, { onprogress });
        await call('ask', 'ask');
        await call('sample', 'sample');
        // The server begins and notices in its own time.
        const counted = async (of, wanted) => {
            do {
                await pause(100);
                await call('counts', 'counts', { who: of });
            } while (!JSON.stringify(seen.counts).includes(wanted) && Date.now() < limit);
        };
        const limit = Date.now() + 40_000;
        const wanted = new AbortController();
        const slow = client.callTool({ name: 'slow', arguments: { who } }, { signal: wanted.signal }).catch(() => {});
        await counted(begun(who), '1 echoed');
        wanted.abort('changed my mind');
        await slow;
        await call('after_cancelling', 'echo', { text: 'still here', who });
        await counted(who, '1 cancelled');
        await close();
        console.log(JSON.stringify(seen));
    }
}
