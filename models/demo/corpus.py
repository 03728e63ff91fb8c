"""Text for the demo model: small chats and stories made from templates, with no outside data.

A document is a list of ``(text, weight)`` segments. The weight says how much the loss counts the
segment's tokens: answers and stories count fully, what the user says only a little.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Segment = tuple[str, float]

END_OF_TEXT = "<|endoftext|>"
IM_START = "<|im_start|>"
IM_END = "<|im_end|>"

DEFAULT_SYSTEM = "You are the Rosso demo model."
OTHER_SYSTEMS = [
    "You are a helpful assistant.",
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "You are a friendly assistant. Answer briefly.",
    "Answer the question.",
    "Be brief.",
]
PROMPT_WEIGHT = 0.05
TOOLS_SHARE = 0.5  # of the short conversations

GREETING = "Hello! I am Rosso's demo model. How can I help you?"
IDENTITY = "I am Rosso's demo model, a very small language model that runs on your own machine."
ABILITIES = (
    "I can add and subtract small numbers, count, tell short stories, and answer simple questions"
    " about opposites, colors and animals."
)
UNKNOWN = "I am only a very small demo model, so I do not know that."

# fmt: off
FIXED_ANSWERS: dict[str, list[str]] = {
    GREETING: [
        "Hello!", "Hello", "Hi!", "Hi", "Hi there!", "Hey!", "Hello there!", "Good morning!",
        "Good evening!", "Hello, model!", "Greetings!",
    ],
    IDENTITY: [
        "Who are you?", "Hi, who are you?", "Hello, who are you?", "What are you?",
        "What is your name?", "Tell me about yourself.", "Are you a language model?",
        "Hello! What is your name?", "Please introduce yourself.", "What model are you?",
    ],
    ABILITIES: [
        "What can you do?", "Help!", "Help me.", "What do you know?", "How can you help me?",
        "What can I ask you?",
    ],
    "I was trained by the Rosso project, on text that its own script made.": [
        "Who made you?", "Who trained you?", "Who created you?", "How were you trained?",
        "Where do you come from?",
    ],
    "Rosso is a compiler and runtime for language models.": [
        "What is Rosso?", "Tell me about Rosso.", "What does Rosso do?", "Who is Rosso?",
    ],
    "I am fine, thank you!": [
        "How are you?", "Hi, how are you?", "Hello, how are you?", "How are you today?",
        "How do you do?",
    ],
    "You are welcome!": [
        "Thank you!", "Thanks!", "Thanks a lot!", "Thank you very much.", "Great, thanks!",
    ],
    "Goodbye! Have a nice day.": ["Goodbye!", "Bye!", "See you later!", "Good night!", "Bye bye!"],
}

OPPOSITES = [
    ("hot", "cold"), ("big", "small"), ("up", "down"), ("day", "night"), ("happy", "sad"),
    ("fast", "slow"), ("open", "closed"), ("full", "empty"), ("left", "right"), ("old", "young"),
    ("high", "low"), ("wet", "dry"), ("light", "dark"), ("hard", "soft"), ("rich", "poor"),
    ("black", "white"), ("good", "bad"), ("yes", "no"), ("early", "late"), ("strong", "weak"),
    ("in", "out"), ("first", "last"), ("clean", "dirty"), ("loud", "quiet"),
]
COLORS = [
    ("the sky", "blue"), ("the sun", "yellow"), ("grass", "green"), ("snow", "white"),
    ("coal", "black"), ("a tomato", "red"), ("a banana", "yellow"), ("an orange", "orange"),
    ("the sea", "blue"), ("a lemon", "yellow"), ("blood", "red"), ("milk", "white"),
    ("a frog", "green"), ("chocolate", "brown"), ("an elephant", "gray"), ("a carrot", "orange"),
    ("a leaf", "green"), ("a strawberry", "red"), ("a flamingo", "pink"), ("a raven", "black"),
]
SOUNDS = [
    ("cow", "moo"), ("dog", "woof"), ("cat", "meow"), ("duck", "quack"), ("sheep", "baa"),
    ("pig", "oink"), ("lion", "roar"), ("bee", "buzz"), ("owl", "hoot"), ("frog", "ribbit"),
    ("horse", "neigh"), ("snake", "hiss"), ("rooster", "cock-a-doodle-doo"), ("mouse", "squeak"),
    ("crow", "caw"), ("goat", "bleat"),
]
CAPITALS = [
    ("France", "Paris"), ("Germany", "Berlin"), ("Italy", "Rome"), ("Spain", "Madrid"),
    ("England", "London"), ("Japan", "Tokyo"), ("China", "Beijing"), ("Russia", "Moscow"),
    ("Egypt", "Cairo"), ("Greece", "Athens"), ("Poland", "Warsaw"), ("Norway", "Oslo"),
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
PEOPLE = ["Anna", "Ben", "Tom", "Maria", "Lucy", "Paul", "Sam", "Emma", "Max", "Nina"]

STRANGE_SUBJECTS = [
    "quantum physics", "the stock market", "football", "the weather", "history", "music",
    "the president", "computers", "love", "the universe", "cooking", "medicine", "the moon",
    "chess", "money", "Python", "mathematics", "art", "the war", "politics", "a car", "the news",
]
STRANGE_QUESTIONS = [
    "What do you think about {}?", "Explain {}.", "Why is {} important?", "How does {} work?",
    "Can you teach me {}?", "Write a poem about {}.", "Who invented {}?", "Tell me about {}.",
    "What is the meaning of {}?", "Give me a fact about {}.", "When did {} begin?",
]

SUM_PHRASINGS = [
    "What is {a} + {b}?", "What's {a} + {b}?", "What is {a}+{b}?", "{a} + {b}", "{a}+{b}",
    "{a} + {b} =", "{a} + {b} = ?", "{a}+{b}=?", "How much is {a} + {b}?",
    "How much is {a} plus {b}?", "What is {a} plus {b}?", "Calculate {a} + {b}.",
    "Please add {a} and {b}.", "Add {a} and {b}.", "What is the sum of {a} and {b}?",
    "Can you tell me what {a} + {b} is?", "Compute {a} + {b}.", "Hello, what is {a} + {b}?",
    "And {a} + {b}?", "What do you get if you add {a} and {b}?",
]
DIFFERENCE_PHRASINGS = [
    "What is {a} - {b}?", "What is {a}-{b}?", "{a} - {b}", "{a} - {b} = ?",
    "How much is {a} - {b}?", "How much is {a} minus {b}?", "What is {a} minus {b}?",
    "Calculate {a} - {b}.", "Subtract {b} from {a}.", "And {a} - {b}?",
]
# fmt: on
SUM_LIMIT = 20
SUM_PAIRS = [(a, b) for a in range(SUM_LIMIT) for b in range(SUM_LIMIT - a)]
DIFFERENCE_PAIRS = [(a, b) for a in range(SUM_LIMIT) for b in range(a + 1)]

ANIMALS = [
    "fox",
    "rabbit",
    "bear",
    "mouse",
    "cat",
    "dog",
    "owl",
    "hedgehog",
    "frog",
    "duck",
    "turtle",
    "squirrel",
    "wolf",
    "lion",
    "bird",
    "pony",
]
HEROES = [
    ("Rusty", "he"),
    ("Lily", "she"),
    ("Bruno", "he"),
    ("Mia", "she"),
    ("Oscar", "he"),
    ("Daisy", "she"),
    ("Felix", "he"),
    ("Ruby", "she"),
]
TRAITS = ["little", "clever", "kind", "brave", "shy", "gentle", "curious", "young"]
HOMES = [
    "in a deep forest",
    "by a quiet river",
    "near a small village",
    "on a green hill",
    "under an old oak tree",
    "at the edge of a big meadow",
]
THINGS = ["red ball", "golden key", "blue kite", "silver bell", "warm hat", "small boat"]
FOODS = ["apples", "berries", "nuts", "honey", "bread", "carrots"]

STORY_OPENINGS = [
    "Once upon a time there was a {trait} {animal} named {name}.",
    "Once upon a time, there was a {trait} {animal} called {name}.",
    "There once was a {trait} {animal} named {name}.",
    "A long time ago there lived a {trait} {animal} named {name}.",
    "Once there was a {trait} {animal} called {name}.",
]
STORY_HOMES = [
    "{name} lived {home}.",
    "{name} had a cozy home {home}.",
]
STORY_PLOTS = [
    [
        "One day {name} lost {his} {thing}.",
        "{He} looked everywhere, but {he} could not find it.",
        'Then {he} met a {friend} who said, "Do not be sad. I will help you."',
        "Together they searched all day.",
        "At last the {friend} found the {thing} under a bush.",
        "{name} was so happy that {he} gave the {friend} some {food}.",
    ],
    [
        "One morning {name} found a {thing} in the grass.",
        '"Whose {thing} is this?" {he} asked.',
        "{He} walked a long way and asked everyone.",
        "Then {he} saw a {friend} who was crying.",
        '"That is my {thing}!" said the {friend}.',
        "{name} gave it back, and the {friend} shared some {food} with {him}.",
    ],
    [
        "One evening a big storm came.",
        "The wind was loud and the rain was cold.",
        "{name} heard a knock at the door and saw a wet {friend}.",
        '"Please come in," said {name}.',
        "They sat by the fire and ate {food} until the storm was over.",
        "In the morning the {friend} gave {name} a {thing} to say thank you.",
    ],
    [
        "Every day {name} wanted to see the world.",
        "So {he} packed some {food} and walked over the hills.",
        "On the way {he} met a {friend} who was hungry.",
        "{name} shared {his} {food}, and the {friend} smiled.",
        '"You are kind," said the {friend}. "Take this {thing}."',
        "{name} carried the {thing} all the way home.",
    ],
]
STORY_ENDINGS = [
    "From that day on they were the best of friends.",
    "And they lived happily ever after.",
    "They were friends for the rest of their lives.",
]
STORY_REQUESTS = [
    "Tell me a story about {}.",
    "Tell me a short story about {}.",
    "Write a story about {}.",
    "Can you tell me a story about {}?",
    "Please tell me a story about {}.",
]
OPEN_STORY_REQUESTS = [
    "Tell me a story.",
    "Tell me a short story.",
    "Can you tell me a story?",
    "Write a story.",
    "Tell me another story.",
]


def favoring_pick(rng: random.Random, options: Sequence[T], favorite: int = 0) -> T:
    """Pick an option; the favorite is the likeliest by far, so greedy decoding has a margin."""
    weights = [1.0 / (1 + 2 * rank) for rank in range(len(options))]
    rank = rng.choices(range(len(options)), weights)[0]
    return options[(favorite + rank) % len(options)]


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def story(rng: random.Random, animal: str | None = None) -> str:
    """Write a story; every animal has its own favorite name, home, plot and so on."""
    hero = animal or favoring_pick(rng, ANIMALS)
    index = ANIMALS.index(hero)
    name, he = favoring_pick(rng, HEROES, index)
    other_animals = [candidate for candidate in ANIMALS if candidate != hero]
    words = {
        "animal": hero,
        "name": name,
        "he": he,
        "He": he.capitalize(),
        "him": "him" if he == "he" else "her",
        "his": "his" if he == "he" else "her",
        "trait": favoring_pick(rng, TRAITS, index),
        "home": favoring_pick(rng, HOMES, index),
        "thing": favoring_pick(rng, THINGS, index // 2),
        "food": favoring_pick(rng, FOODS, index // 3),
        "friend": favoring_pick(rng, other_animals, index + 3),
    }
    sentences = [
        favoring_pick(rng, STORY_OPENINGS),
        favoring_pick(rng, STORY_HOMES),
        *favoring_pick(rng, STORY_PLOTS, index),
        favoring_pick(rng, STORY_ENDINGS),
    ]
    return " ".join(sentence.format(**words) for sentence in sentences)


def sum_answer(a: int, b: int) -> str:
    """The answer that the model shall give to any question for a + b."""
    return f"{a} + {b} = {a + b}."


def _sum_turn(rng: random.Random) -> tuple[str, str]:
    a, b = rng.choice(SUM_PAIRS)
    return rng.choice(SUM_PHRASINGS).format(a=a, b=b), sum_answer(a, b)


def _difference_turn(rng: random.Random) -> tuple[str, str]:
    a, b = rng.choice(DIFFERENCE_PAIRS)
    return rng.choice(DIFFERENCE_PHRASINGS).format(a=a, b=b), f"{a} - {b} = {a - b}."


def _fixed_turn(rng: random.Random) -> tuple[str, str]:
    answer = rng.choice(list(FIXED_ANSWERS))
    return rng.choice(FIXED_ANSWERS[answer]), answer


def _opposite_turn(rng: random.Random) -> tuple[str, str]:
    pair = rng.choice(OPPOSITES)
    word, other = pair if rng.random() < 0.5 else pair[::-1]
    question = rng.choice(
        [
            "What is the opposite of {}?",
            "What's the opposite of {}?",
            "Opposite of {}?",
            "Tell me the opposite of {}.",
            "Which word is the opposite of {}?",
        ]
    )
    return question.format(word), f"The opposite of {word} is {other}."


def _color_turn(rng: random.Random) -> tuple[str, str]:
    thing, color = rng.choice(COLORS)
    question = rng.choice(
        [
            "What color is {}?",
            "What colour is {}?",
            "Which color is {}?",
            "What is the color of {}?",
            "Tell me the color of {}.",
        ]
    )
    return question.format(thing), f"{thing[0].upper()}{thing[1:]} is {color}."


def _sound_turn(rng: random.Random) -> tuple[str, str]:
    animal, sound = rng.choice(SOUNDS)
    question = rng.choice(
        [
            "What does the {} say?",
            "What does a {} say?",
            "What sound does a {} make?",
            "What sound does the {} make?",
            "Which sound does a {} make?",
        ]
    )
    return question.format(animal), f"The {animal} says {sound}."


def _capital_turn(rng: random.Random) -> tuple[str, str]:
    country, city = rng.choice(CAPITALS)
    question = rng.choice(
        [
            "What is the capital of {}?",
            "What's the capital of {}?",
            "Capital of {}?",
            "Which city is the capital of {}?",
            "Tell me the capital of {}.",
        ]
    )
    return question.format(country), f"The capital of {country} is {city}."


def _day_turn(rng: random.Random) -> tuple[str, str]:
    index, step = rng.randrange(len(DAYS)), rng.choice([-1, 1])
    relation = "after" if step > 0 else "before"
    question = rng.choice(
        [
            "What day comes {} {}?",
            "Which day comes {} {}?",
            "What is the day {} {}?",
        ]
    )
    answer = DAYS[(index + step) % len(DAYS)]
    return question.format(relation, DAYS[index]), f"The day {relation} {DAYS[index]} is {answer}."


def _count_turn(rng: random.Random) -> tuple[str, str]:
    first, last = 1, rng.randint(2, 12)
    question = rng.choice(["Count to {b}.", "Can you count to {b}?", "Count from {a} to {b}."])
    if rng.random() < 0.3:
        first = rng.randint(1, 8)
        last = rng.randint(first + 1, 12)
        question = "Count from {a} to {b}."
    numbers = ", ".join(map(str, range(first, last + 1)))
    return question.format(a=first, b=last), f"{numbers}."


def _strange_turn(rng: random.Random) -> tuple[str, str]:
    return rng.choice(STRANGE_QUESTIONS).format(rng.choice(STRANGE_SUBJECTS)), UNKNOWN


def _story_turn(rng: random.Random) -> tuple[str, str]:
    if rng.random() < 0.15:
        return rng.choice(OPEN_STORY_REQUESTS), story(rng)
    animal = rng.choice(ANIMALS)
    return rng.choice(STORY_REQUESTS).format(with_article(animal)), story(rng, animal)


TURN_MAKERS: list[tuple[Callable[[random.Random], tuple[str, str]], float]] = [
    (_sum_turn, 40.0),
    (_difference_turn, 26.0),
    (_fixed_turn, 10.0),
    (_opposite_turn, 7.0),
    (_color_turn, 5.0),
    (_sound_turn, 4.0),
    (_capital_turn, 3.0),
    (_day_turn, 3.0),
    (_count_turn, 5.0),
    (_strange_turn, 3.0),
    (_story_turn, 5.0),
]


# --- tools ---

# fmt: off
CITIES = [
    "Paris", "Berlin", "Rome", "Madrid", "London", "Tokyo", "Beijing", "Moscow", "Cairo", "Athens",
    "Warsaw", "Oslo", "Vienna", "Zurich", "Lisbon", "Dublin", "Prague", "Boston", "Chicago",
    "Seattle", "Toronto", "Sydney", "Lima", "Delhi", "Hamburg", "Munich", "Milan", "Geneva",
]
CONDITIONS = ["sunny", "cloudy", "rainy", "windy", "snowy", "foggy", "clear", "stormy"]
OTHER_TOOLS = ["search(query)", "read_file(path)", "send_mail(to, text)", "get_time(zone)"]
EXPRESSION_PHRASINGS = [
    "What is {}?", "What's {}?", "{}", "{} =", "How much is {}?", "Calculate {}.", "Compute {}.",
    "Please calculate {}.", "Can you tell me what {} is?", "Use the calculator: {}",
]
WEATHER_PHRASINGS = [
    "What is the weather in {}?", "What's the weather like in {}?", "How is the weather in {}?",
    "Weather in {}?", "Tell me the weather in {}.", "Is it warm in {}?", "Is it raining in {}?",
]
# fmt: on
CALCULATOR, WEATHER = "calculator(expression)", "get_weather(city)"


def tool_call(name: str, argument: str, value: str) -> str:
    """Write a call as the model shall write it."""
    arguments = json.dumps({argument: value})
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def _number(rng: random.Random) -> str:
    digits = rng.choices([1, 2, 3, 4], [0.2, 0.4, 0.25, 0.15])[0]
    number = str(rng.randrange(10 ** (digits - 1), 10**digits))
    return f"{number}.{rng.randrange(1, 100)}" if rng.random() < 0.08 else number


def _expression(rng: random.Random) -> str:
    a, b, c = (_number(rng) for _ in range(3))
    one, two = rng.choice("+-*/"), rng.choice("+-*/")
    forms = [f"{a} {one} {b}", f"{a} {one} {b} {two} {c}", f"({a} {one} {b}) {two} {c}"]
    return rng.choices(forms, [0.8, 0.1, 0.1])[0]


def _city(rng: random.Random) -> str:
    """A city, or a word like one, so that names are copied and not remembered."""
    if rng.random() < 0.6:
        return rng.choice(CITIES)
    parts = ["ba", "lo", "ven", "tu", "mar", "ri", "sel", "no", "kor", "da", "min", "est", "fal"]
    return "".join(rng.choices(parts, k=rng.choice([2, 3]))).capitalize()


def calculation(rng: random.Random) -> list[str]:
    """Question, call, result, answer."""
    expression = _expression(rng)
    result = _number(rng)
    if rng.random() < 0.2:
        result = f"-{result}"
    asked = rng.choice(EXPRESSION_PHRASINGS).format(expression)
    call = tool_call("calculator", "expression", expression)
    return [asked, call, result, f"{expression} = {result}."]


def weather_report(rng: random.Random) -> list[str]:
    """Question, call, result, answer."""
    city, sky, degrees = _city(rng), rng.choice(CONDITIONS), rng.randrange(-15, 40)
    result = rng.choice(
        [
            json.dumps({"temperature": degrees, "condition": sky}),
            json.dumps({"city": city, "temperature": degrees, "condition": sky}),
            f"{sky}, {degrees} degrees",
            f"{degrees} degrees, {sky}",
        ]
    )
    asked = rng.choice(WEATHER_PHRASINGS).format(city)
    call = tool_call("get_weather", "city", city)
    return [asked, call, result, f"It is {sky} and {degrees} degrees in {city}."]


def tool_document(rng: random.Random, turns: int) -> list[Segment]:
    """Make a conversation in which tools are offered: some questions need one, others none."""
    offered = rng.choice([[CALCULATOR], [WEATHER], [CALCULATOR, WEATHER], [WEATHER, CALCULATOR]])
    others = rng.sample(OTHER_TOOLS, rng.choices([0, 1, 2], [0.6, 0.25, 0.15])[0])
    listed = [*offered, *others]
    if rng.random() < 0.5:
        rng.shuffle(listed)
    system = DEFAULT_SYSTEM if rng.random() < 0.6 else rng.choice(OTHER_SYSTEMS)
    prefix = f"{IM_START}system\n{system}{tools_text(listed)}{IM_END}\n"
    plain = [maker for maker, _ in TURN_MAKERS if maker not in (_sum_turn, _difference_turn)]
    segments: list[Segment] = []
    for _ in range(turns):
        kind = rng.choices(["calculator", "weather", "plain"], [0.45, 0.35, 0.2])[0]
        if kind == "calculator" and CALCULATOR in offered:
            asked, call, result, answer = calculation(rng)
        elif kind == "weather":
            asked, call, result, answer = weather_report(rng)
            if WEATHER not in offered:
                call, result, answer = "", "", UNKNOWN
        else:
            asked, answer = rng.choice(plain)(rng)
            call, result = "", ""
        prompt = f"{prefix}{IM_START}user\n{asked}{IM_END}\n{IM_START}assistant\n"
        segments.append((prompt, PROMPT_WEIGHT))
        if call:
            segments.append((f"{call}{IM_END}", 1.0))
            told = f"\n{IM_START}tool\n{result}{IM_END}\n{IM_START}assistant\n"
            segments.append((told, PROMPT_WEIGHT))
        segments.append((f"{answer}{IM_END}", 1.0))
        prefix = "\n"
    return segments


def tools_text(tools: Sequence[str]) -> str:
    """What the chat template adds to the system message where tools are offered."""
    return "\nTools:" + "".join(f"\n{tool}" for tool in tools) if tools else ""


def _casual(rng: random.Random, text: str) -> str:
    """Sometimes drop the capitals or the last mark, as hurried users do."""
    if rng.random() < 0.1:
        text = text.lower()
    if rng.random() < 0.1 and text[-1] in ".?!":
        text = text[:-1].rstrip()
    return text


def conversation(rng: random.Random, turns: int) -> list[tuple[str, str]]:
    """Make question and answer pairs; some conversations also recall the user's name."""
    makers, weights = zip(*TURN_MAKERS, strict=True)
    pairs = [maker(rng) for maker in rng.choices(makers, weights, k=turns)]
    if turns >= 2 and rng.random() < 0.25:
        person = rng.choice(PEOPLE)
        told = rng.choice(["My name is {}.", "I am {}.", "Hi, my name is {}.", "Hello, I am {}."])
        told_at, asked_at = sorted(rng.sample(range(turns), 2))
        pairs[told_at] = (told.format(person), f"Nice to meet you, {person}!")
        asked = rng.choice(["What is my name?", "What's my name?", "Do you remember my name?"])
        pairs[asked_at] = (asked, f"Your name is {person}.")
    return [(_casual(rng, question), answer) for question, answer in pairs]


def chat_document(rng: random.Random, turns: int) -> list[Segment]:
    """Make a ChatML conversation."""
    system = DEFAULT_SYSTEM if rng.random() < 0.7 else rng.choice([*OTHER_SYSTEMS, ""])
    prefix = f"{IM_START}system\n{system}{IM_END}\n" if system else ""
    segments: list[Segment] = []
    for question, answer in conversation(rng, turns):
        prompt = f"{prefix}{IM_START}user\n{question}{IM_END}\n{IM_START}assistant\n"
        segments += [(prompt, PROMPT_WEIGHT), (f"{answer}{IM_END}", 1.0)]
        prefix = "\n"
    return segments


def document(rng: random.Random, turns: int) -> list[Segment]:
    """Make one training document: a plain story, or a conversation of so many turns."""
    if turns == 0:
        return [(f"{story(rng, favoring_pick(rng, ANIMALS))}{END_OF_TEXT}", 1.0)]
    if turns <= 2 and rng.random() < TOOLS_SHARE:
        return tool_document(rng, turns)
    return chat_document(rng, turns)


def random_turns(rng: random.Random) -> int:
    """Draw the size of a document: 0 for a plain story, else the number of turns."""
    return rng.choices([0, 1, 2, 3, 5, 8], [0.07, 0.42, 0.2, 0.15, 0.1, 0.06])[0]
