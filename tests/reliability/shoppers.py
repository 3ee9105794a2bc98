"""Two hundred shoppers at once, each a process with a browser of its own: what `test_last_item.py` starts.

    python -m tests.reliability.shoppers DATABASE '[{"bundle": 17}, {"sku": "POT"}, …]'

Every shopper fills a cart, waits until all others have, and then orders. What came of it is printed as JSON: an order
number, or what the shop said. PostgreSQL takes a hundred connections as it is installed, so the shoppers share eighty,
as they would share a shop's web workers.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import re
import sys
import traceback
from typing import Any

CONNECTION_COUNT = 80
SECONDS = 300


def shop(wish: dict[str, Any], number: int, connections: Any, everybody: Any, outcomes: Any) -> None:
    """Tell what came of it, whatever that is: nobody waits for a shopper who fell over."""
    try:
        outcomes.put([number, *buy(wish, number, connections, everybody)])
    except BaseException:
        outcomes.put([number, "", [traceback.format_exc()]])
        everybody.abort()
        raise


def buy(wish: dict[str, Any], number: int, connections: Any, everybody: Any) -> tuple[str, list[str]]:
    from django.contrib.messages import get_messages
    from django.db import connection
    from django.test import Client

    client = Client()
    with connections:
        if "bundle" in wish:
            client.post(f"/bundles/{wish['bundle']}/add/")
        else:
            client.post("/cart/add/", {"sku": wish["sku"], "quantity": 1})
        shown = re.search(r'name="expected_total" value="([\d.]+)"', client.get("/checkout/").content.decode())
        connection.close()
    everybody.wait(SECONDS)
    with connections:
        response = client.post("/checkout/", {"email": f"{number}@example.org", "expected_total": shown and shown[1]})
        said = [str(message) for message in get_messages(response.wsgi_request)]
        connection.close()
    url = str(response["Location"])
    return url.strip("/").split("/")[-1] if url.startswith("/order/") else "", said


def main(database: str, wishes: list[dict[str, Any]]) -> list[Any]:
    import django
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018  (imported once, before there are two hundred)
    gc.freeze()
    context = multiprocessing.get_context("fork")
    connections, everybody = context.BoundedSemaphore(CONNECTION_COUNT), context.Barrier(len(wishes))
    outcomes = context.SimpleQueue()
    shoppers = [
        context.Process(target=shop, args=(wish, number, connections, everybody, outcomes))
        for number, wish in enumerate(wishes)
    ]
    for shopper in shoppers:
        shopper.start()
    try:
        found = [outcomes.get() for _ in shoppers]
    finally:
        for shopper in shoppers:
            shopper.join(SECONDS)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
