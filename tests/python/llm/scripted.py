"""A core without a model: it reads prompts, keeps slots and obeys masks like a real one, and says
what a script says. Where a mask forbids the script's token it wanders at random through what is
allowed, as the worst of models would."""

import random
import time

from rosso.llm.engine import Chosen, DeviceLost, MemoryPlan, ModelFacts, Sampling

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Owned by nobody: the plainest ChatML with tools, in the way of Qwen.
TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{{- messages[0].content if messages[0].role == 'system' else 'You help.' }}
{{- '\\nTools:' }}
{%- for tool in tools %}
{{- '\\n' ~ (tool | tojson) }}
{%- endfor %}
{{- '\\nWrite <tool_call>{"name": ..., "arguments": ...}</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' ~ messages[0].content ~ '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'user' or message.role == 'system' and not loop.first %}
{{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant' ~ ('\\n' ~ message.content if message.content else '') }}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' ~ call.function.name ~ '", "arguments": ' }}
{{- (call.function.arguments | tojson) ~ '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' ~ message.content }}
{{- '\\n</tool_response><|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}"""


class ScriptedTokenizer:
    """Bytes, control tokens, and some words."""

    adds_bos = adds_eos = False

    def __init__(self, control=CONTROL, words=("<tool_call>", "</tool_call>", "the ", "hello")):
        self._control = list(control)
        self._words = [word.encode() for word in words]
        self._pieces = [bytes([value]) for value in range(256)]
        self.special = {name: 256 + at for at, name in enumerate(self._control)}
        self._pieces += [name.encode() for name in self._control]
        self._word_ids = {word: len(self._pieces) + at for at, word in enumerate(self._words)}
        self._pieces += self._words
        self.size = len(self._pieces)
        self.bos, self.eos = None, self.special[control[-1]]
        self.ends = frozenset(self.special[name] for name in control if "end" in name)

    def encode(self, text, special=False):
        data, tokens, at = text.encode("utf-8", "replace"), [], 0
        known = {**{n.encode(): i for n, i in self.special.items()}} if special else {}
        known.update(self._word_ids)
        while at < len(data):
            word = next((each for each in known if data.startswith(each, at)), None)
            tokens.append(known[word] if word else data[at])
            at += len(word) if word else 1
        return tokens

    def piece(self, token):
        return self._pieces[token]

    def decode(self, tokens):
        return b"".join(self._pieces[token] for token in tokens)


def echo(prompt):
    """The last user message, with a word in front."""
    turns = prompt.split("<|im_start|>user\n")
    return "You said: " + turns[-1].split("<|im_end|>")[0] if len(turns) > 1 else "and so on"


class ScriptedCore:
    embeds = True

    def __init__(
        self,
        script=echo,
        slots=4,
        context=32768,
        chunk=512,
        token_s=0.0,
        prompt_token_s=0.0,
        can_copy=True,
        tokenizer=None,
        template=TEMPLATE,
        name="scripted",
    ):
        self.tokenizer = tokenizer or ScriptedTokenizer()
        self.model = ModelFacts(
            name=name,
            path=f"/models/{name}.gguf",
            architecture="qwen2",
            family="qwen2",
            parameters=3_500_000,
            quantization="Q4_K_M",
            size=4_000_000,
            modified=1_767_225_600.0,
            digest="0" * 64,
            trained_context=context,
            chat_template=template,
            embedding_length=8,
        )
        self.memory = MemoryPlan(weights=3_000_000, kv=900_000, activations=100_000)
        self.device = "scripted, no chip, 1 thread"
        self.defaults = Sampling(temperature=0.7)
        self.context, self.slots, self.chunk = context, slots, chunk
        self.script = script
        self.token_s, self.prompt_token_s = token_s, prompt_token_s
        self.can_copy = can_copy
        self.sequences = [[] for _ in range(slots)]
        self._ends_of_prompt = [None] * slots
        self.ran = []  # of each step: [(slot, tokens, chosen)]
        self.fail_next = None
        self.lost = self.stays_lost = False
        self.closed = False

    def run(self, steps):
        if self.fail_next:
            error, self.fail_next = self.fail_next, None
            self.lost = True
            raise error
        assert len({step.slot for step in steps}) == len(steps)
        assert sum(len(step.tokens) for step in steps) > 0
        results = []
        seconds = 0.0
        for step in steps:
            assert 0 < len(step.tokens) <= self.chunk
            sequence = self.sequences[step.slot]
            if step.draft:
                results.append(self._verify(step))
                continue
            sequence += step.tokens
            assert len(sequence) <= self.context
            seconds += self.prompt_token_s * len(step.tokens)
            results.append([self._choose(step)] if step.sampling else [])
        seconds += self.token_s * any(step.sampling for step in steps)
        if seconds:
            time.sleep(seconds)
        self.ran.append([(s.slot, list(s.tokens), r) for s, r in zip(steps, results)])
        return results

    def _verify(self, step):
        fed = len(step.tokens) - step.draft
        self.sequences[step.slot] += step.tokens[:fed]
        chosen = [self._choose(step)]
        for guess in step.tokens[fed:]:
            if chosen[-1].token != guess:
                break
            self.sequences[step.slot].append(guess)
            chosen.append(self._choose(step))
        return chosen

    def _choose(self, step):
        sequence = self.sequences[step.slot]
        end = self._ends_of_prompt[step.slot]
        if end is None:
            end = self._ends_of_prompt[step.slot] = len(sequence)
        prompt = self.tokenizer.decode(sequence[:end]).decode("utf-8", "replace")
        reply = [*self.tokenizer.encode(self.script(prompt), special=True), self.tokenizer.eos]
        said = sequence[end:]
        follows = reply[: len(said)] == said and len(said) < len(reply)
        token = reply[len(said)] if follows else None
        if step.mask is not None:
            assert len(step.mask) * 8 >= self.tokenizer.size
            if token is None or not step.mask[token // 8] >> token % 8 & 1:
                token = self._wander(step, len(sequence))
        elif token is None:
            token = self.tokenizer.eos
        bias = dict(step.sampling.logit_bias)
        if bias.get(token, 0) <= -100:
            token = self.tokenizer.encode("?")[0]
        forced = [each for each, value in bias.items() if value >= 100]
        token = forced[0] if forced else token
        if step.sampling.logprobs is None:
            return Chosen(token)
        top = [(token, -0.25)] + [(each, -2.0 - each) for each in range(5) if each != token]
        return Chosen(token, -0.25, top[: step.sampling.logprobs])

    def _wander(self, step, position):
        allowed = [t for t in range(self.tokenizer.size) if step.mask[t // 8] >> t % 8 & 1]
        assert allowed, "a mask without a token"
        dice = random.Random(hash((step.sampling.seed, position)))
        closing = [token for token in allowed if token in (34, 125, 93, self.tokenizer.eos)]
        printable = [token for token in allowed if token >= 32] or allowed
        return dice.choice(closing if closing and dice.random() < 0.4 else printable)

    def rewind(self, slot, length):
        assert length <= len(self.sequences[slot])
        del self.sequences[slot][length:]
        self._ends_of_prompt[slot] = None
        return length

    def copy(self, source, target, length):
        if not self.can_copy:
            return 0
        self.sequences[target] = self.sequences[source][:length]
        self._ends_of_prompt[target] = None
        return length

    def embed(self, slot, tokens):
        assert 0 < len(tokens) <= self.chunk
        self.sequences[slot] += tokens
        assert len(self.sequences[slot]) <= self.context
        values = [float(1 + sum(self.sequences[slot][at::8])) for at in range(8)]
        norm = sum(value * value for value in values) ** 0.5
        return [value / norm for value in values]

    def recover(self):
        if self.stays_lost:
            raise DeviceLost("no device answers")
        self.lost = False
        self.sequences = [[] for _ in range(self.slots)]
        self._ends_of_prompt = [None] * self.slots

    def close(self):
        self.closed = True
