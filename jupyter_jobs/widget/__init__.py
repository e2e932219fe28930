"""The panel in the notebook: what a reader sees of the jobs, and what a click does."""
