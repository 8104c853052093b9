"""One call after another: each script holds the machine to what it says at each step, and all together take every way
of the table.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.turns._trace import Trace, after, answered, asked, call, like, quiet, voice

from pinecall_run.turns.actions import (
    AskEndOfTurn,
    EagerTurn,
    FinishTranscript,
    IdleWarning,
    Interrupt,
    LimitReached,
    SpeechEnded,
    SpeechStarted,
    TurnContinued,
    TurnEnded,
    TurnPaused,
    TurnResumed,
    UnmutedWith,
    UserMessage,
    UserSpeaking,
)
from pinecall_run.turns.inputs import (
    AgentBegan,
    AgentEnded,
    AgentPending,
    AgentPlayed,
    EndOfTurn,
    Final,
    Held,
    Muted,
    NativeTurn,
    Partial,
    Typed,
    Unheld,
    Unmuted,
)
from pinecall_run.turns.transitions import State

SCRIPTS: list[Callable[[], Trace]] = []


def script(write: Callable[[], Trace]) -> Callable[[], Trace]:
    SCRIPTS.append(write)
    return write


# A turn and its answer


@script
def a_question_is_answered() -> Trace:
    trace = asked() >> AgentBegan(1) >> AgentPlayed(3.0) >> AgentEnded() << State.IDLE
    return trace >> quiet(1.0)


@script
def a_second_turn_has_other_numbers() -> Trace:
    trace = asked() >> AgentBegan(1) >> AgentEnded() >> voice(0.5) << SpeechStarted(2, 0.9)
    trace = trace >> quiet(0.2) << FinishTranscript() >> Final("Thanks.")
    trace = trace << like(UserMessage, turn_id=2, message=2, text="Thanks.") << EagerTurn
    return trace >> quiet(0.3) << SpeechEnded << like(TurnEnded, turn_id=2, message=2, text="Thanks.")


@script
def a_caption_grows() -> Trace:
    trace = call()
    trace.muted = ()
    trace = trace >> voice(0.5) << SpeechStarted >> Partial("where", 0.5) << UserSpeaking(1, "where", 0.5)
    trace = trace >> Partial("where", 0.6) >> Partial("where is it", 0.7) << UserSpeaking(1, "where is it", 0.7)
    return trace << State.LISTENING


@script
def a_voice_that_is_too_short_is_none() -> Trace:
    return call() >> voice(0.2) >> quiet(3.0) << State.IDLE


@script
def the_beginning_is_that_of_the_voice_and_the_end_its_last_window() -> Trace:
    trace = call() >> quiet(0.32) >> voice(0.64) << SpeechStarted >> quiet(0.5) << FinishTranscript()
    ended = trace.seen[0][1]
    assert isinstance(ended, SpeechEnded)
    assert abs(ended.duration - 0.64) < 0.001
    return trace << SpeechEnded << State.ANALYZING


@script
def a_voice_may_get_weaker_than_it_began() -> Trace:
    return call() >> voice(0.5) << SpeechStarted >> voice(1.0, probability=0.4) << State.LISTENING


@script
def the_same_word_is_understood_again() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> Partial("yes") >> quiet(1.0)
    trace = trace << FinishTranscript() << SpeechEnded << UserMessage << TurnEnded >> AgentBegan(1) >> AgentEnded()
    trace = trace << State.IDLE >> voice(0.5) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("Yes.")
    return trace << like(UserMessage, turn_id=2, text="Yes.") << EagerTurn


@script
def a_transcript_that_comes_when_all_is_answered_begins_nothing() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> Partial("where is it") >> quiet(1.0)
    trace = trace << FinishTranscript() << SpeechEnded << UserMessage << TurnEnded >> AgentBegan(1) >> AgentEnded()
    return trace >> Final("Where is this?") << State.IDLE


@script
def a_cough_is_no_turn() -> Trace:
    trace = call() >> voice(0.3) << SpeechStarted >> quiet(0.5) << FinishTranscript() << SpeechEnded << State.ANALYZING
    return trace >> quiet(3.0) << State.IDLE


@script
def a_cough_of_which_nothing_is_understood_is_forgotten_at_once() -> Trace:
    trace = call() >> voice(0.3) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("")
    trace = trace >> quiet(0.2) << SpeechEnded << State.IDLE
    trace = trace >> voice(0.3) << SpeechStarted(2, 0.9) >> quiet(0.4) << FinishTranscript() << SpeechEnded
    return trace >> Final("") << State.IDLE


@script
def a_slow_transcript_is_waited_for_and_a_partial_one_taken_in_the_end() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> Partial("where is it?") >> quiet(0.7)
    trace = trace << FinishTranscript() << SpeechEnded << State.ANALYZING >> quiet(0.2)
    trace = trace << like(UserMessage, text="where is it?") << like(TurnEnded, text="where is it?")
    assert trace.at(TurnEnded) < 1.31
    return trace >> Final("Where is it?") << State.PENDING


@script
def a_late_transcript_of_other_words_goes_on_with_the_turn() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> Partial("where is it?") >> quiet(1.0)
    trace = trace << FinishTranscript() << SpeechEnded << UserMessage << like(TurnEnded, message=1)
    trace = trace >> Final("Where is it, please? Order 42.") << Interrupt("continuation") << TurnContinued(1)
    trace = trace << like(UserMessage, turn_id=1, message=2, text="Where is it, please? Order 42.") << EagerTurn
    return trace << State.ANALYZING >> quiet(0.4) << like(TurnEnded, message=2, is_continuation=True)


@script
def words_of_a_soft_voice_are_a_turn() -> Trace:
    trace = call() >> quiet(0.5) >> Partial("hello") << State.ANALYZING >> after(0.3) >> Partial("hello is there")
    trace = trace >> after(0.1) >> Final("Hello, is there anybody?") << UserMessage << EagerTurn >> after(0.3)
    return trace << like(TurnEnded, text="Hello, is there anybody?")


@script
def words_of_a_voice_that_was_about_to_be_noticed_make_it_one() -> Trace:
    return call() >> voice(0.16, volume=0.3) >> Partial("hello", 0.8) << SpeechStarted(1, 0.8) << State.LISTENING


# How long a pause is waited out


@script
def an_unfinished_sentence_is_waited_for() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("My number is")
    trace = trace << UserMessage >> quiet(0.9) << SpeechEnded << State.ANALYZING
    trace = trace >> voice(0.4) << SpeechStarted(1, 0.9) << State.LISTENING >> quiet(0.2) << FinishTranscript()
    trace = trace >> Final("five five five.") << like(UserMessage, message=1, text="My number is five five five.")
    return trace << EagerTurn >> quiet(0.3) << SpeechEnded << like(TurnEnded, text="My number is five five five.")


@script
def an_answered_turn_is_not_continued() -> Trace:
    trace = answered(3.0) >> AgentEnded() >> quiet(1.0) >> voice(0.96) << SpeechStarted(2, 0.9) >> quiet(0.2)
    trace = trace << FinishTranscript() >> Final("My number is") << like(UserMessage, message=2) >> quiet(0.5)
    return trace << SpeechEnded >> voice(0.4) << SpeechStarted(2, 0.9) << State.LISTENING


@script
def without_punctuation_the_wait_is_in_between() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("where is my order")
    trace = trace << UserMessage << like(EagerTurn, probability=0.6) >> quiet(0.4) << SpeechEnded << TurnEnded
    assert abs(trace.at(TurnEnded) - trace.at(SpeechStarted) - 0.704 - 0.45) < 0.01
    return trace


@script
def who_goes_on_after_an_eager_turn_continues_it() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("Where is it?")
    trace = trace << like(UserMessage, message=1) << like(EagerTurn, message=1)
    trace = trace >> voice(0.2) << TurnContinued(1) << State.LISTENING >> voice(0.3)
    trace = trace >> quiet(0.2) << FinishTranscript() >> Final("The red one.")
    trace = trace << like(UserMessage, turn_id=1, message=2, text="Where is it? The red one.")
    trace = trace << like(EagerTurn, message=2) >> quiet(0.3) << SpeechEnded
    return trace << like(TurnEnded, message=2, is_continuation=False)


@script
def who_goes_on_when_the_silence_is_almost_over_continues_it_too() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("where is it")
    trace = trace << UserMessage << like(EagerTurn, message=1) >> quiet(0.2) << SpeechEnded << State.ANALYZING
    return trace >> voice(0.3) << SpeechStarted(1, 0.9) << TurnContinued(1) << State.LISTENING


@script
def words_after_an_eager_turn_continue_it_too() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("Where is it?")
    trace = trace << UserMessage << EagerTurn >> Partial("the") << TurnContinued(1) << State.LISTENING
    trace = trace >> quiet(0.2) << SpeechEnded << State.ANALYZING >> Final("The red one.")
    trace = trace << like(UserMessage, message=2) << like(EagerTurn, message=2)
    return trace >> Partial("and") << TurnContinued(1) << State.ANALYZING


@script
def a_soft_noise_does_not_disturb_an_eager_turn() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("Where is it?")
    trace = trace << UserMessage << EagerTurn >> voice(0.3, volume=0.3) >> quiet(0.2) << FinishTranscript()
    return trace >> Final("") >> quiet(0.2) << SpeechEnded << like(TurnEnded, message=1)


@script
def a_television_does_not_keep_a_turn_from_ending() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> voice(0.2, volume=0.2) << FinishTranscript()
    trace = trace >> Final("Where is it?") << UserMessage << EagerTurn >> voice(0.2, volume=0.2) << SpeechEnded
    return trace << like(TurnEnded, message=1) >> voice(3.0, volume=0.2) << State.PENDING


@script
def a_television_takes_no_turn() -> Trace:
    return call() >> voice(5.0, volume=0.2) << State.IDLE >> voice(0.3) << SpeechStarted(1, 0.9)


@script
def a_voice_that_has_begun_is_given_the_time_to_become_one() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("I have a")
    trace = trace << UserMessage >> quiet(0.95) << SpeechEnded << State.ANALYZING
    return trace >> voice(0.3) << SpeechStarted(1, 0.9) << State.LISTENING


@script
def a_click_in_a_silence_does_not_make_it_longer() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("where is it")
    trace = trace << UserMessage << EagerTurn >> quiet(0.192) << SpeechEnded >> voice(0.04) >> quiet(0.2) << TurnEnded
    assert trace.at(TurnEnded) - trace.at(SpeechEnded) < 0.21
    return trace


# The model


@script
def the_model_ends_a_turn() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> EndOfTurn(0.9) >> Final("where is it") << UserMessage >> quiet(0.1)
    return trace << SpeechEnded << like(TurnEnded, probability=0.9)


@script
def the_model_sees_that_more_follows() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript()
    trace = trace >> Final("Where is it.") << UserMessage >> quiet(0.2) << AskEndOfTurn() << SpeechEnded
    trace = trace >> EndOfTurn(0.1) << like(TurnPaused, turn_id=1, probability=0.1) << State.PAUSED >> quiet(2.0)
    trace = trace >> voice(0.4) << SpeechStarted(1, 0.9) << TurnResumed(1) << State.LISTENING >> quiet(0.3)
    return trace << FinishTranscript() << AskEndOfTurn()


@script
def a_verdict_about_an_earlier_pause_is_void() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> voice(0.1) >> EndOfTurn(0.99) >> Final("Where is it") >> quiet(0.2)
    return trace << FinishTranscript() << UserMessage >> quiet(0.2) << AskEndOfTurn() << SpeechEnded << State.ANALYZING


@script
def what_the_model_waits_for_in_vain_ends_in_the_end() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> EndOfTurn(0.1) >> Final("Where is it") << UserMessage >> quiet(0.1)
    return trace << SpeechEnded << TurnPaused >> quiet(2.5) << State.PAUSED >> quiet(0.2) << TurnEnded


@script
def a_pause_in_which_the_final_text_does_not_come_ends_with_the_partial_one() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> Partial("where is it") >> quiet(0.3)
    trace = trace << FinishTranscript() << AskEndOfTurn() >> EndOfTurn(0.1) >> quiet(0.1) << SpeechEnded << TurnPaused
    return trace >> quiet(2.7) << UserMessage << like(TurnEnded, text="where is it")


@script
def a_model_that_does_not_answer_is_not_waited_for() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> Final("Where is it") << UserMessage >> quiet(0.4) << SpeechEnded
    return trace << State.ANALYZING >> quiet(0.2) << TurnEnded


@script
def words_go_on_after_a_pause() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> EndOfTurn(0.1) >> Final("Where is") << UserMessage >> quiet(0.1)
    return trace << SpeechEnded << TurnPaused >> Partial("my order") << TurnResumed(1) << State.ANALYZING


@script
def a_pause_in_which_nothing_is_understood_is_no_turn() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.3) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> EndOfTurn(0.1) >> quiet(0.1) << SpeechEnded << TurnPaused
    return trace >> Final("") << State.IDLE


@script
def typing_ends_a_pause() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> EndOfTurn(0.1) >> Final("My name is") << UserMessage >> quiet(0.1)
    trace = trace << SpeechEnded << TurnPaused >> Typed("Zoë") << like(UserMessage, text="My name is Zoë")
    return trace << like(TurnEnded, text="My name is Zoë", latency=0.0)


@script
def something_unasked_in_a_pause_leaves_the_turn_open() -> Trace:
    trace = call(mode="smart_turn") >> voice(0.96) << SpeechStarted >> quiet(0.3) << FinishTranscript()
    trace = trace << AskEndOfTurn() >> EndOfTurn(0.1) >> Final("My name is") << UserMessage >> quiet(0.1)
    trace = trace << SpeechEnded << TurnPaused >> AgentBegan() << State.SPEAKING >> after(1.0) >> AgentEnded()
    return trace << TurnPaused >> after(2.0) << like(TurnEnded, turn_id=1, text="My name is")


# The vendor


@script
def the_vendor_ends_a_turn() -> Trace:
    trace = call(mode="native") >> voice(0.96) << SpeechStarted >> Partial("where is") >> quiet(0.2)
    trace = trace >> NativeTurn("eager", "Where is it?", 0.6) << like(UserMessage, text="Where is it?")
    trace = trace << like(EagerTurn, probability=0.6) >> NativeTurn("ended", "Where is it?", 0.8)
    trace = trace << like(TurnEnded, probability=0.8, message=1) << State.PENDING >> quiet(0.3) << SpeechEnded
    return trace >> Final("Where is it?") << State.PENDING


@script
def the_vendor_takes_an_eager_turn_back() -> Trace:
    trace = call(mode="native") >> voice(0.96) << SpeechStarted >> quiet(0.4) << SpeechEnded
    trace = trace >> NativeTurn("eager", "Where is", 0.6) << like(UserMessage, message=1) << EagerTurn
    trace = trace >> NativeTurn("resumed", "Where is") << TurnContinued(1) << State.ANALYZING
    trace = trace >> NativeTurn("ended", "Where is it?") << like(UserMessage, message=2, text="Where is it?")
    return trace << like(TurnEnded, message=2)


@script
def a_vendor_that_never_ends_a_turn_is_not_waited_for() -> Trace:
    trace = call(mode="native") >> voice(0.96) << SpeechStarted >> Partial("where is it") >> quiet(2.9)
    return trace << SpeechEnded << State.ANALYZING >> quiet(0.2) << UserMessage << like(TurnEnded, text="where is it")


@script
def what_a_vendor_foretold_may_come_to_nothing() -> Trace:
    trace = call(mode="native") >> voice(0.3) << SpeechStarted >> quiet(0.4) << SpeechEnded
    trace = trace >> NativeTurn("eager", "Hm") << UserMessage << EagerTurn >> Final("") << TurnContinued(1)
    return trace >> quiet(3.0) << State.IDLE


@script
def a_vendors_final_text_is_not_counted_twice() -> Trace:
    trace = call(mode="native") >> voice(0.96) << SpeechStarted >> Final("Where is it?") >> quiet(0.1)
    trace = trace >> NativeTurn("ended", "Where is it?") << like(UserMessage, text="Where is it?")
    return trace << like(TurnEnded, text="Where is it?") >> quiet(0.3) << SpeechEnded


@script
def a_vendor_that_ends_turns_is_not_asked_for_texts() -> Trace:
    return call(mode="native") >> voice(0.96) << SpeechStarted >> quiet(0.3) >> quiet(0.1) << SpeechEnded


@script
def a_vendors_next_turn_goes_on_with_ours_while_nothing_is_heard() -> Trace:
    trace = call(mode="native") >> voice(0.96) << SpeechStarted >> quiet(0.1) >> NativeTurn("ended", "Where is it?")
    trace = trace << UserMessage << TurnEnded >> quiet(0.1) >> voice(0.3) << Interrupt("continuation")
    trace = trace << TurnContinued(1) << State.LISTENING >> NativeTurn("ended", "The red one.")
    return trace << UserMessage << like(TurnEnded, text="Where is it? The red one.", is_continuation=True)


@script
def a_vendor_ends_what_was_said_over_the_agent() -> Trace:
    trace = call(mode="native") >> AgentBegan() >> AgentPlayed(5) >> NativeTurn("ended", "Stop it please.")
    trace = trace << Interrupt("user_spoke") << UserMessage << like(TurnEnded, text="Stop it please.")
    trace = trace >> AgentBegan(1) >> NativeTurn("ended", "Okay.") >> AgentEnded() << UserMessage
    return trace << like(TurnEnded, turn_id=2, text="Okay.")


@script
def no_reply_while_the_caller_talks_leaves_them_the_turn() -> Trace:
    trace = call(mode="native", resume_min_seconds=2.0) >> voice(0.96) << SpeechStarted
    trace = trace >> NativeTurn("ended", "Where is it?") << UserMessage << TurnEnded >> voice(0.3)
    return trace >> AgentEnded() << State.LISTENING >> quiet(0.4) << SpeechEnded << State.ANALYZING


# Before the answer


@script
def who_goes_on_before_the_answer_continues_the_turn() -> Trace:
    trace = asked() >> voice(0.3) << SpeechStarted(1, 0.9) << Interrupt("continuation") << TurnContinued(1)
    trace = trace << State.LISTENING >> quiet(0.2) << FinishTranscript() >> Final("The red one.")
    trace = trace << like(UserMessage, turn_id=1, message=2, text="Where is my order? The red one.")
    trace = trace << EagerTurn >> quiet(0.3) << SpeechEnded
    return trace << like(TurnEnded, turn_id=1, message=2, is_continuation=True)


@script
def a_soft_or_short_voice_before_the_answer_does_not_count() -> Trace:
    trace = asked() >> voice(0.15) >> quiet(0.3) >> voice(2.0, volume=0.3) << State.PENDING
    return trace >> AgentBegan(1) >> AgentEnded() << State.IDLE


@script
def noise_before_the_answer_only_delays_it() -> Trace:
    trace = asked() >> voice(0.3) << SpeechStarted << Interrupt("continuation") << TurnContinued(1)
    trace = trace >> quiet(0.2) << FinishTranscript() >> Final("") << like(UserMessage, message=2) << EagerTurn
    return trace >> quiet(0.3) << SpeechEnded << like(TurnEnded, message=2, text="Where is my order?")


@script
def soft_words_before_the_answer_count() -> Trace:
    trace = asked() >> Partial("the") >> Partial("the red one") << Interrupt("continuation") << TurnContinued(1)
    return trace << State.ANALYZING


@script
def one_word_before_the_answer_counts_when_it_is_final() -> Trace:
    trace = asked() >> Final("Tomorrow.") << Interrupt("continuation") << TurnContinued(1)
    return trace << like(UserMessage, text="Where is my order? Tomorrow.") << EagerTurn << State.ANALYZING


@script
def okay_before_the_answer_does_not_count() -> Trace:
    return asked() >> Final("Okay.") << State.PENDING >> AgentBegan(1) >> after(1) >> AgentEnded() << State.IDLE


@script
def what_was_said_before_an_answer_that_does_not_come_is_a_turn() -> Trace:
    trace = asked() >> Partial("hello?") >> AgentEnded() << State.ANALYZING >> after(1.0)
    return trace << UserMessage << like(TurnEnded, turn_id=2, text="hello?")


@script
def there_may_be_no_answer() -> Trace:
    return asked() >> AgentEnded() << State.IDLE


@script
def what_is_said_unasked_may_be_all() -> Trace:
    trace = asked() >> AgentBegan() << State.SPEAKING >> AgentEnded() << State.PENDING
    return trace >> AgentBegan() << State.SPEAKING >> AgentEnded(is_all=True) << State.IDLE


@script
def an_answer_goes_on_after_a_tool() -> Trace:
    trace = asked() >> AgentBegan(1) >> AgentPlayed(1.0) >> AgentPending() >> AgentEnded() << State.PENDING
    trace = trace >> voice(0.3) << SpeechStarted(2, 0.9) << Interrupt("continuation") << TurnContinued(2)
    return trace << State.LISTENING


@script
def an_answer_that_has_ended_may_go_on() -> Trace:
    trace = asked() >> AgentBegan(1) >> AgentEnded() >> AgentPending() << State.PENDING >> AgentBegan(1)
    return trace >> AgentBegan(1) << State.SPEAKING >> AgentEnded() << State.IDLE


@script
def what_is_said_to_bridge_the_wait_is_not_the_answer() -> Trace:
    return asked() >> AgentBegan() >> AgentEnded() << State.PENDING >> AgentBegan(1) >> AgentEnded() << State.IDLE


# Interrupting


@script
def an_early_interruption_continues_the_turn() -> Trace:
    trace = answered(1.2) >> voice(0.5) << SpeechStarted(1, 0.9) << Interrupt("continuation") << TurnContinued(1)
    trace = trace << State.LISTENING >> quiet(0.2) << FinishTranscript() >> Final("The red one.")
    return trace << like(UserMessage, turn_id=1, message=2, text="Where is my order? The red one.") << EagerTurn


@script
def a_quick_interruption_is_a_voice_too() -> Trace:
    trace = answered(1.2, interruption_min_seconds=0.1) >> voice(0.16) << SpeechStarted(1, 0.9)
    return trace << Interrupt("continuation") << TurnContinued(1) << State.LISTENING


@script
def a_late_interruption_is_a_new_turn() -> Trace:
    trace = answered(2.4) >> voice(0.5) << SpeechStarted(2, 0.9) << Interrupt("user_spoke") << TurnContinued(2)
    trace = trace >> quiet(0.2) << FinishTranscript() >> Final("Thanks, that is all.")
    trace = trace << like(UserMessage, turn_id=2, text="Thanks, that is all.") << EagerTurn >> quiet(0.3)
    return trace << SpeechEnded << like(TurnEnded, turn_id=2, is_continuation=False)


@script
def a_greeting_is_interrupted() -> Trace:
    trace = call() >> AgentBegan() << State.SPEAKING >> AgentPlayed(1.0) >> voice(0.4) << SpeechStarted(1, 0.9)
    return trace << Interrupt("continuation") << State.LISTENING


@script
def soft_voice_does_not_interrupt_but_its_words_do() -> Trace:
    trace = answered(3.0) >> voice(0.6, volume=0.3) << SpeechStarted(2, 0.9) << State.SPEAKING
    trace = trace >> Partial("stop") >> Partial("stop it") << Interrupt("user_spoke") << TurnContinued(2)
    return trace << State.LISTENING


@script
def words_that_come_after_the_voice_interrupt() -> Trace:
    trace = answered(3.0) >> voice(0.3, volume=0.3) << SpeechStarted >> quiet(0.5) << FinishTranscript() << SpeechEnded
    trace = trace >> Final("No, wait.") << Interrupt("user_spoke") << TurnContinued(2)
    trace = trace << like(UserMessage, turn_id=2, text="No, wait.") << EagerTurn << State.ANALYZING
    return trace >> quiet(0.4) << TurnEnded


@script
def uh_huh_does_not_interrupt_and_is_no_turn() -> Trace:
    trace = answered(3.0) >> voice(0.28) << SpeechStarted(2, 0.9) >> Partial("uh-huh okay") >> quiet(0.5)
    trace = trace << FinishTranscript() << SpeechEnded >> Final("Uh-huh, okay.") << State.SPEAKING >> after(1)
    return trace >> AgentEnded() << State.IDLE


@script
def yes_over_the_agents_last_word_is_an_answer() -> Trace:
    trace = answered(3.0) >> voice(0.28) << SpeechStarted(2, 0.9) >> quiet(0.2) << FinishTranscript() >> Final("Yes.")
    trace = trace >> AgentEnded() << State.LISTENING >> quiet(0.2) << SpeechEnded << like(UserMessage, text="Yes.")
    return trace << like(TurnEnded, turn_id=2, text="Yes.")


@script
def one_word_over_the_agent_is_the_next_turn() -> Trace:
    trace = answered(3.0) >> voice(0.28) << SpeechStarted(2, 0.9) >> quiet(0.5) << FinishTranscript() << SpeechEnded
    trace = trace >> Final("Tuesday.") << State.SPEAKING >> after(2.0) >> AgentEnded()
    return trace << like(UserMessage, turn_id=2, text="Tuesday.") << TurnEnded << State.PENDING


@script
def interruption_may_be_off() -> Trace:
    trace = answered(3.0, has_interruption=False) >> voice(1.0) << SpeechStarted(2, 0.9) >> Partial("stop it now")
    trace = trace << State.SPEAKING >> AgentEnded() << State.LISTENING >> quiet(0.2) << FinishTranscript()
    trace = trace >> Final("Stop it now.") << like(UserMessage, turn_id=2) << EagerTurn >> quiet(0.3)
    return trace << SpeechEnded << like(TurnEnded, turn_id=2, text="Stop it now.")


@script
def something_unasked_does_not_end_what_the_caller_says() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> AgentBegan() << State.SPEAKING >> AgentPlayed(3.0)
    trace = trace >> Partial("where is my") << Interrupt("user_spoke") << State.LISTENING >> quiet(0.2)
    trace = trace << FinishTranscript() >> Final("Where is my order?") << like(UserMessage, turn_id=1) << EagerTurn
    return trace >> quiet(0.2) << SpeechEnded << TurnEnded


@script
def something_unasked_in_a_silence_leaves_the_turn_open() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("I have a")
    trace = trace << UserMessage >> quiet(0.2) << SpeechEnded >> AgentBegan() << State.SPEAKING >> after(2)
    return trace >> AgentEnded() << like(TurnEnded, turn_id=1, text="I have a")


# Typing


@script
def what_is_typed_is_a_turn_at_once() -> Trace:
    trace = call() >> Typed("  ") >> Typed("hello") << UserMessage(1, 1, "hello", 1.0, 0.0)
    return trace << TurnEnded(1, 1, "hello", 1.0, 0.0, False) << State.PENDING


@script
def typing_goes_on_with_what_is_being_said() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> Partial("order number") >> Typed("A-42")
    trace = trace << UserMessage << like(TurnEnded, text="order number A-42") >> quiet(0.4)
    return trace << FinishTranscript() << SpeechEnded


@script
def typing_goes_on_with_what_was_said() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("My number is")
    trace = trace << UserMessage >> quiet(0.2) << SpeechEnded >> Typed("42")
    return trace << like(UserMessage, text="My number is 42") << like(TurnEnded, text="My number is 42")


@script
def typing_before_the_answer_continues_the_turn() -> Trace:
    trace = asked() >> Typed("42") << Interrupt("continuation") << TurnContinued(1)
    return trace << like(UserMessage, message=2) << like(TurnEnded, text="Where is my order? 42", is_continuation=True)


@script
def typing_interrupts() -> Trace:
    trace = answered(3.0) >> Typed("stop") << Interrupt("user_spoke") << TurnContinued(2)
    return trace << like(UserMessage, turn_id=2) << like(TurnEnded, text="stop") << State.PENDING


@script
def okay_after_something_typed_is_no_turn() -> Trace:
    trace = call() >> Typed("where is it") << UserMessage << TurnEnded >> AgentBegan(1) >> Final("Okay.") >> after(1)
    return trace >> AgentEnded() << State.IDLE


@script
def typing_waits_where_interruption_is_off() -> Trace:
    trace = answered(3.0, has_interruption=False) >> Typed("ok") << State.SPEAKING >> after(1) >> AgentEnded()
    return trace << like(UserMessage, turn_id=2) << like(TurnEnded, text="ok")


# Mute and hold


@script
def a_muted_caller_is_written_down() -> Trace:
    trace = call() >> voice(0.5) << SpeechStarted >> Partial("where is it?") >> Muted() << SpeechEnded
    trace = (
        trace
        << FinishTranscript()
        << UserMessage
        << EagerTurn
        >> quiet(0.4)
        << like(TurnEnded, text="where is it?")
        >> AgentBegan(1)
    )
    trace = trace >> Final("Where is it? Between us,") >> voice(2.0) >> Partial("he is slow")
    trace = trace << State.SPEAKING >> Unmuted() << UnmutedWith("Between us, he is slow") >> AgentEnded()
    return trace << State.IDLE


@script
def a_caller_who_said_nothing_is_unmuted() -> Trace:
    return call() >> Muted() >> Muted() >> voice(1.0) >> Unmuted() << UnmutedWith(None) << State.IDLE


@script
def a_held_call_takes_no_turns() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("I have a")
    trace = trace << UserMessage >> Held() << SpeechEnded >> voice(5.0) >> Final("music") >> after(200)
    trace = trace << State.ANALYZING >> Unheld() >> quiet(1.1) << State.ANALYZING >> quiet(0.2)
    return trace << like(TurnEnded, text="I have a")


# Limits


@script
def silence_is_warned_of_twice_and_ends_the_call() -> Trace:
    trace = call() >> after(44.9) >> after(0.2) << IdleWarning(15, 60) >> after(14.8) >> after(0.2)
    trace = trace << IdleWarning(10, 60) >> after(9.8) >> after(0.2) << LimitReached("idle_timeout") << State.OVER
    return trace >> voice(3.0) >> Final("hello") >> Typed("hello") >> Unmuted() >> after(1000)


@script
def the_agent_stops_the_clock_and_the_caller_sets_it_back() -> Trace:
    trace = call() >> after(44.0) >> AgentBegan() >> after(100) >> AgentEnded() >> after(0.9) >> after(0.2)
    trace = trace << IdleWarning(15, 60) >> voice(0.32) << SpeechStarted >> quiet(0.4) << FinishTranscript()
    trace = trace << SpeechEnded >> Final("") >> after(44.5) >> after(0.2) << IdleWarning(15, 60)
    trace = trace >> Typed("hello") << UserMessage << TurnEnded >> AgentEnded() >> after(44.9) >> after(0.2)
    return trace << IdleWarning(15, 60)


@script
def silence_is_counted_from_the_last_voice() -> Trace:
    trace = call() >> voice(0.96) << SpeechStarted >> quiet(0.2) << FinishTranscript() >> Final("") >> quiet(0.2)
    trace = trace << SpeechEnded >> after(50) << IdleWarning(15, 60)
    assert abs(trace.at(IdleWarning) - 0.96 - 45) < 0.02
    return trace


@script
def the_clock_stands_while_nobody_listens() -> Trace:
    trace = call() >> after(40) >> Held() >> after(300) >> Unheld() >> after(4.9) >> after(0.2)
    return trace << IdleWarning(15, 60) >> Muted() >> after(100) >> Unmuted() << UnmutedWith(None)


@script
def a_call_is_not_endless() -> Trace:
    trace = call(max_duration_seconds=30.0) >> voice(1.0) << SpeechStarted >> voice(28.9) >> voice(0.2)
    return trace << LimitReached("max_duration") << State.OVER
