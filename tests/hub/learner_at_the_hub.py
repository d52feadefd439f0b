"""A learner who has only a browser: logs in, opens a chapter, runs its cells, saves it.

Everything goes through the hub's front door, over HTTP and a websocket, as a browser does it.
"""

import json
import time
import uuid
from typing import Any

import requests
import websocket

SECONDS = 180
"""How long anything may take on a busy machine."""


class Learner:
    """One learner, logged in."""

    def __init__(self, address: str, name: str, password: str):
        """Log in; raises PermissionError if the hub says no."""
        self.address, self.name = address.rstrip("/"), name
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy on the way to this machine
        self.http.get(f"{self.address}/hub/login", timeout=SECONDS)
        form = {"username": name, "password": password, "_xsrf": self.http.cookies["_xsrf"]}
        answer = self.http.post(
            f"{self.address}/hub/login", data=form, allow_redirects=False, timeout=SECONDS
        )
        if answer.status_code != 302:
            raise PermissionError(f"{name} may not log in: {answer.status_code}")
        answer = self.http.post(
            f"{self.address}/hub/api/users/{name}/tokens",
            json={"note": "test"},
            headers={"X-XSRFToken": self.http.cookies["_xsrf"]},
            timeout=SECONDS,
        )
        answer.raise_for_status()
        self.token = answer.json()["token"]

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the learner's token, to the hub or to a server."""
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(
            method, self.address + path, headers=headers, timeout=SECONDS, **options
        )

    def start(self) -> None:
        """Start the server, and wait until the hub says that it is ready."""
        self.api("POST", f"/hub/api/users/{self.name}/server").raise_for_status()
        with self.api("GET", f"/hub/api/users/{self.name}/server/progress", stream=True) as stream:
            for line in stream.iter_lines():
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if event.get("failed"):
                        raise RuntimeError(f"{self.name}: {event}")
                    if event.get("ready"):
                        return
        raise RuntimeError(f"{self.name}: the hub did not say that the server is ready")

    def stop(self) -> None:
        """Stop the server."""
        self.api("DELETE", f"/hub/api/users/{self.name}/server").raise_for_status()

    def wait_until_it_ends(self) -> None:
        """Wait until the hub says that the server has ended."""
        end = time.monotonic() + SECONDS
        while self.api("GET", f"/hub/api/users/{self.name}").json()["servers"]:
            if time.monotonic() > end:
                raise TimeoutError(f"the server of {self.name} still runs")

    def read(self, path: str) -> dict[str, Any]:
        """Return a notebook of the learner's."""
        answer = self.api("GET", f"/user/{self.name}/api/contents/{path}?content=1")
        answer.raise_for_status()
        return answer.json()["content"]

    def save(self, path: str, content: dict[str, Any]) -> None:
        """Save a notebook."""
        body = {"type": "notebook", "format": "json", "content": content}
        answer = self.api("PUT", f"/user/{self.name}/api/contents/{path}", json=body)
        answer.raise_for_status()

    def run(self, path: str, cells: list[str]) -> list[dict[str, Any]]:
        """Run cells in a new kernel for this notebook; return what each of them replied."""
        body = {"path": path, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        answer = self.api("POST", f"/user/{self.name}/api/sessions", json=body)
        answer.raise_for_status()
        session, kernel = answer.json()["id"], answer.json()["kernel"]["id"]
        url = self.address.replace("http", "ws", 1)
        socket = websocket.create_connection(
            f"{url}/user/{self.name}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}",
            header=[f"Authorization: token {self.token}"],
            timeout=SECONDS,
        )
        try:
            return [_execute(socket, source) for source in cells]
        finally:
            socket.close()
            self.api("DELETE", f"/user/{self.name}/api/sessions/{session}")


def _execute(socket: websocket.WebSocket, source: str) -> dict[str, Any]:
    """Run one cell; return the reply, with what it wrote as "text"."""
    own = uuid.uuid4().hex
    header = {"msg_id": own, "msg_type": "execute_request", "username": "", "session": "test"}
    content = {"code": source, "silent": False, "store_history": True, "stop_on_error": False}
    content |= {"user_expressions": {}, "allow_stdin": False}
    message = {"header": header | {"version": "5.3", "date": ""}, "parent_header": {}}
    message |= {"metadata": {}, "channel": "shell", "buffers": [], "content": content}
    socket.send(json.dumps(message))
    reply: dict[str, Any] = {}
    text, idle = "", False
    while not (reply and idle):
        received = json.loads(socket.recv())
        if received.get("parent_header", {}).get("msg_id") != own:
            continue
        kind, content = received["msg_type"], received["content"]
        if kind == "execute_reply":
            reply = content
        elif kind == "stream":
            text += content["text"]
        elif kind == "execute_result":
            text += content["data"].get("text/plain", "")
        idle = idle or (kind == "status" and content["execution_state"] == "idle")
    return reply | {"text": text}
