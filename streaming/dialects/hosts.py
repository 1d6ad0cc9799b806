"""What the address of a model's API says about it: a provider's own API, or a server of the operator."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from streaming.dialects.anthropic_messages import AnthropicMessages
from streaming.dialects.base import Dialect
from streaming.dialects.openai_chat import OpenAIChat
from streaming.dialects.openai_responses import OpenAIResponses

_OPENAI: Final = re.compile(r"api\.openai\.com|.*\.openai\.azure\.com")
_PROVIDERS: Final = re.compile(
    r"(?:[a-z]+\.)?api\.openai\.com|api\.anthropic\.com|generativelanguage\.googleapis\.com"
    r"|(?:.*-)?aiplatform\.googleapis\.com"
)
# OpenAI's, Anthropic's and Google's own models, also at a gateway: `anthropic/claude-haiku-4-5`. Not `gpt-oss`.
_SEPARATING: Final = re.compile(r"(?:.*/)?(?:gpt-\d|chatgpt-|o\d|claude-|gemini-)", re.IGNORECASE)
_LOCAL_NAME: Final = re.compile(r"[^.]+|.*\.(?:local|localhost|internal|lan|home\.arpa|svc)|.*\.svc\..*")


def is_self_hosted(url: str) -> bool:
    """Whether `url` names a private address or a name that only a local network knows."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return _LOCAL_NAME.fullmatch(host) is not None
    return address.is_private or address.is_loopback or address.is_link_local


def separates_reasoning(url: str, model: str) -> bool:
    """Whether the API at `url` is known to send the reasoning of `model` apart from its text.

    Known are the APIs of OpenAI, Anthropic and Google, and their models at public gateways. A server of the operator
    may serve any model under any name, so it is never known there.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    return _PROVIDERS.fullmatch(host) is not None or (not is_self_hosted(url) and _SEPARATING.match(model) is not None)


def at_host(dialect: Dialect, url: str) -> Dialect:
    """`dialect` with the fields that the server at `url` takes."""
    host = urlsplit(url).hostname or ""
    openai = _OPENAI.fullmatch(host) is not None
    match dialect:
        case OpenAIChat():
            own = is_self_hosted(url)
            return replace(
                dialect, strict_tools=openai, sends_cache_key=openai, marks_strict=own, controls_thinking=own
            )
        case OpenAIResponses():
            return replace(dialect, strict_tools=openai, sends_cache_key=openai)
        case AnthropicMessages():
            return replace(dialect, strict_tools=host == "api.anthropic.com")
    return dialect
