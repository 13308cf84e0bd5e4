"""`make stack`: compose.yaml as processes of this machine, without Docker and without root."""
