"""Request ids in use, and for ten minutes after."""

from __future__ import annotations

from uuid import uuid4

from server.answers.request_ids import REMEMBERED_S, RequestIds


def test_an_id_is_taken_while_it_runs_and_ten_minutes_after() -> None:
    ids, user, request = RequestIds(), uuid4(), uuid4()
    assert ids.accept(user, request, now=0)
    assert not ids.accept(user, request, now=10_000)
    ids.finish(user, request, now=10_000)
    assert not ids.accept(user, request, now=10_000 + REMEMBERED_S - 1)
    assert ids.accept(user, request, now=10_000 + REMEMBERED_S)


def test_ids_of_two_users_do_not_meet() -> None:
    ids, request = RequestIds(), uuid4()
    assert ids.accept(uuid4(), request, now=0)
    assert ids.accept(uuid4(), request, now=0)


def test_memory_is_bounded_and_running_ids_are_never_forgotten() -> None:
    ids, user = RequestIds(limit=2), uuid4()
    running, *finished = [uuid4() for _ in range(5)]
    assert ids.accept(user, running, now=0)
    for request in finished:
        assert ids.accept(user, request, now=0)
        ids.finish(user, request, now=0)
    assert [ids.accept(user, request, now=1) for request in (running, *finished)] == [False, True, True, False, False]
