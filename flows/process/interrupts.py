"""Handling SIGINT and SIGTERM: end in time, lose none, and none in the middle of starting threads."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
_EXIT_CODES = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED}
# an end in order takes less, unless something does not respond
_FORCED_END_SECONDS = 2.5
_RESEND_SECONDS = 0.05
_SIGNALS: dict[type[BaseException], signal.Signals] = {
    KeyboardInterrupt: signal.SIGINT,
    SystemExit: signal.SIGTERM,
}
_FORCED_END_MESSAGE = b"interrupted: ended without waiting for what did not respond\n"
_SHOW_CURSOR = b"\x1b[?25h"


def force_end_after_signals() -> None:
    """Exit 2.5 s after the first SIGINT or SIGTERM, unless the process has ended by then.

    For programs of our own only, since it ends the whole process: a thread that waits minutes for the
    response to an upload would keep it running. The exit code is that of the signal. Handlers are not
    changed: `signal.set_wakeup_fd` reports every signal that has one, also while Prefect replaces that of
    SIGTERM during a flow run, and a signal that is ignored stays ignored.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)

    def wait_for_signal() -> None:
        while received := reader.recv(1):
            exit_code = _EXIT_CODES.get(signal.Signals(received[0]))
            if exit_code:
                _later(_FORCED_END_SECONDS, _end_now, exit_code)

    threading.Thread(target=wait_for_signal, name="forced-end", daemon=True).start()


def _end_now(exit_code: int) -> None:
    with suppress(OSError):
        # a spinner or progress bar has hidden the cursor
        os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + _FORCED_END_MESSAGE)
    os._exit(exit_code)


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
