"""The tools that agents offer to their models: checked arguments, and work composed of the device's five verbs.

Only this package makes device calls and records their results and mutations. Which agent has which tool is in
`agents.registry`.
"""

from agents.tools.checkpoints import CHECKPOINT_TOOLS
from agents.tools.device_access import DeviceAccess
from agents.tools.edits import check_edit
from agents.tools.error import ToolError
from agents.tools.hand_over import HAND_OVER
from agents.tools.notes import NOTE_TOOLS
from agents.tools.projects import PROJECT_TOOLS
from agents.tools.references import bare, plain, plain_title
from agents.tools.result_text import render_result
from agents.tools.signatures import signatures
from agents.tools.tasks import TASK_TOOLS
from agents.tools.tool import Tool
from agents.tools.verbs import ENTITIES, read_tools, write_tools

__all__ = [
    "CHECKPOINT_TOOLS",
    "ENTITIES",
    "HAND_OVER",
    "NOTE_TOOLS",
    "PROJECT_TOOLS",
    "TASK_TOOLS",
    "DeviceAccess",
    "Tool",
    "ToolError",
    "bare",
    "check_edit",
    "plain",
    "plain_title",
    "read_tools",
    "render_result",
    "signatures",
    "write_tools",
]
