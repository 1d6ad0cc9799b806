"""The image's health check: exit status 0 if GET /healthz on TESSERA_HTTP_BIND answers 200 within two seconds."""

from __future__ import annotations

import http.client
import os
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["TESSERA_HTTP_BIND"].rpartition(":")[2]), timeout=2)
connection.request("GET", "/healthz")
sys.exit(connection.getresponse().status != 200)
