"""Ending this process in time, whatever its threads still wait for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

EXIT_TERMINATED = 143
# what was collected is kept by then, and whoever sends SIGTERM seldom waits longer than ten seconds
_SECONDS = 8
_RESEND_SECONDS = 0.05
_SIGNALS: dict[type[BaseException], signal.Signals] = {
    KeyboardInterrupt: signal.SIGINT,
    SystemExit: signal.SIGTERM,
}


def end_in_time() -> None:
    """End this process in some seconds with the exit code of SIGTERM, unless it ends by itself.

    An upload that nobody answers holds its thread for minutes, and a thread holds its process.
    """
    _later(_SECONDS, os._exit, EXIT_TERMINATED)


def resend_swallowed_interrupts() -> None:
    """Send Ctrl-C or SIGTERM again, where its error was raised in code that can raise none.

    Python prints such an error with a traceback and goes on, as in the end of an object, or while a
    model is made JSON.
    """
    show = sys.unraisablehook

    def resend(swallowed: sys.UnraisableHookArgs) -> None:
        number = _SIGNALS.get(swallowed.exc_type)
        if number is None:
            show(swallowed)
            return
        # by then that code has been left
        _later(_RESEND_SECONDS, os.kill, os.getpid(), number)

    sys.unraisablehook = resend


@contextmanager
def postponing_interrupts() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM take effect only at the end of this context.

    For starting threads: an error that a signal raises amid the start of one leaves a thread that
    nobody waits for, and which speaks of Prefect's end when it ends itself.
    """
    if threading.current_thread() is not threading.main_thread():
        # signals are handled in the main thread alone
        yield
        return
    came: list[int] = []
    try:
        with ExitStack() as restoring:
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                # what is ignored, or ends the process at once, may go on doing so
                if callable(handler):
                    restoring.callback(signal.signal, number, handler)
                    signal.signal(number, lambda number, _frame: came.append(number))
            yield
    finally:
        for each in dict.fromkeys(came):
            signal.raise_signal(each)


def _later(seconds: float, call: Callable[..., object], *arguments: object) -> None:
    """Call it after some seconds, unless this process ends before."""
    timer = threading.Timer(seconds, call, arguments)
    timer.daemon = True
    timer.start()
