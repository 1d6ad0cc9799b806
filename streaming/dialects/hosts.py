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
_LOCAL_NAME: Final = re.compile(r"[^.]+|.*\.(?:local|localhost|internal|lan|home\.arpa|svc)|.*\.svc\..*")


def is_self_hosted(url: str) -> bool:
    """Whether `url` names a private address or a name that only a local network knows."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return _LOCAL_NAME.fullmatch(host) is not None
    return address.is_private or address.is_loopback or address.is_link_local


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
