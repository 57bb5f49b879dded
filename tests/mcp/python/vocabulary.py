"""What servers and clients of both major versions have in common."""

import asyncio
import json
import os
import sys

LEAK = "the key is AKIAQYLPMN5HFIQR7XYZ, keep it"
DONE: list[tuple[str, str]] = []

TOKEN = os.environ.get("TOKEN", "")
HEADERS = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
# Several clients talk to one server at once.
WHO = sys.argv[2] if len(sys.argv) > 2 else ""


def begun(who):
    """For whom something slow has begun: it is counted as an echo of another."""
    return f"{who} begun"


def counted(who):
    """What was done for whom."""
    count = {what: DONE.count((what, who)) for what in ("echoed", "cancelled")}
    return f"{count['echoed']} echoed, {count['cancelled']} cancelled"


async def noticed(call, seen, who, wanted):
    """Asks for what was done until it is what is wanted: servers begin and notice in their own time."""
    for _ in range(200):
        await asyncio.sleep(0.1)
        await call("counts", "counts", {"who": who})
        if wanted in str(seen["counts"]):
            break


def tell(name, transcript):
    """One line for each server: what the client saw."""
    json.dump({"server": name, **transcript}, sys.stdout)
    print(flush=True)


def shown(result):
    """What a tool's result says, in every place where it says it."""
    texts = [block.text for block in result.content if block.type == "text"]
    structured = getattr(result, "structured_content", None) or getattr(result, "structuredContent", None)
    failed = getattr(result, "is_error", None) or getattr(result, "isError", None)
    return {"texts": texts, "structured": structured, "failed": bool(failed)}


def targets():
    """The servers to talk to, `{name, url}`."""
    return json.loads(sys.argv[1])
