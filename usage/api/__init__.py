"""Usage over HTTP: events in, figures out."""
