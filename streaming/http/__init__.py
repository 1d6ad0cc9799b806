"""An HTTP/1.1 transport for httpx on trio and httptools: model streams use it.

`response_parser` and `request_head` are sans-IO. `channel` moves bytes, `connector` opens channels, `connection` runs
requests on one channel, `pool` selects the connection, `exchanges` ends the exchanges of one request together, and
`transport` is the class that httpx calls.
"""

from streaming.http.deadlines import ReadDeadline
from streaming.http.environment import drop_unusable_key_log, environment_transports, tls_context
from streaming.http.exchanges import Exchanges
from streaming.http.transport import HttptoolsTransport, ResponseBody, TakeChunk

__all__ = [
    "Exchanges",
    "HttptoolsTransport",
    "ReadDeadline",
    "ResponseBody",
    "TakeChunk",
    "drop_unusable_key_log",
    "environment_transports",
    "tls_context",
]
