"""What surrounds a prediction and what operators read of it."""
