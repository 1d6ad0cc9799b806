"""The base class of payload decoders whose text may have reasoning or calls in it, as open models write them."""

from __future__ import annotations

from abc import abstractmethod

from streaming.chat import ContentDelta, Delta, ToolCallDelta
from streaming.dialects.base import ModelHabits
from streaming.dialects.payload_decoder import JsonPayloadDecoder
from streaming.dialects.reasoning_text import Piece, ReasoningText


class TaggedTextDecoder(JsonPayloadDecoder):
    """A `JsonPayloadDecoder` that reads the tags of reasoning and the channels of harmony in the model's text.

    Every dialect needs this: vLLM, llama.cpp, LM Studio and Ollama serve one model over several APIs. Where an API has
    a place for reasoning, a server without a parser for its model puts the reasoning in the text all the same.

    `_read` gives the model's text to `_add_answer`, and reasoning from the API's own place to `_add_separate`.
    """

    def __init__(self, habits: ModelHabits | None = None) -> None:
        super().__init__(habits)
        self._begin_text()
        self._text_call = 0  # the index of the latest call in the text

    def _begin_text(self) -> None:
        """The model's text begins, or the provider starts it over: then what was held back of it comes again."""
        self._reasoning_text = ReasoningText(self._habits.reasoning)
        if self._habits.separates_reasoning:
            self._reasoning_text.expect_no_tags()

    def feed_text_events(self, events: bytes) -> list[Delta] | None:
        """The deltas of whole events that are one piece of text each. None, with nothing read, if one is another."""
        if self.complete or (text := self._plain_text(events)) is None:
            return None
        # Most text is plain ASCII in the middle of an answer.
        if text and self._reasoning_text.is_answer(text):
            if text.isascii() and not self._content.held:
                self._answered = True
                return [ContentDelta(text)]
            self._add_text(text)
        else:
            self._add_answer(text)
        return self._given()

    @abstractmethod
    def _open_call(self, name: str) -> int:
        """The index of a new call of the tool `name`, which the model wrote in its text."""

    def _plain_text(self, events: bytes) -> str | None:
        """The text of whole events that are one piece of text each. None, with nothing read, if one is another.

        A dialect overrides this for speed. Reading the same events one after another with `_read` gives the same.
        """
        del events
        return None

    def _add_answer(self, text: object) -> None:
        """Add text of the model, in which reasoning or a call may begin or end."""
        if isinstance(text, int | float) and not isinstance(text, bool):
            text = str(text)  # a gateway took a token for a number
        if not isinstance(text, str) or not text:
            return
        if self._reasoning_text.is_answer(text):
            self._add_text(text)
        else:
            self._add_pieces(self._reasoning_text.feed(text))

    def _add_separate(self, reasoning: object) -> None:
        """Add reasoning that came apart from the text: text without an opening tag is then the answer."""
        if reasoning:
            self._reasoning_text.expect_no_tags()
            self._add_reasoning(reasoning)

    def _add_refusal(self, text: object) -> None:
        """Add text for the person that an API sends apart from the model's text. Text that was held back comes first.

        Text that follows is the answer, also if reasoning was open.
        """
        if isinstance(text, str) and text:
            self._add_pieces(self._reasoning_text.close(calls=True))
            self._add_text(text)

    def _add_pieces(self, pieces: list[Piece]) -> None:
        for kind, text in pieces:
            match kind:
                case "reasoning":
                    self._add_reasoning(text)
                case "answer":
                    self._add_text(text)
                case "call":
                    self._text_call = self._open_call(text)
                    self._add_call(ToolCallDelta(self._text_call, name=text))
                case "arguments":
                    self._add_call(ToolCallDelta(self._text_call, arguments=text))

    def _flush(self, *, cut: bool) -> None:
        self._add_pieces(self._reasoning_text.close(cut=cut, calls=self._called))
        super()._flush(cut=cut)
