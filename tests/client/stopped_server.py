"""A server of the device protocol in its own process, which a test can stop and continue. Prints its URL.

It leaves the first answer unfinished, and finishes it after the resume.
"""

from __future__ import annotations

from uuid import UUID

import trio

from streaming.wire import WsHomeRequest, WsPing
from tests.client.peer import Peer, end, open_peer, start, text

REQUESTS: list[UUID | None] = []


async def serve(peer: Peer) -> None:
    assert peer.hello is None
    if not REQUESTS:
        await peer.greet()
        REQUESTS.append((await peer.expect(WsHomeRequest)).request_id)
        await peer.send(start(REQUESTS[0]), text(REQUESTS[0], "Good "))
        return
    await peer.greet(resume="resumed", seq=4, requests=[{"request_id": REQUESTS[0], "state": "running"}])
    await peer.send(text(REQUESTS[0], "morning."), end(REQUESTS[0]))
    await peer.expect(WsPing)  # the client lost the socket because the server did not answer
    asked = await peer.expect(WsHomeRequest)
    await peer.send(start(asked.request_id), text(asked.request_id, "Still here."), end(asked.request_id))


async def main() -> None:
    async with open_peer(serve, greet=False) as url:
        print(url, flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
