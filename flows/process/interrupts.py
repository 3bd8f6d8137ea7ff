"""Handling SIGINT and SIGTERM: end in time, lose none, and none in the middle of starting threads."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

EXIT_TERMINATED = 143
# process managers send SIGKILL some ten seconds after SIGTERM
_SECONDS = 8
_RESEND_SECONDS = 0.05
_SIGNALS: dict[type[BaseException], signal.Signals] = {
    KeyboardInterrupt: signal.SIGINT,
    SystemExit: signal.SIGTERM,
}


def end_in_time() -> None:
    """Exit after some seconds with the exit code of SIGTERM, unless the process has ended by then.

    A thread that waits minutes for the response to an upload would keep the process running.
    """
    _later(_SECONDS, os._exit, EXIT_TERMINATED)


def resend_swallowed_interrupts() -> None:
    """Send SIGINT or SIGTERM again where their exception was raised in a `__del__` or a C callback.

    Python cannot propagate an exception from there: it prints a traceback (`sys.unraisablehook`) and goes on.
    """
    show = sys.unraisablehook

    def resend(swallowed: sys.UnraisableHookArgs) -> None:
        number = _SIGNALS.get(swallowed.exc_type)
        if number is None:
            show(swallowed)
            return
        # the callback has returned by then
        _later(_RESEND_SECONDS, os.kill, os.getpid(), number)

    sys.unraisablehook = resend


@contextmanager
def delaying_interrupts() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the end of this context, which starts threads.

    An exception that a signal handler raises while a thread is being started leaves a thread that nobody
    joins.
    """
    if threading.current_thread() is not threading.main_thread():
        # only the main thread handles signals
        yield
        return
    received: list[int] = []
    try:
        with ExitStack() as restoring:
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                # SIG_IGN and SIG_DFL raise no exception
                if callable(handler):
                    restoring.callback(signal.signal, number, handler)
                    signal.signal(number, lambda number, _frame: received.append(number))
            yield
    finally:
        for each in dict.fromkeys(received):
            signal.raise_signal(each)


def _later(seconds: float, call: Callable[..., object], *arguments: object) -> None:
    """Call a function after some seconds, unless the process has ended by then."""
    timer = threading.Timer(seconds, call, arguments)
    timer.daemon = True
    timer.start()
