"""What a job is, how it is asked for, and how this process keeps up with it."""
