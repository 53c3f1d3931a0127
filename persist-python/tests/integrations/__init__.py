"""The integrations with agent frameworks."""
