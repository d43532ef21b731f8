"""Headless Chromium under remote control, over a pipe: what it draws, says and asks for."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_MOST_SECONDS = 60
_ON_PIPES = """
import os, sys
commands, answers = (os.dup(os.dup(int(one))) for one in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from descriptor 3 and writes to descriptor 4."""


class Browser:
    """One browser with one tab.

    ``requests`` are the addresses that it asked for, ``console`` what it wrote there: errors,
    warnings, refusals of a policy.
    """

    def __init__(self, folder):
        if PROGRAM is None:
            pytest.skip("no Chromium on this machine: apt-get install chromium")
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_PIPES, str(read_commands), str(write_answers),
             PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--disable-background-networking", "--no-first-run", "--hide-scrollbars",
             f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(read_commands, write_answers),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_commands)
        os.close(write_answers)
        self._rest, self._number, self._session = b"", 0, None
        self.requests, self.console, self._events = [], [], []
        self._begin()

    def _begin(self):
        (page,) = [
            one for one in self.do("Target.getTargets")["targetInfos"] if one["type"] == "page"
        ]
        attached = self.do("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.do("Browser.close", on_tab=False)
        self.process.wait(timeout=20)
        os.close(self._commands)
        os.close(self._answers)

    def do(self, method, *, on_tab=True, **params):
        """Give a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if on_tab and self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        number = self._number
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _next(self):
        until = time.monotonic() + _MOST_SECONDS
        while b"\0" not in self._rest:
            assert time.monotonic() < until
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser is gone"
            self._rest += piece
        one, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(one)
        self._note(message)
        return message

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"]))
        if method is not None:
            self._events.append(method)

    def open(self, address, *, width=1400, height=900, dark=False, key=None, languages="en"):
        """Open a page in a window of a size, a theme and a reader's languages."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height,
                deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[theme])
        headers = {"Accept-Language": languages}
        if key is not None:
            pair = base64.b64encode(f"reader:{key}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        self.do("Network.setExtraHTTPHeaders", headers=headers)
        self._events.clear()
        self.do("Page.navigate", url=address)
        while "Page.loadEventFired" not in self._events:
            self._next()

    def run(self, script):
        """What an expression gives."""
        made = self.do("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in made, made
        return made["result"].get("value")

    def press(self, key, *, text=None):
        """Press a key, as a person does."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        pressed = {"key": key, "code": "Space" if key == " " else key,
                   "windowsVirtualKeyCode": codes[key]}  # fmt: skip
        letter = {"Enter": "\r", " ": " "}.get(key, text)
        self.do("Input.dispatchKeyEvent", type="keyDown", **pressed,
                **({"text": letter} if letter else {}))  # fmt: skip
        self.do("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def tap(self, selector):
        """Touch the middle of an element."""
        x, y = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); "
            "one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect(); "
            "return [box.left + box.width / 2, box.top + box.height / 2]; })()"
        )
        self.do("Emulation.setTouchEmulationEnabled", enabled=True)
        self.do("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.do("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.do("Emulation.setTouchEmulationEnabled", enabled=False)

    def picture(self, path):
        """Draw the whole page into a file."""
        size = self.do("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        made = self.do("Page.captureScreenshot", format="png", clip=clip,
                       captureBeyondViewport=True)  # fmt: skip
        path.write_bytes(base64.b64decode(made["data"]))

    def paper(self):
        """The page as a PDF."""
        return base64.b64decode(self.do("Page.printToPDF", printBackground=True)["data"])
