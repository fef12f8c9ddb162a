"""One version of one model, ready to serve: how it is made, written, verified and opened."""
