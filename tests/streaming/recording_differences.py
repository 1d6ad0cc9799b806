"""Where decoder and dialects read a recording otherwise than the data set's own extractor did, and why."""

from __future__ import annotations

from streaming.chat import FinishReason

_COHERE = "Cohere's own chat API, version 2; Cohere's OpenAI-compatible API is read"
_OLLAMA = "Ollama's own API: JSON lines, no event stream; Ollama's OpenAI-compatible API is read"
_X = "no"
_REFUSAL = "a refusal is what the person is to read; the extractor leaves it out"
_PARTS = "the extractor counts the characters of the parts' JSON, not of their text"
_GROQ_USAGE = "the usage is in `x_groq`, where the extractor does not look"

DIFFERENT: dict[tuple[str, str], str] = {
    ("groq-deepseek-r1-distill-llama-70b-groq-model-thinking-part-iter", "usage"): _GROQ_USAGE,
    ("groq-llama3-8b-8192-chat-streaming-legacy", "usage"): _GROQ_USAGE,
    ("huggingface-deepseek-r1-hf-model-thinking-part-iter", "text"): (
        "each choice has the token twice, as `text` and in `delta`; the extractor takes both"
    ),
    ("mistral-magistral-medium-2507-mistral-reasoning", "reasoning"): _PARTS,
    ("mistral-magistral-medium-latest-mistral-model-thinking-part-iter", "reasoning"): _PARTS,
    ("mistral-magistral-small-latest-stream-reasoning-model-1-1", "reasoning"): _PARTS,
    ("openai-gpt-4o-2024-08-06-sdk-snapshot-173417d553", "text"): _REFUSAL,
    ("openai-gpt-4o-2024-08-06-sdk-snapshot-569c877e69", "text"): _REFUSAL,
    ("snowflake-claude-sonnet-4-6-snowflake-thinking-streaming", "reasoning"): (
        "the reasoning is in `reasoning_details` alone, where the extractor does not look"
    ),
}
FAILED = {
    "groq-gpt-oss-120b-tool-use-failed-error-streaming": "tool_use_failed",
    "openrouter-minimax-m2-free-openrouter-stream-error": "400",
}
FINISHES: dict[str, tuple[FinishReason, str]] = {}
UNFIT: dict[str, str] = {
    'ollama-gemma3-1b-ollama-streaming-metrics': _OLLAMA,
    'ollama-llama3-ollama-async-streaming-chat-legacy': _OLLAMA,
    'ollama-llama3-ollama-async-streaming-generation-legacy': _OLLAMA,
    'ollama-llama3-ollama-streaming-chat-legacy': _OLLAMA,
    'ollama-llama3-ollama-streaming-generation-legacy': _OLLAMA,
    'cohere-command-cohere-v2-chat-legacy-with-streaming-async': _COHERE,
    'cohere-command-cohere-v2-chat-legacy-with-streaming': _COHERE,
    'cohere-command-r-08-2024-astream-with-events-with-content': _COHERE,
    'cohere-command-r-08-2024-astream': _COHERE,
    'cohere-command-r-08-2024-stream-with-events-with-content': _COHERE,
    'cohere-command-r-08-2024-stream': _COHERE,
    'cohere-command-r-cohere-v2-chat-legacy-with-tool-calls-and-streaming-async': _COHERE,
    'cohere-command-r-cohere-v2-chat-legacy-with-tool-calls-and-streaming': _COHERE,
    'cohere-unknown-cohere-empty-tool-call': _COHERE,
    'cohere-unknown-cohere-reasoning': _COHERE,
    'cohere-unknown-cohere-text': _COHERE,
    'cohere-unknown-cohere-tool-call': _COHERE,
    'replicate-unknown-replicate-llama-stream-legacy-r1': _X,
    'watsonx-unknown-generate-stream-metrics-r6': _X,
}
