"""The command line: one module a command, which parses, calls one function below and prints."""
