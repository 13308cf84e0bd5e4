"""`make endurance`: `make stack` under load for minutes, its processes killed in turn, and then counted."""
