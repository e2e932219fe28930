"""The backend's own life: its address and key, its log, its figures, its end."""
