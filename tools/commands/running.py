"""run: texts, pictures and rows in, answers out."""

import json
import os
import pty
import subprocess

import numpy as np
from PIL import Image

import oracle
from commands.command import DIGIT, HOUSE, LINE, Command


class Run(Command):
    def test_answers(self):
        answer = self.json("run", "digits", "--image", DIGIT)
        self.assertEqual((len(answer), answer[0]["label"]), (1, "7"))
        self.assertGreater(answer[0]["score"], 0.9)
        answers = self.json("run", "sentiment", "--text", "A wonderful, moving film.", "--text", "A waste of money!")
        self.assertEqual([row["label"] for row in answers], ["positive", "negative"])
        for row in answers:
            self.assertTrue(0.5 <= row["score"] <= 1)
        answers = self.json("run", "house-price", "--csv", HOUSE)
        self.assertTrue(50_000 < answers[0]["price"] < 1_000_000)
        self.assertRegex(self.good("run", "digits", "--image", DIGIT), r"^7 \(0\.\d+\)\n$")

    def test_many_inputs_are_answered_in_order(self):
        texts = ["A wonderful, moving film." if index % 3 else "Awful, a waste of money!" for index in range(300)]
        want = ["positive" if index % 3 else "negative" for index in range(300)]
        answers = self.json("run", "sentiment", input="\n".join(texts))
        self.assertEqual([row["label"] for row in answers], want)
        answers = self.json("run", "digits", *["--image", DIGIT] * 40)
        self.assertEqual([row["label"] for row in answers], ["7"] * 40)
        head, row = HOUSE.read_text().splitlines()[:2]
        self.write("many.csv", "\n".join([head] + [row] * 500))
        prices = {round(row["price"]) for row in self.json("run", "house-price", "--csv", "many.csv")}
        self.assertEqual(len(prices), 1)

    def test_standard_input(self):
        answers = self.json("run", "sentiment", input="wonderful\r\n\r\nawful, bad\n")
        self.assertEqual([row["label"] for row in answers][::2], ["positive", "negative"])
        self.assertEqual(len(answers), 3)
        self.assertEqual(self.json("run", "sentiment", input=""), [])
        self.assertEqual(self.json("run", "digits", input=f"{DIGIT}\n{DIGIT}\n")[1]["label"], "7")
        rows = HOUSE.read_text()
        self.assertEqual(self.json("run", "house-price", input=rows), self.json("run", "house-price", "--csv", "-", input=rows))
        self.bad("run", "sentiment", input=b"good\nb\xff\xfe\n", says="standard input: line 2: text that is not UTF-8")

    def test_progress(self):
        """A bar on a terminal, and nothing of it on standard output."""
        driver, terminal = pty.openpty()
        process = subprocess.Popen(
            [oracle.zoo_tool(), "run", "sentiment"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=terminal)  # fmt: skip
        out, _ = process.communicate("\n".join(["a lovely film"] * 600).encode())
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(driver, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        os.close(driver)
        self.assertEqual(out.decode().splitlines(), out.decode().splitlines()[:1] * 600)
        self.assertIn("100 % (600 of 600)", shown.decode())
        self.assertTrue(shown.endswith(b"\r\x1b[K"))

    def test_pictures_of_all_kinds(self):
        digit = Image.open(DIGIT).convert("L")
        large = digit.resize((84, 84))
        wide = Image.fromarray(np.asarray(large).astype(np.uint16) * 257)
        see_through = large.convert("LA")
        for name, image in (
            ("gray.png", large), ("palette.png", large.convert("P")), ("few.png", large.convert("P").quantize(4)),
            ("bits.png", large.convert("1")), ("color.png", large.convert("RGB")), ("alpha.png", large.convert("RGBA")),
            ("gray-alpha.png", see_through), ("sixteen.png", wide), ("sixteen.tiff", wide), ("ink.tiff", large.convert("CMYK")),
            ("ink.jpg", large.convert("CMYK")), ("gray.jpg", large), ("color.jpg", large.convert("RGB")),
            ("color.webp", large.convert("RGB")), ("alpha.webp", large.convert("RGBA")), ("color.bmp", large.convert("RGB")),
            ("palette.bmp", large.convert("P")), ("gray.pgm", large), ("color.ppm", large.convert("RGB")), ("bits.pbm", large.convert("1")),
            ("palette.tiff", large.convert("P")), ("gray.jp2", large), ("color.jp2", large.convert("RGB")),
        ):  # fmt: skip
            image.save(self.path(name))
            self.assertEqual(self.json("run", "digits", "--image", name)[0]["label"], "7", name)

    def test_turned_pictures(self):
        """All eight orientations, in each format that states one: the answer is that of the upright picture."""
        upright = np.asarray(Image.open(DIGIT).convert("L"))
        turns = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose, 6: np.rot90,
                 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1)}  # fmt: skip
        want = self.json("run", "digits", "--image", DIGIT)[0]
        for number, turn in turns.items():
            stored = Image.fromarray(np.ascontiguousarray(turn(upright)))
            exif = Image.Exif()
            exif[0x0112] = number
            for ending, options in (("png", {}), ("webp", {"lossless": True}), ("jpg", {"quality": 100}), ("tiff", {})):
                name = f"{number}.{ending}"
                stored.convert("RGB").save(self.path(name), exif=exif, **options)
                got = self.json("run", "digits", "--image", name)[0]
                self.assertEqual(got["label"], "7", name)
                self.assertAlmostEqual(got["score"], want["score"], delta=0.02 if ending == "jpg" else 1e-6, msg=name)

    def test_columns(self):
        """Absent, additional, misspelt and reordered columns; quoted cells; missing values."""
        header, row = (line.split(",") for line in HOUSE.read_text().splitlines())
        price = self.json("run", "house-price", "--csv", HOUSE)

        def table(name, columns):
            self.write(name, "\n".join(",".join(cells) for cells in zip(*columns)) + "\n")
            return self.tool("run", "house-price", "--csv", name, "--json")

        columns = list(zip(header, row))
        result = table("reversed.csv", columns[::-1])
        self.assertEqual((json.loads(result.stdout), result.stderr), (price, ""))
        result = table("more.csv", [("remark", '"a ""nice"", old\nhouse"'), *columns, ("last", "")])
        self.assertEqual((json.loads(result.stdout), result.stderr), (price, ""))
        result = table("quoted.csv", [(f'"{name}"', f'"{cell}"') for name, cell in columns])
        self.assertEqual((json.loads(result.stdout), result.stderr), (price, ""))
        result = table("misspelt.csv", [(name.replace("area", "Area"), cell) for name, cell in columns])
        self.assertEqual(result.returncode, 0)
        self.assertIn("warning: misspelt.csv: no column 'area' of the model's 79", result.stderr)
        absent = result.stdout
        result = table("missing.csv", [(name, "" if name == "area" else cell) for name, cell in columns])
        self.assertEqual((result.stdout, result.stderr), (absent, ""))
        result = table("few.csv", columns[:3])
        self.assertIn("and 72 more of the model's 79; taken as if their cells were empty", result.stderr)
        result = table("blank.csv", [(name, "") for name, _ in columns])
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.bad("run", "house-price", "--csv", self.write("word.csv", HOUSE.read_text().replace("1656,20,", "wide,20,")), says="'wide' in row #1")

    def test_texts_of_all_kinds(self):
        for text in ("", " ", "日本語 🎉 ünïcödé", "a" * 100_000, "--json", "\u0000"[:0] + "\u202e"):
            self.assertIn(self.json("run", "sentiment", "--text", text)[0]["label"], ("positive", "negative"))

    def test_tables_of_all_kinds(self):
        rows = HOUSE.read_bytes()
        price = self.json("run", "house-price", "--csv", HOUSE)
        for name, data in (("mark.csv", b"\xef\xbb\xbf" + rows), ("lines.csv", rows.replace(b"\n", b"\r\n"))):
            self.assertEqual(self.json("run", "house-price", "--csv", self.write(name, data)), price)
        header = rows.splitlines()[0]
        self.assertEqual(self.json("run", "house-price", "--csv", self.write("header.csv", header)), [])
        for name, data, says in (
            ("empty.csv", b"", "empty.csv: an empty CSV text"), ("other.csv", b"a,b\n1,2\n", "none of the model's columns"),
            ("ragged.csv", rows + b"x,y\n", "ragged.csv: CSV line 3: 2 cells"), ("quote.csv", b'a,"b\n', "never closed"),
            ("noise.csv", b"\xff\xfe\x00", "not UTF-8"),
        ):  # fmt: skip
            self.bad("run", "house-price", "--csv", self.write(name, data), says=says)
        self.bad("run", "house-price", "--csv", "nosuch.csv", says="nosuch.csv: cannot be opened")

    def test_wrong_inputs(self):
        self.write("text.png", "no picture")
        self.write("cut.png", DIGIT.read_bytes()[:100])
        self.bad("run", "digits", "--image", "nosuch.png", says="nosuch.png: cannot be opened")
        self.bad("run", "digits", "--image", ".", says="not a regular file")
        self.bad("run", "digits", "--image", "text.png", says="no image of a known format")
        self.bad("run", "digits", "--image", "cut.png", says="cut.png: ")
        self.bad("run", "digits", "--text", "seven", says="'digits' takes no input of kind text; expected --image FILE")
        self.bad("run", "sentiment", "--image", DIGIT, says="expected --text TEXT")
        self.bad("run", "sentiment", "--csv", HOUSE, says="expected --text TEXT")
        self.bad("run", "digits", "--task", "odd", "--image", DIGIT, says="the task 'odd'")
        self.wrong("run", "digits", "--image", DIGIT, "--text", "a", says="Give one of")
        self.wrong("run", "digits", "--image", DIGIT, "--output-dir", "out", says="--output-dir is for tensors")
        self.wrong("run", "digits", "--image")

    def test_instruction_sets(self):
        for isa in oracle.instruction_sets():
            answer = self.json("run", "digits", "--image", DIGIT, environment={"ZOO_ISA": isa})
            self.assertEqual(answer[0]["label"], "7")

    def test_models_with_a_path(self):
        self.bad("run", "sentence-embedding", "--text", "a", says="expected sentence-embedding:PATH")
        minilm, recogniser = oracle.fixtures() / "minilm", oracle.fixtures() / "ocr-rec.onnx"
        if not (minilm.exists() and recogniser.exists()):
            self.skipTest("no real models in $ZOO_FIXTURES")
        vectors = [row["embedding"] for row in self.json("run", f"sentence-embedding:{minilm}", "--text", "a cat", "--text", "")]
        self.assertEqual([len(vector) for vector in vectors], [384, 384])
        self.assertAlmostEqual(float(np.linalg.norm(vectors[0])), 1, delta=1e-4)
        answer = self.json("run", f"text-recognition:{recogniser}", "--image", LINE)
        self.assertEqual(answer[0]["text"], "Invoice No. 2024-0917")
