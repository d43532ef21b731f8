"""Answers that take time are made in order, beside the requests, and not without end."""

import queue
import threading

from gogooku.serve.answers import said
from gogooku.serve.worker import MOST_WAITING, Worker


def test_they_come_back_in_order_through_the_thread_that_answers():
    back, made = queue.Queue(), []
    worker = Worker(back.put)
    for n in range(5):
        assert worker.submit(lambda n=n: said(n), made.append)
    while len(made) < 5:
        back.get(timeout=10)()
    assert [one.body for one in made] == [b"0", b"1", b"2", b"3", b"4"]


def test_too_many_are_refused_and_later_ones_are_not():
    go_on, begun, back = threading.Event(), threading.Event(), queue.Queue()
    worker = Worker(back.put)

    def slow():
        begun.set()
        assert go_on.wait(10)
        return said({})

    assert worker.submit(slow, list)
    assert begun.wait(10)
    assert [worker.submit(slow, list) for _ in range(MOST_WAITING + 1)][-2:] == [True, False]
    go_on.set()
    for _ in range(MOST_WAITING + 1):
        back.get(timeout=10)
    assert worker.submit(slow, list)
