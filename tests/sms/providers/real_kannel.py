"""A real Kannel: bearerbox, smsbox and the fake SMSC of its own test suite, on free loopback ports.

Nothing is installed here: `.ci/run` brings the Debian packages kannel and kannel-extras. What is started is ended by
its own process, and everything that it writes is in one temporary directory.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest

BEARERBOX = shutil.which("bearerbox", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SMSBOX = shutil.which("smsbox", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
FAKESMSC = shutil.which("fakesmsc", path="/usr/lib/kannel/test")
SMSC, USERNAME, PASSWORD, TOKEN = "FAKE", "tester", "p&w%d d", "t-1"
INBOUND_QUERY = "from=%p&to=%P&text=%b&id=%I&ts=%T&charset=%C"
PATIENCE = 20  # seconds that the machine may take to start a program, or to pass a message on

# The sms-service and sendsms-user are what docs/providers/kannel.md tells the operator to write.
CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {admin_password}
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
box-deny-ip = "*.*.*.*"

group = smsc
smsc = fake
smsc-id = {smsc_id}
port = {smsc}
our-host = 127.0.0.1
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
http-request-retry = 5
http-queue-delay = 1

group = sendsms-user
username = {username}
password = "{password}"
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
get-url = "{inbound}"
max-messages = 0
omit-empty = true
accept-x-kannel-headers = false
"""


def is_missing():
    """Whether this machine has no Kannel; on the machines that decide what lands that is no excuse."""
    return None in {BEARERBOX, SMSBOX, FAKESMSC} and "CI" not in os.environ


needs_kannel = pytest.mark.skipif(
    is_missing(), reason="bearerbox, smsbox or fakesmsc is missing: apt-get install kannel kannel-extras"
)


class RealKannel:
    """One Kannel. `receiver` is the address of what takes its receipts and inbound texts."""

    def __init__(self, folder: Path, *, receiver: str) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen] = {}
        self._ports = dict(zip(("admin", "smsbox", "smsc", "sendsms"), _free_ports(4), strict=True))
        inbound = f"{receiver}/inbound/{TOKEN}/?{INBOUND_QUERY}"
        named = {"smsc_id": SMSC, "username": USERNAME, "password": PASSWORD, "inbound": inbound}
        self._configuration = folder / "kannel.conf"
        self._configuration.write_text(CONFIGURATION.format(**self._ports, **named, admin_password="only-here"))

    @property
    def url(self) -> str:
        """Where messages are submitted."""
        return f"http://127.0.0.1:{self._ports['sendsms']}"

    def start(self) -> None:
        """Start all three, and wait until they know each other."""
        self.start_bearerbox()
        self.start_smsbox()
        self.start_smsc()

    def start_bearerbox(self) -> None:
        """Start the program that holds the messages."""
        self._start("bearerbox", BEARERBOX, "-v", "1", str(self._configuration))
        self._wait_for_port("smsbox")

    def start_smsbox(self) -> None:
        """Start the program that speaks HTTP."""
        self._start("smsbox", SMSBOX, "-v", "1", str(self._configuration))
        self._wait_for_port("sendsms")
        self._wait_for_word("smsbox", "Connected to bearerbox")

    def start_smsc(self, *, text: tuple[str, str, str] | None = None) -> None:
        """Start the fake SMSC, which may bring a text from a handset: (sender, recipient, text)."""
        sender, recipient, content = text or ("1", "2", "never sent")
        number = "1" if text else "0"
        line = f"{sender} {recipient} {_as_line(content)}"
        port = str(self._ports["smsc"])
        self._start("smsc", FAKESMSC, "-H", "127.0.0.1", "-r", port, "-i", "0.1", "-m", number, line)

    def stop(self, *names: str, by_force: bool = False) -> None:
        """End these programs, or all."""
        for name in names or ("smsc", "smsbox", "bearerbox"):
            if (process := self._running.pop(name, None)) is not None:
                process.kill() if by_force else process.terminate()
                process.send_signal(signal.SIGCONT)  # it may be frozen
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(PATIENCE)

    def freeze(self, name: str) -> None:
        """Stop a program where it stands; it keeps its connections and does nothing."""
        self._running[name].send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._running[name].pid, os.WSTOPPED)  # it takes a moment

    def is_listening(self, name: str) -> bool:
        """Whether a port is open: admin, smsbox, smsc or sendsms."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._ports[name])) == 0

    def handed_over(self) -> list[str]:
        """Return what the fake SMSC got: sender, recipient, kind and content of each part, as it writes them down."""
        return re.findall(r"Got message \d+: <(.*)>", self.log("smsc"))

    def log(self, name: str) -> str:
        """Return what a program has written so far."""
        file = self._folder / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def _start(self, name: str, *command: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder
            )

    def _wait_for_port(self, name: str) -> None:
        self._wait(lambda: self.is_listening(name), f"port {name}")

    def _wait_for_word(self, name: str, word: str) -> None:
        self._wait(lambda: word in self.log(name), f"'{word}' of {name}")

    def _wait(self, condition, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                logs = "\n".join(self.log(name)[-2000:] for name in self._running)
                raise TimeoutError(f"{what} did not come; the logs say:\n{logs}")
            time.sleep(0.05)


def _as_line(text: str) -> str:
    """Return a text as the fake SMSC takes it."""
    if text.isascii():
        return f"text {text}"
    return f"ucs2 {quote(text.encode('utf-16-be'), safe='')}"


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
