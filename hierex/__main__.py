"""`python -m hierex`."""

import sys

from .threads import settle_threads

settle_threads()

from .cli import main  # noqa: E402  after the threads are settled

sys.exit(main())
