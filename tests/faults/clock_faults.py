"""The database's clock steps by an hour, while messages flow.

What is due is decided by PostgreSQL's clock alone. For what is stored it makes no difference whether that clock goes
forward or all stored times go back, and the second needs no right to set a clock.
"""

import psycopg2

from tests.faults.scene import Scene
from tests.faults.stack import FaultStack

TIMES = {
    "sms_dispatchentry": ("due_at", "expires_at"),
    "sms_receipt": ("received_at", "due_at"),
    "sms_message": ("created_at", "updated_at"),
    "sms_submitattempt": ("started_at", "finished_at"),
    "sms_idempotencykey": ("created_at",),
}
TRIES = 20


def step(scene: Scene, hours: int) -> None:
    """Let the clock step while some messages wait, some are claimed, and some receipts are on their way."""
    for share in sorted(scene.rng.uniform(0.1, 0.9) for _ in range(scene.rng.randint(1, 3))):
        scene.wait_for_accepted(share)
        if scene.begun_at is None:
            scene.strikes()
        for table, columns in TIMES.items():
            _shift(scene.stack, table, columns, hours=-hours)
    scene.is_over()


def _shift(stack: FaultStack, table: str, columns: tuple[str, ...], *, hours: int) -> None:
    changes = ", ".join(f"{column} = {column} + make_interval(hours => {hours})" for column in columns)
    for _ in range(TRIES):
        try:
            stack.query(f"UPDATE {table} SET {changes} RETURNING 1")
        except psycopg2.errors.DeadlockDetected:
            continue  # a real step takes no locks
        return
    raise AssertionError(f"{table} could not be shifted")
