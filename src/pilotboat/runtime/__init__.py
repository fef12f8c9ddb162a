"""Bundles at work: an opened one is a model, many on disk are a repository."""
