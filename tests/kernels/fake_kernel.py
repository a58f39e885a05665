"""A kernel of some lines: python fake_kernel.py CONNECTION_FILE [QUEUE]. It drops what its queue has no room for, if it is given a QUEUE. It runs no code, but a line of words:

ticks N PAUSE   print numbers       flood N   N displays       big N   one display of N bytes
ask             input_request       die CODE  end at once      stuck   ignore all signals but SIGKILL, and never answer again
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import zmq

connection = json.loads(Path(sys.argv[1]).read_bytes())
context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
kinds = {"shell": zmq.ROUTER, "iopub": zmq.PUB, "stdin": zmq.ROUTER, "control": zmq.ROUTER}
sockets = {name: context.socket(kind) for name, kind in kinds.items()}
sockets["iopub"].sndhwm = int(sys.argv[2]) if len(sys.argv) > 2 else 0
for name, each in sockets.items():
    each.bind(f"ipc://{connection['ip']}-{connection[f'{name}_port']}")
count = 0


def send(channel: str, kind: str, content: dict[str, Any], parent: bytes, identity: bytes = b"") -> None:
    global count
    head = {"msg_id": f"fake_{os.getpid()}_{count}", "msg_type": kind, "session": "fake", "version": "5.3"}
    count += 1
    parts = [json.dumps(head).encode(), parent, b"{}", json.dumps(content).encode()]
    signature = hmac.new(connection["key"].encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()
    sockets[channel].send_multipart([identity or kind.encode(), b"<IDS|MSG>", signature, *parts])


def run(code: str, parent: bytes, identity: bytes) -> None:
    word, *rest = code.split()
    if word == "ticks":
        for number in range(int(rest[0])):
            send("iopub", "stream", {"name": "stdout", "text": f"tick {number}\n"}, parent)
            time.sleep(float(rest[1]))
    elif word == "flood":
        for number in range(int(rest[0])):
            send("iopub", "display_data", {"data": {"text/plain": f"{number}"}}, parent)
    elif word == "big":
        send("iopub", "display_data", {"data": {"text/plain": "x" * int(rest[0])}}, parent)
    elif word == "ask":
        send("stdin", "input_request", {"prompt": "name?"}, parent, identity)
        answer = json.loads(sockets["stdin"].recv_multipart()[-1])
        send("iopub", "stream", {"name": "stdout", "text": f"hello {answer['value']}"}, parent)
    elif word == "die":
        time.sleep(0.1)  # for what was said before: its thread of ZMQ must send it
        os._exit(int(rest[0]))
    elif word == "stuck":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)


while True:
    poller = zmq.Poller()
    for name in ("shell", "control"):
        poller.register(sockets[name], zmq.POLLIN)
    for socket in [each for each, _ in poller.poll()]:
        identity, *frames = socket.recv_multipart()
        header, content = frames[2], json.loads(frames[5])
        kind = json.loads(header)["msg_type"]
        channel = "shell" if socket is sockets["shell"] else "control"
        send("iopub", "status", {"execution_state": "busy"}, header)
        if kind == "execute_request":
            run(content["code"], header, identity)
        send(channel, kind.replace("request", "reply"), {"status": "ok"}, header, identity)
        send("iopub", "status", {"execution_state": "idle"}, header)
        if kind == "shutdown_request":
            time.sleep(0.05)
            sys.exit(0)
