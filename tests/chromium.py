"""A headless Chromium for tests, spoken to over a pipe (the DevTools protocol), so that it needs no network itself."""

import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1200,900",
]


class Chromium:
    """A browser with one page, which keeps everything that went wrong and everything that was asked of the network."""

    def __init__(self, home: Path):
        """home: an empty folder for the browser's profile."""
        reads, self.writes = os.pipe()
        self.reads, writes = os.pipe()
        command = [BINARY, *FLAGS, f"--user-data-dir={home}", "about:blank"]
        pipes = ["bash", "-c", f'exec "$@" 3<&{reads} 4>&{writes}', "chromium"]
        self.process = subprocess.Popen(
            [*pipes, *command], pass_fds=(reads, writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(reads)
        os.close(writes)
        self.numbers = itertools.count(1)
        self.buffer = b""
        self.events: list[dict] = []
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.reads)
        os.close(self.writes)

    def call(self, method: str, **params) -> dict:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def receive(self) -> dict:
        while b"\0" not in self.buffer:
            part = os.read(self.reads, 1 << 20)
            if not part:
                raise RuntimeError("Chromium ended")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        answer = json.loads(message)
        if "method" in answer:
            self.events.append(answer)
        return answer

    def open(self, path: Path) -> None:
        """Opens a page and waits until it has loaded."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.receive()

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Clicks in the middle of the first element that the CSS selector finds."""
        x, y = self.evaluate(
            f"""(() => {{
                const element = document.querySelector({json.dumps(selector)});
                element.scrollIntoView({{block: "center"}});
                const frame = element.getBoundingClientRect();
                return [frame.left + frame.width / 2, frame.top + frame.height / 2];
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def wait_for(self, script: str, seconds: float = 20) -> bool:
        """Whether a JavaScript expression becomes true in time."""
        last = time.monotonic() + seconds
        while not self.evaluate(script):
            if time.monotonic() > last:
                return False
            time.sleep(0.02)
        return True

    @property
    def requests(self) -> list[str]:
        """The addresses asked for, data: URIs left out."""
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [entry["request"]["url"] for entry in sent if not entry["request"]["url"].startswith("data:")]

    @property
    def errors(self) -> list[str]:
        """Exceptions of scripts, errors on the console, and what the browser itself logged as an error."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        found = [event for event in self.events if event["method"] in kinds]
        return [
            json.dumps(event["params"])
            for event in found
            if event["params"].get("type") not in ("log", "info", "debug")
            and event["params"].get("entry", {}).get("level", "error") in ("error", "warning")
        ]
