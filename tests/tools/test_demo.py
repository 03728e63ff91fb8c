"""The demo model end to end: it answers as PyTorch did.

models/demo/expected.json was written by PyTorch from the trained weights in f32. Run by ctest with
the folder of the binaries and the root of the sources as arguments.
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

BIN, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
DEMO = ROOT / "models/demo/rosso-demo.gguf"
EXPECTED = json.loads((ROOT / "models/demo/expected.json").read_text())
STORIES = ROOT.parent / "shared/data/stories260K-f32.gguf"
# Weights of four bits move logits by a few tenths; a lead of 2 survives that many times over.
CLEAR_LEAD = 2.0


def run(tool, *arguments, text=None):
    command = [BIN / tool, *map(str, arguments)]
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout


def joined(ids):
    return ",".join(map(str, ids))


class Answers(unittest.TestCase):
    def check_chats(self, device, count):
        clear = [chat for chat in EXPECTED["chats"] if chat["least_margin"] > CLEAR_LEAD]
        self.assertGreater(len(clear), 30)
        for chat in clear[:count]:
            with self.subTest(chat["prompt"], device=device):
                length = len(chat["answer_ids"])
                flags = ("--temp", 0, "--tokens", length, "--print-ids", "--quiet")
                flags += ("--device", device, "--input-ids", joined(chat["prompt_ids"]))
                ids = run("rosso-run", DEMO, *flags)
                self.assertEqual(ids.strip(), joined(chat["answer_ids"]))

    def test_chats_are_answered_as_by_pytorch(self):
        self.check_chats("host", count=None)

    def test_the_emulated_gpu_answers_the_same(self):
        self.check_chats("emu", count=12)

    def test_other_emulated_chips_answer_the_same(self):
        for chip in ("gfx1030", "gfx1201"):
            self.check_chats(f"emu:{chip}", count=2)

    def test_strict_mode_finds_nothing(self):
        self.check_chats("emu:gfx1100,strict", count=1)

    def test_the_reference_answers_the_same(self):
        self.check_chats("reference", count=2)

    def test_messages_become_the_prompts(self):
        for chat in EXPECTED["chats"]:
            if len(chat["messages"]) > 1 or chat["least_margin"] < CLEAR_LEAD:
                continue
            message = chat["messages"][0]["content"]
            answer = run("rosso-run", DEMO, "--chat", "--temp", 0, "--quiet", "-p", message)
            self.assertEqual(answer.rstrip("\n"), chat["answer"])
            return  # the template is one; once is enough

    def test_texts_become_the_tokens(self):
        for case in EXPECTED["tokenizer"]:
            self.assertEqual(
                run("rosso-tokenize", DEMO, text=case["text"]).strip(), joined(case["ids"])
            )


@unittest.skipUnless(STORIES.exists(), f"{STORIES.name} is not beside the repository")
class Stories(unittest.TestCase):
    """A small trained LLaMA of somebody else's: one story, whatever runs it."""

    def test_all_devices_tell_one_story(self):
        flags = ("-p", "Once upon a time", "--temp", 0, "--tokens", 40, "--print-ids", "--quiet")
        told = {
            device: run("rosso-run", STORIES, "--device", device, *flags)
            for device in ("host", "emu", "reference")
        }
        self.assertEqual(len(told["reference"].split(",")), 40)
        self.assertEqual(told["host"], told["reference"])
        self.assertEqual(told["emu"], told["reference"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
