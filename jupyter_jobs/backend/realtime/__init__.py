"""WebSockets: who subscribed to what, and what each is sent."""
