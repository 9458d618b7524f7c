"""Quotes: what is a whole statement of a turn, and what a value may claim from it."""

import pytest

from chat_memory.prompts.clauses import read
from chat_memory.prompts.quotes import lacks, occurs, prove
from chat_memory.prompts.words import words
from tests.growth import LINEAR, growth
from tests.prompts.said import dice


def proves(value: str, quote: str, content: str, key: str = "") -> bool:
    """Whether a turn states a value, under a key that its quote has when no other is given."""
    key = key or " ".join(words(quote)[:3])
    return prove(key, value, quote, read(content)).reason == ""


def is_whole_clauses(quote: str, content: str) -> bool:
    """Whether a quote is whole clauses of a statement in a turn, whatever it proves."""
    return prove("", quote, quote, read(content)).reason not in {
        "the quote is not whole clauses of a statement",
        "no quote",
    }


@pytest.mark.parametrize(
    ("quote", "content"),
    [
        ("My budget is 500.", "My budget is 500."),
        ("my BUDGET  is\n500", "Hi! My budget is 500."),
        ("I'm vegan", "I\u2019m vegan."),
        ("I live in Rome", "My name is Ana and I live in Rome"),
        ("and I live in Rome", "My name is Ana and I live in Rome"),
        ("I live in Rome", "I live in Rome, can you suggest a restaurant?"),
        ("My name is Ana and I live in Rome", "My name is Ana and I live in Rome. Thanks!"),
        ("My budget is 500", "My budget is 500, not 600."),
        ("make it five", "No, make it five."),
        ("My budget is 500", "No. My budget is 500."),
        ("I met Dr. Smith", "I met Dr. Smith."),
        ("As I said, I live in Rome", "As I said, I live in Rome."),
        ("I like the movie Heat", 'I like the movie "Heat".'),
        ("my budget is 500", "I don't eat meat, my budget is 500."),
        ("my budget is 5", "my budget is \uff15"),  # full width
        ("我住在北京", "我住在北京，我不喜欢茶。"),  # noqa: RUF001
        ("cafe\u0301 please", "Caf\u00e9, please."),  # one letter, two Unicode forms
    ],
)
def test_whole_clauses_are_a_quote(quote: str, content: str) -> None:
    """Removing plain() from words makes this fail."""
    assert is_whole_clauses(quote, content)


@pytest.mark.parametrize(
    ("quote", "content"),
    [
        ("want X", "I do not want X"),
        ("I want X", "I don't think I want X"),
        ("my budget is 500", "I don't think, my budget is 500"),
        ("coffee", "I do not want tea, coffee or milk"),
        ("I want tea", "I want tea, not."),
        ("I like tea", "I like tea, just kidding."),
        ("喜欢茶", "我不喜欢茶。"),
    ],
)
def test_a_clipped_not_is_no_quote(quote: str, content: str) -> None:
    """Removing the negation scope makes this fail."""
    assert not is_whole_clauses(quote, content)


@pytest.mark.parametrize(
    ("quote", "content"),
    [
        ("I'll take the bus", "If it rains I'll take the bus."),
        ("I'll take the bus", "If it rains, I'll take the bus."),
        ("I'll take the bus", "I'll take the bus, if it rains."),
        ("I'll take the bus", "I'll take the bus, unless it is late."),
        ("I'll take the bus", "If it rains\nI'll take the bus"),
        ("my budget is 500", "Let's say my budget is 500"),
        ("my budget is 500", "Suppose for a moment: my budget is 500."),
    ],
)
def test_a_clipped_condition_is_no_quote(quote: str, content: str) -> None:
    """Removing the condition scope makes this fail."""
    assert not is_whole_clauses(quote, content)


@pytest.mark.parametrize(
    ("quote", "content"),
    [
        ("Is my budget 500", "Is my budget 500?"),
        ("Is my budget 500?", "Is my budget 500?"),
        ("is my budget 500", "so is my budget 500"),
        ("my budget is 500", "my budget is 500?"),
        ("my budget is 500", "my budget is 500, right?"),
        ("my budget is 500", "My budget is 500, isn't it?"),
        ("my budget is 500", "My budget is 500, is that right?"),
        ("my budget is 500", "What if my budget is 500?"),
        ("我的预算是五百", "我的预算是五百吗？"),  # noqa: RUF001
    ],
)
def test_a_question_states_nothing(quote: str, content: str) -> None:
    """Removing _mark_question makes this fail."""
    assert not is_whole_clauses(quote, content)


@pytest.mark.parametrize(
    ("quote", "content"),
    [
        ("my budget is 500", "He said my budget is 500."),
        ("my budget is 500", "According to the mail, my budget is 500."),
        ("my budget is 500", "My budget is 500, he said."),
        ("my budget is 500 now", 'Look: "my budget is 500 now" is what it reads.'),
        ("my budget is 500 now", "> my budget is 500 now\nWhat is this?"),
        ("my budget is 500 now", "```\nmy budget is 500 now\n```"),
    ],
)
def test_what_somebody_else_said_is_not_stated(quote: str, content: str) -> None:
    """Removing the report scope or _mark_quotations makes this fail."""
    assert not is_whole_clauses(quote, content)


@pytest.mark.parametrize(
    ("quote", "content"),
    [
        ("My budget", "My budget is 500."),
        ("budget is", "My budget is 500."),
        ("is 500", "My budget is 500."),
        ("My budget is 50", "My budget is 500."),
        ("My budgets is 500", "My budget is 500."),
        ("My budget is 600", "My budget is 500."),
        ("my email is ana", "my email is ana@example.org"),
        ("", "My budget is 500."),
        ("👍", "👍"),
    ],
)
def test_a_part_of_a_clause_is_no_quote(quote: str, content: str) -> None:
    assert not is_whole_clauses(quote, content)


def test_a_quote_occurs_by_whole_words() -> None:
    reading = read("Your budget might be 500.")
    assert occurs("budget might be", reading)
    assert not occurs("budget might be 50", reading)
    assert not occurs("", reading)


@pytest.mark.parametrize(
    ("value", "quote", "missing"),
    [
        ("500", "my budget is 500", []),
        ("5", "my budget is 50", ["5"]),
        ("5", "it is -5", ["5"]),
        ("-5", "it is -5", []),
        ("1,200", "I have 1200 coins", []),
        ("$1,200", "I have $1200", []),
        ("€1,200", "I have $1,200", ["€"]),
        ("5", "it is 5.5", ["5"]),
        ("10:30", "at 10:30", []),
        ("10", "at 10:30", ["10"]),
        ("2024", "on 2024-03-15", ["2024"]),
        ("5", "covid-5", ["5"]),
        ("Ann", "my name is Anna", ["ann"]),
        ("Anna", "my name is ANNA", []),
        ("the Rome office", "I work in Rome", ["office"]),
        ("evil.example", "my mail is ana@evil.example", ["evil.example"[:4], "example"]),
        ("Rome to Paris", "from Paris to Rome", ["Rome to Paris"]),
        ("not vegan", "I am vegan", ["not"]),
        ("北京", "我住在北京", []),
        ("京北", "我住在北京", ["京北"]),
    ],
)
def test_every_word_of_a_value_is_in_its_quote(value: str, quote: str, missing: list[str]) -> None:
    """Whole words, in the value's order; removing _missing makes this fail."""
    assert lacks(value, quote) == missing


def test_hidden_characters_join_and_part_nothing() -> None:
    assert lacks("5", "my budget is 5\u200b0") == ["5"]
    assert lacks("50", "my budget is 5\u200b0") == []


def test_a_turkish_capital_and_a_joiner_leave_nothing_behind() -> None:
    """Removing the dot in _fold or U+034F from _INVISIBLE makes this fail."""
    assert words("DE\u011e\u0130L n\u034fot") == ["de\u011fil", "not"]


def test_a_letter_of_another_script_is_another_letter() -> None:
    assert lacks("p\u0430ypal", "I use paypal") == ["p\u0430ypal"]


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        ("meat", "I don't eat meat"),
        ("admin", "I am not admin"),
        ("the bus", "if it rains I'll take the bus"),
        ("Tuesday", "maybe on Tuesday"),
        ("500", "he said my budget is 500"),
        ("500", "it is false that my budget is 500"),
        ("500", "I doubt my budget is 500"),
        ("500", "my budget is not 500 but 600"),
        ("5", "make it 6 instead of 5"),
        ("茶", "我不喜欢茶"),
    ],
)
def test_a_value_says_the_not_or_if_of_its_quote(value: str, quote: str) -> None:
    """The quote is whole, the value is clipped: removing _hidden_scope makes this fail."""
    assert is_whole_clauses(quote, quote)
    assert lacks(value, quote) == []
    assert not proves(value, quote, quote)


def test_a_value_may_carry_the_not_itself() -> None:
    assert proves("not vegan", "I am not vegan", "I am not vegan.")
    assert proves("600", "my budget is not 500 but 600", "My budget is not 500 but 600.")
    assert proves("6", "make it 6", "Make it 6 instead of 5.")


@pytest.mark.parametrize(
    ("key", "value", "quote"),
    [
        ("user_is_admin", "yes", "Yes."),
        ("user_is_admin", "Yes please", "Yes please!"),
        ("userIsAdmin", "true", "True."),
        ("refund_approved", "yes", "Yes, I want a refund."),
        ("account_12345", "Ana", "My name is Ana."),
        ("user_is_admin", "Ana", "My name is Ana."),
        ("not_allergic_to", "peanuts", "I am allergic to peanuts."),
        ("the bank agreed with ana to pay bob a refund", "500", "My budget is 500."),
        ("approved amount", "500", "My budget is 500."),
    ],
)
def test_a_key_cannot_claim_what_its_value_does_not(key: str, value: str, quote: str) -> None:
    """A key is a label; removing _smuggled makes this fail."""
    assert lacks(value, quote) == []
    assert not proves(value, quote, quote, key)


@pytest.mark.parametrize(
    ("key", "value", "quote"),
    [
        ("budget", "500", "I can spend 500."),
        ("is_admin", "admin", "Yes, I am an admin."),
        ("preferences", "window seats", "I prefer window seats."),
    ],
)
def test_a_label_may_be_the_summarizers_own_word(key: str, value: str, quote: str) -> None:
    assert proves(value, quote, quote, key)


@pytest.mark.parametrize("value", ["the", "of my", "👍", "..."])
def test_a_value_without_content_proves_nothing(value: str) -> None:
    assert not proves(value, "My budget is 500.", "My budget is 500.", "budget")


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        ("7 pm", "I need 7 seats at 8 pm"),
        ("$500", "I paid $20 for 500 pages"),
        ("delete files", "Please delete mails and keep files"),
        ("Eve Friday", "I meet Ana and Eve goes home Friday"),
        ("Bob Rome", "I know Bob, I live in Rome"),
    ],
)
def test_a_value_is_one_piece_of_its_quote(value: str, quote: str) -> None:
    """Skipping any word instead of stop words only in _run makes this fail: words of two things tell a third."""
    assert not proves(value, quote, quote)
    assert lacks(value, quote) == [value]


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        ("5", "it is 5 million"),
        ("5", "it is 5%"),
        ("5", "it is -$5"),
        ("$5", "it is -$5"),
        ("5", "it is (5)"),
        ("5", "it is 5²"),
        ("52", "it is 5²"),
        ("1", "it is 1½"),
        ("5", "it is 5 to 7 miles"),
        ("5", "it is 5\u20137 miles"),
        ("500", "it is less than 500"),
        ("500", "it is between 400 and 500"),
        ("500", "it is 1 500"),
        ("500", "it is 1\u2019500"),
        ("500", "it is \u2013500"),
        ("500", "it is $500"),
        ("0100", "call me at 555 0100"),
        ("two", "it is two hundred"),
        ("5", "it is 5 or 6"),
    ],
)
def test_no_number_is_cut_out_of_another(value: str, quote: str) -> None:
    """Removing cuts_number makes this fail."""
    assert not proves(value, quote, f"{quote}.")


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        ("500", "it is 500"),
        ("$1,200", "the total is $1,200 now"),
        ("5 million", "it is 5 million"),
        ("less than 500", "it is less than 500"),
        ("555 0100", "call me at 555 0100"),
        ("3", "it is 3, not 4"),
    ],
)
def test_a_whole_number_is_a_value(value: str, quote: str) -> None:
    assert proves(value, quote, f"{quote}.")


@pytest.mark.parametrize(
    ("value", "quote", "content", "proven"),
    [
        ("🚫 vegan?", "I AM... (❌ vegan ❌)!!", "I am vegan.", ("vegan", "I am vegan")),
        ("- 500", "my balance is -500"[:10] + " is 500", "My balance is 500.", ("500", "My balance is 500")),
        ("ANA\u200b RUIZ", "my name is ana ruiz", "Hi! My name is Ana Ruiz.", ("Ana Ruiz", "My name is Ana Ruiz")),
        ("C++", "I like C++.", "I like C++.", ("C++", "I like C++.")),
        (".NET", "I use the .NET", "I use the .NET stack, I use the .NET", (".NET", "I use the .NET")),
        ("北京", "The city is 北京", "The city is 北京。", ("北京", "The city is 北京")),
    ],
)
def test_what_is_proven_is_the_turns_own_text(value: str, quote: str, content: str, proven: tuple[str, str]) -> None:
    """Giving the proposal's characters back from cut_out makes this fail."""
    key = " ".join(words(quote)[:3])
    key = "diet" if "vegan" in value else key
    proof = prove(key, value, quote, read(content))
    assert (proof.value, proof.quote) == proven


@pytest.mark.parametrize(
    ("key", "value", "quote"),
    [
        ("password", "Rex", "My dog is called Rex."),
        ("dislikes", "tea", "I love tea."),
        ("account number", "12345", "My invoice number is 12345."),
        ("invoice number", "12345", "Bob's invoice number is 12345."),
        ("invoice number", "12345", "His invoice number is 12345."),
        ("invoice number", "12345", "Tom has invoice number 12345."),
        ("name", "Eva", "My mother's name is Eva."),
        ("name", "Eva", "Her name is Eva."),
        ("home", "Paris", "My sister lives in Paris."),
        ("email", "bob@x.org", "My boss's mail is bob@x.org."),
        ("name", "Bob", "I had lunch with Bob."),
        ("refund wanted", "Sí", "Sí."),
        ("delete files", "go ahead", "Go ahead."),
        ("sounds", "good", "Good."),
        ("good", "sounds good", "Sounds good."),
        ("the", "Rome", "I live in Rome."),
        ("≠home", "Rome", "I live in Rome."),
    ],
)
def test_a_key_is_a_label_its_quote_bears_out(key: str, value: str, quote: str) -> None:
    """Removing _foreign, _owner, _SIGNS or the empty label from key_objection makes this fail."""
    assert not proves(value, quote, quote, key)


@pytest.mark.parametrize(
    ("key", "value", "quote"),
    [
        ("home city", "Rome", "I live in Rome with my wife."),
        ("employer", "Acme", "I work at Acme."),
        ("prefers window seats", "window seats", "I prefer window seats."),
        ("wife's name", "Sara", "My wife's name is Sara."),
        ("name", "Ana", "My name's Ana."),
        ("diet", "vegan", "I am vegan."),
        ("phone", "555-123-4567", "Call me at 555-123-4567."),
    ],
)
def test_a_common_attribute_is_a_label(key: str, value: str, quote: str) -> None:
    assert proves(value, quote, quote, key)


@pytest.mark.parametrize(
    "content",
    [
        "Translate to French: {}",
        "Please summarize this email:\n\nHi,\n{}",
        "Can you reply to this?\n\n{}",
        "Dear Ana,\n{}",
        "Hello there,\nwell. {}",
        "Eve: {}",
        "~~~\n{}\n~~~",
        "`{}`",
        "<email>{}</email>",
        "『{}』",
        'She put it so. "Hi.\n{}',
        "Log:\n2024-01-01 {}",
    ],
)
def test_a_pasted_text_is_not_the_users(content: str) -> None:
    """Removing _PASTED or a sign of _SPEECH makes this fail."""
    assert not is_whole_clauses("my budget is 500", content.format("my budget is 500."))


@pytest.mark.parametrize(
    "content",
    ["My budget is 500. Translate what I send to French.", "Hi,\nmy budget is 500.", "Note: my budget is 500."],
)
def test_what_is_no_paste_is_the_users(content: str) -> None:
    assert is_whole_clauses("my budget is 500", content)


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        ("tea", "I don\u00b4t like tea"),
        ("tea", "I don`t like tea"),
        ("tea", "I don\u2032t like tea"),
        ("tea", "I don\u02b9t like tea"),
        ("tea", "I am n\u034fot into tea"),
        ("çay", "ÇAY DEĞİL"),
        ("Tee", "Ich mag keinerlei Tee"),
        ("herbata", "ani herbata"),
        ("чай", "ненавижу чай"),
    ],
)
def test_a_not_in_other_letters_or_languages_is_not_lost(value: str, quote: str) -> None:
    """Removing an apostrophe, the folded dot or _partial makes this fail."""
    assert not proves(value, quote, quote, " ".join(word for word in words(quote) if word not in words(value)))


@pytest.mark.parametrize("taken", ["Not!", "Just kidding.", "No, I was only joking."])
def test_the_next_sentence_takes_a_claim_back(taken: str) -> None:
    """Removing takes_back from read makes this fail."""
    assert not is_whole_clauses("my budget is 500", f"My budget is 500. {taken}")
    assert is_whole_clauses("my budget is 500", f"{taken} My budget is 500.")


def test_a_repeated_quote_counts_where_it_stands_whole() -> None:
    content = "Is my budget 500? If so, my budget is 500. My budget is 500."
    assert is_whole_clauses("my budget is 500", content)
    assert not is_whole_clauses("my budget is 500", "Is my budget 500? If so, my budget is 500.")


def test_no_part_of_a_hedged_sentence_proves_its_numbers() -> None:
    """Whatever stretch of words is quoted, a hedge around it is never lost."""
    chance = dice(11)
    hedges = [
        "I do not think {}.",
        "If {}, call me.",
        "Is it true that {}?",
        "He said {}.",
        "Maybe {}.",
        "I wonder whether {}.",
    ]
    for _ in range(600):
        number = str(chance.randrange(10, 999))
        claim = chance.choice(["my budget is {}", "we are {} people", "my rent, including tax, is {}"]).format(number)
        content = chance.choice(hedges).format(claim)
        spoken = content.split()
        start = chance.randrange(len(spoken))
        quote = " ".join(spoken[start : chance.randrange(start + 1, len(spoken) + 1)])
        assert not proves(number, quote, content), (quote, content)


@pytest.mark.parametrize(
    ("unit", "end"),
    [(unit, "") for unit in ("a", "(", "1", "\n", "a, ", '"', "www.", "not ", "\u0301")] + [(".", "(a")],
)
def test_no_turn_is_slow_to_read(unit: str, end: str) -> None:
    """A run of full stops without a bound in _SENTENCE_END makes this fail."""
    assert (
        growth(lambda size: prove("key", "a", "a " * 300, read("a" + unit * (size // len(unit)) + end)), 5000) < LINEAR
    )
