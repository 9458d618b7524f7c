"""The nouns."""

import hashlib

from chat_memory.models import chat_key


def test_a_key_is_the_hash_of_length_prefixed_owner_and_chat_id() -> None:
    """Frozen for ever: a key computed another way would not find the chats of yesterday."""
    whole = b"\x00\x00\x00\x05alice\x00\x00\x00\x03a/b"
    assert chat_key("alice", "a/b").chat == hashlib.sha256(whole).digest()[:16]
    assert chat_key("alice", "a/b").chat.hex() == "9c94bba98db4c44b5e06759d9e749489"


def test_the_bucket_is_the_keys_first_byte() -> None:
    assert {chat_key("o", f"{number}").bucket for number in range(4_000)} == set(range(256))
    key = chat_key("o", "c")
    assert key.bucket == key.chat[0]


def test_owner_and_chat_id_cannot_be_shifted_into_one_another() -> None:
    """Without the length prefix `ab`+`c` and `a`+`bc` would be one chat of two owners."""
    pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("a\x00", "b"), ("a", "\x00b")]
    assert len({chat_key(*pair) for pair in pairs}) == len(pairs)
