"""`python -m hierex`."""

import os
import sys

# Narrow matrices are multiplied faster on one thread than on several that wait for each other; set before numpy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from .cli import main

sys.exit(main())
