"""Speaks AppSync: queries and mutations over HTTPS, subscriptions over one shared WebSocket. Knows nothing of jobs."""
