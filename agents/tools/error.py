"""A failed tool call: the code and the message that the model reads."""

from __future__ import annotations

from agents.device import DeviceResult, Outcome
from agents.tool_use import UNCERTAIN

_SENTENCES: dict[Outcome, str] = {
    Outcome.ANSWERED: "",
    Outcome.EDITED: "The person changed the arguments.",
    Outcome.ERROR: "The device could not do this.",
    Outcome.DENIED: "The person refused this action. Do not try it again.",
    Outcome.DEADLINE: "The device did not answer in time.",
    Outcome.CANCELLED: "The call was withdrawn before the device answered.",
    Outcome.DEVICE_OFFLINE: "None of the person's devices is connected, so nothing was read. Say so.",
    Outcome.DEVICE_GONE: "The device disconnected before it answered.",
    Outcome.UNKNOWN: "The device started this action, and it is not known whether it was completed. Do not repeat it."
    " Tell the person that the change may or may not have been made.",
}

_NOTHING = "Nothing was changed."
_MAYBE = (
    "The change may or may not have been made: read the item first, and repeat the call only if it was not made. "
    "If you cannot read it, tell the person that it is not known."
)


class ToolError(Exception):
    """The result of a call that failed. `code` and `message` are sent to the model; neither may contain a secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def told(self, *, changes: bool) -> str:
        """The message, and whether something was changed. `changes`: the tool that failed changes items."""
        if changes and self.code in UNCERTAIN:
            return self.message if self.code == Outcome.UNKNOWN else f"{self.message} {_MAYBE}"
        message = self.message if self.message.endswith((".", "!", "?")) else f"{self.message}."
        return f"{message} {_NOTHING}"

    @classmethod
    def of(cls, result: DeviceResult) -> ToolError:
        """The failure of a device call that did not end in an answer.

        A device error has the device's own message, and a refusal may have the person's reason. For the other outcomes
        a sentence tells the model what they mean.
        """
        sentence = _SENTENCES[result.outcome]
        match result.outcome:
            case Outcome.ERROR:
                return cls(result.code or "error", result.message or sentence)
            case Outcome.DENIED if result.message:
                return cls("denied", f"{sentence} The device adds: {result.message}")
            case outcome:
                return cls(outcome.value, sentence)
