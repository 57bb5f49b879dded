"""The real SDKs with their default settings, the real gateway, a scripted model."""

import json
import os
import time
import urllib.request

import anthropic
import openai
import pytest

GATEWAY = os.environ["GATEWAY_URL"]
CONTROL = os.environ["CONTROL_URL"]
TOKEN = "bot-token"
KEY = "AKIAQYLPMN5HFIQR7XYZ"
SSN = "536-22-1234"


class Fakes:
    """Scripts the model and the services, and tells what they were asked."""

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(CONTROL + path, data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def script(self, *turns):
        self._call("PUT", "/script", list(turns))

    def service(self, name, *judgements):
        self._call("PUT", f"/services/{name}", list(judgements))

    def calls(self):
        return self._call("GET", "/calls")

    def service_calls(self, name):
        return self._call("GET", f"/services/{name}/calls")

    def reset(self):
        self._call("POST", "/reset")

    def wait_until_gone(self):
        """Waits until the model has noticed that nobody listens any more."""
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            calls = self.calls()
            if calls and calls[-1]["progress"] == "gone":
                return True
            time.sleep(0.01)
        return False


@pytest.fixture
def fakes():
    fakes = Fakes()
    fakes.reset()
    return fakes


# max_retries stays at the SDK's default of 2: whether a block is retried is what is tested.


@pytest.fixture
def client():
    with openai.OpenAI(base_url=GATEWAY + "/v1", api_key=TOKEN) as client:
        yield client


@pytest.fixture
def claude():
    with anthropic.Anthropic(base_url=GATEWAY, api_key=TOKEN) as client:
        yield client
