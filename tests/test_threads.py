"""How many threads torch has during and after what is computed on one."""

from threading import Event, Thread

import torch

from hierex.threads import one_thread


def test_sessions_that_overlap_leave_the_threads_as_they_were():
    before, seen = torch.get_num_threads(), {}
    first_in, second_in, first_out = Event(), Event(), Event()

    def first():
        with one_thread():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second():
        first_in.wait(10)
        with one_thread():
            second_in.set()
            first_out.wait(10)
            seen["inside"] = torch.get_num_threads()
        seen["after"] = torch.get_num_threads()

    torch.set_num_threads(2)
    try:
        sessions = [Thread(target=first), Thread(target=second)]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        later = Thread(target=lambda: seen.update(later=torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == {"inside": 1, "after": 2, "later": 2}
    finally:
        torch.set_num_threads(before)
