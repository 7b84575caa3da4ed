"""JupyterLab's settings for this course: `jupyter lab --config=course/jupyter_lab_config.py`.

They live here and not in the user's home, so the course changes nothing outside its folder.
"""

import os
import sys
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets puts it here)

ROOT = Path(__file__).resolve().parents[1]

# Kernels and terminals inherit these. nbgrader starts `alembic` by name; at our sizes one thread beats two.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Kernels begin with this file; one of your own stays.
os.environ.setdefault("PYTHONSTARTUP", str(ROOT / "course" / "first_words.py"))

# The server sees the whole course, because nbgrader looks for its settings here, and opens on the notebooks.
os.chdir(ROOT)
if (ROOT / "notebooks").is_dir():
    c.FileContentsManager.preferred_dir = str(ROOT / "notebooks")
    c.LabApp.default_url = "/lab/tree/notebooks"

# overrides.json: no news pop-up; widgets are saved with the notebook (else a reopened one says "model not
# found").
c.LabApp.app_settings_dir = str(ROOT / "course" / "lab_settings")
c.LabApp.news_url = None
# The layout of the course's tabs, apart from the tabs of your other projects.
c.LabApp.workspaces_dir = str(ROOT / ".course" / "workspaces")

# nbgrader's list of assignments asks for this folder to be there (nbgrader_config.py names it).
(ROOT / ".course" / "exchange").mkdir(parents=True, exist_ok=True)

# In a terminal without a screen Jupyter prints its address and waits; a text browser would be in the way.
c.ServerApp.open_browser = sys.platform in ("darwin", "win32") or any(
    os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
)
c.JupyterApp.answer_yes = True  # Ctrl-C stops the server without a question
c.ServerApp.allow_root = True  # containers have no other user; the server listens on this machine alone
