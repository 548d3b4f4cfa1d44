"""Clocks step by an hour while messages flow: all of them, or one group's alone."""

from collections.abc import Sequence

from devstack import signals
from tests.faults.clocks import GROUPS
from tests.faults.scene import Scene

HOUR = 3600
MOST_STEPS = 6


def step_ahead(scene: Scene) -> None:
    """All clocks step ahead, once or a few times."""
    _steps(scene, [HOUR] * scene.rng.randint(1, 3))


def step_back(scene: Scene) -> None:
    """All clocks step back, once or a few times."""
    _steps(scene, [-HOUR] * scene.rng.randint(1, 3))


def step_about(scene: Scene) -> None:
    """All clocks step ahead and back, at least two hours' worth."""
    _steps(scene, [scene.rng.choice((-HOUR, HOUR)) for _ in range(scene.rng.randint(2, MOST_STEPS))])


def step_apart(scene: Scene) -> None:
    """The clocks of one group step by an hour, and for a while nobody corrects them."""
    group = GROUPS[scene.seed % len(GROUPS)]
    scene.facts["group"] = group
    there = scene.rng.choice((-HOUR, HOUR))
    _steps(scene, [there, -there], [group])


def _steps(scene: Scene, steps: Sequence[int], groups: Sequence[str] = GROUPS) -> None:
    """Step at moments of the load, the last of them perhaps some seconds after it."""
    clocks = scene.stack.clocks
    assert clocks is not None
    scene.facts["steps"] = list(steps)
    moments = sorted(scene.rng.uniform(0.1, 0.9) for _ in steps)
    if len(steps) > 1 and scene.rng.random() < 0.5:
        moments[-1] = 1.0
    for step, share in zip(steps, moments, strict=True):
        scene.wait_for_accepted(share)
        signals.pause(scene.rng.uniform(0.0, 3.0) if share == 1.0 else 0.0)
        if scene.begun_at is None:
            scene.strikes()
        clocks.step(step, groups)
    scene.facts["offsets"] = dict(clocks.offsets)
    scene.is_over()
