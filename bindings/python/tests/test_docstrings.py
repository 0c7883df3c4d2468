"""Every example in a docstring does what it says, and every public function has one.

Each example gets a fresh data directory: `path` where there is none yet, `env` an open one, `log` the log of a topic in it.
"""

import asyncio
import builtins
import doctest
import inspect

import ckafka
import pytest
from ckafka import aio, client
from ckafka.client import admin

WITHOUT_EXAMPLE = {
    "close", "release", "append_raw", "request_sync", "durable_fileno", "pretouch", "sender", "send_all", "library_path",
    "pin_thread", "to_arrow", "to_pandas",
}  # fmt: skip
"""Methods of which an example would tell nothing, or that need a package that need not be there."""


def examples():
    finder = doctest.DocTestFinder()
    things = {"ckafka": ckafka, **{name: getattr(ckafka, name) for name in ckafka.__all__}}
    for module in (aio, client, admin):
        place = module.__name__.partition(".")[2]
        things[place] = module
        things.update((f"{place}.{name}", getattr(module, name)) for name in module.__all__)
    for name, thing in things.items():
        for test in finder.find(thing, name=name, module=False) if inspect.getdoc(thing) else ():
            if test.examples and (not inspect.ismodule(thing) or test.name == name):
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_example(test, tmp_path):
    fresh, opened = str(tmp_path / "fresh"), str(tmp_path / "opened")
    with ckafka.open(opened, create=True) as env:
        env.create_topic("examples")
        test.globs = {
            "ckafka": ckafka, "asyncio": asyncio, "path": fresh, "env": env, "log": env.log("examples"), "open": builtins.open,
        }  # fmt: skip
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        said = []
        runner.run(test, out=said.append, clear_globs=False)
        assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("kind", [client.Producer, client.Consumer, client.Message, client.TopicPartition, admin.AdminClient])
def test_every_public_method_of_a_client_is_documented(kind):
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_") and name not in dir(tuple):
            assert inspect.getdoc(member), f"{kind.__name__}.{name} has no docstring"


@pytest.mark.parametrize("kind", [ckafka.Env, ckafka.Log, ckafka.Reader, ckafka.Sender, ckafka.Batch])
def test_every_public_method_is_documented(kind):
    for name, member in vars(kind).items():
        if name.startswith("_") or name in WITHOUT_EXAMPLE:
            continue
        text = inspect.getdoc(member)
        assert text, f"{kind.__name__}.{name} has no docstring"
        if inspect.isfunction(member):
            assert ">>>" in text, f"{kind.__name__}.{name} has no example"


def test_every_public_name_is_documented():
    for name in ckafka.__all__:
        thing = getattr(ckafka, name)
        assert isinstance(thing, int) or inspect.getdoc(thing), name


def test_every_error_says_what_it_is():
    for kind in ckafka.errors.BY_CODE.values():
        assert kind.__name__ in ckafka.__all__ and kind.__doc__, kind
        assert issubclass(kind, ckafka.Error)
