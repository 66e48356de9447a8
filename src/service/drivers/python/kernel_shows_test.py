#!/usr/bin/python3
"""Tests of what the Python kernel shows of values, and of its magics."""
import base64
import json
import os
import subprocess
import textwrap
import unittest

from kernel_test import PYTHON, KernelCase  # puts the testing folder on the path too


def lacks(*modules):
    missing = [name for name in modules if subprocess.run([PYTHON, "-c", "import " + name], capture_output=True).returncode]
    return "needs %s (python3-%s)" % (missing[0], missing[0].lower()) if missing else None


NO_PANDAS, NO_PLOTS, NO_PILLOW = lacks("pandas"), lacks("matplotlib", "numpy"), lacks("PIL")
PNG = b"\x89PNG\r\n\x1a\n"


class ValueTest(KernelCase):
    def test_display_and_main_result(self):
        ran = self.run_cell("""
            class Table:
                def __repr__(self): return "Table"
                def _repr_html_(self): return "<table/>"
                def _repr_png_(self): return b"png"
                def _repr_latex_(self): return None
            display(Table(), 5)
            display({"text/html": "<b>"}, raw=True)
            Table()
            """)
        whole = {"text/html": "<table/>", "image/png": base64.b64encode(b"png").decode(), "text/plain": "Table"}
        self.assertEqual(ran.results, [whole, {"text/plain": "5"}, {"text/html": "<b>"}, whole])
        self.assertEqual([event["is_main"] for event in ran.of("result")], [False, False, False, True])

    def test_bundle_and_own_display(self):
        ran = self.run_cell("""
            class Bundle:
                def _repr_mimebundle_(self, include=None, exclude=None): return {"application/x": {"a": 1}}, {}
            class Own:
                def _ipython_display_(self): display("shown by itself")
            display(Bundle())
            Own()
            """)
        self.assertEqual(ran.results[0]["application/x"], '{"a": 1}')
        self.assertEqual(ran.results[1], {"text/plain": "'shown by itself'"})
        self.assertEqual(list(self.run_cell("Bundle").results[0]), ["text/plain"])

    def test_json_of_lists_and_dictionaries(self):
        self.assertEqual(json.loads(self.run_cell("{'a': [1, None, 'é']}").results[0]["application/json"]), {"a": [1, None, "é"]})
        for code in ("[{1, 2}]", "[float('nan')]", "{(1, 2): 3}", "x = []; x.append(x); x", "list(range(200000))"):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertEqual((ran.status, list(ran.results[0])), ("ok", ["text/plain"]))

    def test_output_comes_before_what_is_displayed(self):
        ran = self.run_cell("import sys; sys.stdout.write('first'); display(1)")
        self.assertEqual((ran.out, len(ran.results)), ("first", 1))

    @unittest.skipIf(NO_PANDAS, NO_PANDAS)
    def test_data_frames(self):
        ran = self.run_cell("""
            import pandas as pd, numpy as np
            pd.DataFrame({"n": [1, 2], "f": [0.5, np.nan], "s": ["a", None], "t": pd.to_datetime(["2024-01-02", None]), 7: [True, False]})
            """)
        result = ran.results[0]
        self.assertIn("<table", result["text/html"])
        self.assertIn("2024-01-02", result["text/plain"])
        self.assertEqual(json.loads(result["e2b/data"]), {"n": [1, 2], "f": [0.5, None], "s": ["a", None],
                                                         "t": ["2024-01-02T00:00:00", None], "7": [True, False]})

    @unittest.skipIf(NO_PANDAS, NO_PANDAS)
    def test_data_of_a_huge_frame_is_left_out(self):
        ran = self.run_cell("import pandas as pd, numpy as np\npd.DataFrame(np.zeros((100000, 3)))")
        self.assertEqual(sorted(ran.results[0]), ["text/html", "text/plain"])

    @unittest.skipIf(NO_PILLOW, NO_PILLOW)
    def test_images(self):
        make = "from PIL import Image\nimage = Image.new('RGB', (4, 4))\n"
        for code in ("image", "image.show()", "image.save('x.png')"):
            with self.subTest(code):
                (result,) = self.run_cell(make + code).results
                self.assertEqual(base64.b64decode(result["image/png"])[:8], PNG)
        self.assertEqual(self.run_cell("import io; image.save(io.BytesIO(), 'png')").results, [])

    def test_plotly_as_json(self):
        folder = os.path.join(self.kernel.folder.name, "plotly")
        os.mkdir(folder)
        open(os.path.join(folder, "__init__.py"), "w").close()
        with open(os.path.join(folder, "basedatatypes.py"), "w") as file:  # what of the package the kernel relies on
            file.write(textwrap.dedent("""
                class BaseFigure:
                    def to_json(self): return '{"data": [{"y": [1]}], "layout": {}}'
                    def show(self): raise OSError("no browser")
                """))
        ran = self.run_cell("from plotly.basedatatypes import BaseFigure\nBaseFigure().show()\nBaseFigure()")
        self.assertEqual([json.loads(result["application/vnd.plotly.v1+json"])["data"] for result in ran.results], [[{"y": [1]}]] * 2)


@unittest.skipIf(NO_PLOTS, NO_PLOTS)
class ChartTest(KernelCase):
    """The shapes are those that the published clients of E2B read."""

    def chart(self, code):
        ran = self.run_cell("import matplotlib.pyplot as plt, numpy as np\n" + textwrap.dedent(code).rstrip() + ";")
        self.assertIsNone(ran.error)
        (result,) = ran.results
        self.assertEqual(base64.b64decode(result["image/png"])[:8], PNG)
        self.assertIn("Figure", result["text/plain"])
        return json.loads(result["e2b/chart"]) if "e2b/chart" in result else None

    def test_line_over_dates(self):
        chart = self.chart("""
            import datetime
            dates = [datetime.date(2023, 9, 1) + datetime.timedelta(days=i) for i in range(10)]
            plt.plot(dates, np.arange(10.0), label="up")
            plt.plot(dates, np.arange(10))
            plt.axhline(5)
            plt.xlabel("Time (s)"); plt.ylabel("Size [m]"); plt.title("Both")
            plt.show()
            """)
        self.assertEqual([chart[key] for key in ("type", "title", "x_label", "x_unit", "y_unit", "x_scale", "y_scale")],
                         ["line", "Both", "Time (s)", "s", "m", "datetime", "linear"])
        self.assertEqual([line["label"] for line in chart["elements"]], ["up", "Line 1"])
        self.assertEqual(chart["elements"][0]["points"][1], ["2023-09-02", 1.0])
        self.assertTrue(all(isinstance(tick, str) for tick in chart["x_ticks"] + chart["x_tick_labels"]))
        self.assertTrue(all(isinstance(tick, float) for tick in chart["y_ticks"]))

    def test_scales(self):
        chart = self.chart("plt.plot([1, 2, 3], [1, 10, np.nan]); plt.yscale('log')")
        self.assertEqual((chart["x_scale"], chart["y_scale"]), ("linear", "log"))
        self.assertEqual(chart["elements"][0]["points"][2], [3, None])
        chart = self.chart("plt.plot([1, 2, 3], ['A', 'B', 'C'])")
        self.assertEqual((chart["x_scale"], chart["y_scale"], chart["elements"][0]["points"][0]), ("linear", "categorical", [1, "A"]))

    def test_scatter(self):
        chart = self.chart("plt.scatter([1, 2], [3, 4], label='Dataset 1'); plt.scatter([1], [2]); plt.grid(True)")
        self.assertEqual((chart["type"], chart["title"]), ("scatter", None))
        self.assertEqual(chart["elements"][0], {"label": "Dataset 1", "points": [[1.0, 3.0], [2.0, 4.0]]})
        self.assertEqual(len(chart["elements"]), 2)

    def test_bars(self):
        chart = self.chart("plt.bar(['A', 'B'], [100, 200], label='Sold'); plt.xlabel('who')")
        self.assertEqual((chart["type"], chart["x_label"]), ("bar", "who"))
        self.assertEqual(chart["elements"], [{"label": "A", "group": "Sold", "value": 100.0}, {"label": "B", "group": "Sold", "value": 200.0}])
        chart = self.chart("plt.barh(['A', 'B'], [5, 5]); plt.ylabel('who')")
        self.assertEqual((chart["x_label"], chart["elements"]), ("who", [
            {"label": "A", "group": "Group 0", "value": 5.0}, {"label": "B", "group": "Group 0", "value": 5.0}]))
        chart = self.chart("plt.bar([2000, 2001], [1, 2])")
        self.assertEqual([bar["label"] for bar in chart["elements"]], ["2000", "2001"])

    def test_pie(self):
        chart = self.chart("plt.pie([90, 10], labels=['No', 'Yes'], startangle=90, autopct='%d'); plt.axis('equal')")
        self.assertEqual(chart, {"type": "pie", "title": None, "elements": [
            {"label": "No", "angle": 324.0, "radius": 1.0}, {"label": "Yes", "angle": 36.0, "radius": 1.0}]})

    def test_boxes(self):
        for options in ("patch_artist=True", "patch_artist=False", "vert=False"):
            with self.subTest(options):
                chart = self.chart("plt.boxplot([[85, 90, 78, 92, 88], [95, 89, 76, 91, 84, 87]], labels=['A', 'B'], %s)" % options)
                self.assertEqual(chart["type"], "box_and_whisker")
                self.assertEqual(chart["elements"], [
                    {"label": "A", "min": 78.0, "first_quartile": 85.0, "median": 88.0, "third_quartile": 90.0, "max": 92.0, "outliers": []},
                    {"label": "B", "min": 84.0, "first_quartile": 84.75, "median": 88.0, "third_quartile": 90.5, "max": 95.0, "outliers": [76.0]}])

    def test_several_axes(self):
        chart = self.chart("""
            figure, axes = plt.subplots(1, 2)
            figure.suptitle("Two")
            axes[0].plot([1, 2]); axes[1].scatter([1], [2])
            """)
        self.assertEqual((chart["type"], chart["title"]), ("superchart", "Two"))
        self.assertEqual([part["type"] for part in chart["elements"]], ["line", "scatter"])

    def test_what_none_of_these_is(self):
        chart = self.chart("figure, axes = plt.subplots(); axes.add_artist(plt.Circle((0, 0), 1)); plt.title('Circle')")
        self.assertEqual((chart["type"], chart["title"], chart["elements"]), ("unknown", "Circle", []))
        self.assertEqual(self.chart("plt.imshow(np.zeros((3, 3)))")["type"], "unknown")

    def test_blank_and_huge_figures_have_no_chart(self):
        self.assertIsNone(self.chart("plt.subplots()"))
        self.assertIsNone(self.chart("plt.plot(np.zeros(200000))"))

    def test_figures_are_shown_once(self):
        for code, mains in (("plt.plot([1]); plt.show()", [False]), ("plt.plot([1]);", [False]), ("plt.plot([1])", [True, False]),
                            ("f = plt.figure(); f", [True]), ("plt.figure(); plt.figure();", [False, False]),
                            ("f = plt.figure(); f.show(); plt.close(f)", [False])):
            with self.subTest(code):
                ran = self.run_cell("import matplotlib.pyplot as plt\n" + code)
                self.assertEqual([event["is_main"] for event in ran.of("result")], mains)
                self.assertEqual(self.run_cell("plt.get_fignums()").main, "[]")

    def test_figures_of_a_cell_that_fails(self):
        ran = self.run_cell("import matplotlib.pyplot as plt; plt.plot([1]); 1/0")
        self.assertEqual([event["type"] for event in ran.events], ["result", "error", "end"])

    @unittest.skipIf(NO_PANDAS, NO_PANDAS)
    def test_plot_of_a_frame(self):
        ran = self.run_cell("import pandas as pd\npd.DataFrame({'a': [1, 2, 3]}).plot();")
        self.assertEqual(json.loads(ran.results[0]["e2b/chart"])["elements"][0]["label"], "a")


class MagicTest(KernelCase):
    def test_commands(self):
        ran = self.run_cell("x = 3\nhere = 'a b'\n!echo $x {x + 1} {unknown} $HOME '$here' '$$x'")
        self.assertEqual(ran.out, "3 4 {unknown} %s a b $x\n" % self.kernel.folder.name)
        self.assertEqual(self.run_cell("if x:\n    !echo inside\n    !false\n_exit_code").main, "1")
        self.assertEqual(self.run_cell("lines = !echo 1; echo 2\nlines").main, "['1', '2']")
        self.assertEqual(self.run_cell("!echo one \\\n  two\nx").out, "one two\n")

    def test_text_in_strings_stays(self):
        ran = self.run_cell('text = """\n!echo no\n%cd /\n"""\n!echo yes\ntext')
        self.assertEqual((ran.out, ran.main), ("yes\n", repr("\n!echo no\n%cd /\n")))
        self.assertEqual(self.run_cell("7\\\n%4").main, "3")

    def test_folder_and_environment(self):
        self.assertEqual(self.run_cell("%cd /usr\n%pwd").main, "'/usr'")
        ran = self.run_cell("%env GIVEN=5\nimport os\nos.environ['GIVEN']")
        self.assertEqual((ran.main, ran.out), ("'5'", "env: GIVEN=5\n"))
        self.assertEqual(self.run_cell("%env GIVEN").main, "'5'")
        self.assertEqual(self.run_cell("%cd /nowhere").error["name"], "FileNotFoundError")

    def test_times(self):
        self.assertRegex(self.run_cell("%timeit -n 5 -r 2 sum(range(10))").out, r"per loop \(mean ± std\. dev\. of 2 runs, 5 loops each\)")
        ran = self.run_cell("%time 1 + 1")
        self.assertEqual(ran.main, "2")
        self.assertIn("Wall time", ran.out)
        ran = self.run_cell("%%time\ny = 4\ny + 1")
        self.assertEqual((ran.main, self.run_cell("y").main), ("5", "4"))
        self.assertEqual(self.run_cell("%%timeit -n 2 -r 2\ny + 1").status, "ok")
        self.assertEqual(self.run_cell("%timeit -n 2 -r 1 1/0").error["name"], "ZeroDivisionError")

    def test_pip(self):
        """Of the kernel's own Python; where that has none, it says so."""
        for code, said in (("%pip --version", r"pip \d+"), ("pip list --nonsense-option", "no such option: --nonsense-option")):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertRegex(ran.out + ran.err, said + "|No module named pip")
                self.assertNotEqual(ran.status, "error")

    def test_cells_of_other_languages_and_files(self):
        ran = self.run_cell("%%bash\nfor i in 1 2; do echo $i; done")
        self.assertEqual(ran.out, "1\n2\n")
        self.assertIn("ended with 3", self.run_cell("%%bash\nexit 3").error["value"])
        self.run_cell("%%writefile made.py\nvalue = 7\n")
        self.assertEqual(self.run_cell("import made; made.value").main, "7")
        self.assertEqual(self.run_cell("%%capture\nprint('unseen')").out, "")

    def test_matplotlib_is_ignored(self):
        ran = self.run_cell("%matplotlib inline\n5")
        self.assertEqual((ran.main, ran.status), ("5", "ok"))

    def test_unknown_magics_say_what_there_is(self):
        error = self.run_cell("%nonsense x").error
        self.assertEqual(error["name"], "UsageError")
        self.assertIn("%timeit", error["value"])
        self.assertNotIn("magics.py", error["traceback"])
        self.assertIn("%%bash", self.run_cell("%%nonsense\nx").error["value"])

    def test_errors_around_magics_name_the_right_line(self):
        error = self.run_cell("!true\nx = 1\n1/0").error
        self.assertIn('"<cell 1>", line 3', error["traceback"])
        self.assertEqual(self.run_cell("!true\nx = (").error["name"], "SyntaxError")
        self.assertIn('"<cell 3>", line 3', self.run_cell("%%time\nx = 1\n1/0").error["traceback"])

    def test_timeout_ends_a_command(self):
        ran = self.run_cell("!sleep 1000", timeout_ms=200)
        self.assertEqual(ran.status, "timeout")
        self.assert_lives()


if __name__ == "__main__":
    unittest.main()
