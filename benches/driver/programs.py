"""Builds the C programs and runs them, each contestant in a process and a folder of its own."""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import subprocess

FLAGS = "-O3 -march=native -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread".split()
PROGRAMS = "append durable read latency send worst open memory quiet compat compat_serve writers boundary".split()
CPP_FLAGS = "-O3 -march=native -std=c++20 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread".split()
CPP_PROGRAMS = ["read_cpp"]
SHARED = "common dataset loops".split()
TIMEOUT_S = 300
BUILD_TIMEOUT_S = 1800


class ProgramError(Exception):
    """A program could not be built, failed or took too long."""


class Bench:
    """What every topic needs: how much to measure, where, and the programs to run."""

    def __init__(self, project, target, work, quick, runs):
        self.project, self.target, self.work = project, target, work
        self.quick, self.runs = quick, runs
        self._numbers = itertools.count()

    def pick(self, full, quick):
        """The amount for this kind of run."""
        return quick if self.quick else full

    def build(self):
        """Compiles the programs against the public header and the built library."""
        compiler = os.environ.get("CC", "cc")
        library, objects = self.project / "build", self.target / "bin"
        if not (library / "libckafka.so").exists():
            raise ProgramError("build/libckafka.so is missing: run make first")
        objects.mkdir(parents=True, exist_ok=True)
        include = ["-I", str(self.project / "include")]
        link = ["-L", str(library), "-lckafka", f"-Wl,-rpath,{library}"]
        sources = [str(self.project / "benches" / f"{name}.c") for name in SHARED]
        for name in PROGRAMS:
            source = str(self.project / "benches" / f"{name}.c")
            self._call([compiler, *FLAGS, *include, source, *sources, "-o", str(objects / name), *link])

    def build_cpp(self):
        """Compiles the programs in C++, which need a compiler that the others do without."""
        include = ["-I", str(self.project / "include"), "-I", str(self.project / "benches")]
        library, folder = self.project / "build", self.target / "bin"
        shared = [str(folder / f"{name}.o") for name in SHARED]
        for name, made in zip(SHARED, shared):
            source = str(self.project / "benches" / f"{name}.c")
            self._call([os.environ.get("CC", "cc"), *FLAGS, *include, "-c", source, "-o", made])
        link = ["-L", str(library), "-lckafka", f"-Wl,-rpath,{library}"]
        for name in CPP_PROGRAMS:
            source = str(self.project / "benches" / f"{name}.cpp")
            command = [os.environ.get("CXX", "c++"), *CPP_FLAGS, *include, source, *shared]
            self._call([*command, "-o", str(folder / name), *link])

    def library(self, feature):
        """The library once more, built with a feature that only benchmarks want; its folder."""
        target, place = self.target / feature, self.target / feature / "lib"
        place.mkdir(parents=True, exist_ok=True)
        cargo = [os.environ.get("CARGO", "cargo"), "rustc", "--locked", "--release", "--lib", "--crate-type", "staticlib"]
        settings = ["--features", feature, "--target-dir", str(target), "--manifest-path", str(self.project / "Cargo.toml")]
        self._call([*cargo, *settings], timeout=BUILD_TIMEOUT_S)
        self._call([str(self.project / "scripts" / "relink"), str(target / "release" / "libckafka.a"), str(place)])
        return place

    @contextlib.contextmanager
    def folder(self):
        """An empty folder that is gone afterwards."""
        path = self.work / f"run-{os.getpid()}-{next(self._numbers)}"
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def run(self, program, contestant, folder, wrap=(), **settings):
        """Runs one contestant in a folder; what it measured."""
        command = [*wrap, str(self.target / "bin" / program), contestant, str(folder)]
        command += [f"{name}={value}" for name, value in settings.items()]
        output = self._call(command)
        try:
            return json.loads(output)
        except ValueError:
            raise ProgramError(f"{program} {contestant} said {output!r}") from None

    def run_fresh(self, program, contestant, wrap=(), **settings):
        """Runs one contestant in a folder made for it."""
        with self.folder() as folder:
            return self.run(program, contestant, folder, wrap, **settings)

    def python(self):
        """The Python that has what contestants want."""
        python = self.project / "target" / "venv" / "bin" / "python"
        if not python.exists():
            raise ProgramError("target/venv is missing: run make venv first")
        return str(python)

    def run_python(self, contestant, place, program="python_log", **settings):
        """Runs a Python contestant in a folder, in one made for it if none is given, or with the broker at an address."""
        if place is None:
            with self.folder() as own:
                return self.run_python(contestant, own, program, **settings)
        command = [self.python(), "-B", str(self.project / "benches" / f"{program}.py"), contestant, str(place)]
        library = {"CKAFKA_LIBRARY": str(self.project / "build" / "libckafka.so")}
        return json.loads(self._call(command + [f"{name}={value}" for name, value in settings.items()], library))

    def interleave(self, contestants, runs=None):
        """Runs each contestant in turn, `runs` times, the order turned round each time: their results by name."""
        results = {name: [] for name in contestants}
        for number in range(runs or self.runs):
            names = list(contestants)
            for name in names if number % 2 == 0 else reversed(names):
                results[name].append(contestants[name]())
        return results

    def clean(self):
        """Removes what runs left behind."""
        for path in pathlib.Path(self.work).glob(f"run-{os.getpid()}-*"):
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.work.rmdir()

    @staticmethod
    def _call(command, variables=None, timeout=TIMEOUT_S):
        environment = {**os.environ, **(variables or {})}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{' '.join(command)}: not done after {timeout} s") from None
        except FileNotFoundError:
            raise ProgramError(f"{command[0]} is missing: apt-get install -y {command[0]}") from None
        if done.returncode != 0:
            raise ProgramError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout
