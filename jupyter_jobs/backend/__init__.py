"""An AppSync-compatible backend that runs jobs on this machine."""
