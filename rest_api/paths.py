"""Where REST is served. The slash at the end may be left out."""

from typing import Final

EVENTS: Final = "/api/events/"
ME: Final = "/api/me/"
SPENDING: Final = "/api/spending/"
COLLECTION: Final = "/api/messages/"
BATCH: Final = f"{COLLECTION}batch/"
PLAN: Final = f"{COLLECTION}plan/"
ITEM: Final = f"{COLLECTION}{{id}}/"
CANCEL: Final = "/cancel"
CANCELLATION: Final = f"{COLLECTION}{{id}}{CANCEL}/"
