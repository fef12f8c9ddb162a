"""Bytes to rows and predictions to bytes, in the dialects that clients speak."""
