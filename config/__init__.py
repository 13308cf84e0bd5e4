import gc

gc.disable()  # until all is loaded, see apps.py: to look for garbage in it takes a fifth of every start

from config.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
