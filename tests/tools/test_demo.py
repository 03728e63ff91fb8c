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
    def test_chats_are_answered_as_by_pytorch(self):
        clear = [chat for chat in EXPECTED["chats"] if chat["least_margin"] > CLEAR_LEAD]
        self.assertGreater(len(clear), 30)
        for chat in clear:
            with self.subTest(chat["prompt"]):
                length = len(chat["answer_ids"])
                flags = ("--temp", 0, "--tokens", length, "--print-ids", "--quiet")
                ids = run("rosso-run", DEMO, "--input-ids", joined(chat["prompt_ids"]), *flags)
                self.assertEqual(ids.strip(), joined(chat["answer_ids"]))

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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
