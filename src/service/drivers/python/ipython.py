# IPython's shell behind the kernel's messages, where IPython is installed: its magics, its formatters, its history of results.
# `kernel` is the Kernel that runs this. What ends a cell and how that is told stays the kernel's.
import os
import shutil
import sys
import tempfile
import warnings

import IPython
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

rich, shows = kernel.part("rich"), kernel.part("shows")
FOLDER = os.path.dirname(IPython.__file__) + os.sep


def send(data, is_main):
    kernel.send_result({str(mime): rich["as_text"](form) for mime, form in data.items()}, is_main)


class Formatter(DisplayFormatter):
    def format(self, thing, include=None, exclude=None):
        if rich["is_figure"](thing):
            return rich["bundle_at_line"](thing), {}
        data, metadata = super().format(thing, include=include, exclude=exclude)
        if data:
            shows["more_forms"](thing, data)
        return data, metadata


class Hook(DisplayHook):
    def write_output_prompt(self):
        pass

    def compute_format_data(self, result):
        data, metadata = super().compute_format_data(result)
        shows["close_if_figure"](result)
        return data, metadata

    def write_format_data(self, format_dict, md_dict=None):
        send(format_dict, True)

    def finish_displayhook(self):
        pass


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, source=None, **options):
        send(data, False)


class Shell(InteractiveShell):
    displayhook_class, display_pub_class = Type(Hook), Type(Publisher)

    def init_display_formatter(self):
        self.display_formatter = Formatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_virtualenv(self):
        pass

    def showtraceback(self, *args, **options):
        """The kernel tells it."""

    showsyntaxerror = showindentationerror = showtraceback

    def enable_matplotlib(self, gui=None):
        return "inline", "inline"  # figures are shown in any case

    def system(self, command):
        kernel.part("magics")["command_line"](self.var_expand(command, depth=1))


def moved():
    """The process was forked from the one that made the shell, and is somewhere else."""
    shell = Shell.instance()
    shell.starting_dir = os.getcwd()
    shell.history_manager.dir_hist[:] = [type(place)(shell.starting_dir) for place in shell.history_manager.dir_hist[:1]]


def engine():
    """The function that runs a cell."""
    settings = Config()
    settings.InteractiveShell.colors = "NoColor"
    settings.HistoryManager.enabled = False
    warnings.filterwarnings("ignore", message="To exit: use")
    folder = tempfile.mkdtemp(prefix=".brig-ipython-")  # not the user's, where files are made and settings read
    shell = Shell.instance(config=settings, user_module=kernel.main, user_ns=kernel.names, ipython_dir=folder)
    shutil.rmtree(folder, ignore_errors=True)
    kernel.names.update(exit=sys.exit, quit=sys.exit)  # IPython's would end a terminal; these end the cell
    current = []
    shell.compile.get_code_name = lambda raw, transformed, number: current[-1]

    def execute(text, name):
        current[:] = [name]
        kernel.keep_source(name, text)
        done = shell.run_cell(text, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        if error is not None:
            raise error

    return execute
