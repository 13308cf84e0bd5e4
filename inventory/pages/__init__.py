"""Console pages about resources and costs."""
