"""Provider dialects by name. One file each; `base` says what a dialect is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from streaming.dialects.base import Dialect, PayloadDecoder
from streaming.dialects.openai_chat import OpenAIChat

DIALECTS: Mapping[str, Dialect] = MappingProxyType({OpenAIChat.name: OpenAIChat()})
"""Every dialect that the settings can name."""

__all__ = ["DIALECTS", "Dialect", "OpenAIChat", "PayloadDecoder"]
