"""A language model's endpoint as met in the wild: OpenAI's protocol over a real socket, with every fault on demand.

It can answer well, badly, slowly, hostilely or not at all; what it heard is in `requests`. Nothing in it is hierex's.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from llm_account import Account

KEY = "sk-test-4f9a7c"
MODEL = "test-model"

Fault = str | dict
"""A name of `FAULTS`; or {"status": 429, "retry_after": "2"}, {"answer": text}, {"delay": seconds}."""
FAULTS = {
    "busy": {"status": 429},
    "failing": {"status": 500},
    "hang_up": {"hang_up": True},
    "html": {"html": "<html>Welcome to our proxy</html>"},
    "cut_off": {"finish": "length"},
    "empty": {"answer": ""},
    "refused": {"refusal": "I cannot help with that."},
    "no_usage": {"usage": False},
    "half_json": {"answer": '{"name": "Half of a'},
    "prose": {"answer": "I would call it bread, because the items are about bread."},
    "too_long": {"status": 400, "code": "context_length_exceeded", "message": "maximum context length is 4096 tokens"},
    "refused_question": {"status": 400, "code": "content_filter", "message": "The prompt was filtered."},
    "no_credit": {"status": 429, "code": "insufficient_quota", "message": "You exceeded your current quota"},
    "forbidden": {"status": 403},
    "not_our_json": {"body": '{"choices": 5}'},
    "list": {"body": "[]"},
    "deep": {"body": '{"choices":' + "[" * 50_000 + "]" * 50_000 + "}"},
    "free": {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
    "boasting": {"usage": {"prompt_tokens": 10**15, "completion_tokens": 10**15}},
    "trickle": {"trickle": 0.05},
    "endless": {"endless": True},
    "echo_key": {"status": 400, "message": f"Unknown header Bearer {KEY}"},
}


def describe_well(request: dict) -> str:
    """The description that a good model might give: from the titles in the data, unlike any other."""
    if not any("<data>" in message["content"] for message in request["messages"]):
        return '{"colour": "green"}'  # a test of the connection
    data = json.loads(request["messages"][1]["content"].split("<data>")[1].split("</data>")[0])
    source = data.get("items") or [{"title": "nothing"}]
    words = " ".join(item.get("title") or item.get("about", "") for item in source).replace("/", " ").split()
    words = [word.strip("\"'.,:;!?()[]&#*_`{}<>\\$@") for word in words]
    words = list(dict.fromkeys(word for word in words if word and len(word) < 30))
    number = abs(hash(request["messages"][1]["content"])) % 10**6
    words += [f"word{n}" for n in range(12)]
    return json.dumps(
        {
            "name": f"{' '.join(words[:2])} {number}",
            "phrases": [f"{word} {number}" for word in words[:10]],
            "summary": f"These are the items on {words[0]} for people who look for them.",
            "unclear": "",
        },
        ensure_ascii=False,
    )


class LlmServer:
    """`with LlmServer() as server:` then `server.url`.

    schema: `honoured`, `ignored` (as if it were not there) or `rejected` (400). faults: taken one a request, in turn,
    or asked with the number of the request. seconds: of every answer. count: tokens of a text. Files, fine-tuning and
    batches are in `account`; order_faults: by (method, path), a fault of the next such request.
    """

    def __init__(
        self,
        *,
        answer: Callable[[dict], str] = describe_well,
        faults: list[Fault | None] | Callable[[int], Fault | None] = (),
        schema: str = "honoured",
        seconds: float = 0.0,
        count: Callable[[str], int] = lambda text: len(text.encode()) // 4,
        limit_name: str = "max_tokens",
        lists_models: bool = True,
    ):
        self.answer, self.schema, self.seconds, self.count = answer, schema, seconds, count
        self.limit_name, self.lists_models = limit_name, lists_models
        self._faults = faults if callable(faults) else iter([*faults]).__next__
        self._by_number = callable(faults)
        self._lock = threading.Lock()
        self.requests: list[dict] = []
        self.orders: list[tuple[str, str]] = []
        self.order_faults: dict[tuple[str, str], dict] = {}
        self.account = Account(self.reply, (MODEL,))
        self.read = self.written = 0
        self.at_once = self.most_at_once = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> LlmServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault_of(self, number: int) -> dict:
        try:
            fault = self._faults(number) if self._by_number else self._faults()
        except StopIteration:
            fault = None
        return FAULTS[fault] if isinstance(fault, str) else fault or {}

    def hear(self, request: dict) -> dict:
        """Notes a request; returns its fault."""
        with self._lock:
            self.requests.append(request)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            return self.fault_of(len(self.requests) - 1)

    def reply(self, request: dict, fault: dict) -> tuple[int, dict]:
        """Status and body."""
        if fault.get("status"):
            return fault["status"], error_body(fault.get("message", "no"), fault.get("code"))
        if request["model"] not in (MODEL, *self.account.tuned):
            return 404, error_body(f"The model `{request['model']}` does not exist", "model_not_found")
        if not {self.limit_name, "max_completion_tokens"} & set(request):
            wrong = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return 400, error_body(wrong, "unsupported_parameter")
        if "response_format" in request and self.schema == "rejected":
            return 400, error_body("response_format is not supported", "unsupported_parameter")
        given = "answer" in fault or "refusal" in fault
        text = fault.get("answer", "") if given else self.answer(request)
        read = sum(self.count(message["content"]) for message in request["messages"])
        if self.schema == "ignored" and not given and "response_format" in request:
            text = "Of course! These items are about bread.\n\n**Name:** Bread"
        elif "response_format" in request:
            read += self.count(json.dumps(request["response_format"]["json_schema"]["schema"]))
        finish = fault.get("finish", "stop")
        text = text[: len(text) // 2] if finish == "length" else text
        with self._lock:
            self.read += read
            self.written += self.count(text)
        message = {"role": "assistant", "content": text}
        if "refusal" in fault:
            message |= {"content": None, "refusal": fault["refusal"]}
        body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        }
        if isinstance(fault.get("usage"), dict):
            body["usage"] = fault["usage"]
        elif fault.get("usage", True):
            written = self.count(text)
            body["usage"] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        return 200, body

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if not self.path.endswith("/models"):
                    return self.keep_account("GET", b"")
                if not server.lists_models:
                    return self.send(500, {"detail": "no folder"})
                models = [{"id": MODEL, "object": "model", "created": 1, "owned_by": "us"}]
                self.send(*(self.refusal() or (200, {"object": "list", "data": models})))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                if not self.path.endswith("/chat/completions"):
                    return self.keep_account("POST", body)
                request = json.loads(body)
                fault = server.hear(request)
                try:
                    time.sleep(fault.get("delay", server.seconds))  # a slow answer is asked for
                    self.answer(request, fault)
                finally:
                    with server._lock:
                        server.at_once -= 1

            def answer(self, request, fault):
                if "html" in fault:
                    return self.send_text(200, fault["html"], "text/html")
                if "body" in fault:
                    return self.send_text(200, fault["body"], "application/json")
                status, body = self.refusal() or server.reply(request, fault)
                if "trickle" in fault or "endless" in fault:
                    return self.drip(json.dumps(body).encode(), fault)
                if fault.get("hang_up"):
                    self.send_response(200)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", "5000")
                    self.end_headers()
                    self.wfile.write(json.dumps(body).encode()[:20])
                    self.close_connection = True
                    return None
                return self.send(status, body, fault.get("retry_after"))

            def keep_account(self, method, body):
                path = urlsplit(self.path).path.removeprefix("/v1")
                with server._lock:
                    server.orders.append((method, path))
                    fault = server.order_faults.pop((method, path), {})
                if "status" in fault:
                    return self.send(fault["status"], error_body(fault.get("message", "no"), fault.get("code")))
                answer = self.refusal() or server.account.handle(method, path, self.headers["content-type"], body)
                if answer is None:
                    self.close_connection = True
                    return None
                kind = "application/json" if isinstance(answer[1], dict) else "application/octet-stream"
                return self.send_text(
                    answer[0], json.dumps(answer[1]) if isinstance(answer[1], dict) else answer[1], kind
                )

            def drip(self, sent, fault):
                """Space after space, slowly or in great number, before the answer."""
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.close_connection = True
                part = b" " * 100_000 if "endless" in fault else b" "
                try:
                    for _ in range(1_000):
                        self.wfile.write(part)
                        self.wfile.flush()
                        time.sleep(fault.get("trickle", 0))  # a slow answer is asked for
                    self.wfile.write(sent)
                except OSError:
                    pass  # nobody listens any more

            def refusal(self):
                if self.headers.get("authorization") == f"Bearer {KEY}":
                    return None
                return 401, error_body(f"Incorrect API key provided: {self.headers.get('authorization')}", "invalid")

            def send(self, status, body, retry_after=None):
                self.send_text(status, json.dumps(body), "application/json", retry_after)

            def send_text(self, status, text, kind, retry_after=None):
                sent = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(sent)))
                if retry_after is not None:
                    self.send_header("retry-after", retry_after)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_):
                pass

        return Handler


def error_body(message: str, code: str | None) -> dict:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


def data_of(request: dict) -> Iterator[dict]:
    """The objects between the markers of a request's messages."""
    for message in request["messages"]:
        if message["role"] == "user" and "<data>" in message["content"]:
            yield json.loads(message["content"].split("<data>")[1].split("</data>")[0])
