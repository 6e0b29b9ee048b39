"""`python -m hierex`."""

import sys

from .threads import settle_threads

settle_threads()

from .cli import main

sys.exit(main())
