"""Which job runs when, from its turn to its end."""
