"""What is kept of the jobs, and how it survives."""
