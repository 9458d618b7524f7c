"""Loaders of long chats: tiny files in the public formats, and what becomes of them."""

import json
from pathlib import Path

import pytest

from chat_memory.lab.errors import BrokenSetError
from chat_memory.lab.evaluation.loaders import locomo, longmemeval, realtalk
from chat_memory.lab.evaluation.loaders.chats import find_evidence

PLACES = {(1, 1): 0, (1, 2): 1, (1, 3): 2, (2, 1): 3}


def say(speaker: str, place: str, **more: object) -> dict[str, object]:
    return {"speaker": speaker, "dia_id": place, **more}


SAMPLE: dict[str, object] = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ann",
        "speaker_b": "Bo",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_10": [say("Bo", "D10:1", text="I sold the boat.")],
        "session_1": [
            say("Ann", "D1:1", text="I bought a kite!", img_url=["x"], blip_caption="a red kite", query="kite"),
            say("Bo", "D1:2", text="I bought a boat."),
        ],
        "session_1_observation": {"Ann": []},
    },
    "event_summary": {},
    "qa": [
        {"question": "What did Bo do?", "answer": "sold it", "evidence": ["D1:2", "D10:1"], "category": 1},
        {"question": "How many?", "answer": 2, "evidence": ["D1:1; D1:02"], "category": 2},
        {"question": "Which?", "answer": "none", "evidence": ["D7:7"], "category": 2},
        {"question": "Never said?", "adversarial_answer": "x", "evidence": ["D1:1"], "category": 5},
    ],
}


@pytest.mark.parametrize(
    ("references", "places"),
    [
        ("D1:2", (1,)),
        ("D1:3.", (2,)),
        ("D2:1;D1:1", (0, 3)),
        ("D:1:02", (1,)),
        ("D1:1-D1:3", (0, 1, 2)),
        ("D1:1 - D2:1", (0, 3)),
        ("D9:9", ()),
        ("", ()),
    ],
)
def test_references_are_read_as_annotators_wrote_them(references: str, places: tuple[int, ...]) -> None:
    """Fails when a range is two turns, or one that names no turn is an error."""
    assert find_evidence(references, PLACES) == places


def test_locomo_gives_sessions_in_order_and_questions_with_their_turns(tmp_path: Path) -> None:
    """Fails when session 10 comes before 2, a caption is lost, or a question without an answer is kept."""
    (tmp_path / "locomo10.json").write_text(json.dumps([SAMPLE]))
    (chat,) = locomo.read(tmp_path)
    assert chat.id == "conv-1"
    assert [message.content for message in chat.messages] == [
        "Ann: I bought a kite! (a picture: a red kite)",
        "Bo: I bought a boat.",
        "Bo: I sold the boat.",
    ]
    assert {message.role for message in chat.messages} == {"user"}
    assert [(question.text, question.kind, question.evidence) for question in chat.questions] == [
        ("What did Bo do?", "1", (1, 2)),
        ("How many?", "2", (0, 1)),
    ]


def test_realtalk_is_a_file_for_each_chat(tmp_path: Path) -> None:
    said = say("Cy", "D1:1", clean_text="I run at six.", date_time="29.12.2023, 00:52:01", img_file=[], img_url=[])
    asked = {"question": "When?", "answer": "at six", "evidence": ["D1:1"], "category": 2}
    for number in (10, 2):
        file = {"name": {"speaker_1": "Cy", "speaker_2": "Di"}, "session_1": [said], "session_1_date_time": "x"}
        (tmp_path / f"Chat_{number}_Cy_Di.json").write_text(json.dumps({**file, "qa": [asked], "events_session_1": {}}))
    chats = realtalk.read(tmp_path)
    assert [chat.id for chat in chats] == ["Chat_2_Cy_Di", "Chat_10_Cy_Di"]
    assert chats[0].messages[0].content == "Cy: I run at six."
    assert chats[0].questions[0].evidence == (0,)


def test_longmemeval_is_a_chat_for_each_question_that_is_answered(tmp_path: Path) -> None:
    """Fails when a question about what was never said is kept, or the small file is read where the real one is."""
    turns = [{"role": "user", "content": "My cat is Odo.", "has_answer": True}, {"role": "assistant", "content": "Hi."}]
    about = {"question_type": "single-session-user", "question": "Which cat?", "answer": "Odo", "question_date": "x"}
    instance = {**about, "question_id": "q1", "haystack_sessions": [[turns[1]], turns], "answer_session_ids": ["b"]}
    (tmp_path / "longmemeval_oracle.json").write_text("[]")
    (tmp_path / "longmemeval_s_cleaned.json").write_text(json.dumps([instance, {**instance, "question_id": "q2_abs"}]))
    (chat,) = longmemeval.read(tmp_path)
    assert (chat.id, [message.role for message in chat.messages]) == ("q1", ["assistant", "user", "assistant"])
    assert chat.questions[0].evidence == (1,)


def test_a_file_of_another_format_is_named_with_its_first_fault(tmp_path: Path) -> None:
    with pytest.raises(BrokenSetError, match=r"no file locomo\*\.json\* is in it"):
        locomo.read(tmp_path)
    (tmp_path / "locomo10.json").write_text('[{"sample_id": "a", "qa": []}]')
    with pytest.raises(
        BrokenSetError, match=r"locomo10\.json of a set cannot be read: 0\.conversation: field required"
    ):
        locomo.read(tmp_path)
    (tmp_path / "locomo10.json").write_text("[")
    with pytest.raises(BrokenSetError, match="it is not JSON"):
        locomo.read(tmp_path)
