"""An HTTP/1.1 transport for httpx on trio and httptools: what model streams come over.

`response_parser` and `request_head` are sans-IO; `channel` moves bytes, `connecting` opens channels, `connection` has
exchanges on one, `pool` decides which, and `transport` is httpx's view of all that.
"""

from streaming.http.deadlines import ReadDeadline
from streaming.http.environment import environment_transports
from streaming.http.transport import HttptoolsTransport

__all__ = ["HttptoolsTransport", "ReadDeadline", "environment_transports"]
