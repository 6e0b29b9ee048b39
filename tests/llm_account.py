"""The other half of an endpoint: files, fine-tuning jobs and batches, which move on a step each time one looks.

What was ordered is in `jobs` and `batches`, so a test can see that nothing was ordered twice.
"""

from __future__ import annotations

import email
import json
from collections.abc import Callable

JOB_STATES = ("validating_files", "queued", "running", "running", "succeeded")
BATCH_STATES = ("validating", "in_progress", "finalizing", "completed")
MISSING = "no such address"


class Account:
    """reply: answers a chat request, (request, fault) -> (status, body).

    offers: what it has of files, fine_tuning and batches. tunable: models that can be fine-tuned. line_faults: by the
    number of a batch's line, a fault of `llm_server.FAULTS`. lost: orders whose reply is lost once ("jobs", "batches").
    expires_after: lines of a batch that are answered before its time is over. shuffled: results come last first.
    """

    def __init__(self, reply: Callable[[dict, dict], tuple[int, dict]], tunable: tuple[str, ...]):
        self._reply, self.tunable = reply, tunable
        self.offers = {"files", "fine_tuning", "batches"}
        self.files: dict[str, bytes] = {}
        self.purposes: dict[str, str] = {}
        self.jobs: dict[str, dict] = {}
        self.batches: dict[str, dict] = {}
        self.job_states, self.batch_states = list(JOB_STATES), list(BATCH_STATES)
        self.job_error = "The job failed due to an invalid training file. Line 3 has no assistant message."
        self.refused_file = ""
        self.line_faults: dict[int, dict] = {}
        self.extra_lines: list[str] = []
        self.lost: set[str] = set()
        self.expires_after: int | None = None
        self.shuffled = True

    def handle(self, method: str, path: str, kind: str, body: bytes) -> tuple[int, dict | str] | None:
        """Status and body of an answer; None: the connection is cut. path: after /v1, without the query."""
        parts = path.strip("/").split("/")
        if parts[0] not in self.offers:
            return 404, error(MISSING)
        if parts[0] == "files":
            return self._file(method, parts[1:], kind, body)
        what, name = ("jobs", parts[2:]) if parts[0] == "fine_tuning" else ("batches", parts[1:])
        order = json.loads(body) if body else {}
        if method == "POST" and not name:
            answer = self._order_job(order) if what == "jobs" else self._order_batch(order)
            if what in self.lost:
                self.lost.remove(what)
                return None
            return answer
        return self._look(what, method, name)

    @property
    def tuned(self) -> list[str]:
        """The models that came of jobs."""
        jobs = [self._job(name) for name in self.jobs]
        return [job["fine_tuned_model"] for job in jobs if job["fine_tuned_model"]]

    # -- files ---------------------------------------------------------------------------------------------------------

    def _file(self, method: str, parts: list[str], kind: str, body: bytes):
        if method == "POST":
            if self.refused_file:
                return 400, error(self.refused_file)
            form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
            fields = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
            name = self.keep(fields["file"].get_payload(decode=True))
            self.purposes[name] = fields["purpose"].get_payload(decode=True).decode()
            return 200, {"id": name, "object": "file", "bytes": len(self.files[name]), "status": "processed"}
        found = self.files.get(parts[0])
        if found is not None and len(parts) == 1:
            return 200, {"id": parts[0], "object": "file", "bytes": len(found), "status": "processed"}
        return (404, error(MISSING)) if found is None else (200, found.decode())

    def keep(self, content: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    # -- jobs and batches ----------------------------------------------------------------------------------------------

    def _order_job(self, order: dict):
        if order["model"] not in self.tunable:
            return 400, error(f"Model {order['model']} is not available for fine-tuning or does not exist.")
        name = f"ftjob-{len(self.jobs)}"
        self.jobs[name] = {**order, "id": name, "states": list(self.job_states), "events": []}
        return 200, self._job(name)

    def _order_batch(self, order: dict):
        assert self.purposes[order["input_file_id"]] == "batch"
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {**order, "id": name, "states": list(self.batch_states), "files": None}
        return 200, self._batch(name)

    def _look(self, what: str, method: str, name: list[str]):
        here, show = (self.jobs, self._job) if what == "jobs" else (self.batches, self._batch)
        if not name:
            found = [show(one) for one in reversed(here)]
            return 200, {"object": "list", "data": found, "has_more": False}
        if name[0] not in here:
            return 404, error(MISSING)
        one = here[name[0]]
        if name[1:] == ["events"]:
            return 200, {"object": "list", "data": list(reversed(one["events"])), "has_more": False}
        if name[1:] == ["cancel"]:
            one["states"] = ["cancelled"] if what == "jobs" else ["cancelling", "cancelled"]
        elif method == "GET" and len(one["states"]) > 1:
            one["states"].pop(0)
            self._say(one)
        return 200, show(name[0])

    def _say(self, one: dict) -> None:
        if "training_file" in one:
            at, step = len(one["events"]), 10 * (1 + len(one["events"]))
            data = {"step": step, "total_steps": 50, "train_loss": 1 / step}
            said = {"id": f"e{at}", "created_at": at, "level": "info", "message": f"Step {step}/50"}
            one["events"].append({**said, "object": "fine_tuning.job.event", "data": data, "type": "metrics"})

    def _job(self, name: str) -> dict:
        job = self.jobs[name]
        state = job["states"][0]
        done = state == "succeeded"
        examples = self.files[job["training_file"]].decode()
        failed = {"code": "invalid", "message": self.job_error, "param": None} if state == "failed" else None
        return {
            "id": name,
            "object": "fine_tuning.job",
            "status": state,
            "model": job["model"],
            "training_file": job["training_file"],
            "fine_tuned_model": f"ft:{job['model']}:us::{name}" if done else None,
            "trained_tokens": len(examples) // 4 if done else None,
            "error": failed,
        }

    def _batch(self, name: str) -> dict:
        batch = self.batches[name]
        state = batch["states"][0]
        if state in ("completed", "expired", "cancelled") and batch["files"] is None:
            batch["files"] = self._answer(batch, state)
        output, failed = batch["files"] or (None, None)
        n_lines = self.files[batch["input_file_id"]].decode().count("\n")
        faults = [{"code": "invalid", "message": "Line 1 is no request.", "line": 1}] if state == "failed" else []
        return {
            "id": name,
            "object": "batch",
            "status": state,
            "input_file_id": batch["input_file_id"],
            "output_file_id": output,
            "error_file_id": failed,
            "errors": {"object": "list", "data": faults},
            "request_counts": {"total": n_lines, "completed": batch.get("answered", 0), "failed": 0},
        }

    def _answer(self, batch: dict, state: str) -> tuple[str, str]:
        lines = self.files[batch["input_file_id"]].decode().strip().split("\n")
        enough = len(lines) if state == "completed" else self.expires_after or 0
        good, bad = [], []
        for number, line in enumerate(lines):
            asked = json.loads(line)
            if number >= enough:
                late = {"code": "batch_expired", "message": "This request could not be executed in time."}
                bad.append({"custom_id": asked["custom_id"], "response": None, "error": late})
                continue
            status, body = self._reply(asked["body"], self.line_faults.get(number, {}))
            response = {"status_code": status, "request_id": f"r{number}", "body": body}
            (good if status == 200 else bad).append({"custom_id": asked["custom_id"], "response": response})
        if self.shuffled:
            good.reverse()
        batch["answered"] = len(good)
        output = [json.dumps(one, ensure_ascii=False) for one in good] + self.extra_lines
        return self.keep("\n".join(output).encode()), self.keep("\n".join(map(json.dumps, bad)).encode())


def error(message: str, code: str | None = None) -> dict:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
