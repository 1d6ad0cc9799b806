"""The conformance kit: plays the server's side of the device protocol to a client, and judges what the client does.

`docs/protocol/conformance/README.md` describes it for developers of clients. Its public names are the cases and the
endpoint that plays them.
"""

from client.conformance.cases import CASES_FOLDER, Case, load_cases
from client.conformance.endpoint import Endpoint, Verdict

__all__ = ["CASES_FOLDER", "Case", "Endpoint", "Verdict", "load_cases"]
