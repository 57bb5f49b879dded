"""The unchanged `mcp` 1.x as a client: says what it saw of each server."""

import asyncio

import httpx
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from vocabulary import HEADERS, WHO, shown, targets, tell


async def elicited(_context, params):
    colour = {"colour": "blue"} if "colour" in params.requestedSchema["properties"] else {}
    return types.ElicitResult(action="accept", content=colour)


async def sampled(_context, _params):
    said = types.TextContent(type="text", text="from the model")
    return types.CreateMessageResult(role="assistant", content=said, model="test")


async def cancelled(session):
    """Asks for something slow, wants it no more, and tells whether the session is still good."""
    call = asyncio.create_task(session.call_tool("slow", {"who": WHO}))
    await asyncio.sleep(0.3)
    params = types.CancelledNotificationParams(requestId=session._request_id - 1, reason="changed my mind")
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
        await cancelled(session)
        await call("after_cancelling", "echo", {"text": "still here", "who": WHO})
        # The server notices in its own time.
        for _ in range(100):
            await asyncio.sleep(0.1)
            await call("counts", "counts", {"who": WHO})
            if "1 cancelled" in str(seen["counts"]):
                break
    return seen


async def main():
    for target in targets():
        tell(target["name"], await asyncio.wait_for(talk(target["url"]), 200))


asyncio.run(main())
