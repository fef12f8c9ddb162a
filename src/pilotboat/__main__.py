"""`python -m pilotboat`."""

from pilotboat.cli.main import main

if __name__ == "__main__":
    main()
