# Two stages: build the locked environment, then copy it beside the code of a non-root user.
FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR_DIR=/var/lib/skyledger
RUN useradd --system --uid 10001 --home-dir /app skyledger \
    && install -d -o skyledger /var/lib/skyledger /var/lib/skyledger/files
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# Collected with throw-away settings: nothing secret is in the image.
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(64))") \
    DATABASE_URL=postgresql://build@localhost/build ALLOWED_HOSTS=localhost \
    python manage.py collectstatic --noinput -v0 \
    && chown -R skyledger /var/lib/skyledger
USER skyledger
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# One worker, so that /metrics is whole: scale by replicas.
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "1", "--blocking-threads", "8", "config.wsgi:application"]
