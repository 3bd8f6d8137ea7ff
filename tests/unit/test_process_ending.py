"""Signals that must not interrupt what is being done."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from flows.process.interrupts import postponing_interrupts, resend_swallowed_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_effect_once_what_is_being_done_is_done(number: signal.Signals) -> None:
    done = []
    came: list[int] = []
    before = signal.signal(number, lambda number, _frame: came.append(number))
    try:
        with postponing_interrupts():
            signal.raise_signal(number)
            signal.raise_signal(number)
            done.append(list(came))
        assert done == [[]]
        assert came == [number], "one is enough"
        signal.raise_signal(number)
        assert came == [number, number], "the handler is back in its place"
    finally:
        signal.signal(number, before)


def test_one_that_is_ignored_does_not_hide_another() -> None:
    came: list[int] = []
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    noting = signal.signal(signal.SIGTERM, lambda *_: came.append(1))
    try:
        with postponing_interrupts():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            assert came == []
        assert came == [1]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, ignoring)
        signal.signal(signal.SIGTERM, noting)


def test_an_error_goes_through_and_the_interrupt_too() -> None:
    def fail() -> None:
        with postponing_interrupts():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt) as raised:
        fail()
    assert isinstance(raised.value.__context__, ValueError)


def test_outside_the_main_thread_it_changes_nothing() -> None:
    def look() -> None:
        with postponing_interrupts():
            found.append(signal.getsignal(signal.SIGTERM))

    found: list[object] = []
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


class InterruptedAsItEnds:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_was_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    resend_swallowed_interrupts()
    swallowing: list[object] = [InterruptedAsItEnds()]

    def go_on() -> None:
        swallowing.clear()
        threading.Event().wait(30)

    with pytest.raises(KeyboardInterrupt):
        go_on()
    assert swallowing == []
    assert shown == [], "with a traceback"
