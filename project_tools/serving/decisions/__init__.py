"""The record of decisions: what was decided, by which model, from what, and that nobody changed it.

It imports nothing by itself: SQLAlchemy is loaded where a store is opened (``store``).

``store.open_store(url, state, trace)`` gives a ``DecisionStore``; it connects at the first use:

- ``record([NewDecision, …]) -> [Decision, …]``: all or none, returned after the commit.
- ``idempotent(once(key_id, route, value, body), decide, answer) -> Answer(content, replayed)``.
- ``answered(once) -> bytes | None``: the answer kept under a key, also while decisions are halted.
- ``halt(reason, who, key_id)``, ``resume(reason, who, key_id)``, ``halted() -> Halt | None``.
- ``event(NewEvent(kind, facts, subject, client, content, key_id)) -> Event``, as a reload; these three
  also under a key: ``key=once(…), answer=event -> bytes``.
- ``decision(id)``, ``decisions(client=, near=, key_id=, after=, before=, limit=)``, ``events(…)``.
- ``row(decision)``, ``content(event)``: what may have been erased (None).
- ``head() -> Seal | None``: for the log; ``Decision.seal`` is what an answer shows.
- ``archive.keep(digest, folder)``: call it when a model is loaded, before its first decision.
- ``close()``: commits what is waiting.

Errors (``errors``): ``RecordUnavailableError`` (503; ``StoreVersionError`` is one), ``HaltedError``
(503), ``NotHaltedError`` (409), ``UnknownDecisionError`` (404), ``KeyReusedError`` (422),
``KeyInUseError`` (409), and ``SettingError`` for a wrong key, reason, seal or address.
"""
