"""The page of rosso-dump in a real browser: it draws, searches, selects and follows lines, without
a console error and without asking any address for anything.

Run by ctest with the folder of the binaries and the root of the sources as arguments. Exit code 77
where there is no browser.
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import browser

BIN, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
DEMO = ROOT / "models/demo/rosso-demo.gguf"


class Page(unittest.TestCase):
    target = "amdgpu:gfx1100"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.file = Path(folder.name) / "page.html"
        command = [BIN / "rosso-dump", DEMO, "--target", cls.target, "--emit", "html"]
        subprocess.run([*command, "-o", cls.file], check=True, timeout=300)
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.browser.open("about:blank")
        self.browser.open(self.file.as_uri())
        self.assertEqual(self.run_("document.documentElement.dataset.ready"), "true")

    def tearDown(self):
        self.assertEqual(self.browser.errors, [])
        for url in self.browser.requests:
            self.assertTrue(url.startswith((self.file.as_uri(), "data:")), url)

    def run_(self, script):
        return self.browser.run(script)

    def names(self):
        return self.run_("[...document.querySelectorAll('.kernel')].map(k => k.dataset.kernel)")

    def search(self, text):
        self.run_(
            f"""new Promise(done => {{
              const box = document.getElementById('search');
              box.value = {text!r};
              box.dispatchEvent(new Event('input'));
              setTimeout(done, 150);
            }})"""
        )

    def click(self, selector):
        self.assertTrue(self.run_(f"!!document.querySelector({selector!r})"), selector)
        self.run_(f"document.querySelector({selector!r}).click()")

    def stages(self):
        return self.run_("[...document.querySelectorAll('.pane')].map(p => p.dataset.stage)")

    def test_overview_has_a_bar_for_each_kernel(self):
        names = self.names()
        self.assertGreater(len(names), 8)
        self.assertEqual(len(set(names)), len(names))
        bars = self.run_(
            "[...document.querySelectorAll('.kernel .bar')]"
            ".map(bar => bar.getBoundingClientRect().width)"
        )
        self.assertEqual(len(bars), len(names))
        self.assertEqual(bars, sorted(bars, reverse=True))
        self.assertGreater(bars[0], 50)

    def test_search_filters(self):
        everything = self.names()
        self.search("reduce_")
        some = self.names()
        self.assertTrue(0 < len(some) < len(everything))
        self.search("v_dot4_i32_iu8")  # of the machine code
        self.assertTrue(any(name.startswith("matvec") for name in self.names()))
        self.assertLess(len(self.names()), len(everything))
        self.search("nothing has this text")
        self.assertEqual(self.names(), [])
        self.assertIn("0 of", self.run_("document.getElementById('found').textContent"))
        self.search("")
        self.assertEqual(self.names(), everything)

    def test_a_kernel_shows_its_stages(self):
        name = next(name for name in self.names() if name.startswith("matvec"))
        self.click(f".kernel[data-kernel='{name}']")
        self.assertEqual(self.run_("document.getElementById('kernel-name').textContent"), name)
        self.assertEqual(self.stages(), ["code", "isa"])
        for stage in ("graph", "pass", "region", "llvm"):
            self.click(f"#stages button[data-stage='{stage}']")
        self.assertEqual(self.stages(), ["graph", "pass", "region", "code", "llvm", "isa"])
        text = lambda stage: self.run_(  # noqa: E731
            f"document.querySelector('.pane[data-stage={stage}] .code').textContent"
        )
        self.assertIn("linear", text("graph"))
        self.assertIn("rosso.kernel", text("region"))
        self.assertIn("func.func", text("code"))
        self.assertIn("define amdgpu_kernel", text("llvm"))
        self.assertIn("s_endpgm", text("isa"))
        self.click("#stages button[data-stage='isa']")
        self.assertNotIn("isa", self.stages())

    def test_lines_are_followed_through_all_stages(self):
        name = next(name for name in self.names() if name.startswith("matvec"))
        self.click(f".kernel[data-kernel='{name}']")
        for stage in ("graph", "region", "llvm"):
            self.click(f"#stages button[data-stage='{stage}']")
        self.run_(
            """[...document.querySelectorAll('.pane[data-stage=isa] .line')]
                 .find(line => line.textContent.includes('v_dot4')).click()"""
        )
        on = lambda stage: self.run_(  # noqa: E731
            f"[...document.querySelectorAll('.pane[data-stage={stage}] .line.on')]"
            ".map(line => line.textContent)"
        )
        self.assertEqual(len(on("isa")), 1)
        self.assertTrue(any("sudot4" in line for line in on("code")), on("code"))
        self.assertTrue(any("sudot4" in line for line in on("llvm")), on("llvm"))
        self.assertTrue(any("linear" in line for line in on("graph")), on("graph"))
        # And the other way round.
        self.run_(
            """[...document.querySelectorAll('.pane[data-stage=graph] .line')]
                 .find(line => line.textContent.includes('linear')).click()"""
        )
        self.assertTrue(any("v_dot4" in line for line in on("isa")))

    def test_keys(self):
        self.browser.key("j")
        first = self.run_("document.getElementById('kernel-name').textContent")
        self.assertEqual(first, self.names()[0])
        self.browser.key("j")
        self.assertEqual(
            self.run_("document.getElementById('kernel-name').textContent"), self.names()[1]
        )
        self.browser.key("k")
        self.assertEqual(self.run_("document.getElementById('kernel-name').textContent"), first)
        self.browser.key("5")
        self.assertIn("llvm", self.stages())
        self.browser.key("/")
        self.assertEqual(self.run_("document.activeElement.id"), "search")
        self.browser.key("Escape")
        before = self.run_("document.documentElement.dataset.theme")
        self.browser.key("t")
        self.assertNotEqual(self.run_("document.documentElement.dataset.theme"), before)

    def test_arena_over_time(self):
        self.click("#views button[data-view='arena']")
        self.assertGreater(self.run_("document.querySelectorAll('svg rect.life').length"), 20)
        self.run_("document.querySelector('svg rect.life').dispatchEvent(new MouseEvent('click'))")
        self.assertTrue(self.run_("!!document.getElementById('kernel-name')"))

    def test_other_views(self):
        self.click("#views button[data-view='passes']")
        self.assertEqual(self.stages(), ["pass0", "pass1"])
        self.click("#views button[data-view='commands']")
        self.assertIn("DISPATCH_DIRECT", self.run_("document.querySelector('.code').textContent"))
        self.click("#views button[data-view='graph']")
        self.assertIn("entry decode", self.run_("document.querySelector('.code').textContent"))

    def test_a_link_leads_to_a_kernel(self):
        name = self.names()[1]
        self.browser.open("about:blank")
        self.browser.open(self.file.as_uri() + "#kernel=" + name)
        self.assertEqual(self.run_("document.getElementById('kernel-name').textContent"), name)


class HostPage(unittest.TestCase):
    def test_a_host_has_stages_too(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "page.html"
            command = [BIN / "rosso-dump", DEMO, "--emit", "html", "-o", file]
            subprocess.run(command, check=True, timeout=300)
            page = browser.Browser()
            self.addCleanup(page.close)
            page.open(file.as_uri())
            page.run("document.querySelector('.kernel').click()")
            text = page.run("document.querySelector('.pane[data-stage=isa] .code').textContent")
            self.assertIn("ret", text)
            self.assertEqual(page.errors, [])


if __name__ == "__main__":
    if not browser.find():
        print("skipped: no browser, wanted one of " + ", ".join(browser.NAMES))
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
