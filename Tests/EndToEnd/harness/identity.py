"""Who runs the program under test."""

import os
import pwd
import subprocess

import pytest

USER = "ckpttest"


class Identity:
    """Who runs the program: root, or an ordinary user without any privilege."""

    def __init__(self, name):
        self.name = name
        self.is_root = name == "root"
        me = os.geteuid()
        if self.is_root:
            if me != 0:
                pytest.skip("needs root")
            self.uid = self.gid = 0
        elif me != 0:
            self.uid, self.gid = me, os.getegid()
        else:
            try:
                entry = pwd.getpwnam(USER)
            except KeyError:
                subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", "--shell",
                                "/usr/sbin/nologin", USER], check=True)
                entry = pwd.getpwnam(USER)
            self.uid, self.gid = entry.pw_uid, entry.pw_gid

    def popen_arguments(self):
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [self.gid]}

    def shell_prefix(self):
        if self.is_root or os.geteuid() == self.uid:
            return ""
        return f"setpriv --reuid {self.uid} --regid {self.gid} --clear-groups "
