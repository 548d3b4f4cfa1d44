# One image for every process: the command says which one it is.
FROM python:3.13-slim-trixie

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin sms
WORKDIR /app

# The dependencies change seldom, so they are a layer of their own.
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock

COPY manage.py ./
COPY config ./config
COPY edge ./edge
COPY graphql_api ./graphql_api
COPY health ./health
COPY rest_api ./rest_api
COPY simulator ./simulator
COPY sms ./sms
COPY webhooks ./webhooks
RUN python -m compileall -q .

# Inside a container a server has to listen on every address; which of them are reachable is Docker's to say.
ENV HOST=0.0.0.0 PORT=8080 RUNS_IN_DOCKER=true
USER sms
EXPOSE 8080
CMD ["python", "-m", "config.serve"]
