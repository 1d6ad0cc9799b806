"""A failed tool call: the code and the message that the model reads."""

from __future__ import annotations

from agents.device import DeviceResult, Outcome

_SENTENCES: dict[Outcome, str] = {
    Outcome.ANSWERED: "",
    Outcome.EDITED: "The person changed the arguments.",
    Outcome.ERROR: "The device could not do this.",
    Outcome.DENIED: "The person refused this action. Do not try it again.",
    Outcome.DEADLINE: "The device did not answer in time; it may or may not have acted.",
    Outcome.CANCELLED: "The call was withdrawn before the device answered.",
    Outcome.DEVICE_OFFLINE: "None of the person's devices is connected, so nothing was read or changed. Say so.",
    Outcome.DEVICE_GONE: "The device disconnected before it answered; it may or may not have acted.",
    Outcome.UNKNOWN: "The device started this action, and it is not known whether it was completed. Do not repeat it."
    " Tell the person that the change may or may not have been made.",
}


class ToolError(Exception):
    """The result of a call that failed. `code` and `message` are sent to the model; neither may contain a secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

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
