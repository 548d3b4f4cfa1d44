"""Where REST is served. The slash at the end may be left out."""

from typing import Final

EVENTS: Final = "/api/events/"
ME: Final = "/api/me/"
SPENDING: Final = "/api/spending/"
COLLECTION: Final = "/api/messages/"
BATCH: Final = f"{COLLECTION}batch/"
PLAN: Final = f"{COLLECTION}plan/"
ITEM: Final = f"{COLLECTION}{{id}}/"
EXPLAIN: Final = "/explain"
EXPLANATION: Final = f"{COLLECTION}{{id}}{EXPLAIN}/"
CANCEL: Final = "/cancel"
CANCELLATION: Final = f"{COLLECTION}{{id}}{CANCEL}/"
INBOUND: Final = "/api/inbound/"
OPT_OUTS: Final = "/api/opt-outs/"
OPT_OUT: Final = f"{OPT_OUTS}{{id}}/"
