"""Serves an application on a port that the system may choose."""

import asyncio
import socket

import uvicorn


def serve(app, port):
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    print(f"listening {listener.getsockname()[1]}", flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
