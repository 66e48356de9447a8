# What went wrong in a cell, told as python tells it, without the kernel's own frames. `kernel` is the Kernel that runs this.
import linecache
import os
import sys
import traceback

TEXT_LIMIT = 1 << 18  # characters of an exception's message, and of its traceback
CHAIN_LIMIT = 100     # exceptions

own_files = set(kernel.own_files)
own_folder = kernel.loaded["ipython"]["FOLDER"] if "ipython" in kernel.loaded else None


def shorten(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n… (%d characters left out) …\n%s" % (text[:half], len(text) - 2 * half, text[-half:])


def is_own(file):
    return file in own_files or (own_folder is not None and file.startswith(own_folder))


def without_own_frames(told):
    """Takes the kernel's frames out of a TracebackException and of all that hang on it."""
    left, seen = [told], set()
    while left and len(seen) < CHAIN_LIMIT:
        told = left.pop()
        if told is None or id(told) in seen:
            continue
        seen.add(id(told))
        told.stack[:] = [frame for frame in told.stack if not is_own(frame.filename)]
        left += [told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())]


def describe(error):
    kernel.show_sources(linecache)
    kind = type(error)
    value = kernel.part("rich")["message_of"](error)
    told = traceback.TracebackException(kind, error, error.__traceback__)
    without_own_frames(told)
    first = next((at for at, frame in enumerate(told.stack) if frame.filename in kernel.sources), 0)
    del told.stack[:first]  # of the event loop, when it was that which ran the cell
    if isinstance(error, KeyboardInterrupt) and not value:
        value = "the cell was interrupted; variables keep their values"
    return {"name": kind.__name__, "value": shorten(value, TEXT_LIMIT), "traceback": shorten("".join(told.format()), TEXT_LIMIT)}


def end_child(error):
    """A forked child ran to the end of its parent's cell. It ends there, or it would answer requests too."""
    code = 1
    if error is None or isinstance(error, SystemExit):
        code = kernel.exit_code_of(error)
    else:
        traceback.print_exception(type(error), error, error.__traceback__)
    kernel.flush()
    os._exit(code)
