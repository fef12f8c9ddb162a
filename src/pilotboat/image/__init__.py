"""Container images: what is inside, and whether it should be. The only place that calls Docker."""
