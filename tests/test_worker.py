"""The computing process: results, errors, progress and cancel cross the pipe."""

import math
import os
import signal
import threading

import numpy as np
import pytest

from hierex.errors import Cancelled, ConfigError, HierexError
from hierex.worker import Worker


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.stop()


def double(values, *, progress):
    progress(0.5)
    print("a library prints something")
    return values * 2


def fail(*, progress):
    raise ConfigError("that is not allowed")


def die(*, progress):
    os.kill(os.getpid(), signal.SIGKILL)


def never_ends(*, progress):
    progress(0.1)
    while True:
        math.sqrt(2.0)


def process_id(*, progress):
    return os.getpid()


def ignore(share):
    pass


def test_results_and_progress_come_back(worker):
    shares = []
    found = worker.compute(double, np.arange(1_000_000), progress=shares.append)
    assert np.array_equal(found, np.arange(1_000_000) * 2)
    assert shares == [0.5]


def test_it_is_another_process_and_stays_warm(worker):
    first = worker.compute(process_id, progress=ignore)
    assert first != os.getpid()
    assert worker.compute(process_id, progress=ignore) == first


def test_errors_come_back_as_they_are(worker):
    with pytest.raises(ConfigError, match="that is not allowed"):
        worker.compute(fail, progress=ignore)
    assert worker.compute(double, 2, progress=ignore) == 4


def miss_a_file(*, progress):
    raise FileNotFoundError("no such file")


def test_an_error_of_the_system_inside_a_stage_is_not_taken_for_the_end_of_the_process(worker):
    first = worker.compute(process_id, progress=ignore)
    with pytest.raises(FileNotFoundError, match="no such file"):
        worker.compute(miss_a_file, progress=ignore)
    assert worker.compute(process_id, progress=ignore) == first


def test_a_process_ended_by_the_system_is_explained(worker):
    with pytest.raises(HierexError, match="The system ended the work"):
        worker.compute(die, progress=ignore)
    assert worker.compute(double, 2, progress=ignore) == 4


def test_cancel_ends_even_what_never_returns(worker):
    started = threading.Event()
    threading.Thread(target=lambda: (started.wait(30), worker.cancel()), daemon=True).start()
    with pytest.raises(Cancelled):
        worker.compute(never_ends, progress=lambda share: started.set())
    with pytest.raises(Cancelled):
        worker.compute(double, 2, progress=ignore)
    worker.reset()
    assert worker.compute(double, 2, progress=ignore) == 4
