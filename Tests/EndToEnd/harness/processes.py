"""Which processes belong to a test or to a run of tests."""

import os
import subprocess


def remove_ipc_objects(folder):
    """Removes the System V objects that a victim left when it was killed, by the list that it keeps."""
    try:
        lines = (folder / "ipc.objects").read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        kind, number = line.split()
        subprocess.run(["ipcrm", {"msg": "-q", "sem": "-s"}[kind], number], stderr=subprocess.DEVNULL)


def users_of(folder):
    """The processes that have something open below a folder, or run a program of it: (ID, name)."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            links = [f"/proc/{entry.name}/exe", f"/proc/{entry.name}/cwd", *(f.path for f in os.scandir(f"/proc/{entry.name}/fd"))]
            if any(os.readlink(link).startswith(f"{folder}/") for link in links):
                with open(f"/proc/{entry.name}/comm") as name:
                    found.append((int(entry.name), name.read().strip()))
        except OSError:
            continue
    return found


def marked_processes(folder):
    """The processes whose environment carries the mark of this test's folder."""
    mark = f"CKPT_E2E={folder}".encode() + b"\0"
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/environ", "rb") as environment:
                if mark in environment.read() + b"\0":
                    found.append(int(entry.name))
        except OSError:
            continue
    return found
