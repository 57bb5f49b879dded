"""A server on `mcp` 1.x. Takes its port, 0 for any, and prints `listening PORT`."""

import asyncio
import sys

from listening import serve
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel
from vocabulary import DONE, LEAK, begun, counted

server = FastMCP("python-1", log_level="ERROR")


class Record(BaseModel):
    """What the tools with an output schema give."""

    text: str


class Colour(BaseModel):
    """The form that `ask` sends."""

    colour: str


@server.tool()
def echo(text: str, who: str) -> Record:
    """Says what it is told."""
    DONE.append(("echoed", who))
    return Record(text=text)


@server.tool()
def leak() -> Record:
    """Gives away a key."""
    return Record(text=LEAK)


@server.tool()
async def steps(context: Context) -> Record:
    """Tells how far it is."""
    for step in (1, 2, 3):
        await context.report_progress(step, 3, f"step {step}")
    return Record(text="three steps")


@server.tool()
async def ask(context: Context) -> Record:
    """Asks the user."""
    told = await context.elicit("Which colour?", Colour)
    return Record(text=f"{told.action} {told.data.colour}")


@server.tool()
async def sample(context: Context) -> Record:
    """Asks the client's model."""
    question = SamplingMessage(role="user", content=TextContent(type="text", text="Say something"))
    told = await context.session.create_message([question], max_tokens=20, related_request_id=context.request_id)
    return Record(text=told.content.text)


@server.tool()
async def slow(who: str) -> Record:
    """Takes long, and notices when nobody wants it any more."""
    DONE.append(("echoed", begun(who)))
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        DONE.append(("cancelled", who))
        raise
    return Record(text="done")


@server.tool()
def counts(who: str) -> Record:
    """Tells what was done so far."""
    return Record(text=counted(who))


serve(server.streamable_http_app(), int(sys.argv[1]))
