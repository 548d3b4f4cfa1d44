"""The floors: what the parts below the service can do by themselves, here and now."""

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from benchmarks.measure import Plan
from benchmarks.requests import RECIPIENT, TEXT
from benchmarks.stack import Stack
from devstack import signals
