"""When webhooks are told: many saves are few builds, what is urgent does not wait, and failures are tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms.model.pace import RETRY_S, Pace, Waiting, asked_pause_s, due, pause_s

QUIET_S, LONGEST_S = 10.0, 60.0


def tell_all(saves: list[tuple[float, bool]]) -> list[float]:
    """When a webhook is told of saves at these times, some of them urgent; its clock goes by tenths of a second."""
    told: list[float] = []
    told_at, told_seq, urgent_seq, now = -1000.0, 0, 0, 0.0
    while told_seq < len(saves):
        known = [moment for moment, _ in saves if moment <= now]
        urgent_seq = max([seq for seq, (_, urgent) in enumerate(saves[: len(known)], 1) if urgent], default=0)
        if len(known) > told_seq:
            waiting = Waiting(told_seq + 1, known[told_seq], known[-1])
            moment, _ = due(waiting, Pace(QUIET_S, LONGEST_S, told_at, urgent_seq), now)
            if now >= moment:
                told.append(now)
                told_at, told_seq = now, len(known)
        now = round(now + 0.1, 1)
    return told


@given(st.lists(st.tuples(st.floats(0, 59.9), st.booleans()), min_size=1, max_size=40))
def test_saves_of_one_minute_however_urgent_are_at_most_7_builds(saves: list[tuple[float, bool]]) -> None:
    told = tell_all(sorted(saves))
    assert 1 <= len(told) <= 7
    assert told[-1] <= max(moment for moment, _ in saves) + LONGEST_S + 0.1


@pytest.mark.parametrize(("urgent", "builds"), [(False, 1), (True, 7)])
def test_1000_saves_in_a_minute_are_at_most_7_builds(urgent: bool, builds: int) -> None:
    told = tell_all([(number * 0.06, urgent) for number in range(1000)])
    assert len(told) == builds


def test_quiet_is_waited_for_but_not_for_ever() -> None:
    pace = Pace(QUIET_S, LONGEST_S)
    assert due(Waiting(1, 100, 100), pace, 100) == (110, "quiet")
    assert due(Waiting(1, 100, 149), pace, 100) == (159, "quiet")
    assert due(Waiting(1, 100, 155), pace, 100) == (160, "longest_wait")
    assert due(Waiting(1, 100, 100, is_ready=False), pace, 100) == (160, "longest_wait")


def test_what_is_urgent_waits_only_for_a_message_just_sent() -> None:
    assert due(Waiting(7, 100, 100), Pace(QUIET_S, LONGEST_S, told_at=50, urgent_seq=7), 100) == (60, "urgent")
    assert due(Waiting(7, 100, 100), Pace(QUIET_S, LONGEST_S, told_at=98, urgent_seq=7), 100) == (108, "urgent")
    assert due(Waiting(8, 100, 100), Pace(QUIET_S, LONGEST_S, urgent_seq=7), 100) == (110, "quiet")


def test_failures_are_tried_again_for_72_hours_and_on() -> None:
    pauses = [pause_s(failures, is_gone=False, asked_s=None, jitter=0.8) for failures in range(1, 40)]
    assert pauses[:3] == [4.0, 24.0, 96.0]
    assert max(pauses) == pauses[-1] == 0.8 * RETRY_S[-1]
    assert sum(pauses[:24]) > 72 * 3600
    assert pause_s(1, is_gone=True, asked_s=None, jitter=1) == RETRY_S[-1]


def test_a_longer_pause_may_be_asked_for_in_seconds_or_as_a_date() -> None:
    assert asked_pause_s("120", 0) == 120
    assert asked_pause_s("Thu, 01 Jan 1970 01:00:00 GMT", 600) == 3000
    assert asked_pause_s("Thu, 01 Jan 1970 01:00:00 -0000", 600) == 3000
    assert asked_pause_s("Thu, 01 Jan 1970 00:00:00 GMT", 600) == 0
    for text in (None, "", "soon", "-5", "1e9", "Thu, 41 Jan 1970 01:00:00 GMT", "٣"):
        assert asked_pause_s(text, 0) is None, text
    assert pause_s(1, is_gone=False, asked_s=120, jitter=1) == 120
    assert pause_s(1, is_gone=False, asked_s=10**8, jitter=1) == RETRY_S[-1]
    assert pause_s(9, is_gone=False, asked_s=1, jitter=1) == RETRY_S[8]


@pytest.mark.parametrize("ahead_s", [3600.0, 40 * 86_400.0, 3650 * 86_400.0])
@pytest.mark.parametrize("urgent_seq", [0, 7])
@pytest.mark.parametrize("is_ready", [True, False])
@pytest.mark.parametrize("ahead", [(1, 0, 0), (1, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_what_a_clock_noted_that_was_ahead_keeps_nothing_waiting(
    ahead: tuple[int, int, int], is_ready: bool, urgent_seq: int, ahead_s: float
) -> None:
    first, last, told = (100 + ahead_s * part for part in ahead)
    pace = Pace(QUIET_S, LONGEST_S, told_at=told, urgent_seq=urgent_seq)
    moment, _ = due(Waiting(7, first, last, is_ready), pace, 100)
    assert moment <= 100 + LONGEST_S
