"""Standard streams that are closed, full, or cannot show a character: none of them ends a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from flows.command_line.options import EXIT_FAILED, print_errors


class _Output:
    """A text stream that drops what cannot be written, and keeps the first error.

    A closed pipe is left to the command line's library, which ends the command.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._drop_all(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._drop_all(error)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def _drop_all(self, error: OSError) -> None:
        self.error = self.error or error
        # or the interpreter would fail on what is buffered when it exits
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - its path may not be POSIX
            os.dup2(nowhere.fileno(), self._stream.fileno())


@contextmanager
def tolerated_streams() -> Iterator[None]:
    """Run a command whatever its standard streams are.

    A closed stream is opened on the null device, before a file or socket gets its number. A character that
    the encoding of a terminal does not have is written as its escape. What cannot be written to stdout is
    reported in a line on stderr at the end, and the exit code is that of a failure.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115
            if opened.fileno() != descriptor:
                os.dup2(opened.fileno(), descriptor)
            setattr(sys, name, opened)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    before = sys.stdout, sys.stderr
    output = _Output(sys.stdout)
    sys.stdout, sys.stderr = output, _Output(sys.stderr)
    try:
        yield
    except SystemExit as ending:
        output.flush()
        if output.error:
            print_errors([f"the output could not be written to stdout: {output.error.strerror}"])
            ending.code = ending.code or EXIT_FAILED
        raise
    finally:
        sys.stdout, sys.stderr = before
