"""Has root obey the modes of files, as every other user does."""

import ctypes
import os

DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2  # numbers of Linux's capabilities
VERSION = 0x20080522  # of capget's and capset's records


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def obey_modes() -> None:
    """Takes from this thread, and from those that it starts, the right to pass by the modes of files."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = _Header(VERSION, 0), (_Data * 2)()
    if libc.capget(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capget")
    data[0].effective &= ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH)
    if libc.capset(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capset")


def set_modes(root: os.PathLike, folder: int, file: int) -> None:
    """Gives all folders and files below `root`, and it, these modes."""
    for place, _, names in os.walk(root, topdown=False):
        for name in names:
            os.chmod(os.path.join(place, name), file)
        os.chmod(place, folder)
