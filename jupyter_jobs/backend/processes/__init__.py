"""A job's process: how it is started, found again and ended."""
