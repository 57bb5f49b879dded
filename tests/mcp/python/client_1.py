"""The unchanged `mcp` 1.x as a client: says what it saw of each server."""

import asyncio

import httpx
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from vocabulary import HEADERS, WHO, begun, noticed, shown, targets, tell


async def elicited(_context, params):
    colour = {"colour": "blue"} if "colour" in params.requestedSchema["properties"] else {}
    return types.ElicitResult(action="accept", content=colour)


async def sampled(_context, _params):
    said = types.TextContent(type="text", text="from the model")
    return types.CreateMessageResult(role="assistant", content=said, model="test")


async def cancelled(session, has_begun):
    """Asks for something slow, and wants it no more once it has begun."""
    request = session._request_id
    call = asyncio.create_task(session.call_tool("slow", {"who": WHO}))
    await has_begun()
    params = types.CancelledNotificationParams(requestId=request, reason="changed my mind")
    await session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
    call.cancel()


async def talk(url):
    seen = {}
    async with (
        httpx.AsyncClient(headers=HEADERS, timeout=200) as http,
        streamable_http_client(url, http_client=http) as (read, write, _),
        ClientSession(read, write, elicitation_callback=elicited, sampling_callback=sampled) as session,
    ):
        seen["protocol"] = (await session.initialize()).protocolVersion
        seen["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)

        async def call(step, tool, arguments=None, **more):
            seen[step] = shown(await session.call_tool(tool, arguments or {}, **more))

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
        await cancelled(session, lambda: noticed(call, seen, begun(WHO), "1 echoed"))
        await call("after_cancelling", "echo", {"text": "still here", "who": WHO})
        await noticed(call, seen, WHO, "1 cancelled")
    return seen


async def main():
    for target in targets():
        tell(target["name"], await asyncio.wait_for(talk(target["url"]), 200))


asyncio.run(main())
