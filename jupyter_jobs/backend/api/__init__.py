"""GraphQL: what can be asked of the jobs, and done with them."""
