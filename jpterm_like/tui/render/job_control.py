"""Job control: stopped by the shell or by somebody, and back again. Loaded by `render.screen`, which says whether it fits.

Textual does it in the signal handlers themselves, and begins anew at every SIGCONT. Those come unasked, too: a terminal that
goes away sends one, and so does who freezes programs and thaws them. Then two threads read the keyboard, each a part of a key;
the terminal is left raw at the end, for it was raw when it was looked at; and a process that nobody sees reads on for ever. And a
signal handler may come while the queue of what is to be written is locked. Here it is a turn of the event loop like any other.
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
    """Have Textual's driver, when it is made, do nothing at these signals."""
    LinuxDriver._sigtstp_application = LinuxDriver._sigcont_application = _nothing  # type: ignore[method-assign]


def _nothing(self: LinuxDriver, *_: object) -> None:
    """Nothing: see `follow`."""


def follow(app: Any, new_writer: Callable[[LinuxDriver], Thread]) -> None:
    """Give the terminal back while the program is stopped, and take it again afterwards.

    Args:
        app: Textual's.
        new_writer: makes a thread that takes what is written, for a terminal that cannot be taken again.
    """
    driver = app._driver
    if not isinstance(driver, LinuxDriver):
        return  # the tests

    def stop() -> None:
        give_back()
        os.kill(os.getpid(), signal.SIGSTOP)

    def give_back() -> None:
        driver.suspend_application_mode()
        driver._must_signal_resume = True  # the app is told when it is there again

    def go_on() -> None:
        if app._exit:
            return
        if driver._must_signal_resume:
            driver.close()  # the writer of a terminal that could not be taken
        else:
            give_back()  # nobody told us that we would be stopped, or we were not
        driver.resume_application_mode()
        if driver._must_signal_resume:  # it is gone, or another program's until the next SIGCONT
            writer = driver._writer_thread = new_writer(driver)  # type: ignore[assignment]
            writer.start()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTSTP, stop)
    loop.add_signal_handler(signal.SIGCONT, go_on)


def unfollow() -> None:
    """The program is about to end."""
    loop = asyncio.get_running_loop()
    for number in NUMBERS:
        loop.remove_signal_handler(number)
