# What notebooks write that is not a program of Python's: !commands and %magics, indented cells, waiting at the top level.
# `kernel` is the Kernel that runs this.
# A cell is looked at for these only after python has refused it, and only the line that it refused is rewritten: text in strings stays.
import os
import re
import sys

REWRITES_LIMIT = 200  # lines of one cell
ASSIGNED = re.compile(r"^(\s*)([\w.\[\]'\", ]+?)\s*=\s*([!%])\s*(.*)$", re.S)
NAMED = re.compile(r"\$\$|\$(\w+)|\{([^{}\n]+)\}")
INTERFACES = "/proc/net/dev"
PIP_FLAGS = {"-q", "-qq", "-qqq", "--quiet", "-U", "--upgrade", "-qU", "-Uq", "--user", "--pre", "--no-cache-dir", "--no-input", "--break-system-packages",
             "--disable-pip-version-check", "--no-warn-script-location"}


class UsageError(Exception):
    pass


UsageError.__module__ = "builtins"


# Cells as a whole.

def without_indent(text):
    """The text without the indentation of its first line, as cells come that were cut out of something."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    indent = first[:len(first) - len(first.lstrip())]
    return "\n".join([line[len(indent):] if line.startswith(indent) else line for line in lines])


def keep_future(text, name):
    """A future statement holds for the cells that follow, too."""
    import __future__
    import _ast
    for node in kernel.parse(text, name)[1].body:
        if isinstance(node, _ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                kernel.flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)


# Rewriting.

def rewritten(line):
    """The line as a call of ours, or None if it is no magic."""
    stripped = line.strip()
    indent = line[:len(line) - len(line.lstrip())]
    if stripped[:1] in "!%" and stripped[1:2] not in ("", " ", "="):
        sign, rest = stripped[0], stripped[1:]
        if rest[0] == "!" and sign == "!":
            rest = rest[1:]
        name, rest = ("!", rest) if sign == "!" else (rest.split(None, 1) + [""])[:2]
        return "%s__brig__(%r, %r, globals())" % (indent, name, rest)
    if re.match(r"pip3? +(install|uninstall|list|show|freeze|download)\b", stripped):
        return "%s__brig__('pip', %r, globals())" % (indent, stripped.split(None, 1)[1])
    found = ASSIGNED.match(line)
    if found:
        indent, target, sign, rest = found.groups()
        name, rest = ("!=", rest) if sign == "!" else (rest.split(None, 1) + [""])[:2]
        return "%s%s = __brig__(%r, %r, globals())" % (indent, target, name, rest.strip())
    return None


def parse(text, name, error):
    compile_flags = kernel.flags | 0x400
    if text.lstrip().startswith("%%"):
        first, _, body = text.lstrip().partition("\n")
        magic, rest = (first[2:].split(None, 1) + [""])[:2]
        # The body's lines are those of the cell, so that errors in it name the right ones.
        before = text.count("\n", 0, len(text) - len(text.lstrip())) + 1
        text = "__brig__('%%%%' + %r, %r, globals(), %r, %d, %r)" % (magic, rest.strip(), body, before, name)
        return text, compile(text, name, "exec", compile_flags, True)
    lines = text.split("\n")
    for _ in range(REWRITES_LIMIT):
        number = (error.lineno or 0) - 1
        if not 0 <= number < len(lines):
            raise error
        last = number
        while lines[last].endswith("\\") and last + 1 < len(lines) and lines[number].lstrip()[:1] in ("!", "%"):
            last += 1
        whole = " ".join([line.rstrip("\\").rstrip() if at else line.rstrip("\\") for at, line in enumerate(lines[number:last + 1])])
        call = rewritten(whole)
        if call is None:
            raise error
        lines[number:last + 1] = [call] + [""] * (last - number)
        try:
            text = "\n".join(lines)
            return text, compile(text, name, "exec", compile_flags, True)
        except SyntaxError as next_error:
            error = next_error
    raise UsageError("the cell has more than %d lines of magics: put the commands into a %%%%bash cell" % REWRITES_LIMIT)


# Commands.

def expanded(text, names):
    """{expression} and $name with their values, as in a notebook; what is no name of Python's is left to the shell."""
    def value(found):
        if found.group(0) == "$$":
            return "$"
        if found.group(1):
            return str(names[found.group(1)]) if found.group(1) in names else found.group(0)
        try:
            return str(eval(found.group(2), names))
        except Exception:
            return found.group(0)
    return NAMED.sub(value, text)


def followed(start, wait, end):
    """The child that it starts, and what waiting for it gives. What ends the cell ends the child; it waits until it is known which."""
    is_main = kernel.thread() == kernel.main_thread  # the only one that signals come to
    stoppable = kernel.stoppable
    try:
        if is_main:
            kernel.stoppable = False
        child = start()
        try:
            if is_main:
                kernel.stoppable = stoppable
                kernel.raise_pending()
            return child, wait(child)
        except BaseException:
            if is_main:
                kernel.stoppable = False
            end(child)
            raise
    finally:
        if is_main:
            kernel.stoppable = stoppable


def end_group(leader):
    import signal
    try:
        os.killpg(leader, signal.SIGKILL)
    except OSError:
        pass


def shell(command, capture=False, text=None):
    """Runs it with the cell's own standard output. Its group dies with the cell's time or an interrupt."""
    import subprocess
    kernel.flush()
    program = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    arguments = [program, "-c", command] if text is None else [command]
    child, (out, _) = followed(
        lambda: subprocess.Popen(arguments, start_new_session=True, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
                                 stdout=subprocess.PIPE if capture else None),
        lambda child: child.communicate(None if text is None else text.encode("utf-8", "surrogateescape")),
        lambda child: (end_group(child.pid), child.wait()))
    kernel.names["_exit_code"] = child.returncode
    return out.decode("utf-8", "replace").splitlines() if capture else None


def system(command):
    """os.system(), but no signal waits for the command's end: python's own would keep the cell from ending."""
    sys.audit("os.system", command)
    return followed(lambda: os.posix_spawn("/bin/sh", ["sh", "-c", os.fsdecode(command)], os.environ, setpgroup=0),
                    lambda child: os.waitpid(child, 0)[1],
                    lambda child: (end_group(child), os.waitpid(child, 0)))[1]


# pip without a network: its own words for that are long, and about something else.

def has_network():
    try:
        with open(INTERFACES) as file:
            return any(line.partition(":")[0].strip() != "lo" for line in file.readlines()[2:])
    except OSError:
        return True  # nobody knows: pip finds out


def wanted_of_pip(command):
    """What `pip install` is to fetch, if the command is that alone and names nothing that lies here; else nothing."""
    import shlex
    reader = shlex.shlex(command, posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    try:
        words = list(reader)
    except ValueError:
        return []
    if any(set(word) <= set("();<>|&") for word in words):
        return []
    if words[1:2] == ["-m"] and re.fullmatch(r"(\S*/)?python[\d.]*", words[0]):
        del words[:2]
    if words[1:2] != ["install"] or not re.fullmatch(r"(\S*/)?pip[\d.]*", words[0]):
        return []
    options, names = [], []
    for word in words[2:]:
        (options if word.startswith("-") else names).append(word)
    is_local = any("://" not in name and ("/" in name or os.path.exists(name)) for name in names)
    return [] if is_local or not PIP_FLAGS.issuperset(options) else names


def lacking(wanted):
    """Those that are not here. Of the others it is said which version is."""
    from importlib import metadata
    names = []
    for one in wanted:
        found = re.match(r"[\w.-]+", one)
        try:
            print("pip: %s %s is here already" % (found.group(0), metadata.version(found.group(0))))
        except Exception:
            names.append(found.group(0) if found and "://" not in one else one)
    return names


def answered_for_pip(command):
    """Whether the command was to install something, and has been told why that cannot be."""
    wanted = wanted_of_pip(command)
    if not wanted or has_network():
        return False
    names = lacking(wanted)
    kernel.names["_exit_code"] = 1 if names else 0
    if names:
        print("pip: this sandbox has no network, so nothing can be fetched: there is no %s. A module has to be there when the sandbox is made: --lib %s "
              "(over the API: libraries), or a template that has it" % (", ".join(names), ",".join(names)), file=sys.stderr)
    return True


def command_line(command):
    if not answered_for_pip(command):
        shell(command)


def pip(rest, names):
    import shlex
    kernel.flush()
    command_line(shlex.quote(sys.executable) + " -m pip " + expanded(rest, names))


# Magics of one line.

def change_folder(rest, names):
    folder = expanded(rest, names).strip("\"' ") or "~"
    os.chdir(os.path.expanduser(folder))
    print(os.getcwd())


def environment(rest, names):
    name, sign, value = rest.partition("=")
    if not sign:
        name, _, value = rest.partition(" ")
    if not name.strip():
        return dict(os.environ)
    if not sign and not value:
        if name.strip() not in os.environ:
            raise UsageError("there is no environment variable %s" % name.strip())
        return os.environ[name.strip()]
    os.environ[name.strip()] = expanded(value.strip(), names)
    print("env: %s=%s" % (name.strip(), os.environ[name.strip()]))


def span(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return "%.3g %s" % (seconds / size, unit)
    return "%.3g ns" % (seconds * 1e9)


def time_many(rest, names, setup=None):
    import timeit
    rounds, repeats = 0, 7
    while True:
        option = re.match(r"-([nr]) ?(\d+)\s*", rest)
        if not option:
            break
        if option.group(1) == "n":
            rounds = int(option.group(2))
        else:
            repeats = max(1, int(option.group(2)))
        rest = rest[option.end():]
    timer = timeit.Timer(rest or "pass", setup or "pass", globals=names)
    rounds = rounds or timer.autorange()[0]
    times = [spent / rounds for spent in timer.repeat(repeats, rounds)]
    mean = sum(times) / len(times)
    spread = (sum((one - mean) ** 2 for one in times) / len(times)) ** 0.5
    print("%s ± %s per loop (mean ± std. dev. of %d runs, %s loops each)" % (span(mean), span(spread), repeats, format(rounds, ",")))


def time_once(rest, names, source="<timed>"):
    import time
    tree = compile(rest, source, "exec", kernel.flags | 0x400, True)
    last = tree.body.pop() if tree.body and type(tree.body[-1]).__name__ == "Expr" else None
    value = None
    began, spent = time.perf_counter(), time.process_time()
    if tree.body:
        kernel.evaluate(compile(tree, source, "exec", kernel.flags, True))
    if last is not None:
        import _ast
        value = kernel.evaluate(compile(_ast.Expression(last.value), source, "eval", kernel.flags, True))
    print("CPU times: %s\nWall time: %s" % (span(time.process_time() - spent), span(time.perf_counter() - began)))
    return value


def nothing(rest, names):
    """%matplotlib: figures are shown in any case."""


LINES = {
    "!": lambda rest, names: command_line(expanded(rest, names)),
    "!=": lambda rest, names: shell(expanded(rest, names), capture=True),
    "pip": pip,
    "cd": change_folder,
    "pwd": lambda rest, names: os.getcwd(),
    "ls": lambda rest, names: shell("ls " + expanded(rest, names)),
    "env": environment,
    "set_env": environment,
    "time": time_once,
    "timeit": time_many,
    "matplotlib": nothing,
}


# Magics of a whole cell.

def write_file(rest, body):
    is_more = rest.startswith("-a ")
    path = os.path.expanduser((rest[3:] if is_more else rest).strip("\"' "))
    if not path:
        raise UsageError("%%writefile needs the name of a file: %%writefile [-a] FILE")
    with open(path, "a" if is_more else "w", encoding="utf-8") as file:
        file.write(body)
    print(("Appended to %s" if is_more else "Wrote %s") % path)


def run_script(body, rest):
    shell("/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh", text=body)
    code = kernel.names["_exit_code"]
    if code:
        raise UsageError("the script ended with %d" % code)


CELLS = {
    "bash": lambda rest, body, names, at: run_script(body, rest),
    "sh": lambda rest, body, names, at: run_script(body, rest),
    "writefile": lambda rest, body, names, at: write_file(rest, body),
    "time": lambda rest, body, names, at: time_once("\n" * at[0] + body, names, at[1]),
    "timeit": lambda rest, body, names, at: time_many(rest + " " + body if rest[:1] == "-" else body, names, rest if rest[:1] != "-" else None),
    "capture": lambda rest, body, names, at: captured(body, at),
}


def captured(body, at):
    import contextlib
    import io
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        kernel.evaluate(compile("\n" * at[0] + body, at[1], "exec", kernel.flags, True))


def call(name, rest, names, body=None, *at):
    if body is not None:
        known, sign, name = CELLS, "%%", name[2:]
    else:
        known, sign = LINES, "%"
    if name not in known:
        listed = ", ".join([sign + magic for magic in known if magic[0] != "!"])
        raise UsageError("%s%s is no magic that this kernel has. It has %s, and !command" % (sign, name, listed))
    return known[name](rest, names) if body is None else known[name](rest, body, names, at)


# Waiting at the top level: one event loop as long as the kernel lives.

def wait_for(coroutine):
    import asyncio
    loop = kernel.loop
    if loop is None or loop.is_closed():
        loop = kernel.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():  # the end came while the loop slept
            task.cancel()
            try:
                loop.run_until_complete(task)
            except BaseException:
                pass
        raise
