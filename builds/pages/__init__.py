"""Console pages about builds."""
