"""appliance.jobs: states, bounds, cancelling, surviving."""

import threading

import pytest
import sqlalchemy as sa

from appliance.core.errors import Busy, NotFound, NotGreyscale, Unavailable
from appliance.core.types import Refusal, Study
from appliance.index import jobs as table
from appliance.jobs import Jobs
from appliance.store import Store


@pytest.fixture
def store(tmp_path):
    with_store = Store(tmp_path)
    with_store.put(Study("1.2", (), (Refusal("empty", ""),)))
    yield with_store
    with_store.close()


def make(store, work, **how) -> Jobs:
    jobs = Jobs(store.engine, work, **how)
    jobs.start()
    return jobs


def test_a_job_runs_with_its_inputs_and_keeps_its_results(store):
    seen = []

    def work(job, control):
        seen.append(job)
        control.report(0.4)
        control.report(0.1)
        assert control.progress == 0.4
        return [{"study": "1.2", "series": "7"}]

    jobs = make(store, work)
    job = jobs.submit("1.2", "analyze", [{"image": {"study": "1.2", "series": "7"}}], {"a": 1})
    assert jobs.wait(60)
    found = jobs.get(job)
    assert (found["state"], found["progress"], found["error"]) == ("done", 1.0, None)
    assert found["results"] == [{"study": "1.2", "series": "7"}]
    assert (seen[0].task, seen[0].options) == ("analyze", {"a": 1})
    assert found["created"] <= found["started"] <= found["finished"]
    jobs.close()


def test_failures_are_kept_without_a_traceback(store):
    errors = iter([NotGreyscale("a colour picture"), ZeroDivisionError("secret")])

    def work(job, control):
        raise next(errors)

    jobs = make(store, work)
    first, second = (jobs.submit("1.2", "analyze", []) for _ in range(2))
    assert jobs.wait(60)
    assert jobs.get(first)["error"] == {"code": "not_greyscale", "message": "a colour picture"}
    assert jobs.get(second)["error"]["code"] == "internal"
    assert "secret" not in jobs.get(second)["error"]["message"]
    jobs.close()


def test_a_full_queue_is_busy_and_waiting_jobs_can_be_cancelled(store):
    gate, started = threading.Event(), threading.Event()

    def work(job, control):
        started.set()
        while not gate.wait(0.01):
            control.check()
        return []

    jobs = make(store, work, limit=2)
    running = jobs.submit("1.2", "analyze", [])
    assert started.wait(60)
    waiting = [jobs.submit("1.2", "analyze", []) for _ in range(2)]
    assert (jobs.running, jobs.waiting) == (1, 2)
    with pytest.raises(Busy):
        jobs.submit("1.2", "analyze", [])
    assert jobs.cancel(waiting[0])["state"] == "cancelled"
    assert jobs.cancel(running)["cancel_requested"]
    gate.set() if not jobs.wait(0.5) else None
    assert jobs.wait(60)
    assert jobs.get(running)["state"] == "cancelled"
    assert jobs.get(waiting[1])["state"] in ("done", "running")
    assert jobs.cancel(running)["state"] == "cancelled"
    jobs.close()


def test_what_waited_and_what_ran_goes_on_after_a_restart(store):
    started, order = threading.Event(), []

    def endless(job, control):
        started.set()
        while True:
            control.check()
            threading.Event().wait(0.01)

    jobs = make(store, endless)
    ids = [jobs.submit("1.2", "analyze", []) for _ in range(3)]
    assert started.wait(60)
    jobs.close()
    assert {jobs.get(job)["state"] for job in ids} == {"queued"}
    with pytest.raises(Unavailable):
        jobs.submit("1.2", "analyze", [])
    again = make(store, lambda job, control: order.append(job.job) or [])
    assert again.wait(60)
    assert order == ids
    assert {again.get(job)["state"] for job in ids} == {"done"}
    again.close()


def test_a_job_that_kills_the_server_is_not_tried_for_ever(store):
    jobs = Jobs(store.engine, lambda job, control: [])
    job = jobs.submit("1.2", "analyze", [])
    with store.engine.begin() as connection:
        connection.execute(sa.update(table).values(state="running", attempts=3))
    again = make(store, lambda job, control: [])
    assert again.get(job)["state"] == "failed"
    again.close()


def test_jobs_go_with_their_study(store):
    jobs = Jobs(store.engine, lambda job, control: [])
    job = jobs.submit("1.2", "analyze", [])
    jobs.cancel_study("1.2")
    assert jobs.get(job)["state"] == "cancelled"
    store.delete("1.2")
    with pytest.raises(NotFound):
        jobs.get(job)
    with pytest.raises(NotFound):
        jobs.submit("1.2", "analyze", [])


def test_a_job_ends_even_when_that_cannot_be_stored(store, monkeypatch):
    """A full disk: the end is shown at once and recorded when there is room again."""
    monkeypatch.setattr("appliance.jobs._RETRY_S", 0.01)
    full, seen = threading.Event(), []
    real = Jobs._update

    def update(self, job, **values):
        if full.is_set():
            raise Unavailable("the disk is full")
        real(self, job, **values)

    def work(job, control):
        if not seen:
            full.set()
        seen.append(job)
        raise Unavailable("the disk is full")

    monkeypatch.setattr(Jobs, "_update", update)
    jobs = make(store, work)
    job = jobs.submit("1.2", "analyze", [])
    assert full.wait(60)
    assert not jobs.wait(0.1)
    found = jobs.get(job)
    assert (found["state"], found["error"]["message"]) == ("failed", "the disk is full")
    waiting = jobs.submit("1.2", "analyze", [])
    with pytest.raises(Unavailable):
        jobs.cancel(waiting)
    assert jobs.waiting == 1
    full.clear()
    assert jobs.wait(60)
    jobs.close()
    with store.engine.connect() as connection:
        states = connection.scalars(sa.select(table.c.state).order_by(table.c.created)).all()
    assert states == ["failed", "failed"]
