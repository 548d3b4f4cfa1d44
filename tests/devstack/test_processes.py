"""Children that cannot outlive us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.processes import Child, stop_all

WAITS = "import time; print('waiting', flush=True); time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + WAITS
# Starts a child, says its number, and waits for the worst.
PARENT = """
import sys, time
from devstack.processes import Child
child = Child("child", [sys.executable, "-c", sys.argv[1]])
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def child_of(tmp_path):
    """Make children that run a line of Python, and leave none."""
    made = []

    def make(code):
        made.append(Child("child", [sys.executable, "-c", code], log=tmp_path / f"{len(made)}.log"))
        made[-1].start()
        return made[-1]

    yield make
    for child in made:
        child.kill()


def wait_for(condition, *, within=5):
    """Wait until something holds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_child_dies_with_its_parent():
    """Kill -9 for the parent is SIGTERM for its children."""
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen([sys.executable, "-c", PARENT, WAITS], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()

        wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_children_stop_together(child_of):
    """They are all asked at once, and the deaf one is killed when the time is up."""
    children = [child_of(WAITS), child_of(DEAF), child_of("raise SystemExit(7)")]
    for child in children[:2]:
        wait_for(lambda child=child: "waiting" in child.log_tail())
    wait_for(lambda: not children[2].is_running)
    begun = time.monotonic()
    stop_all(children, within=0.5)

    assert [child.how_it_ended() for child in children] == ["SIGTERM", "SIGKILL", "exit code 7"]
    assert 0.5 <= time.monotonic() - begun < 2


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_what_a_child_started_goes_with_it(child_of):
    """The rest of the session of a child is gone when it is stopped."""
    child = child_of(
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {WAITS!r}]).pid, flush=True)"
    )
    wait_for(lambda: child.log_tail().splitlines()[:1])
    grandchild = int(child.log_tail().splitlines()[0])
    child.stop()

    wait_for(lambda: not Path(f"/proc/{grandchild}").exists())


def test_a_child_can_be_started_again(child_of):
    """The log goes on, and its tail is that of the last start."""
    child = child_of("import os; print('number', os.getpid())")
    first = child.pid
    child.wait()
    child.start()
    child.wait()

    assert child.log_tail() == f"number {child.pid}"
    assert child.log.read_text() == f"number {first}\nnumber {child.pid}\n"


def test_a_child_is_out_of_reach_of_our_terminal(child_of):
    """Ctrl-C is sent to a session, and a child has one of its own."""
    child = child_of(WAITS)

    assert os.getsid(child.pid) == child.pid != os.getsid(0)
    assert child.is_running
    child.send(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not child.is_running
