"""Threads that start together and are waited for, so that a test about races stays short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def race(count: int, act: Callable[[int], T], timeout_s: float = 120) -> list[T]:
    """What `act(0)` … `act(count - 1)` return when they run at once; an error in one of them is raised here."""
    start = threading.Barrier(count)
    answers: list[T] = []
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait(timeout_s)
            answers.append(act(number))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)
    assert not any(thread.is_alive() for thread in threads), "some are still waiting"
    for error in errors:
        raise error
    return answers
