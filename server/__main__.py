"""`tessera`, also `python -m server`. The commands are in `server.commands`."""

import gc

# The imports make half a million objects that stay. Searching them for garbage takes an eighth of the start.
gc.disable()

from server.commands import main  # noqa: E402 - the collector is switched off before it

gc.enable()

if __name__ == "__main__":
    raise SystemExit(main())
