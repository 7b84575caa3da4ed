"""Where a Jupyter server that a test has started can be asked."""

import json
import subprocess
import time
import urllib.request
from pathlib import Path

START_SECONDS = 60


def wait_for_url(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """The server's address, as soon as it answers there.

    A Jupyter server writes its port into its runtime folder before it listens, so the file alone does not say that it
    is up.

    Raises RuntimeError, with the end of the log, if the server stops or does not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            try:
                url = str(json.loads(file.read_text(encoding="utf-8"))["url"]).rstrip("/")
                urllib.request.urlopen(f"{url}/api", timeout=5).close()
                return url
            except (OSError, ValueError):  # not written, or not listening, yet
                pass
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
