"""`python -m jupyter_jobs.cli` is `jupyter-jobs`."""

import sys

from jupyter_jobs.cli import main

sys.exit(main())
