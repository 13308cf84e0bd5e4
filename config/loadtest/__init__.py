"""A mixed load of the platform's own calls, measured from the caller's side, and told as a page."""
