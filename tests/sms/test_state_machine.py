"""Messages in random orders of everything that can happen to them, through the real services, against the model.

`make test ARGS="tests/sms/test_state_machine.py --hypothesis-profile=long"` looks for much longer, and elsewhere each
time; what it finds it prints as a program, with a blob that repeats it.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sms.providers import registry
from tests.sms.scripted_provider import FATES
from tests.sms.world import WORDS, World

IS_LONG = settings.get_current_profile_name() == "long"
COMMON = settings(
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# The short run is the same every time; the long one looks elsewhere each time, and says how to come back.
SHORT = settings(COMMON, max_examples=100, stateful_step_count=50, derandomize=True)
LONG = settings(COMMON, max_examples=2000, stateful_step_count=100, print_blob=True)
MOST_MESSAGES = 3

fate = st.sampled_from(["yes"] * 3 + ["the answer is lost"] * 2 + ["the request is lost"] * 2 + sorted(FATES))
fates = st.lists(fate, min_size=MOST_MESSAGES, max_size=MOST_MESSAGES)


class Lives(RuleBasedStateMachine):
    """Lives of a few messages.

    One rule chooses among all that is possible: of several rules Hypothesis leaves out half in each example, and a life
    needs most of them.
    """

    def __init__(self):
        super().__init__()
        self.world = World()

    @initialize(policies=st.lists(st.booleans(), min_size=1, max_size=2))
    def begin(self, policies):
        for resend_allowed in policies:
            self.world.accept(resend_allowed=resend_allowed)

    @rule(data=st.data())
    def something_happens(self, data):
        self.draw = data.draw
        act = self.draw(st.sampled_from([act for act, weight in self.possible() for _ in range(weight)]), "act")
        getattr(self, act)()
        self.world.check()

    def possible(self):
        """What can happen now, with its weight; Hypothesis likes the first ones best."""
        world = self.world
        return [
            ("record", 5 * bool(world.answered())),
            ("submit", 5 * bool(world.waiting())),
            ("claim", 3 * bool(world.due())),
            ("hear", 5 * bool(world.look_ups)),
            ("sweep", 5 * bool(world.dead())),
            ("receipt", 4 * bool(world.attempts)),
            ("process", 3 * bool(world.to_process())),
            ("settle", 4 * bool(world.uncertain() or world.past_their_window())),
            ("ask", 2 * bool(world.uncertain())),
            ("lease_passes", 4 * bool(world.alive())),
            ("work", 2 * bool(world.due())),
            ("waits_pass", 2 * any(not one.is_due for one in [*world.messages.values(), *world.inbox])),
            ("accept", len(world.messages) < MOST_MESSAGES),
            ("cancel", 1),
            ("window_passes", bool(world.reported())),
            ("validity_passes", 1),
        ]

    def pick(self, of):
        """One of several."""
        candidates = list(of)
        return candidates[self.draw(st.integers(0, len(candidates) - 1), "which")]

    def flip(self, question):
        """Yes or no."""
        return self.draw(st.booleans(), question)

    def accept(self):
        self.world.accept(resend_allowed=self.flip("resend allowed"))

    def cancel(self):
        self.world.cancel(self.pick(self.world.messages))

    def claim(self):
        self.world.claim(limit=self.draw(st.integers(1, MOST_MESSAGES), "limit"))

    def submit(self):
        self.world.submit(self.pick(self.world.waiting()), self.draw(fates, "fates"))

    def record(self):
        self.world.record(self.pick(self.world.answered()))

    def work(self):
        """A worker whom nothing befalls."""
        if (work := self.world.claim(limit=MOST_MESSAGES)) is not None:
            self.world.submit(work, self.draw(fates, "fates"))
            self.world.record(work)

    def lease_passes(self):
        self.world.let_lease_pass(self.pick(self.world.alive()))

    def sweep(self):
        self.world.sweep()

    def receipt(self):
        """Of any attempt, or for a message that we do not have; processed at once, or later."""
        attempt_id = self.pick([*self.world.attempts, None])
        word, by_our_id = self.draw(st.sampled_from(sorted(WORDS)), "word"), self.flip("by our id")
        for _ in range(self.draw(st.integers(1, 2), "times")):
            self.world.post(attempt_id, word, by_our_id=by_our_id)
        if self.flip("processed at once"):
            self.world.process()

    def process(self):
        self.world.process()

    def settle(self):
        self.world.settle(is_silent=self.flip("is silent"))

    def ask(self):
        self.world.ask()

    def hear(self):
        self.world.hear(self.pick(self.world.look_ups), is_silent=self.flip("is silent"))

    def waits_pass(self):
        self.world.let_waits_pass()

    def window_passes(self):
        self.world.let_window_pass(self.pick(self.world.reported()))

    def validity_passes(self):
        self.world.let_validity_pass(self.pick(self.world.messages))


@pytest.mark.timeout(7200 if IS_LONG else 600)
def test_lives_are_as_the_model_says(transactional_db, settings):
    """Whatever happens in whatever order, rows, history, queue, receipts and hand-overs are as the design has them."""
    settings.SMS_PROVIDERS = {"simulator": {"class": "tests.sms.scripted_provider.ScriptedProvider"}}
    settings.SMS_LOOK_UP_AFTER = 0.1  # nudges that come later only heap up threads here
    try:
        run_state_machine_as_test(Lives, settings=LONG if IS_LONG else SHORT)
    finally:
        registry.forget()
