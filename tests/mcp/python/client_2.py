"""The unchanged `mcp` 2.x as a client, which finds out itself which era a server speaks."""

import asyncio
import sys

import anyio
import httpx2
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from vocabulary import HEADERS, WHO, begun, noticed, shown, targets, tell


async def elicited(_context, _params):
    return types.ElicitResult(action="accept", content={"colour": "blue"})


async def sampled(_context, _params):
    said = types.TextContent(type="text", text="from the model")
    return types.CreateMessageResult(role="assistant", content=said, model="test")


async def talk(url, mode):
    seen = {}
    async with httpx2.AsyncClient(headers=HEADERS, timeout=200) as http:
        transport = streamable_http_client(url, http_client=http)
        callbacks = {"elicitation_callback": elicited, "sampling_callback": sampled}
        async with Client(transport, mode=mode, **callbacks) as client:
            seen["protocol"] = client.protocol_version
            seen["tools"] = sorted(tool.name for tool in (await client.list_tools()).tools)

            async def call(step, tool, arguments=None, **more):
                try:
                    seen[step] = shown(await client.call_tool(tool, arguments or {}, **more))
                except Exception as error:
                    seen[step] = {"error": str(error)}

            await call("echo", "echo", {"text": "hello", "who": WHO})
            await call("blocked", "echo", {"text": "DROP TABLE users", "who": WHO})
            await call("alive", "echo", {"text": "again", "who": WHO})
            await call("leak", "leak")
            progress = []

            async def told(done, total, message):
                progress.append([done, total, message])

            await call("steps", "steps", progress_callback=told)
            seen["progress"] = progress
            await call("ask", "ask")
            await call("sample", "sample")
            # Leaving the scope is how a call is cancelled.
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "slow", {"who": WHO})
                await noticed(call, seen, begun(WHO), "1 echoed")
                group.cancel_scope.cancel()
            await call("after_cancelling", "echo", {"text": "still here", "who": WHO})
            await noticed(call, seen, WHO, "1 cancelled")
    return seen


async def main():
    for target in targets():
        tell(target["name"], await asyncio.wait_for(talk(target["url"], sys.argv[3]), 200))


asyncio.run(main())
