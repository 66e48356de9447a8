# Runs one program as `__main__`: python3 driver.py {file|code|shown-file|shown-code} PROGRAM [ARGS…]. Shown: to a person, so what it displays is printed
# as text, too.
# Rich results and the uncaught exception go to descriptor 3 as JSON lines, if that is open.
# This part runs before every program, so it is small. rich.py is compiled when a program first draws, displays or fails.
import builtins
import os
import sys

HERE = __file__
CONNECTED = True
SHOWN = False


def rich(name, part={}):
    if not part:
        path = HERE[:-9] + "rich.py"  # beside driver.py
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", 0, True)
        part["__name__"] = "brig_rich"
        part["is_connected"] = CONNECTED
        part["is_shown"] = SHOWN
        exec(code, part)
    return part[name]


def display(*things, **options):
    """Shows each thing as a rich result: its text, and its HTML, image or other form if it has one."""
    rich("display")(*things, **options)


def watch(name, path=None, target=None):
    if name == "matplotlib.pyplot":
        sys.meta_path.remove(watch)
        return rich("pyplot_spec")(name)


def code_of(program):
    with open(program, "rb") as file:
        text = file.read()
    # The first call of compile() builds every class of `ast`: 1.3 ms beside the 13 of python's whole start. exec() does
    # not, so exec() compiles and a trace function takes the code before its first instruction; then the file name is set.
    found = []
    if sys.implementation.name == "cpython":
        import _imp
        import _warnings

        def take(frame, event, argument):
            if frame.f_code.co_filename == "<string>":  # and not a codec that the program's text asks for
                found.append(frame.f_code)
                raise InterruptedError

        _warnings.filters.insert(0, ("error", None, SyntaxWarning, None, 0))  # it would name the wrong file
        try:
            sys.settrace(take)
            exec(text, {})
        except Exception:
            pass
        finally:
            sys.settrace(None)
            del _warnings.filters[0]
    if not found:
        return compile(text, program, "exec", 0, True)
    _imp._fix_co_filename(found[0], program)
    return found[0]


try:
    os.set_inheritable(3, False)
except OSError:
    CONNECTED = False
kind, program = sys.argv[1:3]
SHOWN, kind = kind.startswith("shown-"), kind[-4:]
del sys.argv[:2]
if kind == "code":
    sys.argv[0] = "-c"
sys.path[0] = os.path.dirname(program) if kind == "file" else ""
main = sys.modules["__main__"] = type(sys)("__main__")
names = main.__dict__
names.update(__file__=program, __cached__=None, __builtins__=builtins, __annotations__={},
             __loader__=type(__loader__)("__main__", program))
if sys.stdout:
    sys.stdout.reconfigure(line_buffering=True)  # what was printed is not lost when a limit ends the program
builtins.display = display
watch.find_spec = watch
sys.meta_path.insert(0, watch)
try:
    exec(code_of(program), names)
except SystemExit:
    raise
except BaseException:
    sys.excepthook = rich("reporting")(sys.excepthook, HERE)
    raise
