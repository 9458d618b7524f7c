"""chat-memory demo: a real server, really killed."""

import json
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chat_memory.cli.console import open_console
from chat_memory.cli.demo import story as stage
from chat_memory.cli.demo.conversation import (
    CALL_TURNS,
    CORRECTED,
    NEVER_CONFIRMED,
    Conversation,
    read_bundled,
    read_file,
)
from chat_memory.cli.demo.scratch import Scratch, is_alive, scratch_folder
from chat_memory.cli.demo.screen import Screen
from chat_memory.cli.demo.server import Server, start_server
from chat_memory.cli.demo.story import Story
from chat_memory.errors import DemoError, UnreadableLineError
from chat_memory.models import ROLES, Message
from chat_memory.replies import Receipt
from chat_memory.storage.embedded.polling import poll
from chat_memory.storage.embedded.postmaster import is_postmaster
from tests.cli.conftest import PATIENCE_SECONDS, Program, finish

PID_FILES = "*/data/*/cluster/postmaster.pid"
DEAD = "postgresql://127.0.0.1:1/none"


def write_lines(path: Path, *messages: object) -> Path:
    """Write a file of JSON lines."""
    lines = (message if isinstance(message, str) else json.dumps(message, ensure_ascii=False) for message in messages)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def test_the_bundled_conversation_survives_the_kill(alone: Program, folder: Path) -> None:
    """The main promise, end to end; the user's own database and data folder are not touched, and nothing is left."""
    done = alone.run("demo", CHAT_MEMORY_DATABASE_URL=DEAD)
    assert done.returncode == 0, done.stdout + done.stderr
    told, _, survived = done.stdout.partition("What survived the kill")
    assert "kill -9 " in told
    assert "start to first answer, cold" in told
    assert "20 June 2027" in told.partition("Its past")[2]
    assert "asked to confirm it, the server said: " in told
    promises = (
        f"every turn ({len(read_bundled().messages)}) of every receipt",
        *NEVER_CONFIRMED,
        *(f"{what} is named with the version that replaced it" for what in CORRECTED),
        "a guess stays one, and a restore leads to the past and back",
        "no process of it is left",
    )
    for promise in promises:
        assert f"✓ {promise}" in survived
    assert "✗" not in survived
    assert list(folder.iterdir()) == []


def test_a_conversation_of_ones_own_is_kept_when_asked(alone: Program, folder: Path) -> None:
    """Bytes that others lose on the way come back; fails without `keep` in scratch_folder."""
    odd = ["🎂 null", '{"a": 1}', "12", "أهلا \u202e abc", " spaces  stay \t\r", "line\nline\u2028line"]
    file = write_lines(folder / "own.jsonl", *({"role": "user", "content": content} for content in odd))
    done = alone.run("demo", "--keep", "--file", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ every turn (6) of every receipt (6) is there" in done.stdout
    assert "✗" not in done.stdout
    (kept,) = folder.glob("chat-memory-demo-*")
    assert f"CHAT_MEMORY_DATA_DIR={kept / 'data'}" in done.stdout
    assert (kept / "data").is_dir()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "the line: invalid JSON"),
        ([1], "the line: input should be an object"),
        ({"role": "user"}, "content: field required"),
        ({"role": "boss", "content": "Hi"}, "role: input should be 'user', 'assistant'"),
        ({"role": "user", "content": "Hi", "at": 1}, "at: extra inputs are not permitted"),
        ({"role": "user", "content": " "}, "content is empty"),
        ({"role": "user", "content": "a\0b"}, "content has a NUL character at character 1"),
        ({"role": "user", "content": "x" * 262_145}, "content is 262145 bytes of UTF-8, the limit is 262144"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong_and_a_remedy(tmp_path: Path, line: object, problem: str) -> None:
    """Fails without either `except` of conversation.read_line."""
    file = write_lines(tmp_path / "own.jsonl", {"role": "user", "content": "Hi"}, "", line)
    with pytest.raises(UnreadableLineError) as caught:
        read_file(file)
    assert str(caught.value).startswith(f"own.jsonl, line 3: {problem}")
    assert 'one JSON object such as {"role": "user", "content": "Hello"}' in str(caught.value)


def test_a_bad_line_ends_the_program_before_anything_is_started(alone: Program, folder: Path) -> None:
    """Fails when command.demo reads the file after the scene is set."""
    file = write_lines(folder / "own.jsonl", {"role": "user", "content": "Hi"}, {"role": "boss", "content": "Hi"})
    done = alone.run("demo", "--file", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("chat-memory: own.jsonl, line 2: role: ")
    assert len(done.stderr.splitlines()) == 1
    assert list(folder.iterdir()) == [file]


def test_an_empty_file_is_no_conversation(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLineError, match="the file has no line with a message"):
        read_file(write_lines(tmp_path / "own.jsonl", "", " "))


def test_the_bundled_conversation_has_what_should_mislead() -> None:
    """Each is really said, and each but the user's own corrections by somebody else than the user."""
    messages = read_bundled().messages
    assert {message.role for message in messages} == set(ROLES) - {"system"}
    said = {
        what: [message.role for message in messages if words in message.content]
        for what, words in NEVER_CONFIRMED.items()
    }
    assert said["the assistant's guess"] == ["assistant"]
    assert said["the instruction planted in a tool's result"] == ["tool"]
    assert said["the date before its correction"] == ["user"]
    assert said["the number of guests before its correction"] == ["user"]


def test_calls_begin_with_the_user_and_stay_small_and_the_last_are_the_burst() -> None:
    """Fails without the limit, or without the user's turn, in split_exchanges."""
    user, other = Message(role="user", content="u"), Message(role="assistant", content="a")
    messages = [user, other, other, user, user, *[other] * CALL_TURNS]
    calm, burst = Conversation("test", messages).split()
    assert [len(call) for call in (*calm, *burst)] == [3, 1, CALL_TURNS, 1]
    assert [message for call in (*calm, *burst) for message in call] == messages
    assert len(burst) == 1


@dataclass(frozen=True, slots=True)
class PatientServer(Server):
    """A server whose writer waits until everything is folded: nothing is ever pending for a reader."""

    async def update(self, chat_id: str, messages: tuple[Message, ...]) -> Receipt:
        receipt = await Server.update(self, chat_id, messages)
        await self.summarize(chat_id)
        return receipt


async def test_a_burst_that_is_folded_too_fast_is_written_again_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Fails when the story kills a server with nothing pending, or never gives up."""
    tries: list[str] = []

    @asynccontextmanager
    async def start_patient(scratch: Scratch) -> AsyncGenerator[Server]:
        async with start_server(scratch) as server:
            yield PatientServer(server.client, server.pid, scratch)
            reply = await server.client.call_tool("get_memory", {})
            assert reply.structured_content == {"chats": []}  # what was written in vain is forgotten

    def count(_: Screen, turns: int) -> None:
        tries.append(f"{turns} turns")

    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(stage, "start_server", start_patient)
    monkeypatch.setattr(stage, "BURSTS", 3)
    monkeypatch.setattr(Screen, "begin", count)
    messages = [Message(role="user", content="Hi"), Message(role="user", content="My budget is £5.")]
    with scratch_folder(keep=False) as scratch:
        story = Story(Conversation("test", messages), scratch, Screen(open_console()))
        with pytest.raises(DemoError, match="3 bursts were folded before they could be read as pending"):
            await story.write_until_killed()
        assert scratch.list_left() == []
    assert tries == ["2 turns"] * 3


async def test_what_a_killed_server_leaves_running_is_stopped(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Fails without the stop in scratch_folder: the embedded PostgreSQL outlives the server that started it."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with scratch_folder(keep=True) as scratch:
        async with start_server(scratch) as server:
            await server.read("chat")
            server.kill()
        assert not is_alive(server.pid)
        assert scratch.list_left() == ["the embedded PostgreSQL still runs"]
    assert scratch.list_left() == []


def test_an_interrupted_demo_leaves_nothing(alone: Program, folder: Path) -> None:
    """Ctrl-C in the first life: fails without the `finally` in scratch_folder."""
    process = alone.start("demo", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    process.stdout.readline()
    assert poll(lambda: any(folder.glob(PID_FILES)), PATIENCE_SECONDS)
    (pid_file,) = folder.glob(PID_FILES)
    postmaster = int(pid_file.read_text().split()[0])
    done = finish(process, signal.SIGINT)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []
    assert not is_postmaster(postmaster, pid_file.parent)
