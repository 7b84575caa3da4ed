"""The gallery of explorers as a page without code: `python course/app.py [options of Voilà]`, or `make app`.

It needs the packages of the extra `app`:  pip install -c constraints.txt -e ".[app]"
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "notebooks" / "explorers.ipynb"
# What draws widgets. The other extensions of JupyterLab expect a whole JupyterLab around them.
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget"]


def command(options: list[str]) -> list[str]:
    """The command line.  A first option that ends in .ipynb is shown in place of the gallery."""
    notebook = options[0] if options and options[0].endswith(".ipynb") else str(GALLERY)
    ours = [
        "--template=diffkit",
        f"--VoilaConfiguration.extension_allowlist={EXTENSIONS}",
        # The badge of Colab would come from a network.
        *("--TagRemovePreprocessor.enabled=True", "--TagRemovePreprocessor.remove_cell_tags=colab"),
        "--preheat_kernel=True",  # the next visitor finds a page that is ready
    ]
    return [sys.executable, "-m", "voila", notebook, *ours, *(o for o in options if o != notebook)]


def main(options: list[str]) -> int:
    """Serve the page until Ctrl-C; returns an exit status."""
    if find_spec("voila") is None:
        print('Voilà is not installed:  pip install -c constraints.txt -e ".[app]"', file=sys.stderr)
        return 1
    places = [str(ROOT / "course" / "share" / "jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    ours = {"JUPYTER_PATH": os.pathsep.join(places), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    server = subprocess.Popen(command(options), cwd=ROOT, env={**os.environ, **ours})
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
