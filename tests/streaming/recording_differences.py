"""The recordings for which decoder and data set differ, with the reasons."""

from __future__ import annotations

_COHERE = "Cohere's own chat API, version 2; Cohere's OpenAI-compatible API is read"
_OLLAMA = "Ollama's own API: JSON lines, no event stream; Ollama's OpenAI-compatible API is read"
_RAW = "a provider's own API, with the text itself as the events' data"
_WATSONX = "watsonx's own generation API; its chat API speaks OpenAI's dialect"
_TAGS = "the reasoning is in tags in the text, where the extractor leaves it"
_OWN_TOOLS = "the extractor counts the provider's own tools, which are not ours to run"
_SPLIT_ARGUMENTS = "the extractor takes every piece of a call that is streamed by JSON paths for a call"
_REFUSAL = "a refusal is what the person is to read; the extractor leaves it out"
_PARTS = "the extractor counts the characters of the parts' JSON, not of their text"
_XAI_USAGE = "reasoning tokens are in the total only, and the extractor does not add them"
_GROQ_USAGE = "the usage is in `x_groq`, where the extractor does not look"

DIFFERENT: dict[tuple[str, str], str] = {
    ("xai-grok-3-mini-xai-text-v2", "usage"): _XAI_USAGE,
    ("xai-grok-3-mini-xai-text", "usage"): _XAI_USAGE,
    ("xai-grok-3-mini-xai-tool-call-v2", "usage"): _XAI_USAGE,
    ("xai-grok-3-mini-xai-tool-call", "usage"): _XAI_USAGE,
    ("openrouter-muse-spark-1.1-tools-streaming-variant-d", "tool_calls"): (
        "a complete call without arguments is given `{}`, which tools can read"
    ),
    ("groq-deepseek-r1-distill-llama-70b-groq-model-thinking-part-iter", "usage"): _GROQ_USAGE,
    ("groq-llama3-8b-8192-chat-streaming-legacy", "usage"): _GROQ_USAGE,
    ("groq-deepseek-r1-distill-llama-70b-groq-model-thinking-part-iter", "text"): _TAGS,
    ("groq-deepseek-r1-distill-llama-70b-groq-model-thinking-part-iter", "reasoning"): _TAGS,
    ("huggingface-deepseek-r1-hf-model-thinking-part-iter", "reasoning"): _TAGS,
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
    (
        "lmstudio-glm-4.7-flash-lmstudio-tool-call.1",
        "tool_calls",
    ): "the arguments came without a piece, whole at the end, where the extractor does not look",
    (
        "lmstudio-glm-4.7-flash-lmstudio-tool-call.2",
        "tool_calls",
    ): "the arguments came without a piece, whole at the end, where the extractor does not look",
    ("openai-gpt-5.6-sol-programmatic-tool-calling.2", "usage"): "all counts are 0, so there is no usage",
    (
        "anthropic-claude-3-haiku-20240307-spliced-message-start",
        "tool_calls",
    ): "the message starts over: the extractor keeps the call that was left open",
    (
        "anthropic-claude-3-opus-latest-unknown-events-response",
        "usage",
    ): "the extractor reads usage in events that the API does not have",
    (
        "anthropic-claude-opus-4-7-refusal-response",
        "text",
    ): "nothing was written: the explanation of the refusal is what the person is to read",
    (
        "anthropic-claude-sonnet-4-5-20250929-anthropic-programmatic-tool-calling.1",
        "tool_calls",
    ): "the extractor counts the provider's own tool, and leaves out input that is in a block's or a message's start",
    (
        "anthropic-claude-sonnet-4-5-20250929-anthropic-tool-no-args",
        "tool_calls",
    ): "no arguments are given as `{}`, which tools can read",
    ("anthropic-claude-sonnet-4-5-20250929-anthropic-tool-search-bm25.1", "tool_calls"): _OWN_TOOLS,
    ("anthropic-claude-sonnet-4-5-20250929-anthropic-tool-search-regex.1", "tool_calls"): _OWN_TOOLS,
    ("anthropic-claude-sonnet-4-6-anthropic-advisor-20250301.1", "tool_calls"): _OWN_TOOLS,
    ("anthropic-claude-sonnet-4-6-anthropic-advisor-stop-reasons", "tool_calls"): _OWN_TOOLS,
    ("anthropic-claude-sonnet-4-6-anthropic-native-tool-search-streaming", "tool_calls"): _OWN_TOOLS,
    ("anthropic-claude-sonnet-4-6-anthropic-text-editor-code-execution-tool-stream", "tool_calls"): _OWN_TOOLS,
    ("anthropic-claude-sonnet-5-anthropic-advisor-tool-stream", "tool_calls"): _OWN_TOOLS,
    (
        "anthropic-claude-sonnet-4-5-20250929-anthropic-tool-search-deferred-bm25",
        "tool_calls",
    ): "the extractor takes the calls of three responses for those of one",
    (
        "anthropic-claude-sonnet-4-5-20250929-anthropic-tool-search-deferred-regex",
        "tool_calls",
    ): "the extractor takes the calls of three responses for those of one",
    ("gemini-gemini-3-flash-preview-google-stream-no-args-tool-call", "tool_calls"): _SPLIT_ARGUMENTS,
    (
        "gemini-gemini-3-flash-preview-google-stream-tool-call-array-arguments-missing-terminal-fun",
        "tool_calls",
    ): _SPLIT_ARGUMENTS,
    ("gemini-gemini-3.1-pro-preview-google-stream-tool-call-arguments", "tool_calls"): _SPLIT_ARGUMENTS,
    ("gemini-gemini-3.1-pro-preview-google-vertex-stream-tool-call-arguments-nested.1", "tool_calls"): _SPLIT_ARGUMENTS,
}
FAILED = {
    "openai-gpt-4o-2024-08-06-stream-unknown-error-responses-1": "unknown-error",
    "openai-gpt-5-nano-2025-08-07-openai-error.1": "insufficient_quota",
    "groq-gpt-oss-120b-tool-use-failed-error-streaming": "tool_use_failed",
}
UNFIT: dict[str, str] = {
    "ollama-gemma3-1b-ollama-streaming-metrics": _OLLAMA,
    "ollama-llama3-ollama-async-streaming-chat-legacy": _OLLAMA,
    "ollama-llama3-ollama-async-streaming-generation-legacy": _OLLAMA,
    "ollama-llama3-ollama-streaming-chat-legacy": _OLLAMA,
    "ollama-llama3-ollama-streaming-generation-legacy": _OLLAMA,
    "cohere-command-cohere-v2-chat-legacy-with-streaming-async": _COHERE,
    "cohere-command-cohere-v2-chat-legacy-with-streaming": _COHERE,
    "cohere-command-r-08-2024-astream-with-events-with-content": _COHERE,
    "cohere-command-r-08-2024-astream": _COHERE,
    "cohere-command-r-08-2024-stream-with-events-with-content": _COHERE,
    "cohere-command-r-08-2024-stream": _COHERE,
    "cohere-command-r-cohere-v2-chat-legacy-with-tool-calls-and-streaming-async": _COHERE,
    "cohere-command-r-cohere-v2-chat-legacy-with-tool-calls-and-streaming": _COHERE,
    "cohere-unknown-cohere-empty-tool-call": _COHERE,
    "cohere-unknown-cohere-reasoning": _COHERE,
    "cohere-unknown-cohere-text": _COHERE,
    "cohere-unknown-cohere-tool-call": _COHERE,
    "replicate-unknown-replicate-llama-stream-legacy-r1": _RAW,
    "watsonx-unknown-generate-stream-metrics-r6": _WATSONX,
}
