# The part of the driver that only some programs need: rich results by MIME type, captured figures, the uncaught exception.
# One JSON object a line on descriptor 3: {"type": "result", "data": {mime: text or base64}} or
# {"type": "error", "name": …, "value": …, "traceback": …}. The host bounds and checks everything again.
# kernel.py runs this too, and puts its own write(), flush() and more_forms() in place of those here.
import _thread
import atexit
import binascii
import json
import os
import sys

ITEM_LIMIT = 10 << 20  # bytes of one line
TEXT_LIMIT = 1 << 20   # bytes of an exception's message, and of its traceback
lock = _thread.allocate_lock()
process = os.getpid()
told = set()  # warnings
HERE = sys._getframe().f_code.co_filename
OWN_FILES = (HERE, HERE[:-7] + "driver.py")

METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}


def write(record):
    line = json.dumps(record).encode() + b"\n"
    if len(line) > ITEM_LIMIT:
        note = "(%d bytes: over the limit of %d for one result)" % (len(line), ITEM_LIMIT)
        line = json.dumps({"type": "result", "data": {"text/plain": note}}).encode() + b"\n"
    if not is_connected:
        return
    rest = memoryview(line)
    with lock:
        while rest:
            rest = rest[os.write(3, rest):]


def as_text(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return binascii.b2a_base64(value, newline=False).decode()
    return value if isinstance(value, str) else json.dumps(value, default=str)


def flush():
    if sys.stdout:
        sys.stdout.flush()


def more_forms(thing, bundle):
    """Adds the forms that only a kernel gives."""


def figure_png(figure):
    import io
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def is_figure(thing):
    figures = sys.modules.get("matplotlib.figure")
    return figures is not None and isinstance(thing, figures.Figure)


def bundle_of(thing):
    bundle = {}
    if is_figure(thing):
        bundle["image/png"] = figure_png(thing)
    elif not isinstance(thing, type):
        make = getattr(thing, "_repr_mimebundle_", None)
        if callable(make):
            made = make(include=None, exclude=None)
            bundle.update((made[0] if isinstance(made, tuple) else made) or {})
        for method, mime in METHODS.items():
            make = getattr(thing, method, None)
            if mime not in bundle and callable(make):
                made = make()
                if isinstance(made, tuple):
                    made = made[0]  # (data, metadata)
                if made is not None:
                    bundle[mime] = made
    more_forms(thing, bundle)
    bundle.setdefault("text/plain", repr(thing))
    return bundle


def bundle_at_line(thing):
    """bundle_of(), with the warnings that name this file pointed at the program's line that led here. At the program's end there
    is none: then they are shown without a place."""
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bundle = bundle_of(thing)
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename in OWN_FILES:
        frame = frame.f_back
    for warning in caught:
        file, line, module = warning.filename, warning.lineno, None
        if file in OWN_FILES:
            file, line, module = (frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")) if frame else ("", 0, None)
        same = (warning.category, str(warning.message), file, line)
        if same in told:  # catch_warnings makes python forget what it has shown
            continue
        if file:
            warnings.warn_explicit(warning.message, warning.category, file, line, module)
        elif sys.stderr:
            sys.stderr.write("%s: %s\n" % (warning.category.__name__, warning.message))
        told.add(same)
    return bundle


def display(*things, raw=False, include=None, exclude=None, **options):
    flush()
    for thing in things:
        bundle = dict(thing) if raw else bundle_at_line(thing)
        forms = {str(mime): as_text(value) for mime, value in bundle.items()
                 if (not include or mime in include) and (not exclude or mime not in exclude)}
        write({"type": "result", "data": forms})
        if is_shown and "image/png" not in forms:  # of figures the host speaks
            print_best(forms)


def print_best(forms):
    for mime in ("text/plain", "text/markdown", "application/json", "text/html"):
        if forms.get(mime):
            print(forms[mime])
            return


def reporting(hook, driver):
    """`hook` (sys.excepthook as the program left it), called without the driver's frames, and then the report."""
    import tokenize   # imports made inside the hook would make python forget that it was a KeyboardInterrupt
    import traceback

    def print_and_report(kind, error, trace):
        while trace and trace.tb_frame.f_code.co_filename == driver:
            trace = trace.tb_next
        error.__traceback__ = trace
        hook(kind, error, trace)
        report(error)

    return print_and_report


def message_of(error):
    try:
        return str(error)
    except Exception:
        return "<unprintable %s object>" % type(error).__name__


def report(error):
    import traceback
    kind = type(error)
    value = message_of(error)
    lines = traceback.format_exception(kind, error, error.__traceback__)
    write({"type": "error", "name": kind.__name__, "value": value[:TEXT_LIMIT], "traceback": "".join(lines)[-TEXT_LIMIT:]})


def pyplot_spec(name):
    from importlib.util import find_spec
    spec = find_spec(name)
    if spec is not None and spec.loader is not None:
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            follow(module)

        spec.loader.exec_module = exec_module
    return spec


def capture(pyplot):
    """Makes pyplot.show() and Figure.show() display. Returns the function that shows the open figures and closes them."""

    def show_all():
        for number in pyplot.get_fignums():
            display(pyplot.figure(number))
        pyplot.close("all")

    def show(*args, **options):
        """Hands the open figures to whoever runs this program, and closes them."""
        show_all()

    def show_one(self, warn=True):
        display(self)

    pyplot.show = show
    sys.modules["matplotlib.figure"].Figure.show = show_one
    return show_all


def follow(pyplot):
    """Captures what the program shows, and at its end the figures that are still open."""
    show_all = capture(pyplot)

    def at_end():
        if os.getpid() == process:  # a forked child has copies of its parent's figures
            show_all()

    atexit.register(at_end)  # after matplotlib's own, which would close them: the last one registered runs first
