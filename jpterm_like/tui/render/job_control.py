"""Job control: suspend and resume. Loaded by `render.screen`, which checks the version of Textual.

Textual does it within the signal handlers, and restarts its input at every SIGCONT. But SIGCONT also arrives
unexpectedly: when a terminal vanishes, or when a process is frozen and thawed. Then two threads read the keyboard,
each getting parts of keys; the terminal stays raw at exit, because it was raw when its mode was saved; and an
orphaned process reads for ever. A signal handler may also run while the output queue is locked. Here the signals are
handled in the event loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from threading import Thread
from typing import Any, Final

from textual.drivers.linux_driver import LinuxDriver

NUMBERS: Final = (signal.SIGTSTP, signal.SIGCONT)


def leave_to_us() -> None:
    """Disable the signal handlers of Textual's next driver."""
    LinuxDriver._sigtstp_application = LinuxDriver._sigcont_application = _nothing  # type: ignore[method-assign]


def _nothing(self: LinuxDriver, *_: object) -> None:
    """Do nothing; see `follow`."""


def follow(app: Any, new_writer: Callable[[LinuxDriver], Thread]) -> None:
    """Release the terminal while the program is stopped, and take it back afterwards.

    Args:
        app: Textual's app.
        new_writer: makes a writer thread, for a terminal that cannot be taken back.
    """
    driver = app._driver
    if not isinstance(driver, LinuxDriver):
        return  # the tests

    def stop() -> None:
        give_back()
        os.kill(os.getpid(), signal.SIGSTOP)

    def give_back() -> None:
        driver.suspend_application_mode()
        driver._must_signal_resume = True  # the app is notified once it is back

    def go_on() -> None:
        if app._exit:
            return
        if driver._must_signal_resume:
            driver.close()  # the writer of a terminal that could not be taken back
        else:
            give_back()  # stopped without notice, or not at all
        driver.resume_application_mode()
        if driver._must_signal_resume:  # it is gone, or belongs to another program until the next SIGCONT
            writer = driver._writer_thread = new_writer(driver)  # type: ignore[assignment]
            writer.start()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTSTP, stop)
    loop.add_signal_handler(signal.SIGCONT, go_on)


def unfollow() -> None:
    """Stop handling these signals, before the program ends."""
    loop = asyncio.get_running_loop()
    for number in NUMBERS:
        loop.remove_signal_handler(number)
