"""Console pages about usage."""
