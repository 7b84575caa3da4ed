"""What goes wrong on the trusted side."""


class SandboxError(RuntimeError):
    """The sandbox itself failed; nothing is known about the submission."""


class SandboxUnavailable(SandboxError):
    """This machine cannot wall a student's code in; the message says what to do."""


ADVICE = (
    "Install bubblewrap (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap) and allow "
    "user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns).  "
    "A container has to be started with the options of docs/security.md, Containers.  "
    "Or run in mode 'none', knowing that students' code then runs with all your rights."
)
LIBRARIES = (
    "Bubblewrap works, but a library is missing inside: the sandbox sees this Python's own folders only, not what a "
    ".pth file or another environment adds.  Install the course into one environment of its own: make environment, or "
    "docs/install.md."
)
