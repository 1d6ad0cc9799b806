"""The person's language through the whole server: errors, and sentences that the server adds to an answer."""

from __future__ import annotations

import httpx
import pytest

from person import Sentences
from tests.model_server import ReceivedRequest, Step, text_stream
from tests.server.conversation import chat
from tests.server.tessera import open_tessera, text_block


def unshown(request: ReceivedRequest) -> list[Step]:
    """A chart that has no data, and cannot be corrected."""
    del request
    return text_stream('[{"type":"text","content":"Hier."},{"type":"chart","chartType":"bar"}]')


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de-AT", "de"), ("nl, fr;q=0.8, en;q=0.5", "fr"), ("ja", "ja"), ("ar-EG", "ar"), ("es-MX", "es"), ("nl", "en")],
)
async def test_a_rest_error_has_a_text_in_the_accepted_language(database: str, accepted: str, language: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        async with httpx.AsyncClient(base_url=tessera.rest_url) as client:
            headers = {"Authorization": f"Bearer {account.access_token}"}
            silent = await client.get("/api/v1/conversations/none", headers=headers | {"Accept-Language": ""})
            headers["Accept-Language"] = accepted
            answered = await client.get("/api/v1/conversations/none", headers=headers)
    assert "text" not in silent.json()["error"]
    assert answered.json()["error"] == silent.json()["error"] | {
        "text": Sentences(language).error("unknown_conversation")
    }


async def test_what_the_server_adds_to_an_answer_is_in_the_persons_language(database: str) -> None:
    async with open_tessera(database, repair_timeout_s=0) as tessera:
        tessera.script(unshown)
        account = await tessera.account()
        locale = {"time_zone": "Europe/Berlin", "language": "de-DE"}
        body = (await chat(tessera, account.access_token, message="Zeig es mir", locale=locale)).json()
        assert body["blocks"][1]["content"] == "Ein Diagramm konnte nicht gezeigt werden."
        tessera.script(lambda _: text_block(""))
        failed = (await chat(tessera, account.access_token, message="Und jetzt", locale=locale)).json()
    assert failed["error"]["code"] == "empty_answer"
    assert failed["error"]["text"] == Sentences("de").error("empty_answer")
    assert failed["error"]["message"].startswith("The model gave no answer")
