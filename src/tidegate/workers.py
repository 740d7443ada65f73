"""Work beside the loop: the syncs of the journal and the writing of snapshots.

The service says what is to be done and what follows; where it is done is this port's matter, so
that a simulation can do it in its one thread, at a moment drawn from its seed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol


class Workers(Protocol):
    """Two workers, each of which does one thing at a time. `done` and `failed` are called in the
    loop's thread; after `failed` a worker does nothing more."""

    def start_syncing(
        self,
        sync: Callable[[], int],
        done: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """From now on `want_sync` may be called. `done` is given what `sync` returned."""

    def want_sync(self) -> None:
        """Call `sync` once more. A call that has begun does not count, one that waits does: many
        turns share one sync."""

    def write_snapshot(
        self, write: Callable[[], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Call `write`. Only while no other is under way."""

    @property
    def snapshot_under_way(self) -> bool:
        """Whether what `write_snapshot` was given is not done yet."""

    async def finish(self) -> None:
        """Return when everything that was asked for is done; nothing may be asked for after."""


class ThreadWorkers:
    """`Workers` of a process: a thread for each. Made in the loop's thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake_syncer = threading.Condition()
        self._sync_wanted = False
        self._syncer_may_end = False
        self._syncer: threading.Thread | None = None
        self._writer = ThreadPoolExecutor(1, "tidegate-snapshot")
        self._snapshot: Future[None] | None = None

    def start_syncing(
        self,
        sync: Callable[[], int],
        done: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """See `Workers.start_syncing`."""
        self._syncer = threading.Thread(
            target=self._sync_loop, name="tidegate-sync", args=(sync, done, failed)
        )
        self._syncer.start()

    def want_sync(self) -> None:
        """See `Workers.want_sync`."""
        with self._wake_syncer:
            self._sync_wanted = True
            self._wake_syncer.notify()

    def write_snapshot(
        self, write: Callable[[], None], failed: Callable[[BaseException], None]
    ) -> None:
        """See `Workers.write_snapshot`."""

        def written(snapshot: Future[None]) -> None:
            error = snapshot.exception()
            if error is not None:
                self._loop.call_soon_threadsafe(failed, error)

        self._snapshot = self._writer.submit(write)
        self._snapshot.add_done_callback(written)

    @property
    def snapshot_under_way(self) -> bool:
        """See `Workers.snapshot_under_way`."""
        return self._snapshot is not None and not self._snapshot.done()

    async def finish(self) -> None:
        """See `Workers.finish`."""
        with self._wake_syncer:
            self._syncer_may_end = True
            self._wake_syncer.notify()
        if self._syncer is not None:
            await asyncio.to_thread(self._syncer.join)
        await asyncio.to_thread(self._writer.shutdown)

    def _sync_loop(
        self,
        sync: Callable[[], int],
        done: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        while True:
            with self._wake_syncer:
                while not self._sync_wanted and not self._syncer_may_end:
                    self._wake_syncer.wait()
                if not self._sync_wanted:
                    return
                self._sync_wanted = False
            try:
                durable_position = sync()
            except Exception as error:
                self._loop.call_soon_threadsafe(failed, error)
                return
            self._loop.call_soon_threadsafe(done, durable_position)
