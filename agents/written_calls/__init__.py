"""Tool calls that a model writes as text instead of making them: recognised before anything of them is shown.

Pure: text in, the text to show and the calls out.
"""

from agents.written_calls.detector import WrittenCalls

__all__ = ["WrittenCalls"]
