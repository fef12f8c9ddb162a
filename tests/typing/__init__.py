"""Read by mypy alone."""  # noqa: A005 - a folder of tests shadows nothing
