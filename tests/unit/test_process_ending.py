"""Signals are handled once threads are started, and none is lost."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from flows.process.interrupts import delaying_interrupts, resend_swallowed_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_handled_at_the_end_of_the_context(number: signal.Signals) -> None:
    received: list[int] = []
    before = signal.signal(number, lambda number, _frame: received.append(number))
    try:
        with delaying_interrupts():
            signal.raise_signal(number)
            signal.raise_signal(number)
            received_inside = list(received)
        assert received_inside == []
        assert received == [number], "once is enough"
        signal.raise_signal(number)
        assert received == [number, number], "the handler is restored"
    finally:
        signal.signal(number, before)


def test_an_ignored_signal_stays_ignored_and_the_other_is_delayed() -> None:
    received: list[int] = []
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    noting = signal.signal(signal.SIGTERM, lambda *_: received.append(1))
    try:
        with delaying_interrupts():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            assert received == []
        assert received == [1]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, ignoring)
        signal.signal(signal.SIGTERM, noting)


def test_outside_the_main_thread_it_changes_nothing() -> None:
    found: list[object] = []

    def look() -> None:
        with delaying_interrupts():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


class InterruptedInItsDestructor:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_was_swallowed_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    resend_swallowed_interrupts()
    swallowing: list[object] = [InterruptedInItsDestructor()]

    def go_on() -> None:
        swallowing.clear()
        threading.Event().wait(30)

    with pytest.raises(KeyboardInterrupt):
        go_on()
    assert swallowing == []
    assert shown == [], "with a traceback"
