# What a kernel shows of a value beyond what rich.py gives every program: data frames, charts, plotly, images.
# `kernel` is the Kernel that runs this.
import json
import sys

CELLS_LIMIT = 200000    # of a data frame whose values are told
JSON_LIMIT = 2 << 20    # characters of one form in JSON
ITEMS_LIMIT = 100000    # of a list or dictionary that is told as JSON too

rich = kernel.part("rich")


def clean(value, depth=0):
    """What JSON can say: numbers that are none become null, times become text."""
    kind = type(value)
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if depth < 32 and isinstance(value, dict):
        return {str(key): clean(part, depth + 1) for key, part in value.items()}
    if depth < 32 and isinstance(value, (list, tuple)):
        return [clean(part, depth + 1) for part in value]
    if kind.__name__ in ("NaTType", "NAType"):
        return None
    if callable(getattr(value, "isoformat", None)):
        return value.isoformat()
    if type(value).__module__ == "numpy" and callable(getattr(value, "tolist", None)):
        plain = value.tolist()
        return str(value) if type(plain) is kind else clean(plain, depth + 1)
    return str(value)


def in_json(value):
    text = json.dumps(clean(value), ensure_ascii=False, allow_nan=False)
    return text if len(text) <= JSON_LIMIT else None


def is_a(thing, module, name):
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(thing, kind)


def form_of_plotly(thing):
    return json.dumps(json.loads(thing.to_json()), ensure_ascii=False)


def more_forms(thing, bundle):
    if is_a(thing, "pandas", "DataFrame"):
        if thing.size <= CELLS_LIMIT and thing.columns.is_unique:
            data = in_json(thing.to_dict(orient="list"))
            if data:
                bundle["e2b/data"] = data
    elif rich["is_figure"](thing):
        chart = kernel.part("charts")["chart_of"](thing)
        data = chart and in_json(chart)
        if data:
            bundle["e2b/chart"] = data
    elif is_a(thing, "plotly.basedatatypes", "BaseFigure"):
        bundle["application/vnd.plotly.v1+json"] = form_of_plotly(thing)
    elif type(thing) in (list, dict) and len(thing) <= ITEMS_LIMIT:
        try:
            text = json.dumps(thing, ensure_ascii=False, allow_nan=False)
            if len(text) <= JSON_LIMIT:
                bundle["application/json"] = text
        except (TypeError, ValueError, RecursionError):  # not what JSON can say: its text says it
            pass


def display(*things, **options):
    for thing in things:
        own = None if isinstance(thing, type) else getattr(type(thing), "_ipython_display_", None)
        if callable(own):
            own(thing)
        else:
            rich["display"](thing, **options)


def show(value, is_main):
    if not isinstance(value, type) and callable(getattr(type(value), "_ipython_display_", None)):
        display(value)
        return
    as_text = rich["as_text"]
    kernel.send_result({str(mime): as_text(form) for mime, form in rich["bundle_at_line"](value).items()}, is_main)
    close_if_figure(value)


def close_if_figure(value):
    """A figure that has been shown would be shown again at the end of the cell."""
    if rich["is_figure"](value) and "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(value)


def follow_pyplot(pyplot):
    kernel.figures = rich["capture"](pyplot)
    from matplotlib.axes import Axes
    draw_boxes = Axes.bxp

    def bxp(self, bxpstats, *args, **options):
        """What it draws is told as numbers too: they cannot be read back from the lines."""
        bxpstats = list(bxpstats)
        kernel.part("charts")["note_boxes"](self, bxpstats, args, options)
        return draw_boxes(self, bxpstats, *args, **options)

    Axes.bxp = bxp


def follow_pillow(images):
    save = images.Image.save

    def show_image(self, title=None, **options):
        """Hands the image to whoever runs this cell."""
        display(self)

    def save_and_show(self, fp, *args, **options):
        save(self, fp, *args, **options)
        caller = sys._getframe(1).f_globals.get("__name__")
        if isinstance(fp, str) and caller == "__main__":
            display(self)

    save_and_show.__doc__ = save.__doc__
    images.Image.show, images.Image.save = show_image, save_and_show


def follow_plotly(figures):
    figures.BaseFigure.show = lambda self, *args, **options: display(self)
