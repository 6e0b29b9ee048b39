"""The commands that have a model at an endpoint describe interests, be fine-tuned, and answer which comes next."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np

from ..asking.answering import AnswerOutcome, answer_contexts
from ..asking.batches import answer_in_batches
from ..asking.collected import collect_answers
from ..asking.describing import AGAIN, Plan, describe_interests, plan_descriptions, with_coarser
from ..asking.open_batches import collect_batches
from ..asking.open_tunings import GOES_ON, follow_tuning
from ..asking.plans import FORMS, WHICH, AnswerPlan, cost_of, plan_answers, with_estimate
from ..asking.tuning import EPOCHS, plan_tuning, tune_model, tuned_models
from ..config import AskedAs
from ..descriptions.model import Outcome
from ..errors import Cancelled, ConfigError, HierexError, LeftRunning, ModelError, NotReady
from ..kept import answer_batches, context_answers, tunings
from ..kept.tunings import KeptTuning
from ..llm.asking import AT_ONCE
from ..llm.door import LanguageModel
from ..llm.endpoint import Endpoint
from ..llm.prices import Cap
from ..llm.service import Service
from ..policies.match_rate import matched_text
from ..server_config import ServerConfig
from ..store import Store
from ..wording.models import (
    answered_text,
    batch_text,
    elsewhere_text,
    estimate_text,
    near_text,
    tuning_text,
    untaught_text,
    way_text,
)
from ..workspace import Workspace
from .parts import MeterLine, add_cap, endpoint_of, open_workspace, positive, print_json, work_at

ALL_ANSWERED = "answered all of these questions"
COLLECT = "'hierex answer --collect' collects all of it, '--cancel' ends it."
BATCHES_GO_ON = f"What was handed over goes on at the endpoint. {COLLECT}"


def add_model_commands(commands) -> list[argparse.ArgumentParser]:
    return [add_describe(commands), add_tune(commands), add_answer(commands)]


def add_describe(commands) -> argparse.ArgumentParser:
    describe = commands.add_parser("describe", help="have a language model describe the interests")
    add_cap(describe)
    describe.add_argument("--language", help="of the descriptions; else the workspace's")
    describe.add_argument("--coarser", action="store_true", help="also what the interests are parts of")
    describe.add_argument("--again", choices=AGAIN, default="no", help="also ask about what failed, or about all")
    describe.add_argument("--at-once", type=positive, default=AT_ONCE, metavar="N", help="questions on their way")
    describe.set_defaults(command=describe_command)
    return describe


def add_tune(commands) -> argparse.ArgumentParser:
    tune = commands.add_parser("fine-tune", help="have a model fine-tuned at the endpoint on how interests move")
    add_cap(tune)
    tune.add_argument("--epochs", type=positive, default=EPOCHS, help="how often the examples are gone through")
    tune.add_argument("--suffix", default="", help="what the new model's name ends with")
    instead = tune.add_mutually_exclusive_group()
    instead.add_argument("--follow", action="store_true", help="order nothing; follow what is under way to its end")
    instead.add_argument("--cancel", action="store_true", help="order nothing; end what is under way")
    tune.set_defaults(command=tune_command)
    return tune


def add_answer(commands) -> argparse.ArgumentParser:
    answer = commands.add_parser("answer", help="have a model answer which interest comes next, ahead of time")
    add_cap(answer)
    answer.add_argument("--model", help="another model than that of HIEREX_LLM_MODEL, as one that was fine-tuned")
    answer.add_argument("--form", choices=FORMS, default=FORMS[0], help="free text, or a list to choose from")
    answer.add_argument("--which", choices=WHICH, default=WHICH[0], help="contexts that people have had, or all")
    answer.add_argument("--most", type=positive, metavar="N", help="contexts at most, the most frequent first")
    answer.add_argument("--samples", type=positive, default=1, help="answers to each question")
    answer.add_argument("--temperature", type=float, default=0.0)
    answer.add_argument("--again", action="store_true", help="all anew; what was answered before is left out, and kept")
    answer.add_argument("--batch", action="store_true", help="hand them over as files: slower, at half the price")
    answer.add_argument("--at-once", type=positive, default=AT_ONCE, metavar="N", help="questions on their way")
    instead = answer.add_mutually_exclusive_group()
    instead.add_argument("--collect", action="store_true", help="order nothing; wait for all that was handed over")
    instead.add_argument("--cancel", action="store_true", help="order nothing; end it, and keep what was answered")
    answer.set_defaults(command=answer_command)
    return answer


def describe_command(options: argparse.Namespace) -> None:
    """Ends with an error where the run ended before its time; what came is kept."""
    endpoint = endpoint_of(options)
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="descriptions")
        nodes = work.taxonomy.part_nodes
        nodes = with_coarser(work.tree.parent, nodes) if options.coarser else nodes
        plan = plan_descriptions(work, nodes, endpoint, language=options.language, again=options.again)
        print(estimate_text(plan.estimate, endpoint), file=sys.stderr)
        if options.estimate:
            print_json(options, {"estimate": asdict(plan.estimate)})
            return
        outcome = describe(work, plan, endpoint, options)
    print_json(options, {"estimate": asdict(plan.estimate), "ended": outcome.ended, "meter": asdict(outcome.reading)})
    for node, reason in {**outcome.failed, **outcome.unanswered}.items():
        print(f"interest {node}: {reason}", file=sys.stderr)
    if outcome.ended != "done":
        raise HierexError(outcome.reason)


def describe(work: Workspace, plan: Plan, endpoint: Endpoint, options: argparse.Namespace) -> Outcome:
    cap, model = Cap(options.cap, options.cap_tokens), LanguageModel(endpoint)
    try:
        return describe_interests(
            work, plan, model.ask, cap=cap, concurrency=options.at_once, progress=MeterLine().show
        )
    finally:
        model.close()


@contextlib.contextmanager
def telling_what_goes_on(store: Store, endpoint: Endpoint) -> Iterator[None]:
    """Ctrl-C ends this process and nothing that was ordered at the endpoint: what it is ended with says so."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        begun = any(tuning.state != "uploaded" for tuning in tunings.open_tunings(store, endpoint.url))
        handed_over = bool(answer_batches.open_batches(store, endpoint.url))
        raise KeyboardInterrupt(" ".join([GOES_ON] * begun + [BATCHES_GO_ON] * handed_over)) from stopped


def tune_command(options: argparse.Namespace) -> None:
    """A job that was ordered for the same before is gone on with; Ctrl-C leaves it running at the endpoint."""
    orders = not (options.follow or options.cancel)
    endpoint = endpoint_of(options, costs=orders)
    with open_workspace(options) as store, telling_what_goes_on(store, endpoint):
        if not orders:
            follow_all(store, endpoint, options)
            return
        work = work_at(store, options.granularity, until="transitions")
        fewest = 1 if endpoint.is_local else ServerConfig.from_environment().fewest_people
        plan = plan_tuning(work, endpoint, epochs=options.epochs, suffix=options.suffix, fewest=fewest)
        print(tuning_text(plan, endpoint, tunings.open_tunings(store, endpoint.url)), file=sys.stderr)
        if options.estimate:
            print_json(
                options, {"estimate": {"examples": plan.n_examples, "tokens": plan.tokens, "dollars": plan.dollars}}
            )
            return
        service = Service(endpoint)
        try:
            cap = Cap(options.cap, options.cap_tokens)
            tuning = tune_model(work, plan, service, cap=cap, see=TuningLine().show)
        finally:
            service.close()
    tell_tuning(tuning, options)


def follow_all(store: Store, endpoint: Endpoint, options: argparse.Namespace) -> None:
    """Every job of the workspace that is under way at the endpoint, whatever would be ordered now. Raises ModelError
    after that where one failed or could not be ended."""
    opened, trouble = tunings.open_tunings(store, endpoint.url), None
    if not opened:
        raise NotReady(f"No fine-tuning is under way, so there is nothing to {'end' if options.cancel else 'follow'}.")
    service = Service(endpoint)
    try:
        for tuning in opened:
            try:
                follow_tuning(store, tuning, service, stop=options.cancel, see=TuningLine().show)
            except Cancelled:
                pass  # the state that is told says so
            except LeftRunning as error:
                trouble = trouble or error
            except ModelError as error:
                trouble = error if isinstance(trouble, LeftRunning) else trouble or error
            tell_tuning(tunings.read_tuning(store, tuning.tuning_id), options)
    finally:
        service.close()
    if trouble:
        raise trouble


def tell_tuning(tuning: KeptTuning, options: argparse.Namespace) -> None:
    print_json(options, {"state": tuning.state, "model": tuning.tuned_model, "trained_tokens": tuning.trained_tokens})
    if tuning.tuned_model:
        print(f"The new model is '{tuning.tuned_model}'. Ask it with: hierex answer --model {tuning.tuned_model}")


def answer_command(options: argparse.Namespace) -> None:
    """Ends with an error where it ended before its time, or brought nothing; what came is kept."""
    orders = not (options.collect or options.cancel)
    endpoint = endpoint_of(options, costs=orders)
    endpoint = replace(endpoint, model=options.model or endpoint.model)
    with open_workspace(options) as store, telling_what_goes_on(store, endpoint):
        if not orders:
            collect_all(store, endpoint, options)
            return
        work = work_at(store, options.granularity, until="transitions")
        plan, left_out = answer_plan(work, endpoint, options)
        if tell_open(store, endpoint):
            print(COLLECT, file=sys.stderr)
        if plan.under_way:
            print("With --batch that is collected first. What then has no answer would cost:", file=sys.stderr)
        estimate, _ = cost_of(plan, batch=options.batch)
        untaught = tuned_models(work, endpoint.url).get(endpoint.model)
        warning = untaught_text(untaught, work.taxonomy.n_clusters) if untaught else ""
        said = [estimate_text(estimate, endpoint, did=ALL_ANSWERED), plan.note, warning]
        print(" ".join(filter(None, said)), file=sys.stderr)
        if options.estimate:
            print_json(options, {"estimate": asdict(estimate), "share_of_people": plan.share})
            return
        outcome = answer(work, plan, endpoint, options)
        if left_out and not outcome.answered:
            count_again(store, plan.asked, left_out)
        report_answers(work, plan.asked, outcome, options)
    if outcome.ended != "done":
        raise HierexError(outcome.reason or "The work was stopped. Every answer that came is kept.")
    if outcome.nothing_came:
        raise ModelError(outcome.nothing_came)


def answer_plan(work: Workspace, endpoint: Endpoint, options: argparse.Namespace) -> tuple[AnswerPlan, int | None]:
    """With `--again` of all questions: what was answered is left out, unless this only tells what it would cost. And
    the number under which that can be brought back."""
    asking = {name: getattr(options, name) for name in ("form", "which", "most", "samples", "temperature")}
    plan = plan_answers(work, endpoint, **asking)
    if not options.again:
        return plan, None
    if options.estimate:
        return with_estimate(replace(plan, missing=np.ones_like(plan.missing))), None
    Cap(options.cap, options.cap_tokens).check(plan.price)
    left_out = context_answers.leave_out(work.store, plan.asked)
    print("What was answered before is left out. After an interruption go on without --again.", file=sys.stderr)
    return plan_answers(work, endpoint, **asking), left_out


def count_again(store: Store, asked: AskedAs, left_out: int) -> None:
    """Where nothing came in their place, the answers that were left out count again, unless a batch may bring some."""
    with contextlib.suppress(HierexError):
        context_answers.bring_back(store, asked, left_out)
        print("Nothing was answered, so what was answered before counts again.", file=sys.stderr)


def answer(work: Workspace, plan: AnswerPlan, endpoint: Endpoint, options: argparse.Namespace) -> AnswerOutcome:
    cap, line = Cap(options.cap, options.cap_tokens), MeterLine(answered_text)
    model = Service(endpoint) if options.batch else LanguageModel(endpoint)
    try:
        if options.batch:
            return answer_in_batches(work, plan, model, cap=cap, progress=line.show)
        return answer_contexts(
            work, plan, model.ask, place=endpoint.url, cap=cap, concurrency=options.at_once, progress=line.show
        )
    finally:
        model.close()


def collect_all(store: Store, endpoint: Endpoint, options: argparse.Namespace) -> None:
    """Everything that was handed over to the endpoint, however it was asked for. Raises ModelError after that where
    something could not be collected or ended."""
    ways = dict.fromkeys(kept.asked for kept in answer_batches.open_batches(store, endpoint.url))
    if not ways:
        tell_open(store, endpoint)
        raise NotReady(f"No batch is under way here, so there is nothing to {'end' if options.cancel else 'collect'}.")
    work, reasons = work_at(store, options.granularity, until="transitions"), []
    service = Service(endpoint)
    try:
        for asked in ways:
            print(f"Answers of {way_text(asked)}:", file=sys.stderr)
            line = MeterLine(answered_text)
            outcome = collect_batches(work, asked, service, stop=options.cancel, progress=line.show)
            report_answers(work, asked, outcome, options)
            reasons += filter(None, [outcome.reason or outcome.nothing_came])
    finally:
        service.close()
    tell_open(store, endpoint)
    if reasons:
        raise ModelError(reasons[0])


def tell_open(store: Store, endpoint: Endpoint) -> bool:
    """Names what was not collected yet; whether any of it is at this endpoint."""
    opened = answer_batches.open_batches(store, endpoint.url)
    for kept in opened:
        print(f"Not collected yet: {batch_text(kept)}.", file=sys.stderr)
    for place, kept in answer_batches.batches_elsewhere(store, endpoint.url):
        print(f"Not collected yet: {elsewhere_text(place, kept)}.", file=sys.stderr)
    return bool(opened)


def report_answers(work: Workspace, asked: AskedAs, outcome: AnswerOutcome, options: argparse.Namespace) -> None:
    """With the rate of all answers that count, where this run brought some or had nothing to ask."""
    for reason, n in outcome.unanswered.items():
        print(f"Questions without an answer: {n:,}. {reason}", file=sys.stderr)
    found = {"model": asked.model, "form": asked.form, "ended": outcome.ended, "answered": outcome.answered}
    found |= {"meter": asdict(outcome.reading)}
    try:
        answers = collect_answers(work, asked) if outcome.answered or outcome.nothing_asked else None
    except (NotReady, ConfigError):  # the interests may have got other words since
        answers = None
    if answers is None:
        print_json(options, found)
        return
    matches = answers.measure()
    print_json(options, found | {"match_rate": matches.rate, "answers": matches.n})
    print(f"In all, {matched_text(matches)} are just what an interest is called.", file=sys.stderr)
    near = answers.count_near()
    if near:
        print(near_text(near), file=sys.stderr)
    for text, n in matches.misses[:3]:
        print(f"  not so ({n:,} times): {text!r:.100}", file=sys.stderr)


class TuningLine:
    """A line for everything new that is known about a job."""

    def __init__(self):
        self._shown = ""

    def show(self, tuning: KeptTuning, share: float) -> None:
        said = tuning.events[-1] if tuning.events else ""
        text = f"{tuning.state}, {share:.0%} done{': ' if said else ''}{said}"
        if text != self._shown:
            print(text, file=sys.stderr)
        self._shown = text
