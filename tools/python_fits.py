"""Say whether the Python that runs this file can run benchbench: its version and path, or one sentence and exit code 1.

Written for every Python since 2.7, because the one that is asked may be any.
"""

import platform
import sys

OLDEST = (3, 11)


def sentence():
    """Return why this Python does not fit, or nothing."""
    found = "%s is Python %s" % (sys.executable, platform.python_version())
    if platform.python_implementation() != "CPython":
        return found + " of %s; CPython is expected." % platform.python_implementation()
    if sys.version_info[:2] < OLDEST:
        return found + "; 3.11 or newer is expected."
    if sys.version_info.releaselevel != "final":
        return found + ", not a finished release."
    if sys.maxsize < 2**32:
        return found + " of 32 bits, for which PyTorch is not made; a 64-bit Python is expected."
    if sys.platform == "win32":
        return found + " for Windows, where benchbench was not tried; use it in WSL (Ubuntu)."
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return found + " for Intel Macs, for which PyTorch is no longer made; on Apple silicon take a Python for ARM."
    if sys.platform.startswith("linux") and platform.libc_ver()[0] != "glibc":
        return found + " for musl (Alpine), for which PyTorch is not made; use a Linux with glibc, e.g. Debian."
    import sysconfig

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return found + ", free-threaded, which not every dependency is made for; the usual build is expected."
    try:
        import ensurepip
        import venv
    except ImportError as error:
        return found + " and cannot make a virtual environment (%s); on Debian: apt install python3-venv." % error
    assert ensurepip and venv
    return ""


if __name__ == "__main__":
    why = sentence()
    if why:
        sys.exit(why)
    print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], sys.executable))
