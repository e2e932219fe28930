"""HTTP: who is let in, with how much, and by which way."""
