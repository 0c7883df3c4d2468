"""asyncio: what waits is awaited on descriptors, without threads of ours; cancelling works, and leaves nothing behind."""

import asyncio
import threading

import ckafka
import pytest


def play(story, path):
    async def main():
        async with ckafka.aopen(path, create=True) as env:
            env.create_topic("t")
            return await asyncio.wait_for(story(env, env.log("t")), 60)

    return asyncio.run(main())


def test_append_durable(path):
    async def story(env, log):
        offsets = await asyncio.gather(*(log.append_durable(b"%d" % number) for number in range(200)))
        assert sorted(offsets) == list(range(200)) and log.log.watermarks().durable == 200
        assert await log.append_many_durable([(b"k", b"v")] * 3) == 200
        await log.wait_durable(0)

    play(story, path)


def test_no_thread_of_python_waits(path):
    async def story(env, log):
        waits = [asyncio.create_task(log.append_durable(b"v")) for _ in range(20)]
        fetch = asyncio.create_task(log.reader("latest").fetch())
        await asyncio.sleep(0)
        assert threading.active_count() == 1
        await asyncio.gather(*waits)
        await fetch if not log.append(b"v") else await fetch

    play(story, path)


def test_the_loop_runs_while_a_task_waits(path):
    async def story(env, log):
        turns = 0
        task = asyncio.create_task(log.append_durable(b"v"))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 1 and await task == 0

    play(story, path)


def test_follow(path):
    async def story(env, log):
        seen = []

        async def follow(start):
            async for record in log.follow(start):
                seen.append(record.value)
                if len(seen) == 30:
                    return

        task = asyncio.create_task(follow(0))
        for number in range(30):
            log.append(b"%d" % number)
            if number % 7 == 0:
                await asyncio.sleep(0.01)
        await task
        assert seen == [b"%d" % number for number in range(30)]

    play(story, path)


def test_follow_what_another_process_appends(path, run):
    async def story(env, log):
        reader = log.reader("latest")
        fetch = asyncio.create_task(reader.fetch(timeout=30))
        await asyncio.sleep(0.05)
        code = "import sys, ckafka; ckafka.open(sys.argv[1]).log('t').append(b'from afar')"
        thread = threading.Thread(target=run, args=(code, path))
        thread.start()
        batch = await fetch
        thread.join()
        assert list(batch.values()) == [b"from afar"]
        reader.close()

    play(story, path)


def test_a_fetch_that_runs_out_of_time(path):
    async def story(env, log):
        async with log.reader() as reader:
            assert not await reader.fetch(timeout=0.05) and not await reader.fetch(timeout=0)
            log.append(b"v")
            assert len(await reader.fetch(timeout=0)) == 1
            reader.seek(0)
            reader.seek_time(0)
            assert reader.position == 0

    play(story, path)


def test_cancelling_a_fetch_loses_nothing(path):
    async def story(env, log):
        reader = log.reader()
        for _ in range(20):
            task = asyncio.create_task(reader.fetch())
            await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        log.append(b"v")
        assert [record.value for record in await reader.fetch()] == [b"v"]

    play(story, path)


def test_cancelling_a_durable_append_leaves_the_record(path):
    async def story(env, log):
        tasks = [asyncio.create_task(log.append_durable(b"%d" % number)) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(type(result) is int or isinstance(result, asyncio.CancelledError) for result in results)
        assert log.log.watermarks().end == 20
        assert not log._waiting and log._timer is None and log._descriptor == -1
        assert await log.append_durable(b"after") == 20

    play(story, path)


def test_one_log_in_one_loop_after_another(path):
    for number in range(3):
        async def story(env, log):
            return await log.append_durable(b"v")

        async def main():
            async with ckafka.aopen(path, create=True) as env:
                env.create_topic("t", exist_ok=True)
                return await story(env, env.log("t"))

        assert asyncio.run(main()) == number


def test_errors_arrive(path):
    async def story(env, log):
        with pytest.raises(TypeError, match="value must be bytes"):
            await log.append_durable("text")
        with pytest.raises(ValueError, match="offset must be"):
            await log.wait_durable(-1)
        with pytest.raises(TypeError, match="timeout"):
            await log.reader().fetch(timeout="1")
        with pytest.raises(ckafka.UnknownTopicOrPartition):
            env.log("missing")
        env.delete_topic("t")
        with pytest.raises(ckafka.UnknownTopicOrPartition):
            await log.append_durable(b"v")

    play(story, path)


def test_control_c_ends_a_loop_that_waits(path, run):
    run("""
import asyncio, os, signal, sys, threading, ckafka
async def main():
    async with ckafka.aopen("data", create=True) as env:
        env.create_topic("t")
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        async for record in env.log("t").follow():
            pass
try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)
sys.exit(1)
""")


def test_a_directory_can_be_copied(path):
    import copy

    async def main():
        async with ckafka.aopen(path, create=True) as env:
            env.create_topic("t")
            assert copy.copy(env).env is env.env

    asyncio.run(main())
