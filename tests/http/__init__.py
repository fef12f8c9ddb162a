# noqa: A005 - it mirrors the package
