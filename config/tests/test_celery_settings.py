"""The settings without which Celery loses work, each measured to matter."""

from config.celery import app


def test_a_task_is_struck_off_only_when_it_is_done() -> None:
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.worker_prefetch_multiplier == 1


def test_no_task_runs_longer_than_redis_believes_in_it() -> None:
    """Or it would hand a running task to a second worker, again and again."""
    limits = (app.conf.task_soft_time_limit, app.conf.task_time_limit)
    assert limits == (540, 600)
    assert app.conf.broker_transport_options.get("visibility_timeout", 900) == 900


def test_nothing_but_json_is_read_and_no_result_is_kept() -> None:
    assert app.conf.task_serializer == "json"
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None
