"""A Python program that saves itself: the API of ckpt (docs/API.md) in one file, for Python 3.9 and later.

    import ckpt

    with ckpt.deferred():            # not now
        write_two_files_that_belong_together()
    if ckpt.checkpoint("state.ckpt") is ckpt.RESTARTED:
        reconnect()

    @ckpt.checkpointed("state.ckpt", interval=600, keep=3)
    def step(n): ...                 # after a step, every ten minutes at most

The agent is there when the program was started with `ckpt run` or LD_PRELOAD=libckpt.so. Without it `available()`
is False, `checkpoint()` raises `CheckpointError` with errno ENOSYS, and everything else does nothing, so that the
program runs unchanged. Times are in seconds. Calls let other Python threads run meanwhile.
"""

import contextlib
import ctypes
import enum
import errno
import functools
import os
import sys

__all__ = ["CheckpointError", "Policy", "Result", "SAVED", "RESTARTED", "SKIPPED", "STARTED", "allow", "available",
           "before", "checkpoint", "checkpointed", "defer", "deferred", "exclude", "include", "off", "on",
           "restart_arguments", "restart_environment", "restarted", "restarts", "resumed", "wait"]


class Result(enum.IntEnum):
    """What came of a call."""

    SKIPPED = 0    # the policy says: not now
    SAVED = 1      # the image is safe on disk, and this is the process that was saved
    RESTARTED = 2  # this is a restarted process
    STARTED = 3    # the image is being written; wait() tells


SKIPPED, SAVED, RESTARTED, STARTED = Result


class CheckpointError(OSError):
    """There is no image: `errno` has the number, `strerror` the sentence."""


class _Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("every", ctypes.c_uint64),
                ("interval", ctypes.c_uint64), ("probability", ctypes.c_double), ("keep", ctypes.c_uint32),
                ("exit_status", ctypes.c_int32), ("label", ctypes.c_char_p), ("calls", ctypes.c_uint64),
                ("saves", ctypes.c_uint64), ("last", ctypes.c_uint64)]


_ASYNC, _SYNC, _INCREMENTAL, _FULL, _ONCE, _NOT_IN_COPIES, _EXIT, _EXECUTABLE = (1 << bit for bit in range(8))
_EVENTS = {"before": 4, "resumed": 5, "restarted": 2}
_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_hooks = {}  # the C side has only their addresses


def _load():
    """The agent's functions, None: it is not in this process."""
    library = ctypes.CDLL(None)
    try:
        library.ckpt_agent_function
    except AttributeError:
        return None
    library.ckpt_checkpoint.argtypes = [ctypes.c_char_p, ctypes.POINTER(_Options)]
    library.ckpt_wait.argtypes = [ctypes.c_uint64]
    library.ckpt_strerror.restype = ctypes.c_char_p
    library.ckpt_restarts.restype = ctypes.c_uint
    library.ckpt_on.argtypes = [ctypes.c_int, _HOOK, ctypes.c_void_p]
    library.ckpt_exclude.argtypes = library.ckpt_include.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    for name in ("ckpt_restart_argv", "ckpt_restart_envp"):
        if hasattr(library, name):
            getattr(library, name).restype = ctypes.POINTER(ctypes.c_char_p)
    return library


_agent = _load()


def _checked(value):
    if value < 0:
        raise CheckpointError(-value, _agent.ckpt_strerror(value).decode(errors="replace"))
    return value


def available():
    """Whether the agent is in this process."""
    return _agent is not None


def restarts():
    """How many times this process was restarted."""
    return _agent.ckpt_restarts() if _agent else 0


class Policy:
    """How and when to save, for one place in the program; what is given must all hold.

    every         at every so many-th call only
    interval      seconds: not before so much time has passed since the last try
    probability   0 < p <= 1
    once          never again after one image, in restarted copies neither
    copies        False: never in a restarted process
    keep          so many images stay: a series, path.1, path.2, ..., and path leads to the newest
    exit          the process ends with this status when the image is safe, without `atexit` functions: what they
                  and buffers hold is in the image
    asynchronous  return when the program may go on; wait() tells what came of it
    in_place      without a copy-on-write clone
    incremental   only what changed since the last image; `full` makes one with everything
    executable    a snapshot executable instead of an image
    label         text that goes into the image
    """

    def __init__(self, *, every=0, interval=0, probability=0, once=False, copies=True, keep=0, exit=None,
                 asynchronous=False, in_place=False, incremental=False, full=False, executable=False,
                 label=None):
        flags = (_ASYNC * asynchronous | _SYNC * in_place | _INCREMENTAL * incremental | _FULL * full | _ONCE * once
                 | _EXECUTABLE * executable | _NOT_IN_COPIES * (not copies) | _EXIT * (exit is not None))
        if interval < 0 or every < 0 or keep < 0:
            raise ValueError("every, interval and keep can't be below 0")
        self._options = _Options(
            size=ctypes.sizeof(_Options), flags=flags, every=every, interval=round(interval * 1e9),
            probability=probability, keep=keep, exit_status=0 if exit is None else exit,
            label=None if label is None else os.fsencode(label))

    calls = property(lambda self: self._options.calls, doc="Times it was used.")
    saves = property(lambda self: self._options.saves, doc="Images made, and restarts from them.")


def checkpoint(path=None, policy=None, **how):
    """Saves the process to `path` (None: to CKPT_FILE), and returns SAVED, in a restarted process RESTARTED.

    `policy`, or keywords as for Policy (then it counts for this one call), say when and how: SKIPPED, STARTED.
    Raises CheckpointError.
    """
    if policy is not None and how:
        raise TypeError("give a policy or keywords, not both")
    if _agent is None:
        raise CheckpointError(errno.ENOSYS, "no checkpoint: the agent is not in this process; start it with "
                              "`ckpt run` or LD_PRELOAD=libckpt.so")
    options = (policy or Policy(**how))._options
    if sys.stdout is not None:
        sys.stdout.flush()  # what it holds would be written by every copy
    return Result(_checked(_agent.ckpt_checkpoint(None if path is None else os.fsencode(path), options)))


def checkpointed(path=None, policy=None, **how):
    """Decorator: after each call of the function that ends well the process is saved, as the policy says.

    The function's result is returned in the saved and in the restarted process. Without the agent the function
    runs as if undecorated. `function.policy` has the counters.
    """
    chosen = policy or Policy(**how)

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*arguments, **keywords):
            result = function(*arguments, **keywords)
            if _agent is not None:
                checkpoint(path, chosen)
            return result

        wrapper.policy = chosen
        return wrapper

    return decorate


def wait(timeout=None):
    """Waits for the image of the last asynchronous call, at most `timeout` seconds; STARTED: not yet."""
    if _agent is None:
        return SKIPPED
    return Result(_checked(_agent.ckpt_wait(2**64 - 1 if timeout is None else max(0, round(timeout * 1e9)))))


# Not now

def defer():
    """From now until allow() no checkpoint is taken; they nest."""
    if _agent is not None:
        _checked(_agent.ckpt_defer())


def allow():
    """Ends a defer(); the last one makes the checkpoint that was asked for meanwhile. SKIPPED: there was none."""
    return Result(_checked(_agent.ckpt_allow())) if _agent is not None else SKIPPED


@contextlib.contextmanager
def deferred():
    """Context manager: no checkpoint inside of it."""
    defer()
    try:
        yield
    finally:
        allow()


# Hooks

def on(event, function):
    """Calls `function()` at "before", "resumed" or "restarted" of every checkpoint that this program makes itself.

    "before" hooks run last registered first, the others in order, in the thread that calls checkpoint() or allow().
    A checkpoint that comes by a signal runs no Python: a program that wants hooks for all of them runs in
    `defer()`, and calls `allow(); defer()` where it suits. Returns a number for off().
    """
    if event not in _EVENTS:
        raise ValueError(f"the event is {event!r}, not one of {', '.join(_EVENTS)}")
    if _agent is None:
        return 0
    hook = _HOOK(lambda _: function())
    number = _checked(_agent.ckpt_on(_EVENTS[event], hook, None))
    _hooks[number] = hook
    return number


def off(number):
    """Removes a hook."""
    if _agent is not None:
        _checked(_agent.ckpt_off(number))
        _hooks.pop(number, None)


def before(function):
    """Decorator: a hook for "before"."""
    on("before", function)
    return function


def resumed(function):
    """Decorator: a hook for "resumed"."""
    on("resumed", function)
    return function


def restarted(function):
    """Decorator: a hook for "restarted"."""
    on("restarted", function)
    return function


# Memory

def exclude(buffer):
    """Pages wholly inside of a writable buffer (a bytearray, a numpy array) are not saved and come back zeroed."""
    _change("ckpt_exclude", buffer)


def include(buffer):
    """Takes exclude() back; do so before the buffer is freed."""
    _change("ckpt_include", buffer)


def _change(name, buffer):
    if _agent is None:
        return
    view = memoryview(buffer).cast("B")
    if view.nbytes:
        address = ctypes.addressof(ctypes.c_char.from_buffer(view))
        _checked(getattr(_agent, name)(address, view.nbytes))


# What a restart was given

def _texts(pointer):
    texts = []
    while pointer and pointer[len(texts)] is not None:
        texts.append(os.fsdecode(pointer[len(texts)]))
    return texts


def restart_arguments():
    """The arguments of the last restart (`restart IMAGE -- ARGS`, a snapshot executable's own), None: none."""
    pointer = _agent.ckpt_restart_argv(None) if _agent is not None else None
    return _texts(pointer) if pointer else None


def restart_environment():
    """The environment of the last restart as a dictionary, None: none was given."""
    pointer = _agent.ckpt_restart_envp() if _agent is not None else None
    return dict(text.partition("=")[::2] for text in _texts(pointer)) if pointer else None
