"""Model text in, block events out.

The parser does no I/O and imports nothing of ours: feed it the text a model writes, as it comes, and act on the
events. See `parser.events` for what comes out and `parser.blocks` for what a valid block is.
"""
