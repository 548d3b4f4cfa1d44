"""PostgreSQL refuses to run as root. Two ways round, for containers and for people who work as root."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError

UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
ACCOUNTS = ("postgres", "nobody")
PRIVATE = 0o700


@dataclass(frozen=True, kw_only=True)
class Runner:
    """How to start a program that refuses root: through `prefix`, or as another user; as it is when not root."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def home_of(self, directory: Path) -> Path:
        """Where the program keeps its data: `directory`, or a private folder that its user can reach."""
        return directory if self.user is None else foreign_home(directory)

    def make_home(self, directory: Path) -> None:
        """Create `home_of(directory)`. Raises DevstackError when somebody else was there first."""
        home = self.home_of(directory)
        if self.user is None:
            home.mkdir(parents=True, exist_ok=True)
            return
        home.mkdir(mode=PRIVATE, exist_ok=True)
        if home.lstat().st_uid == 0:
            self.own(home)
        self._refuse_a_trap(home)

    def _refuse_a_trap(self, home: Path) -> None:
        # The temporary folder is everybody's, and the name can be foreseen.
        found = home.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.user or stat.S_IMODE(found.st_mode) != PRIVATE:
            raise DevstackError(f"{home} belongs to somebody else; remove it and start again.")

    def own(self, path: Path) -> None:
        """Give a file to the user of this runner."""
        if self.user is not None:
            os.chown(path, self.user, -1 if self.group is None else self.group)

    def reach(self, folder: Path, *, home: Path) -> Path:
        """Return the folder of programs that this runner can execute: `folder`, or a copy below `home`.

        A copy is needed when the checkout is in a home directory that other users may not enter.
        """
        if self.runs(folder / "postgres"):
            return folder
        install = folder.parent
        package = install.parent
        copy = home / "programs"
        if not copy.exists():
            part = home / "programs.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(install, part / package.name / install.name, symlinks=True)
            libraries = package.with_name(package.name + ".libs")
            if libraries.exists():  # the wheel finds its libraries by the way from one to the other
                shutil.copytree(libraries, part / libraries.name, symlinks=True)
            part.rename(copy)
        return copy / package.name / install.name / folder.name

    def runs(self, program: Path) -> bool:
        """Whether `program --version` works this way."""
        try:
            subprocess.run(
                [*self.prefix, program, "--version"],
                capture_output=True,
                timeout=10,
                check=True,
                cwd="/",
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return True


def choose_runner(program: Path) -> Runner:
    """How to run `program` without being root. Raises DevstackError when there is no way."""
    if os.geteuid() != 0:
        return Runner()
    # Root looks like uid 1000 to the program, while the files stay root's: no new user, nothing to hand over.
    mapped = Runner(prefix=UNSHARE)
    if mapped.runs(program):
        return mapped
    # An ordinary Docker container forbids that. There another user of the system has to do.
    for name in ACCOUNTS:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return Runner(user=account.pw_uid, group=account.pw_gid)
    raise DevstackError("PostgreSQL does not run as root; start this as another user, or give DATABASE_URL.")


def foreign_home(directory: Path) -> Path:
    """Return the folder that stands for `directory` when another user has to own it. Always the same one."""
    key = hashlib.sha1(str(directory.absolute()).encode(), usedforsecurity=False).hexdigest()
    return Path(tempfile.gettempdir()) / f"devstack-{key}"
