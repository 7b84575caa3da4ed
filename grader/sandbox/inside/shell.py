"""IPython without Jupyter: magics, display, rich results and `await` work; outputs go into `Outputs`."""

import gc
import subprocess
import sys
from typing import Any

from IPython.core.async_helpers import get_asyncio_loop
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from .capture import SHOWN, Outputs, Stream

OUTPUTS = Outputs()
STREAMS = (Stream(OUTPUTS, "stdout"), Stream(OUTPUTS, "stderr"))


class Publisher(DisplayPublisher):
    def publish(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        OUTPUTS.show("display_data", data)

    def clear_output(self, wait: bool = False) -> None:
        OUTPUTS.clear()


class Echo(DisplayHook):
    """The value of a cell's last expression."""

    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        OUTPUTS.show("execute_result", format_dict)

    def finish_displayhook(self) -> None:
        pass


class Shell(InteractiveShell):
    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        OUTPUTS.error(etype.__name__, str(evalue), stb)

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window to serve."""

    def system(self, cmd: str) -> None:
        """`!command`.  The one of IPython wants a terminal."""
        done = subprocess.run(
            self.var_expand(cmd, depth=1),
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        sys.stdout.write(done.stdout.decode(errors="replace"))
        sys.stderr.write(done.stderr.decode(errors="replace"))
        self.user_ns["_exit_code"] = done.returncode

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """`lines = !command`."""
        done = subprocess.run(
            self.var_expand(cmd, depth=depth + 1),
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        text = (done.stdout + done.stderr).decode(errors="replace")
        return text.splitlines() if split else text


def make_shell() -> Shell:
    """The one shell of this process.  Made once, before the forks."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Context"
    config.InteractiveShell.ast_node_interactivity = "last_expr"
    shell = Shell.instance(config=config, displayhook_class=Echo, display_pub_class=Publisher)
    formatter: Any = shell.display_formatter
    formatter.active_types = list(SHOWN)
    shell.enable_matplotlib("inline")
    sys.stdout, sys.stderr = STREAMS
    return shell


WARM_UP = """
%matplotlib inline
import matplotlib.pyplot
matplotlib.pyplot.plot([0, 1]); matplotlib.pyplot.title("$t$")
matplotlib.pyplot.show()
await __import__("asyncio").sleep(0)
print("x", 1.5)
[1, 2.5]
raise ValueError("warm")
"""


def warm_up(shell: Shell) -> None:
    """Run what every notebook runs, so that the modules and fonts behind it are loaded before the forks."""
    gc.freeze()  # `reset` has garbage collected, which would go through all that is loaded
    OUTPUTS.start(2**20)
    shell.run_cell(WARM_UP, store_history=True)
    errors = [item for item in OUTPUTS.finish() if item["output_type"] == "error"]
    if [item["evalue"] for item in errors] != ["warm"]:
        raise RuntimeError(f"the warm-up cell failed: {errors}")
    get_asyncio_loop().close()  # its descriptors do not live in the forks; each makes its own loop
    shell.reset(new_session=True)
    _forget_fonts()
    OUTPUTS.start(0)


def _forget_fonts() -> None:
    """Matplotlib has every fork close the fonts that are open, so none had better be.  A matter of speed only.

    The module is not imported at the top of this file: that would be as another user, whose its folders then were.
    """
    cached: Any = getattr(sys.modules["matplotlib.font_manager"], "_get_font", None)
    if hasattr(cached, "cache_clear"):
        cached.cache_clear()
