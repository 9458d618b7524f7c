"""One performance from the first line to the last: the folder, the screen, the story, and the report."""

import anyio

from chat_memory.cli.console import open_console
from chat_memory.cli.demo.conversation import Conversation
from chat_memory.cli.demo.report import print_report
from chat_memory.cli.demo.scratch import scratch_folder
from chat_memory.cli.demo.screen import Screen
from chat_memory.cli.demo.story import Story, Verdict, tell
from chat_memory.server.signals import answer_signals


async def tell_or_stop(story: Story, keep: bool) -> None:  # noqa: FBT001 - as anyio.run passes it
    """Tell the story to its end, or until SIGINT or SIGTERM.

    Raises:
        KeyboardInterrupt: it was stopped. A scope stays cancelled; asyncio's own cancelling at a signal can get lost.
        DemoError: it could not be told, or something did not survive.
    """
    failure: Exception | None = None
    told = False
    async with anyio.create_task_group() as group:
        await group.start(answer_signals, group.cancel_scope.cancel)
        try:
            await tell(story, keep)
            told = True
        except Exception as error:  # noqa: BLE001 - raised again below, outside the group that would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if not told:
        raise KeyboardInterrupt


def perform(conversation: Conversation, *, keep: bool) -> None:
    """Tell the story and report what survived.

    Raises:
        DemoError: it could not be told, or something did not survive.
    """
    console = open_console()
    screen = Screen(console)
    with scratch_folder(keep=keep) as scratch:
        story = Story(conversation, scratch, screen)
        screen.say(f"{len(conversation.messages)} turns: {conversation.name}. Data folder: {scratch.data_dir}")
        with screen.live():
            anyio.run(tell_or_stop, story, keep)
        story.verdicts.append(Verdict("no process of it is left", scratch.list_left()))
        print_report(console, story)
        if keep:
            console.print(f"Kept: chat {story.chat_id!r} in CHAT_MEMORY_DATA_DIR={scratch.data_dir}", soft_wrap=True)
